//! Capsules and memoryviews, made and destroyed in native code. CPython is found in the running process at first use and never
//! linked; without it every function here is an error that says so.

mod api;
mod array_struct;
mod buffer;
mod dlpack;
mod exchange;

pub use api::{Exception, PyObject, is_available, message, raise, release_object};
pub use array_struct::{array_struct_capsule, from_array_struct_capsule};
pub use buffer::memory_view;
pub use dlpack::{Form, dlpack_capsule, from_dlpack_capsule, is_copied};
pub use exchange::{
    allocate_like, exchange_capsule, from_exchange_table, lend_object, share_object, to_object, work_stream,
};
