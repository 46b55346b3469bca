// Softmax, log-softmax and argmax along the rows of matrices.
#include "bindings/arrays.hpp"
#include "bindings/bind.hpp"
#include "engine/reduce.hpp"
#include "engine/softmax.hpp"

namespace fastnet {
namespace {

void forward(bool log, const py::array& x, py::array& out) {
  require_ndim(x, "x", 2);
  with_float_type(x, "x", [&](auto tag) {
    using T = decltype(tag);
    const Index rows = x.shape(0), n = x.shape(1);
    const T* in = input<T>(x, "x");
    T* y = output<T>(out, "out", {rows, n});
    require_no_overlap(out, "out", x, "x", true);
    ReleaseGil release;
    softmax_forward(log, in, y, rows, n);
  });
}

// Softmax along the last axis of a plain C-contiguous array, None for all else.
py::object direct(bool log, const py::handle& x, const py::handle& out) {
  return with_plain_type(x, [&](auto tag) -> py::object {
    using T = decltype(tag);
    const auto ax = py::reinterpret_borrow<py::array>(x);
    if (!has_flag(ax, py::array::c_style) || ax.ndim() == 0 || ax.size() == 0) return py::none();
    py::object result = direct_output_like<T>(out, ax);
    if (!result) return py::none();
    T* y = static_cast<T*>(py::reinterpret_borrow<py::array>(result).mutable_data());
    const Index n = ax.shape(ax.ndim() - 1);
    {
      ReleaseGil release;
      softmax_forward(log, static_cast<const T*>(ax.data()), y, ax.size() / n, n);
    }
    return result;
  });
}

void backward(bool log, const py::array& dy, const py::array& y, py::array& out) {
  require_ndim(dy, "dy", 2);
  with_float_type(dy, "dy", [&](auto tag) {
    using T = decltype(tag);
    const Index rows = dy.shape(0), n = dy.shape(1);
    const T* d = input<T>(dy, "dy");
    const T* state = input<T>(y, "y", {rows, n});
    T* dx = output<T>(out, "out", {rows, n});
    require_no_overlap(out, "out", dy, "dy", true);
    require_no_overlap(out, "out", y, "y", true);
    ReleaseGil release;
    softmax_backward(log, d, state, dx, rows, n);
  });
}

void argmax(const py::array& x, py::array& out) {
  require_ndim(x, "x", 2);
  with_float_type(x, "x", [&](auto tag) {
    using T = decltype(tag);
    const Index rows = x.shape(0), n = x.shape(1);
    if (n == 0 && rows > 0) value_error("x must have at least one column");
    const T* in = input<T>(x, "x");
    std::int64_t* index = output<std::int64_t>(out, "out", {rows});
    require_no_overlap(out, "out", x, "x");
    ReleaseGil release;
    argmax_rows(in, index, rows, n);
  });
}

double sum_of(const py::array& x) {
  return with_float_type(x, "x", [&](auto tag) {
    using T = decltype(tag);
    const T* in = input<T>(x, "x");
    const Index n = x.size();
    ReleaseGil release;
    return sum(in, n);
  });
}

}  // namespace

void bind_softmax(py::module_& m) {
  m.def("softmax", &forward, py::arg("log"), py::arg("x").noconvert(), py::arg("out").noconvert(),
        "out = softmax of x's rows, or its logarithm.");
  m.def("softmax_direct", &direct, py::arg("log"), py::arg("x"), py::arg("out"),
        "Softmax, or its logarithm, along the last axis of a plain array, None for others.");
  m.def("softmax_backward", &backward, py::arg("log"), py::arg("dy").noconvert(),
        py::arg("y").noconvert(), py::arg("out").noconvert(),
        "out = gradient of softmax's input, or log_softmax's, from the output y.");
  m.def("argmax", &argmax, py::arg("x").noconvert(), py::arg("out").noconvert(),
        "out = column of the first maximum of each of x's rows.");
  m.def("sum", &sum_of, py::arg("x").noconvert(), "The sum of x in double, in one fixed order.");
}

}  // namespace fastnet
