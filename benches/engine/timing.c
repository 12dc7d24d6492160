/* What the engine's benchmark needs of C: a clock around many calls, so that an interpreter's own cost stays out, and a
 * way to call any C function of a peer. */
#include <stddef.h>
#include <stdint.h>
#include <time.h>

typedef int (*call)(void *, void *, void *);

/* Nanoseconds a call, of `count` calls; -1 if one of them failed. */
double bench_time(call function, void *a, void *b, void *c, long count) {
    struct timespec start, end;
    int failed = 0;
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (long i = 0; i < count; i++) {
        failed |= function(a, b, c);
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    if (failed) {
        return -1;
    }
    return ((double)(end.tv_sec - start.tv_sec) * 1e9 + (double)(end.tv_nsec - start.tv_nsec)) / (double)count;
}

/* Numbers and pointers travel in registers of their own, and nobody minds arguments that are not expected: so it is in
 * the calling conventions of x86-64 and AArch64 on Linux. */
typedef int (*any)(double, double, intptr_t, intptr_t, intptr_t, intptr_t, intptr_t, intptr_t, intptr_t, intptr_t,
                   intptr_t, intptr_t, intptr_t, intptr_t);

/* A call of a function with other arguments, once or for each image of a batch. */
struct bench_call {
    any function;
    double real[2];          /* a float lies in the first bytes of its entry */
    intptr_t whole[12];      /* integers, pointers, and structs of two ints, in order */
    intptr_t step[12];       /* what is added to each of them from one image to the next */
    intptr_t images;
    int returns_status;      /* 0: the result says nothing */
};

int bench_indirect(const struct bench_call *c, void *unused, void *also_unused) {
    int failed = 0;
    intptr_t a[12];
    (void)unused;
    (void)also_unused;
    for (int i = 0; i < 12; i++) {
        a[i] = c->whole[i];
    }
    for (intptr_t image = 0; image < c->images; image++) {
        failed |= c->function(c->real[0], c->real[1], a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9],
                                     a[10], a[11]);
        if (c->images > 1) {
            for (int i = 0; i < 12; i++) {
                a[i] += c->step[i];
            }
        }
    }
    return c->returns_status ? failed : 0;
}
