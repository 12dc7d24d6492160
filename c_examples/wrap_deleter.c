/* A camera's SDK lends frames and wants each one back. The frame is handed out as a DLPack struct, and goes back to
   the camera when the consumer, whoever that is and on whichever thread, is done with it.

   DLPack's own header is needed to read its struct; `cmake/dlpack` holds a copy. */
#include <dlpack/dlpack.h>
#include <ndferry.h>
#include <stdio.h>
#include <stdlib.h>

/* The SDK: a frame of 4 rows, each padded to 8 bytes though a row has 6 pixels. */
typedef struct {
    uint8_t *bytes;
    int number;
} camera_frame;

static camera_frame *camera_take(int number) {
    camera_frame *frame = malloc(sizeof *frame);
    uint8_t *bytes = malloc(4 * 8);
    if (frame == NULL || bytes == NULL) abort();
    for (int i = 0; i < 4 * 8; ++i) bytes[i] = (uint8_t)i;
    *frame = (camera_frame){bytes, number};
    return frame;
}

static void camera_give_back(void *context) {
    camera_frame *frame = context;
    printf("frame %d is back at the camera\n", frame->number);
    free(frame->bytes);
    free(frame);
}

/* The producer: a struct that any array library takes, or NULL. */
static DLManagedTensorVersioned *next_frame(int number) {
    camera_frame *frame = camera_take(number);
    ndf_tensor *tensor = NULL;
    DLManagedTensorVersioned *managed = NULL;
    if (ndf_tensor_wrap(frame->bytes, NDF_DTYPE_UINT8, 2, (int64_t[]){4, 6}, (int64_t[]){8, 1}, camera_give_back, frame,
                        NULL, &tensor) != NDF_OK) {
        camera_give_back(frame); /* nothing was consumed */
        return NULL;
    }
    if (ndf_tensor_to_dlpack_versioned(tensor, NULL, &managed) != NDF_OK) managed = NULL;
    ndf_tensor_release(tensor); /* the struct holds a reference of its own; without one the frame goes back now */
    return managed;
}

/* The consumer knows DLPack and nothing of ndferry or the camera. */
int main(void) {
    DLManagedTensorVersioned *managed = next_frame(1);
    if (managed == NULL) {
        fprintf(stderr, "%s\n", ndf_last_error_message());
        return 1;
    }
    const DLTensor *frame = &managed->dl_tensor;
    const uint8_t *pixels = (const uint8_t *)frame->data + frame->byte_offset;
    int64_t sum = 0;
    for (int64_t row = 0; row < frame->shape[0]; ++row) {
        for (int64_t column = 0; column < frame->shape[1]; ++column) {
            sum += pixels[row * frame->strides[0] + column * frame->strides[1]];
        }
    }
    printf("%d by %d pixels, sum %d\n", (int)frame->shape[0], (int)frame->shape[1], (int)sum);
    managed->deleter(managed);
    return sum == 348 ? 0 : 1;
}
