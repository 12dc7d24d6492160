//! Python's tensor objects, capsules and memoryviews, made and destroyed in native code. CPython is found in the running process at first use; nothing
//! is linked. These functions keep CPython's habits instead of ndf_status: the caller holds the interpreter's lock
//! (from ctypes: `PyDLL`, never `CDLL`; without the lock they do nothing and give NULL), objects are new references, and failure is NULL with a Python exception set, BufferError
//! for data that cannot be handed over. Without Python in the process they give NULL and ndf_last_error_message says so.

use super::args::borrow;
use super::guard::{guard_or, record};
use super::tensor::ndf_tensor;
use crate::dtype::DType;
use crate::error::{Error, Result, bail, catch};
use crate::protocol::python::{self, Form, PyObject};
use crate::spec::dlpack::{DLManagedTensor, DLManagedTensorVersioned};

/// Runs `body`; a failure becomes a Python exception, a message on this thread, and NULL.
#[inline]
pub(super) fn raising<T>(body: impl FnOnce() -> Result<*mut T>) -> *mut T {
    catch(body).unwrap_or_else(|error| {
        raise(error);
        std::ptr::null_mut()
    })
}

/// Makes a failure this thread's last error and the Python exception in flight, if the caller holds the lock.
#[cold]
#[inline(never)]
#[expect(improper_ctypes_definitions, reason = "called from here only")]
pub(super) extern "C" fn raise(error: Error) {
    record(error.message());
    python::raise(&error);
}

/// Whether there is a running Python in this process.
#[unsafe(no_mangle)]
pub extern "C" fn ndf_py_is_available() -> bool {
    guard_or(false, || Ok(python::is_available()))
}

/// `flags` of ndf_py_dlpack_capsule: the struct of DLPack 1.x, not the one before 1.0.
pub const NDF_PY_VERSIONED: u32 = 1;
/// `flags` of ndf_py_dlpack_capsule: nobody else refers to the memory, say IS_COPIED.
pub const NDF_PY_COPIED: u32 = 2;

/// A DLPack capsule that holds the tensor until a consumer takes it or the capsule goes. The caller holds the
/// interpreter's lock (ctypes: `PyDLL`), here and in the other ndf_py_* functions that take or give Python objects.
///
/// @param tensor  [borrowed]
/// @param flags   NDF_PY_VERSIONED, NDF_PY_COPIED, or 0
/// @returns a new PyObject reference, or NULL with BufferError, ValueError or MemoryError set
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndf_py_dlpack_capsule(tensor: *const ndf_tensor, flags: u32) -> *mut PyObject {
    raising(|| {
        let form = match flags {
            0 | NDF_PY_COPIED => Form::Legacy,
            NDF_PY_VERSIONED => Form::Versioned { copied: false },
            3 => Form::Versioned { copied: true },
            _ => bail!(
                InvalidArgument,
                "`flags` is {flags:#x}, only NDF_PY_VERSIONED and NDF_PY_COPIED are known"
            ),
        };
        // SAFETY: the header's contract: a live handle or NULL, and the lock is held.
        unsafe { python::dlpack_capsule(&*borrow(tensor, "tensor")?, form).map(|capsule| capsule.as_ptr()) }
    })
}

/// A DLPack capsule of a struct, whoever made it. The capsule ends the struct when it goes without a consumer.
///
/// @param versioned  the struct of DLPack 1.x, or NULL when the other one is given  [consumed on success]
/// @param legacy     the struct from before 1.0, or NULL when the other one is given  [consumed on success]
/// @returns a new PyObject reference, or NULL with ValueError or MemoryError set
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndf_py_capsule_of_dlpack(
    versioned: *mut DLManagedTensorVersioned,
    legacy: *mut DLManagedTensor,
) -> *mut PyObject {
    raising(|| {
        // SAFETY: the header's contract: live structs or NULL, and the lock is held.
        unsafe { python::capsule_of_dlpack(versioned, legacy).map(|capsule| capsule.as_ptr()) }
    })
}

/// Takes the tensor out of a DLPack capsule of either kind and marks the capsule used. On failure the capsule keeps
/// it.
///
/// @param capsule  a PyObject  [borrowed]
/// @returns the tensor, or NULL with BufferError or ValueError set  [owned: ndf_tensor_release]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndf_py_from_dlpack_capsule(capsule: *mut PyObject) -> *mut ndf_tensor {
    raising(|| {
        // SAFETY: the header's contract: a Python object or NULL, and the lock is held.
        unsafe { python::from_dlpack_capsule(capsule).map(ndf_tensor::give) }
    })
}

/// Whether the struct in a DLPack capsule says IS_COPIED: that nobody else refers to the memory. The capsule is left as it
/// is; false for what is no capsule that can be taken.
///
/// @param capsule  a PyObject  [borrowed]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndf_py_dlpack_capsule_is_copied(capsule: *mut PyObject) -> bool {
    guard_or(false, || {
        // SAFETY: the header's contract: a Python object or NULL, and the lock is held.
        unsafe { python::is_copied(capsule) }
    })
}

/// An `__array_struct__` capsule that keeps the tensor alive.
///
/// @param tensor  on memory that the host can reach  [borrowed]
/// @param descr   the PyObject that describes a structured type's fields (the array interface's descr), kept by the
///                capsule; NULL for every other type  [borrowed]
/// @returns a new PyObject reference, or NULL with BufferError or MemoryError set
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndf_py_array_struct_capsule(
    tensor: *const ndf_tensor,
    descr: *mut PyObject,
) -> *mut PyObject {
    raising(|| {
        // SAFETY: the header's contract: live objects or NULL, and the lock is held.
        unsafe {
            let tensor = borrow(tensor, "tensor")?;
            python::array_struct_capsule(&tensor, descr).map(|capsule| capsule.as_ptr())
        }
    })
}

/// Makes a tensor of what an `__array_struct__` capsule describes, without copying. It keeps references to both
/// objects until the last use.
///
/// @param capsule  a PyObject  [borrowed]
/// @param owner    the PyObject whose attribute the capsule was  [borrowed]
/// @param fields   the type of a structured element, which the capsule cannot say reliably; all zero for none
/// @returns the tensor, or NULL with BufferError or ValueError set  [owned: ndf_tensor_release]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndf_py_from_array_struct_capsule(
    capsule: *mut PyObject,
    owner: *mut PyObject,
    fields: DType,
) -> *mut ndf_tensor {
    raising(|| {
        // SAFETY: the header's contract: Python objects or NULL, and the lock is held.
        unsafe { python::from_array_struct_capsule(capsule, owner, fields.given()).map(ndf_tensor::give) }
    })
}

/// A memoryview of the elements, which keeps the tensor alive, as long as Python likes. It is what a `__buffer__` method
/// (PEP 688) returns: the memoryview says everything, and takes away itself what its own consumer does not ask for.
///
/// @param tensor  on memory that the host can reach  [borrowed]
/// @param flags   what the consumer asks for, NDF_BUFFER_* or PyBUF_*: refused as by ndf_tensor_to_buffer
/// @returns a new PyObject reference, or NULL with BufferError or MemoryError set
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndf_py_memoryview(
    tensor: *const ndf_tensor,
    flags: std::ffi::c_int,
) -> *mut PyObject {
    raising(|| {
        // SAFETY: the header's contract: a live handle or NULL, and the lock is held.
        unsafe { python::memory_view(&*borrow(tensor, "tensor")?, flags).map(|view| view.as_ptr()) }
    })
}

/// The `arrow_schema` capsule of Arrow's PyCapsule interface: the type of the tensor in Arrow's words.
///
/// @param tensor  as for ndf_tensor_to_arrow  [borrowed]
/// @returns a new PyObject reference, or NULL with BufferError or MemoryError set
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndf_py_arrow_schema_capsule(tensor: *const ndf_tensor) -> *mut PyObject {
    raising(|| {
        // SAFETY: the header's contract: a live handle or NULL, and the lock is held.
        unsafe { python::arrow_schema_capsule(&*borrow(tensor, "tensor")?).map(|capsule| capsule.as_ptr()) }
    })
}

/// The `arrow_array` capsule of Arrow's PyCapsule interface: the elements, which are copied where they do not lie in
/// C order or in native byte order.
///
/// @param tensor  as for ndf_tensor_to_arrow  [borrowed]
/// @returns a new PyObject reference, or NULL with BufferError or MemoryError set
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndf_py_arrow_array_capsule(tensor: *const ndf_tensor) -> *mut PyObject {
    raising(|| {
        // SAFETY: the header's contract: a live handle or NULL, and the lock is held.
        unsafe { python::arrow_array_capsule(&*borrow(tensor, "tensor")?).map(|capsule| capsule.as_ptr()) }
    })
}

/// Gives up a reference to a PyObject: an ndf_deleter for ndf_tensor_wrap, whose context is then an object that keeps
/// the memory alive. Runs on any thread, with or without the lock; when the interpreter is gone the object is leaked.
///
/// @param object  NULL, or a PyObject, one reference of which is given up  [consumed]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndf_py_release_object(object: *mut std::ffi::c_void) {
    guard_or((), || {
        if !object.is_null() {
            // SAFETY: the header's contract: a Python object, one reference of which ends here.
            unsafe { python::release_object(object.cast()) };
        }
        Ok(())
    });
}
