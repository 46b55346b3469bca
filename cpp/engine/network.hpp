// A compiled network: layers and their parameters, run on ranges of rows or columns.
//
// Network knows what a layer computes and where its operands lie; who computes what when (threads,
// phases, barriers) is decided by training.cpp and inference.cpp. Its layer functions are noexcept
// and allocate nothing, so they run inside a parallel region.
#pragma once

#include <cstdint>
#include <vector>

#include "core/buffer.hpp"
#include "dispatch/kernels.hpp"
#include "engine/quantized.hpp"

namespace fastnet {

using Index = std::ptrdiff_t;

enum class LayerKind : int {
  kLinear,
  kActivation,
  kDropout,
  kSoftmax,
  kLogSoftmax,
  kLayerNorm,
  kBatchNorm,
  kCount
};

// One layer. A linear layer's weight lies in memory as W = weight.T, (in, out) with rows
// `weight_row` apart, which may be read up to the next multiple of 64 bytes beyond column `out`.
template <class T>
struct Layer {
  LayerKind kind = LayerKind::kLinear;
  Index in = 0, out = 0;
  ActivationSpec act;   // of a linear layer: fused behind it
  T* weight = nullptr;  // of a norm: `out` elements, or null
  T* bias = nullptr;    // null where there is none
  Index weight_row = 0;
  bool training = true;  // dropout, batch norm: false where it is to be as in evaluation
  double p = 0.0;        // dropout
  double eps = 0.0, momentum = 0.0;  // norms
  T* running_mean = nullptr;         // batch norm
  T* running_var = nullptr;
  PackedWeight packed;  // of a quantized linear layer, in the place of weight and bias; float only
};

// Whether training keeps the sum before the activation beside the output.
template <class T>
bool keeps_sum(const Layer<T>& layer) {
  return layer.kind == LayerKind::kLinear && layer.act.kind != Activation::kIdentity &&
         !derivative_from_output(layer.act.kind);
}

// Where one layer's arrays of a batch lie: row-major, rows `row` apart, padding zero in d.
template <class T>
struct LayerArrays {
  Index row = 0;
  T* y = nullptr;  // output
  T* z = nullptr;  // what the activation's derivative is computed from: y, or the sum before it
  T* d = nullptr;  // gradient of y; once the activation is passed, of the sum before it
  std::uint64_t key = 0, ticket = 0;  // dropout
  T* mean = nullptr;                  // norms: of each row (layer norm) or column (batch norm)
  T* rstd = nullptr;
  T* sums = nullptr;  // batch norm in training: the gradients of weight and bias
};

// What a pass over a batch works on.
template <class T>
struct Pass {
  const Kernels* table;
  bool training;
  const T* x;  // input of the network, rows x_row apart
  Index x_row;
  LayerArrays<T>* layers;
};

// Rows [r0, r1) and columns [c0, c1).
struct Range {
  Index r0, r1, c0, c1;
};

template <class T>
class Network {
 public:
  explicit Network(std::vector<Layer<T>> layers);

  const std::vector<Layer<T>>& layers() const { return layers_; }
  std::size_t depth() const { return layers_.size(); }
  Index in_features() const { return layers_.front().in; }
  Index out_features() const { return layers_.back().out; }
  Index max_features() const { return max_features_; }
  // Roughly what one row takes forward on one thread.
  double nanoseconds_per_row() const { return nanoseconds_per_row_; }
  bool has_batch_norm() const { return has_batch_norm_; }
  // Whether a layer that has two modes works as in training.
  bool trains(const Pass<T>& pass, std::size_t l) const {
    return pass.training && layers_[l].training;
  }
  bool is_quantized() const { return is_quantized_; }
  // What forward's scratch must hold for `rows` rows.
  Index scratch_bytes(Index rows) const noexcept;
  // Elements of the weights.
  Index weight_elements() const { return weight_elements_; }
  Index gradient_elements() const { return gradient_elements_; }

  // y (and z) of layer l. A linear layer's columns may be split, the others need whole rows.
  void forward(const Pass<T>& pass, std::size_t l, Range range, T* scratch) const noexcept;
  // Batch norm: mean and rstd of columns [c0, c1) over the rows of the batch, which updates the
  // running ones; evaluating, from the running ones.
  void batch_statistics(const Pass<T>& pass, std::size_t l, Index batch, Index c0,
                        Index c1) const noexcept;
  // Batch norm: the gradients of weight and bias, columns [c0, c1), which dx needs.
  void batch_sums(const Pass<T>& pass, std::size_t l, Index batch, Index c0,
                  Index c1) const noexcept;
  // The step from the gradient of y to that of the sum before a linear layer's activation, in d.
  void backward_activation(const Pass<T>& pass, std::size_t l, Index r0, Index r1) const noexcept;
  // d of layer l - 1 for a part of a batch; columns are those of the layer's input. `scratch` has
  // kProductScratchBytes and then room for gradient_elements().
  void backward_input(const Pass<T>& pass, std::size_t l, Index batch, Range range,
                      T* scratch) const noexcept;
  // Gradient of rows [i0, i1) of W over the whole batch, to dw with W's row distance; padding is
  // not written.
  void backward_weight(const Pass<T>& pass, std::size_t l, Index batch, Index i0, Index i1, T* dw,
                       T* scratch) const noexcept;
  // Gradient of a vector, a bias or the weight of a norm, over the whole batch.
  void backward_vector(const Pass<T>& pass, std::size_t l, Index batch, bool is_bias, T* gradient,
                       T* scratch) const noexcept;

 private:
  DropoutArgs<T> dropout_args(const Pass<T>& pass, std::size_t l, Index first_row, Index rows,
                              const T* x, Index x_row, T* y, Index y_row) const noexcept;
  NormArgs<T> norm_args(const Pass<T>& pass, std::size_t l, Index r0, Index rows, Index c0,
                        Index c1) const noexcept;
  const T* input(const Pass<T>& pass, std::size_t l, Index* row) const noexcept;

  std::vector<Layer<T>> layers_;
  Index max_features_ = 0, weight_elements_ = 0, gradient_elements_ = 0;
  double nanoseconds_per_row_ = 0.0;
  bool has_batch_norm_ = false, is_quantized_ = false;
};

}  // namespace fastnet
