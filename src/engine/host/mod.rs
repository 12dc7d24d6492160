//! The engine on the CPU.

pub mod bits;
pub mod block;
pub mod codec;
mod direct;
#[cfg(all(test, unix))]
mod fenced;
mod half;
mod isa;
pub mod memory;
pub mod naive;
mod number;
mod panel;
pub mod port;
pub mod run;
mod sheet;
mod stream;
mod transpose;
mod truncate;
mod vector;
pub mod walk;
mod weave;
