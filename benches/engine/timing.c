/* What the engine's benchmark needs of C: a clock around many calls, so that an interpreter's own cost stays out, and
 * the roof: the best raw copy of as many bytes. */
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

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

int bench_memcpy(void *target, void *source, void *size) {
    memcpy(target, source, (size_t)(uintptr_t)size);
    return 0;
}

/* What is read and what is written need not be as many bytes: a conversion reads one and writes the other. */
struct bench_span {
    const char *source;
    char *target;
    size_t read, written;
    int streams; /* whether the target is too large for the cache, so that ordinary stores would read it first */
};

#if defined(__x86_64__)
__attribute__((target("avx512f"))) static void span_512(const struct bench_span *s) {
    __m512i sum = _mm512_setzero_si512();
    size_t lines_in = s->read / 64, lines_out = s->written / 64;
    size_t most = lines_in > lines_out ? lines_in : lines_out;
    /* Bresenham's walk: both sides advance evenly. */
    size_t in = 0, out = 0, in_step = 0, out_step = 0;
    for (size_t i = 0; i < most; i++) {
        in_step += lines_in;
        out_step += lines_out;
        if (in_step >= most) {
            in_step -= most;
            sum = _mm512_loadu_si512(s->source + 64 * in++);
        }
        if (out_step >= most) {
            out_step -= most;
            if (s->streams) {
                _mm512_stream_si512((__m512i *)(s->target + 64 * out++), sum);
            } else {
                _mm512_storeu_si512(s->target + 64 * out++, sum);
            }
        }
    }
    _mm_sfence();
    /* The last line is a use of everything read. */
    *(volatile char *)s->target = (char)_mm512_reduce_add_epi32(sum);
}
#endif

static void *run_span(void *argument) {
    const struct bench_span *s = argument;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f")) {
        span_512(s);
        return NULL;
    }
#endif
    memcpy(s->target, s->source, s->read < s->written ? s->read : s->written);
    return NULL;
}

/* The roof with one thread, or with as many as `threads` says. */
int bench_roof(void *span, void *threads, void *unused) {
    enum { MOST = 16 };
    const struct bench_span *whole = span;
    size_t n = (size_t)(uintptr_t)threads;
    struct bench_span parts[MOST];
    pthread_t helpers[MOST];
    (void)unused;
    n = n > MOST ? MOST : n;
    for (size_t i = 0; i < n; i++) {
        size_t in = whole->read / n / 64 * 64, out = whole->written / n / 64 * 64;
        parts[i] = (struct bench_span){whole->source + i * in, whole->target + i * out, in, out, whole->streams};
        if (i > 0) {
            pthread_create(&helpers[i], NULL, run_span, &parts[i]);
        }
    }
    run_span(&parts[0]);
    for (size_t i = 1; i < n; i++) {
        pthread_join(helpers[i], NULL);
    }
    return 0;
}
