// Splits the linear layer's products over threads and brings operands into the kernels' layouts.
#include "engine/linear.hpp"

#include <algorithm>
#include <cstring>

#include "core/pace.hpp"
#include "dispatch/dispatch.hpp"

namespace fastnet {
namespace {

// Of one thread, some 80 % of the peak: products of float32, and reading the weights, which takes
// longer than one row's multiply-adds do.
constexpr double kFlopsPerMicrosecond = 80000.0;
constexpr double kBytesPerMicrosecond = 80000.0;
// Fewer rows than this a thread, and columns are split instead.
constexpr Index kFewRows = 8;

// Memory of the calling thread that products use; it grows to the largest layer seen.
struct Workspace {
  Buffer a, b, scratch;
};
Workspace& workspace() {
  static thread_local Workspace w;
  return w;
}

// What a product of (m, k) by (k, n) takes on one thread.
template <class T>
double microseconds(Index m, Index n, Index k) {
  const double depth = static_cast<double>(k);
  const Index least = kernels().of<T>().product.narrow_columns;
  const double columns = static_cast<double>(std::max(n, least));
  const double flops = 2.0 * static_cast<double>(m) * columns * depth * (sizeof(T) / 4.0);
  const double weights = static_cast<double>(n) * depth * sizeof(T);
  return flops / kFlopsPerMicrosecond + weights / kBytesPerMicrosecond;
}

// A row-major copy of what lies by columns. Rows get padded_row's distance.
template <class T>
const T* by_rows(Operand<T> x, Index rows, Index cols, Buffer* buffer, Index* row) {
  *row = padded_row<T>(cols);
  buffer->reserve(rows * *row * static_cast<Index>(sizeof(T)));
  T* copy = buffer->as<T>();
  // x by columns is a row-major (cols, rows) matrix with rows x.col apart.
  kernels().of<T>().product.transpose(x.data, cols, rows, x.col, copy, *row);
  return copy;
}

// C = A B over the team: split by rows if every thread gets enough of them, else by columns.
template <class T>
void product_on_team(ProductArgs<T> args, const ActivationSpec& act) {
  const Kernels& table = kernels();
  static thread_local Paces paces;
  CallThreads threads(paces, microseconds<T>(args.m, args.n, args.k));
  Buffer& scratch = workspace().scratch;
  scratch.reserve(threads.count() * kProductScratchBytes);
  args.relu = act.kind == Activation::kRelu;
  const bool by_row = args.m >= kFewRows * threads.count();
  // Rows of A that are a multiple of 4 KiB apart fall into one cache set: they are copied, unless
  // each of their lines is read but once.
  const Index size = static_cast<Index>(sizeof(T));
  const bool copy_a = by_row && args.a_k == 1 && args.m > 1 &&
                      args.n > table.of<T>().product.narrow_columns &&
                      args.a_row * size % 4096 == 0;
  const Index copy_row = padded_row<T>(args.k);
  if (copy_a) workspace().a.reserve(args.m * copy_row * size);
  T* const copy = workspace().a.template as<T>();
  threads.run([&](const Team& team) {
    ProductArgs<T> mine = args;
    mine.scratch = scratch.as<T>() + team.index() * (kProductScratchBytes / Index(sizeof(T)));
    Index begin, end;
    if (by_row) {
      team.share(args.m, 1, &begin, &end);
      mine.m = end - begin;
      mine.a = args.a + begin * args.a_row;
      mine.c = args.c + begin * args.c_row;
      if (copy_a) {
        mine.a = copy + begin * copy_row;
        mine.a_row = copy_row;
        for (Index i = begin; i < end; ++i) {
          std::memcpy(copy + i * copy_row, args.a + i * args.a_row,
                      static_cast<std::size_t>(args.k * size));
        }
      }
    } else {
      constexpr Index kPanel = 2 * kAlignment / Index(sizeof(T));
      team.share(args.n, kPanel, &begin, &end);
      mine.n = end - begin;
      mine.b = args.b + begin;
      mine.c = args.c + begin;
      mine.b_padded = args.b_padded || end < args.n;
      if (args.bias) mine.bias = args.bias + begin;
    }
    if (mine.m == 0 || mine.n == 0) return;
    table.of<T>().product.product(mine);
    if (act.kind != Activation::kIdentity && act.kind != Activation::kRelu) {
      for (Index i = 0; i < mine.m; ++i) {
        T* row = mine.c + i * mine.c_row;
        table.of<T>().activation.forward(act, row, row, mine.n);
      }
    }
  });
}

// sum[j] = the sum of column j of a row-major (m, n) matrix; columns are shared out.
template <class T>
void column_sums_on_team(const T* x, Index m, Index n, Index x_row, T* sum) {
  const auto column_sum = kernels().of<T>().product.column_sum;
  const double bytes = static_cast<double>(m) * static_cast<double>(n) * sizeof(T);
  parallel_work(bytes / kBytesPerMicrosecond, [&](const Team& team) {
    Index begin, end;
    team.share(n, kAlignment / Index(sizeof(T)), &begin, &end);
    if (begin < end) column_sum(x + begin, m, end - begin, x_row, sum + begin);
  });
}

}  // namespace

template <class T>
void linear_forward(Index m, Index n, Index k, Operand<T> x, Operand<T> w, bool w_padded,
                    const T* bias, const ActivationSpec& act, T* y, Index y_row) {
  ProductArgs<T> args{};
  args.m = m;
  args.n = n;
  args.k = k;
  args.a = x.data;
  args.a_row = x.row;
  args.a_k = x.col;
  if (x.col != 1) {
    args.a = by_rows(x, m, k, &workspace().a, &args.a_row);
    args.a_k = 1;
  }
  args.b = w.data;
  args.b_row = w.row;
  args.b_padded = w_padded;
  if (w.col != 1 && n > 1) {  // a single column needs no rows beside each other
    args.b = by_rows(w, k, n, &workspace().b, &args.b_row);
    args.b_padded = true;
  }
  args.bias = bias;
  args.c = y;
  args.c_row = y_row;
  product_on_team(args, act);
}

template <class T>
void input_gradient(const Kernels& table, Index m, Index n, Index k, const T* dy, Index dy_row,
                    const T* w, Index w_stride, T* dx, Index dx_row, T* scratch) noexcept {
  const auto& product = table.of<T>().product;
  // C = A B by rows, B's being padded; what lanes beyond C's columns hold goes nowhere.
  const auto multiply = [&](Index rows, Index cols, const T* a, Index a_row, const T* b,
                            Index b_row, T* c, Index c_row) {
    ProductArgs<T> args{};
    args.m = rows;
    args.n = cols;
    args.k = n;
    args.a = a;
    args.a_row = a_row;
    args.a_k = 1;
    args.b = b;
    args.b_row = b_row;
    args.b_padded = true;
    args.c = c;
    args.c_row = c_row;
    product.product(args);
  };
  // Where W has fewer elements than dY and dX, as a narrow head has, W is transposed.
  const Index w_row = padded_row<T>(k);
  if (n * k <= m * (n + k) && n * w_row <= input_gradient_elements(n, k)) {
    product.transpose(w, k, n, w_stride, scratch, w_row);
    for (Index j = 0; j < n; ++j) {
      std::fill(scratch + j * w_row + k, scratch + (j + 1) * w_row, T(0));
    }
    multiply(m, k, dy, dy_row, scratch, w_row, dx, dx_row);
    return;
  }
  T* const dy_columns = scratch;
  T* const dx_columns = scratch + n * kGradientRows;
  for (Index i = 0; i < m; i += kGradientRows) {
    const Index rows = std::min(kGradientRows, m - i);
    product.transpose(dy + i * dy_row, rows, n, dy_row, dy_columns, kGradientRows);
    // What memory held beyond the last row could be slow to multiply.
    const Index lanes = round_up(rows, 16);
    for (Index j = 0; j < n && rows < lanes; ++j) {
      std::fill(dy_columns + j * kGradientRows + rows, dy_columns + j * kGradientRows + lanes,
                T(0));
    }
    multiply(k, rows, w, w_stride, dy_columns, kGradientRows, dx_columns, kGradientRows);
    product.transpose(dx_columns, k, rows, kGradientRows, dx + i * dx_row, dx_row);
  }
}

template <class T>
void linear_backward_x(Index m, Index n, Index k, Operand<T> dy, Operand<T> w, T* dx,
                       Index dx_row) {
  if (w.col != 1) {
    // W by columns is W^T by rows: a forward product with it, m rows, k columns, depth n.
    linear_forward<T>(m, k, n, dy, {w.data, w.col, w.row}, false, nullptr, {}, dx, dx_row);
    return;
  }
  if (dy.col != 1) {
    dy.data = by_rows(dy, m, n, &workspace().a, &dy.row);
    dy.col = 1;
  }
  const Kernels& table = kernels();
  static thread_local Paces paces;
  CallThreads threads(paces, microseconds<T>(m, n, k));
  Buffer& scratch = workspace().scratch;
  const Index own = round_up(input_gradient_elements(n, k), 16);
  scratch.reserve(threads.count() * own * static_cast<Index>(sizeof(T)));
  const bool by_row = m >= kFewRows * threads.count();
  threads.run([&](const Team& team) {
    T* const memory = scratch.as<T>() + team.index() * own;
    Index begin, end;
    team.share(by_row ? m : k, 1, &begin, &end);
    if (by_row) {
      input_gradient(table, end - begin, n, k, dy.data + begin * dy.row, dy.row, w.data, w.row,
                     dx + begin * dx_row, dx_row, memory);
    } else {
      input_gradient(table, m, n, end - begin, dy.data, dy.row, w.data + begin * w.row, w.row,
                     dx + begin, dx_row, memory);
    }
  });
}

template <class T>
void linear_backward_w(Index m, Index n, Index k, Operand<T> dy, Operand<T> x, T* dw, Index dw_row,
                       T* db) {
  const bool copied = dy.col != 1;
  if (copied) dy.data = by_rows(dy, m, n, &workspace().b, &dy.row);
  if (dw) {
    ProductArgs<T> args{};
    args.m = k;
    args.n = n;
    args.k = m;
    // A is X transposed: its rows are X's columns.
    args.a = x.data;
    args.a_row = x.col;
    args.a_k = x.row;
    if (x.col != 1 && x.row != 1) {
      args.a = by_rows(x, m, k, &workspace().a, &args.a_k);
      args.a_row = 1;
    }
    args.b = dy.data;
    args.b_row = dy.row;
    args.b_padded = copied;
    args.c = dw;
    args.c_row = dw_row;
    product_on_team(args, {});
  }
  if (db) column_sums_on_team(dy.data, m, n, dy.row, db);
}

#define FASTNET_INSTANTIATE(T)                                                                 \
  template void linear_forward(Index, Index, Index, Operand<T>, Operand<T>, bool, const T*,    \
                               const ActivationSpec&, T*, Index);                              \
  template void input_gradient(const Kernels&, Index, Index, Index, const T*, Index, const T*, \
                               Index, T*, Index, T*) noexcept;                                 \
  template void linear_backward_x(Index, Index, Index, Operand<T>, Operand<T>, T*, Index);     \
  template void linear_backward_w(Index, Index, Index, Operand<T>, Operand<T>, T*, Index, T*);
FASTNET_INSTANTIATE(float)
FASTNET_INSTANTIATE(double)

}  // namespace fastnet
