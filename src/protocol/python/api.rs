//! CPython as the rest of this layer uses it: the lock, exceptions, references, attributes.

use std::cell::Cell;
use std::ffi::{CStr, CString};
use std::mem::ManuallyDrop;
use std::ptr::{NonNull, null_mut};

use once_cell::sync::OnceCell;

use super::symbols::{Api, Object, PyObject};
use crate::error::{Error, Kind, Result, catch};

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
            Kind::Internal | Kind::Callback | Kind::Cancelled => Self::Runtime,
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

thread_local! {
    /// Whether this thread is inside [`Api::with_exception_aside`].
    static LOCKED: Cell<bool> = const { Cell::new(false) };
}

/// A reference to a Python object, given up at the end. Used only where the interpreter's lock is held.
pub(super) struct Owned(&'static Api, NonNull<PyObject>);

impl Owned {
    /// A new reference that C gave; NULL is an exception in flight.
    ///
    /// # Safety
    /// The lock is held as long as the result lives; NULL, or a reference that the caller gives up.
    #[inline]
    pub(super) unsafe fn new(api: &'static Api, object: Object) -> Result<Self> {
        NonNull::new(object).map(|object| Self(api, object)).ok_or_else(Api::raised)
    }

    /// As [`Owned::new`], of what is not NULL.
    ///
    /// # Safety
    /// As [`Owned::new`].
    #[inline]
    pub(super) unsafe fn from(api: &'static Api, object: NonNull<PyObject>) -> Self {
        Self(api, object)
    }

    #[inline]
    pub(super) fn as_ptr(&self) -> Object {
        self.1.as_ptr()
    }

    /// Gives the reference away.
    #[inline]
    pub(super) fn into_inner(self) -> NonNull<PyObject> {
        ManuallyDrop::new(self).1
    }
}

impl Drop for Owned {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the lock is held, and the reference is ours, by the promise of who made this.
        unsafe { (self.0.dec_ref)(self.1.as_ptr()) };
    }
}

impl Api {
    fn class(&self, exception: Exception) -> Object {
        let class = match exception {
            Exception::Value => self.value_error,
            Exception::Memory => self.memory_error,
            Exception::Runtime => self.runtime_error,
            Exception::Buffer => self.buffer_error,
        };
        // SAFETY: a static variable of CPython's.
        unsafe { *class }
    }

    /// Whether `object` is a class.
    ///
    /// # Safety
    /// The lock is held; `object` is a Python object.
    pub(super) unsafe fn is_class(&self, object: Object) -> bool {
        // SAFETY: the caller's promise; `type` is a class.
        unsafe { (self.type_is_subtype)(self.class_of(object), self.type_type) != 0 }
    }

    /// The class of `object`, borrowed from it: an object keeps its class.
    ///
    /// # Safety
    /// The lock is held; `object` is a Python object.
    #[inline]
    pub(super) unsafe fn class_of(&self, object: Object) -> Object {
        // SAFETY: the caller's promise.
        unsafe {
            let class = (self.object_type)(object);
            (self.dec_ref)(class);
            class
        }
    }

    /// An attribute of `object`, if it has one of that name.
    ///
    /// # Safety
    /// The lock is held, no exception is in flight; both are Python objects, the second is a str.
    #[inline]
    pub(super) unsafe fn attribute(&'static self, object: Object, name: Object) -> Result<Option<Owned>> {
        // SAFETY: the caller's promise.
        unsafe {
            let mut attribute = null_mut();
            match (self.object_find_attr)(object, name, &mut attribute) {
                -1 => Err(Self::raised()),
                _ => Ok(NonNull::new(attribute).map(|attribute| Owned::from(self, attribute))),
            }
        }
    }

    /// A str, kept as long as the interpreter by whoever asks.
    ///
    /// # Safety
    /// The lock is held.
    pub(super) unsafe fn interned(&'static self, text: &CStr) -> Result<Owned> {
        // SAFETY: the caller's promise.
        unsafe { Owned::new(self, (self.str_interned)(text.as_ptr())) }
    }

    /// A tuple of integers.
    ///
    /// # Safety
    /// The lock is held.
    pub(super) unsafe fn integers(&'static self, numbers: &[i64]) -> Result<Owned> {
        // SAFETY: the caller's promise. A new tuple takes each reference over; one half filled may be given up.
        unsafe {
            let tuple = Owned::new(self, (self.tuple_new)(numbers.len() as isize))?;
            for (i, &number) in numbers.iter().enumerate() {
                let number = Owned::new(self, (self.long_from_i64)(number))?;
                (self.tuple_set_item)(tuple.as_ptr(), i as isize, number.into_inner().as_ptr());
            }
            Ok(tuple)
        }
    }

    /// Which interpreter this is; such a number is never given twice.
    ///
    /// # Safety
    /// The lock is held.
    #[inline]
    pub(super) unsafe fn interpreter(&self) -> i64 {
        // SAFETY: the caller's promise.
        unsafe { (self.interpreter_get_id)((self.interpreter_get)()) }
    }

    /// `None`, a new reference.
    ///
    /// # Safety
    /// The lock is held.
    pub(super) unsafe fn none(&'static self) -> Owned {
        // SAFETY: the caller's promise; the object is there as long as CPython.
        unsafe {
            (self.inc_ref)(self.none);
            Owned::from(self, NonNull::new_unchecked(self.none))
        }
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

    /// Runs `body`, which touches nothing of Python's, while other threads have the interpreter.
    ///
    /// # Safety
    /// The lock is held.
    #[cold]
    pub(super) unsafe fn without_lock<T>(&self, body: impl FnOnce() -> T) -> T {
        // SAFETY: the caller's promise; what is saved is restored on the same thread.
        unsafe {
            let outside = LOCKED.replace(false);
            let state = (self.save_thread)();
            let result = body();
            (self.restore_thread)(state);
            LOCKED.set(outside);
            result
        }
    }

    /// Runs `body` with the interpreter locked and the exception in flight, if any, set aside. `None`, and nothing
    /// is run, when there is no interpreter any more or it is going away: what `body` would free is then leaked.
    pub(super) fn with_interpreter<T>(&self, body: impl FnOnce() -> T) -> Option<T> {
        if self.is_locked_here() {
            // SAFETY: the lock is held.
            return Some(unsafe { self.with_exception_aside(body) });
        }
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

    /// Whether this thread is known to hold the lock, whichever interpreter's it is. Before 3.13 CPython cannot say so
    /// where there are subinterpreters: `PyGILState_Check` always says yes, and `PyGILState_Ensure` would wait in one of
    /// them for what its own thread holds. Python code may have given the lock up inside the body, hence both.
    fn is_locked_here(&self) -> bool {
        // SAFETY: both may be called at any time. A thread has a current state only while it holds the lock.
        unsafe {
            match self.thread_state {
                Some(current) => !current().is_null(),
                None => LOCKED.get() && (self.gil_check)() != 0,
            }
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
            let outside = LOCKED.replace(true);
            let result = body();
            LOCKED.set(outside);
            (self.err_restore)(class, value, trace);
            result
        }
    }
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

/// What Python calls: runs `body` with the lock held, as Python does; a failure or panic becomes the exception in
/// flight, and NULL.
///
/// # Safety
/// The lock is held.
#[inline]
pub(super) unsafe fn answer(body: impl FnOnce(&'static Api) -> Result<Owned>) -> Object {
    match catch(|| api().and_then(body)) {
        Ok(object) => object.into_inner().as_ptr(),
        Err(error) => refuse(error),
    }
}

/// [`raise`], out of line with all that a failure leaves to be done; NULL.
#[cold]
#[inline(never)]
#[expect(improper_ctypes_definitions, reason = "called from here only")]
extern "C" fn refuse(error: Error) -> Object {
    raise(&error);
    null_mut()
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
pub unsafe fn release_object(object: Object) {
    if let Ok(api) = api() {
        // SAFETY: run with the lock; the reference is the caller's to give up.
        api.with_interpreter(|| unsafe { (api.dec_ref)(object) });
    }
}
