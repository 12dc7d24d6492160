// The lifetime debugger: each crime is committed, and told.
#include "arrow_c.hpp"
#include "support.hpp"

#include <cstdio>
#include <mutex>
#include <thread>

#include <sys/wait.h>
#include <unistd.h>

using namespace ndferry;
using support::says;

namespace {

const ndf_status enabled = ndf_debug_enable();

/// What was logged, a message an entry.
struct listener {
    std::mutex mutex;
    std::vector<std::pair<int, std::string>> messages;

    listener() { ndferry::check(ndf_set_log(hear, this, NDF_LOG_INFO)); }
    listener(const listener &) = delete;
    listener &operator=(const listener &) = delete;
    ~listener() { ndferry::check(ndf_set_log(nullptr, nullptr, 0)); }

    static void hear(void *self, ndf_log_level level, const char *message) {
        listener &own = *static_cast<listener *>(self);
        const std::lock_guard<std::mutex> lock(own.mutex);
        own.messages.emplace_back(level, message);
    }
    /// What was said last, if it was of that level.
    std::string last(int level) {
        const std::lock_guard<std::mutex> lock(mutex);
        return messages.empty() || messages.back().first != level ? "" : messages.back().second;
    }
};

ndf_tensor *make(const char *label = nullptr) {
    const std::int64_t shape[] = {2, 3};
    ndf_tensor *made = nullptr;
    ndferry::check(ndf_tensor_zeros(NDF_DTYPE_FLOAT32, 2, shape, nullptr, &made));
    if (label != nullptr) ndferry::check(ndf_tensor_set_label(made, label));
    return made;
}

std::string report() { return debug_report(); }

std::int64_t misuses() { return statistics().misuses; }

/// What a process of this program with one more word on standard error writes there.
std::string standard_error(const char *word, const char *variable, const char *value) {
    char program[4096] = {}; // by its name, which valgrind knows and a link to itself would hide
    int ends[2];
    if (readlink("/proc/self/exe", program, sizeof program - 1) < 0 || pipe(ends) != 0) {
        throw std::runtime_error("no name or no pipe");
    }
    const pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], 2);
        close(ends[0]);
        close(ends[1]);
        setenv("NDFERRY_TEST_CHILD", word, 1);
        setenv(variable, value, 1);
        setenv("ASAN_OPTIONS", "detect_leaks=0", 1); // it leaks on purpose
        execl(program, "test_debug", word, static_cast<char *>(nullptr));
        _exit(99);
    }
    close(ends[1]);
    std::string text;
    char part[4096];
    for (ssize_t got; (got = read(ends[0], part, sizeof part)) > 0;) text.append(part, static_cast<std::size_t>(got));
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    if (status != 0) throw std::runtime_error("the child failed: " + text);
    return text;
}

/// Whether this process is the child that is to play that part.
bool plays(const char *word) {
    const char *part = std::getenv("NDFERRY_TEST_CHILD");
    return part != nullptr && std::string(part) == word;
}

} // namespace

TEST("the debugger is on, and may be switched on again") {
    CHECK_EQ(enabled, NDF_OK);
    CHECK_OK(ndf_debug_enable());
    const tensor t(make());
    CHECK_OK(ndf_debug_enable());
}

TEST("a tensor that was released twice is told, and nothing else happens") {
    listener log;
    ndf_tensor *t = make("frame 7");
    ndf_tensor_release(t);
    const std::int64_t before = misuses();
    ndf_tensor_release(t);
    CHECK_EQ(misuses(), before + 1);
    const std::string message = ndf_last_error_message();
    CHECK(says(message, "`tensor` is tensor #"));
    CHECK(says(message, "float32 [2, 3] on cpu, \"frame 7\""));
    CHECK(says(message, "which was released at "));
    CHECK(says(message, "test_debug+0x"));
    const std::string told = log.last(NDF_LOG_ERROR);
    for (const char *part : {"frame 7", "\n  used ", "\n  made ", "\n  released ", "\n    at "}) {
        if (!says(told, part)) throw std::runtime_error(std::string(part) + " is not in: " + told);
    }
    CHECK(!says(told, "libndferry.so"));
}

TEST("a tensor that is held by a view only is released all the same, and the view lives") {
    ndf_tensor *t = make();
    const tensor view = [&] {
        ndf_tensor *out = nullptr;
        ndferry::check(ndf_tensor_transpose(t, &out));
        return tensor(out);
    }();
    ndf_tensor_release(t);
    CHECK_REFUSED(NDF_ERROR_INVALID_ARGUMENT, "which was released", ndf_tensor_fill(t, NDF_DTYPE_FLOAT32, "1234"));
    for (int i = 0; i < 3; ++i) ndf_tensor_release(t);
    CHECK_EQ(statistics().live_tensors, 2);
    CHECK_EQ(support::elements<float>(view), std::vector<float>(6, 0.f));
}

TEST("functions of every kind refuse a tensor that was released") {
    ndf_tensor *t = make();
    const tensor other(make());
    ndf_tensor_release(t);
    ndf_tensor *out = nullptr;
    DLManagedTensorVersioned *managed = nullptr;
    std::size_t length = 0;
    const char *why = "which was released";
    CHECK_REFUSED(NDF_ERROR_INVALID_ARGUMENT, why, ndf_tensor_slice(t, 0, 0, 1, 1, &out));
    CHECK_REFUSED(NDF_ERROR_INVALID_ARGUMENT, why, ndf_tensor_to_dlpack_versioned(t, nullptr, &managed));
    CHECK_REFUSED(NDF_ERROR_INVALID_ARGUMENT, "`destination` is", ndf_tensor_copy_into(other.get(), t, nullptr));
    CHECK_REFUSED(NDF_ERROR_INVALID_ARGUMENT, "`destination` is",
                  ndf_plan_format(other.get(), t, ndf_dtype{}, nullptr, 0, nullptr, &length));
    CHECK_REFUSED(NDF_ERROR_INVALID_ARGUMENT, why, ndf_tensor_set_label(t, "late"));
    const std::int64_t before = misuses();
    CHECK(ndf_tensor_retain(t) == nullptr);
    CHECK_EQ(ndf_tensor_ndim(t), 0);
    CHECK(ndf_tensor_shape(t) == nullptr && ndf_tensor_data(t) == nullptr);
    CHECK(!ndf_tensor_shares_memory(other.get(), t));
    CHECK_EQ(misuses(), before + 5);
    CHECK(says(ndf_last_error_message(), "`tensor` is tensor #"));
}

TEST("a pointer that is no handle is refused without being read") {
    listener log;
    int local[64] = {};
    const tensor t(make());
    const auto elements = const_cast<void *>(t.const_data());
    const std::vector<void *> strangers{local, reinterpret_cast<char *>(t.get()) + 8, elements,
                                        reinterpret_cast<void *>(16), reinterpret_cast<void *>(UINTPTR_MAX)};
    for (void *stranger : strangers) {
        ndf_tensor *out = nullptr;
        const auto handle = static_cast<ndf_tensor *>(stranger);
        CHECK_REFUSED(NDF_ERROR_INVALID_ARGUMENT, "where this library has no tensor", ndf_tensor_transpose(handle, &out));
        ndf_tensor_release(handle);
        CHECK(says(log.last(NDF_LOG_ERROR), "where this library has no tensor\n  used "));
    }
    CHECK_EQ(t.reference_count(), 1u);
}

TEST("the address of a released tensor is not another's for a long time") {
    ndf_tensor *t = make("the first");
    ndf_tensor_release(t);
    for (int i = 0; i < 5000; ++i) {
        const tensor next(make());
        CHECK(next.get() != t);
    }
    CHECK_EQ(ndf_tensor_ndim(t), 0);
    CHECK(says(ndf_last_error_message(), "the first"));
}

TEST("handles that were released long ago are forgotten, and no memory grows") {
    ndf_tensor *t = make("the first");
    ndf_tensor_release(t);
    for (int i = 0; i < 66000; ++i) ndf_tensor_release(make());
    const tensor reused(make());
    CHECK(ndf_tensor_ndim(t) == 0 || t == reused.get());
    CHECK(!says(ndf_last_error_message(), "the first"));
}

TEST("each reference may be given up once") {
    ndf_tensor *t = make();
    CHECK(ndf_tensor_retain(t) == t);
    const std::int64_t before = misuses();
    ndf_tensor_release(t);
    CHECK_EQ(ndf_tensor_ndim(t), 2);
    ndf_tensor_release(t);
    CHECK_EQ(misuses(), before);
    ndf_tensor_release(t);
    CHECK_EQ(misuses(), before + 1);
}

TEST("the same tensor given twice is two references of one handle") {
    const tensor t(make());
    const tensor same = t.contiguous();
    CHECK(same.get() == t.get());
    CHECK_EQ(statistics().live_handles, 1);
    CHECK(says(report(), ": references: 2"));
}

TEST("a report names what is alive, and what holds it") {
    tensor t(make());
    t.set_label("camera");
    const auto one = t.to_dlpack(), two = t.to_dlpack();
    const buffer shown = t.to_buffer();
    const array_struct_ptr array = t.to_array_struct();
    ArrowSchema schema;
    ArrowArray elements;
    t.reshape({6}).to_arrow(&schema, &elements);
    const std::string text = report();
    CHECK(says(text, "handles: 1, open exports: 5, misuses: "));
    CHECK(says(text, ", float32 [2, 3] on cpu, \"camera\": references: 1, DLPack: 2, array interface: 1, "
                     "buffer: 1\n  made "));
    CHECK(says(text, "float32 [6] on cpu: references: 0, Arrow: 1\n  made "));
    CHECK(says(text, "s ago by thread "));
    CHECK(says(text, "\n    at test_debug+0x"));
    CHECK_EQ(statistics().open_exports, 5);
    elements.release(&elements);
    schema.release(&schema);
}

TEST("an export that outlives its handle is open until it is ended") {
    ndf_tensor *t = make("exported");
    DLManagedTensor *managed = nullptr;
    CHECK_OK(ndf_tensor_to_dlpack(t, nullptr, &managed));
    ndf_tensor_release(t);
    CHECK_EQ(statistics().live_handles, 0);
    CHECK_EQ(statistics().open_exports, 1);
    CHECK(says(report(), "float32 [2, 3] on cpu, \"exported\": references: 0, DLPack: 1"));
    CHECK(says(report(), "\n  released "));
    managed->deleter(managed);
    CHECK_EQ(statistics().open_exports, 0);
    CHECK(says(report(), "handles: 0, open exports: 0, misuses: "));
}

TEST("statistics are written as far as the caller's struct goes") {
    ndf_statistics alive;
    std::memset(&alive, 0xa5, sizeof alive);
    alive.struct_size = offsetof(ndf_statistics, live_handles);
    CHECK_OK(ndf_statistics_get(&alive));
    CHECK_EQ(alive.live_tensors, 0);
    CHECK_EQ(alive.live_bytes, 0);
    for (const std::int64_t beyond : {alive.live_handles, alive.open_exports, alive.misuses}) {
        CHECK_EQ(static_cast<std::uint64_t>(beyond), 0xa5a5a5a5a5a5a5a5u);
    }
    CHECK_EQ(alive.reserved, 0xa5a5a5a5u);
}

TEST("a listener may ask for a report, and is asked for a level that there is") {
    static std::string seen;
    seen.clear();
    const auto hear = [](void *, ndf_log_level, const char *) { seen = report(); };
    CHECK_OK(ndf_set_log(hear, nullptr, NDF_LOG_ERROR));
    const tensor t(make("seen"));
    CHECK_EQ(ndf_tensor_ndim(reinterpret_cast<ndf_tensor *>(&seen)), 0);
    CHECK(says(seen, "\"seen\""));
    for (int level : {0, -1, 4, INT32_MAX}) {
        CHECK_REFUSED(NDF_ERROR_INVALID_ARGUMENT, "`level`", ndf_set_log(hear, nullptr, level));
    }
    CHECK_OK(ndf_set_log(nullptr, nullptr, -1));
}

TEST("a copy that sharing would have spared is worth a word, and who asks for less does not hear it") {
    listener log;
    const tensor t = tensor(make()).as_read_only();
    DLManagedTensor *managed = nullptr;
    const ndf_dlpack_options options{sizeof options, NDF_COPY_IF_NEEDED};
    CHECK_OK(ndf_tensor_to_dlpack(t.get(), &options, &managed));
    managed->deleter(managed);
    CHECK(says(log.last(NDF_LOG_INFO), "DLPack: 24 bytes are copied: legacy DLPack cannot say that"));
    CHECK_OK(ndf_set_log(listener::hear, &log, NDF_LOG_WARNING));
    log.messages.clear();
    CHECK_OK(ndf_tensor_to_dlpack(t.get(), &options, &managed));
    managed->deleter(managed);
    CHECK(log.messages.empty());
}

TEST("many threads make, share and release, and a child of a fork does, too") {
    std::atomic<bool> is_over{false};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            while (!is_over) {
                const tensor t(make());
                const tensor view = t.flip({0}), same = view;
                const auto exported = view.to_dlpack();
            }
        });
    }
    int failures = 0;
    for (int i = 0; i < 50; ++i) {
        const pid_t child = fork();
        if (child == 0) {
            alarm(20);
            ndf_tensor *t = make();
            ndf_tensor_release(t);
            _exit(ndf_tensor_ndim(t) == 0 && says(ndf_last_error_message(), "which was released") ? 0 : 1);
        }
        int status = 0;
        waitpid(child, &status, 0);
        failures += status != 0;
    }
    is_over = true;
    for (std::thread &thread : threads) thread.join();
    CHECK_EQ(failures, 0);
    CHECK_EQ(statistics().live_handles, 0);
}

TEST("leaks something") {
    if (!plays("leaks something")) return;
    (void)make("never released");
    CHECK_OK(ndf_tensor_to_dlpack(make(), nullptr, new DLManagedTensor *));
    std::exit(0);
}

TEST("leaks in a child") {
    if (!plays("leaks in a child")) return;
    (void)make("never released");
    const pid_t child = fork();
    if (child == 0) std::exit(0);
    int status = 0;
    waitpid(child, &status, 0);
    _exit(status);
}

TEST("releases at the end") {
    static tensor kept;
    if (!plays("releases at the end")) return;
    kept = tensor(make());
    std::exit(0);
}

TEST("what is never released is told at the end of the process") {
    const std::string told = standard_error("leaks something", "NDFERRY_DEBUG", "1");
    CHECK(says(told, "ndferry: warning: at the end of the process: handles: 2, open exports: 1, misuses: 0"));
    CHECK(says(told, "tensor #1, float32 [2, 3] on cpu, \"never released\": references: 1\n  made "));
    CHECK(says(told, "tensor #2, float32 [2, 3] on cpu: references: 1, DLPack: 1\n  made "));
}

TEST("static objects may release until the last moment, and a forked child tells nothing") {
    CHECK_EQ(standard_error("releases at the end", "NDFERRY_DEBUG", "1"), "");
    CHECK_EQ(standard_error("leaks in a child", "NDFERRY_DEBUG", "1"), "");
}
