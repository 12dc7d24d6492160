//! Capsules and memoryviews, made and destroyed in native code. CPython is found in the running process at first use and never
//! linked; without it every function here is an error that says so.

mod api;
mod array_struct;
mod buffer;
mod dlpack;

pub use api::{PyObject, is_available, raise, release_object};
pub use array_struct::{array_struct_capsule, from_array_struct_capsule};
pub use buffer::memory_view;
pub use dlpack::{Form, dlpack_capsule, from_dlpack_capsule};
