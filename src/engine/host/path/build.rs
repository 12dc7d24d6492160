//! Which loops make a path.

use super::{BLOCK, ROOM, Run, Wish, bytes, cast_copy, compute_type};
use crate::dtype::float::Format;
use crate::dtype::scalar::Integer;
use crate::dtype::{Overflow, Scalar};
use crate::engine::Numeric;
use crate::engine::host::direct::cast;
use crate::engine::host::isa::Isa;
use crate::engine::host::kernel::Loop;
use crate::engine::host::scaled::{clamped, quantised, saturated, scaled};
#[cfg(target_arch = "x86_64")]
use crate::engine::host::table::{self, Entry};
use crate::engine::host::words::{Task, words};

/// A path that is being made.
pub(super) struct Builder<'a> {
    pub(super) run: &'a mut Run,
    pub(super) isa: Isa,
    /// The real type that the path has come to.
    pub(super) at: Scalar,
}

impl Builder<'_> {
    pub(super) fn push(&mut self, run: Loop, times: u8, width: usize) {
        let at = self.run.count;
        (self.run.loops[at], self.run.times[at], self.run.widths[at]) = (run, times, width as u8);
        self.run.count += 1;
    }

    pub(super) fn finish(&mut self) {
        if self.run.count == 0 {
            self.push(cast_copy, self.run.sizes[0] as u8, self.run.sizes[0]);
        }
        let [between @ .., last] = &self.run.widths[..self.run.count] else {
            unreachable!("there is a loop")
        };
        let (widest, last) = (between.iter().copied().max().unwrap_or(1), usize::from(*last));
        let widest = self.run.compute.map_or(1, bytes).max(widest.into());
        self.run.block = BLOCK.min(ROOM / widest);
        self.run.sizes[1] = last;
    }

    /// Notes whether a table is the fastest way: from a byte, other than by one simple loop, to one or two, or to a
    /// float32 that bfloat16 could hold.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn tabulate(&mut self, source: Numeric, target: Numeric, wish: Wish) {
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
    pub(super) fn turn(&mut self, numeric: Numeric, swapped: bool) {
        let (size, parts) = (bytes(numeric.scalar), 1 + u8::from(numeric.complex));
        if swapped && size > 1 {
            self.push(words(Task::Reverse, size, self.isa), parts, size * usize::from(parts));
        }
    }

    /// From complex numbers to one of their parts, or back.
    pub(super) fn part(&mut self, task: Task) {
        let size = bytes(self.at);
        self.push(words(task, size, self.isa), 1, if task == Task::Pair { 2 * size } else { size });
    }

    /// From one real type to another.
    pub(super) fn real(&mut self, source: Scalar, mut target: Scalar, wish: Wish) {
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
                self.run.bounds = [low, high].map(f64::to_bits);
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
            self.run.bounds = [bounds.0 as u64, bounds.1 as u64];
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
