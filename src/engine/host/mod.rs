//! The engine on the CPU.

pub mod bits;
mod braid;
mod chunks;
mod convert;
mod direct;
pub mod equal;
pub mod factors;
#[cfg(all(test, unix))]
pub mod fenced;
mod fill;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod half;
pub mod isa;
mod kernel;
pub mod memory;
pub mod naive;
mod number;
mod outlet;
mod panel;
mod patch;
pub mod path;
mod pixels;
pub mod port;
#[cfg(target_arch = "x86_64")]
mod quantised;
pub mod ready;
mod rows;
pub mod run;
pub mod same;
mod scaled;
mod sheet;
mod shuffle;
pub(super) mod stream;
#[cfg(target_arch = "x86_64")]
mod table;
mod tell;
mod thin;
mod tour;
mod transpose;
mod truncate;
mod turned;
mod vector;
pub mod walk;
mod way;
mod weave;
mod words;
