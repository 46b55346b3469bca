"""The exponential law."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastnet._arrays import Array
from fastnet.random._checks import Size
from fastnet.stats._checks import parameter, result
from fastnet.stats.distribution import Continuous


class Exponential(Continuous):
    """The exponential law: density exp(-x / scale) / scale for x >= 0.

    Parameters
    ----------
    scale : float or array_like
        The mean, > 0.

    Examples
    --------
    >>> from fastnet.stats import Exponential
    >>> x = Exponential(2)
    >>> x.mean(), x.skewness(), x.kurtosis(), round(x.ccdf(2), 6)
    (2.0, 2.0, 6.0, 0.367879)
    """

    _names = ("scale",)

    def __init__(self, scale: Any = 1.0) -> None:
        self.scale = parameter(scale, "scale", 0, open_low=True)

    @property
    def _draw(self) -> tuple[str, float, float] | None:
        return None if np.shape(self.scale) else ("exponential", 0.0, self.scale)

    def _sample(self, size: Size, rng: Any, dtype: Any, out: Array | None) -> Any:
        return rng.exponential(self.scale, size, dtype, out)

    def _full(self, value: Any) -> Any:
        return result(np.full(np.shape(self.scale), float(value)))

    def _log(self, x: Array) -> Array:
        return np.where(x < 0, -math.inf, -x / self.scale - np.log(self.scale))

    def _cdf(self, x: Array) -> Array:
        return np.asarray(-np.expm1(-np.maximum(x, 0.0) / self.scale))

    def _ccdf(self, x: Array) -> Array:
        return np.asarray(np.exp(-np.maximum(x, 0.0) / self.scale))

    def _icdf(self, p: Array) -> Array:
        with np.errstate(divide="ignore"):
            return np.asarray(-self.scale * np.log1p(-p))

    def _isf(self, q: Array) -> Array:
        with np.errstate(divide="ignore"):
            return np.asarray(-self.scale * np.log(q))

    def support(self) -> tuple[Any, Any]:
        """Return 0 and inf."""
        return self._full(0), self._full(math.inf)

    def mean(self) -> Any:
        """Return scale."""
        return result(self.scale)

    def variance(self) -> Any:
        """Return scale^2."""
        return result(np.square(self.scale))

    def skewness(self) -> Any:
        """Return 2."""
        return self._full(2)

    def kurtosis(self) -> Any:
        """Return 6."""
        return self._full(6)

    def entropy(self) -> Any:
        """Return 1 + log(scale)."""
        return result(1 + np.log(self.scale))
