"""The law of scale X + shift."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastnet._arrays import Array
from fastnet.random._checks import Size
from fastnet.stats._checks import result
from fastnet.stats.distribution import (
    Continuous,
    Discrete,
    Distribution,
    Probability,
    Univariate,
    ordered,
)


class _Affine(Univariate):
    """The law of scale X + shift for X of law `base`."""

    _names = ("base", "scale", "shift")

    def __init__(self, base: Univariate, scale: float, shift: float) -> None:
        # Numbers themselves; a product, a sum or an inverse of them may be too large or small.
        if not (math.isfinite(scale) and scale != 0):
            msg = f"scale must be finite and not 0, got {scale}"
            raise ValueError(msg)
        if not math.isfinite(shift):
            msg = f"shift must be finite, got {shift}"
            raise ValueError(msg)
        self.base, self.scale, self.shift = base, float(scale), float(shift)

    def _back(self, y: Array) -> Array:
        return (y - self.shift) / self.scale

    def _forth(self, x: Any) -> Any:
        with np.errstate(over="ignore"):
            return result(self.scale * np.asarray(x) + self.shift)

    def _sample(self, size: Size, rng: Any, dtype: Any, out: Array | None) -> Any:
        x = self.base._sample(size, rng, dtype, out)
        if not isinstance(x, np.ndarray):
            return x.dtype.type(self.scale) * x + x.dtype.type(self.shift)
        x *= x.dtype.type(self.scale)
        x += x.dtype.type(self.shift)
        return x

    def _affine(self, scale: float, shift: float) -> Distribution:
        return type(self)(self.base, scale * self.scale, scale * self.shift + shift)

    def _interval(self, low: Any, high: Any) -> Probability:
        # Through the base, whose points lie where rounding can't move an end past them.
        a, b = ordered(low, high, self.support())
        x, y = (float(self._back(np.asarray(end))) for end in (a, b))
        return self.base._interval(min(x, y), max(x, y))

    def support(self) -> tuple[Any, Any]:
        """Return the least and the largest value."""
        ends = [self._forth(end) for end in self.base.support()]
        return (ends[0], ends[1]) if self.scale > 0 else (ends[1], ends[0])

    def mean(self) -> Any:
        """Return scale E[X] + shift."""
        return self._forth(self.base.mean())

    def variance(self) -> Any:
        """Return scale^2 times that of X."""
        variance = np.asarray(self.base.variance())
        with np.errstate(over="ignore", invalid="ignore"):
            return result(np.where(variance == 0, 0.0, variance * np.square(self.scale)))

    def skewness(self) -> Any:
        """Return that of X, with the sign of scale."""
        return self.base.skewness() * math.copysign(1, self.scale)

    def kurtosis(self) -> Any:
        """Return that of X."""
        return self.base.kurtosis()

    def _icdf(self, p: Array) -> Array:
        inverse = self.base._icdf if self.scale > 0 else self.base._isf
        return np.asarray(self._forth(inverse(p)))

    def _isf(self, q: Array) -> Array:
        inverse = self.base._isf if self.scale > 0 else self.base._icdf
        return np.asarray(self._forth(inverse(q)))


class AffineContinuous(_Affine, Continuous):
    """The law of scale X + shift for a continuous X."""

    def _log(self, x: Array) -> Array:
        return self.base._log(self._back(x)) - math.log(abs(self.scale))

    def _cdf(self, x: Array) -> Array:
        f = self.base._cdf if self.scale > 0 else self.base._ccdf
        return f(self._back(x))

    def _ccdf(self, x: Array) -> Array:
        f = self.base._ccdf if self.scale > 0 else self.base._cdf
        return f(self._back(x))

    def entropy(self) -> Any:
        """Return that of X plus log |scale|."""
        return self.base.entropy() + math.log(abs(self.scale))


class AffineDiscrete(_Affine, Discrete):
    """The law of scale X + shift for a discrete X."""

    def _back(self, y: Array) -> Array:
        # Onto the point of X's support that y is of, if rounding alone keeps it from there.
        x = super()._back(y)
        near = np.rint(x)
        return np.where(self.scale * near + self.shift == y, near, x)

    def _log(self, x: Array) -> Array:
        return self.base._log(self._back(x))

    def _cdf(self, x: Array) -> Array:
        x = self._back(x)
        if self.scale > 0:
            return self.base._cdf(x)
        return self.base._ccdf(np.nextafter(x, -math.inf))

    def _ccdf(self, x: Array) -> Array:
        x = self._back(x)
        if self.scale > 0:
            return self.base._ccdf(x)
        return self.base._cdf(np.nextafter(x, -math.inf))

    def _points(self) -> Array | None:
        points = self.base._points()
        return None if points is None else np.asarray(self._forth(points))

    def entropy(self) -> Any:
        """Return that of X."""
        return self.base.entropy()
