// A long life: nothing grows in a hundred million tensors and a million threads, forks and signals change nothing, and more
// threads than processors only take longer.
#include "growth.hpp"
#include "support.hpp"

#include <csignal>
#if defined(__GLIBC__)
#include <malloc.h>
#endif
#include <sys/time.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace ndferry;
using support::same_bytes;

namespace {

/// The allocator keeps some memory of what has been given back: of large blocks nothing, once it is told so.
constexpr long slack = 4 << 10;
#if defined(__GLIBC__)
const int told = mallopt(M_MMAP_THRESHOLD, 128 << 10);
#endif

float elements[16];
std::atomic<std::int64_t> ended{0};
void end(void *) { ended.fetch_add(1, std::memory_order_relaxed); }

tensor wrapped() { return wrap(elements, float32, {4, 4}, end, nullptr); }

/// Wraps, views, exports, imports and releases, in an order that changes.
void cycle(std::int64_t turn) {
    tensor t = wrapped();
    auto shown = turn % 2 == 0 ? t.to_dlpack() : t.transpose().to_dlpack();
    if (turn % 3 == 0) t = {};
    if (turn % 5 == 0) {
        const tensor again = from_dlpack(std::move(shown));
        t = {};
    }
}

/// More megabytes than one thread keeps to itself.
tensor transposed() { return support::count_up({811, 7, 389}).transpose(); }

} // namespace

TEST("tensors that are wrapped, exported, imported and released leave nothing behind") {
    const std::int64_t turns = times(1000000, 100000000);
    for (std::int64_t turn = 0; turn < 1000; ++turn) cycle(turn);
    ended = 0;
    const growth so_far("wrap, export, release");
    for (std::int64_t turn = 0; turn < turns; ++turn) cycle(turn);
    so_far.is_no_larger(turns, slack);
    CHECK_EQ(ended.load(), turns);
}

TEST("threads that share and release leave nothing behind when they end") {
    constexpr int crew = 64;
    const std::int64_t rounds = times(4000, 1000000) / crew;
    const auto round = [] {
        std::vector<tensor> own(crew, wrapped());
        support::on_threads(crew, [&](int i) {
            const tensor mine = std::move(own[static_cast<std::size_t>(i)]);
            const auto shown = mine.flip().to_dlpack();
            const tensor converted = mine.transpose().convert(float16);
            if (converted.element_count() != 16) std::abort();
        });
        own.clear();
    };
    for (int i = 0; i < 20; ++i) round();
    ended = 0;
    const growth so_far("threads that share and release");
    for (std::int64_t i = 0; i < rounds; ++i) round();
    so_far.is_no_larger(rounds * crew, slack);
    CHECK_EQ(ended.load(), rounds);
}

TEST("sixty-four threads convert, share and release on whatever processors there are") {
    set_thread_count(64);
    const tensor from = transposed();
    const tensor expected = from.convert(float64);
    std::atomic<int> wrong{0};
    const std::int64_t turns = times(2, 100);
    const auto work = [&](int i) {
        for (std::int64_t turn = 0; turn < turns; ++turn) {
            for (int k = 0; k < 1000; ++k) cycle(k);
            if ((i + turn) % 8 == 0) wrong += !same_bytes(from.convert(float64), expected);
        }
    };
    support::on_threads(64, work);
    const growth so_far("turns of 64 threads");
    support::on_threads(64, work);
    so_far.is_no_larger(64 * turns, slack);
    CHECK_EQ(wrong.load(), 0);
    set_thread_count(0);
}

TEST("children that are forked off running conversions go on, and so does their parent") {
    set_thread_count(3);
    const tensor from = transposed();
    const tensor expected = from.convert(float64);
    std::atomic<bool> stop{false};
    std::atomic<int> wrong{0};
    std::thread busy([&] {
        while (!stop) wrong += !same_bytes(from.convert(float64), expected);
    });
    const std::int64_t forks = times(20, 1000);
    const growth so_far("forks");
    int failed = 0;
    for (std::int64_t turn = 0; turn < forks; ++turn) {
        tensor live = wrapped();
        const auto shown = live.to_dlpack();
        const pid_t child = fork();
        if (child == 0) {
            alarm(60);
            // What was live is live here, too, and ends here by itself; the children's children convert as well.
            const std::int64_t before = ended;
            shown->deleter(const_cast<DLManagedTensorVersioned *>(shown.get()));
            live = {};
            bool right = ended == before + 1 && same_bytes(from.convert(float64), expected);
            if (turn % 4 == 0) {
                const pid_t grandchild = fork();
                if (grandchild == 0) _exit(same_bytes(from.convert(float64), expected) ? 0 : 1);
                int status = -1;
                right = waitpid(grandchild, &status, 0) == grandchild && status == 0 && right;
            }
            _exit(right ? 0 : 1);
        }
        int status = -1;
        failed += child < 0 || waitpid(child, &status, 0) != child || status != 0;
    }
    stop = true;
    busy.join();
    so_far.is_no_larger(forks, slack);
    CHECK_EQ(failed, 0);
    CHECK_EQ(wrong.load(), 0);
    set_thread_count(0);
}

namespace {
std::atomic<std::int64_t> interruptions{0};
std::atomic<bool> elsewhere{false};
pthread_t caller;

/// Timers at work for as long as it lives; system calls that they interrupt are not taken up again.
class storm {
public:
    storm() {
        caller = pthread_self();
        struct sigaction action {};
        action.sa_handler = [](int) {
            ++interruptions;
            if (!pthread_equal(caller, pthread_self())) elsewhere = true;
        };
        action.sa_flags = 0;
        sigemptyset(&action.sa_mask);
        sigaction(SIGALRM, &action, &alarm_);
        sigaction(SIGPROF, &action, &prof_);
        set(200);
    }
    ~storm() {
        set(0);
        sigaction(SIGALRM, &alarm_, nullptr);
        sigaction(SIGPROF, &prof_, nullptr);
    }
    storm(const storm &) = delete;
    storm &operator=(const storm &) = delete;

private:
    static void set(int microseconds) {
        const itimerval every{{0, microseconds}, {0, microseconds}};
        setitimer(ITIMER_REAL, &every, nullptr);
        setitimer(ITIMER_PROF, &every, nullptr);
    }
    struct sigaction alarm_, prof_;
};
} // namespace

TEST("signals that interrupt conversions change nothing, and reach the program's own thread only") {
    set_thread_count(3);
    const tensor from = transposed();
    const tensor expected = from.convert(float64);
    const std::int64_t turns = times(40, 4000);
    int wrong = 0;
    {
        const storm signals;
        for (std::int64_t turn = 0; turn < turns; ++turn) wrong += !same_bytes(from.convert(float64), expected);
    }
    std::printf("        signals in %lld conversions: %lld\n", static_cast<long long>(turns),
                static_cast<long long>(interruptions.load()));
    CHECK_EQ(wrong, 0);
    CHECK(interruptions > turns);
    CHECK(!elsewhere);
    set_thread_count(0);
}
