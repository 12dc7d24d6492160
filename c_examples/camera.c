/* A camera that gives out its frames as tensors and gets each buffer back when the last user is done with it.

   Everything above `main` is what a camera's library would hold; compiled as a shared library this same file serves
   python/examples/camera.py, where a frame becomes a NumPy array without a copy. */
#include <ndferry.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum { WIDTH = 6, HEIGHT = 4, ROW = 32, BUFFERS = 2 }; /* rows of 18 bytes, padded to 32 */

typedef struct camera camera;

typedef struct {
    camera *owner;
    atomic_bool is_out;
    uint8_t bytes[HEIGHT * ROW];
} frame_buffer;

struct camera {
    atomic_int users; /* whoever opened it, and every frame that is out */
    int frames_taken;
    frame_buffer buffers[BUFFERS];
};

static void leave(camera *camera) {
    if (atomic_fetch_sub(&camera->users, 1) == 1) free(camera);
}

/* ndferry calls this once for each frame, on whichever thread uses it last. */
static void recycle(void *context) {
    frame_buffer *buffer = context;
    camera *owner = buffer->owner;
    atomic_store(&buffer->is_out, false);
    leave(owner);
}

static frame_buffer *free_buffer(camera *camera) {
    for (int i = 0; i < BUFFERS; ++i) {
        if (!atomic_exchange(&camera->buffers[i].is_out, true)) return &camera->buffers[i];
    }
    return NULL;
}

camera *camera_open(void) {
    camera *opened = calloc(1, sizeof *opened);
    if (opened == NULL) return NULL;
    atomic_init(&opened->users, 1);
    for (int i = 0; i < BUFFERS; ++i) opened->buffers[i].owner = opened;
    return opened;
}

/* Frames that are out stay valid. */
void camera_close(camera *camera) {
    leave(camera);
}

/* The next frame, HEIGHT by WIDTH by 3 bytes, which the caller ends with ndf_tensor_release; NULL when all buffers are
   out, and ndf_last_error_message() says so. */
ndf_tensor *camera_next_frame(camera *camera) {
    frame_buffer *buffer = free_buffer(camera);
    if (buffer == NULL) {
        (void)ndf_last_error_set("all buffers of the camera are in use: release a frame");
        return NULL;
    }
    const int number = ++camera->frames_taken;
    for (int i = 0; i < HEIGHT * ROW; ++i) buffer->bytes[i] = (uint8_t)(number + i % ROW);
    const int64_t shape[] = {HEIGHT, WIDTH, 3}, strides[] = {ROW, 3, 1};
    ndf_tensor *frame = NULL;
    atomic_fetch_add(&camera->users, 1);
    if (ndf_tensor_wrap(buffer->bytes, NDF_DTYPE_UINT8, 3, shape, strides, recycle, buffer, NULL, &frame) != NDF_OK) {
        recycle(buffer); /* nothing was taken over */
    }
    return frame;
}

int main(void) {
    camera *camera = camera_open();
    if (camera == NULL) return 1;
    ndf_tensor *first = camera_next_frame(camera), *second = camera_next_frame(camera);
    if (first == NULL || second == NULL || camera_next_frame(camera) != NULL) return 1;
    printf("no third frame: %s\n", ndf_last_error_message());

    /* A view keeps the frame out after the frame's own handle is gone. */
    ndf_tensor *red = NULL, *inverted = NULL;
    char text[512];
    int failed = ndf_tensor_select(first, 2, 0, &red);
    ndf_tensor_release(first);
    failed |= camera_next_frame(camera) != NULL;
    const double scale = -1, bias = 255;
    ndf_convert_options options = {.struct_size = sizeof options, .scale_count = 1, .scale = &scale};
    options.bias_count = 1;
    options.bias = &bias;
    failed = failed || ndf_tensor_convert(red, NDF_DTYPE_UINT8, &options, &inverted) ||
             ndf_tensor_format(inverted, NULL, sizeof text, text, NULL);
    printf("255 - red = %s\n", failed ? ndf_last_error_message() : text);
    ndf_tensor_release(red);

    ndf_tensor *third = camera_next_frame(camera); /* in the buffer of the first */
    failed = failed || third == NULL;
    camera_close(camera); /* before the frames */
    ndf_tensor_release(inverted), ndf_tensor_release(second), ndf_tensor_release(third);
    ndf_statistics alive = {.struct_size = sizeof alive};
    return failed || ndf_statistics_get(&alive) != NDF_OK || alive.live_tensors != 0;
}
