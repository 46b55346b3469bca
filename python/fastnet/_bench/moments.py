"""Moments of large arrays, whose limit is the memory: fastnet.describe beside NumPy and SciPy.

Every system gives mean, variance, skewness and excess kurtosis; fastnet and SciPy extremes as well.
Bytes are those of the array, read once.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

import fastnet
from fastnet._bench.common import Array, Case, Kind, System, require_close

SIZE = 2**25


class Work(NamedTuple):
    """Columns of the array, 0 for a vector, and the axis."""

    columns: int = 0
    axis: int | None = None
    dtype: str = "f4"

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        size = SIZE if self.dtype == "f4" else SIZE // 2
        return (size // self.columns, self.columns) if self.columns else (size,)


WORKS = [
    Work(),
    Work(dtype="f8"),
    Work(256, 0),
    Work(256, 0, "f8"),
    Work(8, 0, "f8"),
    Work(1024, 1),
]


def case_of(work: Work) -> Case:
    size = int(np.prod(work.shape))
    shape = "x".join(map(str, work.shape)) if work.columns else f"2^{size.bit_length() - 1}"
    axis = "" if work.axis is None else f" axis {work.axis}"
    name = f"describe {shape}{axis}{' f64' * (work.dtype == 'f8')}"
    return Case(name, work, 0, size * np.dtype(work.dtype).itemsize, work.dtype, not work.columns)


def data(work: Work) -> Array:
    """Return exponential values, whose moments are not 0: a block of them, again and again."""
    block = np.random.default_rng(5).exponential(size=2**16)
    return np.resize(block, work.shape).astype(work.dtype)


def by_hand(x: Array, axis: int | None) -> Array:
    """Return the four moments by NumPy's means of powers."""
    mean = x.mean(axis, keepdims=True)
    d = x - mean
    d2 = d * d
    m2, m4 = d2.mean(axis), (d2 * d2).mean(axis)
    m3 = np.multiply(d2, d, out=d2).mean(axis)
    return np.stack([mean.reshape(m2.shape), m2, m3 / m2**1.5, m4 / m2**2 - 3])


def check(work: Work, answer: Any) -> float:
    """Compare with float64.

    Peers sum float32 in float32, by pairs along a row and one by one down a column, which is off by
    up to n eps of a sum; SciPy's variance divides by n - 1.
    """
    x = data(work).astype(float)
    expected = by_hand(x, work.axis)
    n = x.size if work.axis is None else x.shape[work.axis]
    bound = (64 + n * np.finfo(work.dtype).eps) * 64 * np.finfo(work.dtype).eps + 4 / n
    return require_close(np.asarray(answer, float), expected, bound * np.abs(expected).max())


def four(d: Any) -> Array:
    return np.stack([d.mean, d.variance, d.skewness, d.kurtosis])


def build_fastnet(work: Work) -> System:
    x = data(work)

    def call() -> Any:
        return fastnet.describe(x, work.axis)

    return System(call, lambda: four(call()))


def build_numpy(work: Work) -> System:
    x = data(work)
    return System(lambda: by_hand(x, work.axis), lambda: by_hand(x, work.axis))


def build_scipy(work: Work) -> System:
    from scipy import stats

    x = data(work)

    def call() -> Any:
        return stats.describe(x, work.axis)

    return System(call, lambda: four(call()))


KIND = Kind(
    "moments",
    "moments of large arrays",
    [case_of(work) for work in WORKS],
    {"fastnet": build_fastnet, "numpy": build_numpy, "scipy": build_scipy},
    check,
    bound="copy",
)
