"""Variance reduction: a function and a law made into others with the same expectation."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from fastnet._arrays import Array

_LOG_ROOT_2PI = 0.5 * math.log(2 * math.pi)


def parts_of(dist: Any) -> list[Any]:
    """Return the scalar laws of a distribution or a sequence of them."""
    return list(dist) if isinstance(dist, Sequence) else [dist]


def law_of(dist: Any) -> tuple[str, float, float]:
    """Return name and parameters of a law that the engine draws; ("", 0, 0) for another."""
    law = getattr(dist, "_draw", None)
    return ("", 0.0, 0.0) if law is None else (str(law[0]), float(law[1]), float(law[2]))


class UnitUniform:
    """The uniform law on [0, 1), of which quantile functions make others."""

    dim = None
    _draw = ("uniform", 0.0, 1.0)

    def sample(self, size: Any, *, rng: Any = None, dtype: Any = np.float64) -> Array:
        return np.asarray(rng.random(size, dtype))


def quantile(dist: Any, u: Any) -> Any:
    """Return the value below which X is with probability u."""
    name, a, b = law_of(dist)
    if name == "uniform":
        return a + (b - a) * u
    if name == "exponential":
        return a - b * np.log1p(-u)
    if hasattr(dist, "icdf"):
        return dist.icdf(u)
    msg = f"this method needs a law with a quantile function (icdf), got {dist!r}"
    raise ValueError(msg)


def quantiles(dist: Any, u: Any) -> Any:
    """Return quantile for each column of a sequence of laws."""
    if not isinstance(dist, Sequence):
        return quantile(dist, u)
    return np.stack([quantile(part, u[:, j]) for j, part in enumerate(dist)], axis=-1)


def above_zero(u: Any) -> Any:
    """Return uniform values with 0 as the middle of its cell, where quantiles are finite.

    Values are multiples of half an epsilon, each standing for what lies up to the next.
    """
    return np.maximum(u, float(np.finfo(u.dtype).eps) / 4)


def below_one(u: Any) -> Any:
    """Return probabilities with 1, to which a sum may round, as the largest number below it."""
    return np.minimum(u, 1 - float(np.finfo(u.dtype).eps) / 2)


def mean_of(f: Any, points: Iterable[Any], share: float) -> Any:
    """Return the sum of f's values at points times a share, of whatever form f gives them in.

    Values are added as they come, since f may give all of them in one buffer.
    """
    total = None
    for x in points:
        part = _scaled(x if f is None else f(x), share)
        total = part if total is None else _sum(total, part)
    return total


def _scaled(values: Any, share: float) -> Any:
    if isinstance(values, tuple | list):
        return tuple(_scaled(v, share) for v in values)
    return values * share


def _sum(a: Any, b: Any) -> Any:
    if isinstance(a, tuple):
        return tuple(_sum(x, y) for x, y in zip(a, b, strict=True))
    return a + b


class Antithetic:
    """The mean of f at x and at its mirror image, which is as likely."""

    def __init__(self, f: Any, dist: Any) -> None:
        self.f, self.dist = f, dist
        laws = [law_of(part) for part in parts_of(dist)]
        if all(name in ("normal", "laplace") for name, _, _ in laws):
            self.center: Any = [2 * a for _, a, _ in laws]
        elif all(name == "uniform" for name, _, _ in laws):
            self.center = [a + b for _, a, b in laws]
        elif hasattr(dist, "_whiten"):
            # A multivariate normal law.
            self.center = 2 * np.asarray(dist.mean())
        else:
            self.center = None

    @property
    def law(self) -> Any:
        """The law of what it is called with."""
        if self.center is not None:
            return self.dist
        if isinstance(self.dist, Sequence):
            return [UnitUniform() for _ in self.dist]
        return UnitUniform()

    def __call__(self, x: Any) -> Any:
        if self.center is None:
            u = above_zero(x)
            mirrored = below_one(1 - u)
            pair = [quantiles(self.dist, u), quantiles(self.dist, mirrored)]
        elif isinstance(self.dist, Sequence) or getattr(self.dist, "dim", None) is not None:
            pair = [x, np.asarray(self.center, x.dtype) - x]
        else:
            pair = [x, self.center[0] - x]
        return mean_of(self.f, pair, 0.5)


class Stratified:
    """The mean of f over one value in each of several strata of equal probability.

    Such means are independent, so that their spread gives an honest error.
    """

    def __init__(self, f: Any, dist: Any, strata: int) -> None:
        if isinstance(dist, Sequence) or getattr(dist, "dim", None) is not None:
            msg = "method='stratified' takes a scalar distribution"
            raise ValueError(msg)
        self.f, self.dist, self.strata = f, dist, strata
        quantile(dist, np.array([0.5]))
        self.law = [UnitUniform() for _ in range(strata)]

    def __call__(self, u: Any) -> Any:
        points = (self._point(u, k) for k in range(self.strata))
        return mean_of(self.f, points, 1.0 / self.strata)

    def _point(self, u: Any, k: int) -> Any:
        part = above_zero(u[:, k]) if k == 0 else u[:, k]
        p = (part + k) * (1.0 / self.strata)
        return quantile(self.dist, below_one(p) if k == self.strata - 1 else p)


class Weight:
    """The ratio of two densities: what values drawn from the second count for the first."""

    def __init__(self, dist: Any, proposal: Any) -> None:
        self.dist, self.proposal = dist, proposal
        if isinstance(dist, Sequence) != isinstance(proposal, Sequence) or (
            isinstance(dist, Sequence) and len(dist) != len(proposal)
        ):
            msg = "proposal must have as many components as dist"
            raise ValueError(msg)
        if getattr(dist, "dim", None) != getattr(proposal, "dim", None):
            msg = f"proposal must have the dimension of dist, got {proposal!r} for {dist!r}"
            raise ValueError(msg)

    def __call__(self, x: Any) -> Any:
        return np.exp(log_density(self.dist, x) - log_density(self.proposal, x))


def log_density(dist: Any, x: Any) -> Any:
    """Return the log of a law's density or mass at x, of independent ones their sum."""
    if isinstance(dist, Sequence):
        total = log_density(dist[0], x[:, 0])
        for j in range(1, len(dist)):
            total = total + log_density(dist[j], x[:, j])
        return total
    name, a, b = law_of(dist)
    if name == "normal" and b > 0:
        return -0.5 * np.square((x - a) / b) - (math.log(b) + _LOG_ROOT_2PI)
    if name == "laplace" and b > 0:
        return -np.abs(x - a) / b - math.log(2 * b)
    if name == "uniform" and b > a:
        return np.where((x >= a) & (x < b), -math.log(b - a), -math.inf)
    if name == "exponential" and b > 0:
        return np.where(x >= a, -(x - a) / b - math.log(b), -math.inf)
    if hasattr(dist, "logpdf"):
        return dist.logpdf(x)
    if hasattr(dist, "logpmf"):
        return dist.logpmf(x)
    msg = f"importance sampling needs a law with a density (logpdf), got {dist!r}"
    raise ValueError(msg)


def sobol_means(
    function: Any, dist: Any, entropy: tuple[int, ...], dtype: Any, replicates: int, points: int
) -> Array:
    """Return the means of a function's columns over scrambled Sobol' points, (columns, replicates).

    Each replicate is a scrambling of its own (Owen 1995), so that their means are independent and
    unbiased.
    """
    try:
        from scipy.stats import qmc
    except ImportError as error:
        msg = 'quasi-random points need SciPy: pip install "fastnet-cpu[stats]"'
        raise ImportError(msg) from error
    dimension = len(parts_of(dist))
    power = points.bit_length() - 1
    means = []
    for r in range(replicates):
        seed = np.random.default_rng([*entropy, r])
        u = qmc.Sobol(dimension, scramble=True, rng=seed).random_base2(power)
        # Points of 30 bits may be 0, which has no finite quantile.
        u = below_one(above_zero(u))
        x = quantiles(dist, u if isinstance(dist, Sequence) else u[:, 0])
        means.append(function.array(np.asarray(x, dtype)).mean(axis=1, dtype=np.float64))
    return np.ascontiguousarray(np.array(means).T)
