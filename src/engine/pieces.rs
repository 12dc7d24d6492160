//! Cutting a plan into pieces that threads may run at the same time, or one after the other with a look around between.
//!
//! Some loops are cut into units, the outermost ones of the target or of the source first; a piece is a range of units, which is one rectangle of the
//! plan or a few. A unit keeps runs of at least 256 bytes on both sides, 4096 where that leaves enough units: so no two
//! pieces write to one cache line over and over or read the same one, and no kernel is left with a row or two. Cuts fall
//! on boundaries of such runs in memory where the target has a scalar there, and never within a byte.
#![forbid(unsafe_code)]

use std::ops::Range;

use super::plan::Plan;

/// Bits of the runs that units keep, the longest first: a page, and what is still several cache lines.
const RUNS: [i64; 3] = [4096 * 8, 1024 * 8, 256 * 8];

/// The most loops that are cut. Even with extents of 2 that makes as many units as threads want.
const MOST: usize = 10;

/// The scalars that are written, or read if none are.
#[derive(Clone, Copy, Debug)]
pub struct Written {
    /// The address from which the plan's target counts.
    pub base: usize,
    /// Whether a scalar may start within a byte.
    pub packed: bool,
    /// Bits of a scalar.
    pub bits: i64,
    /// Whether scalars are visited as they follow each other in the source, and pieces are to do so, too.
    pub by_source: bool,
}

/// A loop that is cut, and where.
#[derive(Clone, Copy, Debug, Default)]
struct Cut {
    /// Its index.
    at: usize,
    /// Turns before the boundaries begin; they belong to the first unit.
    phase: i64,
    /// Turns of a unit; the last one has those that are left over, too.
    granule: i64,
    units: usize,
}

/// A plan, and where it is cut.
#[derive(Debug)]
pub struct Pieces<'a> {
    plan: &'a Plan,
    /// The outermost loop first.
    cuts: [Cut; MOST],
    count: usize,
}

impl<'a> Pieces<'a> {
    /// Cuts `plan` into at least `wanted` units where that is possible, else into fewer.
    pub fn cut(plan: &'a Plan, written: Written, wanted: usize) -> Self {
        let mut best = Self { plan, cuts: [Cut::default(); MOST], count: 0 };
        if written.packed && !is_nested(plan, written.bits) {
            return best;
        }
        for run in RUNS {
            let pieces = Self::with_runs(plan, written, wanted, run);
            if pieces.units() > best.units() {
                best = pieces;
            }
            if best.units() >= wanted {
                break;
            }
        }
        best
    }

    fn with_runs(plan: &'a Plan, written: Written, wanted: usize, run: i64) -> Self {
        let mut pieces = Self { plan, cuts: [Cut::default(); MOST], count: 0 };
        // Plans have fewer loops than these bits.
        let (mut left, by_source) = (!(u128::MAX << plan.loops.len()), written.by_source && !written.packed);
        while left != 0 && pieces.units() < wanted && pieces.count < MOST {
            let is_left = |at: &usize| left >> at & 1 == 1;
            let source = |at: &usize| if by_source { plan.loops[*at].source.unsigned_abs() } else { 0 };
            // The last one of all that are as good.
            let Some(at) = (0..plan.loops.len()).filter(is_left).max_by_key(source) else { break };
            left &= !(1 << at);
            if let Some(cut) = Cut::of(plan, at, written, run).filter(|cut| cut.units > 1) {
                pieces.cuts[pieces.count] = cut;
                pieces.count += 1;
            }
            if written.packed && (plan.loops[at].target % 8 != 0 || plan.target % 8 != 0) {
                break; // a turn of this loop may begin within the byte in which the one before ends
            }
        }
        pieces
    }

    /// How many units there are.
    pub fn units(&self) -> usize {
        self.cuts[..self.count].iter().map(|cut| cut.units).product()
    }

    /// Visits what belongs to the units of `range`, as plans with the loops of the whole one, some of them shorter, down
    /// to one turn.
    pub fn visit(&self, range: Range<usize>, visit: &mut dyn FnMut(&Plan)) {
        let mut at = range.start;
        while at < range.end {
            let mut piece = self.plan.clone();
            at += self.take(&mut piece, at, range.end - at);
            visit(&piece);
        }
    }

    /// Narrows `piece` to the largest rectangle that begins with unit `first` and has at most `most` units; says how
    /// many it has.
    fn take(&self, piece: &mut Plan, first: usize, most: usize) -> usize {
        let (mut rest, mut taken, mut grows) = (first, 1, true);
        for cut in self.cuts[..self.count].iter().rev() {
            let index = rest % cut.units;
            let units = if grows { (most / taken).min(cut.units - index) } else { 1 };
            rest /= cut.units;
            taken *= units;
            // A slower loop takes several turns only where this one is whole.
            grows &= units == cut.units;
            cut.narrow(piece, index..index + units);
        }
        taken
    }
}

impl Cut {
    /// The units of loop `at` that keep runs of so many bits; `None` where cuts would fall within a byte.
    fn of(plan: &Plan, at: usize, written: Written, run: i64) -> Option<Self> {
        let l = plan.loops[at];
        let mut cut = Self { at, phase: 0, granule: 1, units: 1 };
        let start = (written.base % RUNS[0] as usize) as i64 * 8 + plan.target.rem_euclid(RUNS[0]);
        (cut.phase, cut.granule) = boundaries(start, l.target, if l.target < run { run } else { 8 });
        let first = start.wrapping_add(cut.phase.wrapping_mul(l.target));
        if written.packed && first % 8 != 0 {
            return None;
        }
        let source = l.source.unsigned_abs();
        if (1..run as u64).contains(&source) {
            let least = (run as u64).div_ceil(source);
            cut.granule *= least.div_ceil(cut.granule as u64) as i64;
        }
        cut.units = usize::try_from((l.extent - cut.phase) / cut.granule).unwrap_or(0).max(1);
        Some(cut)
    }

    /// Leaves `piece` those turns of the loop that belong to `units`.
    fn narrow(&self, piece: &mut Plan, units: Range<usize>) {
        let l = &mut piece.loops[self.at];
        let turn = |unit: usize| self.phase + unit as i64 * self.granule;
        let start = if units.start == 0 { 0 } else { turn(units.start) };
        let end = if units.end == self.units { l.extent } else { turn(units.end) };
        piece.source += start * l.source;
        piece.target += start * l.target;
        piece.first += start * l.step;
        l.extent = end - start;
    }
}

/// The turns of a loop at which its position is a multiple of `run`, a power of two: the first one, and how far they are
/// apart. Where there is none, those that are nearest before one.
fn boundaries(start: i64, stride: i64, run: i64) -> (i64, i64) {
    let common = 1 << stride.trailing_zeros().min(run.trailing_zeros());
    let (odd, apart) = (stride / common, run / common);
    // The inverse of an odd number modulo 2^64: each turn doubles the number of bits that are right, which begins at 3.
    let inverse = (0..5).fold(odd, |x, _| x.wrapping_mul(2_i64.wrapping_sub(odd.wrapping_mul(x))));
    ((start / common).wrapping_neg().wrapping_mul(inverse) & (apart - 1), apart)
}

/// Whether each loop of the target steps over all that is inside it.
fn is_nested(plan: &Plan, bits: i64) -> bool {
    let mut span = bits;
    plan.loops.iter().filter(|l| l.extent > 1).all(|l| {
        let fits = l.target >= span;
        span = ((l.extent - 1) * l.target).saturating_add(span);
        fits
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::loops::Loops;
    use crate::engine::plan::Loop;

    /// A linear congruential generator.
    struct Random(u64);

    impl Random {
        fn below(&mut self, n: i64) -> i64 {
            self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            ((self.0 >> 33) % n as u64) as i64
        }
    }

    fn list(loops: &[Loop]) -> Loops {
        let mut list = Loops::NONE;
        loops.iter().for_each(|l| list.insert(*l).expect("memory"));
        list
    }

    /// Up to 4 loops of scalars of `bits`, the target nested and with gaps at times, the source anywhere.
    fn random_plan(random: &mut Random, bits: i64) -> Plan {
        let mut span = bits;
        let loops: Vec<Loop> = (0..random.below(5))
            .map(|_| {
                let longest = [2, 12, 3000][random.below(3) as usize].min(60_000 * bits / span).max(2);
                let extent = 2 + random.below(longest);
                let target = span + random.below(2) * random.below(9) * bits;
                span += (extent - 1) * target;
                let source = bits * (random.below(2000) - 1000);
                Loop { extent, source, target, step: random.below(3) - 1 }
            })
            .collect();
        let target = random.below(5000) * bits;
        Plan { loops: list(&loops), source: random.below(99) * bits, target, first: random.below(9) }
    }

    /// Source, target and coefficient of every scalar.
    fn scalars(plan: &Plan) -> Vec<[i64; 3]> {
        let mut all = vec![[plan.source, plan.target, plan.first]];
        for l in plan.loops.iter() {
            let turns = |at: [i64; 3]| {
                (0..l.extent).map(move |i| [at[0] + i * l.source, at[1] + i * l.target, at[2] + i * l.step])
            };
            all = all.into_iter().flat_map(turns).collect();
        }
        all
    }

    fn sorted(mut all: Vec<[i64; 3]>) -> Vec<[i64; 3]> {
        all.sort_unstable_by_key(|at| (at[1], at[0], at[2]));
        all
    }

    #[test]
    fn pieces_have_each_scalar_once_with_its_source_and_its_coefficient() {
        let mut random = Random(1);
        let mut cut = 0;
        for round in 0..400 {
            let bits = [2, 4, 6, 8, 16, 32, 128][round % 7];
            let plan = random_plan(&mut random, bits);
            let written = Written {
                base: random.below(9000) as usize,
                packed: bits < 8,
                bits,
                by_source: round % 2 == 1,
            };
            let pieces = Pieces::cut(&plan, written, 1 + random.below(40) as usize);
            let (mut found, mut at) = (Vec::new(), 0);
            while at < pieces.units() {
                let end = (at + 1 + random.below(9) as usize).min(pieces.units());
                pieces.visit(at..end, &mut |piece| found.extend(scalars(piece)));
                at = end;
            }
            cut += usize::from(pieces.units() > 1);
            assert!(sorted(found) == sorted(scalars(&plan)), "{plan:?} {pieces:?}");
        }
        assert!(cut > 100, "only {cut} plans were cut");
    }

    #[test]
    fn no_byte_belongs_to_two_units() {
        let mut random = Random(2);
        let mut cut = 0;
        for round in 0..900 {
            let bits = [2, 4, 6][round % 3];
            let plan = random_plan(&mut random, bits);
            let pieces = Pieces::cut(&plan, Written { base: 0, packed: true, bits, by_source: false }, 16);
            let mut owner = std::collections::HashMap::new();
            for unit in 0..pieces.units() {
                pieces.visit(unit..unit + 1, &mut |piece| {
                    for at in scalars(piece) {
                        for byte in [at[1] / 8, (at[1] + bits - 1) / 8] {
                            assert_eq!(*owner.entry(byte).or_insert(unit), unit, "{plan:?} {pieces:?}");
                        }
                    }
                });
            }
            cut += usize::from(pieces.units() > 1);
        }
        assert!(cut > 50, "only {cut} plans were cut");
    }

    #[test]
    fn units_keep_runs_on_both_sides() {
        let mut random = Random(3);
        for _ in 0..300 {
            let plan = random_plan(&mut random, 32);
            let pieces =
                Pieces::cut(&plan, Written { base: 64, packed: false, bits: 32, by_source: false }, 64);
            pieces.visit(0..pieces.units(), &mut |piece| assert_eq!(*piece, plan));
            for unit in 0..pieces.units() {
                pieces.visit(unit..unit + 1, &mut |piece| {
                    for (l, whole) in
                        piece.loops.iter().zip(plan.loops.iter()).filter(|(l, whole)| l != whole)
                    {
                        assert!(l.extent * whole.target >= 2048, "{plan:?} {pieces:?}");
                        assert!(
                            whole.source == 0 || l.extent * whole.source.abs() >= 2048,
                            "{plan:?} {pieces:?}"
                        );
                    }
                });
            }
        }
    }

    #[test]
    fn a_run_is_cut_at_the_boundaries_of_pages() {
        for (base, target, bits) in [(4096, 0, 8), (64, 0, 32), (12, 320, 32), (100, 4, 4), (1, 18, 6)] {
            let run = Loop { extent: 1 << 20, source: 8, target: bits, step: 0 };
            let plan = Plan { loops: list(&[run]), source: 0, target, first: 0 };
            let pieces = Pieces::cut(&plan, Written { base, packed: bits < 8, bits, by_source: false }, 16);
            assert!(pieces.units() >= 16);
            for unit in 1..pieces.units() {
                pieces.visit(unit..unit + 1, &mut |piece| {
                    assert_eq!((base as i64 * 8 + piece.target) % RUNS[0], 0, "{base} {target} {bits}");
                });
            }
        }
    }

    #[test]
    fn what_is_visited_by_source_is_cut_where_the_source_is_outermost() {
        let l = |extent, source, target| Loop { extent, source, target, step: 0 };
        // Blocks of a source of 16 times 600 rows, which the target has the other way round.
        let loops = [l(1024, 32, 32), l(600, 16 << 15, 1 << 15), l(16, 1 << 15, 600 << 15)];
        let plan = Plan { loops: list(&loops), source: 0, target: 0, first: 0 };
        for by_source in [false, true] {
            let written = Written { base: 0, packed: false, bits: 32, by_source };
            Pieces::cut(&plan, written, 8).visit(3..4, &mut |piece| {
                assert_eq!([1, 2].map(|i| piece.loops[i].extent == loops[i].extent), [!by_source, by_source]);
            });
        }
    }

    #[test]
    fn a_source_with_short_rows_is_cut_between_rows() {
        // A million rows of 16 numbers become columns.
        let columns = Loop { extent: 1 << 20, source: 512, target: 32, step: 0 };
        let rows = Loop { extent: 16, source: 32, target: 32 << 20, step: 0 };
        let plan = Plan { loops: list(&[columns, rows]), source: 0, target: 0, first: 0 };
        let pieces = Pieces::cut(&plan, Written { base: 0, packed: false, bits: 32, by_source: false }, 64);
        assert!(pieces.units() >= 64);
        for unit in 0..pieces.units() {
            pieces.visit(unit..unit + 1, &mut |piece| assert_eq!(piece.loops[1].extent, 16));
        }
    }

    #[test]
    fn loops_of_two_turns_are_cut_together() {
        let loops: Vec<Loop> =
            (0..22).map(|i| Loop { extent: 2, source: 8 << (21 - i), target: 8 << i, step: 0 }).collect();
        let plan = Plan { loops: list(&loops), source: 0, target: 0, first: 0 };
        assert!(
            Pieces::cut(&plan, Written { base: 0, packed: false, bits: 8, by_source: false }, 16).units()
                >= 16
        );
    }

    #[test]
    fn packed_rows_that_are_no_whole_bytes_are_cut_where_bytes_begin_or_not_at_all() {
        let inner = Loop { extent: 1001, source: 4, target: 4, step: 0 };
        let written = Written { base: 0, packed: true, bits: 4, by_source: false };
        let rows = |target| Plan {
            loops: list(&[inner, Loop { extent: 1000, source: 1 << 20, target: 1001 * 4, step: 0 }]),
            source: 0,
            target,
            first: 0,
        };
        let even = rows(0);
        let pieces = Pieces::cut(&even, written, 16);
        assert!(pieces.units() >= 3);
        pieces.visit(1..2, &mut |piece| assert_eq!(piece.target % 8, 0));
        let interleaved = Plan { loops: list(&[inner, Loop { target: 2, ..inner }]), ..rows(0) };
        assert_eq!(Pieces::cut(&interleaved, written, 16).units(), 1);
    }
}
