//! Capsules, memoryviews and tensor objects, made and destroyed in native code. CPython is found in the running process at first use and never
//! linked; without it every function here is an error that says so.

mod api;
mod array_struct;
mod arrow;
mod buffer;
mod consumer;
mod dlpack;
mod exchange;
mod object;
mod package;
mod producer;
mod symbols;
mod types;

pub use api::{Exception, is_available, message, raise, release_object};
pub use array_struct::{array_struct_capsule, from_array_struct_capsule};
pub use arrow::{arrow_array_capsule, arrow_schema_capsule};
pub use buffer::memory_view;
pub use dlpack::{Form, capsule_of_dlpack, dlpack_capsule, from_dlpack_capsule, is_copied};
pub use exchange::{allocate_like, from_exchange_table, lend_object, share_object, to_object};
pub use package::module;
pub use symbols::PyObject;
