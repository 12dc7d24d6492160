//! Initialisation, versions, the names of errors, and the way to functions of a version.

use libc::{c_char, c_int, c_uint};

use crate::{
    arguments::{Out, Text},
    codes::{Answer, INVALID_VALUE, NO_DEVICE, NOT_FOUND, NOT_INITIALIZED},
    entry::{Entry, entry_points},
    names, state,
    state::State,
};

/// What `cuGetProcAddress` says about a name: found, unknown, newer than the version asked for.
const FOUND: c_int = 0;
const UNKNOWN: c_int = 1;
const NEWER: c_int = 2;

entry_points! {
    2000 Nothing fn cuInit(flags: c_uint) |mut state| {
        if state.forked {
            return Err(NOT_INITIALIZED);
        }
        if flags != 0 {
            return Err(INVALID_VALUE);
        }
        if state.config.devices == 0 {
            return Err(NO_DEVICE);
        }
        state.initialised = true;
        drop(state);
        state::prepare_for_forks();
        Ok(())
    }
    2020 Nothing fn cuDriverGetVersion(out_version: Out<c_int>) |state| { out_version.give(state.config.driver) }
    6000 Nothing fn cuGetErrorName(code: c_int, out_name: Out<*const c_char>) |_state| {
        let found = names::of(code);
        out_name.give(found.map_or(std::ptr::null(), |(name, _)| name.as_ptr()))?;
        found.map(drop).ok_or(INVALID_VALUE)
    }
    6000 Nothing fn cuGetErrorString(code: c_int, out_text: Out<*const c_char>) |_state| {
        let found = names::of(code);
        out_text.give(found.map_or(std::ptr::null(), |(_, text)| text.as_ptr()))?;
        found.map(drop).ok_or(INVALID_VALUE)
    }
    11030 Nothing fn cuGetProcAddress(name: Text, out_function: Out<usize>, version: c_int, _flags: u64) |state| {
        let (function, _) = look_up(&state, &name.read()?, version);
        out_function.give(function)?;
        if function == 0 { Err(NOT_FOUND) } else { Ok(()) }
    }
    12000 Nothing fn cuGetProcAddress_v2(
        name: Text, out_function: Out<usize>, version: c_int, _flags: u64, out_status: Out<c_int>
    ) |state| {
        let (function, status) = look_up(&state, &name.read()?, version);
        out_status.offer(status);
        out_function.give(function)?;
        if function == 0 { Err(NOT_FOUND) } else { Ok(()) }
    }
}

/// The newest form of a function that both the caller's version and this driver have, or 0.
fn look_up(state: &State, name: &str, version: c_int) -> (usize, c_int) {
    let is_form = |entry: &Entry| {
        entry.name.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with("_v"))
    };
    let hidden = |entry: &Entry| state.config.hidden.iter().any(|hidden| hidden == entry.name);
    let forms = super::all().iter().filter(|entry| is_form(entry) && !hidden(entry));
    let newest = version.min(state.config.driver);
    match forms
        .clone()
        .filter(|entry| entry.since <= newest)
        .max_by_key(|entry| (entry.since, entry.name.len()))
    {
        Some(entry) => (entry.address, FOUND),
        None => (0, if forms.count() == 0 { UNKNOWN } else { NEWER }),
    }
}

/// A device's number that a caller passed.
pub(super) fn device(state: &State, number: c_int) -> Answer<usize> {
    let number = usize::try_from(number).map_err(|_| crate::codes::INVALID_DEVICE)?;
    if number < state.config.devices { Ok(number) } else { Err(crate::codes::INVALID_DEVICE) }
}
