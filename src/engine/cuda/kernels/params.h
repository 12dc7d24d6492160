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

/// What a number is: `kind`, and where a kind has several, what else there is to know of it. So no kernel needs a table of types.
#define TYPE(kind, bits, exponent, mantissa, bias, special)                                                                     \
    (bits | kind << 8 | exponent << 12 | mantissa << 16 | special << 20 | u32(bias) << 24)

enum Kind : u32 {
    WORD,     // bits that do not change
    TRUTH,    // a byte that is false when it is 0
    UNSIGNED,
    SIGNED,
    SMALL,    // a float of at most 16 bits with one quiet NaN of either sign, if any
    NUMPY,    // float16 as NumPy has it, whose NaN keeps its payload
    SINGLE,
    DOUBLE,
};

/// Which codes of a small float are not ordinary numbers: as `dtype::float::Special`.
enum Special : u32 { IEEE, FN, FNUZ, FINITE, SCALE };

enum Type : u32 {
    BOOL = TYPE(TRUTH, 8, 0, 0, 0, 0),
    INT2 = TYPE(SIGNED, 2, 0, 0, 0, 0),
    INT4 = TYPE(SIGNED, 4, 0, 0, 0, 0),
    INT8 = TYPE(SIGNED, 8, 0, 0, 0, 0),
    INT16 = TYPE(SIGNED, 16, 0, 0, 0, 0),
    INT32 = TYPE(SIGNED, 32, 0, 0, 0, 0),
    INT64 = TYPE(SIGNED, 64, 0, 0, 0, 0),
    UINT2 = TYPE(UNSIGNED, 2, 0, 0, 0, 0),
    UINT4 = TYPE(UNSIGNED, 4, 0, 0, 0, 0),
    UINT8 = TYPE(UNSIGNED, 8, 0, 0, 0, 0),
    UINT16 = TYPE(UNSIGNED, 16, 0, 0, 0, 0),
    UINT32 = TYPE(UNSIGNED, 32, 0, 0, 0, 0),
    UINT64 = TYPE(UNSIGNED, 64, 0, 0, 0, 0),
    FLOAT16 = TYPE(NUMPY, 16, 5, 10, 15, IEEE),
    FLOAT32 = TYPE(SINGLE, 32, 0, 0, 0, 0),
    FLOAT64 = TYPE(DOUBLE, 64, 0, 0, 0, 0),
    HALF = TYPE(SMALL, 16, 5, 10, 15, IEEE), // the parts of complex32
    BFLOAT16 = TYPE(SMALL, 16, 8, 7, 127, IEEE),
    FLOAT8_E3M4 = TYPE(SMALL, 8, 3, 4, 3, IEEE),
    FLOAT8_E4M3 = TYPE(SMALL, 8, 4, 3, 7, IEEE),
    FLOAT8_E4M3B11FNUZ = TYPE(SMALL, 8, 4, 3, 11, FNUZ),
    FLOAT8_E4M3FN = TYPE(SMALL, 8, 4, 3, 7, FN),
    FLOAT8_E4M3FNUZ = TYPE(SMALL, 8, 4, 3, 8, FNUZ),
    FLOAT8_E5M2 = TYPE(SMALL, 8, 5, 2, 15, IEEE),
    FLOAT8_E5M2FNUZ = TYPE(SMALL, 8, 5, 2, 16, FNUZ),
    FLOAT8_E8M0FNU = TYPE(SMALL, 8, 8, 0, 127, SCALE),
    FLOAT6_E2M3FN = TYPE(SMALL, 6, 2, 3, 1, FINITE),
    FLOAT6_E3M2FN = TYPE(SMALL, 6, 3, 2, 3, FINITE),
    FLOAT4_E2M1FN = TYPE(SMALL, 4, 2, 1, 1, FINITE),
    WORD2 = TYPE(WORD, 2, 0, 0, 0, 0),
    WORD4 = TYPE(WORD, 4, 0, 0, 0, 0),
    WORD6 = TYPE(WORD, 6, 0, 0, 0, 0),
    WORD8 = TYPE(WORD, 8, 0, 0, 0, 0),
    WORD16 = TYPE(WORD, 16, 0, 0, 0, 0),
    WORD32 = TYPE(WORD, 32, 0, 0, 0, 0),
    WORD64 = TYPE(WORD, 64, 0, 0, 0, 0),
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
    ONES,   // an item is a number
    PAIRS,  // two adjacent numbers on both sides
    LOTS,   // four adjacent numbers on both sides
    SPLIT,  // a sheet of 2, 3 or 4 columns, whose rows adjoin each other in the source
    MERGE,  // a sheet of 2, 3 or 4 rows, whose columns adjoin each other in the target
};

/// to_float, to_integer, to_wide, pixels.
struct Convert {
    Transpose sheet; // of ONES, PAIRS and LOTS source, target and walk only; `swap` is 1
    i64 row_step, column_step; // of sheets: along the factors
    u32 shape;       // Shape; SPLIT and MERGE for `pixels`, the others for the rest
    u32 spare;
    Numbers numbers;
};

/// Whether scalars follow each other without padding to whole bytes.
enum Packing : u32 {
    BYTES, // they have whole bytes of their own
    BITS,  // they do not
    RUN,   // nor do they, and those of the target are one run, which holds the items in order and without gaps
};

/// How scalars lie on one side.
struct Cell {
    u32 type;    // Type
    u32 packed;  // Packing
    u32 swapped; // 1: bytes are in foreign order
    u32 bit;     // of the first byte, at which the first scalar begins
};

/// cast. Here the loops' distances, source and target, are BITS.
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
    LOGIC, // both are 0 or neither is
};

/// equal_words: the same type on both sides, words of whole bytes.
struct Equal {
    const void *source;
    const void *target;
    u32 *differs; // set to 1 where any item differs, and left alone otherwise
    u64 limit;
    u32 rule;     // Rule; words of 16 bytes know SAME only
    u32 swap;     // bytes of the units of the source that are reversed before; 1: none
    u32 turn;     // the same on both sides, for rules that look into words
    u32 size;     // bytes of a word: 1, 2, 4, 8 or 16
    Walk walk;
};

/// equal_numbers: any two types of numbers. Here the loops' distances are BITS.
struct EqualNumbers {
    const void *source;
    const void *target; // null: 0, of the type in `to`
    u32 *differs;
    u32 floats; // 1: compared as float64; 0: as 64-bit integers
    u32 spare;
    Cell from, to;
    Walk walk;
};
