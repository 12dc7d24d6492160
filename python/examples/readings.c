/* A library as there are many: it hands out memory and a function that takes it back, and has never heard of ndferry.
   python/examples/pointer.py and pointer_cffi.py make arrays of what it returns. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { CHANNELS = 3, PITCH = 4 }; /* a row has three numbers and one of padding */

/* `*out_count` rows of CHANNELS numbers, PITCH numbers apart, which the caller ends with readings_free; NULL without
   memory. */
float *readings_take(int64_t *out_count) {
    const int64_t count = 5;
    float *rows = malloc(sizeof(float) * PITCH * (size_t)count);
    if (rows == NULL) return NULL;
    for (int64_t i = 0; i < count * PITCH; ++i) rows[i] = (float)(i / PITCH) + 0.25f * (float)(i % PITCH);
    *out_count = count;
    return rows;
}

void readings_free(void *rows) {
    puts("the readings are back at the library");
    fflush(stdout);
    free(rows);
}

/* A table of the library's own, which is never freed. */
const uint16_t *readings_calibration(void) {
    static const uint16_t table[CHANNELS] = {100, 200, 400};
    return table;
}
