// Laws by name, with parameters that the sampler can draw.
#pragma once

#include <algorithm>
#include <cmath>
#include <iterator>
#include <string>
#include <utility>

#include "bindings/arrays.hpp"
#include "engine/sampler.hpp"

namespace fastnet {

// Python has checked the parameters and says which of them is wrong; here what else would be
// undefined.
template <class T>
Draw<T> law_of(const std::string& law, double a, double b) {
  static constexpr std::pair<const char*, Distribution> names[] = {
      {"uniform", Distribution::kUniform},     {"normal", Distribution::kNormal},
      {"lognormal", Distribution::kLognormal}, {"exponential", Distribution::kExponential},
      {"laplace", Distribution::kLaplace},     {"bernoulli", Distribution::kBernoulli},
  };
  const auto* name = std::find_if(std::begin(names), std::end(names),
                                  [&](const auto& entry) { return law == entry.first; });
  if (name == std::end(names)) value_error("law must be one that is drawn directly, got " + law);
  const Draw<T> what{name->second, static_cast<T>(a), static_cast<T>(b)};
  if (!std::isfinite(what.a) || !std::isfinite(what.b)) {
    value_error("parameters must be finite numbers of the dtype, got " + std::to_string(a) +
                " and " + std::to_string(b));
  }
  if (what.kind == Distribution::kUniform && (!(a <= b) || !std::isfinite(what.b - what.a))) {
    value_error("low must be at most high and high - low finite, got low = " + std::to_string(a) +
                ", high = " + std::to_string(b));
  }
  if (what.kind == Distribution::kBernoulli && !(what.a >= 0 && what.a <= 1)) {
    value_error("p must be in [0, 1], got " + std::to_string(a));
  }
  return what;
}

}  // namespace fastnet
