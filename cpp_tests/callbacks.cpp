// Callbacks of the host program that do what they must not: throw. No exception goes through the library, and none is lost
// in it: the process ends where it was thrown. Those that C++ may throw, ndferry.hpp carries around the library.
#include "arrow_c.hpp"
#include "child.hpp"
#include "support.hpp"

#include <csignal>

using namespace ndferry;

#if defined(__unix__) || defined(__APPLE__)

namespace {

support::blackboard board;

/// `work` ends in std::terminate, or in the library's abort, and in nothing else.
template <class Work> void ends_the_process(const char *what, Work work) {
    board.write(what);
    const std::string how = support::in_a_child(board, 60, [&] {
        std::fclose(stderr); // what it says there is no news
        work();
        throw std::runtime_error("went on");
    });
    CHECK_EQ(how, std::string(what) + ": ended by signal " + std::to_string(SIGABRT));
}

[[noreturn]] void thrown() { throw std::domain_error("thrown by a callback"); }
void deleter(void *) { thrown(); }

tensor wrapped() {
    static float data[4];
    return wrap(data, float32, {2, 2}, deleter, nullptr);
}

void install(ndf_allocate_fn allocate, ndf_deallocate_fn deallocate) {
    const ndf_allocator allocator{sizeof allocator, 0, nullptr, allocate, deallocate};
    ndferry::check(ndf_set_allocator(&allocator));
}

void *give(void *, std::size_t bytes, std::size_t alignment) {
    return std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}

} // namespace

TEST("a deleter that throws ends the process, on whatever way it is called") {
    ends_the_process("release", [] { ndf_tensor_release(wrapped().release()); });
    ends_the_process("the last view", [] { wrapped().transpose(); });
    ends_the_process("an export", [] {
        auto *const shown = wrapped().to_dlpack().release();
        shown->deleter(shown);
    });
    ends_the_process("a foreign deleter", [] {
        support::foreign<DLManagedTensor> producer;
        producer.managed.deleter = [](DLManagedTensor *) { thrown(); };
        producer.take();
    });
}

TEST("an allocator that throws ends the process") {
    ends_the_process("allocate", [] {
        install([](void *, std::size_t, std::size_t) -> void * { thrown(); }, [](void *, void *, std::size_t, std::size_t) {});
        (void)zeros(int8, {100});
    });
    ends_the_process("deallocate", [] {
        install(give, [](void *, void *, std::size_t, std::size_t) { thrown(); });
        (void)zeros(int8, {100});
    });
}

TEST("what tells progress or runs threads ends the process when it throws") {
    ends_the_process("progress", [] {
        auto options = detail::sized<ndf_convert_options>();
        options.progress = [](void *, std::int64_t, std::int64_t) -> std::int32_t { thrown(); };
        ndf_tensor *out = nullptr;
        ndferry::check(ndf_tensor_convert(support::count_up({4}).get(), NDF_DTYPE_INT8, &options, &out));
    });
    ends_the_process("threads", [] {
        set_thread_count(2);
        ndferry::check(ndf_set_parallel_for([](void *, std::int64_t, ndf_task_fn, void *) { thrown(); }, nullptr));
        (void)full(float32, {1 << 11, 1 << 10}, 1.5f).transpose().convert(float64);
    });
}

#else

TEST("where there are no children nothing can be shown to end one") { CHECK(true); }

#endif

TEST("a destructor that frees memory runs once, where the last reference goes") {
    struct owner {
        support::counter *ends;
        explicit owner(support::counter *counter) : ends(counter) {}
        owner(owner &&other) noexcept : ends(std::exchange(other.ends, nullptr)) {}
        ~owner() {
            if (ends != nullptr) support::counter::run(ends);
        }
    };
    support::counter ends;
    float data[4] = {};
    {
        const tensor view = wrap_owned(data, float32, {2, 2}, owner(&ends)).transpose();
        CHECK_EQ(ends.runs, 0);
    }
    CHECK_EQ(ends.runs, 1);
}
