//! The engine on the CPU.

pub mod bits;
pub mod block;
mod braid;
pub mod codec;
mod direct;
pub mod equal;
#[cfg(all(test, unix))]
pub mod fenced;
mod half;
pub mod isa;
pub mod memory;
pub mod naive;
mod number;
mod panel;
mod patch;
mod pixels;
pub mod port;
mod rows;
pub mod run;
mod sheet;
mod shuffle;
mod stream;
mod tell;
mod thin;
mod tour;
mod transpose;
mod truncate;
mod vector;
pub mod walk;
mod way;
mod weave;
