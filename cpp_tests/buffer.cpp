// The buffer protocol without Python: Py_buffer structs, both ways.
#include "support.hpp"

#include <thread>

using namespace ndferry;
using support::count_up;
using support::elements;

namespace {

/// An exporter's struct: 2 by 3 of int16 in C order.
struct exporter {
    std::int16_t data[6] = {0, 1, 2, 3, 4, 5};
    char format[16] = "h";
    ptrdiff_t shape[2] = {2, 3};
    ptrdiff_t strides[2] = {6, 2};
    ptrdiff_t suboffsets[2] = {-1, -1};
    ndf_buffer filled{};
    support::counter ends;

    exporter() {
        filled.buf = data;
        filled.len = 12;
        filled.itemsize = 2;
        filled.ndim = 2;
        filled.format = format;
        filled.shape = shape;
        filled.strides = strides;
    }

    ndf_status take(ndf_tensor **out) {
        return ndf_tensor_from_buffer(&filled, support::counter::run, &ends, out);
    }
    tensor take() {
        ndf_tensor *out = nullptr;
        ndferry::check(take(&out));
        return tensor(out);
    }
};

template <class How> void refuse(ndf_status expected, const char *part, How how) {
    refuse_from<exporter>(expected, part, how);
}

std::string format_of(dtype type) { return zeros(type, {1}).to_buffer()->format; }

} // namespace

TEST("a buffer describes the tensor, strides in bytes from element [0, ..., 0]") {
    const tensor t = count_up<float>({2, 3}).flip({1});
    const buffer b = t.to_buffer(NDF_BUFFER_FULL);
    CHECK(b->buf == t.data());
    CHECK(b->obj == nullptr && b->suboffsets == nullptr);
    CHECK_EQ(b->len, 24);
    CHECK_EQ(b->itemsize, 4);
    CHECK_EQ(b->readonly, 0);
    CHECK_EQ(b->ndim, 2);
    CHECK_EQ(std::string(b->format), "f");
    CHECK_EQ(b->shape[1], 3);
    CHECK_EQ(b->strides[0], 12);
    CHECK_EQ(b->strides[1], -4);
}

TEST("what is not asked for is NULL, and the size of the element stays") {
    const buffer b = count_up({2, 3}).to_buffer(NDF_BUFFER_SIMPLE);
    CHECK(b->format == nullptr && b->shape == nullptr && b->strides == nullptr);
    CHECK_EQ(b->ndim, 1);
    CHECK_EQ(b->len, 24);
    CHECK_EQ(b->itemsize, 4);
    const buffer nd = count_up({2, 3}).to_buffer(NDF_BUFFER_ND);
    CHECK(nd->shape != nullptr && nd->strides == nullptr);
    CHECK_EQ(nd->ndim, 2);
}

TEST("the length is that of the elements, not of the memory that they reach") {
    CHECK_EQ(count_up({100}).slice(0, 0, 100, 50).to_buffer()->len, 8);
    CHECK_EQ(count_up({1}).broadcast({5, 5}).to_buffer()->len, 100);
}

TEST("a tensor without axes has neither shape nor strides, one without elements has an address") {
    const buffer scalar = count_up({}).to_buffer();
    CHECK(scalar->shape == nullptr && scalar->strides == nullptr);
    CHECK_EQ(scalar->ndim, 0);
    CHECK_EQ(scalar->len, 4);
    const buffer empty = zeros(float32, {2, 0}).to_buffer();
    CHECK(empty->buf != nullptr);
    CHECK_EQ(empty->len, 0);
    CHECK_EQ(empty->shape[0], 2);
}

TEST("read-only tensors are shown so, and refused where writing is asked for") {
    const tensor t = count_up({2}).as_read_only();
    CHECK_EQ(t.to_buffer()->readonly, 1);
    CHECK_ERROR(NDF_ERROR_READ_ONLY, "read-only", t.to_buffer(NDF_BUFFER_WRITABLE));
    CHECK_ERROR(NDF_ERROR_READ_ONLY, "read-only", t.to_buffer(NDF_BUFFER_FULL));
}

TEST("an order that the elements do not have is refused") {
    const tensor t = count_up({2, 3}).transpose();
    for (const int flags : {NDF_BUFFER_SIMPLE, NDF_BUFFER_ND, NDF_BUFFER_C_CONTIGUOUS}) {
        CHECK_ERROR(NDF_ERROR_LAYOUT, "C order", t.to_buffer(flags));
    }
    CHECK_EQ(t.to_buffer(NDF_BUFFER_F_CONTIGUOUS)->strides[0], 4);
    CHECK_EQ(t.to_buffer(NDF_BUFFER_ANY_CONTIGUOUS)->strides[0], 4);
    const tensor gaps = count_up({4, 4}).slice(1, 0, 4, 2);
    CHECK_ERROR(NDF_ERROR_LAYOUT, "Fortran order", gaps.to_buffer(NDF_BUFFER_F_CONTIGUOUS));
    CHECK_ERROR(NDF_ERROR_LAYOUT, "C or Fortran", gaps.to_buffer(NDF_BUFFER_ANY_CONTIGUOUS));
    CHECK_EQ(gaps.to_buffer(NDF_BUFFER_STRIDES)->strides[1], 8);
}

TEST("formats are those of NumPy, and types without one are bytes or refused") {
    CHECK_EQ(format_of(boolean), "?");
    CHECK_EQ(format_of(complex128), "Zd");
    CHECK_EQ(format_of(dtype::parse(">f4")), ">f");
    CHECK_ERROR(NDF_ERROR_UNSUPPORTED, "bfloat16", zeros(bfloat16, {1}).to_buffer());
    CHECK_ERROR(NDF_ERROR_UNSUPPORTED, "format", zeros(dtype::parse("M8[s]"), {1}).to_buffer());
    CHECK_EQ(zeros(bfloat16, {3}).to_buffer(NDF_BUFFER_SIMPLE)->len, 6);
    CHECK_ERROR(NDF_ERROR_UNSUPPORTED, "share bytes", zeros(dtype::parse("int4"), {2}).to_buffer(NDF_BUFFER_SIMPLE));
    CHECK_ERROR(NDF_ERROR_UNSUPPORTED, "without a shape", count_up({2}).to_buffer(NDF_BUFFER_FORMAT));
}

TEST("memory that the host cannot reach is refused") {
    wrap_options options;
    options.device = {NDF_DEVICE_CUDA, 0};
    int data = 0;
    const tensor t = wrap(&data, int32, {1}, nullptr, nullptr, options);
    CHECK_ERROR(NDF_ERROR_UNSUPPORTED, "cuda", t.to_buffer());
}

TEST("a buffer keeps the memory alive until it is released, on any thread and as often as one likes") {
    support::counter ends;
    int data = 7;
    ndf_buffer b{};
    CHECK_OK(ndf_tensor_to_buffer(wrap(&data, int32, {1}, support::counter::run, &ends).get(), NDF_BUFFER_FULL, &b));
    CHECK_EQ(ends.runs, 0);
    b.obj = &data;
    std::thread([&] { ndf_buffer_release(&b); }).join();
    CHECK_EQ(ends.runs, 1);
    CHECK(b.buf == nullptr && b.internal == nullptr && b.format == nullptr && b.shape == nullptr);
    CHECK(b.obj == &data);
    ndf_buffer_release(&b);
    ndf_buffer zeroed{};
    ndf_buffer_release(&zeroed);
    ndf_buffer_release(nullptr);
    CHECK_EQ(ends.runs, 1);
}

TEST("a request that is refused writes nothing") {
    ndf_buffer b;
    std::memset(&b, 0x5a, sizeof b);
    const ndf_buffer before = b;
    CHECK_REFUSED(NDF_ERROR_LAYOUT, "C order", ndf_tensor_to_buffer(count_up({4}).flip({0}).get(), 0, &b));
    CHECK(std::memcmp(&b, &before, sizeof b) == 0);
}

TEST("an exporter's buffer becomes a tensor on its memory, and the struct may go") {
    support::counter ends;
    tensor t;
    std::int16_t data[6] = {0, 1, 2, 3, 4, 5};
    {
        exporter e;
        e.filled.buf = data;
        ndf_tensor *out = nullptr;
        CHECK_OK(ndf_tensor_from_buffer(&e.filled, support::counter::run, &ends, &out));
        t = tensor(out);
        std::memset(e.shape, 0xff, sizeof e.shape);
        std::memset(e.format, 0, sizeof e.format);
    }
    CHECK(t.data() == data);
    CHECK_EQ(t.dtype(), int16);
    CHECK_EQ(t.shape(), (extents{2, 3}));
    CHECK_EQ(elements<std::int16_t>(t.flip({1})), (std::vector<std::int16_t>{2, 1, 0, 5, 4, 3}));
    CHECK_EQ(ends.runs, 0);
    t = tensor();
    CHECK_EQ(ends.runs, 1);
}

TEST("what a buffer leaves out means bytes, one axis, C order") {
    exporter e;
    e.filled.strides = nullptr;
    CHECK_EQ(e.take().strides(), (extents{3, 1}));
    e.filled.shape = nullptr;
    e.filled.ndim = 1;
    CHECK_EQ(e.take().shape(), (extents{6}));
    e.filled.format = nullptr; // itemsize is that of the type which nobody asked for
    CHECK_EQ(e.take().shape(), (extents{12}));
    CHECK_EQ(e.take().dtype(), uint8);
    e.filled.itemsize = 1;
    e.filled.shape = e.shape;
    e.shape[0] = 12;
    CHECK_EQ(e.take().shape(), (extents{12}));
    e.filled.ndim = 0;
    e.filled.len = 1;
    CHECK_EQ(e.take().shape(), extents{});
}

TEST("read-only memory, foreign byte order, negative strides and suboffsets of nothing come in as such") {
    exporter e;
    e.filled.readonly = 1;
    std::strcpy(e.format, ">h");
    e.filled.buf = e.data + 5;
    e.strides[0] = -6;
    e.strides[1] = -2;
    e.filled.suboffsets = e.suboffsets;
    const tensor t = e.take();
    CHECK(t.is_read_only());
    CHECK_EQ(t.dtype(), dtype::parse(">i2"));
    CHECK_EQ(t.strides(), (extents{-3, -1}));
}

TEST("no elements need no memory") {
    exporter e;
    e.shape[0] = 0;
    e.filled.len = 0;
    e.filled.buf = nullptr;
    CHECK_EQ(e.take().element_count(), 0);
}

TEST("an owner of any type may keep the memory alive") {
    exporter e;
    const auto owner = std::make_shared<int>(7);
    {
        const tensor t = from_buffer(e.filled, owner);
        CHECK_EQ(owner.use_count(), 2);
    }
    CHECK_EQ(owner.use_count(), 1);
}

TEST("elements behind pointers are refused") {
    refuse(NDF_ERROR_UNSUPPORTED, "`suboffsets`", [](exporter &e) {
        e.suboffsets[1] = 0;
        e.filled.suboffsets = e.suboffsets;
    });
}

TEST("ranks, shapes and lengths that make no sense are refused") {
    refuse(NDF_ERROR_SHAPE, "`ndim` is -1", [](exporter &e) { e.filled.ndim = -1; });
    refuse(NDF_ERROR_SHAPE, "`ndim` is 65", [](exporter &e) { e.filled.ndim = 65; });
    refuse(NDF_ERROR_SHAPE, "2147483647", [](exporter &e) { e.filled.ndim = INT32_MAX; });
    refuse(NDF_ERROR_INVALID_ARGUMENT, "`shape`", [](exporter &e) { e.filled.shape = nullptr; });
    refuse(NDF_ERROR_INVALID_ARGUMENT, "NULL", [](exporter &e) { e.filled.buf = nullptr; });
    refuse(NDF_ERROR_SHAPE, "-2", [](exporter &e) { e.shape[0] = -2; });
    refuse(NDF_ERROR_SHAPE, "`len` is 6", [](exporter &e) { e.filled.len = 6; }); // elements, not bytes
    refuse(NDF_ERROR_SHAPE, "`len` is -12", [](exporter &e) { e.filled.len = -12; });
    refuse(NDF_ERROR_SHAPE, "`len`", [](exporter &e) { e.shape[0] = PTRDIFF_MAX; });
    refuse(NDF_ERROR_SHAPE, "`len`", [](exporter &e) { e.shape[0] = 0; });
    refuse(NDF_ERROR_SHAPE, "`len`", [](exporter &e) { e.shape[0] = e.shape[1] = PTRDIFF_MAX / 2 + 1; });
    refuse(NDF_ERROR_SHAPE, "`len` is 12", [](exporter &e) { e.filled.ndim = 0; });
    refuse(NDF_ERROR_SHAPE, "`len` is 11", [](exporter &e) {
        e.filled.shape = nullptr;
        e.filled.ndim = 1;
        e.filled.len = 11;
    });
    refuse(NDF_ERROR_SHAPE, "`len` is -2", [](exporter &e) {
        e.filled.shape = nullptr;
        e.filled.ndim = 1;
        e.filled.len = -2;
    });
}

TEST("strides that reach nowhere or are no multiple of the element are refused") {
    refuse(NDF_ERROR_OVERFLOW, "", [](exporter &e) { e.strides[0] = PTRDIFF_MIN; });
    refuse(NDF_ERROR_LAYOUT, "`strides[0]` is 5", [](exporter &e) { e.strides[0] = 5; });
}

TEST("formats that are not known, or not of this size, are refused") {
    const auto with = [](const char *format) { return [format](exporter &e) { std::strcpy(e.format, format); }; };
    refuse(NDF_ERROR_UNSUPPORTED, "\"y\"", with("y"));
    refuse(NDF_ERROR_UNSUPPORTED, "T{h", with("T{h"));
    refuse(NDF_ERROR_UNSUPPORTED, "\"O\"", with("O"));
    refuse(NDF_ERROR_UNSUPPORTED, "\"g\"", with("g"));
    refuse(NDF_ERROR_UNSUPPORTED, "\"\"", with(""));
    refuse(NDF_ERROR_UNSUPPORTED, "int16", with("int16")); // the language is PEP 3118's alone
    refuse(NDF_ERROR_UNSUPPORTED, "UTF-8", with("\xff\xfe"));
    refuse(NDF_ERROR_DTYPE, "`itemsize` is 2, `format` \"f\" has 4", with("f"));
    refuse(NDF_ERROR_DTYPE, "`itemsize` is -2", [](exporter &e) { e.filled.itemsize = -2; });
    refuse(NDF_ERROR_DTYPE, "`itemsize` is 2, elements without `format`", [](exporter &e) { e.filled.format = nullptr; });
}

TEST("what is exported comes back the same") {
    for (const dtype type : {boolean, float16, int64, complex64, dtype::parse(">u4"), dtype::parse("[('x', '<f4'), ('y', '>i8')]")}) {
        const tensor t = zeros(type, {3, 4}).slice(1, 3, 0, -2).as_read_only();
        auto b = std::make_unique<buffer>(t.to_buffer());
        const ndf_buffer &filled = **b;
        const tensor back = from_buffer(filled, std::move(b));
        CHECK_EQ(back.dtype(), t.dtype());
        CHECK(back.data() == t.data());
        CHECK_EQ(back.shape(), t.shape());
        CHECK_EQ(back.strides(), t.strides());
        CHECK(back.is_read_only());
    }
}
