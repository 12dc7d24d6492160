//! The few CPython functions that capsules and exchange tables need, looked up once.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr::{NonNull, null_mut};

use once_cell::sync::OnceCell;

use crate::error::{Error, Kind, Result};

/// A Python object, opaque here.
#[repr(C)]
pub struct PyObject {
    _opaque: [u8; 0],
}

/// Ends a capsule.
pub(super) type Destructor = unsafe extern "C" fn(*mut PyObject);

/// The class of an exception.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exception {
    /// `ValueError`
    Value,
    /// `MemoryError`
    Memory,
    /// `RuntimeError`
    Runtime,
    /// `BufferError`
    Buffer,
}

impl Exception {
    /// The class for a failure: refusals of data are `BufferError`, as the array API standard asks.
    pub fn of(kind: Kind) -> Self {
        match kind {
            Kind::InvalidArgument => Self::Value,
            Kind::OutOfMemory => Self::Memory,
            Kind::Internal | Kind::Callback => Self::Runtime,
            _ => Self::Buffer,
        }
    }

    /// What Python calls it.
    pub fn name(self) -> &'static CStr {
        match self {
            Self::Value => c"ValueError",
            Self::Memory => c"MemoryError",
            Self::Runtime => c"RuntimeError",
            Self::Buffer => c"BufferError",
        }
    }
}

/// CPython's stable ABI, as far as it is needed. The names are CPython's.
pub(super) struct Api {
    pub capsule_new: unsafe extern "C" fn(*mut c_void, *const c_char, Option<Destructor>) -> *mut PyObject,
    pub capsule_is_valid: unsafe extern "C" fn(*mut PyObject, *const c_char) -> c_int,
    pub capsule_get_pointer: unsafe extern "C" fn(*mut PyObject, *const c_char) -> *mut c_void,
    pub capsule_set_name: unsafe extern "C" fn(*mut PyObject, *const c_char) -> c_int,
    pub capsule_set_context: unsafe extern "C" fn(*mut PyObject, *mut c_void) -> c_int,
    pub capsule_get_context: unsafe extern "C" fn(*mut PyObject) -> *mut c_void,
    pub inc_ref: unsafe extern "C" fn(*mut PyObject),
    pub dec_ref: unsafe extern "C" fn(*mut PyObject),
    pub object_type: unsafe extern "C" fn(*mut PyObject) -> *mut PyObject,
    pub object_get_attr: unsafe extern "C" fn(*mut PyObject, *mut PyObject) -> *mut PyObject,
    object_get_attr_string: unsafe extern "C" fn(*mut PyObject, *const c_char) -> *mut PyObject,
    pub object_call: unsafe extern "C" fn(*mut PyObject, ...) -> *mut PyObject,
    pub long_as_pointer: unsafe extern "C" fn(*mut PyObject) -> *mut c_void,
    pub long_from_pointer: unsafe extern "C" fn(*mut c_void) -> *mut PyObject,
    type_is_subtype: unsafe extern "C" fn(*mut PyObject, *mut PyObject) -> c_int,
    type_type: *mut PyObject,
    err_occurred: unsafe extern "C" fn() -> *mut PyObject,
    err_exception_matches: unsafe extern "C" fn(*mut PyObject) -> c_int,
    err_clear: unsafe extern "C" fn(),
    err_set_string: unsafe extern "C" fn(*mut PyObject, *const c_char),
    err_fetch: unsafe extern "C" fn(*mut *mut PyObject, *mut *mut PyObject, *mut *mut PyObject),
    err_restore: unsafe extern "C" fn(*mut PyObject, *mut PyObject, *mut PyObject),
    is_initialized: unsafe extern "C" fn() -> c_int,
    is_finalizing: Option<unsafe extern "C" fn() -> c_int>,
    gil_check: unsafe extern "C" fn() -> c_int,
    gil_ensure: unsafe extern "C" fn() -> c_int,
    gil_release: unsafe extern "C" fn(c_int),
    buffer_error: *const *mut PyObject,
    value_error: *const *mut PyObject,
    memory_error: *const *mut PyObject,
    runtime_error: *const *mut PyObject,
    type_error: *const *mut PyObject,
    attribute_error: *const *mut PyObject,
}

// SAFETY: the addresses of functions and of CPython's static exception variables, never written.
unsafe impl Send for Api {}
// SAFETY: as above.
unsafe impl Sync for Api {}

/// The address of `name` in this process, as a function or pointer type `T`.
///
/// # Safety
/// `T` is pointer-sized and is what `name` is in CPython.
pub(super) unsafe fn symbol<T>(name: &CStr) -> Option<T> {
    const { assert!(size_of::<T>() == size_of::<*mut c_void>()) };
    // SAFETY: `dlsym` with a NUL-terminated name; the main program and every library loaded globally are searched.
    let address = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    // SAFETY: not NULL, and of this type by the caller's promise.
    NonNull::new(address).map(|address| unsafe { std::mem::transmute_copy(&address) })
}

impl Api {
    fn find() -> Result<Self> {
        macro_rules! require {
            ($name:literal) => {
                // SAFETY: the field's type is the symbol's, by CPython's documentation of the stable ABI.
                unsafe { symbol($name) }.ok_or_else(missing)?
            };
        }
        Ok(Self {
            capsule_new: require!(c"PyCapsule_New"),
            capsule_is_valid: require!(c"PyCapsule_IsValid"),
            capsule_get_pointer: require!(c"PyCapsule_GetPointer"),
            capsule_set_name: require!(c"PyCapsule_SetName"),
            capsule_set_context: require!(c"PyCapsule_SetContext"),
            capsule_get_context: require!(c"PyCapsule_GetContext"),
            inc_ref: require!(c"Py_IncRef"),
            dec_ref: require!(c"Py_DecRef"),
            object_type: require!(c"PyObject_Type"),
            object_get_attr: require!(c"PyObject_GetAttr"),
            object_get_attr_string: require!(c"PyObject_GetAttrString"),
            object_call: require!(c"PyObject_CallFunctionObjArgs"),
            long_as_pointer: require!(c"PyLong_AsVoidPtr"),
            long_from_pointer: require!(c"PyLong_FromVoidPtr"),
            type_is_subtype: require!(c"PyType_IsSubtype"),
            type_type: require!(c"PyType_Type"),
            err_occurred: require!(c"PyErr_Occurred"),
            err_exception_matches: require!(c"PyErr_ExceptionMatches"),
            err_clear: require!(c"PyErr_Clear"),
            err_set_string: require!(c"PyErr_SetString"),
            err_fetch: require!(c"PyErr_Fetch"),
            err_restore: require!(c"PyErr_Restore"),
            is_initialized: require!(c"Py_IsInitialized"),
            // SAFETY: as above. Public since 3.13, private before.
            is_finalizing: unsafe { symbol(c"Py_IsFinalizing").or_else(|| symbol(c"_Py_IsFinalizing")) },
            gil_check: require!(c"PyGILState_Check"),
            gil_ensure: require!(c"PyGILState_Ensure"),
            gil_release: require!(c"PyGILState_Release"),
            buffer_error: require!(c"PyExc_BufferError"),
            value_error: require!(c"PyExc_ValueError"),
            memory_error: require!(c"PyExc_MemoryError"),
            runtime_error: require!(c"PyExc_RuntimeError"),
            type_error: require!(c"PyExc_TypeError"),
            attribute_error: require!(c"PyExc_AttributeError"),
        })
    }

    fn class(&self, exception: Exception) -> *mut PyObject {
        let class = match exception {
            Exception::Value => self.value_error,
            Exception::Memory => self.memory_error,
            Exception::Runtime => self.runtime_error,
            Exception::Buffer => self.buffer_error,
        };
        // SAFETY: a static variable of CPython's.
        unsafe { *class }
    }

    /// Whether `object` is an instance of `class` or of a class derived from it.
    ///
    /// # Safety
    /// The lock is held; both are Python objects, the second is a class.
    #[inline]
    pub(super) unsafe fn is_instance(&self, object: *mut PyObject, class: *mut PyObject) -> bool {
        // SAFETY: the caller's promise. The object keeps its type alive, so the reference may go at once.
        unsafe {
            let of = (self.object_type)(object);
            (self.dec_ref)(of);
            of == class || (self.type_is_subtype)(of, class) != 0
        }
    }

    /// A new reference to an attribute of the class of `object`, if it has one of that name.
    ///
    /// # Safety
    /// The lock is held; `object` is a Python object.
    pub(super) unsafe fn class_attribute(
        &self,
        object: *mut PyObject,
        name: &CStr,
    ) -> Result<Option<NonNull<PyObject>>> {
        // SAFETY: the caller's promise. The object keeps its class alive, so the reference may go at once.
        unsafe {
            let class = (self.object_type)(object);
            (self.dec_ref)(class);
            let attribute = NonNull::new((self.object_get_attr_string)(class, name.as_ptr()));
            if attribute.is_none() {
                if (self.err_exception_matches)(*self.attribute_error) == 0 {
                    return Err(Self::raised());
                }
                (self.err_clear)();
            }
            Ok(attribute)
        }
    }

    /// Whether `object` is a class.
    ///
    /// # Safety
    /// The lock is held; `object` is a Python object.
    pub(super) unsafe fn is_class(&self, object: *mut PyObject) -> bool {
        // SAFETY: the caller's promise; `type` is a class.
        unsafe { self.is_instance(object, self.type_type) }
    }

    /// Whether an exception is in flight.
    ///
    /// # Safety
    /// The lock is held.
    #[inline]
    pub(super) unsafe fn has_raised(&self) -> bool {
        // SAFETY: the caller's promise.
        unsafe { !(self.err_occurred)().is_null() }
    }

    /// The failure that goes with an exception that Python code has raised. [`raise`] lets that one be.
    #[cold]
    pub(super) fn raised() -> Error {
        Error::new(Kind::Callback, "Python raised an exception, which is in flight")
    }

    /// Makes a `TypeError` the exception in flight.
    ///
    /// # Safety
    /// The lock is held.
    #[cold]
    pub(super) unsafe fn type_error(&self, message: &'static CStr) -> Error {
        // SAFETY: the caller's promise.
        unsafe { (self.err_set_string)(*self.type_error, message.as_ptr()) };
        Error::new(Kind::InvalidArgument, message.to_string_lossy())
    }

    /// Runs `body` with the interpreter locked and the exception in flight, if any, set aside. `None`, and nothing
    /// is run, when there is no interpreter any more or it is going away: what `body` would free is then leaked.
    pub(super) fn with_interpreter<T>(&self, body: impl FnOnce() -> T) -> Option<T> {
        // SAFETY: these may be called without the lock, at any time.
        unsafe {
            if (self.is_initialized)() == 0 {
                return None;
            }
            // A thread without the lock would never get it from an interpreter that is going away.
            if (self.gil_check)() == 0 && self.is_finalizing.is_some_and(|f| f() != 0) {
                return None;
            }
        }
        // SAFETY: ensure and release are paired around everything else, which has the lock.
        unsafe {
            let state = (self.gil_ensure)();
            let result = self.with_exception_aside(body);
            (self.gil_release)(state);
            Some(result)
        }
    }

    /// Runs `body` with the exception in flight, if any, set aside. For all that ends memory: a deleter may be Python
    /// code, which must begin without an exception, and must not end the one that is there.
    ///
    /// # Safety
    /// The interpreter's lock is held.
    pub(super) unsafe fn with_exception_aside<T>(&self, body: impl FnOnce() -> T) -> T {
        let (mut class, mut value, mut trace) = (null_mut(), null_mut(), null_mut());
        // SAFETY: the lock is held; the fetched references go back as they came.
        unsafe {
            (self.err_fetch)(&mut class, &mut value, &mut trace);
            let result = body();
            (self.err_restore)(class, value, trace);
            result
        }
    }
}

#[cold]
pub(super) fn missing() -> Error {
    Error::new(
        Kind::Unsupported,
        "no Python in this process: CPython's symbols are not visible to this library",
    )
}

/// CPython, once it has been found. A failure is not remembered: Python may be loaded later.
#[inline]
pub(super) fn api() -> Result<&'static Api> {
    static API: OnceCell<Api> = OnceCell::new();
    API.get_or_try_init(Api::find)
}

/// CPython, for a caller that says it holds the interpreter's lock: believed only after a look.
#[inline]
pub(super) fn locked() -> Result<&'static Api> {
    let api = api()?;
    // SAFETY: both may be called at any time. (In subinterpreters the second always says yes.)
    if unsafe { (api.is_initialized)() == 0 || (api.gil_check)() == 0 } {
        return Err(unlocked());
    }
    Ok(api)
}

#[cold]
fn unlocked() -> Error {
    Error::new(
        Kind::InvalidArgument,
        "the caller does not hold the interpreter's lock; from ctypes load the library with PyDLL, not CDLL",
    )
}

/// Whether there is a running Python in this process.
pub fn is_available() -> bool {
    // SAFETY: may be called at any time.
    api().is_ok_and(|api| unsafe { (api.is_initialized)() != 0 })
}

/// Makes `error` the Python exception in flight, if the caller holds the lock of a Python. One that is in flight
/// already is what the failure comes from, and stays.
#[cold]
pub fn raise(error: &Error) {
    if let Ok(api) = locked() {
        // SAFETY: the lock is held, as `locked` has seen.
        unsafe {
            if !api.has_raised() {
                let class = api.class(Exception::of(error.kind()));
                (api.err_set_string)(class, message(error).as_ptr());
            }
        }
    }
}

/// What `error` says, for C.
pub fn message(error: &Error) -> CString {
    CString::new(error.message()).unwrap_or_else(|_| c"the message holds a NUL".into())
}

/// Gives up a reference to a Python object, on any thread, with or without the interpreter's lock. When the
/// interpreter is gone, or going, the object is leaked.
///
/// # Safety
/// `object` is a Python object, one reference of which the caller gives up.
pub unsafe fn release_object(object: *mut PyObject) {
    if let Ok(api) = api() {
        // SAFETY: run with the lock; the reference is the caller's to give up.
        api.with_interpreter(|| unsafe { (api.dec_ref)(object) });
    }
}
