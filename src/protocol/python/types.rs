//! Types of Python objects, made in native code: CPython's structs for them, and where an object keeps what it holds.

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::ptr::{NonNull, null};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use super::api::Owned;
use super::symbols::{Api, Object};
use crate::error::Result;

/// `PyType_Slot`.
#[repr(C)]
pub(super) struct Slot {
    slot: c_int,
    function: *const c_void,
}

impl Slot {
    pub(super) const END: Self = Self::new(0, null());

    pub(super) const fn new(slot: c_int, function: *const c_void) -> Self {
        Self { slot, function }
    }
}

/// `PyType_Spec`.
#[repr(C)]
pub(super) struct Spec {
    name: *const c_char,
    basic_size: c_int,
    item_size: c_int,
    flags: c_uint,
    slots: *const Slot,
}

/// `PyMethodDef`.
#[repr(C)]
pub(super) struct Method {
    pub name: *const c_char,
    pub function: *const c_void,
    pub flags: c_int,
    pub doc: *const c_char,
}

/// `PyGetSetDef` of an attribute that cannot be set.
#[repr(C)]
pub(super) struct Getter {
    pub name: *const c_char,
    pub get: Option<unsafe extern "C" fn(Object, *mut c_void) -> Object>,
    pub set: *const c_void,
    pub doc: *const c_char,
    pub closure: *const c_void,
}

/// `PyMemberDef`.
#[repr(C)]
pub(super) struct Member {
    pub name: *const c_char,
    pub kind: c_int,
    pub offset: isize,
    pub flags: c_int,
    pub doc: *const c_char,
}

/// Tables that CPython reads and nobody writes.
#[repr(transparent)]
pub(super) struct Table<const N: usize, T>(pub [T; N]);

// SAFETY: addresses of static texts and of functions.
unsafe impl<const N: usize, T> Sync for Table<N, T> {}

// Numbers of `typeslots.h`, `object.h`, `methodobject.h` and `structmember.h`.
pub(super) const BF_GETBUFFER: c_int = 1;
pub(super) const BF_RELEASEBUFFER: c_int = 2;
pub(super) const TP_DEALLOC: c_int = 52;
pub(super) const TP_DOC: c_int = 56;
pub(super) const TP_METHODS: c_int = 64;
pub(super) const TP_NEW: c_int = 65;
pub(super) const TP_MEMBERS: c_int = 72;
pub(super) const TP_GETSET: c_int = 73;
pub(super) const TP_FREE: c_int = 74;
const DEFAULT: c_uint = 1 << 18;
pub(super) const DISALLOW_INSTANTIATION: c_uint = 1 << 7;
pub(super) const IMMUTABLE: c_uint = 1 << 8;
pub(super) const BASE: c_uint = 1 << 10;
pub(super) const FASTCALL: c_int = 0x80;
pub(super) const FASTCALL_WITH_KEYWORDS: c_int = FASTCALL | 0x2;
pub(super) const NO_ARGUMENTS: c_int = 0x4;
pub(super) const ONE_ARGUMENT: c_int = 0x8;
pub(super) const OF_CLASS: c_int = 0x10;
pub(super) const SSIZE: c_int = 19;
pub(super) const READ_ONLY: c_int = 1;

/// Python's objects are aligned to a word at least.
const ALIGNMENT: usize = align_of::<*mut c_void>();

/// Bytes of a Python object's head, which builds of CPython differ in. Known as soon as there is a type.
static HEAD: AtomicUsize = AtomicUsize::new(0);

/// What an object of a type of ours holds, behind its head.
#[inline]
pub(super) fn held<T>(object: Object) -> *mut T {
    object.cast::<u8>().wrapping_add(HEAD.load(Relaxed)).cast()
}

/// Where in an object the first byte of what it holds is.
///
/// # Safety
/// The lock is held.
pub(super) unsafe fn head(api: &'static Api) -> Result<usize> {
    // SAFETY: the caller's promise.
    unsafe {
        let size = (api.object_get_attr_string)(api.base_object, c"__basicsize__".as_ptr());
        let size = Owned::new(api, size)?;
        let head = (api.long_as_ssize)(size.as_ptr()) as usize;
        let head = head.next_multiple_of(ALIGNMENT);
        HEAD.store(head, Relaxed);
        Ok(head)
    }
}

/// A new type whose objects hold a `T`.
///
/// # Safety
/// The lock is held; the slots are of the types that CPython says, and what they point at lives as CPython says; `name`
/// is static.
pub(super) unsafe fn make_type<T>(
    api: &'static Api,
    name: &'static CStr,
    flags: c_uint,
    slots: &[Slot],
) -> Result<Owned> {
    const { assert!(align_of::<T>() <= ALIGNMENT) };
    // SAFETY: the caller's promise; CPython reads the spec during the call.
    unsafe {
        let basic_size = (head(api)? + size_of::<T>()) as c_int;
        let flags = DEFAULT | flags;
        let spec = Spec { name: name.as_ptr(), basic_size, item_size: 0, flags, slots: slots.as_ptr() };
        Owned::new(api, (api.type_from_spec)(&spec))
    }
}

/// A new object of a type of ours, or of one derived from it, that holds `value`.
///
/// # Safety
/// The lock is held; objects of `class` hold a `T`.
#[inline]
pub(super) unsafe fn make_object<T>(api: &'static Api, class: Object, value: T) -> Result<Owned> {
    // SAFETY: the caller's promise: there is room for a `T` behind the head. Nobody else knows the object yet.
    unsafe {
        let object = NonNull::new((api.type_generic_alloc)(class, 0)).ok_or_else(Api::raised)?;
        held::<T>(object.as_ptr()).write(value);
        Ok(Owned::from(api, object))
    }
}

/// Frees an object whose last reference is gone and which holds nothing any more, at the end of `tp_dealloc`.
///
/// # Safety
/// The lock is held; the object is of a type of ours, or of one derived from it.
#[inline]
pub(super) unsafe fn free(api: &Api, object: Object) {
    // SAFETY: the caller's promise. Each type frees as it allocates: derived ones may be known to the garbage
    // collector. Of the two references to the type one is the object's, the other is from asking.
    unsafe {
        let class = (api.object_type)(object);
        let free = (api.type_get_slot)(class, TP_FREE);
        let free = std::mem::transmute::<*mut c_void, Option<unsafe extern "C" fn(*mut c_void)>>(free);
        let free = free.unwrap_or(api.object_free);
        free(object.cast());
        (api.dec_ref)(class);
        (api.dec_ref)(class);
    }
}
