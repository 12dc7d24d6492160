// Words from and to anywhere, and one value everywhere.
#include "walk.h"
#include "word.h"

/// Four independent words a thread: so many are on their way at once that memory is never idle.
template <class W> DEVICE void copy(const Copy &p) {
    u32 items[4];
    Place at[4];
    W words[4];
    Order order(p.swap);
    items_of_thread(items);
    places(p.walk, items, at);
#pragma unroll
    for (int i = 0; i < 4; ++i)
        if (items[i] < p.walk.count) words[i] = load<W>(p.source, at[i].source);
#pragma unroll
    for (int i = 0; i < 4; ++i)
        if (items[i] < p.walk.count) store(p.target, at[i].target, order(words[i]));
}

/// The elements that 16 bytes of the target consist of, which lie anyhow in the source.
template <class E> DEVICE Wide gathered(const Copy &p, i64 at) {
    constexpr int N = 16 / sizeof(E);
    Wide wide = {{0, 0, 0, 0}};
    const char *last = static_cast<const char *>(p.source) + at + p.step * (N - 1);
    if (p.step == 0) {
        E one = load<E>(p.source, at);
#pragma unroll
        for (int i = 0; i < N; ++i) put(wide.part, i, one);
    } else if (p.step == -i64(sizeof(E)) && as<u64>(last) % 16 == 0) {
        Wide backwards = load<Wide>(last, 0);
#pragma unroll
        for (int i = 0; i < N; ++i) put(wide.part, i, element<E>(backwards.part, N - 1 - i));
    } else {
        E words[N];
#pragma unroll
        for (int i = 0; i < N; ++i) words[i] = load<E>(p.source, at + i * p.step);
#pragma unroll
        for (int i = 0; i < N; ++i) put(wide.part, i, words[i]);
    }
    return wide;
}

template <class E> DEVICE void gather(const Copy &p) {
    u32 items[2];
    Place at[2];
    Wide words[2];
    Order order(p.swap);
    items_of_thread(items);
    places(p.walk, items, at);
#pragma unroll
    for (int i = 0; i < 2; ++i)
        if (items[i] < p.walk.count) words[i] = gathered<E>(p, at[i].source);
#pragma unroll
    for (int i = 0; i < 2; ++i)
        if (items[i] < p.walk.count) store(p.target, at[i].target, order(words[i]));
}

template <class W> DEVICE W first_of(const Fill &p) {
    if constexpr (sizeof(W) == 16) {
        return {{low(p.value[0]), high(p.value[0]), low(p.value[1]), high(p.value[1])}};
    } else {
        return W(p.value[0]);
    }
}

template <class W> DEVICE void fill(const Fill &p) {
    u32 items[4];
    Place at[4];
    items_of_thread(items);
    places(p.walk, items, at);
    W word = first_of<W>(p);
#pragma unroll
    for (int i = 0; i < 4; ++i)
        if (items[i] < p.walk.count) store(p.target, at[i].target, word);
}

#define WORDS(size, W)                                                                                                          \
    KERNEL(copy_##size, Copy) { copy<W>(p); }                                                                                   \
    KERNEL(fill_##size, Fill) { fill<W>(p); }
WORDS(1, u8)
WORDS(2, u16)
WORDS(4, u32)
WORDS(8, u64)
WORDS(16, Wide)

#define ELEMENTS(size, E)                                                                                                       \
    KERNEL(gather_##size, Copy) { gather<E>(p); }
ELEMENTS(1, u8)
ELEMENTS(2, u16)
ELEMENTS(4, u32)
ELEMENTS(8, u64)
