//! Conversion: dtype, layout, byte order, scale and bias in one pass over memory.

use std::ffi::{c_char, c_void};

use super::args::{Options, Out, TextOut, borrow, optional, options, ours, slice, stream};
use super::dtype::{NDF_CASTING_UNSAFE, casting, ndf_casting};
use super::guard::guard;
use super::status::ndf_status;
use super::tensor::{device_or_cpu, memory_order, ndf_order, ndf_tensor, scalar};
use crate::device::Device;
use crate::dtype::{Casting, DType, Overflow};
use crate::engine::progress::Callback;
use crate::engine::route::{self, Convert, CopyMode};
use crate::error::{Result, bail};
use crate::tensor::{MemoryOrder, Tensor};

/// Whether to copy (`NDF_COPY_*`).
pub type ndf_copy = u32;
/// Whatever the function says its default is.
pub const NDF_COPY_DEFAULT: ndf_copy = 0;
/// Share the memory, or fail with NDF_ERROR_COPY_REQUIRED.
pub const NDF_COPY_NEVER: ndf_copy = 1;
/// Share the memory when nothing is to be done, else copy.
pub const NDF_COPY_IF_NEEDED: ndf_copy = 2;
/// Copy.
pub const NDF_COPY_ALWAYS: ndf_copy = 3;

pub(super) fn copy_mode(copy: ndf_copy, default: CopyMode) -> Result<CopyMode> {
    match copy {
        NDF_COPY_DEFAULT => Ok(default),
        NDF_COPY_NEVER => Ok(CopyMode::Never),
        NDF_COPY_IF_NEEDED => Ok(CopyMode::IfNeeded),
        NDF_COPY_ALWAYS => Ok(CopyMode::Always),
        _ => bail!(InvalidArgument, "`copy` is {copy}, no NDF_COPY_*"),
    }
}

/// What becomes of values that the destination cannot hold (`NDF_OVERFLOW_*`).
pub type ndf_overflow = u32;
/// Integers wrap modulo 2^bits as in NumPy; floats become infinity, or NaN where there is none. A float that fits no
/// integer becomes what a C cast gives on x86-64, on every platform. The default.
pub const NDF_OVERFLOW_WRAP: ndf_overflow = 0;
/// Values are clamped to the range of the destination; NaN becomes 0 in an integer.
pub const NDF_OVERFLOW_SATURATE: ndf_overflow = 1;

fn overflow(overflow: ndf_overflow) -> Result<Overflow> {
    match overflow {
        NDF_OVERFLOW_WRAP => Ok(Overflow::Wrap),
        NDF_OVERFLOW_SATURATE => Ok(Overflow::Saturate),
        _ => bail!(InvalidArgument, "`overflow` is {overflow}, no NDF_OVERFLOW_*"),
    }
}

/// Told how many bytes a conversion has written, of how many in all; where source and destination overlap, those of the
/// copy of the source count too. Anything but 0 stops the conversion, which then fails with NDF_ERROR_CANCELLED. Runs on
/// the thread that called the conversion, and may call any function; must not throw or
/// `longjmp`.
pub type ndf_progress_fn =
    Option<unsafe extern "C" fn(context: *mut c_void, done_bytes: i64, total_bytes: i64) -> i32>;

/// How to convert. All zero is the default; set `struct_size`.
///
/// An element x becomes x · scale + bias: multiplied, then added, each rounded, in float32 when the destination is a
/// float of at most 32 bits and float32 holds every source value, else in float64; then rounded once to the
/// destination.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ndf_convert_options {
    /// sizeof(ndf_convert_options).
    pub struct_size: u32,
    /// Which dtype conversions are allowed; the default is NDF_CASTING_UNSAFE for ndf_tensor_convert and
    /// NDF_CASTING_SAME_KIND for ndf_tensor_copy_into, as in NumPy.
    pub casting: ndf_casting,
    /// What becomes of values that do not fit.
    pub overflow: ndf_overflow,
    /// Whether to copy; the default is NDF_COPY_IF_NEEDED. Not for ndf_tensor_copy_into.
    pub copy: ndf_copy,
    /// Memory order of the result. Not for ndf_tensor_copy_into.
    pub order: ndf_order,
    /// The axis of the source along which `scale` and `bias` vary; -1 is the last. Unused when both have one entry.
    pub axis: i32,
    /// Where the result is to be; type 0 means where the source is, and NDF_DEVICE_CPU for copies of pinned and managed
    /// memory. In ndf_tensor_copy_into that of the destination, said by whoever means to copy from one device to another,
    /// which is refused otherwise.
    pub device: Device,
    /// Entries of `scale`: 0 for none, 1, or the extent of `axis` (after broadcasting, in ndf_tensor_copy_into).
    pub scale_count: i64,
    /// Factors  [borrowed; NULL only if `scale_count` is 0].
    pub scale: *const f64,
    /// Entries of `bias`: 0 for none, 1, or the extent of `axis`.
    pub bias_count: i64,
    /// Summands  [borrowed; NULL only if `bias_count` is 0].
    pub bias: *const f64,
    /// Told about every 64 MiB and at the end how far the conversion is; may stop it. A stream is waited for before each
    /// call. NULL for none.
    pub progress: ndf_progress_fn,
    /// Passed to `progress`  [borrowed].
    pub progress_context: *mut c_void,
    /// The CUDA stream in whose order a device works, as DLPack numbers them; 0 means 1, the legacy default stream.
    pub stream: i64,
}

// SAFETY: `repr(C)`, the size first; integers, and pointers that may be NULL.
unsafe impl Options for ndf_convert_options {
    const NAME: &'static str = "ndf_convert_options";
}

impl ndf_convert_options {
    /// The rules of casts, where nothing else is asked for. Nothing also where that means nothing.
    #[inline(always)]
    fn rules(&self, default: Casting) -> Option<(Casting, Overflow)> {
        let none = self.scale_count | self.bias_count | self.stream;
        let default_words = self.copy | self.order | self.device.device_type.cast_unsigned();
        let is_known = self.casting <= NDF_CASTING_UNSAFE && self.overflow <= NDF_OVERFLOW_SATURATE;
        if none != 0 || default_words != 0 || self.progress.is_some() || !is_known {
            return None;
        }
        Some((casting(self.casting, default).ok()?, overflow(self.overflow).ok()?))
    }

    /// # Safety
    /// `scale` and `bias` are NULL or readable for their counts, and `progress` is NULL or may be called on this thread
    /// as its type says, as long as the result is used.
    unsafe fn read<'a>(&self, default: Casting) -> Result<Convert<'a>> {
        // SAFETY: the caller's promise.
        let (scale, bias) = unsafe {
            (
                slice(self.scale, self.scale_count, "options->scale")?,
                slice(self.bias, self.bias_count, "options->bias")?,
            )
        };
        Ok(Convert {
            casting: casting(self.casting, default)?,
            overflow: overflow(self.overflow)?,
            scale,
            bias,
            axis: self.axis,
            copy: copy_mode(self.copy, CopyMode::IfNeeded)?,
            order: memory_order(self.order)?,
            device: (self.device.device_type != 0).then_some(self.device),
            // SAFETY: the caller's promise.
            progress: self.progress.map(|function| unsafe { Callback::new(function, self.progress_context) }),
            stream: stream(self.stream)?,
        })
    }
}

/// Gives the tensor in another dtype, byte order, memory order, with another scale, on another device, in one pass.
/// When nothing is to be done the same tensor comes back with one more reference.
///
/// What is on a CUDA device is done in the order of a stream: the result is there for what is enqueued on it later, and
/// for others once they have waited (ndf_tensor_wait). Results in plain host memory are there when this returns.
///
/// @param tensor   [borrowed]
/// @param dtype    the type of the result; all zero for the type of `tensor`
/// @param options  NULL for C order, on the same device, any cast  [borrowed]
/// @param out      the result  [owned: ndf_tensor_release]
/// @returns NDF_OK; NDF_ERROR_DTYPE: malformed, or the cast is not allowed; NDF_ERROR_UNSUPPORTED: no such
///          conversion, or memory of a device that is not CUDA's; NDF_ERROR_COPY_REQUIRED; NDF_ERROR_SHAPE: `scale` or `bias` do not fit the
///          axis; NDF_ERROR_OUT_OF_MEMORY; NDF_ERROR_DEVICE_UNAVAILABLE; NDF_ERROR_CANCELLED: `progress` stopped it;
///          NDF_ERROR_DEVICE_FAILURE; NDF_ERROR_INVALID_ARGUMENT
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_tensor_convert(
    tensor: *const ndf_tensor,
    dtype: DType,
    options: *const ndf_convert_options,
    out: *mut *mut ndf_tensor,
) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract; NULL and negative counts are refused.
        let (tensor, options, out) = unsafe {
            (borrow(tensor, "tensor")?, self::options(options)?.read(Casting::Unsafe)?, Out::new(out, "out")?)
        };
        out.give(route::convert(&tensor, dtype.or(tensor.dtype()), &options)?)
    })
}

/// Writes the elements of one tensor into another, converting as needed. The source is broadcast to the shape of the
/// destination. When the two overlap, the result is as if the source had been copied first. From one device to another
/// only where `options->device` is that of `destination`.
///
/// @param source       [borrowed]
/// @param destination  its memory is written  [borrowed]
/// @param options      NULL for casts within a kind  [borrowed]
/// @returns NDF_OK; NDF_ERROR_READ_ONLY; NDF_ERROR_LAYOUT: elements of `destination` overlap each other;
///          NDF_ERROR_SHAPE: the shapes do not fit; else as ndf_tensor_convert. On failure nothing is written, but for
///          NDF_ERROR_CANCELLED, and what fails when a device is at work already: then some elements are
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_tensor_copy_into(
    source: *const ndf_tensor,
    destination: *const ndf_tensor,
    options: *const ndf_convert_options,
) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (source, destination, rules) = unsafe {
            let rules = rules_in(options, Casting::SameKind);
            (borrow(source, "source")?, borrow(destination, "destination")?, rules)
        };
        if rules.is_some_and(|rules| route::copied_again(&source, &destination, rules)) {
            return Ok(());
        }
        // SAFETY: the header's contract; NULL and negative counts are refused.
        let options = unsafe { self::options(options)?.read(Casting::SameKind)? };
        route::copy_into(&source, &destination, &options)
    })
}

/// The [rules](ndf_convert_options::rules) in options that are of this version, aligned, or not given.
///
/// # Safety
/// As [`options`].
#[inline(always)]
unsafe fn rules_in(options: *const ndf_convert_options, default: Casting) -> Option<(Casting, Overflow)> {
    if options.is_null() {
        return Some((default, Overflow::Wrap));
    }
    // SAFETY: the caller's promise.
    unsafe { ours(options)?.rules(default) }
}

/// What a conversion would do, in a few lines of text for people, without doing it; docs/engine.md says how to read
/// them. The words may change from one version to the next.
///
/// With a `destination` it is about ndf_tensor_copy_into, without one about ndf_tensor_convert. What that would refuse is
/// refused with the same status and message.
///
/// @param source       [borrowed]
/// @param destination  NULL for a result that is made  [borrowed]
/// @param dtype        the type of a result that is made, all zero for the type of `source`; all zero with a `destination`
/// @param options      NULL for the defaults of the function that it is about  [borrowed]
/// @param capacity     bytes in `out_text`, the terminating NUL included
/// @param out_text     the lines  [borrowed; NULL with `capacity` 0 asks for the length only]
/// @param out_length   bytes of the lines without the NUL  [borrowed; may be NULL when `out_text` is not]
/// @returns NDF_OK; NDF_ERROR_INVALID_ARGUMENT: a `dtype` beside a `destination`, or a NULL;
///          NDF_ERROR_BUFFER_TOO_SMALL; else as ndf_tensor_convert or ndf_tensor_copy_into
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_plan_format(
    source: *const ndf_tensor,
    destination: *const ndf_tensor,
    dtype: DType,
    options: *const ndf_convert_options,
    capacity: usize,
    out_text: *mut c_char,
    out_length: *mut usize,
) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract; NULL and negative counts are refused.
        let (source, destination, options, out) = unsafe {
            (
                borrow(source, "source")?,
                optional(destination, "destination")?,
                self::options(options)?,
                TextOut::new(out_text, capacity, out_length)?,
            )
        };
        let default = if destination.is_some() { Casting::SameKind } else { Casting::Unsafe };
        if destination.is_some() {
            require_none(dtype)?;
        }
        // SAFETY: the header's contract, as above.
        let options = unsafe { options.read(default)? };
        out.set(&match destination {
            Some(destination) => route::explain_copy_into(&source, &destination, &options)?,
            None => route::explain_convert(&source, dtype.or(source.dtype()), &options)?,
        })
    })
}

fn require_none(dtype: DType) -> Result<()> {
    if dtype != DType::NONE {
        bail!(InvalidArgument, "`dtype` is {dtype}, with a `destination` it must be all zero");
    }
    Ok(())
}

/// Copies a tensor to new memory.
///
/// @param tensor  [borrowed]
/// @param order   memory order of the copy
/// @param out     the copy  [owned: ndf_tensor_release]
/// @returns as ndf_tensor_convert
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_tensor_copy(
    tensor: *const ndf_tensor,
    order: ndf_order,
    out: *mut *mut ndf_tensor,
) -> ndf_status {
    convert_with(tensor, out, |_| {
        Ok(Convert { copy: CopyMode::Always, order: memory_order(order)?, ..Convert::default() })
    })
}

/// Gives the tensor with its elements in an order without gaps: the same tensor if they are, else a copy.
///
/// @param tensor  [borrowed]
/// @param order   NDF_ORDER_C or NDF_ORDER_F
/// @param out     the result  [owned: ndf_tensor_release]
/// @returns as ndf_tensor_convert
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_tensor_contiguous(
    tensor: *const ndf_tensor,
    order: ndf_order,
    out: *mut *mut ndf_tensor,
) -> ndf_status {
    convert_with(tensor, out, |_| Ok(Convert { order: memory_order(order)?, ..Convert::default() }))
}

/// Gives the tensor in another dtype, its memory order kept: the same tensor if it has that type, else a copy.
///
/// @param tensor   [borrowed]
/// @param dtype    the type of the result
/// @param casting  which conversions are allowed; the default is NDF_CASTING_UNSAFE
/// @param out      the result  [owned: ndf_tensor_release]
/// @returns as ndf_tensor_convert
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_tensor_cast(
    tensor: *const ndf_tensor,
    dtype: DType,
    casting: ndf_casting,
    out: *mut *mut ndf_tensor,
) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract; NULL is refused.
        let (tensor, out) = unsafe { (borrow(tensor, "tensor")?, Out::new(out, "out")?) };
        let casting = self::casting(casting, Casting::Unsafe)?;
        let options = Convert { casting, order: MemoryOrder::Keep, ..Convert::default() };
        out.give(route::convert(&tensor, dtype, &options)?)
    })
}

/// Gives the tensor on a device: the same tensor if it is there, else a copy.
///
/// @param tensor  [borrowed]
/// @param device  type 0 means NDF_DEVICE_CPU
/// @param out     the result  [owned: ndf_tensor_release]
/// @returns as ndf_tensor_convert
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_tensor_to_device(
    tensor: *const ndf_tensor,
    device: Device,
    out: *mut *mut ndf_tensor,
) -> ndf_status {
    let device = Some(device_or_cpu(device));
    convert_with(tensor, out, |_| Ok(Convert { device, order: MemoryOrder::Keep, ..Convert::default() }))
}

/// Converts within the dtype.
///
/// # Safety
/// The header's contract for both: a live handle or NULL, a place for a pointer or NULL.
fn convert_with<'a>(
    tensor: *const ndf_tensor,
    out: *mut *mut ndf_tensor,
    options: impl FnOnce(&Tensor) -> Result<Convert<'a>>,
) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract; NULL is refused.
        let (tensor, out) = unsafe { (borrow(tensor, "tensor")?, Out::new(out, "out")?) };
        let options = options(&tensor)?;
        out.give(route::convert(&tensor, tensor.dtype(), &options)?)
    })
}

/// Makes all elements `value`. On a device in the order of the legacy default stream.
///
/// @param tensor       its memory is written  [borrowed]
/// @param value_dtype  the type of `value`, a double for example; converted as NDF_CASTING_UNSAFE does
/// @param value        one element of `value_dtype`  [borrowed]
/// @returns NDF_OK; NDF_ERROR_READ_ONLY; NDF_ERROR_UNSUPPORTED: no conversion between the types, or device memory;
///          NDF_ERROR_INVALID_ARGUMENT: a NULL
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_tensor_fill(
    tensor: *const ndf_tensor,
    value_dtype: DType,
    value: *const c_void,
) -> ndf_status {
    // SAFETY: the header's contract.
    unsafe { ndf_tensor_fill_on(tensor, value_dtype, value, 0) }
}

/// Makes all elements `value`, in the order of a stream.
///
/// @param tensor       its memory is written  [borrowed]
/// @param value_dtype  the type of `value`, a double for example; converted as NDF_CASTING_UNSAFE does
/// @param value        one element of `value_dtype`  [borrowed]
/// @param stream       as DLPack numbers them; 0 means 1, the legacy default stream
/// @returns as ndf_tensor_fill
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_tensor_fill_on(
    tensor: *const ndf_tensor,
    value_dtype: DType,
    value: *const c_void,
    stream: i64,
) -> ndf_status {
    guard(|| {
        let stream = self::stream(stream)?;
        // SAFETY: the header's contract; NULL is refused.
        unsafe {
            let tensor = borrow(tensor, "tensor")?;
            if !value.is_null() && route::fill_again(&tensor, value_dtype, value.cast()) {
                return Ok(());
            }
            route::fill(&tensor, &scalar(value_dtype, value)?, stream)
        }
    })
}

/// Whether two tensors have the same shape and equal elements, whatever their types, as NumPy's `array_equal`: two
/// integers are compared exactly, other numbers as float64 (complex128), and NaN equals nothing. On a device in the order
/// of the legacy default stream, which is waited for.
///
/// @param a          [borrowed]
/// @param b          [borrowed]
/// @param out_equal  1 or 0
/// @returns NDF_OK; NDF_ERROR_UNSUPPORTED: types that cannot be compared, or device memory;
///          NDF_ERROR_INVALID_ARGUMENT: a NULL
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_tensor_equal(
    a: *const ndf_tensor,
    b: *const ndf_tensor,
    out_equal: *mut i32,
) -> ndf_status {
    // SAFETY: the header's contract.
    unsafe { ndf_tensor_equal_on(a, b, 0, out_equal) }
}

/// Whether two tensors have the same shape and equal elements, compared in the order of a stream, which is waited for.
///
/// @param a          [borrowed]
/// @param b          [borrowed]
/// @param stream     as DLPack numbers them; 0 means 1, the legacy default stream
/// @param out_equal  1 or 0
/// @returns as ndf_tensor_equal
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_tensor_equal_on(
    a: *const ndf_tensor,
    b: *const ndf_tensor,
    stream: i64,
    out_equal: *mut i32,
) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract; NULL is refused.
        let (a, b, out) = unsafe { (borrow(a, "a")?, borrow(b, "b")?, Out::new(out_equal, "out_equal")?) };
        out.set(i32::from(route::equal(&a, &b, self::stream(stream)?)?))
    })
}
