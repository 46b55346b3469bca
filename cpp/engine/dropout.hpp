// Dropout of a matrix on a team of threads.
#pragma once

#include "core/pace.hpp"
#include "dispatch/dispatch.hpp"

namespace fastnet {

using Index = std::ptrdiff_t;

// A probability p in [0, 1] as the kernels take it: elements whose 32-bit word is below p 2^32 are
// dropped, so p is rounded to a multiple of 2^-32; the others are scaled by 1 / (1 - p).
template <class T>
void set_probability(double p, DropoutArgs<T>* args) noexcept {
  args->threshold = static_cast<std::uint64_t>(p * 0x1p32 + 0.5);
  args->scale = p < 1.0 ? static_cast<T>(1.0 / (1.0 - p)) : T(0);
}

constexpr double kDropoutNanoseconds = 0.6;  // an element

// Any split gives the same bits, since the mask belongs to rows and columns.
template <class T>
void dropout(const DropoutArgs<T>& args) noexcept {
  const auto f = kernels().of<T>().dropout.dropout;
  const double elements = static_cast<double>(args.rows) * static_cast<double>(args.cols);
  parallel_work(elements * kDropoutNanoseconds * 1e-3, [&](const Team& team) {
    DropoutArgs<T> mine = args;
    Index begin, end;
    team.share(args.rows, 1, &begin, &end);
    mine.first_row += begin;
    mine.rows = end - begin;
    mine.x += begin * args.x_row;
    mine.y += begin * args.y_row;
    if (mine.rows > 0) f(mine);
  });
}

}  // namespace fastnet
