//! One line per step with its time; the output of a command is shown when it fails.

use std::{
    cell::Cell,
    env,
    ffi::OsString,
    io::{self, Read, Write},
    process::{Command, Stdio},
    time::Instant,
};

/// Why a verb ends early.
pub enum Stop {
    /// One line: what is wrong and what to do.
    Error(String),
    /// A failure that the output already shows.
    Failed,
    /// A verb whose content does not exist yet.
    NotBuilt(String),
    /// A command line that makes no sense.
    Usage(String),
}

pub type Result<T> = std::result::Result<T, Stop>;
pub type Verdict = Result<()>;

pub fn error<T>(line: impl Into<String>) -> Result<T> {
    Err(Stop::Error(line.into()))
}

/// What a finished command said.
pub struct Finished {
    pub ok: bool,
    /// Standard output and standard error, in the order they were written.
    pub text: String,
    /// "exit status: 101" or the signal.
    pub status: String,
}

pub struct Progress {
    start: Instant,
    verbose: bool,
    line_open: Cell<bool>,
}

impl Progress {
    pub fn new(verbose: bool) -> Self {
        Self { start: Instant::now(), verbose, line_open: Cell::new(false) }
    }

    /// Prints a line of its own.
    pub fn say(&self, line: &str) {
        put(&format!("[{:6.1} s] {line}\n", self.start.elapsed().as_secs_f64()));
    }

    /// Runs a command as the step `name`, and shows its output if it fails.
    pub fn run(&self, name: &str, command: &mut Command) -> Result<Finished> {
        self.open(name);
        let began = Instant::now();
        let finished = capture(command, self.verbose)?;
        let seconds = began.elapsed().as_secs_f64();
        if finished.ok {
            self.close(&format!("ok, {seconds:.1} s"));
        } else {
            self.close(&format!("FAILED, {seconds:.1} s, {}", finished.status));
            put(&format!("$ {}\n", display(command)));
            if !self.verbose {
                put(&finished.text);
            }
        }
        Ok(finished)
    }

    /// Like `run`, for a step that the rest cannot do without.
    pub fn must(&self, name: &str, command: &mut Command) -> Result<Finished> {
        let finished = self.run(name, command)?;
        if finished.ok { Ok(finished) } else { error(format!("could not {name}: the output is above")) }
    }

    /// Runs a command whose output is what the user asked to see.
    pub fn show(&self, name: &str, command: &mut Command) -> Verdict {
        self.say(name);
        let finished = capture(command, true)?;
        if finished.ok { Ok(()) } else { error(format!("could not {name}: {}", finished.status)) }
    }

    fn open(&self, name: &str) {
        let end = if self.verbose { "\n" } else { " ... " };
        put(&format!("[{:6.1} s] {name}{end}", self.start.elapsed().as_secs_f64()));
        self.line_open.set(!self.verbose);
    }

    fn close(&self, verdict: &str) {
        if self.line_open.replace(false) {
            put(&format!("{verdict}\n"));
        } else {
            self.say(verdict);
        }
    }
}

/// Runs a command without standard input, gathering both its outputs, and passing them on if `stream`.
pub fn capture(command: &mut Command, stream: bool) -> Result<Finished> {
    let failed = |what: &str, why: io::Error| Stop::Error(format!("{what}: {why}"));
    let (mut reader, writer) = io::pipe().map_err(|why| failed("cannot make a pipe", why))?;
    let both = writer.try_clone().map_err(|why| failed("cannot make a pipe", why))?;
    let program = command.get_program().display().to_string();
    if let Some(path) = library_path() {
        command.env("LD_LIBRARY_PATH", path);
    }
    let spawned = command.stdin(Stdio::null()).stdout(writer).stderr(both).spawn();
    // The command holds the pipe's writing ends until they are replaced: reading would never end.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = spawned.map_err(|why| failed(&format!("cannot run `{program}`"), why))?;
    let mut bytes = Vec::new();
    let mut buffer = [0; 8192];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => {
                bytes.extend_from_slice(&buffer[..count]);
                if stream {
                    put_bytes(&buffer[..count]);
                }
            }
            Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
            Err(why) => return Err(failed(&format!("cannot read from `{program}`"), why)),
        }
    }
    let status = child.wait().map_err(|why| failed(&format!("cannot wait for `{program}`"), why))?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Ok(Finished { ok: status.success(), text, status: status.to_string() })
}

/// Where the loader is to look, without what `cargo run` put there for this program: a debug library of ours in that
/// folder would be loaded instead of the one that a test program was linked with.
fn library_path() -> Option<OsString> {
    let own = env::current_exe().ok()?;
    let own = own.parent()?;
    let paths = env::var_os("LD_LIBRARY_PATH")?;
    env::join_paths(env::split_paths(&paths).filter(|path| !path.starts_with(own))).ok()
}

fn put(text: &str) {
    put_bytes(text.as_bytes());
}

/// Shows bytes at once. Nobody reading them any more is no reason to stop working.
fn put_bytes(bytes: &[u8]) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(bytes).and_then(|()| out.flush());
}

fn display(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}
