#include "support.hpp"

using ndferry::dtype;

static std::string format(dtype type, ndf_dtype_style style) { return type.format(style); }

TEST("a type is read from a NumPy name, a typestr and a PEP 3118 format") {
    for (const char *text : {"float32", "<f4", "f"}) CHECK_EQ(dtype::parse(text), ndferry::float32);
    for (const char *text : {"complex128", "<c16", "Zd"}) CHECK_EQ(dtype::parse(text), ndferry::complex128);
    for (const char *text : {"bool", "|b1", "?"}) CHECK_EQ(dtype::parse(text), ndferry::boolean);
    CHECK_EQ(dtype::parse("bfloat16"), ndferry::bfloat16);
}

TEST("a type is written in each of the languages") {
    CHECK_EQ(format(ndferry::float32, NDF_DTYPE_STYLE_NAME), "float32");
    CHECK_EQ(format(ndferry::float32, NDF_DTYPE_STYLE_TYPESTR), "<f4");
    CHECK_EQ(format(ndferry::float32, NDF_DTYPE_STYLE_BUFFER), "f");
    CHECK_EQ(format(ndferry::float32, NDF_DTYPE_STYLE_DESCR), "[('', '<f4')]");
}

TEST("every DLPack type is read back from its name") {
    const dtype all[] = {NDF_DTYPE_BOOL, NDF_DTYPE_INT2, NDF_DTYPE_INT4, NDF_DTYPE_INT8, NDF_DTYPE_INT16,
        NDF_DTYPE_INT32, NDF_DTYPE_INT64, NDF_DTYPE_UINT2, NDF_DTYPE_UINT4, NDF_DTYPE_UINT8, NDF_DTYPE_UINT16,
        NDF_DTYPE_UINT32, NDF_DTYPE_UINT64, NDF_DTYPE_FLOAT16, NDF_DTYPE_FLOAT32, NDF_DTYPE_FLOAT64,
        NDF_DTYPE_BFLOAT16, NDF_DTYPE_COMPLEX32, NDF_DTYPE_COMPLEX64, NDF_DTYPE_COMPLEX128, NDF_DTYPE_FLOAT8_E3M4,
        NDF_DTYPE_FLOAT8_E4M3, NDF_DTYPE_FLOAT8_E4M3B11FNUZ, NDF_DTYPE_FLOAT8_E4M3FN, NDF_DTYPE_FLOAT8_E4M3FNUZ,
        NDF_DTYPE_FLOAT8_E5M2, NDF_DTYPE_FLOAT8_E5M2FNUZ, NDF_DTYPE_FLOAT8_E8M0FNU, NDF_DTYPE_FLOAT6_E2M3FN,
        NDF_DTYPE_FLOAT6_E3M2FN, NDF_DTYPE_FLOAT4_E2M1FN};
    for (const dtype &type : all) CHECK_EQ(dtype::parse(type.format()), type);
}

TEST("the other byte order is another type, said by the typestr") {
    const dtype big = dtype::parse(">f4");
    CHECK(big != ndferry::float32);
    CHECK_EQ(big.raw().flags, NDF_DTYPE_SWAPPED);
    CHECK_EQ(format(big, NDF_DTYPE_STYLE_TYPESTR), ">f4");
}

TEST("NumPy's own kinds have sizes and units") {
    CHECK_EQ(dtype::parse("|V8").item_size(), 8u);
    CHECK_EQ(dtype::parse("<U3").item_size(), 12u);
    CHECK_EQ(dtype::parse("<M8[ns]").item_size(), 8u);
    CHECK_EQ(format(dtype::parse("<M8[ns]"), NDF_DTYPE_STYLE_TYPESTR), "<M8[ns]");
}

TEST("an element's size is in bytes, and a malformed type has none") {
    CHECK_EQ(ndferry::float64.item_size(), 8u);
    CHECK_EQ(dtype(NDF_DTYPE_COMPLEX32).item_size(), 4u);
    CHECK_EQ(dtype(NDF_DTYPE_INT4).item_size(), 1u);
    CHECK_EQ(dtype().item_size(), 0u);
    CHECK_EQ(dtype(ndf_dtype{NDF_CODE_FLOAT, 32, 0, 0, 0, 0, 0}).item_size(), 0u);
}

TEST("casting follows NumPy's lattice") {
    CHECK(ndferry::int8.can_cast(ndferry::int16));
    CHECK(!ndferry::int16.can_cast(ndferry::int8));
    CHECK(ndferry::int16.can_cast(ndferry::int8, NDF_CASTING_SAME_KIND));
    CHECK(!ndferry::float32.can_cast(ndferry::int32, NDF_CASTING_SAME_KIND));
    CHECK(ndferry::float32.can_cast(ndferry::int32, NDF_CASTING_UNSAFE));
    CHECK(!ndferry::float32.can_cast(ndferry::float64, NDF_CASTING_EQUIV));
    CHECK(ndferry::float32.can_cast(dtype::parse(">f4"), NDF_CASTING_EQUIV));
    CHECK(!ndferry::float32.can_cast(dtype::parse(">f4"), NDF_CASTING_NO));
    CHECK(!ndferry::float32.can_cast(ndferry::float32, 77));
    CHECK(!dtype().can_cast(ndferry::float32));
}

TEST("promotion gives NumPy's common type") {
    CHECK_EQ(ndferry::promote(ndferry::int32, ndferry::float32), ndferry::float64);
    CHECK_EQ(ndferry::promote(ndferry::uint8, ndferry::int8), ndferry::int16);
    CHECK_EQ(ndferry::promote(ndferry::boolean, ndferry::uint8), ndferry::uint8);
    CHECK_ERROR(NDF_ERROR_DTYPE, "", ndferry::promote(dtype(), ndferry::int8));
}

TEST("text that is no type is refused and named") {
    for (const char *text : {"", "float33", "<f3", "[('x', '<f4')", ">", "f4f4", "T{"}) {
        CHECK_ERROR(NDF_ERROR_DTYPE, "", dtype::parse(text));
    }
    CHECK_ERROR(NDF_ERROR_INVALID_ARGUMENT, "`text`", dtype::parse("\xff"));
}

TEST("the writer asks for no more room than the text and its end") {
    char text[8] = "#######";
    size_t length = 99;
    CHECK_OK(ndf_dtype_format(ndferry::float32, NDF_DTYPE_STYLE_NAME, 0, nullptr, &length));
    CHECK_EQ(length, 7u);
    length = 99;
    CHECK_REFUSED(NDF_ERROR_BUFFER_TOO_SMALL, "`capacity`",
                  ndf_dtype_format(ndferry::float32, NDF_DTYPE_STYLE_NAME, 7, text, &length));
    CHECK_EQ(std::string(text), "#######");
    CHECK_EQ(length, 99u);
    CHECK_OK(ndf_dtype_format(ndferry::float32, NDF_DTYPE_STYLE_NAME, 8, text, nullptr));
    CHECK_EQ(std::string(text), "float32");
}

TEST("an unknown style and a malformed type are refused") {
    size_t length = 0;
    CHECK_REFUSED(NDF_ERROR_INVALID_ARGUMENT, "`style`", ndf_dtype_format(ndferry::int8, 77, 0, nullptr, &length));
    CHECK_REFUSED(NDF_ERROR_DTYPE, "", ndf_dtype_format(ndf_dtype{}, NDF_DTYPE_STYLE_NAME, 0, nullptr, &length));
}

TEST("known types convert, unknown ones are carried") {
    CHECK(ndferry::bfloat16.is_convertible());
    CHECK(!dtype(NDF_DTYPE(200, 8)).is_convertible());
    CHECK(!dtype().is_convertible());
}
