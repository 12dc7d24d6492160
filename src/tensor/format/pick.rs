//! Which elements are shown, and their bytes.

use super::source::Source;
use super::{FormatOptions, items};
use crate::error::{Result, bail};
use crate::tensor::Tensor;

/// The most memory for the elements shown. NumPy has no limit and lets the process run out of memory.
const MAX_BYTES: usize = 1 << 30;
/// What a word costs at least.
const BYTES_PER_WORD: usize = 64;

/// The indices shown along one axis: the first `head` and the last `tail` of `extent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Axis {
    extent: i64,
    head: i64,
    tail: i64,
}

impl Axis {
    /// The indices shown, in order.
    pub fn indices(self) -> impl Iterator<Item = i64> {
        (0..self.head).chain(self.extent - self.tail..self.extent)
    }

    /// The index before which an ellipsis stands for those that are not shown.
    pub fn resumes_at(self) -> Option<i64> {
        (self.head + self.tail < self.extent).then_some(self.extent - self.tail)
    }

    fn count(self) -> usize {
        usize::try_from(self.head + self.tail).unwrap_or(usize::MAX)
    }
}

/// What is shown of an array of this shape.
pub fn axes(shape: &[i64], options: &FormatOptions) -> Vec<Axis> {
    let count = shape.iter().product();
    let axis = |&extent| match options.edge(count, extent) {
        Some(edge) => Axis { extent, head: edge, tail: edge },
        None => Axis { extent, head: extent, tail: 0 },
    };
    shape.iter().map(axis).collect()
}

/// The elements shown, in C order without gaps, each in whole bytes from bit 0.
pub struct Picked {
    bytes: Vec<u8>,
    item_size: usize,
    count: usize,
}

impl Picked {
    /// The bytes of each element.
    pub fn items(&self) -> Vec<&[u8]> {
        (0..self.count).map(|i| &self.bytes[i * self.item_size..][..self.item_size]).collect()
    }
}

/// Reads the elements of `tensor` that `axes` show; it has elements.
///
/// Errors: `Unsupported` when they are too many, or on memory that cannot be read; those of a device.
pub fn read(tensor: &Tensor, axes: &[Axis]) -> Result<Picked> {
    let dtype = tensor.dtype();
    let item_size = dtype.item_size();
    let cost = items::word_count(dtype).saturating_mul(BYTES_PER_WORD).max(item_size);
    let count = axes.iter().try_fold(1usize, |count, axis| count.checked_mul(axis.count()));
    let cost = count.and_then(|count| count.checked_mul(cost));
    let (Some(count), Some(0..=MAX_BYTES)) = (count, cost) else {
        bail!(
            Unsupported,
            "the elements to print need more than {MAX_BYTES} bytes; lower `threshold` or `edge_items`"
        );
    };
    let source = Source::of(tensor, count * item_size)?;
    let mut reader = Reader { tensor, source, bytes: Vec::with_capacity(count * item_size) };
    reader.walk(axes, tensor.layout().strides(), tensor.layout().offset())?;
    Ok(Picked { bytes: reader.bytes, item_size, count })
}

/// The 8 bits from `bit` on, zeros behind the end. Bit 0 of a byte comes first.
pub fn byte_at(bytes: &[u8], bit: usize) -> u8 {
    let byte = |i| u16::from(bytes.get(i).copied().unwrap_or(0));
    let pair = byte(bit / 8) | byte(bit / 8 + 1) << 8;
    (pair >> (bit % 8)) as u8
}

struct Reader<'a> {
    tensor: &'a Tensor,
    source: Source<'a>,
    bytes: Vec<u8>,
}

impl Reader<'_> {
    fn walk(&mut self, axes: &[Axis], strides: &[i64], offset: i64) -> Result<()> {
        match (axes, strides) {
            ([axis, axes @ ..], [stride, strides @ ..]) => {
                axis.indices().try_for_each(|i| self.walk(axes, strides, offset + i * stride))
            }
            _ => self.element(offset),
        }
    }

    /// Appends the element at `offset`, counted from the start of the storage. Behind one that does not fill its
    /// bytes there may be bits of its neighbour.
    fn element(&mut self, offset: i64) -> Result<()> {
        let dtype = self.tensor.dtype();
        let first_bit = i128::from(offset) * i128::from(dtype.element_bits());
        let (byte, shift) = ((first_bit / 8) as usize, (first_bit % 8) as usize);
        if shift == 0 {
            return self.append(byte, dtype.item_size());
        }
        let end = self.bytes.len();
        self.append(byte, (shift + dtype.element_bits() as usize).div_ceil(8))?;
        let shifted: Vec<u8> =
            (0..dtype.item_size()).map(|i| byte_at(&self.bytes[end..], shift + 8 * i)).collect();
        self.bytes.truncate(end);
        self.bytes.extend(shifted);
        Ok(())
    }

    /// Appends `count` bytes that belong to an element, `byte` from the start of the storage.
    fn append(&mut self, byte: usize, count: usize) -> Result<()> {
        let end = self.bytes.len();
        self.bytes.resize(end + count, 0);
        self.source.read(byte, &mut self.bytes[end..])
    }
}
