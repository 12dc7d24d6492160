//! DLPack's C exchange API: the table through which native code takes and makes Python tensors without calling Python.

use std::ffi::{c_char, c_int, c_void};
use std::ptr::{NonNull, null, null_mut};

use super::args::{Out, null as is_null};
use super::guard::record;
use super::python::raising;
use super::tensor::ndf_tensor;
use crate::device::Device;
use crate::error::{Result, catch};
use crate::protocol::python::{self, Exception, PyObject};
use crate::protocol::stream;
use crate::spec::dlpack::*;

/// Runs `body`; a failure becomes -1, a Python exception, and a message on this thread.
#[inline]
fn answer(body: impl FnOnce() -> Result<()>) -> c_int {
    match catch(body) {
        Ok(()) => 0,
        Err(error) => {
            record(error.message());
            python::raise(&error);
            -1
        }
    }
}

type SetError = unsafe extern "C" fn(*mut c_void, *const c_char, *const c_char);

unsafe extern "C" fn allocate(
    prototype: *mut DLTensor,
    out: *mut *mut DLManagedTensorVersioned,
    error_context: *mut c_void,
    set_error: Option<SetError>,
) -> c_int {
    let made = catch(|| {
        // SAFETY: DLPack's contract: NULL, which is refused, or a prototype and a place for the result.
        unsafe {
            let prototype = prototype.as_ref().ok_or_else(|| is_null("prototype"))?;
            Out::new(out, "out")?.set(python::allocate_like(prototype)?.as_ptr())
        }
    });
    let Err(error) = made else { return 0 };
    record(error.message());
    if let Some(set_error) = set_error {
        let message = python::message(&error);
        // SAFETY: DLPack's contract: the function takes its context and two texts that it copies.
        unsafe { set_error(error_context, Exception::of(error.kind()).name().as_ptr(), message.as_ptr()) };
    }
    -1
}

unsafe extern "C" fn from_object(object: *mut c_void, out: *mut *mut DLManagedTensorVersioned) -> c_int {
    // SAFETY: DLPack's contract: the lock is held, a Python object and a place for the result; NULL is refused.
    answer(|| unsafe { Out::new(out, "out")?.set(python::share_object(object.cast())?.as_ptr()) })
}

unsafe extern "C" fn to_object(managed: *mut DLManagedTensorVersioned, out: *mut *mut c_void) -> c_int {
    answer(|| {
        // SAFETY: DLPack's contract: the lock is held, a struct and a place for the result; NULL is refused.
        unsafe {
            let out = Out::new(out, "out_py_object")?;
            let managed = NonNull::new(managed).ok_or_else(|| is_null("tensor"))?;
            out.set(python::to_object(managed)?.as_ptr().cast())
        }
    })
}

unsafe extern "C" fn lend_object(object: *mut c_void, out: *mut DLTensor) -> c_int {
    // SAFETY: DLPack's contract: the lock is held, a Python object and a place for the result; NULL is refused.
    answer(|| unsafe { Out::new(out, "out")?.set(python::lend_object(object.cast())?) })
}

unsafe extern "C" fn work_stream(device_type: i32, device_id: i32, out: *mut *mut c_void) -> c_int {
    // SAFETY: DLPack's contract: a place for the result; NULL is refused.
    answer(|| unsafe {
        Out::new(out, "out_current_stream")?.set(stream::current(Device { device_type, device_id })?)
    })
}

struct Table(DLPackExchangeAPI);

// SAFETY: addresses of functions, never written.
unsafe impl Sync for Table {}

static TABLE: Table = Table(DLPackExchangeAPI {
    header: DLPackExchangeAPIHeader {
        version: DLPackVersion { major: MAJOR_VERSION, minor: MINOR_VERSION },
        prev_api: null(),
    },
    managed_tensor_allocator: Some(allocate),
    managed_tensor_from_py_object_no_sync: Some(from_object),
    managed_tensor_to_py_object_no_sync: Some(to_object),
    dltensor_from_py_object_no_sync: Some(lend_object),
    current_work_stream: Some(work_stream),
});

/// The native half of the Python package, which calls this once in each interpreter: a new module with the base class
/// of its tensors, the functions that it is asked for most often, and the capsule for `__dlpack_c_exchange_api__`.
///
/// The capsule holds DLPack's table of C functions that take and make Python tensors, version 1.3. There is one in a
/// process, it lives as long as that, and it never synchronises: it takes the tensors of the interpreter that calls, and
/// makes such as the package was bound to last. Its functions give -1 with an exception set: TypeError for other objects,
/// BufferError for data that cannot be handed over. `managed_tensor_to_py_object_no_sync` consumes its struct on success
/// only. `dltensor_from_py_object_no_sync` gives the tensor's own shape and strides, not to be written, and refuses what
/// needs a flag: read-only and padded tensors.
///
/// @returns a new PyObject reference, or NULL with an exception set
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndf_py_module() -> *mut PyObject {
    // SAFETY: the header's contract: the lock is held.
    raising(|| unsafe { python::module(&TABLE.0).map(|module| module.as_ptr()) })
}

/// Makes a tensor on the memory of a Python object whose class has `__dlpack_c_exchange_api__`, without copying and
/// without synchronising, which is why it takes objects on the CPU only.
///
/// The table is believed: a producer whose table says less than its `__dlpack__` refuses (torch's says nothing of
/// gradients and of conjugate and negative bits) must be asked about that before.
///
/// @param object  a PyObject  [borrowed]
/// @returns the tensor; NULL without an exception where `__dlpack__` must be asked instead, because the class has no
///          table of DLPack 1.x or the object is on another device; NULL with an exception set, the producer's own or
///          BufferError, ValueError or RuntimeError  [owned: ndf_tensor_release]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndf_py_from_dlpack_exchange_api(object: *mut PyObject) -> *mut ndf_tensor {
    raising(|| {
        // SAFETY: the header's contract: a Python object or NULL, and the lock is held.
        let tensor = unsafe { python::from_exchange_table(object)? };
        Ok(tensor.map_or(null_mut(), ndf_tensor::give))
    })
}
