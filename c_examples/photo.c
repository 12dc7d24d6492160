/* photo <photo.ppm> <output prefix>

   What an image classifier wants of a photograph, in one pass over its bytes: the middle three quarters, mirrored,
   as a 1 by 3 by height by width tensor of normalised floats. Writes the tensor's bytes in C order to
   <prefix>-float32.bin and <prefix>-float16.bin. */
#include <ndferry.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static _Noreturn void die(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("photo: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

static void check(ndf_status status, const char *what) {
    if (status != NDF_OK) die("%s: %s", what, ndf_last_error_message());
}

/* ------------------------------------------------------------------------------------------ reading the photograph */

typedef struct {
    int64_t width, height;
    uint8_t *pixels; /* height rows of width red, green and blue bytes */
} photograph;

/* The next number of a PPM header; blanks and comments before it are skipped. */
static int64_t read_number(FILE *file, const char *path) {
    int byte = fgetc(file);
    while (byte == '#' || byte == ' ' || (byte >= '\t' && byte <= '\r')) {
        if (byte == '#') {
            while (byte != '\n' && byte != EOF) byte = fgetc(file);
        }
        byte = fgetc(file);
    }
    int64_t number = 0;
    if (byte < '0' || byte > '9') die("%s: a number is missing in the header", path);
    for (; byte >= '0' && byte <= '9'; byte = fgetc(file)) {
        number = number * 10 + (byte - '0');
        if (number > 1000000) die("%s: a number in the header is more than a million", path);
    }
    return number; /* the one blank behind it is read too */
}

static photograph read_ppm(const char *path) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) die("%s: cannot be opened", path);
    if (fgetc(file) != 'P' || fgetc(file) != '6') die("%s: not a binary PPM file (P6)", path);
    photograph photo;
    photo.width = read_number(file, path);
    photo.height = read_number(file, path);
    const int64_t largest = read_number(file, path);
    if (photo.width == 0 || photo.height == 0) die("%s: the picture is empty", path);
    if (largest != 255) die("%s: the largest value is %" PRId64 ", only 255 is supported", path, largest);
    const size_t size = (size_t)photo.width * (size_t)photo.height * 3;
    photo.pixels = malloc(size);
    if (photo.pixels == NULL) die("%s: no memory for %zu bytes", path, size);
    const size_t got = fread(photo.pixels, 1, size, file);
    if (got != size) die("%s: ends after %zu of %zu bytes of pixels", path, got, size);
    fclose(file);
    return photo;
}

/* ------------------------------------------------------------------------------------------------------- reporting */

static double seconds(void) {
    struct timespec now;
    timespec_get(&now, TIME_UTC);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static const char *tuple(char *text, size_t room, const int64_t *items, int32_t count) {
    size_t used = 0;
    for (int32_t i = 0; i < count && used < room; ++i) {
        const char *end = i + 1 < count ? "," : ")";
        used += (size_t)snprintf(text + used, room - used, "%s%" PRId64 "%s", i == 0 ? "(" : "", items[i], end);
    }
    return text;
}

/* The columns of a table for printf, which counts bytes: a letter beyond ASCII has more of them than it has columns. */
static int columns(int width, const char *text) {
    for (; *text != '\0'; ++text) width += ((unsigned char)*text & 0xC0) == 0x80;
    return width;
}

static void print_line(const char *step, const char *shape, const char *strides, const char *dtype, const char *pointer,
                       const char *moved, const char *took, const char *rate) {
    printf("%-*s %-15s %-22s %-7s %14s  %-9s %*s %5s\n", columns(32, step), step, shape, strides, dtype, pointer, moved,
           columns(9, took), took, rate);
}

/* One line of the table, as the demo in Python prints it. `source` is what the step read, NULL when it moved no bytes. */
static void report(const char *step, const ndf_tensor *tensor, const ndf_tensor *source, double time) {
    char shape[64] = "()", strides[64] = "()", dtype[16], pointer[32], moved[32] = "zero-copy", took[32], rate[16] = "";
    const int32_t ndim = ndf_tensor_ndim(tensor);
    check(ndf_dtype_format(ndf_tensor_dtype(tensor), NDF_DTYPE_STYLE_NAME, sizeof dtype, dtype, NULL), "print dtype");
    snprintf(pointer, sizeof pointer, "0x%" PRIxPTR, (uintptr_t)ndf_tensor_const_data(tensor));
    snprintf(took, sizeof took, time > 1e-3 ? "%.2f ms" : "%.1f µs", time > 1e-3 ? time * 1e3 : time * 1e6);
    if (source != NULL) {
        const double bytes = (double)(ndf_tensor_byte_size(source) + ndf_tensor_byte_size(tensor));
        snprintf(moved, sizeof moved, "%.1f MB", bytes / 1e6);
        if (time > 0) snprintf(rate, sizeof rate, "%.1f", bytes / time / 1e9);
    }
    print_line(step, tuple(shape, sizeof shape, ndf_tensor_shape(tensor), ndim),
               tuple(strides, sizeof strides, ndf_tensor_strides(tensor), ndim), dtype, pointer, moved, took, rate);
}

/* ----------------------------------------------------------------------------------------------------- the pipeline */

static ndf_tensor *wrap(photograph photo) {
    const double start = seconds();
    ndf_tensor *pixels = NULL;
    check(ndf_tensor_wrap(photo.pixels, NDF_DTYPE_UINT8, 3, (int64_t[]){photo.height, photo.width, 3}, NULL, free,
                          photo.pixels, NULL, &pixels),
          "wrap");
    report("to ndferry, by wrapping", pixels, NULL, seconds() - start);
    return pixels;
}

/* The middle three quarters of each side, mirrored: three views. Each keeps the memory alive by itself. */
static ndf_tensor *crop_and_flip(ndf_tensor *pixels) {
    const int64_t height = ndf_tensor_shape(pixels)[0], width = ndf_tensor_shape(pixels)[1];
    const double start = seconds();
    ndf_tensor *rows = NULL, *crop = NULL, *flipped = NULL;
    if (ndf_tensor_slice(pixels, 0, height / 8, height - height / 8, 1, &rows) ||
        ndf_tensor_slice(rows, 1, width / 8, width - width / 8, 1, &crop) ||
        ndf_tensor_flip(crop, 1, (int32_t[]){1}, &flipped)) {
        die("crop and flip: %s", ndf_last_error_message());
    }
    report("crop, flip: views", flipped, NULL, seconds() - start);
    ndf_tensor_release(crop), ndf_tensor_release(rows), ndf_tensor_release(pixels);
    return flipped;
}

/* Height by width by 3 as 1 by 3 by height by width: two more views. */
static ndf_tensor *arrange(ndf_tensor *image) {
    const double start = seconds();
    ndf_tensor *planes = NULL, *batch = NULL;
    if (ndf_tensor_permute(image, 3, (int32_t[]){2, 0, 1}, &planes) || ndf_tensor_unsqueeze(planes, 0, &batch)) {
        die("arrange: %s", ndf_last_error_message());
    }
    report("H×W×3 as 1×3×H×W: a view", batch, NULL, seconds() - start);
    ndf_tensor_release(planes), ndf_tensor_release(image);
    return batch;
}

static void write_bytes(const ndf_tensor *tensor, const char *prefix, const char *dtype) {
    char path[4096];
    const int length = snprintf(path, sizeof path, "%s-%s.bin", prefix, dtype);
    if (length < 0 || (size_t)length >= sizeof path) die("the output prefix is too long");
    FILE *file = fopen(path, "wb");
    if (file == NULL) die("%s: cannot be written", path);
    const size_t size = ndf_tensor_byte_size(tensor);
    const bool written = fwrite(ndf_tensor_const_data(tensor), 1, size, file) == size;
    if (fclose(file) != 0 || !written) die("%s: could not be written whole", path);
}

/* Converts, scales and rearranges in one pass, the best of 20 times, and writes the result. */
static void normalise(const ndf_tensor *image, ndf_dtype dtype, const char *name, const char *prefix) {
    static const double mean[3] = {0.485, 0.456, 0.406}, deviation[3] = {0.229, 0.224, 0.225};
    double scale[3], bias[3];
    for (int i = 0; i < 3; ++i) {
        scale[i] = 1 / (255 * deviation[i]);
        bias[i] = -mean[i] / deviation[i];
    }
    ndf_convert_options options = {.struct_size = sizeof options, .axis = 1};
    options.scale_count = options.bias_count = 3;
    options.scale = scale;
    options.bias = bias;
    ndf_tensor *ready = NULL;
    double best = 0;
    for (int i = 0; i < 20; ++i) {
        ndf_tensor_release(ready); /* the one before goes first, so that its memory is used again */
        const double start = seconds();
        check(ndf_tensor_convert(image, dtype, &options, &ready), name);
        const double took = seconds() - start;
        if (i == 0 || took < best) best = took;
    }
    char step[64];
    snprintf(step, sizeof step, "convert to %s, scale, bias", name);
    report(step, ready, image, best);
    write_bytes(ready, prefix, name);
    ndf_tensor_release(ready);
}

int main(int count, char **arguments) {
    if (count != 3) die("usage: photo <photo.ppm> <output prefix>");
    const photograph photo = read_ppm(arguments[1]);
    print_line("step", "shape", "strides", "dtype", "pointer", "moved", "time", "GB/s");
    ndf_tensor *image = arrange(crop_and_flip(wrap(photo)));
    normalise(image, NDF_DTYPE_FLOAT16, "float16", arguments[2]);
    normalise(image, NDF_DTYPE_FLOAT32, "float32", arguments[2]);
    ndf_tensor_release(image); /* the last reference: the pixels are freed */

    ndf_statistics alive = {.struct_size = sizeof alive};
    check(ndf_statistics_get(&alive), "statistics");
    printf("live tensors: %" PRId64 ", bytes: %" PRId64 "\n", alive.live_tensors, alive.live_bytes);
    return alive.live_tensors == 0 && alive.live_bytes == 0 ? 0 : 1;
}
