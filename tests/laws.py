"""Distributions and functions for tests of expectations, as small as can be."""

import numpy as np

from fastnet.random import Generator


class Law:
    """A law that the engine draws."""

    dim = None

    def __init__(self, name, a=0.0, b=1.0):
        self._draw = (name, a, b)

    def sample(self, size, *, rng=None, dtype=np.float64, out=None):
        assert isinstance(rng, Generator)
        return getattr(rng, self._draw[0])(*self._draw[1:], size)


class Opaque(Law):
    """The same, but drawn by Python."""

    def __init__(self, name, a=0.0, b=1.0):
        super().__init__(name, a, b)
        self._law, self._draw = self._draw, None

    def sample(self, size, *, rng=None, dtype=np.float64, out=None):
        return getattr(rng, self._law[0])(*self._law[1:], size)


class Plane(Opaque):
    """Two dependent columns."""

    dim = 2

    def sample(self, size, *, rng=None, dtype=np.float64, out=None):
        x = rng.normal(size=size)
        return np.stack([x, x + rng.normal(size=size)], axis=-1)


NORMAL = Law("normal")
UNIFORM = Law("uniform")

# A correct estimate is further away once in 1.7e6 cases.
SIGMAS = 5


def assert_covers(estimate, truth):
    error = np.abs(np.asarray(estimate.mean) - truth)
    assert np.all(error <= SIGMAS * np.asarray(estimate.standard_error)), (estimate, truth)


def payoff(x):
    return np.exp(-0.05) * np.maximum(100 * np.exp(0.03 + 0.2 * x) - 100, 0)
