/* Compiled with a header whose structs end earlier: what they lack is as by default, and nothing behind them is touched. */
#include <ndferry.h>
#include <stdio.h>
#include <string.h>

#define ENSURE(condition)                                                          \
    do {                                                                           \
        if (!(condition)) return printf("%s: %s\n", #condition, ndf_last_error_message()), 1; \
    } while (0)

_Static_assert(sizeof(ndf_convert_options) == 80, "no stream yet");
_Static_assert(sizeof(ndf_create_options) == 16, "no stream yet");
_Static_assert(sizeof(ndf_wrap_options) == 8, "no device yet");
_Static_assert(sizeof(ndf_format_options) == 24, "no line_width yet");
_Static_assert(sizeof(ndf_statistics) == 40, "no misuses yet");

int main(void) {
    struct {
        ndf_create_options options;
        unsigned char behind[64];
    } create = {{.struct_size = sizeof create.options, .order = NDF_ORDER_F}, {0}};
    struct {
        ndf_convert_options options;
        unsigned char behind[64];
    } convert = {{.struct_size = sizeof convert.options, .order = NDF_ORDER_KEEP, .scale_count = 1, .scale = (double[]){2}}, {0}};
    struct {
        ndf_wrap_options options;
        unsigned char behind[64];
    } wrap = {{.struct_size = sizeof wrap.options, .flags = NDF_WRAP_READ_ONLY}, {0}};
    struct {
        ndf_statistics statistics;
        unsigned char behind[64];
    } alive = {{.struct_size = sizeof alive.statistics}, {0}};
    memset(create.behind, 0xAA, sizeof create.behind);
    memset(convert.behind, 0xAA, sizeof convert.behind);
    memset(wrap.behind, 0xAA, sizeof wrap.behind);
    memset(alive.behind, 0xAA, sizeof alive.behind);

    float numbers[6] = {0, 1, 2, 3, 4, 5};
    const int64_t shape[] = {2, 3};
    ndf_tensor *wrapped = NULL, *made = NULL, *doubled = NULL;
    ENSURE(ndf_tensor_wrap(numbers, NDF_DTYPE_FLOAT32, 2, shape, NULL, NULL, NULL, &wrap.options, &wrapped) == NDF_OK);
    ENSURE(ndf_tensor_is_read_only(wrapped) && ndf_tensor_device(wrapped).device_type == NDF_DEVICE_CPU);
    ENSURE(ndf_tensor_zeros(NDF_DTYPE_INT16, 2, shape, &create.options, &made) == NDF_OK);
    ENSURE(ndf_tensor_strides(made)[0] == 1 && ndf_tensor_strides(made)[1] == 2);
    ENSURE(ndf_tensor_convert(wrapped, NDF_DTYPE_INT64, &convert.options, &doubled) == NDF_OK);
    ENSURE(((const int64_t *)ndf_tensor_const_data(doubled))[5] == 10);

    ENSURE(ndf_statistics_get(&alive.statistics) == NDF_OK);
    ENSURE(alive.statistics.live_tensors == 3);
    for (size_t i = 0; i < sizeof alive.behind; ++i) ENSURE(alive.behind[i] == 0xAA);

    ndf_tensor_release(doubled);
    ndf_tensor_release(made);
    ndf_tensor_release(wrapped);
    return 0;
}
