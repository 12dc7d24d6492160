// Words of 1 to 16 bytes, and where they are read and written.
#pragma once

#include "device.h"

struct alignas(16) Wide {
    u32 part[4];
};

template <class W> DEVICE W load(const void *base, i64 at) {
    return *reinterpret_cast<const W *>(static_cast<const char *>(base) + at);
}

template <class W> DEVICE void store(void *base, i64 at, W word) {
    *reinterpret_cast<W *>(static_cast<char *>(base) + at) = word;
}


DEVICE u32 low(u64 word) { return u32(word); }
DEVICE u32 high(u64 word) { return u32(word >> 32); }
DEVICE u64 joined(u32 low, u32 high) { return u64(high) << 32 | low; }

/// The order that the bytes of words are brought into: those of each unit of so many bytes are reversed. One permutation does
/// it whatever the unit, none at all included.
struct Order {
    u32 first, second; // which of 8 bytes become the lower four and the upper four
    bool halves;       // of 16 bytes change places

    DEVICE Order(u32 unit) : first(0x3210), second(0x7654), halves(unit == 16) {
        if (unit == 2) first = 0x2301, second = 0x6745;
        if (unit == 4) first = 0x0123, second = 0x4567;
        if (unit >= 8) first = 0x4567, second = 0x0123;
    }

    DEVICE u8 operator()(u8 word) const { return word; }
    DEVICE u16 operator()(u16 word) const { return u16(__byte_perm(word, 0, first)); }
    DEVICE u32 operator()(u32 word) const { return __byte_perm(word, 0, first); }
    DEVICE u64 operator()(u64 word) const {
        return joined(__byte_perm(low(word), high(word), first), __byte_perm(low(word), high(word), second));
    }
    DEVICE Wide operator()(Wide word) const {
        u64 a = (*this)(joined(word.part[0], word.part[1])), b = (*this)(joined(word.part[2], word.part[3]));
        u64 c = halves ? b : a, d = halves ? a : b;
        return {{low(c), high(c), low(d), high(d)}};
    }
};

/// Element `i` of those of E that 32-bit parts hold.
template <class E, int N> DEVICE E element(const u32 (&parts)[N], int i) {
    if constexpr (sizeof(E) == 8) {
        return E(joined(parts[2 * i], parts[2 * i + 1]));
    } else if constexpr (sizeof(E) == 4) {
        return E(parts[i]);
    } else {
        constexpr int EACH = 4 / sizeof(E);
        return E(parts[i / EACH] >> 8 * int(sizeof(E)) * (i % EACH));
    }
}

/// Puts element `i` into parts that began as zeros.
template <class E, int N> DEVICE void put(u32 (&parts)[N], int i, E word) {
    if constexpr (sizeof(E) == 8) {
        parts[2 * i] = low(word);
        parts[2 * i + 1] = high(word);
    } else if constexpr (sizeof(E) == 4) {
        parts[i] = word;
    } else {
        constexpr int EACH = 4 / sizeof(E);
        parts[i / EACH] |= u32(word) << 8 * int(sizeof(E)) * (i % EACH);
    }
}
