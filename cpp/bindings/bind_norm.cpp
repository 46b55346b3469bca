// Layer and batch normalisation on arrays.
#include "bindings/arrays.hpp"
#include "bindings/bind.hpp"
#include "engine/norm.hpp"

namespace fastnet {
namespace {

// x as rows, and what else every call below has.
template <class T>
NormArgs<T> args_of(const py::array& x, const py::object& weight, double eps) {
  require_ndim(x, "x", 2);
  NormArgs<T> a;
  a.rows = x.shape(0);
  a.n = x.shape(1);
  a.x = input<T>(x, "x");
  a.x_row = a.n;
  a.weight = optional_input<T>(weight, "weight", {a.n});
  a.eps = static_cast<T>(eps);
  return a;
}

template <class T>
void set_output(NormArgs<T>* a, py::array& out, const py::array& x, bool in_place) {
  a->out = output<T>(out, "out", {a->rows, a->n});
  a->out_row = a->n;
  require_no_overlap(out, "out", x, "x", in_place);
}

template <class T>
void set_gradients(NormArgs<T>* a, const py::array& dy, const py::array& x, py::object& dx,
                   py::array& dweight, py::array& dbias) {
  a->dy = input<T>(dy, "dy", {a->rows, a->n});
  a->dy_row = a->n;
  if (!dx.is_none()) {
    auto out = as_array(dx, "out");
    set_output(a, out, x, false);
    require_no_overlap(out, "out", dy, "dy");
  }
  a->dweight = output<T>(dweight, "dweight", {a->n});
  a->dbias = output<T>(dbias, "dbias", {a->n});
}

// A running statistic of n columns, or null; `written` if the call updates it.
template <class T>
T* running(const py::object& array, const char* name, Index n, bool written) {
  if (array.is_none()) return nullptr;
  if (written) {
    auto a = as_array(array, name);
    return output<T>(a, name, {n});
  }
  return const_cast<T*>(optional_input<T>(array, name, {n}));
}

template <class T>
void set_running(NormArgs<T>* a, const py::object& mean, const py::object& var, bool written) {
  a->running_mean = running<T>(mean, "running_mean", a->n, written);
  a->running_var = running<T>(var, "running_var", a->n, written);
  if (!written && !(a->running_mean && a->running_var)) {
    value_error("running_mean and running_var must be arrays unless training");
  }
}

// An array that a call updates shares no memory with another of its arrays.
void require_apart(const py::object& written, const char* name,
                   std::initializer_list<const py::object*> others) {
  if (written.is_none()) return;
  const py::array array = as_array(written, name);
  for (const py::object* other : others) {
    require_no_overlap(array, name, *other, "another argument");
  }
}

void layer_norm(const py::array& x, const py::object& weight, const py::object& bias, double eps,
                py::array& out) {
  with_float_type(x, "x", [&](auto tag) {
    using T = decltype(tag);
    NormArgs<T> a = args_of<T>(x, weight, eps);
    a.bias = optional_input<T>(bias, "bias", {a.n});
    set_output(&a, out, x, true);
    require_no_overlap(out, "out", weight, "weight");
    require_no_overlap(out, "out", bias, "bias");
    ReleaseGil release;
    layer_norm_forward(a);
  });
}

void layer_norm_gradients(const py::array& dy, const py::array& x, const py::object& weight,
                          double eps, py::object& dx, py::array& dweight, py::array& dbias) {
  with_float_type(x, "x", [&](auto tag) {
    using T = decltype(tag);
    NormArgs<T> a = args_of<T>(x, weight, eps);
    set_gradients(&a, dy, x, dx, dweight, dbias);
    ReleaseGil release;
    layer_norm_backward(a);
  });
}

void batch_norm(const py::array& x, const py::object& running_mean, const py::object& running_var,
                const py::object& weight, const py::object& bias, bool training, double momentum,
                double eps, py::array& out) {
  with_float_type(x, "x", [&](auto tag) {
    using T = decltype(tag);
    NormArgs<T> a = args_of<T>(x, weight, eps);
    a.bias = optional_input<T>(bias, "bias", {a.n});
    a.momentum = static_cast<T>(momentum);
    set_running(&a, running_mean, running_var, training);
    set_output(&a, out, x, true);
    require_no_overlap(out, "out", weight, "weight");
    require_no_overlap(out, "out", bias, "bias");
    require_no_overlap(out, "out", running_mean, "running_mean");
    require_no_overlap(out, "out", running_var, "running_var");
    if (training) {
      require_apart(running_mean, "running_mean", {&x, &weight, &bias, &running_var});
      require_apart(running_var, "running_var", {&x, &weight, &bias});
    }
    ReleaseGil release;
    batch_norm_forward(a, training);
  });
}

void batch_norm_gradients(const py::array& dy, const py::array& x, const py::object& running_mean,
                          const py::object& running_var, const py::object& weight, bool training,
                          double eps, py::object& dx, py::array& dweight, py::array& dbias) {
  with_float_type(x, "x", [&](auto tag) {
    using T = decltype(tag);
    NormArgs<T> a = args_of<T>(x, weight, eps);
    if (!training) set_running(&a, running_mean, running_var, false);
    set_gradients(&a, dy, x, dx, dweight, dbias);
    ReleaseGil release;
    batch_norm_backward(a, training);
  });
}

}  // namespace

void bind_norm(py::module_& m) {
  m.def("layer_norm", &layer_norm, py::arg("x").noconvert(), py::arg("weight"), py::arg("bias"),
        py::arg("eps"), py::arg("out").noconvert(), "out = (x - mean) rstd weight + bias by rows.");
  m.def("layer_norm_backward", &layer_norm_gradients, py::arg("dy").noconvert(),
        py::arg("x").noconvert(), py::arg("weight"), py::arg("eps"), py::arg("dx"),
        py::arg("dweight").noconvert(), py::arg("dbias").noconvert(), "Gradients of layer_norm.");
  m.def("batch_norm", &batch_norm, py::arg("x").noconvert(), py::arg("running_mean"),
        py::arg("running_var"), py::arg("weight"), py::arg("bias"), py::arg("training"),
        py::arg("momentum"), py::arg("eps"), py::arg("out").noconvert(),
        "out = (x - mean) rstd weight + bias by columns; training updates the running arrays.");
  m.def("batch_norm_backward", &batch_norm_gradients, py::arg("dy").noconvert(),
        py::arg("x").noconvert(), py::arg("running_mean"), py::arg("running_var"),
        py::arg("weight"), py::arg("training"), py::arg("eps"), py::arg("dx"),
        py::arg("dweight").noconvert(), py::arg("dbias").noconvert(), "Gradients of batch_norm.");
}

}  // namespace fastnet
