// What kernels are given: each of them takes ONE of these structures by value. `README.md` says which, and what it expects.
//
// Distances are bytes where nothing else is said. All structures have the layout of C on 64-bit machines, without padding
// that is not named, and multiples of 8 bytes.
#pragma once

/// So many loops, innermost first; the host runs what lies outside them.
#define LOOPS 8
/// So many pairs of scale and bias lie in the parameters; more of them in the memory of the device.
#define FACTORS 16

/// Division of n < 2^31 without dividing: n / by = (umulhi(n, multiplier) + n) >> shift, where shift is the least with
/// 2^shift >= by, and multiplier is 2^32 (2^shift - by) / by + 1, rounded down. For `by` 1 that is (1, 1, 0).
struct Divisor {
    u32 by, multiplier, shift;
};

/// One loop: how often, and how far each turn moves.
struct Loop {
    Divisor extent;
    i32 step; // along the factors
    i64 source, target;
};

/// Loops over so many items. Those behind the last are not looked at, and none means one item.
struct Walk {
    u32 count; // the product of the extents, below 2^31
    u32 loops;
    Loop loop[LOOPS];
};

/// copy_*, gather_*
struct Copy {
    const void *source;
    void *target;
    i64 step;  // gather_*: from element to element of the source within an item; any, also 0 or negative
    u32 swap;  // bytes of the units that are reversed: 1 (none), 2, 4, 8 or 16, no more than a word
    u32 spare;
    Walk walk;
};

/// fill_*
struct Fill {
    void *target;
    u64 value[2]; // 16 bytes full of the value
    u64 spare;
    Walk walk;
};

/// trans_*, transv_*, tile_*: sheets whose rows become columns, as many as the walk has items. A row of the
/// source is a run of `columns` elements, a row of the target one of `rows`.
struct Transpose {
    const void *source;
    void *target;
    i64 source_pitch; // from row to row of the source
    i64 target_pitch; // from column to column, which is from row to row of the target
    u32 rows, columns;
    Divisor across, down; // tiles that `columns` take, and `rows`
    Divisor wide, high;   // tile_*: columns and rows of a tile
    u32 swap;             // as in Copy
    u32 spare;
    Walk walk;
};

/// Types of numbers. `WORD8` and so on are bits that do not change.
enum Type : u32 {
    BOOL,
    INT8,
    INT16,
    INT32,
    INT64,
    UINT8,
    UINT16,
    UINT32,
    UINT64,
    FLOAT16, // NumPy's, whose NaN keeps its payload
    BFLOAT16,
    FLOAT32,
    FLOAT64,
    FLOAT8_E4M3FN,
    FLOAT8_E5M2,
    // From here on `cast` and `equal_numbers` only.
    FLOAT8_E3M4,
    FLOAT8_E4M3,
    FLOAT8_E4M3B11FNUZ,
    FLOAT8_E4M3FNUZ,
    FLOAT8_E5M2FNUZ,
    FLOAT8_E8M0FNU,
    FLOAT6_E2M3FN,
    FLOAT6_E3M2FN,
    FLOAT4_E2M1FN,
    INT4,
    UINT4,
    INT2,
    UINT2,
    HALF, // the parts of complex32, which have one quiet NaN of either sign
    // `cast`, `split` and `merge`: words of as many bits, which stay what they are.
    WORD2,
    WORD4,
    WORD6,
    WORD8,
    WORD16,
    WORD32,
    WORD64,
};

/// What becomes of numbers.
struct Numbers {
    u32 source, target; // Type
    u32 saturate;       // 1: brought within the target's range, be it by `low` and `high`
    u32 scaled;         // 0: no; 32 or 64: the bits of the float that scale and bias are applied in
    f64 low, high;      // the finite range of a target that is a float; used where `saturate` is 1
    // The pair that a number has is that of the index that the steps of its loops lead to from `first`. Without scale the first
    // of the pair is 1, without bias the second is -0.
    i64 first;
    const f64 *pairs; // in the memory of the device; null: `own`
    f64 own[2 * FACTORS];
};

/// How the items of a Convert lie.
enum Shape : u32 {
    SHEETS, // an item is a sheet whose rows become columns, as in trans_*
    EACH,   // an item is a number
    PAIRS,  // two adjacent numbers on both sides
    LOTS,   // four adjacent numbers on both sides
};

/// to_float, to_integer, to_wide; split, merge (which look at `sheet` only for its source, target, pitches, rows, columns, across,
/// down and walk).
struct Convert {
    Transpose sheet; // of shapes other than SHEETS source, target and walk only; `swap` is 1
    i64 row_step, column_step; // SHEETS, split, merge: along the factors
    u32 shape;       // Shape; split and merge do not look at it
    u32 spare;
    Numbers numbers;
};

/// How scalars lie on one side.
struct Cell {
    u32 type;    // Type
    u32 packed;  // 1: they follow each other without padding to whole bytes
    u32 swapped; // 1: bytes are in foreign order
    u32 bit;     // of the first byte, at which the first scalar begins
};

/// cast, cast_run, cast_bits. Here the loops' distances, source and target, are BITS.
struct Cast {
    const void *source; // null: every scalar is `value`
    void *target;
    u64 value;          // native bits
    i64 imaginary;      // bits to the second part of the source, either of which makes a bool true; 0: no such part
    Cell from, to;      // types are those of `numbers`, which may say WORD* where they do not change
    Numbers numbers;
    Walk walk;
};

/// How words that are equal are told from those that are not.
enum Rule : u32 {
    SAME,  // their bits are
    FLOAT, // as floats of which `limit` is the code of infinity, or of the largest number: more is NaN, and 0 is -0
    NEVER, // their bits are, but `limit` is equal to nothing
    TRUTH, // both are 0 or neither is
};

/// equal_1 … equal_16: the same type on both sides, words of whole bytes.
struct Equal {
    const void *source;
    const void *target;
    u32 *differs; // set to 1 where any item differs, and left alone otherwise
    u64 limit;
    u32 rule;     // Rule; equal_16 knows SAME only
    u32 swap;     // bytes of the units of the source that are reversed before; 1: none
    u32 turn;     // the same on both sides, for rules that look into words
    u32 spare;
    Walk walk;
};

/// equal_numbers: any two types of numbers. Here the loops' distances are BITS.
struct EqualNumbers {
    const void *source;
    const void *target; // null: 0
    u32 *differs;
    u32 floats; // 1: compared as float64; 0: as 64-bit integers
    u32 spare;
    Cell from, to;
    Walk walk;
};
