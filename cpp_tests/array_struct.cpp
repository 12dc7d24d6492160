// NumPy's PyArrayInterface, both ways, and the dictionary as text.
#include "support.hpp"

using namespace ndferry;
using support::count_up;
using support::elements;

namespace {

/// A producer's struct: 2 by 3 of int16 in C order.
struct producer {
    std::int16_t data[6] = {0, 1, 2, 3, 4, 5};
    ptrdiff_t shape[2] = {2, 3};
    ptrdiff_t strides[2] = {6, 2};
    ndf_array_struct array{};
    support::counter ends;

    producer() {
        array.two = 2;
        array.nd = 2;
        array.typekind = 'i';
        array.itemsize = 2;
        array.flags = NDF_ARRAY_ALIGNED | NDF_ARRAY_NOTSWAPPED | NDF_ARRAY_WRITEABLE;
        array.shape = shape;
        array.strides = strides;
        array.data = data;
    }

    ndf_status take(ndf_tensor **out, ndf_dtype fields = {}) {
        return ndf_tensor_from_array_struct(&array, fields, support::counter::run, &ends, out);
    }
    tensor take() {
        ndf_tensor *out = nullptr;
        ndferry::check(take(&out));
        return tensor(out);
    }
};

template <class How> void refuse(ndf_status expected, const char *part, How how) {
    refuse_from<producer>(expected, part, how);
}

} // namespace

TEST("the struct describes the tensor, strides in bytes") {
    const tensor t = count_up<float>({2, 3}).flip({1});
    const auto array = t.to_array_struct();
    CHECK_EQ(array->two, 2);
    CHECK_EQ(array->nd, 2);
    CHECK_EQ(array->typekind, 'f');
    CHECK_EQ(array->itemsize, 4);
    CHECK_EQ(array->shape[1], 3);
    CHECK_EQ(array->strides[0], 12);
    CHECK_EQ(array->strides[1], -4);
    CHECK(array->data == t.data());
    CHECK_EQ(array->flags, NDF_ARRAY_ALIGNED | NDF_ARRAY_NOTSWAPPED | NDF_ARRAY_WRITEABLE);
}

TEST("the flags tell order, byte order and permission") {
    CHECK_EQ(count_up({2, 3}).to_array_struct()->flags & (NDF_ARRAY_C_CONTIGUOUS | NDF_ARRAY_F_CONTIGUOUS),
             NDF_ARRAY_C_CONTIGUOUS);
    CHECK_EQ(count_up({2, 3}).transpose().to_array_struct()->flags & (NDF_ARRAY_C_CONTIGUOUS | NDF_ARRAY_F_CONTIGUOUS),
             NDF_ARRAY_F_CONTIGUOUS);
    CHECK((count_up({2}).as_read_only().to_array_struct()->flags & NDF_ARRAY_WRITEABLE) == 0);
    CHECK((count_up({2}).convert(dtype::parse(">i4")).to_array_struct()->flags & NDF_ARRAY_NOTSWAPPED) == 0);
}

TEST("the struct keeps the memory alive until it is released") {
    support::counter ends;
    int data = 7;
    array_struct_ptr array = wrap(&data, int32, {1}, support::counter::run, &ends).to_array_struct();
    CHECK_EQ(ends.runs, 0);
    array.reset();
    CHECK_EQ(ends.runs, 1);
    ndf_array_struct_release(nullptr);
}

TEST("a tensor without elements shows an address all the same") {
    CHECK(zeros(float32, {0}).to_array_struct()->data != nullptr);
}

TEST("types without a NumPy character are refused") {
    CHECK_ERROR(NDF_ERROR_UNSUPPORTED, "bfloat16", zeros(bfloat16, {1}).to_array_struct());
    CHECK_ERROR(NDF_ERROR_UNSUPPORTED, "bfloat16", zeros(bfloat16, {1}).array_interface());
}

TEST("a producer's struct becomes a tensor on its memory") {
    producer p;
    {
        const tensor t = p.take();
        CHECK(t.data() == p.data);
        CHECK_EQ(t.dtype(), int16);
        CHECK_EQ(t.strides(), (extents{3, 1}));
        CHECK_EQ(p.ends.runs, 0);
    }
    CHECK_EQ(p.ends.runs, 1);
}

TEST("memory that may not be written and foreign byte order come in as such") {
    producer p;
    p.array.flags = 0;
    const tensor t = p.take();
    CHECK(t.is_read_only());
    CHECK_EQ(t.dtype(), dtype::parse(">i2"));
}

TEST("NULL strides mean C order") {
    producer p;
    p.array.strides = nullptr;
    CHECK_EQ(p.take().strides(), (extents{3, 1}));
}

TEST("an owner of any type may keep the memory alive") {
    producer p;
    const auto owner = std::make_shared<int>(7);
    {
        const tensor t = from_array_struct(p.array, owner);
        CHECK_EQ(owner.use_count(), 2);
    }
    CHECK_EQ(owner.use_count(), 1);
}

TEST("what is not this struct is refused") {
    refuse(NDF_ERROR_VERSION, "`two` is 3", [](producer &p) { p.array.two = 3; });
}

TEST("ranks, shapes and sizes that make no sense are refused") {
    refuse(NDF_ERROR_SHAPE, "`nd` is -1", [](producer &p) { p.array.nd = -1; });
    refuse(NDF_ERROR_SHAPE, "`nd` is 65", [](producer &p) { p.array.nd = 65; });
    refuse(NDF_ERROR_SHAPE, "2147483647", [](producer &p) { p.array.nd = INT32_MAX; });
    refuse(NDF_ERROR_INVALID_ARGUMENT, "`shape`", [](producer &p) { p.array.shape = nullptr; });
    refuse(NDF_ERROR_INVALID_ARGUMENT, "`data`", [](producer &p) { p.array.data = nullptr; });
    refuse(NDF_ERROR_SHAPE, "-2", [](producer &p) { p.shape[0] = -2; });
    refuse(NDF_ERROR_OVERFLOW, "", [](producer &p) { p.shape[0] = PTRDIFF_MAX; });
    refuse(NDF_ERROR_OVERFLOW, "", [](producer &p) { p.strides[0] = PTRDIFF_MIN; });
}

TEST("types that make no sense are refused") {
    refuse(NDF_ERROR_DTYPE, "`itemsize`", [](producer &p) { p.array.itemsize = -2; });
    refuse(NDF_ERROR_DTYPE, "", [](producer &p) { p.array.itemsize = 3; });
    refuse(NDF_ERROR_DTYPE, "", [](producer &p) { p.array.itemsize = 0; });
    refuse(NDF_ERROR_DTYPE, "", [](producer &p) { p.array.typekind = '?'; });
    refuse(NDF_ERROR_DTYPE, "", [](producer &p) { p.array.typekind = '\0'; });
    refuse(NDF_ERROR_DTYPE, "", [](producer &p) { p.array.typekind = static_cast<char>(0xff); });
}

TEST("Python objects are refused") {
    refuse(NDF_ERROR_UNSUPPORTED, "Python objects", [](producer &p) { p.array.typekind = 'O'; });
}

TEST("strides that are no multiple of the element are refused") {
    refuse(NDF_ERROR_LAYOUT, "`strides[0]` is 5", [](producer &p) { p.strides[0] = 5; });
}

TEST("characters that are cut off are refused") {
    refuse(NDF_ERROR_DTYPE, "typekind", [](producer &p) {
        p.array.typekind = 'U';
        p.array.itemsize = 6;
    });
}

TEST("fields of elements that share bytes are refused") {
    producer p;
    p.array.itemsize = 1;
    ndf_tensor *out = nullptr;
    CHECK_REFUSED(NDF_ERROR_DTYPE, "itemsize", p.take(&out, NDF_DTYPE_INT4));
    CHECK(out == nullptr);
}

TEST("fields of another size are refused") {
    producer p;
    ndf_tensor *out = nullptr;
    CHECK_REFUSED(NDF_ERROR_DTYPE, "`itemsize`", p.take(&out, NDF_DTYPE_FLOAT64));
    CHECK(out == nullptr);
}

TEST("the dictionary is a Python literal") {
    const tensor t = count_up<float>({2, 3});
    const std::string where = "'data': (" + std::to_string(support::address(t.data())) + ", False)";
    const std::string text = t.array_interface();
    for (const std::string &part : {std::string("'shape': (2, 3)"), std::string("'typestr': '<f4'"), where,
                                    std::string("'strides': None"), std::string("'version': 3")}) {
        CHECK(support::says(text, part));
    }
    CHECK(support::says(t.transpose().as_read_only().array_interface(), "'strides': (4, 12)"));
    CHECK(support::says(t.as_read_only().array_interface(), ", True)"));
}
