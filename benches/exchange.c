/* bench_exchange [--smoke] [--markdown FILE]: what it costs to hand a 4 by 4 float32 tensor around.

   Every case runs in many short blocks, and the blocks of all cases take turns, so that a disturbance of the machine
   hits all of them alike. A row gives the best and the median block. */
#define _POSIX_C_SOURCE 200809L

#include "exchange_bare.h"

#include <dlfcn.h>
#include <ndferry.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BLOCKS = 400, MAX_BLOCKS = BLOCKS, SMOKE_BLOCKS = 5, CALLS = 5000, SMOKE_CALLS = 100 };

static float elements[16];
static const int64_t shape[] = {4, 4};
static const int32_t axes[] = {1, 0};
static const DLDataType float32 = {kDLFloat, 32, 1};

static ndf_tensor *tensor;
static bare_tensor *bare;

static void nothing(void *context) { (void)context; }

static void check(ndf_status status) {
    if (status == NDF_OK) return;
    fprintf(stderr, "bench_exchange: %s\n", ndf_last_error_message());
    exit(1);
}

/* ----------------------------------------------------------------------------------------------------- ndferry */

static ndf_tensor *wrapped(void) {
    ndf_tensor *made = NULL;
    check(ndf_tensor_wrap(elements, NDF_DTYPE_FLOAT32, 2, shape, NULL, nothing, NULL, NULL, &made));
    return made;
}

static void wrap(void) { ndf_tensor_release(wrapped()); }

static void empty(void) {
    ndf_tensor *made = NULL;
    check(ndf_tensor_empty(NDF_DTYPE_FLOAT32, 2, shape, NULL, &made));
    ndf_tensor_release(made);
}

static void retain(void) { ndf_tensor_release(ndf_tensor_retain(tensor)); }

static void permute(void) {
    ndf_tensor *view = NULL;
    check(ndf_tensor_permute(tensor, 2, axes, &view));
    ndf_tensor_release(view);
}

static void slice(void) {
    ndf_tensor *view = NULL;
    check(ndf_tensor_slice(tensor, 0, 1, 3, 1, &view));
    ndf_tensor_release(view);
}

static void export_versioned(void) {
    DLManagedTensorVersioned *managed = NULL;
    check(ndf_tensor_to_dlpack_versioned(tensor, NULL, &managed));
    managed->deleter(managed);
}

static void export_legacy(void) {
    DLManagedTensor *managed = NULL;
    check(ndf_tensor_to_dlpack(tensor, NULL, &managed));
    managed->deleter(managed);
}

static void import_bare(void) {
    ndf_tensor *made = NULL;
    check(ndf_tensor_from_dlpack_versioned(bare_export(bare), &made));
    ndf_tensor_release(made);
}

/* -------------------------------------------------------------------------------------------- the bare minimum */

static void allocate(void) {
    void *volatile block = malloc(208);
    free(block);
}

static void bare_wrap_release(void) { bare_release(bare_wrap(elements, float32, 2, shape, nothing, NULL)); }

static void bare_retain_release(void) {
    bare_retain(bare);
    bare_release(bare);
}

static void bare_export_delete(void) {
    DLManagedTensorVersioned *managed = bare_export(bare);
    managed->deleter(managed);
}

/* ----------------------------------------------------------------------------------------------------- tvm-ffi */

/* Its C API, found at run time; see tvm/ffi/c_api.h. */
static struct {
    int (*from_versioned)(DLManagedTensorVersioned *, int32_t alignment, int32_t contiguous, void **out);
    int (*to_versioned)(void *, DLManagedTensorVersioned **out);
    int (*to_legacy)(void *, DLManagedTensor **out);
    int (*release)(void *);
    void *tensor;
} tvm;

static void must(int failed) {
    if (!failed) return;
    fputs("bench_exchange: tvm-ffi failed\n", stderr);
    exit(1);
}

static bool load(void *library, const char *name, void *function) {
    void *const symbol = dlsym(library, name);
    memcpy(function, &symbol, sizeof symbol);
    return symbol != NULL;
}

static bool load_tvm(void) {
    void *const library = TVM_FFI_LIBRARY[0] != '\0' ? dlopen(TVM_FFI_LIBRARY, RTLD_NOW | RTLD_LOCAL) : NULL;
    if (library == NULL || !load(library, "TVMFFITensorFromDLPackVersioned", &tvm.from_versioned) ||
        !load(library, "TVMFFITensorToDLPackVersioned", &tvm.to_versioned) ||
        !load(library, "TVMFFITensorToDLPack", &tvm.to_legacy) || !load(library, "TVMFFIObjectDecRef", &tvm.release)) {
        return false;
    }
    must(tvm.from_versioned(bare_export(bare), 0, 0, &tvm.tensor));
    return true;
}

static void tvm_export_versioned(void) {
    DLManagedTensorVersioned *managed = NULL;
    must(tvm.to_versioned(tvm.tensor, &managed));
    managed->deleter(managed);
}

static void tvm_export_legacy(void) {
    DLManagedTensor *managed = NULL;
    must(tvm.to_legacy(tvm.tensor, &managed));
    managed->deleter(managed);
}

static void tvm_import(void) {
    void *made = NULL;
    must(tvm.from_versioned(bare_export(bare), 0, 0, &made));
    must(tvm.release(made));
}

/* ------------------------------------------------------------------------------------------------- the measure */

typedef struct {
    const char *who, *what;
    void (*call)(void);
    int minus;     /* the case whose time is taken off, or -1 */
    double target; /* nanoseconds, or 0 */
    double blocks[MAX_BLOCKS];
} measurement;

enum { BARE_EXPORT = 3, FIRST_TVM = 12 };

static measurement cases[] = {
    {"C", "malloc + free", allocate, -1, 0, {0}},
    {"bare C", "wrap + release", bare_wrap_release, -1, 0, {0}},
    {"bare C", "retain + release", bare_retain_release, -1, 0, {0}},
    {"bare C", "export + delete", bare_export_delete, -1, 0, {0}},
    {"ndferry", "wrap + release", wrap, -1, 25, {0}},
    {"ndferry", "empty + release", empty, -1, 0, {0}},
    {"ndferry", "retain + release", retain, -1, 0, {0}},
    {"ndferry", "permute + release", permute, -1, 25, {0}},
    {"ndferry", "slice + release", slice, -1, 25, {0}},
    {"ndferry", "export versioned + delete", export_versioned, -1, 15, {0}},
    {"ndferry", "export legacy + delete", export_legacy, -1, 0, {0}},
    {"ndferry", "import + release, above the exporter", import_bare, BARE_EXPORT, 12, {0}},
    {"tvm-ffi", "export versioned + delete", tvm_export_versioned, -1, 0, {0}},
    {"tvm-ffi", "export legacy + delete", tvm_export_legacy, -1, 0, {0}},
    {"tvm-ffi", "import + release, above the exporter", tvm_import, BARE_EXPORT, 0, {0}},
};

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void measure(int count, int blocks, int calls) {
    for (int block = 0; block < blocks; ++block) {
        for (int i = 0; i < count; ++i) {
            void (*const call)(void) = cases[i].call;
            const double start = now();
            for (int k = 0; k < calls; ++k) call();
            cases[i].blocks[block] = (now() - start) / calls;
        }
    }
}

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The best and the median block; of the differences when another case is taken off. */
static void summarise(const measurement *of, int blocks, double *best, double *median) {
    double sorted[MAX_BLOCKS], other[MAX_BLOCKS];
    memcpy(sorted, of->blocks, sizeof sorted);
    qsort(sorted, (size_t)blocks, sizeof *sorted, ascending);
    *best = sorted[0];
    *median = sorted[blocks / 2];
    if (of->minus >= 0) {
        memcpy(other, cases[of->minus].blocks, sizeof other);
        qsort(other, (size_t)blocks, sizeof *other, ascending);
        *best -= other[0];
        *median -= other[blocks / 2];
    }
}

/* The time of the same thing done in bare C or by tvm-ffi, else 0. */
static double peer(int count, const char *who, const char *what, int blocks) {
    double best = 0, median = 0;
    for (int i = 0; i < count; ++i) {
        const char *name = strcmp(who, "bare C") == 0 && strncmp(what, "export", 6) == 0 ? "export + delete" : what;
        if (strcmp(cases[i].who, who) == 0 && strcmp(cases[i].what, name) == 0) {
            summarise(&cases[i], blocks, &best, &median);
        }
    }
    return median;
}

static void print_table(FILE *out, int count, int blocks) {
    fprintf(out, "| who | what | best, ns | median, ns | target, ns | × bare C | × tvm-ffi |\n");
    fprintf(out, "|---|---|---:|---:|---:|---:|---:|\n");
    for (int i = 0; i < count; ++i) {
        double best, median;
        char target[16] = "", ratios[2][16] = {"", ""};
        summarise(&cases[i], blocks, &best, &median);
        if (cases[i].target > 0) snprintf(target, sizeof target, "%.0f", cases[i].target);
        for (int k = 0; k < 2 && strcmp(cases[i].who, "ndferry") == 0; ++k) {
            const double other = peer(count, k == 0 ? "bare C" : "tvm-ffi", cases[i].what, blocks);
            if (other > 0) snprintf(ratios[k], sizeof ratios[k], "%.2f", median / other);
        }
        fprintf(out, "| %s | %s | %.1f | %.1f | %s | %s | %s |\n", cases[i].who, cases[i].what, best, median, target,
                ratios[0], ratios[1]);
    }
}

int main(int count, char **arguments) {
    bool smoke = false;
    const char *markdown = NULL;
    for (int i = 1; i < count; ++i) {
        if (strcmp(arguments[i], "--smoke") == 0) {
            smoke = true;
        } else if (strcmp(arguments[i], "--markdown") == 0 && i + 1 < count) {
            markdown = arguments[++i];
        } else {
            fprintf(stderr, "usage: bench_exchange [--smoke] [--markdown FILE]\n");
            return 2;
        }
    }
    tensor = wrapped();
    bare = bare_wrap(elements, float32, 2, shape, nothing, NULL);
    const int all = (int)(sizeof cases / sizeof *cases);
    const int present = load_tvm() ? all : FIRST_TVM;
    const int blocks = smoke ? SMOKE_BLOCKS : BLOCKS;
    measure(present, smoke ? 1 : 20, smoke ? SMOKE_CALLS : CALLS); /* warm up; overwritten */
    measure(present, blocks, smoke ? SMOKE_CALLS : CALLS);

    printf("%s; a 4 by 4 float32 tensor, %d blocks of %d calls\n\n", ndf_build_info(), blocks, smoke ? SMOKE_CALLS : CALLS);
    print_table(stdout, present, blocks);
    if (present < all) puts("\ntvm-ffi is not installed where CMake looked (apache-tvm-ffi)");
    if (markdown != NULL) {
        FILE *file = fopen(markdown, "w");
        if (file == NULL) {
            fprintf(stderr, "bench_exchange: cannot write %s\n", markdown);
            return 1;
        }
        print_table(file, present, blocks);
        fclose(file);
    }
    if (present == all) must(tvm.release(tvm.tensor));
    ndf_tensor_release(tensor);
    bare_release(bare);
    return 0;
}
