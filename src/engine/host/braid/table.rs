//! The table of a braid: where each byte of a round comes from.

use super::{Groups, PIECES, Side, WIDEST};

/// One round of a kernel.
#[derive(Clone, Copy)]
pub struct Table {
    /// Bytes of a register, at most [`WIDEST`].
    pub width: usize,
    /// Registers of the source and of the target.
    pub pieces: [usize; 2],
    /// Groups that a round moves.
    pub groups: usize,
    /// For each byte of the target the byte of the source, counted through its registers.
    pub origin: [[u8; WIDEST]; PIECES],
    /// Which bytes of the target are written.
    pub keep: [u64; PIECES],
}

/// A line in a register: the quotients and places of bytes, in 16 bits each.
struct Line {
    /// Reciprocals of the bytes of a group and of those from word to word in the target, in units of 2^-15.
    by: [u16; 2],
    /// What they are reciprocals of.
    of: [u16; 2],
    /// From group to group and from word to word of the source, and the place of the first word.
    steps: [u16; 2],
    start: u16,
    /// What turns the place of a byte in its word.
    turned: u16,
    /// The byte of the target that is the first one of the register, and its word.
    first: u16,
    word: u16,
}

impl Line {
    /// The places in the source of the bytes of a register of the target. Of bytes that are not kept they mean nothing.
    #[inline(always)]
    fn origins(&self, origins: &mut [u8]) {
        for (b, origin) in origins.iter_mut().enumerate() {
            let at = self.first.wrapping_add(b as u16);
            // Exact, for there are at most 256 bytes and 64 in a group.
            let quotient = |n: u16, by: u16| ((u32::from(2 * n) * u32::from(by)) >> 16) as u16;
            let group = quotient(at, self.by[0]);
            let at = at.wrapping_sub(group.wrapping_mul(self.of[0]));
            let word = quotient(at, self.by[1]);
            let byte = at.wrapping_sub(word.wrapping_mul(self.of[1])) ^ self.turned;
            let place = group
                .wrapping_mul(self.steps[0])
                .wrapping_add(word.wrapping_add(self.word).wrapping_mul(self.steps[1]));
            *origin = place.wrapping_add(byte).wrapping_add(self.start) as u8;
        }
    }

    /// # Safety
    /// The processor has AVX2.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    unsafe fn origins_avx2(&self, origins: &mut [u8; WIDEST]) {
        self.origins(origins);
    }
}

/// Writes down where each byte comes from.
pub fn fill(table: &mut Table, groups: &Groups, [source, target]: &[Side; 2], dense: bool) {
    let Table { width, pieces: [from_pieces, to_pieces], groups: per_round, .. } = *table;
    let (word, words) = (groups.word, groups.words);
    let (group, inner) = match (target.planes, words) {
        (true, _) => (word, word),
        (false, 1) => (target.group as usize, target.group as usize),
        (false, _) => (target.group as usize, target.word as usize),
    };
    let window = if source.planes { width } else { from_pieces * width };
    let start = if source.group < 0 { window - source.used } else { 0 };
    let start = start as isize - source.lowest(words);
    let step = if source.planes { width as isize } else { source.word };
    let mut line = Line {
        by: [group, inner].map(|n| 32768usize.div_ceil(n) as u16),
        of: [group as u16, inner as u16],
        steps: [source.group as u16, step as u16],
        start: start as u16,
        turned: groups.part as u16 - 1,
        first: 0,
        word: 0,
    };
    let bytes = per_round * group;
    for piece in 0..to_pieces {
        (line.first, line.word) = if target.planes { (0, piece as u16) } else { ((piece * width) as u16, 0) };
        // SAFETY: tables are made for processors that have it.
        #[cfg(target_arch = "x86_64")]
        unsafe {
            line.origins_avx2(&mut table.origin[piece])
        };
        #[cfg(not(target_arch = "x86_64"))]
        line.origins(&mut table.origin[piece]);
        table.keep[piece] = match bytes.saturating_sub(line.first.into()) {
            0 => 0,
            left => u64::MAX >> (64 - left.min(width)),
        };
    }
    if !dense {
        table.keep = [0; PIECES];
        for (j, i) in (0..per_round).flat_map(|j| (0..words).map(move |i| (j, i))) {
            let at = j * group + i * inner;
            for at in at..at + word {
                table.keep[at / width] |= 1 << (at % width);
            }
        }
    }
}
