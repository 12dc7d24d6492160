//! Which elements are shown, and their bytes.

use super::FormatOptions;
use crate::dtype::DType;
use crate::error::{Result, bail};
use crate::tensor::Tensor;

/// The most memory for the elements shown. NumPy has no limit and lets the process run out of memory.
const MAX_BYTES: usize = 1 << 30;
/// What an element and its word cost at least.
const MIN_BYTES_PER_ELEMENT: usize = 64;

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

/// The elements shown, in C order without gaps, each scalar in whole bytes.
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

/// Reads the elements of `tensor` that `axes` show; it has elements, on memory that the host reaches.
///
/// Errors: `Unsupported` when they are too many.
pub fn read(tensor: &Tensor, axes: &[Axis]) -> Result<Picked> {
    let dtype = tensor.dtype();
    let item_size = whole_bytes(dtype);
    let count = axes.iter().try_fold(1usize, |count, axis| count.checked_mul(axis.count()));
    let cost = count.and_then(|count| count.checked_mul(item_size.max(MIN_BYTES_PER_ELEMENT)));
    let (Some(count), Some(0..=MAX_BYTES)) = (count, cost) else {
        bail!(
            Unsupported,
            "the elements to print need more than {MAX_BYTES} bytes; lower `threshold` or `edge_items`"
        );
    };
    let mut reader = Reader { tensor, bytes: Vec::with_capacity(count * item_size) };
    reader.walk(axes, tensor.layout().strides(), tensor.layout().offset());
    Ok(Picked { bytes: reader.bytes, item_size, count })
}

/// Bytes of an element whose scalars, if narrower, are widened to whole bytes.
fn whole_bytes(dtype: DType) -> usize {
    match dtype.kind {
        0 => usize::from(dtype.bits.div_ceil(8)) * usize::from(dtype.lanes),
        _ => dtype.item_size(),
    }
}

struct Reader<'a> {
    tensor: &'a Tensor,
    bytes: Vec<u8>,
}

impl Reader<'_> {
    fn walk(&mut self, axes: &[Axis], strides: &[i64], offset: i64) {
        match (axes, strides) {
            ([axis, axes @ ..], [stride, strides @ ..]) => {
                axis.indices().for_each(|i| self.walk(axes, strides, offset + i * stride));
            }
            _ => self.element(offset),
        }
    }

    /// Appends the element at `offset`, counted from the start of the storage.
    fn element(&mut self, offset: i64) {
        let dtype = self.tensor.dtype();
        let first_bit = i128::from(offset) * i128::from(dtype.element_bits());
        if dtype.kind != 0 || dtype.bits % 8 == 0 {
            return self.append((first_bit / 8) as usize, whole_bytes(dtype));
        }
        let step = dtype.element_bits() / u64::from(dtype.lanes);
        for lane in 0..dtype.lanes {
            self.narrow(first_bit + i128::from(lane) * i128::from(step));
        }
    }

    /// Appends the scalar of fewer than 8 bits at `bit`, in the low bits of a byte of its own. Bit 0 of a byte
    /// comes first.
    fn narrow(&mut self, bit: i128) {
        let (byte, shift, bits) = ((bit / 8) as usize, (bit % 8) as u32, u32::from(self.tensor.dtype().bits));
        let end = self.bytes.len();
        self.append(byte, if shift + bits > 8 { 2 } else { 1 });
        let wide = self.bytes.drain(end..).rev().fold(0u32, |wide, byte| wide << 8 | u32::from(byte));
        self.bytes.push((wide >> shift & ((1 << bits) - 1)) as u8);
    }

    /// Appends `count` bytes that belong to an element, `byte` from the start of the storage.
    fn append(&mut self, byte: usize, count: usize) {
        let end = self.bytes.len();
        self.bytes.resize(end + count, 0);
        let source = self.tensor.storage().start().wrapping_add(byte);
        // SAFETY: `format` has asked whether the host reaches the storage, which lives as long as the borrowed tensor;
        // the tensor's layout stays inside it, and the range is an element of the layout. The target is `count` bytes
        // of a vector of our own. Who writes to the elements meanwhile has broken the rule that writers order
        // themselves. Bytes need no alignment.
        unsafe { source.copy_to_nonoverlapping(self.bytes[end..].as_mut_ptr(), count) };
    }
}
