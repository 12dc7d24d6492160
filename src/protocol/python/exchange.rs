//! What the functions of DLPack's C exchange API do, as producer and as consumer.
//!
//! A table knows nothing of the object that it is asked about, so native code must find the tensor in a Python object
//! by itself. The Python package says once how: the class, the attribute that holds the address of the native tensor
//! as an `int`, and a function that makes an object for such an address.

use std::ffi::{CStr, c_int, c_void};
use std::mem::ManuallyDrop;
use std::ptr::{NonNull, null, null_mut};
use std::sync::atomic::{AtomicPtr, Ordering};

use super::api::{Api, PyObject, locked};
use crate::device::Device;
use crate::error::{Error, Kind, Result, bail};
use crate::protocol::dlpack;
use crate::spec::dlpack::*;
use crate::tensor::{Block, Tensor};

const NAME: &CStr = c"dlpack_exchange_api";
const ATTRIBUTE: &CStr = c"__dlpack_c_exchange_api__";

/// A Python class of tensors; references that are never given up.
struct Binding {
    class: *mut PyObject,
    attribute: *mut PyObject,
    adopt: *mut PyObject,
    /// The one before, or NULL: a package that is loaded anew leaves tensors of its old class behind.
    older: *const Binding,
}

/// The binding that was made last, by which objects are made. None is ever freed.
static BINDING: AtomicPtr<Binding> = AtomicPtr::new(null_mut());

#[inline]
fn binding() -> Result<&'static Binding> {
    // SAFETY: NULL, or leaked by `exchange_capsule`.
    unsafe { BINDING.load(Ordering::Acquire).as_ref() }
        .ok_or_else(|| Error::new(Kind::InvalidArgument, "no Python class of tensors has been named"))
}

/// A new capsule that holds `table`, which from now on takes and makes objects of `class`: `attribute` names what holds the address of an
/// instance's tensor as an `int`, and `adopt` makes an instance that takes over one reference of such an address.
///
/// # Safety
/// The caller holds the interpreter's lock; the objects are NULL or Python objects. What the attribute holds is the
/// address of a live tensor as long as the instance lives.
pub unsafe fn exchange_capsule(
    table: &'static DLPackExchangeAPI,
    class: *mut PyObject,
    attribute: *mut PyObject,
    adopt: *mut PyObject,
) -> Result<NonNull<PyObject>> {
    let api = locked()?;
    for (object, name) in [(class, "type"), (attribute, "attribute"), (adopt, "adopt")] {
        if object.is_null() {
            bail!(InvalidArgument, "`{name}` is NULL");
        }
    }
    // SAFETY: the lock is held; these are Python objects; the name is static, and so is the table.
    unsafe {
        if !api.is_class(class) {
            return Err(api.type_error(c"`type` is no class"));
        }
        let address: *const DLPackExchangeAPI = table;
        let capsule = (api.capsule_new)(address.cast_mut().cast(), NAME.as_ptr(), None);
        let capsule = NonNull::new(capsule).ok_or_else(Api::raised)?;
        for object in [class, attribute, adopt] {
            (api.inc_ref)(object);
        }
        let newest = Box::into_raw(Box::new(Binding { class, attribute, adopt, older: null() }));
        let mut older = BINDING.load(Ordering::Acquire);
        loop {
            (*newest).older = older; // nobody else knows it yet
            match BINDING.compare_exchange(older, newest, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => break,
                Err(other) => older = other,
            }
        }
        Ok(capsule)
    }
}

/// The tensor of a Python object, lent as long as the object lives.
///
/// # Safety
/// `object` is NULL or a Python object.
#[inline]
unsafe fn tensor_of(object: *mut PyObject) -> Result<ManuallyDrop<Tensor>> {
    let (api, mut binding) = (locked()?, binding()?);
    if object.is_null() {
        bail!(InvalidArgument, "`py_object` is NULL");
    }
    // SAFETY: the lock is held; bindings are never freed and hold their references.
    unsafe {
        while !api.is_instance(object, binding.class) {
            let Some(older) = binding.older.as_ref() else {
                return Err(api.type_error(c"`py_object` is no tensor of the class that this table serves"));
            };
            binding = older;
        }
        let number = (api.object_get_attr)(object, binding.attribute);
        if number.is_null() {
            return Err(Api::raised());
        }
        let address = (api.long_as_pointer)(number);
        (api.dec_ref)(number);
        if address.is_null() {
            bail!(InvalidArgument, "`py_object` has no tensor: its attribute holds no address");
        }
        // Nobody gives the reference up: it is the object's.
        Ok(ManuallyDrop::new(Tensor::from_raw(address.cast::<Block>())))
    }
}

/// `managed_tensor_from_py_object_no_sync`: a struct that keeps the memory of a Python tensor.
///
/// # Safety
/// `object` is NULL or a Python object.
#[inline]
pub unsafe fn share_object(object: *mut PyObject) -> Result<NonNull<DLManagedTensorVersioned>> {
    // SAFETY: the caller's promise.
    dlpack::share_versioned(&*unsafe { tensor_of(object)? }, false)
}

/// `dltensor_from_py_object_no_sync`: a description that is good as long as the Python tensor lives.
///
/// # Safety
/// `object` is NULL or a Python object.
#[inline]
pub unsafe fn lend_object(object: *mut PyObject) -> Result<DLTensor> {
    // SAFETY: the caller's promise.
    dlpack::lend(&*unsafe { tensor_of(object)? })
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
        if let Some(view) = dlpack::reunite_versioned(managed)? {
            let object = object_of(api, view)?;
            end(api, managed);
            return Ok(object);
        }
        let tensor = dlpack::from_versioned(managed)?;
        // Until the object is made this reference keeps the struct from being ended: Python code can fail anywhere,
        // and an object half made gives up what it was given. After a failure it is leaked, so that only the caller
        // ends the struct.
        let kept = ManuallyDrop::new(tensor.clone());
        let object = object_of(api, tensor)?;
        drop(ManuallyDrop::into_inner(kept));
        Ok(object)
    }
}

/// A new Python tensor for `tensor`.
///
/// # Safety
/// The lock is held.
unsafe fn object_of(api: &Api, tensor: Tensor) -> Result<NonNull<PyObject>> {
    let binding = binding()?;
    // SAFETY: the lock is held; the binding holds its references. A callable that fails may have given up the reference
    // or not, so it is not given up here: a leak is better than a second release.
    unsafe {
        let address = (api.long_from_pointer)(tensor.into_raw().cast());
        if address.is_null() {
            return Err(Api::raised());
        }
        let object = (api.object_call)(binding.adopt, address, null_mut::<PyObject>());
        (api.dec_ref)(address);
        NonNull::new(object).ok_or_else(Api::raised)
    }
}

/// `managed_tensor_allocator`: a new tensor with the type, shape and device of a prototype. Needs no Python.
///
/// # Safety
/// As [`dlpack::allocate_like`].
pub unsafe fn allocate_like(prototype: &DLTensor) -> Result<NonNull<DLManagedTensorVersioned>> {
    // SAFETY: the caller's promise.
    dlpack::share_versioned(&unsafe { dlpack::allocate_like(prototype)? }, false)
}

/// `current_work_stream`: the CPU has none, which is NULL.
pub fn work_stream(device: Device) -> Result<*mut c_void> {
    if device.device_type != Device::CPU.device_type {
        bail!(Unsupported, "{device} has no stream here: tensors of ndferry are worked with on the CPU");
    }
    Ok(null_mut())
}

/// A tensor on the memory of an object whose class has an exchange table. `None`, without an exception, where this way
/// cannot be gone: the class has no table of major version 1, or the object does not lie on the CPU, so that its
/// producer must be asked by `__dlpack__`, which synchronises.
///
/// # Safety
/// The caller holds the interpreter's lock; `object` is NULL or a Python object; a capsule of that name in its class
/// holds what DLPack says.
pub unsafe fn from_exchange_table(object: *mut PyObject) -> Result<Option<Tensor>> {
    let api = locked()?;
    if object.is_null() {
        bail!(InvalidArgument, "`object` is NULL");
    }
    // SAFETY: the lock is held, the caller's promise for the rest. What a call that failed left in `managed` means
    // nothing.
    unsafe {
        let Some(capsule) = api.class_attribute(object, ATTRIBUTE)? else { return Ok(None) };
        let table = table(api, capsule.as_ptr());
        (api.dec_ref)(capsule.as_ptr()); // tables live as long as the process
        let Some(export) = table.and_then(|table| table.managed_tensor_from_py_object_no_sync) else {
            return Ok(None);
        };
        let mut managed = null_mut();
        let status: c_int = export(object.cast(), &mut managed);
        match NonNull::new(managed).filter(|managed| status == 0 && managed.is_aligned()) {
            None if api.has_raised() => Err(Api::raised()),
            None => bail!(Callback, "the producer gave {status} and {managed:p}, and no exception"),
            Some(managed) if api.has_raised() => {
                end(api, managed);
                Err(Api::raised())
            }
            Some(managed) => take(api, managed),
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
unsafe fn take(api: &Api, managed: NonNull<DLManagedTensorVersioned>) -> Result<Option<Tensor>> {
    // SAFETY: the caller's promise.
    unsafe {
        match dlpack::from_versioned(managed) {
            Ok(tensor) if tensor.storage().device().device_type == Device::CPU.device_type => {
                Ok(Some(tensor))
            }
            Ok(tensor) => {
                api.with_exception_aside(|| drop(tensor));
                Ok(None)
            }
            Err(error) => {
                end(api, managed);
                Err(error)
            }
        }
    }
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
