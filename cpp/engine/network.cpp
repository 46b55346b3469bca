// What each layer computes, forward and back.
#include "engine/network.hpp"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "engine/dropout.hpp"
#include "engine/elementwise.hpp"
#include "engine/linear.hpp"
#include "engine/norm.hpp"
#include "engine/softmax.hpp"

namespace fastnet {
namespace {

// A linear layer's activation, from z to y.
template <class T>
void activate(const Kernels& table, const Layer<T>& layer, const LayerArrays<T>& arrays,
              Range range) noexcept {
  const auto forward = table.template of<T>().activation.forward;
  const Index rows = range.r1 - range.r0, first = range.r0 * arrays.row;
  if (range.c0 == 0 && range.c1 == layer.out) {
    return forward(layer.act, arrays.z + first, arrays.y + first, rows * arrays.row);
  }
  for (Index i = 0; i < rows; ++i) {
    const Index begin = first + i * arrays.row + range.c0;
    forward(layer.act, arrays.z + begin, arrays.y + begin, range.c1 - range.c0);
  }
}

// Floating-point operations that a thread does in a nanosecond, about half of the peak; those of
// quantized weights count as what they are quicker.
constexpr double kFlopsPerNanosecond = 50.0;

// What a row takes forward on one thread: of layers without weights what the functions of the same
// name say.
template <class T>
double nanoseconds(const Layer<T>& layer) noexcept {
  const double n = static_cast<double>(layer.out);
  switch (layer.kind) {
    case LayerKind::kLinear: {
      const Precision precision = layer.packed.precision;
      const Index speed = precision == Precision::kFloat ? 1 : group_size(precision);
      const double flops = 2.0 * static_cast<double>(layer.in) * n / static_cast<double>(speed);
      const bool fused =
          layer.act.kind == Activation::kIdentity || layer.act.kind == Activation::kRelu;
      return flops / kFlopsPerNanosecond + (fused ? 0.0 : n * activation_cost<T>(layer.act.kind));
    }
    case LayerKind::kActivation:
      return n * activation_cost<T>(layer.act.kind);
    case LayerKind::kDropout:
      return n * kDropoutNanoseconds;
    case LayerKind::kSoftmax:
    case LayerKind::kLogSoftmax:
      return kSoftmaxRowNanoseconds + n * kSoftmaxNanoseconds;
    case LayerKind::kLayerNorm:
      return n * 3 * kNormNanoseconds;
    case LayerKind::kBatchNorm:
      return n * kNormNanoseconds;
    case LayerKind::kCount:
      break;
  }
  return 0.0;
}

}  // namespace

template <class T>
Network<T>::Network(std::vector<Layer<T>> layers) : layers_(std::move(layers)) {
  for (const Layer<T>& layer : layers_) {
    max_features_ = std::max({max_features_, layer.in, layer.out});
    has_batch_norm_ = has_batch_norm_ || layer.kind == LayerKind::kBatchNorm;
    nanoseconds_per_row_ += nanoseconds(layer);
    if (layer.kind != LayerKind::kLinear) continue;
    weight_elements_ += layer.in * layer.out;
    gradient_elements_ = std::max(gradient_elements_, input_gradient_elements(layer.out, layer.in));
    is_quantized_ = is_quantized_ || layer.packed.precision != Precision::kFloat;
  }
}

template <class T>
Index Network<T>::scratch_bytes(Index rows) const noexcept {
  Index bytes = kProductScratchBytes;
  for (const Layer<T>& layer : layers_) {
    const Precision precision = layer.packed.precision;
    if (precision == Precision::kFloat) continue;
    bytes = std::max(bytes, quantized_scratch_bytes(precision, rows, layer.in));
  }
  return bytes;
}

template <class T>
const T* Network<T>::input(const Pass<T>& pass, std::size_t l, Index* row) const noexcept {
  if (l == 0) {
    *row = pass.x_row;
    return pass.x;
  }
  *row = pass.layers[l - 1].row;
  return pass.layers[l - 1].y;
}

// Forward and backward are one operation with one mask.
template <class T>
DropoutArgs<T> Network<T>::dropout_args(const Pass<T>& pass, std::size_t l, Index first_row,
                                        Index rows, const T* x, Index x_row, T* y,
                                        Index y_row) const noexcept {
  DropoutArgs<T> args{};
  args.key = pass.layers[l].key;
  args.ticket = pass.layers[l].ticket;
  set_probability(trains(pass, l) ? layers_[l].p : 0.0, &args);
  args.first_row = first_row;
  args.rows = rows;
  args.cols = layers_[l].out;
  args.x = x;
  args.x_row = x_row;
  args.y = y;
  args.y_row = y_row;
  return args;
}

template <class T>
void Network<T>::forward(const Pass<T>& pass, std::size_t l, Range range,
                         T* scratch) const noexcept {
  const Layer<T>& layer = layers_[l];
  const LayerArrays<T>& arrays = pass.layers[l];
  const auto& kernels = pass.table->template of<T>();
  Index x_row;
  const T* x = input(pass, l, &x_row);
  x += range.r0 * x_row;
  const Index rows = range.r1 - range.r0;
  T* y = arrays.y + range.r0 * arrays.row;
  switch (layer.kind) {
    case LayerKind::kLinear: {
      const bool relu = layer.act.kind == Activation::kRelu;
      const bool separate = !relu && layer.act.kind != Activation::kIdentity;
      T* z = separate ? arrays.z + range.r0 * arrays.row : y;
      if constexpr (std::is_same_v<T, float>) {
        if (layer.packed.data) {
          quantized_forward(*pass.table, layer.packed, layer.in, x, x_row, rows, range.c0, range.c1,
                            z, arrays.row, relu, scratch);
          if (separate) activate(*pass.table, layer, arrays, range);
          return;
        }
      }
      ProductArgs<T> args{};
      args.m = rows;
      args.n = range.c1 - range.c0;
      args.k = layer.in;
      args.a = x;
      args.a_row = x_row;
      args.a_k = 1;
      args.b = layer.weight + range.c0;
      args.b_row = layer.weight_row;
      args.b_padded = true;
      args.c = z + range.c0;
      args.c_row = arrays.row;
      args.bias = layer.bias ? layer.bias + range.c0 : nullptr;
      args.relu = relu;
      args.scratch = scratch;
      kernels.product.product(args);
      if (separate) activate(*pass.table, layer, arrays, range);
      return;
    }
    case LayerKind::kActivation:
      for (Index i = 0; i < rows; ++i) {
        kernels.activation.forward(layer.act, x + i * x_row, y + i * arrays.row, layer.out);
      }
      return;
    case LayerKind::kDropout: {
      kernels.dropout.dropout(dropout_args(pass, l, range.r0, rows, x, x_row, y, arrays.row));
      return;
    }
    case LayerKind::kSoftmax:
      kernels.softmax.softmax(x, x_row, y, arrays.row, rows, layer.out);
      return;
    case LayerKind::kLogSoftmax:
      kernels.softmax.log_softmax(x, x_row, y, arrays.row, rows, layer.out);
      return;
    case LayerKind::kLayerNorm:
      kernels.norm.layer_norm(norm_args(pass, l, range.r0, rows, 0, layer.out));
      return;
    case LayerKind::kBatchNorm:
      kernels.norm.batch_norm(norm_args(pass, l, range.r0, rows, 0, layer.out));
      return;
    case LayerKind::kCount:
      return;
  }
}

// What the norms' kernels take for rows [r0, r0 + rows) and columns [c0, c1); out is y.
template <class T>
NormArgs<T> Network<T>::norm_args(const Pass<T>& pass, std::size_t l, Index r0, Index rows,
                                  Index c0, Index c1) const noexcept {
  const Layer<T>& layer = layers_[l];
  const LayerArrays<T>& arrays = pass.layers[l];
  const bool by_row = layer.kind == LayerKind::kLayerNorm;
  NormArgs<T> args;
  args.rows = rows;
  args.n = c1 - c0;
  args.x = input(pass, l, &args.x_row);
  args.x += r0 * args.x_row + c0;
  args.out = arrays.y + r0 * arrays.row + c0;
  args.out_row = arrays.row;
  if (layer.weight) args.weight = layer.weight + c0;
  if (layer.bias) args.bias = layer.bias + c0;
  args.eps = static_cast<T>(layer.eps);
  T* const mean = by_row || trains(pass, l) ? arrays.mean : layer.running_mean;
  args.mean = mean + (by_row ? r0 : c0);
  args.rstd = arrays.rstd + (by_row ? r0 : c0);
  args.dy = arrays.d ? arrays.d + r0 * arrays.row + c0 : nullptr;
  args.dy_row = arrays.row;
  if (by_row) return args;
  args.momentum = static_cast<T>(layer.momentum);
  args.running_mean = layer.running_mean + c0;
  args.running_var = layer.running_var + c0;
  if (arrays.sums) {
    args.dweight = arrays.sums + c0;
    args.dbias = arrays.sums + arrays.row + c0;
  }
  return args;
}

template <class T>
void Network<T>::batch_statistics(const Pass<T>& pass, std::size_t l, Index batch, Index c0,
                                  Index c1) const noexcept {
  const auto& norm = pass.table->template of<T>().norm;
  const NormArgs<T> args = norm_args(pass, l, 0, batch, c0, c1);
  trains(pass, l) ? norm.batch_statistics(args) : norm.batch_running_rstd(args);
}

template <class T>
void Network<T>::batch_sums(const Pass<T>& pass, std::size_t l, Index batch, Index c0,
                            Index c1) const noexcept {
  pass.table->template of<T>().norm.batch_norm_sums(norm_args(pass, l, 0, batch, c0, c1));
}

template <class T>
void Network<T>::backward_activation(const Pass<T>& pass, std::size_t l, Index r0,
                                     Index r1) const noexcept {
  const Layer<T>& layer = layers_[l];
  if (layer.kind != LayerKind::kLinear || layer.act.kind == Activation::kIdentity) return;
  const LayerArrays<T>& arrays = pass.layers[l];
  const T* s = derivative_from_output(layer.act.kind) ? arrays.y : arrays.z;
  T* d = arrays.d + r0 * arrays.row;
  // Whole rows: the padding of d is zero and stays so, since derivatives are finite.
  pass.table->template of<T>().activation.backward(layer.act, d, s + r0 * arrays.row, d,
                                                   (r1 - r0) * arrays.row);
}

template <class T>
void Network<T>::backward_input(const Pass<T>& pass, std::size_t l, Index batch, Range range,
                                T* scratch) const noexcept {
  const Layer<T>& layer = layers_[l];
  const LayerArrays<T>& arrays = pass.layers[l];
  const LayerArrays<T>& before = pass.layers[l - 1];
  const auto& kernels = pass.table->template of<T>();
  const Index rows = range.r1 - range.r0;
  const T* d = arrays.d + range.r0 * arrays.row;
  T* dx = before.d + range.r0 * before.row;
  switch (layer.kind) {
    case LayerKind::kLinear: {
      const T* w = layer.weight + range.c0 * layer.weight_row;
      input_gradient(*pass.table, rows, layer.out, range.c1 - range.c0, d, arrays.row, w,
                     layer.weight_row, dx + range.c0, before.row,
                     scratch + kProductScratchBytes / Index(sizeof(T)));
      return;
    }
    case LayerKind::kActivation: {
      const T* s = derivative_from_output(layer.act.kind) ? arrays.y : before.y;
      const Index s_row = derivative_from_output(layer.act.kind) ? arrays.row : before.row;
      s += range.r0 * s_row;
      for (Index i = 0; i < rows; ++i) {
        kernels.activation.backward(layer.act, d + i * arrays.row, s + i * s_row,
                                    dx + i * before.row, layer.out);
      }
      return;
    }
    case LayerKind::kDropout: {
      kernels.dropout.dropout(dropout_args(pass, l, range.r0, rows, d, arrays.row, dx, before.row));
      return;
    }
    case LayerKind::kSoftmax:
    case LayerKind::kLogSoftmax: {
      // These kernels take dense rows: one at a time.
      const auto backward = layer.kind == LayerKind::kSoftmax
                                ? kernels.softmax.softmax_backward
                                : kernels.softmax.log_softmax_backward;
      for (Index i = 0; i < rows; ++i) {
        backward(d + i * arrays.row, arrays.y + (range.r0 + i) * arrays.row, dx + i * before.row, 1,
                 layer.out);
      }
      return;
    }
    case LayerKind::kLayerNorm:
    case LayerKind::kBatchNorm: {
      NormArgs<T> args = norm_args(pass, l, range.r0, rows, 0, layer.out);
      args.batch = trains(pass, l) ? batch : 0;
      args.out = dx;
      args.out_row = before.row;
      layer.kind == LayerKind::kLayerNorm ? kernels.norm.layer_norm_backward(args)
                                          : kernels.norm.batch_norm_backward(args);
      return;
    }
    case LayerKind::kCount:
      return;
  }
}

template <class T>
void Network<T>::backward_weight(const Pass<T>& pass, std::size_t l, Index batch, Index i0,
                                 Index i1, T* dw, T* scratch) const noexcept {
  const Layer<T>& layer = layers_[l];
  const LayerArrays<T>& arrays = pass.layers[l];
  Index x_row;
  const T* x = input(pass, l, &x_row);
  ProductArgs<T> args{};
  args.m = i1 - i0;
  args.n = layer.out;
  args.k = batch;
  args.a = x + i0;
  args.a_row = 1;
  args.a_k = x_row;
  args.b = arrays.d;
  args.b_row = arrays.row;
  args.b_padded = true;
  args.c = dw;
  args.c_row = layer.weight_row;
  args.scratch = scratch;
  pass.table->template of<T>().product.product(args);
}

template <class T>
void Network<T>::backward_vector(const Pass<T>& pass, std::size_t l, Index batch, bool is_bias,
                                 T* gradient, T* scratch) const noexcept {
  const Layer<T>& layer = layers_[l];
  const LayerArrays<T>& arrays = pass.layers[l];
  const auto& kernels = pass.table->template of<T>();
  if (layer.kind == LayerKind::kBatchNorm) {
    std::memcpy(gradient, arrays.sums + (is_bias ? arrays.row : 0),
                static_cast<std::size_t>(layer.out) * sizeof(T));
  } else if (layer.kind == LayerKind::kLayerNorm) {
    // The kernel sums both gradients: the one that is not asked for goes to scratch, a piece of
    // columns at a time.
    constexpr Index kPiece = 1024;
    static_assert(kPiece * Index(sizeof(T)) <= kProductScratchBytes);
    for (Index c = 0; c < layer.out; c += kPiece) {
      NormArgs<T> args = norm_args(pass, l, 0, batch, c, std::min(layer.out, c + kPiece));
      args.dweight = is_bias ? scratch : gradient + c;
      args.dbias = is_bias ? gradient + c : scratch;
      kernels.norm.layer_norm_sums(args);
    }
  } else {
    kernels.product.column_sum(arrays.d, batch, layer.out, arrays.row, gradient);
  }
}

template class Network<float>;
template class Network<double>;

}  // namespace fastnet
