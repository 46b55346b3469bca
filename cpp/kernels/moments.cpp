// The moment kernels of one ISA level.
#include "kernels/lanes-inl.hpp"
#include "kernels/moments-inl.hpp"
#include "kernels/table.hpp"

namespace fastnet::FASTNET_LEVEL {
namespace {

// ---- values in a row ----

template <class E>
using BlockSums = LaneSums<E, kMomentLanes>;

template <class T, class Mode>
FASTNET_INLINE void add_block(const T* x, const double* w, Index n, double pivot,
                              BlockSums<Extremes<T, Mode>>& sums, Mode mode) {
  using E = Extremes<T, Mode>;
  const Pair p = splat<double, 2>(pivot);
  const Index whole = n / kMomentLanes * kMomentLanes;
  for (Index lane = 0; lane < kMomentLanes; lane += kPairLanes) {
    PowerSums<E> s = get(sums, lane);
    for (Index i = lane; i < whole; i += kMomentLanes) {
      add_values(s, x + i, p, w ? load<double, 2>(w + i) : p, mode);
    }
    put(sums, lane, s);
  }
  if (whole == n) return;
  // What is left goes the weighted way, with weight 0 in the lanes that nothing is left for.
  alignas(64) T rest[kMomentLanes] = {};
  alignas(64) double weights[kMomentLanes] = {};
  for (Index i = whole; i < n; ++i) {
    rest[i - whole] = x[i];
    weights[i - whole] = w ? w[i] : 1.0;
  }
  for (Index lane = 0; lane < kMomentLanes && whole + lane < n; lane += kPairLanes) {
    PowerSums<E> s = get(sums, lane);
    const Pair v = load_as_double<2>(rest + lane), weight = load<double, 2>(weights + lane);
    PowerSums<double> last = {s.weight,
                              s.s1,
                              s.s2,
                              s.s3,
                              s.s4,
                              splat<double, 2>(__builtin_inf()),
                              splat<double, 2>(-__builtin_inf())};
    last.add(v, p, weight);
    s.weight = last.weight;
    s.s1 = last.s1;
    s.s2 = last.s2;
    s.s3 = last.s3;
    s.s4 = last.s4;
    put(sums, lane, s);
  }
  for (Index i = whole; i < n; ++i) {
    const Index lane = i - whole;
    const E v = static_cast<E>(x[i]);
    if (!(weights[lane] > 0.0)) continue;
    sums.min[lane] = v < sums.min[lane] ? v : sums.min[lane];
    sums.max[lane] = v > sums.max[lane] ? v : sums.max[lane];
  }
}

template <class E>
FASTNET_INLINE Powers total(const BlockSums<E>& s, double n, double pivot) {
  const E low = reduce16(s.min, [](auto a, auto b) FASTNET_INLINE_LAMBDA { return min(a, b); });
  const E high = reduce16(s.max, [](auto a, auto b) FASTNET_INLINE_LAMBDA { return max(a, b); });
  return {n,
          pivot,
          sum16(s.s1),
          sum16(s.s2),
          sum16(s.s3),
          sum16(s.s4),
          static_cast<double>(low),
          static_cast<double>(high)};
}

// Where sums of finite values leave the range of doubles, all is done with values 1 / kUp as large,
// whose fourth powers stay within it, and large weights likewise.
constexpr double kUp = 0x1p800;

// The moments of values kUp times as large, whose extremes are known, with weights `share` times as
// large. What is then beyond the range of doubles is infinite, but the mean, which is between the
// extremes.
FASTNET_INLINE void scale_up(Moments* m, double share, double low, double high) {
  m->min = low;
  m->max = high;
  const double mean = m->mean * kUp;
  m->rest *= kUp;
  if (is_finite(m->mean) && !is_finite(mean)) {
    m->mean = mean > 0.0 ? high : low;
    m->rest = 0.0;
  } else {
    m->mean = mean;
  }
  m->n *= share;
  m->m2 = m->m2 * kUp * kUp * share;
  m->m3 = m->m3 * kUp * kUp * kUp * share;
  m->m4 = m->m4 * kUp * kUp * kUp * kUp * share;
}

// The moments of values among which some are not finite, whose sums are not, or whose weights are
// all 0: x[i * distance].
template <class T>
__attribute__((noinline)) Index odd_block(const T* x, Index distance, const double* w, Index n,
                                          Moments* out) noexcept {
  constexpr Index kPiece = 256;
  double values[kPiece];
  double weights[kPiece];
  double pivot = 0.0, scale = 1.0, share = 1.0, low = 0.0, high = 0.0;
  Index nans = 0;
  for (Index i = n - 1; i >= 0; --i) {
    const double v = static_cast<double>(x[i * distance]);
    if (is_finite(v) && (!w || w[i] > 0.0)) pivot = v;
  }
  for (int pass = 0; pass < 2; ++pass) {
    BlockSums<double> sums;
    clear(sums);
    nans = 0;
    for (Index first = 0; first < n; first += kPiece) {
      const Index end = n - first < kPiece ? n : first + kPiece;
      Index kept = 0;
      for (Index i = first; i < end; ++i) {
        const T v = x[i * distance];
        const double weight = w ? w[i] : 1.0;
        const bool nan = v != v, counts = weight > 0.0;
        nans += nan && counts;
        values[kept] = static_cast<double>(v) * scale;
        weights[kept] = weight * share;
        kept += !nan && counts;
      }
      add_block(values, weights, kept, pivot, sums, Weighted{});
    }
    const Powers p = total(sums, sum16(sums.weight), pivot);
    const bool good = central(p, out);
    if (scale == 1.0 && p.n > 0.0 && !is_finite(p.s2) && is_finite(p.min) && is_finite(p.max)) {
      scale = 1.0 / kUp;
      if (p.n > 0x1p200) share = scale;
      pivot *= scale;
      low = p.min;
      high = p.max;
      pass = -1;
      continue;
    }
    if (good) break;
    pivot = out->mean;
  }
  if (scale != 1.0) scale_up(out, 1.0 / share, low, high);
  return nans;
}

// A number near the mean.
template <class T>
FASTNET_INLINE double pivot_of(const T* x, Index n) {
  if (n < kMomentLanes) return static_cast<double>(x[0]);
  // Scaled before it is added, so that it can't overflow.
  const Vec<double> share = splat(1.0 / 16.0);
  return reduce_add(load_as_double(x) * share + load_as_double(x + 8) * share);
}

template <class T, class Mode>
FASTNET_INLINE Index usual_block(const T* x, const double* w, Index n, Moments* out, Mode mode) {
  using E = Extremes<T, Mode>;
  double pivot = w ? static_cast<double>(x[0]) : pivot_of(x, n);
  for (int pass = 0; pass < 2; ++pass) {
    BlockSums<E> sums;
    clear(sums);
    add_block(x, w, n, pivot, sums, mode);
    const Powers p = total(sums, w ? sum16(sums.weight) : static_cast<double>(n), pivot);
    if (!is_finite(p.s2) || !(p.n > 0.0)) return odd_block(x, 1, w, n, out);
    if (central(p, out)) break;
    pivot = out->mean;
  }
  return 0;
}

template <class T>
Index block(const T* x, const double* w, Index n, Moments* out) noexcept {
  if (n == 0) return odd_block(x, 1, w, n, out);
  return w ? usual_block(x, w, n, out, Weighted{}) : usual_block(x, w, n, out, Unweighted{});
}

// ---- values in pieces ----

template <class T>
void begin(const T* x, Index n, PieceSums<T>* sums) noexcept {
  clear(sums->lanes);
  sums->pivot = n > 0 ? pivot_of(x, n) : 0.0;
}

template <class T>
void add(const T* x, Index n, PieceSums<T>* sums) noexcept {
  add_block(x, nullptr, n, sums->pivot, sums->lanes, Unweighted{});
}

template <class T>
bool finish(const PieceSums<T>& sums, Index n, Moments* out) noexcept {
  const Powers p = total(sums.lanes, static_cast<double>(n), sums.pivot);
  return n > 0 && is_finite(p.s2) && central(p, out);
}

// ---- columns ----

// Columns whose sums stay in L1, and rows that are read side by side.
constexpr Index kMomentPanel = 256;
constexpr Index kSideBySide = 8;

// Values of one row, zeros beyond the panel's columns.
template <class T>
FASTNET_INLINE const T* padded(const T* x, Index left, T* buffer) {
  if (left >= kPairLanes) return x;
  std::memcpy(buffer, x, static_cast<std::size_t>(left) * sizeof(T));
  return buffer;
}

template <class E>
using PanelPowers = LaneSums<E, kMomentPanel>;

template <class T, class Mode>
FASTNET_INLINE void add_rows(const T* x, Index row, Index rows, Index columns, const double* w,
                             const double* pivot, PanelPowers<Extremes<T, Mode>>& sums, Mode mode) {
  using E = Extremes<T, Mode>;
  clear(sums);
  alignas(64) T buffer[kPairLanes] = {};
  for (Index first = 0; first < rows; first += kSideBySide) {
    const Index end = rows - first < kSideBySide ? rows : first + kSideBySide;
    // The next rows, which the CPU does not foresee from the order in which these are read.
    const Index ahead = first + 2 * kSideBySide <= rows ? kSideBySide * row : 0;
    for (Index c = 0; c < columns; c += kPairLanes) {
      const Pair p = load<double, 2>(pivot + c);
      PowerSums<E> s = get(sums, c);
      for (Index r = first; r < end; ++r) {
        __builtin_prefetch(x + r * row + c + ahead, 0, 2);
        if (sizeof(T) == 8) __builtin_prefetch(x + r * row + c + ahead + kPairLanes / 2, 0, 2);
        add_values(s, padded(x + r * row + c, columns - c, buffer), p,
                   w ? splat<double, 2>(w[r]) : p, mode);
      }
      put(sums, c, s);
    }
  }
}

template <class T, class Mode>
FASTNET_INLINE void panel(const T* x, Index row, Index rows, Index columns, const double* w,
                          Moments* out, Index* nans, Mode mode) {
  alignas(64) double pivot[kMomentPanel] = {};
  const Index near = rows < kSideBySide ? 1 : kSideBySide;
  for (Index r = 0; r < near; ++r) {
    for (Index c = 0; c < columns; ++c) {
      pivot[c] += static_cast<double>(x[r * row + c]) / static_cast<double>(near);
    }
  }
  PanelPowers<Extremes<T, Mode>> sums;
  bool again = true;
  for (int pass = 0; pass < 2 && again; ++pass) {
    add_rows(x, row, rows, columns, w, pivot, sums, mode);
    again = false;
    for (Index c = 0; c < columns; ++c) {
      const Powers p = {w ? sums.weight[c] : static_cast<double>(rows),
                        pivot[c],
                        sums.s1[c],
                        sums.s2[c],
                        sums.s3[c],
                        sums.s4[c],
                        static_cast<double>(sums.min[c]),
                        static_cast<double>(sums.max[c])};
      nans[c] = 0;
      if (!is_finite(p.s2) || !(p.n > 0.0)) {
        nans[c] = odd_block(x + c, row, w, rows, out + c);
      } else if (!central(p, out + c)) {
        pivot[c] = out[c].mean;
        again = true;
      }
    }
  }
}

template <class T>
void columns(const T* x, Index row, Index rows, Index n, const double* w, Moments* out,
             Index* nans) noexcept {
  for (Index c = 0; c < n; c += kMomentPanel) {
    const Index width = n - c < kMomentPanel ? n - c : kMomentPanel;
    if (rows == 0) {
      for (Index i = c; i < c + width; ++i) nans[i] = odd_block(x, 1, w, 0, out + i);
    } else if (w) {
      panel(x + c, row, rows, width, w, out + c, nans + c, Weighted{});
    } else {
      panel(x + c, row, rows, width, w, out + c, nans + c, Unweighted{});
    }
  }
}

}  // namespace

void fill_moments(Kernels& table) noexcept {
  table.f32.moments = {block<float>, begin<float>, add<float>, finish<float>, columns<float>};
  table.f64.moments = {block<double>, begin<double>, add<double>, finish<double>, columns<double>};
}

}  // namespace fastnet::FASTNET_LEVEL
