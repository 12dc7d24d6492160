//! Modules: PTX text that the interpreter runs.

use std::{collections::HashMap, sync::Arc};

use libc::{c_int, c_uint, c_void, size_t};

use crate::{
    arguments::{In, Out, Text},
    captures,
    codes::{
        Answer, INVALID_HANDLE, INVALID_PTX, INVALID_VALUE, NO_BINARY_FOR_GPU, NOT_FOUND, NOT_SUPPORTED,
        UNSUPPORTED_PTX_VERSION,
    },
    config::Config,
    contexts::current,
    entry::entry_points,
    ptx::Kernel,
    state::{Guard, State},
};

pub(crate) struct Module {
    /// A library has none: it serves all.
    pub context: Option<usize>,
    text: Arc<str>,
    /// Functions that were asked for.
    functions: HashMap<String, usize>,
}

pub(crate) struct Function {
    pub module: usize,
    pub context: Option<usize>,
    pub kernel: Arc<Kernel>,
    /// Dynamic shared memory that may be asked for.
    pub dynamic: usize,
}

entry_points! {
    2000 Context fn cuModuleLoadData(out_module: Out<usize>, image: Text) |state| {
        let context = current(&state)?;
        load(state, out_module, image, Some(context))
    }
    2010 Context fn cuModuleLoadDataEx(
        out_module: Out<usize>, image: Text, count: c_uint, options: In<c_uint>, values: In<usize>
    ) |state| {
        let context = current(&state)?;
        let room = error_log(count, options, values)?;
        let answer = load(state, out_module, image, Some(context));
        if let (Err(code), Some((log, capacity))) = (&answer, room) {
            log.text(capacity, &format!("fakecuda: the image does not load: {code}"))?;
        }
        answer
    }
    2000 Context fn cuModuleUnload(module: usize) |mut state| {
        unload(&mut state, module)
    }
    2000 Context fn cuModuleGetFunction(out_function: Out<usize>, module: usize, name: Text) |mut state| {
        let name = name.read()?.into_owned();
        out_function.give(function(&mut state, module, name)?)
    }
    11070 Init fn cuModuleGetLoadingMode(out_mode: Out<c_uint>) |_state| { out_mode.give(1) }
    11000 Init fn cuFuncGetModule(out_module: Out<usize>, function: usize) |state| {
        out_module.give(state.functions.get(&function).ok_or(INVALID_HANDLE)?.module)
    }
    2020 Init fn cuFuncGetAttribute(out_value: Out<c_int>, attribute: c_int, function: usize) |state| {
        let function = state.functions.get(&function).ok_or(INVALID_HANDLE)?;
        out_value.give(attribute_of(function, attribute, state.config.capability).ok_or(INVALID_VALUE)?)
    }
    9000 Init fn cuFuncSetAttribute(function: usize, attribute: c_int, value: c_int) |mut state| {
        let function = state.functions.get_mut(&function).ok_or(INVALID_HANDLE)?;
        set_attribute(function, attribute, value)
    }
    12040 Init fn cuFuncGetParamInfo(
        function: usize, index: size_t, out_offset: Out<size_t>, out_bytes: Out<size_t>
    ) |state| {
        let (offset, bytes) = parameter(&state, function, index)?;
        out_bytes.offer(bytes);
        out_offset.give(offset)
    }
    6050 Init fn cuOccupancyMaxActiveBlocksPerMultiprocessor(
        out_blocks: Out<c_int>, function: usize, threads: c_int, shared: size_t
    ) |state| {
        state.functions.get(&function).ok_or(INVALID_HANDLE)?;
        if threads <= 0 {
            return Err(INVALID_VALUE);
        }
        let by_memory = (228usize << 10).checked_div(shared).map_or(32, |blocks| blocks.min(32));
        out_blocks.give((2048 / threads).min(by_memory as c_int))
    }
}

pub(super) fn load(mut state: Guard, out_module: Out<usize>, image: Text, context: Option<usize>) -> Answer {
    captures::forbid_unsafe(&mut state)?;
    let text: Arc<str> = image.read()?.into();
    check(&state.config, &text)?;
    let module = state.handle();
    state.modules.insert(module, Module { context, text, functions: HashMap::new() });
    out_module.give(module)
}

pub(super) fn unload(state: &mut State, module: usize) -> Answer {
    captures::forbid_unsafe(state)?;
    state.modules.remove(&module).ok_or(INVALID_HANDLE)?;
    state.functions.retain(|_, function| function.module != module);
    Ok(())
}

/// Whether this driver and device take the text.
fn check(config: &Config, text: &str) -> Answer {
    // Machine code, alone or in a fat binary: there is no machine for it.
    if text.starts_with("\x7fELF") || text.as_bytes().starts_with("\u{fffd}\u{fffd}U\u{fffd}".as_bytes()) {
        return Err(NO_BINARY_FOR_GPU);
    }
    let word = |directive: &str| {
        let lines = text.lines().filter_map(|line| line.trim().strip_prefix(directive));
        lines.map(str::trim).next().ok_or(INVALID_PTX)
    };
    let (major, minor) = word(".version ")?.split_once('.').ok_or(INVALID_PTX)?;
    let number = |text: &str| text.parse::<i32>().map_err(|_| INVALID_PTX);
    if (number(major)?, number(minor)?) > newest_ptx(config.driver) {
        return Err(UNSUPPORTED_PTX_VERSION);
    }
    let target = word(".target ")?.split(',').next().and_then(|target| target.strip_prefix("sm_"));
    let target = target.ok_or(INVALID_PTX)?.trim().trim_end_matches(['a', 'f']);
    if number(target)? > config.capability {
        return Err(NO_BINARY_FOR_GPU);
    }
    if word(".address_size ")? == "64" { Ok(()) } else { Err(INVALID_PTX) }
}

/// The newest PTX that a driver takes.
fn newest_ptx(driver: i32) -> (i32, i32) {
    match (driver / 1000, driver % 1000 / 10) {
        (..=10, _) => (6, 5),
        (11, minor) => (7, minor.min(8)),
        (12, minor @ 0..=5) => (8, minor),
        (12, 6..=7) => (8, 5),
        (12, minor) => (8, minor - 1),
        (major, minor) => (major - 4, minor),
    }
}

/// The names of a text's kernels.
fn entries(text: &str) -> impl Iterator<Item = &str> {
    let heads = text.split(".entry").skip(1);
    heads.map(|head| {
        head.trim_start().split(|end: char| end == '(' || end.is_whitespace()).next().unwrap_or_default()
    })
}

/// `CU_FUNC_ATTRIBUTE_*`.
pub(super) fn attribute_of(function: &Function, attribute: c_int, capability: c_int) -> Option<c_int> {
    Some(match attribute {
        0 => function.kernel.max_threads as c_int,
        1 => function.kernel.shared_bytes() as c_int,
        // Constant and local memory, cache mode, carve-out, clusters.
        2 | 3 | 7 | 9..=15 => 0,
        4 => 32,
        5 => 80,
        6 => capability,
        8 => function.dynamic as c_int,
        _ => return None,
    })
}

pub(super) fn set_attribute(function: &mut Function, attribute: c_int, value: c_int) -> Answer {
    match attribute {
        8 if (0..=227 << 10).contains(&value) => function.dynamic = value as usize,
        9 if (-1..=100).contains(&value) => {}
        _ => return Err(INVALID_VALUE),
    }
    Ok(())
}

/// Offset and size of a kernel's parameter.
pub(super) fn parameter(state: &State, function: usize, index: usize) -> Answer<(usize, usize)> {
    let function = state.functions.get(&function).ok_or(INVALID_HANDLE)?;
    function.kernel.params.get(index).copied().ok_or(INVALID_VALUE)
}

/// The handle of a kernel, the same whenever it is asked for.
pub(super) fn function(state: &mut State, module: usize, name: String) -> Answer<usize> {
    let found = state.modules.get(&module).ok_or(INVALID_HANDLE)?;
    if let Some(function) = found.functions.get(&name) {
        return Ok(*function);
    }
    let (context, text) = (found.context, Arc::clone(&found.text));
    if !entries(&text).any(|entry| entry == name) {
        return Err(NOT_FOUND);
    }
    let kernel = Kernel::parse(&text, &name).map_err(|why| {
        // The driver would take it: this is what the interpreter lacks.
        eprintln!("fakecuda: {name}: {why}");
        NOT_SUPPORTED
    })?;
    let handle = state.handle();
    let kernel = Arc::new(kernel);
    state.functions.insert(handle, Function { module, context, kernel, dynamic: 48 << 10 });
    if let Some(found) = state.modules.get_mut(&module) {
        found.functions.insert(name, handle);
    }
    Ok(handle)
}

/// Where the caller wants to read why an image does not load.
fn error_log(
    count: c_uint,
    options: In<c_uint>,
    values: In<usize>,
) -> Answer<Option<(Out<libc::c_char>, usize)>> {
    const ERROR_LOG: c_uint = 5;
    const ERROR_LOG_BYTES: c_uint = 6;
    let (mut log, mut capacity) = (0, 0);
    for index in 0..count as usize {
        match options.at(index)? {
            ERROR_LOG => log = values.at(index)?,
            ERROR_LOG_BYTES => capacity = values.at(index)?,
            _ => {}
        }
    }
    Ok((log != 0).then(|| (Out::<c_void>::at(log).of(), capacity)))
}
