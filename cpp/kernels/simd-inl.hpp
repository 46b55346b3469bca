// The vectors every kernel is written over: the logical vector of 64 bytes and the native one.
//
// Vec<T, R> holds R native registers. Vec<T> is the logical vector: 16 floats or 8 doubles at every
// level (1 zmm, 2 ymm, 4 xmm or q registers), so a kernel that works in lanes of Vec<T> gives the
// same bits at every level that has fma. Vec<T, 1> is one register, for register tiles and for
// lanewise work whose result does not depend on the width.
//
// All names are internal to one translation unit of one level; nothing here may be shared between
// levels, and nothing from the standard library's inline functions is used, because the linker
// could keep the copy of a higher level (docs/architecture.md, "ISA levels"). Intrinsics stand
// here, in exponent-inl.hpp and in dot-inl.hpp alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

#define FASTNET_INLINE inline __attribute__((always_inline))
// For lambdas that pass vectors and must not become calls.
#define FASTNET_INLINE_LAMBDA __attribute__((always_inline))

namespace fastnet::FASTNET_LEVEL {
namespace {

using Index = std::ptrdiff_t;

// kConverts64: there is an instruction between doubles and 64-bit integers.
#if defined(__AVX512F__)
constexpr int kNativeBytes = 64;
constexpr bool kHasFma = true, kConverts64 = true;
#elif defined(__AVX2__)
constexpr int kNativeBytes = 32;
constexpr bool kHasFma = true, kConverts64 = false;
#elif defined(__ARM_NEON)
constexpr int kNativeBytes = 16;
constexpr bool kHasFma = true, kConverts64 = true;
#else
constexpr int kNativeBytes = 16;
constexpr bool kHasFma = false, kConverts64 = false;
#endif
constexpr int kLogicalBytes = 64;
constexpr int kLogical = kLogicalBytes / kNativeBytes;  // registers in a logical vector

template <class T>
struct NativeOf;
#define FASTNET_NATIVE(T)                                                                          \
  template <>                                                                                      \
  struct NativeOf<T> {                                                                             \
    typedef T type __attribute__((vector_size(kNativeBytes)));                                     \
    typedef T unaligned __attribute__((vector_size(kNativeBytes), aligned(sizeof(T)), may_alias)); \
  };
FASTNET_NATIVE(float)
FASTNET_NATIVE(double)
FASTNET_NATIVE(std::int32_t)
FASTNET_NATIVE(std::uint32_t)
FASTNET_NATIVE(std::int64_t)
FASTNET_NATIVE(std::uint64_t)
#undef FASTNET_NATIVE

template <class T>
using Native = typename NativeOf<T>::type;

// The signed and unsigned integers of T's width: masks and bit patterns.
template <class T>
struct IntOf;
template <>
struct IntOf<float> {
  using type = std::int32_t;
  using unsigned_type = std::uint32_t;
};
template <>
struct IntOf<double> {
  using type = std::int64_t;
  using unsigned_type = std::uint64_t;
};
template <>
struct IntOf<std::int32_t> : IntOf<float> {};
template <>
struct IntOf<std::uint32_t> : IntOf<float> {};
template <>
struct IntOf<std::int64_t> : IntOf<double> {};
template <>
struct IntOf<std::uint64_t> : IntOf<double> {};
template <class T>
using Int = typename IntOf<T>::type;
template <class T>
using Uint = typename IntOf<T>::unsigned_type;

template <class T, int R = kLogical>
struct Vec {
  static constexpr int kLanes = R * kNativeBytes / static_cast<int>(sizeof(T));
  Native<T> r[R];
};

// A comparison's result: all bits of a lane set, or none.
template <class T, int R>
using Mask = Vec<Int<T>, R>;

// ---- loads, stores, broadcasts ----

template <class V>
struct VecTraits;
template <class T, int Regs>
struct VecTraits<Vec<T, Regs>> {
  using Scalar = T;
  static constexpr int R = Regs;
};

template <class T, int R = kLogical>
FASTNET_INLINE Vec<T, R> load(const T* p) {
  Vec<T, R> v;
  constexpr int lanes = Vec<T, 1>::kLanes;
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i) {
    v.r[i] = *reinterpret_cast<const typename NativeOf<T>::unaligned*>(p + i * lanes);
  }
  return v;
}

template <class T, int R>
FASTNET_INLINE void store(T* p, Vec<T, R> v) {
  constexpr int lanes = Vec<T, 1>::kLanes;
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i) {
    *reinterpret_cast<typename NativeOf<T>::unaligned*>(p + i * lanes) = v.r[i];
  }
}

#if defined(__SSE2__)
constexpr bool kHasStreaming = true;
#else
constexpr bool kHasStreaming = false;
#endif

// A store past the caches to p, which is aligned to 64 bytes; a plain one without kHasStreaming.
template <class T, int R>
FASTNET_INLINE void store_streaming(T* p, Vec<T, R> v) {
  constexpr int lanes = Vec<T, 1>::kLanes;
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i) {
#if defined(__AVX512F__)
    _mm512_stream_si512(reinterpret_cast<__m512i*>(p + i * lanes), (__m512i)v.r[i]);
#elif defined(__AVX2__)
    _mm256_stream_si256(reinterpret_cast<__m256i*>(p + i * lanes), (__m256i)v.r[i]);
#elif defined(__SSE2__)
    _mm_stream_si128(reinterpret_cast<__m128i*>(p + i * lanes), (__m128i)v.r[i]);
#else
    std::memcpy(p + i * lanes, &v.r[i], kNativeBytes);
#endif
  }
}
FASTNET_INLINE void fence_streaming() {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

template <class T, int R = kLogical>
FASTNET_INLINE Vec<T, R> splat(T x) {
  Vec<T, R> v;
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i) v.r[i] = x - Native<T>{};
  return v;
}

template <class T, int R = kLogical>
FASTNET_INLINE Vec<T, R> zero() {
  return Vec<T, R>{};
}

#if defined(__AVX512F__)
FASTNET_INLINE __mmask16 first_lanes32(Index n) {
  return static_cast<__mmask16>(n >= 16 ? 0xffffu : (1u << n) - 1u);
}
FASTNET_INLINE __mmask8 first_lanes64(Index n) {
  return static_cast<__mmask8>(n >= 8 ? 0xffu : (1u << n) - 1u);
}
#elif defined(__AVX2__)
// Lane i of the mask is set where i < n.
FASTNET_INLINE __m256i first_lanes32(Index n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n > 8 ? 8 : n)),
                            _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
FASTNET_INLINE __m256i first_lanes64(Index n) {
  return _mm256_cmpgt_epi64(_mm256_set1_epi64x(n > 4 ? 4 : n), _mm256_setr_epi64x(0, 1, 2, 3));
}
#endif

// One register's first n lanes (n >= 0; lanes beyond are zero and their memory is not touched).
template <class T>
FASTNET_INLINE Native<T> load_native_partial(const T* p, Index n) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8);
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) {
    return (Native<T>)_mm512_maskz_loadu_epi32(first_lanes32(n), p);
  } else {
    return (Native<T>)_mm512_maskz_loadu_epi64(first_lanes64(n), p);
  }
#elif defined(__AVX2__)
  if constexpr (sizeof(T) == 4) {
    return (Native<T>)_mm256_maskload_epi32(reinterpret_cast<const int*>(p), first_lanes32(n));
  } else {
    return (Native<T>)_mm256_maskload_epi64(reinterpret_cast<const long long*>(p),
                                            first_lanes64(n));
  }
#else
  Native<T> v = {};
  constexpr Index lanes = Vec<T, 1>::kLanes;
  if (n > 0) std::memcpy(&v, p, static_cast<std::size_t>(n < lanes ? n : lanes) * sizeof(T));
  return v;
#endif
}

template <class T>
FASTNET_INLINE void store_native_partial(T* p, Native<T> v, Index n) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) {
    _mm512_mask_storeu_epi32(p, first_lanes32(n), (__m512i)v);
  } else {
    _mm512_mask_storeu_epi64(p, first_lanes64(n), (__m512i)v);
  }
#elif defined(__AVX2__)
  // By halves: AMD's masked stores of AVX2 take tens of cycles.
  constexpr Index lanes = Vec<T, 1>::kLanes;
  if (n >= lanes) return (void)_mm256_storeu_si256(reinterpret_cast<__m256i*>(p), (__m256i)v);
  __m128i rest = _mm256_castsi256_si128((__m256i)v);
  if (n & (lanes / 2)) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), rest);
    p += lanes / 2;
    rest = _mm256_extracti128_si256((__m256i)v, 1);
  }
  if (n & (lanes / 4)) {
    _mm_storel_epi64(reinterpret_cast<__m128i*>(p), rest);
    p += lanes / 4;
    rest = _mm_unpackhi_epi64(rest, rest);
  }
  if (sizeof(T) == 4 && (n & 1)) _mm_storeu_si32(p, rest);
#else
  constexpr Index lanes = Vec<T, 1>::kLanes;
  if (n > 0) std::memcpy(p, &v, static_cast<std::size_t>(n < lanes ? n : lanes) * sizeof(T));
#endif
}

// The first n lanes of memory at p; the others are zero and their memory is not touched.
template <class T, int R = kLogical>
FASTNET_INLINE Vec<T, R> load_partial(const T* p, Index n) {
#if defined(__AVX2__)
  Vec<T, R> v;
  constexpr Index lanes = Vec<T, 1>::kLanes;
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i) {
    const Index left = n - i * lanes;
    v.r[i] = left > 0 ? load_native_partial(p + i * lanes, left) : Native<T>{};
  }
#else
  // One copy for all registers: a call for each would make the kernels several times as large.
  Vec<T, R> v = {};
  constexpr Index lanes = Vec<T, R>::kLanes;
  if (n > 0) std::memcpy(&v, p, static_cast<std::size_t>(n < lanes ? n : lanes) * sizeof(T));
#endif
  return v;
}

template <class T, int R>
FASTNET_INLINE void store_partial(T* p, Vec<T, R> v, Index n) {
#if defined(__AVX2__)
  constexpr Index lanes = Vec<T, 1>::kLanes;
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i) {
    const Index left = n - i * lanes;
    if (left > 0) store_native_partial(p + i * lanes, v.r[i], left);
  }
#else
  constexpr Index lanes = Vec<T, R>::kLanes;
  if (n > 0) std::memcpy(p, &v, static_cast<std::size_t>(n < lanes ? n : lanes) * sizeof(T));
#endif
}

// ---- arithmetic, lanewise; every operation is correctly rounded ----

#define FASTNET_BINARY(op)                                                         \
  template <class T, int R>                                                        \
  FASTNET_INLINE Vec<T, R> operator op(Vec<T, R> a, Vec<T, R> b) {                 \
    Vec<T, R> v;                                                                   \
    _Pragma("GCC unroll 8") for (int i = 0; i < R; ++i) v.r[i] = a.r[i] op b.r[i]; \
    return v;                                                                      \
  }
FASTNET_BINARY(+)
FASTNET_BINARY(-)
FASTNET_BINARY(*)
FASTNET_BINARY(/)
FASTNET_BINARY(&)
FASTNET_BINARY(|)
FASTNET_BINARY(^)
#undef FASTNET_BINARY

template <class T, int R>
FASTNET_INLINE Vec<T, R> operator-(Vec<T, R> a) {
  Vec<T, R> v;
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i) v.r[i] = -a.r[i];
  return v;
}

template <class T, int R>
FASTNET_INLINE Vec<T, R> operator~(Vec<T, R> a) {
  Vec<T, R> v;
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i) v.r[i] = ~a.r[i];
  return v;
}

// Shifts by a constant; >> is arithmetic for signed lanes and logical for unsigned ones.
template <int N, class T, int R>
FASTNET_INLINE Vec<T, R> shift_left(Vec<T, R> a) {
  Vec<T, R> v;
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i) v.r[i] = a.r[i] << N;
  return v;
}
template <int N, class T, int R>
FASTNET_INLINE Vec<T, R> shift_right(Vec<T, R> a) {
  Vec<T, R> v;
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i) v.r[i] = a.r[i] >> N;
  return v;
}

// a * b + c, rounded once where the level has fma (kHasFma), else twice.
FASTNET_INLINE Native<float> fma_native(Native<float> a, Native<float> b, Native<float> c) {
#if defined(__AVX512F__)
  return (Native<float>)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__AVX2__)
  return (Native<float>)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__ARM_NEON)
  return (Native<float>)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
  return a * b + c;
#endif
}
FASTNET_INLINE Native<double> fma_native(Native<double> a, Native<double> b, Native<double> c) {
#if defined(__AVX512F__)
  return (Native<double>)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
#elif defined(__AVX2__)
  return (Native<double>)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
#elif defined(__ARM_NEON)
  return (Native<double>)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
#else
  return a * b + c;
#endif
}

template <class T, int R>
FASTNET_INLINE Vec<T, R> fma(Vec<T, R> a, Vec<T, R> b, Vec<T, R> c) {
  Vec<T, R> v;
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i) v.r[i] = fma_native(a.r[i], b.r[i], c.r[i]);
  return v;
}

template <class T, int R>
FASTNET_INLINE Vec<T, R> sqrt(Vec<T, R> a) {
  Vec<T, R> v;
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i) {
#if defined(__AVX512F__)
    if constexpr (sizeof(T) == 4) {
      v.r[i] = (Native<T>)_mm512_maskz_sqrt_ps(0xffff, (__m512)a.r[i]);
    } else {
      v.r[i] = (Native<T>)_mm512_maskz_sqrt_pd(0xff, (__m512d)a.r[i]);
    }
#elif defined(__AVX2__)
    if constexpr (sizeof(T) == 4) {
      v.r[i] = (Native<T>)_mm256_sqrt_ps((__m256)a.r[i]);
    } else {
      v.r[i] = (Native<T>)_mm256_sqrt_pd((__m256d)a.r[i]);
    }
#elif defined(__ARM_NEON)
    if constexpr (sizeof(T) == 4) {
      v.r[i] = (Native<T>)vsqrtq_f32((float32x4_t)a.r[i]);
    } else {
      v.r[i] = (Native<T>)vsqrtq_f64((float64x2_t)a.r[i]);
    }
#else
    for (int l = 0; l < Vec<T, 1>::kLanes; ++l) {
      v.r[i][l] = static_cast<T>(sizeof(T) == 4 ? __builtin_sqrtf(static_cast<float>(a.r[i][l]))
                                                : __builtin_sqrt(a.r[i][l]));
    }
#endif
  }
  return v;
}

// ---- comparisons and choices (false where a lane is NaN) ----

#define FASTNET_COMPARE(name, op)                                \
  template <class T, int R>                                      \
  FASTNET_INLINE Mask<T, R> name(Vec<T, R> a, Vec<T, R> b) {     \
    Mask<T, R> m;                                                \
    _Pragma("GCC unroll 8") for (int i = 0; i < R; ++i) m.r[i] = \
        (Native<Int<T>>)(a.r[i] op b.r[i]);                      \
    return m;                                                    \
  }
FASTNET_COMPARE(less, <)
FASTNET_COMPARE(less_equal, <=)
FASTNET_COMPARE(greater, >)
FASTNET_COMPARE(greater_equal, >=)
FASTNET_COMPARE(equal, ==)
FASTNET_COMPARE(not_equal, !=)
#undef FASTNET_COMPARE

// a where the mask is set, else b.
template <class T, int R>
FASTNET_INLINE Vec<T, R> select(Mask<T, R> m, Vec<T, R> a, Vec<T, R> b) {
  Vec<T, R> v;
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i) v.r[i] = m.r[i] ? a.r[i] : b.r[i];
  return v;
}

// The smaller and the larger; b where either is NaN (so put the value that must survive second),
// and where they are equal. x86's instructions are just that; GCC makes two of the comparison and
// the choice where an operand is constant.
#define FASTNET_EXTREME(name, op)                                                               \
  template <class N>                                                                            \
  FASTNET_INLINE N name##_native(N a, N b) {                                                    \
    return a op b ? a : b;                                                                      \
  }                                                                                             \
  template <class T, int R>                                                                     \
  FASTNET_INLINE Vec<T, R> name(Vec<T, R> a, Vec<T, R> b) {                                     \
    Vec<T, R> v;                                                                                \
    _Pragma("GCC unroll 8") for (int i = 0; i < R; ++i) v.r[i] = name##_native(a.r[i], b.r[i]); \
    return v;                                                                                   \
  }
#define FASTNET_X86(T, name, call) \
  FASTNET_INLINE Native<T> name##_native(Native<T> a, Native<T> b) { return (Native<T>)call; }
#if defined(__AVX512F__)
FASTNET_X86(float, min, _mm512_maskz_min_ps(0xffff, (__m512)a, (__m512)b))
FASTNET_X86(float, max, _mm512_maskz_max_ps(0xffff, (__m512)a, (__m512)b))
FASTNET_X86(double, min, _mm512_maskz_min_pd(0xff, (__m512d)a, (__m512d)b))
FASTNET_X86(double, max, _mm512_maskz_max_pd(0xff, (__m512d)a, (__m512d)b))
#elif defined(__AVX2__)
FASTNET_X86(float, min, _mm256_min_ps((__m256)a, (__m256)b))
FASTNET_X86(float, max, _mm256_max_ps((__m256)a, (__m256)b))
FASTNET_X86(double, min, _mm256_min_pd((__m256d)a, (__m256d)b))
FASTNET_X86(double, max, _mm256_max_pd((__m256d)a, (__m256d)b))
#endif
#undef FASTNET_X86
FASTNET_EXTREME(min, <)
FASTNET_EXTREME(max, >)
#undef FASTNET_EXTREME

template <class T, int R>
FASTNET_INLINE bool any(Vec<T, R> mask) {
  Native<T> all = mask.r[0];
#pragma GCC unroll 8
  for (int i = 1; i < R; ++i) all |= mask.r[i];
#if defined(__AVX512F__)
  return _mm512_test_epi32_mask((__m512i)all, (__m512i)all) != 0;
#elif defined(__AVX2__)
  return _mm256_movemask_epi8((__m256i)all) != 0;
#else
  std::uint64_t words[2];
  std::memcpy(words, &all, sizeof words);
  return (words[0] | words[1]) != 0;
#endif
}

// ---- bit patterns and conversions between types of one width ----

template <class To, class From, int R>
FASTNET_INLINE Vec<To, R> bitcast(Vec<From, R> a) {
  Vec<To, R> v;
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i) v.r[i] = (Native<To>)a.r[i];
  return v;
}

// Rounds toward zero from floating point to integer, to nearest the other way.
template <class To, class From, int R>
FASTNET_INLINE Vec<To, R> convert(Vec<From, R> a) {
  static_assert(sizeof(To) == sizeof(From));
  Vec<To, R> v;
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i) v.r[i] = __builtin_convertvector(a.r[i], Native<To>);
  return v;
}

template <class T, int R>
FASTNET_INLINE Vec<T, R> abs(Vec<T, R> a) {
  const Vec<Uint<T>, R> sign = splat<Uint<T>, R>(Uint<T>(1) << (8 * sizeof(T) - 1));
  return bitcast<T>(bitcast<Uint<T>>(a) & ~sign);
}

// |a| with the sign of b.
template <class T, int R>
FASTNET_INLINE Vec<T, R> copysign(Vec<T, R> a, Vec<T, R> b) {
  const Vec<Uint<T>, R> sign = splat<Uint<T>, R>(Uint<T>(1) << (8 * sizeof(T) - 1));
  return bitcast<T>((bitcast<Uint<T>>(a) & ~sign) | (bitcast<Uint<T>>(b) & sign));
}

// ---- 32-bit integers in 64-bit lanes ----
//
// The masked forms with every lane set: the plain ones make GCC 12 warn about an uninitialized
// operand that they never read.

// Lanewise product of the low halves, whole: (a mod 2^32) (b mod 2^32).
template <int R>
FASTNET_INLINE Vec<std::uint64_t, R> mul_wide(Vec<std::uint64_t, R> a, Vec<std::uint64_t, R> b) {
  using N = Native<std::uint64_t>;
  Vec<std::uint64_t, R> v;
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i) {
#if defined(__AVX512F__)
    v.r[i] = (N)_mm512_maskz_mul_epu32(0xff, (__m512i)a.r[i], (__m512i)b.r[i]);
#elif defined(__AVX2__)
    v.r[i] = (N)_mm256_mul_epu32((__m256i)a.r[i], (__m256i)b.r[i]);
#elif defined(__SSE2__)
    v.r[i] = (N)_mm_mul_epu32((__m128i)a.r[i], (__m128i)b.r[i]);
#elif defined(__ARM_NEON)
    v.r[i] = (N)vmull_u32(vmovn_u64((uint64x2_t)a.r[i]), vmovn_u64((uint64x2_t)b.r[i]));
#else
    const N low = 0xffffffffu - N{};
    v.r[i] = (a.r[i] & low) * (b.r[i] & low);
#endif
  }
  return v;
}

// The even 64-bit lanes of a and b in turn, a0 b0 a2 b2 ..., and the odd ones, a1 b1 a3 b3 ...
FASTNET_INLINE Native<std::uint64_t> zip_even(Native<std::uint64_t> a, Native<std::uint64_t> b) {
  using N = Native<std::uint64_t>;
#if defined(__AVX512F__)
  return (N)_mm512_maskz_unpacklo_epi64(0xff, (__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
  return (N)_mm256_unpacklo_epi64((__m256i)a, (__m256i)b);
#else
  return N{a[0], b[0]};
#endif
}
FASTNET_INLINE Native<std::uint64_t> zip_odd(Native<std::uint64_t> a, Native<std::uint64_t> b) {
  using N = Native<std::uint64_t>;
#if defined(__AVX512F__)
  return (N)_mm512_maskz_unpackhi_epi64(0xff, (__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
  return (N)_mm256_unpackhi_epi64((__m256i)a, (__m256i)b);
#else
  return N{a[1], b[1]};
#endif
}

// Of every four lanes a0 b0 a1 b1, or the second half, a2 b2 a3 b3.
template <bool kSecond>
FASTNET_INLINE Native<float> zip_floats(Native<float> a, Native<float> b) {
#if defined(__AVX512F__)
  return (Native<float>)(kSecond ? _mm512_maskz_unpackhi_ps(0xffff, (__m512)a, (__m512)b)
                                 : _mm512_maskz_unpacklo_ps(0xffff, (__m512)a, (__m512)b));
#elif defined(__AVX2__)
  return (Native<float>)(kSecond ? _mm256_unpackhi_ps((__m256)a, (__m256)b)
                                 : _mm256_unpacklo_ps((__m256)a, (__m256)b));
#else
  constexpr int i = kSecond ? 2 : 0;
  return Native<float>{a[i], b[i], a[i + 1], b[i + 1]};
#endif
}

// The first half of a register's 32-bit lanes as 64-bit lanes, and the second half.
template <int R>
FASTNET_INLINE Vec<std::uint64_t, 2 * R> widen(Vec<std::uint32_t, R> a) {
  constexpr int half = kNativeBytes / 2;
  typedef std::uint32_t Half __attribute__((vector_size(half)));
  Vec<std::uint64_t, 2 * R> v;
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i) {
    Half h[2];
    std::memcpy(h, &a.r[i], sizeof h);
    v.r[2 * i] = __builtin_convertvector(h[0], Native<std::uint64_t>);
    v.r[2 * i + 1] = __builtin_convertvector(h[1], Native<std::uint64_t>);
  }
  return v;
}

// Doubles from floats at p, exactly: eight, or R registers; the second form reads only the first n.
template <int R = kLogical>
FASTNET_INLINE Vec<double, R> load_as_double(const float* p) {
  constexpr int lanes = Vec<double, 1>::kLanes;
  Vec<double, R> v;
#pragma GCC unroll 4
  for (int i = 0; i < R; ++i) {
    // GCC 12 makes two conversions and a shuffle of __builtin_convertvector where one will do.
#if defined(__AVX512F__)
    v.r[i] = (Native<double>)_mm512_maskz_cvtps_pd(0xff, _mm256_loadu_ps(p + i * lanes));
#elif defined(__AVX2__)
    v.r[i] = (Native<double>)_mm256_cvtps_pd(_mm_loadu_ps(p + i * lanes));
#else
    typedef float Floats __attribute__((vector_size(kNativeBytes / 2)));
    Floats x;
    std::memcpy(&x, p + i * lanes, sizeof x);
    v.r[i] = __builtin_convertvector(x, Native<double>);
#endif
  }
  return v;
}
template <int R = kLogical>
FASTNET_INLINE Vec<double, R> load_as_double(const double* p) {
  return load<double, R>(p);
}
template <class T>
FASTNET_INLINE Vec<double> load_as_double_partial(const T* p, Index n) {
  T lanes[8] = {};
  std::memcpy(lanes, p, static_cast<std::size_t>(n) * sizeof(T));
  return load_as_double(lanes);
}

}  // namespace
}  // namespace fastnet::FASTNET_LEVEL
