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

// f(x) of a plain C-contiguous array, None for all else.
py::object direct(int kind, const py::handle& x, const py::handle& out, double a, double b) {
  if (kind < 0 || kind >= static_cast<int>(Activation::kCount)) return py::none();
  return with_plain_type(x, [&](auto tag) -> py::object {
    using T = decltype(tag);
    const auto ax = py::reinterpret_borrow<py::array>(x);
    if (!has_flag(ax, py::array::c_style)) return py::none();
    py::object result = direct_output_like<T>(out, ax);
    if (!result) return py::none();
    T* y = static_cast<T*>(py::reinterpret_borrow<py::array>(result).mutable_data());
    {
      ReleaseGil release;
      activation_forward({static_cast<Activation>(kind), a, b}, static_cast<const T*>(ax.data()), y,
                         ax.size());
    }
    return result;
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
  static_assert(sizeof names / sizeof *names == static_cast<std::size_t>(Activation::kCount));
  py::dict kinds;
  for (int i = 0; i < static_cast<int>(Activation::kCount); ++i) kinds[names[i]] = i;
  m.attr("ACTIVATIONS") = kinds;
  m.def("activation", &forward, py::arg("kind"), py::arg("x").noconvert(),
        py::arg("out").noconvert(), py::arg("a") = 0.0, py::arg("b") = 0.0, "out = f(x).");
  m.def("activation_direct", &direct, py::arg("kind"), py::arg("x"), py::arg("out"), py::arg("a"),
        py::arg("b"), "f(x) of a plain array, None for others.");
  m.def("activation_backward", &backward, py::arg("kind"), py::arg("dy").noconvert(),
        py::arg("x").noconvert(), py::arg("out").noconvert(), py::arg("a") = 0.0,
        py::arg("b") = 0.0,
        "out = dy f'(x), x being the output where the derivative is computed from it.");
}

}  // namespace fastnet
