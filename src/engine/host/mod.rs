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
mod patch;
pub mod port;
mod rows;
pub mod run;
mod sheet;
mod stream;
mod tour;
mod transpose;
mod truncate;
mod vector;
pub mod walk;
mod weave;
