// How integrand.hpp's functions get their samples and give their values.
#include "engine/integrand.hpp"

#include <algorithm>

namespace fastnet {

template <class T>
void ExpressionIntegrand<T>::values(std::uint64_t first, Index n, T* workspace, T* out,
                                    Index row) const noexcept {
  constexpr Index tile = kExpressionTile<T>;
  for (Index i = 0; i < n; i += tile) {
    const Index count = std::min(tile, n - i);
    expression_.values(workspace, count, out + i, row, [&](Index j, T* x) {
      source_.column(j, first + static_cast<std::uint64_t>(i), x, count);
    });
  }
}

template <class T>
void ArrayIntegrand<T>::values(std::uint64_t first, Index n, T*, T* out, Index row) const noexcept {
  const T* p = x_ + static_cast<Index>(first - first_) * row_;
  for (Index o = 0; o < outputs_; ++o) {
    for (Index i = 0; i < n; ++i) out[o * row + i] = p[i * row_ + o * column_];
  }
}

template <class T>
void NetworkIntegrand<T>::values(std::uint64_t first, Index n, T* workspace, T* out,
                                 Index row) const noexcept {
  const Index dim = source_.dim(), outs = outputs();
  T* column = workspace + predict_memory(network_, kRows);
  T* rows = column + kRows;
  T* y = rows + kRows * dim;
  for (Index i = 0; i < n; i += kRows) {
    const Index count = std::min(kRows, n - i);
    for (Index j = 0; j < dim; ++j) {
      source_.column(j, first + static_cast<std::uint64_t>(i), column, count);
      for (Index r = 0; r < count; ++r) rows[r * dim + j] = column[r];
    }
    predict_alone(network_, rows, dim, count, y, workspace);
    for (Index o = 0; o < outs; ++o) {
      for (Index r = 0; r < count; ++r) out[o * row + i + r] = y[r * outs + o];
    }
  }
}

void CallbackIntegrand::values(std::uint64_t first, Index n, double* workspace, double* out,
                               Index) const noexcept {
  const Index dim = source_.dim();
  for (Index j = 0; j < dim; ++j) source_.column(j, first, workspace + j * kChunk, n);
  double* x = workspace + dim * kChunk;
  void* const f = callback_.function;
  void* const data = callback_.data;
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j < dim; ++j) x[j] = workspace[j * kChunk + i];
    const int d = static_cast<int>(dim);
    switch (callback_.kind) {
      case Callback::Kind::kNumber:
        out[i] = reinterpret_cast<double (*)(double)>(f)(x[0]);
        break;
      case Callback::Kind::kNumberData:
        out[i] = reinterpret_cast<double (*)(double, void*)>(f)(x[0], data);
        break;
      case Callback::Kind::kArray:
        out[i] = reinterpret_cast<double (*)(int, double*)>(f)(d, x);
        break;
      case Callback::Kind::kArrayData:
        out[i] = reinterpret_cast<double (*)(int, double*, void*)>(f)(d, x, data);
        break;
      case Callback::Kind::kCount:
        return;
    }
  }
}

#define FASTNET_INSTANTIATE(T)           \
  template class ExpressionIntegrand<T>; \
  template class ArrayIntegrand<T>;      \
  template class NetworkIntegrand<T>;
FASTNET_INSTANTIATE(float)
FASTNET_INSTANTIATE(double)

}  // namespace fastnet
