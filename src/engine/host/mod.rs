//! The engine on the CPU.

pub mod bits;
pub mod block;
mod braid;
pub mod codec;
mod direct;
#[cfg(all(test, unix))]
mod fenced;
mod half;
mod isa;
pub mod memory;
pub mod naive;
mod number;
mod pixels;
pub mod port;
pub mod run;
mod sheet;
mod shuffle;
mod stream;
mod transpose;
mod truncate;
mod vector;
pub mod walk;
mod weave;
