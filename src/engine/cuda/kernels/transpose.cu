// Rows become columns: through tiles in shared memory, read along the rows of the source and written along those of the target.
#include "sheet.h"
#include "word.h"

/// Rows of a tile begin this many elements apart, an odd number of banks: its columns are spread over all banks.
template <class E, int EDGE> struct Pitch {
    static constexpr int VALUE = EDGE + (sizeof(E) < 4 ? 4 / sizeof(E) : 1);
};

/// Any elements. A thread has every eighth row of the tile, and of those one column of each 32.
template <class E, int EDGE> DEVICE void trans(const Transpose &p, E *room) {
    constexpr int PITCH = Pitch<E, EDGE>::VALUE, ACROSS = EDGE / 32, DOWN = EDGE / 8, SIZE = sizeof(E);
    Tile tile = tile_of_block(p, EDGE, EDGE);
    Order order(p.swap);
    i32 x = threadIdx.x % 32, y = threadIdx.x / 32;
    i32 rows = min(p.rows - tile.row, u32(EDGE)), columns = min(p.columns - tile.column, u32(EDGE));
    i64 at = source_at(p, tile, tile.row + y, tile.column + x, SIZE);
#pragma unroll
    for (int j = 0; j < DOWN; ++j, at += 8 * p.source_pitch)
#pragma unroll
        for (int i = 0; i < ACROSS; ++i)
            if (y + 8 * j < rows && x + 32 * i < columns)
                room[y * PITCH + x + (8 * j * PITCH + 32 * i)] = order(load<E>(p.source, at + 32 * i * SIZE));
    __syncthreads();
    at = target_at(p, tile, tile.row + x, tile.column + y, SIZE);
#pragma unroll
    for (int j = 0; j < DOWN; ++j, at += 8 * p.target_pitch)
#pragma unroll
        for (int i = 0; i < ACROSS; ++i)
            if (y + 8 * j < columns && x + 32 * i < rows)
                store(p.target, at + 32 * i * SIZE, room[x * PITCH + y + (32 * i * PITCH + 8 * j)]);
}

/// V x V elements in V words: columns of what were rows.
template <class E, class W, int V> DEVICE void turn(W (&words)[V]) {
    constexpr int N = sizeof(W) / 4;
    union Block {
        W words[V];
        u32 parts[V][N];
    } a, b;
#pragma unroll
    for (int i = 0; i < V; ++i) a.words[i] = words[i];
    if constexpr (sizeof(E) == 1) {
#pragma unroll
        for (int i = 0; i < V; i += 4)
#pragma unroll
            for (int j = 0; j < N; ++j) {
                u32 q = __byte_perm(a.parts[i][j], a.parts[i + 1][j], 0x5140);
                u32 r = __byte_perm(a.parts[i + 2][j], a.parts[i + 3][j], 0x5140);
                u32 s = __byte_perm(a.parts[i][j], a.parts[i + 1][j], 0x7362);
                u32 t = __byte_perm(a.parts[i + 2][j], a.parts[i + 3][j], 0x7362);
                b.parts[4 * j][i / 4] = __byte_perm(q, r, 0x5410);
                b.parts[4 * j + 1][i / 4] = __byte_perm(q, r, 0x7632);
                b.parts[4 * j + 2][i / 4] = __byte_perm(s, t, 0x5410);
                b.parts[4 * j + 3][i / 4] = __byte_perm(s, t, 0x7632);
            }
    } else if constexpr (sizeof(E) == 2) {
#pragma unroll
        for (int i = 0; i < V; i += 2)
#pragma unroll
            for (int j = 0; j < N; ++j) {
                b.parts[2 * j][i / 2] = __byte_perm(a.parts[i][j], a.parts[i + 1][j], 0x5410);
                b.parts[2 * j + 1][i / 2] = __byte_perm(a.parts[i][j], a.parts[i + 1][j], 0x7632);
            }
    } else {
        constexpr int EACH = sizeof(E) / 4;
#pragma unroll
        for (int i = 0; i < V; ++i)
#pragma unroll
            for (int j = 0; j < V; ++j)
#pragma unroll
                for (int k = 0; k < EACH; ++k) b.parts[j][i * EACH + k] = a.parts[i][j * EACH + k];
    }
#pragma unroll
    for (int i = 0; i < V; ++i) words[i] = b.words[i];
}

/// Aligned elements: 16 x 16 threads with a block of V x V elements each, which is read, parked and written in words. Where a
/// word is parked is mixed with the column (^), so that neither side meets in a bank, and words stay aligned.
template <class E, class W, int V> DEVICE void transv(const Transpose &p, W *room) {
    Tile tile = tile_of_block(p, 16 * V, 16 * V);
    u32 x = threadIdx.x % 16, y = threadIdx.x / 16;
    Order order(p.swap);
    u32 row = tile.row + y * V, column = tile.column + x * V;
    if (row < p.rows && column < p.columns) {
        i64 at = source_at(p, tile, row, column, sizeof(E));
        W words[V];
#pragma unroll
        for (int i = 0; i < V; ++i) words[i] = load<W>(p.source, at + i * p.source_pitch);
        turn<E>(words);
#pragma unroll
        for (int i = 0; i < V; ++i) room[(x * V + i) * 16 + (y ^ x)] = order(words[i]);
    }
    __syncthreads();
    row = tile.row + x * V, column = tile.column + y * V;
    if (row < p.rows && column < p.columns) {
        i64 at = target_at(p, tile, row, column, sizeof(E));
#pragma unroll
        for (int i = 0; i < V; ++i) store(p.target, at + i * p.target_pitch, room[(y * V + i) * 16 + (x ^ y)]);
    }
}

#define TRANS(size, E, EDGE)                                                                                                    \
    KERNEL_IN_STEP(trans_##size, Transpose) {                                                                                   \
        SHARED E room[EDGE * Pitch<E, EDGE>::VALUE];                                                                            \
        trans<E, EDGE>(p, room);                                                                                                \
    }
TRANS(1, u8, 64)
TRANS(2, u16, 64)
TRANS(4, u32, 64)
TRANS(8, u64, 32)
TRANS(16, Wide, 32)

#define TRANSV(size, E, W, V)                                                                                                   \
    KERNEL_IN_STEP(transv_##size, Transpose) {                                                                                  \
        SHARED W room[16 * 16 * V];                                                                                             \
        transv<E, W, V>(p, room);                                                                                               \
    }
TRANSV(1, u8, u64, 8)
TRANSV(2, u16, Wide, 8)
TRANSV(4, u32, Wide, 4)
TRANSV(8, u64, Wide, 2)
