// A BitSource behind NumPy's interface for bit generators.
#include <pybind11/pybind11.h>

#include "bindings/arrays.hpp"
#include "bindings/bind.hpp"
#include "engine/bits.hpp"

namespace fastnet {
namespace {

// NumPy's bitgen_t (numpy/random/bitgen.h), which its Generator calls under the generator's lock.
struct NumpyBitgen {
  void* state;
  std::uint64_t (*next_uint64)(void*);
  std::uint32_t (*next_uint32)(void*);
  double (*next_double)(void*);
  std::uint64_t (*next_raw)(void*);
};

std::uint64_t next_uint64(void* state) { return static_cast<BitSource*>(state)->next64(); }
std::uint32_t next_uint32(void* state) { return static_cast<BitSource*>(state)->next32(); }
double next_double(void* state) { return unit_interval(static_cast<BitSource*>(state)->next64()); }

// Makes the interface in a capsule of numpy.random.BitGenerator draw from the source, which must
// outlive it.
void attach(BitSource& source, const py::capsule& capsule) {
  void* pointer = PyCapsule_GetPointer(capsule.ptr(), "BitGenerator");
  if (pointer == nullptr) throw py::error_already_set();
  *static_cast<NumpyBitgen*>(pointer) = {&source, next_uint64, next_uint32, next_double,
                                         next_uint64};
}

}  // namespace

void bind_bits(py::module_& m) {
  py::class_<BitSource>(m, "BitSource", "The raw words of one stream, one after another.")
      .def(py::init<>())
      .def("attach", &attach, py::arg("capsule"), "Serve numpy.random.BitGenerator's capsule.")
      .def(
          "set",
          [](BitSource& source, std::uint64_t key, std::uint64_t stream, std::uint64_t position,
             bool has_half, std::uint32_t half) {
            if (stream >> kStreamBits != 0) value_error("stream must be below 2**16");
            source.set(key, stream, position, has_half, half);
          },
          py::arg("key"), py::arg("stream"), py::arg("position"), py::arg("has_half"),
          py::arg("half"), "Go to a 64-bit word; half: 32 bits that are left over, if has_half.")
      .def_property_readonly("key", &BitSource::key)
      .def_property_readonly("stream", &BitSource::stream)
      .def_property_readonly("position", &BitSource::position)
      .def_property_readonly("has_half", &BitSource::has_half)
      .def_property_readonly("half", &BitSource::half);
}

}  // namespace fastnet
