//! What C hands us, checked once; what C gets back, written once and only on success.

use std::ffi::{CStr, c_char};
use std::mem::MaybeUninit;

use super::handle::Borrowed;
use super::tensor::ndf_tensor;
use crate::device::cuda::Stream;
use crate::error::{Error, Kind, Result, bail};
use crate::tensor::Tensor;

#[cold]
pub(super) fn null(name: &str) -> Error {
    Error::new(Kind::InvalidArgument, format!("`{name}` is NULL"))
}

#[cold]
fn misaligned(name: &str) -> Error {
    Error::new(Kind::InvalidArgument, format!("`{name}` is no address that its type can have"))
}

/// An out-parameter: checked at entry, written once, only on success.
pub(super) struct Out<'a, T>(&'a mut MaybeUninit<T>);

impl<T> Out<'_, T> {
    /// # Safety
    /// `ptr` is NULL, or valid for one write of `T` for as long as the result lives.
    #[inline]
    pub(super) unsafe fn new(ptr: *mut T, name: &str) -> Result<Self> {
        // SAFETY: the caller's promise; `MaybeUninit` claims nothing about the old value.
        unsafe { ptr.cast::<MaybeUninit<T>>().as_mut() }.map(Self).ok_or_else(|| null(name))
    }

    #[inline]
    pub(super) fn set(self, value: T) -> Result<()> {
        self.0.write(value);
        Ok(())
    }
}

impl Out<'_, *mut ndf_tensor> {
    /// Hands one reference to the C caller.
    #[inline]
    pub(super) fn give(self, tensor: Tensor) -> Result<()> {
        self.set(ndf_tensor::give(tensor))
    }
}

/// Room for text: `capacity` bytes and the place where its length goes. With no room only the length is told.
pub(super) struct TextOut<'a> {
    room: Option<&'a mut [MaybeUninit<u8>]>,
    length: Option<&'a mut MaybeUninit<usize>>,
}

impl TextOut<'_> {
    /// # Safety
    /// `text` is NULL or valid for `capacity` writes, `length` NULL or valid for one, as long as the result lives.
    pub(super) unsafe fn new(text: *mut c_char, capacity: usize, length: *mut usize) -> Result<Self> {
        if text.is_null() && (capacity != 0 || length.is_null()) {
            return Err(null(if capacity != 0 { "out_text" } else { "out_length" }));
        }
        if isize::try_from(capacity).is_err() {
            bail!(InvalidArgument, "`capacity` is {capacity}, more than memory can be");
        }
        // SAFETY: not NULL, valid for `capacity` writes by the caller's promise, within `isize`.
        let room =
            (!text.is_null()).then(|| unsafe { std::slice::from_raw_parts_mut(text.cast(), capacity) });
        // SAFETY: NULL or valid by the caller's promise.
        Ok(Self { room, length: unsafe { length.cast::<MaybeUninit<usize>>().as_mut() } })
    }

    /// Writes `text` and its end, and its length without the end.
    pub(super) fn set(self, text: &str) -> Result<()> {
        if let Some(room) = self.room {
            if room.len() <= text.len() {
                bail!(BufferTooSmall, "`capacity` is {}, the text needs {}", room.len(), text.len() + 1);
            }
            for (slot, byte) in room.iter_mut().zip(text.bytes().chain([0])) {
                slot.write(byte);
            }
        }
        if let Some(length) = self.length {
            length.write(text.len());
        }
        Ok(())
    }
}

/// # Safety
/// `ptr` is NULL, or valid for `len` reads of `T` during the call.
#[inline]
pub(super) unsafe fn slice<'a, T>(ptr: *const T, len: i64, name: &str) -> Result<&'a [T]> {
    match usize::try_from(len) {
        Ok(0) => Ok(&[]),
        Ok(_) if ptr.is_null() => Err(null(name)),
        Ok(_) if !ptr.is_aligned() => Err(misaligned(name)),
        Ok(len) if len.checked_mul(size_of::<T>()).is_some_and(|bytes| isize::try_from(bytes).is_ok()) => {
            // SAFETY: non-null by the arm above, valid for `len` reads by the caller's promise.
            Ok(unsafe { std::slice::from_raw_parts(ptr, len) })
        }
        _ => bail!(InvalidArgument, "the length of `{name}` is {len}"),
    }
}

/// Extents, strides or axes: as [`slice`], but a rank beyond the limit is refused before anything is read.
///
/// # Safety
/// `ptr` is NULL, or valid for `ndim` reads of `T` during the call.
#[inline]
pub(super) unsafe fn dims<'a, T>(ptr: *const T, ndim: i32, name: &str) -> Result<&'a [T]> {
    if ndim < 0 || ndim as usize > crate::layout::MAX_NDIM {
        bail!(
            InvalidArgument,
            "`{name}` has {ndim} entries, a tensor has 0 to {} axes",
            crate::layout::MAX_NDIM
        );
    }
    // SAFETY: the caller's promise.
    unsafe { slice(ptr, i64::from(ndim), name) }
}

/// As [`dims`], but NULL means "not given".
///
/// # Safety
/// As [`dims`].
#[inline]
pub(super) unsafe fn optional_dims<'a, T>(ptr: *const T, ndim: i32, name: &str) -> Result<Option<&'a [T]>> {
    if ptr.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller's promise.
    unsafe { dims(ptr, ndim, name) }.map(Some)
}

/// # Safety
/// `ptr` is NULL, or NUL-terminated and valid during the call.
pub(super) unsafe fn text<'a>(ptr: *const c_char, name: &str) -> Result<&'a str> {
    if ptr.is_null() {
        return Err(null(name));
    }
    // SAFETY: not NULL, NUL-terminated by the caller's promise.
    let bytes = unsafe { CStr::from_ptr(ptr) };
    bytes.to_str().map_err(|_| Error::new(Kind::InvalidArgument, format!("`{name}` is not UTF-8")))
}

/// # Safety
/// `ptr` is NULL, or a live handle during the call.
#[inline]
pub(super) unsafe fn borrow<'a>(ptr: *const ndf_tensor, name: &str) -> Result<Borrowed<'a>> {
    // SAFETY: the caller's promise.
    unsafe { ndf_tensor::borrow(ptr, name) }
}

/// As [`borrow`], but NULL means "not given".
///
/// # Safety
/// As [`borrow`].
#[inline]
pub(super) unsafe fn optional<'a>(ptr: *const ndf_tensor, name: &str) -> Result<Option<Borrowed<'a>>> {
    // SAFETY: the caller's promise.
    (!ptr.is_null()).then(|| unsafe { borrow(ptr, name) }).transpose()
}

/// A stream that work is enqueued on; 0 means that none was given.
#[inline(always)]
pub(super) fn stream(number: i64) -> Result<Stream> {
    if number == 0 { Ok(Stream::LEGACY) } else { given_stream(number) }
}

#[cold]
fn given_stream(number: i64) -> Result<Stream> {
    Stream::from_number(number)?.ok_or_else(|| {
        let message = "`stream` is -1, which stands for none: work is done on one";
        Error::new(Kind::InvalidArgument, message)
    })
}

/// An options struct whose first field is its size as the caller's compiler saw it.
///
/// # Safety
/// Implementors are `repr(C)`, start with `struct_size: u32`, and all zero is their default.
pub(super) unsafe trait Options: Copy {
    const NAME: &'static str;
}

/// No options struct will ever be larger: a size beyond it was never set, and so much must not be read.
const MAX_STRUCT_SIZE: usize = 4096;

/// The caller's options; what an older caller does not know of, or NULL, is the default.
///
/// # Safety
/// `ptr` is NULL, or valid for reads of as many bytes as its first field says.
#[inline(always)]
pub(super) unsafe fn options<O: Options>(ptr: *const O) -> Result<O> {
    if ptr.is_null() {
        // SAFETY: all zero is a value of every options struct (`Options`).
        return Ok(unsafe { MaybeUninit::<O>::zeroed().assume_init() });
    }
    // SAFETY: at least the size is there by the caller's promise, and all of the struct when the size is ours.
    unsafe {
        if ptr.cast::<u32>().read_unaligned() as usize == size_of::<O>() {
            return Ok(ptr.read_unaligned());
        }
        given_options(ptr)
    }
}

/// [`options`] where they lie, if they are of this version and aligned, or `none` are given; else in `room`. To copy them
/// takes longer than to read what most calls need.
///
/// # Safety
/// As [`options`], as long as the result is used.
#[inline(always)]
pub(super) unsafe fn options_in<'a, O: Options>(
    ptr: *const O,
    none: &'a O,
    room: &'a mut MaybeUninit<O>,
) -> Result<&'a O> {
    // SAFETY: the caller's promise.
    unsafe {
        match ours(ptr) {
            _ if ptr.is_null() => Ok(none),
            Some(options) => Ok(options),
            None => bring_options(ptr, room),
        }
    }
}

/// Options that can be read where they lie: given, aligned and of this version.
///
/// # Safety
/// As [`options`], as long as the result is used.
#[inline(always)]
pub(super) unsafe fn ours<'a, O: Options>(ptr: *const O) -> Option<&'a O> {
    // SAFETY: the caller's promise; the size comes first.
    unsafe {
        let is_ours =
            !ptr.is_null() && ptr.is_aligned() && ptr.cast::<u32>().read() as usize == size_of::<O>();
        if is_ours { Some(&*ptr) } else { None }
    }
}

/// # Safety
/// As [`options`].
#[inline(never)]
unsafe fn bring_options<O: Options>(ptr: *const O, room: &mut MaybeUninit<O>) -> Result<&O> {
    // SAFETY: the caller's promise.
    Ok(room.write(unsafe { options(ptr)? }))
}

/// [`options`] of another version's size: out of the way of the calls that give none or ours.
///
/// # Safety
/// As [`options`].
#[inline(never)]
unsafe fn given_options<O: Options>(ptr: *const O) -> Result<O> {
    // SAFETY: all zero is a value of every options struct (`Options`).
    let mut options = unsafe { MaybeUninit::<O>::zeroed().assume_init() };
    // SAFETY: at least the size is there by the caller's promise.
    let given = unsafe { ptr.cast::<u32>().read_unaligned() } as usize;
    if !(size_of::<u32>()..=MAX_STRUCT_SIZE).contains(&given) {
        bail!(InvalidArgument, "`options->struct_size` is {given}, set it to sizeof({})", O::NAME);
    }
    // SAFETY: `given` bytes are readable by the caller's promise, and no more than the struct has are written.
    unsafe {
        let known = given.min(size_of::<O>());
        std::ptr::copy_nonoverlapping(ptr.cast::<u8>(), (&raw mut options).cast::<u8>(), known);
    }
    // SAFETY: a newer caller's fields lie behind ours; they must be zero, for we cannot honour them.
    let beyond = unsafe {
        slice(
            ptr.cast::<u8>().wrapping_add(size_of::<O>()),
            given.saturating_sub(size_of::<O>()) as i64,
            "options",
        )?
    };
    if beyond.iter().any(|&byte| byte != 0) {
        bail!(Version, "`options` sets fields of {} that this version of the library does not know", O::NAME);
    }
    Ok(options)
}
