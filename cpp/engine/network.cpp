// What each layer computes, forward and back.
#include "engine/network.hpp"

#include <algorithm>

#include "engine/dropout.hpp"

namespace fastnet {

template <class T>
Network<T>::Network(std::vector<Layer<T>> layers)
    : layers_(std::move(layers)), transposed_(layers_.size()) {
  for (const Layer<T>& layer : layers_) {
    max_features_ = std::max({max_features_, layer.in, layer.out});
    if (layer.kind != LayerKind::kLinear) continue;
    weight_elements_ += layer.in * layer.out;
    flops_per_row_ += 2.0 * static_cast<double>(layer.in) * static_cast<double>(layer.out);
  }
}

template <class T>
void Network<T>::allocate_transposed() {
  Index size = 0;
  for (std::size_t l = 1; l < layers_.size(); ++l) {
    if (layers_[l].kind != LayerKind::kLinear) continue;
    transposed_[l] = {size, padded_row<T>(layers_[l].in)};
    size += round_up(transposed_[l].row * layers_[l].out, 16);
  }
  if (size == 0 || transposed_memory_.bytes() > 0) return;
  transposed_memory_.reserve(size * static_cast<Index>(sizeof(T)));
  transposed_memory_.clear();
}

template <class T>
void Network<T>::refresh_transposed(const Kernels& table, std::size_t l, Index i0,
                                    Index i1) const noexcept {
  const Layer<T>& layer = layers_[l];
  T* copy = transposed_memory_.as<T>() + transposed_[l].offset;
  table.template of<T>().product.transpose(layer.weight + i0 * layer.weight_row, i1 - i0, layer.out,
                                           layer.weight_row, copy + i0, transposed_[l].row);
}

template <class T>
const T* Network<T>::input(const Pass<T>& pass, std::size_t l, Index* row) const noexcept {
  if (l == 0) {
    *row = pass.x_row;
    return pass.x;
  }
  *row = (*pass.layers)[l - 1].row;
  return (*pass.layers)[l - 1].y;
}

// Forward and backward are one operation with one mask.
template <class T>
DropoutArgs<T> Network<T>::dropout_args(const Pass<T>& pass, std::size_t l, Index first_row,
                                        Index rows, const T* x, Index x_row, T* y,
                                        Index y_row) const noexcept {
  DropoutArgs<T> args{};
  args.key = (*pass.layers)[l].key;
  args.ticket = (*pass.layers)[l].ticket;
  set_probability(pass.training ? layers_[l].p : 0.0, &args);
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
  const LayerArrays<T>& arrays = (*pass.layers)[l];
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
      if (!separate) return;
      if (range.c0 == 0 && range.c1 == layer.out) {
        kernels.activation.forward(layer.act, z, y, rows * arrays.row);
        return;
      }
      for (Index i = 0; i < rows; ++i) {
        kernels.activation.forward(layer.act, z + i * arrays.row + range.c0,
                                   y + i * arrays.row + range.c0, range.c1 - range.c0);
      }
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
    case LayerKind::kCount:
      return;
  }
}

template <class T>
void Network<T>::backward_activation(const Pass<T>& pass, std::size_t l, Index r0,
                                     Index r1) const noexcept {
  const Layer<T>& layer = layers_[l];
  if (layer.kind != LayerKind::kLinear || layer.act.kind == Activation::kIdentity) return;
  const LayerArrays<T>& arrays = (*pass.layers)[l];
  const T* s = derivative_from_output(layer.act.kind) ? arrays.y : arrays.z;
  T* d = arrays.d + r0 * arrays.row;
  // Whole rows: the padding of d is zero and stays so, since derivatives are finite.
  pass.table->template of<T>().activation.backward(layer.act, d, s + r0 * arrays.row, d,
                                                   (r1 - r0) * arrays.row);
}

template <class T>
void Network<T>::backward_input(const Pass<T>& pass, std::size_t l, Range range,
                                T* scratch) const noexcept {
  const Layer<T>& layer = layers_[l];
  const LayerArrays<T>& arrays = (*pass.layers)[l];
  const LayerArrays<T>& before = (*pass.layers)[l - 1];
  const auto& kernels = pass.table->template of<T>();
  const Index rows = range.r1 - range.r0;
  const T* d = arrays.d + range.r0 * arrays.row;
  T* dx = before.d + range.r0 * before.row;
  switch (layer.kind) {
    case LayerKind::kLinear: {
      ProductArgs<T> args{};
      args.m = rows;
      args.n = range.c1 - range.c0;
      args.k = layer.out;
      args.a = d;
      args.a_row = arrays.row;
      args.a_k = 1;
      args.b = transposed_memory_.as<T>() + transposed_[l].offset + range.c0;
      args.b_row = transposed_[l].row;
      args.b_padded = true;
      args.c = dx + range.c0;
      args.c_row = before.row;
      args.scratch = scratch;
      kernels.product.product(args);
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
    case LayerKind::kCount:
      return;
  }
}

template <class T>
void Network<T>::backward_weight(const Pass<T>& pass, std::size_t l, Index batch, Index i0,
                                 Index i1, T* dw, T* scratch) const noexcept {
  const Layer<T>& layer = layers_[l];
  const LayerArrays<T>& arrays = (*pass.layers)[l];
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
void Network<T>::backward_bias(const Pass<T>& pass, std::size_t l, Index batch,
                               T* db) const noexcept {
  const LayerArrays<T>& arrays = (*pass.layers)[l];
  pass.table->template of<T>().product.column_sum(arrays.d, batch, layers_[l].out, arrays.row, db);
}

template class Network<float>;
template class Network<double>;

}  // namespace fastnet
