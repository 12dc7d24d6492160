// The host program's allocator: used, refused, failing.
#include "support.hpp"

using namespace ndferry;

namespace {

/// Counts what is given and taken; gives nothing once `left` is used up, and gives `skew` bytes too far.
struct arena {
    int left = 1000000;
    std::size_t skew = 0;
    int given = 0;
    int taken = 0;
    bool numbers_agree = true;
    std::size_t byte_count = 0;

    static void *allocate(void *context, std::size_t byte_count, std::size_t alignment) {
        auto &self = *static_cast<arena *>(context);
        if (self.left-- <= 0) return nullptr;
        ++self.given;
        self.byte_count = byte_count;
        const std::size_t room = (byte_count + self.skew + alignment - 1) / alignment * alignment;
        return static_cast<char *>(std::aligned_alloc(alignment, room)) + self.skew;
    }
    static void deallocate(void *context, void *data, std::size_t byte_count, std::size_t alignment) {
        auto &self = *static_cast<arena *>(context);
        ++self.taken;
        self.numbers_agree = self.numbers_agree && byte_count == self.byte_count && alignment == 256;
        std::free(static_cast<char *>(data) - self.skew);
    }

    arena() { install(); }
    ~arena() { ndferry::check(ndf_set_allocator(nullptr)); }
    arena(const arena &) = delete;
    arena &operator=(const arena &) = delete;

private:
    void install() {
        ndf_allocator allocator{};
        allocator.struct_size = sizeof allocator;
        allocator.context = this;
        allocator.allocate = allocate;
        allocator.deallocate = deallocate;
        ndferry::check(ndf_set_allocator(&allocator));
    }
};

} // namespace

TEST("elements come from the allocator and go back with the same numbers") {
    arena a;
    { const tensor t = zeros(float32, {100}); CHECK_EQ(a.byte_count, 400u); }
    CHECK_EQ(a.given, 1);
    CHECK_EQ(a.taken, 1);
    CHECK(a.numbers_agree);
}

TEST("a tensor without elements asks for nothing") {
    arena a;
    const tensor t = zeros(float32, {0});
    CHECK_EQ(a.given, 0);
}

TEST("memory goes back where it came from after the allocator is replaced") {
    tensor t;
    arena outer;
    t = zeros(int8, {8});
    {
        ndf_status status = ndf_set_allocator(nullptr);
        ndferry::check(status);
        t = {};
    }
    CHECK_EQ(outer.taken, 1);
}

TEST("an allocator that gives nothing is out of memory, and nothing leaks") {
    const tensor source = support::count_up({2, 3}).transpose();
    arena a;
    a.left = 0;
    CHECK_ERROR(NDF_ERROR_OUT_OF_MEMORY, "bytes", zeros(float32, {8}));
    CHECK_ERROR(NDF_ERROR_OUT_OF_MEMORY, "", full(float32, {8}, 1.0));
    CHECK_ERROR(NDF_ERROR_OUT_OF_MEMORY, "", empty_like(source));
    CHECK_ERROR(NDF_ERROR_OUT_OF_MEMORY, "", from_data(std::vector<float>(4), {4}));
    CHECK_ERROR(NDF_ERROR_OUT_OF_MEMORY, "", source.convert(float32));
    CHECK_ERROR(NDF_ERROR_OUT_OF_MEMORY, "", source.contiguous());
    CHECK_ERROR(NDF_ERROR_OUT_OF_MEMORY, "", source.copy());
    CHECK_ERROR(NDF_ERROR_OUT_OF_MEMORY, "", source.to_dlpack(NDF_COPY_ALWAYS));
    CHECK_EQ(a.given, 0);
    CHECK_EQ(statistics().live_tensors, 2);
}

TEST("an allocation that fails half-way leaves the destination alone") {
    const tensor t = support::count_up({6});
    arena a;
    for (a.left = 0; a.left < 3; ++a.left) {
        const int before = a.left;
        try {
            t.slice(0, 0, 5).copy_into(t.slice(0, 1));
            break; // needs no memory of the allocator's
        } catch (const error &failure) {
            CHECK_EQ(static_cast<int>(failure.status()), static_cast<int>(NDF_ERROR_OUT_OF_MEMORY));
        }
        CHECK(support::says(t.format(), "[0, 1, 2, 3, 4, 5]"));
        a.left = before;
    }
    CHECK_EQ(a.given, a.taken);
}

TEST("an allocator that gives misaligned memory is refused, and gets it back") {
    arena a;
    a.skew = 64;
    CHECK_ERROR(NDF_ERROR_CALLBACK, "256", zeros(float32, {8}));
    CHECK_EQ(a.given, 1);
    CHECK_EQ(a.taken, 1);
}

TEST("an allocator without a function is refused, and the old one stays") {
    arena a;
    ndf_allocator allocator{};
    allocator.struct_size = sizeof allocator;
    CHECK_REFUSED(NDF_ERROR_INVALID_ARGUMENT, "`allocator->allocate`", ndf_set_allocator(&allocator));
    allocator.allocate = arena::allocate;
    CHECK_REFUSED(NDF_ERROR_INVALID_ARGUMENT, "`allocator->deallocate`", ndf_set_allocator(&allocator));
    const tensor t = zeros(int8, {1});
    CHECK_EQ(a.given, 1);
}
