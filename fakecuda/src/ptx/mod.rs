//! An interpreter of PTX: runs the very text that ships, with every access to memory checked.
//!
//! It covers what NVRTC makes of plain CUDA C++, and refuses by name what it does not know when a kernel is read. Threads
//! run one after another, from barrier to barrier, in an order that turns round; registers, shared and local memory hold
//! noise until they are written. An error says in which block, thread and line of the text.

mod arithmetic;
mod bits;
mod block;
mod code;
mod convert;
mod decode;
mod float;
mod integer;
mod memory;
mod parse;
mod run;
mod shared;
mod step;
mod symbols;
mod text;
mod traffic;
mod types;
mod wait;

#[cfg(test)]
mod tests;

use block::{Block, Failure, Shape};
use code::Code;
use run::Machine;
use shared::Shared;
use traffic::Traffic;

/// A kernel that was read and can be launched.
pub struct Kernel {
    /// The name of the entry.
    pub name: String,
    /// Offset and size of each parameter.
    pub params: Vec<(usize, usize)>,
    /// The size of all parameters together.
    pub param_bytes: usize,
    /// The most threads that a block may have.
    pub max_threads: u32,
    code: Code,
}

/// Why a launch failed: the kernel, block, thread and line, and what went wrong there.
#[derive(Debug)]
pub struct Fault {
    /// All of it in one line.
    pub what: String,
}

/// What a launch did, over all its threads.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counts {
    /// Instructions, those among them that their guard held back.
    pub instructions: u64,
    /// Loads and stores of the device's memory, of one value or a vector.
    pub global: u64,
    /// The same of shared memory.
    pub shared: u64,
    /// The same of local memory, which on a GPU is slow.
    pub local: u64,
}

impl Kernel {
    /// Reads the kernel `name` of a module. The error names the line and what is not supported.
    pub fn parse(module: &str, name: &str) -> Result<Self, String> {
        let (head, code) = parse::kernel(module, name)?;
        let parse::Head { params, param_bytes, max_threads } = head;
        Ok(Self { name: name.to_owned(), params, param_bytes, max_threads, code })
    }

    /// The shared memory that a block has.
    pub fn shared_bytes(&self) -> usize {
        self.code.shared_bytes
    }

    /// Runs all blocks. `check` is asked before each access to the device's memory, with address, size in bytes and
    /// whether it is a write; where it says no the launch ends.
    ///
    /// # Safety
    /// Memory to which `check` agrees can be accessed so until the launch has ended, and nobody else does.
    pub unsafe fn launch(
        &self,
        params: &[u8],
        grid: [u32; 3],
        block: [u32; 3],
        check: &mut dyn FnMut(usize, usize, bool) -> bool,
    ) -> Result<Counts, Fault> {
        self.run(params, Shape { grid, block }, check, None)
    }

    /// Like `launch`, and finds out how well the accesses of warps fit together, which takes long.
    ///
    /// # Safety
    /// That of `launch`.
    #[cfg(test)]
    unsafe fn launch_watched(
        &self,
        params: &[u8],
        grid: [u32; 3],
        block: [u32; 3],
        check: &mut dyn FnMut(usize, usize, bool) -> bool,
    ) -> Result<(Counts, Traffic), Fault> {
        let mut traffic = Traffic::default();
        let counts = self.run(params, Shape { grid, block }, check, Some(&mut traffic))?;
        Ok((counts, traffic))
    }

    fn run(
        &self,
        params: &[u8],
        shape: Shape,
        check: &mut dyn FnMut(usize, usize, bool) -> bool,
        mut traffic: Option<&mut Traffic>,
    ) -> Result<Counts, Fault> {
        let Shape { grid, block } = shape;
        let threads = block.iter().map(|size| u64::from(*size)).product::<u64>();
        if threads == 0 || threads > u64::from(self.max_threads) {
            return Err(self.fault(&format!("{threads} threads in a block, at most {}", self.max_threads)));
        }
        if params.len() != self.param_bytes {
            return Err(self.fault(&format!(
                "{} bytes of parameters for {}",
                params.len(),
                self.param_bytes
            )));
        }
        let (shared, touches) = (Shared::new(self.code.shared_bytes), traffic.as_ref().map(|_| Vec::new()));
        let mut machine =
            Machine { code: &self.code, params, check, counts: Counts::default(), shared, touches };
        let mut threads = Block::new(&self.code, shape);
        for number in 0..grid.iter().map(|size| u64::from(*size)).product::<u64>() {
            let [x, y] = [u64::from(grid[0]), u64::from(grid[1])];
            let index = [number % x, number / x % y, number / x / y].map(|at| at as u32);
            threads.run(&mut machine, index, number % 2 == 1).map_err(|failure| {
                let Failure { thread, line, what } = failure;
                let thread = block::coordinates(thread, block);
                self.fault(&format!("block {index:?} thread {thread:?}: PTX line {line}: {what}"))
            })?;
            if let (Some(traffic), Some(touches)) = (&mut traffic, &mut machine.touches) {
                traffic.add(touches);
                touches.clear();
            }
        }
        Ok(machine.counts)
    }

    fn fault(&self, what: &str) -> Fault {
        Fault { what: format!("{}: {what}", self.name) }
    }
}
