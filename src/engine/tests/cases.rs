//! Random conversions: types, shapes, layouts, what is asked for, and where it lies in memory.

use super::*;

/// One conversion.
#[derive(Debug)]
pub struct Case {
    pub shape: Vec<i64>,
    pub source: Side,
    pub target: Side,
    pub overflow: Overflow,
    pub scale: Vec<f64>,
    pub bias: Vec<f64>,
    pub axis: usize,
}

/// Elements, and where their storage lies between two pages that nobody may touch.
#[derive(Debug)]
pub struct Side {
    pub dtype: DType,
    pub layout: Layout,
    /// Bytes of the storage: the first or the last of them belongs to an element.
    pub bytes: usize,
    /// Bytes between the storage and the page beside it.
    pub shift: usize,
    /// Whether that is the page behind it.
    pub at_end: bool,
}

/// What a shape is like.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Family {
    /// Up to ten axes, most of them tiny, some empty.
    Any,
    /// A long last axis.
    Rows,
    /// Two long axes.
    Sheets,
    /// Two long axes before or after a tiny one.
    Pixels,
    /// Several axes of tens of elements.
    Deep,
    /// As many elements as no cache holds.
    Large,
}

/// Bytes of a target that is streamed past the caches.
pub(super) const LARGE: i64 = 9 << 20;

/// The most bytes of a storage.
pub(super) const MOST: i64 = 64 << 20;

impl Case {
    /// The case of a number.
    pub fn new(seed: u64) -> Self {
        let family = [Family::Any, Family::Rows, Family::Sheets, Family::Pixels][seed as usize % 4];
        Self::of(family, seed)
    }

    /// The case of a number that has several axes of tens of elements.
    pub fn deep(seed: u64) -> Self {
        Self::of(Family::Deep, seed)
    }

    /// The large case of a number.
    pub fn large(seed: u64) -> Self {
        Self::of(Family::Large, seed)
    }

    fn of(family: Family, seed: u64) -> Self {
        let mut random = Random(seed.wrapping_mul(0x5851_F42D_4C95_7F2D));
        let (from, to) = match family {
            Family::Large => random.large_types(),
            _ => random.types(),
        };
        let widest = from.item_size().max(to.item_size()) as i64;
        let shape = match family {
            Family::Large => random.large_shape(LARGE / to.item_size() as i64),
            _ => reduced(random.shape_of(family), 40_000.min((1 << 20) / widest.max(1))),
        };
        let (source, target) = (random.side(from, &shape, true), random.side(to, &shape, false));
        let mut case = Self {
            shape,
            source,
            target,
            overflow: if random.one_in(3) { Overflow::Saturate } else { Overflow::Wrap },
            scale: Vec::new(),
            bias: Vec::new(),
            axis: 0,
        };
        if Numeric::of(from).is_some() && random.one_in(4) {
            case.axis = random.below(case.shape.len().max(1) as i64) as usize;
            let extent = case.shape.get(case.axis).copied().unwrap_or(1);
            (case.scale, case.bias) = (random.coefficients(extent), random.coefficients(extent));
        }
        case
    }

    pub fn transform(&self) -> Transform<'_> {
        Transform {
            overflow: self.overflow,
            scale: &self.scale,
            bias: &self.bias,
            axis: self.axis,
            progress: None,
        }
    }
}

/// Types that are copied and never converted.
fn carried() -> [DType; 10] {
    [
        DType::numpy(b'S', 3),
        DType::numpy(b'S', 0),
        DType::numpy(b'V', 300),
        // A record of 24 bytes; its description plays no part.
        DType::numpy(b'V', 1 << 63 | 24 << 32),
        DType::numpy(b'U', 5),
        DType::numpy(b'M', 7),
        DType::new(code::OPAQUE, 64),
        DType::new(200, 12),
        DType::new(201, 3),
        DType::new(code::FLOAT, 128),
    ]
}

impl Random {
    pub fn one_in(&mut self, n: i64) -> bool {
        self.below(n) == 0
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as i64) as usize]
    }

    /// One type in two byte orders and packings, or any two numbers.
    fn types(&mut self) -> (DType, DType) {
        let (mut from, mut to) = (self.dtype(), self.dtype());
        match self.below(8) {
            0 => from = self.pick(&carried()),
            1..=3 => {}
            _ => return self.lanes(from, to),
        }
        to = from;
        let turns = from.has_byte_order();
        for dtype in [&mut from, &mut to] {
            dtype.flags = match self.one_in(3) {
                true if turns => SWAPPED,
                true if dtype.kind == 0 && !dtype.bits.is_multiple_of(8) => PADDED,
                _ => 0,
            };
        }
        self.lanes(from, to)
    }

    fn lanes(&mut self, mut from: DType, mut to: DType) -> (DType, DType) {
        if from.kind == 0 && self.one_in(8) {
            from.lanes = self.pick(&[2, 3, 4, 16]);
            to.lanes = from.lanes;
        }
        (from, to)
    }

    /// Types of whole bytes, the first not much wider than the second; half of the time common ones.
    fn large_types(&mut self) -> (DType, DType) {
        let common = [code::BOOL, code::INT, code::UINT, code::FLOAT, code::BFLOAT, code::FLOAT8_E4M3FN];
        let is_common = |dtype: DType| dtype.flags == 0 && dtype.lanes == 1 && common.contains(&dtype.code);
        let wanted = self.one_in(2);
        loop {
            let (from, to) = self.types();
            let sizes = [from, to].map(|dtype| dtype.item_size());
            let whole = [from, to].iter().all(|dtype| !dtype.is_packed());
            if whole
                && (1..=16).contains(&sizes[1])
                && sizes[0] <= 2 * sizes[1]
                && (!wanted || is_common(from) && is_common(to))
            {
                return (from, to);
            }
        }
    }

    fn shape_of(&mut self, family: Family) -> Vec<i64> {
        let long = |random: &mut Self| match random.below(8) {
            0 | 1 => 1 + random.below(24),
            2 | 3 => random.pick(&[16, 31, 32, 33, 63, 64, 65, 127, 128, 256, 257]),
            4 => 16 + random.below(1200),
            _ => 16 + random.below(180),
        };
        match family {
            Family::Sheets if self.one_in(3) => vec![1 + self.below(4), long(self), long(self)],
            Family::Sheets => vec![long(self), long(self)],
            Family::Pixels => {
                let mut shape = vec![1 + self.below(8), long(self), 2 + self.below(4)];
                if self.one_in(2) {
                    shape.rotate_right(1);
                }
                shape
            }
            Family::Rows => {
                let row = [1 + self.below(80), 1 + self.below(700), 1 + self.below(5000)];
                let mut shape: Vec<i64> = (0..self.below(3)).map(|_| 1 + self.below(6)).collect();
                shape.push(self.pick(&row));
                shape
            }
            Family::Deep => {
                let rank = 3 + self.below(4) as usize;
                let most = [70, 40, 16, 10][rank - 3];
                (0..rank).map(|_| 2 + self.below(most)).collect()
            }
            Family::Any | Family::Large => self.small_shape(),
        }
    }

    /// About so many elements.
    fn large_shape(&mut self, count: i64) -> Vec<i64> {
        match self.below(7) {
            0 => vec![count],
            1 => vec![count / 1031, 1031],
            2 => vec![count / 3, 3],
            3 => vec![4, count / 4],
            4 => vec![count / (64 * 60), 60, 64],
            5 => vec![5, 27, count / (5 * 27 * 43 * 2), 2, 43],
            _ => vec![count / 80, 2, 40],
        }
    }

    fn small_shape(&mut self) -> Vec<i64> {
        let rank = self.below(11) as usize;
        let most = [0, 700, 60, 14, 9, 7, 5, 4, 4, 3, 3][rank];
        let shape: Vec<i64> = (0..rank).map(|_| 1 + self.below(most)).collect();
        let mut shape = reduced(shape, 6000);
        if rank > 0 && self.one_in(30) {
            shape[self.below(rank as i64) as usize] = 0;
        }
        shape
    }

    /// A layout of `shape`, and storage that its elements fill from the first byte to the last.
    fn side(&mut self, dtype: DType, shape: &[i64], is_source: bool) -> Side {
        let ways = if self.one_in(2) { 0 } else { self.next() };
        let most = MOST * 8 / (dtype.element_bits().max(1) as i64);
        let found = self.layout_of(shape, ways, is_source);
        let (layout, span) = if found.1 > most { self.layout_of(shape, 0, is_source) } else { found };
        let shift = if self.one_in(2) { 0 } else { self.below(16) as usize };
        Side { dtype, layout, bytes: storage_bytes(dtype, span), shift, at_end: self.one_in(2) }
    }

    /// A layout of `shape` that deviates from adjacent elements in such `ways`, and how many elements it spans.
    fn layout_of(&mut self, shape: &[i64], ways: u64, is_source: bool) -> (Layout, i64) {
        let (mut strides, mut offset, mut span) = (vec![0; shape.len()], 0, 1);
        for axis in self.order(shape.len()) {
            let mut stride = span;
            if ways & 1 != 0 && self.one_in(2) {
                let padded = [span + 1, span + self.below(70), (span + 63) & !63];
                stride = if self.one_in(4) { ceil_power(span) } else { self.pick(&padded) };
            }
            if ways & 2 != 0 && self.one_in(3) {
                stride *= 2 + self.below(3);
            }
            if ways & 4 != 0 && is_source && self.one_in(3) {
                // A broadcast, or windows that overlap.
                stride = if self.one_in(2) { 0 } else { self.below(span + 1) };
            }
            let far = (shape[axis] - 1).max(0) * stride;
            if ways & 8 != 0 && self.one_in(2) {
                stride = -stride;
                offset += far;
            }
            strides[axis] = stride;
            span += far;
        }
        let empty = shape.contains(&0);
        (Layout::raw(shape, &strides, if empty { 0 } else { offset }), if empty { 0 } else { span })
    }

    /// The axes, that of adjacent elements first.
    fn order(&mut self, rank: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..rank).rev().collect();
        match self.below(8) {
            0..4 => {}
            4 => order.reverse(),
            5 if rank > 1 => order.swap(0, 1),
            6 if rank > 1 => order.rotate_left(1),
            _ => (1..rank).for_each(|i| order.swap(i, self.below(i as i64 + 1) as usize)),
        }
        order
    }

    /// No number, one, or as many as an axis is long.
    fn coefficients(&mut self, extent: i64) -> Vec<f64> {
        let count = [0, 1, extent][self.below(3) as usize];
        let edges = [0.0, -0.0, 1.0, 1e-320, 1e300, f64::INFINITY];
        let any = |_| match self.one_in(50) {
            true => self.pick(&edges),
            false => (self.below(2000) - 1000) as f64 / 128.3,
        };
        (0..count).map(any).collect()
    }

    pub fn poison(&mut self, bytes: &mut [u8]) {
        for word in bytes.chunks_mut(8) {
            let size = word.len();
            word.copy_from_slice(&self.next().to_ne_bytes()[..size]);
        }
    }

    /// Elements of `dtype`, many of them numbers that other types hold too, or bits at an edge.
    pub fn fill(&mut self, bytes: &mut [u8], dtype: DType) {
        self.poison(bytes);
        let Some(Numeric { scalar, .. }) = Numeric::of(dtype) else { return };
        let size = scalar.bits().div_ceil(8) as usize;
        if dtype.is_packed() || self.one_in(8) {
            return;
        }
        for word in bytes.chunks_exact_mut(size) {
            let (x, k) = (self.next(), self.below(64));
            let number = |x: f64| scalar::convert(Scalar::Float64, x.to_bits(), scalar, Overflow::Wrap);
            let bits = match x % 8 {
                0 => number((x >> 8) as i8 as f64 / 2.0),
                1 => number((x >> 4 >> k) as i64 as f64),
                2 => 1u64.rotate_left(k as u32),
                3 => !(1u64 << k),
                4 => 0,
                _ => continue,
            };
            let native = bits.to_le_bytes();
            word.copy_from_slice(&native[..size]);
            if dtype.is_swapped() != cfg!(target_endian = "big") {
                word.reverse();
            }
        }
    }
}

/// The shape with its longest axes so much shorter that it has at most so many elements.
fn reduced(mut shape: Vec<i64>, most: i64) -> Vec<i64> {
    while shape.iter().product::<i64>() > most.max(1) {
        if let Some(longest) = shape.iter_mut().max() {
            *longest = *longest * 2 / 3;
        }
    }
    shape
}

fn ceil_power(n: i64) -> i64 {
    (n as u64).next_power_of_two() as i64
}
