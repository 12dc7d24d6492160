//! Allocations: where they are, whether they live, and who may touch them.
//!
//! The host cannot touch device memory: its pages are closed, except while an operation runs. An allocation lies flush
//! against the guard page behind it, filled with `POISON`, and nothing ever gets its address again.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
    os::fd::OwnedFd,
};

use crate::{
    arena::{self, Arena, PAGE},
    codes::{Answer, HOST_MEMORY_ALREADY_REGISTERED, ILLEGAL_ADDRESS, INVALID_VALUE, OUT_OF_MEMORY},
};

pub const POISON: u8 = 0xCD;
/// What the driver promises of a fresh address.
pub const ALIGNMENT: usize = 512;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Device,
    /// From the pool with this handle.
    Pool(usize),
    Managed,
    /// Host memory of the driver's.
    Pinned,
    /// Host memory of somebody else's.
    Registered,
    /// Another process' device memory.
    Imported,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Life {
    /// Its stream has not come to its allocation yet.
    Unborn,
    Live,
}

pub struct Allocation {
    pub size: usize,
    pub kind: Kind,
    pub context: usize,
    pub device: usize,
    pub life: Life,
    /// A free of it is queued.
    pub freeing: bool,
    /// Unique as long as the process runs.
    pub id: u64,
    /// Its pages.
    pub body: Range<usize>,
    /// The memory file that other processes open.
    pub file: Option<OwnedFd>,
    /// How often this process has opened it.
    pub opened: u32,
}

impl Allocation {
    pub fn on_device(&self) -> bool {
        matches!(self.kind, Kind::Device | Kind::Pool(_) | Kind::Imported)
    }

    /// Whether the host may touch it.
    pub fn is_open(&self) -> bool {
        !self.on_device()
    }
}

#[derive(Default)]
pub struct Memory {
    map: BTreeMap<usize, Allocation>,
    arena: Arena,
    ids: u64,
    /// Bytes a device.
    used: HashMap<usize, usize>,
}

/// Who asks for memory, and for which.
#[derive(Clone, Copy)]
pub struct Request {
    pub kind: Kind,
    pub context: usize,
    pub device: usize,
    pub size: usize,
}

impl Memory {
    pub fn used(&self, device: usize) -> usize {
        self.used.get(&device).copied().unwrap_or(0)
    }

    pub fn iter(&self) -> impl Iterator<Item = (usize, &Allocation)> {
        self.map.iter().map(|(base, allocation)| (*base, allocation))
    }

    /// The address of fresh memory; `limit` is what the device has.
    pub fn allocate(&mut self, request: Request, limit: usize) -> Answer<usize> {
        let Request { kind, device, size, .. } = request;
        if size == 0 {
            return Err(INVALID_VALUE);
        }
        let counted = kind != Kind::Pinned;
        if counted && size > limit.saturating_sub(self.used(device)) {
            return Err(OUT_OF_MEMORY);
        }
        let length = size.checked_next_multiple_of(PAGE).ok_or(OUT_OF_MEMORY)?;
        let start = self.arena.take(length).ok_or(OUT_OF_MEMORY)?;
        arena::protect(start, length, true);
        // SAFETY: pages that were made for this allocation just now.
        unsafe { libc::memset(start as *mut _, POISON.into(), length) };
        let base = start + length - size.next_multiple_of(ALIGNMENT);
        let body = start..start + length;
        let allocation = self.enter(request, base, body, None);
        if allocation.on_device() {
            arena::protect(start, length, false);
        }
        Ok(base)
    }

    /// Fresh pages for another process' memory, which the caller maps there.
    pub fn import(&mut self, request: Request, length: usize, offset: usize, file: OwnedFd) -> Answer<usize> {
        let start = self.arena.take(length).ok_or(OUT_OF_MEMORY)?;
        let base = start + offset;
        self.enter(request, base, start..start + length, Some(file)).opened = 1;
        Ok(base)
    }

    /// Host memory that the driver did not make.
    pub fn register(&mut self, request: Request, address: usize) -> Answer {
        if request.size == 0 || address == 0 {
            return Err(INVALID_VALUE);
        }
        let pages = address / PAGE * PAGE..(address + request.size).next_multiple_of(PAGE);
        let taken =
            self.map.range(..pages.end).next_back().is_some_and(|(_, other)| other.body.end > pages.start);
        if taken {
            return Err(HOST_MEMORY_ALREADY_REGISTERED);
        }
        self.enter(request, address, pages, None);
        Ok(())
    }

    fn enter(
        &mut self,
        request: Request,
        base: usize,
        body: Range<usize>,
        file: Option<OwnedFd>,
    ) -> &mut Allocation {
        let Request { kind, context, device, size } = request;
        if !matches!(kind, Kind::Pinned | Kind::Registered) {
            *self.used.entry(device).or_default() += size;
        }
        self.ids += 1;
        let life = if matches!(kind, Kind::Pool(_)) { Life::Unborn } else { Life::Live };
        let allocation = Allocation {
            size,
            kind,
            context,
            device,
            life,
            freeing: false,
            id: self.ids,
            body,
            file,
            opened: 0,
        };
        self.map.entry(base).or_insert(allocation)
    }

    /// Ends an allocation by its first address.
    pub fn free(&mut self, base: usize) -> Answer {
        let allocation = self.map.remove(&base).ok_or(INVALID_VALUE)?;
        if !matches!(allocation.kind, Kind::Pinned | Kind::Registered) {
            *self.used.entry(allocation.device).or_default() -= allocation.size;
        }
        if allocation.kind != Kind::Registered {
            arena::bury(allocation.body.start, allocation.body.len());
        }
        Ok(())
    }

    pub fn forget_all(&mut self) {
        let bases: Vec<usize> = self.map.keys().copied().collect();
        for base in bases {
            self.free(base).expect("it was just listed");
        }
    }

    /// The allocation around an address, with its first one.
    pub fn find(&self, address: usize) -> Option<(usize, &Allocation)> {
        let (base, allocation) = self.map.range(..=address).next_back()?;
        (address < base + allocation.size).then_some((*base, allocation))
    }

    pub fn get_mut(&mut self, base: usize) -> Option<&mut Allocation> {
        self.map.get_mut(&base)
    }

    /// May a copy touch these bytes now? Host memory that the driver knows nothing of is the caller's affair.
    pub fn check(&self, address: usize, length: usize) -> Answer {
        let fits = match self.find(address) {
            Some((base, allocation)) => {
                allocation.life == Life::Live && length <= base + allocation.size - address
            }
            None => !self.arena.contains(address),
        };
        if fits { Ok(()) } else { Err(ILLEGAL_ADDRESS) }
    }

    /// Lets the host touch what of these bytes belongs to an allocation, until the guard is dropped. Only the pages that
    /// are needed: opening and closing many takes its time.
    pub fn open(&self, address: usize, length: usize) -> Option<Opening> {
        let (_, allocation) = self.find(address)?;
        if allocation.is_open() {
            return None;
        }
        let end = allocation.body.end.min((address + length).next_multiple_of(PAGE));
        let pages = address / PAGE * PAGE..end;
        arena::protect(pages.start, pages.len(), true);
        Some(Opening(pages))
    }

    /// Copies rows of `length` bytes, all of them within two open spans.
    pub fn copy_rows(&self, length: usize, rows: impl Iterator<Item = (usize, usize)>) -> Answer {
        for (target, source) in rows {
            self.check(target, length)?;
            self.check(source, length)?;
            // SAFETY: device memory is checked and open; of host memory the caller of the driver said that it is there.
            unsafe { libc::memmove(target as *mut _, source as *const _, length) };
        }
        Ok(())
    }
}

/// Pages of a device allocation that the host may touch.
pub struct Opening(Range<usize>);

impl Drop for Opening {
    fn drop(&mut self) {
        arena::protect(self.0.start, self.0.len(), false);
    }
}
