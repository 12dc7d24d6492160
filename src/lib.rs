//! ndferry creates, describes, converts, shares and releases strided tensors behind a stable C ABI,
//! and speaks the array interchange protocols. It links neither Python nor CUDA nor any framework.
//!
//! The layers, lowest first: [`error`], [`dtype`], [`layout`], [`engine`], each using only what is below it.

pub mod dtype;
pub mod engine;
pub mod error;
pub mod layout;
