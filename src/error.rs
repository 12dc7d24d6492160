//! What can go wrong, in one type: a kind for programs, a sentence for people.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// The class of a failure; each is one C status (`ndf_status`), whose numbers never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An argument is NULL, negative, or means nothing.
    InvalidArgument = 1,
    /// Shapes do not fit each other or the operation.
    Shape = 2,
    /// The data type is malformed, or the cast is not allowed.
    Dtype = 3,
    /// The strides do not allow what was asked.
    Layout = 4,
    /// An axis, index or address lies outside its range.
    Range = 5,
    /// The memory may not be written.
    ReadOnly = 6,
    /// A size does not fit the machine's integers.
    Overflow = 7,
    /// A foreign struct has a version that cannot be read.
    Version = 8,
    /// The caller's buffer is too small for the answer.
    BufferTooSmall = 9,
    /// The call needs a copy, and copying was forbidden.
    CopyRequired = 10,
    /// Well-formed, but not supported.
    Unsupported = 20,
    /// The device is not there.
    DeviceUnavailable = 21,
    /// Memory could not be had.
    OutOfMemory = 40,
    /// The device or its driver failed.
    DeviceFailure = 41,
    /// A callback of the caller's failed.
    Callback = 60,
    /// A callback of the caller's asked to stop.
    Cancelled = 61,
    /// A bug in this library.
    Internal = 99,
}

/// A failure: its kind, and a sentence that names the argument and both sides.
///
/// One pointer, so that a [`Result`] is returned in registers: success, which is what matters, then costs nothing.
///
/// The one failure that is made without memory is that there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(Option<Box<Failure>>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Failure {
    kind: Kind,
    message: Cow<'static, str>,
}

impl Error {
    /// Not even a small block of memory can be had, and so none for a message: making this error takes none.
    /// cbindgen:ignore
    pub const NO_MEMORY: Self = Self(None);

    /// An error of `kind` that says `message`.
    ///
    /// ```
    /// use ndferry::error::{Error, Kind};
    ///
    /// let refused = Error::new(Kind::Shape, "`shape` has 7 elements, the tensor has 6");
    /// assert_eq!(refused.kind(), Kind::Shape);
    /// assert_eq!(refused.to_string(), refused.message());
    /// ```
    #[cold]
    pub fn new(kind: Kind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Some(Box::new(Failure { kind, message: message.into() })))
    }

    /// The class of the failure.
    pub fn kind(&self) -> Kind {
        self.0.as_ref().map_or(Kind::OutOfMemory, |failure| failure.kind)
    }

    /// The sentence.
    pub fn message(&self) -> &str {
        self.0.as_ref().map_or("out of memory: not even a small block can be had", |failure| &failure.message)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl std::error::Error for Error {}

/// This crate's result.
pub type Result<T> = std::result::Result<T, Error>;

/// Runs `body`; a panic becomes an error of kind `Internal`.
///
/// `AssertUnwindSafe`: handles are immutable descriptions and registries ignore lock poison, so a panic leaves
/// nothing half-changed that anybody can see.
#[inline]
pub fn catch<T>(body: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|payload| Err(panicked(payload)))
}

/// What [`no_memory`] unwinds with.
struct NoMemory;

/// Unwinds to [`catch`], which makes [`Error::NO_MEMORY`] of it, without a word to anybody: for the small blocks of functions
/// that have no other way to fail. The unwinder takes about a hundred bytes itself, and ends the process without them.
#[cold]
pub fn no_memory() -> ! {
    resume_unwind(Box::new(NoMemory)) // a box of nothing
}

/// An empty list with room for `count` items, and [`no_memory`] where there is none.
pub fn room<T>(count: usize) -> Vec<T> {
    let mut list = Vec::new();
    if list.try_reserve_exact(count).is_err() {
        no_memory();
    }
    list
}

/// The items in a list of their own, and [`no_memory`] where there is none.
pub fn listed<T: Copy>(items: &[T]) -> Vec<T> {
    let mut list = room(items.len());
    list.extend_from_slice(items);
    list
}

#[cold]
fn panicked(payload: Box<dyn Any + Send>) -> Error {
    if payload.is::<NoMemory>() {
        return Error::NO_MEMORY;
    }
    let say = |text: &str| Error::new(Kind::Internal, format!("internal error, please report it: {text}"));
    match payload.downcast::<String>().map_err(|payload| payload.downcast::<&str>()) {
        Ok(text) => say(&text),
        Err(Ok(text)) => say(*text),
        Err(Err(unknown)) => {
            std::mem::forget(unknown); // its drop may panic, and nothing would catch that
            say("a panic without a message")
        }
    }
}

/// Foreign text in a message: in quotes, and cut where it is long, so that the rest of the sentence is read too.
pub struct Quoted<'a>(pub &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LONGEST: usize = 80;
        match self.0.char_indices().nth(LONGEST) {
            None => write!(f, "{:?}", self.0),
            Some((end, _)) => write!(f, "{:?}… ({} bytes)", &self.0[..end], self.0.len()),
        }
    }
}

/// Calls `make` out of line. What makes an error is long, and nothing of it is to stand in the way of success.
#[cold]
#[inline(never)]
pub fn out_of_line<T>(make: impl FnOnce() -> T) -> T {
    make()
}

/// Returns early with an error: `bail!(Shape, "`axes` has {} entries", n)`.
///
/// The closure takes its captures by value: a local variable whose address is taken for a message would have to live in
/// memory also where nothing fails.
macro_rules! bail {
    ($kind:ident, $($message:tt)+) => {
        return Err($crate::error::out_of_line(move || {
            $crate::error::Error::new($crate::error::Kind::$kind, format!($($message)+))
        }))
    };
}
pub(crate) use bail;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_there_is_no_room_for_is_an_error_without_a_panic() {
        assert_eq!(catch(|| Ok(room::<u64>(usize::MAX).len())), Err(Error::NO_MEMORY));
        assert_eq!(catch(|| Ok(room::<u64>(3).capacity())), Ok(3));
    }

    #[test]
    fn foreign_text_is_quoted_and_cut_at_a_character() {
        assert_eq!(Quoted("<f4\n").to_string(), r#""<f4\n""#);
        assert_eq!(Quoted(&"é".repeat(80)).to_string(), format!("\"{}\"", "é".repeat(80)));
        assert_eq!(Quoted(&"é".repeat(81)).to_string(), format!("\"{}\"… (162 bytes)", "é".repeat(80)));
    }
}
