//! CUDA without a GPU: the library on the fake driver, each test in a process of its own, because a driver starts once.

mod c_api;
mod captures;
mod contexts;
mod engine;
mod fake;
mod faults;
mod fork;
mod memory;
mod order;
mod printing;
mod start;
