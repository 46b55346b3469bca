"""Joint laws of named variables: what all kinds share, and how they are made."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnet._arrays import Array
from fastnet.stats._checks import result
from fastnet.stats.distribution import Distribution, values

if TYPE_CHECKING:
    from fastnet.stats.joint_normal import NormalJoint
    from fastnet.stats.joint_sample import EmpiricalJoint
    from fastnet.stats.joint_table import TableJoint


class Joint(Distribution):
    """The joint law of several named variables.

    ``Joint(x=..., y=...)`` is a chain: each variable is a distribution, or a function of earlier
    variables, by their names, that returns one. It is called with arrays of their values, so
    distributions of array parameters come of it. Other kinds are made by `Joint.table`,
    `Joint.normal` and `Joint.empirical`.

    Parameters
    ----------
    **variables : distribution or callable
        In the order in which they depend on each other.

    Attributes
    ----------
    names : tuple of str
        A sample has shape (..., len(names)), its columns in this order.

    Notes
    -----
    Marginals and conditionals are exact for tables and normal laws. A chain gives exact ones where
    no variable that is left out, or asked for, influences one that is kept, or given; otherwise,
    and for empirical samples, they are weighted samples, which have an `effective_sample_size`.

    Examples
    --------
    >>> from fastnet.stats import Joint, Normal
    >>> joint = Joint(x=Normal(0, 1), y=lambda x: Normal(x, 0.5))
    >>> joint.marginal("x"), joint.conditional(x=2.0)
    (Normal(mu=0.0, sigma=1.0), Normal(mu=2.0, sigma=0.5))
    >>> given_y = joint.conditional(y=1.0, rng=1)  # exactly Normal(0.8, 0.447)
    >>> f"{given_y.mean():.2f} {given_y.standard_deviation():.2f}"
    '0.80 0.45'
    """

    names: tuple[str, ...]
    dim: int

    def __new__(cls, **variables: Any) -> Joint:
        """Make a chain; the other kinds have classes of their own."""
        if cls is not Joint:
            return super().__new__(cls)
        from fastnet.stats.joint_chain import Chain

        return super().__new__(Chain)

    def __getnewargs__(self) -> tuple[()]:
        """Say what a copy is made with."""
        return ()

    # ---- kinds ----

    @staticmethod
    def table(
        p: Any, names: Sequence[str] | None = None, values: Mapping[str, Any] | None = None
    ) -> TableJoint:
        """Return the joint law of a table of probabilities.

        Parameters
        ----------
        p : array_like
            An axis for each variable. The sum must be 1 within 1e-8; nothing is rescaled.
        names : sequence of str, optional
            By default x, y, z or x0, x1 ...
        values : mapping of str to array_like, optional
            The numbers along a variable's axis, increasing; 0, 1, 2 ... by default.

        Examples
        --------
        >>> from fastnet.stats import Joint
        >>> joint = Joint.table([[0.1, 0.2], [0.3, 0.4]])
        >>> joint.marginal("y").probabilities, joint.conditional(x=0).probabilities
        (array([0.4, 0.6]), array([0.33333333, 0.66666667]))
        """
        from fastnet.stats.joint_table import TableJoint

        return TableJoint(p, names, values)

    @staticmethod
    def normal(mean: Any, cov: Any, names: Sequence[str] | None = None) -> NormalJoint:
        """Return the joint law of normal variables (`MultivariateNormal`).

        Examples
        --------
        >>> from fastnet.stats import Joint
        >>> joint = Joint.normal([0, 1], [[1, 1.5], [1.5, 9]])
        >>> joint.conditional(x=2.0)
        Normal(mu=4.0, sigma=2.598076211353316)
        """
        from fastnet.stats.joint_normal import NormalJoint

        return NormalJoint(mean, cov, names)

    @staticmethod
    def empirical(
        data: Any, names: Sequence[str] | None = None, weights: Any = None
    ) -> EmpiricalJoint:
        """Return the joint law of a row drawn from data.

        Parameters
        ----------
        data : array_like or mapping of str to array_like
            (n, d), or a column for each name.
        names : sequence of str, optional
        weights : array_like, optional
            (n,), of the rows.

        Examples
        --------
        >>> from fastnet.stats import Joint
        >>> joint = Joint.empirical({"x": [0, 0, 1], "y": [1, 2, 6]})
        >>> joint.conditional(x=0, bandwidth=0).mean()
        1.5
        """
        from fastnet.stats.joint_sample import EmpiricalJoint

        return EmpiricalJoint(data, names, weights)

    # ---- what each kind does ----

    @abstractmethod
    def marginal(self, *names: str) -> Distribution:
        """Return the law of some variables: of a number for one name, else a Joint."""

    @abstractmethod
    def conditional(self, **given: Any) -> Distribution:
        """Return the law of the other variables given values of some."""

    @abstractmethod
    def covariance(self) -> Array:
        """Return the covariance matrix, in the order of the names."""

    @abstractmethod
    def mutual_information(self, a: str, b: str) -> float:
        """Return E[log(p(a, b) / (p(a) p(b)))], in nats."""

    # ---- what they share ----

    def variance(self) -> Any:
        """Return the variance of each variable."""
        return np.diag(self.covariance()).copy()

    def correlation(self) -> Array:
        """Return the correlation matrix: covariances over both standard deviations."""
        c = self.covariance()
        sd = np.sqrt(np.diag(c))
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(c / np.outer(sd, sd))

    def logpdf(self, x: Any) -> Any:
        """Return the logarithm of the density (or mass) of the variables.

        Parameters
        ----------
        x : array_like or mapping of str to array_like
            (..., d), the variables along the last axis; or each by its name.
        """
        return result(self._log(self._columns(x)))

    def pdf(self, x: Any) -> Any:
        """Return the density (or mass); see `logpdf`."""
        return result(np.exp(self._log(self._columns(x))))

    def _columns(self, x: Any) -> Array:
        if isinstance(x, Mapping):
            if set(x) != set(self.names):
                msg = f"x must have the names {', '.join(self.names)}, got {', '.join(x)}"
                raise ValueError(msg)
            return np.stack(np.broadcast_arrays(*(values(x[name]) for name in self.names)), -1)
        array: Array = values(x)
        if array.ndim == 0 or array.shape[-1] != self.dim:
            msg = f"x must have shape (..., {self.dim}), got {array.shape}"
            raise ValueError(msg)
        return array

    def _index(self, name: str) -> int:
        if name not in self.names:
            msg = f"there is no variable {name!r}; there are {', '.join(self.names)}"
            raise ValueError(msg)
        return self.names.index(name)

    def _indices(self, names: Sequence[str]) -> list[int]:
        indices = [self._index(name) for name in names]
        if not indices or len(set(indices)) < len(indices):
            msg = f"names must be different and at least one, got {list(names)}"
            raise ValueError(msg)
        return indices

    def _given(self, given: Mapping[str, Any]) -> dict[int, float]:
        """Return indices and values of what is given; something must be left."""
        indices = self._indices(list(given))
        if len(indices) == self.dim:
            msg = "conditional must leave a variable free, all are given"
            raise ValueError(msg)
        found = {}
        for i, (name, value) in zip(indices, given.items(), strict=True):
            x = values(value, name)
            if x.ndim or not math.isfinite(x):
                msg = f"{name} must be a finite number, got {value}"
                raise ValueError(msg)
            found[i] = float(x)
        return found

    def _pair(self, a: str, b: str) -> list[int]:
        return self._indices([a, b])


def names_of(names: Sequence[str] | None, d: int) -> tuple[str, ...]:
    """Return the names of d variables, checked or made."""
    if names is None:
        return ("x", "y", "z")[:d] if d <= 3 else tuple(f"x{i}" for i in range(d))
    found = tuple(names)
    if isinstance(names, str) or not all(isinstance(name, str) for name in found):
        msg = f"names must be a sequence of str, got {names!r}"
        raise TypeError(msg)
    if len(found) != d or len(set(found)) < d:
        msg = f"names must be {d} different ones, got {found}"
        raise ValueError(msg)
    return found
