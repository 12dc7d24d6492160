/* Wraps an array that the program has, turns it on its side, converts it and prints it. */
#include <ndferry.h>
#include <stdio.h>

int main(void) {
    float pixels[2][3] = {{1, 2, 3}, {4, 5, 6}};
    ndf_tensor *image = NULL, *turned = NULL, *half = NULL;
    char text[256];
    int failed = ndf_tensor_wrap(pixels, NDF_DTYPE_FLOAT32, 2, (int64_t[]){2, 3}, NULL, NULL, NULL, NULL, &image) ||
                 ndf_tensor_permute(image, 2, (int32_t[]){1, 0}, &turned) ||
                 ndf_tensor_convert(turned, NDF_DTYPE_FLOAT16, NULL, &half) ||
                 ndf_tensor_format(half, NULL, sizeof text, text, NULL);
    puts(failed ? ndf_last_error_message() : text);
    ndf_tensor_release(half);
    ndf_tensor_release(turned);
    ndf_tensor_release(image);
    return failed;
}
