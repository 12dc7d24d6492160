//! A reshape is a view whenever strides can say it, and reinterpretation reads the very same bits.

use super::*;
use crate::error::Kind;

/// Strides under which `shape` visits `offsets` in C order, if there are any: each is forced by the first
/// step along its axis.
fn forced_strides(shape: &[i64], offsets: &[i64]) -> Option<Vec<i64>> {
    let inner = |axis: usize| shape[axis + 1..].iter().product::<i64>() as usize;
    let stride = |axis| if shape[axis] > 1 { offsets[inner(axis)] - offsets[0] } else { 0 };
    let strides: Vec<i64> = (0..shape.len()).map(stride).collect();
    let layout = Layout::new(shape, &strides, offsets[0]).unwrap();
    (super::offsets(&layout) == offsets).then_some(strides)
}

/// A shape of `count` elements, with an extent of 1 now and then.
fn some_shape(random: &mut Random, count: i64) -> Vec<i64> {
    let (mut shape, mut left) = (Vec::new(), count);
    while left > 1 || random.one_in(3) {
        let divisors: Vec<i64> = (1..=left).filter(|divisor| left % divisor == 0).collect();
        let extent = random.one_of(&divisors);
        shape.push(extent);
        left /= extent;
    }
    shape
}

#[test]
fn a_reshape_is_refused_exactly_when_no_strides_can_say_it() {
    let mut random = Random(7);
    let (mut views, mut refusals) = (0, 0);
    for _ in 0..20_000 {
        let layout = random.layout();
        if layout.is_empty() {
            continue;
        }
        let all = offsets(&layout);
        let shape = some_shape(&mut random, layout.element_count());
        match layout.reshape(&shape) {
            Ok(view) => {
                assert_eq!((view.shape(), offsets(&view)), (&shape[..], all));
                views += 1;
            }
            Err(error) => {
                assert_eq!(error.kind(), Kind::Layout);
                assert_eq!(forced_strides(&shape, &all), None, "{layout:?} as {shape:?}: {error}");
                refusals += 1;
            }
        }
    }
    assert!(views > 1000 && refusals > 1000, "{views} views, {refusals} refusals");
}

#[test]
fn a_refused_reshape_names_the_axes_in_the_way() {
    let layout = Layout::new(&[2, 3, 4], &[20, 4, 1], 0).unwrap();
    assert_eq!(layout.reshape(&[2, 12]).unwrap().strides(), [20, 1]);
    let message =
        "`shape` merges axes 0 and 1, but axis 0 (extent 2) has stride 20, not 12 × 1: this needs a copy";
    assert_eq!(layout.reshape(&[24]).unwrap_err().message(), message);
}

#[test]
fn one_extent_may_follow_from_the_rest() {
    let shape_of = |from: &[i64], to: &[i64]| {
        let layout = Layout::contiguous(from, Order::C).unwrap();
        layout.reshape(to).map(|view| view.shape().to_vec())
    };
    assert_eq!(shape_of(&[2, 3, 4], &[6, -1]), Ok(vec![6, 4]));
    assert_eq!(shape_of(&[], &[-1]), Ok(vec![1]));
    assert_eq!(shape_of(&[1, 1], &[]), Ok(vec![]));
    assert_eq!(shape_of(&[0, 3], &[-1, 3]), Ok(vec![0, 3]));
    assert_eq!(shape_of(&[0, 3], &[7, 0]), Ok(vec![7, 0]));
    let refused = |from: &[i64], to: &[i64]| shape_of(from, to).unwrap_err().kind();
    assert_eq!(refused(&[0], &[0, -1]), Kind::Shape);
    assert_eq!(refused(&[6], &[-1, -1]), Kind::Shape);
    assert_eq!(refused(&[6], &[4, -1]), Kind::Shape);
    assert_eq!(refused(&[6], &[-2, -3]), Kind::Shape);
    assert_eq!(refused(&[6], &[5]), Kind::Shape);
    assert_eq!(refused(&[6], &[]), Kind::Shape);
    assert_eq!(refused(&[1], &[1; 65]), Kind::Shape);
    assert_eq!(refused(&[0], &[0, 1 << 62, 4]), Kind::Overflow);
}

/// The position of every bit of every element, in C order.
fn bits(layout: &Layout, width: i64) -> Vec<i64> {
    offsets(layout).iter().flat_map(|offset| (0..width).map(move |bit| offset * width + bit)).collect()
}

#[test]
fn reinterpretation_reads_the_same_bits_in_the_same_order() {
    let mut random = Random(11);
    let (mut views, mut refusals) = (0, 0);
    for _ in 0..20_000 {
        let layout = random.layout();
        let widths = [4, 8, 12, 16, 24, 32, 64];
        let (old, new) = (random.one_of(&widths), random.one_of(&widths));
        match layout.reinterpret(old as u64, new as u64) {
            Ok(view) => {
                assert_eq!(bits(&view, new), bits(&layout, old), "{layout:?}, {old} to {new}");
                assert!(is_sound(view.shape(), view.strides(), view.offset()));
                views += 1;
            }
            Err(error) if error.kind() == Kind::Dtype => assert!(new < old && old % new != 0),
            Err(error) => {
                assert_eq!(error.kind(), Kind::Layout);
                assert!(must_refuse(&layout, old, new), "{layout:?}, {old} to {new}: {error}");
                refusals += 1;
            }
        }
    }
    assert!(views > 1000 && refusals > 1000, "{views} views, {refusals} refusals");
}

/// Whether NumPy's rule forbids the view: no last axis, a last axis with gaps or a rest, or a row that does
/// not begin at a whole new element.
fn must_refuse(layout: &Layout, old: i64, new: i64) -> bool {
    let (Some(&extent), Some(&stride)) = (layout.shape().last(), layout.strides().last()) else {
        return true;
    };
    let rest = extent * old % new != 0;
    let gaps = extent > 1 && stride != 1 && !layout.is_empty();
    let rows = || layout.select(-1, 0).unwrap();
    rest || gaps || (!layout.is_empty() && offsets(&rows()).iter().any(|offset| offset * old % new != 0))
}

#[test]
fn reinterpretation_follows_the_documented_cases() {
    let layout = Layout::new(&[2, 6], &[9, 1], 3).unwrap();
    assert_eq!(layout.reinterpret(32, 8), Layout::new(&[2, 24], &[36, 1], 12));
    assert_eq!(layout.reinterpret(8, 24), Layout::new(&[2, 2], &[3, 1], 1));
    assert_eq!(layout.reinterpret(7, 7), Ok(layout.clone()));
    let message = |old, new| layout.reinterpret(old, new).unwrap_err().message().to_owned();
    assert_eq!(message(8, 16), "the offset is 3 × 8 bits, no multiple of the 16 bits of `dtype`");
    assert_eq!(message(24, 16), "`dtype` has 16 bits an element, which do not divide the tensor's 24");
    assert_eq!(message(24, 0), "`dtype` has 0 bits an element, which do not divide the tensor's 24");
    let strided = Layout::new(&[3], &[2], 0).unwrap().reinterpret(8, 16).unwrap_err();
    assert_eq!(strided.message(), "`dtype` changes the element size, but the last axis has stride 2, not 1");
    assert_eq!(Layout::scalar().reinterpret(8, 16).unwrap_err().kind(), Kind::Layout);
}
