//! The way from one type to another: one loop, or a few that a block of numbers passes through while it is in the
//! first-level cache.

use std::mem::MaybeUninit;

use super::factors::{Cycle, Factors};
use super::isa::Isa;
use super::kernel::{Loop, Operands};
use super::outlet;
#[cfg(target_arch = "x86_64")]
use super::table::{self, Entry, Table};
use super::words::{Task, words};
use crate::dtype::{Overflow, Scalar};
use crate::engine::Numeric;
use build::Builder;

/// What is asked of a path besides the types.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wish {
    /// Whether numbers are scaled.
    pub affine: bool,
    /// What becomes of those that the target cannot hold.
    pub overflow: Overflow,
    /// Whether the bytes of the source are in foreign order, and those of the target.
    pub swapped: [bool; 2],
}

/// Byte order, a part, a pivot, scale, bounds, two more pivots, two parts, byte order.
const MOST: usize = 9;

/// The most numbers that pass at once.
pub(super) const BLOCK: usize = 2048;

/// The most numbers whose factors lie beside them, few beside what else the cache holds.
const PERIOD: usize = 512;

/// The most bytes that are read before what became of them is streamed.
const READ: usize = 4 << 10;

/// Bytes of wider numbers that are streamed at once.
const WRITTEN: usize = 1 << 10;

/// Bytes of numbers between two loops.
pub(super) const ROOM: usize = 8 << 10;

/// The loops from numbers of one type to those of another, adjacent on both sides.
#[derive(Clone, Copy)]
pub struct Run {
    loops: [Loop; MOST],
    /// How many numbers of each loop are one of the path.
    times: [u8; MOST],
    /// Bytes that each loop writes for one number of the path.
    widths: [u8; MOST],
    count: usize,
    /// Bytes of a number of the source, and of the target.
    sizes: [usize; 2],
    /// Numbers that pass at once.
    block: usize,
    /// The type in which numbers are scaled, if they are.
    compute: Option<Scalar>,
    /// Which loop scales them, and what takes its place where their factors differ.
    each: (usize, Loop),
    /// What a table of all values of a byte would have, where looking them up is fastest.
    #[cfg(target_arch = "x86_64")]
    table: Option<Entry>,
    /// What numbers are brought between, by its bits.
    bounds: [u64; 2],
}

/// The type in which scale and bias are applied on the way from `source` to `target`.
pub fn compute_type(source: Scalar, target: Scalar) -> Scalar {
    let narrow = target.is_float() && target != Scalar::Float64 && source.fits_f32();
    if narrow { Scalar::Float32 } else { Scalar::Float64 }
}

impl Run {
    /// The path from `source` to `target`: complex to real takes the real part, real to complex adds zeros, two complex
    /// ones are not asked for. Numbers that [`scale`](Wish::affine) must be run by [`Run::scaled`].
    pub(in crate::engine) fn new(source: Numeric, target: Numeric, wish: Wish, isa: Isa) -> Self {
        let mut run = Self::empty(source);
        let mut path = Builder { run: &mut run, isa, at: source.scalar };
        path.turn(source, wish.swapped[0]);
        if source.complex {
            path.part(Task::First);
        }
        path.real(source.scalar, target.scalar, wish);
        if target.complex {
            path.part(Task::Pair);
        }
        path.turn(target, wish.swapped[1]);
        #[cfg(target_arch = "x86_64")]
        path.tabulate(source, target, wish);
        path.finish();
        run
    }

    /// The path that asks complex numbers of two `part`s whether they are nonzero.
    pub fn complex_truth(part: Scalar, swapped: bool, isa: Isa) -> Self {
        let source = Numeric { scalar: part, complex: true };
        let mut run = Self::empty(source);
        let mut path = Builder { run: &mut run, isa, at: part };
        path.turn(source, swapped);
        path.push(words(Task::Truth, bytes(part), isa), 1, 1);
        path.finish();
        run
    }

    fn empty(source: Numeric) -> Self {
        let size = bytes(source.scalar) * (1 + usize::from(source.complex));
        Self {
            loops: [cast_copy; MOST],
            times: [1; MOST],
            widths: [1; MOST],
            count: 0,
            sizes: [size, size],
            block: BLOCK,
            compute: None,
            each: (0, cast_copy),
            #[cfg(target_arch = "x86_64")]
            table: None,
            bounds: [0; 2],
        }
    }

    /// The path that reverses the bytes of words of 2, 4 or 8 bytes.
    pub fn reversed(size: usize, isa: Isa) -> Self {
        let scalar = Scalar::Uint(8 * size as u8);
        let word = Numeric { scalar, complex: false };
        Self::new(word, word, Wish { swapped: [true, false], ..Wish::default() }, isa)
    }

    /// The most numbers that pass at once where what becomes of them is streamed: few, so that memory reads and writes at
    /// a time, the more so where more is written, unless a call costs more than a loop.
    pub fn turn(&self) -> usize {
        #[cfg(target_arch = "x86_64")]
        let plain = self.table.is_none();
        #[cfg(not(target_arch = "x86_64"))]
        let plain = true;
        let quick = plain && self.count == 1 && self.compute.is_none();
        match self.sizes {
            [read, written] if quick && read < written => WRITTEN / written,
            [read, written] => (READ / read).min(outlet::MOST / written),
        }
    }

    /// How many loops numbers pass through.
    pub fn loops(&self) -> usize {
        self.count
    }

    /// What is done with numbers.
    pub fn name(&self) -> String {
        #[cfg(target_arch = "x86_64")]
        if self.table.is_some() {
            return "convert by a table of all values".into();
        }
        let act = if self.compute.is_some() { "scale" } else { "convert" };
        match self.count {
            1 => format!("{act} in one loop"),
            n => format!("{act} in {n} loops, block by block"),
        }
    }

    /// The type in which numbers are scaled, if they are.
    pub fn compute(&self) -> Option<Scalar> {
        self.compute
    }

    /// Converts `count` numbers at `from` and writes them to `to`; neither need be aligned.
    ///
    /// # Safety
    /// So many numbers of the two types are readable and writable there, and they do not overlap.
    #[inline]
    pub unsafe fn run(&self, from: *const u8, to: *mut u8, count: usize, tables: &mut Tables) {
        debug_assert!(self.compute.is_none());
        // SAFETY: as the caller promises.
        unsafe { self.all(from, to, count, &self.operands([std::ptr::null(); 2]), tables, 0) }
    }

    /// The one loop that does all of `count` numbers that are not scaled, how many of its numbers are one of these, and
    /// what it needs; nothing where that takes more.
    pub fn one_loop(&self, count: usize) -> Option<(Loop, usize, Operands)> {
        #[cfg(target_arch = "x86_64")]
        let looks_up = self.table.is_some() && count >= table::LEAST;
        #[cfg(not(target_arch = "x86_64"))]
        let looks_up = {
            let _ = count; // tables are for long runs
            false
        };
        let is_one = self.count == 1 && self.compute.is_none() && !looks_up;
        is_one.then(|| (self.loops[0], self.times[0].into(), self.operands([std::ptr::null(); 2])))
    }

    /// [`run`](Self::run) for numbers that are scaled; `cycle` says by which of the factors.
    ///
    /// # Safety
    /// As for [`run`](Self::run).
    pub unsafe fn scaled(
        &self,
        from: *const u8,
        to: *mut u8,
        count: usize,
        factors: &mut Factors,
        cycle: Cycle,
        tables: &mut Tables,
    ) {
        if cycle.has_long_rows() {
            let mut done = 0;
            while done < count {
                let (cycle, n) = cycle.after(done).in_row(count - done);
                let with = self.operands(factors.load(cycle, 1));
                // SAFETY: the numbers of a row from `done` on.
                unsafe {
                    let (from, to) = (from.add(done * self.sizes[0]), to.add(done * self.sizes[1]));
                    self.all(from, to, n, &with, tables, cycle.first)
                };
                done += n;
            }
            return;
        }
        let mut path = *self;
        path.loops[self.each.0] = self.each.1;
        #[cfg(target_arch = "x86_64")]
        (path.table = None);
        let step = cycle.step(self.block.min(PERIOD));
        if cycle.repeats(step) {
            let period = step.min(count);
            let with = Operands { period, ..self.operands(factors.load(cycle.after(0), period)) };
            // SAFETY: as the caller promises.
            return unsafe { path.all(from, to, count, &with, tables, 0) };
        }
        for start in (0..count).step_by(step) {
            let period = step.min(count - start);
            let with = Operands { period, ..self.operands(factors.load(cycle.after(start), period)) };
            // SAFETY: the numbers from `start` on.
            unsafe {
                let (from, to) = (from.add(start * self.sizes[0]), to.add(start * self.sizes[1]));
                path.all(from, to, period, &with, tables, 0);
            }
        }
    }

    #[inline(always)]
    fn operands(&self, [scale, bias]: [*const u8; 2]) -> Operands {
        Operands { scale, bias, period: 0, bounds: self.bounds }
    }

    /// All numbers with the same operands, those at an index of the coefficients.
    ///
    /// # Safety
    /// As for [`run`](Self::run).
    #[inline(always)]
    unsafe fn all(
        &self,
        from: *const u8,
        to: *mut u8,
        count: usize,
        with: &Operands,
        tables: &mut Tables,
        index: i64,
    ) {
        #[cfg(target_arch = "x86_64")]
        if let Some(entry) = self.table
            && let Some(table) = tables.get(index, count, || self.tabulated(entry, with))
        {
            // SAFETY: as the caller promises; the processor has the instructions of tables.
            return unsafe { table.look_up(from, to, count) };
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = (tables, index);
        if self.count == 1 {
            // SAFETY: as the caller promises; the processor has the instructions, or the loop had not been given.
            return unsafe { (self.loops[0])(from, to, count * usize::from(self.times[0]), with) };
        }
        // SAFETY: as the caller promises.
        unsafe { self.blocks(from, to, count, with) }
    }

    /// # Safety
    /// As for [`run`](Self::run).
    #[inline(never)]
    unsafe fn blocks(&self, from: *const u8, to: *mut u8, count: usize, with: &Operands) {
        let mut rooms = Rooms::new();
        if count <= self.block {
            // SAFETY: as the caller promises.
            return unsafe { self.block(from, to, count, with, &mut rooms) };
        }
        // Each block begins with the first of the factors.
        let step = self.block - self.block.checked_rem(with.period).unwrap_or(0);
        for start in (0..count).step_by(step) {
            let n = step.min(count - start);
            // SAFETY: the numbers from `start` on; no more than a block.
            unsafe {
                let (from, to) = (from.add(start * self.sizes[0]), to.add(start * self.sizes[1]));
                self.block(from, to, n, with, &mut rooms);
            }
        }
    }

    /// What becomes of each value of a byte.
    #[cfg(target_arch = "x86_64")]
    #[inline(never)]
    fn tabulated(&self, entry: Entry, with: &Operands) -> Table {
        let codes: [u8; 256] = std::array::from_fn(|i| i as u8);
        let mut values = [0u8; 4 * 256];
        // SAFETY: a path of numbers of one byte to those of at most four.
        unsafe {
            let plain = Self { table: None, ..*self };
            plain.all(codes.as_ptr(), values.as_mut_ptr(), 256, with, &mut Tables::new(0), 0);
        }
        Table::new(entry, &values)
    }

    /// # Safety
    /// As for [`run`](Self::run), for at most a block, whose operands are those that the loops read.
    unsafe fn block(&self, from: *const u8, to: *mut u8, count: usize, with: &Operands, rooms: &mut Rooms) {
        let mut at = from;
        for (i, (run, times)) in self.loops.iter().zip(self.times).take(self.count).enumerate() {
            let out = if i + 1 == self.count { to } else { rooms.0[i % 2].as_mut_ptr().cast() };
            // SAFETY: as the caller promises; a room holds a block, and loops take turns with the two.
            unsafe { run(at, out, count * usize::from(times), with) };
            at = out;
        }
    }
}

/// The table that was made last, for numbers that come run by run.
pub struct Tables {
    /// How many numbers come that have the same coefficients.
    #[cfg(target_arch = "x86_64")]
    count: usize,
    /// The index of those that it was made for.
    #[cfg(target_arch = "x86_64")]
    made: Option<(i64, Table)>,
}

impl Tables {
    /// None so far; at least `count` numbers with the same coefficients are to come.
    #[cfg_attr(not(target_arch = "x86_64"), expect(unused_variables, reason = "there are no tables"))]
    pub fn new(count: usize) -> Self {
        Self {
            #[cfg(target_arch = "x86_64")]
            count,
            #[cfg(target_arch = "x86_64")]
            made: None,
        }
    }

    /// The table for `count` numbers with the coefficients at an index, if it is known or they are worth one.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn get(&mut self, index: i64, count: usize, make: impl FnOnce() -> Table) -> Option<&Table> {
        if self.made.as_ref().is_none_or(|(made, _)| *made != index) {
            if self.count.max(count) < table::LEAST {
                return None;
            }
            self.made = Some((index, make()));
        }
        self.made.as_ref().map(|(_, table)| table)
    }
}

/// Where numbers are between two loops.
#[repr(C, align(64))]
struct Rooms([[MaybeUninit<u8>; ROOM]; 2]);

impl Rooms {
    #[inline(always)]
    fn new() -> Self {
        Self([[MaybeUninit::uninit(); ROOM]; 2])
    }
}

/// Bytes of a number.
fn bytes(scalar: Scalar) -> usize {
    scalar.bits().div_ceil(8) as usize
}

/// Bytes as they are.
///
/// # Safety
/// As for [`super::kernel::Kernel::run`].
unsafe fn cast_copy(from: *const u8, to: *mut u8, count: usize, _: &Operands) {
    // SAFETY: as the caller promises.
    unsafe { to.copy_from_nonoverlapping(from, count) }
}

mod build;
#[cfg(test)]
mod tests;
