//! CPython's stable ABI, as far as it is needed, found in the running process at first use.

use std::ffi::{CStr, c_char, c_int, c_long, c_longlong, c_void};
use std::ptr::NonNull;

use super::types::{Method, Spec};
use crate::error::{Error, Kind, Result};

/// A Python object, opaque here.
#[repr(C)]
pub struct PyObject {
    _opaque: [u8; 0],
}

/// An object as C passes it.
pub(super) type Object = *mut PyObject;

/// Ends a capsule.
pub(super) type Destructor = unsafe extern "C" fn(Object);

/// The address of `name` in this process, as a function or pointer type `T`.
///
/// # Safety
/// `T` is pointer-sized and is what `name` is in CPython.
unsafe fn symbol<T>(name: &CStr) -> Option<T> {
    const { assert!(size_of::<T>() == size_of::<*mut c_void>()) };
    // SAFETY: `dlsym` with a NUL-terminated name; the main program and every library loaded globally are searched.
    let address = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    // SAFETY: not NULL, and of this type by the caller's promise.
    NonNull::new(address).map(|address| unsafe { std::mem::transmute_copy(&address) })
}

#[cold]
pub(super) fn missing() -> Error {
    Error::new(
        Kind::Unsupported,
        "no Python in this process: CPython's symbols are not visible to this library",
    )
}

/// The struct of all symbols, one a line: the field, its C type, CPython's name.
macro_rules! symbols {
    ($($field:ident: $type:ty = $name:literal;)*) => {
        /// Addresses in CPython, each under what its name says without the prefix.
        pub(super) struct Api {
            $(pub(super) $field: $type,)*
            /// An attribute, if there is one: 1, or 0 without an exception, or -1.
            pub(super) object_find_attr: unsafe extern "C" fn(Object, Object, *mut Object) -> c_int,
            pub(super) is_finalizing: Option<unsafe extern "C" fn() -> c_int>,
            /// NULL where this thread does not hold the lock. (What was there before 3.13 asked the process.)
            pub(super) thread_state: Option<unsafe extern "C" fn() -> *mut c_void>,
        }

        impl Api {
            pub(super) fn find() -> Result<Self> {
                Ok(Self {
                    // SAFETY: the field's type is the symbol's, by CPython's documentation of the stable ABI.
                    $($field: unsafe { symbol($name) }.ok_or_else(missing)?,)*
                    // SAFETY: as above. Public since 3.13, private before.
                    object_find_attr: unsafe {
                        symbol(c"PyObject_GetOptionalAttr")
                            .or_else(|| symbol(c"_PyObject_LookupAttr"))
                            .ok_or_else(missing)?
                    },
                    // SAFETY: as above. Public since 3.13, private before.
                    is_finalizing: unsafe {
                        symbol(c"Py_IsFinalizing").or_else(|| symbol(c"_Py_IsFinalizing"))
                    },
                    // SAFETY: as above.
                    thread_state: unsafe { symbol(c"PyThreadState_GetUnchecked") },
                })
            }
        }
    };
}

symbols! {
    // Capsules.
    capsule_new: unsafe extern "C" fn(*mut c_void, *const c_char, Option<Destructor>) -> Object = c"PyCapsule_New";
    capsule_is_valid: unsafe extern "C" fn(Object, *const c_char) -> c_int = c"PyCapsule_IsValid";
    capsule_get_pointer: unsafe extern "C" fn(Object, *const c_char) -> *mut c_void = c"PyCapsule_GetPointer";
    capsule_set_name: unsafe extern "C" fn(Object, *const c_char) -> c_int = c"PyCapsule_SetName";
    capsule_set_context: unsafe extern "C" fn(Object, *mut c_void) -> c_int = c"PyCapsule_SetContext";
    capsule_get_context: unsafe extern "C" fn(Object) -> *mut c_void = c"PyCapsule_GetContext";
    capsule_type: Object = c"PyCapsule_Type";
    // Objects.
    inc_ref: unsafe extern "C" fn(Object) = c"Py_IncRef";
    dec_ref: unsafe extern "C" fn(Object) = c"Py_DecRef";
    object_type: unsafe extern "C" fn(Object) -> Object = c"PyObject_Type";
    object_get_attr: unsafe extern "C" fn(Object, Object) -> Object = c"PyObject_GetAttr";
    object_get_attr_string: unsafe extern "C" fn(Object, *const c_char) -> Object = c"PyObject_GetAttrString";
    object_is_true: unsafe extern "C" fn(Object) -> c_int = c"PyObject_IsTrue";
    object_set_attr_string: unsafe extern "C" fn(Object, *const c_char, Object) -> c_int = c"PyObject_SetAttrString";
    object_call: unsafe extern "C" fn(Object, Object, Object) -> Object = c"PyObject_Call";
    // In the stable ABI since 3.12; the same since 3.9.
    object_call_method: unsafe extern "C" fn(Object, *const Object, usize, Object) -> Object
        = c"PyObject_VectorcallMethod";
    object_clear_weak_refs: unsafe extern "C" fn(Object) = c"PyObject_ClearWeakRefs";
    object_free: unsafe extern "C" fn(*mut c_void) = c"PyObject_Free";
    base_object: Object = c"PyBaseObject_Type";
    none: Object = c"_Py_NoneStruct";
    // Types.
    type_from_spec: unsafe extern "C" fn(*const Spec) -> Object = c"PyType_FromSpec";
    type_generic_alloc: unsafe extern "C" fn(Object, isize) -> Object = c"PyType_GenericAlloc";
    type_get_slot: unsafe extern "C" fn(Object, c_int) -> *mut c_void = c"PyType_GetSlot";
    type_is_subtype: unsafe extern "C" fn(Object, Object) -> c_int = c"PyType_IsSubtype";
    type_type: Object = c"PyType_Type";
    // Numbers, tuples and the like.
    bool_from_long: unsafe extern "C" fn(c_long) -> Object = c"PyBool_FromLong";
    long_from_i64: unsafe extern "C" fn(c_longlong) -> Object = c"PyLong_FromLongLong";
    long_from_pointer: unsafe extern "C" fn(*mut c_void) -> Object = c"PyLong_FromVoidPtr";
    long_as_pointer: unsafe extern "C" fn(Object) -> *mut c_void = c"PyLong_AsVoidPtr";
    long_as_ssize: unsafe extern "C" fn(Object) -> isize = c"PyLong_AsSsize_t";
    tuple_new: unsafe extern "C" fn(isize) -> Object = c"PyTuple_New";
    tuple_size: unsafe extern "C" fn(Object) -> isize = c"PyTuple_Size";
    tuple_get_item: unsafe extern "C" fn(Object, isize) -> Object = c"PyTuple_GetItem";
    tuple_set_item: unsafe extern "C" fn(Object, isize, Object) -> c_int = c"PyTuple_SetItem";
    tuple_type: Object = c"PyTuple_Type";
    bytes_from: unsafe extern "C" fn(*const c_char, isize) -> Object = c"PyBytes_FromStringAndSize";
    str_as_utf8: unsafe extern "C" fn(Object, *mut isize) -> *const c_char = c"PyUnicode_AsUTF8AndSize";
    str_interned: unsafe extern "C" fn(*const c_char) -> Object = c"PyUnicode_InternFromString";
    dict_new: unsafe extern "C" fn() -> Object = c"PyDict_New";
    dict_set_item: unsafe extern "C" fn(Object, Object, Object) -> c_int = c"PyDict_SetItem";
    dict_get_item: unsafe extern "C" fn(Object, Object) -> Object = c"PyDict_GetItemWithError";
    dict_get_item_string: unsafe extern "C" fn(Object, *const c_char) -> Object = c"PyDict_GetItemString";
    dict_set_item_string: unsafe extern "C" fn(Object, *const c_char, Object) -> c_int = c"PyDict_SetItemString";
    memory_view_from_object: unsafe extern "C" fn(Object) -> Object = c"PyMemoryView_FromObject";
    // Modules and interpreters.
    module_new: unsafe extern "C" fn(*const c_char) -> Object = c"PyModule_New";
    module_add_functions: unsafe extern "C" fn(Object, *const Method) -> c_int = c"PyModule_AddFunctions";
    module_dict: unsafe extern "C" fn() -> Object = c"PyImport_GetModuleDict";
    interpreter_get: unsafe extern "C" fn() -> *mut c_void = c"PyInterpreterState_Get";
    interpreter_get_id: unsafe extern "C" fn(*mut c_void) -> i64 = c"PyInterpreterState_GetID";
    interpreter_get_dict: unsafe extern "C" fn(*mut c_void) -> Object = c"PyInterpreterState_GetDict";
    is_initialized: unsafe extern "C" fn() -> c_int = c"Py_IsInitialized";
    save_thread: unsafe extern "C" fn() -> *mut c_void = c"PyEval_SaveThread";
    restore_thread: unsafe extern "C" fn(*mut c_void) = c"PyEval_RestoreThread";
    gil_check: unsafe extern "C" fn() -> c_int = c"PyGILState_Check";
    gil_ensure: unsafe extern "C" fn() -> c_int = c"PyGILState_Ensure";
    gil_release: unsafe extern "C" fn(c_int) = c"PyGILState_Release";
    // Exceptions.
    err_occurred: unsafe extern "C" fn() -> Object = c"PyErr_Occurred";
    err_exception_matches: unsafe extern "C" fn(Object) -> c_int = c"PyErr_ExceptionMatches";
    err_clear: unsafe extern "C" fn() = c"PyErr_Clear";
    err_set_string: unsafe extern "C" fn(Object, *const c_char) = c"PyErr_SetString";
    err_fetch: unsafe extern "C" fn(*mut Object, *mut Object, *mut Object) = c"PyErr_Fetch";
    err_restore: unsafe extern "C" fn(Object, Object, Object) = c"PyErr_Restore";
    buffer_error: *const Object = c"PyExc_BufferError";
    value_error: *const Object = c"PyExc_ValueError";
    memory_error: *const Object = c"PyExc_MemoryError";
    runtime_error: *const Object = c"PyExc_RuntimeError";
    type_error: *const Object = c"PyExc_TypeError";
    not_implemented_error: *const Object = c"PyExc_NotImplementedError";
    attribute_error: *const Object = c"PyExc_AttributeError";
}

// SAFETY: the addresses of functions and of CPython's static objects, which only CPython writes.
unsafe impl Send for Api {}
// SAFETY: as above.
unsafe impl Sync for Api {}
