// Whether both sides have the same elements.
#include "change.h"
#include "scalar.h"

/// Whether words differ by a rule that looks into them.
template <class W> DEVICE bool differ_by_rule(const Equal &p, W a, W b) {
    constexpr u64 TOP = u64(1) << (8 * sizeof(W) - 1);
    if (p.rule == LOGIC) return (a != 0) != (b != 0);
    if (p.rule == NEVER) return a != b || a == W(p.limit);
    if (p.rule != FLOAT) return a != b;
    bool is_number = (u64(a) & (TOP - 1)) <= p.limit, zeros = ((u64(a) | u64(b)) & (TOP - 1)) == 0;
    return !((a == b && is_number) || zeros);
}
DEVICE bool differ_by_rule(const Equal &, Wide a, Wide b) {
    u32 bits = 0;
#pragma unroll
    for (int i = 0; i < 4; ++i) bits |= a.part[i] ^ b.part[i];
    return bits != 0;
}

template <class W> DEVICE void equal(const Equal &p) {
    u32 items[4];
    Place at[4];
    W words[4], others[4];
    // Once a difference is known nothing more is read.
    if (*static_cast<volatile u32 *>(p.differs)) return;
    Order swap(p.swap), turn(p.turn);
    items_of_thread(items);
    places(p.walk, items, at);
#pragma unroll
    for (int i = 0; i < 4; ++i)
        if (items[i] < p.walk.count) {
            words[i] = load<W>(p.source, at[i].source);
            others[i] = load<W>(p.target, at[i].target);
        }
    bool differ = false;
#pragma unroll
    for (int i = 0; i < 4; ++i)
        if (items[i] < p.walk.count) differ |= differ_by_rule(p, turn(swap(words[i])), turn(others[i]));
    if (differ) *p.differs = 1;
}

#define EQUAL(size, W)                                                                                                          \
    KERNEL(equal_##size, Equal) { equal<W>(p); }
EQUAL(1, u8)
EQUAL(2, u16)
EQUAL(4, u32)
EQUAL(8, u64)
EQUAL(16, Wide)

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
