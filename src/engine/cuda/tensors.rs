//! Tensors of which one at least is on a device: which stream works on them, in which order with other work, and from
//! where to where.

use super::boxes::boxes;
use super::queue::Queue;
use super::transfer::{Memory, narrower, transfer};
use super::{device, equal};
use crate::device::Device;
use crate::device::cuda::{self, Context, Stream};
use crate::engine::progress::Progress;
use crate::engine::{Transform, View, ViewMut};
use crate::error::{Result, bail};
use crate::layout::Layout;
use crate::tensor::Tensor;

/// Bytes of the target between two reports of progress, and of what goes from one device to another at once.
const PART: u64 = 64 << 20;

const CUDA: i32 = 2;

/// Whether a device does what is done with tensors on these two.
pub fn is_on_device(a: Device, b: Device) -> bool {
    a.device_type == CUDA || b.device_type == CUDA
}

/// Whether what is on the one has to be brought to where the other is.
pub fn is_transfer(a: Device, b: Device) -> bool {
    a != b && is_on_device(a, b)
}

/// What is to be done, once and for all parts.
#[derive(Clone, Copy)]
pub struct Task<'a> {
    /// What is read.
    pub source: &'a Tensor,
    /// Its layout, broadcast.
    pub layout: &'a Layout,
    /// What is written.
    pub destination: &'a Tensor,
    /// What happens to numbers.
    pub transform: &'a Transform<'a>,
    /// Whether elements of the one may be those of the other.
    pub overlaps: bool,
    /// In whose order.
    pub stream: Stream,
}

/// What a device has to do with the memory of a tensor.
fn memory(tensor: &Tensor) -> Result<Memory> {
    match memory_of(tensor.device()) {
        Memory::Pageable => {
            tensor.require_host("conversion")?;
            // Whoever pinned it need not have said so.
            let known = cuda::pointer(tensor.storage().start().addr() as u64)?;
            Ok(if known.is_some() { Memory::Pinned } else { Memory::Pageable })
        }
        labelled => Ok(labelled),
    }
}

/// The same by the device alone.
pub fn memory_of(device: Device) -> Memory {
    match device.device_type {
        CUDA | 13 => Memory::Near,
        3 => Memory::Pinned,
        _ => Memory::Pageable,
    }
}

/// Whether the host may look at the memory, or change it, without asking anybody.
fn is_plain(tensor: &Tensor) -> bool {
    !matches!(tensor.device().device_type, CUDA | 3 | 13)
}

impl Task<'_> {
    /// Does it, as the engine on the host would.
    ///
    /// # Safety
    /// Elements of the destination do not overlap each other, and those of the source only as is said. Nobody else uses
    /// either, but in the stream's order or as the storages know.
    pub unsafe fn run(&self, progress: Option<&Progress>) -> Result<()> {
        let Self { source, destination, .. } = *self;
        let kinds = [memory(source)?, memory(destination)?];
        let near = if destination.device().device_type == CUDA { destination } else { source };
        let context = near.storage().context()?;
        let bits = |count: i64| count as u64 * destination.dtype().element_bits();
        let both = [source, destination].map(|tensor| tensor.device().device_type == CUDA);
        let other = if both == [true; 2] { source.storage().context()? } else { context };
        let whole = Transform { progress: None, ..*self.transform };
        let layout = destination.layout();
        let is_across = !std::ptr::eq(context, other);
        if self.overlaps || (progress.is_none() && !is_across) {
            // SAFETY: as the caller promises.
            unsafe { self.part(context, kinds, self.layout, layout, &whole) }?;
            let Some(progress) = progress else { return Ok(()) };
            synchronize(context, self.stream)?;
            return progress.advance(u64::MAX);
        }
        let most = (PART * 8 / destination.dtype().element_bits().max(1)).max(1) as i64;
        boxes(layout, most, &mut |part| {
            let (from, to) = (part.of(self.layout)?, part.of(layout)?);
            let transform = part.transform(&whole);
            // SAFETY: as the caller promises, for a part.
            unsafe {
                match is_across {
                    true => self.across([other, context], &from, &to, &transform)?,
                    false => self.part(context, kinds, &from, &to, &transform)?,
                }
            }
            let Some(progress) = progress else { return Ok(()) };
            synchronize(context, self.stream)?;
            progress.advance(bits(part.count()))
        })
    }

    fn views<'a>(&self, from: &'a Layout, to: &'a Layout) -> (View<'a>, ViewMut<'a>) {
        let Self { source, destination, .. } = *self;
        let from = View { data: source.storage().start(), dtype: source.dtype(), layout: from };
        let data = destination.storage().start();
        (from, ViewMut { data, dtype: destination.dtype(), layout: to })
    }

    /// A part, by the one device.
    ///
    /// # Safety
    /// As for [`run`](Self::run).
    unsafe fn part(
        &self,
        context: &'static Context,
        kinds: [Memory; 2],
        from: &Layout,
        to: &Layout,
        transform: &Transform,
    ) -> Result<()> {
        let (source, target) = self.views(from, to);
        // What the host may look at or change once the call is over has to be done by then.
        let looks = is_plain(self.destination) || is_plain(self.source) && kinds[0] == Memory::Pinned;
        in_order([self.source, self.destination], context, self.stream, looks, |queue| {
            // SAFETY: the layouts stay inside their storages, which are released in stream order.
            unsafe {
                match self.overlaps {
                    true => device::convert_overlapping(&source, &target, transform, queue),
                    false => transfer(&source, &target, transform, kinds, queue),
                }
            }
        })
    }

    /// A part, from one device to another: packed there, as the narrower type, and unpacked here.
    ///
    /// # Safety
    /// As for [`run`](Self::run).
    unsafe fn across(
        &self,
        [there, here]: [&'static Context; 2],
        from: &Layout,
        to: &Layout,
        transform: &Transform,
    ) -> Result<()> {
        let (source, target) = self.views(from, to);
        let travels = narrower(source.dtype, target.dtype, target.dtype);
        let between = to.dense_like();
        let bytes = (to.element_count() as u64 * travels.element_bits()).div_ceil(8) as usize;
        let none = Transform::default();
        let [before, after] = if travels == target.dtype { [transform, &none] } else { [&none, transform] };
        let begun = {
            let entered = here.enter()?;
            if entered.is_capturing(self.stream)? {
                bail!(
                    Unsupported,
                    "the stream is being captured, and work of two devices is no part of its graph"
                );
            }
            entered.record(self.stream)?
        };
        there.enter()?.wait(Stream::LEGACY, &begun)?;
        let mut packed = None;
        in_order([self.source], there, Stream::LEGACY, false, |queue| {
            let room = queue.room(bytes)?;
            let view = ViewMut { data: room.pointer(), dtype: travels, layout: &between };
            // SAFETY: as the caller promises; the room holds so many elements.
            unsafe { device::convert(&source, &view, before, queue) }?;
            let moment = queue.entered.record(queue.stream)?;
            packed = Some((Far { context: there, address: room.keep() }, moment));
            Ok(())
        })?;
        let Some((far, moment)) = packed else { return Ok(()) };
        let done = in_order([self.destination], here, self.stream, false, |queue| {
            queue.entered.wait(queue.stream, &moment)?;
            let arrived = queue.room(bytes)?;
            let view = View { data: arrived.pointer(), dtype: travels, layout: &between };
            // SAFETY: both rooms hold so many bytes; else as the caller promises.
            unsafe {
                queue.copy(arrived.start(), far.address as usize, bytes)?;
                device::convert(&view, &target, after, queue)
            }
        });
        done.and(far.leave(here, self.stream))
    }
}

/// Memory on another device for what travels, of the legacy stream there.
struct Far {
    context: &'static Context,
    address: u64,
}

impl Far {
    /// Frees it after what `stream` has been given so far.
    fn leave(self, here: &'static Context, stream: Stream) -> Result<()> {
        let moment = here.enter().and_then(|entered| entered.record(stream));
        let waits = moment.and_then(|moment| self.context.enter()?.wait(Stream::LEGACY, &moment));
        // The host waits where no stream does.
        waits.or_else(|_| here.enter()?.synchronize_all())
    }
}

impl Drop for Far {
    fn drop(&mut self) {
        if let Ok(entered) = self.context.enter() {
            // SAFETY: made on this stream of this context, and whoever copies from it was waited for.
            let _ = unsafe { entered.free(self.address, Stream::LEGACY) };
        }
    }
}

/// Does `act` on a stream after all that is known to use the tensors, which wait for it in turn; `looks`: so does the host.
fn in_order<const N: usize>(
    tensors: [&Tensor; N],
    context: &'static Context,
    stream: Stream,
    looks: bool,
    act: impl FnOnce(&Queue) -> Result<()>,
) -> Result<()> {
    let entered = context.enter()?;
    let stream = entered.usable(stream)?;
    for tensor in tensors {
        tensor.storage().wait(&entered, stream)?;
    }
    let mut done = act(&Queue { entered: &entered, stream });
    // What failed may have enqueued something before.
    for tensor in tensors.into_iter().filter(|tensor| !is_plain(tensor)) {
        done = done.and(tensor.storage().record(&entered, stream));
    }
    if looks && !entered.is_capturing(stream)? {
        done = done.and(entered.synchronize(stream));
    }
    done
}

fn synchronize(context: &'static Context, stream: Stream) -> Result<()> {
    let entered = context.enter()?;
    if entered.is_capturing(stream)? {
        bail!(Unsupported, "the stream is being captured, so nobody can be told of progress");
    }
    entered.synchronize(stream)
}

/// Makes all elements of `tensor`, which is on a device, those of `value`, which is one on the host of the same type.
///
/// # Safety
/// Elements of the tensor do not overlap each other, and nobody else uses them, but in the stream's order or as the
/// storage knows.
pub unsafe fn fill(tensor: &Tensor, value: &Tensor, stream: Stream) -> Result<()> {
    // SAFETY: the host reaches the one element.
    let bytes = unsafe { std::slice::from_raw_parts(value.data(), value.byte_size()) };
    in_order([tensor], tensor.storage().context()?, stream, false, |queue| {
        let data = tensor.storage().start();
        let target = ViewMut { data, dtype: tensor.dtype(), layout: tensor.layout() };
        // SAFETY: the layout stays inside the storage, which is released in stream order.
        unsafe { device::fill(&target, bytes, queue) }
    })
}

/// Whether two tensors of which one is on a device are equal.
///
/// # Safety
/// Nobody changes them, but in the stream's order or as the storages know.
pub unsafe fn are_equal(a: &Tensor, b: &Tensor, stream: Stream) -> Result<bool> {
    for tensor in [a, b] {
        if memory(tensor)? == Memory::Pageable {
            bail!(
                Unsupported,
                "the two are on {} and {}: only what a device reaches is compared there",
                a.device(),
                b.device()
            );
        }
    }
    let near = if a.device().device_type == CUDA { a } else { b };
    let context = near.storage().context()?;
    if [a, b].iter().all(|tensor| tensor.device().device_type == CUDA) && a.device() != b.device() {
        bail!(Unsupported, "the two are on {} and {}: bring one to the other first", a.device(), b.device());
    }
    let view = |tensor: &Tensor| (tensor.storage().start().cast_const(), tensor.dtype());
    let [(one, one_type), (other, other_type)] = [view(a), view(b)];
    let one = View { data: one, dtype: one_type, layout: a.layout() };
    let other = View { data: other, dtype: other_type, layout: b.layout() };
    let mut same = false;
    in_order([a, b], context, stream, false, |queue| {
        // SAFETY: the layouts stay inside their storages; the stream is waited for.
        same = unsafe { equal::equal(&one, &other, queue) }?;
        Ok(())
    })?;
    Ok(same)
}
