// What the chapters share: checks of statuses and messages, elements as vectors, foreign DLPack structs that count
// how often they are freed. Including this makes every test fail that leaves a tensor or a byte alive.
#pragma once

#include "check.hpp"

#include <dlpack/dlpack.h>
#include <ndferry.hpp>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

namespace support {

inline void nothing_is_alive() {
    const ndf_statistics alive = ndferry::statistics();
    if (alive.live_tensors != 0 || alive.live_bytes != 0) {
        throw std::runtime_error("still alive: " + std::to_string(alive.live_tensors) + " tensors, " +
                                 std::to_string(alive.live_bytes) + " bytes");
    }
}

inline const bool watched = (check::after_each = nothing_is_alive, true);

inline bool says(const std::string &message, const std::string &part) {
    return !message.empty() && message.find(part) != std::string::npos;
}

/// `status` is the one expected, and the message of a failure holds `part`.
inline void refused(ndf_status status, ndf_status expected, const char *part, const char *text, const char *file,
                    int line) {
    const std::string message = status == NDF_OK ? "" : ndf_last_error_message();
    if (status != expected) {
        check::fail(file, line, std::string(text) + ": " + ndf_status_name(status) + " and not " +
                                    ndf_status_name(expected) + ": " + message);
    }
    if (!says(message, part)) check::fail(file, line, std::string(text) + ": `" + part + "` is not in: " + message);
}

/// The elements in C order.
template <class T> std::vector<T> elements(const ndferry::tensor &tensor) {
    const ndferry::tensor dense = tensor.contiguous();
    const T *first = dense.data<const T>();
    return std::vector<T>(first, first + dense.element_count());
}

/// 0, 1, 2, … in a tensor of its own.
template <class T = std::int32_t> ndferry::tensor count_up(ndferry::extents shape) {
    ndferry::tensor made = ndferry::empty(ndferry::dtype_of<T>(), shape);
    for (std::int64_t i = 0; i < made.element_count(); ++i) made.data<T>()[i] = static_cast<T>(i);
    return made;
}

inline std::uintptr_t address(const void *pointer) { return reinterpret_cast<std::uintptr_t>(pointer); }

/// Calls `work` with 0, 1, … on as many threads at once.
template <class Work> void on_threads(int count, Work work) {
    std::vector<std::thread> threads;
    for (int i = 0; i < count; ++i) threads.emplace_back(work, i);
    for (std::thread &thread : threads) thread.join();
}

/// A deleter's context: how often it ran.
struct counter {
    std::atomic<int> runs{0};
    static void run(void *self) { ++static_cast<counter *>(self)->runs; }
};

inline void set_version(DLManagedTensorVersioned &managed) { managed.version = {1, 3}; }
inline void set_version(DLManagedTensor &) {}

/// A producer's struct of either kind: a 2 by 3 float32 array in C order. It counts the calls of its deleter.
template <class Managed> struct foreign {
    Managed managed{};
    float data[6] = {0, 1, 2, 3, 4, 5};
    std::vector<std::int64_t> shape{2, 3};
    std::vector<std::int64_t> strides{3, 1};
    std::atomic<int> freed{0};

    foreign() {
        set_version(managed);
        managed.manager_ctx = this;
        managed.deleter = [](Managed *self) { ++static_cast<foreign *>(self->manager_ctx)->freed; };
        tensor().data = data;
        tensor().device = {kDLCPU, 0};
        tensor().ndim = 2;
        tensor().dtype = {kDLFloat, 32, 1};
        tensor().shape = shape.data();
        tensor().strides = strides.data();
    }
    foreign(const foreign &) = delete;
    foreign &operator=(const foreign &) = delete;

    DLTensor &tensor() { return managed.dl_tensor; }
    ndferry::tensor take() { return ndferry::from_dlpack(&managed); }
};

inline bool same_bytes(const ndferry::tensor &a, const ndferry::tensor &b) {
    return a.byte_size() == b.byte_size() && std::memcmp(a.const_data(), b.const_data(), a.byte_size()) == 0;
}

} // namespace support

#define CHECK_REFUSED(expected, part, ...)                                                              \
    support::refused((__VA_ARGS__), (expected), (part), #__VA_ARGS__, __FILE__, __LINE__)

/// `how` spoils a producer; taking from it is then refused, writes nothing and ends nothing.
template <class Producer, class How> void refuse_from(ndf_status expected, const char *part, How how) {
    Producer p;
    how(p);
    ndf_tensor *const untouched = reinterpret_cast<ndf_tensor *>(&p);
    ndf_tensor *out = untouched;
    CHECK_REFUSED(expected, part, p.take(&out));
    CHECK(out == untouched);
    CHECK_EQ(p.ends.runs, 0);
}

#define CHECK_OK(...) CHECK_EQ(std::string(ndf_status_name(__VA_ARGS__)), "NDF_OK")

// An expression that throws ndferry::error with that status and a message that holds `part`.
#define CHECK_ERROR(expected, part, ...)                                                                \
    do {                                                                                                \
        ndf_status thrown = NDF_OK;                                                                     \
        std::string message;                                                                            \
        try {                                                                                           \
            (void)(__VA_ARGS__);                                                                        \
        } catch (const ndferry::error &error) {                                                         \
            thrown = error.status();                                                                    \
            message = error.what();                                                                     \
        }                                                                                               \
        if (thrown != (expected) || !support::says(message, part)) {                                    \
            check::fail(__FILE__, __LINE__, std::string(#__VA_ARGS__) + ": " + ndf_status_name(thrown) + ": " + message); \
        }                                                                                               \
    } while (0)
