// Conversions that are shared by threads, and those that tell how far they are.
#include "support.hpp"

#if defined(__unix__) || defined(__APPLE__)
#include <sys/wait.h>
#include <unistd.h>
#endif
#if defined(__linux__)
#include <sched.h>
#endif

#include <thread>

using ndferry::convert_options;
using ndferry::tensor;
using support::same_bytes;

namespace {

/// More megabytes than one thread keeps to itself, with extents that no page divides.
const std::vector<std::int64_t> shape{811, 7, 197};

tensor transposed() { return support::count_up(shape).transpose(); }

/// The same from one thread.
tensor expected() {
    ndferry::set_thread_count(1);
    tensor made = transposed().convert(NDF_DTYPE_FLOAT64);
    ndferry::set_thread_count(0);
    return made;
}

void for_each_in_turn(void *calls, std::int64_t count, ndf_task_fn task, void *argument) {
    for (std::int64_t i = 0; i < count; ++i) task(argument, i);
    ++*static_cast<std::atomic<int> *>(calls);
}

void for_each_on_threads(void *calls, std::int64_t count, ndf_task_fn task, void *argument) {
    std::vector<std::thread> threads;
    for (std::int64_t i = 0; i < count; ++i) threads.emplace_back(task, argument, i);
    for (std::thread &thread : threads) thread.join();
    ++*static_cast<std::atomic<int> *>(calls);
}

void for_none(void *calls, std::int64_t, ndf_task_fn, void *) { ++*static_cast<std::atomic<int> *>(calls); }

/// 192 MiB to write, from one number.
tensor large() { return ndferry::full(NDF_DTYPE_INT8, {1}, std::int8_t{7}).broadcast({3 << 26}); }

} // namespace

TEST("any number of threads gives the same bytes") {
    const tensor one = expected();
    for (const std::int32_t count : {2, 3, 7, 1000, INT32_MAX, 0}) {
        ndferry::set_thread_count(count);
        CHECK(same_bytes(transposed().convert(NDF_DTYPE_FLOAT64), one));
        CHECK(transposed().equal(one));
    }
}

TEST("what several threads stream past their caches is what one thread does") {
    const auto made = [](std::int32_t count) {
        ndferry::set_thread_count(count);
        tensor made = support::count_up({811, 7, 389}).transpose().convert(NDF_DTYPE_FLOAT64);
        ndferry::set_thread_count(0);
        return made;
    };
    CHECK(same_bytes(made(3), made(1)));
}

TEST("the number of threads is what was set, and a default that is at least 1") {
    ndferry::set_thread_count(3);
    CHECK_EQ(ndferry::thread_count(), 3);
    CHECK_REFUSED(NDF_ERROR_INVALID_ARGUMENT, "-1", ndf_set_thread_count(-1));
    CHECK_EQ(ndferry::thread_count(), 3);
    ndferry::set_thread_count(INT32_MAX);
    CHECK_EQ(ndferry::thread_count(), 256);
    ndferry::set_thread_count(0);
    CHECK(ndferry::thread_count() >= 1);
}

TEST("threads of the host program do the work, however many of its tasks they run") {
    const tensor one = expected();
    ndferry::set_thread_count(4);
    for (const ndf_parallel_for_fn run : {for_each_in_turn, for_each_on_threads, for_none}) {
        std::atomic<int> calls{0};
        CHECK_OK(ndf_set_parallel_for(run, &calls));
        const tensor made = transposed().convert(NDF_DTYPE_FLOAT64);
        const bool equal = made.equal(one);
        CHECK_OK(ndf_set_parallel_for(nullptr, nullptr));
        CHECK(same_bytes(made, one) && equal);
        CHECK_EQ(calls.load(), 2);
    }
    ndferry::set_thread_count(0);
}

TEST("many threads of a program convert at a time") {
    const tensor one = expected();
    ndferry::set_thread_count(3);
    std::atomic<int> right{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 6; ++i) {
        threads.emplace_back([&] {
            for (int round = 0; round < 5; ++round) right += same_bytes(transposed().convert(NDF_DTYPE_FLOAT64), one);
        });
    }
    for (std::thread &thread : threads) thread.join();
    CHECK_EQ(right.load(), 30);
    ndferry::set_thread_count(0);
}

TEST("a fill and an overlapping copy are shared, too") {
    for (const std::int32_t count : {1, 2, 5}) {
        ndferry::set_thread_count(count);
        const tensor numbers = support::count_up({1 << 22});
        numbers.flip().copy_into(numbers);
        const std::vector<std::int32_t> reversed = support::elements<std::int32_t>(numbers);
        for (std::int32_t i = 0; i < 1 << 22; ++i) CHECK(reversed[i] == (1 << 22) - 1 - i);
        numbers.fill(5);
        CHECK(numbers.equal(ndferry::full(NDF_DTYPE_INT32, {1 << 22}, 5)));
        numbers.data<std::int32_t>()[700000] = 6;
        CHECK(!numbers.equal(ndferry::full(NDF_DTYPE_INT32, {1 << 22}, 5)));
    }
    ndferry::set_thread_count(0);
}

TEST("progress is told on the calling thread, and ends with all bytes") {
    for (const std::int32_t count : {1, 3}) {
        ndferry::set_thread_count(count);
        std::vector<std::int64_t> told;
        convert_options options;
        options.progress = [&, caller = std::this_thread::get_id()](std::int64_t done, std::int64_t total) {
            CHECK_EQ(total, std::int64_t{3} << 26);
            CHECK(std::this_thread::get_id() == caller);
            told.push_back(done);
            return true;
        };
        const tensor made = large().convert(NDF_DTYPE_UINT8, options);
        CHECK_EQ(told.size(), 3u);
        CHECK(std::is_sorted(told.begin(), told.end()) && told.back() == std::int64_t{3} << 26);
        CHECK(made.equal(large()));
    }
    ndferry::set_thread_count(0);
}

TEST("a conversion is cancelled at the first report, in the middle and at the last") {
    const tensor destination = ndferry::empty(NDF_DTYPE_UINT8, {3 << 26});
    for (int last = 1; last <= 3; ++last) {
        int calls = 0;
        convert_options options;
        options.casting = NDF_CASTING_UNSAFE;
        options.progress = [&](std::int64_t, std::int64_t) { return ++calls < last; };
        CHECK_ERROR(NDF_ERROR_CANCELLED, "of 201326592 bytes", large().convert(NDF_DTYPE_UINT8, options));
        CHECK_EQ(calls, last);
        calls = 0;
        CHECK_ERROR(NDF_ERROR_CANCELLED, "`progress`", large().copy_into(destination, options));
        CHECK_EQ(calls, last);
    }
}

TEST("what progress throws reaches the caller") {
    convert_options options;
    options.progress = [](std::int64_t, std::int64_t) -> bool { throw std::domain_error("enough"); };
    CHECK_THROWS(std::domain_error, support::count_up({5}).convert(NDF_DTYPE_INT8, options));
}

TEST("progress may release the tensors of its conversion, whose memory stays until that is over") {
    std::int16_t from[5] = {1, 2, 3, 4, 5};
    std::int32_t to[5] = {};
    support::counter ends;
    tensor source = ndferry::wrap(from, ndferry::int16, {5}, support::counter::run, &ends);
    tensor destination = ndferry::wrap(to, ndferry::int32, {5}, support::counter::run, &ends);
    int ended = -1;
    convert_options options;
    options.progress = [&](std::int64_t, std::int64_t) {
        ndf_tensor_release(source.release());
        ndf_tensor_release(destination.release());
        ended = ends.runs;
        return true;
    };
    source.copy_into(destination, options);
    CHECK_EQ(ended, 0);
    CHECK_EQ(ends.runs, 2);
    CHECK_EQ(to[4], 5);
}

TEST("progress may convert itself, and counts the copy that an overlap takes") {
    const tensor numbers = support::count_up<std::int16_t>({1000});
    convert_options options;
    std::int64_t last = 0;
    options.progress = [&](std::int64_t done, std::int64_t total) {
        CHECK_EQ(total, 4000);
        last = done;
        return same_bytes(transposed().convert(NDF_DTYPE_FLOAT64), transposed().convert(NDF_DTYPE_FLOAT64));
    };
    numbers.flip().copy_into(numbers, options);
    CHECK_EQ(last, 4000);
}

TEST("an options struct from before there was progress has none") {
    const tensor t = support::count_up({4});
    ndf_convert_options options{};
    options.struct_size = offsetof(ndf_convert_options, progress);
    options.progress = [](void *, std::int64_t, std::int64_t) -> std::int32_t { return 1; }; // beyond the size
    ndf_tensor *out = nullptr;
    CHECK_OK(ndf_tensor_convert(t.get(), NDF_DTYPE_INT8, &options, &out));
    ndf_tensor_release(out);
}

#if defined(__unix__) || defined(__APPLE__)
TEST("after a fork the child converts with threads of its own") {
    const tensor one = expected();
    ndferry::set_thread_count(3);
    CHECK(same_bytes(transposed().convert(NDF_DTYPE_FLOAT64), one));
    // Another thread converts while this one forks: its lock and its job are not the child's.
    std::atomic<bool> stop{false};
    std::thread busy([&] {
        while (!stop) transposed().convert(NDF_DTYPE_FLOAT64);
    });
    int failed = 0;
    for (int round = 0; round < 10; ++round) {
        const pid_t child = fork();
        if (child == 0) {
            alarm(60);
            // It becomes another program where all is well: what other threads held when it was forked is lost in it, and
            // nobody's leak.
            if (same_bytes(transposed().convert(NDF_DTYPE_FLOAT64), one)) execlp("true", "true", nullptr);
            _exit(1);
        }
        int status = -1;
        waitpid(child, &status, 0);
        failed += status != 0;
    }
    stop = true;
    busy.join();
    ndferry::set_thread_count(0);
    CHECK_EQ(failed, 0);
}
#endif

#if defined(__linux__)
TEST("a child with the number of the process that it is forked from has threads of its own, and keeps its processors") {
    // The first process of a namespace, and the first one of a namespace within that, have the number 1.
    const auto in_child = [](auto act) {
        if (unshare(CLONE_NEWPID) != 0) return 0; // not allowed here
        const pid_t child = fork();
        if (child == 0) {
            alarm(300);
            act();
        }
        int status = -1;
        waitpid(child, &status, 0);
        return status;
    };
    // Ends without a look for leaks: what the parent has is not this one's.
    const auto end = [](bool good) {
        if (good) execlp("true", "true", nullptr);
        _exit(1);
    };
    const tensor one = expected();
    ndferry::set_thread_count(3);
    const pid_t outer = fork(); // whose children are in other namespaces from then on
    if (outer == 0) {
        const int status = in_child([&] {
            const bool before = same_bytes(transposed().convert(NDF_DTYPE_FLOAT64), one);
            const int status = in_child([&] {
                cpu_set_t all, own;
                bool good = sched_getaffinity(0, sizeof all, &all) == 0;
                for (int cpu = 0, turns = 0; good && turns < 20; cpu = (cpu + 1) % CPU_SETSIZE) {
                    if (!CPU_ISSET(cpu, &all)) continue;
                    // From one of its processors after the other, where it mostly stays for a moment.
                    ++turns;
                    CPU_ZERO(&own);
                    CPU_SET(cpu, &own);
                    sched_setaffinity(0, sizeof own, &own);
                    sched_setaffinity(0, sizeof all, &all);
                    good = same_bytes(transposed().convert(NDF_DTYPE_FLOAT64), one);
                    good &= sched_getaffinity(0, sizeof own, &own) == 0 && CPU_EQUAL(&own, &all);
                }
                end(good);
            });
            end(before && status == 0);
        });
        end(status == 0);
    }
    int status = -1;
    waitpid(outer, &status, 0);
    ndferry::set_thread_count(0);
    CHECK_EQ(status, 0);
}
#endif
