"""Continuous laws made of the gamma law; cdf and icdf come from SciPy, but for large parameters."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastnet._arrays import Array
from fastnet.random._checks import Size
from fastnet.stats._checks import common_shape, parameter, result, special, xlogy
from fastnet.stats._saddle import (
    LARGE,
    digamma_error,
    gamma_entropy,
    gap_of_sum,
    log_beta_density,
    log_gamma,
    log_gamma_power,
    quotient_gap,
    stirling_error,
)
from fastnet.stats._tails import LARGE_BETA, LARGE_GAMMA, beta_below, gamma_below, refined
from fastnet.stats.distribution import Continuous

# From here on SciPy's quantiles of beta laws may be off by many standard deviations.
_WIDE = 1e3
# From here on tails of Student's law are powers.
_FAR = 1e100


class Gamma(Continuous):
    """The gamma law: density x^(shape - 1) exp(-x / scale) / (gamma(shape) scale^shape), x >= 0.

    Parameters
    ----------
    shape, scale : float or array_like
        Both > 0.

    Examples
    --------
    >>> from fastnet.stats import Gamma
    >>> x = Gamma(3, 2)
    >>> x.mean(), x.variance(), round(x.cdf(6), 6)
    (6.0, 12.0, 0.57681)
    """

    _names: tuple[str, ...] = ("shape", "scale")

    def __init__(self, shape: Any, scale: Any = 1.0) -> None:
        self.shape = parameter(shape, "shape", 0, open_low=True)
        self.scale = parameter(scale, "scale", 0, open_low=True)
        self._common = common_shape(shape=self.shape, scale=self.scale)

    def _sample(self, size: Size, rng: Any, dtype: Any, out: Array | None) -> Any:
        return rng.gamma(self.shape, self.scale, size, dtype, out)

    def _full(self, value: Any) -> Any:
        return result(np.broadcast_to(np.asarray(value, np.float64), self._common).copy())

    def _log(self, x: Array) -> Array:
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            z = x / self.scale
            # A quotient below the normal numbers has lost digits, or all.
            small = (z < np.finfo(float).tiny) & (x > 0)
            log = np.where(small, np.log(x) - np.log(self.scale), np.log(np.maximum(z, 0.0)))
            power = np.subtract(self.shape, 1)
            # At 0 the density is finite for shape 1, and its power has no sense for others.
            inside = np.where(power == 0, 0.0, power * log) - z
            inside = inside - log_gamma(self.shape) - np.log(self.scale)
            large = np.greater_equal(self.shape, LARGE) & (z > 0) & ~small
            shape, at = np.maximum(self.shape, LARGE), np.where(large, x, self.scale)
            inside = np.where(large, log_gamma_power(shape, at, self.scale) - np.log(at), inside)
        return np.where((x < 0) | (z == math.inf), -math.inf, inside)

    def _cdf(self, x: Array) -> Array:
        usual = special("gammainc")(self.shape, np.maximum(x, 0.0) / self.scale)
        return self._by_shape(usual, x, 1)

    def _ccdf(self, x: Array) -> Array:
        usual = special("gammaincc")(self.shape, np.maximum(x, 0.0) / self.scale)
        return self._by_shape(usual, x, -1)

    def _by_shape(self, usual: Any, x: Array, sign: int) -> Array:
        """Return the cdf, or the ccdf for sign -1, that is usual but for large shapes."""
        large = np.greater_equal(self.shape, LARGE_GAMMA)
        if not np.any(large):
            return np.asarray(usual)
        a = np.maximum(self.shape, LARGE_GAMMA)
        # Beyond twice the mean there is nothing.
        z, d = quotient_gap(a, np.maximum(x, 0.0), np.asarray(self.scale))
        z, d = np.minimum(z, 2 * a), np.maximum(d, -a)
        return np.where(large, gamma_below(a, z, d, sign), usual)

    def _icdf(self, p: Array) -> Array:
        x = np.asarray(special("gammaincinv")(self.shape, p) * self.scale)
        if np.any(np.greater_equal(self.shape, LARGE_GAMMA)):
            return refined(x, p, self._cdf, self._density, 1)
        return x

    def _isf(self, q: Array) -> Array:
        x = np.asarray(special("gammainccinv")(self.shape, q) * self.scale)
        if np.any(np.greater_equal(self.shape, LARGE_GAMMA)):
            return refined(x, q, self._ccdf, self._density, -1)
        return x

    def support(self) -> tuple[Any, Any]:
        """Return 0 and inf."""
        return self._full(0), self._full(math.inf)

    def mean(self) -> Any:
        """Return shape scale."""
        return self._full(np.multiply(self.shape, self.scale))

    def variance(self) -> Any:
        """Return shape scale^2."""
        return self._full(self.shape * np.square(self.scale))

    def skewness(self) -> Any:
        """Return 2 / sqrt(shape)."""
        return self._full(2 / np.sqrt(self.shape))

    def kurtosis(self) -> Any:
        """Return 6 / shape."""
        return self._full(6 / np.asarray(self.shape))

    def entropy(self) -> Any:
        """Return shape + log(scale gamma(shape)) + (1 - shape) digamma(shape)."""
        return self._full(gamma_entropy(self.shape) + np.log(self.scale))


class ChiSquare(Gamma):
    """The chi-square law, that of a sum of df squared standard normals: Gamma(df / 2, 2).

    Parameters
    ----------
    df : float or array_like
        Degrees of freedom, > 0.

    Examples
    --------
    >>> from fastnet.stats import ChiSquare
    >>> ChiSquare(4).mean(), ChiSquare(4).variance()
    (4.0, 8.0)
    """

    _names = ("df",)

    def __init__(self, df: Any) -> None:
        self.df = parameter(df, "df", 0, open_low=True)
        super().__init__(self.df / 2, 2.0)

    def _sample(self, size: Size, rng: Any, dtype: Any, out: Array | None) -> Any:
        return rng.chisquare(self.df, size, dtype, out)


def beta_tail(a: Any, b: Any, x: Any, sign: int) -> Array:
    """Return P(X <= x) for a beta law, or P(X > x) for sign -1."""
    x = np.clip(x, 0, 1)
    usual = special("betainc" if sign > 0 else "betaincc")(a, b, x)
    large = np.minimum(a, b) >= LARGE_BETA
    if not np.any(large):
        return np.asarray(usual)
    a, b = np.maximum(a, LARGE_BETA), np.maximum(b, LARGE_BETA)
    return np.where(large, beta_below(a, b, x, gap_of_sum(a, b, x), sign), usual)


def _log_beta(a: Array, b: Array) -> Array:
    return log_gamma(a) + log_gamma(b) - log_gamma(a + b)


class Beta(Continuous):
    """The beta law: density x^(a - 1) (1 - x)^(b - 1) / B(a, b) on [0, 1].

    Parameters
    ----------
    a, b : float or array_like
        Both > 0.

    Examples
    --------
    >>> from fastnet.stats import Beta
    >>> Beta(2, 3).mean(), round(Beta(2, 3).cdf(0.5), 6)
    (0.4, 0.6875)
    """

    _names = ("a", "b")

    def __init__(self, a: Any, b: Any) -> None:
        self.a = parameter(a, "a", 0, open_low=True)
        self.b = parameter(b, "b", 0, open_low=True)
        common_shape(a=self.a, b=self.b)

    def _sample(self, size: Size, rng: Any, dtype: Any, out: Array | None) -> Any:
        return rng.beta(self.a, self.b, size, dtype, out)

    def _log(self, x: Array) -> Array:
        inside = (x >= 0) & (x <= 1)
        z = np.where(inside, x, 0.5)
        a, b = np.minimum(self.a, LARGE), np.minimum(self.b, LARGE)
        with np.errstate(divide="ignore"):
            right = np.where(b == 1, 0.0, (b - 1) * np.log1p(-z))
        small = xlogy(a - 1, z) + right - _log_beta(a, b)
        a, b = np.asarray(self.a), np.asarray(self.b)
        large = a + b >= LARGE
        log = np.where(large, log_beta_density(a, np.where(large, b, LARGE), z), small)
        return np.where(np.isnan(x), math.nan, np.where(inside, log, -math.inf))

    def _cdf(self, x: Array) -> Array:
        return beta_tail(self.a, self.b, x, 1)

    def _ccdf(self, x: Array) -> Array:
        return beta_tail(self.a, self.b, x, -1)

    def _icdf(self, p: Array) -> Array:
        x = np.asarray(special("betaincinv")(self.a, self.b, p))
        if np.any(np.maximum(self.a, self.b) >= _WIDE) or np.isnan(x).any():
            return refined(x, p, self._cdf, self._density, 1)
        return x

    def _isf(self, q: Array) -> Array:
        x = np.asarray(special("betainccinv")(self.a, self.b, q))
        if np.any(np.maximum(self.a, self.b) >= _WIDE) or np.isnan(x).any():
            return refined(x, q, self._ccdf, self._density, -1)
        return x

    def support(self) -> tuple[Any, Any]:
        """Return 0 and 1."""
        zero = result(np.zeros(np.broadcast_shapes(np.shape(self.a), np.shape(self.b))))
        return zero, result(zero + 1)

    def mean(self) -> Any:
        """Return a / (a + b)."""
        return result(self.a / np.add(self.a, self.b))

    def variance(self) -> Any:
        """Return a b / ((a + b)^2 (a + b + 1))."""
        s = np.add(self.a, self.b)
        return result(self.a / s * (self.b / s) / (s + 1))

    def skewness(self) -> Any:
        """Return 2 (b - a) sqrt(a + b + 1) / ((a + b + 2) sqrt(a b))."""
        a, b = np.asarray(self.a), np.asarray(self.b)
        return result(2 * (b - a) * np.sqrt(a + b + 1) / ((a + b + 2) * np.sqrt(a * b)))

    def kurtosis(self) -> Any:
        """Return 6 ((a - b)^2 (s + 1) - a b (s + 2)) / (a b (s + 2) (s + 3)) with s = a + b."""
        a, b = np.asarray(self.a), np.asarray(self.b)
        s = a + b
        above = 6 * ((a - b) ** 2 * (s + 1) - a * b * (s + 2))
        return result(above / (a * b * (s + 2) * (s + 3)))

    def entropy(self) -> Any:
        """Return log B - (a - 1) digamma(a) - (b - 1) digamma(b) + (a + b - 2) digamma(a + b)."""
        a, b, digamma = np.asarray(self.a), np.asarray(self.b), special("digamma")
        large = gamma_entropy(a) + gamma_entropy(b) - gamma_entropy(a + b) - digamma(a + b)
        wide = a + b >= LARGE
        a, b = np.minimum(a, LARGE), np.minimum(b, LARGE)
        rest = (a - 1) * digamma(a) + (b - 1) * digamma(b) - (a + b - 2) * digamma(a + b)
        return result(np.where(wide, large, _log_beta(a, b) - rest))


class StudentT(Continuous):
    """Student's law, that of Z / sqrt(X / df) for Z standard normal and X ChiSquare(df).

    Its density is (1 + x^2 / df)^(-(df + 1) / 2) / (sqrt(df) B(1 / 2, df / 2)).

    Parameters
    ----------
    df : float or array_like
        Degrees of freedom, > 0.

    Examples
    --------
    >>> from fastnet.stats import StudentT
    >>> round(StudentT(5).icdf(0.975), 4), StudentT(1).mean(), StudentT(2).variance()
    (2.5706, nan, inf)
    """

    _names = ("df",)

    def __init__(self, df: Any) -> None:
        self.df = parameter(df, "df", 0, open_low=True)

    def _sample(self, size: Size, rng: Any, dtype: Any, out: Array | None) -> Any:
        return rng.standard_t(self.df, size, dtype, out)

    def _log_constant(self) -> Array:
        """Return log(sqrt(df) B(1 / 2, df / 2))."""
        half = np.asarray(self.df) / 2
        z = np.minimum(half, LARGE)
        log_beta = 0.5 * math.log(math.pi) + log_gamma(z) - log_gamma(z + 0.5)
        # By Legendre's duplication formula.
        z = np.maximum(half, LARGE)
        large = 0.5 * math.log(2 * math.pi) + 2 * stirling_error(z) - stirling_error(2 * z)
        return np.where(half < LARGE, log_beta + 0.5 * np.log(self.df), large)

    def _log(self, x: Array) -> Array:
        with np.errstate(over="ignore"):
            tail = np.log1p(np.square(x) / self.df)
            # x^2 overflows long before the density does.
            root = np.abs(x) / np.sqrt(self.df)
            small = np.log1p(np.square(root))
        large = np.logaddexp(0, 2 * np.log(np.maximum(np.abs(x), 1.0)) - np.log(self.df))
        tail = np.where(np.abs(x) > 1e100, np.where(root < 1, small, large), tail)
        return np.asarray(-(np.asarray(self.df) + 1) / 2 * tail - self._log_constant())

    def _cdf(self, x: Array) -> Array:
        usual = np.asarray(special("stdtr")(self.df, x))
        far = (np.abs(x) > _FAR) & np.isfinite(x)
        if not np.any(far):
            return usual
        # SciPy's is 0 where x^2 overflows. The density is a power of x there.
        log = np.log(np.where(far, np.abs(x), 1.0)) - np.log(self.df)
        tail = np.exp(self._log(x) + log)
        return np.where(far, np.where(x > 0, 1 - tail, tail), usual)

    def _ccdf(self, x: Array) -> Array:
        return self._cdf(-x)

    def _icdf(self, p: Array) -> Array:
        inner = np.asarray(special("stdtrit")(self.df, np.clip(p, 1e-300, 1)))
        less = np.minimum(p, 1 - p)
        if np.any((less > 0) & ((less < 1e-50) | (np.abs(inner) > 1e50))):
            # Where SciPy's quantiles are cut off.
            far = refined(np.abs(inner), less, self._ccdf, self._density, -1)
            inner = np.where(p < 0.5, -far, far)
        return np.where(p == 0, -math.inf, np.where(p == 1, math.inf, inner))

    def _isf(self, q: Array) -> Array:
        return -self._icdf(q)

    def _by_df(self, value: Any, *limits: tuple[float, float]) -> Any:
        """Return value, but for df up to each limit what it gives."""
        df = np.asarray(self.df, np.float64)
        value = np.broadcast_to(np.asarray(value, np.float64), df.shape).copy()
        for limit, otherwise in limits:
            value = np.where(df <= limit, otherwise, value)
        return result(value)

    def support(self) -> tuple[Any, Any]:
        """Return -inf and inf."""
        return self._by_df(-math.inf), self._by_df(math.inf)

    def mean(self) -> Any:
        """Return 0, NaN for df <= 1."""
        return self._by_df(0, (1, math.nan))

    def variance(self) -> Any:
        """Return df / (df - 2), inf for df <= 2, NaN for df <= 1."""
        df = np.asarray(self.df)
        with np.errstate(divide="ignore"):
            return self._by_df(df / (df - 2), (2, math.inf), (1, math.nan))

    def skewness(self) -> Any:
        """Return 0, NaN for df <= 3."""
        return self._by_df(0, (3, math.nan))

    def kurtosis(self) -> Any:
        """Return 6 / (df - 4), inf for df <= 4, NaN for df <= 2."""
        df = np.asarray(self.df)
        with np.errstate(divide="ignore"):
            return self._by_df(6 / (df - 4), (4, math.inf), (2, math.nan))

    def entropy(self) -> Any:
        """Return (df + 1) / 2 (digamma((df + 1) / 2) - digamma(df / 2)) + log(sqrt(df) B)."""
        half, digamma = np.asarray(self.df) / 2, special("digamma")
        z = np.minimum(half, LARGE)
        step = digamma(z + 0.5) - digamma(z)
        z = np.maximum(half, LARGE)
        large = 0.5 / z + 2 * digamma_error(z) - 2 * digamma_error(2 * z)
        spread = (half + 0.5) * np.where(half < LARGE, step, large)
        return result(spread + self._log_constant())
