// What a binding library of C++ sees of a tensor, and what it gives back.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

namespace nb = nanobind;

NB_MODULE(ndferry_interop_nanobind, m) {
  m.def("look", [](nb::ndarray<nb::ro> array) {
    nb::list shape, strides;
    for (size_t axis = 0; axis < array.ndim(); ++axis) {
      shape.append(array.shape(axis));
      strides.append(array.stride(axis));
    }
    const nb::dlpack::dtype type = array.dtype();
    return nb::make_tuple(reinterpret_cast<uintptr_t>(array.data()), nb::tuple(shape), nb::tuple(strides),
                          int(type.code), int(type.bits));
  });
  m.def("negate", [](nb::ndarray<float, nb::ndim<1>, nb::device::cpu> array) {
    for (size_t i = 0; i < array.shape(0); ++i) array.data()[int64_t(i) * array.stride(0)] *= -1;
  });
  m.def("make", [](size_t count) {
    float *numbers = new float[count];
    for (size_t i = 0; i < count; ++i) numbers[i] = float(i);
    nb::capsule owner(numbers, [](void *memory) noexcept { delete[] static_cast<float *>(memory); });
    return nb::ndarray<nb::array_api, float, nb::ndim<1>>(numbers, {count}, owner);
  });
  m.def("hold", [](nb::ndarray<nb::ro> array) { return nb::ndarray<nb::array_api, nb::ro>(array); });
}
