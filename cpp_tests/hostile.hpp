// What a caller may hand over by mistake or on purpose, one list for each type of argument. An integer may be anything; an
// address is NULL or that of what its type says, for no program can tell others from good ones.
#pragma once

#include "support.hpp"

#include <algorithm>
#include <functional>
#include <limits>

namespace hostile {

/// A struct with room behind it, for a `struct_size` that is too large.
template <class Sized> struct roomy {
    Sized sized{};
    char room[4096] = {};
    roomy() { sized.struct_size = sizeof sized; }
};

template <> inline roomy<ndf_allocator>::roomy() {
    sized.struct_size = sizeof sized;
    sized.allocate = [](void *, std::size_t bytes, std::size_t alignment) {
        return std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
    };
    sized.deallocate = [](void *, void *data, std::size_t, std::size_t) { std::free(data); };
}

template <class T, class = void> struct is_sized : std::false_type {};
template <class T> struct is_sized<T, std::void_t<decltype(std::declval<T &>().struct_size)>> : std::true_type {};

template <class T> std::vector<T> values();

/// Each way to spoil one field of a struct with a size.
template <class Sized> std::vector<std::function<void(Sized &)>> &spoilings() {
    static std::vector<std::function<void(Sized &)>> all;
    return all;
}

template <class Sized, class Field> bool spoil(Field Sized::*field) {
    for (const Field &value : values<Field>()) {
        spoilings<Sized>().push_back([field, value](Sized &sized) { sized.*field = value; });
    }
    return true;
}

/// NULL, and the struct with each of its fields spoilt.
template <class Sized> std::vector<Sized *> sized_values() {
    static std::vector<roomy<Sized>> made;
    made.assign(spoilings<Sized>().size(), {});
    std::vector<Sized *> all{nullptr};
    for (std::size_t i = 0; i < made.size(); ++i) {
        spoilings<Sized>()[i](made[i].sized);
        all.push_back(&made[i].sized);
    }
    return all;
}

template <class T> struct of {
    static std::vector<T> values() {
        if constexpr (!std::is_pointer_v<T>) {
            using limits = std::numeric_limits<T>;
            return {T{0}, static_cast<T>(-1), limits::min(), limits::max(), T{65}, T{77}};
        } else if constexpr (is_sized<std::remove_const_t<std::remove_pointer_t<T>>>::value) {
            const auto all = sized_values<std::remove_const_t<std::remove_pointer_t<T>>>();
            return {all.begin(), all.end()};
        } else {
            return {nullptr};
        }
    }
};

template <class T> std::vector<T> values() { return of<T>::values(); }

template <> struct of<const char *> {
    static std::vector<const char *> values() {
        static const std::string deep(100000, '('), lists(100000, '['), records = [] {
            std::string text;
            for (int i = 0; i < 20000; ++i) text += "T{";
            return text;
        }();
        return {nullptr, "", "\xff\xfe", "<f99999999999999999999", "[('x', '<f4", deep.c_str(), lists.c_str(),
                records.c_str(), "V9223372036854775807", "(9999999999,9999999999)<f8", "<U9223372036854775807"};
    }
};

template <> struct of<const std::int64_t *> {
    static std::vector<const std::int64_t *> values() {
        static const std::vector<std::int64_t> lows(64, INT64_MIN), highs(64, INT64_MAX), ones(64, -1);
        return {nullptr, lows.data(), highs.data(), ones.data()};
    }
};

template <> struct of<const std::int32_t *> {
    static std::vector<const std::int32_t *> values() {
        static const std::vector<std::int32_t> lows(64, INT32_MIN), highs(64, INT32_MAX), zeros(64, 0);
        return {nullptr, lows.data(), highs.data(), zeros.data()};
    }
};

template <> struct of<ndf_dtype> {
    static std::vector<ndf_dtype> values() {
        return {{},
                {NDF_CODE_FLOAT, 32, 0, 0, 0, 0, 0},
                {NDF_CODE_FLOAT, 0, 1, 0, 0, 0, 0},
                {NDF_CODE_FLOAT, 32, 1, '?', 0, 0, 0},
                {NDF_CODE_FLOAT, 32, 1, 0, 0xff, 0, 0},
                {NDF_CODE_FLOAT, 32, 1, 0, 0, 7, 0},
                {NDF_CODE_FLOAT, 32, 1, 0, 0, 0, 7},
                {NDF_CODE_OPAQUE, 0, 1, 'V', 0, 0, UINT64_MAX},
                {NDF_CODE_OPAQUE, 0, 1, 'V', 0, 0, (std::uint64_t{1} << 63) | 12345},
                {NDF_CODE_OPAQUE, 0, 1, 'U', 0, 0, std::uint64_t{1} << 62},
                {NDF_CODE_OPAQUE, 0, 1, 'M', 0, 0, UINT64_MAX >> 1},
                {200, 8, 1, 0, 0, 0, 0},
                {255, 255, 65535, '?', 255, 65535, UINT64_MAX}};
    }
};

template <> struct of<ndf_device> {
    static std::vector<ndf_device> values() { return {{0, -1}, {1, 7}, {2, 0}, {999, -1}, {INT32_MIN, INT32_MAX}}; }
};

/// Copies of `good`, each spoilt by one of `ways`, and NULL.
template <class Struct>
std::vector<const Struct *> spoilt(const Struct &good, const std::vector<std::function<void(Struct &)>> &ways) {
    static std::vector<Struct> made;
    made.assign(ways.size(), good);
    std::vector<const Struct *> all{nullptr};
    for (std::size_t i = 0; i < ways.size(); ++i) {
        ways[i](made[i]);
        all.push_back(&made[i]);
    }
    return all;
}

template <> struct of<const ndf_buffer *> {
    static std::vector<const ndf_buffer *> values() {
        static float element = 0;
        static char format[] = "f", unknown[] = "\xff", deep[] = "T{T{T{(9999999999)f";
        static ptrdiff_t lows[64], highs[64];
        std::fill(lows, lows + 64, PTRDIFF_MIN);
        std::fill(highs, highs + 64, PTRDIFF_MAX);
        return spoilt<ndf_buffer>({&element, nullptr, 4, 4, 0, 0, format, nullptr, nullptr, nullptr, nullptr},
                                  {[](ndf_buffer &b) { b.ndim = -1; },
                                   [](ndf_buffer &b) { b.ndim = INT32_MAX; },
                                   [](ndf_buffer &b) { b.ndim = 2; },
                                   [](ndf_buffer &b) { b.len = b.itemsize = PTRDIFF_MIN; },
                                   [](ndf_buffer &b) { b.len = PTRDIFF_MAX; },
                                   [](ndf_buffer &b) { b.format = unknown; },
                                   [](ndf_buffer &b) { b.format = deep; },
                                   [](ndf_buffer &b) { b.buf = nullptr; },
                                   [](ndf_buffer &b) { b.ndim = 64, b.shape = lows; },
                                   [](ndf_buffer &b) { b.ndim = 64, b.shape = b.strides = highs; },
                                   [](ndf_buffer &b) { b.ndim = 64, b.suboffsets = highs; },
                                   [](ndf_buffer &b) { b = ndf_buffer{}; }});
    }
};

template <> struct of<const ndf_cuda_array *> {
    static std::vector<const ndf_cuda_array *> values() {
        static float element = 0;
        static const std::vector<std::int64_t> lows(64, INT64_MIN), highs(64, INT64_MAX);
        ndf_cuda_array good{};
        good.version = 3;
        good.data = &element;
        good.dtype = NDF_DTYPE_FLOAT32;
        return spoilt<ndf_cuda_array>(
            good, {[](ndf_cuda_array &a) { a.version = 4; },
                   [](ndf_cuda_array &a) { a.ndim = -1; },
                   [](ndf_cuda_array &a) { a.ndim = INT32_MAX; },
                   [](ndf_cuda_array &a) { a.ndim = 1; },
                   [](ndf_cuda_array &a) { a.ndim = 64, a.shape = lows.data(); },
                   [](ndf_cuda_array &a) { a.ndim = 64, a.shape = a.strides = highs.data(); },
                   [](ndf_cuda_array &a) { a.flags = NDF_CUDA_ARRAY_HAS_STREAM; },
                   [](ndf_cuda_array &a) { a.flags = UINT32_MAX; },
                   [](ndf_cuda_array &a) { a.dtype = {200, 255, 65535, '?', 255, 65535, UINT64_MAX}; },
                   [](ndf_cuda_array &a) { a = ndf_cuda_array{}; }});
    }
};

template <> struct of<const ndf_array_struct *> {
    static std::vector<const ndf_array_struct *> values() {
        static float element = 0;
        static ptrdiff_t lows[64], highs[64];
        std::fill(lows, lows + 64, PTRDIFF_MIN);
        std::fill(highs, highs + 64, PTRDIFF_MAX);
        return spoilt<ndf_array_struct>(
            {2, 0, 'f', 4, NDF_ARRAY_ALIGNED | NDF_ARRAY_NOTSWAPPED, nullptr, nullptr, &element, nullptr},
            {[](ndf_array_struct &a) { a.two = 3; },
             [](ndf_array_struct &a) { a.nd = -1; },
             [](ndf_array_struct &a) { a.nd = INT32_MAX; },
             [](ndf_array_struct &a) { a.nd = 1; },
             [](ndf_array_struct &a) { a.typekind = '\xff'; },
             [](ndf_array_struct &a) { a.itemsize = INT32_MIN; },
             [](ndf_array_struct &a) { a.itemsize = INT32_MAX; },
             [](ndf_array_struct &a) { a.flags = INT32_MAX & ~NDF_ARRAY_HAS_DESCR; },
             [](ndf_array_struct &a) { a.data = nullptr; },
             [](ndf_array_struct &a) { a.nd = 64, a.shape = a.strides = lows; },
             [](ndf_array_struct &a) { a.nd = 64, a.shape = a.strides = highs; },
             [](ndf_array_struct &a) { a = ndf_array_struct{}; }});
    }
};

// The fields of every struct with a size, from the header.
#define FUNCTION(function, parameters)
#define SIZED(type) inline const bool type##_size = spoil(&type::struct_size);
#define FIELD(type, field) inline const bool type##_##field = spoil(&type::field);
#include "functions.inc"
#undef FUNCTION
#undef SIZED
#undef FIELD

} // namespace hostile
