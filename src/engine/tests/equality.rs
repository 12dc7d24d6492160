//! Equality over random types and layouts: of the same numbers, and of numbers of which one differs or is none.

use super::*;

/// The numbers of `values`, which are bytes in C order, as elements of `dtype` in `layout`, which spans so many.
fn stored(random: &mut Random, values: &[u8], dtype: DType, (layout, span): &(Layout, i64)) -> Vec<u8> {
    let mut bytes = random.bytes(storage_bytes(dtype, *span));
    let dense = Layout::contiguous(layout.shape(), Order::C).expect("a small shape");
    let source = View { data: values.as_ptr(), dtype: DType::new(code::UINT, 8), layout: &dense };
    // SAFETY: the layouts stay within what they span.
    unsafe {
        naive::convert(&source, &ViewMut { data: bytes.as_mut_ptr(), dtype, layout }, &Transform::default());
    }
    bytes
}

/// Makes element `index` of a storage the number.
fn set(bytes: &mut [u8], dtype: DType, layout: &Layout, index: &[i64], number: f64) {
    let at = layout.offset() + index.iter().zip(layout.strides()).map(|(i, s)| i * s).sum::<i64>();
    let (still, place) = (Layout::raw(&[], &[], 0), Layout::raw(&[], &[], at));
    let numbers = [number];
    let value = View { data: numbers.as_ptr().cast(), dtype: DType::new(code::FLOAT, 64), layout: &still };
    // SAFETY: an element of the layout.
    unsafe {
        naive::convert(
            &value,
            &ViewMut { data: bytes.as_mut_ptr(), dtype, layout: &place },
            &Transform::default(),
        );
    }
}

fn same(a: (&[u8], DType, &Layout), b: (&[u8], DType, &Layout)) -> bool {
    let view = |(bytes, dtype, layout): (&[u8], DType, _)| View { data: bytes.as_ptr(), dtype, layout };
    // SAFETY: the storages hold the layouts.
    unsafe { equal(&view(a), &view(b)) }.expect("comparable")
}

#[test]
fn the_same_numbers_are_equal_in_any_layout_and_one_that_differs_is_found() {
    let mut random = Random(31);
    for _ in 0..3000 {
        let (from, mut to) = (random.dtype(), random.dtype());
        if random.below(4) > 0 {
            to = DType { flags: to.flags & SWAPPED, ..from };
        }
        let shape = random.shape();
        let count = shape.iter().product::<i64>() as usize;
        let values: Vec<u8> = (0..count).map(|_| (random.below(2)) as u8).collect();
        let layouts = [random.layout(&shape, false), random.layout(&shape, false)];
        let a = stored(&mut random, &values, from, &layouts[0]);
        let mut b = stored(&mut random, &values, to, &layouts[1]);
        let case = format!("{from:?} {:?} {to:?} {:?}", layouts[0], layouts[1]);
        let has_zero = |dtype: DType| dtype.code != code::FLOAT8_E8M0FNU;
        if !has_zero(from) || !has_zero(to) {
            continue;
        }
        assert!(same((&a, from, &layouts[0].0), (&b, to, &layouts[1].0)), "{case}");
        if count == 0 {
            continue;
        }
        let index: Vec<i64> = shape.iter().map(|extent| random.below(*extent)).collect();
        let at = index.iter().zip(&shape).fold(0, |at, (i, extent)| at * extent + i) as usize;
        set(&mut b, to, &layouts[1].0, &index, f64::from(1 - values[at]));
        assert!(!same((&a, from, &layouts[0].0), (&b, to, &layouts[1].0)), "{index:?} {case}");
        assert!(same((&b, to, &layouts[1].0), (&b, to, &layouts[1].0)), "itself {case}");
        if matches!(to.code, code::FLOAT | code::BFLOAT | code::COMPLEX | code::FLOAT8_E4M3FNUZ) {
            set(&mut b, to, &layouts[1].0, &index, f64::NAN);
            assert!(!same((&b, to, &layouts[1].0), (&b, to, &layouts[1].0)), "NaN {index:?} {case}");
        }
    }
}
