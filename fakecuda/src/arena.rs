//! Address space that is handed out once: nothing that is freed gets its address again, and between two allocations
//! lies a page that nobody may touch.

/// A page, or some of them: 64-bit ARM has pages of up to 64 KiB.
pub const PAGE: usize = if cfg!(target_arch = "aarch64") { 64 << 10 } else { 4 << 10 };

/// Bytes reserved at a time. Reserving costs address space only; where that is short, fewer are.
const REGION: usize = 64 << 30;

#[derive(Default)]
pub struct Arena {
    regions: Vec<(usize, usize)>,
    next: usize,
}

impl Arena {
    /// The start of `length` fresh bytes, a multiple of the page, that cannot be touched yet.
    pub fn take(&mut self, length: usize) -> Option<usize> {
        let needed = length.checked_add(PAGE)?;
        if self.regions.last().is_none_or(|region| region.1 - self.next < needed) {
            let enough = needed.checked_add(PAGE)?;
            let sizes = [REGION, REGION >> 5, enough].map(|bytes| bytes.max(enough));
            let region =
                sizes.iter().find_map(|bytes| reserve(None, *bytes).map(|start| (start, start + bytes)))?;
            self.regions.push(region);
            self.next = region.0 + PAGE;
        }
        let start = self.next;
        self.next += needed;
        Some(start)
    }

    pub fn contains(&self, address: usize) -> bool {
        self.regions.iter().any(|region| (region.0..region.1).contains(&address))
    }
}

/// Takes pages away for good: what was in them is lost, who touches them dies.
pub fn bury(start: usize, length: usize) {
    reserve(Some(start), length).expect("reserving pages that are reserved already takes nothing new");
}

fn reserve(at: Option<usize>, length: usize) -> Option<usize> {
    let fixed = if at.is_some() { libc::MAP_FIXED } else { 0 };
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | fixed;
    // SAFETY: without an address this maps fresh pages; with one, pages of this arena that only their allocation used.
    let start = unsafe { libc::mmap(at.unwrap_or(0) as *mut _, length, libc::PROT_NONE, flags, -1, 0) };
    (start != libc::MAP_FAILED).then_some(start as usize)
}

/// Lets this process read and write the pages, or not.
pub fn protect(start: usize, length: usize, open: bool) {
    let rights = if open { libc::PROT_READ | libc::PROT_WRITE } else { libc::PROT_NONE };
    // SAFETY: pages of this arena; nobody holds references into them.
    let failed = unsafe { libc::mprotect(start as *mut _, length, rights) };
    assert_eq!(failed, 0, "pages of the arena can be opened and closed");
}
