// Tiles of sheets whose rows become columns.
#pragma once

#include "walk.h"

/// Where the tile of this block lies: its sheet, and its first row and column there.
struct Tile {
    Place sheet;
    u32 row, column;
};

DEVICE Tile tile_of_block(const Transpose &p, u32 high, u32 wide) {
    u32 across = blockIdx.x;
    u32 down = split(p.across, across);
    u32 sheet = split(p.down, down);
    return {place(p.walk, sheet), down * high, across * wide};
}

DEVICE i64 source_at(const Transpose &p, const Tile &tile, u32 row, u32 column, u32 size) {
    return tile.sheet.source + i64(row) * p.source_pitch + i64(column) * size;
}

DEVICE i64 target_at(const Transpose &p, const Tile &tile, u32 row, u32 column, u32 size) {
    return tile.sheet.target + i64(column) * p.target_pitch + i64(row) * size;
}
