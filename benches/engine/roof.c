/* The roof: the best raw copy of as many bytes, with one thread or two; and memcpy with as many. */
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { LINE = 64, BLOCK = 4096, LEAST_FOR_TWO = 1 << 20, SPINS = 20000 };

/* What is read and what is written need not be as many bytes: a conversion reads one and writes the other. Whole lines. */
struct bench_span {
    const char *source;
    char *target;
    size_t read, written;
    int streams; /* whether the target is too large for the cache, so that ordinary stores would read it first */
    int threads;
};

/* Straight loops over lines of 64 bytes, for one set of instructions. What is read ends up in `sum`, which is stored at
 * the end, so that no compiler leaves the reading out. */
#define LOOPS(NAME, TARGET, STREAM)                                                                                    \
    typedef long long NAME##_line __attribute__((vector_size(64), aligned(1), may_alias));                             \
    TARGET static void NAME##_copy(const char *from, char *to, size_t size, int streams) {                             \
        if (streams) {                                                                                                 \
            for (size_t i = 0; i < size; i += LINE) {                                                                  \
                NAME##_line line = *(const NAME##_line *)(from + i);                                                   \
                STREAM(to + i, line);                                                                                  \
            }                                                                                                          \
        } else {                                                                                                       \
            for (size_t i = 0; i < size; i += LINE) {                                                                  \
                *(NAME##_line *)(to + i) = *(const NAME##_line *)(from + i);                                           \
            }                                                                                                          \
        }                                                                                                              \
    }                                                                                                                  \
    TARGET static void NAME##_mix(const struct bench_span *s) {                                                        \
        NAME##_line sums[4] = {0};                                                                                     \
        size_t most = s->read > s->written ? s->read : s->written, blocks = (most + BLOCK - 1) / BLOCK;                \
        size_t in = 0, out = 0;                                                                                        \
        for (size_t block = 1; block <= blocks; block++) {                                                             \
            size_t in_end = s->read / LINE * block / blocks * LINE, out_end = s->written / LINE * block / blocks * LINE; \
            for (; in + 4 * LINE <= in_end; in += 4 * LINE) {                                                          \
                for (int i = 0; i < 4; i++) {                                                                          \
                    sums[i] ^= *(const NAME##_line *)(s->source + in + i * LINE);                                      \
                }                                                                                                      \
            }                                                                                                          \
            for (; in < in_end; in += LINE) {                                                                          \
                sums[0] ^= *(const NAME##_line *)(s->source + in);                                                     \
            }                                                                                                          \
            NAME##_line sum = sums[0];                                                                                 \
            if (s->streams) {                                                                                          \
                for (; out < out_end; out += LINE) {                                                                   \
                    STREAM(s->target + out, sum);                                                                      \
                }                                                                                                      \
            } else {                                                                                                   \
                for (; out < out_end; out += LINE) {                                                                   \
                    *(NAME##_line *)(s->target + out) = sum;                                                           \
                }                                                                                                      \
            }                                                                                                          \
        }                                                                                                              \
        *(volatile NAME##_line *)s->target = sums[0] ^ sums[1] ^ sums[2] ^ sums[3];                                    \
    }                                                                                                                  \
    TARGET static void NAME##_span(const struct bench_span *s) {                                                       \
        if (s->read == s->written) {                                                                                   \
            NAME##_copy(s->source, s->target, s->read, s->streams);                                                    \
        } else {                                                                                                       \
            NAME##_mix(s);                                                                                             \
        }                                                                                                              \
    }

#if defined(__x86_64__)
#define STREAM_512(to, line) _mm512_stream_si512((__m512i *)(to), (__m512i)(line))
#define STREAM_128(to, line)                                                                                           \
    do {                                                                                                               \
        union {                                                                                                        \
            plain_line whole;                                                                                          \
            __m128i part[4];                                                                                           \
        } parts_ = {line};                                                                                             \
        for (int part = 0; part < 4; part++) {                                                                         \
            _mm_stream_si128((__m128i *)(to) + part, parts_.part[part]);                                               \
        }                                                                                                              \
    } while (0)
LOOPS(wide, __attribute__((target("avx512f"))), STREAM_512)
LOOPS(plain, , STREAM_128)
#else
#define STORE(to, line) *(plain_line *)(to) = line
LOOPS(plain, , STORE)
#endif

static void run_span(const struct bench_span *s) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f")) {
        wide_span(s);
    } else {
        plain_span(s);
    }
    if (s->streams) {
        _mm_sfence();
    }
#else
    plain_span(s);
#endif
}

static void run_memcpy(const struct bench_span *s) {
    memcpy(s->target, s->source, s->read < s->written ? s->read : s->written);
}

/* One helper, started once. It looks out for work for a while before it sleeps. */
static struct {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    void (*work)(const struct bench_span *);
    const struct bench_span *span;
    atomic_int state; /* 0: nothing to do, 1: there is work, 2: done */
    int started;
} helper = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};

static void pause_briefly(void) {
#if defined(__x86_64__)
    _mm_pause();
#endif
}

static void *help(void *unused) {
    (void)unused;
    for (;;) {
        for (int i = 0; i < SPINS && atomic_load(&helper.state) != 1; i++) {
            pause_briefly();
        }
        pthread_mutex_lock(&helper.lock);
        while (atomic_load(&helper.state) != 1) {
            pthread_cond_wait(&helper.wake, &helper.lock);
        }
        pthread_mutex_unlock(&helper.lock);
        helper.work(helper.span);
        atomic_store(&helper.state, 2);
    }
    return NULL;
}

/* Half of it here, half with the helper, if it is worth the hand-over. */
static int share(const struct bench_span *whole, void (*work)(const struct bench_span *)) {
    if (whole->threads < 2 || whole->read + whole->written < LEAST_FOR_TWO) {
        work(whole);
        return 0;
    }
    size_t in = whole->read / 2 / LINE * LINE, out = whole->written / 2 / LINE * LINE;
    struct bench_span first = *whole, second = *whole;
    first.read = in, first.written = out;
    second.source += in, second.target += out, second.read -= in, second.written -= out;
    if (!helper.started) {
        if (pthread_create(&helper.thread, NULL, help, NULL) != 0) {
            return 1;
        }
        helper.started = 1;
    }
    helper.work = work;
    helper.span = &second;
    pthread_mutex_lock(&helper.lock);
    atomic_store(&helper.state, 1);
    pthread_cond_signal(&helper.wake);
    pthread_mutex_unlock(&helper.lock);
    work(&first);
    while (atomic_load(&helper.state) != 2) {
        pause_briefly();
    }
    atomic_store(&helper.state, 0);
    return 0;
}

int bench_roof(const struct bench_span *span, void *unused, void *also_unused) {
    (void)unused;
    (void)also_unused;
    return share(span, run_span);
}

int bench_memcpy(const struct bench_span *span, void *unused, void *also_unused) {
    (void)unused;
    (void)also_unused;
    return share(span, run_memcpy);
}
