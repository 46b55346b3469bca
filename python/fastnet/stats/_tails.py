"""Tails and quantiles of gamma and beta laws where SciPy's are cut short or lose their way."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from fastnet._arrays import Array
from fastnet.stats._normal import normal_cdf
from fastnet.stats._saddle import deviance

# Parameters from which on the expansions below are exact to 1e-11 of the smaller tail.
LARGE_GAMMA, LARGE_BETA = 1e5, 1e8
# The logarithm of the normal density beyond is that of no float.
_FAR = 40.0
_MOST = np.array(np.finfo(float).max).view(np.int64)


def _below(z: Array, t: Array, limit: Array, more: Any, sign: float) -> Array:
    """Return P(Z <= z) + density(z) (1 / z - 1 / t + more), or 1 minus that for sign -1."""
    with np.errstate(divide="ignore", invalid="ignore"):
        bend = np.where(np.abs(z) < 1e-3, limit, 1 / z - 1 / t) + more
    density = np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)
    return np.asarray(np.clip(normal_cdf(sign * z) + sign * density * bend, 0.0, 1.0))


def gamma_below(a: Array, x: Array, d: Array, sign: float = 1.0) -> Array:
    """Return P(X <= x) for a gamma law of shape a >= LARGE_GAMMA, or P(X > x) for sign -1.

    Given d = a - x. Temme, "The asymptotic expansion of the incomplete gamma functions" (1979), to
    the second term.
    """
    root = np.sqrt(a)
    z = np.clip(-np.sign(d) * np.sqrt(2 * deviance(a, x, d)), -_FAR, _FAR)
    eta = z / root
    more = (1 / 540 + eta / 288) / (a * root)
    return _below(z, -d / root, (1 / 3 - eta / 12) / root, more, sign)


def beta_below(a: Array, b: Array, x: Array, d: Array, sign: float = 1.0) -> Array:
    """Return P(X <= x) for a beta law of a, b >= LARGE_BETA, or P(X > x) for sign -1.

    Given d = a - (a + b) x. Temme, "The uniform asymptotic expansion of a class of integrals
    related to cumulative distribution functions" (1982), to the first term.
    """
    n = a + b
    both = deviance(a, n * x, d) + deviance(b, n * (1 - x), -d)
    z = np.clip(-np.sign(d) * np.sqrt(2 * both), -_FAR, _FAR)
    root = np.sqrt(a) * np.sqrt(b / n)
    return _below(z, -d / root, (b - a) / n / (3 * root), 0.0, sign)


def refined(x: Array, p: Array, tail: Callable[[Array], Array], density: Any, sign: int) -> Array:
    """Return quantiles x >= 0 that SciPy gives, or others where those are not quantiles.

    Parameters
    ----------
    x, p : ndarray
        What tail(x) should be p for.
    tail : callable
        The cdf, or the ccdf with sign -1.
    density : callable
    """
    with np.errstate(invalid="ignore", over="ignore"):
        # What tail and x are rounded by; SciPy's tails beyond it are known to 1e-8.
        slack = 1e-8 * np.minimum(p, 1 - p) + 1e-15 * np.abs(x) * density(x)
        wrong = (p > 0) & (p < 1) & ~(np.abs(tail(x) - p) <= slack)
    if not np.any(wrong):
        return x
    # Bisection over the floats, whose bits are in their order.
    low, high = np.zeros(np.shape(wrong), np.int64), np.full(np.shape(wrong), _MOST)
    with np.errstate(over="ignore"):
        while np.any(high - low > 1):
            middle = low + (high - low) // 2
            short = sign * (tail(middle.view(np.float64)) - p) < 0
            low, high = np.where(short, middle, low), np.where(short, high, middle)
    return np.where(wrong, np.where(high < _MOST, high.view(np.float64), math.inf), x)
