// Sums of products around means: centred pieces of the data, and the matrix product of each.
#include <algorithm>
#include <cstring>

#include "core/buffer.hpp"
#include "core/pace.hpp"
#include "dispatch/dispatch.hpp"
#include "engine/moments.hpp"

namespace fastnet {
namespace {

constexpr Index kPiece = 256;
constexpr Index kManySets = 256;

// One thread's memory: centred values, the same with weights, a piece's sums.
struct Piece {
  double *d, *wd, *sums, *scratch;
};

}  // namespace

template <class T>
void covariance_of(const MomentsView<T>& v, const Moments* moments, double* out) {
  const Index sets = v.outer * v.inner, row = padded_row<double>(sets);
  if (sets == 0) return;
  const Index set_step = v.outer > 1 ? v.outer_step : 1;
  const Index pieces = (v.n + kPiece - 1) / kPiece;
  const Index parts = std::min(pieces, Index(sets > kManySets ? 2 : 16)), matrix = sets * row;
  const double flops = 2.0 * static_cast<double>(sets) * static_cast<double>(sets);
  static thread_local Paces paces;
  CallThreads threads(paces, static_cast<double>(v.n) * (flops / 25e3 + 1e-3));
  constexpr Index kScratch = kProductScratchBytes / Index(sizeof(double));
  const Index mine = 2 * kPiece * row + matrix + kScratch;
  Buffer buffer((parts * matrix + threads.count() * mine) * Index(sizeof(double)));
  double* sums = buffer.as<double>();
  std::memset(sums, 0, static_cast<std::size_t>(parts * matrix) * sizeof(double));
  const auto product = kernels().f64.product.product;
  const auto take_piece = [&](const Piece& p, Index first, double* total) {
    const Index n = std::min(kPiece, v.n - first);
    for (Index r = 0; r < n; ++r) {
      const T* x = v.x + (first + r) * v.step;
      const double w = v.weight ? v.weight[first + r] : 1.0;
      for (Index i = 0; i < sets; ++i) {
        const double value = static_cast<double>(x[i * set_step]);
        const double d = w > 0.0 ? (value - moments[i].mean) - moments[i].rest : 0.0;
        p.d[r * row + i] = d;
        if (v.weight) p.wd[r * row + i] = w * d;
      }
    }
    ProductArgs<double> args{};
    args.m = args.n = sets;
    args.k = n;
    args.a = v.weight ? p.wd : p.d;
    args.a_row = 1;
    args.a_k = row;
    args.b = p.d;
    args.b_row = row;
    args.c = p.sums;
    args.c_row = row;
    args.scratch = p.scratch;
    product(args);
    for (Index i = 0; i < sets; ++i) {
      for (Index j = 0; j < sets; ++j) total[i * row + j] += p.sums[i * row + j];
    }
  };
  threads.run([&](const Team& team) {
    double* memory = sums + parts * matrix + team.index() * mine;
    const Piece p = {memory, memory + kPiece * row, memory + 2 * kPiece * row,
                     memory + 2 * kPiece * row + matrix};
    Index begin, end;
    team.share(parts, 1, &begin, &end);
    for (Index part = begin; part < end; ++part) {
      for (Index i = pieces * part / parts; i < pieces * (part + 1) / parts; ++i) {
        take_piece(p, i * kPiece, sums + part * matrix);
      }
    }
  });
  for (Index i = 0; i < sets; ++i) {
    for (Index j = 0; j <= i; ++j) {
      double total = 0.0;
      for (Index part = 0; part < parts; ++part) total += sums[part * matrix + i * row + j];
      out[i * sets + j] = out[j * sets + i] = total;
    }
  }
}

template void covariance_of(const MomentsView<float>&, const Moments*, double*);
template void covariance_of(const MomentsView<double>&, const Moments*, double*);

}  // namespace fastnet
