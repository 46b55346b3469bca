// The table of kernels: one function pointer per kernel, filled once per ISA level.
//
// Plain structs of pointers and sizes, so that a level's objects share nothing with another's.
// Every kernel allocates nothing, throws nothing, runs on the calling thread and touches only the
// memory it is given. Each topic's own header documents its kernels.
#pragma once

#include "dispatch/activation.hpp"
#include "dispatch/discrete.hpp"
#include "dispatch/dropout.hpp"
#include "dispatch/expression.hpp"
#include "dispatch/loss.hpp"
#include "dispatch/math.hpp"
#include "dispatch/moments.hpp"
#include "dispatch/norm.hpp"
#include "dispatch/optimizer.hpp"
#include "dispatch/probe.hpp"
#include "dispatch/product.hpp"
#include "dispatch/quantized.hpp"
#include "dispatch/random.hpp"
#include "dispatch/reduce.hpp"
#include "dispatch/softmax.hpp"
#include "dispatch/stream.hpp"

namespace fastnet {

template <class T>
struct KernelsOf {
  ProductKernels<T> product;
  ActivationKernels<T> activation;
  MathKernels<T> math;
  DropoutKernels<T> dropout;
  ExpressionKernels<T> expression;
  RandomKernels<T> random;
  OptimizerKernels<T> optimizer;
  MomentsKernels<T> moments;
  NormKernels<T> norm;
  LossKernels<T> loss;
  ReduceKernels<T> reduce;
  SoftmaxKernels<T> softmax;
  ProbeKernels<T> probe;
};

struct Kernels {
  const char* level;
  BitsKernels bits;
  StreamKernels stream;
  DiscreteKernels discrete;
  KernelsOf<float> f32;
  KernelsOf<double> f64;
  QuantizedKernels bf16, int8;

  template <class T>
  const KernelsOf<T>& of() const;
};

template <>
inline const KernelsOf<float>& Kernels::of<float>() const {
  return f32;
}
template <>
inline const KernelsOf<double>& Kernels::of<double>() const {
  return f64;
}

}  // namespace fastnet
