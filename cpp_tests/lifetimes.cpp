// Deleters run exactly once, after the last use, on any thread.
#include "support.hpp"

#include <thread>

using namespace ndferry;

namespace {

tensor counted(support::counter &ends) {
    static float data[16];
    return wrap(data, float32, {4, 4}, support::counter::run, &ends);
}

} // namespace

TEST("the deleter runs with the last reference") {
    support::counter ends;
    tensor first = counted(ends);
    tensor second = first;
    first = {};
    CHECK_EQ(ends.runs, 0);
    second = {};
    CHECK_EQ(ends.runs, 1);
}

TEST("a view outlives its parent and its parent's parent") {
    support::counter ends;
    tensor view = counted(ends).transpose().slice(0, 1).select(1, 0);
    CHECK_EQ(ends.runs, 0);
    CHECK_EQ(view.element_count(), 3);
    view = {};
    CHECK_EQ(ends.runs, 1);
}

TEST("exports outlive the tensor, whichever goes first") {
    for (const bool array_first : {false, true}) {
        support::counter ends;
        tensor t = counted(ends);
        auto dlpack = t.to_dlpack();
        auto array = t.to_array_struct();
        t = {};
        if (array_first) array.reset();
        dlpack.reset();
        CHECK_EQ(ends.runs, array_first ? 1 : 0);
        array.reset();
        CHECK_EQ(ends.runs, 1);
    }
}

TEST("the deleter may run on a thread that knows nothing else") {
    support::counter ends;
    ndf_tensor *handle = counted(ends).release();
    std::thread([=] { ndf_tensor_release(handle); }).join();
    CHECK_EQ(ends.runs, 1);
}

TEST("a deleter may use the library") {
    static std::string seen;
    static tensor kept;
    seen.clear();
    kept = full(float32, {1}, 4.0);
    tensor t = wrap(&seen, int8, {1}, [](void *) {
        seen = kept.slice(0, 0).format();
        kept = {};
    }, nullptr);
    t = {};
    CHECK_EQ(seen, "[4.]");
}

TEST("many threads retain and release one tensor") {
    support::counter ends;
    {
        const tensor t = counted(ends);
        support::on_threads(8, [&](int) {
            for (int i = 0; i < 20000; ++i) const tensor mine = t;
        });
        CHECK_EQ(t.reference_count(), 1u);
    }
    CHECK_EQ(ends.runs, 1);
}

TEST("many threads make views and exports of one tensor, and the last to finish ends it") {
    for (int round = 0; round < 20; ++round) {
        support::counter ends;
        tensor t = counted(ends);
        std::vector<tensor> own(8, t);
        t = {};
        support::on_threads(8, [&](int i) {
            tensor mine = std::move(own[static_cast<std::size_t>(i)]);
            for (int k = 0; k < 200; ++k) {
                const auto exported = mine.slice(0, k % 4).to_dlpack();
                mine = mine.flip({0}).flip({0});
                if (exported->dl_tensor.ndim != 2) std::abort();
            }
        });
        CHECK_EQ(ends.runs, 1);
    }
}

TEST("structs made on one thread are freed on another") {
    constexpr int count = 4000;
    support::counter ends;
    std::vector<dlpack_ptr<DLManagedTensorVersioned>> structs;
    {
        const tensor t = counted(ends);
        for (int i = 0; i < count; ++i) structs.push_back(t.to_dlpack());
    }
    support::on_threads(4, [&](int i) {
        for (int k = i; k < count; k += 4) structs[static_cast<std::size_t>(k)].reset();
    });
    CHECK_EQ(ends.runs, 1);
}

TEST("statistics add up over threads that are gone") {
    tensor made[8];
    support::on_threads(8, [&](int i) { made[i] = zeros(int8, {100}); });
    CHECK_EQ(statistics().live_tensors, 8);
    CHECK_EQ(statistics().live_bytes, 800);
}

TEST("bytes are counted once however many views see them") {
    const tensor t = zeros(int8, {100});
    const tensor a = t.slice(0, 50), b = a.flip({0});
    CHECK_EQ(statistics().live_tensors, 3);
    CHECK_EQ(statistics().live_bytes, 100);
}

TEST("imported memory is counted too") {
    support::foreign<DLManagedTensor> producer;
    const tensor t = producer.take();
    CHECK_EQ(statistics().live_bytes, 24);
}
