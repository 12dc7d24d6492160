// Part of ndferry.hpp: floating-point types of two bytes, to store. C++23's own serve as well, where there are any.
#ifndef NDFERRY_FLOAT_HPP
#define NDFERRY_FLOAT_HPP

#include "ndferry_expected.hpp"

#include <cstdint>
#include <cstring>

namespace ndferry {
inline namespace NDFERRY_WAY {

namespace detail {

inline std::uint32_t bits_of(float value) noexcept {
    std::uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
}

inline float float_of(std::uint32_t bits) noexcept {
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

/// IEEE 754: 5 bits of exponent, 10 of fraction.
struct binary16 {
    static float widen(std::uint16_t bits) noexcept {
        const std::uint32_t sign = (bits & 0x8000u) << 16;
        const std::uint32_t magnitude = bits & 0x7fffu;
        if (magnitude >= 0x7c00) return float_of(sign | 0x7f800000 | (magnitude & 0x3ff) << 13);
        if (magnitude >= 0x400) return float_of(sign | ((magnitude << 13) + 0x38000000));
        return float_of(sign | bits_of(static_cast<float>(magnitude) * 0x1p-24f));
    }

    static std::uint32_t narrow(float value) noexcept {
        const std::uint32_t sign = bits_of(value) >> 16 & 0x8000;
        const std::uint32_t magnitude = bits_of(value) & 0x7fffffff;
        if (magnitude > 0x7f800000) return sign | 0x7e00 | (magnitude >> 13 & 0x3ff); // a quiet NaN
        if (magnitude >= 0x477ff000) return sign | 0x7c00;
        // The last bit of 0.5 is that of the subnormals, so that the sum rounds as they do.
        if (magnitude < 0x38800000) return sign | (bits_of(float_of(magnitude) + 0.5f) - 0x3f000000);
        return sign | (magnitude - 0x38000000 + 0xfff + (magnitude >> 13 & 1)) >> 13;
    }
};

/// The upper half of a float.
struct bfloat {
    static float widen(std::uint16_t bits) noexcept { return float_of(std::uint32_t{bits} << 16); }

    static std::uint32_t narrow(float value) noexcept {
        const std::uint32_t bits = bits_of(value);
        if ((bits & 0x7fffffff) > 0x7f800000) return bits >> 16 | 0x40; // a quiet NaN
        return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
    }
};

/// A number that is stored in two bytes and calculated with as a float.
template <class Format> class short_float {
public:
    short_float() noexcept = default;
    /// The nearest one; of two as near, the even one.
    explicit short_float(float value) noexcept : bits_(static_cast<std::uint16_t>(Format::narrow(value))) {}
    static short_float from_bits(std::uint16_t bits) noexcept {
        short_float made;
        made.bits_ = bits;
        return made;
    }

    operator float() const noexcept { return Format::widen(bits_); }
    std::uint16_t bits() const noexcept { return bits_; }

private:
    std::uint16_t bits_;
};

} // namespace detail

using float16_t = detail::short_float<detail::binary16>;
using bfloat16_t = detail::short_float<detail::bfloat>;

} // namespace NDFERRY_WAY
} // namespace ndferry

#endif // NDFERRY_FLOAT_HPP
