//! The native half of the Python package: a module with the base class of tensors and the functions that are called
//! most often.
//!
//! A function of C knows nothing of the interpreter that calls it, nor an entry of an exchange table of the object that
//! it is asked about. So the package says once what belongs together (`bind`), and it is kept in a list: a process may
//! have many interpreters, and an interpreter may load the package anew.

use std::ffi::c_void;
use std::ptr::{NonNull, null, null_mut};
use std::sync::atomic::{AtomicPtr, Ordering};

use super::api::{Owned, answer, locked};
use super::consumer;
use super::object::{self, NATIVE_TENSOR};
use super::symbols::{Api, Object, PyObject};
use super::types::{FASTCALL, FASTCALL_WITH_KEYWORDS, Method, Table};
use crate::error::{Error, Kind, Result};
use crate::spec::dlpack::{DLPackExchangeAPI, MAJOR_VERSION, MINOR_VERSION};

/// One load of the package in one interpreter. The references are never given up, and no package is ever freed: the
/// tables of functions are not, either.
pub(super) struct Package {
    interpreter: i64,
    module: Object,
    base: Object,
    /// What tensors are made of.
    pub class: Object,
    /// In Python, for all that is not done here: `Tensor.__dlpack__` and `from_dlpack`.
    pub export: Object,
    pub import: Object,
    /// The dtype of sixteen bytes: a dict, and a function that is asked for what is not in it.
    pub dtypes: Object,
    pub dtype_of: Object,
    pub words: Words,
    /// `torch.Tensor` and `torch.strided`, or NULL as long as nobody has imported them.
    pub torch: [AtomicPtr<PyObject>; 2],
    older: *const Package,
}

/// Names as Python interns them, so that they can be told apart by their address, and what goes with them.
pub(super) struct Words {
    pub dlpack: Object,
    pub stream: Object,
    pub max_version: Object,
    pub dl_device: Object,
    pub copy: Object,
    pub device: Object,
    pub exchange_api: Object,
    pub requires_grad: Object,
    pub layout: Object,
    pub is_neg: Object,
    pub is_conj: Object,
    pub torch: Object,
    pub tensor: Object,
    pub strided: Object,
    /// `("max_version",)`
    pub asks_version: Object,
    /// `("capsule",)`
    pub gives_capsule: Object,
    /// `(1, 3)`
    pub newest_version: Object,
}

impl Words {
    /// # Safety
    /// The lock is held.
    unsafe fn new(api: &'static Api) -> Result<Self> {
        // SAFETY: the caller's promise. What was made before a failure is leaked.
        unsafe {
            let word = |text| api.interned(text).map(kept);
            let one = |text| -> Result<_> {
                let tuple = Owned::new(api, (api.tuple_new)(1))?;
                (api.tuple_set_item)(tuple.as_ptr(), 0, word(text)?);
                Ok(kept(tuple))
            };
            let newest = [MAJOR_VERSION, MINOR_VERSION].map(i64::from);
            Ok(Self {
                dlpack: word(c"__dlpack__")?,
                stream: word(c"stream")?,
                max_version: word(c"max_version")?,
                dl_device: word(c"dl_device")?,
                copy: word(c"copy")?,
                device: word(c"device")?,
                exchange_api: word(c"__dlpack_c_exchange_api__")?,
                requires_grad: word(c"requires_grad")?,
                layout: word(c"layout")?,
                is_neg: word(c"is_neg")?,
                is_conj: word(c"is_conj")?,
                torch: word(c"torch")?,
                tensor: word(c"Tensor")?,
                strided: word(c"strided")?,
                asks_version: one(c"max_version")?,
                gives_capsule: one(c"capsule")?,
                newest_version: kept(api.integers(&newest)?),
            })
        }
    }
}

impl Words {
    /// Whether `word` is a keyword of `__dlpack__`.
    #[inline]
    pub fn is_export(&self, word: Object) -> bool {
        [self.max_version, self.copy, self.dl_device, self.stream].contains(&word)
    }
}

/// Never given up.
fn kept(object: Owned) -> Object {
    object.into_inner().as_ptr()
}

/// The package that was bound last.
static NEWEST: AtomicPtr<Package> = AtomicPtr::new(null_mut());

/// All packages, the newest first.
#[inline]
fn packages() -> impl Iterator<Item = &'static Package> {
    // SAFETY: NULL, or leaked by `bind`.
    let mut next = unsafe { NEWEST.load(Ordering::Acquire).as_ref() };
    std::iter::from_fn(move || {
        let package = next?;
        // SAFETY: as above.
        next = unsafe { package.older.as_ref() };
        Some(package)
    })
}

#[cold]
fn unbound() -> Error {
    Error::new(Kind::InvalidArgument, "no Python class of tensors has been bound in this interpreter")
}

impl Package {
    /// The newest package of this interpreter, of which objects are made when nothing says more.
    ///
    /// # Safety
    /// The lock is held.
    #[inline]
    pub unsafe fn newest(api: &Api) -> Result<&'static Self> {
        // SAFETY: the caller's promise.
        let interpreter = unsafe { api.interpreter() };
        packages().find(|one| one.interpreter == interpreter).ok_or_else(unbound)
    }

    /// The package that an object of a class belongs to, if it is a tensor. Addresses of objects of other interpreters
    /// mean nothing here.
    ///
    /// # Safety
    /// The lock is held; `class` is a Python class.
    #[inline]
    pub unsafe fn of_class(api: &Api, class: Object) -> Option<&'static Self> {
        // SAFETY: the caller's promise.
        unsafe {
            let interpreter = api.interpreter();
            packages()
                .filter(|one| one.interpreter == interpreter)
                .find(|one| one.class == class || (api.type_is_subtype)(class, one.base) != 0)
        }
    }

    /// The package whose function is called: `module` is what Python passes as the function's `self`.
    ///
    /// # Safety
    /// The lock is held.
    #[inline]
    pub unsafe fn of_module(api: &Api, module: Object) -> Result<&'static Self> {
        // SAFETY: the caller's promise.
        let interpreter = unsafe { api.interpreter() };
        packages().find(|one| one.module == module && one.interpreter == interpreter).ok_or_else(unbound)
    }
}

static FUNCTIONS: Table<3, Method> = Table([
    Method {
        name: c"from_dlpack".as_ptr(),
        function: consumer::from_dlpack as *const c_void,
        flags: FASTCALL_WITH_KEYWORDS,
        doc: consumer::DOC.as_ptr(),
    },
    Method { name: c"bind".as_ptr(), function: bind as *const c_void, flags: FASTCALL, doc: null() },
    Method { name: null(), function: null(), flags: 0, doc: null() },
]);

/// A new module named like the package, with:
/// - `NativeTensor`, the base class of tensors, a new one each time;
/// - `exchange_api`, the capsule with `table`, which takes tensors of the interpreter and makes those bound last;
/// - `bind(class, export, from_dlpack, dtypes, dtype_of)`, to be called once before any other;
/// - `from_dlpack`.
///
/// # Safety
/// The caller holds the interpreter's lock.
pub unsafe fn module(table: &'static DLPackExchangeAPI) -> Result<NonNull<PyObject>> {
    let api = locked()?;
    // SAFETY: the lock is held; the tables are static.
    unsafe {
        let module = Owned::new(api, (api.module_new)(c"ndferry".as_ptr()))?;
        let base = object::make_class(api)?;
        let table: *const DLPackExchangeAPI = table;
        let capsule = (api.capsule_new)(table.cast_mut().cast(), super::exchange::NAME.as_ptr(), None);
        let capsule = Owned::new(api, capsule)?;
        let set = |name: &std::ffi::CStr, value: &Owned| {
            (api.object_set_attr_string)(module.as_ptr(), name.as_ptr(), value.as_ptr()) == 0
        };
        let is_whole = set(NATIVE_TENSOR, &base)
            && set(c"exchange_api", &capsule)
            && (api.module_add_functions)(module.as_ptr(), FUNCTIONS.0.as_ptr()) == 0;
        if is_whole { Ok(module.into_inner()) } else { Err(Api::raised()) }
    }
}

/// `bind`.
unsafe extern "C" fn bind(module: Object, arguments: *const Object, count: isize) -> Object {
    // SAFETY: Python holds the lock and lends `count` objects.
    unsafe {
        answer(|api| {
            if count != 5 {
                return Err(api.type_error(c"bind takes class, export, from_dlpack, dtypes, dtype_of"));
            }
            let given: [Object; 5] = std::array::from_fn(|i| *arguments.add(i));
            let base = (api.object_get_attr_string)(module, NATIVE_TENSOR.as_ptr());
            let base = Owned::new(api, base)?;
            if !api.is_class(given[0]) || (api.type_is_subtype)(given[0], base.as_ptr()) == 0 {
                return Err(api.type_error(c"`class` is no class derived from this module's NativeTensor"));
            }
            let words = Words::new(api)?;
            for object in given.into_iter().chain([module]) {
                (api.inc_ref)(object);
            }
            let [class, export, import, dtypes, dtype_of] = given;
            register(Package {
                interpreter: api.interpreter(),
                module,
                base: kept(base),
                class,
                export,
                import,
                dtypes,
                dtype_of,
                words,
                torch: Default::default(),
                older: null(),
            });
            Ok(api.none())
        })
    }
}

/// Puts a package at the head of the list.
fn register(package: Package) {
    let newest = Box::into_raw(Box::new(package));
    let mut older = NEWEST.load(Ordering::Acquire);
    loop {
        // SAFETY: nobody else knows it yet.
        unsafe { (*newest).older = older };
        match NEWEST.compare_exchange(older, newest, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => return,
            Err(other) => older = other,
        }
    }
}
