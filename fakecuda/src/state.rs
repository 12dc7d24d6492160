//! Everything that the pretended driver knows, behind one lock.

use std::{
    cell::RefCell,
    collections::HashMap,
    env,
    fs::File,
    io::Write,
    sync::{Condvar, LazyLock, Mutex, MutexGuard},
};

use crate::{
    captures::{Capture, Graph},
    config::Config,
    contexts::Contexts,
    driver::{Event, Function, Module, Pool},
    faults::Faults,
    memory::Memory,
    ptx::Counts,
    queues::Queues,
};

pub struct State {
    pub config: Config,
    pub initialised: bool,
    /// This process was forked after `cuInit`: CUDA is lost to it.
    pub forked: bool,
    pub faults: Faults,
    /// Calls by name, since the faults were set.
    pub calls: HashMap<&'static str, u64>,
    pub trace: Option<String>,
    /// Where `FAKECUDA_TRACE` wants every call noted.
    trace_file: Option<File>,
    pub contexts: Contexts,
    pub queues: Queues,
    pub memory: Memory,
    pub pools: HashMap<usize, Pool>,
    /// Each device's default and current pool.
    pub device_pools: HashMap<usize, (usize, usize)>,
    pub events: HashMap<usize, Event>,
    pub modules: HashMap<usize, Module>,
    pub functions: HashMap<usize, Function>,
    pub captures: HashMap<u64, Capture>,
    pub graphs: HashMap<usize, Graph>,
    /// What launches have done since the faults were set.
    pub counts: Counts,
    pub launches: u64,
    /// Why the last kernel that failed did.
    pub last_fault: String,
    /// Memory of other processes by handle and context, with its address here.
    pub imports: Vec<(([u64; 8], usize), usize)>,
    handles: usize,
}

pub type Guard = MutexGuard<'static, State>;

static STATE: LazyLock<Mutex<State>> = LazyLock::new(|| Mutex::new(State::new(Config::of_environment())));
static CHANGED: Condvar = Condvar::new();

pub fn lock() -> Guard {
    // A panic inside the fake ends the process: entry points are `extern "C"`.
    STATE.lock().unwrap_or_else(|poison| poison.into_inner())
}

/// Lets other threads in until one of them calls `changed`.
pub fn wait(state: Guard) -> Guard {
    CHANGED.wait(state).unwrap_or_else(|poison| poison.into_inner())
}

pub fn changed() {
    CHANGED.notify_all();
}

fn trace_file() -> Option<File> {
    let path = env::var_os("FAKECUDA_TRACE")?;
    match File::options().create(true).append(true).open(&path) {
        Ok(file) => Some(file),
        Err(why) => {
            eprintln!("fakecuda: FAKECUDA_TRACE: {}: {why}", path.display());
            std::process::abort();
        }
    }
}

impl State {
    pub fn new(config: Config) -> Self {
        Self {
            config,
            initialised: false,
            forked: false,
            faults: Faults::default(),
            calls: HashMap::new(),
            trace: None,
            trace_file: trace_file(),
            contexts: Contexts::default(),
            queues: Queues::default(),
            memory: Memory::default(),
            pools: HashMap::new(),
            device_pools: HashMap::new(),
            events: HashMap::new(),
            modules: HashMap::new(),
            functions: HashMap::new(),
            captures: HashMap::new(),
            graphs: HashMap::new(),
            counts: Counts::default(),
            launches: 0,
            last_fault: String::new(),
            imports: Vec::new(),
            handles: 0,
        }
    }

    pub fn is_traced(&self) -> bool {
        self.trace.is_some() || self.trace_file.is_some()
    }

    /// Notes a call.
    pub fn note(&mut self, line: &str) {
        if let Some(trace) = &mut self.trace {
            trace.push_str(line);
        }
        if let Some(file) = &mut self.trace_file
            && let Err(why) = file.write_all(line.as_bytes())
        {
            eprintln!("fakecuda: FAKECUDA_TRACE: {why}");
            self.trace_file = None;
        }
    }

    /// A handle that nothing else has or had: using one as what it is not is found out.
    pub fn handle(&mut self) -> usize {
        self.handles += 1;
        0x0F4E_0000_0000 + 0x40 * self.handles
    }

    /// Starts anew with `config`, but hands out no handle twice.
    pub fn restart(&mut self, config: Config) {
        let (handles, next) = (self.handles, self.queues.next);
        self.memory.forget_all();
        *self = Self::new(config);
        self.handles = handles;
        self.queues.next = next;
        changed();
    }
}

thread_local! {
    static ACROSS_FORK: RefCell<Option<Guard>> = const { RefCell::new(None) };
}

/// From now on a fork happens with the lock held, so that the child finds it free, and leaves a child without CUDA.
pub fn prepare_for_forks() {
    extern "C" fn before() {
        let guard = lock();
        ACROSS_FORK.set(Some(guard));
    }
    extern "C" fn in_parent() {
        ACROSS_FORK.take();
    }
    extern "C" fn in_child() {
        if let Some(mut state) = ACROSS_FORK.take() {
            state.forked = state.initialised;
        }
    }
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        // SAFETY: three functions that live as long as this library, which nobody unloads.
        let failed = unsafe { libc::pthread_atfork(Some(before), Some(in_parent), Some(in_child)) };
        assert_eq!(failed, 0, "no memory for the fork handlers");
    });
}
