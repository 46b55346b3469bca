// Losses: from rows to a value and a gradient.
//
// A caller with rows of its own (the trainer) does, with `all` describing the whole batch:
//
//   1. for the whole batch:
//        check_targets(spec, all, &row)               false: targets[row] is no class
//        const double d = loss_denominator(spec, all);  d == 0 with kMean: nothing counts
//        all.factor = loss_factor<T>(d);              times a scale of the caller's, if any
//   2. for rows [begin, end), as soon as their logits are there:
//        kernels().of<T>().loss.rows(spec, rows_of(spec, all, begin, end));
//      which writes all.loss[begin .. end) and rows [begin, end) of all.dinput (complete: already
//      times s w / d). input and dinput may be one buffer. No memory is needed.
//   3. when all rows are done:
//        loss_value(all.loss, all.rows, d)            T; non-finite: skip the update
//
// Threads share out the rows of step 2. Steps 1 and 3 are the same on whichever thread: all of the
// trainer's do them for themselves, inside its region, but for check_targets, which is done once
// for all of the data.
// Step 1 reads only index, sample_weight, rows, columns and class_weight. loss_forward and
// loss_backward do the same steps for a whole array, so that eager and fused results have the same
// bits. spec.reduction must be kMean or kSum (kNone is for loss_forward and loss_backward).
#pragma once

#include "dispatch/dispatch.hpp"
#include "engine/reduce.hpp"

namespace fastnet {

using Index = std::ptrdiff_t;

// What the sum of terms is divided by. kSum and kNone: 1. kMean:
//   class targets                sum of s_i w_y(i) over the rows that are not ignored
//   class probabilities          sum of s_i                  (the number of rows without s)
//   elementwise                  columns * sum of s_i
// Computed in double, in row order.
template <class T>
double loss_denominator(const LossSpec<T>& spec, const LossRows<T>& all) noexcept;

// dloss / denominator, rounded once: the factor of every row's gradient.
template <class T>
T loss_factor(double denominator, T dloss = T(1)) noexcept {
  return static_cast<T>(static_cast<double>(dloss) / denominator);
}

// sum(terms) / denominator in double, rounded to T. NaN if the denominator is 0 and so is the sum.
template <class T>
T loss_value(const T* terms, Index rows, double denominator) noexcept {
  return static_cast<T>(sum(terms, rows) / denominator);
}

// Whether every class number is ignore_index or in [0, columns); if not, *row is the first bad one.
template <class T>
bool check_targets(const LossSpec<T>& spec, const LossRows<T>& all, Index* row) noexcept;

// Rows [begin, end) of `all`.
template <class T>
LossRows<T> rows_of(const LossSpec<T>& spec, const LossRows<T>& all, Index begin,
                    Index end) noexcept {
  LossRows<T> part = all;
  const Index terms = begin * terms_per_row(spec, all.columns);
  part.rows = end - begin;
  part.input += begin * all.input_row;
  if (all.index) part.index += begin;
  if (all.target) part.target += begin * all.target_row;
  if (all.weight) part.weight += begin * all.weight_row;
  if (all.pos_weight) part.pos_weight += begin * all.pos_weight_row;
  if (all.sample_weight) part.sample_weight += begin;
  if (all.dinput) part.dinput += begin * all.dinput_row;
  if (all.loss) part.loss += terms;
  if (all.dloss) part.dloss += terms;
  return part;
}

// Terms of all rows into all.loss, on a team of threads; with kMean and kSum returns the value.
template <class T>
T loss_forward(const LossSpec<T>& spec, const LossRows<T>& all) noexcept;

// The gradient with respect to the input into all.dinput, on a team of threads. kMean and kSum:
// `dloss` is the gradient of the value; kNone: all.dloss those of the terms.
template <class T>
void loss_backward(const LossSpec<T>& spec, LossRows<T> all, T dloss) noexcept;

}  // namespace fastnet
