// How much the process has grown, and how long a run is to be.
#pragma once

#include "check.hpp"

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <fstream>

/// So many times, or as many as a whole life has where the environment variable NDFERRY_LONG_LIFE is set.
inline std::int64_t times(std::int64_t few, std::int64_t whole) {
    return std::getenv("NDFERRY_LONG_LIFE") != nullptr ? whole : few;
}

/// Resident memory in KiB; 0 where nobody says.
inline long resident() {
    std::ifstream file("/proc/self/statm");
    long all = 0, pages = 0;
    file >> all >> pages;
    return pages * 4;
}

/// Threads of this process; 0 where nobody says.
inline long threads_alive() {
    std::ifstream file("/proc/self/status");
    for (std::string word; file >> word;) {
        if (word == "Threads:") {
            long count = 0;
            file >> count;
            return count;
        }
    }
    return 0;
}

/// From here to `is_no_larger` the process is not to grow; the figures are printed for the record.
class growth {
public:
    explicit growth(const char *what) : what_(what), before_(resident()), began_(clock::now()) {}

    void is_no_larger(std::int64_t times, long allowed) const {
        const long after = resident();
        const double seconds = std::chrono::duration<double>(clock::now() - began_).count();
        std::printf("        %s: %lld in %.1f s, %ld KiB resident before, %ld after\n", what_,
                    static_cast<long long>(times), seconds, before_, after);
        if (after > before_ + allowed) throw std::runtime_error(std::string(what_) + ": the process has grown");
    }

private:
    using clock = std::chrono::steady_clock;
    const char *what_;
    long before_;
    clock::time_point began_;
};
