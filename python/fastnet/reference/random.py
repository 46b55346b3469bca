"""The generator in NumPy: what `fastnet.random.Generator` draws at the same positions.

Laws and mapping are those of cpp/dispatch/random.hpp. Uniforms, integers, coins, categories and
permutations agree bit for bit, the others to some units in the last place.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.reference.discrete import (
    binomial_values,
    categorical_values,
    geometric_values,
    poisson_values,
)
from fastnet.reference.gamma import (
    beta_values,
    dirichlet_values,
    gamma_values,
    standard_t_values,
)
from fastnet.reference.philox import INTEGER, PERMUTATION, Array, words64
from fastnet.reference.sampling import (
    bernoulli_values,
    exponential_values,
    laplace_values,
    normal_values,
    uniform_values,
)


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
        return uniform_values(*self._take(size), low, high, dtype)

    def normal(
        self, loc: float = 0.0, scale: float = 1.0, size: int = 1, dtype: Any = np.float64
    ) -> Array:
        """Return `size` values loc + scale z."""
        z = normal_values(*self._take(size), dtype)
        return np.asarray(z.dtype.type(loc) + z.dtype.type(scale) * z)

    def lognormal(
        self, mean: float = 0.0, sigma: float = 1.0, size: int = 1, dtype: Any = np.float64
    ) -> Array:
        """Return exponentials of normal values."""
        return np.asarray(np.exp(self.normal(mean, sigma, size, dtype)))

    def exponential(self, scale: float = 1.0, size: int = 1, dtype: Any = np.float64) -> Array:
        """Return `size` exponential values."""
        e = exponential_values(*self._take(size), dtype)
        return np.asarray(e.dtype.type(scale) * e)

    def laplace(
        self, loc: float = 0.0, scale: float = 1.0, size: int = 1, dtype: Any = np.float64
    ) -> Array:
        """Return `size` exponential values of either sign."""
        e = laplace_values(*self._take(size), dtype)
        return np.asarray(e.dtype.type(loc) + e.dtype.type(scale) * e)

    def bernoulli(self, p: float, size: int = 1) -> Array:
        """Return `size` bools, True with probability p."""
        return bernoulli_values(*self._take(size), p)

    def categorical(self, p: npt.ArrayLike, size: int = 1) -> Array:
        """Return `size` numbers of categories."""
        return categorical_values(*self._take(size), p)

    def poisson(self, lam: float = 1.0, size: int = 1) -> Array:
        """Return `size` Poisson numbers of mean lam."""
        return poisson_values(*self._take(size), lam)

    def binomial(self, n: int, p: float, size: int = 1) -> Array:
        """Return `size` numbers of successes out of n."""
        return binomial_values(*self._take(size), n, p)

    def geometric(self, p: float, size: int = 1) -> Array:
        """Return `size` numbers of trials up to the first success."""
        return geometric_values(*self._take(size), p)

    def gamma(self, shape: float, scale: float = 1.0, size: int = 1) -> Array:
        """Return `size` gamma values."""
        return scale * gamma_values(*self._take(size), shape)

    def chisquare(self, df: float, size: int = 1) -> Array:
        """Return `size` sums of df squared normals."""
        return self.gamma(df / 2, 2.0, size)

    def standard_t(self, df: float, size: int = 1) -> Array:
        """Return `size` values of Student's t."""
        return standard_t_values(*self._take(size), df)

    def beta(self, a: float, b: float, size: int = 1) -> Array:
        """Return `size` beta values."""
        return beta_values(*self._take(size), a, b)

    def dirichlet(self, alpha: npt.ArrayLike, size: int = 1) -> Array:
        """Return `size` vectors of sum 1."""
        d = len(np.asarray(alpha))
        key, stream, position, _ = self._take(size * d)
        return dirichlet_values(key, stream, position, size, alpha)

    def multivariate_normal(self, mean: npt.ArrayLike, cov: npt.ArrayLike, size: int = 1) -> Array:
        """Return `size` normal vectors."""
        factor = np.linalg.cholesky(np.asarray(cov, float))
        z = self.normal(size=size * len(factor)).reshape(size, -1)
        return np.asarray(np.asarray(mean, float) + z @ factor.T)

    def integers(self, low: int, high: int, size: int = 1) -> Array:
        """Return `size` integers in [low, high)."""
        return low + integer_values(*self._take(size), high - low).astype(np.int64)

    def permutation(self, n: int) -> Array:
        """Return a random permutation of 0 ... n - 1."""
        return permutation(self.key, self.next_ticket(), n)

    def _take(self, n: int) -> tuple[int, int, int, int]:
        self.position += n
        return self.key, self.stream, self.position - n, n
