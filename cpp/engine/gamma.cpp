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

class Gammas {
 public:
  Gammas(std::uint64_t part, const Source& source) noexcept
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

  // (1 + c z)^3 if the attempt is accepted, else -1.
  double accept(double d, double c, double z, double u) const noexcept {
    const double root = 1 + c * z;
    if (!(root > 0)) return -1;
    const double v = root * root * root, square = z * z;
    if (u < 1 - 0.0331 * square * square) return v;
    double logs[2] = {u, v};
    math(MathFunction::kLog, logs, 2);
    return logs[0] < 0.5 * square + d * (1 - v + logs[1]) ? v : -1;
  }

  // Values of shapes of at least 1, of which shape(i) says the i-th.
  template <class Shape>
  void draw(const Shape& shape, std::uint64_t position, double* out, Index n) const noexcept {
    double z[kWords], u[kWords];
    normals(0, position, z, n);
    uniforms(0, position, u, n);
    double last = 0, d = 0, c = 0;
    for (Index i = 0; i < n; ++i) {
      const double a = shape(i);
      if (a != last) {
        last = a;
        d = a - 1.0 / 3;
        c = 1 / std::sqrt(9 * d);
      }
      double v = accept(d, c, z[i], u[i]);
      for (std::uint64_t attempt = 1; v < 0; ++attempt) {
        double again[2];
        normals(attempt, position + static_cast<std::uint64_t>(i), again, 1);
        uniforms(attempt, position + static_cast<std::uint64_t>(i), again + 1, 1);
        v = accept(d, c, again[0], again[1]);
      }
      out[i] = d * v;
    }
  }

 private:
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
template <class Shape>
void boost(const Gammas& gammas, GammaForm form, const Shape& shape, double* e, double* values,
           Index n) noexcept {
  for (Index i = 0; i < n; ++i) {
    const double power = shape(i) < 1 ? -e[i] / shape(i) : 0;
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

void sample_gamma(Column<double> shape, GammaForm form, std::uint64_t part, const Source& source,
                  double* out, Index n) noexcept {
  for_elements(n, kCost, [&](Index begin, Index end) {
    const Gammas gammas(part, source);
    for (Index at = begin; at < end; at += kWords) {
      const Index count = end - at < kWords ? end - at : kWords;
      const std::uint64_t position = source.position + static_cast<std::uint64_t>(at);
      double* to = out + at;
      Index ones = 0, small = 0;
      for (Index i = 0; i < count; ++i) {
        ones += shape[at + i] == 1;
        small += shape[at + i] < 1;
      }
      // -ln u of the boost of small shapes; the value itself where the shape is 1.
      double e[kWords];
      if (ones + small > 0) gammas.exponentials(position, e, count);
      if (ones < count) {
        const auto raised = [&](Index i) {
          const double a = shape[at + i];
          return a < 1 ? a + 1 : a;
        };
        gammas.draw(raised, position, to, count);
      }
      if (ones > 0) {
        for (Index i = 0; i < count; ++i) {
          if (shape[at + i] == 1) to[i] = e[i];
        }
      }
      finish(gammas, form, to, count);
      if (small > 0)
        boost(
            gammas, form, [&](Index i) { return shape[at + i]; }, e, to, count);
    }
  });
}

}  // namespace fastnet
