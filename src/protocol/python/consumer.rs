//! `from_dlpack`, in the common way: the object's exchange table, else its `__dlpack__`. Whatever is unusual is left to
//! Python's half of the package.

use std::ffi::CStr;
use std::ptr::null_mut;
use std::sync::atomic::Ordering;

use super::api::{Owned, answer};
use super::dlpack::{is_legacy, take_capsule};
use super::exchange::take_through_table;
use super::object::new_object;
use super::package::Package;
use super::producer::call;
use super::symbols::{Api, Object};
use crate::dtype::code;
use crate::error::Result;
use crate::protocol::stream;
use crate::tensor::Tensor;

pub(super) const DOC: &CStr = c"from_dlpack($module, x, /, *, device=None, copy=None)\n\
    --\n\n\
    A tensor on the memory of any object that has `__dlpack__`, or of a DLPack capsule.\n\n\
    Where the object's class has a table of C functions (`__dlpack_c_exchange_api__`), as PyTorch's has, that is used.\n\
    `device` asks for the elements there. `copy` False forbids copying, True copies: by the producer, or here when the\n\
    producer does not say that it did.";

/// `from_dlpack`.
pub(super) unsafe extern "C" fn from_dlpack(
    module: Object,
    arguments: *const Object,
    count: isize,
    keywords: Object,
) -> Object {
    // SAFETY: Python holds the lock, and lends `count` objects and then one for each keyword.
    unsafe {
        answer(|api| {
            let package = Package::of_module(api, module)?;
            if count != 1 || !asks_nothing(api, package, arguments.add(1), keywords) {
                return call(api, package.import, &[], arguments, count, keywords);
            }
            match take(api, package, *arguments)? {
                Taken::Tensor(tensor) => new_object(api, package.class, tensor),
                Taken::Legacy(capsule) => {
                    let given = [*arguments, capsule.as_ptr()];
                    call(api, package.import, &[], given.as_ptr(), 1, package.words.gives_capsule)
                }
                Taken::Nothing => call(api, package.import, &[], arguments, 1, null_mut()),
            }
        })
    }
}

/// What an object gave.
enum Taken {
    Tensor(Tensor),
    /// A capsule whose struct cannot say that it is read-only: Python knows whose elements are.
    Legacy(Owned),
    /// Nothing yet: Python must see to it.
    Nothing,
}

impl From<Option<Tensor>> for Taken {
    #[inline]
    fn from(tensor: Option<Tensor>) -> Self {
        tensor.map_or(Self::Nothing, Self::Tensor)
    }
}

/// Whether all keywords are known and None.
///
/// # Safety
/// The lock is held; `keywords` is NULL or a tuple of str, for each of which `values` has an object.
#[inline]
unsafe fn asks_nothing(api: &Api, package: &Package, values: *const Object, keywords: Object) -> bool {
    // SAFETY: the caller's promise. What a tuple gives is borrowed.
    unsafe {
        keywords.is_null()
            || (0..(api.tuple_size)(keywords)).all(|i| {
                let keyword = (api.tuple_get_item)(keywords, i);
                let is_known = keyword == package.words.device || keyword == package.words.copy;
                is_known && *values.offset(i) == api.none
            })
    }
}

/// What an object gives.
///
/// # Safety
/// The lock is held; `object` is a Python object, whose capsules hold what DLPack says.
unsafe fn take(api: &'static Api, package: &Package, object: Object) -> Result<Taken> {
    // SAFETY: the caller's promise.
    unsafe {
        let class = api.class_of(object);
        if class == api.capsule_type {
            return take_capsule(api, object).map(Taken::Tensor);
        }
        if let Some((torch_class, strided)) = torch(api, package)? {
            if class == torch_class {
                return take_torch(api, package, object, strided).map(Taken::from);
            }
            if (api.type_is_subtype)(class, torch_class) != 0 {
                return Ok(Taken::Nothing);
            }
        }
        // DLPack says that the class is asked; one that has no such attribute is slower to ask than its object.
        let name = package.words.exchange_api;
        if api.attribute(object, name)?.is_some()
            && let Some(tensor) = take_through_table(api, object, name)?
        {
            return Ok(Taken::Tensor(tensor));
        }
        ask(api, package, object)
    }
}

/// The tensor of a `torch.Tensor`. PyTorch's C functions check nothing, its `__dlpack__` does: nothing may be lost.
/// `None` where something would, and where `__dlpack__` must be asked.
///
/// # Safety
/// As [`take`].
unsafe fn take_torch(
    api: &'static Api,
    package: &Package,
    object: Object,
    strided: Object,
) -> Result<Option<Tensor>> {
    let words = &package.words;
    // SAFETY: the caller's promise.
    unsafe {
        let attribute = |name| Owned::new(api, (api.object_get_attr)(object, name));
        let says = |name| {
            let answer = Owned::new(api, (api.object_call_method)(name, &object, 1, null_mut()))?;
            is_true(api, &answer)
        };
        if attribute(words.layout)?.as_ptr() != strided
            || is_true(api, &attribute(words.requires_grad)?)?
            || says(words.is_neg)?
        {
            return Ok(None);
        }
        let tensor = match take_through_table(api, object, words.exchange_api) {
            // PyTorch's own exception for data that DLPack has no words for; its `__dlpack__` makes that a BufferError.
            Err(_) if (api.err_exception_matches)(*api.runtime_error) != 0 => {
                (api.err_clear)();
                None
            }
            taken => taken?,
        };
        let Some(tensor) = tensor else { return Ok(None) };
        if tensor.dtype().code == code::COMPLEX {
            let is_conjugate = says(words.is_conj);
            if !matches!(is_conjugate, Ok(false)) {
                api.with_exception_aside(|| drop(tensor));
                return is_conjugate.map(|_| None);
            }
        }
        Ok(Some(tensor))
    }
}

/// # Safety
/// The lock is held.
unsafe fn is_true(api: &Api, object: &Owned) -> Result<bool> {
    // SAFETY: the caller's promise.
    match unsafe { (api.object_is_true)(object.as_ptr()) } {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Api::raised()),
    }
}

/// `torch.Tensor` and `torch.strided`, once PyTorch has been imported. While it is, the second may still be missing.
///
/// # Safety
/// The lock is held.
#[inline]
unsafe fn torch(api: &'static Api, package: &Package) -> Result<Option<(Object, Object)>> {
    let [class, strided] = package.torch.each_ref().map(|one| one.load(Ordering::Acquire));
    if !strided.is_null() {
        return Ok(Some((class, strided)));
    }
    // SAFETY: the caller's promise.
    unsafe { find_torch(api, package) }
}

/// # Safety
/// The lock is held.
unsafe fn find_torch(api: &'static Api, package: &Package) -> Result<Option<(Object, Object)>> {
    // SAFETY: the caller's promise. What dicts give is borrowed; the module keeps its class for the moment, and for good
    // what is remembered.
    unsafe {
        let module = (api.dict_get_item)((api.module_dict)(), package.words.torch);
        if module.is_null() {
            return if api.has_raised() { Err(Api::raised()) } else { Ok(None) };
        }
        let Some(class) = api.attribute(module, package.words.tensor)? else { return Ok(None) };
        if !api.is_class(class.as_ptr()) {
            return Ok(None);
        }
        let Some(strided) = api.attribute(module, package.words.strided)? else {
            return Ok(Some((class.as_ptr(), null_mut())));
        };
        let found = (class.into_inner().as_ptr(), strided.into_inner().as_ptr());
        package.torch[0].store(found.0, Ordering::Release);
        package.torch[1].store(found.1, Ordering::Release);
        Ok(Some(found))
    }
}

/// Asks `__dlpack__`. Producers from before 2023 know no keywords, and say so with a TypeError; some know them and have
/// not implemented what they ask.
///
/// # Safety
/// As [`take`].
unsafe fn ask(api: &'static Api, package: &Package, object: Object) -> Result<Taken> {
    let words = &package.words;
    // SAFETY: the caller's promise.
    unsafe {
        let arguments = [object, words.newest_version];
        let asked = (api.object_call_method)(words.dlpack, arguments.as_ptr(), 1, words.asks_version);
        let capsule = match Owned::new(api, asked) {
            Ok(capsule) => capsule,
            Err(_) if knows_no_keywords(api) => {
                (api.err_clear)();
                Owned::new(api, (api.object_call_method)(words.dlpack, arguments.as_ptr(), 1, null_mut()))?
            }
            Err(error) => {
                return if is_silent(api, package, object) { Ok(Taken::Nothing) } else { Err(error) };
            }
        };
        if is_legacy(api, capsule.as_ptr()) {
            return Ok(Taken::Legacy(capsule));
        }
        let tensor = take_capsule(api, capsule.as_ptr())?;
        if stream::are_here(tensor.device()) {
            // Asked without a stream, the producer may have ordered nothing: Python asks again, and names one.
            api.with_exception_aside(|| drop(tensor));
            return Ok(Taken::Nothing);
        }
        Ok(Taken::Tensor(tensor))
    }
}

/// Whether the exception in flight is that of a producer that should be asked without keywords.
///
/// # Safety
/// The lock is held; an exception is in flight.
#[cold]
unsafe fn knows_no_keywords(api: &Api) -> bool {
    let is = |class: *const Object| {
        // SAFETY: the caller's promise; a static variable of CPython's.
        unsafe { (api.err_exception_matches)(*class) != 0 }
    };
    is(api.type_error) || is(api.not_implemented_error)
}

/// Whether the exception in flight says that there is no `__dlpack__` at all; if so, it is cleared. Where the class has
/// one that raises an AttributeError, that says why there is none here.
///
/// # Safety
/// The lock is held; an exception is in flight.
#[cold]
unsafe fn is_silent(api: &'static Api, package: &Package, object: Object) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        if (api.err_exception_matches)(*api.attribute_error) == 0 {
            return false;
        }
        let lacks = |object| matches!(api.attribute(object, package.words.dlpack), Ok(None));
        let is_silent = api.with_exception_aside(|| lacks(object) && lacks(api.class_of(object)));
        if is_silent {
            (api.err_clear)();
        }
        is_silent
    }
}
