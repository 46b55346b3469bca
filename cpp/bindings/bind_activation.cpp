// Activations on arrays.
#include "bindings/arrays.hpp"
#include "bindings/bind.hpp"
#include "engine/elementwise.hpp"

namespace fastnet {
namespace {

ActivationSpec spec_of(int kind, double a, double b) {
  if (kind < 0 || kind >= static_cast<int>(Activation::kCount)) {
    value_error("kind must be an activation's number, got " + std::to_string(kind));
  }
  return {static_cast<Activation>(kind), a, b};
}

void forward(int kind, const py::array& x, py::array& y, double a, double b) {
  const ActivationSpec spec = spec_of(kind, a, b);
  with_float_type(x, "x", [&](auto tag) {
    using T = decltype(tag);
    const T* in = input<T>(x, "x");
    T* out = output<T>(y, "out");
    if (y.size() != x.size()) value_error("out must have x's size");
    require_no_overlap(y, "out", x, "x", true);
    const Index n = x.size();
    ReleaseGil release;
    activation_forward(spec, in, out, n);
  });
}

void backward(int kind, const py::array& dy, const py::array& s, py::array& dx, double a,
              double b) {
  const ActivationSpec spec = spec_of(kind, a, b);
  with_float_type(dy, "dy", [&](auto tag) {
    using T = decltype(tag);
    const T* in = input<T>(dy, "dy");
    const T* state = input<T>(s, "x");
    T* out = output<T>(dx, "out");
    if (s.size() != dy.size() || dx.size() != dy.size()) {
      value_error("dy, x and out must have one size");
    }
    require_no_overlap(dx, "out", dy, "dy", true);
    require_no_overlap(dx, "out", s, "x", true);
    const Index n = dy.size();
    ReleaseGil release;
    activation_backward(spec, in, state, out, n);
  });
}

}  // namespace

void bind_activation(py::module_& m) {
  const char* names[] = {"identity",  "relu", "leaky_relu", "elu",  "selu",     "gelu",
                         "gelu_tanh", "silu", "sigmoid",    "tanh", "softplus", "hardtanh"};
  py::dict kinds;
  for (int i = 0; i < static_cast<int>(Activation::kCount); ++i) kinds[names[i]] = i;
  m.attr("ACTIVATIONS") = kinds;
  m.def("activation", &forward, py::arg("kind"), py::arg("x").noconvert(),
        py::arg("out").noconvert(), py::arg("a") = 0.0, py::arg("b") = 0.0, "out = f(x).");
  m.def("activation_backward", &backward, py::arg("kind"), py::arg("dy").noconvert(),
        py::arg("x").noconvert(), py::arg("out").noconvert(), py::arg("a") = 0.0,
        py::arg("b") = 0.0,
        "out = dy f'(x), x being the output where the derivative is computed from it.");
}

}  // namespace fastnet
