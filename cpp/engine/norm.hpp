// Layer and batch normalisation over threads.
#pragma once

#include "dispatch/norm.hpp"

namespace fastnet {

// One pass over the rows takes so much an element.
constexpr double kNormNanoseconds = 0.3;

// y of all rows; mean and rstd (one for each row) are scratch of the call.
template <class T>
void layer_norm_forward(NormArgs<T> args);
// dx (unless out is null) and the sums dweight and dbias, with statistics taken again from x.
template <class T>
void layer_norm_backward(NormArgs<T> args);

// y of all rows with the batch's statistics, updating the running ones, or with the running ones.
template <class T>
void batch_norm_forward(NormArgs<T> args, bool training);
// dx (unless out is null) and the sums dweight and dbias; `training`: with the batch's statistics,
// taken again from x, through which dx has a part too, else with the running ones.
template <class T>
void batch_norm_backward(NormArgs<T> args, bool training);

}  // namespace fastnet
