// Every allocation of every family of functions fails in turn: that is an error or does not matter, nothing is leaked, and
// the process goes on. Each failure has a process of its own that has not used the library before, so that what is made
// once fails too.
#include "arrow_c.hpp"
#include "child.hpp"
#include "failing_malloc.hpp"
#include "support.hpp"

#include <csignal>

using namespace ndferry;

#if defined(__GLIBC__)

namespace {

// ------------------------------------------------------------------------------------------------------ failing

support::blackboard board;

/// What a run of a scenario came to, for its parent to see.
struct outcome {
    long asked, out;
};
outcome *const seen = static_cast<outcome *>(
    mmap(nullptr, sizeof(outcome), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));

/// Runs a scenario whose allocation `which` fails; none does when that is negative.
template <class Scenario> void run(Scenario scenario, long which) {
    failing_malloc::left = which;
    try {
        scenario();
        failing_malloc::left = -1;
    } catch (const std::bad_alloc &) { // the C++ side's own
        failing_malloc::left = -1;
    } catch (const error &failure) {
        failing_malloc::left = -1;
        if (failure.status() != NDF_ERROR_OUT_OF_MEMORY) throw;
    }
    support::nothing_is_alive();
}

/// Once with one allocation failing, once without: afterwards as many blocks are out as when none fails.
template <class Scenario> std::string try_one(Scenario scenario, long which) {
    return support::in_a_child(board, 60, [&] {
        board.write("allocation " + std::to_string(which));
        // A thread's first tensor has the C library call the table of live tensors when the thread ends, and the C library
        // ends a process that has no memory for that (docs/errors.md).
        (void)zeros(int8, {1});
        setenv("RUST_BACKTRACE", "0", 1); // to name every function on the stack of those that end would take minutes in all
        const long asked = failing_malloc::asked, out = failing_malloc::out;
        run(scenario, which);
        seen->asked = failing_malloc::asked - asked;
        run(scenario, -1);
        seen->out = failing_malloc::out - out;
    });
}

/// Fails every allocation of `scenario` in turn; how many there are. A scenario of `text` may end the process: its words
/// are put together in memory that has to be there (docs/errors.md).
template <class Scenario> long fail_each(Scenario scenario, bool text = false) {
    const std::string sound = try_one(scenario, -1);
    if (!sound.empty()) throw std::runtime_error("where nothing fails: " + sound);
    const outcome whole = *seen;
    std::string wrong;
    for (long which = 0; which < whole.asked; ++which) {
        const std::string how = try_one(scenario, which);
        if (text && how.find(": ended by signal " + std::to_string(SIGABRT)) != std::string::npos) continue;
        if (!how.empty()) wrong += "\n        " + how;
        if (how.empty() && seen->out != whole.out) {
            wrong += "\n        allocation " + std::to_string(which) + ": " +
                     std::to_string(seen->out - whole.out) + " blocks more than otherwise are left";
        }
    }
    if (!wrong.empty()) throw std::runtime_error("of " + std::to_string(whole.asked) + " allocations" + wrong);
    return whole.asked;
}

/// Whether there is anything to see: valgrind and sanitizers have a malloc of their own.
bool can_fail() {
    return failing_malloc::is_seen([] { (void)empty(float32, {}); });
}

#define FAILS(sentence, least, text, ...)                                                               \
    TEST(sentence) {                                                                                    \
        if (!can_fail_ever) return;                                                                     \
        CHECK(fail_each([] __VA_ARGS__, text) >= least);                                                \
    }

// Asked in a child: this process is not to use the library.
const bool can_fail_ever = support::in_a_child(board, 60, [] {
    if (!can_fail()) throw std::runtime_error("another malloc is in front");
}).empty();

// ---------------------------------------------------------------------------------------------------- scenarios

/// More axes than a handle has room for.
const std::vector<std::int64_t> many{2, 1, 2, 1, 3, 1, 2, 1, 2, 1, 2, 1};

void views_of(const tensor &t) {
    const tensor turned = t.transpose();
    (void)turned.swap_axes(0, 1).slice(0, 0, 1).flip().unsqueeze(0).squeeze();
    (void)t.select(0, 0).flip({0});
    (void)t.reshape({t.element_count()}).sliding_window(0, 2);
    (void)t.broadcast(t.shape()).diagonal(0, 0, 1);
    (void)t.as_strided({2, 2}, {1, 1}).as_read_only();
    (void)t.reinterpret(uint8);
}

void conversions_of(const tensor &t) {
    (void)t.transpose().convert(float16);
    (void)t.transpose().contiguous();
    (void)t.cast(complex64).copy(NDF_ORDER_F);
    (void)t.copy().equal(t);
    convert_options options;
    options.scale = {2};
    options.bias = {1};
    options.casting = NDF_CASTING_UNSAFE;
    options.progress = [](std::int64_t, std::int64_t) { return true; };
    const tensor bytes = t.convert(int8, options);
    bytes.flip().copy_into(bytes);
    bytes.fill(3);
}

/// Twelve megabytes, which two threads share, and stream where they are turned.
tensor large() { return full(float32, {1 << 11, 3 << 9}, 1.5f); }

template <class Managed> void there_and_back(const tensor &t) {
    (void)from_dlpack(t.to_dlpack<Managed>(NDF_COPY_IF_NEEDED));
    support::foreign<Managed> producer;
    const tensor taken = producer.take();
    (void)taken.transpose().to_dlpack<Managed>();
}

void arrow_there_and_back(const tensor &t) {
    ArrowSchema schema{};
    ArrowArray array{};
    t.to_arrow(&schema, &array, NDF_COPY_IF_NEEDED);
    const std::unique_ptr<ArrowSchema, void (*)(ArrowSchema *)> type(&schema, [](auto *one) { one->release(one); });
    const std::unique_ptr<ArrowArray, void (*)(ArrowArray *)> rest(&array, [](auto *one) {
        if (one->release != nullptr) one->release(one);
    });
    (void)from_arrow(&schema, &array, NDF_COPY_IF_NEEDED);
}

void *give(void *, std::size_t bytes, std::size_t alignment) {
    return std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}
void take(void *, void *data, std::size_t, std::size_t) { std::free(data); }

void in_turn(void *, std::int64_t count, ndf_task_fn task, void *argument) {
    for (std::int64_t i = 0; i < count; ++i) task(argument, i);
}

/// The allocator and the threads of the program, until the scenario ends.
struct hosted {
    hosted() {
        const ndf_allocator allocator{sizeof allocator, 0, nullptr, give, take};
        ndferry::check(ndf_set_allocator(&allocator));
        const ndf_status status = ndf_set_parallel_for(in_turn, nullptr);
        if (status != NDF_OK) ndferry::check(ndf_set_allocator(nullptr));
        ndferry::check(status);
    }
    ~hosted() {
        const bool are_back = ndf_set_allocator(nullptr) == NDF_OK && ndf_set_parallel_for(nullptr, nullptr) == NDF_OK;
        if (!are_back) std::abort();
    }
};

} // namespace

FAILS("making tensors withstands failing allocations", 10, false, {
    const tensor t = zeros(float32, {2, 3});
    (void)empty_like(t);
    (void)full(bfloat16, {4}, 1.0);
    (void)from_data(t.const_data(), float32, {2, 3});
    (void)wrap(std::vector<double>{1, 2, 3, 4}, {2, 2});
})

FAILS("views withstand failing allocations", 10, false, { views_of(support::count_up<float>({2, 3, 4})); })

FAILS("views of many axes withstand failing allocations", 30, false, { views_of(support::count_up<float>(many)); })

FAILS("conversions withstand failing allocations", 10, false, {
    conversions_of(support::count_up<float>({2, 3, 4}));
})

FAILS("conversions of many axes withstand failing allocations", 30, false, {
    conversions_of(support::count_up<float>(many));
})

FAILS("conversions of packed and swapped elements withstand failing allocations", 5, false, {
    const tensor t = support::count_up<std::int16_t>({5, 7});
    const ndf_dtype int4 = NDF_DTYPE_INT4;
    const ndf_dtype swapped{NDF_CODE_INT, 16, 1, 0, NDF_DTYPE_SWAPPED, 0, 0};
    (void)t.cast(int4).transpose().contiguous();
    (void)t.cast(swapped).transpose().cast(float64);
})

FAILS("conversions on two threads withstand failing allocations", 5, false, {
    set_thread_count(2);
    (void)large().transpose().convert(float16);
    const tensor t = large();
    t.reshape({3 << 9, 1 << 11}).transpose().copy_into(t);
    CHECK(t.equal(large()));
})

FAILS("telling whether tensors overlap withstands failing allocations", 3, false, {
    const tensor t = zeros(int8, {1000});
    // Where there is no memory to find out they may.
    (void)t.as_strided({7, 9, 11}, {2, 26, 60}).shares_memory(t.as_strided({7, 9, 11}, {2, 26, 60}, 1));
})

FAILS("DLPack withstands failing allocations", 10, false, {
    const tensor t = support::count_up<float>({2, 3});
    there_and_back<DLManagedTensorVersioned>(t);
    there_and_back<DLManagedTensor>(t);
    there_and_back<DLManagedTensorVersioned>(support::count_up<float>(many).transpose());
})

FAILS("handing over to consumers withstands failing allocations, but for its reasons", 10, true, {
    const tensor t = support::count_up<float>({4, 6}).slice(1, 0, NDF_SLICE_END, 2).flip({0});
    for (const char *consumer : {"numpy", "torch", "jax", "tensorflow", "strict"}) (void)t.to_dlpack_for(consumer);
})

FAILS("array structs, buffers and CUDA arrays withstand failing allocations, but for the texts of types", 6, true, {
    const tensor t = support::count_up<float>({2, 3}).transpose();
    (void)from_array_struct(*t.to_array_struct(), t);
    const buffer shown = t.to_buffer();
    (void)from_buffer(*shown, t);
    wrap_options options;
    options.device = {NDF_DEVICE_CUDA, 0};
    const tensor there = wrap(t.data(), float32, {2, 3}, nullptr, nullptr, options);
    (void)from_cuda_array(*there.to_cuda_array(), there);
})

FAILS("Arrow withstands failing allocations, but for the texts of types", 10, true, {
    arrow_there_and_back(support::count_up<float>({6}));
    arrow_there_and_back(support::count_up<float>({2, 3, 4}).transpose());
    arrow_there_and_back(zeros(boolean, {9}));
    arrow_there_and_back(zeros(dtype::parse("datetime64[ns]"), {9}));
})

FAILS("allocators and threads of the host program withstand failing allocations", 3, false, {
    const hosted program;
    set_thread_count(2);
    (void)large().transpose().convert(float16);
})

FAILS("text ends no process but where it has no memory", 30, true, {
    const tensor t = support::count_up<float>({2, 3, 400}).transpose();
    (void)dtype::parse("[('x', '<f4'), ('y', 'S5', (2, 3))]").format(NDF_DTYPE_STYLE_BUFFER);
    (void)dtype::parse("datetime64[25s]").format();
    (void)t.format();
    (void)t.array_interface();
    (void)t.explain_convert(float16);
    (void)t.explain_for("jax");
})

#else

TEST("where malloc cannot be made to fail there is nothing to see") { CHECK(true); }

#endif
