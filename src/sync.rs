//! What threads agree by, in the code whose every order of steps is tried out: `tests/loom` puts the model checker's own in
//! its place.

pub use std::sync::{Mutex, atomic};
pub use std::thread::yield_now;
