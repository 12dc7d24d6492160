//! The system's heap, with the alignment that tensors want.
//!
//! `posix_memalign` splits off and frees what lies before an aligned block, which takes longer than everything else that
//! making a small tensor does, and nothing aligned gives zeros that the kernel has made already. So a block is cut from a
//! slightly larger one of `malloc` or `calloc`, whose address is kept in the word before it.
//!
//! Where the kernel gives huge pages to who asks for them, large blocks do: a result on new memory is written three times as
//! fast when a page is made every 2 MiB instead of every 4 KiB.

use std::ffi::c_void;
use std::ptr::null_mut;

use super::cpu::Allocator;

/// The allocator that is there unless the host program installs one.
pub static SYSTEM: Allocator = Allocator { context: null_mut(), allocate, deallocate };

/// Bytes from which on a block has huge pages, as NumPy's arrays.
const HUGE_FROM: usize = 4 << 20;

unsafe extern "C" fn allocate(_: *mut c_void, byte_count: usize, alignment: usize) -> *mut c_void {
    // SAFETY: `malloc` takes any size.
    unsafe { cut(byte_count, alignment, |size| libc::malloc(size)) }
}

/// [`SYSTEM`]'s `allocate`, all bytes 0. Large blocks come from the kernel as zeros and are not touched here.
pub fn allocate_zeroed(byte_count: usize, alignment: usize) -> *mut c_void {
    // SAFETY: `calloc` takes any size.
    unsafe { cut(byte_count, alignment, |size| libc::calloc(size, 1)) }
}

/// The aligned part of a larger block.
///
/// # Safety
/// `get` gives that many bytes, aligned for a pointer and at least twice its size, or NULL.
unsafe fn cut(byte_count: usize, alignment: usize, get: impl FnOnce(usize) -> *mut c_void) -> *mut c_void {
    const { assert!(align_of::<libc::max_align_t>() >= size_of::<*mut c_void>()) };
    let Some(size) = byte_count.checked_add(alignment) else { return null_mut() };
    let whole = get(size);
    if whole.is_null() {
        return null_mut();
    }
    // The next multiple above, never at it: between them is room for a pointer, because `malloc` aligns for one.
    let offset = alignment - whole.addr() % alignment;
    if size >= HUGE_FROM {
        // SAFETY: `whole` has `size` bytes.
        unsafe { ask_for_huge_pages(whole, size) };
    }
    // SAFETY: `offset` is at most `alignment`, by which the block is larger, and at least what `malloc` aligns to.
    unsafe {
        let part = whole.byte_add(offset);
        part.cast::<*mut c_void>().sub(1).write(whole);
        part
    }
}

/// Asks for huge pages for the whole pages of a block. Where there are none nothing changes.
///
/// # Safety
/// `block` has `size` bytes.
#[cfg(all(target_os = "linux", not(miri)))]
#[cold]
unsafe fn ask_for_huge_pages(block: *mut c_void, size: usize) {
    const PAGE: usize = 64 << 10; // the largest that a kernel without huge ones has
    let before = block.addr().next_multiple_of(PAGE) - block.addr();
    // SAFETY: the pages lie within the block, whose bytes keep their values.
    unsafe { libc::madvise(block.byte_add(before), (size - before) / PAGE * PAGE, libc::MADV_HUGEPAGE) };
}

#[cfg(not(all(target_os = "linux", not(miri))))]
unsafe fn ask_for_huge_pages(_: *mut c_void, _: usize) {}

unsafe extern "C" fn deallocate(_: *mut c_void, data: *mut c_void, _: usize, _: usize) {
    // SAFETY: `data` came from `cut`, which wrote the whole block's address before it.
    unsafe { libc::free(data.cast::<*mut c_void>().sub(1).read()) };
}

#[cfg(test)]
mod tests {
    use super::*;

    // Miri takes some thousand times as long.
    const LARGE: usize = if cfg!(miri) { 1 << 13 } else { 1 << 22 };

    #[test]
    fn blocks_of_every_size_are_aligned_and_their_own() {
        let mut blocks = Vec::new();
        for size in (0..600).chain([4096, LARGE / 3, LARGE]) {
            // SAFETY: the bytes asked for are written, and each block is given back once below.
            unsafe {
                let block = allocate(null_mut(), size, 256);
                assert!(!block.is_null() && block.addr().is_multiple_of(256));
                block.cast::<u8>().write_bytes(size as u8, size);
                blocks.push((block, size));
            }
        }
        for (block, size) in blocks {
            // SAFETY: written above.
            unsafe {
                let bytes = std::slice::from_raw_parts(block.cast::<u8>(), size);
                assert!(bytes.iter().all(|&byte| byte == size as u8), "{size}");
                deallocate(null_mut(), block, size, 256);
            }
        }
    }

    #[test]
    fn zeroed_blocks_are_zeros_even_where_memory_was_used_before() {
        for size in [1, 255, 4096, LARGE] {
            // SAFETY: the bytes asked for are used, and each block is given back once.
            unsafe {
                let used = allocate(null_mut(), size, 256);
                used.cast::<u8>().write_bytes(0xff, size);
                deallocate(null_mut(), used, size, 256);
                let block = allocate_zeroed(size, 256);
                assert!(std::slice::from_raw_parts(block.cast::<u8>(), size).iter().all(|&byte| byte == 0));
                deallocate(null_mut(), block, size, 256);
            }
        }
    }

    #[cfg(all(target_os = "linux", not(miri)))]
    #[test]
    fn large_blocks_ask_for_huge_pages() {
        if !a_mapping_shows_that_huge_pages_were_asked_for() {
            return; // a kernel without them, or an emulator that makes the flags up
        }
        // SAFETY: the block is given back once.
        unsafe {
            for zeroed in [false, true] {
                let size = 64 << 20;
                let block = if zeroed { allocate_zeroed(size, 256) } else { allocate(null_mut(), size, 256) };
                let middle = block.addr() + size / 2;
                assert!(flags_of_the_mapping_at(middle).contains(" hg"), "zeroed: {zeroed}");
                deallocate(null_mut(), block, size, 256);
            }
        }
    }

    /// Whether huge pages that are asked for here, without the allocator, can be seen.
    #[cfg(all(target_os = "linux", not(miri)))]
    fn a_mapping_shows_that_huge_pages_were_asked_for() -> bool {
        const SIZE: usize = 8 << 20;
        // SAFETY: the mapping is new, asked about while it is there, and given back once.
        unsafe {
            let (access, kind) =
                (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
            let mapping = libc::mmap(null_mut(), SIZE, access, kind, -1, 0);
            assert_ne!(mapping, libc::MAP_FAILED);
            let shown = libc::madvise(mapping, SIZE, libc::MADV_HUGEPAGE) == 0
                && flags_of_the_mapping_at(mapping.addr() + SIZE / 2).contains(" hg");
            libc::munmap(mapping, SIZE);
            shown
        }
    }

    /// What the kernel says of the mapping that holds `address`.
    #[cfg(all(target_os = "linux", not(miri)))]
    fn flags_of_the_mapping_at(address: usize) -> String {
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let holds = |line: &str| {
            let (from, to) = line.split_once(' ')?.0.split_once('-')?;
            let [from, to] = [from, to].map(|end| usize::from_str_radix(end, 16));
            Some((from.ok()?..to.ok()?).contains(&address))
        };
        let mut lines = maps.lines().skip_while(|line| holds(line) != Some(true));
        lines.find(|line| line.starts_with("VmFlags:")).unwrap().into()
    }

    #[test]
    fn sizes_beyond_memory_give_null() {
        // SAFETY: nothing is used.
        unsafe { assert!(allocate(null_mut(), usize::MAX, 256).is_null()) };
        assert!(allocate_zeroed(usize::MAX - 255, 256).is_null());
    }
}
