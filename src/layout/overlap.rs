//! Whether memory is shared: exact answers about sets of addresses that strides describe.
//!
//! Two strided sets meet when some index of one and some index of the other give the same address. With all
//! strides made positive that is one equation in bounded unknowns,
//!
//! ```text
//! s₁·z₁ + s₂·z₂ + … = total,   0 ≤ zᵢ ≤ lastᵢ
//! ```
//!
//! which is hard in general (subset sum hides in it) and easy for the strides that tensors have. The search
//! fixes the greatest step first. What the smaller steps can still reach leaves few candidates for it: one at
//! most when strides nest. Divisibility thins these out, and as soon as the smaller steps reach every
//! multiple of their common divisor, the answer is known. A bound on the work keeps hostile layouts from
//! taking long.

use super::{Layout, sort_by_key};

/// Search nodes before the answer is [`Overlap::Unknown`]: about a millisecond.
const MAX_WORK: u32 = 1 << 14;

/// Whether two sets of addresses meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overlap {
    /// They do not.
    No,
    /// They do.
    Yes,
    /// To find out would take too long, or the numbers are beyond any memory. Treat it as [`Overlap::Yes`].
    Unknown,
}

impl Overlap {
    /// Whether the sets may meet: the safe reading.
    #[inline]
    pub fn is_possible(self) -> bool {
        self != Overlap::No
    }
}

/// The addresses that a strided tensor covers, in any unit: bytes, or bits for packed types.
#[derive(Clone, Copy, Debug)]
pub struct Footprint<'a> {
    /// The address of element `[0, …, 0]`.
    pub start: i128,
    /// The extents, none negative.
    pub shape: &'a [i64],
    /// One stride an axis, counted in `stride_unit`.
    pub strides: &'a [i64],
    /// What one unit of `strides` is worth: 1 for strides in bytes, `item_size` for strides in elements.
    pub stride_unit: i64,
    /// The size of one element, not negative.
    pub item_size: i64,
}

/// One axis with its stride made positive: it adds 0, `step`, …, `last * step`.
#[derive(Clone, Copy, Debug)]
struct Term {
    step: i128,
    last: i128,
}

/// What some terms can add up to: multiples of `gcd` up to `sum`, and all of these if `complete`.
#[derive(Clone, Copy, Debug)]
struct Sums {
    gcd: i128,
    sum: i128,
    complete: bool,
}

/// Whether two footprints share an address. Elements without a size, and empty shapes, cover nothing.
pub fn overlap(a: &Footprint<'_>, b: &Footprint<'_>) -> Overlap {
    if a.covers_nothing() || b.covers_nothing() {
        return Overlap::No;
    }
    try_overlap(a, b).unwrap_or(Overlap::Unknown)
}

/// The answer, or `None` when a number does not fit.
fn try_overlap(a: &Footprint<'_>, b: &Footprint<'_>) -> Option<Overlap> {
    let ((a_low, a_high), (b_low, b_high)) = (a.bounds()?, b.bounds()?);
    if a_high < b_low || b_high < a_low {
        return Some(Overlap::No);
    }
    // a_low + Σa + p = b_low + Σb + q, with p and q within an element. Counting b's terms and q down from
    // their ends brings everything to one side.
    let sizes = i128::from(a.item_size) + i128::from(b.item_size);
    let mut terms = vec![Term { step: 1, last: sizes - 2 }];
    for (step, last) in a.axes().chain(b.axes()) {
        terms.push(Term { step: i64::try_from(step?.unsigned_abs()).ok()?.into(), last });
    }
    let mut work = MAX_WORK;
    solve(terms, b_high.checked_sub(a_low)?, &mut work)
}

impl Footprint<'_> {
    fn covers_nothing(&self) -> bool {
        self.item_size <= 0 || self.shape.contains(&0)
    }

    /// The step and the greatest index of each axis; the step is `None` when it does not fit.
    fn axes(&self) -> impl Iterator<Item = (Option<i128>, i128)> {
        let unit = i128::from(self.stride_unit);
        let longer = self.shape.iter().zip(self.strides).filter(|&(&extent, _)| extent > 1);
        longer.map(move |(&extent, &stride)| (i128::from(stride).checked_mul(unit), i128::from(extent - 1)))
    }

    /// The least and the greatest address, both covered.
    fn bounds(&self) -> Option<(i128, i128)> {
        let (mut low, mut high) = (self.start, self.start.checked_add(i128::from(self.item_size) - 1)?);
        for (step, last) in self.axes() {
            let reach = step?.checked_mul(last)?;
            if reach < 0 {
                low = low.checked_add(reach)?;
            } else {
                high = high.checked_add(reach)?;
            }
        }
        Some((low, high))
    }
}

impl Layout {
    /// The addresses of the elements, of `item_size` units each, in a storage that begins at `storage_start`.
    #[inline]
    pub fn footprint(&self, storage_start: i128, item_size: i64) -> Footprint<'_> {
        let (shape, strides) = (self.shape(), self.strides());
        let offset = i128::from(self.offset()) * i128::from(item_size);
        let start = storage_start.saturating_add(offset);
        Footprint { start, shape, strides, stride_unit: item_size, item_size }
    }

    /// Whether each axis steps over all that the later ones reach: what most layouts do, and quickly told.
    #[inline]
    fn nests(&self) -> bool {
        let mut reach = 0;
        self.shape().iter().zip(self.strides()).rev().all(|(&extent, &stride)| {
            let nests = extent <= 1 || stride > reach;
            reach = reach.saturating_add((extent - 1).max(0).saturating_mul(stride));
            nests
        })
    }

    /// Whether two different indices reach the same element.
    pub fn internal_overlap(&self) -> Overlap {
        if self.nests() || self.is_dense() {
            return Overlap::No;
        }
        let axes = self.shape().iter().zip(self.strides()).filter(|&(&extent, _)| extent > 1);
        let mut terms: Vec<Term> = axes
            .map(|(&extent, &stride)| Term { step: i128::from(stride).abs(), last: i128::from(extent - 1) })
            .collect();
        sort_by_key(&mut terms, |term| term.step);
        if terms[0].step == 0 {
            return Overlap::Yes;
        }
        // Say axis k is the greatest step on which two indices differ, the first of them ahead. The axes
        // within must then make up for it: each differs by −last … last, counted here from 0.
        let mut work = MAX_WORK;
        let mut verdict = Overlap::No;
        let mut within = 0;
        for k in 0..terms.len() {
            let Term { step, last } = terms[k];
            if step <= within {
                let doubled = terms[..k].iter().map(|term| Term { last: 2 * term.last, ..*term });
                let candidates = doubled.chain([Term { step, last: last - 1 }]).collect();
                match solve(candidates, within - step, &mut work).unwrap_or(Overlap::Unknown) {
                    Overlap::Yes => return Overlap::Yes,
                    Overlap::Unknown => verdict = Overlap::Unknown,
                    Overlap::No => {}
                }
            }
            within += step * last;
        }
        verdict
    }
}

/// Whether the terms can add up to `total`; `None` when a number does not fit.
fn solve(mut terms: Vec<Term>, total: i128, work: &mut u32) -> Option<Overlap> {
    terms.retain(|term| term.step != 0 && term.last != 0);
    sort_by_key(&mut terms, |term| term.step);
    terms.dedup_by(|term, kept| {
        let same = term.step == kept.step;
        if same {
            kept.last += term.last;
        }
        same
    });
    let mut sums = vec![Sums { gcd: 0, sum: 0, complete: true }];
    for term in &terms {
        let within = sums[sums.len() - 1];
        let no_gap = term.step <= within.sum.saturating_add(within.gcd) && term.step % within.gcd.max(1) == 0;
        sums.push(Sums {
            gcd: gcd(term.step, within.gcd),
            sum: within.sum.checked_add(term.step.checked_mul(term.last)?)?,
            complete: within.gcd == 0 || (within.complete && no_gap),
        });
    }
    Some(search(&terms, &sums, total, work))
}

/// Whether `terms`, in ascending order, can add up to `total`. `sums[i]` is what the first `i` terms can do.
fn search(terms: &[Term], sums: &[Sums], total: i128, work: &mut u32) -> Overlap {
    let all = sums[terms.len()];
    if total < 0 || total > all.sum || total % all.gcd.max(1) != 0 {
        return Overlap::No;
    }
    let Some((term, smaller)) = terms.split_last().filter(|_| !all.complete) else {
        return Overlap::Yes;
    };
    let Some(left) = work.checked_sub(1) else {
        return Overlap::Unknown;
    };
    *work = left;
    // What the smaller terms can reach bounds this one from both sides, and what they divide picks every
    // `period`-th of the counts between.
    let within = sums[smaller.len()];
    let least = (total - within.sum + term.step - 1).div_euclid(term.step).max(0);
    let most = (total / term.step).min(term.last);
    let period = within.gcd / all.gcd;
    let first = (total / all.gcd) % period * inverse(term.step / all.gcd, period) % period;
    let mut count = least + (first - least).rem_euclid(period);
    while count <= most {
        match search(smaller, sums, total - count * term.step, work) {
            Overlap::No => count += period,
            found => return found,
        }
    }
    Overlap::No
}

fn gcd(mut a: i128, mut b: i128) -> i128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// The number whose product with `a` is 1 modulo `modulus`; the two have no common divisor.
fn inverse(a: i128, modulus: i128) -> i128 {
    let (mut old, mut new) = ((modulus, 0), (a.rem_euclid(modulus), 1));
    while new.0 != 0 {
        let quotient = old.0 / new.0;
        (old, new) = (new, (old.0 - quotient * new.0, old.1 - quotient * new.1));
    }
    old.1.rem_euclid(modulus)
}
