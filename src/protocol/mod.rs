//! The interchange protocols, each in and out, one file each.

pub mod arrow;
pub mod buffer;
pub mod consumer;
pub mod cuda_array;
pub mod dlpack;
pub mod numpy;
pub mod python;
pub mod stream;
