//! Cutting what is moved into boxes: parts of a shape that are small enough for what they pass through.
#![forbid(unsafe_code)]

use crate::engine::Transform;
use crate::error::Result;
use crate::layout::{Dims, Layout, sort_by_key};

/// A part of a shape.
pub struct Part {
    start: Dims,
    shape: Dims,
}

impl Part {
    /// Where the elements of `layout` that belong to it lie.
    pub fn of(&self, layout: &Layout) -> Result<Layout> {
        let steps = self.start.iter().zip(layout.strides());
        let offset = layout.offset() + steps.map(|(start, stride)| start * stride).sum::<i64>();
        Layout::new(&self.shape, layout.strides(), offset)
    }

    /// What happens to the numbers of it.
    pub fn transform<'a>(&self, transform: &Transform<'a>) -> Transform<'a> {
        let cut = |values: &'a [f64]| match values {
            [] | [_] => values,
            many => {
                let start = self.start[transform.axis] as usize;
                &many[start..start + self.shape[transform.axis] as usize]
            }
        };
        // Of many coefficients one may be left: it is that of all.
        Transform { scale: cut(transform.scale), bias: cut(transform.bias), ..*transform }
    }

    /// How many elements it has.
    pub fn count(&self) -> i64 {
        self.shape.iter().product()
    }
}

/// Visits the parts of a shape, of at most `most` elements each (one at least), in the order in which `layout` has them in
/// memory: so those of a layout without gaps are runs.
pub fn boxes(layout: &Layout, most: i64, visit: &mut dyn FnMut(&Part) -> Result<()>) -> Result<()> {
    let shape = layout.shape();
    if shape.contains(&0) {
        return Ok(());
    }
    let mut order: Vec<usize> = (0..shape.len()).collect();
    sort_by_key(&mut order, |&axis| std::cmp::Reverse(layout.strides()[axis].unsigned_abs()));
    let mut part = Part { start: Dims::filled(0, shape.len()), shape: shape.into() };
    let mut inside = 1i64;
    let mut outside = order.len();
    while outside > 0 && inside.saturating_mul(shape[order[outside - 1]]) <= most {
        outside -= 1;
        inside *= shape[order[outside]];
    }
    let Some((&cut, outer)) = order[..outside].split_last() else { return visit(&part) };
    let at_once = (most / inside).max(1);
    outer.iter().for_each(|&axis| part.shape[axis] = 1);
    loop {
        part.start[cut] = 0;
        while part.start[cut] < shape[cut] {
            part.shape[cut] = at_once.min(shape[cut] - part.start[cut]);
            visit(&part)?;
            part.start[cut] += part.shape[cut];
        }
        let Some(next) = outer.iter().rposition(|&axis| part.start[axis] + 1 < shape[axis]) else {
            return Ok(());
        };
        part.start[outer[next]] += 1;
        outer[next + 1..].iter().for_each(|&axis| part.start[axis] = 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Order;

    /// All offsets of a layout, in no order.
    fn offsets(layout: &Layout) -> Vec<i64> {
        let mut all = vec![layout.offset()];
        for (extent, stride) in layout.shape().iter().zip(layout.strides()) {
            all = all.into_iter().flat_map(|at| (0..*extent).map(move |i| at + i * stride)).collect();
        }
        all
    }

    #[test]
    fn boxes_have_each_element_once_and_are_runs_where_there_are_no_gaps() {
        let shapes: [&[i64]; 6] =
            [&[], &[17], &[3, 1, 5], &[2, 3, 4, 5], &[5, 0, 3], &[2, 2, 2, 2, 2, 2, 2, 2]];
        for shape in shapes {
            for (order, most) in
                [Order::C, Order::F].into_iter().flat_map(|o| (1..200).step_by(7).map(move |n| (o, n)))
            {
                let layout = Layout::contiguous(shape, order).expect("small");
                let mut all = Vec::new();
                boxes(&layout, most, &mut |part| {
                    let layout = part.of(&layout)?;
                    let mut some = offsets(&layout);
                    assert_eq!(some.len() as i64, part.count());
                    assert!(part.count() <= most);
                    some.sort_unstable();
                    assert!(some.windows(2).all(|pair| pair[1] == pair[0] + 1), "{layout:?}");
                    all.extend(some);
                    Ok(())
                })
                .expect("small");
                assert!(all.is_sorted());
                assert_eq!(all, (0..layout.element_count()).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn coefficients_are_cut_with_their_axis() {
        let values: Vec<f64> = (0..6).map(f64::from).collect();
        let layout = Layout::contiguous(&[2, 6], Order::C).expect("small");
        let transform = Transform { scale: &values, bias: &[1.0], axis: 1, ..Transform::default() };
        let mut seen = Vec::new();
        boxes(&layout, 4, &mut |part| {
            let cut = part.transform(&transform);
            assert_eq!(cut.bias, [1.0]);
            seen.push(cut.scale.to_vec());
            Ok(())
        })
        .expect("small");
        let row = [vec![0.0, 1.0, 2.0, 3.0], vec![4.0, 5.0]];
        assert_eq!(seen, [row.clone(), row].concat());
    }
}
