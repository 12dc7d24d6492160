//! What is pretended: read from `FAKECUDA_*` once, changed by `fakecuda_configure`.

use std::env;

/// When queued work runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// When somebody waits for what depends on it.
    Lazy,
    /// After a random delay, on a thread per stream.
    Threads,
    /// At once.
    Eager,
}

#[derive(Clone, Debug)]
pub struct Config {
    pub mode: Mode,
    pub devices: usize,
    /// As `cuDriverGetVersion` tells it.
    pub driver: i32,
    /// Compute capability, 90 for 9.0.
    pub capability: i32,
    pub multiprocessors: i32,
    /// Bytes a device.
    pub memory: usize,
    pub pools: bool,
    pub peers: bool,
    /// Functions that `cuGetProcAddress` does not find.
    pub hidden: Vec<String>,
}

impl Config {
    const KEYS: [&str; 9] =
        ["mode", "devices", "driver", "cc", "multiprocessors", "memory", "pools", "peers", "hide"];

    fn new() -> Self {
        Self {
            mode: Mode::Lazy,
            devices: 1,
            driver: 13000,
            capability: 90,
            multiprocessors: 132,
            memory: 8 << 30,
            pools: true,
            peers: true,
            hidden: Vec::new(),
        }
    }

    /// The defaults with what the environment says. What it says wrongly is told on standard error, and fatal: a test
    /// that runs with another driver than it asked for proves nothing.
    pub fn of_environment() -> Self {
        let mut config = Self::new();
        for (variable, value) in env::vars_os() {
            let (variable, value) = (variable.to_string_lossy(), value.to_string_lossy());
            let Some(key) = variable.strip_prefix("FAKECUDA_").filter(|key| *key != "TRACE") else {
                continue;
            };
            if let Err(why) = config.set(&key.to_lowercase(), &value) {
                eprintln!("fakecuda: {variable}: {why}");
                std::process::abort();
            }
        }
        config
    }

    /// Applies `key=value;key=value`.
    pub fn apply(&mut self, text: &str) -> Result<(), String> {
        let mut changed = self.clone();
        for pair in text.split(';').filter(|pair| !pair.trim().is_empty()) {
            let (key, value) = pair.split_once('=').ok_or(format!("`{pair}` is not key=value"))?;
            changed.set(key.trim(), value.trim())?;
        }
        *self = changed;
        Ok(())
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        match key {
            "mode" => {
                self.mode = match value {
                    "lazy" => Mode::Lazy,
                    "threads" => Mode::Threads,
                    "eager" => Mode::Eager,
                    _ => return Err(format!("`{value}` is not lazy, threads or eager")),
                }
            }
            "devices" => self.devices = number(value)?,
            "driver" => self.driver = number(value)?,
            "cc" => self.capability = number(value)?,
            "multiprocessors" => self.multiprocessors = number(value)?,
            "memory" => self.memory = number(value)?,
            "pools" => self.pools = number::<u8>(value)? != 0,
            "peers" => self.peers = number::<u8>(value)? != 0,
            "hide" => self.hidden = value.split(',').map(|name| name.trim().to_owned()).collect(),
            _ => return Err(format!("`{key}` is none of {}", Self::KEYS.join(", "))),
        }
        Ok(())
    }
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("`{text}` is not such a number"))
}
