// Optimizers' updates on arrays.
#include "bindings/arrays.hpp"
#include "bindings/bind.hpp"
#include "engine/optimizer.hpp"
#include "engine/reduce.hpp"

namespace fastnet {
namespace {

struct Named {
  py::array* array;
  const char* name;
};

// Arrays of w's dtype and size, all but g writeable, none overlapping another.
template <class T>
T* state(py::array& w, const Named& s) {
  if (s.array->size() != w.size()) {
    value_error(std::string(s.name) + " must have w's size " + std::to_string(w.size()) + ", got " +
                std::to_string(s.array->size()));
  }
  return output<T>(*s.array, s.name);
}

void require_apart(const py::array& g, std::initializer_list<Named> written) {
  for (auto a = written.begin(); a != written.end(); ++a) {
    require_no_overlap(*a->array, a->name, g, "g");
    for (auto b = written.begin(); b != a; ++b) {
      require_no_overlap(*a->array, a->name, *b->array, b->name);
    }
  }
}

template <class T>
const T* gradient(const py::array& w, const py::array& g) {
  if (g.size() != w.size()) {
    value_error("g must have w's size " + std::to_string(w.size()) + ", got " +
                std::to_string(g.size()));
  }
  return input<T>(g, "g");
}

void sgd_update(py::array& w, const py::array& g, py::object& buffer, double lr, double momentum,
                double dampening, double weight_decay, bool nesterov, bool first, double scale) {
  with_float_type(w, "w", [&](auto tag) {
    using T = decltype(tag);
    T* pw = output<T>(w, "w");
    const T* pg = gradient<T>(w, g);
    const auto spec = sgd_spec<T>({lr, momentum, dampening, weight_decay, nesterov}, first, scale);
    T* pb = nullptr;
    if (spec.states() > 0) {
      if (!py::isinstance<py::array>(buffer)) type_error("buffer must be an array");
      auto b = py::reinterpret_borrow<py::array>(buffer);
      pb = state<T>(w, {&b, "buffer"});
      require_apart(g, {{&w, "w"}, {&b, "buffer"}});
    } else {
      require_apart(g, {{&w, "w"}});
    }
    const Index n = w.size();
    ReleaseGil release;
    optimizer_update<T>(spec, pw, pg, pb, nullptr, n);
  });
}

void adam_update(py::array& w, const py::array& g, py::array& m, py::array& v, double lr,
                 double beta1, double beta2, double beta1_power, double beta2_power, double eps,
                 double weight_decay, bool decoupled, double scale) {
  with_float_type(w, "w", [&](auto tag) {
    using T = decltype(tag);
    T* pw = output<T>(w, "w");
    const T* pg = gradient<T>(w, g);
    T* pm = state<T>(w, {&m, "m"});
    T* pv = state<T>(w, {&v, "v"});
    require_apart(g, {{&w, "w"}, {&m, "m"}, {&v, "v"}});
    const auto spec = adam_spec<T>({lr, beta1, beta2, eps, weight_decay, decoupled}, beta1_power,
                                   beta2_power, scale);
    const Index n = w.size();
    ReleaseGil release;
    optimizer_update<T>(spec, pw, pg, pm, pv, n);
  });
}

double squares(const py::array& x) {
  return with_float_type(x, "x", [&](auto tag) {
    using T = decltype(tag);
    const T* data = input<T>(x, "x");
    const Index n = x.size();
    ReleaseGil release;
    return sum_squares(data, n);
  });
}

}  // namespace

void bind_optimizer(py::module_& m) {
  m.def("sgd_update", &sgd_update, py::arg("w").noconvert(), py::arg("g").noconvert(),
        py::arg("buffer"), py::arg("lr"), py::arg("momentum") = 0.0, py::arg("dampening") = 0.0,
        py::arg("weight_decay") = 0.0, py::arg("nesterov") = false, py::arg("first") = false,
        py::arg("scale") = 1.0, "One step of SGD, in place.");
  m.def("adam_update", &adam_update, py::arg("w").noconvert(), py::arg("g").noconvert(),
        py::arg("m").noconvert(), py::arg("v").noconvert(), py::arg("lr"), py::arg("beta1"),
        py::arg("beta2"), py::arg("beta1_power"), py::arg("beta2_power"), py::arg("eps"),
        py::arg("weight_decay") = 0.0, py::arg("decoupled") = false, py::arg("scale") = 1.0,
        "One step of Adam or AdamW, in place; the powers are beta^t.");
  m.def("sum_squares", &squares, py::arg("x").noconvert(),
        "The sum of x's squares in double precision.");
}

}  // namespace fastnet
