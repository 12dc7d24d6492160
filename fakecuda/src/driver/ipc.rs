//! Memory and events between processes, by memory files that the other process opens.

use std::{
    fs::File,
    os::{
        fd::{AsRawFd, FromRawFd, OwnedFd},
        unix::fs::FileExt,
    },
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use libc::{c_int, c_uint};

use crate::{
    arena::PAGE,
    arguments::Out,
    codes::{Answer, INVALID_CONTEXT, INVALID_HANDLE, INVALID_VALUE, LAUNCH_TIMEOUT, OUT_OF_MEMORY},
    contexts::current,
    driver::Event,
    entry::entry_points,
    memory::{Allocation, Kind, Request},
    queues,
};

const MEMORY: u64 = 0xFA4E_0001;
const EVENT: u64 = 0xFA4E_0002;

/// How long a stream waits for an event of another process, which may have died.
const PATIENCE: Duration = Duration::from_secs(60);

/// `CUipcMemHandle` and `CUipcEventHandle`.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Handle {
    /// What it is for, process, descriptor there; of memory also bytes of the pages, offset in them, size, id.
    pub words: [u64; 8],
}

entry_points! {
    4010 Context fn cuIpcGetMemHandle(out_handle: Out<Handle>, address: usize) |mut state| {
        let (base, allocation) = state.memory.find(address).ok_or(INVALID_VALUE)?;
        if allocation.kind != Kind::Device {
            return Err(INVALID_VALUE);
        }
        if allocation.file.is_none() {
            let open = state.memory.open(base, allocation.size);
            let file = export(base, allocation);
            drop(open);
            let file = file?;
            let allocation = state.memory.get_mut(base).ok_or(INVALID_VALUE)?;
            map(&file, allocation.body.start, allocation.body.len(), libc::PROT_NONE)?;
            allocation.file = Some(file);
        }
        let (base, allocation) = state.memory.find(address).ok_or(INVALID_VALUE)?;
        let file = allocation.file.as_ref().ok_or(INVALID_VALUE)?;
        let body = &allocation.body;
        let (length, offset) = (body.len() as u64, (base - body.start) as u64);
        let process = u64::from(std::process::id());
        let words = [MEMORY, process, file.as_raw_fd() as u64, length, offset, allocation.size as u64, allocation.id, 0];
        out_handle.give(Handle { words })
    }
    4010 Context fn cuIpcOpenMemHandle(out_address: Out<usize>, handle: Handle, flags: c_uint) |state| {
        open_memory(state, out_address, handle, flags)
    }
    11000 Context fn cuIpcOpenMemHandle_v2(out_address: Out<usize>, handle: Handle, flags: c_uint) |state| {
        open_memory(state, out_address, handle, flags)
    }
    4010 Context fn cuIpcCloseMemHandle(address: usize) |mut state| {
        let allocation = state.memory.get_mut(address).filter(|found| found.kind == Kind::Imported).ok_or(INVALID_VALUE)?;
        allocation.opened -= 1;
        if allocation.opened > 0 {
            return Ok(());
        }
        let context = allocation.context;
        let mut state = queues::drain(state, context);
        state.memory.free(address)
    }
    4010 Context fn cuIpcGetEventHandle(out_handle: Out<Handle>, event: usize) |state| {
        let event = state.events.get(&event).ok_or(INVALID_HANDLE)?;
        let shared = event.shared.as_ref().ok_or(INVALID_HANDLE)?;
        let words = [EVENT, u64::from(std::process::id()), shared.file.as_raw_fd() as u64, 0, 0, 0, 0, 0];
        out_handle.give(Handle { words })
    }
    4010 Context fn cuIpcOpenEventHandle(out_event: Out<usize>, handle: Handle) |mut state| {
        let context = current(&state)?;
        let shared = SharedEvent::of(open(&handle, EVENT)?)?;
        let event = state.handle();
        state.events.insert(event, Event::imported(context, shared));
        out_event.give(event)
    }
}

fn open_memory(
    mut state: crate::state::Guard,
    out_address: Out<usize>,
    handle: Handle,
    flags: c_uint,
) -> Answer {
    let context = current(&state)?;
    let [kind, process, _, length, offset, size, ..] = handle.words;
    if kind != MEMORY || flags != 1 {
        return Err(INVALID_VALUE);
    }
    // Who exported it cannot open it.
    if process == u64::from(std::process::id()) {
        return Err(INVALID_CONTEXT);
    }
    if let Some((_, base)) =
        state.imports.iter().find(|(known, _)| *known == (handle.words, context)).copied()
        && let Some(allocation) = state.memory.get_mut(base)
    {
        allocation.opened += 1;
        return out_address.give(base);
    }
    let file = open(&handle, MEMORY)?;
    let device = state.contexts.device(context)?;
    let request = Request { kind: Kind::Imported, context, device, size: size as usize };
    let mapped = file.try_clone().map_err(|_| OUT_OF_MEMORY)?;
    let base = state.memory.import(request, length as usize, offset as usize, file)?;
    map(&mapped, base - offset as usize, length as usize, libc::PROT_NONE)?;
    state.imports.retain(|(known, _)| *known != (handle.words, context));
    state.imports.push(((handle.words, context), base));
    out_address.give(base)
}

/// A memory file of an allocation's pages, with what is in the allocation, which is open.
fn export(base: usize, allocation: &Allocation) -> Answer<OwnedFd> {
    let file = File::from(memory_file(allocation.body.len())?);
    // SAFETY: the allocation's own bytes, open for reading.
    let bytes = unsafe { std::slice::from_raw_parts(base as *const u8, allocation.size) };
    file.write_all_at(bytes, (base - allocation.body.start) as u64).map_err(|_| OUT_OF_MEMORY)?;
    Ok(file.into())
}

fn memory_file(length: usize) -> Answer<OwnedFd> {
    // SAFETY: a name that is a C string; the descriptor is nobody else's.
    let file = unsafe {
        let descriptor = libc::memfd_create(c"fakecuda".as_ptr(), libc::MFD_CLOEXEC);
        if descriptor < 0 {
            return Err(OUT_OF_MEMORY);
        }
        File::from_raw_fd(descriptor)
    };
    file.set_len(length as u64).map_err(|_| OUT_OF_MEMORY)?;
    Ok(file.into())
}

/// Opens what another process' handle stands for.
fn open(handle: &Handle, kind: u64) -> Answer<OwnedFd> {
    let [found, process, descriptor, ..] = handle.words;
    if found != kind {
        return Err(INVALID_VALUE);
    }
    let path = format!("/proc/{process}/fd/{descriptor}");
    File::options().read(true).write(true).open(path).map(OwnedFd::from).map_err(|_| INVALID_VALUE)
}

/// Puts a file's pages at an address, or somewhere if it is 0.
fn map(file: &OwnedFd, address: usize, length: usize, rights: c_int) -> Answer<usize> {
    let flags = libc::MAP_SHARED | if address == 0 { 0 } else { libc::MAP_FIXED };
    // SAFETY: fresh pages, or pages of one allocation that nobody holds references into.
    let start = unsafe { libc::mmap(address as *mut _, length, rights, flags, file.as_raw_fd(), 0) };
    if start == libc::MAP_FAILED { Err(OUT_OF_MEMORY) } else { Ok(start as usize) }
}

/// What processes share of an event: how often it was recorded, and the last record that has completed.
pub(crate) struct SharedEvent {
    file: OwnedFd,
    counters: &'static Counters,
}

#[repr(C)]
struct Counters {
    recorded: AtomicU64,
    completed: AtomicU64,
}

impl SharedEvent {
    pub fn new() -> Answer<Self> {
        Self::of(memory_file(PAGE)?)
    }

    fn of(file: OwnedFd) -> Answer<Self> {
        let start = map(&file, 0, PAGE, libc::PROT_READ | libc::PROT_WRITE)?;
        // SAFETY: a page that stays mapped until this is dropped, zero or counters, which are atomic.
        let counters = unsafe { &*(start as *const Counters) };
        Ok(Self { file, counters })
    }

    /// Counts a record, and says which it is.
    pub fn record(&self) -> u64 {
        self.counters.recorded.fetch_add(1, Ordering::SeqCst) + 1
    }

    pub fn recorded(&self) -> u64 {
        self.counters.recorded.load(Ordering::SeqCst)
    }

    pub fn complete(&self, number: u64) {
        self.counters.completed.fetch_max(number, Ordering::SeqCst);
    }

    pub fn is_complete(&self) -> bool {
        self.counters.completed.load(Ordering::SeqCst) >= self.recorded()
    }

    /// Waits until the record with this number has completed.
    pub fn wait(&self, number: u64) -> Answer {
        let began = Instant::now();
        while self.counters.completed.load(Ordering::SeqCst) < number {
            if began.elapsed() > PATIENCE {
                return Err(LAUNCH_TIMEOUT);
            }
            std::thread::sleep(Duration::from_micros(50));
        }
        Ok(())
    }
}

impl Drop for SharedEvent {
    fn drop(&mut self) {
        // SAFETY: the page that `of` mapped, whose reference goes with this.
        unsafe { libc::munmap(std::ptr::from_ref(self.counters).cast_mut().cast(), PAGE) };
    }
}
