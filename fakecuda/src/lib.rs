//! A pretend `libcuda.so.1` over host memory, for tests on machines without a GPU. `README.md` is for its users.
//!
//! The driver's functions are in `driver/`, one file an idea; what they do is done by the models beside it:
//! `queues` (streams that run as late as possible), `memory`, `captures`, `ptx` (kernels).

#![allow(non_snake_case)]

mod arena;
mod arguments;
mod captures;
mod codes;
mod config;
mod contexts;
mod control;
mod driver;
mod entry;
mod faults;
mod memory;
mod names;
mod ptx;
mod queues;
mod state;
mod variant;

pub use arguments::{In, Out, Text};
pub use control::*;
pub use driver::*;
