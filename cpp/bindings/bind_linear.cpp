// The linear layer on arrays.
#include "bindings/arrays.hpp"
#include "bindings/bind.hpp"
#include "engine/linear.hpp"

namespace fastnet {
namespace {

template <class T>
Operand<T> operand(const Matrix<T>& m) {
  return {m.data, m.row, m.col};
}

void forward(const py::array& x, const py::array& weight, const py::object& bias, int kind,
             double a, double b, py::array& out) {
  if (kind < 0 || kind >= static_cast<int>(Activation::kCount)) {
    value_error("kind must be an activation's number, got " + std::to_string(kind));
  }
  with_float_type(x, "x", [&](auto tag) {
    using T = decltype(tag);
    const Matrix<T> mx = input_matrix<T>(x, "x");
    const Matrix<T> w = transposed(input_matrix<T>(weight, "weight"));
    require_shape(weight, "weight", {w.cols, mx.cols});
    const T* pb = optional_input<T>(bias, "bias", {w.cols});
    T* y = output<T>(out, "out", {mx.rows, w.cols});
    require_no_overlap(out, "out", x, "x");
    require_no_overlap(out, "out", weight, "weight");
    require_no_overlap(out, "out", bias, "bias");
    const ActivationSpec act{static_cast<Activation>(kind), a, b};
    ReleaseGil release;
    linear_forward<T>(mx.rows, w.cols, mx.cols, operand(mx), operand(w), false, pb, act, y, w.cols);
  });
}

// act(x weight.T + bias) for plain arrays that need no conversion; None for all else, which the
// function in Python converts or refuses.
py::object direct(const py::handle& x, const py::handle& weight, const py::handle& bias, int kind,
                  double a, double b, const py::handle& out) {
  if (kind < 0 || kind >= static_cast<int>(Activation::kCount)) return py::none();
  const ActivationSpec act{static_cast<Activation>(kind), a, b};
  return with_plain_type(x, [&](auto tag) -> py::object {
    using T = decltype(tag);
    if (!is_plain<T>(weight)) return py::none();
    const auto ax = py::reinterpret_borrow<py::array>(x);
    const auto aw = py::reinterpret_borrow<py::array>(weight);
    Matrix<T> mx, mw;
    if (ax.ndim() != 2 || aw.ndim() != 2 || ax.shape(1) != aw.shape(1)) return py::none();
    if (!read_matrix(ax, &mx) || !read_matrix(aw, &mw)) return py::none();
    const T* pb = nullptr;
    py::array ab;
    if (!bias.is_none()) {
      if (!is_plain<T>(bias)) return py::none();
      ab = py::reinterpret_borrow<py::array>(bias);
      if (!has_shape(ab, {mw.rows}) || !has_flag(ab, py::array::c_style)) return py::none();
      pb = static_cast<const T*>(ab.data());
    }
    const Matrix<T> w = transposed(mw);
    py::object result = direct_output<T>(out, {mx.rows, w.cols});
    if (!result) return py::none();
    auto y = py::reinterpret_borrow<py::array>(result);
    if (!out.is_none() && (overlap(y, ax) || overlap(y, aw) || (pb && overlap(y, ab)))) {
      return py::none();
    }
    T* py = static_cast<T*>(y.mutable_data());
    {
      ReleaseGil release;
      linear_forward<T>(mx.rows, w.cols, mx.cols, operand(mx), operand(w), false, pb, act, py,
                        w.cols);
    }
    return result;
  });
}

void backward_x(const py::array& dy, const py::array& weight, py::array& dx) {
  with_float_type(dy, "dy", [&](auto tag) {
    using T = decltype(tag);
    const Matrix<T> d = input_matrix<T>(dy, "dy");
    const Matrix<T> w = transposed(input_matrix<T>(weight, "weight"));
    require_shape(weight, "weight", {d.cols, w.rows});
    T* out = output<T>(dx, "out", {d.rows, w.rows});
    require_no_overlap(dx, "out", dy, "dy");
    require_no_overlap(dx, "out", weight, "weight");
    ReleaseGil release;
    linear_backward_x<T>(d.rows, d.cols, w.rows, operand(d), operand(w), out, w.rows);
  });
}

// dweight has the memory layout of W = weight.T: an (in, out) array with contiguous rows, which may
// be padded; returned to Python transposed.
void backward_w(const py::array& dy, const py::array& x, py::array& dw, py::object& db) {
  with_float_type(dy, "dy", [&](auto tag) {
    using T = decltype(tag);
    const Matrix<T> d = input_matrix<T>(dy, "dy");
    const Matrix<T> mx = input_matrix<T>(x, "x");
    require_shape(x, "x", {d.rows, mx.cols});
    Index row = 0;
    T* out = output_rows<T>(dw, "dweight", {mx.cols, d.cols}, &row);
    T* sum = nullptr;
    if (!db.is_none()) {
      py::array array = as_array(db, "dbias");
      sum = output<T>(array, "dbias", {d.cols});
      require_no_overlap(array, "dbias", dy, "dy");
      require_no_overlap(array, "dbias", x, "x");
      require_no_overlap(array, "dbias", dw, "dweight");
    }
    require_no_overlap(dw, "dweight", dy, "dy");
    require_no_overlap(dw, "dweight", x, "x");
    ReleaseGil release;
    linear_backward_w<T>(d.rows, d.cols, mx.cols, operand(d), operand(mx), out, row, sum);
  });
}

}  // namespace

void bind_linear(py::module_& m) {
  m.def("linear", &forward, py::arg("x").noconvert(), py::arg("weight").noconvert(),
        py::arg("bias"), py::arg("kind"), py::arg("a"), py::arg("b"), py::arg("out").noconvert(),
        "out = act(x weight.T + bias).");
  m.def("linear_direct", &direct, py::arg("x"), py::arg("weight"), py::arg("bias"), py::arg("kind"),
        py::arg("a"), py::arg("b"), py::arg("out"),
        "act(x weight.T + bias) of plain arrays, None for others.");
  m.def("linear_backward_x", &backward_x, py::arg("dy").noconvert(), py::arg("weight").noconvert(),
        py::arg("out").noconvert(), "out = dy weight.");
  m.def("linear_backward_w", &backward_w, py::arg("dy").noconvert(), py::arg("x").noconvert(),
        py::arg("dw").noconvert(), py::arg("db"), "dw = x.T dy, db = column sums of dy.");
}

}  // namespace fastnet
