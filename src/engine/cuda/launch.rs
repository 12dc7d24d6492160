//! Passes run: the kernels that were chosen, with what they are given.

use super::choose::choose;
use super::families::{CAST, family};
use super::kernel::{Kernel, Step, Type, Writes};
use super::nest::{Ends, nests};
use super::params::{Cast, Convert, Copy, FACTORS, Fill, LOOPS, Numbers, Params, Transpose, tiles};
use super::queue::{Queue, Room};
use crate::dtype::{Overflow, Scalar};
use crate::engine::host::factors::Coefficients;
use crate::engine::host::memory::Cell;
use crate::engine::host::path::compute_type;
use crate::engine::loops::Loops;
use crate::engine::pass::{Act, Change, Pass};
use crate::engine::plan::{Loop, Plan};
use crate::error::{Result, bail};

/// Items and blocks of a launch.
const MOST: i64 = i32::MAX as i64;

/// Enqueues a pass whose sides begin at `ends`.
///
/// # Safety
/// All scalars of the plan, counted from there, can be read and written by the device until the stream has come so far,
/// and the two sides do not overlap.
pub unsafe fn run(pass: &Pass, ends: Ends, queue: &Queue) -> Result<()> {
    // SAFETY: as the caller promises; these steps visit what the plan does.
    unsafe { run_steps(&choose(pass, ends)?, pass, ends, queue) }
}

/// Enqueues the steps of a pass.
///
/// # Safety
/// As for [`run`], for what the steps visit.
pub unsafe fn run_steps(steps: &[Step], pass: &Pass, ends: Ends, queue: &Queue) -> Result<()> {
    let factors = Factors::new(pass, queue)?;
    for Step { kernel, items } in steps {
        #[cfg(test)]
        super::RAN.with_borrow_mut(|ran| ran.extend(kernel.name().map(|name| name.to_str().unwrap_or("?"))));
        let tiles =
            kernel.sheet().map_or(1, |sheet| tiles(kernel, sheet).into_iter().map(i64::from).product());
        if tiles > MOST {
            bail!(Overflow, "a sheet of {tiles} tiles is more than one launch takes");
        }
        nests(items, LOOPS, MOST / tiles, &mut |items| {
            let blocks = match kernel.sheet() {
                Some(_) => items.count() as i64 * tiles,
                None => (items.count() + kernel.more()).div_ceil(kernel.block()[0] as usize) as i64,
            };
            // SAFETY: as the caller promises; the kernel visits what the plan does.
            unsafe { launch(kernel, items, pass.cells, blocks as u32, ends, &factors, queue) }
        })?;
    }
    Ok(())
}

/// # Safety
/// As for [`run`], for the items of one launch.
unsafe fn launch(
    kernel: &Kernel,
    items: &Plan,
    cells: [Cell; 2],
    blocks: u32,
    ends: Ends,
    factors: &Factors,
    queue: &Queue,
) -> Result<()> {
    let numbers = |types| factors.numbers(types, items.first);
    // SAFETY: as the caller promises; each kernel is given what it takes.
    unsafe {
        match *kernel {
            Kernel::Run { bytes } => {
                let [from, to] = [(ends[0], items.source), (ends[1], items.target)]
                    .map(|(end, bits)| end.wrapping_add_signed((bits >> 3) as isize));
                queue.copy(to, from, bytes as usize)
            }
            Kernel::Words { swap, .. } => start(kernel, blocks, &Copy::new(ends, items, swap, 0), queue),
            Kernel::Gather { swap, step, .. } => {
                start(kernel, blocks, &Copy::new(ends, items, swap, step), queue)
            }
            Kernel::Fill { value, .. } => start(kernel, blocks, &Fill::new(ends, items, value), queue),
            Kernel::Transpose { swap, ref sheet, .. } => {
                start(kernel, blocks, &Transpose::new(ends, items, kernel, sheet, swap), queue)
            }
            Kernel::Pixels { types, ref sheet, .. } | Kernel::Turn { types, ref sheet } => {
                let parameters = Convert::of_sheets(ends, items, kernel, sheet, numbers(types));
                start(kernel, blocks, &parameters, queue)
            }
            Kernel::Numbers { adjacent, types } => {
                start(kernel, blocks, &Convert::new(ends, items, adjacent, numbers(types)), queue)
            }
            Kernel::Direct { types } => {
                start(kernel, blocks, &Convert::new(ends, items, 1, numbers(types)), queue)
            }
            Kernel::Cast { writes, types, imaginary } => {
                let parameters = Cast::new(ends, items, cells, writes, imaginary, numbers(types));
                start(kernel, blocks, &parameters, queue)
            }
        }
    }
}

/// # Safety
/// As for [`Queue::launch`].
unsafe fn start<P: Params>(kernel: &Kernel, blocks: u32, parameters: &P, queue: &Queue) -> Result<()> {
    let Some(name) = kernel.name() else { return Ok(()) };
    // SAFETY: as the caller promises.
    unsafe { queue.launch(family(kernel), name, blocks, parameters) }
}

/// What becomes of the numbers of a pass, its coefficients where kernels find them.
struct Factors<'a> {
    change: Option<Change<'a>>,
    own: [[f64; 2]; FACTORS],
    room: Option<Room<'a>>,
}

impl<'a> Factors<'a> {
    fn new(pass: &Pass<'a>, queue: &Queue<'a>) -> Result<Self> {
        let mut factors = Self { change: None, own: [[1.0, -0.0]; FACTORS], room: None };
        let Act::Convert(change) = pass.act else { return Ok(factors) };
        factors.change = Some(change);
        let Coefficients { scale, bias } = change.coefficients;
        let count = scale.len().max(bias.len());
        // A bias of -0 is none at all: it changes no number.
        let pick = |values: &[f64], i: usize, none| match values {
            [] => none,
            [one] => *one,
            many => many[i],
        };
        let pairs = (0..count).map(|i| [pick(scale, i, 1.0), pick(bias, i, -0.0)]);
        if count <= FACTORS {
            factors.own.iter_mut().zip(pairs).for_each(|(own, pair)| *own = pair);
        } else {
            let pairs: Vec<[f64; 2]> = pairs.collect();
            factors.room = Some(upload(pairs.as_flattened(), queue)?);
        }
        Ok(factors)
    }

    fn numbers(&self, types: [Type; 2], first: i64) -> Numbers {
        let plain = Numbers::plain(types);
        let Some(Change { numbers: [from, to], wish, coefficients }) = self.change else { return plain };
        let computed = compute_type(from.scalar, to.scalar);
        let made_of = if wish.affine { computed } else { from.scalar };
        let clamps =
            to.scalar != Scalar::Bool && (!to.scalar.is_float() || to.scalar.is_narrower_than(made_of));
        let (low, high) = to.scalar.float_range().unwrap_or_default();
        let varies = coefficients.scale.len().max(coefficients.bias.len()) > 1;
        Numbers {
            saturate: u32::from(clamps && wish.overflow == Overflow::Saturate),
            scaled: if wish.affine { computed.bits() } else { 0 },
            low,
            high,
            first: if varies { first } else { 0 },
            pairs: self.room.as_ref().map_or(0, |room| room.start() as u64),
            own: self.own,
            ..plain
        }
    }
}

/// Brings numbers to the device.
fn upload<'a>(values: &[f64], queue: &Queue<'a>) -> Result<Room<'a>> {
    let room = queue.room(size_of_val(values))?;
    if !queue.entered.is_capturing(queue.stream)? {
        // SAFETY: the room is as large; the driver has read memory that is not pinned when it returns.
        unsafe { queue.copy(room.start(), values.as_ptr().addr(), size_of_val(values)) }?;
        return Ok(room);
    }
    // A graph reads what it copies whenever it runs, and keeps only parameters: so they travel as factors of the number 1.
    let types = [Type::of(Scalar::Float64); 2];
    for (i, some) in values.chunks(FACTORS).enumerate() {
        let mut loops = Loops::NONE;
        if some.len() > 1 {
            loops.insert(Loop { extent: some.len() as i64, source: 0, target: 64, step: 1 })?;
        }
        let items = Plan { loops, source: 0, target: (i * FACTORS * 64) as i64, first: 0 };
        let mut numbers = Numbers { scaled: 64, ..Numbers::plain(types) };
        numbers.own.iter_mut().zip(some).for_each(|(own, value)| own[0] = *value);
        let double = Cell { bits: 64, packed: false, part: 8, swapped: false };
        let parameters = Cast::new([0, room.start()], &items, [double; 2], Writes::Bytes, 0, numbers)
            .of_value(1f64.to_bits());
        // SAFETY: the room holds so many numbers from there on.
        unsafe { queue.launch(&CAST, c"cast", 1, &parameters) }?;
    }
    Ok(room)
}
