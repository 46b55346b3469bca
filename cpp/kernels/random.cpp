// The random kernels of one ISA level.
#include "kernels/sampling-inl.hpp"
#include "kernels/table.hpp"

namespace fastnet::FASTNET_LEVEL {
namespace {

void blocks(std::uint64_t key, std::uint64_t high, std::uint64_t block, std::uint32_t* words,
            Index n) noexcept {
  constexpr int R = kPhiloxRegisters;
  constexpr Index group = kPhiloxBlocks<R>;
  const PhiloxKeys keys = philox_keys(key);
  for (; n >= group; n -= group, words += 4 * group, block += group) {
    store(words, philox<R>(keys, high, block));
  }
  constexpr Index rest = kPhiloxBlocks<1>;
  for (; n > 0; n -= rest, words += 4 * rest, block += rest) {
    store_partial(words, philox<1>(keys, high, block), 4 * n);
  }
}

// A law gives the values of the blocks in R registers of counters, kInBlock of each block, in
// order; `high` is the counters' upper half or a PhiloxStart.
template <class T>
struct Unit {
  static constexpr int kInBlock = 16 / sizeof(T);
  template <int R, class High>
  FASTNET_INLINE Vec<T, 2 * R> values(const PhiloxKeys& keys, const High& high,
                                      std::uint64_t block) const {
    return unit_interval(bitcast<Uint<T>>(philox<R>(keys, high, block)));
  }
};

template <class T>
struct Uniform : Unit<T> {
  UniformRange<T> range;
  template <int R, class High>
  FASTNET_INLINE Vec<T, 2 * R> values(const PhiloxKeys& keys, const High& high,
                                      std::uint64_t block) const {
    const Vec<T, 2 * R> u = Unit<T>::template values<R>(keys, high, block);
    const Vec<T, 2 * R> v = splat<T, 2 * R>(range.low) + splat<T, 2 * R>(range.width) * u;
    return min(v, splat<T, 2 * R>(range.top));
  }
};

template <int R, class T>
FASTNET_INLINE Vec<T, R> apply(const Affine<T>& affine, Vec<T, R> v) {
  return splat<T, R>(affine.shift) + splat<T, R>(affine.scale) * v;
}

// Rounds of one group of blocks as steps between those of another group's normals. They wait for
// each other less than either for itself.
template <int R>
struct NextBlocks {
  const PhiloxKeys& keys;
  PhiloxRounds<R> rounds;
  template <int kStep>
  FASTNET_INLINE void step() {
    constexpr int first[] = {3, 4, 6, 8, 9, 10};
#pragma GCC unroll 2
    for (int i = first[kStep]; i < first[kStep + 1]; ++i) rounds.round(keys, i);
  }
};

struct Standard {
  template <class T, int R>
  FASTNET_INLINE Vec<T, R> operator()(Vec<T, R> z) const {
    return z;
  }
};
template <class T>
struct Moved {
  Affine<T> affine;
  template <int R>
  FASTNET_INLINE Vec<T, R> operator()(Vec<T, R> z) const {
    return apply(affine, z);
  }
};
template <class T>
struct Exponentiated {
  Affine<T> affine;
  template <int R>
  FASTNET_INLINE Vec<T, R> operator()(Vec<T, R> z) const {
    return exp(apply(affine, z));
  }
};

// Functions of standard normal values.
template <class T, class F>
struct Normal {
  static constexpr int kInBlock = 16 / sizeof(T);
  F f;
  template <int R, class High>
  FASTNET_INLINE Vec<T, 2 * R> values(const PhiloxKeys& keys, const High& high,
                                      std::uint64_t block) const {
    NoOther none;
    return f(normals(philox_lanes<R>(keys, high, block), T(), none));
  }
  template <int R>
  FASTNET_INLINE void groups(const PhiloxKeys& keys, const PhiloxStart& start, std::uint64_t block,
                             T* out, Index count) const {
    constexpr Index many = kPhiloxBlocks<R> * kInBlock;
    PhiloxLanes<R> lanes = philox_lanes<R>(keys, start, block);
    for (; count > 1; --count, out += many) {
      block += kPhiloxBlocks<R>;
      NextBlocks<R> next{keys, {keys, start, block}};
      store(out, f(normals(lanes, T(), next)));
      lanes = next.rounds.lanes();
    }
    NoOther none;
    store(out, f(normals(lanes, T(), none)));
  }
};

template <class T>
struct Exponential {
  static constexpr int kInBlock = 16 / sizeof(T);
  Affine<T> affine;
  template <int R, class High>
  FASTNET_INLINE Vec<T, 2 * R> values(const PhiloxKeys& keys, const High& high,
                                      std::uint64_t block) const {
    NoOther none;
    return apply(affine, -log_unit(bitcast<Uint<T>>(philox<R>(keys, high, block)), none));
  }
};

template <class T>
struct Laplace {
  static constexpr int kInBlock = 16 / sizeof(T);
  Affine<T> affine;
  template <int R, class High>
  FASTNET_INLINE Vec<T, 2 * R> values(const PhiloxKeys& keys, const High& high,
                                      std::uint64_t block) const {
    using U = Uint<T>;
    const Vec<U, 2 * R> words = bitcast<U>(philox<R>(keys, high, block));
    const Vec<U, 2 * R> sign = words & splat<U, 2 * R>(U(1) << (8 * sizeof(U) - 1));
    NoOther none;
    const Vec<T, 2 * R> size = -log_unit(shift_left<1>(words), none);
    return apply(affine, bitcast<T>(bitcast<U>(size) | sign));
  }
};

template <class T>
struct Bernoulli {
  static constexpr int kInBlock = 4;
  std::uint32_t upper, lower;
  std::uint64_t next_attempt;  // the counters' upper half

  template <int R, class High>
  FASTNET_INLINE auto values(const PhiloxKeys& keys, const High& high, std::uint64_t block) const {
    constexpr int registers = 2 * R;
    using U = std::uint32_t;
    const Vec<U, registers> words = philox<R>(keys, high, block), edge = splat<U, registers>(upper);
    Mask<U, registers> hit = less(words, edge);
    const Mask<U, registers> tied = equal(words, edge);
    if (any(tied)) {
      const Vec<U, registers> next = philox<R>(keys, next_attempt, block);
      hit = hit | (tied & less(next, splat<U, registers>(lower)));
    }
    if constexpr (sizeof(T) == 4) {
      return select(hit, splat<T, registers>(T(1)), zero<T, registers>());
    } else {
      constexpr int wide = 2 * registers;
      const Mask<T, wide> wide_hit = not_equal(widen(bitcast<U>(hit)), zero<std::uint64_t, wide>());
      return select(wide_hit, splat<T, wide>(T(1)), zero<T, wide>());
    }
  }
};

// `count` groups of the values of R registers of counters, all with start's upper half.
template <int R, class T, class L>
FASTNET_INLINE void fill_groups(const PhiloxKeys& keys, const PhiloxStart& start,
                                std::uint64_t block, const L& law, T* out, Index count) {
  for (; count > 0; --count, block += kPhiloxBlocks<R>, out += kPhiloxBlocks<R> * L::kInBlock) {
    store(out, law.template values<R>(keys, start, block));
  }
}
template <int R, class T, class F>
FASTNET_INLINE void fill_groups(const PhiloxKeys& keys, const PhiloxStart& start,
                                std::uint64_t block, const Normal<T, F>& law, T* out, Index count) {
  if (count > 0) law.template groups<R>(keys, start, block, out, count);
}

// out[i] = the law's value at position + i, R registers of counters at a time.
template <int R, class T, class L>
FASTNET_INLINE void fill(std::uint64_t key, std::uint64_t high, std::uint64_t position,
                         const L& law, T* out, Index n) {
  constexpr Index in_block = L::kInBlock;
  constexpr Index few = kPhiloxBlocks<1> * in_block;
  const PhiloxKeys keys = philox_keys(key);
  constexpr Index blocks = kPhiloxBlocks<R>;
  std::uint64_t block = position / in_block;
  Index skip = static_cast<Index>(position % in_block);
  while (n > 0) {
    if (skip == 0) {
      // Before the block numbers' upper half changes.
      const Index left = (Index(1) << 32) - static_cast<Index>(block & 0xffffffffu);
      const Index whole = n / (blocks * in_block);
      const Index groups = whole < left / blocks ? whole : left / blocks;
      const PhiloxStart start = philox_start(keys, high, static_cast<std::uint32_t>(block >> 32));
      fill_groups<R>(keys, start, block, law, out, groups);
      n -= groups * blocks * in_block;
      out += groups * blocks * in_block;
      block += static_cast<std::uint64_t>(groups * blocks);
    }
    if (n == 0) return;
    // A first register that begins within a block, and the last ones: one copy of their code.
    T some[few];
    store(some, law.template values<1>(keys, high, block));
    const Index count = n < few - skip ? n : few - skip;
    std::memcpy(out, some + skip, static_cast<std::size_t>(count) * sizeof(T));
    out += count;
    n -= count;
    block += kPhiloxBlocks<1>;
    skip = 0;
  }
}

template <class T>
void uniform(std::uint64_t key, std::uint64_t high, std::uint64_t position,
             const UniformRange<T>& range, T* out, Index n) noexcept {
  if (range.low == T(0) && range.width == T(1)) {
    // At most 1 - 2^-24 or 1 - 2^-53 anyway.
    fill<kPhiloxRegisters>(key, high, position, Unit<T>{}, out, n);
  } else {
    fill<kPhiloxRegisters>(key, high, position, Uniform<T>{{}, range}, out, n);
  }
}

template <class T>
void normal(std::uint64_t key, std::uint64_t high, std::uint64_t position, const Affine<T>& affine,
            T* out, Index n) noexcept {
  if (affine.shift == T(0) && affine.scale == T(1)) {
    // No normal is a zero, whose sign a sum would lose.
    fill<kPhiloxRegisters>(key, high, position, Normal<T, Standard>{}, out, n);
  } else {
    fill<kPhiloxRegisters>(key, high, position, Normal<T, Moved<T>>{{affine}}, out, n);
  }
}
template <class T>
void lognormal(std::uint64_t key, std::uint64_t high, std::uint64_t position,
               const Affine<T>& affine, T* out, Index n) noexcept {
  fill<kPhiloxRegisters>(key, high, position, Normal<T, Exponentiated<T>>{{affine}}, out, n);
}
template <class T>
void exponential(std::uint64_t key, std::uint64_t high, std::uint64_t position,
                 const Affine<T>& affine, T* out, Index n) noexcept {
  fill<kPhiloxRegisters>(key, high, position, Exponential<T>{affine}, out, n);
}
template <class T>
void laplace(std::uint64_t key, std::uint64_t high, std::uint64_t position, const Affine<T>& affine,
             T* out, Index n) noexcept {
  fill<kPhiloxRegisters>(key, high, position, Laplace<T>{affine}, out, n);
}

template <class T>
void bernoulli(std::uint64_t key, std::uint64_t high, std::uint64_t position,
               std::uint64_t threshold, T* out, Index n) noexcept {
  const Bernoulli<T> law{static_cast<std::uint32_t>(threshold >> 32),
                         static_cast<std::uint32_t>(threshold), high + 1};
  // Doubles are twice as many registers, which spill with four of counters.
  fill<sizeof(T) == 4 ? kPhiloxRegisters : 2>(key, high, position, law, out, n);
}

}  // namespace

void fill_random(Kernels& table) noexcept {
  table.bits = {blocks};
  table.f32.random = {uniform<float>,     normal<float>,  lognormal<float>,
                      exponential<float>, laplace<float>, bernoulli<float>};
  table.f64.random = {uniform<double>,     normal<double>,  lognormal<double>,
                      exponential<double>, laplace<double>, bernoulli<double>};
}

}  // namespace fastnet::FASTNET_LEVEL
