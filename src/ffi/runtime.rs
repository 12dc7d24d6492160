//! The library as a whole: where memory comes from, what is alive.

use std::ffi::c_void;

use super::args::{Options, null};
use super::guard::guard;
use super::status::ndf_status;
use crate::device::cpu::{self, Allocator};
use crate::error::bail;
use crate::tensor::Statistics;
use crate::tensor::lifetimes::{self, Counts};

/// Gives `byte_count` bytes at a multiple of `alignment` (a power of two), or NULL. Any thread; must not throw or
/// `longjmp`.
pub type ndf_allocate_fn =
    Option<unsafe extern "C" fn(context: *mut c_void, byte_count: usize, alignment: usize) -> *mut c_void>;
/// Takes back what ndf_allocate_fn gave, with the same numbers. Any thread; must not throw or `longjmp`.
pub type ndf_deallocate_fn = Option<
    unsafe extern "C" fn(context: *mut c_void, data: *mut c_void, byte_count: usize, alignment: usize),
>;

/// A source of host memory for elements. Set `struct_size`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ndf_allocator {
    /// sizeof(ndf_allocator).
    pub struct_size: u32,
    /// Zero.
    pub reserved: u32,
    /// Passed to both functions.
    pub context: *mut c_void,
    /// Gives a block.
    pub allocate: ndf_allocate_fn,
    /// Takes it back.
    pub deallocate: ndf_deallocate_fn,
}

// SAFETY: `repr(C)`, the size first; NULL is a value of pointers and of optional functions.
unsafe impl Options for ndf_allocator {
    const NAME: &'static str = "ndf_allocator";
}

/// Makes the elements of later tensors come from `allocator`. Memory already given goes back where it came from, so
/// this may be called at any time; both functions must keep working for the rest of the process.
///
/// @param allocator  copied; NULL for the system's allocator again  [borrowed]
/// @returns NDF_OK; NDF_ERROR_INVALID_ARGUMENT: a function is NULL; NDF_ERROR_OUT_OF_MEMORY
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_set_allocator(allocator: *const ndf_allocator) -> ndf_status {
    guard(|| {
        let installed = if allocator.is_null() {
            None
        } else {
            // SAFETY: the header's contract: as many readable bytes as the first field says.
            let ndf_allocator { context, allocate, deallocate, .. } =
                unsafe { super::args::options(allocator)? };
            let allocate = allocate.ok_or_else(|| null("allocator->allocate"))?;
            let deallocate = deallocate.ok_or_else(|| null("allocator->deallocate"))?;
            Some(Allocator { context, allocate, deallocate })
        };
        // SAFETY: the header's contract for both functions.
        unsafe { cpu::set_allocator(installed) }
    })
}

/// What is alive in this process. Set `struct_size`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ndf_statistics {
    /// sizeof(ndf_statistics).
    pub struct_size: u32,
    /// Zero.
    pub reserved: u32,
    /// Tensors, views included, each once however many references it has; a tensor that was released counts while its
    /// views live, because it holds their memory.
    pub live_tensors: i64,
    /// Bytes of the memory they keep alive, wrapped and imported memory included, each byte once.
    pub live_bytes: i64,
    /// Tensors that the program has references to; 0 while the lifetime debugger (ndf_debug_enable) is off, as below.
    pub live_handles: i64,
    /// Structs of DLPack and other protocols that nobody has ended.
    pub open_exports: i64,
    /// How often the debugger has found a handle misused.
    pub misuses: i64,
}

/// How much of ndf_statistics its first version had.
const FIRST_STATISTICS: usize = std::mem::offset_of!(ndf_statistics, live_handles);

/// Counts what is alive. Exact when no other thread is making or releasing tensors.
///
/// @param out  `struct_size` is read, the rest written as far as that says  [borrowed]
/// @returns NDF_OK; NDF_ERROR_INVALID_ARGUMENT: NULL, or `struct_size` is too small
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_statistics_get(out: *mut ndf_statistics) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract: NULL, or as many bytes as the first field says.
        let Some(given) = (unsafe { out.cast::<u32>().as_ref() }) else { return Err(null("out")) };
        let struct_size = *given;
        if (struct_size as usize) < FIRST_STATISTICS {
            bail!(InvalidArgument, "`out->struct_size` is {struct_size}, set it to sizeof(ndf_statistics)");
        }
        let Statistics { live_tensors, live_bytes } = crate::tensor::statistics();
        let Counts { handles: live_handles, exports: open_exports, misuses } = lifetimes::counts();
        let known = ndf_statistics {
            struct_size,
            reserved: 0,
            live_tensors,
            live_bytes,
            live_handles,
            open_exports,
            misuses,
        };
        let length = size_of::<ndf_statistics>().min(struct_size as usize);
        // SAFETY: at least so many bytes are there by the header's contract, and the struct has so many without gaps. The
        // field that stays the caller's is left out.
        unsafe {
            let from = (&raw const known).cast::<u8>();
            let start = std::mem::offset_of!(ndf_statistics, live_tensors);
            out.cast::<u8>().add(start).copy_from_nonoverlapping(from.add(start), length - start);
        }
        Ok(())
    })
}
