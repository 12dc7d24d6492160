/* Takes a DLPack struct from a producer that it does not trust: has it vetted, imports it, converts it.

   DLPack's own header is needed to read its struct; `cmake/dlpack` holds a copy. */
#include <dlpack/dlpack.h>
#include <ndferry.h>
#include <stdio.h>

/* The producer: 2 by 3 numbers, column by column, and a count of how often it was told that they are free. */
static int16_t elements[] = {1, 4, 2, 5, 3, 6};
static int64_t shape[] = {2, 3};
static int64_t strides[] = {1, 2};
static int times_freed;

static void producer_free(DLManagedTensorVersioned *managed) {
    (void)managed;
    ++times_freed;
}

static DLManagedTensorVersioned produce(void) {
    DLManagedTensorVersioned managed = {{1, 3}, NULL, producer_free, 0, {0}};
    managed.dl_tensor.data = elements;
    managed.dl_tensor.device = (DLDevice){kDLCPU, 0};
    managed.dl_tensor.ndim = 2;
    managed.dl_tensor.dtype = (DLDataType){kDLInt, 16, 1};
    managed.dl_tensor.shape = shape;
    managed.dl_tensor.strides = strides;
    return managed;
}

int main(void) {
    /* A struct that makes no sense is refused, and stays the producer's. */
    DLManagedTensorVersioned nonsense = produce();
    nonsense.dl_tensor.ndim = -1;
    if (ndf_dlpack_check_versioned(&nonsense) == NDF_OK) return 1;
    printf("refused: %s\n", ndf_last_error_message());

    /* A good one becomes a tensor on the same memory. */
    DLManagedTensorVersioned managed = produce();
    ndf_tensor *tensor = NULL, *converted = NULL;
    char text[256];
    int failed = ndf_tensor_from_dlpack_versioned(&managed, &tensor) ||
                 ndf_tensor_convert(tensor, NDF_DTYPE_FLOAT64, NULL, &converted) ||
                 ndf_tensor_format(converted, NULL, sizeof text, text, NULL);
    puts(failed ? ndf_last_error_message() : text);
    ndf_tensor_release(converted);
    ndf_tensor_release(tensor); /* the last use: now the producer hears of it */
    return failed || times_freed != 1;
}
