// Moments of arrays.
#include "bindings/arrays.hpp"
#include "bindings/bind.hpp"
#include "engine/moments.hpp"

namespace fastnet {
namespace {

constexpr Index kFields = sizeof(Moments) / sizeof(double);

// x (outer, n, inner) whose elements lie next to each other along inner, or along n if inner is 1.
template <class T>
MomentsView<T> view_of(const py::array& x) {
  require_ndim(x, "x", 3);
  require_dtype<T>(x, "x");
  const Index size = static_cast<Index>(sizeof(T));
  MomentsView<T> v{
      static_cast<const T*>(x.data()), x.shape(0), x.shape(1), x.shape(2), 0, 0, nullptr, 0};
  if (x.size() == 0) return v;
  constexpr Index limit = Index(1) << 56;
  Index contiguous = v.inner > 1 ? 2 : 1;
  for (Index d = 0; d < 3; ++d) {
    const Index stride = x.strides(d);
    if (x.shape(d) <= 1) continue;
    if (stride % size != 0 || stride > limit / x.shape(d) || stride < -limit / x.shape(d) ||
        (d == contiguous && stride != size)) {
      value_error(
          "x must have contiguous elements along its last or, if that has one, its middle "
          "dimension");
    }
  }
  v.outer_step = x.shape(0) > 1 ? x.strides(0) / size : 0;
  v.step = x.shape(1) > 1 ? x.strides(1) / size : 1;
  return v;
}

template <class T>
void set_weights(MomentsView<T>* v, const py::object& weights) {
  if (weights.is_none()) return;
  const py::array w = as_array(weights, "weights");
  require_ndim(w, "weights", 2);
  const bool each = w.shape(0) != 1;
  v->weight = input<double>(w, "weights", {each ? v->outer : 1, v->n});
  v->weight_step = each ? v->n : 0;
}

// out (outer, inner, 8) and nans (outer, inner).
void moments_of(const py::array& x, const py::object& weights, py::array& out, py::array& nans) {
  with_float_type(x, "x", [&](auto tag) {
    using T = decltype(tag);
    MomentsView<T> v = view_of<T>(x);
    set_weights(&v, weights);
    auto* moments =
        reinterpret_cast<Moments*>(output<double>(out, "out", {v.outer, v.inner, kFields}));
    Index* counts = output<std::int64_t>(nans, "nans", {v.outer, v.inner});
    require_no_overlap(out, "out", x, "x");
    require_no_overlap(out, "out", weights, "weights");
    require_no_overlap(nans, "nans", x, "x");
    require_no_overlap(nans, "nans", weights, "weights");
    require_no_overlap(nans, "nans", out, "out");
    ReleaseGil release;
    moments_along(v, moments, counts);
  });
}

// out (sets, sets), of x (outer, n, inner) where outer or inner is 1.
void covariance(const py::array& x, const py::object& weights, const py::array& moments,
                py::array& out) {
  with_float_type(x, "x", [&](auto tag) {
    using T = decltype(tag);
    MomentsView<T> v = view_of<T>(x);
    if (v.outer != 1 && v.inner != 1) value_error("x must have one dimension of sets");
    set_weights(&v, weights);
    if (v.weight_step != 0) value_error("weights must be the same for all sets");
    const Index sets = v.outer * v.inner;
    const auto* m = reinterpret_cast<const Moments*>(
        input<double>(moments, "moments", {v.outer, v.inner, kFields}));
    double* to = output<double>(out, "out", {sets, sets});
    require_no_overlap(out, "out", x, "x");
    require_no_overlap(out, "out", weights, "weights");
    require_no_overlap(out, "out", moments, "moments");
    ReleaseGil release;
    covariance_of(v, m, to);
  });
}

// Merges rows of moments (count, 8) over the tree, in their order.
void merge_moments(const py::array& nodes, py::array& out) {
  require_ndim(nodes, "nodes", 2);
  const auto* m =
      reinterpret_cast<const Moments*>(input<double>(nodes, "nodes", {nodes.shape(0), kFields}));
  auto* total = reinterpret_cast<Moments*>(output<double>(out, "out", {kFields}));
  MomentsTree tree;
  for (Index i = 0; i < nodes.shape(0); ++i) tree.add(m[i]);
  *total = tree.total();
}

}  // namespace

void bind_moments(py::module_& m) {
  m.attr("MOMENTS_BLOCK") = kMomentsBlock;
  m.attr("MOMENTS_ROWS") = kMomentsRows;
  m.def("moments", &moments_of, py::arg("x").noconvert(), py::arg("weights"),
        py::arg("out").noconvert(), py::arg("nans").noconvert(),
        "out = n, mean, rest, m2, m3, m4, min, max of x (outer, n, inner) along n.");
  m.def("covariance", &covariance, py::arg("x").noconvert(), py::arg("weights"),
        py::arg("moments").noconvert(), py::arg("out").noconvert(),
        "out = sums of products around the means of all sets of x.");
  m.def("merge_moments", &merge_moments, py::arg("nodes").noconvert(), py::arg("out").noconvert(),
        "out = the moments of all nodes' values together.");
}

}  // namespace fastnet
