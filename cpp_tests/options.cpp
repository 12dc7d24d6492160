// Options that mean nothing are refused; of a struct that is smaller than the library's the rest is as by default (growth.cpp
// has the sizes).
#include "support.hpp"

using namespace ndferry;

namespace {

/// An options struct as a newer header might have it.
template <class Options> struct newer {
    Options known{};
    std::uint64_t tail[4] = {};
};

/// Ends what a successful call gave.
struct outcome {
    ndf_tensor *tensor = nullptr;
    ~outcome() { ndf_tensor_release(tensor); }
};

} // namespace

TEST("an allocator of a size that holds no functions is refused") {
    ndf_allocator allocator{};
    for (const std::uint32_t size : {0u, 3u, 8u}) {
        allocator.struct_size = size;
        CHECK_REFUSED(NDF_ERROR_INVALID_ARGUMENT, "", ndf_set_allocator(&allocator));
    }
}

TEST("statistics need the whole struct, and a larger one will do") {
    newer<ndf_statistics> room;
    for (const std::uint32_t size : {0u, 3u, 8u, 23u}) {
        room.known.struct_size = size;
        room.known.live_tensors = 77;
        CHECK_REFUSED(NDF_ERROR_INVALID_ARGUMENT, "struct_size", ndf_statistics_get(&room.known));
        CHECK_EQ(room.known.live_tensors, 77);
    }
    room.known.struct_size = sizeof room;
    CHECK_OK(ndf_statistics_get(&room.known));
    CHECK_EQ(room.known.live_tensors, 0);
}

TEST("a smaller struct leaves the later fields at their defaults") {
    const tensor t = support::count_up({2, 2}).transpose();
    ndf_convert_options options{};
    options.struct_size = offsetof(ndf_convert_options, copy);
    options.copy = 77; // beyond the size, so not read
    outcome out;
    CHECK_OK(ndf_tensor_convert(t.get(), NDF_DTYPE_INT8, &options, &out.tensor));
}

TEST("what is asked beyond the rules is heeded also where the same copy was made before") {
    const tensor from = support::count_up({4}), to = zeros(int32, {4});
    const auto copy = [&](auto set) {
        ndf_convert_options options{};
        options.struct_size = sizeof options;
        set(options);
        return ndf_tensor_copy_into(from.get(), to.get(), &options);
    };
    const auto each = [&] {
        using options = ndf_convert_options;
        CHECK_REFUSED(NDF_ERROR_INVALID_ARGUMENT, "`device`", copy([](options &o) { o.device = {NDF_DEVICE_CUDA, 0}; }));
        CHECK_REFUSED(NDF_ERROR_INVALID_ARGUMENT, "`stream`", copy([](options &o) { o.stream = -7; }));
        CHECK_REFUSED(NDF_ERROR_INVALID_ARGUMENT, "`copy`", copy([](options &o) { o.copy = 99; }));
        CHECK_REFUSED(NDF_ERROR_INVALID_ARGUMENT, "`order`", copy([](options &o) { o.order = 99; }));
        CHECK_REFUSED(NDF_ERROR_INVALID_ARGUMENT, "`casting`", copy([](options &o) { o.casting = 99; }));
        CHECK_REFUSED(NDF_ERROR_INVALID_ARGUMENT, "`overflow`", copy([](options &o) { o.overflow = 99; }));
        CHECK_REFUSED(NDF_ERROR_INVALID_ARGUMENT, "scale", copy([](options &o) { o.scale_count = -1; }));
        CHECK_REFUSED(NDF_ERROR_INVALID_ARGUMENT, "bias", copy([](options &o) { o.bias_count = -1; }));
        CHECK_REFUSED(NDF_ERROR_CANCELLED, "`progress`", copy([](options &o) {
            o.progress = [](void *, std::int64_t, std::int64_t) { return 1; };
        }));
    };
    each();
    for (int turn = 0; turn < 3; ++turn) CHECK_OK(ndf_tensor_copy_into(from.get(), to.get(), nullptr));
    each();
    CHECK_OK(copy([](ndf_convert_options &o) {
        static const double two = 2;
        o.scale = &two;
        o.scale_count = 1;
        o.casting = NDF_CASTING_UNSAFE;
    }));
    CHECK_EQ(static_cast<const std::int32_t *>(to.const_data())[3], 6);
}

TEST("fields that mean nothing are refused") {
    const tensor t = support::count_up({2});
    convert_options options;
    options.casting = 77;
    CHECK_ERROR(NDF_ERROR_INVALID_ARGUMENT, "`casting`", t.convert(int8, options));
    options = {};
    options.overflow = 77;
    CHECK_ERROR(NDF_ERROR_INVALID_ARGUMENT, "`overflow`", t.convert(int8, options));
    options = {};
    options.copy = 77;
    CHECK_ERROR(NDF_ERROR_INVALID_ARGUMENT, "`copy`", t.convert(int8, options));
    options = {};
    options.order = 77;
    CHECK_ERROR(NDF_ERROR_INVALID_ARGUMENT, "`order`", t.convert(int8, options));
    ndf_wrap_options wrapping{sizeof(ndf_wrap_options), 2, {}};
    ndf_tensor *out = nullptr;
    char data = 0;
    CHECK_REFUSED(NDF_ERROR_INVALID_ARGUMENT, "`options->flags`",
                  ndf_tensor_wrap(&data, NDF_DTYPE_INT8, 0, nullptr, nullptr, nullptr, nullptr, &wrapping, &out));
}

TEST("counts of scale and bias that are negative, or come with NULL, are refused") {
    const tensor t = support::count_up({2});
    const double one = 1;
    ndf_convert_options options{};
    options.struct_size = sizeof options;
    ndf_tensor *out = nullptr;
    for (const std::int64_t count : {std::int64_t{-1}, INT64_MIN, INT64_MAX}) {
        options.scale_count = count;
        options.scale = &one;
        CHECK_REFUSED(NDF_ERROR_INVALID_ARGUMENT, "scale", ndf_tensor_convert(t.get(), NDF_DTYPE_INT8, &options, &out));
    }
    options.scale_count = 1;
    options.scale = nullptr;
    CHECK_REFUSED(NDF_ERROR_INVALID_ARGUMENT, "scale", ndf_tensor_convert(t.get(), NDF_DTYPE_INT8, &options, &out));
    CHECK(out == nullptr);
}
