// The same loops twice: over a pointer, by hand, and over a tensor_view. `overhead pointer|view LOOP` runs one of them;
// run.cmake counts what each executes.
#include <ndferry.hpp>

#include <cstdio>
#include <cstring>
#include <numeric>
#include <vector>

using std::int64_t;
using strided = ndf::tensor_view<float, 2>;
using dense = ndf::tensor_view<float, 2, ndf::unit_stride>;

namespace {

// Read when the program runs, so that no loop is compiled for these numbers.
volatile int64_t rows_now = 300, columns_now = 200;

/// What is known of a tensor without ndferry.hpp.
struct pointer {
    float *data;
    int64_t shape[2], strides[2];
};

#define LOOP [[gnu::noinline]] float

LOOP indices(pointer p) {
    float sum = 0;
    for (int64_t i = 0; i < p.shape[0]; ++i) {
        for (int64_t j = 0; j < p.shape[1]; ++j) sum += p.data[i * p.strides[0] + j * p.strides[1]];
    }
    return sum;
}
LOOP indices(strided view) {
    float sum = 0;
    for (int64_t i = 0; i < view.extent(0); ++i) {
        for (int64_t j = 0; j < view.extent(1); ++j) sum += view(i, j);
    }
    return sum;
}

LOOP brackets(pointer p) { return indices(p); }
LOOP brackets(strided view) {
    float sum = 0;
    for (int64_t i = 0; i < view.extent(0); ++i) {
        for (int64_t j = 0; j < view.extent(1); ++j) sum += view[i][j];
    }
    return sum;
}

LOOP scale(pointer p) {
    for (int64_t i = 0; i < p.shape[0]; ++i) {
        for (int64_t j = 0; j < p.shape[1]; ++j) p.data[i * p.strides[0] + j] *= 1.5f;
    }
    return p.data[0];
}
LOOP scale(dense view) {
    for (int64_t i = 0; i < view.extent(0); ++i) {
        for (int64_t j = 0; j < view.extent(1); ++j) view(i, j) *= 1.5f;
    }
    return view(0, 0);
}

LOOP ranges(pointer p) {
    for (int64_t i = 0; i < p.shape[0]; ++i) {
        float *const row = p.data + i * p.strides[0];
        for (float *x = row; x != row + p.shape[1]; ++x) *x += 1;
    }
    return p.data[0];
}
LOOP ranges(dense view) {
    for (const auto row : view.along<0>()) {
        for (float &x : row) x += 1;
    }
    return view(0, 0);
}

LOOP columnwise(pointer p) {
    float sum = 0;
    for (int64_t j = 0; j < p.shape[1]; ++j) {
        const float *const column = p.data + j * p.strides[1];
        for (int64_t i = 0; i < p.shape[0]; ++i) sum += column[i * p.strides[0]];
    }
    return sum;
}
LOOP columnwise(strided view) {
    float sum = 0;
    for (const auto column : view.along<1>()) sum = std::accumulate(column.begin(), column.end(), sum);
    return sum;
}

LOOP flat(pointer p) {
    float sum = 0;
    for (int64_t i = 0; i < p.shape[0] * p.shape[1]; ++i) sum += p.data[i];
    return sum;
}
LOOP flat(ndf::span<float> span) {
    float sum = 0;
    for (const float x : span) sum += x;
    return sum;
}

} // namespace

int main(int argc, char **argv) {
    const int64_t rows = rows_now, columns = columns_now, step = columns_now / columns;
    std::vector<float> elements(static_cast<std::size_t>(rows * columns), 1.0f);
    const pointer p{elements.data(), {rows, columns}, {columns, step}};
    const strided any(elements.data(), {rows, columns}, {columns, step});
    const dense unit(elements.data(), {rows, columns});
    const ndf::span<float> span(elements.data(), elements.size());
    const bool by_hand = argc > 1 && std::strcmp(argv[1], "pointer") == 0;
    float result = 0;
#define RUN(loop, view) if (argc > 2 && std::strcmp(argv[2], #loop) == 0) result = by_hand ? loop(p) : loop(view)
    RUN(indices, any);
    RUN(brackets, any);
    RUN(scale, unit);
    RUN(ranges, unit);
    RUN(columnwise, any);
    RUN(flat, span);
    std::printf("%g\n", static_cast<double>(result));
    return 0;
}
