//! ndferry creates, describes, converts, shares and releases strided tensors behind a stable C ABI,
//! and speaks the array interchange protocols. It links neither Python nor CUDA nor any framework.
//!
//! The layers, lowest first: [`spec`], [`error`] and [`log`] (and `sync`); [`layout`] and [`dtype`]; [`device`] and [`storage`];
//! [`tensor`]; [`engine`]; [`protocol`]; [`ffi`]. Each uses only what is below it, and a test holds them to it.

pub mod device;
pub mod dtype;
pub mod engine;
pub mod error;
pub mod ffi;
pub mod layout;
pub mod log;
pub mod protocol;
pub mod spec;
pub mod storage;
mod sync;
pub mod tensor;
