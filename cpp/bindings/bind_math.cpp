// Elementary functions on arrays: for tests, one function at a time.
#include "bindings/arrays.hpp"
#include "bindings/bind.hpp"
#include "dispatch/dispatch.hpp"

namespace fastnet {
namespace {

constexpr const char* kNames[] = {"exp", "expm1", "log", "log1p", "tanh", "erf", "sin", "cos"};
static_assert(sizeof kNames / sizeof *kNames == static_cast<std::size_t>(MathFunction::kCount));

void apply(const std::string& name, const py::array& x, py::array& y) {
  int number = 0;
  while (number < static_cast<int>(MathFunction::kCount) && name != kNames[number]) ++number;
  if (number == static_cast<int>(MathFunction::kCount)) {
    value_error("name must be one of MATH_FUNCTIONS, got '" + name + "'");
  }
  with_float_type(x, "x", [&](auto tag) {
    using T = decltype(tag);
    const T* in = input<T>(x, "x");
    T* out = output<T>(y, "out");
    if (y.size() != x.size()) value_error("out must have x's size");
    require_no_overlap(y, "out", x, "x", true);
    const Index n = x.size();
    ReleaseGil release;
    kernels().of<T>().math.apply(static_cast<MathFunction>(number), in, out, n);
  });
}

}  // namespace

void bind_math(py::module_& m) {
  py::list names;
  for (const char* name : kNames) names.append(name);
  m.attr("MATH_FUNCTIONS") = py::tuple(names);
  m.def("math", &apply, py::arg("name"), py::arg("x").noconvert(), py::arg("out").noconvert(),
        "out = f(x) for the elementary function of that name, on one thread.");
}

}  // namespace fastnet
