// Scalars anywhere, also within bytes.
#pragma once

#include "device.h"

/// The native bits of the scalar at a bit.
DEVICE u64 load_scalar(const void *base, i64 bit, u32 bits, bool packed, bool swapped) {
    const u8 *at = static_cast<const u8 *>(base) + (bit >> 3);
    if (packed) {
        u32 within = u32(bit) & 7, word = at[0];
        if (within + bits > 8) word |= u32(at[1]) << 8;
        return word >> within & ((1u << bits) - 1);
    }
    u32 bytes = (bits + 7) / 8;
    u64 word = 0;
#pragma unroll 1
    for (u32 i = 0; i < bytes; ++i) word |= u64(at[i]) << 8 * (swapped ? bytes - 1 - i : i);
    return word;
}

/// Writes whole bytes.
DEVICE void store_scalar(void *base, i64 bit, u32 bits, bool swapped, u64 word) {
    u8 *at = static_cast<u8 *>(base) + (bit >> 3);
    u32 bytes = (bits + 7) / 8;
    word &= ~0ull >> (64 - bits);
#pragma unroll 1
    for (u32 i = 0; i < bytes; ++i) at[i] = u8(word >> 8 * (swapped ? bytes - 1 - i : i));
}
