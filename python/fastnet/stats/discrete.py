"""Discrete laws: Bernoulli, binomial, Poisson, geometric."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastnet._arrays import Array
from fastnet.random._checks import Size
from fastnet.stats._checks import common_shape, parameter, result, special, xlogy
from fastnet.stats._saddle import log_binomial, log_poisson
from fastnet.stats._tails import LARGE_BETA, LARGE_GAMMA, gamma_below
from fastnet.stats.distribution import MOST_POINTS
from fastnet.stats.gamma import beta_tail
from fastnet.stats.integers import Integers, drawn_as, on_integers, points_near, shape_for


def log_miss(p: Any) -> Array:
    """Return log(1 - p)."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.log1p(-np.asarray(p)))


class Bernoulli(Integers):
    """The law of a number that is 1 with probability p, else 0.

    Parameters
    ----------
    p : float or array_like
        In [0, 1].

    Examples
    --------
    >>> from fastnet.stats import Bernoulli
    >>> x = Bernoulli(0.25)
    >>> x.pmf([0, 1]), x.variance()
    (array([0.75, 0.25]), 0.1875)
    """

    _names = ("p",)

    def __init__(self, p: Any) -> None:
        self.p = parameter(p, "p", 0, 1)

    @property
    def _draw(self) -> tuple[str, float, float] | None:
        return None if np.shape(self.p) else ("bernoulli", self.p, 0.0)

    def _sample(self, size: Size, rng: Any, dtype: Any, out: Array | None) -> Any:
        return rng.bernoulli(self.p, size, dtype, out)

    def _points(self) -> Array | None:
        return np.array([0.0, 1.0])

    def _log(self, x: Array) -> Array:
        return on_integers(
            x, 0, 1, lambda k: xlogy(k, self.p) + np.where(k == 1, 0.0, log_miss(self.p))
        )

    def _cdf(self, x: Array) -> Array:
        inner = np.where(x >= 1, 1.0, np.subtract(1, self.p))
        return np.where(np.isnan(x), math.nan, np.where(x < 0, 0.0, inner))

    def _ccdf(self, x: Array) -> Array:
        inner = np.where(x >= 1, 0.0, self.p)
        return np.where(np.isnan(x), math.nan, np.where(x < 0, 1.0, inner))

    def _icdf(self, p: Array) -> Array:
        return np.where(p > np.subtract(1, self.p), 1.0, 0.0)

    def _isf(self, q: Array) -> Array:
        return np.where((q <= self.p) & np.greater(self.p, 0), 1.0, 0.0)

    def support(self) -> tuple[Any, Any]:
        """Return 0 and 1."""
        zero = np.zeros(np.shape(self.p))
        return result(zero), result(zero + 1)

    def mean(self) -> Any:
        """Return p."""
        return result(self.p)

    def variance(self) -> Any:
        """Return p (1 - p)."""
        return result(self.p * np.subtract(1, self.p))

    def skewness(self) -> Any:
        """Return (1 - 2 p) / sqrt(p (1 - p))."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return result((1 - 2 * np.asarray(self.p)) / np.sqrt(self.variance()))

    def kurtosis(self) -> Any:
        """Return (1 - 6 p (1 - p)) / (p (1 - p))."""
        with np.errstate(divide="ignore"):
            return result(1 / np.asarray(self.variance()) - 6)


class Binomial(Integers):
    """The law of the number of successes among n: C(n, k) p^k (1 - p)^(n - k).

    Parameters
    ----------
    n : int or array_like
        Trials, >= 0.
    p : float or array_like
        Probability of a success, in [0, 1].

    Examples
    --------
    >>> from fastnet.stats import Binomial
    >>> x = Binomial(10, 0.5)
    >>> round(x.pmf(5), 6), x.mean(), x.icdf(0.5)
    (0.246094, 5.0, 5.0)
    """

    _names = ("n", "p")

    def __init__(self, n: Any, p: Any) -> None:
        self.n = parameter(n, "n", 0, 2**53, integral=True)
        self.p = parameter(p, "p", 0, 1)
        self._common = common_shape(n=self.n, p=self.p)

    def _full(self, value: Any) -> Any:
        return result(np.broadcast_to(np.asarray(value, np.float64), self._common).copy())

    def _sample(self, size: Size, rng: Any, dtype: Any, out: Array | None) -> Any:
        n = np.asarray(self.n, np.int64)[()]
        return drawn_as(rng.binomial(n, self.p, shape_for(size, out)), dtype, out)

    def _points(self) -> Array | None:
        if self._common:
            return None
        return np.arange(self.n + 1) if self.n < MOST_POINTS else points_near(self)

    def _log(self, x: Array) -> Array:
        n = np.asarray(self.n)
        return on_integers(x, 0, n, lambda k: log_binomial(k, n, self.p))

    def _tail(self, k: Array, sign: int) -> Array:
        """Return P(X > k) for 0 <= k < n, P(X <= k) for sign -1."""
        a, b = k + 1, np.maximum(np.asarray(self.n) - k, 0.5)
        if np.all(np.minimum(a, b) < LARGE_BETA):
            if sign > 0:
                return np.asarray(special("betainc")(a, b, self.p))
            return np.asarray(special("betainc")(b, a, np.subtract(1, self.p)))
        return beta_tail(a, b, self.p, sign)

    def _cdf(self, x: Array) -> Array:
        k, n = np.floor(x), np.asarray(self.n)
        inside = (k >= 0) & (k < n)
        z = np.where(inside, k, 0)
        # P(X <= k) is P(U > p) for the k + 1st least of n uniforms, of law Beta(k + 1, n - k).
        tail = self._tail(z, -1)
        return np.where(np.isnan(x), math.nan, np.where(inside, tail, np.where(k < 0, 0.0, 1.0)))

    def _ccdf(self, x: Array) -> Array:
        k, n = np.floor(x), np.asarray(self.n)
        inside = (k >= 0) & (k < n)
        z = np.where(inside, k, 0)
        tail = self._tail(z, 1)
        return np.where(np.isnan(x), math.nan, np.where(inside, tail, np.where(k < 0, 1.0, 0.0)))

    def support(self) -> tuple[Any, Any]:
        """Return 0 and n."""
        return self._full(0), self._full(self.n)

    def mean(self) -> Any:
        """Return n p."""
        return self._full(np.multiply(self.n, self.p))

    def variance(self) -> Any:
        """Return n p (1 - p)."""
        return self._full(np.multiply(self.n, self.p) * np.subtract(1, self.p))

    def skewness(self) -> Any:
        """Return (1 - 2 p) / sqrt(n p (1 - p))."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return result((1 - 2 * np.asarray(self.p)) / np.sqrt(self.variance()))

    def kurtosis(self) -> Any:
        """Return (1 - 6 p (1 - p)) / (n p (1 - p))."""
        q = np.subtract(1, self.p)
        with np.errstate(divide="ignore", invalid="ignore"):
            return result((1 - 6 * self.p * q) / np.asarray(self.variance()))


class Poisson(Integers):
    """The Poisson law: lam^k exp(-lam) / k!.

    Parameters
    ----------
    lam : float or array_like
        The mean, >= 0.

    Examples
    --------
    >>> from fastnet.stats import Poisson
    >>> x = Poisson(4)
    >>> round(x.pmf(4), 6), x.variance(), x.kurtosis()
    (0.195367, 4.0, 0.25)
    """

    _names = ("lam",)

    def __init__(self, lam: Any) -> None:
        self.lam = parameter(lam, "lam", 0)

    def _sample(self, size: Size, rng: Any, dtype: Any, out: Array | None) -> Any:
        return drawn_as(rng.poisson(self.lam, shape_for(size, out)), dtype, out)

    def _points(self) -> Array | None:
        return None if np.shape(self.lam) else points_near(self)

    def _log(self, x: Array) -> Array:
        lam = np.asarray(self.lam)
        return on_integers(x, 0, np.finfo(float).max, lambda k: log_poisson(k, lam, k - lam))

    def _cdf(self, x: Array) -> Array:
        k = self._whole(x)
        return np.where(k < 0, 0.0, self._tail(np.maximum(k, 0), -1))

    def _ccdf(self, x: Array) -> Array:
        k = self._whole(x)
        return np.where(k < 0, 1.0, self._tail(np.maximum(k, 0), 1))

    def _tail(self, k: Array, sign: int) -> Array:
        """Return P(X > k) for k >= 0, P(X <= k) for sign -1, by a gamma law of shape k + 1."""
        usual = special("gammainc" if sign > 0 else "gammaincc")(k + 1, self.lam)
        large = (k >= LARGE_GAMMA) & (k < 1e300)
        if not np.any(large):
            return np.asarray(usual)
        a = np.where(large, k, LARGE_GAMMA) + 1
        # Beyond twice the mean there is nothing.
        lam = np.minimum(self.lam, 2 * a)
        return np.where(large, gamma_below(a, lam, a - lam, sign), usual)

    def _whole(self, x: Array) -> Array:
        # SciPy's functions are NaN near the largest number, but not at infinity.
        return np.where((x > 1e300) & np.less(self.lam, 1e299), math.inf, np.floor(x))

    def support(self) -> tuple[Any, Any]:
        """Return 0 and inf."""
        zero = np.zeros(np.shape(self.lam))
        return result(zero), result(zero + math.inf)

    def mean(self) -> Any:
        """Return lam."""
        return result(self.lam)

    def variance(self) -> Any:
        """Return lam."""
        return result(self.lam)

    def skewness(self) -> Any:
        """Return 1 / sqrt(lam)."""
        with np.errstate(divide="ignore"):
            return result(1 / np.sqrt(self.lam))

    def kurtosis(self) -> Any:
        """Return 1 / lam."""
        with np.errstate(divide="ignore"):
            return result(1 / np.asarray(self.lam))


class Geometric(Integers):
    """The law of the number of trials up to the first success: (1 - p)^(k - 1) p, k = 1, 2 ...

    Parameters
    ----------
    p : float or array_like
        Probability of a success, in (0, 1].

    Examples
    --------
    >>> from fastnet.stats import Geometric
    >>> x = Geometric(0.25)
    >>> x.mean(), x.pmf(2), x.icdf(0.5)
    (4.0, 0.1875, 3.0)
    """

    _names = ("p",)

    def __init__(self, p: Any) -> None:
        self.p = parameter(p, "p", 0, 1, open_low=True)

    def _sample(self, size: Size, rng: Any, dtype: Any, out: Array | None) -> Any:
        return drawn_as(rng.geometric(self.p, shape_for(size, out)), dtype, out)

    def _points(self) -> Array | None:
        if np.shape(self.p):
            return None
        # (1 - p)^k < exp(-40) from here on.
        last = 1 if self.p == 1 else math.ceil(-40 / float(log_miss(self.p)))
        return np.arange(1, last + 1.0) if last <= MOST_POINTS else None

    def _log(self, x: Array) -> Array:
        def log(k: Array) -> Array:
            with np.errstate(invalid="ignore"):
                miss = np.where(k == 1, 0.0, (k - 1) * log_miss(self.p))
            return np.asarray(miss + np.log(self.p))

        return on_integers(x, 1, np.finfo(float).max, log)

    def _cdf(self, x: Array) -> Array:
        return np.where(x < 1, 0.0, -np.expm1(np.maximum(np.floor(x), 1) * log_miss(self.p)))

    def _ccdf(self, x: Array) -> Array:
        return np.where(x < 1, 1.0, np.exp(np.maximum(np.floor(x), 1) * log_miss(self.p)))

    def support(self) -> tuple[Any, Any]:
        """Return 1 and inf."""
        one = np.ones(np.shape(self.p))
        return result(one), result(one + math.inf)

    def mean(self) -> Any:
        """Return 1 / p."""
        return result(1 / np.asarray(self.p))

    def variance(self) -> Any:
        """Return (1 - p) / p^2."""
        with np.errstate(divide="ignore", over="ignore"):
            return result(np.subtract(1, self.p) / np.square(self.p))

    def skewness(self) -> Any:
        """Return (2 - p) / sqrt(1 - p)."""
        with np.errstate(divide="ignore"):
            return result(np.subtract(2, self.p) / np.sqrt(np.subtract(1, self.p)))

    def kurtosis(self) -> Any:
        """Return 6 + p^2 / (1 - p)."""
        with np.errstate(divide="ignore"):
            return result(6 + np.square(self.p) / np.subtract(1, self.p))

    def entropy(self) -> Any:
        """Return (-(1 - p) log(1 - p) - p log p) / p."""
        p, q = np.asarray(self.p), np.subtract(1, self.p)
        with np.errstate(invalid="ignore"):
            miss = np.where(q == 0, 0.0, q * log_miss(p))
        return result(0.0 - (miss + xlogy(p, p)) / p)
