//! The engine on the CPU.

pub mod bits;
mod direct;
pub mod factors;
#[cfg(all(test, unix))]
mod fenced;
#[cfg(target_arch = "x86_64")]
mod half;
pub mod isa;
mod kernel;
pub mod memory;
pub mod naive;
mod number;
pub mod path;
pub mod port;
pub mod run;
mod scaled;
mod sheet;
mod stream;
#[cfg(target_arch = "x86_64")]
mod table;
mod transpose;
mod truncate;
mod vector;
pub mod walk;
mod weave;
mod words;
