// Sheets of few rows or few columns: tiles of any shape, so that no thread is idle however narrow they are.
#include "sheet.h"
#include "word.h"


template <class E> DEVICE void tile(const Transpose &p, E *room) {
    Tile tile = tile_of_block(p, p.high.by, p.wide.by);
    Order order(p.swap);
    u32 all = p.high.by * p.wide.by, pitch = p.wide.by | 1;
#pragma unroll 2
    for (u32 i = threadIdx.x; i < all; i += THREADS) {
        u32 column = i, row = split(p.wide, column);
        if (tile.row + row < p.rows && tile.column + column < p.columns)
            room[row * pitch + column] =
                order(load<E>(p.source, source_at(p, tile, tile.row + row, tile.column + column, sizeof(E))));
    }
    __syncthreads();
#pragma unroll 2
    for (u32 i = threadIdx.x; i < all; i += THREADS) {
        u32 row = i, column = split(p.high, row);
        if (tile.row + row < p.rows && tile.column + column < p.columns)
            store(p.target, target_at(p, tile, tile.row + row, tile.column + column, sizeof(E)), room[row * pitch + column]);
    }
}

#define TILE(size, E)                                                                                                           \
    KERNEL_IN_STEP(tile_##size, Transpose) {                                                                                    \
        SHARED E room[32768 / sizeof(E)];                                                                                       \
        tile<E>(p, room);                                                                                                       \
    }
TILE(1, u8)
TILE(2, u16)
TILE(4, u32)
TILE(8, u64)
TILE(16, Wide)
