use super::*;
use crate::engine::host::fenced::Fenced;

/// Distances of a kind of groups in words, a plane for each word of a group standing for `PLANE`.
type Kind = (usize, [isize; 2], [isize; 2]);

/// Stands for the distance from plane to plane.
const PLANE: isize = isize::MAX;

const KINDS: [Kind; 33] = [
    // Pixels into planes, planes into pixels, some channels, channels in another order.
    (2, [1, 2], [PLANE, 1]),
    (3, [1, 3], [PLANE, 1]),
    (4, [1, 4], [PLANE, 1]),
    (3, [1, 4], [PLANE, 1]),
    (3, [-1, 3], [PLANE, 1]),
    (3, [1, -3], [PLANE, 1]),
    (2, [PLANE, 1], [1, 2]),
    (3, [PLANE, 1], [1, 3]),
    (4, [PLANE, 1], [1, 4]),
    (3, [PLANE, -1], [1, 3]),
    (3, [PLANE, 1], [1, 4]),
    (3, [1, 4], [1, 3]),
    (3, [1, 3], [1, 4]),
    (3, [-1, 3], [1, 3]),
    (4, [-1, 4], [1, 4]),
    (3, [-1, 4], [1, 4]),
    (3, [1, -3], [1, 3]),
    (5, [-1, -5], [1, 5]),
    (2, [3, 7], [2, 5]),
    // Steps on one side or both, backwards.
    (1, [0, 2], [0, 1]),
    (1, [0, 3], [0, 1]),
    (1, [0, 7], [0, 1]),
    (1, [0, -1], [0, 1]),
    (1, [0, -3], [0, 1]),
    (1, [0, 1], [0, 3]),
    (1, [0, 2], [0, 2]),
    (1, [0, -2], [0, 5]),
    // Words and groups that are repeated, windows.
    (3, [0, 1], [1, 3]),
    (7, [0, 1], [1, 7]),
    (3, [1, 0], [1, 3]),
    (5, [-1, 0], [1, 5]),
    (1, [0, 0], [0, 1]),
    (3, [1, 1], [1, 3]),
];

/// Distances in bytes, planes being `count` words and a gap.
fn groups((words, source, target): Kind, word: usize, part: usize, count: usize) -> Groups {
    let plane = (count * word + 5) as isize;
    let bytes = |n: isize| if n == PLANE { plane } else { n * word as isize };
    Groups { word, part, words, source: source.map(bytes), target: target.map(bytes) }
}

/// The first byte of the lowest word, seen from the first one, and the bytes from there to the end of the highest.
fn reach([inner, outer]: [isize; 2], words: usize, count: usize, word: usize) -> (isize, usize) {
    let ends = [inner * (words as isize - 1), outer * (count as isize - 1)];
    let low = ends.iter().map(|end| end.min(&0)).sum::<isize>();
    (low, (ends.iter().map(|end| end.max(&0)).sum::<isize>() - low) as usize + word)
}

/// Two rows of groups in fenced memory, against one word after the other.
fn check(kind: Kind, word: usize, part: usize, count: usize, isa: Isa, memory: &mut [Fenced; 2]) -> bool {
    let groups = groups(kind, word, part, count);
    let Some(braid) = Braid::new(groups, count, isa) else { return false };
    let [(low, read), (_, written)] =
        [groups.source, groups.target].map(|strides| reach(strides, groups.words, count, word));
    let pitches = [read + 3, written + 7];
    let [source, target] = memory;
    let source = source.bytes(pitches[0] + read, count.is_multiple_of(2));
    let target = target.bytes(pitches[1] + written, !count.is_multiple_of(3));
    source.iter_mut().enumerate().for_each(|(i, x)| *x = (i * 89 + (i >> 8) * 3) as u8);
    target.fill(0x5A);
    let mut expected = target.to_vec();
    for (row, j, i) in
        (0..2).flat_map(|r| (0..count).flat_map(move |j| (0..groups.words).map(move |i| (r, j, i))))
    {
        let at = |strides: [isize; 2]| i as isize * strides[0] + j as isize * strides[1];
        let from = (at(groups.source) - low) as usize + row * pitches[0];
        let to = at(groups.target) as usize + row * pitches[1];
        for y in 0..word {
            expected[to + y] = source[from + y / part * part + (part - 1 - y % part)];
        }
    }
    let rows = Rows {
        from: source.as_ptr().wrapping_offset(-low),
        to: target.as_mut_ptr(),
        count,
        rows: 2,
        pitches: pitches.map(|pitch| pitch as isize),
        plane: groups.target[0],
    };
    // SAFETY: the words of both rows are those of the slices.
    unsafe { braid.run(&rows) };
    assert!(target == expected, "{kind:?} words of {word}, {part} turned, {count} groups, {isa:?}");
    true
}

fn is_left_to_weave(groups: Groups, count: usize) -> bool {
    let side = |strides| Side::new(strides, groups.words, groups.word, count * groups.word, 0);
    matches!((side(groups.source), side(groups.target)), (Some(a), Some(b)) if is_woven(&groups, &[a, b]))
}

#[test]
fn groups_of_any_kind_arrive_whole_and_no_other_byte_is_touched() {
    let mut memory = [Fenced::new(4), Fenced::new(4)];
    for isa in Isa::ALL.into_iter().filter(|isa| shuffle::width(*isa).is_some()) {
        for (word, part) in [(1, 1), (2, 1), (2, 2), (3, 1), (4, 1), (4, 4), (8, 1), (8, 8), (8, 4), (16, 1)]
        {
            for kind in KINDS {
                for count in (1..200).chain([401]) {
                    let moved = check(kind, word, part, count, isa, &mut memory);
                    let small = kind.1.iter().chain(&kind.2).all(|n| *n == PLANE || n.abs() <= 4);
                    let dense = kind.2[1] <= kind.0 as isize;
                    let usual = word.is_power_of_two() && word < 8 && small && (dense || isa == Isa::Avx512);
                    let woven =
                        isa != Isa::Avx512 && is_left_to_weave(groups(kind, word, part, count), count);
                    assert!(
                        moved || !usual || woven || count < 4,
                        "{kind:?} words of {word}, {count} groups, {isa:?}"
                    );
                }
            }
        }
    }
}
