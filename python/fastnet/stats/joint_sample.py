"""Joint laws of data: rows with weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fastnet._arrays import Array, real
from fastnet.random._checks import Size
from fastnet.stats.distribution import values
from fastnet.stats.finite import Empirical
from fastnet.stats.joint import Joint, names_of

# -log of the weight of a row 5 bandwidths away: one such row would be all that an answer rests on.
_FAR = 12.5


class EmpiricalJoint(Joint):
    """The joint law of a row drawn from data (`Joint.empirical`)."""

    discrete = True

    def __init__(self, data: Any, names: Sequence[str] | None = None, weights: Any = None) -> None:
        if isinstance(data, Mapping):
            if names is not None:
                msg = "names must not be given with a mapping, whose keys they are"
                raise ValueError(msg)
            names = tuple(data)
            if not names:
                msg = "data must have a column at least, got an empty mapping"
                raise ValueError(msg)
            columns = [values(data[name], str(name)) for name in names]
            if any(c.ndim != 1 or len(c) != len(columns[0]) for c in columns):
                msg = f"data must have columns of one length, got {[c.shape for c in columns]}"
                raise ValueError(msg)
            data = np.stack(columns, -1)
        self.law = Empirical(data, weights)
        if self.law.dim is None:
            msg = f"data must have shape (n, d), got {self.law.data.shape}"
            raise ValueError(msg)
        self.dim = self.law.dim
        self.names = names_of(names, self.dim)

    def __new__(cls, *args: Any, **options: Any) -> EmpiricalJoint:
        """Make one."""
        return super().__new__(cls)  # type: ignore[return-value]

    def __repr__(self) -> str:
        return f"Joint of {', '.join(self.names)}: {self.law!r}"

    @property
    def effective_sample_size(self) -> float:
        """How many equally weighted rows would be worth as much as these."""
        return self.law.effective_sample_size

    def _sample(self, size: Size, rng: Any, dtype: Any, out: Array | None) -> Any:
        return self.law._sample(size, rng, dtype, out)

    def _log(self, x: Array) -> Array:
        points, where = np.unique(self.law.data, axis=0, return_inverse=True)
        mass = np.bincount(where.ravel(), self.law.weights)
        table = {tuple(point): p for point, p in zip(points.tolist(), mass, strict=True)}
        rows = x.reshape(-1, self.dim).tolist()
        found = np.array([table.get(tuple(row), 0.0) for row in rows])
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(found).reshape(x.shape[:-1]))

    def probability(self, event: Any, *, rng: Any = None) -> Any:
        """Return the weight of the rows for which an event holds (`Distribution.probability`)."""
        return self.law.probability(event, rng=rng)

    def _of(self, keep: list[int], weights: Array) -> Empirical | EmpiricalJoint:
        if len(keep) == 1:
            return Empirical(self.law.data[:, keep[0]], weights)
        return EmpiricalJoint(self.law.data[:, keep], [self.names[i] for i in keep], weights)

    def marginal(self, *names: str) -> Empirical | EmpiricalJoint:
        """Return the law of some variables: their columns."""
        return self._of(self._indices(names), self.law.weights)

    def conditional(
        self, *, bandwidth: float | None = None, **given: Any
    ) -> Empirical | EmpiricalJoint:
        """Return the law of the other variables given values of some: rows near them.

        Parameters
        ----------
        bandwidth : float, optional
            h of the weights exp(-(x - given)^2 / (2 h^2)), in units of each given variable's
            standard deviation; 0 takes rows that are equal. By default n^(-1 / (k + 4)) for k given
            variables (Scott 1992), n being the effective sample size.
        **given : float
            Values of variables.

        Returns
        -------
        Empirical or EmpiricalJoint
            With `effective_sample_size`, which says how many rows the answer rests on.
        """
        at = self._given(given)
        if bandwidth is None:
            h = self.law.effective_sample_size ** (-1 / (len(at) + 4))
        else:
            h = real(bandwidth, "bandwidth", 0)
        log = np.zeros(len(self.law.data))
        for i, value in at.items():
            d = self.law.data[:, i] - value
            scale = h * self._deviation(i)
            log = log - (0.5 * (d / scale) ** 2 if scale > 0 else np.where(d == 0, 0, math.inf))
        log = np.where(self.law.weights > 0, log, -math.inf)
        if log.max() < -_FAR:
            msg = f"there must be data within 5 bandwidths of what is given, got none for {given}"
            raise ValueError(msg)
        weights = self.law.weights * np.exp(log - log.max())
        return self._of([i for i in range(self.dim) if i not in at], weights)

    def _deviation(self, i: int) -> float:
        """Return a variable's standard deviation, also where its square is no normal number."""
        column = self.law.data[:, i]
        unit = math.ldexp(1.0, math.frexp(float(np.abs(column).max()))[1] - 1)
        if 1e-140 < unit < 1e140 or not column.any():
            return math.sqrt(float(np.asarray(self.law.variance())[i]))
        law = Empirical(column / unit, self.law.weights)
        return unit * float(law.standard_deviation())

    def mean(self) -> Array:
        """Return the weighted mean of each variable."""
        return np.asarray(self.law.mean())

    def covariance(self) -> Array:
        """Return the weighted covariance matrix, that of the data themselves (ddof = 0)."""
        return self.law.covariance()

    def entropy(self) -> float:
        """Return the entropy of the law on the distinct rows."""
        return float(self.law.entropy())

    def mutual_information(self, a: str, b: str) -> float:
        """Return the mutual information of the law on the distinct rows.

        It says something of the law the data come from where values repeat, so bin continuous ones.
        """
        from fastnet.stats.joint_table import TableJoint

        i, j = self._pair(a, b)
        (x, row), (y, column) = (
            np.unique(self.law.data[:, k], return_inverse=True) for k in (i, j)
        )
        table = np.zeros((len(x), len(y)))
        np.add.at(table, (row, column), self.law.weights)
        return TableJoint(table, [a, b]).mutual_information(a, b)
