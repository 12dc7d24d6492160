//! What tests say to the fake beside the driver's functions: `fakecuda_*`. `README.md` describes them.

use std::path::Path;

use libc::{c_char, c_int, size_t};

use crate::{
    arguments::{Out, Text},
    config::Config,
    contexts, driver,
    faults::Faults,
    memory::Kind,
    state::{self, State},
    variant,
};

/// 0, or -1 and why on standard error.
fn verdict(outcome: Result<(), String>) -> c_int {
    match outcome {
        Ok(()) => 0,
        Err(why) => {
            eprintln!("fakecuda: {why}");
            -1
        }
    }
}

fn text(text: &Text) -> Result<String, String> {
    text.read().map(|text| text.into_owned()).map_err(|_| "NULL where a text was expected".to_owned())
}

/// Asks for faults, as `"cuMemAllocAsync@2=2,op@5=719,*@17=999"`; NULL or nothing for none. Counting starts anew, and
/// sticky errors are forgiven. 0, or -1 if the text makes no sense.
#[unsafe(no_mangle)]
pub extern "C" fn fakecuda_set_faults(faults: Text) -> c_int {
    let asked = if faults.is_null() { Ok(String::new()) } else { text(&faults) };
    verdict(asked.and_then(|asked| Faults::parse(&asked)).map(|faults| {
        let mut state = state::lock();
        state.faults = faults;
        state.calls.clear();
        state.counts = Default::default();
        state.launches = 0;
        state.last_fault.clear();
        for context in state.contexts.map.values_mut() {
            context.broken = 0;
        }
    }))
}

/// How many faults have hit.
#[unsafe(no_mangle)]
pub extern "C" fn fakecuda_fired() -> u64 {
    state::lock().faults.fired
}

/// How often a function was called since the faults were set; NULL: all of them.
#[unsafe(no_mangle)]
pub extern "C" fn fakecuda_calls(name: Text) -> u64 {
    let state = state::lock();
    match name.read() {
        Ok(name) => state.calls.get(&*name).copied().unwrap_or(0),
        Err(_) => state.calls.values().sum(),
    }
}

/// Changes what is pretended, as `"devices=2;driver=12000"`. 0, or -1 if the text makes no sense.
#[unsafe(no_mangle)]
pub extern "C" fn fakecuda_configure(changes: Text) -> c_int {
    verdict(text(&changes).and_then(|changes| state::lock().config.apply(&changes)))
}

/// Forgets everything, as if the library had just been loaded; then changes what is pretended, as `fakecuda_configure`
/// does, unless NULL is passed. 0, or -1 if the text makes no sense.
#[unsafe(no_mangle)]
pub extern "C" fn fakecuda_restart(changes: Text) -> c_int {
    let asked = if changes.is_null() { Ok(String::new()) } else { text(&changes) };
    let mut config = Config::of_environment();
    verdict(asked.and_then(|changes| config.apply(&changes)).map(|()| {
        state::lock().restart(config);
        contexts::stack(Vec::clear);
    }))
}

/// How many of a kind there are: `allocations` (of device and managed memory), `bytes` (of them), `pinned`,
/// `registered`, `imports`, `streams`, `events`, `modules`, `pools`, `graphs`, `captures`, `contexts` (primary ones as
/// often as they are retained). -1 for another word.
#[unsafe(no_mangle)]
pub extern "C" fn fakecuda_live(kind: Text) -> i64 {
    kind.read().ok().and_then(|kind| live(&state::lock(), &kind)).map_or(-1, |count| count as i64)
}

fn live(state: &State, kind: &str) -> Option<usize> {
    let is_device = |kind| matches!(kind, Kind::Device | Kind::Managed | Kind::Pool(_));
    let of = |wanted: Kind| state.memory.iter().filter(|(_, allocation)| allocation.kind == wanted).count();
    let on_devices = state.memory.iter().filter(|(_, allocation)| is_device(allocation.kind));
    Some(match kind {
        "allocations" => on_devices.count(),
        "bytes" => on_devices.map(|(_, allocation)| allocation.size).sum(),
        "pinned" => of(Kind::Pinned),
        "registered" => of(Kind::Registered),
        "imports" => of(Kind::Imported),
        "streams" => state.queues.streams(),
        "events" => state.events.len(),
        "modules" => state.modules.len(),
        "pools" => driver::own_pools(state),
        "graphs" => state.graphs.len(),
        "captures" => state.captures.len(),
        "contexts" => state.contexts.map.values().map(|context| context.retained as usize).sum(),
        _ => return None,
    })
}

/// How many operations have not run.
#[unsafe(no_mangle)]
pub extern "C" fn fakecuda_pending() -> u64 {
    state::lock().queues.pending() as u64
}

/// What the launches since the faults were set have done: `launches`, `instructions`, `global` and `shared` loads and
/// stores. -1 for another word.
#[unsafe(no_mangle)]
pub extern "C" fn fakecuda_count(what: Text) -> i64 {
    let state = state::lock();
    let counts = state.counts;
    match what.read().as_deref() {
        Ok("launches") => state.launches as i64,
        Ok("instructions") => counts.instructions as i64,
        Ok("global") => counts.global as i64,
        Ok("shared") => counts.shared as i64,
        Ok("local") => counts.local as i64,
        _ => -1,
    }
}

/// Starts to note every call, anew.
#[unsafe(no_mangle)]
pub extern "C" fn fakecuda_trace_start() {
    state::lock().trace = Some(String::new());
}

/// What was noted since, one line a call: `name(arguments) = code`. At most `capacity` bytes with the NUL are written;
/// the answer is how many bytes there are, without it. With a NULL text nothing is written, and noting goes on.
#[unsafe(no_mangle)]
pub extern "C" fn fakecuda_trace_stop(out_text: Out<c_char>, capacity: size_t) -> size_t {
    let mut state = state::lock();
    let trace = state.trace.clone().unwrap_or_default();
    if out_text.text(capacity, &trace).is_ok() {
        state.trace = None;
    }
    trace.len()
}

/// What the last kernel that failed did wrong: PTX line, thread, address. As with the trace, the answer is the length.
#[unsafe(no_mangle)]
pub extern "C" fn fakecuda_last_fault(out_text: Out<c_char>, capacity: size_t) -> size_t {
    let state = state::lock();
    // A NULL text asks for the length.
    let _ = out_text.text(capacity, &state.last_fault);
    state.last_fault.len()
}

/// Writes a copy of this library without some functions: `"cuCtxRecordEvent,cuMemPoolCreate"`, or `"driver=12000"` for
/// all that are newer. 0, or -1.
#[unsafe(no_mangle)]
pub extern "C" fn fakecuda_write_without(path: Text, names: Text) -> c_int {
    verdict(text(&path).and_then(|path| variant::write(Path::new(&path), &text(&names)?)))
}
