//! The base class of tensors: an object that holds one reference to a tensor, and says what it is.

use std::ffi::{CStr, c_void};
use std::ptr::{NonNull, null, null_mut};

use super::api::{Owned, answer, api};
use super::package::Package;
use super::producer;
use super::symbols::{Api, Object};
use super::types::*;
use crate::error::{Result, bail};
use crate::tensor::lifetimes;
use crate::tensor::{Block, Tensor};

pub(super) const NATIVE_TENSOR: &CStr = c"NativeTensor";
const NAME: &CStr = c"ndferry.NativeTensor";
const DOC: &CStr = c"Holds one reference to a native tensor.";

/// What an object holds. All zero until it is filled.
#[repr(C)]
struct Held {
    tensor: Option<Tensor>,
    weak_references: Object,
}

type Get = unsafe fn(&'static Api, Object, &Tensor) -> Result<Owned>;

const fn getter(name: &'static CStr, get_one: Get, doc: &'static CStr) -> Getter {
    let closure = get_one as *const c_void;
    Getter { name: name.as_ptr(), get: Some(get), set: null(), doc: doc.as_ptr(), closure }
}

static GETTERS: Table<12, Getter> = Table([
    getter(c"shape", shape, c"The extents, one an axis."),
    getter(
        c"strides",
        strides,
        c"From one element to the next along each axis, in elements as in DLPack; may be negative or 0.",
    ),
    getter(c"dtype", dtype, c"The type of the elements."),
    getter(c"ndim", ndim, c"The number of axes."),
    getter(c"size", size, c"The number of elements."),
    getter(c"nbytes", nbytes, c"Bytes that the elements need when they lie without gaps."),
    getter(c"read_only", read_only, c"Whether the elements must not be written."),
    getter(c"data_ptr", data_ptr, c"Address of element [0, …, 0]; 0 when there are no elements."),
    getter(
        c"bit_offset",
        bit_offset,
        c"Bits from that address to the element: 0 but for views of types whose elements share bytes.",
    ),
    getter(
        c"handle",
        handle,
        c"The address of the `ndf_tensor`, to be passed to C. It is lent: valid as long as this tensor lives, and C\n\
        retains it (`ndf_tensor_retain`) to keep it.",
    ),
    getter(c"_handle", handle, c"The same."),
    Getter { name: null(), get: None, set: null(), doc: null(), closure: null() },
]);

static METHODS: Table<4, Method> = Table([
    Method {
        name: c"_adopt".as_ptr(),
        function: adopt as *const c_void,
        flags: OF_CLASS | ONE_ARGUMENT,
        doc: c"An object for the address of a native tensor, one reference of which it takes over.".as_ptr(),
    },
    Method {
        name: c"__dlpack__".as_ptr(),
        function: producer::dlpack as *const c_void,
        flags: FASTCALL_WITH_KEYWORDS,
        doc: producer::DOC.as_ptr(),
    },
    Method {
        name: c"__dlpack_device__".as_ptr(),
        function: producer::dlpack_device as *const c_void,
        flags: NO_ARGUMENTS,
        doc: null(),
    },
    Method { name: null(), function: null(), flags: 0, doc: null() },
]);

/// A new base class.
///
/// # Safety
/// The lock is held.
pub(super) unsafe fn make_class(api: &'static Api) -> Result<Owned> {
    // SAFETY: the caller's promise; the functions are what their slots ask for, the tables are static. CPython reads
    // the members during the call.
    unsafe {
        let members = [
            Member {
                name: c"__weaklistoffset__".as_ptr(),
                kind: SSIZE,
                offset: (head(api)? + std::mem::offset_of!(Held, weak_references)) as isize,
                flags: READ_ONLY,
                doc: null(),
            },
            Member { name: null(), kind: 0, offset: 0, flags: 0, doc: null() },
        ];
        let slots = [
            Slot::new(TP_NEW, refuse as *const c_void),
            Slot::new(TP_DEALLOC, dealloc as *const c_void),
            Slot::new(TP_DOC, DOC.as_ptr().cast()),
            Slot::new(TP_GETSET, GETTERS.0.as_ptr().cast()),
            Slot::new(TP_METHODS, METHODS.0.as_ptr().cast()),
            Slot::new(TP_MEMBERS, members.as_ptr().cast()),
            Slot::new(BF_GETBUFFER, producer::get_buffer as *const c_void),
            Slot::new(BF_RELEASEBUFFER, producer::release_buffer as *const c_void),
            Slot::END,
        ];
        make_type::<Held>(api, NAME, BASE | IMMUTABLE, &slots)
    }
}

/// A new object of a class derived from the base.
///
/// # Safety
/// The lock is held.
#[inline]
pub(super) unsafe fn new_object(api: &'static Api, class: Object, tensor: Tensor) -> Result<Owned> {
    // SAFETY: the caller's promise.
    unsafe {
        let object = make_object(api, class, Held { tensor: Some(tensor), weak_references: null_mut() })?;
        if lifetimes::is_on() {
            watch(api, &object);
        }
        Ok(object)
    }
}

/// Tells the lifetime debugger of a new object, and where in Python it was made.
///
/// # Safety
/// The lock is held; the object is of a class derived from the base.
#[cold]
unsafe fn watch(api: &'static Api, object: &Owned) {
    // SAFETY: the caller's promise; a new object holds a tensor. The text is copied while its str lives.
    unsafe {
        let Some(tensor) = &(*held::<Held>(object.as_ptr())).tensor else { return };
        lifetimes::given(tensor);
        api.with_exception_aside(|| {
            if let Some(place) = place(api) {
                let text = (api.str_as_utf8)(place.as_ptr(), null_mut());
                if !text.is_null() {
                    lifetimes::place(tensor, &CStr::from_ptr(text).to_string_lossy());
                }
            }
        });
    }
}

/// What the package calls the place that is being run, if it was imported to say so.
///
/// # Safety
/// The lock is held.
unsafe fn place(api: &'static Api) -> Option<Owned> {
    // SAFETY: the caller's promise; what a dict gives is borrowed.
    unsafe {
        let owned = |object| NonNull::new(object).map(|object| Owned::from(api, object));
        let package =
            NonNull::new((api.dict_get_item_string)((api.module_dict)(), c"ndferry.debug".as_ptr()))?;
        let function = owned((api.object_get_attr_string)(package.as_ptr(), c"_place".as_ptr()))?;
        let nothing = owned((api.tuple_new)(0))?;
        owned((api.object_call)(function.as_ptr(), nothing.as_ptr(), null_mut()))
    }
}

/// The tensor that an object holds, lent as long as the object lives.
///
/// # Safety
/// The lock is held; the object is of a class derived from the base.
#[inline]
pub(super) unsafe fn tensor_in<'a>(object: Object) -> Result<&'a Tensor> {
    // SAFETY: the caller's promise; what an object holds never changes.
    match unsafe { &(*held::<Held>(object)).tensor } {
        Some(tensor) if lifetimes::is_on() => lifetimes::admitted(tensor.as_raw(), "self").map(|_| tensor),
        Some(tensor) => Ok(tensor),
        None => bail!(Internal, "a tensor object holds no tensor"),
    }
}

/// `tp_new`.
unsafe extern "C" fn refuse(_: Object, _: Object, _: Object) -> Object {
    let why = c"a Tensor is made with ndferry.asarray, from_dlpack, empty, zeros, full or wrap";
    // SAFETY: Python holds the lock.
    unsafe { answer(|api| Err(api.type_error(why))) }
}

/// `tp_dealloc`. Ending the tensor may run a deleter of anybody's.
unsafe extern "C" fn dealloc(object: Object) {
    let Ok(api) = api() else { return };
    // SAFETY: Python holds the lock; the last reference is gone.
    unsafe {
        let held = held::<Held>(object);
        if !(*held).weak_references.is_null() {
            (api.object_clear_weak_refs)(object);
        }
        let tensor = (*held).tensor.take();
        let tensor = api.with_exception_aside(|| tensor.and_then(still_held));
        if let Some(tensor) = &tensor {
            tensor.await_end(|wait| api.without_lock(wait));
        }
        api.with_exception_aside(|| drop(tensor));
        free(api, object);
    }
}

/// What an object holds, unless somebody has given that up already.
fn still_held(tensor: Tensor) -> Option<Tensor> {
    if lifetimes::is_on() && lifetimes::taken(tensor.as_raw(), "self").is_err() {
        std::mem::forget(tensor);
        return None;
    }
    Some(tensor)
}

/// `_adopt`.
unsafe extern "C" fn adopt(class: Object, number: Object) -> Object {
    // SAFETY: Python holds the lock and lends an object. That it is the address of a tensor is the caller's promise.
    unsafe {
        answer(|api| {
            let address = (api.long_as_pointer)(number);
            match NonNull::new(address.cast::<Block>()) {
                Some(block) => {
                    lifetimes::taken(block.as_ptr(), "handle")?;
                    new_object(api, class, Tensor::from_raw(block.as_ptr()))
                }
                None if api.has_raised() => Err(Api::raised()),
                None => bail!(InvalidArgument, "the address of a tensor is 0"),
            }
        })
    }
}

/// Every getter; the closure is the function that knows what is asked.
unsafe extern "C" fn get(object: Object, closure: *mut c_void) -> Object {
    // SAFETY: Python holds the lock and lends an object of this class; the closure is as `getter` made it.
    unsafe {
        let get_one = std::mem::transmute::<*mut c_void, Get>(closure);
        answer(|api| get_one(api, object, tensor_in(object)?))
    }
}

/// An integer of Python's.
///
/// # Safety
/// The lock is held.
#[inline]
unsafe fn integer(api: &'static Api, number: i64) -> Result<Owned> {
    // SAFETY: the caller's promise.
    unsafe { Owned::new(api, (api.long_from_i64)(number)) }
}

/// An integer of Python's that is an address or as large as one.
///
/// # Safety
/// The lock is held.
#[inline]
unsafe fn address(api: &'static Api, address: *const c_void) -> Result<Owned> {
    // SAFETY: the caller's promise; nothing is read there.
    unsafe { Owned::new(api, (api.long_from_pointer)(address.cast_mut())) }
}

// SAFETY of all that follow: `get` calls them, with the lock held.

unsafe fn shape(api: &'static Api, _: Object, tensor: &Tensor) -> Result<Owned> {
    // SAFETY: as above.
    unsafe { api.integers(tensor.layout().shape()) }
}

unsafe fn strides(api: &'static Api, _: Object, tensor: &Tensor) -> Result<Owned> {
    // SAFETY: as above.
    unsafe { api.integers(tensor.layout().strides()) }
}

unsafe fn ndim(api: &'static Api, _: Object, tensor: &Tensor) -> Result<Owned> {
    // SAFETY: as above.
    unsafe { integer(api, tensor.layout().ndim() as i64) }
}

unsafe fn size(api: &'static Api, _: Object, tensor: &Tensor) -> Result<Owned> {
    // SAFETY: as above.
    unsafe { integer(api, tensor.element_count()) }
}

unsafe fn nbytes(api: &'static Api, _: Object, tensor: &Tensor) -> Result<Owned> {
    // SAFETY: as above.
    unsafe { address(api, std::ptr::without_provenance(tensor.byte_size())) }
}

unsafe fn read_only(api: &'static Api, _: Object, tensor: &Tensor) -> Result<Owned> {
    // SAFETY: as above.
    unsafe { Owned::new(api, (api.bool_from_long)(tensor.is_read_only().into())) }
}

unsafe fn data_ptr(api: &'static Api, _: Object, tensor: &Tensor) -> Result<Owned> {
    // SAFETY: as above.
    unsafe { address(api, tensor.data().cast()) }
}

unsafe fn bit_offset(api: &'static Api, _: Object, tensor: &Tensor) -> Result<Owned> {
    // SAFETY: as above.
    unsafe { integer(api, tensor.bit_offset().into()) }
}

unsafe fn handle(api: &'static Api, _: Object, tensor: &Tensor) -> Result<Owned> {
    // SAFETY: as above.
    unsafe { address(api, tensor.as_raw().cast()) }
}

/// The package's object for the dtype, which it keeps under the bytes of the C struct.
unsafe fn dtype(api: &'static Api, object: Object, tensor: &Tensor) -> Result<Owned> {
    let dtype = tensor.dtype();
    // SAFETY: as above; the struct is sixteen bytes without gaps. What a dict gives is borrowed.
    unsafe {
        let Some(package) = Package::of_class(api, api.class_of(object)) else {
            bail!(Internal, "the class of a tensor is bound to no package");
        };
        let key = (api.bytes_from)((&raw const dtype).cast(), size_of_val(&dtype) as isize);
        let key = Owned::new(api, key)?;
        if let Some(known) = NonNull::new((api.dict_get_item)(package.dtypes, key.as_ptr())) {
            (api.inc_ref)(known.as_ptr());
            return Ok(Owned::from(api, known));
        }
        if api.has_raised() {
            return Err(Api::raised());
        }
        let arguments = Owned::new(api, (api.tuple_new)(1))?;
        (api.tuple_set_item)(arguments.as_ptr(), 0, key.into_inner().as_ptr());
        Owned::new(api, (api.object_call)(package.dtype_of, arguments.as_ptr(), null_mut()))
    }
}
