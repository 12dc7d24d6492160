// A plan of HPTT's behind a plain pointer.
#include <complex>
#include <functional>
#include <hptt.h>

namespace {

using Run = std::function<void()>;

template <typename T>
Run *plan(const int *perm, int rank, const int *sizes, const void *from, const int *outer_from, void *to,
          const int *outer_to, int threads, bool tune) {
    auto made = hptt::create_plan(perm, rank, T(1), static_cast<const T *>(from), sizes, outer_from, T(0),
                                  static_cast<T *>(to), outer_to, tune ? hptt::MEASURE : hptt::ESTIMATE, threads);
    return new Run([made] { made->execute(); });
}

} // namespace

extern "C" {

void *bench_hptt_plan(int kind, const int *perm, int rank, const int *sizes, const void *from, const int *outer_from,
                      void *to, const int *outer_to, int threads, bool tune) {
    switch (kind) {
    case 0: return plan<float>(perm, rank, sizes, from, outer_from, to, outer_to, threads, tune);
    case 1: return plan<double>(perm, rank, sizes, from, outer_from, to, outer_to, threads, tune);
    case 2: return plan<std::complex<float>>(perm, rank, sizes, from, outer_from, to, outer_to, threads, tune);
    default: return plan<std::complex<double>>(perm, rank, sizes, from, outer_from, to, outer_to, threads, tune);
    }
}

int bench_hptt_execute(void *plan, void *, void *) {
    (*static_cast<Run *>(plan))();
    return 0;
}

void bench_hptt_free(void *plan) { delete static_cast<Run *>(plan); }
}
