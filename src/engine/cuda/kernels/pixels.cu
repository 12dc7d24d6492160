// Pixels of 2, 3 or 4 channels become planes, and planes pixels: in registers, four pixels a thread.
#include "convert.h"

/// The types of pixels, or words that stay what they are.
struct ToPixel {
    static DEVICE void run(const Numbers &n, const Some<N> &from, u64 (&to)[N]) {
        if (kind_of(n.source) == WORD) {
            EACH to[i] = from.raw[i];
            return;
        }
        f32 y[N];
        if (n.source == UINT8) EACH y[i] = f32(u8(from.raw[i]));
        else if (n.source == FLOAT16) EACH y[i] = half_to_f32(u16(from.raw[i]));
        else if (n.source == BFLOAT16) EACH y[i] = as<f32>(u32(from.raw[i]) << 16);
        else EACH y[i] = as<f32>(u32(from.raw[i]));
        if (n.target == UINT8) {
            f64 x[N];
            EACH x[i] = widened(y[i]);
            scale(n, from, x);
            EACH to[i] = u32(n.saturate ? clamped(nearest_i32(x[i]), 0, 255) : wrapped_i32(x[i]));
            return;
        }
        scale(n, from, y);
        if (n.saturate) EACH y[i] = clamped(y[i], f32(n.low), f32(n.high));
        if (n.source == BFLOAT16 && n.target == FLOAT16 && !n.scaled) EACH y[i] = canonical(y[i]);
        if (n.target == FLOAT32) EACH to[i] = as<u32>(y[i]);
        else if (n.target == FLOAT16) EACH to[i] = half_from(y[i]);
        else EACH to[i] = bfloat_from(y[i]);
    }
};

/// As many channels as numbers are taken at once.
static constexpr int CHANNELS = N;

/// What is known of the four pixels of a thread.
struct Pixels {
    u32 sizes[2];
    i64 source, target;
    i32 index;
    bool valid;
};

DEVICE Pixels pixels_of_thread(const Convert &p, u32 high, u32 wide) {
    Tile tile = tile_of_block(p.sheet, high, wide);
    u32 first = threadIdx.x * N, row = tile.row + (high > 1 ? first : 0), column = tile.column + (wide > 1 ? first : 0);
    Pixels all;
    all.sizes[0] = bytes_of(p.numbers.source), all.sizes[1] = bytes_of(p.numbers.target);
    all.source = source_at(p.sheet, tile, row, column, all.sizes[0]);
    all.target = target_at(p.sheet, tile, row, column, all.sizes[1]);
    all.index = tile.sheet.step + i32(p.row_step) * i32(row) + i32(p.column_step) * i32(column);
    all.valid = row < p.sheet.rows && column < p.sheet.columns;
    return all;
}

DEVICE void split_pixels(const Convert &p) {
    Pixels all = pixels_of_thread(p, THREADS * N, 1);
    u32 channels = p.sheet.columns, bytes = N * all.sizes[0];
    u64 numbers[CHANNELS * N];
    Wide lots[CHANNELS];
    if (!all.valid) return;
    i64 at[N];
    EACH at[i] = all.source + i * bytes;
    load_lots(p.sheet.source, at, channels, bytes, lots);
#pragma unroll
    for (u32 c = 0; c < CHANNELS; ++c) {
        u64 raw[N];
        unpack(lots[c], all.sizes[0], raw);
        EACH numbers[N * c + i] = u32(raw[i]);
    }
#pragma unroll 1
    for (u32 c = 0; c < channels; ++c) {
        Some<N> from;
        u64 to[N];
        EACH {
            from.raw[i] = channels == 2 ? numbers[2 * i] : channels == 3 ? numbers[3 * i] : numbers[4 * i];
            from.index[i] = all.index + i32(p.row_step) * i + i32(p.column_step * c);
        }
        ToPixel::run(p.numbers, from, to);
        store_lot(p.sheet.target, all.target + c * p.sheet.target_pitch, all.sizes[1], N * all.sizes[1], to);
#pragma unroll
        for (int i = 0; i + 1 < CHANNELS * N; ++i) numbers[i] = numbers[i + 1];
    }
}

DEVICE void merge_pixels(const Convert &p) {
    Pixels all = pixels_of_thread(p, 1, THREADS * N);
    u32 channels = p.sheet.rows, bytes = N * all.sizes[1];
    u64 numbers[CHANNELS * N] = {};
    Wide lots[CHANNELS];
    if (!all.valid) return;
    i64 at[N];
    EACH at[i] = all.source + i * p.sheet.source_pitch;
    load_lots(p.sheet.source, at, channels, N * all.sizes[0], lots);
#pragma unroll 1
    for (u32 c = 0; c < channels; ++c) {
        Some<N> from;
        u64 to[N];
        unpack(lots[0], all.sizes[0], from.raw);
        EACH from.index[i] = all.index + i32(p.row_step * c) + i32(p.column_step) * i;
        ToPixel::run(p.numbers, from, to);
#pragma unroll
        for (int i = 0; i + 1 < CHANNELS * N; ++i) numbers[i] = numbers[i + 1];
        if (channels == 2) EACH numbers[2 * i + 1] = to[i];
        else if (channels == 3) EACH numbers[3 * i + 2] = to[i];
        else EACH numbers[4 * i + 3] = to[i];
        lots[0] = lots[1], lots[1] = lots[2], lots[2] = lots[3];
    }
#pragma unroll
    for (u32 c = 0; c < CHANNELS; ++c) {
        u64 raw[N];
        EACH raw[i] = numbers[N * c + i];
        if (c < channels) store_lot(p.sheet.target, all.target + c * bytes, all.sizes[1], bytes, raw);
    }
}

KERNEL(split, Convert) { split_pixels(p); }
KERNEL(merge, Convert) { merge_pixels(p); }
