//! The engine on GPUs.

pub mod choose;
pub mod kernel;
pub mod nest;
mod params;
mod sheet;
