//! What is remembered is used for the same question only: many that differ in one thing, asked in any order, by copies into
//! tensors.

use std::ffi::c_void;

use super::*;
use crate::dtype::{Casting, casting_needed};
use crate::engine::recall;
use crate::engine::route::{Convert, copy_into};
use crate::engine::threads;
use crate::layout::Dims;
use crate::storage::Owner;
use crate::tensor::{Adopted, Tensor};

/// A copy of one tensor into another, each on a storage of its own.
#[derive(Clone, Debug)]
struct Asked {
    types: [DType; 2],
    shapes: [Vec<i64>; 2],
    strides: [Vec<i64>; 2],
    offsets: [i64; 2],
    rules: (Casting, Overflow),
}

impl Asked {
    fn random(random: &mut Random) -> Self {
        let rank = random.below(4) as usize;
        let top = if random.below(6) == 0 { [1, 3000, 60, 12] } else { [1, 40, 12, 5] }[rank];
        let shape: Vec<i64> = (0..rank).map(|_| 1 + random.below(top)).collect();
        let from = random.dtype();
        let to = if random.below(2) == 0 { from } else { random.dtype() };
        let dense = random.below(3) == 0;
        let mut layout = |broadcast| match dense {
            true => Layout::contiguous(&shape, Order::C).expect("a small shape"),
            false => random.layout(&shape, broadcast).0,
        };
        let [source, target] = [layout(true), layout(false)];
        Self {
            types: [from, to],
            shapes: [shape.clone(), shape.clone()],
            strides: [source.strides().to_vec(), target.strides().to_vec()],
            offsets: [source.offset(), target.offset()],
            rules: (Casting::Unsafe, Overflow::Wrap),
        }
    }

    /// Another one, which differs in one thing, or in none.
    fn changed(&self, random: &mut Random) -> Self {
        let mut other = self.clone();
        let (side, rank) = (random.below(2) as usize, self.shapes[0].len());
        let axis = random.below(rank.max(1) as i64) as usize;
        match random.below(10) {
            1 => other.offsets[side] += 1 + random.below(3),
            2 => other.rules.1 = Overflow::Saturate,
            3 => other.types[side] = random.dtype(),
            4 => other.types[side] = other.types[side].swapped(),
            5 => other.rules.0 = [Casting::No, Casting::Equiv, Casting::Safe, Casting::SameKind][rank],
            6 if rank > 0 => other.strides[0][axis] = random.below(4),
            7 if rank > 1 => {
                other.shapes.iter_mut().for_each(|shape| shape.swap(0, axis));
                other.strides.iter_mut().for_each(|strides| strides.swap(0, axis));
            }
            8 if rank > 0 && self.shapes[0][axis] > 1 => {
                other.shapes.iter_mut().for_each(|shape| shape[axis] -= 1);
            }
            9 if rank > 0 => other.shapes[0][axis] = 1,
            _ => {}
        }
        // Elements before the first one would not be of the storage.
        for side in 0..2 {
            let reach = other.strides[side].iter().zip(&other.shapes[side]);
            let low: i64 = reach.map(|(stride, extent)| (stride * (extent - 1)).min(0)).sum();
            other.offsets[side] = other.offsets[side].max(-low);
        }
        other
    }

    /// Elements that the storage of a side must have.
    fn span(&self, side: usize) -> i64 {
        let reach = self.strides[side].iter().zip(&self.shapes[side]);
        self.offsets[side] + 1 + reach.map(|(stride, extent)| (stride * (extent - 1)).max(0)).sum::<i64>()
    }

    /// The tensor of a side on memory that holds it.
    fn tensor(&self, side: usize, memory: &mut [u8]) -> Tensor {
        let (dtype, span) = (self.types[side], [self.span(side)]);
        let (data, device) = (memory.as_mut_ptr(), crate::device::Device::CPU);
        let all =
            Adopted { data, byte_offset: 0, device, dtype, shape: &span, strides: None, read_only: false };
        // SAFETY: the memory has so many elements, and outlives the tensor.
        let all = unsafe { Tensor::adopt(&all, Owner::NOBODY) }.expect("elements of the memory");
        all.as_strided(&self.shapes[side], &self.strides[side], self.offsets[side]).expect("elements of it")
    }

    /// Asks it, and demands every byte that the naive twin writes and no other. Whether it was asked of what is known
    /// afterwards, where it is allowed.
    fn check(&self, random: &mut Random) -> Option<bool> {
        let sizes = [0, 1].map(|side| storage_bytes(self.types[side], self.span(side)));
        let (mut source, mut poison) = (random.bytes(sizes[0]), random.bytes(sizes[1]));
        let mut expected = poison.clone();
        let [from, to] = [self.tensor(0, &mut source), self.tensor(1, &mut poison)];
        let how = Convert { casting: self.rules.0, overflow: self.rules.1, ..Convert::default() };
        let refused = casting_needed(self.types[0], self.types[1]).is_none_or(|needed| needed > self.rules.0)
            || to.layout().internal_overlap().is_possible();
        let result = copy_into(&from, &to, &how);
        assert_eq!(result.is_err(), refused, "{self:?} {result:?}");
        if !refused {
            let layout = from.layout().broadcast_to(to.layout().shape()).expect("the extent or 1");
            let view = View { data: from.storage().start(), dtype: from.dtype(), layout: &layout };
            let shifted = to.storage().start().addr() - poison.as_ptr().addr();
            let data = expected[shifted..].as_mut_ptr();
            let target = ViewMut { data, dtype: to.dtype(), layout: to.layout() };
            // SAFETY: the memory holds both layouts.
            unsafe {
                naive::convert(&view, &target, &Transform { overflow: self.rules.1, ..Default::default() });
            }
        }
        assert!(poison == expected, "{self:?}");
        let question = recall::Question {
            source: (from.dtype(), from.layout()),
            target: (to.dtype(), to.layout()),
            rules: self.rules,
        };
        // SAFETY: the storages hold the layouts and do not meet.
        let known = unsafe { recall::copy(&question, from.storage().start(), to.storage().start()) };
        assert!(poison == expected, "again: {self:?}");
        (!refused).then_some(known)
    }
}

#[test]
fn what_is_remembered_answers_the_same_question_and_none_that_differs_in_one_thing() {
    let mut random = Random(7);
    let (mut asked, mut known) = (0, 0);
    for _ in 0..variable("NDFERRY_CASES").unwrap_or(150) {
        let first = Asked::random(&mut random);
        let mut all = vec![first];
        for _ in 0..40 {
            let of = random.below(all.len() as i64) as usize;
            let next = if random.below(3) == 0 { all[of].clone() } else { all[of].changed(&mut random) };
            let packed = next.types.iter().any(|dtype| dtype.is_packed());
            let answer = next.check(&mut random);
            asked += usize::from(answer.is_some() && !packed);
            known += usize::from(answer == Some(true));
            assert!(answer != Some(true) || !packed, "{next:?}");
            all.push(next);
        }
    }
    // Complex numbers become real ones and the other way round in one pass, like all others.
    assert!(asked > 100 && known == asked, "{known} of {asked} are known");
}

#[test]
fn more_questions_than_are_remembered_are_all_answered() {
    let mut random = Random(11);
    let all: Vec<Asked> = (0..120).map(|_| Asked::random(&mut random)).collect();
    for _ in 0..2000 {
        all[random.below(all.len() as i64) as usize].check(&mut random);
    }
}

#[test]
fn a_pipeline_of_twenty_jobs_is_remembered_whole() {
    let types = [DType::FLOAT32, DType::FLOAT64, DType::UINT8, DType::INT32];
    let dense = |shape: &[i64]| Layout::contiguous(shape, Order::C).expect("a small shape");
    let mut all = Vec::new();
    for (i, from) in types.into_iter().enumerate() {
        let turned = Layout::raw(&[8, 8], &[1, 8], 0);
        all.push((from, dense(&[64]), types[(i + 1) % 4], dense(&[64])));
        all.push((from, dense(&[60 + i as i64]), from, dense(&[60 + i as i64])));
        all.push((from, turned, from, dense(&[8, 8])));
        all.push((from, dense(&[6, 6]), from, Layout::raw(&[6, 6], &[9, 1], 0)));
        all.push((from, Layout::raw(&[32], &[0], 0), from, dense(&[32])));
    }
    let (source, mut target) = (vec![0u8; 1024], vec![0u8; 1024]);
    for round in 0..3 {
        for (from, one, to, other) in &all {
            let rules = (Casting::Unsafe, Overflow::Wrap);
            let question = recall::Question { source: (*from, one), target: (*to, other), rules };
            // SAFETY: the memory holds all layouts.
            unsafe {
                let known = recall::copy(&question, source.as_ptr(), target.as_mut_ptr());
                assert_eq!(known, round > 0, "{from} {one:?} {to} {other:?}");
                if !known && !recall::copy_at_once(&question, source.as_ptr(), target.as_mut_ptr()) {
                    let view = View { data: source.as_ptr(), dtype: *from, layout: one };
                    let target = ViewMut { data: target.as_mut_ptr(), dtype: *to, layout: other };
                    let keep = &mut |pass: &Pass, job: &Job| recall::keep(&question, pass, job);
                    convert_and_show(&view, &target, &Transform::default(), keep).expect("convertible types");
                }
            }
        }
    }
}

/// So many rows of 300 numbers, whose elements are `strides` apart in the source.
fn table(types: [DType; 2], strides: [i64; 2], rows: i64) -> Asked {
    Asked {
        types,
        shapes: [vec![rows, 300], vec![rows, 300]],
        strides: [strides.to_vec(), vec![301, 1]],
        offsets: [0; 2],
        rules: (Casting::Unsafe, Overflow::Wrap),
    }
}

#[test]
fn what_threads_share_is_remembered_too_up_to_many_bytes() {
    let mut random = Random(5);
    let (f32, f64) = (DType::FLOAT32, DType::FLOAT64);
    for count in [1, 3] {
        threads::set_count_here(count);
        for (types, strides) in
            [[f32, f32], [f32, f64], [f64, f32]].into_iter().zip([[300, 1], [1, 200], [600, 2]])
        {
            assert_eq!(table(types, strides, 200).check(&mut random), Some(true), "{types:?} {strides:?}");
        }
        assert_eq!(table([f32, f32], [300, 1], 7000).check(&mut random), Some(false));
    }
}

#[test]
fn threads_of_the_host_program_may_ask_for_other_things_while_they_share_what_is_remembered() {
    thread_local! {
        /// Tables of so many rows and more are asked for by who is asked next, if any.
        static ROWS: std::cell::Cell<i64> = const { std::cell::Cell::new(0) };
    }
    unsafe extern "C" fn one_after_the_other(
        _: *mut c_void,
        count: i64,
        task: threads::TaskFn,
        argument: *mut c_void,
    ) {
        let rows = ROWS.take();
        for i in 0..count {
            if rows > 0 {
                threads::set_count_here(1);
                // More than are remembered.
                for rows in rows..rows + 20 {
                    table([DType::FLOAT32; 2], [1, 300], rows).check(&mut Random(1));
                }
                threads::set_count_here(3);
            }
            // SAFETY: as it is to be called.
            unsafe { task(argument, i) };
        }
    }
    let all = table([DType::UINT16; 2], [1, 400], 300);
    let mut random = Random(9);
    // SAFETY: it calls all tasks and returns then.
    unsafe { threads::set_parallel_for(Some(one_after_the_other), std::ptr::null_mut()) }.expect("one host");
    threads::set_count_here(3);
    for rows in [0, 120, 150] {
        ROWS.set(rows);
        all.check(&mut random);
        assert_eq!(ROWS.get(), 0, "the host program was asked");
    }
    // SAFETY: nothing is set.
    unsafe { threads::set_parallel_for(None, std::ptr::null_mut()) }.expect("nothing to make");
}

#[test]
fn tensors_of_many_axes_are_copied_without_being_remembered() {
    let mut random = Random(3);
    for rank in 5..10 {
        let asked = Asked {
            types: [DType::FLOAT32; 2],
            shapes: [vec![2; rank], vec![2; rank]],
            strides: [
                Dims::from_fn(rank, |i| 1 << i).to_vec(),
                Dims::from_fn(rank, |i| 1 << (rank - 1 - i)).to_vec(),
            ],
            offsets: [0; 2],
            rules: (Casting::No, Overflow::Wrap),
        };
        assert_eq!(asked.check(&mut random), Some(rank <= 6));
    }
}
