//! Execution of one thread, from one meeting with others to the next.

use super::{
    Counts,
    code::{self, Code},
    shared::{Shared, Who},
    step::{Access, Compare, Instruction, Slot, Space, Step, Wait},
    traffic::Touch,
};

/// Says whether a kernel may touch so many bytes of the device's memory: (address, bytes, whether it writes).
pub(super) type Check<'a> = dyn FnMut(usize, usize, bool) -> bool + 'a;

/// A thread that has run so many instructions is taken for one that does not end.
const ENDLESS: u64 = 1 << 32;

/// What threads of a launch have in common.
pub(super) struct Machine<'a> {
    pub code: &'a Code,
    pub params: &'a [u8],
    pub check: &'a mut Check<'a>,
    pub counts: Counts,
    pub shared: Shared,
    /// Where accesses are noted, if they are to be.
    pub touches: Option<Vec<Touch>>,
}

/// Where a thread stopped.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stop {
    Exit,
    Wait(Wait),
}

/// A thread's own memory.
pub(super) struct Own<'a> {
    pub slots: &'a mut [u64],
    pub local: &'a mut [u8],
    pub who: Who,
    /// The instruction after the one that runs.
    pub at: usize,
}

/// The bytes of a vector access.
type Bytes = [u8; 16];

impl Machine<'_> {
    /// Runs from the instruction `*at` on, and leaves there the one that follows.
    pub(super) fn run(&mut self, own: &mut Own, at: &mut usize) -> Result<Stop, String> {
        let code = self.code;
        let began = self.counts.instructions;
        loop {
            let Instruction { guard, step } = &code.instructions[*at];
            *at += 1;
            self.counts.instructions += 1;
            if let Some((predicate, wanted)) = guard
                && (own.slots[*predicate as usize] & 1 == 1) != *wanted
            {
                continue;
            }
            match step {
                Step::Compute { function, to, from } => {
                    let [a, b, c, d] = from.map(|slot| own.slots[slot as usize]);
                    own.slots[*to as usize] = function(a, b, c, d);
                }
                Step::Compare(compare) => compare.run(own.slots),
                Step::Load(access) => {
                    own.at = *at;
                    self.load(own, access)?
                }
                Step::Store(access) => {
                    own.at = *at;
                    self.store(own, access)?
                }
                Step::Branch(target) => {
                    *at = *target as usize;
                    if self.counts.instructions - began > ENDLESS {
                        return Err("the thread does not end".into());
                    }
                }
                Step::Wait(wait) => return Ok(Stop::Wait(*wait)),
                Step::Exit => return Ok(Stop::Exit),
                Step::Nothing => {}
                rare => self.rare(own, rare, at)?,
            }
        }
    }

    /// The instructions that are not worth a place in the loop.
    fn rare(&mut self, own: &mut Own, step: &Step, at: &mut usize) -> Result<(), String> {
        let get = |slots: &[u64], slot: Slot| slots[slot as usize];
        match step {
            Step::Convert { conversion, to, from } => {
                let [a, b] = from.map(|slot| get(own.slots, slot));
                own.slots[*to as usize] = conversion.convert(a, b);
            }
            Step::Divide { function, bytes, to, from } => {
                let [a, b] = from.map(|slot| get(own.slots, slot));
                if b << (64 - 8 * bytes) == 0 {
                    return Err("division by zero".into());
                }
                own.slots[*to as usize] = function(a, b, 0, 0);
            }
            Step::Pack { bits, count, to, from } => {
                let parts = from[..*count as usize].iter().rev();
                own.slots[*to as usize] =
                    parts.fold(0, |all, slot| all << bits | get(own.slots, *slot) & ((1 << bits) - 1));
            }
            Step::Unpack { bits, count, to, from } => {
                let value = get(own.slots, *from);
                for (place, slot) in to[..*count as usize].iter().enumerate() {
                    own.slots[*slot as usize] = value >> (*bits as usize * place) & ((1 << bits) - 1);
                }
            }
            Step::Table { index, first, count } => {
                let index = get(own.slots, *index) as u32;
                if index >= *count {
                    return Err(format!("jump to entry {index} of {count}"));
                }
                *at = self.code.targets[(first + index) as usize] as usize;
            }
            Step::Update { function, access } => {
                own.at = *at;
                let [a, b] = [access.values[1], access.values[2]].map(|slot| get(own.slots, slot));
                let old = self.update(own, access, &|old| function(old, a, b, 0))?;
                own.slots[access.values[0] as usize] = old;
            }
            other => unreachable!("{other:?} is run by the loop"),
        }
        Ok(())
    }

    fn load(&mut self, own: &mut Own, access: &Access) -> Result<(), String> {
        let address = own.slots[access.address as usize].wrapping_add_signed(access.offset.into());
        let width = access.bytes as usize;
        let bytes = self.read(own, access, address)?;
        for (place, slot) in access.values[..access.count as usize].iter().enumerate() {
            let value = from_bytes(&bytes[place * width..][..width]);
            let unused = 64 - 8 * width as u32;
            own.slots[*slot as usize] =
                if access.signed { ((value << unused) as i64 >> unused) as u64 } else { value };
        }
        Ok(())
    }

    fn read(&mut self, own: &Own, access: &Access, address: u64) -> Result<Bytes, String> {
        let length = access.bytes as usize * access.count as usize;
        let mut bytes = [0; 16];
        let (space, start) = self.place(access, address, length)?;
        let from = match space {
            Space::Shared => {
                self.note(own, true, start, length);
                self.shared.read(start, length, own.who)?
            }
            Space::Local => {
                self.counts.local += 1;
                within(own.local, start, length, "local memory")?
            }
            Space::Parameters => within(self.params, start, length, "the parameters")?,
            _ if code::window(address) == code::MODULE => {
                within(&self.code.variables, start, length, "the module's variables")?
            }
            _ => {
                self.touch(own, start, length, false)?;
                // SAFETY: the caller of `Kernel::launch` guarantees that memory of which its check says that it may be
                // read can be read until the launch has ended, and that nobody writes it meanwhile.
                unsafe { std::slice::from_raw_parts(start as *const u8, length) }
            }
        };
        bytes[..length].copy_from_slice(from);
        Ok(bytes)
    }

    fn store(&mut self, own: &mut Own, access: &Access) -> Result<(), String> {
        let address = own.slots[access.address as usize].wrapping_add_signed(access.offset.into());
        let width = access.bytes as usize;
        let mut bytes = [0; 16];
        for (place, slot) in access.values[..access.count as usize].iter().enumerate() {
            let value = own.slots[*slot as usize].to_le_bytes();
            bytes[place * width..][..width].copy_from_slice(&value[..width]);
        }
        let length = width * access.count as usize;
        let (space, start) = self.place(access, address, length)?;
        match space {
            Space::Shared => {
                self.note(own, true, start, length);
                self.shared.write(start, &bytes[..length], own.who)
            }
            Space::Local => {
                self.counts.local += 1;
                within(own.local, start, length, "local memory")?;
                own.local[start..start + length].copy_from_slice(&bytes[..length]);
                Ok(())
            }
            Space::Parameters => Err("writes to the parameters".into()),
            _ if code::window(address) == code::MODULE => Err("writes to the module's variables".into()),
            _ => {
                self.touch(own, start, length, true)?;
                // SAFETY: as in `read`, for writing.
                unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), start as *mut u8, length) };
                Ok(())
            }
        }
    }

    /// Replaces a value in memory and returns the old one.
    fn update(&mut self, own: &Own, access: &Access, new: &dyn Fn(u64) -> u64) -> Result<u64, String> {
        let address = own.slots[access.address as usize].wrapping_add_signed(access.offset.into());
        let length = access.bytes as usize;
        let (space, start) = self.place(access, address, length)?;
        let memory = match space {
            Space::Shared => {
                self.note(own, true, start, length);
                self.shared.update(start, length)?
            }
            Space::Global if code::window(address) != code::MODULE => {
                self.touch(own, start, length, true)?;
                // SAFETY: as in `read`, for reading and writing.
                unsafe { std::slice::from_raw_parts_mut(start as *mut u8, length) }
            }
            _ => return Err("updates memory that is neither the device's nor shared".into()),
        };
        let old = from_bytes(memory);
        memory.copy_from_slice(&new(old).to_le_bytes()[..length]);
        Ok(old)
    }

    /// The space that an address is in, and where it is there.
    fn place(&self, access: &Access, address: u64, length: usize) -> Result<(Space, usize), String> {
        if !address.is_multiple_of(length as u64) {
            return Err(format!("misaligned access of {length} bytes at {address:#x}"));
        }
        let window = code::window(address);
        let space = match access.space {
            Space::Generic if window == code::SHARED => Space::Shared,
            Space::Generic if window == code::LOCAL => Space::Local,
            Space::Generic if window == code::PARAMETERS => Space::Parameters,
            Space::Generic => Space::Global,
            named => {
                return Ok((
                    named,
                    (if window == code::MODULE { address - window } else { address }) as usize,
                ));
            }
        };
        let outside = space == Space::Global && window != code::MODULE;
        Ok((space, (if outside { address } else { address - window }) as usize))
    }

    /// Counts an access.
    fn note(&mut self, own: &Own, shared: bool, start: usize, length: usize) {
        *(if shared { &mut self.counts.shared } else { &mut self.counts.global }) += 1;
        if let Some(touches) = &mut self.touches {
            let (at, thread, bytes) = (own.at as u32, own.who.thread, length as u8);
            touches.push(Touch { at, thread, shared, address: start, bytes });
        }
    }

    fn touch(&mut self, own: &Own, start: usize, length: usize, write: bool) -> Result<(), String> {
        self.note(own, false, start, length);
        if (self.check)(start, length, write) {
            return Ok(());
        }
        let verb = if write { "write" } else { "read" };
        Err(format!("illegal {verb} of {length} bytes at {start:#x}"))
    }
}

impl Compare {
    fn run(&self, slots: &mut [u64]) {
        let [a, b, c] = [self.a, self.b, self.c].map(|slot| slots[slot as usize]);
        let truth = (self.test)(a, b, 0, 0);
        let c = (c ^ u64::from(self.negate_c)) & 1;
        let join = |truth| self.join.map_or(truth, |join| join(truth, c, 0, 0));
        slots[self.opposite as usize] = join(truth ^ 1);
        slots[self.to as usize] = join(truth);
    }
}

fn within<'a>(memory: &'a [u8], start: usize, length: usize, what: &str) -> Result<&'a [u8], String> {
    let range = start..start.saturating_add(length);
    memory
        .get(range)
        .ok_or_else(|| format!("{length} bytes at {start:#x} are not in the {} of {what}", memory.len()))
}

fn from_bytes(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    word[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(word)
}
