//! Overlap, solved, against overlap, listed.

use std::collections::HashSet;

use super::super::overlap::{Footprint, Overlap, overlap};
use super::*;

fn said(overlaps: bool) -> Overlap {
    if overlaps { Overlap::Yes } else { Overlap::No }
}

struct Bytes {
    start: i64,
    shape: Vec<i64>,
    strides: Vec<i64>,
    item_size: i64,
}

impl Bytes {
    fn some(random: &mut Random) -> Self {
        let ndim = random.between(0, 4) as usize;
        let least = if random.one_in(16) { 0 } else { 1 };
        let widest = random.one_of(&[3, 12, 60]);
        Self {
            start: random.between(-20, 60),
            shape: random.many(ndim, least, 4),
            strides: random.many(ndim, -widest, widest),
            item_size: random.one_of(&[0, 1, 1, 1, 2, 3, 4]),
        }
    }

    fn footprint(&self) -> Footprint<'_> {
        let (shape, strides) = (&self.shape[..], &self.strides[..]);
        Footprint { start: self.start.into(), shape, strides, stride_unit: 1, item_size: self.item_size }
    }

    fn list(&self) -> HashSet<i64> {
        let layout = Layout::new(&self.shape, &self.strides, self.start).unwrap();
        offsets(&layout).iter().flat_map(|&byte| byte..byte + self.item_size).collect()
    }
}

#[test]
fn mutual_overlap_is_exact() {
    let mut random = Random(3);
    let mut yes = 0;
    for _ in 0..20_000 {
        let (a, b) = (Bytes::some(&mut random), Bytes::some(&mut random));
        let meets = !a.list().is_disjoint(&b.list());
        yes += i32::from(meets);
        assert_eq!(
            overlap(&a.footprint(), &b.footprint()),
            said(meets),
            "{:?} {:?}",
            a.footprint(),
            b.footprint()
        );
        assert_eq!(overlap(&b.footprint(), &a.footprint()), said(meets));
    }
    assert!((2000..18_000).contains(&yes), "{yes}");
}

#[test]
fn internal_overlap_is_exact() {
    let mut random = Random(5);
    let mut yes = 0;
    for _ in 0..20_000 {
        let ndim = random.between(0, 5) as usize;
        let widest = random.one_of(&[3, 20, 90]);
        let layout = Layout::new(&random.many(ndim, 1, 4), &random.many(ndim, -widest, widest), 0).unwrap();
        let all = offsets(&layout);
        let repeats = all.iter().collect::<HashSet<_>>().len() < all.len();
        yes += i32::from(repeats);
        assert_eq!(layout.internal_overlap(), said(repeats), "{layout:?}");
    }
    assert!((2000..18_000).contains(&yes), "{yes}");
}

#[test]
fn views_of_real_size_are_told_apart() {
    let image = Layout::contiguous(&[4000, 6000, 3], Order::C).unwrap();
    let channel = |index| image.select(2, index).unwrap();
    let meet = |a: &Layout, b: &Layout| overlap(&a.footprint(1 << 40, 4), &b.footprint(1 << 40, 4));
    assert_eq!(meet(&channel(0), &channel(2)), Overlap::No);
    assert_eq!(meet(&channel(1), &image.flip_all()), Overlap::Yes);
    let halves = |start| image.slice(1, Some(start), Some(start + 3000), 1).unwrap();
    assert_eq!(meet(&halves(0), &halves(3000)), Overlap::No);
    assert_eq!(meet(&halves(0), &halves(2999)), Overlap::Yes);
    let even = image.slice(0, None, None, 2).unwrap().slice(1, None, None, 2).unwrap();
    let odd = image.slice(0, None, None, -2).unwrap().slice(1, Some(1), None, 2).unwrap();
    assert_eq!(meet(&even, &odd), Overlap::No);
    assert_eq!(even.internal_overlap(), Overlap::No);
    assert_eq!(image.sliding_window(0, 3, 1).unwrap().internal_overlap(), Overlap::Yes);
    assert_eq!(image.sliding_window(0, 3, 3).unwrap().internal_overlap(), Overlap::No);
    assert_eq!(image.broadcast_to(&[2, 4000, 6000, 3]).unwrap().internal_overlap(), Overlap::Yes);
    let packed = |offset| Layout::new(&[8], &[2], offset).unwrap();
    assert_eq!(overlap(&packed(0).footprint(0, 4), &packed(1).footprint(0, 4)), Overlap::No);
}

#[test]
fn empty_layouts_and_sizeless_elements_meet_nothing() {
    let empty = Layout::new(&[3, 0], &[0, 0], 0).unwrap();
    let full = Layout::contiguous(&[3], Order::C).unwrap();
    assert_eq!(empty.internal_overlap(), Overlap::No);
    assert_eq!(overlap(&empty.footprint(0, 4), &full.footprint(0, 4)), Overlap::No);
    assert_eq!(overlap(&full.footprint(0, 0), &full.footprint(0, 0)), Overlap::No);
    assert_eq!(overlap(&full.footprint(0, 4), &full.footprint(0, 4)), Overlap::Yes);
}

#[test]
fn numbers_beyond_any_memory_give_unknown_and_not_a_panic() {
    let vast = Footprint {
        start: i128::MAX,
        shape: &[i64::MAX, i64::MAX, 2],
        strides: &[i64::MIN, i64::MAX, i64::MIN],
        stride_unit: i64::MAX,
        item_size: i64::MAX,
    };
    assert_eq!(overlap(&vast, &vast), Overlap::Unknown);
    // 3 · 2³¹ = 2³¹ · 3 is the first meeting, one step beyond an axis of 2³¹.
    let wide = |extent| Layout::new(&[extent, 1 << 31], &[3, -(1 << 31)], 0).unwrap();
    assert_eq!(wide(1 << 31).internal_overlap(), Overlap::No);
    assert_eq!(wide((1 << 31) + 1).internal_overlap(), Overlap::Yes);
    let wide = wide(1 << 31);
    assert!(overlap(&wide.footprint(i128::MIN, i64::MAX), &wide.footprint(0, 1)).is_possible());
    assert!(overlap(&wide.footprint(0, i64::MAX), &wide.footprint(7, i64::MAX)).is_possible());
}

#[test]
fn a_subset_sum_in_disguise_ends_within_the_work_bound() {
    let mut random = Random(13);
    let mut unknown = 0;
    for _ in 0..50 {
        let strides: Vec<i64> = (0..40).map(|_| random.between(1 << 40, 1 << 41)).collect();
        let layout = Layout::new(&[2; 40], &strides, 0).unwrap();
        let answer = layout.internal_overlap();
        assert_ne!(answer, Overlap::No, "2^40 elements cannot fit 40·2^41 places without luck beyond belief");
        unknown += i32::from(answer == Overlap::Unknown);
    }
    assert!(unknown > 0);
}
