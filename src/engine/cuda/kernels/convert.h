// Numbers from and to anywhere, in lots, one by one, or through tiles of sheets.
#pragma once

#include "change.h"
#include "sheet.h"

/// So many numbers are taken at once.
static constexpr int N = 4;

/// Numbers side by side, as many as 16 bytes or fewer hold; what is behind the last is anything.
template <class W> DEVICE void load_lot(const void *base, i64 at, Wide &lot) {
    W word = load<W>(base, at);
    if constexpr (sizeof(W) == 16) {
        lot = word;
    } else if constexpr (sizeof(W) == 8) {
        lot.part[0] = low(word), lot.part[1] = high(word);
    } else {
        lot.part[0] = word;
    }
}

/// The first `count` lots, of so many bytes.
DEVICE void load_lots(const void *base, const i64 (&at)[N], u32 count, u32 bytes, Wide (&lots)[N]) {
    if (bytes == 16) {
        EACH if (i < i32(count)) load_lot<Wide>(base, at[i], lots[i]);
    } else if (bytes == 8) {
        EACH if (i < i32(count)) load_lot<u64>(base, at[i], lots[i]);
    } else if (bytes == 4) {
        EACH if (i < i32(count)) load_lot<u32>(base, at[i], lots[i]);
    } else if (bytes == 2) {
        EACH if (i < i32(count)) load_lot<u16>(base, at[i], lots[i]);
    } else {
        EACH if (i < i32(count)) load_lot<u8>(base, at[i], lots[i]);
    }
}

/// The numbers of a lot, each of `size` bytes; behind the last comes anything.
DEVICE void unpack(const Wide &lot, u32 size, u64 (&raw)[N]) {
    if (size == 1) {
        EACH raw[i] = element<u8>(lot.part, i);
    } else if (size == 2) {
        EACH raw[i] = element<u16>(lot.part, i);
    } else if (size == 4) {
        EACH raw[i] = lot.part[i];
    } else {
        EACH raw[i] = element<u64>(lot.part, i % 2);
    }
}

DEVICE void store_lot(void *base, i64 at, u32 size, u32 bytes, const u64 (&raw)[N]) {
    u32 a = low(raw[0]), b = low(raw[1]), c = low(raw[2]), d = low(raw[3]);
    if (size == 8) return store(base, at, Wide{{a, high(raw[0]), b, high(raw[1])}});
    if (size == 4) {
        if (bytes == 16) store(base, at, Wide{{a, b, c, d}});
        else store(base, at, joined(a, b));
    } else if (size == 2) {
        u32 front = __byte_perm(a, b, 0x5410);
        if (bytes == 8) store(base, at, joined(front, __byte_perm(c, d, 0x5410)));
        else store(base, at, front);
    } else {
        u32 front = __byte_perm(a, b, 0x0040);
        if (bytes == 4) store(base, at, __byte_perm(front, __byte_perm(c, d, 0x0040), 0x5410));
        else store(base, at, u16(front));
    }
}

DEVICE u64 load_one(const void *base, i64 at, u32 size) {
    if (size == 1) return load<u8>(base, at);
    if (size == 2) return load<u16>(base, at);
    return size == 4 ? load<u32>(base, at) : load<u64>(base, at);
}

DEVICE void store_one(void *base, i64 at, u32 size, u64 raw) {
    if (size == 1) store(base, at, u8(raw));
    else if (size == 2) store(base, at, u16(raw));
    else if (size == 4) store(base, at, u32(raw));
    else store(base, at, raw);
}

/// The four numbers of a tile that a thread takes in turn `k`: below each other.
template <int EDGE> struct Column {
    u32 row, column;

    DEVICE Column(u32 k)
        : row(k / (EDGE / 32) * 32 + threadIdx.x / 32 * N), column(k % (EDGE / 32) * 32 + threadIdx.x % 32) {}
};

/// A tile of numbers that have changed is written along its columns.
template <class W, int EDGE> DEVICE void write_tile(const Convert &p, const Tile &tile, const W *room) {
    u32 size = bytes_of(p.numbers.target);
#pragma unroll 1
    for (u32 i = threadIdx.x; i < EDGE * EDGE; i += THREADS) {
        u32 row = i % EDGE, column = i / EDGE;
        if (tile.row + row < p.sheet.rows && tile.column + column < p.sheet.columns)
            store_one(p.sheet.target, target_at(p.sheet, tile, tile.row + row, tile.column + column, size), size,
                      room[row * (EDGE + 1) + column]);
    }
}

/// Four turns of four numbers a thread, or one. What is done with the numbers stands in the code once, whatever the shape.
template <class Kind, class W, int EDGE> DEVICE void convert(const Convert &p, W *room) {
    const Numbers &n = p.numbers;
    const Transpose &sheet = p.sheet;
    u32 sizes[2] = {bytes_of(n.source), bytes_of(n.target)};
    bool sheets = p.shape == SHEETS, each = p.shape == ONES;
    u32 lot = p.shape == LOTS ? 4 : p.shape == PAIRS ? 2 : 1, left = 0, turns;
    Place at[N];
    Wide lots[N];
    Tile tile;
    if (sheets) {
        tile = tile_of_block(sheet, EDGE, EDGE);
        turns = EDGE * EDGE / (THREADS * N);
    } else {
        u32 items[N];
        i64 from[N];
        items_of_thread(items);
        places(sheet.walk, items, at);
        EACH from[i] = at[i].source;
        // All that is to be read is asked for before any of it is waited for.
        if (items[0] < sheet.walk.count) left = min((sheet.walk.count - 1 - items[0]) / THREADS + 1, u32(N));
        load_lots(sheet.source, from, left, lot * sizes[0], lots);
        turns = each ? min(left, 1u) : left;
    }
#pragma unroll 1
    for (u32 k = 0; k < turns; ++k) {
        Some<N> from;
        u64 to[N];
        Column<EDGE> where(k);
        if (sheets) {
            EACH {
                u32 row = tile.row + where.row + i, column = tile.column + where.column;
                bool valid = row < sheet.rows && column < sheet.columns;
                from.raw[i] = valid ? load_one(sheet.source, source_at(sheet, tile, row, column, sizes[0]), sizes[0]) : 0;
                i32 step = i32(p.row_step) * i32(row) + i32(p.column_step) * i32(column);
                from.index[i] = valid ? tile.sheet.step + step : 0;
            }
        } else if (each) {
            EACH {
                from.raw[i] = joined(lots[i].part[0], lots[i].part[1]);
                from.index[i] = i < i32(left) ? at[i].step : 0;
            }
        } else {
            unpack(lots[0], sizes[0], from.raw);
            EACH from.index[i] = at[0].step;
        }
        Kind::run(n, from, to);
        if (sheets) {
            EACH room[(where.row + i) * (EDGE + 1) + where.column] = W(to[i]);
        } else if (each) {
            EACH if (i < i32(left)) store_one(sheet.target, at[i].target, sizes[1], to[i]);
        } else {
            store_lot(sheet.target, at[0].target, sizes[1], lot * sizes[1], to);
#pragma unroll
            for (int i = 0; i + 1 < N; ++i) at[i] = at[i + 1], lots[i] = lots[i + 1];
        }
    }
    if (sheets) {
        __syncthreads();
        write_tile<W, EDGE>(p, tile, room);
    }
}

#define CONVERT(name, Kind, W, EDGE)                                                                                            \
    KERNEL_DENSE(name, Convert, 3) {                                                                                             \
        SHARED W room[EDGE * (EDGE + 1)];                                                                                       \
        convert<Kind, W, EDGE>(p, room);                                                                                        \
    }
