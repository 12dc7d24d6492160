// The same in C++.
#include <cstdio>
#include <ndferry.hpp>
#include <vector>

int main() {
    const std::vector<float> values{1, 2, 3, 4, 5, 6};
    const ndferry::tensor turned = ndferry::from_data(values, {2, 3}).permute({1, 0}).contiguous();
    const auto *first = turned.data<const float>();
    const bool right = std::vector<float>(first, first + 6) == std::vector<float>{1, 4, 2, 5, 3, 6};
    std::printf("ndferry %s: %s\n", ndf_version_string(), right ? "turned" : "WRONG");
    return right ? 0 : 1;
}
