//! ndferry creates, describes, converts, shares and releases strided tensors behind a stable C ABI,
//! and speaks the array interchange protocols. It links neither Python nor CUDA nor any framework.
//!
//! C, C++ and Python use the shared library. For Rust this crate is its core, safe but for what touches memory of
//! somebody else:
//!
//! ```
//! use ndferry::device::Device;
//! use ndferry::dtype::DType;
//! use ndferry::engine::route::{self, Convert};
//! use ndferry::layout::Order;
//! use ndferry::tensor::Tensor;
//!
//! let image = Tensor::zeros(DType::UINT8, &[480, 640, 3], Order::C, Device::CPU)?;
//! let crop = image.slice(0, Some(60), Some(-60), 1)?.flip(Some(&[1]))?; // a view: no bytes move
//! assert!(crop.shares_memory(&image));
//!
//! let how = Convert { scale: &[1.0 / 255.0], ..Convert::default() };
//! let planes = route::convert(&crop.permute(&[2, 0, 1])?, DType::FLOAT16, &how)?; // one pass
//! assert_eq!(planes.layout().shape(), [3, 360, 640]);
//! # Ok::<(), ndferry::error::Error>(())
//! ```
//!
//! The layers, lowest first: [`spec`], [`error`] and [`log`] (and `sync`); [`layout`] and [`dtype`]; [`device`] and [`storage`];
//! [`tensor`]; [`engine`]; [`protocol`]; and `ffi`, the C functions, which `include/ndferry.h` documents. Each uses only
//! what is below it, and a test holds them to it.
//!
//! Errors are [`error::Error`]s: a kind, and a sentence that names the argument. Nothing here is promised to stay as it
//! is before version 1.0; what is stable is the C ABI.

pub mod device;
pub mod dtype;
pub mod engine;
pub mod error;
#[doc(hidden)]
pub mod ffi;
pub mod layout;
pub mod log;
pub mod protocol;
pub mod spec;
pub mod storage;
mod sync;
pub mod tensor;
