"""Laws on finitely many points: categorical, and that of data."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastnet._arrays import FLOAT_DTYPES, Array, as_float, to_array
from fastnet.random._checks import Size, shape_of
from fastnet.stats._checks import probabilities, result, xlogy
from fastnet.stats.describe import describe
from fastnet.stats.distribution import Discrete, Distribution


class _Points(Discrete):
    """A law on increasing points, with their probabilities."""

    values: Array
    probabilities: Array

    def _set_points(self, values: Array, p: Array) -> None:
        self.values, self.probabilities = values, p
        self._below = np.cumsum(p)
        # P(X > values[i]), from the other end so that small ones keep their digits.
        self._above = np.append(np.cumsum(p[:0:-1])[::-1], 0.0)

    def _points(self) -> Array | None:
        return self.values

    def _log(self, x: Array) -> Array:
        i = np.minimum(np.searchsorted(self.values, x), len(self.values) - 1)
        p = np.where(self.values[i] == x, self.probabilities[i], 0.0)
        with np.errstate(divide="ignore"):
            return np.where(np.isnan(x), math.nan, np.log(p))

    def _cdf(self, x: Array) -> Array:
        i = np.searchsorted(self.values, x, side="right")
        p = np.minimum(np.append(0.0, self._below), 1.0)
        p[-1] = 1.0
        return np.where(np.isnan(x), math.nan, p[i])

    def _ccdf(self, x: Array) -> Array:
        i = np.searchsorted(self.values, x, side="right")
        p = np.minimum(np.append(1.0, self._above), 1.0)
        return np.where(np.isnan(x), math.nan, p[i])

    def _icdf(self, p: Array) -> Array:
        i = np.minimum(np.searchsorted(self._below, p), len(self.values) - 1)
        return self.values[i]

    def _isf(self, q: Array) -> Array:
        # P(X >= values[i]), without the points beyond all mass.
        least = np.append(1.0, self._above[:-1])
        least = least[: np.count_nonzero(least)]
        i = np.searchsorted(-least, -q, side="right")
        return self.values[np.maximum(i - 1, 0)]

    def support(self) -> tuple[Any, Any]:
        """Return the least and the largest value of positive probability."""
        some = self.values[self.probabilities > 0]
        return float(some[0]), float(some[-1])

    def _moment(self, k: int) -> float:
        return math.fsum(self.probabilities * (self.values - self.mean()) ** k)

    def mean(self) -> Any:
        """Return the sum of p x."""
        return float(math.fsum(self.probabilities * self.values))

    def variance(self) -> Any:
        """Return the sum of p (x - mean)^2."""
        return float(self._moment(2))

    def skewness(self) -> Any:
        """Return the third central moment over the standard deviation's cube; NaN for one value."""
        m2 = self._moment(2)
        return float(self._moment(3) / m2**1.5 if m2 > 0 else math.nan)

    def kurtosis(self) -> Any:
        """Return the fourth central moment over the squared variance, less 3; NaN for one value."""
        m2 = self._moment(2)
        return float(self._moment(4) / m2**2 - 3 if m2 > 0 else math.nan)

    def entropy(self) -> Any:
        """Return the sum of -p log p."""
        return float(-math.fsum(xlogy(self.probabilities, self.probabilities)))


class Categorical(_Points):
    """The law of a number that takes one of finitely many values.

    Parameters
    ----------
    p : array_like
        Probabilities; they must sum to 1 within 1e-8 and are never rescaled.
    values : array_like, optional
        The numbers they belong to, increasing; 0, 1, 2 ... if None.

    Examples
    --------
    >>> from fastnet.stats import Categorical
    >>> x = Categorical([0.5, 0.25, 0.25])
    >>> x.mean(), x.pmf(2), x.cdf(1)
    (0.75, 0.25, 0.75)
    """

    def __init__(self, p: Any, values: Any = None) -> None:
        p = probabilities(p, "p")
        if p.ndim != 1:
            msg = f"p must be 1-d, got shape {p.shape}"
            raise ValueError(msg)
        self._indices = values is None
        points = np.arange(float(len(p))) if values is None else _points_of(values, len(p))
        self._set_points(points, p)

    def __repr__(self) -> str:
        values = "" if self._indices else f", values={self.values.tolist()}"
        return f"Categorical({self.probabilities.tolist()}{values})"

    def _sample(self, size: Size, rng: Any, dtype: Any, out: Array | None) -> Any:
        drawn = self.values[rng.categorical(self.probabilities, shape_of(size, out))]
        if out is None:
            return drawn.astype(dtype)[()]
        out[...] = drawn
        return out


class Empirical(_Points):
    """The law of a value drawn from data: every datum with its weight.

    Parameters
    ----------
    data : array_like
        Numbers (n,), or vectors (n, d).
    weights : array_like, optional
        Finite and not negative, (n,); equal if None.

    Attributes
    ----------
    data, weights : ndarray
        The data, and weights that sum to 1.
    effective_sample_size : float
        sum(w)^2 / sum(w^2): how many equally weighted data would be worth as much (Kish 1965).

    Notes
    -----
    Moments are those of the data themselves (ddof = 0). Of vectors, mean and variance are arrays,
    `covariance` is their matrix, and cdf, quantiles and the like do not exist.

    Examples
    --------
    >>> from fastnet.stats import Empirical
    >>> x = Empirical([1, 2, 2, 7])
    >>> x.pmf(2), x.mean(), x.icdf(0.5), x.probability((None, 3))
    (0.5, 3.0, 2.0, 0.75)
    """

    def __init__(self, data: Any, weights: Any = None) -> None:
        self.data = as_float(to_array(data, "data"), "data", FLOAT_DTYPES[1])
        if self.data.ndim not in (1, 2) or self.data.size == 0:
            msg = f"data must have shape (n,) or (n, d), neither of them 0, got {self.data.shape}"
            raise ValueError(msg)
        if not np.isfinite(self.data).all():
            msg = "data must be finite"
            raise ValueError(msg)
        n = len(self.data)
        w = np.ones(n) if weights is None else to_array(weights, "weights").astype(np.float64)
        if w.shape != (n,) or not (w.min() >= 0 and 0 < w.max() < math.inf):
            msg = f"weights must be {n} finite numbers, not negative and not all 0, got {weights}"
            raise ValueError(msg)
        scaled = w / w.max()
        self.weights = scaled / math.fsum(scaled)
        self.effective_sample_size = 1 / math.fsum(self.weights**2)
        if self.data.ndim == 1:
            order = np.argsort(self.data, kind="stable")
            points, first = np.unique(self.data[order], return_index=True)
            self._set_points(points, np.add.reduceat(self.weights[order], first))
        else:
            self.dim = self.data.shape[1]
        self._description = describe(
            self.data, 0, weights=self.weights, ddof=0, covariance=bool(self.dim)
        )

    def __repr__(self) -> str:
        return (
            f"Empirical of {len(self.data)} values of shape {self.data.shape[1:]}, "
            f"effective sample size {self.effective_sample_size:.6g}"
        )

    def _sample(self, size: Size, rng: Any, dtype: Any, out: Array | None) -> Any:
        if out is not None and size is None:
            size = out.shape[: out.ndim - (self.data.ndim - 1)]
        drawn = self.data[rng.categorical(self.weights, size)]
        if out is None:
            return drawn.astype(dtype)[()]
        out[...] = drawn
        return out

    def _points(self) -> Array | None:
        return self.values if self.dim is None else self.data

    def _log(self, x: Array) -> Array:
        self._require_numbers()
        return super()._log(x)

    def _cdf(self, x: Array) -> Array:
        self._require_numbers()
        return super()._cdf(x)

    def _icdf(self, p: Array) -> Array:
        self._require_numbers()
        return super()._icdf(p)

    def _ccdf(self, x: Array) -> Array:
        self._require_numbers()
        return super()._ccdf(x)

    def _require_numbers(self) -> None:
        if self.dim is not None:
            msg = "this exists for numbers only, and the data are vectors; take a column of them"
            raise TypeError(msg)

    def support(self) -> tuple[Any, Any]:
        """Return the least and the largest value, of vectors by component."""
        d = self._description
        return result(d.min), result(d.max)

    def mean(self) -> Any:
        """Return the weighted mean."""
        return result(self._description.mean)

    def variance(self) -> Any:
        """Return the weighted variance, of vectors by component."""
        return result(self._description.variance)

    def skewness(self) -> Any:
        """Return the weighted skewness, of vectors by component."""
        return result(self._description.skewness)

    def kurtosis(self) -> Any:
        """Return the weighted excess kurtosis, of vectors by component."""
        return result(self._description.kurtosis)

    def covariance(self) -> Array:
        """Return the weighted covariance matrix of vectors."""
        if self._description.covariance is None:
            msg = "covariance exists for vectors only, and the data are numbers"
            raise TypeError(msg)
        return np.array(self._description.covariance)

    def entropy(self) -> Any:
        """Return the entropy of the law on the distinct values."""
        p = self.probabilities if self.dim is None else self._masses()
        return float(-math.fsum(xlogy(p, p)))

    def _masses(self) -> Array:
        _, where = np.unique(self.data, axis=0, return_inverse=True)
        return np.bincount(where.ravel(), self.weights)

    def probability(self, event: Any, *, rng: Any = None) -> Any:
        """Return the weight of the data for which an event holds (`Distribution.probability`)."""
        from fastnet.stats.distribution import Probability, _holds

        if self.dim is None or not callable(event):
            return super().probability(event, rng=rng)
        return Probability(math.fsum(self.weights[_holds(event, self.data)]))

    def _affine(self, scale: float, shift: float) -> Distribution:
        return Empirical(self.data * scale + shift, self.weights)


def _points_of(values: Any, n: int) -> Array:
    points = as_float(to_array(values, "values"), "values", FLOAT_DTYPES[1]).copy()
    if points.shape != (n,) or not (np.isfinite(points).all() and (np.diff(points) > 0).all()):
        msg = f"values must be {n} finite and increasing numbers, got {values}"
        raise ValueError(msg)
    return points
