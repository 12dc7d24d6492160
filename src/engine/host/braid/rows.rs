//! Rows of groups as kernels see them: rounds of whole registers, and what is left of a row.

use super::{Braid, PIECES, Side, WIDEST};
use crate::engine::host::stream;
use crate::engine::host::transpose::LINE;

/// Rows to move: `count` groups in each of `rows`, which lie so many bytes apart.
#[derive(Clone, Copy)]
pub struct Rows {
    /// The first word of the source.
    pub from: *const u8,
    /// The first word of the target.
    pub to: *mut u8,
    /// Groups of a row, at least 1.
    pub count: usize,
    /// How many rows.
    pub rows: usize,
    /// Bytes from row to row on both sides.
    pub pitches: [isize; 2],
    /// Bytes from plane to plane of the target, if it has planes.
    pub plane: isize,
}

/// A row as a kernel sees it.
#[derive(Clone, Copy)]
pub struct Job {
    /// The first register of the source, and of the target.
    pub from: *const u8,
    pub to: *mut u8,
    /// Bytes from register to register on both sides.
    pub pieces: [isize; 2],
    /// Bytes from round to round on both sides.
    pub steps: [isize; 2],
    /// Rounds that may read and write whole registers, and those after them.
    pub full: usize,
    pub partial: usize,
    /// Which bytes of the registers of both sides belong to the row in the last round, and in other partial ones.
    pub parts: [[[u64; PIECES]; 2]; 2],
    /// Rows, and bytes from row to row.
    pub rows: usize,
    pub pitches: [isize; 2],
    /// Whether full rounds go past the caches.
    pub streams: bool,
}

impl Braid {
    /// Brings the source of rows into the second-level cache.
    pub fn fetch(&self, rows: &Rows) {
        let side = &self.sides[0];
        let low = side.lowest(self.groups.words) + (side.group * (rows.count as isize - 1)).min(0);
        let bytes = (rows.count - 1) * side.group.unsigned_abs() + side.used;
        let planes = if side.planes { self.groups.words } else { 1 };
        for (j, k) in (0..rows.rows as isize).flat_map(|j| (0..planes as isize).map(move |k| (j, k))) {
            let from = rows
                .from
                .wrapping_offset(j * rows.pitches[0] + k * side.word * isize::from(side.planes) + low);
            (0..bytes).step_by(LINE).for_each(|at| stream::fetch(from.wrapping_add(at)));
        }
    }

    /// Moves rows.
    ///
    /// # Safety
    /// All words of the groups are readable in the source and writable in the target, and no byte belongs to both.
    pub unsafe fn run(&self, rows: &Rows) {
        if self.sides[0].group != 0 {
            // SAFETY: as the caller promises.
            return unsafe { self.run_rows(rows, false) };
        }
        // Registers of a group that is repeated are read from where they may be read whole.
        let low = self.sides[0].lowest(self.groups.words);
        for j in 0..rows.rows as isize {
            let mut group = [0u8; WIDEST];
            // SAFETY: the words of row `j`; the copy of the group stands for it.
            unsafe {
                let from = rows.from.offset(j * rows.pitches[0] + low);
                group.as_mut_ptr().copy_from_nonoverlapping(from, self.sides[0].used);
                let (from, to) = (group.as_ptr().wrapping_offset(-low), rows.to.offset(j * rows.pitches[1]));
                self.run_rows(&Rows { from, to, rows: 1, ..*rows }, false);
            }
        }
    }

    /// After how many groups of a row all registers of the target are lines, so that they can be streamed; `None` where
    /// they never are.
    pub fn head(&self, rows: &Rows) -> Option<usize> {
        let (step, planes) =
            (self.sides[1].group as usize, self.sides[1].planes && rows.plane % LINE as isize != 0);
        let streams = self.kernel.masks && self.dense && self.exact && self.sides[0].group != 0 && !planes;
        (0..LINE)
            .find(|n| (rows.to.addr() + n * step).is_multiple_of(LINE))
            .filter(|n| streams && *n < rows.count)
    }

    /// Moves a row, past the caches from the group `head` on; [`stream::finish`] must follow.
    ///
    /// # Safety
    /// As for [`run`](Self::run); `head` is that of the row, which is one.
    pub unsafe fn stream(&self, rows: &Rows, head: usize) {
        let (from, to) = (self.sides[0].group * head as isize, self.sides[1].group * head as isize);
        let (from, to) = (rows.from.wrapping_offset(from), rows.to.wrapping_offset(to));
        // SAFETY: as the caller promises: the groups of the row.
        unsafe {
            if head > 0 {
                self.run_rows(&Rows { count: head, ..*rows }, false);
            }
            self.run_rows(&Rows { from, to, count: rows.count - head, ..*rows }, true);
        }
    }

    /// # Safety
    /// As for [`run`](Self::run); where the source stands still, a whole register of it is readable.
    unsafe fn run_rows(&self, rows: &Rows, streams: bool) {
        // SAFETY: as the caller promises.
        unsafe { self.run_job(&self.job(rows, streams)) }
    }

    /// The rows as the kernel sees them; nothing where each of them takes a call of its own.
    pub fn prepared(&self, rows: &Rows) -> Option<Job> {
        (self.sides[0].group != 0).then(|| self.job(rows, false))
    }

    /// Moves the rows that were [prepared](Self::prepared), wherever they lie now.
    ///
    /// # Safety
    /// As for [`run`](Self::run).
    pub unsafe fn run_job(&self, job: &Job) {
        // SAFETY: as the caller promises; rounds beyond the words of a row are not full.
        unsafe { self.kernel.run(self, job) }
    }

    fn job(&self, rows: &Rows, streams: bool) -> Job {
        let ([source, target], table) = (&self.sides, &self.table);
        let lead = if source.group < 0 { source.used as isize - self.window(0) as isize } else { 0 };
        let full = self.full_rounds(rows.count);
        let rest = rows.count - full * table.groups;
        let partial = if rest <= table.groups { usize::from(rest > 0) } else { rest.div_ceil(table.groups) };
        let mut parts = [[[0; PIECES]; 2]; 2];
        if partial > 0 {
            parts[0] = self.parts(rest - (partial - 1) * table.groups);
        }
        if partial > 1 {
            parts[1] = self.parts(table.groups);
        }
        let job = Job {
            from: rows.from.wrapping_offset(source.lowest(self.groups.words) + lead),
            to: rows.to,
            pieces: [
                if source.planes { source.word } else { table.width as isize },
                if target.planes { rows.plane } else { table.width as isize },
            ],
            steps: self.sides.map(|side| side.group * table.groups as isize),
            full,
            partial,
            parts,
            rows: rows.rows,
            pitches: rows.pitches,
            streams,
        };
        match (full, partial) {
            // Rows of one round each are rounds of one row.
            (1, 0) => Job { steps: job.pitches, full: job.rows, rows: 1, ..job },
            _ => job,
        }
    }

    /// Bytes of a row that a round sees of one side.
    fn window(&self, side: usize) -> usize {
        let pieces = if self.sides[side].planes { 1 } else { self.table.pieces[side] };
        pieces * self.table.width
    }

    /// How many rounds may see whole registers in a row of `count` groups.
    fn full_rounds(&self, count: usize) -> usize {
        let groups = self.table.groups;
        let fills = |side: &Side| side.planes || side.used == side.group.unsigned_abs();
        if groups.is_power_of_two() && self.exact && self.sides.iter().all(fills) {
            return count >> groups.trailing_zeros();
        }
        self.rounds(0, count).min(self.rounds(1, count)).min(count / groups)
    }

    /// How many rounds stay within a row of `count` groups of one side though they see whole registers.
    fn rounds(&self, side: usize, count: usize) -> usize {
        let (at, window) = (&self.sides[side], self.window(side));
        let step = at.group.unsigned_abs() * self.table.groups;
        let masked = side == 1 && !at.planes && self.kernel.masks;
        let span = (count - 1) * at.group.unsigned_abs() + at.used;
        match span.checked_sub(window) {
            _ if step == 0 || masked => usize::MAX,
            Some(left) => left / step + 1,
            None => 0,
        }
    }

    /// Which bytes of the registers of both sides belong to the first `groups` groups of a round, as bits.
    fn parts(&self, groups: usize) -> [[u64; PIECES]; 2] {
        let mut parts = [[0; PIECES]; 2];
        for (i, (side, parts)) in self.sides.iter().zip(&mut parts).enumerate() {
            let window = self.window(i);
            let bytes = ((groups - 1) * side.group.unsigned_abs() + side.used).min(window);
            let start = if side.group < 0 { window - bytes } else { 0 };
            for (n, part) in parts.iter_mut().enumerate().take(self.table.pieces[i]) {
                let skipped = if side.planes { 0 } else { n * self.table.width };
                let below = |end: usize| match end.saturating_sub(skipped).min(self.table.width) {
                    0 => 0,
                    n => u64::MAX >> (64 - n),
                };
                *part = below(start + bytes) & !below(start);
            }
        }
        for (part, keep) in parts[1].iter_mut().zip(self.table.keep) {
            *part &= keep;
        }
        parts
    }
}
