//! Conversions of what a device reaches.

use super::queue::Queue;
use super::{fill, launch};
use crate::engine::host::memory::Cell;
use crate::engine::pass::Pass;
use crate::engine::{Transform, View, ViewMut, passes, temporary};
use crate::error::{Result, bail};
use crate::layout::{Dims, Layout};

/// [`engine::convert`](crate::engine::convert) on the device of the queue, in its stream's order. The data of both views
/// are addresses that the device has.
///
/// # Safety
/// As there, once the stream has come so far; the memory stays until it has.
pub unsafe fn convert(source: &View, target: &ViewMut, transform: &Transform, queue: &Queue) -> Result<()> {
    let ends = [source.data.addr(), target.data.addr()];
    let forms = [(source.dtype, source.layout), (target.dtype, target.layout)];
    passes(forms[0], forms[1], transform, &mut |pass: &Pass| {
        // SAFETY: the plan visits elements of the layouts, as the caller promises.
        unsafe { launch::run(pass, ends, queue) }
    })
}

/// Makes all elements of `target` the one whose bytes are `value`, which are in the host's memory.
///
/// # Safety
/// As for [`convert`].
pub unsafe fn fill(target: &ViewMut, value: &[u8], queue: &Queue) -> Result<()> {
    let ends = [0, target.data.addr()];
    let shape = target.layout.shape();
    let still = Layout::new(shape, &Dims::filled(0, shape.len()), 0)?;
    let forms = [(target.dtype, &still), (target.dtype, target.layout)];
    let mut room = None;
    passes(forms[0], forms[1], &Transform::default(), &mut |pass: &Pass| {
        let whole = Cell::of(target.dtype).bytes() == value.len();
        let steps = if whole { fill::steps(pass.plan, pass.cells[1], value, ends)? } else { None };
        if let Some(steps) = steps {
            // SAFETY: as the caller promises.
            return unsafe { launch::run_steps(&steps, pass, ends, queue) };
        }
        if queue.entered.is_capturing(queue.stream)? {
            bail!(
                Unsupported,
                "the stream is being captured, and {} elements have to be brought to it",
                target.dtype
            );
        }
        let room = room.insert(queue.room(value.len())?);
        // SAFETY: the room holds the value, which the driver has read when this returns.
        unsafe {
            queue.copy(room.start(), value.as_ptr().addr(), value.len())?;
            launch::run(pass, [room.start(), ends[1]], queue)
        }
    })
}

/// [`convert`] for a source and a target that share memory: as if the source had been copied elsewhere first, which is
/// what happens.
///
/// # Safety
/// As for [`convert`], except that the two may overlap.
pub unsafe fn convert_overlapping(
    source: &View,
    target: &ViewMut,
    transform: &Transform,
    queue: &Queue,
) -> Result<()> {
    let forms = [(source.dtype, source.layout), (target.dtype, target.layout)];
    let (layout, bytes) = temporary(forms[0], forms[1], transform)?;
    let room = queue.room(bytes)?;
    let (data, dtype) = (room.pointer(), source.dtype);
    // SAFETY: the room is of this call only, and holds as many elements as the compact layout has.
    unsafe {
        convert(source, &ViewMut { data, dtype, layout: &layout }, &Transform::default(), queue)?;
        convert(&View { data, dtype, layout: &layout }, target, transform, queue)
    }
}
