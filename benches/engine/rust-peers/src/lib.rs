//! The crates that Rust programs copy and convert arrays with, as C functions of one pointer.

use std::{mem::MaybeUninit, slice};

use half::{bf16, f16, slice::HalfFloatSliceExt};
use ndarray::{ArrayView, ArrayViewMut, IxDyn, ShapeBuilder, Zip};
use strided_view::{StridedView, StridedViewMut};

/// What is to be done. The caller keeps everything alive, and the two sides apart.
#[repr(C)]
pub struct Work {
    source: *const u8,
    target: *mut u8,
    rank: usize,
    extents: *const usize,
    /// In elements, none negative.
    source_strides: *const usize,
    target_strides: *const usize,
    /// Bytes of an element that only moves, or a number of `CONVERSIONS`.
    kind: usize,
}

impl Work {
    /// SAFETY of all that follow: `rank` numbers each, as the caller promises.
    unsafe fn numbers(&self) -> (&[usize], &[usize], &[usize]) {
        let one = |at| unsafe { slice::from_raw_parts(at, self.rank) };
        (one(self.extents), one(self.source_strides), one(self.target_strides))
    }

    unsafe fn ndarrays<S, T>(&self) -> (ArrayView<'_, S, IxDyn>, ArrayViewMut<'_, T, IxDyn>) {
        let (extents, read, written) = unsafe { self.numbers() };
        let shape = |strides: &[usize]| IxDyn(extents).strides(IxDyn(strides));
        // SAFETY: the caller's memory holds elements at all of these places.
        unsafe {
            (
                ArrayView::from_shape_ptr(shape(read), self.source.cast()),
                ArrayViewMut::from_shape_ptr(shape(written), self.target.cast()),
            )
        }
    }

    unsafe fn assign<T: Clone>(&self) {
        let (source, mut target) = unsafe { self.ndarrays::<T, T>() };
        target.assign(&source);
    }

    unsafe fn convert<S: Copy, T>(&self, to: impl Fn(S) -> T) {
        let (source, mut target) = unsafe { self.ndarrays::<S, T>() };
        Zip::from(&mut target).and(&source).for_each(|into, &from| *into = to(from));
    }

    unsafe fn permute<T: Copy + Send + Sync + 'static>(&self) -> i32 {
        let (extents, read, written) = unsafe { self.numbers() };
        let span =
            |strides: &[usize]| 1 + extents.iter().zip(strides).map(|(n, s)| (n - 1) * s).sum::<usize>();
        let signed = |strides: &[usize]| strides.iter().map(|&one| one as isize).collect::<Vec<_>>();
        // SAFETY: as above; the spans end with the last element.
        let (from, to) = unsafe {
            (
                slice::from_raw_parts(self.source.cast::<T>(), span(read)),
                slice::from_raw_parts_mut(self.target.cast::<MaybeUninit<T>>(), span(written)),
            )
        };
        let Ok(source) = StridedView::<T>::new(from, extents, &signed(read), 0) else { return 1 };
        let Ok(mut target) = StridedViewMut::new(to, extents, &signed(written), 0) else { return 1 };
        i32::from(strided_perm::copy_into_uninit(&mut target, &source, threadteam::Exec::serial()).is_err())
    }

    /// Rows and columns, both without gaps.
    unsafe fn transpose<T: Copy>(&self) {
        let (extents, ..) = unsafe { self.numbers() };
        let count = extents[0] * extents[1];
        // SAFETY: as above.
        let (from, to) = unsafe {
            (
                slice::from_raw_parts(self.source.cast::<T>(), count),
                slice::from_raw_parts_mut(self.target.cast::<T>(), count),
            )
        };
        transpose::transpose(from, to, extents[0], extents[1]);
    }

    unsafe fn flat<S, T>(&self) -> (&[S], &mut [T]) {
        let count = unsafe { self.numbers() }.0.iter().product();
        // SAFETY: as above.
        unsafe {
            (
                slice::from_raw_parts(self.source.cast(), count),
                slice::from_raw_parts_mut(self.target.cast(), count),
            )
        }
    }
}

/// Floats where there is a choice: strided-perm has kernels for these.
macro_rules! by_size {
    ($work:expr, $method:ident) => {
        match $work.kind {
            1 => $work.$method::<u8>(),
            2 => $work.$method::<u16>(),
            4 => $work.$method::<f32>(),
            8 => $work.$method::<f64>(),
            16 => $work.$method::<u128>(),
            _ => return 1,
        }
    };
}

/// # Safety
/// `work` and all that it points at are as its fields say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rust_ndarray_assign(work: &Work, _: usize, _: usize) -> i32 {
    unsafe { by_size!(work, assign) };
    0
}

/// # Safety
/// As above.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rust_ndarray_convert(work: &Work, _: usize, _: usize) -> i32 {
    unsafe {
        match work.kind {
            0 => work.convert(|x: f32| f64::from(x)),
            1 => work.convert(|x: f64| x as f32),
            2 => work.convert(|x: u8| f32::from(x)),
            3 => work.convert(|x: i64| x as i32),
            4 => work.convert(|x: i32| i64::from(x)),
            5 => work.convert(|x: i32| x as f32),
            6 => work.convert(|x: i16| f32::from(x)),
            7 => work.convert(|x: u16| f32::from(x)),
            8 => work.convert(|x: i64| x as f64),
            9 => work.convert(|x: f32| x != 0.0),
            10 => work.convert(|x: bool| f32::from(u8::from(x))),
            11 => work.convert(u16::swap_bytes),
            12 => work.convert(u32::swap_bytes),
            13 => work.convert(u64::swap_bytes),
            _ => return 1,
        }
    }
    0
}

/// # Safety
/// As above.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rust_half(work: &Work, _: usize, _: usize) -> i32 {
    unsafe {
        match work.kind {
            0 => work.flat::<f32, f16>().1.convert_from_f32_slice(work.flat::<f32, f16>().0),
            1 => work.flat::<f16, f32>().0.convert_to_f32_slice(work.flat::<f16, f32>().1),
            2 => work.flat::<f32, bf16>().1.convert_from_f32_slice(work.flat::<f32, bf16>().0),
            3 => work.flat::<bf16, f32>().0.convert_to_f32_slice(work.flat::<bf16, f32>().1),
            _ => return 1,
        }
    }
    0
}

/// # Safety
/// As above.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rust_transpose(work: &Work, _: usize, _: usize) -> i32 {
    unsafe { by_size!(work, transpose) };
    0
}

/// # Safety
/// As above.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rust_strided_perm(work: &Work, _: usize, _: usize) -> i32 {
    unsafe { by_size!(work, permute) }
}
