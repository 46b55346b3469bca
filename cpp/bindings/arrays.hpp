// The one gate between NumPy arrays and kernels.
//
// Nothing is converted here: Python has done that, visibly (python/fastnet/_arrays.py). The gate
// checks again what memory safety stands on, since _core is callable by anyone: exact dtype, native
// byte order, alignment, layout, shape, writeable outputs, no overlap.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <initializer_list>
#include <string>

#include "bindings/gil.hpp"
#include "core/buffer.hpp"

namespace fastnet {

namespace py = pybind11;
using Index = std::ptrdiff_t;

[[noreturn]] inline void value_error(const std::string& message) { throw py::value_error(message); }
[[noreturn]] inline void type_error(const std::string& message) { throw py::type_error(message); }

inline std::string shape_text(const py::array& a) {
  std::string s = "(";
  for (Index d = 0; d < a.ndim(); ++d)
    s += std::to_string(a.shape(d)) + (a.ndim() == 1 ? "," : d + 1 < a.ndim() ? ", " : "");
  return s + ")";
}

inline std::string shape_text(std::initializer_list<Index> shape) {
  std::string s = "(";
  std::size_t d = 0;
  for (Index n : shape)
    s += std::to_string(n) + (shape.size() == 1 ? "," : ++d < shape.size() ? ", " : "");
  return s + ")";
}

inline std::string dtype_text(const py::array& a) { return py::str(a.dtype()); }

template <class T>
struct DtypeOf;
template <>
struct DtypeOf<float> {
  static constexpr int num = 11;
  static constexpr const char* name = "float32";
};
template <>
struct DtypeOf<double> {
  static constexpr int num = 12;
  static constexpr const char* name = "float64";
};
template <>
struct DtypeOf<bool> {
  static constexpr int num = 0;
  static constexpr const char* name = "bool";
};
template <>
struct DtypeOf<std::uint8_t> {
  static constexpr int num = py::detail::npy_api::NPY_UINT8_;
  static constexpr const char* name = "uint8";
};
template <>
struct DtypeOf<std::int32_t> {
  static constexpr int num = py::detail::npy_api::NPY_INT32_;
  static constexpr const char* name = "int32";
};
template <>
struct DtypeOf<std::int64_t> {
  static constexpr int num = py::detail::npy_api::NPY_INT64_;
  static constexpr const char* name = "int64";
};
template <>
struct DtypeOf<std::uint32_t> {
  static constexpr int num = py::detail::npy_api::NPY_UINT32_;
  static constexpr const char* name = "uint32";
};
template <>
struct DtypeOf<std::uint64_t> {
  static constexpr int num = py::detail::npy_api::NPY_UINT64_;
  static constexpr const char* name = "uint64";
};

template <class T>
bool has_dtype(const py::array& a) {
  const py::dtype d = a.dtype();
  return d.num() == DtypeOf<T>::num && (d.byteorder() == '=' || d.byteorder() == '|');
}

inline bool has_flag(const py::array& a, int flag) { return (a.flags() & flag) != 0; }

template <class T>
void require_dtype(const py::array& a, const char* name) {
  if (!has_dtype<T>(a)) {
    type_error(std::string(name) + " must have dtype " + DtypeOf<T>::name + ", got " +
               dtype_text(a));
  }
  if (!has_flag(a, py::detail::npy_api::NPY_ARRAY_ALIGNED_)) {
    value_error(std::string(name) + " must be aligned");
  }
}

// Whether an object is exactly a numpy.ndarray (no subclass) of T, native and aligned: the direct
// paths take these and leave everything else, without an error, to Python's conversions.
template <class T>
bool is_plain(const py::handle& object) {
  if (Py_TYPE(object.ptr()) != py::detail::npy_api::get().PyArray_Type_) return false;
  const auto a = py::reinterpret_borrow<py::array>(object);
  return has_dtype<T>(a) && has_flag(a, py::detail::npy_api::NPY_ARRAY_ALIGNED_);
}

inline bool has_shape(const py::array& a, std::initializer_list<Index> shape) {
  bool same = a.ndim() == static_cast<Index>(shape.size());
  Index d = 0;
  for (Index n : shape) same = same && a.shape(d++) == n;
  return same;
}

inline void require_shape(const py::array& a, const char* name,
                          std::initializer_list<Index> shape) {
  if (!has_shape(a, shape)) {
    value_error(std::string(name) + " must have shape " + shape_text(shape) + ", got " +
                shape_text(a));
  }
}

inline void require_ndim(const py::array& a, const char* name, Index ndim) {
  if (a.ndim() != ndim) {
    value_error(std::string(name) + " must have " + std::to_string(ndim) +
                " dimensions, got shape " + shape_text(a));
  }
}

// C-contiguous elements for reading.
template <class T>
const T* input(const py::array& a, const char* name) {
  require_dtype<T>(a, name);
  if (!has_flag(a, py::array::c_style)) value_error(std::string(name) + " must be C-contiguous");
  return static_cast<const T*>(a.data());
}
template <class T>
const T* input(const py::array& a, const char* name, std::initializer_list<Index> shape) {
  require_shape(a, name, shape);
  return input<T>(a, name);
}
template <class T>
const T* optional_input(const py::object& a, const char* name, std::initializer_list<Index> shape) {
  if (a.is_none()) return nullptr;
  if (!py::isinstance<py::array>(a)) type_error(std::string(name) + " must be an array or None");
  return input<T>(py::reinterpret_borrow<py::array>(a), name, shape);
}

// C-contiguous elements for writing.
template <class T>
T* output(py::array& a, const char* name) {
  require_dtype<T>(a, name);
  if (!a.writeable()) value_error(std::string(name) + " is read-only");
  if (!has_flag(a, py::array::c_style)) value_error(std::string(name) + " must be C-contiguous");
  return static_cast<T*>(a.mutable_data());
}
template <class T>
T* output(py::array& a, const char* name, std::initializer_list<Index> shape) {
  require_shape(a, name, shape);
  return output<T>(a, name);
}

// A matrix for writing whose rows are contiguous and `row` elements apart.
template <class T>
T* output_rows(py::array& a, const char* name, std::initializer_list<Index> shape, Index* row) {
  require_shape(a, name, shape);
  require_dtype<T>(a, name);
  if (!a.writeable()) value_error(std::string(name) + " is read-only");
  const Index size = static_cast<Index>(sizeof(T));
  const Index rows = a.shape(0), cols = a.shape(1);
  *row = rows > 1 && cols > 0 ? a.strides(0) / size : cols;
  const bool empty = rows == 0 || cols == 0;
  const bool whole = rows <= 1 || empty || (a.strides(0) % size == 0 && *row >= cols);
  if (!whole || (!empty && cols > 1 && a.strides(1) != size)) {
    value_error(std::string(name) + " must have contiguous rows");
  }
  return static_cast<T*>(a.mutable_data());
}

// A matrix in memory: element (i, j) at data[i * row + j * col].
template <class T>
struct Matrix {
  const T* data;
  Index rows, cols;
  Index row, col;
  bool unit_col() const { return col == 1 || cols <= 1; }
  bool unit_row() const { return row == 1 || rows <= 1; }
};

// A matrix with positive strides, one of them 1, as it lies; false if it lies otherwise.
template <class T>
bool read_matrix(const py::array& a, Matrix<T>* result) {
  const Index size = static_cast<Index>(sizeof(T));
  Matrix<T> m{static_cast<const T*>(a.data()), a.shape(0), a.shape(1), a.strides(0) / size,
              a.strides(1) / size};
  if (m.rows == 0 || m.cols == 0) {
    *result = {m.data, m.rows, m.cols, m.cols, 1};
    return true;
  }
  // No process has more memory than 2^56 bytes, so that reaches below it do not overflow.
  constexpr Index limit = Index(1) << 56;
  if (a.strides(0) > limit / m.rows || a.strides(1) > limit / m.cols) return false;
  if (m.cols == 1) m.col = 1;
  if (m.rows == 1) m.row = m.col == 1 ? m.cols : 1;
  const bool whole = a.strides(0) % size == 0 && a.strides(1) % size == 0;
  const bool by_rows = m.col == 1 && (m.row >= m.cols || m.rows == 1);
  const bool by_cols = m.row == 1 && (m.col >= m.rows || m.cols == 1);
  *result = m;
  return whole && (by_rows || by_cols);
}

// A matrix for reading; `transposed` gives its transpose.
template <class T>
Matrix<T> input_matrix(const py::array& a, const char* name) {
  require_ndim(a, name, 2);
  require_dtype<T>(a, name);
  Matrix<T> m;
  if (!read_matrix(a, &m)) {
    value_error(std::string(name) +
                " must lie in memory with contiguous rows or columns, got strides (" +
                std::to_string(a.strides(0)) + ", " + std::to_string(a.strides(1)) + ")");
  }
  return m;
}

template <class T>
Matrix<T> transposed(const Matrix<T>& m) {
  return {m.data, m.cols, m.rows, m.col, m.row};
}

// Whether the memory that two arrays span overlaps.
inline bool overlap(const py::array& a, const py::array& b) {
  const auto span = [](const py::array& x, const char** low, const char** high) {
    const char* p = static_cast<const char*>(x.data());
    *low = *high = p;
    for (Index d = 0; d < x.ndim(); ++d) {
      if (x.shape(d) == 0) return false;
      const Index reach = (x.shape(d) - 1) * x.strides(d);
      (reach < 0 ? *low : *high) += reach;
    }
    *high += x.itemsize();
    return true;
  };
  const char *l1, *h1, *l2, *h2;
  return span(a, &l1, &h1) && span(b, &l2, &h2) && l1 < h2 && l2 < h1;
}

// Fails if `out` and `in` overlap; with allow_same, C-contiguous ones may be the same.
inline void require_no_overlap(const py::array& out, const char* out_name, const py::array& in,
                               const char* in_name, bool allow_same = false) {
  if (!overlap(out, in)) return;
  if (allow_same && out.data() == in.data() && out.nbytes() == in.nbytes()) return;
  value_error(std::string(out_name) + " must not overlap " + in_name);
}

// The same for an optional input.
inline void require_no_overlap(const py::array& out, const char* out_name, const py::object& in,
                               const char* in_name) {
  if (py::isinstance<py::array>(in)) {
    require_no_overlap(out, out_name, py::reinterpret_borrow<py::array>(in), in_name);
  }
}

// An array, of whatever kind.
inline py::array as_array(const py::object& a, const char* name) {
  if (!py::isinstance<py::array>(a)) type_error(std::string(name) + " must be an array or None");
  return py::reinterpret_borrow<py::array>(a);
}

// A new C-contiguous array.
template <class T>
py::array new_array(std::initializer_list<Index> shape) {
  return py::array(py::dtype(DtypeOf<T>::num),
                   std::vector<py::ssize_t>(shape.begin(), shape.end()));
}

// Where a direct path writes: a new array, or `out` if it is one to be filled as it is; a null
// object if it is not.
template <class T>
py::object direct_output(const py::handle& out, std::initializer_list<Index> shape) {
  if (out.is_none()) return new_array<T>(shape);
  if (!is_plain<T>(out)) return py::object();
  auto a = py::reinterpret_borrow<py::array>(out);
  const bool fits = has_shape(a, shape) && a.writeable() && has_flag(a, py::array::c_style);
  return fits ? std::move(a) : py::object();
}

// Where a direct path that may work in place writes what has x's shape; x is C-contiguous.
template <class T>
py::object direct_output_like(const py::handle& out, const py::array& x) {
  if (out.is_none()) {
    return py::array(py::dtype(DtypeOf<T>::num),
                     std::vector<py::ssize_t>(x.shape(), x.shape() + x.ndim()));
  }
  if (!is_plain<T>(out)) return py::object();
  auto a = py::reinterpret_borrow<py::array>(out);
  bool fits = a.ndim() == x.ndim() && a.writeable() && has_flag(a, py::array::c_style);
  for (Index d = 0; fits && d < x.ndim(); ++d) fits = a.shape(d) == x.shape(d);
  fits = fits && (a.data() == x.data() || !overlap(a, x));
  return fits ? std::move(a) : py::object();
}

// f(T{}) if x is a plain array of T, float or double, else None.
template <class F>
py::object with_plain_type(const py::handle& x, F f) {
  if (is_plain<float>(x)) return f(float{});
  if (is_plain<double>(x)) return f(double{});
  return py::none();
}

// Calls f(T{}) with T the dtype of a, float or double.
template <class F>
auto with_float_type(const py::array& a, const char* name, F f) {
  if (has_dtype<float>(a)) return f(float{});
  if (has_dtype<double>(a)) return f(double{});
  type_error(std::string(name) + " must have dtype float32 or float64, got " + dtype_text(a));
}

}  // namespace fastnet
