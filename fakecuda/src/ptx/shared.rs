//! The shared memory of a block, which knows who touched each byte since the last barrier.
//!
//! Threads run one after another, so that a missing barrier could go unseen by luck. Here it cannot: a thread that reads
//! what another one wrote, or writes what another one read or wrote, with no barrier between the two, is an error.

/// Who touched a byte last, and when.
#[derive(Clone, Copy, Default)]
struct Mark {
    /// Counts barriers of the block, over all blocks of a launch. 0 is before the first.
    phase: u32,
    thread: u32,
    /// Counts meetings of the thread's warp.
    meeting: u32,
}

/// A mark for more than one thread.
const SEVERAL: u32 = u32::MAX;

/// The thread that touches memory now.
#[derive(Clone, Copy)]
pub(super) struct Who {
    pub thread: u32,
    pub meeting: u32,
}

pub(super) struct Shared {
    bytes: Vec<u8>,
    written: Vec<Mark>,
    read: Vec<Mark>,
    phase: u32,
}

impl Shared {
    pub(super) fn new(bytes: usize) -> Self {
        let none = vec![Mark::default(); bytes];
        Self { bytes: vec![0; bytes], written: none.clone(), read: none, phase: 0 }
    }

    /// The memory of another block.
    pub(super) fn renew(&mut self) {
        self.bytes.fill(0xa5);
        self.phase += 1;
    }

    /// All threads of the block have met.
    pub(super) fn barrier(&mut self) {
        self.phase += 1;
    }

    fn conflicts(&self, mark: Mark, who: Who) -> bool {
        let same_warp = mark.thread != SEVERAL && mark.thread / 32 == who.thread / 32;
        mark.phase == self.phase && mark.thread != who.thread && !(same_warp && mark.meeting != who.meeting)
    }

    /// The bytes that a thread reads.
    pub(super) fn read(&mut self, start: usize, length: usize, who: Who) -> Result<&[u8], String> {
        let range = self.range(start, length)?;
        for at in range.clone() {
            if self.conflicts(self.written[at], who) {
                return Err(race("reads", at, "wrote", self.written[at]));
            }
            let several = self.read[at].phase == self.phase && self.read[at].thread != who.thread;
            let thread = if several { SEVERAL } else { who.thread };
            self.read[at] = Mark { phase: self.phase, thread, meeting: who.meeting };
        }
        Ok(&self.bytes[range])
    }

    /// Writes. Two threads may write the same value to one place, as they do to raise a flag.
    pub(super) fn write(&mut self, start: usize, values: &[u8], who: Who) -> Result<(), String> {
        let range = self.range(start, values.len())?;
        for (at, value) in range.zip(values) {
            if self.conflicts(self.written[at], who) && self.bytes[at] != *value {
                return Err(race("writes", at, "wrote", self.written[at]));
            }
            if self.conflicts(self.read[at], who) {
                return Err(race("writes", at, "read", self.read[at]));
            }
            self.written[at] = Mark { phase: self.phase, thread: who.thread, meeting: who.meeting };
            self.bytes[at] = *value;
        }
        Ok(())
    }

    /// The bytes for an update that no other thread can come between. Updates do not race with each other.
    pub(super) fn update(&mut self, start: usize, length: usize) -> Result<&mut [u8], String> {
        let range = self.range(start, length)?;
        Ok(&mut self.bytes[range])
    }

    fn range(&self, start: usize, length: usize) -> Result<std::ops::Range<usize>, String> {
        match start.checked_add(length) {
            Some(end) if end <= self.bytes.len() => Ok(start..end),
            _ => Err(format!(
                "{length} bytes at {start:#x} are not in the {} of shared memory",
                self.bytes.len()
            )),
        }
    }
}

fn race(does: &str, at: usize, did: &str, mark: Mark) -> String {
    let other = match mark.thread {
        SEVERAL => "others".into(),
        thread => format!("thread {thread}"),
    };
    format!("{does} shared memory at {at:#x}, which {other} {did} with no barrier in between")
}
