// Threads that are started where much of a small stack would go to the program's own thread-local variables.
#include "support.hpp"

using ndferry::convert_options;
using ndferry::tensor;
using support::same_bytes;

namespace {

/// The C library takes it from the stack of every thread.
thread_local volatile char of_the_program[190 << 10];

/// What takes most of a stack: numbers with coefficients of their own, which are gathered block by block, or tile by tile.
std::vector<tensor> results() {
    const tensor numbers = support::count_up({120, 200, 100});
    convert_options options;
    options.overflow = NDF_OVERFLOW_SATURATE;
    options.axis = 2;
    for (int i = 0; i < 100; ++i) options.scale.push_back(i / 8.0), options.bias.push_back(-i);
    std::vector<tensor> made{numbers.convert(NDF_DTYPE_UINT8, options)};
    made.push_back(numbers.slice(1, 0, 190).convert(NDF_DTYPE_FLOAT16, options));
    options.order = NDF_ORDER_F;
    made.push_back(numbers.convert(NDF_DTYPE_UINT8, options));
    return made;
}

} // namespace

TEST("threads that are started have their whole stack beside the program's thread-local variables") {
    of_the_program[5] = 1;
    ndferry::set_thread_count(1);
    const std::vector<tensor> alone = results();
    ndferry::set_thread_count(3);
    for (int round = 0; round < 5; ++round) {
        const std::vector<tensor> shared = results();
        for (std::size_t i = 0; i < alone.size(); ++i) CHECK(same_bytes(shared[i], alone[i]));
    }
    ndferry::set_thread_count(0);
    CHECK_EQ(of_the_program[5], 1);
}
