//! Memory for tests that ends where nobody may read on.

/// Memory between two pages that nobody may touch, so that a byte read or written beyond it ends the test.
pub struct Fenced {
    map: *mut u8,
    pages: usize,
}

/// At least a page of any processor.
pub(in crate::engine) const PAGE: usize = 1 << 16;

impl Fenced {
    /// So many accessible pages.
    pub fn new(pages: usize) -> Self {
        // SAFETY: a private map of this process, whose middle becomes accessible.
        unsafe {
            let (flags, none) =
                (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE, std::ptr::null_mut());
            let map = libc::mmap(none, (pages + 2) * PAGE, libc::PROT_NONE, flags, -1, 0);
            assert_ne!(map, libc::MAP_FAILED);
            let access = libc::PROT_READ | libc::PROT_WRITE;
            assert_eq!(libc::mprotect(map.add(PAGE), pages * PAGE, access), 0);
            Self { map: map.cast(), pages }
        }
    }

    /// `count` bytes at the very start or at the very end.
    pub fn bytes(&mut self, count: usize, at_end: bool) -> &mut [u8] {
        assert!(count <= self.pages * PAGE);
        let at = PAGE + if at_end { self.pages * PAGE - count } else { 0 };
        // SAFETY: within the accessible part, which only this value knows.
        unsafe { std::slice::from_raw_parts_mut(self.map.add(at), count) }
    }
}

impl Drop for Fenced {
    fn drop(&mut self) {
        // SAFETY: mapped by `new`.
        assert_eq!(unsafe { libc::munmap(self.map.cast(), (self.pages + 2) * PAGE) }, 0);
    }
}
