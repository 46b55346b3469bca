// The linear layer on arrays.
#include <cstring>

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
// be padded; returned to Python transposed. Either output may be None.
void backward_w(const py::array& dy, const py::array& x, py::object& dw, py::object& db) {
  with_float_type(dy, "dy", [&](auto tag) {
    using T = decltype(tag);
    const Matrix<T> d = input_matrix<T>(dy, "dy");
    const Matrix<T> mx = input_matrix<T>(x, "x");
    require_shape(x, "x", {d.rows, mx.cols});
    Index row = 0;
    T* out = nullptr;
    if (!dw.is_none()) {
      py::array array = as_array(dw, "dweight");
      out = output_rows<T>(array, "dweight", {mx.cols, d.cols}, &row);
      require_no_overlap(array, "dweight", dy, "dy");
      require_no_overlap(array, "dweight", x, "x");
    }
    T* sum = nullptr;
    if (!db.is_none()) {
      py::array array = as_array(db, "dbias");
      sum = output<T>(array, "dbias", {d.cols});
      require_no_overlap(array, "dbias", dy, "dy");
      require_no_overlap(array, "dbias", x, "x");
      require_no_overlap(array, "dbias", dw, "dweight");
    }
    ReleaseGil release;
    linear_backward_w<T>(d.rows, d.cols, mx.cols, operand(d), operand(mx), out, row, sum);
  });
}

// A new array for W's gradient, laid out as a weight is: rows padded with zeros. `storage` owns it.
template <class T>
T* new_gradient(Index in, Index out, py::array* storage, Index* row) {
  *row = padded_row<T>(out);
  *storage = new_array<T>({in, *row});
  T* data = static_cast<T*>(storage->mutable_data());
  for (Index i = 0; i < in && out < *row; ++i) {
    std::memset(data + i * *row + out, 0, static_cast<std::size_t>(*row - out) * sizeof(T));
  }
  return data;
}

// (dx, dweight, dbias), each None where it is not needed, for plain matrices that need no
// conversion; None for all else.
py::object backward_direct(const py::handle& dy, const py::handle& x, const py::handle& weight,
                           bool need_x, bool need_weight, bool need_bias) {
  return with_plain_type(dy, [&](auto tag) -> py::object {
    using T = decltype(tag);
    if (!is_plain<T>(x) || !is_plain<T>(weight)) return py::none();
    const auto ad = py::reinterpret_borrow<py::array>(dy);
    const auto ax = py::reinterpret_borrow<py::array>(x);
    const auto aw = py::reinterpret_borrow<py::array>(weight);
    if (ad.ndim() != 2 || ax.ndim() != 2 || aw.ndim() != 2) return py::none();
    const Index batch = ad.shape(0), out = ad.shape(1), in = ax.shape(1);
    Matrix<T> md, mx, mw;
    if (ax.shape(0) != batch || !has_shape(aw, {out, in}) || batch == 0 || in == 0 || out == 0 ||
        !read_matrix(ad, &md) || !read_matrix(ax, &mx) || !read_matrix(aw, &mw)) {
      return py::none();
    }
    py::object dx = py::none(), dw = py::none(), db = py::none();
    if (need_x) {
      py::array result = new_array<T>({batch, in});
      T* data = static_cast<T*>(result.mutable_data());
      {
        ReleaseGil release;
        linear_backward_x<T>(batch, out, in, operand(md), operand(transposed(mw)), data, in);
      }
      dx = std::move(result);
    }
    if (need_weight || need_bias) {
      py::array storage;
      Index row = 0;
      T* data = need_weight ? new_gradient<T>(in, out, &storage, &row) : nullptr;
      T* sums = nullptr;
      if (need_bias) {
        py::array result = new_array<T>({out});
        sums = static_cast<T*>(result.mutable_data());
        db = std::move(result);
      }
      {
        ReleaseGil release;
        linear_backward_w<T>(batch, out, in, operand(md), operand(mx), data, row, sums);
      }
      const auto size = static_cast<py::ssize_t>(sizeof(T));
      if (need_weight)
        dw = py::array(py::dtype(DtypeOf<T>::num), {out, in}, {size, row * size}, data, storage);
    }
    return py::make_tuple(dx, dw, db);
  });
}

// The memory of an array with a padded weight's strides, padding included, as one vector; None if
// its memory is not that of a plain array, or what lies between its rows is not zeros.
py::object padded_memory(const py::array& a) {
  if (a.ndim() != 2 || a.size() == 0 || !a.base()) return py::none();
  if (Py_TYPE(a.base().ptr()) != py::detail::npy_api::get().PyArray_Type_) return py::none();
  const auto base = py::reinterpret_borrow<py::array>(a.base());
  return with_plain_type(a, [&](auto tag) -> py::object {
    using T = decltype(tag);
    const Index columns = a.shape(0), rows = a.shape(1), row = padded_row<T>(columns);
    const auto size = static_cast<py::ssize_t>(sizeof(T));
    if (!has_flag(base, py::array::c_style) || a.strides(0) != size || a.strides(1) != row * size) {
      return py::none();
    }
    const T* data = static_cast<const T*>(a.data());
    const char* begin = static_cast<const char*>(base.data());
    if (reinterpret_cast<const char*>(data) < begin ||
        reinterpret_cast<const char*>(data + rows * row) > begin + base.nbytes()) {
      return py::none();
    }
    for (Index i = 0; i < rows; ++i) {
      for (Index j = columns; j < row; ++j) {
        if (data[i * row + j] != T(0)) return py::none();
      }
    }
    py::array vector(py::dtype(DtypeOf<T>::num), {rows * row}, {size}, data, base);
    if (!a.writeable()) vector.attr("flags").attr("writeable") = false;
    return vector;
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
  m.def("linear_backward_direct", &backward_direct, py::arg("dy"), py::arg("x"), py::arg("weight"),
        py::arg("need_x"), py::arg("need_weight"), py::arg("need_bias"),
        "(dx, dweight, dbias) of plain matrices, None for others.");
  m.def("padded_memory", &padded_memory, py::arg("a").noconvert(),
        "All memory of a padded weight as one vector, or None.");
  m.def("linear_backward_x", &backward_x, py::arg("dy").noconvert(), py::arg("weight").noconvert(),
        py::arg("out").noconvert(), "out = dy weight.");
  m.def("linear_backward_w", &backward_w, py::arg("dy").noconvert(), py::arg("x").noconvert(),
        py::arg("dw"), py::arg("db"), "dw = x.T dy, db = column sums of dy, each unless None.");
}

}  // namespace fastnet
