"""Gamma, beta and binomial densities without the differences of large logarithms.

Loader, "Fast and accurate computation of binomial probabilities" (2000): a density is taken apart
into Stirling's errors, which are small, and deviances, which are small where the density is not.
Differences that decide, of a count and its mean, are taken with the rounding errors of products.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastnet._arrays import Array
from fastnet.stats._checks import special, xlogy

# From here on functions are their asymptotic series: the first term left out is below 1e-17.
LARGE = 10.0
_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)
_lgamma = np.frompyfunc(math.lgamma, 1, 1)
# Bernoulli's numbers B_2k over 2k (2k - 1), k = 1 ... 8 (Abramowitz and Stegun 6.1.40).
_STIRLING = (
    1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156, -3617 / 122400,
)  # fmt: skip
# Below this distance, relative to the sum of both numbers, a deviance is its series.
_NEAR = 0.1


def log_gamma(x: Any) -> Array:
    """Return log gamma(x) of every element, inf where it is too large for a float."""
    x = np.asarray(x, np.float64)
    return np.where(x > 2e305, math.inf, np.asarray(_lgamma(np.minimum(x, 2e305)), np.float64))


def stirling_error(n: Any) -> Array:
    """Return log gamma(n + 1) - log(sqrt(2 pi n) (n / e)^n) for n >= LARGE."""
    t = 1 / np.asarray(n, np.float64)
    return np.asarray(t * np.polyval(_STIRLING[::-1], t * t))


def digamma_error(n: Any) -> Array:
    """Return log(n) - 1 / (2 n) - digamma(n) for n >= LARGE: minus stirling_error's derivative."""
    t = np.square(1 / np.asarray(n, np.float64))
    terms = [(2 * k + 1) * s for k, s in enumerate(_STIRLING)]
    return np.asarray(t * np.polyval(terms[::-1], t))


def gamma_entropy(a: Any) -> Array:
    """Return a + log gamma(a) + (1 - a) digamma(a), the entropy of the gamma law of scale 1."""
    a = np.asarray(a, np.float64)
    z = np.maximum(a, LARGE)
    large = 0.5 * np.log(z) + (_HALF_LOG_2PI + 0.5) - 0.5 / z
    large = np.asarray(large + stirling_error(z) + (z - 1) * digamma_error(z))
    z = np.minimum(a, LARGE)
    small = z + log_gamma(z) + (1 - z) * special("digamma")(z)
    return np.where(a < LARGE, small, large)


def deviance(x: Array, m: Array, d: Array) -> Array:
    """Return x log(x / m) + m - x for x > 0 and m >= 0, given their difference d = x - m.

    To a few units in the last place where x and m are near each other, and d is exact.
    """
    with np.errstate(all="ignore"):
        v = 0.5 * d / (0.5 * x + 0.5 * m)
        ratio = x / m
        log = np.where((ratio > 0) & (ratio < math.inf), np.log(ratio), np.log(x) - np.log(m))
        far = x * log - d
        # 2 atanh(v) = log(x / m).
        w = np.where(np.abs(v) < _NEAR, v, 0.0)
        series = np.polyval([1 / (2 * k + 1) for k in range(9, 0, -1)], w * w)
        near = d * w + 2 * x * w * (w * w) * series
    return np.where(np.abs(v) < _NEAR, near, far)


def log_poisson(k: Array, m: Array, d: Array) -> Array:
    """Return log(m^k exp(-m) / gamma(k + 1)) for k and m >= 0, given d = k - m."""
    z = np.maximum(k, LARGE)
    large = -stirling_error(z) - deviance(z, m, d) - (0.5 * np.log(z) + _HALF_LOG_2PI)
    z = np.minimum(k, LARGE)
    small = xlogy(z, m) - m - log_gamma(z + 1)
    return np.where(k < LARGE, small, large)


def log_binomial(k: Array, n: Array, p: Array) -> Array:
    """Return log(C(n, k) p^k (1 - p)^(n - k)) for 0 <= k <= n.

    That k and n - k are Poisson variables of means n p and n (1 - p), given that their sum is n.
    """
    m, low = _product(n, p)
    with np.errstate(invalid="ignore"):
        d = (k - m) - low
        other = (n - m) - low
        successes, failures = log_poisson(k, m, d), log_poisson(n - k, other, -d)
        return np.asarray(successes + failures - log_poisson(n, n, np.zeros(np.shape(n))))


def log_gamma_power(a: Array, x: Array, scale: Array) -> Array:
    """Return log(z^a exp(-z) / gamma(a)) with z = x / scale, for a >= LARGE and z > 0."""
    z, d = quotient_gap(a, x, scale)
    return _power(a, z, d)


def quotient_gap(a: Array, x: Array, scale: Array) -> tuple[Array, Array]:
    """Return x / scale, and a - x / scale with its rounding error."""
    with np.errstate(all="ignore"):
        z = x / scale
        high, low = _product(z, scale)
        rest = ((x - high) - low) / scale
        return z, (a - z) - np.where(np.isfinite(rest), rest, 0.0)


def log_gamma_at_rate(a: Array, x: Array, n: Any, d: Array) -> Array:
    """Return the log of the gamma density of shape a and rate n at x >= 0, given d = a - n x."""
    z = n * x
    with np.errstate(divide="ignore", invalid="ignore"):
        log_x = np.log(x)
        # A product below the normal numbers has lost digits, or all.
        log_z = np.where(z < np.finfo(float).tiny, log_x + np.log(n), np.log(z))
        power = np.minimum(a, LARGE) - 1
        small = np.where(power == 0, 0.0, power * log_z) - z
        small = small - log_gamma(np.minimum(a, LARGE)) + np.log(n)
        large = np.where(x > 0, _power(np.maximum(a, LARGE), z, d) - log_x, -math.inf)
    return np.where(a < LARGE, small, large)


def log_beta_density(a: Array, b: Array, x: Array) -> Array:
    """Return the log of the beta density at x in [0, 1], for a + b >= LARGE.

    That x and 1 - x are gamma variables of shapes a, b and rate a + b, given that their sum is 1.
    """
    n, d = a + b, gap_of_sum(a, b, x)
    first, second = log_gamma_at_rate(a, x, n, d), log_gamma_at_rate(b, 1 - x, n, -d)
    return np.asarray(first + second - log_of_sum(n))


def gap_of_sum(a: Any, b: Any, x: Any) -> Array:
    """Return a - (a + b) x."""
    n = a + b
    part = n - a
    return gap(a, x, n, (a - (n - part)) + (b - part))


def gap(a: Any, x: Array, n: Any, rest: Any) -> Array:
    """Return a - (n + rest) x, rest being the rounding error of n."""
    product, error = _product(n, x)
    return np.asarray(((a - product) - error) - rest * x)


def excess(x: Array) -> Array:
    """Return sum(x) - 1 over the last axis, with the rounding errors of sums near 1."""
    total, low = np.full(x.shape[:-1], -1.0), np.zeros(x.shape[:-1])
    for part in np.moveaxis(x, -1, 0):
        before, total = total, total + part
        added = total - before
        low = low + ((before - (total - added)) + (part - added))
    return np.asarray(total + low)


def log_of_sum(n: Any) -> Array:
    """Return the log of the gamma density of shape and rate n at 1, for n >= LARGE."""
    return np.asarray(0.5 * np.log(n) - _HALF_LOG_2PI - stirling_error(n))


def _power(a: Array, z: Array, d: Array) -> Array:
    return 0.5 * np.log(a) - _HALF_LOG_2PI - stirling_error(a) - deviance(a, z, d)


def _product(a: Any, b: Any) -> tuple[Array, Array]:
    """Return a b rounded and its rounding error (Dekker 1971), 0 where it is out of range."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    with np.errstate(all="ignore"):
        product = a * b
        (x, u), (y, v) = _halves(a), _halves(b)
        error = ((x * y - product) + x * v + u * y) + u * v
    return product, np.where(np.isfinite(error), error, 0.0)


def _halves(a: Array) -> tuple[Array, Array]:
    """Return numbers of 26 bits whose sum a is (Veltkamp)."""
    c = a * 134217729.0
    high = c - (c - a)
    return high, a - high
