//! A value that is made when it is first wanted.

use std::marker::PhantomData;
use std::ptr::null_mut;
use std::sync::Mutex;

use crate::sync::atomic::{AtomicPtr, Ordering};

/// Nothing at first; then a value, the same for all threads, which may all want it at once.
///
/// Unlike `std::sync::OnceLock` nobody waits: who comes second drops what they have made. So it is one pointer, and a fork
/// finds it whole.
#[derive(Debug)]
pub struct Late<T>(AtomicPtr<T>, Shared<T>);

/// What sharing a [`Late`] needs: values are lent to other threads, and moved in from them.
type Shared<T> = PhantomData<(Box<T>, Mutex<T>)>;

impl<T> Late<T> {
    /// Nothing so far.
    #[inline]
    pub fn nothing() -> Self {
        Self(AtomicPtr::new(null_mut()), PhantomData)
    }

    /// The value, if it has been made.
    #[inline]
    pub fn get(&self) -> Option<&T> {
        // SAFETY: NULL, or a box that stays until `self` is taken from or dropped. Acquire: the value is seen as it was made.
        unsafe { self.0.load(Ordering::Acquire).as_ref() }
    }

    /// The value, which becomes `made` where there is none.
    pub fn get_or_put(&self, made: Box<T>) -> &T {
        let made = Box::into_raw(made);
        let known = match self.0.compare_exchange(null_mut(), made, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => made,
            Err(first) => {
                // SAFETY: a box from above, which nobody else has seen.
                drop(unsafe { Box::from_raw(made) });
                first
            }
        };
        // SAFETY: put there just now, by us or by somebody else, and it stays as in `get`.
        unsafe { &*known }
    }

    /// Takes the value out.
    #[inline]
    pub fn take(&mut self) -> Option<Box<T>> {
        // Relaxed, and no exchange: nobody else has it any more.
        let value = self.0.load(Ordering::Relaxed);
        self.0.store(null_mut(), Ordering::Relaxed);
        // SAFETY: NULL, or a box that nobody refers to any more.
        (!value.is_null()).then(|| unsafe { Box::from_raw(value) })
    }
}

impl<T> Drop for Late<T> {
    #[inline]
    fn drop(&mut self) {
        drop(self.take());
    }
}
