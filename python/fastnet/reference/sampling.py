"""The laws in NumPy, as functions of random words (mapping: cpp/dispatch/random.hpp).

Each takes key, stream, position and the number of values.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnet.reference.philox import (
    BERNOULLI,
    EXPONENTIAL32,
    EXPONENTIAL64,
    LAPLACE32,
    LAPLACE64,
    NORMAL32,
    NORMAL64,
    UNIFORM32,
    UNIFORM64,
    Array,
    words32,
    words64,
)

_1, _2, _10, _11, _31, _63 = (np.uint64(n) for n in (1, 2, 10, 11, 31, 63))


def uniform_values(
    key: int, stream: int, position: int, n: int, low: float, high: float, dtype: Any
) -> Array:
    """Return low + (high - low) u at n positions, u having 24 or 53 bits."""
    dtype = np.dtype(dtype)
    if dtype == np.float32:
        u = (words32(key, UNIFORM32, stream << 40, position, n) >> np.uint64(8)) * 2.0**-24
    else:
        u = (words64(key, UNIFORM64, stream << 40, position, n) >> np.uint64(11)) * 2.0**-53
    low, high = dtype.type(low), dtype.type(high)
    top = max(low, np.nextafter(high, dtype.type(-np.inf)))
    return np.asarray(np.minimum(low + (high - low) * u.astype(dtype), top))


def log_unit32(words: Array) -> Array:
    """Return ln U, U = (word + 1/2) 2^-32, of words of 32 bits; 1 - U is exact near 1."""
    n = words.astype(np.int64)
    near_1 = n >= 2**31
    less_one = np.where(near_1, (n - 2**32 + 0.5) * 2.0**-32, -0.5)
    return np.where(near_1, np.log1p(less_one), np.log((n + 0.5) * 2.0**-32))


def log_unit64(words: Array) -> Array:
    """Return ln U, U = (upper 53 bits + 1/2) 2^-53, of words of 64 bits."""
    n = (words >> _11).astype(np.int64)
    near_1 = n >= 2**52
    less_one = np.where(near_1, (2 * (n - 2**53) + 1) * 2.0**-54, -0.5)
    return np.where(near_1, np.log1p(less_one), np.log((n + 0.5) * 2.0**-53))


def _box_muller(log_unit: Array, turn: Array, negated: Array, swapped: Array) -> Array:
    """Return r cos t and r sin t by turns; t = pi / 2 `turn` before negation and swap."""
    r = np.sqrt(-2 * log_unit)
    cosine, sine = np.cos(np.pi / 2 * turn), np.sin(np.pi / 2 * turn)
    cosine = np.where(negated, -cosine, cosine)
    pair = np.where(swapped, (sine, cosine), (cosine, sine))
    return np.asarray((r * pair).T.ravel())


def normal_pairs64(words: Array) -> Array:
    """Return the normals of pairs of 64-bit words, as many as words."""
    radius, turn = words.reshape(-1, 2).T
    bits = (turn << _2 >> _2 >> _10).astype(np.int64)
    return _box_muller(
        log_unit64(radius),
        (2 * (bits - 2**51) + 1) * 2.0**-53,
        turn >> _63 == 1,
        turn >> np.uint64(62) & _1 == 1,
    )


def normal_values(key: int, stream: int, position: int, n: int, dtype: Any) -> Array:
    """Return n normal values: Box and Muller's pairs, of two words each."""
    dtype = np.dtype(dtype)
    first = position // 2
    ticket, count = stream << 40, (position + n + 1) // 2 - first
    if dtype == np.float32:
        radius, turn = words32(key, NORMAL32, ticket, 2 * first, 2 * count).reshape(-1, 2).T
        low = ((turn << _2).astype(np.uint32) | np.uint32(2)).astype(np.int32)
        pairs = _box_muller(
            log_unit32(radius), low * 2.0**-32, turn >> _31 == 1, turn >> np.uint64(30) & _1 == 1
        )
    else:
        pairs = normal_pairs64(words64(key, NORMAL64, ticket, 2 * first, 2 * count))
    return pairs[position - 2 * first :][:n].astype(dtype)


def exponential_values(key: int, stream: int, position: int, n: int, dtype: Any) -> Array:
    """Return n values -ln U."""
    if np.dtype(dtype) == np.float32:
        words = words32(key, EXPONENTIAL32, stream << 40, position, n)
        return np.asarray((-log_unit32(words)).astype(np.float32))
    return np.asarray(-log_unit64(words64(key, EXPONENTIAL64, stream << 40, position, n)))


def laplace_values(key: int, stream: int, position: int, n: int, dtype: Any) -> Array:
    """Return n values -ln U with the sign that the word's highest bit says."""
    if np.dtype(dtype) == np.float32:
        words = words32(key, LAPLACE32, stream << 40, position, n)
        size = -log_unit32(words << _1 & np.uint64(0xFFFFFFFF))
        return np.where(words >> _31 == 1, -size, size).astype(np.float32)
    words = words64(key, LAPLACE64, stream << 40, position, n)
    size = -log_unit64(words << _1)
    return np.where(words >> _63 == 1, -size, size)


def bernoulli_values(key: int, stream: int, position: int, n: int, p: float) -> Array:
    """Return n bools: whether 64 bits, of which the lower 32 are seldom needed, are below p."""
    threshold = int(p * 2.0**64)
    upper, lower = threshold >> 32, threshold & 0xFFFFFFFF
    words = words32(key, BERNOULLI, stream << 40, position, n)
    next_words = words32(key, BERNOULLI, (stream << 40) + 1, position, n)
    return np.asarray((words < upper) | ((words == upper) & (next_words < lower)))
