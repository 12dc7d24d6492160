//! CPython's `Py_buffer` (`pybuffer.h`), and what a consumer may ask for. Both are in the stable ABI since 3.11, and
//! have been the same since 3.0.

use std::ffi::{c_char, c_int, c_void};
use std::mem::{offset_of, size_of};

/// Memory that may be written.
pub const WRITABLE: c_int = 0x1;
/// The element type.
pub const FORMAT: c_int = 0x4;
/// The shape.
pub const ND: c_int = 0x8;
/// Shape and strides.
pub const STRIDES: c_int = 0x10 | ND;
/// C order without gaps.
pub const IN_C_ORDER: c_int = 0x20 | STRIDES;
/// Fortran order without gaps.
pub const IN_F_ORDER: c_int = 0x40 | STRIDES;
/// Either order without gaps.
pub const IN_ANY_ORDER: c_int = 0x80 | STRIDES;
/// Whatever there is, readable.
pub const FULL_RO: c_int = 0x100 | STRIDES | FORMAT;

/// `Py_buffer`: the same layout as CPython's, so that a pointer to the one may be cast to the other. Sizes and strides
/// are in bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Buffer {
    /// Address of element [0, …, 0].
    pub buf: *mut c_void,
    /// The exporting PyObject, for `PyBuffer_Release`; this library neither sets nor reads it.
    pub obj: *mut c_void,
    /// Bytes of all elements: the product of the shape times `itemsize`, whatever the strides.
    pub len: isize,
    /// Bytes of one element.
    pub itemsize: isize,
    /// Not 0 when the memory must not be written.
    pub readonly: c_int,
    /// Number of axes.
    pub ndim: c_int,
    /// The element type as a PEP 3118 format; NULL for unsigned bytes, or when it was not asked for.
    pub format: *mut c_char,
    /// `ndim` extents; NULL without axes, or when it was not asked for.
    pub shape: *mut isize,
    /// `ndim` strides in bytes; NULL without axes, or for C order.
    pub strides: *mut isize,
    /// Where not negative, elements lie behind pointers; NULL when none do.
    pub suboffsets: *mut isize,
    /// The exporter's own.
    pub internal: *mut c_void,
}

#[cfg(target_pointer_width = "64")]
const _: () = {
    assert!(size_of::<Buffer>() == 80);
    assert!(offset_of!(Buffer, obj) == 8);
    assert!(offset_of!(Buffer, len) == 16);
    assert!(offset_of!(Buffer, itemsize) == 24);
    assert!(offset_of!(Buffer, readonly) == 32);
    assert!(offset_of!(Buffer, ndim) == 36);
    assert!(offset_of!(Buffer, format) == 40);
    assert!(offset_of!(Buffer, shape) == 48);
    assert!(offset_of!(Buffer, strides) == 56);
    assert!(offset_of!(Buffer, suboffsets) == 64);
    assert!(offset_of!(Buffer, internal) == 72);
};
