"""What discrete laws on integers share."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from fastnet._arrays import Array
from fastnet.random._checks import Size
from fastnet.stats._checks import result
from fastnet.stats._normal import normal_icdf
from fastnet.stats.distribution import MOST_POINTS, Discrete, Distribution


def drawn_as(drawn: Any, dtype: Any, out: Array | None) -> Any:
    """Return drawn integers in the dtype asked for."""
    if out is not None:
        out[...] = drawn
        return out
    return np.asarray(drawn).astype(dtype)[()]


def shape_for(size: Size, out: Array | None) -> Size:
    """Return the size asked for, or out's shape."""
    return out.shape if size is None and out is not None else size


def on_integers(x: Array, low: Any, high: Any, log: Any) -> Array:
    """Return log(x) for integers from low to high, -inf for other numbers, NaN for NaN."""
    inside = (x >= low) & (x <= high) & (x == np.floor(x))
    # Any point of the support stands in where log is not asked for.
    found = log(np.where(inside, x, low))
    return np.where(np.isnan(x), math.nan, np.where(inside, found, -math.inf))


def points_near(law: Any) -> Array | None:
    """Return the points around the mean of a sum of independent bits, or of a Poisson law.

    P(|X - mean| >= t) <= 2 exp(-t^2 / (2 (variance + t / 3))) (Boucheron, Lugosi, Massart 2013,
    section 2.7) is below 2 exp(-40) for this t.
    """
    mean, t = law.mean(), 9 * law.standard_deviation() + 30
    least, most = law.support()
    low, high = max(least, math.floor(mean - t)), min(most, math.ceil(mean + t))
    return np.arange(low, high + 1.0) if max(t, high - low) < MOST_POINTS else None


class Integers(Discrete):
    """A law on the integers from `_low` on."""

    _low = 0.0

    def _each(self) -> list[Distribution]:
        """Return the laws of an array of parameters."""
        columns = np.broadcast_arrays(*(getattr(self, name) for name in self._names))
        return [type(self)(*row) for row in zip(*(c.ravel() for c in columns), strict=True)]

    def entropy(self) -> Any:
        """Return the entropy: a sum over the support, or an expansion if that is too wide."""
        shape = np.shape(self.mean())
        laws: list[Any] = [self] if not shape else self._each()
        return result(np.reshape([_entropy(law) for law in laws], shape))

    def _icdf(self, p: Array) -> Array:
        low, high = self.support()
        inner = self._least(lambda k: self._cdf(k) >= p, p, 1)
        return np.asarray(np.where(p == 0, low, np.where(p == 1, high, inner)))

    def _isf(self, q: Array) -> Array:
        low, high = self.support()
        inner = self._least(lambda k: self._ccdf(k) < q, q, -1)
        low = np.where(np.asarray(self.variance()) > 0, low, self.mean())
        return np.asarray(np.where(q == 0, high, np.where(q == 1, low, inner)))

    def _least(self, enough: Callable[[Array], Array], p: Array, sign: int) -> Array:
        """Return the least k with enough(k), for 0 < p < 1 that of the quantile of p, or of 1 - p.

        By bisection around a guess that is off by few points: Cornish and Fisher's.
        """
        low, high = self.support()
        open_ = (p > 0) & (p < 1)
        z = sign * normal_icdf(np.where(open_, p, 0.5))
        spread, skew = np.asarray(self.standard_deviation()), np.asarray(self.skewness())
        with np.errstate(invalid="ignore"):
            k = np.ceil(
                self.mean() + spread * (z + np.where(spread > 0, skew, 0) * (z * z - 1) / 6)
            )
        k = np.clip(np.where(np.isfinite(k), k, low), low, high)
        # enough(above), but not enough(below), where p is neither 0 nor 1.
        below, above, step = k - 1, k + 0.0, 1.0
        while np.any(short := open_ & ~enough(above) & (above < high)):
            below, above = np.where(short, above, below), np.where(short, above + step, above)
            above, step = np.minimum(above, high), 2 * step
        step = 1.0
        while np.any(far := open_ & (below >= low) & enough(below)):
            above, below = np.where(far, below, above), np.where(far, below - step, below)
            below, step = np.maximum(below, low - 1), 2 * step
        while True:
            middle = np.floor((below + above) / 2)
            if not np.any(open_ & (below < middle) & (middle < above)):
                return np.asarray(above)
            half = enough(middle)
            below, above = np.where(half, below, middle), np.where(half, middle, above)


def _entropy(law: Any) -> float:
    """Return the entropy of one law."""
    points = law._points()
    if points is None:
        # Edgeworth's expansion for variances above 10^10. The next terms, kurtosis^2 / 48 +
        # 7 skewness^4 / 48 - skewness^2 kurtosis / 8, are below 1 / variance^2.
        spread = 0.5 * (math.log(law.variance()) + math.log(2 * math.pi) + 1)
        return spread - float(law.skewness()) ** 2 / 12
    log = law._log(points)
    some = log > -math.inf
    return 0.0 - math.fsum(np.exp(log[some]) * log[some])
