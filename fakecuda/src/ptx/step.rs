//! Instructions as they are executed: every operand is the number of a slot.

use super::convert::Conversion;

/// Where a thread keeps a register, a constant or one of its coordinates.
pub(super) type Slot = u32;

/// Results that nobody wants go here; operands that an instruction lacks are read from here.
pub(super) const SINK: Slot = 0;

/// What an instruction makes of the values of its operands. Each reads as many bits as its type has, and returns no more.
pub(super) type Function = fn(u64, u64, u64, u64) -> u64;

#[derive(Clone, Debug)]
pub(super) struct Instruction {
    /// A predicate, and what it must be for the instruction to have an effect.
    pub guard: Option<(Slot, bool)>,
    pub step: Step,
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    Compute {
        function: Function,
        to: Slot,
        from: [Slot; 4],
    },
    /// Division: the second operand, of so many bytes, must not be zero.
    Divide {
        function: Function,
        bytes: u8,
        to: Slot,
        from: [Slot; 2],
    },
    Compare(Box<Compare>),
    /// A conversion that the processor does not have.
    Convert {
        conversion: Box<Conversion>,
        to: Slot,
        from: [Slot; 2],
    },
    /// Cuts a value into parts of so many bits.
    Unpack {
        bits: u8,
        count: u8,
        to: [Slot; 4],
        from: Slot,
    },
    Pack {
        bits: u8,
        count: u8,
        to: Slot,
        from: [Slot; 4],
    },
    Load(Access),
    Store(Access),
    /// Replaces what is in memory by a function of it and of the operands.
    Update {
        function: Function,
        access: Access,
    },
    Branch(u32),
    /// To one of the places that follow in `Code::targets`.
    Table {
        index: Slot,
        first: u32,
        count: u32,
    },
    Wait(Wait),
    Exit,
    /// What has no effect that could be seen here.
    Nothing,
}

/// Sets `to` to `test(a, b) join c`, and `opposite` to `!test(a, b) join c`.
#[derive(Clone, Debug)]
pub(super) struct Compare {
    pub test: Function,
    pub join: Option<Function>,
    pub to: Slot,
    pub opposite: Slot,
    pub a: Slot,
    pub b: Slot,
    pub c: Slot,
    pub negate_c: bool,
}

/// A load or store of one value or a vector.
#[derive(Clone, Copy, Debug)]
pub(super) struct Access {
    pub space: Space,
    /// Of one value.
    pub bytes: u8,
    pub count: u8,
    pub signed: bool,
    pub address: Slot,
    pub offset: i32,
    /// Where the values go or come from; of an update: where the old value goes, and two operands.
    pub values: [Slot; 4],
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Space {
    /// Memory of the device, and what a module declares.
    Global,
    Shared,
    Local,
    Parameters,
    /// Any of these, by the address.
    Generic,
}

/// An instruction at which threads wait for each other.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wait {
    /// For all threads of the block; they may combine a value.
    Block { combine: Combine, to: Slot, from: Slot, negate: bool },
    /// For the threads of the warp that a mask names.
    Warp { mask: Slot, exchange: Exchange },
}

/// What a barrier finds out about a predicate of its threads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Combine {
    Nothing,
    All,
    Any,
    Count,
}

/// What threads of a warp give each other.
#[derive(Clone, Copy, Debug)]
pub(super) enum Exchange {
    Nothing,
    Vote { vote: Vote, to: Slot, from: Slot, negate: bool },
    Shuffle { mode: Shuffle, to: Slot, inside: Slot, from: Slot, lane: Slot, clamp: Slot },
    Reduce { function: Function, to: Slot, from: Slot },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Vote {
    All,
    Any,
    Uniform,
    Ballot,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Shuffle {
    Up,
    Down,
    Butterfly,
    Index,
}
