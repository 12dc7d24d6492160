//! Elements as text, the way NumPy 2.4 prints them: `array2string(a, separator=", ")`.
//!
//! Three steps, a file each: `pick` chooses the elements that are shown and reads them, `items` turns each into a
//! word as wide as its neighbours (with `float` and `decimal` for numbers with a point, `datetime` for times, `quote`
//! for text, `record` for structured types), and `lines` sets the words in nested brackets.
//!
//! Types that NumPy lacks follow the rules of those that it has:
//! - bfloat16 and the floats of at most 8 bits show the fewest digits after the point that read back as the same
//!   number of their type, and take exponents from 1000 on, as float16 does.
//! - A complex number of two halves prints like one of two float16.
//! - An element of several lanes is a list in brackets, like an array inside a record.
//! - A `datetime64` without a unit, which NumPy refuses to print, is the integer that it holds.

mod datetime;
mod decimal;
mod float;
mod items;
mod lines;
mod pick;
mod quote;
mod record;
mod source;
#[cfg(test)]
mod tests;

use super::Tensor;
use crate::error::{Result, bail};

/// How to print; [`FormatOptions::default`] is NumPy's default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FormatOptions {
    precision: u32,
    threshold: i64,
    edge_items: i64,
    line_width: u32,
}

impl Default for FormatOptions {
    fn default() -> Self {
        Self { precision: 8, threshold: 1000, edge_items: 3, line_width: 75 }
    }
}

impl FormatOptions {
    /// At most `precision` digits after the point; tensors of more than `threshold` elements summarised, with
    /// `edge_items` shown at each end of an axis; lines of at most `line_width` characters where words allow it.
    /// Zero means the default, each for itself.
    ///
    /// Errors: `InvalidArgument` for a negative number.
    pub fn new(precision: u32, threshold: i64, edge_items: i64, line_width: u32) -> Result<Self> {
        if threshold < 0 {
            bail!(InvalidArgument, "`threshold` is {threshold}, must be at least 0");
        }
        if edge_items < 0 {
            bail!(InvalidArgument, "`edge_items` is {edge_items}, must be at least 0");
        }
        let default = Self::default();
        Ok(Self {
            precision: if precision == 0 { default.precision } else { precision },
            threshold: if threshold == 0 { default.threshold } else { threshold },
            edge_items: if edge_items == 0 { default.edge_items } else { edge_items },
            line_width: if line_width == 0 { default.line_width } else { line_width },
        })
    }

    /// Elements shown at either end of an axis of `extent` in an array of `count` elements; nothing where all are.
    fn edge(&self, count: i64, extent: i64) -> Option<i64> {
        (count > self.threshold && extent.saturating_sub(self.edge_items) > self.edge_items)
            .then_some(self.edge_items)
    }
}

impl Tensor {
    /// The elements as text, as NumPy prints them. Only the elements that are shown are read; those of a CUDA device are
    /// copied for that.
    ///
    /// Errors: `Unsupported` for memory that neither the host nor CUDA reaches, for types that this library cannot read,
    /// and when the shape and the options ask for more than a gibibyte of elements and words; those of the device.
    pub fn format(&self, options: &FormatOptions) -> Result<String> {
        if self.device().device_type != 2 {
            self.require_host("printing")?;
        }
        items::require_printable(self.dtype())?;
        if self.element_count() == 0 {
            return Ok("[]".into());
        }
        let axes = pick::axes(self.layout().shape(), options);
        let picked = pick::read(self, &axes)?;
        let words = items::words(self.dtype(), &picked.items(), axes.is_empty(), options);
        Ok(lines::arrange(&axes, words, options.line_width))
    }
}
