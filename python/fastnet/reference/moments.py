"""Moments in NumPy: of values, and of two sets of values together."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]


class Moments(NamedTuple):
    """How many values (or their weight), their mean, sums of (x - mean)^k, and extremes."""

    n: float
    mean: float
    m2: float
    m3: float
    m4: float
    min: float
    max: float


def moments(x: Array, weights: Array | None = None) -> Moments:
    """Return the moments of a vector."""
    w = np.ones(len(x)) if weights is None else weights
    x, w = x[w > 0], w[w > 0]
    n = w.sum()
    mean = (w * x).sum() / n
    d = x - mean
    m2, m3, m4 = ((w * d**k).sum() for k in (2, 3, 4))
    return Moments(n, mean, m2, m3, m4, x.min(), x.max())


def merge(a: Moments, b: Moments) -> Moments:
    """Return the moments of both sets together (Pebay, SAND2008-6212, section 3)."""
    n, d = a.n + b.n, b.mean - a.mean
    p, q = a.n / n, b.n / n
    return Moments(
        n,
        a.mean + d * q,
        a.m2 + b.m2 + d**2 * n * p * q,
        a.m3 + b.m3 + d**3 * n * p * q * (p - q) + 3 * d * (p * b.m2 - q * a.m2),
        a.m4
        + b.m4
        + d**4 * n * p * q * (p**2 - p * q + q**2)
        + 6 * d**2 * (p**2 * b.m2 + q**2 * a.m2)
        + 4 * d * (p * b.m3 - q * a.m3),
        min(a.min, b.min),
        max(a.max, b.max),
    )


def covariance(x: Array, ddof: float = 1, weights: Array | None = None) -> Array:
    """Return the covariance of the columns of x, whose rows have weights."""
    w = np.ones(len(x)) if weights is None else weights
    d = x - (w @ x) / w.sum()
    return (d.T * w) @ d / (w.sum() - ddof)
