//! Conversions of what a device reaches.

use super::launch;
use super::queue::Queue;
use crate::engine::pass::Pass;
use crate::engine::{Transform, View, ViewMut, passes, temporary};
use crate::error::Result;

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
