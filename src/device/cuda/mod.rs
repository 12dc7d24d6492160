//! CUDA: the driver and what it does, for those above. Nothing here is linked; without a driver all of it says so.
//!
//! Types and constants are cudarc's; the driver is found, checked and called by ourselves
//! (`docs/decisions/0013-the-driver-is-called-by-ourselves.md`).

mod context;
mod driver;
mod event;
mod failure;
mod library;
mod memory;
pub mod module;
mod pointer;
mod release;
mod stream;
mod table;
mod transfer;

pub use context::{Context, Entered, context, count, current};
pub use cudarc::driver::sys;
pub use driver::{Driver, driver, in_use};
pub use event::Event;
pub use failure::Failure;
pub use module::{Family, Kernel, Shape, kernel};
pub use pointer::{PointerInfo, pointer};
pub use release::Block;
pub use stream::Stream;
pub use transfer::Pattern;
