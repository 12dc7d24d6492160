// Scalars of any type, anywhere, one by one.
#include "change.h"
#include "scalar.h"

/// What becomes of one number, or of bits that do not change.
DEVICE u64 changed(const Numbers &n, u64 raw, i32 index) {
    if (n.source == n.target && !n.scaled) return raw;
    Some<1> from = {{raw}, {index}};
    u64 to[1];
    u32 kind = kind_of(n.target), bits = bits_of(n.target);
    if (kind == DOUBLE || bits == 64 || n.target == UINT32) ToWide::run(n, from, to);
    else if (kind <= SIGNED) ToInteger::run(n, from, to);
    else ToFloat::run(n, from, to);
    return to[0];
}

/// A word of 32 bits is changed where the mask is set. The rest is left alone, whoever writes it meanwhile.
DEVICE void change_bits(u32 *word, u32 mask, u32 bits) {
    if (mask == 0) return;
    atomicAnd(word, ~mask);
    atomicOr(word, bits);
}

DEVICE void store_bits(void *base, i64 bit, u64 mask, u64 bits) {
    u64 address = as<u64>(base) + u64(bit >> 3);
    u32 within = u32(address & 3) * 8 + (u32(bit) & 7), *words = as<u32 *>(address & ~3ull);
    mask <<= within, bits <<= within;
    change_bits(words, low(mask), low(bits));
    change_bits(words + 1, high(mask), high(bits));
}

/// Four scalars a thread. Of a run they are those of 1, 2 or 3 whole bytes, which nobody else writes; the first byte of the run and
/// the last may have bits that belong to no item.
KERNEL(cast, Cast) {
    const Numbers &n = p.numbers;
    u32 bits = bits_of(n.target), own = bits < 32 ? (1u << bits) - 1 : 0xffffffff;
    bool run = p.to.packed == RUN;
    // So many scalars of the run's first four lie before the first item.
    u32 lead = !run ? 0 : bits == 6 ? (8 - p.to.bit) / 2 % 4 : p.to.bit / bits;
    u32 thread = blockIdx.x * THREADS + threadIdx.x, all = 0, mask = 0;
#pragma unroll 1
    for (u32 i = 0; i < 4; ++i) {
        u32 item = run ? thread * 4 + i - lead : (blockIdx.x * 4 + i) * THREADS + threadIdx.x;
        if (item >= p.walk.count) continue;
        Place at = place(p.walk, item);
        u64 word = 0;
        // Both parts of a complex number, if they are asked for.
#pragma unroll 1
        for (i64 part = 0;; part = p.imaginary) {
            i64 bit = at.source + p.from.bit + part;
            u64 raw = p.source ? load_scalar(p.source, bit, bits_of(n.source), p.from.packed, p.from.swapped) : p.value;
            word |= changed(n, raw, at.step);
            if (part == p.imaginary) break;
        }
        if (run) {
            all |= (u32(word) & own) << i * bits;
            mask |= own << i * bits;
        } else if (p.to.packed) {
            store_bits(p.target, at.target + p.to.bit, own, u32(word) & own);
        } else {
            store_scalar(p.target, at.target + p.to.bit, bits, p.to.swapped, word);
        }
    }
    if (!run) return;
    u8 *at = static_cast<u8 *>(p.target) - lead * bits / 8 + u64(thread) * (bits / 2);
#pragma unroll 1
    for (u32 i = 0; i < bits / 2; ++i, all >>= 8, mask >>= 8) {
        u32 here = mask & 0xff;
        if (here == 0xff) at[i] = u8(all);
        else if (here) at[i] = u8((at[i] & ~here) | (all & here));
    }
}
