"""Moments of data: mean, variance, skewness, kurtosis, extremes and covariance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastnet import _core
from fastnet._arrays import FLOAT_DTYPES, Array, as_float, contiguous, flag, real, to_array
from fastnet.random._checks import integer

NAN_POLICIES = ("propagate", "omit", "raise")


@dataclass(frozen=True, slots=True, eq=False)
class Description:
    """What `describe` returns: numbers for a whole array, arrays along an axis, all float64.

    Attributes
    ----------
    n : int, float or ndarray
        How many values, or the sum of their weights; an array of integers along an axis if NaNs
        are omitted.
    mean, variance, skewness, kurtosis, min, max : float or ndarray
        The kurtosis is the excess over a normal law's 3.
    covariance : ndarray or None
        Of the columns with each other, if asked for.
    nan_count : int or ndarray
        How many values are NaN.
    """

    n: Any
    mean: Any
    variance: Any
    skewness: Any
    kurtosis: Any
    min: Any
    max: Any
    covariance: Array | None
    nan_count: Any

    @property
    def standard_deviation(self) -> Any:
        """The square root of the variance."""
        return np.sqrt(self.variance) if np.ndim(self.variance) else math.sqrt(self.variance)


def describe(
    x: Any,
    axis: int | tuple[int, ...] | None = None,
    *,
    weights: Any = None,
    ddof: float = 1,
    bias: bool = True,
    keepdims: bool = False,
    covariance: bool = False,
    nan_policy: str = "propagate",
) -> Description:
    """Return count, mean, variance, skewness, kurtosis, extremes and covariance of data.

    With m_k = sum w (x - mean)^k / n and n = sum w (w = 1 without weights):

    - variance = n m_2 / (n - ddof)
    - skewness = m_3 / m_2^(3/2), times sqrt(n (n - 1)) / (n - 2) unless `bias`
    - kurtosis = m_4 / m_2^2 - 3; unless `bias`,
      (n - 1) / ((n - 2) (n - 3)) ((n + 1) kurtosis + 6)

    Parameters
    ----------
    x : array_like
        Float32 or float64, of any layout; other numbers are converted to float64. Arrays whose rows
        or columns are contiguous are not copied.
    axis : int, tuple of int or None
        Along which axes; None takes all values together.
    weights : array_like, optional
        Finite, as their sum is, and not negative: how often each value counts. Of x's shape, or
        along one axis, 1-d. A value with weight 0 is as if it were not there.
    ddof : float, default 1
        Subtracted from n under the variance and the covariance: 1 gives unbiased ones, 0 those of
        the data themselves.
    bias : bool, default True
        False corrects skewness and kurtosis for the bias they have on samples of a normal law.
    keepdims : bool, default False
        Whether the axes stay, with length 1.
    covariance : bool, default False
        Whether to compute the covariance of the columns (axis 0) or rows (axis 1) of a 2-d x.
    nan_policy : {"propagate", "omit", "raise"}, default "propagate"
        NaN among the values makes every moment NaN, is left out and counted, or is a ValueError.

    Returns
    -------
    Description
        What is not defined is NaN: everything but n without values, the variance where n <= ddof,
        skewness and kurtosis of constant data, and, unless `bias`, where n <= 2 or n <= 3.

    Raises
    ------
    ValueError
        For an axis out of range, weights that are negative or of another shape, an unknown policy,
        or NaN with nan_policy="raise".

    Notes
    -----
    One pass, whose sums around a pivot are in float64 and merged over a fixed tree (Pebay,
    SAND2008-6212): relative errors are some 1e-15 also where the mean is 1e9 standard deviations
    away from zero (cpp/dispatch/moments.hpp derives the bound). The same bits at any number of
    threads and at every level with fma. The defaults are those of `scipy.stats.describe` but for
    `axis`; -inf and inf are values like others and make the variance NaN.

    Examples
    --------
    >>> import fastnet
    >>> d = fastnet.describe([1.0, 2, 3, 10])
    >>> d.n, d.mean, d.variance, d.min, d.max
    (4, 4.0, 16.666666666666668, 1.0, 10.0)
    >>> fastnet.describe([[1.0, 2], [3, 10]], axis=0, covariance=True).covariance
    array([[ 2.,  8.],
           [ 8., 32.]])
    """
    if nan_policy not in NAN_POLICIES:
        msg = f"nan_policy must be one of {', '.join(NAN_POLICIES)}, got {nan_policy!r}"
        raise ValueError(msg)
    x = _values(x)
    axes = _axes(axis, x.ndim)
    ddof = real(ddof, "ddof")
    bias, keepdims = flag(bias, "bias"), flag(keepdims, "keepdims")
    kept = tuple(n for d, n in enumerate(x.shape) if d not in axes)
    if flag(covariance, "covariance") and (x.ndim != 2 or len(axes) != 1):
        msg = f"covariance needs a 2-d x and one axis, got shape {x.shape} and axis {axis}"
        raise ValueError(msg)
    view, mirrored = _view(x, axes)
    w = None
    if weights is not None:
        view, w, mirrored = _with_weights(x, view, weights, axes, mirrored)
    outer, _, inner = view.shape
    moments, nans = np.empty((outer, inner, 8)), np.empty((outer, inner), np.int64)
    _core.moments(view, w, moments, nans)
    if w is not None and np.isinf(moments[..., 0]).any():
        msg = f"weights must have a finite sum, got {w.min()} to {w.max()}"
        raise ValueError(msg)
    matrix = None
    if covariance:
        matrix = _covariance(view, w, moments, ddof)
    if mirrored:
        moments = moments.reshape(*kept[::-1], 8).transpose(*range(len(kept))[::-1], len(kept))
        nans = nans.reshape(kept[::-1]).T
    moments, nans = moments.reshape(*kept, 8), nans.reshape(kept)
    missing = nans > 0
    if nan_policy == "raise" and missing.any():
        msg = f"x must have no NaN with nan_policy='raise', got {int(nans.sum())}"
        raise ValueError(msg)
    if nan_policy == "propagate":
        moments[missing] = math.nan
        if matrix is not None:
            matrix[missing] = matrix[:, missing] = math.nan
    elif matrix is not None and missing.any():
        msg = "covariance is not defined with nan_policy='omit' where x has NaN; remove those rows"
        raise ValueError(msg)
    shape = tuple(1 if d in axes else n for d, n in enumerate(x.shape)) if keepdims else kept
    values = _statistics(moments, ddof, bias)
    n: Any = moments[..., 0]
    if weights is None:
        n = n.astype(np.int64) if nan_policy == "omit" else math.prod(x.shape[d] for d in axes)
    mean, variance, skewness, kurtosis, low, high = (_shaped(v, shape) for v in values)
    return Description(
        n if isinstance(n, int) else _shaped(n, shape),
        mean,
        variance,
        skewness,
        kurtosis,
        low,
        high,
        matrix,
        _shaped(nans, shape),
    )


def _statistics(moments: Array, ddof: float, bias: bool) -> list[Array]:
    """Return mean, variance, skewness, kurtosis, min and max of central sums (..., 8)."""
    n, mean, _, m2, m3, m4, low, high = (moments[..., i] for i in range(8))
    nan = np.full(n.shape, math.nan)
    some = n > 0
    with np.errstate(all="ignore"):
        variance = np.where(n > ddof, m2 / (n - ddof), nan)
        m2 = m2 / n
        sd = np.sqrt(m2)
        # Divided one by one, so that nothing overflows whose quotient does not.
        skewness = np.where(m2 > 0, m3 / n / m2 / sd, nan)
        kurtosis = np.where(m2 > 0, m4 / n / m2 / m2 - 3, nan)
        if not bias:
            skewness = np.where(n > 2, skewness * np.sqrt(n * (n - 1)) / (n - 2), nan)
            kurtosis = (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * kurtosis + 6)
            kurtosis = np.where(n > 3, kurtosis, nan)
    found = [mean, variance, skewness, kurtosis, low, high]
    return [np.where(some, value, nan) for value in found]


def _shaped(value: Array, shape: tuple[int, ...]) -> Any:
    return value.reshape(shape) if shape else value.item()


def _values(x: Any) -> Array:
    """Return x as float32 or float64; integers become float64."""
    array = to_array(x, "x")
    return as_float(array, "x", None if array.dtype in FLOAT_DTYPES else FLOAT_DTYPES[1])


def _axes(axis: int | tuple[int, ...] | None, ndim: int) -> tuple[int, ...]:
    if axis is None:
        return tuple(range(ndim))
    given = axis if isinstance(axis, tuple) else (axis,)
    axes = tuple(integer(a, "axis", -ndim, ndim - 1) % max(ndim, 1) for a in given)
    if len(set(axes)) < len(axes):
        msg = f"axis must not name an axis twice, got {axis}"
        raise ValueError(msg)
    return tuple(sorted(axes))


def _view(x: Array, axes: tuple[int, ...]) -> tuple[Array, bool]:
    """Return x as (outer, n, inner), and whether the other axes' order is reversed in it.

    It is a view where the memory allows it.
    """
    size = x.itemsize
    if x.ndim == 2 and len(axes) == 1:
        sets = x if axes == (0,) else x.T  # (n, sets)
        if sets.strides[1] == size and sets.shape[1] > 1:
            return sets[np.newaxis], False
        if sets.strides[0] == size or sets.shape[0] <= 1:
            return sets.T[:, :, np.newaxis], False
    mirrored = x.flags.f_contiguous and not x.flags.c_contiguous
    if mirrored:
        x, axes = x.T, tuple(x.ndim - 1 - d for d in reversed(axes))
    if not axes:
        return contiguous(x).reshape(-1, 1, 1), mirrored
    first, last = axes[0], axes[-1] + 1
    if len(axes) < last - first:
        return _rows(x, axes)[:, :, np.newaxis], mirrored
    parts = (x.shape[:first], x.shape[first:last], x.shape[last:])
    return contiguous(x).reshape([math.prod(part) for part in parts]), mirrored


def _rows(x: Array, axes: tuple[int, ...]) -> Array:
    """Return (sets, n), a copy if need be, with the values along `axes` in rows."""
    kept = [d for d in range(x.ndim) if d not in axes]
    n = math.prod(x.shape[d] for d in axes)
    return contiguous(x.transpose([*kept, *axes])).reshape(math.prod(x.shape[d] for d in kept), n)


def _with_weights(
    x: Array, view: Array, weights: Any, axes: tuple[int, ...], mirrored: bool
) -> tuple[Array, Array, bool]:
    """Return a view of x, the weights (outer or 1, n) for it, and its order."""
    w = as_float(to_array(weights, "weights"), "weights", FLOAT_DTYPES[1])
    if w.size and not (w.min() >= 0 and w.max() < math.inf):
        msg = f"weights must be finite and not negative, got {w.min()} to {w.max()}"
        raise ValueError(msg)
    if w.shape == x.shape:
        return _rows(x, axes)[:, :, np.newaxis], _rows(w, axes), False
    if len(axes) == 1 and w.shape == (x.shape[axes[0]],):
        return view, contiguous(w).reshape(1, -1), mirrored
    msg = f"weights must have x's shape {x.shape} or be 1-d along one axis, got shape {w.shape}"
    raise ValueError(msg)


def _covariance(view: Array, w: Array | None, moments: Array, ddof: float) -> Array:
    """Return the covariance of the sets of a view."""
    matrix = np.empty((view.shape[0] * view.shape[2],) * 2)
    n = float(moments[..., 0].max()) if moments.size else 0.0
    if w is not None and len(w) > 1:
        msg = "weights must be 1-d with covariance"
        raise ValueError(msg)
    _core.covariance(view, w, moments, matrix)
    return matrix / (n - ddof) if n > ddof else np.full(matrix.shape, math.nan)
