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

/// A turn for each channel, of four pixels a thread. One body for both ways, so that what is done with numbers stands in the code
/// once.
KERNEL(pixels, Convert) {
    const Transpose &sheet = p.sheet;
    bool splits = p.shape == SPLIT;
    u32 sizes[2] = {bytes_of(p.numbers.source), bytes_of(p.numbers.target)}, channels = splits ? sheet.columns : sheet.rows;
    Tile tile = tile_of_block(sheet, splits ? THREADS * N : 1, splits ? 1 : THREADS * N);
    u32 row = tile.row + (splits ? threadIdx.x * N : 0), column = tile.column + (splits ? 0 : threadIdx.x * N);
    if (row >= sheet.rows || column >= sheet.columns) return;
    i64 source = source_at(sheet, tile, row, column, sizes[0]), target = target_at(sheet, tile, row, column, sizes[1]);
    i32 pixel_step = i32(splits ? p.row_step : p.column_step), channel_step = i32(splits ? p.column_step : p.row_step);
    i32 index = tile.sheet.step + pixel_step * i32(splits ? row : column);
    i64 at[N];
    Wide lots[N];
    EACH at[i] = source + i * (splits ? i64(N * sizes[0]) : sheet.source_pitch);
    load_lots(sheet.source, at, channels, N * sizes[0], lots);
    // All numbers pixel by pixel: to begin with of the source, or in the end of the target.
    u32 numbers[CHANNELS * N] = {};
    if (splits) {
#pragma unroll
        for (int c = 0; c < CHANNELS; ++c) {
            u64 raw[N];
            unpack(lots[c], sizes[0], raw);
            EACH numbers[N * c + i] = u32(raw[i]);
        }
    }
#pragma unroll 1
    for (u32 c = 0; c < channels; ++c) {
        Some<N> from;
        u64 to[N];
        if (splits) EACH from.raw[i] = channels == 2 ? numbers[2 * i] : channels == 3 ? numbers[3 * i] : numbers[4 * i];
        else unpack(lots[0], sizes[0], from.raw);
        EACH from.index[i] = index + pixel_step * i + channel_step * i32(c);
        ToPixel::run(p.numbers, from, to);
#pragma unroll
        for (int i = 0; i + 1 < CHANNELS * N; ++i) numbers[i] = numbers[i + 1];
        if (splits) {
            store_lot(sheet.target, target + c * sheet.target_pitch, sizes[1], N * sizes[1], to);
            continue;
        }
        if (channels == 2) EACH numbers[2 * i + 1] = u32(to[i]);
        else if (channels == 3) EACH numbers[3 * i + 2] = u32(to[i]);
        else EACH numbers[4 * i + 3] = u32(to[i]);
        lots[0] = lots[1], lots[1] = lots[2], lots[2] = lots[3];
    }
    if (splits) return;
#pragma unroll 1
    for (u32 c = 0; c < channels; ++c) {
        u64 raw[N];
        EACH raw[i] = numbers[i];
        store_lot(sheet.target, target + c * N * sizes[1], sizes[1], N * sizes[1], raw);
#pragma unroll
        for (int i = 0; i + N < CHANNELS * N; ++i) numbers[i] = numbers[i + N];
    }
}
