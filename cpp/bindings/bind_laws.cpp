// Laws with tables, attempts or parameters of their own for each value.
#include "bindings/arrays.hpp"
#include "bindings/bind.hpp"
#include "dispatch/random.hpp"
#include "engine/discrete.hpp"
#include "engine/gamma.hpp"
#include "engine/sampler.hpp"

namespace fastnet {
namespace {

StreamPosition source_of(std::uint64_t key, std::uint64_t stream, std::uint64_t position) {
  if (stream >> kStreamBits != 0) value_error("stream must be below 2**16");
  return {key, stream, position};
}

template <class T>
void require_in(const py::array& a, const char* name, const T* values, T low, T high) {
  for (Index i = 0; i < a.size(); ++i) {
    if (!(values[i] >= low && values[i] <= high)) {
      value_error(std::string(name) + " must be from " + std::to_string(low) + " to " +
                  std::to_string(high) + ", got " + std::to_string(values[i]));
    }
  }
}

// One value, or one for each of out's n; each must be in [low, high].
template <class T>
Column<T> column(const py::array& a, const char* name, Index n, T low, T high) {
  const T* values = input<T>(a, name);
  if (a.size() != 1 && a.size() != n) {
    value_error(std::string(name) + " must have 1 value or as many as out, " + std::to_string(n) +
                ", got " + std::to_string(a.size()));
  }
  require_in(a, name, values, low, high);
  return {values, a.size() == 1 ? 0 : 1};
}

constexpr double kLargest = 1.7976931348623157e308;

void gamma(const py::array& shape, int form, std::uint64_t part, std::uint64_t key,
           std::uint64_t stream, std::uint64_t position, py::array& out) {
  double* p = output<double>(out, "out");
  const Index n = out.size();
  const double* shapes = input<double>(shape, "shape");
  const Index count = shape.size();
  if (count == 0 ? n > 0 : n % count != 0) {
    value_error("out's size must be a multiple of shape's, " + std::to_string(count) + ", got " +
                std::to_string(n));
  }
  require_in(shape, "shape", shapes, 0.0, kLargest);
  const StreamPosition source = source_of(key, stream, position);
  if (part > 1) value_error("part must be 0 or 1");
  if (form < 0 || form > 2) value_error("form must be 0, 1 or 2");
  ReleaseGil release;
  sample_gamma(shapes, count, static_cast<GammaForm>(form), part, source, p, n);
}

void dirichlet(const py::array& shape, std::uint64_t key, std::uint64_t stream,
               std::uint64_t position, py::array& out) {
  require_ndim(out, "out", 2);
  double* p = output<double>(out, "out");
  const Index rows = out.shape(0), n = out.shape(1);
  const double* shapes = input<double>(shape, "shape", {n});
  require_in(shape, "shape", shapes, kDirichletLeast, kDirichletMost);
  const StreamPosition source = source_of(key, stream, position);
  ReleaseGil release;
  if (n > 0) sample_dirichlet(shapes, n, source, p, rows);
}

void poisson(const py::array& lam, std::uint64_t key, std::uint64_t stream, std::uint64_t position,
             py::array& out) {
  std::int64_t* p = output<std::int64_t>(out, "out");
  const Index n = out.size();
  const auto mean = column<double>(lam, "lam", n, 0, kPoissonMax);
  const StreamPosition source = source_of(key, stream, position);
  ReleaseGil release;
  sample_poisson(mean, source, p, n);
}

void binomial(const py::array& trials, const py::array& probability, std::uint64_t key,
              std::uint64_t stream, std::uint64_t position, py::array& out) {
  std::int64_t* to = output<std::int64_t>(out, "out");
  const Index size = out.size();
  const auto n = column<std::int64_t>(trials, "n", size, 0, INT64_MAX);
  const auto p = column<double>(probability, "p", size, 0, 1);
  const StreamPosition source = source_of(key, stream, position);
  ReleaseGil release;
  sample_binomial(n, p, source, to, size);
}

void geometric(const py::array& probability, std::uint64_t key, std::uint64_t stream,
               std::uint64_t position, py::array& out) {
  std::int64_t* to = output<std::int64_t>(out, "out");
  const Index n = out.size();
  const auto p = column<double>(probability, "p", n, 5e-324, 1);
  const StreamPosition source = source_of(key, stream, position);
  ReleaseGil release;
  sample_geometric(p, source, to, n);
}

void coins(const py::array& probability, std::uint64_t key, std::uint64_t stream,
           std::uint64_t position, py::array& out) {
  bool* to = output<bool>(out, "out");
  const Index n = out.size();
  const auto p = column<double>(probability, "p", n, 0, 1);
  const StreamPosition source = source_of(key, stream, position);
  ReleaseGil release;
  sample_coins(p.values, p.step, source.key, source.stream, source.position, to, n);
}

std::unique_ptr<AliasTable> make_table(const py::array& p) {
  require_ndim(p, "p", 1);
  const double* values = input<double>(p, "p");
  double sum = 0;
  for (Index i = 0; i < p.size(); ++i) {
    if (!(values[i] >= 0)) value_error("p must not be negative");
    sum += values[i];
  }
  if (!(sum > 0 && sum <= kLargest)) value_error("the sum of p must be positive and finite");
  return std::make_unique<AliasTable>(values, p.size());
}

void categories(const AliasTable& table, std::uint64_t key, std::uint64_t stream,
                std::uint64_t position, py::array& out) {
  std::int64_t* to = output<std::int64_t>(out, "out");
  const Index n = out.size();
  const StreamPosition source = source_of(key, stream, position);
  ReleaseGil release;
  sample_categories(table, source.key, source.stream, source.position, to, n);
}

}  // namespace

void bind_laws(py::module_& m) {
  const auto key = py::arg("key"), stream = py::arg("stream"), position = py::arg("position");
  const auto out = py::arg("out").noconvert();
  py::class_<AliasTable>(m, "AliasTable", "Probabilities of categories, ready to be drawn from.")
      .def(py::init(&make_table), py::arg("p").noconvert())
      .def("sample", &categories, key, stream, position, out, "Fill out with categories.");
  m.def("random_coins", &coins, py::arg("p").noconvert(), key, stream, position, out,
        "Fill out with bools that are true with probability p.");
  m.def("random_gamma", &gamma, py::arg("shape").noconvert(), py::arg("form"), py::arg("part"), key,
        stream, position, out,
        "Fill out with gamma values (form 0), their logarithms (1) or inverse roots (2).");
  m.attr("DIRICHLET_RANGE") = py::make_tuple(kDirichletLeast, kDirichletMost);
  m.def("random_dirichlet", &dirichlet, py::arg("shape").noconvert(), key, stream, position, out,
        "Fill out with rows of gamma values of shapes within DIRICHLET_RANGE, over their sum.");
  m.def("random_poisson", &poisson, py::arg("lam").noconvert(), key, stream, position, out,
        "Fill out with Poisson numbers.");
  m.def("random_binomial", &binomial, py::arg("n").noconvert(), py::arg("p").noconvert(), key,
        stream, position, out, "Fill out with binomial numbers.");
  m.def("random_geometric", &geometric, py::arg("p").noconvert(), key, stream, position, out,
        "Fill out with numbers of trials up to a success.");
}

}  // namespace fastnet
