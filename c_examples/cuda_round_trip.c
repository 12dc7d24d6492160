/* cuda_round_trip

   A picture goes to the first CUDA device, becomes what a network takes (planes of normalised floats) there, and comes
   back. The same is done on the host, and compared. Needs neither CUDA's headers nor its libraries to be built, and says
   so where there is no device. */
#include <ndferry.h>
#include <stdio.h>
#include <stdlib.h>

static void check(ndf_status status, const char *what) {
    if (status == NDF_OK) return;
    fprintf(stderr, "%s: %s\n", what, ndf_last_error_message());
    exit(1);
}

/* Bytes of pixels to planes of floats, mean 0 and deviation 1 for each channel, wherever the pixels are. */
static ndf_tensor *normalised(const ndf_tensor *pixels) {
    static const double scale[] = {1 / (255 * 0.229), 1 / (255 * 0.224), 1 / (255 * 0.225)};
    static const double bias[] = {-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225};
    ndf_convert_options options = {.struct_size = sizeof options};
    options.scale = scale, options.scale_count = 3;
    options.bias = bias, options.bias_count = 3;
    ndf_tensor *planes = NULL, *result = NULL;
    check(ndf_tensor_permute(pixels, 3, (int32_t[]){2, 0, 1}, &planes), "permute");
    check(ndf_tensor_convert(planes, NDF_DTYPE_FLOAT32, &options, &result), "convert");
    ndf_tensor_release(planes);
    return result;
}

int main(void) {
    const ndf_device cuda = {NDF_DEVICE_CUDA, 0}, host = {NDF_DEVICE_CPU, 0};
    if (ndf_device_count(NDF_DEVICE_CUDA) == 0) {
        puts("no CUDA device here: nothing to do");
        return 0;
    }
    char name[128];
    check(ndf_device_description(cuda, sizeof name, name, NULL), "description");

    enum { HEIGHT = 48, WIDTH = 64 };
    static uint8_t pixels[HEIGHT][WIDTH][3];
    for (size_t i = 0; i < sizeof pixels; ++i) (&pixels[0][0][0])[i] = (uint8_t)(i * 7 + i / 191);
    ndf_tensor *picture = NULL, *there = NULL, *back = NULL;
    check(ndf_tensor_wrap(pixels, NDF_DTYPE_UINT8, 3, (int64_t[]){HEIGHT, WIDTH, 3}, NULL, NULL, NULL, NULL, &picture),
          "wrap");

    /* All three are queued one behind the other on the legacy default stream. The last one waits, since its result is
       memory that the host may look at at once. */
    check(ndf_tensor_to_device(picture, cuda, &there), "to the device");
    ndf_tensor *ready = normalised(there);
    check(ndf_tensor_to_device(ready, host, &back), "to the host");

    ndf_tensor *expected = normalised(picture);
    int32_t same = 0;
    check(ndf_tensor_equal(back, expected, &same), "equal");
    printf("%s: 48 x 64 pixels became 3 planes of floats, %s as on the host\n", name, same ? "the same" : "NOT the same");

    ndf_tensor_release(expected);
    ndf_tensor_release(back);
    ndf_tensor_release(ready);
    ndf_tensor_release(there);
    ndf_tensor_release(picture);
    return same ? 0 : 1;
}
