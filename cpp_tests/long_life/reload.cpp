// The library loaded, used and closed again and again by a program that is not linked with it. Once loaded it stays in the
// process (docs/threads.md): handles, helper threads and deleters are as good after `dlclose` as before.
#include "growth.hpp"

#include <ndferry.h>

#include <cstring>
#include <dlfcn.h>

namespace {

class library {
public:
    library() : handle_(dlopen(NDFERRY_LIBRARY_PATH, RTLD_NOW | RTLD_LOCAL)) {
        if (handle_ == nullptr) throw std::runtime_error(dlerror());
    }
    ~library() { dlclose(handle_); }
    library(const library &) = delete;
    library &operator=(const library &) = delete;

    template <class Function> Function *operator()(Function *, const char *name) const {
        void *const found = dlsym(handle_, name);
        if (found == nullptr) throw std::runtime_error(dlerror());
        return reinterpret_cast<Function *>(found);
    }

private:
    void *handle_;
};

// Only the type of the declared function is used.
#define IN(library, function) library(static_cast<decltype(&function)>(nullptr), #function)

/// Eight megabytes, converted by two threads.
ndf_tensor *converted(const library &ndferry) {
    const std::int64_t shape[] = {2048, 1024};
    const double value = 3;
    ndf_tensor *from = nullptr, *turned = nullptr, *made = nullptr;
    CHECK_EQ(IN(ndferry, ndf_set_thread_count)(2), NDF_OK);
    CHECK_EQ(IN(ndferry, ndf_tensor_full)(NDF_DTYPE_FLOAT32, 2, shape, NDF_DTYPE_FLOAT64, &value, nullptr, &from),
             NDF_OK);
    CHECK_EQ(IN(ndferry, ndf_tensor_transpose)(from, &turned), NDF_OK);
    CHECK_EQ(IN(ndferry, ndf_tensor_convert)(turned, NDF_DTYPE_FLOAT64, nullptr, &made), NDF_OK);
    IN(ndferry, ndf_tensor_release)(from);
    IN(ndferry, ndf_tensor_release)(turned);
    return made;
}

/// Loads, makes a tensor, closes; loads again, looks at the tensor, ends it, closes.
void turn() {
    ndf_tensor *kept = nullptr;
    {
        const library first;
        kept = converted(first);
    }
    const library second;
    const void *const data = IN(second, ndf_tensor_const_data)(kept);
    CHECK(data != nullptr && *static_cast<const double *>(data) == 3);
    IN(second, ndf_tensor_release)(kept);
    ndf_statistics alive{};
    alive.struct_size = sizeof alive;
    CHECK_EQ(IN(second, ndf_statistics_get)(&alive), NDF_OK);
    CHECK_EQ(alive.live_tensors, 0);
}

} // namespace

TEST("the library is loaded, used with threads and closed again and again") {
    for (int i = 0; i < 10; ++i) turn();
    const long threads = threads_alive();
    const std::int64_t turns = times(50, 10000);
    const growth so_far("loads and closes");
    for (std::int64_t i = 0; i < turns; ++i) turn();
    so_far.is_no_larger(turns, 1 << 10);
    CHECK_EQ(threads_alive(), threads);
}
