//! Kernels: PTX that is embedded in the library, made into a module when a context first needs it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ffi::{CStr, CString, c_void};
use std::ptr::null_mut;
use std::sync::PoisonError;

use cudarc::driver::sys::{CUfunction, CUmodule};

use super::context::Entered;
use super::stream::Stream;
use crate::error::{Result, bail};

/// Makes PTX.
pub type Text = fn() -> Result<CString>;

/// Kernels that come together. Small families keep the first use of each short.
pub struct Family {
    /// What it is called in messages; no two are called the same.
    pub name: &'static str,
    /// What makes the PTX, each with the least compute capability (75 for 7.5) that takes it. It is asked once a context.
    pub ptx: &'static [(i32, Text)],
}

/// A family in a context.
pub(super) struct Module {
    handle: CUmodule,
    kernels: HashMap<&'static CStr, Kernel>,
}

// SAFETY: the driver takes its handles on any thread.
unsafe impl Send for Module {}

/// A kernel in a context, which stays.
#[derive(Clone, Copy, Debug)]
pub struct Kernel(CUfunction);

// SAFETY: the driver takes its handles on any thread.
unsafe impl Send for Kernel {}
// SAFETY: as above.
unsafe impl Sync for Kernel {}

/// A kernel of a family in the context that is entered.
pub fn kernel(entered: &Entered, family: &'static Family, name: &'static CStr) -> Result<Kernel> {
    let mut modules = entered.context.modules.lock().unwrap_or_else(PoisonError::into_inner);
    let module = match modules.entry(family.name) {
        Entry::Occupied(loaded) => loaded.into_mut(),
        Entry::Vacant(place) => place.insert(load(entered, family)?),
    };
    if let Some(&known) = module.kernels.get(name) {
        return Ok(known);
    }
    let mut function = null_mut();
    // SAFETY: a place for the answer, a module that is loaded, a name that ends with NUL.
    unsafe { entered.driver().cuModuleGetFunction(&mut function, module.handle, name.as_ptr()) }?;
    module.kernels.insert(name, Kernel(function));
    Ok(Kernel(function))
}

fn load(entered: &Entered, family: &Family) -> Result<Module> {
    let capability = entered.context.capability()?;
    let taken = family.ptx.iter().filter(|(least, _)| *least <= capability);
    let Some((_, ptx)) = taken.max_by_key(|(least, _)| *least) else {
        let (major, minor) = (capability / 10, capability % 10);
        bail!(
            Unsupported,
            "the {} kernels do not run on a device of compute capability {major}.{minor}",
            family.name
        );
    };
    let ptx = ptx()?;
    let mut handle = null_mut();
    // SAFETY: a place for the answer, PTX that ends with NUL and that the driver copies.
    unsafe { entered.driver().cuModuleLoadData(&mut handle, ptx.as_ptr().cast()) }?;
    Ok(Module { handle, kernels: HashMap::new() })
}

/// How many threads run a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Blocks, all along x, where there may be 2^31 - 1.
    pub grid: u32,
    /// Threads of a block, along x and y.
    pub block: [u32; 2],
    /// Bytes of shared memory beyond those that the kernel declares.
    pub shared_bytes: u32,
}

impl Entered {
    /// Enqueues a kernel whose one parameter is `parameters`.
    ///
    /// # Safety
    /// The kernel is of this context and has one parameter, of the type `P`; all memory that it touches is there until
    /// `stream` has come so far.
    pub unsafe fn launch<P: Copy>(
        &self,
        kernel: Kernel,
        shape: Shape,
        parameters: &P,
        stream: Stream,
    ) -> Result<()> {
        let Shape { grid, block: [x, y], shared_bytes } = shape;
        let mut parameters = [std::ptr::from_ref(parameters).cast_mut().cast::<c_void>()];
        let (stream, all) = (stream.handle(), parameters.as_mut_ptr());
        // SAFETY: the caller's promise; the driver copies the parameter during the call.
        Ok(unsafe {
            self.driver().cuLaunchKernel(kernel.0, grid, 1, 1, x, y, 1, shared_bytes, stream, all, null_mut())
        }?)
    }
}
