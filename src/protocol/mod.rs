//! The interchange protocols, each in and out, one file each.

pub mod buffer;
pub mod consumer;
pub mod dlpack;
pub mod numpy;
pub mod python;
