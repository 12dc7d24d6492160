// Pixels of three channels become planes, and planes pixels, as in `pixels`: types are known when this is compiled.
#include "fixed.h"
#include "sheet.h"

/// So many pixels a thread takes, whose numbers are a run of each channel.
static constexpr int N = 4, CHANNELS = 3;

/// Where number `i` of 12 lies among those of the other order.
template <bool SPLITS> DEVICE constexpr int place_of(int i) {
    return SPLITS ? i % N * CHANNELS + i / N : i % CHANNELS * N + i / CHANNELS;
}

/// Numbers of runs in the other order.
template <int SIZE, bool SPLITS> DEVICE void turn(const Run<N * SIZE> (&runs)[CHANNELS], u64 (&raw)[CHANNELS * N]) {
#pragma unroll
    for (int i = 0; i < CHANNELS * N; ++i) {
        int from = place_of<SPLITS>(i);
        raw[i] = number<SIZE>(runs[from / N], from % N);
    }
}

/// Bytes in the other order: four of twelve.
template <bool SPLITS> DEVICE u32 turned_bytes(const Run<N> (&runs)[CHANNELS], int k) {
    u32 front = 0, back = 0;
    EACH {
        int from = place_of<SPLITS>(k * N + i);
        front |= u32(from < 8 ? from : 0) << 4 * i;
        back |= u32(from < 8 ? i : from - 4) << 4 * i;
    }
    return __byte_perm(__byte_perm(runs[0].part[0], runs[1].part[0], front), runs[2].part[0], back);
}

template <u32 FROM, u32 TO, bool SPLITS> DEVICE void rgb(const Convert &p) {
    constexpr int FROM_SIZE = size_of(FROM), TO_SIZE = size_of(TO);
    const Transpose &sheet = p.sheet;
    Tile tile = tile_of_block(sheet, SPLITS ? THREADS * N : 1, SPLITS ? 1 : THREADS * N);
    u32 pixel = (SPLITS ? tile.row : tile.column) + threadIdx.x * N;
    if (pixel >= (SPLITS ? sheet.rows : sheet.columns)) return;
    i64 source = tile.sheet.source + i64(pixel) * ((SPLITS ? CHANNELS : 1) * FROM_SIZE);
    i64 target = tile.sheet.target + i64(pixel) * ((SPLITS ? 1 : CHANNELS) * TO_SIZE);
    Run<N * FROM_SIZE> runs[CHANNELS];
#pragma unroll
    for (int c = 0; c < CHANNELS; ++c)
        runs[c] = load_run<N * FROM_SIZE>(sheet.source, source + c * (SPLITS ? i64(N * FROM_SIZE) : sheet.source_pitch));
    u64 raw[CHANNELS * N];
    turn<FROM_SIZE, SPLITS>(runs, raw);
#pragma unroll
    for (int c = 0; c < CHANNELS; ++c) {
        u64 to[N];
        if constexpr (FROM == WORD8) {
            store(sheet.target, target + c * (SPLITS ? sheet.target_pitch : i64(N * TO_SIZE)), turned_bytes<SPLITS>(runs, c));
            continue;
        }
        if constexpr (FROM == UINT8) {
            Brighter<TO> by(p.numbers, tile.sheet.step + i32(p.column_step) * c);
            EACH to[i] = by(raw[c * N + i]);
        } else {
            EACH to[i] = raw[c * N + i];
        }
        store_run(sheet.target, target + c * (SPLITS ? sheet.target_pitch : i64(N * TO_SIZE)), run_of<TO_SIZE>(to));
    }
}

#define RGB(name, FROM, TO, SPLITS)                                                                                             \
    KERNEL(rgb_##name, Convert) { rgb<FROM, TO, SPLITS>(p); }

RGB(split_1, WORD8, WORD8, true)
RGB(split_2, WORD16, WORD16, true)
RGB(split_4, WORD32, WORD32, true)
RGB(merge_1, WORD8, WORD8, false)
RGB(merge_2, WORD16, WORD16, false)
RGB(merge_4, WORD32, WORD32, false)
RGB(split_u8_f32, UINT8, FLOAT32, true)
RGB(split_u8_f16, UINT8, FLOAT16, true)
RGB(split_u8_bf16, UINT8, BFLOAT16, true)
