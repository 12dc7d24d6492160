//! Launches: kernels run by the interpreter, every access looked at.

use libc::{c_uint, size_t};

use crate::{
    arguments::In,
    codes::{Answer, ILLEGAL_ADDRESS, INVALID_HANDLE, INVALID_VALUE, LAUNCH_OUT_OF_RESOURCES},
    entry::entry_points,
    memory::{Kind, Life, Opening},
    ptx::Kernel,
    queues::{self, run, submit},
    state::{Guard, State},
};

/// `CUlaunchConfig`; of its attributes nothing is modelled.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct LaunchConfig {
    /// Blocks.
    pub grid: [c_uint; 3],
    /// Threads a block.
    pub block: [c_uint; 3],
    /// Bytes of dynamic shared memory.
    pub shared: c_uint,
    /// In which stream.
    pub stream: usize,
    /// Attributes.
    pub attributes: usize,
    /// Their count.
    pub count: c_uint,
}

entry_points! {
    4000 Init fn cuLaunchKernel(
        function: usize, grid_x: c_uint, grid_y: c_uint, grid_z: c_uint, block_x: c_uint, block_y: c_uint,
        block_z: c_uint, shared: c_uint, stream: usize, parameters: In<In<u8>>, extra: In<usize>
    ) |state| {
        let (grid, block) = ([grid_x, grid_y, grid_z], [block_x, block_y, block_z]);
        let config = LaunchConfig { grid, block, shared, stream, attributes: 0, count: 0 };
        launch(state, function, config, parameters, extra)
    }
    11060 Init fn cuLaunchKernelEx(
        config: In<LaunchConfig>, function: usize, parameters: In<In<u8>>, extra: In<usize>
    ) |state| {
        launch(state, function, config.read()?, parameters, extra)
    }
}

fn launch(
    mut state: Guard,
    function: usize,
    config: LaunchConfig,
    parameters: In<In<u8>>,
    extra: In<usize>,
) -> Answer {
    let context = queues::context(&mut state, config.stream)?;
    let function = state.functions.get(&function).ok_or(INVALID_HANDLE)?;
    if function.context.is_some_and(|own| own != context) {
        return Err(INVALID_HANDLE);
    }
    let kernel = function.kernel.clone();
    check(&config, &kernel, function.dynamic)?;
    let arguments = arguments(&kernel, parameters, extra)?;
    let LaunchConfig { grid, block, stream, .. } = config;
    submit(state, stream, false, run(move |state| execute(state, context, &kernel, &arguments, grid, block)))
}

fn check(config: &LaunchConfig, kernel: &Kernel, dynamic: usize) -> Answer {
    let LaunchConfig { grid, block, shared, .. } = *config;
    let threads = block.iter().map(|extent| u64::from(*extent)).product::<u64>();
    let fits = grid[0] <= i32::MAX as u32 && grid[1] <= 65535 && grid[2] <= 65535 && block[2] <= 64;
    if threads == 0 || threads > 1024 || !fits || grid.contains(&0) || shared as usize > dynamic {
        return Err(INVALID_VALUE);
    }
    // Over the kernel's own bound.
    if threads > u64::from(kernel.max_threads) { Err(LAUNCH_OUT_OF_RESOURCES) } else { Ok(()) }
}

/// The parameters as they are now: the caller may change its own at once.
fn arguments(kernel: &Kernel, parameters: In<In<u8>>, extra: In<usize>) -> Answer<Vec<u8>> {
    let mut bytes = vec![0; kernel.param_bytes];
    if parameters.address() == 0 && extra.address() != 0 {
        let (buffer, size) = packed(extra)?;
        if size < bytes.len() {
            return Err(INVALID_VALUE);
        }
        buffer.read_into(&mut bytes)?;
        return Ok(bytes);
    }
    for (index, (offset, size)) in kernel.params.iter().enumerate() {
        parameters.at(index)?.read_into(&mut bytes[*offset..offset + size])?;
    }
    Ok(bytes)
}

/// All parameters in one buffer: pairs of a number and a value, ended by 0.
fn packed(extra: In<usize>) -> Answer<(In<u8>, size_t)> {
    const BUFFER: usize = 1;
    const BYTES: usize = 2;
    let (mut buffer, mut size) = (In::NULL, 0);
    for pair in 0..3 {
        match extra.at(2 * pair)? {
            0 => break,
            BUFFER => buffer = In::at_address(extra.at(2 * pair + 1)?),
            BYTES => size = In::<size_t>::at_address(extra.at(2 * pair + 1)?).read()?,
            _ => return Err(INVALID_VALUE),
        }
    }
    Ok((buffer, size))
}

fn execute(
    state: &mut State,
    context: usize,
    kernel: &Kernel,
    arguments: &[u8],
    grid: [u32; 3],
    block: [u32; 3],
) -> Answer {
    let ran = {
        let state = &*state;
        // What this launch has touched already: address ranges, and the guards that keep them open.
        let mut touched: Vec<(usize, usize)> = Vec::new();
        let mut open: Vec<Option<Opening>> = Vec::new();
        let mut may_touch = |address: usize, length: usize, _write: bool| {
            if touched.iter().any(|(start, end)| *start <= address && address + length <= *end) {
                return true;
            }
            let Some((base, allocation)) = state.memory.find(address) else { return false };
            let fits = allocation.life == Life::Live && address + length <= base + allocation.size;
            if !fits || !reaches(state, context, address) {
                return false;
            }
            touched.push((base, base + allocation.size));
            open.push(state.memory.open(base, allocation.size));
            true
        };
        // SAFETY: what may be touched lies in a live allocation, which `open` keeps accessible; the host's own threads are
        // held off as they must be on a GPU: by whoever wrote the program.
        unsafe { kernel.launch(arguments, grid, block, &mut may_touch) }
    };
    match ran {
        Ok(counts) => {
            state.launches += 1;
            state.counts.instructions += counts.instructions;
            state.counts.global += counts.global;
            state.counts.shared += counts.shared;
            state.counts.local += counts.local;
            Ok(())
        }
        Err(fault) => {
            eprintln!("fakecuda: {}", fault.what);
            state.last_fault = fault.what;
            Err(ILLEGAL_ADDRESS)
        }
    }
}

/// Whether kernels of a context may touch the allocation around an address.
pub(super) fn reaches(state: &State, context: usize, address: usize) -> bool {
    let Some((_, allocation)) = state.memory.find(address) else { return false };
    let Ok(own) = state.contexts.live(context) else { return false };
    allocation.device == own.device
        || match allocation.kind {
            Kind::Pinned | Kind::Registered | Kind::Managed => true,
            Kind::Pool(pool) => super::pool::reaches(state, pool, own.device),
            Kind::Device | Kind::Imported => own.peers.contains(&allocation.context),
        }
}
