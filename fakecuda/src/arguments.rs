//! What callers pass: pointers that are NULL or keep C's promise.

use std::{borrow::Cow, ffi::CStr, fmt};

use libc::c_char;

use crate::codes::{Answer, INVALID_VALUE};

/// Where an answer goes.
#[repr(transparent)]
pub struct Out<T>(*mut T);

impl<T> Clone for Out<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Out<T> {}

impl<T> Out<T> {
    /// Gives an answer that the caller must want.
    pub fn give(self, value: T) -> Answer {
        if self.0.is_null() {
            return Err(INVALID_VALUE);
        }
        self.offer(value);
        Ok(())
    }

    /// Gives an answer that the caller may not want.
    pub fn offer(self, value: T) {
        if !self.0.is_null() {
            // SAFETY: who calls an entry point passes NULL or room for a `T`.
            unsafe { self.0.write_unaligned(value) }
        }
    }

    /// The same place as room for a `U`: some functions say by a number what they write.
    pub fn of<U>(self) -> Out<U> {
        Out(self.0.cast())
    }

    /// The place with this address.
    pub fn at(address: usize) -> Self {
        Self(address as *mut T)
    }

    /// The value there, for parameters that go both ways.
    pub fn read(self) -> Answer<T>
    where
        T: Copy,
    {
        In(self.0.cast_const()).read()
    }
}

impl Out<c_char> {
    /// As much of a text as there is room for, and a NUL behind it.
    pub fn text(self, capacity: usize, text: &str) -> Answer {
        if self.0.is_null() || capacity == 0 {
            return Err(INVALID_VALUE);
        }
        let length = text.len().min(capacity - 1);
        // SAFETY: who calls an entry point passes NULL or room for as many bytes as it says.
        unsafe {
            self.0.copy_from_nonoverlapping(text.as_ptr().cast(), length);
            self.0.add(length).write(0);
        }
        Ok(())
    }
}

impl<T> From<&mut T> for Out<T> {
    fn from(place: &mut T) -> Self {
        Self(place)
    }
}

impl<T> fmt::Debug for Out<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// One or more values of the caller's.
#[repr(transparent)]
pub struct In<T>(*const T);

impl<T> Clone for In<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for In<T> {}

impl<T: Copy> In<T> {
    /// No values.
    pub const NULL: Self = Self(std::ptr::null());

    /// The first value.
    pub fn read(self) -> Answer<T> {
        self.at(0)
    }

    /// The value at `index`.
    pub fn at(self, index: usize) -> Answer<T> {
        if self.0.is_null() {
            return Err(INVALID_VALUE);
        }
        // SAFETY: who calls an entry point passes NULL or as many values as the function's other parameters say.
        Ok(unsafe { self.0.add(index).read_unaligned() })
    }

    /// As many values as `target` takes.
    pub fn read_into(self, target: &mut [T]) -> Answer {
        for (index, place) in target.iter_mut().enumerate() {
            *place = self.at(index)?;
        }
        Ok(())
    }

    /// The values with this address.
    pub fn at_address(address: usize) -> Self {
        Self(address as *const T)
    }

    /// The address itself.
    pub fn address(self) -> usize {
        self.0 as usize
    }
}

impl<T> From<&T> for In<T> {
    fn from(value: &T) -> Self {
        Self(value)
    }
}

impl<T> From<&[T]> for In<T> {
    fn from(values: &[T]) -> Self {
        Self(values.as_ptr())
    }
}

impl<T> fmt::Debug for In<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// A C string of the caller's.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct Text(*const c_char);

impl Text {
    /// No text.
    pub const NULL: Self = Self(std::ptr::null());

    /// The text, or `INVALID_VALUE` for NULL.
    pub fn read(&self) -> Answer<Cow<'_, str>> {
        if self.0.is_null() {
            return Err(INVALID_VALUE);
        }
        // SAFETY: who calls an entry point passes NULL or a NUL-terminated string.
        Ok(unsafe { CStr::from_ptr(self.0) }.to_string_lossy())
    }

    /// Whether there is none.
    pub fn is_null(&self) -> bool {
        self.0.is_null()
    }
}

impl From<&CStr> for Text {
    fn from(text: &CStr) -> Self {
        Self(text.as_ptr())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.read() {
            Ok(text) => text.chars().take(60).collect::<String>().fmt(formatter),
            Err(_) => formatter.write_str("NULL"),
        }
    }
}
