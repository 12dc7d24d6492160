// Right structs with wrong numbers: a few fields at a time are overwritten at random, always the same way. Pointers stay
// right. What is taken is described, viewed, exported and given up; no element is touched.
#include "support.hpp"

using namespace ndferry;

namespace {

constexpr int ROUNDS = 20'000;
constexpr int RANK = 64;

/// The same numbers on every machine.
struct dice {
    std::uint64_t state = 0x9E3779B97F4A7C15;
    std::uint64_t next() {
        state ^= state << 13;
        state ^= state >> 7;
        return state ^= state << 17;
    }
    int below(int bound) { return static_cast<int>(next() % static_cast<std::uint64_t>(bound)); }
};

/// Numbers that may be overwritten.
struct target {
    void *start;
    std::size_t size;
};

template <class T> target number(T &field) { return {&field, sizeof field}; }

/// Overwrites one number: with a limit, with something small, by flipping a bit, or with any bytes.
void overwrite(dice &random, target what) {
    static const std::int64_t limits[] = {INT64_MIN, INT64_MIN + 1, -1, 0, 1, 2, 3, 63, 64, 65, 127, 128, 255, 256, 65535,
                                          INT32_MIN, INT32_MAX, std::int64_t{1} << 32, std::int64_t{1} << 61,
                                          INT64_MAX / 2, INT64_MAX - 1, INT64_MAX};
    std::int64_t value = 0;
    switch (random.below(4)) {
    case 0: value = limits[random.below(static_cast<int>(std::size(limits)))]; break;
    case 1: value = random.below(9) - 4; break;
    case 2:
        std::memcpy(&value, what.start, what.size);
        value ^= std::int64_t{1} << random.below(static_cast<int>(8 * what.size) - 1);
        break;
    default: value = static_cast<std::int64_t>(random.next());
    }
    std::memcpy(what.start, &value, what.size); // little-endian: the low bytes
}

/// Shape and strides of any rank that may be read.
template <class T> struct dims {
    T shape[RANK];
    T strides[RANK];

    dims() {
        std::fill(std::begin(shape), std::end(shape), T{1});
        std::fill(std::begin(strides), std::end(strides), T{1});
    }
    void add_to(std::vector<target> &targets) {
        for (int axis = 0; axis < 4; ++axis) targets.insert(targets.end(), {number(shape[axis]), number(strides[axis])});
    }
};

/// What `step` throws is a refusal with a reason, and everything else a failure of the test.
template <class Step> void may_refuse(Step step) {
    try {
        (void)step();
    } catch (const error &refusal) {
        CHECK(refusal.status() != NDF_OK && refusal.status() != NDF_ERROR_INTERNAL);
        CHECK(std::strlen(refusal.what()) > 0);
    }
}

/// Everything that can be asked of a tensor without its elements.
void walk(const tensor &t) {
    CHECK(t.ndim() >= 0 && t.ndim() <= RANK);
    std::int64_t count = 1;
    bool is_empty = false;
    for (int axis = 0; axis < t.ndim(); ++axis) {
        CHECK(t.shape()[axis] >= 0);
        is_empty |= t.shape()[axis] == 0;
        if (!is_empty) count *= t.shape()[axis];
    }
    CHECK_EQ(t.element_count(), is_empty ? 0 : count);
    CHECK(!t.dtype().format().empty());
    (void)(t.device(), t.const_data(), t.is_contiguous(), t.byte_size());
    may_refuse([&] { return t.transpose().is_contiguous(); });
    may_refuse([&] { return t.flip({0}).ndim(); });
    may_refuse([&] { return t.slice(0, 1, 3, 2).ndim(); });
    may_refuse([&] { return t.reshape({-1}).ndim(); });
    may_refuse([&] { return t.unsqueeze(0).ndim(); });
    may_refuse([&] { return t.shares_memory(t); });
    may_refuse([&] { return t.to_dlpack()->dl_tensor.ndim; });
    may_refuse([&] { return t.to_dlpack<DLManagedTensor>()->dl_tensor.ndim; });
    may_refuse([&] { return from_dlpack(t.to_dlpack().release()).ndim(); });
    may_refuse([&] { return t.to_buffer(NDF_BUFFER_FULL)->ndim; });
    may_refuse([&] { return t.to_array_struct()->nd; });
    may_refuse([&] { return t.array_interface().size(); });
}

/// Counts what becomes of mutated structs: `make` gives a fresh one.
template <class Producer> void mutate(std::uint64_t seed) {
    dice random;
    random.state ^= seed;
    int taken = 0;
    int refused = 0;
    for (int round = 0; round < ROUNDS; ++round) {
        Producer producer;
        const std::vector<target> targets = producer.targets();
        for (int changes = 1 + random.below(3); changes > 0; --changes) {
            overwrite(random, targets[static_cast<std::size_t>(random.below(static_cast<int>(targets.size())))]);
        }
        producer.mend();
        ndf_tensor *const untouched = reinterpret_cast<ndf_tensor *>(&producer);
        ndf_tensor *out = untouched;
        const ndf_status status = producer.take(&out);
        CHECK_EQ(producer.vet(status), status);
        if (status == NDF_OK) {
            ++taken;
            walk(tensor(out));
        } else {
            ++refused;
            CHECK(out == untouched && status != NDF_ERROR_INTERNAL);
            CHECK(std::strlen(ndf_last_error_message()) > 0);
        }
        CHECK_EQ(producer.freed(), status == NDF_OK ? 1 : 0);
        support::nothing_is_alive();
    }
    CHECK(taken > ROUNDS / 10 && refused > ROUNDS / 10);
}

template <class Managed> struct dlpack_producer : support::foreign<Managed> {
    dims<std::int64_t> numbers;

    dlpack_producer() {
        std::copy(this->shape.begin(), this->shape.end(), numbers.shape);
        std::copy(this->strides.begin(), this->strides.end(), numbers.strides);
        this->tensor().shape = numbers.shape;
        this->tensor().strides = numbers.strides;
    }
    std::vector<target> targets() {
        DLTensor &dl = this->tensor();
        std::vector<target> all{number(dl.device.device_type), number(dl.device.device_id), number(dl.ndim),
                                number(dl.dtype.code), number(dl.dtype.bits),       number(dl.dtype.lanes),
                                number(dl.byte_offset)};
        add_head(this->managed, all);
        numbers.add_to(all);
        return all;
    }
    static void add_head(DLManagedTensor &, std::vector<target> &) {}
    static void add_head(DLManagedTensorVersioned &managed, std::vector<target> &all) {
        all.insert(all.end(), {number(managed.version.major), number(managed.version.minor), number(managed.flags)});
    }
    void mend() {}
    ndf_status vet(ndf_status) { return check(this->managed); }
    static ndf_status check(DLManagedTensor &managed) { return ndf_dlpack_check(&managed); }
    static ndf_status check(DLManagedTensorVersioned &managed) { return ndf_dlpack_check_versioned(&managed); }
    ndf_status take(ndf_tensor **out) { return import(this->managed, out); }
    static ndf_status import(DLManagedTensor &managed, ndf_tensor **out) { return ndf_tensor_from_dlpack(&managed, out); }
    static ndf_status import(DLManagedTensorVersioned &managed, ndf_tensor **out) {
        return ndf_tensor_from_dlpack_versioned(&managed, out);
    }
    int freed() { return support::foreign<Managed>::freed; }
};

struct array_struct_producer {
    std::int16_t data[6] = {};
    dims<ptrdiff_t> numbers;
    ndf_array_struct array{};
    support::counter ends;

    array_struct_producer() {
        numbers.shape[0] = 2, numbers.shape[1] = 3, numbers.strides[0] = 6, numbers.strides[1] = 2;
        array.two = 2, array.nd = 2, array.typekind = 'i', array.itemsize = 2;
        array.flags = NDF_ARRAY_NOTSWAPPED | NDF_ARRAY_WRITEABLE;
        array.shape = numbers.shape, array.strides = numbers.strides, array.data = data;
        array.descr = reinterpret_cast<void *>(std::uintptr_t{3}); // never looked at
    }
    std::vector<target> targets() {
        std::vector<target> all{number(array.nd), number(array.typekind), number(array.itemsize), number(array.flags),
                                number(array.two)};
        numbers.add_to(all);
        return all;
    }
    void mend() {}
    ndf_status vet(ndf_status status) { return status; }
    ndf_status take(ndf_tensor **out) {
        return ndf_tensor_from_array_struct(&array, {}, support::counter::run, &ends, out);
    }
    int freed() { return ends.runs; }
};

struct buffer_producer {
    std::int16_t data[6] = {};
    char format[16] = "h";
    dims<ptrdiff_t> numbers;
    ptrdiff_t suboffsets[RANK];
    ndf_buffer filled{};
    support::counter ends;

    buffer_producer() {
        std::fill(std::begin(suboffsets), std::end(suboffsets), -1);
        numbers.shape[0] = 2, numbers.shape[1] = 3, numbers.strides[0] = 6, numbers.strides[1] = 2;
        filled.buf = data, filled.len = 12, filled.itemsize = 2, filled.ndim = 2, filled.format = format;
        filled.shape = numbers.shape, filled.strides = numbers.strides, filled.suboffsets = suboffsets;
    }
    std::vector<target> targets() {
        std::vector<target> all{number(filled.len),    number(filled.itemsize), number(filled.readonly),
                                number(filled.ndim),   number(suboffsets[0]),   number(suboffsets[63]),
                                {format, 1},           {format + 1, 1},         {format, 8}};
        numbers.add_to(all);
        return all;
    }
    /// Keeps the text's end, and half the time makes the length that of the shape: else most are refused for it.
    void mend() {
        format[15] = 0;
        std::int64_t length = filled.itemsize;
        for (int axis = 0; axis < 2; ++axis) {
            const std::int64_t extent = numbers.shape[axis];
            if (extent < 0 || (extent > 0 && length > INT64_MAX / extent) || length < 0) return;
            length *= extent;
        }
        if (length % 4 == 0) filled.len = static_cast<ptrdiff_t>(length);
    }
    ndf_status vet(ndf_status status) { return status; }
    ndf_status take(ndf_tensor **out) {
        return ndf_tensor_from_buffer(&filled, support::counter::run, &ends, out);
    }
    int freed() { return ends.runs; }
};

} // namespace

TEST("mutated structs of DLPack 1.x") { mutate<dlpack_producer<DLManagedTensorVersioned>>(1); }

TEST("mutated structs from before DLPack 1.0") { mutate<dlpack_producer<DLManagedTensor>>(2); }

TEST("mutated structs of the array interface") { mutate<array_struct_producer>(3); }

TEST("mutated structs of the buffer protocol") { mutate<buffer_producer>(4); }
