//! Numbers out of the fuzzer's bytes. When these end, everything is 0.

/// The bytes that are left.
pub struct Input<'a>(pub &'a [u8]);

impl Input<'_> {
    pub fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }

    pub fn word(&mut self) -> u64 {
        u64::from_le_bytes(std::array::from_fn(|_| self.byte()))
    }

    /// A number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        self.byte() as usize % n.max(1)
    }

    /// An integer as hostile callers choose them: mostly small, else at the edge of something.
    pub fn integer(&mut self) -> i64 {
        match self.byte() {
            small @ 0..192 => i64::from(small) - 32,
            192..208 => i64::MAX - i64::from(self.byte()),
            208..224 => i64::MIN + i64::from(self.byte()),
            224..240 => (1 << self.below(63)) + i64::from(self.byte() as i8),
            _ => self.word() as i64,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
