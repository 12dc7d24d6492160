//! Arrow's C data interface, byte for byte: `ArrowSchema` and `ArrowArray`, which have never changed and never will.

use std::ffi::{c_char, c_void};
use std::mem::{offset_of, size_of};

/// A type: a format, and the types of its parts.
#[repr(C)]
#[derive(Debug)]
pub struct ArrowSchema {
    /// The type as text.
    pub format: *const c_char,
    /// NULL, or the field's name.
    pub name: *const c_char,
    /// NULL, or keys and values: their number, and before each text its length, as native `int32_t`s.
    pub metadata: *const c_char,
    /// Bit 1 (2): there may be nulls.
    pub flags: i64,
    /// How many parts.
    pub n_children: i64,
    /// `n_children` pointers.
    pub children: *mut *mut ArrowSchema,
    /// The type of the values of a dictionary; NULL for what is none.
    pub dictionary: *mut ArrowSchema,
    /// Ends the struct and makes this NULL; NULL once it has been ended or moved.
    pub release: Option<unsafe extern "C" fn(*mut ArrowSchema)>,
    /// The producer's own.
    pub private_data: *mut c_void,
}

/// Elements.
#[repr(C)]
#[derive(Debug)]
pub struct ArrowArray {
    /// How many elements.
    pub length: i64,
    /// How many of them are null; -1 when nobody has counted.
    pub null_count: i64,
    /// Elements in the buffers before the first one.
    pub offset: i64,
    /// How many buffers.
    pub n_buffers: i64,
    /// How many parts.
    pub n_children: i64,
    /// `n_buffers` addresses: which elements are valid, one bit each or NULL for all; then what the type asks for.
    pub buffers: *mut *const c_void,
    /// `n_children` pointers.
    pub children: *mut *mut ArrowArray,
    /// The values of a dictionary; NULL for what is none.
    pub dictionary: *mut ArrowArray,
    /// Ends the struct and makes this NULL; NULL once it has been ended or moved.
    pub release: Option<unsafe extern "C" fn(*mut ArrowArray)>,
    /// The producer's own.
    pub private_data: *mut c_void,
}

#[cfg(target_pointer_width = "64")]
const _: () = {
    assert!(size_of::<ArrowSchema>() == 72);
    assert!(offset_of!(ArrowSchema, name) == 8);
    assert!(offset_of!(ArrowSchema, metadata) == 16);
    assert!(offset_of!(ArrowSchema, flags) == 24);
    assert!(offset_of!(ArrowSchema, n_children) == 32);
    assert!(offset_of!(ArrowSchema, children) == 40);
    assert!(offset_of!(ArrowSchema, dictionary) == 48);
    assert!(offset_of!(ArrowSchema, release) == 56);
    assert!(offset_of!(ArrowSchema, private_data) == 64);
    assert!(size_of::<ArrowArray>() == 80);
    assert!(offset_of!(ArrowArray, null_count) == 8);
    assert!(offset_of!(ArrowArray, offset) == 16);
    assert!(offset_of!(ArrowArray, n_buffers) == 24);
    assert!(offset_of!(ArrowArray, n_children) == 32);
    assert!(offset_of!(ArrowArray, buffers) == 40);
    assert!(offset_of!(ArrowArray, children) == 48);
    assert!(offset_of!(ArrowArray, dictionary) == 56);
    assert!(offset_of!(ArrowArray, release) == 64);
    assert!(offset_of!(ArrowArray, private_data) == 72);
};
