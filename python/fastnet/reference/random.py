"""The generator in NumPy: Philox4x32-10 by its formula, and the values that come from its words.

Laws, counters and mapping are those of `fastnet.random` (documented in cpp/dispatch/random.hpp),
and the values agree bit for bit. Everything is computed in uint64, where a product of 32-bit words
fits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = np.ndarray[Any, Any]

BITS, UNIFORM32, UNIFORM64, INTEGER, PERMUTATION, DROPOUT = range(6)

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


def bounded(word: npt.ArrayLike, span: int, again: Any) -> Array:
    """Integers in [0, span) from words: high halves of word * span (Lemire 2019).

    A word whose low half is below 2^64 mod span is replaced by again(i, attempt).
    """
    words = np.asarray(word, np.uint64)
    result = np.empty(len(words), np.uint64)
    for i, w in enumerate(words):
        product = int(w) * span
        attempt = 0
        while product % 2**64 < 2**64 % span:
            attempt += 1
            product = int(again(i, attempt)) * span
        result[i] = product >> 64
    return result


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


def integer_values(key: int, stream: int, position: int, n: int, span: int) -> Array:
    """Return integers in [0, span) at n positions."""
    ticket = stream << 40
    return bounded(
        words64(key, INTEGER, ticket, position, n),
        span,
        lambda i, attempt: words64(key, INTEGER, ticket + attempt, position + i, 1)[0],
    )


def permutation(key: int, ticket: int, n: int) -> Array:
    """Return a ticket's permutation of 0 ... n - 1: Knuth's shuffle, inside out."""
    result = np.arange(n)
    for i, word in enumerate(words64(key, PERMUTATION, ticket, 0, n)):
        j = bounded(
            [word],
            i + 1,
            lambda _, attempt, i=i: words64(key, PERMUTATION, ticket, i + (attempt << 41), 1)[0],
        )[0]
        result[i] = result[j]
        result[j] = i
    return result


class Generator:
    """`fastnet.random.Generator` from an integer or a SeedSequence, in NumPy."""

    def __init__(self, seed: int | np.random.SeedSequence, stream: int = 0) -> None:
        sequence = (
            seed if isinstance(seed, np.random.SeedSequence) else np.random.SeedSequence(seed)
        )
        self.key = int(sequence.generate_state(1, np.uint64)[0])
        self.stream = stream
        self.position = 0
        self._tickets = 0

    def next_ticket(self) -> int:
        """Return the next ticket: a stream's tickets are numbered from stream << 40."""
        self._tickets += 1
        return (self.stream << 40) + self._tickets - 1

    def random(self, size: int = 1, dtype: Any = np.float64) -> Array:
        """Return `size` uniform values in [0, 1)."""
        return self.uniform(0.0, 1.0, size, dtype)

    def uniform(
        self, low: float = 0.0, high: float = 1.0, size: int = 1, dtype: Any = np.float64
    ) -> Array:
        """Return `size` uniform values in [low, high)."""
        self.position += size
        return uniform_values(self.key, self.stream, self.position - size, size, low, high, dtype)

    def integers(self, low: int, high: int, size: int = 1) -> Array:
        """Return `size` integers in [low, high)."""
        self.position += size
        start = self.position - size
        return low + integer_values(self.key, self.stream, start, size, high - low).astype(np.int64)

    def permutation(self, n: int) -> Array:
        """Return a random permutation of 0 ... n - 1."""
        return permutation(self.key, self.next_ticket(), n)
