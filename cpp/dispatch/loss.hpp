// Losses over rows: what a loss is, what rows it gets, and the one kernel that computes them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fastnet {

// x is the input, t the target, l the loss of a row or element, g the gradient dl/dx.
enum class Loss : int {
  // Row of logits x, class y = index, weights w (1 without class_weight), C classes, e smoothing:
  //   l = (1 - e) w_y L(y) + e / C sum_c w_c L(c),    L(c) = log sum_k exp(x_k) - x_c
  kCrossEntropy,
  // Row of logits x, class probabilities t:  l = sum_c w_c q_c L(c),  q_c = (1 - e) t_c + e / C
  kCrossEntropyProbabilities,
  // Row of log-probabilities x, class y:  l = -w_y x_y
  kNll,
  // Element, weight w, pos_weight p:
  //   l = w ((1 - t) x + (1 + (p - 1) t) log(1 + exp(-x))),  g = w ((1 - t + p t) sigmoid(x) - p t)
  kBinaryCrossEntropyWithLogits,
  kMse,       // l = (x - t)^2
  kL1,        // l = |x - t|, g = sign(x - t)
  kSmoothL1,  // l = (x - t)^2 / (2 beta) where |x - t| < beta, else |x - t| - beta / 2
  kHuber,     // l = (x - t)^2 / 2 where |x - t| < beta, else beta (|x - t| - beta / 2)
  kCount
};

enum class Reduction : int { kNone, kMean, kSum, kCount };

// Whether a row's target is a class number.
constexpr bool has_index_target(Loss kind) {
  return kind == Loss::kCrossEntropy || kind == Loss::kNll;
}
// Whether the loss is one of elements (else of rows).
constexpr bool is_elementwise(Loss kind) { return kind >= Loss::kBinaryCrossEntropyWithLogits; }

// What a loss is called with; fields a kind has no use for are ignored.
template <class T>
struct LossSpec {
  Loss kind = Loss::kMse;
  Reduction reduction = Reduction::kMean;
  double label_smoothing = 0.0;      // 0 <= label_smoothing <= 1
  double beta = 1.0;                 // smooth_l1's beta (0: l1), huber's delta
  std::int64_t ignore_index = -100;  // rows of this class count nothing
  const T* class_weight = nullptr;   // null, or one per class
};

// How many terms a row has.
template <class T>
constexpr std::ptrdiff_t terms_per_row(const LossSpec<T>& spec, std::ptrdiff_t columns) {
  return is_elementwise(spec.kind) && spec.reduction == Reduction::kNone ? columns : 1;
}

// Rows to compute. `per element` arrays are row-major, their rows the given distance apart; the
// distance 0 repeats one row.
template <class T>
struct LossRows {
  std::ptrdiff_t rows = 0, columns = 0;
  const T* input = nullptr;
  std::ptrdiff_t input_row = 0;
  const std::int64_t* index = nullptr;  // has_index_target: one per row
  const T* target = nullptr;            // the others: per element
  std::ptrdiff_t target_row = 0;
  const T* weight = nullptr;  // bce: null, or per element
  std::ptrdiff_t weight_row = 0;
  const T* pos_weight = nullptr;  // bce: null, or per element
  std::ptrdiff_t pos_weight_row = 0;
  const T* sample_weight = nullptr;  // null, or s, one per row (else s = 1)

  // Null, or where to write terms: s l of each row, an elementwise loss's l being summed over the
  // row's elements (in the order of a row's sum, dispatch/softmax.hpp, but with block sums in
  // double). With an elementwise loss and Reduction::kNone: s l of each element, rows `columns`
  // apart.
  T* loss = nullptr;
  // Null, or where to write the gradient of the terms times `factor`, and times `dloss` if that is
  // not null (laid out as `loss` is). May equal input with input_row == dinput_row.
  T* dinput = nullptr;
  std::ptrdiff_t dinput_row = 0;
  T factor = T(1);
  const T* dloss = nullptr;
};

template <class T>
struct LossKernels {
  // Terms and gradients of all rows in one pass. A row's results depend on that row alone. An index
  // outside [0, columns) is treated as ignore_index: terms 0, gradient 0 * factor.
  void (*rows)(const LossSpec<T>& spec, const LossRows<T>& args) noexcept;
};

}  // namespace fastnet
