//! NumPy's `PyArrayInterface` (`numpy/ndarraytypes.h`), what an `__array_struct__` capsule points at.

use std::ffi::{c_char, c_int, c_void};
use std::mem::{offset_of, size_of};

/// The elements lie in C order without gaps.
pub const C_CONTIGUOUS: c_int = 0x1;
/// The elements lie in Fortran order without gaps.
pub const F_CONTIGUOUS: c_int = 0x2;
/// Every element is aligned for its type.
pub const ALIGNED: c_int = 0x100;
/// The bytes are in the machine's order.
pub const NOTSWAPPED: c_int = 0x200;
/// The memory may be written.
pub const WRITEABLE: c_int = 0x400;
/// `descr` is valid.
pub const HAS_DESCR: c_int = 0x800;

/// `PyArrayInterface`: the C side of NumPy's `__array_struct__`. Strides are in bytes.
#[repr(C)]
#[derive(Debug)]
pub struct ArrayStruct {
    /// 2; anything else is not this struct.
    pub two: c_int,
    /// Number of axes.
    pub nd: c_int,
    /// Type character of the array interface: `b`, `i`, `u`, `f`, `c`, `S`, `U`, `V`, `M`, `m`.
    pub typekind: c_char,
    /// Bytes of one element.
    pub itemsize: c_int,
    /// `NDF_ARRAY_*`.
    pub flags: c_int,
    /// `nd` extents.
    pub shape: *mut isize,
    /// `nd` strides in bytes.
    pub strides: *mut isize,
    /// Address of element [0, …, 0].
    pub data: *mut c_void,
    /// A Python object describing the fields of a structured type; valid only with `NDF_ARRAY_HAS_DESCR`.
    pub descr: *mut c_void,
}

#[cfg(target_pointer_width = "64")]
const _: () = {
    assert!(size_of::<ArrayStruct>() == 56);
    assert!(offset_of!(ArrayStruct, nd) == 4);
    assert!(offset_of!(ArrayStruct, typekind) == 8);
    assert!(offset_of!(ArrayStruct, itemsize) == 12);
    assert!(offset_of!(ArrayStruct, flags) == 16);
    assert!(offset_of!(ArrayStruct, shape) == 24);
    assert!(offset_of!(ArrayStruct, strides) == 32);
    assert!(offset_of!(ArrayStruct, data) == 40);
    assert!(offset_of!(ArrayStruct, descr) == 48);
};
