#include "exchange_bare.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct bare_tensor {
    atomic_size_t references;
    void (*deleter)(void *);
    void *context;
    DLTensor description;
    int64_t dims[]; /* shape, then strides */
};

bare_tensor *bare_wrap(void *data, DLDataType dtype, int32_t ndim, const int64_t *shape, void (*deleter)(void *),
                       void *context) {
    bare_tensor *tensor = malloc(sizeof *tensor + 2 * (size_t)ndim * sizeof(int64_t));
    if (tensor == NULL) abort();
    atomic_init(&tensor->references, 1);
    tensor->deleter = deleter;
    tensor->context = context;
    int64_t stride = 1;
    for (int32_t axis = ndim - 1; axis >= 0; --axis) {
        tensor->dims[axis] = shape[axis];
        tensor->dims[ndim + axis] = stride;
        stride *= shape[axis];
    }
    tensor->description = (DLTensor){data, {kDLCPU, 0}, ndim, dtype, tensor->dims, tensor->dims + ndim, 0};
    return tensor;
}

void bare_retain(bare_tensor *tensor) { atomic_fetch_add_explicit(&tensor->references, 1, memory_order_relaxed); }

void bare_release(bare_tensor *tensor) {
    if (atomic_fetch_sub_explicit(&tensor->references, 1, memory_order_acq_rel) != 1) return;
    if (tensor->deleter != NULL) tensor->deleter(tensor->context);
    free(tensor);
}

static void bare_delete(DLManagedTensorVersioned *managed) {
    bare_release(managed->manager_ctx);
    free(managed);
}

DLManagedTensorVersioned *bare_export(bare_tensor *tensor) {
    const size_t ndim = (size_t)tensor->description.ndim;
    DLManagedTensorVersioned *managed = malloc(sizeof *managed + 2 * ndim * sizeof(int64_t));
    if (managed == NULL) abort();
    int64_t *dims = (int64_t *)(managed + 1);
    memcpy(dims, tensor->dims, 2 * ndim * sizeof(int64_t));
    bare_retain(tensor);
    managed->version = (DLPackVersion){1, 3};
    managed->manager_ctx = tensor;
    managed->deleter = bare_delete;
    managed->flags = 0;
    managed->dl_tensor = tensor->description;
    managed->dl_tensor.shape = dims;
    managed->dl_tensor.strides = dims + ndim;
    return managed;
}
