//! The library's own files, with loom's atomics in the place of the standard library's: `tests/models.rs` tries out every
//! order in which threads can take their steps.

pub mod sync {
    pub use loom::sync::{Mutex, atomic};
    pub use loom::thread::yield_now;
}

#[allow(dead_code, unused_imports, unused_macros)] // what the others need of it
#[path = "../../../src/error.rs"]
pub mod error;

#[path = "../../../src/storage/count.rs"]
pub mod count;

#[path = "../../../src/storage/late.rs"]
pub mod late;

#[path = "../../../src/engine/threads/job.rs"]
pub mod job;

#[path = "../../../src/engine/threads/seats.rs"]
pub mod seats;

/// As `engine::threads` has it.
pub type TaskFn = unsafe extern "C" fn(argument: *mut std::ffi::c_void, index: i64);
