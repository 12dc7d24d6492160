//! Python's buffer protocol without Python: `Py_buffer` structs, both ways.

use std::ffi::{CStr, c_char, c_int};
use std::ptr::{NonNull, null_mut};

use super::numpy::{byte_strides, data_or_dummy, element_strides};
use crate::device::Device;
use crate::dtype::DType;
use crate::error::{Error, Kind, Quoted, Result, bail};
use crate::layout::{Dims, MAX_NDIM, Order};
use crate::spec::buffer::*;
use crate::storage::Owner;
use crate::tensor::lifetimes::{Exported, Protocol};
use crate::tensor::{Adopted, Tensor};

/// What an export keeps alive, at the start of one block; shape, strides and format follow behind.
struct Export {
    tensor: Exported<{ Protocol::Buffer as u8 }>,
}

impl Export {
    /// A block from `malloc`, nothing written, with room for two integers an axis and the format behind the head.
    fn allocate(ndim: usize, format: usize) -> Result<NonNull<Self>> {
        const {
            assert!(align_of::<Export>() <= align_of::<libc::max_align_t>());
            assert!(size_of::<Export>().is_multiple_of(align_of::<isize>()));
        }
        // SAFETY: any size may be asked for.
        let block = unsafe { libc::malloc(size_of::<Self>() + 2 * ndim * size_of::<isize>() + format) };
        NonNull::new(block.cast()).ok_or(Error::NO_MEMORY)
    }
}

#[inline]
fn asks(flags: c_int, what: c_int) -> bool {
    flags & what == what
}

/// Whether CPython's rules let a consumer that asks for `flags` have this tensor.
///
/// Errors: `ReadOnly`, `Layout`, and `Unsupported` for a format without a shape, for device memory and for elements
/// that share bytes.
pub fn require(tensor: &Tensor, flags: c_int) -> Result<()> {
    tensor.require_host("the buffer protocol")?;
    if tensor.dtype().is_packed() {
        bail!(
            Unsupported,
            "{} elements share bytes, which a buffer cannot say: convert to the padded type",
            tensor.dtype()
        );
    }
    if asks(flags, WRITABLE) && tensor.is_read_only() {
        bail!(ReadOnly, "`flags` asks for memory that may be written, the tensor is read-only");
    }
    let is = |order| tensor.is_contiguous(order);
    let order = match () {
        () if asks(flags, IN_C_ORDER) && !is(Order::C) => "C order",
        () if asks(flags, IN_F_ORDER) && !is(Order::F) => "Fortran order",
        () if asks(flags, IN_ANY_ORDER) && !is(Order::C) && !is(Order::F) => "C or Fortran order",
        () if !asks(flags, STRIDES) && !is(Order::C) => "no strides, and so C order",
        () if !asks(flags, ND) && asks(flags, FORMAT) => {
            bail!(Unsupported, "`flags` asks for a format without a shape, which means unsigned bytes")
        }
        () => return Ok(()),
    };
    bail!(Layout, "`flags` asks for {order}, the elements do not lie so; copy the tensor first")
}

/// Takes away what was not asked for, from a buffer that says everything and that [`require`] allows.
#[inline]
pub fn strip(buffer: &mut Buffer, flags: c_int) {
    if !asks(flags, FORMAT) {
        buffer.format = null_mut();
    }
    if !asks(flags, STRIDES) {
        buffer.strides = null_mut();
    }
    if !asks(flags, ND) {
        buffer.shape = null_mut();
        buffer.ndim = 1;
    }
}

/// Exports as `Py_buffer` what `flags` asks for; [`release`] ends it. `obj` is NULL.
pub fn to_buffer(tensor: &Tensor, flags: c_int) -> Result<Buffer> {
    require(tensor, flags)?;
    let format = if asks(flags, FORMAT) { tensor.dtype().buffer_format()? } else { String::new() };
    let Ok(itemsize) = isize::try_from(tensor.dtype().item_size()) else {
        bail!(Overflow, "an element of {} is too large", tensor.dtype());
    };
    let strides = byte_strides(tensor)?;
    let mut buffer = Buffer {
        buf: data_or_dummy(tensor),
        obj: null_mut(),
        len: tensor.byte_size() as isize,
        itemsize,
        readonly: c_int::from(tensor.is_read_only()),
        ndim: strides.len() as c_int,
        format: null_mut(),
        shape: null_mut(),
        strides: null_mut(),
        suboffsets: null_mut(),
        internal: null_mut(),
    };
    write_behind(&mut buffer, tensor, &strides, format.as_bytes())?;
    strip(&mut buffer, flags);
    Ok(buffer)
}

/// Makes the block that holds the tensor and what the buffer's pointers point at.
fn write_behind(buffer: &mut Buffer, tensor: &Tensor, byte_strides: &[i64], format: &[u8]) -> Result<()> {
    let ndim = byte_strides.len();
    let export = Export::allocate(ndim, format.len() + 1)?;
    // SAFETY: the block has room for the head, 2 · ndim integers, and the format with its end, in this order, and is
    // aligned for all of them.
    unsafe {
        let shape = export.as_ptr().add(1).cast::<isize>();
        let strides = shape.add(ndim);
        for (axis, (&extent, &stride)) in tensor.layout().shape().iter().zip(byte_strides).enumerate() {
            shape.add(axis).write(extent as isize);
            strides.add(axis).write(stride as isize);
        }
        let text = strides.add(ndim).cast::<u8>();
        text.copy_from_nonoverlapping(format.as_ptr(), format.len());
        text.add(format.len()).write(0);
        export.write(Export { tensor: Exported::new(tensor) });
        buffer.format = text.cast::<c_char>();
        if ndim > 0 {
            (buffer.shape, buffer.strides) = (shape, strides);
        }
    }
    buffer.internal = export.as_ptr().cast();
    Ok(())
}

/// Ends an export, and leaves a buffer without memory, which may be released again. `obj` is left as it is.
///
/// # Safety
/// `buffer.internal` is NULL or what [`to_buffer`] put there, and no copy of the buffer is used again.
pub unsafe fn release(buffer: &mut Buffer) {
    let internal = std::mem::replace(&mut buffer.internal, null_mut());
    *buffer = Buffer {
        buf: null_mut(),
        obj: buffer.obj,
        len: 0,
        itemsize: 0,
        readonly: 0,
        ndim: 0,
        format: null_mut(),
        shape: null_mut(),
        strides: null_mut(),
        suboffsets: null_mut(),
        internal: null_mut(),
    };
    if let Some(export) = NonNull::new(internal.cast::<Export>()) {
        // SAFETY: the block that `to_buffer` made; its owner has let go of it above.
        unsafe {
            std::ptr::drop_in_place(&raw mut (*export.as_ptr()).tensor);
            libc::free(export.as_ptr().cast());
        }
    }
}

/// The tensor that an export holds.
///
/// # Safety
/// `buffer` came from [`to_buffer`] and has not been released, nor is while the result is used.
pub unsafe fn exported(buffer: &Buffer) -> &Tensor {
    // SAFETY: the caller's promise.
    unsafe { &(*buffer.internal.cast::<Export>()).tensor }
}

/// Imports any filled `Py_buffer`; `owner` keeps its memory alive and is ended after the last use. The struct itself,
/// its shape, strides and format are not needed any more after the call.
///
/// # Safety
/// `buffer` is readable, its shape, strides and suboffsets are NULL or readable for `ndim` integers, its format is NULL
/// or ends with a NUL; the described elements are readable (and writable unless `readonly`) until `owner` is ended.
pub unsafe fn from_buffer(buffer: &Buffer, owner: Owner) -> Result<Tensor> {
    // SAFETY: the caller's promise.
    let (dtype, shape, strides) = unsafe { describe(buffer)? };
    let foreign = Adopted {
        data: buffer.buf.cast(),
        byte_offset: 0,
        device: Device::CPU,
        dtype,
        shape: &shape,
        strides: strides.as_deref(),
        read_only: buffer.readonly != 0,
    };
    // SAFETY: the caller's promise. On failure the owner is dropped without being ended.
    unsafe { Tensor::adopt(&foreign, owner) }
}

type Description = (DType, Dims, Option<Dims>);

/// # Safety
/// As [`from_buffer`].
unsafe fn describe(buffer: &Buffer) -> Result<Description> {
    let Ok(ndim @ 0..=MAX_NDIM) = usize::try_from(buffer.ndim) else {
        bail!(Shape, "`ndim` is {}, a tensor has 0 to {MAX_NDIM} axes", buffer.ndim);
    };
    // SAFETY: read for each axis, and only when not NULL, by the caller's promise.
    let dims =
        |ints: *mut isize| Dims::from_fn(ndim, |axis| unsafe { ints.add(axis).read_unaligned() } as i64);
    if !buffer.suboffsets.is_null() && dims(buffer.suboffsets).iter().any(|&offset| offset >= 0) {
        bail!(Unsupported, "`suboffsets` are given: the elements lie behind pointers, not in strides");
    }
    // SAFETY: the caller's promise.
    let (dtype, itemsize) = unsafe { element(buffer)? };
    if ndim > 0 && buffer.shape.is_null() {
        return Ok((dtype, flat(buffer, itemsize)?, None));
    }
    let shape = if ndim == 0 { Dims::filled(0, 0) } else { dims(buffer.shape) };
    require_length(buffer.len as i64, itemsize, &shape)?;
    if ndim == 0 || buffer.strides.is_null() {
        return Ok((dtype, shape, None));
    }
    let strides = element_strides(&dims(buffer.strides), &shape, dtype)?;
    Ok((dtype, shape, Some(strides)))
}

/// Fails unless `length` is what the shape needs.
fn require_length(length: i64, itemsize: i64, shape: &[i64]) -> Result<()> {
    if shape.iter().any(|&extent| extent < 0) {
        bail!(Shape, "`shape` is {shape:?}");
    }
    let needed = match shape.contains(&0) {
        true => Some(0),
        false => shape.iter().try_fold(itemsize, |bytes, &extent| bytes.checked_mul(extent)),
    };
    if needed != Some(length) {
        bail!(Shape, "`len` is {length}, `shape` {shape:?} of {itemsize}-byte elements has another");
    }
    Ok(())
}

/// Type and bytes of an element. Where there is no shape nobody asked for one, and the memory is plain bytes unless a
/// format says otherwise, whatever `itemsize` is.
///
/// # Safety
/// As [`from_buffer`].
unsafe fn element(buffer: &Buffer) -> Result<(DType, i64)> {
    if buffer.format.is_null() {
        if buffer.itemsize != 1 && !(buffer.shape.is_null() && buffer.ndim == 1) {
            bail!(Dtype, "`itemsize` is {}, elements without `format` are bytes", buffer.itemsize);
        }
        return Ok((DType::UINT8, 1));
    }
    // SAFETY: the caller's promise.
    let Ok(format) = unsafe { CStr::from_ptr(buffer.format) }.to_str() else {
        bail!(Unsupported, "`format` is not UTF-8");
    };
    let unknown = |error: Error| match error.kind() {
        Kind::Dtype => {
            Error::new(Kind::Unsupported, format!("`format` {} is not known: {error}", Quoted(format)))
        }
        _ => error,
    };
    let dtype = DType::from_buffer_format(format).map_err(unknown)?;
    if isize::try_from(dtype.item_size()) != Ok(buffer.itemsize) {
        bail!(
            Dtype,
            "`itemsize` is {}, `format` {} has {} bytes",
            buffer.itemsize,
            Quoted(format),
            dtype.item_size()
        );
    }
    Ok((dtype, buffer.itemsize as i64))
}

/// The shape of a buffer that has none: one axis.
fn flat(buffer: &Buffer, itemsize: i64) -> Result<Dims> {
    if buffer.ndim != 1 {
        bail!(InvalidArgument, "`shape` is NULL, `ndim` is {}", buffer.ndim);
    }
    let length = buffer.len as i64;
    if length < 0 || length.checked_rem(itemsize) != Some(0) {
        bail!(Shape, "`len` is {length}, no number of {itemsize}-byte elements");
    }
    Ok(Dims::filled(length / itemsize, 1))
}

#[cfg(test)]
mod tests;
