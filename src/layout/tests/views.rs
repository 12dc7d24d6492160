//! Each view visits exactly the elements that NumPy's semantics say.

use super::*;
use crate::error::Kind;
use crate::layout::sort_by_key;

const ROUNDS: usize = 3000;

/// An axis of `layout` in either spelling, and its number.
fn some_axis(random: &mut Random, layout: &Layout) -> (i32, usize) {
    let axis = random.axes(layout.ndim())[0];
    (axis, axis.rem_euclid(layout.ndim() as i32) as usize)
}

fn each_layout(least_ndim: usize, mut check: impl FnMut(&mut Random, Layout)) {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut seen = 0;
    while seen < ROUNDS {
        let layout = random.layout();
        if layout.ndim() >= least_ndim {
            check(&mut random, layout);
            seen += 1;
        }
    }
}

fn indices(extent: i64, start: Option<i64>, stop: Option<i64>, step: i64) -> Vec<i64> {
    // The definition in Python's reference: bounds from the end, then clamped, then counted one by one.
    let (extent, step) = (i128::from(extent), i128::from(step));
    let (low, high) = if step > 0 { (0, extent) } else { (-1, extent - 1) };
    let resolve = |bound: Option<i64>, missing: i128| match bound.map(i128::from) {
        None => missing,
        Some(bound) => (if bound < 0 { bound + extent } else { bound }).clamp(low, high),
    };
    let mut at = resolve(start, if step > 0 { low } else { high });
    let end = resolve(stop, if step > 0 { high } else { low });
    let mut all = Vec::new();
    while (step > 0 && at < end) || (step < 0 && at > end) {
        all.push(at as i64);
        at += step;
    }
    all
}

#[test]
fn a_slice_visits_what_python_slices_visit() {
    each_layout(1, |random, layout| {
        let (axis, number) = some_axis(random, &layout);
        let mut bound = || match random.between(0, 9) {
            0 => None,
            1 => Some(i64::MIN),
            2 => Some(i64::MAX),
            _ => Some(random.between(-7, 7)),
        };
        let (start, stop) = (bound(), bound());
        let step = random.one_of(&[1, 1, 2, 3, -1, -1, -2, -3, i64::MIN, i64::MAX, -i64::MAX]);
        let picked = indices(layout.shape()[number], start, stop, step);
        let mut shape = layout.shape().to_vec();
        shape[number] = picked.len() as i64;
        let view = layout.slice(axis, start, stop, step).unwrap();
        assert_view(&view, &shape, &layout, |index| {
            let mut original = index.to_vec();
            original[number] = picked[index[number] as usize];
            original
        });
    });
}

#[test]
fn slices_of_ten_match_a_table_from_python() {
    let ten = Layout::contiguous(&[10], Order::C).unwrap();
    let of = |start, stop, step| offsets(&ten.slice(0, start, stop, step).unwrap());
    assert_eq!(of(None, None, -3), [9, 6, 3, 0]);
    assert_eq!(of(Some(-3), Some(1), -2), [7, 5, 3]);
    assert_eq!(of(Some(2), Some(-2), 2), [2, 4, 6]);
    assert_eq!(of(Some(-99), Some(3), 1), [0, 1, 2]);
    assert_eq!(of(Some(99), Some(-99), -4), [9, 5, 1]);
    assert_eq!(of(Some(4), Some(4), -1), []);
    assert_eq!(of(Some(-1), None, i64::MIN), [9]);
    assert_eq!(ten.slice(0, None, None, 0).unwrap_err().kind(), Kind::InvalidArgument);
}

#[test]
fn select_drops_the_axis_and_counts_negative_indices_from_the_end() {
    each_layout(1, |random, layout| {
        let (axis, number) = some_axis(random, &layout);
        let extent = layout.shape()[number];
        let index = random.between(-5, 5);
        let view = layout.select(axis, index);
        if index >= extent || index < -extent {
            let error = view.unwrap_err();
            assert_eq!(error.kind(), Kind::Range);
            assert_eq!(error.message(), format!("`index` is {index}, axis {number} has extent {extent}"));
            return;
        }
        let mut shape = layout.shape().to_vec();
        shape.remove(number);
        assert_view(&view.unwrap(), &shape, &layout, |rest| {
            let mut original = rest.to_vec();
            original.insert(number, index.rem_euclid(extent));
            original
        });
    });
}

#[test]
fn axes_are_sorted_by_their_keys_and_equal_ones_stay_in_their_order() {
    let mut random = Random(5);
    for len in (0..200).map(|i| i % 65) {
        let axes: Vec<(i64, usize)> = (0..len).map(|i| (random.between(0, 20), i)).collect();
        let (mut sorted, mut expected) = (axes.clone(), axes);
        sort_by_key(&mut sorted, |axis| axis.0);
        expected.sort();
        assert_eq!(sorted, expected);
    }
}

#[test]
fn permute_transpose_and_swap_only_rename_axes() {
    each_layout(0, |random, layout| {
        let ndim = layout.ndim();
        let axes = random.axes(ndim);
        let plain: Vec<usize> = axes.iter().map(|&axis| axis.rem_euclid(ndim as i32) as usize).collect();
        let check = |view: Layout, order: &[usize]| {
            let shape: Vec<i64> = order.iter().map(|&axis| layout.shape()[axis]).collect();
            assert_view(&view, &shape, &layout, |index| {
                let mut original = vec![0; ndim];
                order.iter().zip(index).for_each(|(&axis, &i)| original[axis] = i);
                original
            });
        };
        check(layout.permute(&axes).unwrap(), &plain);
        check(layout.transpose(), &(0..ndim).rev().collect::<Vec<_>>());
        if ndim > 0 {
            let mut swapped: Vec<usize> = (0..ndim).collect();
            swapped.swap(plain[0], plain[ndim - 1]);
            check(layout.swap_axes(axes[0], axes[ndim - 1]).unwrap(), &swapped);
        }
    });
}

#[test]
fn flip_reads_the_named_axes_backwards() {
    each_layout(0, |random, layout| {
        let ndim = layout.ndim();
        let mut axes = random.axes(ndim);
        axes.truncate(random.between(0, ndim as i64) as usize);
        let named: Vec<usize> = axes.iter().map(|&axis| axis.rem_euclid(ndim as i32) as usize).collect();
        let backwards = |index: &[i64], turned: &dyn Fn(usize) -> bool| -> Vec<i64> {
            let turn = |(axis, &i)| if turned(axis) { layout.shape()[axis] - 1 - i } else { i };
            index.iter().enumerate().map(turn).collect()
        };
        let view = layout.flip(&axes).unwrap();
        assert_view(&view, layout.shape(), &layout, |index| backwards(index, &|axis| named.contains(&axis)));
        assert_eq!(offsets(&view.flip(&axes).unwrap()), offsets(&layout));
        assert_view(&layout.flip_all(), layout.shape(), &layout, |index| backwards(index, &|_| true));
    });
}

#[test]
fn squeeze_undoes_unsqueeze_and_moves_nothing() {
    each_layout(0, |random, layout| {
        let axis = random.between(-(layout.ndim() as i64) - 1, layout.ndim() as i64) as i32;
        let number = axis.rem_euclid(layout.ndim() as i32 + 1) as usize;
        let longer = layout.unsqueeze(axis).unwrap();
        let mut shape = layout.shape().to_vec();
        shape.insert(number, 1);
        assert_view(&longer, &shape, &layout, |index| {
            let mut original = index.to_vec();
            original.remove(number);
            original
        });
        assert_eq!(longer.is_contiguous(Order::C), layout.is_contiguous(Order::C));
        assert_eq!(longer.squeeze(&[axis]).unwrap(), layout);

        let bare = longer.squeeze_all();
        assert!(!bare.shape().contains(&1));
        assert_eq!(offsets(&bare), offsets(&layout));
        assert_eq!(longer.squeeze(&[]).unwrap(), longer);
    });
    let error = Layout::contiguous(&[1, 3], Order::C).unwrap().squeeze(&[-1]).unwrap_err();
    assert_eq!(error.message(), "`axes` names axis 1, whose extent is 3, not 1");
}

#[test]
fn broadcast_repeats_stretched_and_new_axes() {
    each_layout(0, |random, layout| {
        let added = random.between(0, 2) as usize;
        let mut shape = random.many(added, 0, 3);
        for &extent in layout.shape() {
            shape.push(if extent == 1 { random.between(0, 3) } else { extent });
        }
        let view = layout.broadcast_to(&shape).unwrap();
        assert_view(&view, &shape, &layout, |index| {
            let own = index[added..].iter().zip(layout.shape());
            own.map(|(&i, &extent)| if extent == 1 { 0 } else { i }).collect()
        });
        let common = crate::layout::broadcast_shapes(&[layout.shape(), &shape]).unwrap();
        assert_eq!(common[..], shape[..]);
    });
}

#[test]
fn a_diagonal_visits_equal_indices_shifted_by_its_offset() {
    each_layout(2, |random, layout| {
        let axes = random.axes(layout.ndim());
        let number = |axis: i32| axis.rem_euclid(layout.ndim() as i32) as usize;
        let (first, second) = (number(axes[0]), number(axes[1]));
        let offset = random.one_of(&[0, 0, 1, -1, 2, -2, 5, -5, i64::MIN, i64::MAX]);
        let (down, right) = (0.max(-i128::from(offset)), 0.max(i128::from(offset)));
        let (rows, columns) = (i128::from(layout.shape()[first]), i128::from(layout.shape()[second]));
        let length = (rows - down).min(columns - right).max(0) as i64;
        let mut shape = layout.shape().to_vec();
        shape.remove(first.max(second));
        shape.remove(first.min(second));
        shape.push(length);
        let view = layout.diagonal(offset, axes[0], axes[1]).unwrap();
        assert_view(&view, &shape, &layout, |index| {
            let (&along, rest) = index.split_last().unwrap();
            let mut rest = rest.iter();
            let place = |axis| match axis {
                axis if axis == first => along + down as i64,
                axis if axis == second => along + right as i64,
                _ => *rest.next().unwrap(),
            };
            (0..layout.ndim()).map(place).collect()
        });
        let error = layout.diagonal(0, first as i32, first as i32).unwrap_err();
        assert_eq!(error.kind(), Kind::InvalidArgument);
    });
}

#[test]
fn sliding_windows_start_a_step_apart_and_stay_on_the_axis() {
    each_layout(1, |random, layout| {
        let (axis, number) = some_axis(random, &layout);
        let extent = layout.shape()[number];
        let (window, step) = (random.between(0, extent), random.one_of(&[1, 1, 2, 3, i64::MAX]));
        let mut shape = layout.shape().to_vec();
        shape[number] = (0..=extent - window).step_by(step as usize).count() as i64;
        shape.push(window);
        let view = layout.sliding_window(axis, window, step).unwrap();
        assert_view(&view, &shape, &layout, |index| {
            let (&within, rest) = index.split_last().unwrap();
            let mut original = rest.to_vec();
            original[number] = original[number] * step + within;
            original
        });
        for (window, step) in [(-1, 1), (extent + 1, 1), (0, 0), (0, i64::MIN)] {
            assert_eq!(layout.sliding_window(axis, window, step).unwrap_err().kind(), Kind::Range);
        }
    });
}

#[test]
fn the_span_is_the_least_and_the_greatest_offset() {
    each_layout(0, |_, layout| {
        let all = offsets(&layout);
        assert_eq!(layout.element_count(), all.len() as i64);
        let bounds = all.iter().min().copied().zip(all.iter().max().copied());
        assert_eq!(layout.span(), bounds);
        let Some((min, max)) = bounds else { return };
        let mut based = layout.clone();
        based.set_offset(layout.offset() - min).unwrap();
        assert_eq!(based.span(), Some((0, max - min)));
        let as_strided =
            |storage| Layout::as_strided(based.shape(), based.strides(), based.offset(), storage);
        assert_eq!(as_strided(max - min + 1), Ok(based.clone()));
        assert_eq!(as_strided(max - min).unwrap_err().kind(), Kind::Range);
    });
}

#[test]
fn contiguity_is_a_property_of_the_visited_offsets() {
    each_layout(0, |_, layout| {
        let all = offsets(&layout);
        let counts_up = |all: &[i64]| all.windows(2).all(|pair| pair[1] == pair[0] + 1);
        assert_eq!(layout.is_contiguous(Order::C), counts_up(&all), "{layout:?}");
        assert_eq!(layout.is_contiguous(Order::F), counts_up(&offsets(&layout.transpose())), "{layout:?}");
        let mut sorted = all.clone();
        sorted.sort();
        assert_eq!(layout.is_dense(), counts_up(&sorted), "{layout:?}");
        assert_eq!(offsets(&layout.normalized()), all);
    });
}

#[test]
fn arguments_that_name_no_axis_or_one_twice_are_refused() {
    let layout = Layout::contiguous(&[2, 3], Order::C).unwrap();
    let message = |result: crate::error::Result<Layout>| result.unwrap_err().message().to_owned();
    assert_eq!(message(layout.permute(&[0, 1, 2])), "`axes` has 3 entries, the tensor has rank 2");
    assert_eq!(message(layout.permute(&[0, -2])), "`axes` names axis 0 twice");
    assert_eq!(message(layout.flip(&[1, 1])), "`axes` names axis 1 twice");
    assert_eq!(message(layout.select(2, 0)), "`axis` is 2, the tensor has rank 2");
    assert_eq!(message(layout.swap_axes(0, -3)), "`axis2` is -3, the tensor has rank 2");
    assert_eq!(message(layout.unsqueeze(4)), "`axis` is 4, the view has rank 3");
    assert_eq!(
        message(Layout::as_strided(&[3], &[-1], 1, 9)),
        "the storage has 9 elements, `strides` reach offsets -1 to 1"
    );
    assert_eq!(message(Layout::as_strided(&[0], &[1], 10, 9)), "the storage has 9 elements, `offset` is 10");
}
