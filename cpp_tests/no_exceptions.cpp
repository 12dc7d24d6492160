// The C++ header in a program that is compiled without exceptions: failures are returned by themselves.
#include <ndferry.hpp>

#include <cstdio>

#if defined(__cpp_exceptions)
#error "this is to be compiled with -fno-exceptions"
#endif
static_assert(NDFERRY_EXPECTED == 1, "without exceptions, failures are returned");

namespace {

int failures = 0;

void check(bool holds, const char *what) {
    std::printf("%s  %s\n", holds ? "ok    " : "FAILED", what);
    failures += holds ? 0 : 1;
}

} // namespace

int main() {
    const auto ones = ndf::full(ndf::float32, {2, 3}, 1.0f);
    check(ones.has_value(), "a tensor is made");
    const auto refused = ones->reshape({7});
    check(!refused && refused.error().status() == NDF_ERROR_SHAPE, "a wrong shape is an error that is returned");
    const auto view = ones->view<float, 2>();
    check(view && (*view)(1, 2) == 1.0f, "elements are reached through a view");
    check(!ones->view<double, 2>(), "a view of another type is refused");

    ndf::convert_options options;
    options.progress = [](std::int64_t, std::int64_t) { return false; };
    const auto big = ndf::zeros(ndf::float32, {1 << 22});
    const auto stopped = big->convert(ndf::float64, options);
    check(!stopped && stopped.error().status() == NDF_ERROR_CANCELLED, "a progress function stops a conversion");
    return failures;
}
