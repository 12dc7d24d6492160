// Arrow's C data interface, both ways: every field, who ends what, and structs that lie.
#include "arrow_c.hpp"
#include "support.hpp"

#include <thread>

using namespace ndferry;
using support::count_up;
using support::elements;

namespace {

/// A producer's array of six int32 in a list of pairs, or alone.
struct producer {
    std::int32_t data[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    unsigned char bits[2] = {0xff, 0xff};
    const void *buffers[2] = {nullptr, data};
    const void *list_buffers[1] = {nullptr};
    ArrowSchema schema{}, item_schema{};
    ArrowArray array{}, item{};
    ArrowSchema *schema_children[1] = {&item_schema};
    ArrowArray *children[1] = {&item};
    support::counter ends;

    producer() {
        schema.format = item_schema.format = "i";
        schema.release = item_schema.release = [](ArrowSchema *self) { self->release = nullptr; };
        array.release = [](ArrowArray *self) {
            self->release = nullptr;
            support::counter::run(self->private_data);
        };
        item.release = [](ArrowArray *self) { self->release = nullptr; };
        array.private_data = &ends;
        array.length = 6;
        array.n_buffers = item.n_buffers = 2;
        array.buffers = item.buffers = buffers;
    }
    producer(const producer &) = delete;
    producer &operator=(const producer &) = delete;

    /// Three pairs.
    producer &pairs() {
        schema.format = "+w:2";
        schema.n_children = array.n_children = 1;
        schema.children = schema_children;
        array.children = children;
        array.n_buffers = 1;
        array.buffers = list_buffers;
        array.length = 3;
        item.length = 6;
        return *this;
    }

    ndf_status take(ndf_tensor **out, ndf_copy copy = NDF_COPY_NEVER) {
        const ndf_arrow_options options{sizeof options, copy};
        return ndf_tensor_from_arrow(&schema, &array, &options, out);
    }
    tensor take(ndf_copy copy = NDF_COPY_NEVER) { return from_arrow(&schema, &array, copy); }
};

template <class How> void refuse(ndf_status expected, const char *part, How how) {
    refuse_from<producer>(expected, part, how);
}

/// A metadata block that names an extension type.
std::string extension(const std::string &name, const std::string &parameters) {
    const std::string texts[] = {"ARROW:extension:name", name, "ARROW:extension:metadata", parameters};
    std::string block;
    const auto number = [&](std::int32_t value) { block.append(reinterpret_cast<const char *>(&value), 4); };
    number(2);
    for (const std::string &text : texts) {
        number(static_cast<std::int32_t>(text.size()));
        block += text;
    }
    return block;
}

/// What a tensor is exported as; it ends itself.
struct exported {
    ArrowSchema schema{};
    ArrowArray array{};

    explicit exported(const tensor &t, ndf_copy copy = NDF_COPY_NEVER) { t.to_arrow(&schema, &array, copy); }
    exported(const exported &) = delete;
    exported &operator=(const exported &) = delete;
    ~exported() {
        if (schema.release != nullptr) schema.release(&schema);
        if (array.release != nullptr) array.release(&array);
    }
};

} // namespace

TEST("one axis is an array of numbers on the same memory") {
    const tensor t = count_up({6});
    const exported e(t);
    CHECK_EQ(std::string(e.schema.format), "i");
    CHECK(e.schema.metadata == nullptr && e.schema.dictionary == nullptr && e.schema.children == nullptr);
    CHECK_EQ(e.schema.flags, ARROW_FLAG_NULLABLE);
    CHECK_EQ(e.array.length, 6);
    CHECK_EQ(e.array.null_count, 0);
    CHECK_EQ(e.array.offset, 0);
    CHECK_EQ(e.array.n_buffers, 2);
    CHECK_EQ(e.array.n_children, 0);
    CHECK(e.array.buffers[0] == nullptr && e.array.buffers[1] == t.data());
}

TEST("more axes are a list of tensors that know their shape") {
    const tensor t = count_up({2, 3, 4});
    const exported e(t);
    CHECK_EQ(std::string(e.schema.format), "+w:12");
    CHECK_EQ(e.schema.n_children, 1);
    CHECK_EQ(std::string(e.schema.children[0]->format), "i");
    CHECK_EQ(std::string(e.schema.children[0]->name), "item");
    const std::string wanted = extension("arrow.fixed_shape_tensor", "{\"shape\":[3,4]}");
    CHECK(std::string(e.schema.metadata, wanted.size()) == wanted);
    CHECK_EQ(e.array.length, 2);
    CHECK_EQ(e.array.n_buffers, 1);
    CHECK_EQ(e.array.children[0]->length, 24);
    CHECK(e.array.children[0]->buffers[1] == t.data());
}

TEST("booleans are a type of a byte each, on the same memory") {
    const tensor t = zeros(boolean, {3});
    const exported e(t);
    CHECK_EQ(std::string(e.schema.format), "c");
    const std::string wanted = extension("arrow.bool8", "");
    CHECK(std::string(e.schema.metadata, wanted.size()) == wanted);
    CHECK(e.array.buffers[1] == t.data());
}

TEST("what comes back is the same memory, read-only") {
    const std::vector<std::int64_t> shapes[] = {{6}, {2, 3}, {3, 1, 2}, {0, 3}, {3, 0}};
    for (const std::vector<std::int64_t> &shape : shapes) {
        for (const dtype type : {boolean, int8, uint64, float16, float64, dtype::parse("M8[us]"), dtype::parse("m8[s]"), dtype::parse("V3")}) {
            const tensor t = zeros(type, shape);
            exported e(t);
            const tensor back = from_arrow(&e.schema, &e.array);
            CHECK(e.array.release == nullptr);
            CHECK(e.schema.release != nullptr);
            CHECK_EQ(back.dtype(), type);
            CHECK_EQ(back.shape(), t.shape());
            CHECK(back.const_data() == t.const_data());
            CHECK(back.is_read_only());
        }
    }
}

TEST("an export keeps the memory until its release, on any thread, and its parts can be moved away") {
    support::counter freed;
    int data[6] = {0, 1, 2, 3, 4, 5};
    ArrowSchema schema{};
    ArrowArray array{};
    wrap(data, int32, {2, 3}, support::counter::run, &freed).to_arrow(&schema, &array);
    ArrowArray item = *array.children[0];
    array.children[0]->release = nullptr;
    ArrowSchema item_schema = *schema.children[0];
    schema.children[0]->release = nullptr;
    std::thread([&] {
        array.release(&array);
        schema.release(&schema);
    }).join();
    CHECK(array.release == nullptr && schema.release == nullptr);
    CHECK_EQ(freed.runs, 0);
    CHECK_EQ(elements<std::int32_t>(from_arrow(&item_schema, &item)).size(), std::size_t{6});
    CHECK_EQ(freed.runs, 1);
    item_schema.release(&item_schema);
}

TEST("elements that do not lie in C order or in native byte order are refused or copied") {
    const tensor t = count_up({2, 3}).transpose();
    CHECK_ERROR(NDF_ERROR_LAYOUT, "C order", exported(t));
    const exported e(t, NDF_COPY_IF_NEEDED);
    CHECK_EQ(static_cast<const std::int32_t *>(e.array.children[0]->buffers[1])[1], 3);
    const tensor swapped = zeros(dtype::parse(">i4"), {2});
    CHECK_ERROR(NDF_ERROR_UNSUPPORTED, "byte order", exported(swapped));
    CHECK_EQ(std::string(exported(swapped, NDF_COPY_IF_NEEDED).schema.format), "i");
    const tensor plain = count_up({3});
    CHECK(exported(plain, NDF_COPY_IF_NEEDED).array.buffers[1] == plain.data());
    CHECK(exported(plain, NDF_COPY_ALWAYS).array.buffers[1] != plain.data());
}

TEST("what Arrow has no words for is refused and writes nothing") {
    wrap_options options;
    options.device = {NDF_DEVICE_CUDA, 0};
    int data = 0;
    CHECK_ERROR(NDF_ERROR_UNSUPPORTED, "cuda", exported(wrap(&data, int32, {1}, nullptr, nullptr, options)));
    CHECK_ERROR(NDF_ERROR_SHAPE, "one axis", exported(zeros(int32, {})));
    CHECK_ERROR(NDF_ERROR_OVERFLOW, "index", exported(zeros(int8, {1}).broadcast({1, INT32_MAX, 2})));
    for (const char *type : {"bfloat16", "complex64", "int4", "S3", "U2", "M8[D]", "m8[25s]", "[('x', '<f4')]"}) {
        CHECK_ERROR(NDF_ERROR_UNSUPPORTED, "no type", exported(zeros(dtype::parse(type), {2})));
    }
    ArrowSchema schema;
    ArrowArray array;
    std::memset(&schema, 0x5a, sizeof schema);
    std::memset(&array, 0x5a, sizeof array);
    const ArrowArray before = array;
    CHECK_REFUSED(NDF_ERROR_UNSUPPORTED, "complex64",
                  ndf_tensor_to_arrow(zeros(complex64, {2}).get(), nullptr, &schema, &array));
    CHECK_REFUSED(NDF_ERROR_INVALID_ARGUMENT, "out_array",
                  ndf_tensor_to_arrow(zeros(int8, {2}).get(), nullptr, &schema, nullptr));
    CHECK(std::memcmp(&array, &before, sizeof array) == 0);
    CHECK(std::memcmp(&schema, &before, sizeof schema) == 0);
}

TEST("an array is moved into the tensor and ended once") {
    producer p;
    p.array.offset = 2;
    p.array.length = 3;
    {
        const tensor t = p.take();
        CHECK(p.array.release == nullptr && p.schema.release != nullptr);
        std::memset(&p.array, 0xff, sizeof p.array);
        CHECK(t.const_data() == p.data + 2);
        CHECK(t.is_read_only() && t.data() == nullptr);
        CHECK_EQ(elements<std::int32_t>(t), (std::vector<std::int32_t>{2, 3, 4}));
        CHECK_EQ(p.ends.runs, 0);
    }
    CHECK_EQ(p.ends.runs, 1);
}

TEST("a producer's release that leaves itself in place is called once all the same") {
    producer p;
    p.array.release = [](ArrowArray *self) { support::counter::run(self->private_data); };
    p.take();
    CHECK_EQ(p.ends.runs, 1);
    CHECK(p.array.release == nullptr);
}

TEST("lists are further axes, offsets of both levels count") {
    producer p;
    p.pairs();
    p.array.offset = 1;
    p.item.offset = 3;
    p.array.length = 2;
    const tensor t = p.take();
    CHECK_EQ(t.shape(), (extents{2, 2}));
    CHECK_EQ(elements<std::int32_t>(t), (std::vector<std::int32_t>{5, 6, 7, 8}));
}

TEST("the permutation of a tensor type is that of the axes") {
    producer p;
    p.pairs();
    p.schema.format = "+w:6";
    const std::string block = extension("arrow.fixed_shape_tensor", R"({"dim_names":["]"],"permutation":[1,0],"shape":[2,3]})");
    p.schema.metadata = block.data();
    p.array.length = 1;
    const tensor t = p.take();
    CHECK_EQ(t.shape(), (extents{1, 3, 2}));
    CHECK_EQ(t.strides(), (extents{6, 1, 3}));
    CHECK(t.const_data() == p.data);
}

TEST("bits are unpacked and days widened where a copy is allowed, and the array ends at once") {
    producer p;
    p.schema.format = "b";
    p.bits[0] = 0xb4; // 1011 0100
    p.buffers[1] = p.bits;
    p.array.offset = 2;
    CHECK_REFUSED(NDF_ERROR_COPY_REQUIRED, "one bit", [&] {
        ndf_tensor *out = nullptr;
        return p.take(&out);
    }());
    const tensor t = p.take(NDF_COPY_IF_NEEDED);
    CHECK_EQ(p.ends.runs, 1);
    CHECK(p.array.release == nullptr);
    CHECK_EQ(elements<bool>(t), (std::vector<bool>{true, false, true, true, false, true}));
    CHECK(!t.is_read_only());
    producer days;
    days.schema.format = "tdD";
    CHECK_ERROR(NDF_ERROR_COPY_REQUIRED, "32 bits", days.take());
    CHECK_EQ(days.take(NDF_COPY_IF_NEEDED).dtype(), dtype::parse("M8[D]"));
    CHECK_EQ(days.ends.runs, 1);
    producer plain;
    const tensor copy = plain.take(NDF_COPY_ALWAYS);
    CHECK_EQ(plain.ends.runs, 1);
    CHECK(copy.data() != nullptr && copy.data() != plain.data);
}

TEST("nulls count where they are among the elements, whoever has counted them") {
    producer p;
    p.buffers[0] = p.bits;
    p.array.null_count = -1;
    p.bits[0] = 0x03;
    p.bits[1] = 0xff;
    refuse(NDF_ERROR_UNSUPPORTED, "4 of the 6", [](producer &q) {
        q.bits[0] = 0x03;
        q.buffers[0] = q.bits;
        q.array.null_count = -1;
    });
    refuse(NDF_ERROR_UNSUPPORTED, "4 of the 6", [](producer &q) {
        q.bits[0] = 0x03;
        q.buffers[0] = q.bits;
        q.array.null_count = 4;
    });
    refuse(NDF_ERROR_UNSUPPORTED, "2 of the 6", [](producer &q) { q.array.null_count = 2; });
    refuse(NDF_ERROR_UNSUPPORTED, "1 of the 12", [](producer &q) {
        q.bits[1] = 0xef;
        q.buffers[0] = q.bits;
        q.array.length = 12;
        q.array.offset = 3;
        q.array.null_count = -1;
    });
    refuse(NDF_ERROR_UNSUPPORTED, "1 of the 3", [](producer &q) {
        q.pairs().bits[0] = 0xfd;
        q.list_buffers[0] = q.bits;
        q.array.null_count = 1;
    });
    refuse(NDF_ERROR_UNSUPPORTED, "1 of the 6", [](producer &q) {
        q.pairs().bits[0] = 0xdf;
        q.buffers[0] = q.bits;
        q.item.null_count = -1;
    });
    p.array.offset = 8; // the four before are not ours
    CHECK_EQ(p.take().element_count(), 6);
    producer said;
    said.bits[0] = 0;
    said.buffers[0] = said.bits;
    said.array.null_count = 0; // none, says the producer, and is believed
    CHECK_EQ(said.take().element_count(), 6);
    producer unset;
    unset.array.null_count = -1; // nobody has counted, and there is no bitmap
    CHECK_EQ(unset.take().element_count(), 6);
}

TEST("types that no tensor has are refused") {
    for (const char *format : {"n", "z", "U", "vu", "d:5,1", "ttm", "tiD", "+s", "+l", "+L", "+ud:0", "+r", "", "?"}) {
        refuse(NDF_ERROR_UNSUPPORTED, "`format`", [&](producer &p) { p.schema.format = format; });
    }
    for (const char *format : {"w:", "w:-1", "w:99999999999", "+w:", "+w:-2", "+w:x", "\xff\xfe"}) {
        refuse(NDF_ERROR_DTYPE, "`format`", [&](producer &p) { p.pairs().schema.format = format; });
    }
    refuse(NDF_ERROR_INVALID_ARGUMENT, "`format` is NULL", [](producer &p) { p.schema.format = nullptr; });
    refuse(NDF_ERROR_UNSUPPORTED, "dictionary", [](producer &p) { p.schema.dictionary = &p.item_schema; });
    refuse(NDF_ERROR_UNSUPPORTED, "dictionary", [](producer &p) { p.array.dictionary = &p.item; });
}

TEST("structs that were ended or moved are refused, and their parts") {
    producer p;
    p.array.release = nullptr;
    ndf_tensor *out = nullptr;
    CHECK_REFUSED(NDF_ERROR_INVALID_ARGUMENT, "`array` has been released", p.take(&out));
    refuse(NDF_ERROR_INVALID_ARGUMENT, "`schema` has been released", [](producer &q) { q.schema.release = nullptr; });
    refuse(NDF_ERROR_INVALID_ARGUMENT, "`array` has been", [](producer &q) { q.pairs().item.release = nullptr; });
    refuse(NDF_ERROR_INVALID_ARGUMENT, "`schema` has been", [](producer &q) { q.pairs().item_schema.release = nullptr; });
}

TEST("numbers that make no sense are refused") {
    refuse(NDF_ERROR_SHAPE, "`length` is -1", [](producer &p) { p.array.length = -1; });
    refuse(NDF_ERROR_SHAPE, "`offset` is -1", [](producer &p) { p.array.offset = -1; });
    refuse(NDF_ERROR_SHAPE, "`null_count` is -2", [](producer &p) { p.array.null_count = -2; });
    refuse(NDF_ERROR_OVERFLOW, "overflow", [](producer &p) { p.array.offset = INT64_MAX; });
    refuse(NDF_ERROR_OVERFLOW, "", [](producer &p) { p.array.length = INT64_MAX; });
    refuse(NDF_ERROR_OVERFLOW, "", [](producer &p) { p.array.offset = INT64_MAX - 6; });
    refuse(NDF_ERROR_INVALID_ARGUMENT, "not 3 and 0", [](producer &p) { p.array.n_buffers = 3; });
    refuse(NDF_ERROR_INVALID_ARGUMENT, "not -1 and 0", [](producer &p) { p.array.n_buffers = -1; });
    refuse(NDF_ERROR_INVALID_ARGUMENT, "children", [](producer &p) { p.array.n_children = 1; });
    refuse(NDF_ERROR_INVALID_ARGUMENT, "`buffers` is NULL", [](producer &p) { p.array.buffers = nullptr; });
    refuse(NDF_ERROR_INVALID_ARGUMENT, "NULL", [](producer &p) { p.buffers[1] = nullptr; });
    refuse(NDF_ERROR_INVALID_ARGUMENT, "`children`", [](producer &p) { p.pairs().array.children = nullptr; });
    refuse(NDF_ERROR_INVALID_ARGUMENT, "`children`", [](producer &p) { p.pairs().children[0] = nullptr; });
    refuse(NDF_ERROR_INVALID_ARGUMENT, "`children`", [](producer &p) { p.pairs().schema.children = nullptr; });
    refuse(NDF_ERROR_INVALID_ARGUMENT, "not 2 and 1", [](producer &p) { p.pairs().array.n_buffers = 2; });
    refuse(NDF_ERROR_SHAPE, "needs 6 elements from 0 on, `length` is 5", [](producer &p) { p.pairs().item.length = 5; });
    refuse(NDF_ERROR_SHAPE, "needs", [](producer &p) { p.pairs().array.offset = 1; });
    refuse(NDF_ERROR_OVERFLOW, "lists", [](producer &p) { p.pairs().array.length = INT64_MAX; });
    refuse(NDF_ERROR_INVALID_ARGUMENT, "children", [](producer &p) { p.pairs().schema.n_children = 2; });
}

TEST("a list that holds itself is refused") {
    refuse(NDF_ERROR_SHAPE, "64", [](producer &p) {
        p.pairs().schema.format = "+w:1";
        p.schema_children[0] = &p.schema;
        p.children[0] = &p.array;
    });
    static const std::string block = extension("arrow.fixed_shape_tensor", R"({"shape":[]})");
    refuse(NDF_ERROR_SHAPE, "64", [](producer &p) {
        p.pairs().schema.format = "+w:1";
        p.schema.metadata = block.data();
        p.schema_children[0] = &p.schema;
        p.children[0] = &p.array;
    });
}

TEST("metadata that make no sense are refused") {
    static const std::pair<ndf_status, const char *> spoilt[] = {
        {NDF_ERROR_SHAPE, R"({"shape":[3]})"},        {NDF_ERROR_SHAPE, R"({"shape":[-1,-2]})"},
        {NDF_ERROR_SHAPE, R"({"shape":[]})"},         {NDF_ERROR_DTYPE, "{}"},
        {NDF_ERROR_DTYPE, ""},                        {NDF_ERROR_DTYPE, R"({"shape":[2],"permutation":[0,1]})"},
        {NDF_ERROR_DTYPE, R"({"shape":[2)"},          {NDF_ERROR_SHAPE, R"({"shape":[2],"permutation":[1]})"},
        {NDF_ERROR_SHAPE, R"({"shape":[2],"permutation":[-1]})"},
        {NDF_ERROR_SHAPE, R"({"shape":[9223372036854775807,2]})"},
    };
    for (const auto &one : spoilt) {
        const std::string block = extension("arrow.fixed_shape_tensor", one.second);
        refuse(one.first, "", [&](producer &p) { p.pairs().schema.metadata = block.data(); });
    }
    const std::string twice = extension("arrow.fixed_shape_tensor", R"({"shape":[2,1],"permutation":[0,0]})");
    refuse(NDF_ERROR_INVALID_ARGUMENT, "", [&](producer &p) { p.pairs().schema.metadata = twice.data(); });
    const std::int32_t negative[] = {-1};
    refuse(NDF_ERROR_INVALID_ARGUMENT, "number of keys", [&](producer &p) {
        p.schema.metadata = reinterpret_cast<const char *>(negative);
    });
    const std::string unknown = extension("somebody.else", "anything");
    producer p;
    p.schema.metadata = unknown.data();
    CHECK_EQ(p.take().dtype(), int32);
}
