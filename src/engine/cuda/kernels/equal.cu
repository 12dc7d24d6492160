// Whether both sides have the same elements.
#include "change.h"
#include "scalar.h"

/// Whether words of so many bits differ by a rule.
DEVICE bool differ(const Equal &p, u64 a, u64 b) {
    u64 magnitudes = ~0ull >> (65 - 8 * p.size);
    if (p.rule == LOGIC) return (a != 0) != (b != 0);
    if (p.rule == NEVER) return a != b || a == p.limit;
    if (p.rule != FLOAT) return a != b;
    bool is_number = (a & magnitudes) <= p.limit, zeros = ((a | b) & magnitudes) == 0;
    return !((a == b && is_number) || zeros);
}

/// Two words a thread on either side.
template <class W> DEVICE bool differ_as(const Equal &p, const Place (&at)[2], u32 count) {
    Order swap(p.swap), turn(p.turn);
    W words[2] = {}, others[2] = {};
#pragma unroll
    for (int i = 0; i < 2; ++i)
        if (i < i32(count)) {
            words[i] = load<W>(p.source, at[i].source);
            others[i] = load<W>(p.target, at[i].target);
        }
    bool differs = false;
#pragma unroll
    for (int i = 0; i < 2; ++i) {
        W a = turn(swap(words[i])), b = turn(others[i]);
        if constexpr (sizeof(W) < 16) {
            if (i < i32(count)) differs |= differ(p, a, b);
        } else {
#pragma unroll
            for (int k = 0; k < 4; ++k) differs |= a.part[k] != b.part[k];
        }
    }
    return differs;
}

KERNEL(equal_words, Equal) {
    u32 items[2];
    Place at[2];
    items_of_thread(items);
    // Once a difference is known nothing more is read.
    if (items[0] >= p.walk.count || *static_cast<volatile u32 *>(p.differs)) return;
    places(p.walk, items, at);
    u32 count = 1 + (items[1] < p.walk.count);
    bool differs = p.size == 1   ? differ_as<u8>(p, at, count)
                   : p.size == 2 ? differ_as<u16>(p, at, count)
                   : p.size == 4 ? differ_as<u32>(p, at, count)
                   : p.size == 8 ? differ_as<u64>(p, at, count)
                                 : differ_as<Wide>(p, at, count);
    if (differs) *p.differs = 1;
}

/// The number of an item on one side: as 64 bits that are those of float64, or of an integer.
DEVICE u64 comparable(const void *base, const Cell &cell, i64 at, bool floats) {
    u64 raw[1] = {base ? load_scalar(base, at + cell.bit, bits_of(cell.type), cell.packed, cell.swapped) : 0}, bits[1];
    if (!floats) {
        to_64_bits(cell.type, raw, bits);
        return bits[0];
    }
    f64 x[1];
    to_f64(cell.type, raw, x);
    return as<u64>(x[0]);
}

KERNEL(equal_numbers, EqualNumbers) {
    u32 item = blockIdx.x * THREADS + threadIdx.x;
    if (item >= p.walk.count || *static_cast<volatile u32 *>(p.differs)) return;
    Place at = place(p.walk, item);
    u64 sides[2] = {0, 0};
    // One body for both sides, so that it stands in the code once.
#pragma unroll 1
    for (int i = 0; i < 2; ++i) {
        sides[0] = sides[1];
        sides[1] = comparable(i ? p.target : p.source, i ? p.to : p.from, i ? at.target : at.source, p.floats);
    }
    // Of different signs no integer is that of the other with the same bits, unless both have the top one clear.
    bool alike = (p.from.type == UINT64) == (p.to.type == UINT64) || i64(sides[0]) >= 0;
    bool same = p.floats ? as<f64>(sides[0]) == as<f64>(sides[1]) : sides[0] == sides[1] && alike;
    if (!same) *p.differs = 1;
}
