/* The least that C code must do to wrap memory, share it and hand it out: no checks, no errors, no options. What the
   library's own times are held against. In a file of its own, so that no call is inlined. */
#ifndef NDFERRY_BENCH_EXCHANGE_BARE_H
#define NDFERRY_BENCH_EXCHANGE_BARE_H

#include <dlpack/dlpack.h>

typedef struct bare_tensor bare_tensor;

/* One malloc: the tensor, its shape and its strides. `deleter(context)` runs at the end. */
bare_tensor *bare_wrap(void *data, DLDataType dtype, int32_t ndim, const int64_t *shape, void (*deleter)(void *),
                       void *context);
void bare_retain(bare_tensor *tensor);
void bare_release(bare_tensor *tensor);

/* One malloc: the struct, a copy of shape and strides, and one reference. */
DLManagedTensorVersioned *bare_export(bare_tensor *tensor);

#endif
