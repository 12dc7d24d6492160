//! The engine on the CPU.

pub mod bits;
pub mod block;
pub mod codec;
mod half;
pub mod memory;
pub mod naive;
pub mod port;
pub mod run;
mod truncate;
pub mod walk;
