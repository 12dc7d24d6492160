//! The driver: found and started when somebody first asks for something of CUDA, and lost in a forked child.

use std::cell::Cell;
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};

use once_cell::sync::OnceCell;

use super::library::Library;
use super::table::Table;
use crate::error::{Error, Result, bail};
use crate::log::log;

/// CUDA 12.0: what the kernels' PTX needs.
const OLDEST: i32 = 12000;

static LOADED: OnceCell<Table> = OnceCell::new();
static STARTED: OnceCell<Driver> = OnceCell::new();

/// A driver that was started.
pub struct Driver {
    table: &'static Table,
    /// The process that started it. Its children have the memory of the driver, and no driver.
    process: u32,
}

impl std::ops::Deref for Driver {
    type Target = Table;

    fn deref(&self) -> &Table {
        self.table
    }
}

impl Driver {
    /// Whether this process was forked off the one that started the driver.
    #[inline]
    pub fn is_lost(&self) -> bool {
        self.process != process::id()
    }

    /// The driver, started; `version` gets what it is for.
    fn start(version: &Cell<i32>) -> Result<Self> {
        let table = LOADED.get_or_try_init(|| Table::find(&Library::open()?))?;
        let mut found = 0;
        // SAFETY: a place for the answer.
        unsafe { table.cuDriverGetVersion(&mut found) }?;
        if found < OLDEST {
            let (major, minor) = (found / 1000, found % 1000 / 10);
            bail!(
                DeviceUnavailable,
                "the CUDA driver is too old: it is for CUDA {major}.{minor}, 12.0 is needed"
            );
        }
        // SAFETY: 0 is the only value for flags.
        unsafe { table.cuInit(0) }.map_err(|failure| failure.of_start())?;
        version.set(found);
        Ok(Self { table, process: process::id() })
    }
}

/// The functions, started or not.
pub fn loaded() -> Option<&'static Table> {
    LOADED.get()
}

/// The driver, started on first use.
///
/// Fails with `DeviceUnavailable` when there is none, it is too old or does not start, or this process was forked off one
/// that had started it.
pub fn driver() -> Result<&'static Driver> {
    let driver = match STARTED.get() {
        Some(driver) => driver,
        None => first()?,
    };
    if driver.is_lost() {
        bail!(
            DeviceUnavailable,
            "CUDA was started before this process was forked, and does not work in forked processes"
        );
    }
    Ok(driver)
}

/// Starts the driver. What there is to say is said when nobody waits for that any more: who listens may wait for them.
#[cold]
#[inline(never)]
fn first() -> Result<&'static Driver> {
    let version = Cell::new(0);
    let driver = STARTED.get_or_try_init(|| Driver::start(&version));
    if version.get() > 0 {
        log!(Info, "the CUDA driver is started, it is for version {}", version.get());
    }
    driver.inspect_err(tell)
}

/// Says why there is no CUDA; once, for who asks what there is asks often.
#[cold]
fn tell(why: &Error) {
    static IS_TOLD: AtomicBool = AtomicBool::new(false);
    if !IS_TOLD.swap(true, Ordering::Relaxed) {
        log!(Info, "CUDA is not used: {why}");
    }
}

/// The driver, if something of it is in use in this process: nothing else is to be freed.
pub fn in_use() -> Option<&'static Driver> {
    STARTED.get().filter(|driver| !driver.is_lost())
}

/// Whether this process was forked off one that had started the driver.
pub fn is_lost() -> bool {
    STARTED.get().is_some_and(Driver::is_lost)
}
