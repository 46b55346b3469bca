// Draws gamma values by rejection from normals that are drawn in SIMD.
#include "engine/gamma.hpp"

#include <cmath>

#include "engine/elementwise.hpp"
#include "engine/words.hpp"

namespace fastnet {
namespace {

constexpr double kCost = 8;  // nanoseconds a value

// Counters of a part's attempts: 4 to each.
constexpr std::uint64_t kNormals = 0, kUniforms = 1, kExponentials = 2, kPerAttempt = 4;

// The shapes of a run of values, and d and c of Marsaglia and Tsang for them, for those below 1 of
// the shape raised by 1: element i step belongs to value i.
struct Shapes {
  const double *shape, *d, *c;
  Index step;
};

// The shapes of a call, shapes[i % count] of value i.
class ShapePattern {
 public:
  ShapePattern(const double* shapes, Index count) noexcept : shapes_(shapes), count_(count) {
    if (count < kWords) fill(0, count == 1 ? 1 : kWords + count);
  }
  // Of the values from `begin` on, at most kWords. Those of few shapes are made once.
  Shapes at(Index begin, Index n) noexcept {
    if (count_ >= kWords) fill(begin % count_, n);
    const Index first = count_ < kWords ? begin % count_ : 0;
    return {shape_ + first, d_ + first, c_ + first, count_ == 1 ? 0 : 1};
  }
  // Whether some are 1, below 1, other than 1.
  bool ones = false, small = false, others = false;

 private:
  void fill(Index next, Index n) noexcept {
    ones = small = others = false;
    for (Index i = 0; i < n; ++i) {
      const double a = shapes_[next];
      if (++next == count_) next = 0;
      shape_[i] = a;
      ones |= a == 1;
      small |= a < 1;
      others |= a != 1;
    }
    for (Index i = 0; i < n; ++i) {
      d_[i] = (shape_[i] < 1 ? shape_[i] + 1 : shape_[i]) - 1.0 / 3;
      c_[i] = 1 / std::sqrt(9 * d_[i]);
    }
  }

  const double* shapes_;
  Index count_;
  double shape_[2 * kWords], d_[2 * kWords], c_[2 * kWords];
};

class Gammas {
 public:
  Gammas(std::uint64_t part, const StreamPosition& source) noexcept
      : kernels_(kernels().f64),
        key_(source.key),
        high_(counter_high(Law::kGamma, (source.stream << kCountBits) + (part << 32))) {}

  void normals(std::uint64_t attempt, std::uint64_t position, double* z, Index n) const noexcept {
    const std::uint64_t high = high_ + kPerAttempt * attempt + kNormals;
    kernels_.random.normal(key_, high, position, {0, 1}, z, n);
  }
  void uniforms(std::uint64_t attempt, std::uint64_t position, double* u, Index n) const noexcept {
    const std::uint64_t high = high_ + kPerAttempt * attempt + kUniforms;
    kernels_.random.uniform(key_, high, position, {0, 1, 1}, u, n);
  }
  void exponentials(std::uint64_t position, double* e, Index n) const noexcept {
    kernels_.random.exponential(key_, high_ + kExponentials, position, {0, 1}, e, n);
  }
  void math(MathFunction f, double* x, Index n) const noexcept { kernels_.math.apply(f, x, x, n); }

  // Values of shapes, of those below 1 raised by 1.
  void draw(const Shapes& shapes, std::uint64_t position, double* out, Index n) const noexcept {
    const double *d = shapes.d, *c = shapes.c;
    const Index step = shapes.step;
    double z[kWords], u[kWords];
    normals(0, position, z, n);
    uniforms(0, position, u, n);
    // Most values are decided by the squeeze, in a loop without branches; the others by logarithms,
    // and those that are rejected go on alone.
    double v[kWords];
    std::int64_t accepted[kWords];
    for (Index i = 0; i < n; ++i) {
      const double root = 1 + c[i * step] * z[i], square = z[i] * z[i];
      v[i] = root * root * root;
      accepted[i] = (root > 0) & (u[i] < 1 - 0.0331 * square * square);
      out[i] = d[i * step] * v[i];
    }
    Index open[kWords], left = 0;
    double logs[2 * kWords];
    for (Index i = 0; i < n; ++i) {
      open[left] = i;
      logs[2 * left] = u[i];
      logs[2 * left + 1] = v[i];
      left += !accepted[i];
    }
    math(MathFunction::kLog, logs, 2 * left);
    for (Index j = 0; j < left; ++j) {
      const Index i = open[j];
      const double shape_d = d[i * step], shape_c = c[i * step];
      // NaN, the logarithm of v < 0, accepts nothing.
      bool found = accepts(shape_d, z[i], v[i], logs[2 * j], logs[2 * j + 1]);
      for (std::uint64_t attempt = 1; !found; ++attempt) {
        double again[2];
        normals(attempt, position + static_cast<std::uint64_t>(i), again, 1);
        uniforms(attempt, position + static_cast<std::uint64_t>(i), again + 1, 1);
        const double root = 1 + shape_c * again[0], square = again[0] * again[0];
        v[i] = root * root * root;
        found = root > 0;
        if (!found || again[1] < 1 - 0.0331 * square * square) continue;
        double last[2] = {again[1], v[i]};
        math(MathFunction::kLog, last, 2);
        found = accepts(shape_d, again[0], v[i], last[0], last[1]);
      }
      out[i] = shape_d * v[i];
    }
  }

 private:
  // Whether an attempt passes the exact test.
  static bool accepts(double d, double z, double v, double log_u, double log_v) noexcept {
    return log_u < 0.5 * (z * z) + d * (1 - v + log_v);
  }

  const KernelsOf<double>& kernels_;
  std::uint64_t key_, high_;
};

// values = their form.
void finish(const Gammas& gammas, GammaForm form, double* values, Index n) noexcept {
  if (form == GammaForm::kLogarithm) gammas.math(MathFunction::kLog, values, n);
  if (form == GammaForm::kInverseRoot) {
    for (Index i = 0; i < n; ++i) values[i] = 1 / std::sqrt(values[i]);
  }
}

// Brings values of shape + 1 down to a shape below 1: G u^(1 / shape), e = -ln u, in their form.
void boost(const Gammas& gammas, GammaForm form, const Shapes& shapes, double* e, double* values,
           Index n) noexcept {
  for (Index i = 0; i < n; ++i) {
    const double a = shapes.shape[i * shapes.step], power = a < 1 ? -e[i] / a : 0;
    e[i] = form == GammaForm::kInverseRoot ? -0.5 * power : power;
  }
  if (form == GammaForm::kLogarithm) {
    for (Index i = 0; i < n; ++i) values[i] += e[i];
  } else {
    gammas.math(MathFunction::kExp, e, n);
    for (Index i = 0; i < n; ++i) values[i] *= e[i];
  }
}

}  // namespace

void sample_gamma(const double* shapes, Index count, GammaForm form, std::uint64_t part,
                  const StreamPosition& source, double* out, Index n) noexcept {
  if (n == 0) return;  // perhaps without a shape
  for_elements(n, kCost, [&](Index begin, Index end) {
    const Gammas gammas(part, source);
    ShapePattern pattern(shapes, count);
    for (Index at = begin; at < end; at += kWords) {
      const Index size = end - at < kWords ? end - at : kWords;
      const std::uint64_t position = source.position + static_cast<std::uint64_t>(at);
      const Shapes run = pattern.at(at, size);
      double* to = out + at;
      // -ln u of the boost of small shapes; the value itself where the shape is 1.
      double e[kWords];
      if (pattern.ones || pattern.small) gammas.exponentials(position, e, size);
      if (pattern.others) gammas.draw(run, position, to, size);
      if (pattern.ones) {
        for (Index i = 0; i < size; ++i) to[i] = run.shape[i * run.step] == 1 ? e[i] : to[i];
      }
      finish(gammas, form, to, size);
      if (pattern.small) boost(gammas, form, run, e, to, size);
    }
  });
}

void sample_dirichlet(const double* shapes, Index n, const StreamPosition& source, double* out,
                      Index rows) noexcept {
  sample_gamma(shapes, n, GammaForm::kValue, 0, source, out, rows * n);
  for_elements(rows, static_cast<double>(n), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      double* row = out + i * n;
      double sum = 0;
      for (Index l = 0; l < n; ++l) sum += row[l];
      // A quotient, not a product with 1 / sum: of one category it is 1.
      for (Index l = 0; l < n; ++l) row[l] /= sum;
    }
  });
}

}  // namespace fastnet
