//! The kernels' PTX: kept small in the library by LZMA, and made text again when a context first needs a family. Its code is to be
//! small rather than fast.
#![forbid(unsafe_code)]

use std::ffi::CString;

use crate::error::{Result, bail};

/// A family's PTX as `build.rs` leaves it: the bytes of the text as 32 bits, the lowest first, then a bare LZMA stream.
macro_rules! packed {
    ($($stem:literal),+) => {
        include_bytes!(concat!(env!("OUT_DIR"), "/", $($stem,)+ ".lzma"))
    };
}
pub(super) use packed;

/// The text that `packed` holds.
pub fn text(packed: &[u8]) -> Result<CString> {
    let text = packed
        .split_first_chunk()
        .and_then(|(size, stream)| Some(Decoder::new(stream)?.text(u32::from_le_bytes(*size) as usize)));
    match text.map(CString::new) {
        Some(Ok(text)) => Ok(text),
        _ => bail!(Internal, "embedded PTX of {} bytes is damaged", packed.len()),
    }
}

/// Bits of the byte before that a literal depends on. Positions play no part: `build.rs` says the same.
const CONTEXT: usize = 3;

/// How likely a bit is 0, out of 2048.
type Chance = u16;

/// Chances of the bits of numbers of so many bits, the highest first: one for each beginning of a number.
type Tree<const COUNT: usize> = [Chance; COUNT];

const EVEN: Chance = 1024;

/// The lengths of copies, from 2 on.
struct Lengths {
    kind: [Chance; 2],
    short: Tree<8>,
    middle: Tree<8>,
    long: Tree<256>,
}

impl Lengths {
    const EVEN: Self = Self { kind: [EVEN; 2], short: [EVEN; 8], middle: [EVEN; 8], long: [EVEN; 256] };
}

/// Bits out of bytes.
struct Coder<'a> {
    bytes: std::slice::Iter<'a, u8>,
    range: u32,
    code: u32,
}

impl Coder<'_> {
    fn shift(&mut self) {
        if self.range < 1 << 24 {
            self.range <<= 8;
            self.code = self.code << 8 | u32::from(self.bytes.next().copied().unwrap_or(0));
        }
    }

    /// A bit of which the chance is known, and better known afterwards.
    #[inline(never)]
    fn bit(&mut self, chance: &mut Chance) -> usize {
        let bound = (self.range >> 11) * u32::from(*chance);
        let bit = self.code >= bound;
        if bit {
            (self.range, self.code) = (self.range - bound, self.code - bound);
            *chance -= *chance >> 5;
        } else {
            self.range = bound;
            *chance += (2048 - *chance) >> 5;
        }
        self.shift();
        bit.into()
    }

    /// A number of so many bits, each as likely 0 as 1.
    fn plain(&mut self, bits: u32) -> usize {
        (0..bits).fold(0, |number, _| {
            self.range >>= 1;
            let bit = self.code >= self.range;
            self.code -= if bit { self.range } else { 0 };
            self.shift();
            number << 1 | usize::from(bit)
        })
    }

    /// A number of so many bits.
    #[inline(never)]
    fn number(&mut self, tree: &mut [Chance], bits: u32) -> usize {
        (0..bits).fold(1, |number, _| number << 1 | self.bit(&mut tree[number])) - (1 << bits)
    }

    /// A number of so many bits, the lowest first.
    fn backwards(&mut self, tree: &mut [Chance], bits: u32) -> usize {
        let mut at = 1;
        (0..bits).fold(0, |number, i| {
            let bit = self.bit(&mut tree[at]);
            at = at << 1 | bit;
            number | bit << i
        })
    }

    #[inline(never)]
    fn length(&mut self, of: &mut Lengths) -> usize {
        if self.bit(&mut of.kind[0]) == 0 {
            2 + self.number(&mut of.short, 3)
        } else if self.bit(&mut of.kind[1]) == 0 {
            10 + self.number(&mut of.middle, 3)
        } else {
            18 + self.number(&mut of.long, 8)
        }
    }
}

/// Reads a bare LZMA stream with 3 context bits for literals and none for positions.
struct Decoder<'a> {
    coder: Coder<'a>,
    literals: Vec<[Chance; 0x300]>,
    copies: [Chance; 12],
    repeats: [[Chance; 4]; 12],
    single: [Chance; 12],
    lengths: [Lengths; 2],
    slots: [Tree<64>; 4],
    distances: [Chance; 115],
    low_distances: Tree<16>,
    /// What the last few steps were.
    state: usize,
    /// The last four distances, the latest first; 0 is the byte before.
    last: [usize; 4],
}

impl<'a> Decoder<'a> {
    /// Nothing if the stream is too short to begin.
    fn new(stream: &'a [u8]) -> Option<Self> {
        let (head, rest) = stream.split_first_chunk::<5>()?;
        let code = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
        Some(Self {
            coder: Coder { bytes: rest.iter(), range: u32::MAX, code },
            literals: vec![[EVEN; 0x300]; 1 << CONTEXT],
            copies: [EVEN; 12],
            repeats: [[EVEN; 4]; 12],
            single: [EVEN; 12],
            lengths: [Lengths::EVEN; 2],
            slots: [[EVEN; 64]; 4],
            distances: [EVEN; 115],
            low_distances: [EVEN; 16],
            state: 0,
            last: [0; 4],
        })
    }

    /// So many bytes; fewer if the stream asks for what lies before the text.
    fn text(mut self, size: usize) -> Vec<u8> {
        let mut text = Vec::with_capacity(size);
        while text.len() < size {
            if self.coder.bit(&mut self.copies[self.state]) == 0 {
                let byte = self.literal(&text);
                text.push(byte);
                continue;
            }
            let length = self.copy().min(size - text.len());
            let Some(start) = text.len().checked_sub(self.last[0] + 1) else { break };
            // Copies may overlap what they make.
            (start..start + length).for_each(|i| text.push(text[i]));
        }
        text
    }

    fn literal(&mut self, text: &[u8]) -> u8 {
        let before = text.last().copied().unwrap_or(0);
        let tree = &mut self.literals[usize::from(before) >> (8 - CONTEXT)];
        let mut byte = 1;
        if self.state >= 7 {
            // After a copy the byte is likely not the one that would have gone on with it.
            let other = text.len().checked_sub(self.last[0] + 1).map_or(0, |at| usize::from(text[at]));
            for i in (0..8).rev() {
                let expected = other >> i & 1;
                let bit = self.coder.bit(&mut tree[((1 + expected) << 8) + byte]);
                byte = byte << 1 | bit;
                if bit != expected {
                    break;
                }
            }
        }
        while byte < 0x100 {
            byte = byte << 1 | self.coder.bit(&mut tree[byte]);
        }
        self.state = [0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 4, 5][self.state];
        byte as u8
    }

    /// The length of a copy, whose distance becomes the latest one.
    fn copy(&mut self) -> usize {
        let (state, after_literal) = (self.state, self.state < 7);
        let [repeats, first, second, third] = &mut self.repeats[state];
        if self.coder.bit(repeats) == 0 {
            self.state = if after_literal { 7 } else { 10 };
            let length = self.coder.length(&mut self.lengths[0]);
            self.last.rotate_right(1);
            self.last[0] = self.distance(length);
            return length;
        }
        if self.coder.bit(first) == 0 {
            if self.coder.bit(&mut self.single[state]) == 0 {
                self.state = if after_literal { 9 } else { 11 };
                return 1;
            }
        } else {
            let which = if self.coder.bit(second) == 0 { 1 } else { 2 + self.coder.bit(third) };
            self.last[..=which].rotate_right(1);
        }
        self.state = if after_literal { 8 } else { 11 };
        self.coder.length(&mut self.lengths[1])
    }

    fn distance(&mut self, length: usize) -> usize {
        let slot = self.coder.number(&mut self.slots[(length - 2).min(3)], 6);
        if slot < 4 {
            return slot;
        }
        let bits = (slot >> 1) as u32 - 1;
        let base = (2 | slot & 1) << bits;
        if slot < 14 {
            return base + self.coder.backwards(&mut self.distances[base - slot..], bits);
        }
        base + (self.coder.plain(bits - 4) << 4) + self.coder.backwards(&mut self.low_distances, 4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_families_are_the_text_that_is_committed() {
        for (packed, committed) in [
            (&packed!("cast_75")[..], include_str!("kernels/ptx/cast_75.ptx")),
            (packed!("copy_75"), include_str!("kernels/ptx/copy_75.ptx")),
            (packed!("direct_75"), include_str!("kernels/ptx/direct_75.ptx")),
            (packed!("equal_75"), include_str!("kernels/ptx/equal_75.ptx")),
            (packed!("pixels_75"), include_str!("kernels/ptx/pixels_75.ptx")),
            (packed!("rgb_75"), include_str!("kernels/ptx/rgb_75.ptx")),
            (packed!("tile_75"), include_str!("kernels/ptx/tile_75.ptx")),
            (packed!("to_float_75"), include_str!("kernels/ptx/to_float_75.ptx")),
            (packed!("to_integer_75"), include_str!("kernels/ptx/to_integer_75.ptx")),
            (packed!("to_wide_75"), include_str!("kernels/ptx/to_wide_75.ptx")),
            (packed!("transpose_75"), include_str!("kernels/ptx/transpose_75.ptx")),
        ] {
            assert!(text(packed).expect("it is whole").as_bytes() == committed.as_bytes());
            assert!(packed.len() < committed.len() / 4, "{} of {} bytes", packed.len(), committed.len());
        }
    }

    #[test]
    fn what_is_cut_off_or_damaged_ends_without_harm() {
        let packed = packed!("tile_75");
        let whole = text(packed).expect("it is whole");
        for length in [0, 3, 4, 8] {
            assert!(text(&packed[..length]).is_err());
        }
        // The first byte of a stream says nothing, and the last few only fill it up.
        for at in (5..packed.len() - 5).step_by(7) {
            let mut damaged = packed.to_vec();
            damaged[at] ^= 0x10;
            assert!(!text(&damaged).is_ok_and(|text| text == whole), "byte {at}");
        }
    }
}
