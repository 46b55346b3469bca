// Expressions of samples, sources of samples, and the trees that their moments are folded into.
#include <pybind11/stl.h>

#include <map>
#include <tuple>

#include "bindings/arrays.hpp"
#include "bindings/bind.hpp"
#include "bindings/laws.hpp"
#include "bindings/network.hpp"
#include "engine/estimator.hpp"

namespace fastnet {
namespace {

constexpr const char* kOps[] = {
    "copy",  "negative", "absolute", "sqrt",     "reciprocal", "exp",        "expm1",   "log",
    "log1p", "tanh",     "erf",      "sin",      "cos",        "floor",      "ceil",    "trunc",
    "rint",  "sign",     "add",      "subtract", "multiply",   "divide",     "minimum", "maximum",
    "fmin",  "fmax",     "copysign", "power",    "less",       "less_equal", "equal",   "not_equal",
    "and",   "or",       "xor",      "not",      "where"};
static_assert(sizeof kOps / sizeof *kOps == static_cast<std::size_t>(ExpressionOp::kCount));

template <class T>
Expression<T> make_expression(const py::array& steps, const py::array& constants, Index registers,
                              const py::list& columns_list, const py::list& outputs_list) {
  auto columns = columns_list.cast<std::vector<Index>>();
  auto outputs = outputs_list.cast<std::vector<Index>>();
  require_ndim(steps, "steps", 2);
  require_ndim(constants, "constants", 1);
  const Index count = steps.shape(0), known = constants.shape(0);
  const std::int32_t* p = input<std::int32_t>(steps, "steps", {count, 5});
  const T* c = input<T>(constants, "constants");
  if (registers < static_cast<Index>(columns.size()) || registers < 1 || registers > 4096) {
    value_error("registers must hold all columns and be from 1 to 4096");
  }
  // Registers that hold something, columns first.
  std::vector<bool> written(static_cast<std::size_t>(registers), false);
  std::fill_n(written.begin(), columns.size(), true);
  std::vector<ExpressionStep> list;
  for (Index i = 0; i < count; ++i, p += 5) {
    const ExpressionStep s{p[0], p[1], p[2], p[3], p[4]};
    const bool op = s.op >= 0 && s.op < static_cast<int>(ExpressionOp::kCount);
    bool fits = op && s.to >= 0 && s.to < registers;
    for (const std::int32_t a : {s.a, s.b, s.c}) {
      // Operands that an operation does not have are 0.
      fits = fits && a < registers && -1 - Index(a) < known;
    }
    if (!fits) value_error("steps must name operations, registers and constants that exist");
    const std::int32_t operands[] = {s.a, s.b, s.c};
    for (int k = 0; k < operands_of(static_cast<ExpressionOp>(s.op)); ++k) {
      if (operands[k] >= 0 && !written[static_cast<std::size_t>(operands[k])]) {
        value_error("steps must read registers that columns or steps before have filled");
      }
    }
    written[static_cast<std::size_t>(s.to)] = true;
    list.push_back(s);
  }
  for (const Index o : outputs) {
    if (o < 0 || o >= registers || !written[static_cast<std::size_t>(o)]) {
      value_error("outputs must be registers that columns or steps have filled");
    }
  }
  for (const Index j : columns) {
    if (j < 0) value_error("columns must not be negative");
  }
  return {list, {c, c + known}, registers, std::move(columns), std::move(outputs)};
}

// Values of an expression on given samples, tile by tile.
template <class T>
void evaluate(const Expression<T>& f, const py::array& x, py::array& out) {
  require_ndim(x, "x", 2);
  const Index n = x.shape(1), dim = x.shape(0), outputs = Index(f.outputs().size());
  for (const Index j : f.columns()) {
    if (j >= dim) value_error("x must have a row for every column of the expression");
  }
  const T* px = input<T>(x, "x");
  T* py = output<T>(out, "out", {outputs, n});
  constexpr Index tile = kExpressionTile<T>;
  Buffer memory((f.workspace() + outputs * tile) * Index(sizeof(T)));
  memory.clear();
  ReleaseGil release;
  T* tiles = memory.as<T>();
  for (Index i = 0; i < n; i += tile) {
    const Index count = std::min(tile, n - i);
    f.values(tiles + outputs * tile, count, tiles, tile,
             [&](Index j, T* to) { std::copy_n(px + j * n + i, count, to); });
    for (Index o = 0; o < outputs; ++o) std::copy_n(tiles + o * tile, count, py + o * n + i);
  }
}

// laws: (name, a, b) of each column.
template <class T>
Source<T> make_source(const py::list& law_list, const py::list& key_list) {
  const auto laws = law_list.cast<std::vector<std::tuple<std::string, double, double>>>();
  auto keys = key_list.cast<std::vector<std::uint64_t>>();
  if (laws.empty() || laws.size() != keys.size()) value_error("every law must have a key");
  Source<T> source;
  for (const auto& [name, a, b] : laws) {
    source.laws.push_back(law_of<T>(name, a, b));
  }
  source.keys = std::move(keys);
  return source;
}

// out[j] = column j of samples first, first + 1, ...
template <class T>
void draw_columns(const Source<T>& source, std::uint64_t first, py::array& out) {
  require_ndim(out, "out", 2);
  const Index n = out.shape(1);
  T* p = output<T>(out, "out", {source.dim(), n});
  ReleaseGil release;
  for (Index j = 0; j < source.dim(); ++j) source.column(j, first, p + j * n, n);
}

ChunkRange range_of(std::uint64_t first, std::uint64_t count, Index last_samples) {
  constexpr std::uint64_t limit = std::uint64_t(1) << 51;
  if (count < 1 || count > kMaxChunks || first > limit || last_samples < 1 ||
      last_samples > kChunk) {
    value_error("chunks must be from 1 to 65536, and the last one must have some samples");
  }
  return {first, count, last_samples};
}

NanPolicy policy_of(int policy) {
  if (policy < 0 || policy >= static_cast<int>(NanPolicy::kCount))
    value_error("unknown nan_policy");
  return static_cast<NanPolicy>(policy);
}

template <class T>
std::uint64_t estimate_expression(ChunkTree& tree, const Source<T>& source, const Expression<T>& f,
                                  std::uint64_t first, std::uint64_t count, Index last_samples,
                                  int policy) {
  const ChunkRange range = range_of(first, count, last_samples);
  for (const Index j : f.columns()) {
    if (j >= source.dim()) value_error("the source must have every column of the expression");
  }
  if (tree.outputs() != Index(f.outputs().size())) value_error("tree must have f's outputs");
  const NanPolicy nan_policy = policy_of(policy);
  const ExpressionIntegrand<T> integrand(source, f);
  ReleaseGil release;
  return estimate(integrand, range, nan_policy, tree);
}

template <class T>
std::uint64_t estimate_network(ChunkTree& tree, const Source<T>& source, NetworkObject<T>& network,
                               std::uint64_t first, std::uint64_t count, Index last_samples,
                               int policy) {
  const ChunkRange range = range_of(first, count, last_samples);
  const Network<T>& f = network.network();
  if (source.dim() != f.in_features()) value_error("the source must have the network's features");
  if (tree.outputs() != f.out_features()) value_error("tree must have the network's outputs");
  const NanPolicy nan_policy = policy_of(policy);
  const Use use(network.users, false);
  const NetworkIntegrand<T> integrand(source, f);
  ReleaseGil release;
  return estimate(integrand, range, nan_policy, tree);
}

// A function by its address: what signature it has is the caller's word.
std::uint64_t estimate_callback(ChunkTree& tree, const Source<double>& source, int kind,
                                std::uintptr_t function, std::uintptr_t data, std::uint64_t first,
                                std::uint64_t count, Index last_samples, int policy) {
  const ChunkRange range = range_of(first, count, last_samples);
  if (kind < 0 || kind >= static_cast<int>(Callback::Kind::kCount) || function == 0) {
    value_error("kind and function must be those of a C function");
  }
  if (tree.outputs() != 1) value_error("tree must have one output");
  const NanPolicy nan_policy = policy_of(policy);
  const CallbackIntegrand integrand(
      source, {static_cast<Callback::Kind>(kind), reinterpret_cast<void*>(function),
               reinterpret_cast<void*>(data)});
  ReleaseGil release;
  return estimate(integrand, range, nan_policy, tree);
}

// Chunks of values that are there already, a row for each output.
template <class T>
std::uint64_t estimate_array(ChunkTree& tree, const py::array& values, std::uint64_t first,
                             int policy) {
  require_ndim(values, "values", 2);
  const Index n = values.shape(1);
  const T* p = input<T>(values, "values", {tree.outputs(), n});
  if (n < 1) value_error("values must not be empty");
  const Index chunks = (n + kChunk - 1) / kChunk;
  const ChunkRange range =
      range_of(first, static_cast<std::uint64_t>(chunks), n - (chunks - 1) * kChunk);
  const NanPolicy nan_policy = policy_of(policy);
  const ArrayIntegrand<T> integrand(p, first * std::uint64_t(kChunk), 1, n, tree.outputs());
  ReleaseGil release;
  return estimate(integrand, range, nan_policy, tree);
}

// ---- trees as arrays ----

constexpr Index kFields = sizeof(Moments) / sizeof(double);

template <class Nodes>
py::tuple arrays_of(const ChunkTree& tree, const Nodes& nodes) {
  const Index n = static_cast<Index>(nodes.size());
  py::array numbers = new_array<std::uint64_t>({n, 4});
  py::array moments = new_array<double>({n, tree.outputs(), kFields});
  py::array products = new_array<double>({n, tree.products()});
  auto* pn = static_cast<std::uint64_t*>(numbers.mutable_data());
  auto* pm = static_cast<double*>(moments.mutable_data());
  auto* pc = static_cast<double*>(products.mutable_data());
  py::array spreads = new_array<double>({n, tree.outputs(), kSpreads, 3});
  auto* ps = static_cast<double*>(spreads.mutable_data());
  for (const auto& [key, node] : nodes) {
    *pn++ = static_cast<std::uint64_t>(node.level);
    *pn++ = node.index;
    *pn++ = node.samples;
    *pn++ = node.rejected;
    for (const Moments& m : node.moments) {
      pm = std::copy_n(&m.n, kFields, pm);
    }
    pc = std::copy(node.products.begin(), node.products.end(), pc);
    for (const Spread& s : node.spreads) ps = std::copy_n(&s.n, 3, ps);
  }
  return py::make_tuple(numbers, moments, products, spreads);
}

void add_arrays(ChunkTree& tree, const py::array& numbers, const py::array& moments,
                const py::array& products, const py::array& spreads, bool history) {
  require_ndim(numbers, "numbers", 2);
  const Index n = numbers.shape(0);
  const auto* pn = input<std::uint64_t>(numbers, "numbers", {n, 4});
  const auto* pm = input<double>(moments, "moments", {n, tree.outputs(), kFields});
  const auto* pc = input<double>(products, "products", {n, tree.products()});
  const auto* ps = input<double>(spreads, "spreads", {n, tree.outputs(), kSpreads, 3});
  for (Index i = 0; i < n; ++i, pn += 4) {
    ChunkNode node;
    if (pn[0] > 51 || pn[1] >> (51 - pn[0]) != 0 || pn[2] < 1 ||
        pn[2] > std::uint64_t(kChunk) << pn[0] || pn[3] > pn[2]) {
      value_error("numbers must be those of nodes");
    }
    node.level = static_cast<int>(pn[0]);
    node.index = pn[1];
    node.samples = pn[2];
    node.rejected = pn[3];
    for (Index o = 0; o < tree.outputs(); ++o, pm += kFields) {
      node.moments.push_back({pm[0], pm[1], pm[2], pm[3], pm[4], pm[5], pm[6], pm[7]});
    }
    node.products.assign(pc, pc + tree.products());
    pc += tree.products();
    for (Index s = 0; s < kSpreads * tree.outputs(); ++s, ps += 3) {
      node.spreads.push_back({ps[0], ps[1], ps[2]});
    }
    if (history) {
      tree.add_history(std::move(node));
    } else if (!tree.add(std::move(node))) {
      value_error("some chunks are in both");
    }
  }
}

template <class T>
void bind_types(py::module_& m, const std::string& suffix) {
  py::class_<Expression<T>>(m, ("Expression_" + suffix).c_str(), "A function of samples.")
      .def(py::init(&make_expression<T>), py::arg("steps").noconvert(),
           py::arg("constants").noconvert(), py::arg("registers"), py::arg("columns"),
           py::arg("outputs"))
      .def("evaluate", &evaluate<T>, py::arg("x").noconvert(), py::arg("out").noconvert(),
           "out = its values at samples x, both with a row for each column.");
  py::class_<Source<T>>(m, ("Source_" + suffix).c_str(), "Where samples come from.")
      .def(py::init(&make_source<T>), py::arg("laws"), py::arg("keys"))
      .def("draw", &draw_columns<T>, py::arg("first"), py::arg("out").noconvert(),
           "Fill out's rows with the columns of samples first, first + 1, ...");
  m.def(("estimate_network_" + suffix).c_str(), &estimate_network<T>, py::arg("tree"),
        py::arg("source"), py::arg("network"), py::arg("first"), py::arg("count"),
        py::arg("last_samples"), py::arg("policy"), "The same for a network.");
  m.def(("estimate_array_" + suffix).c_str(), &estimate_array<T>, py::arg("tree"),
        py::arg("values").noconvert(), py::arg("first"), py::arg("policy"),
        "The same for values that are there already.");
  m.def(("estimate_" + suffix).c_str(), &estimate_expression<T>, py::arg("tree"), py::arg("source"),
        py::arg("expression"), py::arg("first"), py::arg("count"), py::arg("last_samples"),
        py::arg("policy"), "Add chunks to the tree; return the first bad sample or 2**64 - 1.");
}

}  // namespace

void bind_estimator(py::module_& m) {
  py::list names;
  for (const char* name : kOps) names.append(name);
  m.attr("EXPRESSION_OPS") = py::tuple(names);
  m.attr("CHUNK") = kChunk;
  m.attr("MOMENT_FIELDS") = kFields;
  m.attr("MAX_CHUNKS") = kMaxChunks;
  py::class_<ChunkTree>(m, "ChunkTree", "Moments of numbered chunks of samples.")
      .def(py::init<Index, bool>(), py::arg("outputs"), py::arg("cross"))
      .def_property_readonly("outputs", &ChunkTree::outputs)
      .def_property_readonly("cross", &ChunkTree::cross)
      .def("drop_unfinished", &ChunkTree::drop_unfinished)
      .def("nodes", [](const ChunkTree& t) { return arrays_of(t, t.nodes()); })
      .def("history", [](const ChunkTree& t) { return arrays_of(t, t.history()); })
      .def("add", &add_arrays, py::arg("numbers").noconvert(), py::arg("moments").noconvert(),
           py::arg("products").noconvert(), py::arg("spreads").noconvert(),
           py::arg("history") = false);
  bind_types<float>(m, "f32");
  bind_types<double>(m, "f64");
  m.def("estimate_callback", &estimate_callback, py::arg("tree"), py::arg("source"),
        py::arg("kind"), py::arg("function"), py::arg("data"), py::arg("first"), py::arg("count"),
        py::arg("last_samples"), py::arg("policy"), "The same for a C function by its address.");
  m.def(
      "total",
      [](const py::list& list) {
        const auto trees = list.cast<std::vector<ChunkTree*>>();
        if (trees.empty()) value_error("trees must not be empty");
        ChunkNode sum = trees[0]->total();
        for (std::size_t i = 1; i < trees.size(); ++i) {
          if (trees[i]->outputs() != trees[0]->outputs() ||
              trees[i]->cross() != trees[0]->cross()) {
            value_error("trees must be of the same kind");
          }
          trees[0]->join(sum, trees[i]->total());
        }
        return arrays_of(*trees[0], std::map<int, ChunkNode>{{0, std::move(sum)}});
      },
      py::arg("trees"), "All nodes of these trees, merged in order.");
}

}  // namespace fastnet
