//! What the functions of DLPack's C exchange API do, as producer and as consumer.

use std::ffi::{CStr, c_int};
use std::mem::ManuallyDrop;
use std::ptr::{NonNull, null_mut};

use super::api::locked;
use super::object::{new_object, tensor_in};
use super::package::Package;
use super::symbols::{Api, Object, PyObject};
use crate::device::Device;
use crate::device::cuda::Stream;
use crate::error::{Result, bail};
use crate::protocol::{dlpack, stream};
use crate::spec::dlpack::*;
use crate::tensor::Tensor;

pub(super) const NAME: &CStr = c"dlpack_exchange_api";
const ATTRIBUTE: &CStr = c"__dlpack_c_exchange_api__";

/// The tensor of a Python object, lent as long as the object lives.
///
/// # Safety
/// `object` is NULL or a Python object.
#[inline]
unsafe fn tensor_of<'a>(object: *mut PyObject) -> Result<&'a Tensor> {
    let api = locked()?;
    if object.is_null() {
        bail!(InvalidArgument, "`py_object` is NULL");
    }
    // SAFETY: the lock is held; an object of such a class holds a tensor.
    unsafe {
        match Package::of_class(api, api.class_of(object)) {
            Some(_) => tensor_in(object),
            None => Err(api.type_error(c"`py_object` is no tensor of the class that this table serves")),
        }
    }
}

/// `managed_tensor_from_py_object_no_sync`: a struct that keeps the memory of a Python tensor.
///
/// # Safety
/// `object` is NULL or a Python object.
#[inline]
pub unsafe fn share_object(object: *mut PyObject) -> Result<NonNull<DLManagedTensorVersioned>> {
    // SAFETY: the caller's promise.
    let tensor = unsafe { tensor_of(object)? };
    tensor.wait(Stream::LEGACY)?; // which is what `current_work_stream` says
    dlpack::share_versioned(tensor, false)
}

/// `dltensor_from_py_object_no_sync`: a description that is good as long as the Python tensor lives.
///
/// # Safety
/// `object` is NULL or a Python object.
#[inline]
pub unsafe fn lend_object(object: *mut PyObject) -> Result<DLTensor> {
    // SAFETY: the caller's promise.
    let tensor = unsafe { tensor_of(object)? };
    tensor.wait(Stream::LEGACY)?; // as above
    dlpack::lend(tensor)
}

/// `managed_tensor_to_py_object_no_sync`: a new Python tensor that owns the struct. On failure the struct is still the
/// caller's, whatever has happened in Python until then.
///
/// # Safety
/// `managed` is as [`dlpack::from_versioned`] asks.
pub unsafe fn to_object(managed: NonNull<DLManagedTensorVersioned>) -> Result<NonNull<PyObject>> {
    let api = locked()?;
    // SAFETY: the caller's promise; the lock is held.
    unsafe {
        let class = Package::newest(api)?.class;
        if let Some(view) = dlpack::reunite_versioned(managed)? {
            remember(&view)?;
            let object = new_object(api, class, view)?.into_inner();
            end(api, managed);
            return Ok(object);
        }
        let tensor = dlpack::from_versioned(managed)?;
        // Until the object is made this reference keeps the struct from being ended. After a failure it is leaked, so
        // that only the caller ends the struct.
        let kept = ManuallyDrop::new(tensor.clone());
        remember(&tensor)?;
        let object = new_object(api, class, tensor)?.into_inner();
        drop(ManuallyDrop::into_inner(kept));
        Ok(object)
    }
}

/// Whoever gives a struct without synchronising has made it for `current_work_stream`.
#[inline]
fn remember(tensor: &Tensor) -> Result<()> {
    if tensor.device() == Device::CPU { Ok(()) } else { stream::remember(tensor, Stream::LEGACY) }
}

/// `managed_tensor_allocator`: a new tensor with the type, shape and device of a prototype. Needs no Python.
///
/// # Safety
/// As [`dlpack::allocate_like`].
pub unsafe fn allocate_like(prototype: &DLTensor) -> Result<NonNull<DLManagedTensorVersioned>> {
    // SAFETY: the caller's promise.
    dlpack::share_versioned(&unsafe { dlpack::allocate_like(prototype)? }, false)
}

/// A tensor on the memory of an object whose class has an exchange table. `None`, without an exception, where this way
/// cannot be gone: the class has no table of major version 1, or the object lies on a device of which the table names no
/// CUDA stream, so that its producer must be asked by `__dlpack__`, which synchronises.
///
/// # Safety
/// The caller holds the interpreter's lock; `object` is NULL or a Python object; a capsule of that name in its class
/// holds what DLPack says.
pub unsafe fn from_exchange_table(object: *mut PyObject) -> Result<Option<Tensor>> {
    let api = locked()?;
    if object.is_null() {
        bail!(InvalidArgument, "`object` is NULL");
    }
    // SAFETY: the caller's promise; the lock is held.
    unsafe { take_through_table(api, object, api.interned(ATTRIBUTE)?.as_ptr()) }
}

/// [`from_exchange_table`], where the lock is known to be held.
///
/// # Safety
/// As [`from_exchange_table`]; the lock is held, `object` is not NULL, and `name` is the attribute's.
#[inline]
pub(super) unsafe fn take_through_table(
    api: &'static Api,
    object: Object,
    name: Object,
) -> Result<Option<Tensor>> {
    // SAFETY: the caller's promise. What a call that failed left in `managed` means nothing.
    unsafe {
        let Some(capsule) = api.attribute(api.class_of(object), name)? else { return Ok(None) };
        // Tables live as long as the process, by DLPack. One that goes with its capsule stays for this call at least.
        let Some(table) = table(api, capsule.as_ptr()) else { return Ok(None) };
        let Some(export) = table.managed_tensor_from_py_object_no_sync else { return Ok(None) };
        let mut managed = null_mut();
        let status: c_int = export(object.cast(), &mut managed);
        match NonNull::new(managed).filter(|managed| status == 0 && managed.is_aligned()) {
            None if api.has_raised() => Err(Api::raised()),
            None => bail!(Callback, "the producer gave {status} and {managed:p}, and no exception"),
            Some(managed) if api.has_raised() => {
                end(api, managed);
                Err(Api::raised())
            }
            Some(managed) => take(api, table, managed),
        }
    }
}

/// The first table of a chain whose layout is known.
///
/// # Safety
/// The lock is held; `capsule` is a Python object; one of that name holds what DLPack says.
#[inline]
unsafe fn table(api: &Api, capsule: *mut PyObject) -> Option<&'static DLPackExchangeAPI> {
    /// A chain is as long as there are major versions; one that bites its tail ends here.
    const LONGEST: usize = 64;
    // SAFETY: the caller's promise: headers are the same in every version, and the version says what follows.
    unsafe {
        if (api.capsule_is_valid)(capsule, NAME.as_ptr()) == 0 {
            return None;
        }
        let mut header: *const DLPackExchangeAPIHeader =
            (api.capsule_get_pointer)(capsule, NAME.as_ptr()).cast();
        for _ in 0..LONGEST {
            if header.is_null() || !header.is_aligned() {
                return None;
            }
            if (*header).version.major == MAJOR_VERSION {
                return Some(&*header.cast());
            }
            header = (*header).prev_api;
        }
        None
    }
}

/// # Safety
/// The lock is held; `managed` is a struct as DLPack says, which is given up here.
#[inline]
unsafe fn take(
    api: &Api,
    table: &DLPackExchangeAPI,
    managed: NonNull<DLManagedTensorVersioned>,
) -> Result<Option<Tensor>> {
    // SAFETY: the caller's promise.
    let tensor = unsafe { dlpack::from_versioned(managed).inspect_err(|_| end(api, managed))? };
    if tensor.storage().device().device_type == Device::CPU.device_type {
        return Ok(Some(tensor));
    }
    // SAFETY: likewise.
    unsafe {
        match order(api, table, &tensor) {
            Ok(true) => Ok(Some(tensor)),
            answer => {
                api.with_exception_aside(|| drop(tensor));
                answer.map(|_| None)
            }
        }
    }
}

/// Remembers what its producer has enqueued. False where the table does not say on which stream that is.
///
/// # Safety
/// The lock is held; the table is one of DLPack's.
#[cold]
unsafe fn order(api: &Api, table: &DLPackExchangeAPI, tensor: &Tensor) -> Result<bool> {
    let Device { device_type, device_id } = tensor.device();
    let Some(work_stream) = table.current_work_stream.filter(|_| stream::has_streams(tensor.device())) else {
        return Ok(false);
    };
    let mut current = null_mut();
    // SAFETY: DLPack's contract: a device, and a place for the result.
    if unsafe { work_stream(device_type, device_id, &mut current) } != 0 {
        // Whatever the reason is, `__dlpack__` needs no such stream.
        // SAFETY: the lock is held.
        unsafe { (api.err_clear)() };
        return Ok(false);
    }
    stream::remember(tensor, stream::from_pointer(current)?).map(|()| true)
}

/// # Safety
/// The lock is held; `managed` is a struct as DLPack says, ended here. What its deleter needs is the same in every
/// version.
unsafe fn end(api: &Api, managed: NonNull<DLManagedTensorVersioned>) {
    // SAFETY: the caller's promise.
    unsafe {
        let deleter = (*managed.as_ptr()).deleter;
        api.with_exception_aside(|| deleter.map(|deleter| deleter(managed.as_ptr())));
    }
}
