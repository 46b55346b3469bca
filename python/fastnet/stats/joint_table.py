"""Joint laws given by a table of probabilities."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fastnet._arrays import Array
from fastnet.random._checks import Size, shape_of
from fastnet.stats._checks import probabilities, xlogy
from fastnet.stats.finite import Categorical
from fastnet.stats.joint import Joint, names_of


class TableJoint(Joint):
    """The joint law of a table of probabilities (`Joint.table`)."""

    discrete = True

    def __init__(
        self, p: Any, names: Sequence[str] | None = None, values: Mapping[str, Any] | None = None
    ) -> None:
        self.probabilities = probabilities(p, "p")
        self.dim = self.probabilities.ndim
        self.names = names_of(names, self.dim)
        given = dict(values or {})
        for name in given:
            self._index(name)
        # Categorical checks the values along each axis.
        axes = [
            Categorical(np.full(n, 1 / n), given.get(name))
            for name, n in zip(self.names, self.probabilities.shape, strict=True)
        ]
        self.values = {name: law.values for name, law in zip(self.names, axes, strict=True)}

    def __new__(cls, *args: Any, **options: Any) -> TableJoint:
        """Make one."""
        return super().__new__(cls)  # type: ignore[return-value]

    def __repr__(self) -> str:
        shape = " x ".join(map(str, self.probabilities.shape))
        return f"Joint.table of {shape} probabilities of {', '.join(self.names)}"

    def _sample(self, size: Size, rng: Any, dtype: Any, out: Array | None) -> Any:
        shape = out.shape[:-1] if size is None and out is not None else shape_of(size, None)
        flat = rng.categorical(self.probabilities.ravel(), shape)
        indices = np.unravel_index(flat, self.probabilities.shape)
        columns = [self.values[n][i] for n, i in zip(self.names, indices, strict=True)]
        drawn = np.stack(columns, -1)
        if out is None:
            return drawn.astype(dtype)
        out[...] = drawn
        return out

    def _log(self, x: Array) -> Array:
        inside = np.ones(x.shape[:-1], bool)
        indices = []
        for k, name in enumerate(self.names):
            axis = self.values[name]
            i = np.minimum(np.searchsorted(axis, x[..., k]), len(axis) - 1)
            inside &= axis[i] == x[..., k]
            indices.append(i)
        with np.errstate(divide="ignore"):
            return np.log(np.where(inside, self.probabilities[tuple(indices)], 0.0))

    def _points(self) -> Array | None:
        grid = np.meshgrid(*(self.values[name] for name in self.names), indexing="ij")
        return np.stack([g.ravel() for g in grid], -1)

    def pmf(self, x: Any) -> Any:
        """Return the probability of the values x; see `logpdf`."""
        return self.pdf(x)

    def logpmf(self, x: Any) -> Any:
        """Return the logarithm of the probability of the values x; see `logpdf`."""
        return self.logpdf(x)

    def marginal(self, *names: str) -> Categorical | TableJoint:
        """Return the law of some variables: sums over the others."""
        keep = self._indices(names)
        return self._of(self._summed(keep), keep)

    def _summed(self, keep: list[int]) -> Array:
        """Return the table summed over all axes but some, in their order."""
        rest = tuple(i for i in range(self.dim) if i not in keep)
        order = [sorted(keep).index(i) for i in keep]
        return np.transpose(self.probabilities.sum(axis=rest), order)

    def _of(self, p: Array, keep: list[int]) -> Categorical | TableJoint:
        if len(keep) == 1:
            return Categorical(p, self.values[self.names[keep[0]]])
        names = [self.names[i] for i in keep]
        return TableJoint(p, names, {name: self.values[name] for name in names})

    def conditional(self, **given: Any) -> Categorical | TableJoint:
        """Return the law of the other variables given values of some: p(x, y) / p(y)."""
        at: list[Any] = [slice(None)] * self.dim
        for i, value in self._given(given).items():
            axis = self.values[self.names[i]]
            (where,) = np.nonzero(axis == value)
            if not len(where):
                msg = f"{self.names[i]} must be one of {axis.tolist()}, got {value:g}"
                raise ValueError(msg)
            at[i] = where[0]
        part = self.probabilities[tuple(at)]
        total = math.fsum(part.flat)
        if total == 0:
            msg = f"what is given must have a positive probability, got {given}"
            raise ValueError(msg)
        return self._of(part / total, [i for i in range(self.dim) if isinstance(at[i], slice)])

    def mean(self) -> Array:
        """Return the expectation of each variable."""
        return np.array([self.marginal(name).mean() for name in self.names])

    def covariance(self) -> Array:
        """Return the covariance matrix: sums of p (x - mean_x)(y - mean_y)."""
        mean, c = self.mean(), np.empty((self.dim, self.dim))
        for i in range(self.dim):
            for j in range(i + 1):
                x = self.values[self.names[i]] - mean[i]
                if i == j:
                    c[i, i] = math.fsum(self._summed([i]) * x**2)
                    continue
                y = self.values[self.names[j]] - mean[j]
                c[i, j] = c[j, i] = math.fsum((self._summed([i, j]) * np.outer(x, y)).flat)
        return c

    def entropy(self) -> float:
        """Return the sum of -p log p."""
        return -math.fsum(xlogy(self.probabilities, self.probabilities).flat)

    def mutual_information(self, a: str, b: str) -> float:
        """Return the sum of p(a, b) log(p(a, b) / (p(a) p(b)))."""
        p = self._summed(self._pair(a, b))
        i, j = np.nonzero(p)
        # Not by the product of the marginals, which may be too small for a float.
        ratio = np.log(p[i, j] / p.sum(1)[i]) - np.log(p.sum(0)[j])
        return max(0.0, math.fsum(p[i, j] * ratio))
