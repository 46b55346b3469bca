// Sine and cosine of vectors, and powers: what needs more digits on the way than a register has.
//
// The same rules as in math-inl.hpp hold, where the bounds stand.
#pragma once

#include "kernels/math-inl.hpp"

namespace fastnet::FASTNET_LEVEL {
namespace {

// (sin(x) - x) / x^3 and (cos(x) - 1) / x^2 in x^2 on |x| <= pi / 4, minimax as in math-inl.hpp.
template <class T>
struct TrigConstants;
template <>
struct TrigConstants<float> {
  // 2^-28.0 of sin(x), 2^-33.9 of cos(x).
  static constexpr float kSin[] = {-0x1.555546p-3f, 0x1.11073ap-7f, -0x1.9943e0p-13f};
  static constexpr float kCos[] = {-0x1p-1f, 0x1.55553cp-5f, -0x1.6c07f2p-10f, 0x1.9916a0p-16f};
  // pi / 2 in parts of 11 bits and a last one: products with integers below 2^13 are exact.
  static constexpr float kHalfPi[] = {0x1.92p+0f, 0x1.fb4p-12f, 0x1.444p-24f, 0x1.68cp-39f,
                                      0x1.1a6264p-54f};
  static constexpr float kTwoOverPi = 0x1.45f306p-1f;
  static constexpr float kNear = 12800.0f;  // below 2^13 pi / 2
};
template <>
struct TrigConstants<double> {
  // 2^-57.9 and 2^-64.5.
  static constexpr double kSin[] = {-0x1.5555555555548p-3,  0x1.111111110f7d0p-7,
                                    -0x1.a01a019bfdf04p-13, 0x1.71de3567d4988p-19,
                                    -0x1.ae5e5a929b86cp-26, 0x1.5d8fd1ff72e95p-33};
  static constexpr double kCos[] = {-0x1p-1,
                                    0x1.5555555555539p-5,
                                    -0x1.6c16c16c13ba6p-10,
                                    0x1.a01a019b2d86ap-16,
                                    -0x1.27e4f72b745e1p-22,
                                    0x1.1ee96cc718639p-29,
                                    -0x1.8f75443645acdp-37};
  // Parts of 33 bits: products with integers below 2^20 are exact.
  static constexpr double kHalfPi[] = {0x1.921fb544p+0, 0x1.0b4611a6p-34, 0x1.3198a2ep-69,
                                       0x1.b839a252049c1p-104};
  static constexpr double kTwoOverPi = 0x1.45f306dc9c883p-1;
  static constexpr double kNear = 1600000.0;
};

// sin and cos on |x| <= pi / 4.
template <class T, int R>
FASTNET_INLINE Vec<T, R> sin_reduced(Vec<T, R> x) {
  const Vec<T, R> z = x * x;
  return fma(x * z, polynomial(z, TrigConstants<T>::kSin), x);
}
template <class T, int R>
FASTNET_INLINE Vec<T, R> cos_reduced(Vec<T, R> x) {
  const Vec<T, R> z = x * x;
  return fma(z, polynomial(z, TrigConstants<T>::kCos), splat<T, R>(T(1)));
}

// x = quadrant pi / 2 + r with |r| <= pi / 4 or little more.
struct FarAngle {
  double r;
  std::uint64_t quadrant;
};

// Of a finite number from 1 on (Payne and Hanek 1983, "Radian reduction for trigonometric
// functions"): x 2 / pi modulo 4 from those bits of 2 / pi that matter. x = m 2^e with a 53-bit m;
// bits of 2 / pi above the one worth 4 / 2^e give multiples of 4. Of the 192 after it the product
// is known to 2^-137, and no double is nearer to a multiple of pi / 2 than 2^-61 of one.
inline FarAngle far_angle(double x) {
  // 2 / pi = 0.[...], the first word highest.
  static constexpr std::uint64_t kWords[] = {
      0xa2f9836e4e441529u, 0xfc2757d1f534ddc0u, 0xdb6295993c439041u, 0xfe5163abdebbc561u,
      0xb7246e3a424dd2e0u, 0x6492eea09d1921cu,  0xfe1deb1cb129a73eu, 0xe88235f52ebb4484u,
      0xe99c7026b45f7e41u, 0x3991d639835339f4u, 0x9c845f8bbdf9283bu, 0x1ff897ffde05980fu,
      0xef2f118b5a0a6d1fu, 0x6d367ecf27cb09b7u, 0x4f463f669e5fea2du, 0x7527bac7ebe5f17bu,
      0x3d0739f78a5292eau, 0x6bfb5fb11f8d5d08u, 0x56033046fc7b6babu, 0xf0cfbc209af4361du};
  __extension__ typedef unsigned __int128 Wide;
  std::uint64_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  const bool negative = bits >> 63 != 0;
  const int e = static_cast<int>(bits >> 52 & 0x7ff) - 1075;
  const std::uint64_t m = (bits & 0xfffffffffffffu) | 0x10000000000000u;
  // The bits of 2 / pi from the one worth 2^(1 - e) on, in three words; before the point are zeros.
  const int first = e - 2;
  std::uint64_t w[3];
  for (int i = 0; i < 3; ++i) {
    const int bit = first + 64 * i;
    const auto word = [&](int j) { return j < 0 || j >= 20 ? 0 : kWords[j]; };
    const int j = bit >= 0 ? bit / 64 : -1 - (-1 - bit) / 64, shift = bit - 64 * j;
    w[i] = shift == 0 ? word(j) : word(j) << shift | word(j + 1) >> (64 - shift);
  }
  // m w modulo 2^192: the upper two bits count quarter turns.
  const Wide low = static_cast<Wide>(m) * w[2], middle = static_cast<Wide>(m) * w[1] + (low >> 64);
  std::uint64_t high = m * w[0] + static_cast<std::uint64_t>(middle >> 64);
  std::uint64_t next = static_cast<std::uint64_t>(middle);
  std::uint64_t quadrant = high >> 62;
  high = high << 2 | next >> 62;
  next = next << 2 | static_cast<std::uint64_t>(low) >> 62;
  // The fraction, to the nearest quarter turn.
  const bool beyond = high >> 63 != 0;
  if (beyond) {
    quadrant += 1;
    high = ~high;
    next = ~next;
  }
  double scale = 0x1p-64;
  for (; high >> 63 == 0 && scale > 0x1p-190; scale *= 0.5) {
    high = high << 1 | next >> 63;
    next <<= 1;
  }
  double r = static_cast<double>(high) * scale * 0x1.921fb54442d18p0;
  if (beyond != negative) r = -r;
  return {r, negative ? (4 - quadrant) & 3 : quadrant & 3};
}

template <class T, int R>
struct Angle {
  Vec<T, R> r;
  Vec<Uint<T>, R> quadrant;  // modulo 4 in the lowest bits
};

template <class T, int R>
FASTNET_INLINE Angle<T, R> reduced_angle(Vec<T, R> x) {
  using C = TrigConstants<T>;
  const Vec<T, R> round = splat<T, R>(FloatFormat<T>::kRoundValue);
  // Multiplied and added apart, so that levels without fma round to the same quadrant.
  const Vec<T, R> shifted = x * splat<T, R>(C::kTwoOverPi) + round;
  const Vec<T, R> n = shifted - round;
  constexpr int parts = sizeof(C::kHalfPi) / sizeof(T);
  const auto multiple = [&](int part)
                            FASTNET_INLINE_LAMBDA { return n * splat<T, R>(C::kHalfPi[part]); };
  // All but the last three parts leave exact differences. What rounds off the next one joins the
  // part after it, so that r is rounded once where no digits cancel; where they do nothing rounds.
  Vec<T, R> whole = x;
#pragma GCC unroll 8
  for (int part = 0; part < parts - 3; ++part) whole = whole - multiple(part);
  const Vec<T, R> taken = multiple(parts - 3), upper = whole - taken;
  const Vec<T, R> lower = (whole - upper) - taken;
  Vec<T, R> r = (upper + (lower - multiple(parts - 2))) - multiple(parts - 1);
  Vec<Uint<T>, R> quadrant = bitcast<Uint<T>>(shifted);
  const Mask<T, R> near = less(abs(x), splat<T, R>(C::kNear));
  if (any(~near)) {
    constexpr int lanes = Vec<T, R>::kLanes;
    alignas(64) T values[lanes], rest[lanes];
    alignas(64) Uint<T> turns[lanes];
    store(values, x);
    store(rest, r);
    store(turns, quadrant);
    for (int l = 0; l < lanes; ++l) {
      const T size = values[l] < T(0) ? -values[l] : values[l];
      if (size < C::kNear) continue;
      rest[l] = values[l] - values[l];  // NaN, for infinities and NaN
      if (!(rest[l] == T(0))) continue;
      const FarAngle far = far_angle(static_cast<double>(values[l]));
      rest[l] = static_cast<T>(far.r);
      turns[l] = static_cast<Uint<T>>(far.quadrant);
    }
    r = load<T, R>(rest);
    quadrant = load<Uint<T>, R>(turns);
  }
  return {r, quadrant};
}

// sin(quadrant pi / 2 + r).
template <class T, int R>
FASTNET_INLINE Vec<T, R> sin_of(Vec<T, R> r, Vec<Uint<T>, R> quadrant) {
  using U = Uint<T>;
  constexpr int top = 8 * static_cast<int>(sizeof(T)) - 1;
  const Vec<U, R> one = splat<U, R>(U(1));
  const Mask<T, R> odd = equal(bitcast<Int<T>>(quadrant & one), bitcast<Int<T>>(one));
  const Vec<T, R> value = select(odd, cos_reduced(r), sin_reduced(r));
  const Vec<U, R> sign = shift_left<top>(shift_right<1>(quadrant));
  return bitcast<T>(bitcast<U>(value) ^ sign);
}

template <class T, int R>
FASTNET_INLINE Vec<T, R> sin(Vec<T, R> x) {
  const Angle<T, R> a = reduced_angle(x);
  // The sum of a product and 0 loses the sign of -0.
  return select(equal(x, zero<T, R>()), x, sin_of(a.r, a.quadrant));
}

template <class T, int R>
FASTNET_INLINE Vec<T, R> cos(Vec<T, R> x) {
  const Angle<T, R> a = reduced_angle(x);
  return sin_of(a.r, a.quadrant + splat<Uint<T>, R>(Uint<T>(1)));
}

// a b = value + rest exactly, where nothing overflows or underflows.
template <class T, int R>
struct ExactProduct {
  Vec<T, R> value, rest;
};
template <class T, int R>
FASTNET_INLINE ExactProduct<T, R> exact_product(Vec<T, R> a, Vec<T, R> b) {
  const Vec<T, R> p = a * b;
  if constexpr (kHasFma) {
    return {p, fma(a, b, -p)};
  } else {
    // Halves of the mantissas, whose products are exact (Dekker 1971).
    constexpr int low = FloatFormat<T>::kMantissa / 2 + 1;
    const auto upper = [](Vec<T, R> v) {
      return bitcast<T>(shift_left<low>(shift_right<low>(bitcast<Uint<T>>(v))));
    };
    const Vec<T, R> ah = upper(a), bh = upper(b), al = a - ah, bl = b - bh;
    return {p, ((ah * bh - p) + ah * bl + al * bh) + al * bl};
  }
}

// x^y for x > 0 finite and a finite y: exp(y log x) with the logarithm to some 2^-60 of it
// (float32: 2^-30), so that the error is below 1 + |y log x| 2^-6 ulp.
template <class T, int R>
FASTNET_INLINE Vec<T, R> positive_power(Vec<T, R> x, Vec<T, R> y) {
  using C = MathConstants<T>;
  const Vec<T, R> two = splat<T, R>(T(2));
  constexpr T offset = FloatFormat<T>::kRoundValue + static_cast<T>(FloatFormat<T>::kBias);
  const Mask<T, R> subnormal = less(x, splat<T, R>(C::kSmallestNormal));
  const LogSplit<T, R> a = log_split(select(subnormal, x * splat<T, R>(C::kSubnormalScale), x));
  const Vec<T, R> k = a.shifted - select(subnormal, splat<T, R>(offset + C::kSubnormalExponent),
                                         splat<T, R>(offset));
  // s + s_low = f / (2 + f), log(1 + f) = 2 atanh(s).
  const Vec<T, R> sum = two + a.f, sum_low = a.f - (sum - two);
  const Vec<T, R> s = a.f / sum;
  const ExactProduct<T, R> back = exact_product(s, sum);
  const Vec<T, R> s_low = (((a.f - back.value) - back.rest) - s * sum_low) / sum;
  const Vec<T, R> z = s * s;
  const Vec<T, R> rest = fma(s * z, polynomial(z, C::kLog), s_low + s_low);
  // k ln 2 + 2 s + rest as high + low.
  const Vec<T, R> first = k * splat<T, R>(C::kLn2High), second = s + s;
  const Vec<T, R> top = first + second, part = top - first;
  const Vec<T, R> low =
      ((first - (top - part)) + (second - part)) + (rest + k * splat<T, R>(C::kLn2Low));
  const Vec<T, R> high = top + low, high_low = low - (high - top);
  const ExactProduct<T, R> p = exact_product(y, high);
  const Vec<T, R> edge_low = splat<T, R>(C::kExpLow), edge_high = splat<T, R>(C::kExpHigh);
  const Mask<T, R> inside = less(abs(p.value), edge_high);
  const Vec<T, R> p_low = select(inside, p.rest + y * high_low, zero<T, R>());
  const ExpArgument<T, R> e = exp_argument(max(edge_low, min(edge_high, p.value)));
  return scaled(exp_reduced(e.r + p_low), power_of_two(e.n));
}

// As C's pow: 1 where y is 0 or x is 1, NaN for x < 0 unless y is an integer.
template <class T, int R>
FASTNET_INLINE Vec<T, R> power(Vec<T, R> x, Vec<T, R> y) {
  const Vec<T, R> none = zero<T, R>(), one = splat<T, R>(T(1)), half = splat<T, R>(T(0.5));
  const Vec<T, R> infinity = splat<T, R>(static_cast<T>(__builtin_inf()));
  const Vec<T, R> size = abs(x), reach = abs(y);
  // Numbers from 2^24 (2^53) on are even.
  const Vec<T, R> edge = splat<T, R>(T(4) * FloatFormat<T>::kRoundValue / T(3));
  const Vec<T, R> round = splat<T, R>(FloatFormat<T>::kRoundValue / T(1.5));
  const auto whole = [&](Vec<T, R> v) {
    return equal((v + round) - round, v) | greater_equal(v, round);
  };
  const Mask<T, R> integer = whole(reach);
  const Mask<T, R> odd = integer & less(reach, edge) & ~whole(half * reach);
  const Mask<T, R> extreme = equal(size, none) | equal(size, infinity) | equal(reach, infinity);
  const Mask<T, R> grows =
      (greater(size, one) & greater(y, none)) | (less(size, one) & less(y, none));
  Vec<T, R> v = select(extreme, select(grows, infinity, none), positive_power(size, y));
  v = select(equal(size, one), one, v);
  v = select(odd, copysign(v, x), v);
  const Mask<T, R> wrong = less(x, none) & greater(x, -infinity) & ~integer;
  v = select(wrong, splat<T, R>(static_cast<T>(__builtin_nan(""))), v);
  v = select(not_equal(x, x) | not_equal(y, y), x + y, v);
  return select(equal(y, none) | equal(x, one), one, v);
}

}  // namespace
}  // namespace fastnet::FASTNET_LEVEL
