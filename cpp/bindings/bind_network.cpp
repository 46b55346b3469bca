// Compiled networks: their layers and inference.
#include "bindings/bind.hpp"
#include "bindings/gil.hpp"
#include "bindings/network.hpp"
#include "engine/inference.hpp"

namespace fastnet {
namespace {

// A vector of a layer's dict, or null for None.
template <class T>
T* vector_of(const py::dict& d, const char* name, Index n, py::list& keep) {
  if (d[name].is_none()) return nullptr;
  auto array = d[name].cast<py::array>();
  keep.append(array);
  return output<T>(array, name, {n});
}

// A vector that belongs to packed weights, or null for None; kernels load whole registers of it.
template <class E>
const E* packed_vector(const py::dict& d, const char* name, Index n, py::list& keep) {
  if (d[name].is_none()) return nullptr;
  auto array = d[name].cast<py::array>();
  keep.append(array);
  return input<E>(array, name, {n});
}

// The quantized weights of a linear layer's dict.
template <class T>
PackedWeight packed_of(const py::dict& d, Index in, Index out, py::list& keep) {
  const int precision = d["precision"].cast<int>();
  PackedWeight w;
  w.precision = static_cast<Precision>(precision);
  if (!std::is_same_v<T, float> ||
      (w.precision != Precision::kBf16 && w.precision != Precision::kInt8)) {
    value_error("packed weights must be bf16 or int8, of a float32 network");
  }
  const bool int8 = w.precision == Precision::kInt8;
  constexpr Index limit = Index(1) << 30;
  if (in > limit || out > limit) value_error("a layer must not have so many features");
  if (int8 && in > kMaxInt8Depth) value_error("too many features for int8");
  const Index columns = padded_columns(out);
  w.data = packed_vector<std::uint8_t>(d, "packed", packed_bytes(w.precision, in, out), keep);
  w.scale = packed_vector<float>(d, "scale", columns, keep);
  w.offset = packed_vector<std::int32_t>(d, "offset", columns, keep);
  w.bias = packed_vector<float>(d, "bias", columns, keep);
  if (int8 != (w.scale != nullptr) || int8 != (w.offset != nullptr)) {
    value_error("int8 must have scale and offset, bf16 neither");
  }
  return w;
}

// A layer of a dict; its arrays stay alive as long as `keep` does.
template <class T>
Layer<T> layer_of(const py::dict& d, py::list& keep) {
  Layer<T> layer;
  const int kind = d["kind"].cast<int>();
  if (kind < 0 || kind >= static_cast<int>(LayerKind::kCount)) value_error("unknown layer kind");
  layer.kind = static_cast<LayerKind>(kind);
  layer.in = d["in_features"].cast<Index>();
  layer.out = d["out_features"].cast<Index>();
  const auto act = d["activation"].cast<std::tuple<int, double, double>>();
  if (std::get<0>(act) < 0 || std::get<0>(act) >= static_cast<int>(Activation::kCount)) {
    value_error("unknown activation");
  }
  layer.act = {static_cast<Activation>(std::get<0>(act)), std::get<1>(act), std::get<2>(act)};
  layer.training = d["training"].cast<bool>();
  layer.p = d["p"].cast<double>();
  if (layer.in < 1 || layer.out < 1) value_error("a layer must have features");
  if (layer.kind != LayerKind::kLinear) {
    if (layer.in != layer.out) value_error("a layer other than linear must keep its width");
    layer.eps = d["eps"].cast<double>();
    layer.momentum = d["momentum"].cast<double>();
    layer.weight = vector_of<T>(d, "weight", layer.out, keep);
    layer.bias = vector_of<T>(d, "bias", layer.out, keep);
    layer.running_mean = vector_of<T>(d, "running_mean", layer.out, keep);
    layer.running_var = vector_of<T>(d, "running_var", layer.out, keep);
    if (layer.kind == LayerKind::kBatchNorm && !(layer.running_mean && layer.running_var)) {
      value_error("batch norm must have running statistics");
    }
    return layer;
  }
  if (d.contains("packed")) {
    layer.packed = packed_of<T>(d, layer.in, layer.out, keep);
    return layer;
  }
  auto weight = d["weight"].cast<py::array>();
  require_shape(weight, "weight", {layer.out, layer.in});
  require_dtype<T>(weight, "weight");
  const Index size = static_cast<Index>(sizeof(T));
  layer.weight_row = weight.strides(1) / size;
  layer.weight = static_cast<T*>(weight.mutable_data());
  if (weight.strides(0) != size || layer.weight_row < layer.out || layer.weight_row % 16 != 0 ||
      reinterpret_cast<std::uintptr_t>(layer.weight) % kAlignment != 0) {
    value_error("weight must be the transpose of padded rows");
  }
  keep.append(weight);
  layer.bias = vector_of<T>(d, "bias", layer.out, keep);
  return layer;
}

}  // namespace

template <class T>
std::vector<Layer<T>> layers_of(const py::list& list, py::list& keep) {
  std::vector<Layer<T>> layers;
  for (const auto& item : list) layers.push_back(layer_of<T>(item.cast<py::dict>(), keep));
  if (layers.empty()) value_error("layers must not be empty");
  for (std::size_t l = 1; l < layers.size(); ++l) {
    if (layers[l - 1].out != layers[l].in) value_error("layers must fit each other");
  }
  return layers;
}

template <class T>
void NetworkObject<T>::predict(const py::array& x, py::array& out) {
  Index x_row;
  const T* px = rows(x, "x", network_.in_features(), &x_row);
  const Index n = x.shape(0);
  T* py = output<T>(out, "out", {n, network_.out_features()});
  require_no_overlap(out, "out", x, "x");
  if (overlaps_parameters(out)) value_error("out must not overlap the model's parameters");
  const Use use(users, false);
  ReleaseGil release;
  fastnet::predict(network_, px, x_row, n, py);
}

template <class T>
py::object NetworkObject<T>::direct(const py::handle& x, const py::handle& out) {
  if (!is_plain<T>(x)) return py::none();
  const auto a = py::reinterpret_borrow<py::array>(x);
  Matrix<T> m;
  if (a.ndim() != 2 || a.shape(1) != network_.in_features() || !read_matrix(a, &m) ||
      !m.unit_col()) {
    return py::none();
  }
  py::object result = direct_output<T>(out, {m.rows, network_.out_features()});
  if (!result) return py::none();
  auto y = py::reinterpret_borrow<py::array>(result);
  if (!out.is_none() && (overlap(y, a) || overlaps_parameters(y))) return py::none();
  T* py = static_cast<T*>(y.mutable_data());
  const Use use(users, false);
  {
    ReleaseGil release;
    fastnet::predict(network_, m.data, m.rows > 1 ? m.row : m.cols, m.rows, py);
  }
  return result;
}

template <class T>
bool NetworkObject<T>::overlaps_parameters(const py::array& a) const {
  for (const auto& parameter : keep_) {
    if (overlap(a, py::reinterpret_borrow<py::array>(parameter))) return true;
  }
  return false;
}

namespace {

template <class T>
void bind_types(py::module_& m, const std::string& suffix) {
  py::class_<NetworkObject<T>>(m, ("Network_" + suffix).c_str(), "Layers over flat parameters.")
      .def(py::init<const py::list&>(), py::arg("layers"))
      .def("predict", &NetworkObject<T>::predict, py::arg("x").noconvert(),
           py::arg("out").noconvert(), "out = network(x), evaluating.")
      .def("direct", &NetworkObject<T>::direct, py::arg("x"), py::arg("out"),
           "network(x) of a plain matrix, None for others.");
}

}  // namespace

void bind_network(py::module_& m) {
  m.attr("LAYER_LINEAR") = static_cast<int>(LayerKind::kLinear);
  m.attr("LAYER_ACTIVATION") = static_cast<int>(LayerKind::kActivation);
  m.attr("LAYER_DROPOUT") = static_cast<int>(LayerKind::kDropout);
  m.attr("LAYER_SOFTMAX") = static_cast<int>(LayerKind::kSoftmax);
  m.attr("LAYER_LOG_SOFTMAX") = static_cast<int>(LayerKind::kLogSoftmax);
  m.attr("LAYER_LAYER_NORM") = static_cast<int>(LayerKind::kLayerNorm);
  m.attr("PRECISION_BF16") = static_cast<int>(Precision::kBf16);
  m.attr("PRECISION_INT8") = static_cast<int>(Precision::kInt8);
  m.attr("MAX_INT8_DEPTH") = kMaxInt8Depth;
  m.attr("LAYER_BATCH_NORM") = static_cast<int>(LayerKind::kBatchNorm);
  bind_types<float>(m, "f32");
  bind_types<double>(m, "f64");
}

}  // namespace fastnet
