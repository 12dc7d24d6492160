// This program's own malloc stands in front of the C library's: it counts the blocks that are out, and one allocation can
// be told to fail. For one file of a program.
#pragma once

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdlib>

#if defined(__GLIBC__)

extern "C" {
void *__libc_malloc(std::size_t);
void *__libc_calloc(std::size_t, std::size_t);
void *__libc_realloc(void *, std::size_t);
void *__libc_memalign(std::size_t, std::size_t);
void __libc_free(void *);
}

namespace failing_malloc {

/// Allocations before the one that fails; far below 0 where none is to.
inline std::atomic<long> left{-1};
/// Allocations so far.
inline std::atomic<long> asked{0};
/// Blocks that are out.
inline std::atomic<long> out{0};

inline bool fails() {
    asked.fetch_add(1, std::memory_order_relaxed);
    return left.load(std::memory_order_relaxed) >= 0 && left.fetch_sub(1, std::memory_order_relaxed) == 0;
}

template <class Get> void *count(Get get) {
    void *const block = fails() ? nullptr : get();
    if (block == nullptr) {
        errno = ENOMEM;
    } else {
        out.fetch_add(1, std::memory_order_relaxed);
    }
    return block;
}

/// Whether the library sees the stand-in: valgrind and sanitizers put their own in front of it.
template <class Call> bool is_seen(Call call) {
    const long before = asked.load();
    call();
    return asked.load() > before;
}

} // namespace failing_malloc

extern "C" {

void *malloc(std::size_t size) {
    return failing_malloc::count([=] { return __libc_malloc(size); });
}
void *calloc(std::size_t count, std::size_t size) {
    return failing_malloc::count([=] { return __libc_calloc(count, size); });
}
void *memalign(std::size_t alignment, std::size_t size) {
    return failing_malloc::count([=] { return __libc_memalign(alignment, size); });
}
void *aligned_alloc(std::size_t alignment, std::size_t size) { return memalign(alignment, size); }
int posix_memalign(void **block, std::size_t alignment, std::size_t size) {
    void *const made = memalign(alignment, size);
    if (made == nullptr) return ENOMEM;
    *block = made;
    return 0;
}
void *realloc(void *block, std::size_t size) {
    if (block == nullptr) return malloc(size);
    if (!failing_malloc::fails()) return __libc_realloc(block, size);
    errno = ENOMEM;
    return nullptr;
}
void free(void *block) {
    if (block != nullptr) failing_malloc::out.fetch_sub(1, std::memory_order_relaxed);
    __libc_free(block);
}

} // extern "C"

#endif
