//! From tensors to kernels: what has to be done, where, and whether anything has to be done at all.

use super::{Overflow, Scaling, View, ViewMut};
use crate::device::Device;
use crate::dtype::{Casting, DType, can_cast};
use crate::error::{Result, bail};
use crate::layout::{Layout, Order};
use crate::tensor::{MemoryOrder, Tensor};

/// Whether to copy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CopyMode {
    /// Share the memory or fail.
    Never,
    /// Share the memory when nothing is to be done.
    #[default]
    IfNeeded,
    /// Copy.
    Always,
}

/// How to convert.
#[derive(Clone, Copy, Debug)]
pub struct Convert<'a> {
    /// Which dtype conversions are allowed.
    pub casting: Casting,
    /// What becomes of values that do not fit.
    pub overflow: Overflow,
    /// x · scale + bias.
    pub scaling: Scaling<'a>,
    /// Whether to copy.
    pub copy: CopyMode,
    /// Memory order of the result.
    pub order: MemoryOrder,
    /// Where the result is to be; `None` for where the source is.
    pub device: Option<Device>,
}

impl Default for Convert<'_> {
    fn default() -> Self {
        Self {
            casting: Casting::Unsafe,
            overflow: Overflow::Wrap,
            scaling: Scaling::NONE,
            copy: CopyMode::IfNeeded,
            order: MemoryOrder::C,
            device: None,
        }
    }
}

/// `tensor` in another dtype, order, scale, on another device; itself when nothing is to be done.
pub fn convert(tensor: &Tensor, dtype: DType, how: &Convert<'_>) -> Result<Tensor> {
    dtype.validate()?;
    let device = how.device.unwrap_or(tensor.device());
    let done = dtype == tensor.dtype()
        && device == tensor.device()
        && how.scaling.is_none()
        && match how.order {
            MemoryOrder::C => tensor.is_contiguous(Order::C),
            MemoryOrder::F => tensor.is_contiguous(Order::F),
            MemoryOrder::Keep => true,
        };
    match how.copy {
        CopyMode::IfNeeded if done => return Ok(tensor.clone()),
        CopyMode::Never if done => return Ok(tensor.clone()),
        CopyMode::Never => bail!(CopyRequired, "`copy` forbids the copy that {dtype} on {device} needs"),
        _ => {}
    }
    require_cast(tensor.dtype(), dtype, how.casting)?;
    let result = tensor.empty_like(dtype, how.order, device)?;
    run(tensor, tensor.layout(), &result, how)?;
    Ok(result)
}

/// Writes `source`, broadcast, into `destination`, as if `source` had been copied first.
pub fn copy_into(source: &Tensor, destination: &Tensor, how: &Convert<'_>) -> Result<()> {
    require_writable(destination)?;
    require_cast(source.dtype(), destination.dtype(), how.casting)?;
    let shape = destination.layout().shape();
    let scaling = how.scaling.broadcast(source.layout().ndim(), shape.len())?;
    let how = Convert { scaling, ..*how };
    let layout = source.layout().broadcast_to(shape)?;
    if source.shares_memory(destination) && !same_elements(source, destination) {
        let copy = convert(source, source.dtype(), &Convert { copy: CopyMode::Always, ..Convert::default() })?;
        let layout = copy.layout().broadcast_to(shape)?;
        return run(&copy, &layout, destination, &how);
    }
    run(source, &layout, destination, &how)
}

/// Makes all elements of `tensor` the one of `value`.
pub fn fill(tensor: &Tensor, value: &Tensor) -> Result<()> {
    copy_into(value, tensor, &Convert::default())
}

/// Copies between tensors of one shape and dtype that share no memory.
pub fn copy(source: &Tensor, destination: &Tensor) -> Result<()> {
    run(source, source.layout(), destination, &Convert::default())
}

/// Whether shapes are the same and all elements are equal as numbers.
pub fn equal(a: &Tensor, b: &Tensor) -> Result<bool> {
    a.require_host("comparing")?;
    b.require_host("comparing")?;
    // SAFETY: a tensor's layout stays inside its storage, and its elements are readable while it lives.
    unsafe { super::equal(&view(a, a.layout()), &view(b, b.layout())) }
}

fn require_cast(from: DType, to: DType, casting: Casting) -> Result<()> {
    if !can_cast(from, to, casting) {
        bail!(Dtype, "{from} to {to} is not allowed by `casting`, which is {casting}");
    }
    Ok(())
}

fn require_writable(tensor: &Tensor) -> Result<()> {
    if tensor.is_read_only() {
        bail!(ReadOnly, "`destination` is read-only");
    }
    if tensor.layout().internal_overlap().is_possible() {
        bail!(Layout, "elements of `destination` overlap each other, strides are {:?}", tensor.layout().strides());
    }
    Ok(())
}

/// Whether each element of the one is the same element of the other: then each may be converted in its place.
fn same_elements(a: &Tensor, b: &Tensor) -> bool {
    a.data() == b.data()
        && a.bit_offset() == b.bit_offset()
        && a.dtype().element_bits() == b.dtype().element_bits()
        && a.layout().shape() == b.layout().shape()
        && a.layout().strides() == b.layout().strides()
}

fn view<'a>(tensor: &Tensor, layout: &'a Layout) -> View<'a> {
    View { data: tensor.storage().start(), dtype: tensor.dtype(), layout }
}

fn run(source: &Tensor, layout: &Layout, destination: &Tensor, how: &Convert<'_>) -> Result<()> {
    source.require_host("conversion")?;
    destination.require_host("conversion")?;
    let to = ViewMut {
        data: destination.storage().start(),
        dtype: destination.dtype(),
        layout: destination.layout(),
    };
    // SAFETY: both layouts stay inside their storages, which live as long as their tensors; the callers ruled out
    // that writing one element changes another that is still to be read.
    unsafe { super::convert(&view(source, layout), &to, how.overflow, &how.scaling) }
}
