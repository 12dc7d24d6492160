//! The way from one type to another: one loop, or a few that a block of numbers passes through while it is in the
//! first-level cache.

use std::mem::MaybeUninit;

use super::direct::cast;
use super::factors::{Cycle, Factors};
use super::isa::Isa;
use super::kernel::{Loop, Operands};
use super::scaled::{clamped, quantised, saturated, scaled};
#[cfg(target_arch = "x86_64")]
use super::table::{self, Entry};
use super::words::{Task, words};
use crate::dtype::float::Format;
use crate::dtype::scalar::Integer;
use crate::dtype::{Overflow, Scalar};
use crate::engine::Numeric;

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

/// One loop of a path.
#[derive(Clone, Copy)]
struct Hop {
    run: Loop,
    /// How many numbers of the loop are one of the path.
    times: u8,
    /// Bytes that it writes for one number of the path.
    width: u8,
}

/// Byte order, a part, a pivot, scale, bounds, two more pivots, two parts, byte order.
const MOST: usize = 9;

/// The most numbers that pass at once.
pub(super) const BLOCK: usize = 2048;

/// The most numbers whose factors lie beside them, few beside what else the cache holds.
const PERIOD: usize = 512;

/// Bytes of numbers between two loops.
pub(super) const ROOM: usize = 8 << 10;

/// The loops from numbers of one type to those of another, adjacent on both sides.
#[derive(Clone, Copy)]
pub struct Run {
    hops: [Hop; MOST],
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
    bounds: ([f64; 2], [i64; 2]),
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
        let none = Hop { run: cast_copy, times: 1, width: 1 };
        Self {
            hops: [none; MOST],
            count: 0,
            sizes: [size, size],
            block: BLOCK,
            compute: None,
            each: (0, cast_copy),
            #[cfg(target_arch = "x86_64")]
            table: None,
            bounds: ([0.0; 2], [0; 2]),
        }
    }

    /// The path that reverses the bytes of words of 2, 4 or 8 bytes.
    pub fn reversed(size: usize, isa: Isa) -> Self {
        let scalar = Scalar::Uint(8 * size as u8);
        let word = Numeric { scalar, complex: false };
        Self::new(word, word, Wish { swapped: [true, false], ..Wish::default() }, isa)
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
    pub unsafe fn run(&self, from: *const u8, to: *mut u8, count: usize) {
        debug_assert!(self.compute.is_none());
        // SAFETY: as the caller promises.
        unsafe { self.all(from, to, count, &self.operands([std::ptr::null(); 2])) }
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
    ) {
        if cycle.has_long_rows() {
            let mut done = 0;
            while done < count {
                let (cycle, n) = cycle.after(done).in_row(count - done);
                let with = self.operands(factors.load(cycle, 1));
                // SAFETY: the numbers of a row from `done` on.
                unsafe {
                    let (from, to) = (from.add(done * self.sizes[0]), to.add(done * self.sizes[1]));
                    self.all(from, to, n, &with)
                };
                done += n;
            }
            return;
        }
        let mut path = *self;
        path.hops[self.each.0].run = self.each.1;
        #[cfg(target_arch = "x86_64")]
        (path.table = None);
        let step = cycle.step(self.block.min(PERIOD));
        if cycle.repeats(step) {
            let period = step.min(count);
            let with = Operands { period, ..self.operands(factors.load(cycle.after(0), period)) };
            // SAFETY: as the caller promises.
            return unsafe { path.all(from, to, count, &with) };
        }
        for start in (0..count).step_by(step) {
            let period = step.min(count - start);
            let with = Operands { period, ..self.operands(factors.load(cycle.after(start), period)) };
            // SAFETY: the numbers from `start` on.
            unsafe {
                let (from, to) = (from.add(start * self.sizes[0]), to.add(start * self.sizes[1]));
                path.all(from, to, period, &with);
            }
        }
    }

    #[inline(always)]
    fn operands(&self, [scale, bias]: [*const u8; 2]) -> Operands {
        let (floats, integers) = self.bounds;
        Operands { scale, bias, period: 0, floats, integers }
    }

    /// All numbers with the same operands.
    ///
    /// # Safety
    /// As for [`run`](Self::run).
    #[inline(always)]
    unsafe fn all(&self, from: *const u8, to: *mut u8, count: usize, with: &Operands) {
        #[cfg(target_arch = "x86_64")]
        if let Some(entry) = self.table
            && count >= table::LEAST
        {
            // SAFETY: as the caller promises.
            return unsafe { self.look_up(entry, from, to, count, with) };
        }
        if let [hop] = self.hops[..self.count] {
            // SAFETY: as the caller promises; the processor has the instructions, or the loop had not been given.
            return unsafe { (hop.run)(from, to, count * usize::from(hop.times), with) };
        }
        // SAFETY: as the caller promises.
        unsafe { self.blocks(from, to, count, with) }
    }

    /// # Safety
    /// As for [`run`](Self::run).
    #[inline(never)]
    unsafe fn blocks(&self, from: *const u8, to: *mut u8, count: usize, with: &Operands) {
        let mut rooms = Rooms::new();
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

    /// Converts all values of a byte first, and looks up the numbers among them.
    ///
    /// # Safety
    /// As for [`run`](Self::run), on a processor that has the instructions of tables.
    #[cfg(target_arch = "x86_64")]
    #[inline(never)]
    unsafe fn look_up(&self, entry: Entry, from: *const u8, to: *mut u8, count: usize, with: &Operands) {
        let codes: [u8; 256] = std::array::from_fn(|i| i as u8);
        let mut values = [0u8; 4 * 256];
        // SAFETY: a path of numbers of one byte to those of at most four; then as the caller promises.
        unsafe {
            Self { table: None, ..*self }.all(codes.as_ptr(), values.as_mut_ptr(), 256, with);
            table::look_up(entry, &values, from, to, count)
        }
    }

    /// # Safety
    /// As for [`run`](Self::run), for at most a block, whose operands are those that the loops read.
    unsafe fn block(&self, from: *const u8, to: *mut u8, count: usize, with: &Operands, rooms: &mut Rooms) {
        let mut at = from;
        for (i, hop) in self.hops[..self.count].iter().enumerate() {
            let out = if i + 1 == self.count { to } else { rooms.0[i % 2].as_mut_ptr().cast() };
            // SAFETY: as the caller promises; a room holds a block, and loops take turns with the two.
            unsafe { (hop.run)(at, out, count * usize::from(hop.times), with) };
            at = out;
        }
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

/// A path that is being made.
struct Builder<'a> {
    run: &'a mut Run,
    isa: Isa,
    /// The real type that the path has come to.
    at: Scalar,
}

impl Builder<'_> {
    fn push(&mut self, run: Loop, times: u8, width: usize) {
        self.run.hops[self.run.count] = Hop { run, times, width: width as u8 };
        self.run.count += 1;
    }

    fn finish(&mut self) {
        if self.run.count == 0 {
            self.push(cast_copy, self.run.sizes[0] as u8, self.run.sizes[0]);
        }
        let [between @ .., last] = &self.run.hops[..self.run.count] else { unreachable!("there is a loop") };
        let widest = between.iter().map(|hop| hop.width).max().unwrap_or(1);
        let widest = self.run.compute.map_or(1, bytes).max(widest.into());
        self.run.block = BLOCK.min(ROOM / widest);
        self.run.sizes[1] = last.width.into();
    }

    /// Notes whether a table is the fastest way: from a byte, other than by one simple loop, to one or two, or to a
    /// float32 that bfloat16 could hold.
    #[cfg(target_arch = "x86_64")]
    fn tabulate(&mut self, source: Numeric, target: Numeric, wish: Wish) {
        let simple = |scalar| !matches!(scalar, Scalar::Small(_) | Scalar::Float16);
        let loops = self.run.count > 1 || wish.affine || !simple(source.scalar) || !simple(target.scalar);
        let width = bytes(target.scalar);
        let upper = target.scalar == Scalar::Float32 && !wish.affine && !wish.swapped[1];
        let fits = bytes(source.scalar) == 1 && !source.complex && !target.complex;
        if loops && fits && (width <= 2 || upper) && table::is_available(self.isa) {
            self.run.table = Some([Entry::Byte, Entry::Word, Entry::Byte, Entry::Upper][width - 1]);
        }
    }

    /// Foreign bytes to native ones, or back.
    fn turn(&mut self, numeric: Numeric, swapped: bool) {
        let (size, parts) = (bytes(numeric.scalar), 1 + u8::from(numeric.complex));
        if swapped && size > 1 {
            self.push(words(Task::Reverse, size, self.isa), parts, size * usize::from(parts));
        }
    }

    /// From complex numbers to one of their parts, or back.
    fn part(&mut self, task: Task) {
        let size = bytes(self.at);
        self.push(words(task, size, self.isa), 1, if task == Task::Pair { 2 * size } else { size });
    }

    /// From one real type to another.
    fn real(&mut self, source: Scalar, mut target: Scalar, wish: Wish) {
        if wish.affine {
            self.widen();
            let quantises = wish.overflow == Overflow::Saturate;
            if let Some(loops) = quantised(self.at, target, self.isa).filter(|_| quantises) {
                return self.scale(loops, Scalar::Float64, target);
            }
            let compute = compute_type(source, target);
            match scaled(self.at, compute, self.isa) {
                Some(loops) => self.scale(loops, compute, compute),
                None => unreachable!("numbers of whole bytes can be scaled"),
            }
        } else if matches!(source, Scalar::Small(_)) && target == Scalar::Float16 {
            // What comes from ml_dtypes' floats has one NaN of either sign.
            target = Scalar::Small(Format::FLOAT16);
            if source == target {
                self.cast_to(Scalar::Float32);
            }
        }
        if wish.overflow == Overflow::Saturate {
            self.saturate(if wish.affine { self.at } else { source }, target);
        }
        self.cast_to(target);
    }

    fn scale(&mut self, [one, each]: [Loop; 2], compute: Scalar, to: Scalar) {
        self.run.compute = Some(compute);
        self.run.each = (self.run.count, each);
        self.push(one, 1, bytes(to));
        self.at = to;
    }

    /// From what few loops know to what all do.
    fn widen(&mut self) {
        match self.at {
            Scalar::Float16 | Scalar::Small(_) => self.cast_to(Scalar::Float32),
            Scalar::Int(2 | 4) => self.cast_to(Scalar::Int(8)),
            Scalar::Uint(2 | 4) => self.cast_to(Scalar::Uint(8)),
            _ => {}
        }
    }

    /// Brings numbers, which have the range of `origin`, into that of `target`.
    fn saturate(&mut self, origin: Scalar, target: Scalar) {
        if let Some(integer) = integer(target) {
            self.widen();
            let own = integer_of_whole_bytes(integer, target);
            if let Some(run) = saturated(self.at, own, self.isa) {
                self.push(run, 1, bytes(own));
                self.at = own;
            }
            self.fit(integer);
        } else if target.is_narrower_than(origin) && (origin.is_float() || target.bits() <= 16) {
            self.widen();
            if self.at != Scalar::Float64 || target != Scalar::Float16 {
                self.cast_to(Scalar::Float32);
            }
            if let (Some((low, high)), Some(run)) = (target.float_range(), clamped(self.at, self.isa)) {
                self.run.bounds.0 = [low, high];
                self.push(run, 1, bytes(self.at));
            }
        }
    }

    /// Integers into the range of another integer type, where theirs is wider.
    fn fit(&mut self, target: Integer) {
        let own = match integer(self.at) {
            Some(own) => own.range(),
            None => return,
        };
        let (low, high) = target.range();
        let bounds = (low.max(own.0), high.min(own.1));
        if let (true, Some(run)) = (bounds != own, clamped(self.at, self.isa)) {
            self.run.bounds.1 = [bounds.0 as i64, bounds.1 as i64];
            self.push(run, 1, bytes(self.at));
        }
    }

    /// The casts from where the path is to `target`.
    fn cast_to(&mut self, target: Scalar) {
        while self.at != target {
            let next = self.next(target);
            if !same_bits(self.at, next) {
                match cast(self.at, next, self.isa) {
                    Some(run) => self.push(run, 1, bytes(next)),
                    None => unreachable!("there is a loop from {:?} to {next:?}", self.at),
                }
            }
            self.at = next;
        }
    }

    /// The type to go to from where the path is, to come to `target`.
    fn next(&self, target: Scalar) -> Scalar {
        use Scalar::{Bool, Float16, Float32, Float64, Int, Small, Uint};
        match (self.at, target) {
            (Float16, Float64) | (Float64, Float16) => target,
            (Small(_) | Float16, _) => Float32,
            (Int(2 | 4), _) => Int(8),
            (Uint(2 | 4), _) => Uint(8),
            (Float32, Small(_) | Float16) => target,
            (Bool | Int(_) | Uint(_) | Float64, Small(_) | Float16) => Float32,
            (Uint(8), Int(2 | 4) | Uint(2 | 4)) => target,
            (_, Int(2 | 4) | Uint(2 | 4)) => Uint(8),
            _ => target,
        }
    }
}

fn integer(scalar: Scalar) -> Option<Integer> {
    match scalar {
        Scalar::Int(bits) => Some(Integer { bits, signed: true }),
        Scalar::Uint(bits) => Some(Integer { bits, signed: false }),
        _ => None,
    }
}

fn integer_of_whole_bytes(integer: Integer, scalar: Scalar) -> Scalar {
    match integer {
        Integer { bits: 2 | 4, signed: true } => Scalar::Int(8),
        Integer { bits: 2 | 4, signed: false } => Scalar::Uint(8),
        _ => scalar,
    }
}

/// Whether both are integers of as many bits, whole bytes of them.
fn same_bits(a: Scalar, b: Scalar) -> bool {
    match (a, b) {
        (Scalar::Int(a) | Scalar::Uint(a), Scalar::Int(b) | Scalar::Uint(b)) => a == b && a >= 8,
        _ => false,
    }
}

/// Bytes as they are.
///
/// # Safety
/// As for [`super::kernel::Kernel::run`].
unsafe fn cast_copy(from: *const u8, to: *mut u8, count: usize, _: &Operands) {
    // SAFETY: as the caller promises.
    unsafe { to.copy_from_nonoverlapping(from, count) }
}

#[cfg(test)]
mod tests;
