//! The driver's functions, one file an idea.

mod capture;
mod context;
mod copy;
mod device;
mod event;
mod fill;
mod host;
mod init;
mod ipc;
mod launch;
mod library;
mod memory;
mod module;
mod peer;
mod pointer;
mod pool;
mod stream;

pub use capture::*;
pub use context::*;
pub use copy::*;
pub use device::*;
pub use event::*;
pub use fill::*;
pub use host::*;
pub use init::*;
pub use ipc::*;
pub use launch::*;
pub use library::*;
pub use memory::*;
pub use module::*;
pub use peer::*;
pub use pointer::*;
pub use pool::*;
pub use stream::*;

use std::sync::LazyLock;

use crate::entry::Entry;

static TABLE: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    [
        capture::table(),
        context::table(),
        copy::table(),
        device::table(),
        event::table(),
        fill::table(),
        host::table(),
        init::table(),
        ipc::table(),
        launch::table(),
        library::table(),
        memory::table(),
        module::table(),
        peer::table(),
        pointer::table(),
        pool::table(),
        stream::table(),
    ]
    .concat()
});

/// Every function of this driver.
pub(crate) fn all() -> &'static [Entry] {
    &TABLE
}

pub(crate) fn own_pools(state: &crate::state::State) -> usize {
    pool::own(state)
}

pub(crate) fn exists(name: &str) -> bool {
    all().iter().any(|entry| entry.name == name)
}
