//! The C ABI. The order of the modules below is the order of the chapters in `include/ndferry.h`.
//!
//! Every function is *borrow, call, give*: check what C lends, call a layer below, hand over the result. An `if`
//! in such a body belongs below this layer.
#![allow(non_camel_case_types, reason = "these are C names")]
#![allow(
    rustdoc::broken_intra_doc_links,
    reason = "`[borrowed]` and its like are the header's ownership tags"
)]

mod args;
mod guard;
mod handle;

// 1. Version
mod version;
pub use version::*;

// 2. Status
mod status;
pub use status::*;

// 3. Element types
mod dtype;
pub use dtype::*;

// 4. Devices
mod device;
pub use device::*;

// 5. Layouts
mod layout;
pub use layout::*;

// 6. Tensors: create, share, describe
mod tensor;
pub use tensor::*;
mod describe;
pub use describe::*;

// 7. Views
mod view;
pub use view::*;

// 8. Conversion
mod convert;
pub use convert::*;
mod stream;
pub use stream::*;

// 9. DLPack
mod dlpack;
pub use dlpack::*;
mod consumer;
pub use consumer::*;

// 10. NumPy's array interface
mod numpy;
pub use numpy::*;

// 11. The buffer protocol
mod buffer;
pub use buffer::*;

// 12. The CUDA array interface
mod cuda_array;
pub use cuda_array::*;

// 13. Arrow's C data interface
mod arrow;
pub use arrow::*;

// 14. Python objects
mod python;
pub use python::*;
mod exchange;
pub use exchange::*;

// 15. The library as a whole
mod runtime;
pub use runtime::*;
mod threads;
pub use threads::*;
mod debug;
pub use debug::*;
