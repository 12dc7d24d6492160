//! Many threads share, view, convert, hand over and release the same tensors through the C API. Run by itself it shows
//! that nothing is lost or freed twice; under the thread sanitizer, that nothing races.

use std::ffi::c_void;
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicUsize, Ordering};

use ndferry::dtype::DType;
use ndferry::ffi::*;

// Miri takes some thousand times as long.
const THREADS: u64 = if cfg!(miri) { 4 } else { 16 };
const ROUNDS: u64 = if cfg!(miri) { 24 } else { 400 };

/// A handle that several threads use.
#[derive(Clone, Copy)]
struct Shared(*mut ndf_tensor);

// SAFETY: handles may be used on any thread at any time.
unsafe impl Send for Shared {}

static ENDED: AtomicUsize = AtomicUsize::new(0);

unsafe extern "C" fn count_end(memory: *mut c_void) {
    // SAFETY: the box that `wrapped` let go of, given back once.
    drop(unsafe { Box::from_raw(memory.cast::<[f32; 64]>()) });
    ENDED.fetch_add(1, Ordering::Relaxed);
}

/// What a call gives, which must succeed.
fn made(call: impl FnOnce(*mut *mut ndf_tensor) -> ndf_status) -> *mut ndf_tensor {
    let mut out = null_mut();
    assert_eq!(call(&mut out) as i32, 0);
    out
}

fn wrapped() -> *mut ndf_tensor {
    let memory = Box::into_raw(Box::new([1.5f32; 64])).cast::<c_void>();
    // SAFETY: 64 floats that live until the deleter is called.
    made(|out| unsafe {
        ndf_tensor_wrap(
            memory,
            DType::FLOAT32,
            2,
            [8, 8].as_ptr(),
            null(),
            Some(count_end),
            memory,
            null(),
            out,
        )
    })
}

/// One thing that somebody does with a tensor that others use too; `tensor` is kept.
///
/// # Safety
/// `tensor` is a handle.
unsafe fn act(tensor: *mut ndf_tensor, choice: u64) {
    // SAFETY: every handle made here is released here, once.
    unsafe {
        match choice % 5 {
            0 => ndf_tensor_release(ndf_tensor_retain(tensor)),
            1 => {
                let view = made(|out| ndf_tensor_transpose(tensor, out));
                let copy = made(|out| ndf_tensor_convert(view, DType::FLOAT64, null(), out));
                ndf_tensor_release(view);
                let data = ndf_tensor_const_data(copy).cast::<f64>();
                assert_eq!((*data, *data.add(63)), (1.5, 1.5));
                ndf_tensor_release(copy);
            }
            2 => {
                let mut managed = null_mut();
                assert_eq!(ndf_tensor_to_dlpack_versioned(tensor, null(), &mut managed) as i32, 0);
                let again = made(|out| ndf_tensor_from_dlpack_versioned(managed, out));
                assert!(ndf_tensor_shares_memory(tensor, again));
                ndf_tensor_release(again);
            }
            3 => {
                let mut is_equal = 0;
                assert_eq!(ndf_tensor_equal(tensor, tensor, &mut is_equal) as i32, 0);
                assert_eq!(is_equal, 1);
            }
            _ => {
                // Any error leaves its message with this thread alone.
                let mut out = null_mut();
                assert_ne!(ndf_tensor_permute(tensor, 2, [0, 0].as_ptr(), &mut out) as i32, 0);
                assert!(out.is_null() && !ndf_last_error_message().is_null());
            }
        }
    }
}

#[test]
fn any_number_of_threads_may_use_a_tensor_and_the_last_one_ends_it() {
    for round in 0..ROUNDS / THREADS {
        let shared: Vec<Shared> = (0..4).map(|_| Shared(wrapped())).collect();
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                // SAFETY: one reference for each thread, which it gives up.
                let own: Vec<Shared> =
                    shared.iter().map(|one| unsafe { Shared(ndf_tensor_retain(one.0)) }).collect();
                scope.spawn(move || {
                    for step in 0..ROUNDS {
                        let word = (round * 31 + thread * 7 + step).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
                        let Shared(tensor) = own[word as usize % own.len()];
                        // SAFETY: this thread's own reference.
                        unsafe { act(tensor, word / 7) };
                    }
                    // SAFETY: as above, given up once.
                    own.iter().for_each(|one| unsafe { ndf_tensor_release(one.0) });
                });
            }
            // SAFETY: the first references, while others are in use.
            shared.iter().for_each(|one| unsafe { ndf_tensor_release(one.0) });
        });
    }
    assert_eq!(ENDED.load(Ordering::Relaxed) as u64, 4 * (ROUNDS / THREADS));
}
