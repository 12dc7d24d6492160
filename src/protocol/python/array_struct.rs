//! `__array_struct__` capsules.

use std::ffi::c_void;
use std::ptr::{NonNull, null};

use super::api::{api, locked, release_object};
use super::symbols::PyObject;
use crate::dtype::DType;
use crate::error::{Error, Kind, Result, bail};
use crate::protocol::numpy;
use crate::spec::numpy::ArrayStruct;
use crate::storage::Owner;
use crate::tensor::Tensor;

/// A new capsule without a name that holds `tensor`. `descr` describes the fields of a structured type, or is NULL;
/// the capsule keeps a reference to it.
///
/// # Safety
/// The caller holds the interpreter's lock; `descr` is NULL or a Python object.
pub unsafe fn array_struct_capsule(tensor: &Tensor, descr: *mut PyObject) -> Result<NonNull<PyObject>> {
    let api = locked()?;
    let array = numpy::to_array_struct(tensor, descr.cast())?;
    // SAFETY: the lock is held; the destructor ends what is put in here.
    unsafe {
        let capsule = (api.capsule_new)(array.as_ptr().cast(), null(), Some(destroy));
        let Some(capsule) = NonNull::new(capsule) else {
            numpy::release(array);
            bail!(OutOfMemory, "Python has no memory for a capsule");
        };
        if !descr.is_null() {
            (api.inc_ref)(descr);
            (api.capsule_set_context)(capsule.as_ptr(), descr.cast());
        }
        Ok(capsule)
    }
}

/// Python calls this with the lock held, maybe with an exception in flight.
unsafe extern "C" fn destroy(capsule: *mut PyObject) {
    let Ok(api) = api() else { return };
    let end = || {
        // SAFETY: a capsule of ours: unnamed, an export inside, a counted descr or NULL as context.
        unsafe {
            let descr = (api.capsule_get_context)(capsule).cast::<PyObject>();
            if let Some(array) = NonNull::new((api.capsule_get_pointer)(capsule, null())) {
                numpy::release(array.cast());
            }
            if !descr.is_null() {
                (api.dec_ref)(descr);
            }
        }
    };
    // SAFETY: Python holds the lock.
    unsafe { api.with_exception_aside(end) };
}

/// A tensor on the memory that an `__array_struct__` capsule describes. Like NumPy it keeps references to both the
/// capsule and `owner`, the object that gave it: either may be what keeps the memory.
///
/// `fields` is the type of a structured element, which only `__array_interface__` can say reliably.
///
/// # Safety
/// The caller holds the interpreter's lock; both are NULL or Python objects; an unnamed capsule holds a
/// `PyArrayInterface` whose memory lives as long as `owner`.
pub unsafe fn from_array_struct_capsule(
    capsule: *mut PyObject,
    owner: *mut PyObject,
    fields: Option<DType>,
) -> Result<Tensor> {
    let api = locked()?;
    if capsule.is_null() || owner.is_null() {
        bail!(InvalidArgument, "`{}` is NULL", if capsule.is_null() { "capsule" } else { "owner" });
    }
    // SAFETY: the lock is held; the pointer is asked for only when the capsule is one without a name, and lent only
    // when a struct can lie there.
    let array = unsafe {
        if (api.capsule_is_valid)(capsule, null()) == 0 {
            return Err(Error::new(Kind::InvalidArgument, "`capsule` is no `__array_struct__` capsule"));
        }
        let array = (api.capsule_get_pointer)(capsule, null()).cast::<ArrayStruct>();
        if !array.is_aligned() {
            bail!(InvalidArgument, "`capsule` holds {array:p}, no address of a PyArrayInterface");
        }
        &*array
    };
    unsafe fn release(_: *mut u8, _: usize, owner: *mut c_void, capsule: *mut c_void) {
        // SAFETY: counted references, given up here.
        unsafe {
            release_object(capsule.cast());
            release_object(owner.cast());
        }
    }
    // SAFETY: `release` works on any thread. The references that it gives up are added on success only.
    unsafe {
        let keeper = Owner::new(release, owner.cast(), capsule.cast());
        let tensor = numpy::from_array_struct(array, fields, keeper)?;
        (api.inc_ref)(owner);
        (api.inc_ref)(capsule);
        Ok(tensor)
    }
}
