//! NumPy's array interface: the C struct both ways, and the dictionary as text.

use std::cell::UnsafeCell;
use std::ffi::{c_int, c_void};
use std::fmt::Write;
use std::ptr::{NonNull, null_mut};

use crate::device::Device;
use crate::dtype::DType;
use crate::error::{Error, Kind, Result, bail};
use crate::layout::{Dims, Layout, MAX_NDIM, Order};
use crate::spec::numpy::*;
use crate::storage::Owner;
use crate::tensor::lifetimes::{Exported, Protocol};
use crate::tensor::{Adopted, Tensor};

/// One block: the foreign struct first, then what it keeps alive; shape and byte strides follow behind.
#[repr(C)]
struct Export {
    array: ArrayStruct,
    tensor: Exported<{ Protocol::ArrayStruct as u8 }>,
}

impl Export {
    /// A block from `malloc`, nothing written, with room for two integers an axis behind the head. `free` needs no size,
    /// which matters because a consumer may have written over `nd`.
    fn allocate(ndim: usize) -> Result<NonNull<Self>> {
        const { assert!(align_of::<Export>() <= align_of::<libc::max_align_t>()) };
        // SAFETY: any size may be asked for.
        let block = unsafe { libc::malloc(size_of::<Self>() + 2 * ndim * size_of::<isize>()) };
        NonNull::new(block.cast()).ok_or(Error::NO_MEMORY)
    }
}

/// Exports as `PyArrayInterface`; [`release`] ends it.
///
/// `descr` is the Python object that describes a structured type's fields, kept alive by the caller, or NULL: then
/// a structured type is refused, because the struct cannot say its fields otherwise.
pub fn to_array_struct(tensor: &Tensor, descr: *mut c_void) -> Result<NonNull<ArrayStruct>> {
    tensor.require_host("the array interface")?;
    let dtype = tensor.dtype();
    let (typekind, itemsize) = kind_and_size(dtype)?;
    if dtype.is_structured() && descr.is_null() {
        bail!(
            Unsupported,
            "a PyArrayInterface cannot say the fields of {} without a descr object",
            dtype.name()
        );
    }
    let byte_strides = byte_strides(tensor)?;
    let ndim = byte_strides.len();
    let export = Export::allocate(ndim)?;
    // SAFETY: the block has room for the head and 2 · ndim integers behind it, and is aligned for both.
    unsafe {
        let shape = export.as_ptr().add(1).cast::<isize>();
        let strides = shape.add(ndim);
        for (axis, (&extent, &stride)) in tensor.layout().shape().iter().zip(byte_strides.iter()).enumerate()
        {
            shape.add(axis).write(extent as isize);
            strides.add(axis).write(stride as isize);
        }
        let array = ArrayStruct {
            two: 2,
            nd: ndim as c_int,
            typekind: typekind as _,
            itemsize,
            flags: flags(tensor, !descr.is_null()),
            shape: if ndim == 0 { null_mut() } else { shape },
            strides: if ndim == 0 { null_mut() } else { strides },
            data: data_or_dummy(tensor),
            descr,
        };
        export.write(Export { array, tensor: Exported::new(tensor) });
    }
    Ok(export.cast())
}

/// Ends an export.
///
/// # Safety
/// `array` came from [`to_array_struct`] and is not used again.
pub unsafe fn release(array: NonNull<ArrayStruct>) {
    let export = array.cast::<Export>();
    // SAFETY: the struct is the first field of the block that `to_array_struct` made.
    unsafe {
        std::ptr::drop_in_place(&raw mut (*export.as_ptr()).tensor);
        libc::free(export.as_ptr().cast());
    }
}

/// Type character and bytes of an element, for types that the array interface knows.
pub(super) fn kind_and_size(dtype: DType) -> Result<(u8, c_int)> {
    let typestr = dtype.typestr();
    let kind = typestr.as_bytes()[1];
    if kind == b'V' && dtype.kind == 0 {
        bail!(Unsupported, "NumPy's array interface has no type for {}", dtype.name());
    }
    let size = c_int::try_from(dtype.item_size());
    let size =
        size.map_err(|_| Error::new(Kind::Overflow, format!("an element of {} is too large", dtype.name())))?;
    Ok((kind, size))
}

/// Strides in bytes. An axis that is never walked may have any stride, even one too large for bytes (a slice with a
/// huge step leaves one), so it gets the one it would have in C order.
pub(super) fn byte_strides(tensor: &Tensor) -> Result<Dims> {
    let (shape, strides) = (tensor.layout().shape(), tensor.layout().strides());
    let size = tensor.dtype().item_size() as i64;
    let mut bytes = Dims::filled(0, shape.len());
    let mut dense = size;
    for axis in (0..shape.len()).rev() {
        let stride = match shape[axis] > 1 && tensor.element_count() > 0 {
            true => strides[axis].checked_mul(size),
            false => Some(dense),
        };
        let overflow = || Error::new(Kind::Overflow, "`strides` in bytes do not fit the machine's integers");
        bytes[axis] = stride.ok_or_else(overflow)?;
        dense = bytes[axis].wrapping_mul(shape[axis]);
    }
    Ok(bytes)
}

fn flags(tensor: &Tensor, has_descr: bool) -> c_int {
    let alignment = tensor.dtype().alignment();
    let size = tensor.dtype().item_size();
    let aligned = tensor.data().addr().is_multiple_of(alignment) && size.is_multiple_of(alignment);
    let flag = |condition: bool, flag: c_int| if condition { flag } else { 0 };
    flag(tensor.is_contiguous(Order::C), C_CONTIGUOUS)
        | flag(tensor.is_contiguous(Order::F), F_CONTIGUOUS)
        | flag(aligned, ALIGNED)
        | flag(!tensor.dtype().is_swapped(), NOTSWAPPED)
        | flag(!tensor.is_read_only(), WRITEABLE)
        | flag(has_descr, HAS_DESCR)
}

/// What tensors without elements show. NumPy refuses NULL even where there is nothing to read, gives its own empty arrays
/// memory, and relies on that: `copyto` with `where` and a conversion looks at the first element of the mask.
#[repr(C, align(4096))]
struct Nothing(UnsafeCell<[u8; 4096]>);

const _: () = assert!(align_of::<Nothing>().is_multiple_of(crate::device::cpu::ALIGNMENT));

// SAFETY: the bytes mean nothing, and nobody here reads or writes them.
unsafe impl Sync for Nothing {}

static NOTHING: Nothing = Nothing(UnsafeCell::new([0; 4096]));

/// The first element, or where there is none an aligned address of memory.
pub(super) fn data_or_dummy(tensor: &Tensor) -> *mut c_void {
    let data = tensor.data();
    if data.is_null() { NOTHING.0.get().cast() } else { data.cast() }
}

/// Imports a `PyArrayInterface`; `owner` keeps its memory alive and is ended after the last use.
///
/// `fields` is the type of a structured element, which the struct alone cannot say.
///
/// # Safety
/// `array` is readable, its shape and strides for `nd` integers; the described elements are readable (and writable
/// if flagged) until `owner` is ended.
pub unsafe fn from_array_struct(array: &ArrayStruct, fields: Option<DType>, owner: Owner) -> Result<Tensor> {
    // SAFETY: the caller's promise.
    let (dtype, shape, strides) = unsafe { describe(array, fields)? };
    let foreign = Adopted {
        data: array.data.cast(),
        byte_offset: 0,
        device: Device::CPU,
        dtype,
        shape: &shape,
        strides: Some(&strides),
        read_only: array.flags & WRITEABLE == 0,
    };
    // SAFETY: the caller's promise. On failure the owner is dropped without being ended.
    unsafe { Tensor::adopt(&foreign, owner) }
}

/// Type, shape, and strides in elements.
type Description = (DType, Dims, Dims);

/// # Safety
/// As [`from_array_struct`].
unsafe fn describe(array: &ArrayStruct, fields: Option<DType>) -> Result<Description> {
    if array.two != 2 {
        bail!(Version, "`two` is {}, a PyArrayInterface has 2 there", array.two);
    }
    let Ok(ndim @ 0..=MAX_NDIM) = usize::try_from(array.nd) else {
        bail!(Shape, "`nd` is {}, a tensor has 0 to {MAX_NDIM} axes", array.nd);
    };
    if ndim > 0 && array.shape.is_null() {
        bail!(InvalidArgument, "`shape` is NULL, `nd` is {ndim}");
    }
    let dtype = imported_dtype(array, fields)?;
    // SAFETY: not NULL when `ndim` is not 0, readable by the caller's promise.
    let shape = Dims::from_fn(ndim, |axis| unsafe { array.shape.add(axis).read_unaligned() } as i64);
    if ndim == 0 || array.strides.is_null() {
        let strides = Dims::from(Layout::contiguous(&shape, Order::C)?.strides());
        return Ok((dtype, shape, strides));
    }
    // SAFETY: as above.
    let bytes = Dims::from_fn(ndim, |axis| unsafe { array.strides.add(axis).read_unaligned() } as i64);
    let strides = element_strides(&bytes, &shape, dtype)?;
    Ok((dtype, shape, strides))
}

fn imported_dtype(array: &ArrayStruct, fields: Option<DType>) -> Result<DType> {
    let kind = array.typekind as u8;
    let Ok(size) = usize::try_from(array.itemsize) else {
        bail!(Dtype, "`itemsize` is {}", array.itemsize);
    };
    if let Some(dtype) = fields {
        if dtype.item_size() != size || dtype.is_packed() {
            bail!(Dtype, "`itemsize` is {size}, {} has {} bits", dtype.name(), dtype.element_bits());
        }
        return Ok(dtype);
    }
    if kind == b'O' {
        bail!(Unsupported, "`typekind` is 'O': Python objects cannot leave Python");
    }
    if kind == b'U' && !size.is_multiple_of(4) {
        bail!(Dtype, "`itemsize` is {size}, a character of `typekind` 'U' has 4 bytes");
    }
    let count = if kind == b'U' { size / 4 } else { size };
    let order = match array.flags & NOTSWAPPED != 0 {
        _ if size <= 1 || kind == b'S' || kind == b'V' => '|',
        true if cfg!(target_endian = "little") => '<',
        false if cfg!(target_endian = "big") => '<',
        _ => '>',
    };
    DType::parse(&format!("{order}{}{count}", char::from(kind)))
}

/// Byte strides as element strides; axes that are never walked may have any.
pub fn element_strides(bytes: &[i64], shape: &[i64], dtype: DType) -> Result<Dims> {
    let size = dtype.item_size() as i64;
    for (axis, (&stride, &extent)) in bytes.iter().zip(shape).enumerate() {
        if extent > 1 && stride.checked_rem(size) != Some(0) && stride != 0 {
            bail!(
                Layout,
                "`strides[{axis}]` is {stride} bytes, no multiple of the {size}-byte element; copy it first"
            );
        }
    }
    Ok(bytes.iter().map(|&stride| stride.checked_div(size).unwrap_or(0)).collect())
}

/// The `__array_interface__` dictionary, version 3, as a Python literal.
pub fn interface_text(tensor: &Tensor) -> Result<String> {
    tensor.require_host("the array interface")?;
    kind_and_size(tensor.dtype())?;
    let mut text = String::from("{'shape': ");
    write_tuple(&mut text, tensor.layout().shape());
    let typestr = tensor.dtype().typestr();
    let read_only = if tensor.is_read_only() { "True" } else { "False" };
    let address = data_or_dummy(tensor).addr();
    let _ = write!(text, ", 'typestr': '{typestr}', 'descr': {}", tensor.dtype().descr());
    let _ = write!(text, ", 'data': ({address}, {read_only}), 'strides': ");
    if tensor.is_contiguous(Order::C) {
        text.push_str("None");
    } else {
        write_tuple(&mut text, &byte_strides(tensor)?);
    }
    text.push_str(", 'version': 3}");
    Ok(text)
}

pub(super) fn write_tuple(text: &mut String, items: &[i64]) {
    text.push('(');
    for (i, item) in items.iter().enumerate() {
        let _ = write!(text, "{}{item}", if i > 0 { ", " } else { "" });
    }
    text.push_str(if items.len() == 1 { ",)" } else { ")" });
}
