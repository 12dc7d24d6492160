#include "support.hpp"

#include <thread>

TEST("every status has its frozen number and name") {
    struct {
        ndf_status status;
        int number;
        const char *name;
    } const all[] = {
        {NDF_OK, 0, "NDF_OK"},
        {NDF_ERROR_INVALID_ARGUMENT, 1, "NDF_ERROR_INVALID_ARGUMENT"},
        {NDF_ERROR_SHAPE, 2, "NDF_ERROR_SHAPE"},
        {NDF_ERROR_DTYPE, 3, "NDF_ERROR_DTYPE"},
        {NDF_ERROR_LAYOUT, 4, "NDF_ERROR_LAYOUT"},
        {NDF_ERROR_RANGE, 5, "NDF_ERROR_RANGE"},
        {NDF_ERROR_READ_ONLY, 6, "NDF_ERROR_READ_ONLY"},
        {NDF_ERROR_OVERFLOW, 7, "NDF_ERROR_OVERFLOW"},
        {NDF_ERROR_VERSION, 8, "NDF_ERROR_VERSION"},
        {NDF_ERROR_BUFFER_TOO_SMALL, 9, "NDF_ERROR_BUFFER_TOO_SMALL"},
        {NDF_ERROR_COPY_REQUIRED, 10, "NDF_ERROR_COPY_REQUIRED"},
        {NDF_ERROR_UNSUPPORTED, 20, "NDF_ERROR_UNSUPPORTED"},
        {NDF_ERROR_DEVICE_UNAVAILABLE, 21, "NDF_ERROR_DEVICE_UNAVAILABLE"},
        {NDF_ERROR_OUT_OF_MEMORY, 40, "NDF_ERROR_OUT_OF_MEMORY"},
        {NDF_ERROR_DEVICE_FAILURE, 41, "NDF_ERROR_DEVICE_FAILURE"},
        {NDF_ERROR_CALLBACK, 60, "NDF_ERROR_CALLBACK"},
        {NDF_ERROR_CANCELLED, 61, "NDF_ERROR_CANCELLED"},
        {NDF_ERROR_INTERNAL, 99, "NDF_ERROR_INTERNAL"},
    };
    for (const auto &one : all) {
        CHECK_EQ(static_cast<int>(one.status), one.number);
        CHECK_EQ(std::string(ndf_status_name(one.number)), one.name);
    }
    for (int number : {-1, 11, 19, 39, 100, INT32_MAX, INT32_MIN}) {
        CHECK_EQ(std::string(ndf_status_name(number)), "NDF_ERROR_UNKNOWN");
    }
}

TEST("a failure leaves a message, and a success leaves it alone") {
    ndf_dtype dtype{};
    CHECK_REFUSED(NDF_ERROR_DTYPE, "no such type", ndf_dtype_parse("no such type", &dtype));
    const std::string message = ndf_last_error_message();
    CHECK_OK(ndf_dtype_parse("float32", &dtype));
    CHECK_EQ(std::string(ndf_last_error_message()), message);
}

TEST("each thread has its own last error, empty to begin with") {
    CHECK_OK(ndf_last_error_set("of the first thread"));
    std::string other = "not asked";
    std::thread([&] {
        other = ndf_last_error_message();
        (void)ndf_last_error_set("of the second thread");
    }).join();
    CHECK_EQ(other, "");
    CHECK_EQ(std::string(ndf_last_error_message()), "of the first thread");
}

TEST("a callback's message is copied") {
    char text[] = "the camera is gone";
    CHECK_OK(ndf_last_error_set(text));
    text[0] = 'X';
    CHECK_EQ(std::string(ndf_last_error_message()), "the camera is gone");
}

TEST("a message that is NULL or no UTF-8 is refused") {
    CHECK_REFUSED(NDF_ERROR_INVALID_ARGUMENT, "`message`", ndf_last_error_set(nullptr));
    CHECK_REFUSED(NDF_ERROR_INVALID_ARGUMENT, "`message`", ndf_last_error_set("\xff\xfe"));
}
