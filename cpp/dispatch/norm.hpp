// Layer and batch normalisation: xhat = (x - mean) rstd, y = xhat weight + bias.
#pragma once

#include <cstddef>

namespace fastnet {

// What every kernel below takes; each reads and writes the fields that its comment names.
template <class T>
struct NormArgs {
  std::ptrdiff_t rows = 0, n = 0;  // n contiguous elements in a row
  const T* x = nullptr;
  std::ptrdiff_t x_row = 0;  // distance between rows
  const T* dy = nullptr;
  std::ptrdiff_t dy_row = 0;
  T* out = nullptr;  // y or dx
  std::ptrdiff_t out_row = 0;
  const T* weight = nullptr;  // n elements, or null for ones
  const T* bias = nullptr;    // n elements, or null for zeros
  T eps = T(0);
  T* mean = nullptr;  // one for each row (layer norm) or column (batch norm)
  T* rstd = nullptr;  // 1 / sqrt(variance + eps), likewise
  T* dweight = nullptr;
  T* dbias = nullptr;
  // Batch norm alone.
  std::ptrdiff_t batch = 0;  // rows of the whole batch, of which a kernel may be given a part
  T momentum = T(0);         // weight of the batch in the running statistics
  T* running_mean = nullptr;
  T* running_var = nullptr;
};

// Statistics are taken twice: the mean, then with d = x - mean the sums of d and d^2, which correct
// the mean and the variance for the error of the first: the sums' errors are then relative to d,
// not to x. With u = eps / 2 of T, K = 24 + terms / 256 for a row and 36 + terms / 64 for a column,
//   |error of xhat| <= u (2 |mean| rstd + K + (K / 2 + 8) |xhat|)
// as long as K u |mean| is below the standard deviation. Sums along a row use the logical vector's
// lanes (kernels/reduce-inl.hpp), sums along a column blocks of 64 rows; the bits depend on neither
// ISA level nor split.
template <class T>
struct NormKernels {
  // mean and rstd of each row, and out = y unless out is null. Reads x, weight, bias, eps. out may
  // be x.
  void (*layer_norm)(const NormArgs<T>& a) noexcept;
  // out = dx from dy, x, weight, mean, rstd. out may be dy or x.
  //   g = dy weight; dx = rstd (g - mean(g) - xhat mean(g xhat))
  void (*layer_norm_backward)(const NormArgs<T>& a) noexcept;
  // dweight = sum over the rows of dy xhat and dbias = sum of dy, for n columns, from dy, x, mean,
  // rstd.
  void (*layer_norm_sums)(const NormArgs<T>& a) noexcept;

  // mean and rstd of n columns over all rows (rows >= 1) from x and eps. Updates running_mean and
  // running_var, unless null, by momentum; the latter with the unbiased variance.
  void (*batch_statistics)(const NormArgs<T>& a) noexcept;
  // rstd of n columns from running_var and eps.
  void (*batch_running_rstd)(const NormArgs<T>& a) noexcept;
  // out = y from x, weight, bias, mean, rstd. out may be x.
  void (*batch_norm)(const NormArgs<T>& a) noexcept;
  // As layer_norm_sums, with a mean and rstd for each column.
  void (*batch_norm_sums)(const NormArgs<T>& a) noexcept;
  // out = dx from dy, x, weight, mean, rstd and the whole batch's sums. out may be dy or x.
  //   dx = weight rstd (dy - dbias / batch - xhat dweight / batch)
  // With batch = 0 the statistics are constants: dx = weight rstd dy.
  void (*batch_norm_backward)(const NormArgs<T>& a) noexcept;
};

}  // namespace fastnet
