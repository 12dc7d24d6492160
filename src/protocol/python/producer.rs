//! What a tensor object gives: DLPack capsules and buffers.

use std::ffi::{CStr, c_int};

use super::api::{Owned, answer, api};
use super::buffer::give;
use super::dlpack::{Form, make_capsule};
use super::object::tensor_in;
use super::package::{Package, Words};
use super::symbols::{Api, Object};
use crate::device::cuda::Stream;
use crate::error::{Result, bail};
use crate::protocol::buffer;
use crate::spec::buffer::{Buffer, FORMAT};

pub(super) const DOC: &CStr =
    c"__dlpack__($self, /, *, stream=None, max_version=None, dl_device=None, copy=None)\n\
    --\n\n\
    A DLPack capsule that holds the memory.";

/// `__dlpack__`: shares the memory. Whoever asks for more asks Python's half of the package.
pub(super) unsafe extern "C" fn dlpack(
    object: Object,
    arguments: *const Object,
    count: isize,
    keywords: Object,
) -> Object {
    // SAFETY: Python holds the lock, and lends `count` objects and then one for each keyword.
    unsafe {
        answer(|api| {
            let tensor = tensor_in(object)?;
            let Some(package) = Package::of_class(api, api.class_of(object)) else {
                bail!(Internal, "the class of a tensor is bound to no package");
            };
            match form(api, &package.words, arguments, count, keywords) {
                Some(form) => {
                    tensor.wait(Stream::LEGACY)?; // which a consumer works on that names none
                    make_capsule(api, tensor, form).map(|capsule| Owned::from(api, capsule))
                }
                None => call(api, package.export, &[object], arguments, count, keywords),
            }
        })
    }
}

/// The struct that is asked for, when it is asked for in the common way: by `max_version`, and else by None.
///
/// # Safety
/// As [`call`].
#[inline]
unsafe fn form(
    api: &Api,
    words: &Words,
    arguments: *const Object,
    count: isize,
    keywords: Object,
) -> Option<Form> {
    // SAFETY: the caller's promise. What a tuple gives is borrowed.
    unsafe {
        let mut form = Form::Legacy;
        if count != 0 {
            return None;
        }
        for i in 0..if keywords.is_null() { 0 } else { (api.tuple_size)(keywords) } {
            let (keyword, value) = ((api.tuple_get_item)(keywords, i), *arguments.offset(i));
            if value == api.none && words.is_export(keyword) {
                continue;
            }
            if keyword != words.max_version || api.class_of(value) != api.tuple_type {
                return None;
            }
            let major = (api.tuple_get_item)(value, 0);
            let major = if major.is_null() { -1 } else { (api.long_as_ssize)(major) };
            if major < 0 {
                (api.err_clear)(); // Python says what is wrong
                return None;
            }
            if major >= 1 {
                form = Form::Versioned { copied: false };
            }
        }
        Some(form)
    }
}

/// Calls `function` with `first` and then all that was given.
///
/// # Safety
/// The lock is held; `count` objects lie at `arguments`, and behind them one for each of `keywords`, which is NULL or a
/// tuple of str.
#[cold]
pub(super) unsafe fn call(
    api: &'static Api,
    function: Object,
    first: &[Object],
    arguments: *const Object,
    count: isize,
    keywords: Object,
) -> Result<Owned> {
    // SAFETY: the caller's promise; a new tuple takes the references over.
    unsafe {
        let positional = Owned::new(api, (api.tuple_new)(first.len() as isize + count))?;
        let given = (0..count).map(|i| *arguments.offset(i));
        for (i, one) in first.iter().copied().chain(given).enumerate() {
            (api.inc_ref)(one);
            (api.tuple_set_item)(positional.as_ptr(), i as isize, one);
        }
        let named = Owned::new(api, (api.dict_new)())?;
        for i in 0..if keywords.is_null() { 0 } else { (api.tuple_size)(keywords) } {
            let (keyword, value) = ((api.tuple_get_item)(keywords, i), *arguments.offset(count + i));
            if (api.dict_set_item)(named.as_ptr(), keyword, value) != 0 {
                return Err(Api::raised());
            }
        }
        Owned::new(api, (api.object_call)(function, positional.as_ptr(), named.as_ptr()))
    }
}

/// `__dlpack_device__`.
pub(super) unsafe extern "C" fn dlpack_device(object: Object, _: Object) -> Object {
    // SAFETY: Python holds the lock and lends a tensor object.
    unsafe {
        answer(|api| {
            let device = tensor_in(object)?.device();
            api.integers(&[device.device_type.into(), device.device_id.into()])
        })
    }
}

/// `bf_getbuffer`.
pub(super) unsafe extern "C" fn get_buffer(object: Object, view: *mut Buffer, flags: c_int) -> c_int {
    // SAFETY: Python holds the lock and lends a tensor object and a struct to write to.
    unsafe {
        give(object, view, |_| {
            let tensor = tensor_in(object)?;
            let dtype = tensor.dtype();
            if flags & FORMAT != 0 && dtype.kind == b'V' && !dtype.is_structured() {
                // NumPy asks here first, and would read a structure without fields; by its own protocol it reads the type.
                bail!(
                    Unsupported,
                    "{} is bytes without a type, which memoryview() shows and NumPy misreads",
                    dtype.name()
                );
            }
            buffer::to_buffer(tensor, flags)
        })
    }
}

/// `bf_releasebuffer`.
pub(super) unsafe extern "C" fn release_buffer(_: Object, view: *mut Buffer) {
    let Ok(api) = api() else { return };
    // SAFETY: Python holds the lock and gives back what `get_buffer` filled.
    unsafe { api.with_exception_aside(|| buffer::release(&mut *view)) };
}
