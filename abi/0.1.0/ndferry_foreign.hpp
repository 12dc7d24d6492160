// Part of ndferry.hpp: owners of the structs that other libraries read.
#ifndef NDFERRY_FOREIGN_HPP
#define NDFERRY_FOREIGN_HPP

#include "ndferry.h"
#include "ndferry_expected.hpp"

#include <memory>
#include <utility>

namespace ndferry {
inline namespace NDFERRY_WAY {

/// Ends a DLPack struct with its own deleter. Needs dlpack.h.
struct dlpack_end {
    template <class Managed> void operator()(Managed *managed) const noexcept {
        if (managed->deleter != nullptr) managed->deleter(managed);
    }
};

/// Owns DLManagedTensor or DLManagedTensorVersioned.
template <class Managed> using dlpack_ptr = std::unique_ptr<Managed, dlpack_end>;

/// What tensor::to_dlpack_for gives: one of the two, as the consumer reads it.
template <class Versioned, class Legacy> struct handed {
    dlpack_ptr<Versioned> versioned;
    dlpack_ptr<Legacy> legacy;
};

struct array_struct_end {
    void operator()(ndf_array_struct *array) const noexcept { ndf_array_struct_release(array); }
};

using array_struct_ptr = std::unique_ptr<ndf_array_struct, array_struct_end>;

/// Owns what ndf_tensor_to_buffer filled. Its address may be cast to Py_buffer.
class buffer {
public:
    explicit buffer(const ndf_buffer &filled) noexcept : raw_(filled) {}
    buffer(buffer &&other) noexcept : raw_(std::exchange(other.raw_, ndf_buffer{})) {}
    buffer &operator=(buffer other) noexcept {
        std::swap(raw_, other.raw_);
        return *this;
    }
    ~buffer() { ndf_buffer_release(&raw_); }

    const ndf_buffer *get() const noexcept { return &raw_; }
    const ndf_buffer &operator*() const noexcept { return raw_; }
    const ndf_buffer *operator->() const noexcept { return &raw_; }

private:
    ndf_buffer raw_;
};

/// Owns what ndf_tensor_to_cuda_array filled.
class cuda_array {
public:
    explicit cuda_array(const ndf_cuda_array &filled) noexcept : raw_(filled) {}
    cuda_array(cuda_array &&other) noexcept : raw_(std::exchange(other.raw_, ndf_cuda_array{})) {}
    cuda_array &operator=(cuda_array other) noexcept {
        std::swap(raw_, other.raw_);
        return *this;
    }
    ~cuda_array() { ndf_cuda_array_release(&raw_); }

    const ndf_cuda_array *get() const noexcept { return &raw_; }
    const ndf_cuda_array &operator*() const noexcept { return raw_; }
    const ndf_cuda_array *operator->() const noexcept { return &raw_; }

private:
    ndf_cuda_array raw_;
};

} // namespace NDFERRY_WAY
} // namespace ndferry

#endif // NDFERRY_FOREIGN_HPP
