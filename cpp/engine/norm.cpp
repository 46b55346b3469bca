// Splits normalisations over threads: rows among them, then columns, or the other way.
#include "engine/norm.hpp"

#include "core/buffer.hpp"
#include "core/pace.hpp"
#include "dispatch/dispatch.hpp"

namespace fastnet {
namespace {

using Index = std::ptrdiff_t;

// Of `passes` over the rows.
template <class T>
double microseconds(const NormArgs<T>& a, double passes) {
  return static_cast<double>(a.rows) * static_cast<double>(a.n) * passes * kNormNanoseconds * 1e-3;
}

// One thread's rows, with one mean and rstd for each if `statistics`, or its columns.
template <class T>
NormArgs<T> rows_of(const Team& team, NormArgs<T> a, bool statistics) {
  Index begin, end;
  team.share(a.rows, 1, &begin, &end);
  a.rows = end - begin;
  a.x += begin * a.x_row;
  if (a.dy) a.dy += begin * a.dy_row;
  if (a.out) a.out += begin * a.out_row;
  if (statistics) {
    a.mean += begin;
    a.rstd += begin;
  }
  return a;
}
template <class T>
NormArgs<T> columns_of(const Team& team, NormArgs<T> a, bool statistics) {
  constexpr Index kLine = kAlignment / Index(sizeof(T));
  Index begin, end;
  team.share(a.n, kLine, &begin, &end);
  a.n = end - begin;
  a.x += begin;
  if (a.dy) a.dy += begin;
  if (a.dweight) a.dweight += begin;
  if (a.dbias) a.dbias += begin;
  if (a.running_mean) a.running_mean += begin;
  if (a.running_var) a.running_var += begin;
  if (statistics) {
    a.mean += begin;
    a.rstd += begin;
  }
  return a;
}

// Room for a mean and an rstd of `count` rows or columns.
template <class T>
Buffer with_statistics(NormArgs<T>* a, Index count) {
  Buffer buffer(2 * count * Index(sizeof(T)));
  a->mean = buffer.as<T>();
  a->rstd = a->mean + count;
  return buffer;
}

}  // namespace

template <class T>
void layer_norm_forward(NormArgs<T> args) {
  const Buffer statistics = with_statistics(&args, args.rows);
  const NormKernels<T>& k = kernels().of<T>().norm;
  parallel_work(microseconds(args, 3),
                [&](const Team& team) { k.layer_norm(rows_of(team, args, true)); });
}

template <class T>
void layer_norm_backward(NormArgs<T> args) {
  const Buffer statistics = with_statistics(&args, args.rows);
  const NormKernels<T>& k = kernels().of<T>().norm;
  parallel_work(microseconds(args, 6), [&](const Team& team) {
    NormArgs<T> mine = rows_of(team, args, true);
    T* dx = mine.out;
    mine.out = nullptr;
    k.layer_norm(mine);
    mine.out = dx;
    if (dx) k.layer_norm_backward(mine);
    team.barrier();
    k.layer_norm_sums(columns_of(team, args, false));
  });
}

template <class T>
void batch_norm_forward(NormArgs<T> args, bool training) {
  if (args.rows == 0) return;
  const Buffer statistics = with_statistics(&args, args.n);
  if (!training) args.mean = args.running_mean;
  const NormKernels<T>& k = kernels().of<T>().norm;
  parallel_work(microseconds(args, training ? 3 : 1), [&](const Team& team) {
    const NormArgs<T> mine = columns_of(team, args, true);
    training ? k.batch_statistics(mine) : k.batch_running_rstd(mine);
    team.barrier();
    k.batch_norm(rows_of(team, args, false));
  });
}

template <class T>
void batch_norm_backward(NormArgs<T> args, bool training) {
  const Buffer statistics = with_statistics(&args, args.n);
  const NormKernels<T>& k = kernels().of<T>().norm;
  if (training) {
    args.batch = args.rows;
    args.running_mean = args.running_var = nullptr;
  } else {
    args.mean = args.running_mean;
  }
  parallel_work(microseconds(args, training ? 5 : 2), [&](const Team& team) {
    const NormArgs<T> mine = columns_of(team, args, true);
    training ? k.batch_statistics(mine) : k.batch_running_rstd(mine);
    k.batch_norm_sums(mine);
    if (!args.out) return;
    team.barrier();
    k.batch_norm_backward(rows_of(team, args, false));
  });
}

#define FASTNET_INSTANTIATE(T)                         \
  template void layer_norm_forward(NormArgs<T>);       \
  template void layer_norm_backward(NormArgs<T>);      \
  template void batch_norm_forward(NormArgs<T>, bool); \
  template void batch_norm_backward(NormArgs<T>, bool);
FASTNET_INSTANTIATE(float)
FASTNET_INSTANTIATE(double)

}  // namespace fastnet
