//! The engine on GPUs: the same passes, by kernels that [`choose`] picks. Everything is enqueued on a stream and done
//! when that has come so far.

mod boxes;
pub mod choose;
pub mod device;
mod direct;
pub mod equal;
mod families;
mod fill;
pub mod kernel;
mod launch;
pub mod nest;
mod params;
mod planes;
mod ptx;
pub mod queue;
mod sheet;
mod stage;
pub mod tell;
pub mod tensors;
pub mod transfer;

#[cfg(test)]
thread_local! {
    /// The kernels that this thread has launched.
    pub static RAN: std::cell::RefCell<Vec<&'static str>> = const { std::cell::RefCell::new(Vec::new()) };
}
