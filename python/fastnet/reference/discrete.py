"""Discrete laws in NumPy and plain Python: categories, Poisson, binomial and geometric numbers.

Each takes key, stream, position and the number of values. Small means by searching the distribution
function, larger ones by Hörmann's transformed rejection (1993); attempt i of the value at a
position takes the two 64-bit words of the block of that number, with i added to count.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.reference.philox import (
    BINOMIAL,
    CATEGORICAL,
    GEOMETRIC,
    POISSON,
    Array,
    words64,
)

_LARGEST = 2**64 - 1


def alias_table(p: npt.ArrayLike) -> tuple[list[int], list[int]]:
    """Return the thresholds of 64 bits and the aliases of probabilities p (Walker 1977)."""
    rest = [float(x) for x in np.asarray(p, float)]
    n = len(rest)
    size = 0.0
    for x in rest:
        size += x
    size /= n
    greatest = rest.index(max(rest))
    small = [i for i in range(n) if rest[i] < size]
    large = [i for i in range(n) if rest[i] >= size]
    thresholds, aliases = [_LARGEST] * n, list(range(n))
    while small:
        i = small.pop()
        share = rest[i] / size
        thresholds[i] = _LARGEST if share >= 1 else int(max(share, 0) * 2.0**64)
        aliases[i] = large[-1] if large else greatest
        if large:
            j = large[-1]
            rest[j] -= size - rest[i]
            if rest[j] < size:
                small.append(large.pop())
    return thresholds, aliases


def categorical_values(key: int, stream: int, position: int, n: int, p: npt.ArrayLike) -> Array:
    """Return n categories: a column of the alias table, or its alias."""
    thresholds, aliases = alias_table(p)
    result = np.empty(n, np.int64)
    for i, word in enumerate(words64(key, CATEGORICAL, stream << 40, position, n)):
        column, low = divmod(int(word) * len(aliases), 2**64)
        result[i] = column if low < thresholds[column] else aliases[column]
    return result


Accept = Callable[[float, float], int | None]


def _by_attempts(key: int, law: int, stream: int, position: int, n: int, accept: Accept) -> Array:
    """Return the n numbers that accept(u, v) gives at the first attempt at which it gives one."""
    result = np.empty(n, np.int64)
    for i in range(n):
        attempt, value = 0, None
        while value is None:
            words = words64(key, law, (stream << 40) + attempt, 2 * (position + i), 2)
            value = accept(*((words >> np.uint64(11)) * 2.0**-53))
            attempt += 1
        result[i] = value
    return result


def _search(u: float, first: float, last: float, ratio: Callable[[int], float]) -> int:
    k, probability, total = 0, first, first
    while u >= total and k < last:
        k += 1
        probability *= ratio(k)
        total += probability
    return k


def _transformed(
    a: float, b: float, c: float, inner: float, scale: float, last: float, log_pmf: Any
) -> Accept:
    """Return Hörmann's acceptance of (u, v)."""

    def accept(u: float, v: float) -> int | None:
        u -= 0.5
        edge = 0.5 - abs(u)
        if edge <= 0:
            return None
        k = math.floor((2 * a / edge + b) * u + c)
        if not 0 <= k <= last:
            return None
        height = v * scale / (a / (edge * edge) + b)
        inside = edge >= 0.07 and v <= inner
        return k if inside or height <= 0 or math.log(height) <= log_pmf(k) else None

    return accept


def _log_binomial(k: int, n: int, p: float) -> float:
    choose = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    return choose + k * math.log(p) + (n - k) * math.log1p(-p)


def poisson_values(key: int, stream: int, position: int, n: int, lam: float) -> Array:
    """Return n Poisson numbers of mean lam."""
    if lam < 10:
        first = math.exp(-lam)
        accept: Accept = lambda u, _: _search(u, first, 110, lambda k: lam / k)  # noqa: E731
    else:
        b = 0.931 + 2.53 * math.sqrt(lam)
        accept = _transformed(
            -0.059 + 0.02483 * b,
            b,
            lam + 0.43,
            0.9277 - 3.6224 / (b - 2),
            1.1239 + 1.1328 / (b - 3.4),
            2.0**63,
            lambda k: k * math.log(lam) - lam - math.lgamma(k + 1),
        )
    return _by_attempts(key, POISSON, stream, position, n, accept)


def binomial_values(key: int, stream: int, position: int, n: int, trials: int, p: float) -> Array:
    """Return n numbers of successes."""
    if p > 0.5:
        return trials - binomial_values(key, stream, position, n, trials, 1 - p)
    if trials * p < 10:
        first = math.exp(trials * math.log1p(-p))
        odds = p / (1 - p)
        accept: Accept = lambda u, _: _search(  # noqa: E731
            u, first, min(trials, 110), lambda k: (trials - k + 1) / k * odds
        )
    else:
        deviation = math.sqrt(trials * p * (1 - p))
        b = 1.15 + 2.53 * deviation
        mode = math.floor((trials + 1) * p)
        accept = _transformed(
            -0.0873 + 0.0248 * b + 0.01 * p,
            b,
            trials * p + 0.5,
            0.92 - 4.2 / b,
            (2.83 + 5.1 / b) * deviation * math.exp(_log_binomial(mode, trials, p)),
            trials,
            lambda k: _log_binomial(k, trials, p),
        )
    return _by_attempts(key, BINOMIAL, stream, position, n, accept)


def geometric_values(key: int, stream: int, position: int, n: int, p: float) -> Array:
    """Return n numbers of trials up to a success."""

    def accept(u: float, _: float) -> int:
        if p == 1:
            return 1
        return min(math.floor(-math.log(u + 2.0**-54) / -math.log1p(-p)) + 1, 2**63 - 1)

    return _by_attempts(key, GEOMETRIC, stream, position, n, accept)
