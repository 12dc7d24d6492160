//! A job in words, and how fast it is expected to be.
#![forbid(unsafe_code)]

use super::isa::Isa;
use super::memory::Mover;
use super::run::{Act, Job};
use super::sheet::Turn;
use super::way::{Way, is_large};
use crate::engine::plan::Plan;

/// Speeds as parts of memcpy's, when everything stays in the caches and when it does not. Measured by
/// `benches/engine/expected.py` and `run.py` on one core of one machine (x86-64 with AVX-512), and rounded to what says
/// something about others: single cases lie up to three times as high or as low.
type Speed = [f32; 2];

const COPY: Speed = [1.0, 1.2];
const CONVERT: Speed = [0.5, 0.7];
const LOOPS: Speed = [0.3, 0.4];
const WEAVE: Speed = [0.7, 0.9];
const SHEET: Speed = [0.5, 0.4];
const SHEET_CONVERT: Speed = [0.2, 0.2];
const BLOCKS: Speed = [0.4, 0.5];
const TURNED: Speed = [0.1, 0.1];
const BYTES: Speed = [0.2, 0.2];
const BITS: Speed = [0.03, 0.05];

impl Job<'_> {
    /// The order in which scalars are visited.
    pub fn way_name(&self) -> String {
        match self.way {
            Way::Rows { .. } => "rows, one after the other".into(),
            Way::Fill { .. } => "rows of one word each".into(),
            Way::Words { .. } => "words, in an order that suits both sides".into(),
            Way::Patches { .. } => "patches of runs of both sides".into(),
            Way::Groups { .. } => "small groups of words".into(),
            Way::Gathered => "rows, brought together in a tile".into(),
            Way::Sheets(_) => "sheets whose rows become columns".into(),
            Way::Tiles { .. } => "sheets whose rows become columns, through tiles".into(),
            Way::Turned => "blocks whose rows become columns, turned in a tile".into(),
            Way::Chunks { .. } => "runs of the target, copied into a room first".into(),
            Way::Blocks { limit: usize::MAX } => "planes".into(),
            Way::Blocks { limit } => format!("blocks of up to {limit} scalars"),
        }
    }

    /// What is done with the scalars there, and the instructions that it may use.
    pub fn kernel_name(&self) -> String {
        let in_runs = matches!(self.way, Way::Rows { .. } | Way::Tiles { .. });
        let act = match self.act {
            Act::Move(Mover::Word(_) | Mover::Bytes { part: 1, .. }) if in_runs => "copy runs".into(),
            Act::Move(mover) => mover.name(),
            Act::Convert(run, _) => run.name(),
        };
        let names = match self.way {
            Way::Sheets(turn) => turn.name(),
            Way::Tiles { turn, .. } => format!("{}, {act}", turn.name()),
            Way::Patches { .. } | Way::Turned => format!("transpose, {act}"),
            Way::Chunks { .. } => format!("copy, {act}"),
            Way::Groups { .. } => "shuffle words in registers".into(),
            Way::Fill { .. } => format!("repeat, {act}"),
            Way::Rows { .. } | Way::Words { .. } | Way::Gathered | Way::Blocks { .. } => act,
        };
        format!("{names} (up to {})", Isa::chosen().name())
    }

    /// Whether the target is written past the caches.
    pub fn streams(&self) -> bool {
        let in_runs = match self.act {
            Act::Move(mover) => matches!(mover, Mover::Word(_)),
            Act::Convert(..) => true,
        };
        match self.way {
            Way::Rows { streams }
            | Way::Fill { streams }
            | Way::Words { streams }
            | Way::Patches { streams }
            | Way::Groups { streams }
            | Way::Chunks { streams } => streams,
            Way::Tiles { is_large, .. } => is_large && in_runs,
            Way::Gathered => true,
            Way::Sheets(_) | Way::Turned | Way::Blocks { .. } => false,
        }
    }

    /// The part of memcpy's speed that may be expected on `plan`. It says which of two jobs is the fast one; it is no
    /// measurement of this one.
    pub fn expected_speed(&self, plan: &Plan) -> f32 {
        let moved = |turn: Turn| if turn.is_weave() { WEAVE } else { SHEET };
        let speed = match (self.act, self.way) {
            (Act::Move(Mover::Bits { .. }), _) => BITS,
            (Act::Move(_), Way::Rows { .. } | Way::Fill { .. }) => COPY,
            (Act::Move(_), Way::Groups { .. }) => WEAVE,
            (Act::Move(_), Way::Patches { .. }) => SHEET,
            (Act::Move(_), Way::Sheets(turn)) => moved(turn),
            (Act::Move(Mover::Word(_)), Way::Tiles { turn, .. }) => moved(turn),
            (Act::Move(_), Way::Tiles { .. } | Way::Turned) => TURNED,
            (Act::Move(Mover::Bytes { .. }), _) => BYTES,
            (Act::Move(_), _) => BLOCKS,
            (Act::Convert(run, _), _) if run.loops() > 1 => LOOPS,
            (Act::Convert(..), Way::Rows { .. }) => CONVERT,
            (Act::Convert(..), Way::Tiles { turn, .. }) if turn.is_weave() => CONVERT,
            (Act::Convert(..), Way::Tiles { .. } | Way::Patches { .. }) => SHEET_CONVERT,
            (Act::Convert(..), _) => BLOCKS,
        };
        let is_large = match self.way {
            Way::Tiles { is_large, .. } | Way::Patches { streams: is_large } => is_large,
            _ => is_large(plan, [self.source.bytes(), self.target.bytes()]),
        };
        speed[usize::from(is_large)]
    }
}

impl Mover {
    fn name(self) -> String {
        match self {
            Self::Word(size) => format!("move words of {size} B"),
            Self::Reversed(size) => format!("turn words of {size} B"),
            Self::Bytes { size, part: 1 } => format!("move {size} B"),
            Self::Bytes { size, part } => format!("move {size} B, turned {part} at a time"),
            Self::Bits { bits, .. } => format!("move {bits} bits"),
        }
    }
}
