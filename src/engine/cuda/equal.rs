//! Equality on a device: kernels look at all scalars and leave a mark where any differ.

use std::ffi::CStr;

use super::choose::{LONGEST, same_words};
use super::device;
use super::families::EQUAL;
use super::kernel::Type;
use super::nest::{self, Ends, allows, nests, trace};
use super::params::{Equal, EqualNumbers, LOOPS, Rule};
use super::queue::{Queue, Room};
use crate::device::cuda::Pattern;
use crate::dtype::Scalar;
use crate::dtype::float::Special;
use crate::engine::compare::{Comparison, When, comparisons};
use crate::engine::plan::Plan;
use crate::engine::{Transform, View, ViewMut};
use crate::error::{Result, bail};
use crate::layout::Layout;

/// Items of a launch.
const MOST: i64 = i32::MAX as i64;

/// [`engine::equal`](crate::engine::equal) on the device of the queue, in its stream's order. The stream is waited for.
///
/// # Safety
/// As there, for memory that the device reaches.
pub unsafe fn equal(a: &View, b: &View, queue: &Queue) -> Result<bool> {
    if queue.entered.is_capturing(queue.stream)? {
        bail!(Unsupported, "the stream is being captured, and the host is to be told what it finds");
    }
    let marks = queue.room(4)?;
    // SAFETY: the room has four bytes.
    unsafe { queue.entered.set(marks.start() as u64, Pattern::U32(0), 1, queue.stream) }?;
    let of_times = |view: &View| matches!(view.dtype.kind, b'M' | b'm');
    // SAFETY: as the caller promises.
    let aligned = [a, b].map(|view| if of_times(view) { unsafe { aligned(view, queue) } } else { Ok(None) });
    let [one, other] = aligned;
    let (one, other) = (one?, other?);
    let [a, b] = [(a, &one), (b, &other)].map(|(view, copy)| match copy {
        Some((room, layout)) => View { data: room.pointer(), dtype: view.dtype, layout },
        None => *view,
    });
    let same_shape = comparisons((a.dtype, a.layout), (b.dtype, b.layout), &mut |comparison| {
        nest::pieces(comparison.plan, LONGEST, &mut |plan| {
            let comparison = Comparison { plan, ..*comparison };
            // SAFETY: the plan visits elements of the layouts.
            unsafe { compare(&comparison, [a.data.addr(), b.data.addr()], marks.start() as u64, queue) }
        })?;
        Ok(true)
    })?;
    let mut mark = 0u32;
    // SAFETY: four bytes on both sides; the stream is waited for before the variable is gone.
    unsafe {
        let copied = queue.copy((&raw mut mark).expose_provenance(), marks.start(), 4);
        queue.entered.synchronize(queue.stream)?;
        copied?;
        Ok(same_shape && (&raw const mark).read_volatile() == 0)
    }
}

/// A copy of dates that do not lie at multiples of their size.
///
/// # Safety
/// As for [`equal`].
unsafe fn aligned<'a>(view: &View, queue: &Queue<'a>) -> Result<Option<(Room<'a>, Layout)>> {
    if view.data.addr().is_multiple_of(8) {
        return Ok(None);
    }
    let layout = view.layout.dense_like();
    let Some(bytes) = usize::try_from(layout.element_count()).ok().and_then(|count| count.checked_mul(8))
    else {
        bail!(OutOfMemory, "{} dates are more than there are addresses", layout.element_count());
    };
    let room = queue.room(bytes)?;
    let copy = ViewMut { data: room.pointer(), dtype: view.dtype, layout: &layout };
    // SAFETY: the room holds as many elements as the compact layout has.
    unsafe { device::convert(view, &copy, &Transform::default(), queue) }?;
    Ok(Some((room, layout)))
}

/// # Safety
/// The scalars of the plan are readable at `ends`, and the mark is writable.
unsafe fn compare(comparison: &Comparison, ends: Ends, mark: u64, queue: &Queue) -> Result<()> {
    let &Comparison { plan, cells, when } = comparison;
    let (types, floats, ends) = match when {
        When::Numbers([x, y]) => ([x, y], x.is_float() || y.is_float(), ends),
        When::Zeros(scalar, which) => ([scalar; 2], true, [ends[which], 0]),
        // SAFETY: as the caller promises.
        When::Bytes => return unsafe { compare_bytes(comparison, ends, mark, queue) },
        When::Times => {
            let rule = (Rule::Never, 1 << 63);
            // SAFETY: as the caller promises; dates have eight bytes, and lie at multiples of eight.
            return unsafe { compare_words(comparison, rule, ends, mark, queue) };
        }
    };
    let trace = trace(plan, &plan.loops, ends);
    let size = i64::from(types[0].bits().div_ceil(8));
    let is_plain = cells.iter().all(|cell| !cell.packed) && trace.iter().all(|trace| allows(*trace, size));
    // SAFETY: as the caller promises.
    unsafe {
        match rule(types[0]) {
            Some((Rule::Same, _)) if matches!(when, When::Numbers([x, y]) if x == y) && is_plain => {
                compare_bytes(comparison, ends, mark, queue)
            }
            Some(rule) if matches!(when, When::Numbers([x, y]) if x == y) && is_plain => {
                compare_words(comparison, rule, ends, mark, queue)
            }
            _ => launch(plan, c"equal_numbers", 256, queue, &|items| {
                EqualNumbers::new(ends, items, mark, types.map(Type::of), cells, floats)
            }),
        }
    }
}

/// When two numbers of a type are equal, by their bits; nothing for those that do not fill their bytes.
fn rule(scalar: Scalar) -> Option<(Rule, u64)> {
    Some(match scalar {
        Scalar::Bool => (Rule::Logic, 0),
        Scalar::Int(8..) | Scalar::Uint(8..) => (Rule::Same, 0),
        Scalar::Int(_) | Scalar::Uint(_) => return None,
        Scalar::Float16 => (Rule::Float, 0x7C00),
        Scalar::Float32 => (Rule::Float, 0x7F80_0000),
        Scalar::Float64 => (Rule::Float, 0x7FF0_0000_0000_0000),
        Scalar::Small(format) => match format.anatomy() {
            (exponent, mantissa, _, Special::Ieee) => (Rule::Float, ((1 << exponent) - 1) << mantissa),
            (exponent, mantissa, _, Special::Fn) => (Rule::Float, (1 << (exponent + mantissa)) - 2),
            (.., Special::Fnuz) => (Rule::Never, 0x80),
            (.., Special::Scale) => (Rule::Never, 0xFF),
            (.., Special::Finite) => return None,
        },
    })
}

/// Scalars that a rule looks into: whole, aligned to their size.
///
/// # Safety
/// As for [`compare`].
unsafe fn compare_words(
    comparison: &Comparison,
    rule: (Rule, u64),
    ends: Ends,
    mark: u64,
    queue: &Queue,
) -> Result<()> {
    let &Comparison { plan, cells: [from, to], .. } = comparison;
    let size = from.bytes() as i64;
    let swap = if from.swapped == to.swapped { 1 } else { size };
    let turn = if to.swapped { size } else { 1 };
    // SAFETY: as the caller promises.
    unsafe {
        launch(plan, c"equal_words", 512, queue, &|items| {
            Equal::new(ends, items, mark, rule, [swap, turn], size)
        })
    }
}

/// Scalars whose bytes are compared, by words as large as may be.
///
/// # Safety
/// As for [`compare`].
unsafe fn compare_bytes(comparison: &Comparison, ends: Ends, mark: u64, queue: &Queue) -> Result<()> {
    let (items, size, swap) = same_words(comparison.plan, comparison.cells, ends)?;
    let rule = (Rule::Same, 0);
    // SAFETY: as the caller promises.
    unsafe {
        launch(&items, c"equal_words", 512, queue, &|items| {
            Equal::new(ends, items, mark, rule, [swap, 1], size)
        })
    }
}

/// # Safety
/// The kernel takes what `parameters` gives, and may touch what they say.
unsafe fn launch<P: super::params::Params>(
    plan: &Plan,
    name: &'static CStr,
    block: usize,
    queue: &Queue,
    parameters: &dyn Fn(&Plan) -> P,
) -> Result<()> {
    nests(plan, LOOPS, MOST, &mut |items| {
        #[cfg(test)]
        super::RAN.with_borrow_mut(|ran| ran.extend(name.to_str()));
        let blocks = items.count().div_ceil(block) as u32;
        // SAFETY: as the caller promises.
        unsafe { queue.launch(&EQUAL, name, blocks, &parameters(items)) }
    })
}
