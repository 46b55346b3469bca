// Random numbers on arrays, and the counters that Generators take positions from.
#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include "bindings/arrays.hpp"
#include "bindings/bind.hpp"
#include "bindings/laws.hpp"
#include "dispatch/dispatch.hpp"
#include "engine/sampler.hpp"

namespace fastnet {
namespace {

std::uint64_t take(Counter& counter, std::uint64_t n) {
  std::uint64_t first;
  if (!counter.take(n, &first)) {
    value_error("n must be at most " + std::to_string(counter.limit() - counter.value()) +
                ", the numbers left of this stream, got " + std::to_string(n));
  }
  return first;
}

void require_stream(std::uint64_t stream) {
  if (stream >> kStreamBits != 0) value_error("stream must be below 2**16");
}

void draw_law(const std::string& law, std::uint64_t key, std::uint64_t stream,
              std::uint64_t position, double a, double b, py::array& out) {
  require_stream(stream);
  with_float_type(out, "out", [&](auto tag) {
    using T = decltype(tag);
    T* p = output<T>(out, "out");
    const Draw<T> what = law_of<T>(law, a, b);
    const Index n = out.size();
    ReleaseGil release;
    sample<T>(what, key, stream, position, p, n);
  });
}

void integers(std::uint64_t key, std::uint64_t stream, std::uint64_t position, std::uint64_t low,
              std::uint64_t last, py::array& out) {
  require_stream(stream);
  std::uint64_t* p = output<std::uint64_t>(out, "out");
  const Index n = out.size();
  ReleaseGil release;
  sample_integers(key, stream, position, low, last, p, n);
}

void permute(std::uint64_t key, std::uint64_t ticket, Index begin, py::array& out) {
  require_ndim(out, "out", 1);
  if (ticket >= kTicketLimit) value_error("ticket must be below 2**56");
  std::int64_t* p = output<std::int64_t>(out, "out");
  const Index n = out.size();
  if (n >> 41 != 0) value_error("a permutation must have fewer than 2**41 elements");
  if (begin < 0 || begin > n) value_error("begin must be a place in out or its end");
  ReleaseGil release;
  permutation(key, ticket, begin, n, p);
}

void blocks(std::uint64_t key, std::uint64_t high, std::uint64_t block, py::array& out) {
  require_ndim(out, "out", 2);
  const Index n = out.shape(0);
  std::uint32_t* p = output<std::uint32_t>(out, "out", {n, 4});
  ReleaseGil release;
  kernels().bits.blocks(key, high, block, p, n);
}

}  // namespace

void bind_random(py::module_& m) {
  m.attr("STREAM_VERSION") = kStreamVersion;
  m.attr("STREAM_BITS") = kStreamBits;
  m.attr("COUNT_BITS") = kCountBits;
  py::class_<Counter>(m, "Counter", "A number below a limit that threads take runs of.")
      .def(py::init([](std::uint64_t value, std::uint64_t limit) {
             if (value > limit) value_error("value must be at most limit");
             return new Counter(value, limit);
           }),
           py::arg("value"), py::arg("limit"))
      .def("take", &take, py::arg("n"), "Take n numbers and return the first.")
      .def_property_readonly("value", &Counter::value);
  m.def("random_draw", &draw_law, py::arg("law"), py::arg("key"), py::arg("stream"),
        py::arg("position"), py::arg("a"), py::arg("b"), py::arg("out").noconvert(),
        "Fill out with values of a law with parameters a and b.");
  m.def("random_integers", &integers, py::arg("key"), py::arg("stream"), py::arg("position"),
        py::arg("low"), py::arg("last"), py::arg("out").noconvert(),
        "Fill out with low + integers in [0, last], modulo 2**64.");
  m.def("random_permutation", &permute, py::arg("key"), py::arg("ticket"), py::arg("begin"),
        py::arg("out").noconvert(),
        "Fill out with a ticket's permutation, of which it has the one of 0 ... begin - 1.");
  m.def("philox_blocks", &blocks, py::arg("key"), py::arg("high"), py::arg("block"),
        py::arg("out").noconvert(), "Fill out's rows with the words of consecutive blocks.");
}

}  // namespace fastnet
