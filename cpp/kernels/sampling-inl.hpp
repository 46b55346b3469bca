// Laws as functions of random words: uniforms, normals, exponentials, coins.
//
// Which words make which value stands in dispatch/random.hpp. All is lanewise but for the order in
// which pairs of normals are put, so a value is the same whatever the width.
#pragma once

#include "kernels/math-inl.hpp"
#include "kernels/philox-inl.hpp"
#include "kernels/trig-inl.hpp"

namespace fastnet::FASTNET_LEVEL {
namespace {

// Numbers below 2^53, exactly.
template <int R>
FASTNET_INLINE Vec<double, R> to_double(Vec<std::uint64_t, R> n) {
  if constexpr (kConverts64) return convert<double>(bitcast<std::int64_t>(n));
  // 2^84 + 2^32 (upper part) and 2^52 + (lower part) by their bits.
  const Vec<double, R> upper =
      bitcast<double>(shift_right<32>(n) | splat<std::uint64_t, R>(0x4530000000000000u));
  const Vec<double, R> lower = bitcast<double>((n & splat<std::uint64_t, R>(0xffffffffu)) |
                                               splat<std::uint64_t, R>(0x4330000000000000u));
  return (upper - splat<double, R>(0x1p84 + 0x1p52)) + lower;
}

// The upper 24 bits of 32, or the upper 53 of 64, as a number in [0, 1). Exact.
template <int R>
FASTNET_INLINE Vec<float, R> unit_interval(Vec<std::uint32_t, R> word) {
  const Vec<float, R> n = convert<float>(bitcast<std::int32_t>(shift_right<8>(word)));
  return n * splat<float, R>(0x1p-24f);
}
template <int R>
FASTNET_INLINE Vec<double, R> unit_interval(Vec<std::uint64_t, R> word) {
  return to_double(shift_right<11>(word)) * splat<double, R>(0x1p-53);
}

// U in (0, 1) of a word, and U - 1: each is right to half an ulp where it is the smaller one.
template <class T, int R>
struct OpenUnit {
  Vec<T, R> u, less_one;
};

template <int R>
FASTNET_INLINE OpenUnit<float, R> open_unit(Vec<std::uint32_t, R> word) {
  // As a signed number the word is 2^32 U - 1/2 below 2^31 and 2^32 (U - 1) - 1/2 above, and so is
  // rounded where it is small; the conversion is the one that AVX2 has.
  const Vec<std::int32_t, R> n = bitcast<std::int32_t>(word);
  const Vec<float, R> part =
      fma(convert<float>(n), splat<float, R>(0x1p-32f), splat<float, R>(0x1p-33f));
  const Vec<std::int32_t, R> one =
      shift_right<31>(n) & splat<std::int32_t, R>(static_cast<int>(FloatFormat<float>::kOne));
  return {part + bitcast<float>(one), part};
}
template <int R>
FASTNET_INLINE OpenUnit<double, R> open_unit(Vec<std::uint64_t, R> word) {
  // Each the rounding of an exact sum.
  const Vec<double, R> n = to_double(shift_right<11>(word));
  const Vec<double, R> unit = splat<double, R>(0x1p-53), half = splat<double, R>(0x1p-54);
  return {fma(n, unit, half), fma(n - splat<double, R>(0x1p53), unit, half)};
}

// The floating point type whose values come from words of type U.
template <class U>
struct FloatFrom;
template <>
struct FloatFrom<std::uint32_t> {
  using type = float;
};
template <>
struct FloatFrom<std::uint64_t> {
  using type = double;
};

// Other work that is done between the steps of a computation whose steps wait for one another:
// none.
struct NoOther {
  template <int kStep>
  FASTNET_INLINE void step() {}
};

// ln U < 0, with steps 0 to 2 of other work.
template <class U, int R, class Other, class T = typename FloatFrom<U>::type>
FASTNET_INLINE Vec<T, R> log_unit(Vec<U, R> word, Other& other) {
  const OpenUnit<T, R> unit = open_unit(word);
  other.template step<0>();
  using C = MathConstants<T>;
  // log_split's k, more directly.
  const Vec<T, R> k =
      exponent<T>(bitcast<U>(unit.u) + splat<U, R>(FloatFormat<T>::kOne - C::kSqrtHalf));
  const Vec<T, R> f = select(equal(k, zero<T, R>()), unit.less_one, log_split(unit.u).f);
  const Vec<T, R> s = f / (f + splat<T, R>(T(2)));
  other.template step<1>();
  const Vec<T, R> log = log_reduced(f, s, k, k * splat<T, R>(C::kLn2Low));
  other.template step<2>();
  return log;
}

constexpr double kHalfPi = 0x1.921fb54442d18p0;

// An angle in (-pi / 4, pi / 4) from the bits of a word below its two highest.
template <int R>
FASTNET_INLINE Vec<float, R> eighth_turn(Vec<std::uint32_t, R> word) {
  const Vec<std::uint32_t, R> odd = shift_left<2>(word) | splat<std::uint32_t, R>(2u);
  return convert<float>(bitcast<std::int32_t>(odd)) *
         splat<float, R>(static_cast<float>(kHalfPi * 0x1p-32));
}
template <int R>
FASTNET_INLINE Vec<double, R> eighth_turn(Vec<std::uint64_t, R> word) {
  using F = FloatFormat<double>;
  const Vec<std::uint64_t, R> bits =
      shift_right<12>(shift_left<2>(word)) | splat<std::uint64_t, R>(F::kOne);
  return ((bitcast<double>(bits) - splat<double, R>(1.5)) + splat<double, R>(0x1p-53)) *
         splat<double, R>(kHalfPi);
}

template <class T, int R>
struct Pair {
  Vec<T, R> first, second;
};

// Two independent normals from two words, with steps 0 to 4 of other work.
template <class U, int R, class Other, class T = typename FloatFrom<U>::type>
FASTNET_INLINE Pair<T, R> box_muller(Vec<U, R> radius, Vec<U, R> turn, Other& other) {
  const Vec<T, R> r = sqrt(splat<T, R>(T(-2)) * log_unit(radius, other));
  other.template step<3>();
  const Vec<T, R> x = eighth_turn(turn);
  const Vec<T, R> sine = sin_reduced(x);
  other.template step<4>();
  const Vec<T, R> cosine = cos_reduced(x);
  const Vec<U, R> sign = turn & splat<U, R>(U(1) << (8 * sizeof(U) - 1));
  const Vec<T, R> turned = bitcast<T>(bitcast<U>(cosine) ^ sign);
  const Mask<U, R> swap = less(bitcast<Int<U>>(shift_left<1>(turn)), zero<Int<U>, R>());
  return {r * select(swap, sine, turned), r * select(swap, turned, sine)};
}

// The normals of the blocks in R registers of counters, in order.
template <int R, class Other>
FASTNET_INLINE Vec<float, 2 * R> normals(const PhiloxLanes<R>& lanes, float, Other& other) {
  const auto join = [](Vec<std::uint64_t, R> low, Vec<std::uint64_t, R> high) {
    return bitcast<std::uint32_t>(join_halves(low, high));
  };
  const Pair<float, R> p =
      box_muller(join(lanes.word0, lanes.word2), join(lanes.word1, lanes.word3), other);
  Vec<float, 2 * R> v;
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i) {
    v.r[2 * i] = zip_floats<false>(p.first.r[i], p.second.r[i]);
    v.r[2 * i + 1] = zip_floats<true>(p.first.r[i], p.second.r[i]);
  }
  return v;
}
template <int R, class Other>
FASTNET_INLINE Vec<double, 2 * R> normals(const PhiloxLanes<R>& lanes, double, Other& other) {
  using N = Native<std::uint64_t>;
  const Pair<double, R> p = box_muller(join_halves(lanes.word0, lanes.word1),
                                       join_halves(lanes.word2, lanes.word3), other);
  Vec<double, 2 * R> v;
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i) {
    v.r[2 * i] = (Native<double>)zip_even((N)p.first.r[i], (N)p.second.r[i]);
    v.r[2 * i + 1] = (Native<double>)zip_odd((N)p.first.r[i], (N)p.second.r[i]);
  }
  return v;
}

}  // namespace
}  // namespace fastnet::FASTNET_LEVEL
