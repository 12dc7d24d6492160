//! Memoryviews: a small Python type whose instances hold a tensor and export it through the buffer protocol.
//!
//! `PyMemoryView_FromBuffer` makes memoryviews that keep nothing alive, so there must be an exporter. It is a type of
//! the stable ABI's `PyType_FromSpec`, made once an interpreter and kept in the interpreter's own dictionary.

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use once_cell::sync::OnceCell;

use super::api::{Api, PyObject, api, locked, missing, raise, symbol};
use crate::dtype::DType;
use crate::error::{Error, Kind, Result};
use crate::protocol::buffer;
use crate::spec::buffer::{Buffer, FORMAT, FULL_RO};
use crate::tensor::Tensor;

/// `PyType_Slot`.
#[repr(C)]
struct Slot {
    slot: c_int,
    function: *const c_void,
}

/// `PyType_Spec`.
#[repr(C)]
struct Spec {
    name: *const c_char,
    basic_size: c_int,
    item_size: c_int,
    flags: c_uint,
    slots: *const Slot,
}

// Numbers of `typeslots.h` and `object.h`.
const BF_GETBUFFER: c_int = 1;
const TP_DEALLOC: c_int = 52;
const TP_DOC: c_int = 56;
const DEFAULT_FLAGS: c_uint = 1 << 18;
const DISALLOW_INSTANTIATION: c_uint = 1 << 7;
const IMMUTABLE_TYPE: c_uint = 1 << 8;

// CPython keeps pointers to these.
const NAME: &CStr = c"ndferry.Buffer";
const DOC: &CStr = c"Keeps a tensor alive for the memoryviews of it.";

/// CPython's stable ABI, as far as types and memoryviews need it. The names are CPython's.
struct Symbols {
    type_from_spec: unsafe extern "C" fn(*const Spec) -> *mut PyObject,
    type_generic_alloc: unsafe extern "C" fn(*mut PyObject, isize) -> *mut PyObject,
    object_type: unsafe extern "C" fn(*mut PyObject) -> *mut PyObject,
    object_free: unsafe extern "C" fn(*mut PyObject),
    object_get_attr_string: unsafe extern "C" fn(*mut PyObject, *const c_char) -> *mut PyObject,
    long_as_ssize: unsafe extern "C" fn(*mut PyObject) -> isize,
    memory_view_from_object: unsafe extern "C" fn(*mut PyObject) -> *mut PyObject,
    interpreter_get: unsafe extern "C" fn() -> *mut c_void,
    interpreter_get_dict: unsafe extern "C" fn(*mut c_void) -> *mut PyObject,
    dict_get_item_string: unsafe extern "C" fn(*mut PyObject, *const c_char) -> *mut PyObject,
    dict_set_item_string: unsafe extern "C" fn(*mut PyObject, *const c_char, *mut PyObject) -> c_int,
    base_object: *mut PyObject,
}

// SAFETY: the addresses of functions and of CPython's static type, which only CPython writes.
unsafe impl Send for Symbols {}
// SAFETY: as above.
unsafe impl Sync for Symbols {}

fn find() -> Result<Symbols> {
    macro_rules! require {
        ($name:literal) => {
            // SAFETY: the field's type is the symbol's, by CPython's documentation of the stable ABI.
            unsafe { symbol($name) }.ok_or_else(missing)?
        };
    }
    Ok(Symbols {
        type_from_spec: require!(c"PyType_FromSpec"),
        type_generic_alloc: require!(c"PyType_GenericAlloc"),
        object_type: require!(c"PyObject_Type"),
        object_free: require!(c"PyObject_Free"),
        object_get_attr_string: require!(c"PyObject_GetAttrString"),
        long_as_ssize: require!(c"PyLong_AsSsize_t"),
        memory_view_from_object: require!(c"PyMemoryView_FromObject"),
        interpreter_get: require!(c"PyInterpreterState_Get"),
        interpreter_get_dict: require!(c"PyInterpreterState_GetDict"),
        dict_get_item_string: require!(c"PyDict_GetItemString"),
        dict_set_item_string: require!(c"PyDict_SetItemString"),
        base_object: require!(c"PyBaseObject_Type"),
    })
}

fn symbols() -> Result<&'static Symbols> {
    static SYMBOLS: OnceCell<Symbols> = OnceCell::new();
    SYMBOLS.get_or_try_init(find)
}

/// Bytes of a Python object's head, which builds of CPython differ in; what an object holds lies behind it. Known as
/// soon as there is a type.
static HEAD: AtomicUsize = AtomicUsize::new(0);

/// Where an exporter keeps its buffer, which says everything that can be asked.
fn held(exporter: *mut PyObject) -> *mut Buffer {
    exporter.cast::<u8>().wrapping_add(HEAD.load(Relaxed)).cast()
}

#[cold]
fn no_memory() -> Error {
    Error::new(Kind::OutOfMemory, "Python has no memory for a memoryview")
}

/// A new memoryview of the elements, which keeps the tensor alive. `flags` is what a consumer asks for (`PyBUF_*`):
/// what the elements cannot meet is refused; the memoryview says everything and takes away itself what was not asked.
/// Where the type has no format and none is asked for, it shows the bytes of each element along a last axis: without a
/// format CPython takes elements for bytes, whatever their size.
///
/// # Safety
/// The caller holds the interpreter's lock.
pub unsafe fn memory_view(tensor: &Tensor, flags: c_int) -> Result<NonNull<PyObject>> {
    let (api, symbols) = (locked()?, symbols()?);
    buffer::require(tensor, flags)?;
    let mut full = match buffer::to_buffer(tensor, FULL_RO) {
        Err(_) if flags & FORMAT == 0 => buffer::to_buffer(&as_bytes(tensor)?, FULL_RO)?,
        filled => filled?,
    };
    // SAFETY: the lock is held; every new reference is given up once. An exporter that was made ends the buffer.
    unsafe {
        let exporter = exporter_type(api, symbols).and_then(|class| {
            let exporter = NonNull::new((symbols.type_generic_alloc)(class.as_ptr(), 0));
            (api.dec_ref)(class.as_ptr()); // the exporter has a reference of its own
            exporter.ok_or_else(no_memory)
        });
        let exporter = exporter.inspect_err(|_| buffer::release(&mut full))?.as_ptr();
        held(exporter).write(full);
        let view = (symbols.memory_view_from_object)(exporter);
        (api.dec_ref)(exporter);
        NonNull::new(view).ok_or_else(no_memory)
    }
}

/// The bytes of each element along a new last axis.
fn as_bytes(tensor: &Tensor) -> Result<Tensor> {
    tensor.unsqueeze(-1)?.reinterpret(DType::UINT8)
}

/// A new reference to this interpreter's type. It is looked up each time, because each interpreter has its own, and a
/// program may end an interpreter and start another.
///
/// # Safety
/// The lock is held.
unsafe fn exporter_type(api: &Api, symbols: &Symbols) -> Result<NonNull<PyObject>> {
    // SAFETY: the caller's promise. The dictionary is borrowed, and holds its own reference to the type.
    unsafe {
        let dict = (symbols.interpreter_get_dict)((symbols.interpreter_get)());
        if dict.is_null() {
            return Err(no_memory());
        }
        if let Some(class) = NonNull::new((symbols.dict_get_item_string)(dict, NAME.as_ptr())) {
            (api.inc_ref)(class.as_ptr());
            return Ok(class);
        }
        let class = make_type(api, symbols)?;
        if (symbols.dict_set_item_string)(dict, NAME.as_ptr(), class.as_ptr()) != 0 {
            (api.dec_ref)(class.as_ptr());
            return Err(no_memory());
        }
        Ok(class)
    }
}

/// # Safety
/// The lock is held.
unsafe fn make_type(api: &Api, symbols: &Symbols) -> Result<NonNull<PyObject>> {
    // SAFETY: the caller's promise. CPython reads the spec during the call; name and doc are static.
    unsafe {
        let size = (symbols.object_get_attr_string)(symbols.base_object, c"__basicsize__".as_ptr());
        if size.is_null() {
            return Err(no_memory());
        }
        let head = (symbols.long_as_ssize)(size) as usize;
        (api.dec_ref)(size);
        let head = head.next_multiple_of(align_of::<Buffer>());
        HEAD.store(head, Relaxed);
        let slots = [
            Slot { slot: BF_GETBUFFER, function: get_buffer as *const c_void },
            Slot { slot: TP_DEALLOC, function: dealloc as *const c_void },
            Slot { slot: TP_DOC, function: DOC.as_ptr().cast() },
            Slot { slot: 0, function: std::ptr::null() },
        ];
        let spec = Spec {
            name: NAME.as_ptr(),
            basic_size: (head + size_of::<Buffer>()) as c_int,
            item_size: 0,
            flags: DEFAULT_FLAGS | DISALLOW_INSTANTIATION | IMMUTABLE_TYPE,
            slots: slots.as_ptr(),
        };
        NonNull::new((symbols.type_from_spec)(&spec)).ok_or_else(no_memory)
    }
}

/// `bf_getbuffer`. There is nothing to end at `bf_releasebuffer`: what is given points into the exporter, which `obj`
/// keeps alive.
unsafe extern "C" fn get_buffer(exporter: *mut PyObject, view: *mut Buffer, flags: c_int) -> c_int {
    // SAFETY: Python holds the lock and lends a struct to write to; the exporter holds a full buffer.
    unsafe {
        let full = &*held(exporter);
        let answer = api().and_then(|api| buffer::require(buffer::exported(full), flags).map(|()| api));
        match answer {
            Ok(api) => {
                view.write(Buffer { obj: exporter.cast(), internal: null_mut(), ..*full });
                buffer::strip(&mut *view, flags);
                (api.inc_ref)(exporter);
                0
            }
            Err(error) => {
                (&raw mut (*view).obj).write(null_mut());
                raise(&error);
                -1
            }
        }
    }
}

/// `tp_dealloc`. Ending the tensor may run a deleter of anybody's.
unsafe extern "C" fn dealloc(exporter: *mut PyObject) {
    let (Ok(api), Ok(symbols)) = (api(), symbols()) else { return };
    // SAFETY: Python holds the lock; the last reference is gone. Of the two references to the type one is the
    // exporter's, the other is from asking.
    unsafe {
        api.with_exception_aside(|| buffer::release(&mut *held(exporter)));
        let class = (symbols.object_type)(exporter);
        (symbols.object_free)(exporter);
        (api.dec_ref)(class);
        (api.dec_ref)(class);
    }
}
