//! Numbers at the edge of the integers: refused or right, and never a panic.

use super::*;
use crate::error::{Kind, Result};
use crate::layout::broadcast_shapes;

const EXTENTS: [i64; 14] =
    [0, 1, 1, 2, 3, 7, 1 << 31, 1 << 32, (1 << 62) - 1, 1 << 62, i64::MAX - 1, i64::MAX, -1, i64::MIN];
const NUMBERS: [i64; 16] = [
    0,
    1,
    -1,
    2,
    -2,
    3,
    1 << 31,
    -(1 << 32),
    (1 << 62) - 1,
    1 << 62,
    -(1 << 62),
    i64::MAX - 1,
    i64::MAX,
    -i64::MAX,
    i64::MIN + 2,
    i64::MIN,
];
const AXES: [i32; 8] = [0, 1, 2, -1, -2, -3, i32::MIN, i32::MAX];

/// The layout of nasty numbers, or `None` when they were refused, rightly.
fn some_layout(random: &mut Random) -> Option<Layout> {
    let ndim = random.between(0, 4) as usize;
    let shape: Vec<i64> = (0..ndim).map(|_| random.one_of(&EXTENTS)).collect();
    let strides: Vec<i64> = (0..ndim).map(|_| random.one_of(&NUMBERS)).collect();
    let offset = random.one_of(&NUMBERS);
    let layout = Layout::new(&shape, &strides, offset);
    assert_eq!(layout.is_ok(), is_sound(&shape, &strides, offset), "{shape:?} {strides:?} {offset}");
    layout.ok()
}

/// Every view of `layout` with nasty arguments.
fn views(random: &mut Random, layout: &Layout) -> Vec<Result<Layout>> {
    let n = |random: &mut Random| random.one_of(&NUMBERS);
    let bound = |random: &mut Random| if random.one_in(3) { None } else { Some(random.one_of(&NUMBERS)) };
    let (axis, other) = (random.one_of(&AXES), random.one_of(&AXES));
    let shape: Vec<i64> = (0..random.between(0, 4)).map(|_| random.one_of(&EXTENTS)).collect();
    let mut split = layout.shape().to_vec();
    split.insert(0, -1);
    let mut stretched: Vec<i64> = layout.shape().iter().map(|&extent| extent.max(2)).collect();
    stretched.insert(0, random.one_of(&EXTENTS));
    vec![
        layout.slice(axis, bound(random), bound(random), n(random)),
        layout.slice(axis, None, None, random.one_of(&[-1, 2, -3])),
        layout.select(axis, n(random)),
        layout.flip(&[axis]),
        Ok(layout.flip_all()),
        layout.permute(&[axis, other]),
        Ok(layout.transpose()),
        layout.swap_axes(axis, other),
        layout.squeeze(&[axis]),
        Ok(layout.squeeze_all()),
        layout.unsqueeze(axis),
        layout.broadcast_to(&shape),
        layout.broadcast_to(&stretched),
        layout.diagonal(n(random), axis, other),
        layout.diagonal(random.between(-2, 2), 0, -1),
        layout.sliding_window(axis, n(random), n(random)),
        layout.sliding_window(axis, random.between(0, 3), random.between(1, 2)),
        layout.reshape(&shape),
        layout.reshape(&[-1]),
        layout.reshape(&split),
        layout.reshape(layout.shape()),
        Ok(layout.normalized()),
    ]
}

#[test]
fn no_view_of_nasty_numbers_breaks_an_invariant_or_leaves_the_span() {
    let mut random = Random(17);
    let mut seen = 0;
    for _ in 0..60_000 {
        let Some(layout) = some_layout(&mut random) else { continue };
        for view in views(&mut random, &layout).into_iter().flatten() {
            assert!(is_sound(view.shape(), view.strides(), view.offset()), "{view:?} of {layout:?}");
            match (layout.span(), view.span()) {
                (_, None) => assert_eq!(view.offset(), layout.offset()),
                (None, Some(_)) => panic!("{view:?} reaches what {layout:?} does not"),
                (Some((min, max)), Some((low, high))) => {
                    assert!(min <= low && high <= max, "{view:?} of {layout:?}")
                }
            }
            seen += 1;
        }
        layout.internal_overlap();
        layout.is_dense();
    }
    assert!(seen > 50_000, "{seen}");
}

#[test]
fn nasty_offsets_storages_and_widths_are_refused_or_right() {
    let mut random = Random(19);
    for _ in 0..60_000 {
        let Some(layout) = some_layout(&mut random) else { continue };
        let offset = random.one_of(&NUMBERS);
        let mut moved = layout.clone();
        assert_eq!(moved.set_offset(offset).is_ok(), is_sound(layout.shape(), layout.strides(), offset));
        let storage = random.one_of(&NUMBERS);
        if layout.check_bounds(storage).is_ok() {
            let (min, max) = layout.span().unwrap_or((layout.offset(), layout.offset() - 1));
            assert!(min >= 0 && max < storage);
        }
        let widths = [0, 1, 4, 8, 64, 1 << 62, u64::MAX];
        if let Ok(view) = layout.reinterpret(random.one_of(&widths), random.one_of(&widths)) {
            assert!(is_sound(view.shape(), view.strides(), view.offset()), "{view:?} of {layout:?}");
        }
    }
}

#[test]
fn assigning_in_place_is_making_a_new_layout_and_measuring_it() {
    let mut random = Random(23);
    for ndim in (0..40_000).map(|i| i % 6 * 2) {
        let nasty = random.one_in(2);
        let mut some = |usual: &[i64], odd: &[i64]| -> Vec<i64> {
            (0..ndim).map(|_| random.one_of(if nasty { odd } else { usual })).collect()
        };
        let shape = some(&[1, 2, 3, 5], &EXTENTS);
        let strides = some(&[-7, -1, 0, 1, 4, 100], &NUMBERS);
        for (strides, made) in [
            (Some(&strides[..]), Layout::new(&shape, &strides, 0)),
            (None, Layout::contiguous(&shape, Order::C)),
        ] {
            let mut assigned = Layout::new(&[3], &[-1], 2).unwrap();
            let span = assigned.assign(&shape, strides);
            assert_eq!(span, made.as_ref().map(Layout::span).map_err(Clone::clone));
            if let Ok(made) = made {
                assert_eq!(assigned, made);
            }
        }
    }
    assert_eq!(Layout::scalar().assign(&[2, 2], Some(&[1])).unwrap_err().kind(), Kind::Shape);
}

#[test]
fn nasty_shapes_are_refused_by_kind() {
    let kind = |shape: &[i64]| Layout::contiguous(shape, Order::C).unwrap_err().kind();
    assert_eq!(kind(&[-1]), Kind::Shape);
    assert_eq!(kind(&[i64::MIN, 0]), Kind::Shape);
    assert_eq!(kind(&[1 << 32, 1 << 31]), Kind::Overflow);
    assert_eq!(kind(&[1 << 62, 0, 4]), Kind::Overflow);
    assert_eq!(kind(&[1; 65]), Kind::Shape);
    assert_eq!(Layout::new(&[1], &[], 0).unwrap_err().message(), "`strides` has 0 entries, `shape` has 1");
    assert_eq!(Layout::new(&[3], &[i64::MAX], 0).unwrap_err().kind(), Kind::Overflow);
    let mut moved = Layout::new(&[2], &[i64::MAX], 0).unwrap();
    moved.set_offset(i64::MIN).unwrap();
    assert_eq!(Layout::new(&[2], &[i64::MAX], i64::MIN), Ok(moved));
    assert!(Layout::new(&[i64::MAX, 0], &[i64::MAX, i64::MIN], i64::MAX).is_ok());
    assert!(Layout::contiguous(&[i64::MAX, 1], Order::F).is_ok());
    assert!(broadcast_shapes(&[&[i64::MAX, 1], &[1, 2]]).is_err());
}

#[test]
fn rank_64_works_and_rank_65_is_refused() {
    let deep = Layout::contiguous(&[1; 64], Order::C).unwrap();
    let reversed: Vec<i32> = (0..64).rev().collect();
    assert_eq!(deep.permute(&reversed).unwrap().ndim(), 64);
    assert_eq!(deep.select(63, 0).unwrap().ndim(), 63);
    assert_eq!(deep.flip_all().squeeze_all(), Layout::scalar());
    assert_eq!(deep.squeeze(&reversed).unwrap(), Layout::scalar());
    assert_eq!(Layout::scalar().reshape(&[1; 64]).unwrap(), deep);
    for refused in
        [deep.unsqueeze(0), deep.sliding_window(0, 1, 1), deep.broadcast_to(&[1; 65]), deep.reshape(&[1; 65])]
    {
        assert_eq!(refused.unwrap_err().kind(), Kind::Shape);
    }
}
