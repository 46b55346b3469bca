"""Philox4x32-10 in NumPy, by its formula: random words from a key and counters.

Everything is computed in uint64, where a product of 32-bit words fits. Laws and counters are those
of `fastnet.random` (documented in cpp/dispatch/random.hpp).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = np.ndarray[Any, Any]

(
    BITS,
    UNIFORM32,
    UNIFORM64,
    INTEGER,
    PERMUTATION,
    DROPOUT,
    NORMAL32,
    NORMAL64,
    EXPONENTIAL32,
    EXPONENTIAL64,
    LAPLACE32,
    LAPLACE64,
    BERNOULLI,
    CATEGORICAL,
    GAMMA,
    POISSON,
    BINOMIAL,
    GEOMETRIC,
) = range(18)

_LOW = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)
_MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_WEYL = 0x9E3779B9, 0xBB67AE85


def philox(counter: npt.ArrayLike, key: int) -> Array:
    """Return the four words of each counter (..., 4) of 32-bit words, as uint64 (..., 4)."""
    c0, c1, c2, c3 = np.moveaxis(np.asarray(counter, np.uint64), -1, 0)
    k0, k1 = key & 0xFFFFFFFF, key >> 32
    for _ in range(10):
        p0, p1 = _MULTIPLIERS[0] * c0, _MULTIPLIERS[1] * c2
        c0, c1 = (p1 >> _32) ^ c1 ^ np.uint64(k0), p1 & _LOW
        c2, c3 = (p0 >> _32) ^ c3 ^ np.uint64(k1), p0 & _LOW
        k0, k1 = (k0 + _WEYL[0]) & 0xFFFFFFFF, (k1 + _WEYL[1]) & 0xFFFFFFFF
    return np.stack([c0, c1, c2, c3], axis=-1)


def blocks(key: int, law: int, ticket: int, block: npt.ArrayLike) -> Array:
    """Return the words of a law's blocks; by position, ticket = (stream << 40) + attempt."""
    block = np.asarray(block, np.uint64)
    high = np.full_like(block, law << 56 | ticket)
    return philox(np.stack([block & _LOW, block >> _32, high & _LOW, high >> _32], axis=-1), key)


def words32(key: int, law: int, ticket: int, position: int, n: int) -> Array:
    """Return the 32-bit words at positions position ... position + n - 1: four in a block."""
    first = position // 4
    words = blocks(key, law, ticket, first + np.arange((position + n + 3) // 4 - first))
    return words.ravel()[position % 4 :][:n]


def words64(key: int, law: int, ticket: int, position: int, n: int) -> Array:
    """Return the 64-bit words at these positions: two in a block, low half first."""
    words = words32(key, law, ticket, 2 * position, 2 * n)
    low, high = words.reshape(-1, 2).T
    return np.asarray(low | high << _32)
