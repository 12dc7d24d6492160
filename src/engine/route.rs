//! From tensors to kernels: what has to be done, where, and whether anything has to be done at all.

use std::mem::MaybeUninit;

use super::cuda::tensors::is_on_device as on_device;
use super::pass::Form;
use super::progress::{Callback, Progress};
use super::recall::{self, Question};
use super::{Transform, View, ViewMut, cuda, explain};
use crate::device::Device;
use crate::device::cuda::Stream;
use crate::dtype::{Casting, DType, Overflow, casting_needed};
use crate::error::{Result, bail};
use crate::layout::{Layout, Order, normalize_axis};
use crate::storage::Place;
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
    /// Factors: none, one, or one for each index along `axis`.
    pub scale: &'a [f64],
    /// Summands: none, one, or one for each index along `axis`.
    pub bias: &'a [f64],
    /// The axis of the source along which `scale` and `bias` vary, negative from the end.
    pub axis: i32,
    /// Whether to copy.
    pub copy: CopyMode,
    /// Memory order of the result.
    pub order: MemoryOrder,
    /// Where the result is to be; `None` for where the source is, a copy of memory that the host reaches on the host.
    pub device: Option<Device>,
    /// Who is told how far a long conversion is, and may stop it.
    pub progress: Option<Callback>,
    /// The stream in whose order a device works.
    pub stream: Stream,
}

impl Default for Convert<'_> {
    fn default() -> Self {
        Self {
            casting: Casting::Unsafe,
            overflow: Overflow::Wrap,
            scale: &[],
            bias: &[],
            axis: 0,
            copy: CopyMode::IfNeeded,
            order: MemoryOrder::C,
            device: None,
            progress: None,
            stream: Stream::LEGACY,
        }
    }
}

impl Convert<'_> {
    /// Whether there is nothing but the rules.
    #[inline(always)]
    fn is_plain(&self) -> bool {
        !self.scales() && self.progress.is_none()
    }

    /// The same for copies into a tensor: a device that is named has to be that tensor's, which is found out on the long way.
    fn is_plain_copy(&self) -> bool {
        self.is_plain() && self.device.is_none()
    }

    #[inline(always)]
    fn scales(&self) -> bool {
        !self.scale.is_empty() || !self.bias.is_empty()
    }

    /// What the kernels need, for a source of `ndim` axes that is broadcast to `to_ndim`.
    fn transform(&self, ndim: usize, to_ndim: usize) -> Result<Transform<'_>> {
        let mut axis = 0;
        if self.scale.len() > 1 || self.bias.len() > 1 {
            // Broadcasting adds axes at the front.
            axis = normalize_axis("axis", self.axis, ndim)? + to_ndim - ndim;
        }
        Ok(Transform { overflow: self.overflow, scale: self.scale, bias: self.bias, axis, progress: None })
    }
}

/// `tensor` in another dtype, order, scale, on another device; itself when nothing is to be done.
///
/// ```
/// use ndferry::device::Device;
/// use ndferry::dtype::DType;
/// use ndferry::engine::route::{Convert, convert, explain_convert};
/// use ndferry::layout::Order;
/// use ndferry::tensor::{FormatOptions, Tensor};
///
/// let counts = Tensor::zeros(DType::UINT8, &[2, 3], Order::C, Device::CPU)?;
/// let how = Convert { scale: &[2.0], bias: &[0.5, 1.5], axis: 0, ..Convert::default() };
/// let scaled = convert(&counts, DType::FLOAT32, &how)?;
/// assert_eq!(scaled.format(&FormatOptions::default())?, "[[0.5, 0.5, 0.5],\n [1.5, 1.5, 1.5]]");
/// assert!(explain_convert(&counts, DType::FLOAT32, &how)?.starts_with("uint8 to float32"));
///
/// let same = convert(&counts, DType::UINT8, &Convert::default())?;
/// assert!(same.shares_memory(&counts));
/// # Ok::<(), ndferry::error::Error>(())
/// ```
pub fn convert(tensor: &Tensor, dtype: DType, how: &Convert<'_>) -> Result<Tensor> {
    dtype.validate()?;
    let scalars = scalars(tensor, dtype)?;
    let source = scalars.as_ref().unwrap_or(tensor);
    let Some(device) = device_of_copy(source, dtype, how)? else { return Ok(source.clone()) };
    let result = source.empty_like(dtype, how.order, Place { device, stream: how.stream })?;
    let rules = (how.casting, how.overflow);
    if how.is_plain() && (again_called(source, &result, rules) || at_once(source, &result, rules)) {
        return Ok(result);
    }
    let question = question(source, &result, rules);
    let asked = how.is_plain().then_some(&question);
    let transform = how.transform(source.layout().ndim(), source.layout().ndim())?;
    run(source, source.layout(), &result, &transform, Sharing::Nothing, how, asked)?;
    Ok(result)
}

/// What [`convert`] does, in words. Fails as it does.
pub fn explain_convert(tensor: &Tensor, dtype: DType, how: &Convert<'_>) -> Result<String> {
    dtype.validate()?;
    let source = scalars(tensor, dtype)?.unwrap_or_else(|| tensor.clone());
    let title = format!("{} to {dtype}", source.dtype());
    let Some(device) = device_of_copy(&source, dtype, how)? else {
        return Ok(format!("{title}: nothing is to be done, the memory is shared"));
    };
    let (layout, bytes) = source.layout_like(dtype, how.order, device)?;
    let transform = how.transform(layout.ndim(), layout.ndim())?;
    let forms = [(source.dtype(), source.layout()), (dtype, &layout)];
    let start = source.storage().start().addr();
    // New memory is aligned to more than any kernel asks for.
    let passes = explain_passes(forms, &transform, [source.device(), device], [start, 0])?;
    Ok(format!("{title}: makes {bytes} B{passes}"))
}

/// Where `source` has to be copied to; `None` when nothing is to be done.
fn device_of_copy(source: &Tensor, dtype: DType, how: &Convert<'_>) -> Result<Option<Device>> {
    require_cast(source.dtype(), dtype, how.casting)?;
    let device = how.device.unwrap_or(source.device());
    let in_order = match how.order {
        MemoryOrder::C => source.is_contiguous(Order::C),
        MemoryOrder::F => source.is_contiguous(Order::F),
        MemoryOrder::Keep => true,
    };
    let done = dtype == source.dtype() && device == source.device() && in_order && !how.scales();
    match how.copy {
        CopyMode::IfNeeded | CopyMode::Never if done => return Ok(None),
        CopyMode::Never => bail!(CopyRequired, "`copy` forbids the copy that {dtype} on {device} needs"),
        CopyMode::IfNeeded | CopyMode::Always => {}
    }
    // What is made of pinned and managed memory is in plain host memory unless somebody asks for something else.
    let anywhere = how.device.is_none() && device.is_host_accessible();
    Ok(Some(if anywhere { Device::CPU } else { device }))
}

/// Vector elements as scalars along the last axis, when `dtype` has one lane and the tensor's has more: two packed
/// 4-bit floats in an element of two lanes are two elements of one. Nothing where there is nothing to do.
fn scalars(tensor: &Tensor, dtype: DType) -> Result<Option<Tensor>> {
    match (tensor.dtype().lanes, dtype.lanes) {
        (2.., 1) if tensor.dtype().kind == 0 => {
            tensor.reinterpret(DType { lanes: 1, ..tensor.dtype() }).map(Some)
        }
        _ => Ok(None),
    }
}

/// Writes `source`, broadcast, into `destination`, as if `source` had been copied first.
pub fn copy_into(source: &Tensor, destination: &Tensor, how: &Convert<'_>) -> Result<()> {
    if how.is_plain_copy() && again_called(source, destination, (how.casting, how.overflow)) {
        return Ok(());
    }
    write_anew(source, destination, "destination", how)
}

/// What [`copy_into`] does, in words. Fails as it does.
pub fn explain_copy_into(source: &Tensor, destination: &Tensor, how: &Convert<'_>) -> Result<String> {
    write_into(source, destination, "destination", how, tell)
}

/// Makes all elements of `tensor` the one of `value`, which is converted once and then copied.
pub fn fill(tensor: &Tensor, value: &Tensor, stream: Stream) -> Result<()> {
    require_writable(tensor, "tensor")?;
    let how = Convert { stream, ..Convert::default() };
    let value = convert(value, tensor.dtype(), &how)?;
    if !on_device(tensor.device(), tensor.device()) {
        return write_anew(&value, tensor, "tensor", &how);
    }
    require_distinct(tensor, "tensor")?;
    // SAFETY: a tensor's layout stays inside its storage, and no two of its elements overlap.
    unsafe { cuda::tensors::fill(tensor, &value, stream) }
}

/// [`fill`] with the element of `dtype` at `value`, if that was done before. Whether it was.
///
/// # Safety
/// The element is readable.
pub unsafe fn fill_again(tensor: &Tensor, dtype: DType, value: *const u8) -> bool {
    static ALONE: Layout = Layout::scalar();
    let (storage, own) = (tensor.storage(), tensor.dtype());
    let is_plain = [dtype, own].iter().all(|dtype| dtype.kind == 0 && dtype.lanes == 1);
    if !is_plain || tensor.is_read_only() || !storage.is_the_hosts() {
        return false;
    }
    // The value may be one of the elements.
    let mut room = MaybeUninit::<[u8; u8::MAX.div_ceil(8) as usize]>::uninit();
    let room = room.as_mut_ptr().cast::<u8>();
    let rules = (Casting::Unsafe, Overflow::Wrap);
    let ask = |source, target| Question { source, target, rules };
    // SAFETY: scalars have at most 255 bits; a tensor's elements lie in its storage. Whatever depends on types and layouts
    // only was found in order when the same questions were answered.
    unsafe {
        let is_there = if dtype == own {
            room.copy_from_nonoverlapping(value, dtype.item_size());
            true
        } else {
            recall::copy_called(&ask((dtype, &ALONE), (own, &ALONE)), value, room)
        };
        is_there && recall::copy_called(&ask((own, &ALONE), (own, tensor.layout())), room, storage.start())
    }
}

/// [`copy_into`] by nothing but the rules, as it was done when the same was asked before. Whether it was.
#[inline(always)]
pub fn copied_again(source: &Tensor, destination: &Tensor, rules: (Casting, Overflow)) -> bool {
    let Some((from, to)) = places(source, destination) else { return false };
    // SAFETY: a tensor's elements lie in its storage, and the two storages do not meet. Whatever depends on types and
    // layouts only was found in order when the same question was answered.
    unsafe { recall::copy(&question(source, destination, rules), from, to) }
}

/// [`copied_again`], not inlined.
#[inline(never)]
fn again_called(source: &Tensor, destination: &Tensor, rules: (Casting, Overflow)) -> bool {
    copied_again(source, destination, rules)
}

/// Copies by nothing but the rules what takes little thought. Whether it did.
fn at_once(source: &Tensor, destination: &Tensor, rules: (Casting, Overflow)) -> bool {
    let Some((from, to)) = places(source, destination) else { return false };
    let (a, b) = (source.dtype(), destination.dtype());
    let is_allowed = a == b || casting_needed(a, b).is_some_and(|needed| needed <= rules.0);
    let is_distinct = !destination.layout().internal_overlap().is_possible();
    // SAFETY: a tensor's elements lie in its storage, and the two storages do not meet.
    is_allowed
        && is_distinct
        && unsafe { recall::copy_at_once(&question(source, destination, rules), from, to) }
}

/// Where the two storages begin, if the host may write the one and read the other, and they do not meet.
#[inline(always)]
fn places(source: &Tensor, destination: &Tensor) -> Option<(*const u8, *mut u8)> {
    let (from, to) = (source.storage(), destination.storage());
    (from.is_the_hosts() && to.is_the_hosts() && !destination.is_read_only() && from.is_apart(to))
        .then(|| (from.start().cast_const(), to.start()))
}

#[inline(always)]
fn question<'a>(source: &'a Tensor, destination: &'a Tensor, rules: (Casting, Overflow)) -> Question<'a> {
    let [source, target] = [source, destination].map(|tensor| (tensor.dtype(), tensor.layout()));
    Question { source, target, rules }
}

/// [`copy_into`] where it has to be found out how, the destination called `name` in messages.
#[inline(never)]
fn write_anew(source: &Tensor, destination: &Tensor, name: &str, how: &Convert<'_>) -> Result<()> {
    let rules = (how.casting, how.overflow);
    if how.is_plain_copy() && at_once(source, destination, rules) {
        return Ok(());
    }
    let question = question(source, destination, rules);
    // Whoever is told of progress may release the tensors.
    let _held = how.progress.map(|_| [source.clone(), destination.clone()]);
    write_into(source, destination, name, how, |source, layout, destination, transform, sharing| {
        let asked = how.is_plain().then_some(&question);
        run(source, layout, destination, transform, sharing, how, asked)
    })
}

/// [`write_anew`] up to what `act` does, which is [`run`] or [`tell`].
fn write_into<T>(
    source: &Tensor,
    destination: &Tensor,
    name: &str,
    how: &Convert<'_>,
    act: impl FnOnce(&Tensor, &Layout, &Tensor, &Transform<'_>, Sharing) -> Result<T>,
) -> Result<T> {
    require_writable(destination, name)?;
    require_distinct(destination, name)?;
    let scalars = scalars(source, destination.dtype())?;
    let source = scalars.as_ref().unwrap_or(source);
    require_cast(source.dtype(), destination.dtype(), how.casting)?;
    require_side(source, destination, name, how.device)?;
    let shape = destination.layout().shape();
    let broadcast = match source.layout().shape() == shape {
        true => None,
        false => Some(broadcast(source.layout(), shape, name)?),
    };
    let transform = how.transform(source.layout().ndim(), shape.len())?;
    let sharing = if source.shares_memory(destination) { Sharing::Elements } else { Sharing::Nothing };
    act(source, broadcast.as_ref().unwrap_or(source.layout()), destination, &transform, sharing)
}

fn broadcast(layout: &Layout, shape: &[i64], name: &str) -> Result<Layout> {
    layout.broadcast_to(shape).or_else(|_| {
        let from = layout.shape();
        bail!(Shape, "`source` has shape {from:?}, which does not broadcast to {shape:?}, that of `{name}`")
    })
}

/// Copies between tensors of one shape and dtype that share no memory, in the order of `stream` where a device does.
pub fn copy(source: &Tensor, destination: &Tensor, stream: Stream) -> Result<()> {
    let how = Convert { stream, ..Convert::default() };
    run(source, source.layout(), destination, &Transform::default(), Sharing::Nothing, &how, None)
}

/// Whether shapes are the same and all elements are equal as numbers; compared in the order of `stream` where a device
/// does.
pub fn equal(a: &Tensor, b: &Tensor, stream: Stream) -> Result<bool> {
    if on_device(a.device(), b.device()) {
        // SAFETY: a tensor's layout stays inside its storage, and its elements are readable while it lives.
        return unsafe { cuda::tensors::are_equal(a, b, stream) };
    }
    a.require_host("comparing")?;
    b.require_host("comparing")?;
    settle(a, b)?;
    // SAFETY: a tensor's layout stays inside its storage, and its elements are readable while it lives.
    unsafe { super::equal(&view(a, a.layout()), &view(b, b.layout())) }
}

/// Waits for the work of devices on memory that the host is about to use.
fn settle(a: &Tensor, b: &Tensor) -> Result<()> {
    a.storage().synchronize()?;
    b.storage().synchronize()
}

/// Elements go from one device to another where somebody says so, and not by the way.
fn require_side(source: &Tensor, destination: &Tensor, name: &str, device: Option<Device>) -> Result<()> {
    let (from, to) = (source.device(), destination.device());
    match device {
        Some(device) if device != to => {
            bail!(InvalidArgument, "`device` is {device}, `{name}` is on {to}")
        }
        None if cuda::tensors::is_transfer(from, to) => bail!(
            InvalidArgument,
            "`source` is on {from}, `{name}` on {to}: to copy from one to the other `device` has to be {to}"
        ),
        _ => Ok(()),
    }
}

fn require_cast(from: DType, to: DType, casting: Casting) -> Result<()> {
    match casting_needed(from, to) {
        None => bail!(Unsupported, "there is no conversion from {from} to {to}"),
        Some(needed) if needed > casting => {
            bail!(Dtype, "{from} to {to} is not allowed by `casting`, which is {casting}")
        }
        Some(_) => Ok(()),
    }
}

fn require_writable(tensor: &Tensor, name: &str) -> Result<()> {
    if tensor.is_read_only() {
        bail!(ReadOnly, "`{name}` is read-only");
    }
    Ok(())
}

/// Refuses a destination whose elements overlap each other.
fn require_distinct(tensor: &Tensor, name: &str) -> Result<()> {
    if tensor.layout().internal_overlap().is_possible() {
        let strides = tensor.layout().strides();
        bail!(Layout, "elements of `{name}` overlap each other, strides are {strides:?}");
    }
    Ok(())
}

fn view<'a>(tensor: &Tensor, layout: &'a Layout) -> View<'a> {
    View { data: tensor.storage().start(), dtype: tensor.dtype(), layout }
}

/// What source and destination have in common.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sharing {
    Nothing,
    Elements,
}

fn run(
    source: &Tensor,
    layout: &Layout,
    destination: &Tensor,
    transform: &Transform<'_>,
    sharing: Sharing,
    how: &Convert<'_>,
    asked: Option<&Question>,
) -> Result<()> {
    let from = view(source, layout);
    let to = ViewMut {
        data: destination.storage().start(),
        dtype: destination.dtype(),
        layout: destination.layout(),
    };
    let progress = how.progress.map(|callback| {
        let bits = |dtype: DType| layout.element_count() as u64 * dtype.element_bits();
        let copied = if sharing == Sharing::Elements { bits(from.dtype) } else { 0 };
        Progress::new(callback, copied + bits(to.dtype))
    });
    if on_device(source.device(), destination.device()) {
        let (overlaps, stream) = (sharing == Sharing::Elements, how.stream);
        let task = cuda::tensors::Task { source, layout, destination, transform, overlaps, stream };
        // SAFETY: as below.
        return unsafe { task.run(progress.as_ref()) };
    }
    source.require_host("conversion")?;
    destination.require_host("conversion")?;
    settle(source, destination)?;
    let transform = Transform { progress: progress.as_ref(), ..*transform };
    // SAFETY: both layouts stay inside their storages, which live as long as their tensors; elements of the
    // destination do not overlap each other, and those of the source only as `sharing` says.
    unsafe {
        match sharing {
            Sharing::Nothing => super::convert_and_show(&from, &to, &transform, &mut |pass, job| {
                if let Some(question) = asked {
                    recall::keep(question, pass, job);
                }
            }),
            Sharing::Elements => super::convert_overlapping(&from, &to, &transform),
        }
    }
}

/// What [`run`] does, in words.
fn tell(
    source: &Tensor,
    layout: &Layout,
    destination: &Tensor,
    transform: &Transform<'_>,
    sharing: Sharing,
) -> Result<String> {
    let forms = [(source.dtype(), layout), (destination.dtype(), destination.layout())];
    let ends = [source, destination].map(|tensor| tensor.storage().start().addr());
    let devices = [source.device(), destination.device()];
    let passes = match sharing {
        Sharing::Nothing => explain_passes(forms, transform, devices, ends)?,
        Sharing::Elements => explain::overlapping(forms[0], forms[1], transform, |forms, transform| {
            explain_passes(forms, transform, devices, ends)
        })?,
    };
    Ok(format!("{} to {}: into the destination{passes}", source.dtype(), destination.dtype()))
}

/// The passes between two devices in words.
fn explain_passes(
    forms: [Form; 2],
    transform: &Transform<'_>,
    devices: [Device; 2],
    ends: [usize; 2],
) -> Result<String> {
    if on_device(devices[0], devices[1]) {
        return cuda::tell::conversion(forms, transform, ends, devices.map(cuda::tensors::memory_of));
    }
    for device in devices {
        if !device.is_host_accessible() {
            bail!(Unsupported, "conversion needs memory that the host can reach, the tensor is on {device}");
        }
    }
    explain::conversion(forms[0], forms[1], transform)
}
