"""Discrete laws: Bernoulli, binomial, Poisson, geometric."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastnet._arrays import Array
from fastnet.random._checks import Size
from fastnet.stats._checks import common_shape, parameter, result, special, xlogy
from fastnet.stats.distribution import MOST_POINTS
from fastnet.stats.integers import Integers, drawn_as, on_integers, shape_for


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
            x, 0, 1, lambda k: xlogy(k, self.p) + xlogy(1 - k, np.subtract(1, self.p))
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
        return None if self._common or self.n >= MOST_POINTS else np.arange(self.n + 1)

    def _log(self, x: Array) -> Array:
        n, lgamma = np.asarray(self.n), special("gammaln")

        def log(k: Array) -> Array:
            choose = lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
            with np.errstate(divide="ignore", invalid="ignore"):
                miss = np.where(n == k, 0.0, (n - k) * np.log1p(-np.asarray(self.p)))
            return np.asarray(choose + xlogy(k, self.p) + miss)

        return on_integers(x, 0, n, log)

    def _cdf(self, x: Array) -> Array:
        k, n = np.floor(x), np.asarray(self.n)
        inside = (k >= 0) & (k < n)
        z = np.where(inside, k, 0)
        # P(X <= k) is P(U > p) for the k + 1st least of n uniforms, of law Beta(k + 1, n - k).
        tail = special("betainc")(np.maximum(n - z, 0.5), z + 1, np.subtract(1, self.p))
        return np.where(np.isnan(x), math.nan, np.where(inside, tail, np.where(k < 0, 0.0, 1.0)))

    def _ccdf(self, x: Array) -> Array:
        k, n = np.floor(x), np.asarray(self.n)
        inside = (k >= 0) & (k < n)
        z = np.where(inside, k, 0)
        tail = special("betainc")(z + 1, np.maximum(n - z, 0.5), self.p)
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
        if np.shape(self.lam):
            return None
        # P(|X - lam| >= t) <= 2 exp(-t^2 / (2 (lam + t / 3))) (Boucheron, Lugosi, Massart 2013,
        # section 2.7) is below 2 exp(-40) for this t.
        t = 9 * math.sqrt(self.lam) + 30
        low, high = max(0, math.floor(self.lam - t)), math.ceil(self.lam + t)
        return np.arange(low, high + 1.0) if high - low < MOST_POINTS else None

    def _log(self, x: Array) -> Array:
        def log(k: Array) -> Array:
            return np.asarray(xlogy(k, self.lam) - special("gammaln")(k + 1) - self.lam)

        return on_integers(x, 0, np.finfo(float).max, log)

    def _cdf(self, x: Array) -> Array:
        k = self._whole(x)
        tail = special("gammaincc")(np.maximum(k, 0) + 1, self.lam)
        return np.where(k < 0, 0.0, tail)

    def _ccdf(self, x: Array) -> Array:
        k = self._whole(x)
        tail = special("gammainc")(np.maximum(k, 0) + 1, self.lam)
        return np.where(k < 0, 1.0, tail)

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

    def _log_miss(self) -> Array:
        with np.errstate(divide="ignore"):
            return np.asarray(np.log1p(-np.asarray(self.p)))

    def _points(self) -> Array | None:
        if np.shape(self.p):
            return None
        # (1 - p)^k < exp(-40) from here on.
        last = 1 if self.p == 1 else math.ceil(-40 / float(self._log_miss()))
        return np.arange(1, last + 1.0) if last <= MOST_POINTS else None

    def _log(self, x: Array) -> Array:
        def log(k: Array) -> Array:
            with np.errstate(invalid="ignore"):
                miss = np.where(k == 1, 0.0, (k - 1) * self._log_miss())
            return np.asarray(miss + np.log(self.p))

        return on_integers(x, 1, np.finfo(float).max, log)

    def _cdf(self, x: Array) -> Array:
        return np.where(x < 1, 0.0, -np.expm1(np.maximum(np.floor(x), 1) * self._log_miss()))

    def _ccdf(self, x: Array) -> Array:
        return np.where(x < 1, 1.0, np.exp(np.maximum(np.floor(x), 1) * self._log_miss()))

    def support(self) -> tuple[Any, Any]:
        """Return 1 and inf."""
        one = np.ones(np.shape(self.p))
        return result(one), result(one + math.inf)

    def mean(self) -> Any:
        """Return 1 / p."""
        return result(1 / np.asarray(self.p))

    def variance(self) -> Any:
        """Return (1 - p) / p^2."""
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
        return result(-(xlogy(q, q) + xlogy(p, p)) / p)
