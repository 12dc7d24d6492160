//! Arrow's C data interface, both ways: arrays of numbers, times and bytes, and fixed-size lists of them.
//!
//! Arrow has no strides and no shapes. One axis is an array; more axes are fixed-size lists, or the extension type
//! `arrow.fixed_shape_tensor`, which is such a list that knows its shape.

mod export;
mod format;
mod import;
mod metadata;

pub use export::{array, schema, to_arrow};
pub use import::from_arrow;

/// The extension type of tensors: a fixed-size list whose metadata say the shape.
const FIXED_SHAPE_TENSOR: &str = "arrow.fixed_shape_tensor";
/// The extension type of booleans of a byte each.
const BOOL8: &str = "arrow.bool8";
