//! Which protocols hold tensors.

use std::ops::Deref;

use super::super::{Block, Tensor};
use super::table::locked;
use super::{decide, may_be_on, note};

/// What a tensor was exported as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Protocol {
    /// DLPack, legacy and 1.x.
    DLPack,
    /// NumPy's array interface.
    ArrayStruct,
    /// The buffer protocol.
    Buffer,
    /// The CUDA array interface.
    CudaArray,
    /// Arrow's C data interface.
    Arrow,
}

/// How many there are.
pub(super) const PROTOCOLS: usize = 5;

/// Their names, in their order.
pub(super) const NAMES: [&str; PROTOCOLS] =
    ["DLPack", "array interface", "buffer", "CUDA array interface", "Arrow"];

/// The reference that a struct of a [`Protocol`] holds until its consumer ends it.
#[derive(Debug)]
pub struct Exported<const PROTOCOL: u8>(Tensor);

impl<const PROTOCOL: u8> Exported<PROTOCOL> {
    /// A reference for a struct that is being made.
    #[inline(always)]
    pub fn new(tensor: &Tensor) -> Self {
        if may_be_on() {
            opened(tensor.as_raw(), PROTOCOL);
        }
        Self(tensor.clone())
    }
}

impl<const PROTOCOL: u8> Deref for Exported<PROTOCOL> {
    type Target = Tensor;

    #[inline]
    fn deref(&self) -> &Tensor {
        &self.0
    }
}

impl<const PROTOCOL: u8> Drop for Exported<PROTOCOL> {
    #[inline(always)]
    fn drop(&mut self) {
        if may_be_on() {
            ended(self.0.as_raw(), PROTOCOL);
        }
    }
}

#[cold]
#[inline(never)]
extern "C" fn opened(block: *const Block, protocol: u8) {
    note(block, &mut |record| record.exports[usize::from(protocol)] += 1);
}

#[cold]
#[inline(never)]
extern "C" fn ended(block: *const Block, protocol: u8) {
    if decide() {
        locked(&mut |table| {
            if let Some(record) = table.find(block) {
                record.exports[usize::from(protocol)] -= 1;
            }
        });
    }
}
