//! Memoryviews: a small Python type whose instances hold a tensor and export it through the buffer protocol.
//!
//! `PyMemoryView_FromBuffer` makes memoryviews that keep nothing alive, so there must be an exporter. It is a type of
//! the stable ABI's `PyType_FromSpec`, made once an interpreter and kept in the interpreter's own dictionary.

use std::ffi::{CStr, c_int, c_void};
use std::ptr::{NonNull, null_mut};

use super::api::{Owned, api, locked, raise};
use super::symbols::{Api, Object, PyObject};
use super::types::*;
use crate::dtype::DType;
use crate::error::{Error, Kind, Result, catch};
use crate::protocol::buffer;
use crate::spec::buffer::{Buffer, FORMAT, FULL_RO};
use crate::tensor::Tensor;

// CPython keeps pointers to these.
const NAME: &CStr = c"ndferry.Buffer";
const DOC: &CStr = c"Keeps a tensor alive for the memoryviews of it.";

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
    let api = locked()?;
    buffer::require(tensor, flags)?;
    let mut full = match buffer::to_buffer(tensor, FULL_RO) {
        Err(_) if flags & FORMAT == 0 => buffer::to_buffer(&as_bytes(tensor)?, FULL_RO)?,
        filled => filled?,
    };
    // SAFETY: the lock is held. An exporter that was made ends the buffer.
    unsafe {
        let exporter = exporter_type(api).and_then(|class| make_object(api, class.as_ptr(), full));
        let exporter = exporter.inspect_err(|_| buffer::release(&mut full))?;
        Owned::new(api, (api.memory_view_from_object)(exporter.as_ptr())).map(Owned::into_inner)
    }
}

/// The bytes of each element along a new last axis.
fn as_bytes(tensor: &Tensor) -> Result<Tensor> {
    tensor.unsqueeze(-1)?.reinterpret(DType::UINT8)
}

/// This interpreter's type. It is looked up each time, because each interpreter has its own, and a program may end an
/// interpreter and start another.
///
/// # Safety
/// The lock is held.
unsafe fn exporter_type(api: &'static Api) -> Result<Owned> {
    // SAFETY: the caller's promise. The dictionary is borrowed, and holds its own reference to the type.
    unsafe {
        let dict = (api.interpreter_get_dict)((api.interpreter_get)());
        if dict.is_null() {
            return Err(no_memory());
        }
        if let Some(class) = NonNull::new((api.dict_get_item_string)(dict, NAME.as_ptr())) {
            (api.inc_ref)(class.as_ptr());
            return Ok(Owned::from(api, class));
        }
        let slots = [
            Slot::new(BF_GETBUFFER, get_buffer as *const c_void),
            Slot::new(TP_DEALLOC, dealloc as *const c_void),
            Slot::new(TP_DOC, DOC.as_ptr().cast()),
            Slot::END,
        ];
        let class = make_type::<Buffer>(api, NAME, DISALLOW_INSTANTIATION | IMMUTABLE, &slots)?;
        match (api.dict_set_item_string)(dict, NAME.as_ptr(), class.as_ptr()) {
            0 => Ok(class),
            _ => Err(Api::raised()),
        }
    }
}

/// `bf_getbuffer`. There is nothing to end at `bf_releasebuffer`: what is given points into the exporter, which `obj`
/// keeps alive.
unsafe extern "C" fn get_buffer(exporter: Object, view: *mut Buffer, flags: c_int) -> c_int {
    // SAFETY: Python holds the lock and lends a struct to write to; the exporter holds a full buffer.
    unsafe {
        give(exporter, view, |_| {
            let full = &*held::<Buffer>(exporter);
            buffer::require(buffer::exported(full), flags)?;
            let mut given = Buffer { internal: null_mut(), ..*full };
            buffer::strip(&mut given, flags);
            Ok(given)
        })
    }
}

/// What `bf_getbuffer` answers for `exporter`, which the buffer that is given keeps alive.
///
/// # Safety
/// The lock is held; `view` is a place for a buffer.
pub(super) unsafe fn give(
    exporter: Object,
    view: *mut Buffer,
    fill: impl FnOnce(&'static Api) -> Result<Buffer>,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        match catch(|| api().and_then(|api| Ok((api, fill(api)?)))) {
            Ok((api, given)) => {
                view.write(Buffer { obj: exporter.cast(), ..given });
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
unsafe extern "C" fn dealloc(exporter: Object) {
    let Ok(api) = api() else { return };
    // SAFETY: Python holds the lock; the last reference is gone.
    unsafe {
        api.with_exception_aside(|| buffer::release(&mut *held(exporter)));
        free(api, exporter);
    }
}
