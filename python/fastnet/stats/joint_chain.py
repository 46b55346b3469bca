"""Joint laws by a chain of conditional ones: p(x) p(y given x) ..."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from fastnet._arrays import Array
from fastnet.random import default_rng
from fastnet.random._checks import Size, integer, shape_of
from fastnet.stats.adapter import as_laws
from fastnet.stats.distribution import Distribution, Univariate
from fastnet.stats.finite import Empirical
from fastnet.stats.joint import Joint
from fastnet.stats.joint_sample import _FAR, EmpiricalJoint

# Draws behind what a chain can't do exactly.
DRAWS = 2**16


class Chain(Joint):
    """The joint law of variables that depend on earlier ones (`Joint`)."""

    def __init__(self, **variables: Any) -> None:
        if not variables:
            msg = "Joint needs a variable at least"
            raise ValueError(msg)
        self.names = tuple(variables)
        self.dim = len(self.names)
        self._laws: dict[str, Any] = {}
        self._parents: dict[str, tuple[str, ...]] = {}
        for i, (name, law) in enumerate(variables.items()):
            self._parents[name] = ()
            if callable(law) and not isinstance(law, type) and not _is_law(law):
                self._parents[name] = _parameters(name, law, self.names[:i])
                self._laws[name] = law
            else:
                self._laws[name] = _of_number(law, name)

    def __repr__(self) -> str:
        parts = [
            f"{name} | {', '.join(self._parents[name])}" if self._parents[name]
            else f"{name} ~ {self._laws[name]!r}"
            for name in self.names
        ]  # fmt: skip
        return f"Joint({'; '.join(parts)})"

    def _law(self, name: str, known: Mapping[str, Any]) -> Univariate:
        """Return a variable's law given the values of its parents."""
        law = self._laws[name]
        if not self._parents[name]:
            return law  # type: ignore[no-any-return]
        # A function may change the arrays it gets, of which others are made too.
        own = {parent: known[parent] for parent in self._parents[name]}
        own = {k: v.copy() if isinstance(v, np.ndarray) else v for k, v in own.items()}
        return _of_number(law(**own), name)

    def _draw_columns(
        self, shape: tuple[int, ...], rng: Any, known: dict[str, Any]
    ) -> tuple[dict[str, Any], Array]:
        """Draw what is not known; return all values and the log weight of what is."""
        log = np.zeros(shape)
        for name in self.names:
            law = self._law(name, known)
            if name in known:
                log = log + law._log(np.asarray(known[name], np.float64))
            else:
                known[name] = np.asarray(law._sample(shape, rng, np.float64, None))
        return known, log

    def _sample(self, size: Size, rng: Any, dtype: Any, out: Array | None) -> Any:
        shape = out.shape[:-1] if size is None and out is not None else shape_of(size, None)
        columns, _ = self._draw_columns(shape, rng, {})
        drawn = np.stack([columns[name] for name in self.names], -1)
        if out is None:
            return drawn.astype(dtype, copy=False)
        out[...] = drawn
        return out

    def _log(self, x: Array) -> Array:
        columns = {name: x[..., i] for i, name in enumerate(self.names)}
        logs = [self._law(name, columns)._log(columns[name]) for name in self.names]
        return np.asarray(sum(logs[1:], start=logs[0]))

    def _closed(self, names: list[str]) -> bool:
        """Say whether the variables depend on no others."""
        return all(parent in names for name in names for parent in self._parents[name])

    def marginal(self, *names: str, n: int = DRAWS, rng: Any = None) -> Distribution:
        """Return the law of some variables.

        Parameters
        ----------
        *names : str
            Exact if they depend on no others; else that of n draws.
        n : int, default 2**16
        rng : None, Generator or seed
            For the draws.
        """
        indices = self._indices(names)
        if not self._closed(list(names)):
            drawn = self.sample(_draws(n), rng=rng)[:, indices]
            if len(indices) == 1:
                return Empirical(drawn[:, 0])
            return EmpiricalJoint(drawn, names)
        if len(names) == 1:
            return self._law(names[0], {})
        return Chain(**{name: self._laws[name] for name in self.names if name in names})

    def conditional(self, *, n: int = DRAWS, rng: Any = None, **given: Any) -> Distribution:
        """Return the law of the other variables given values of some.

        Parameters
        ----------
        n : int, default 2**16
        rng : None, Generator or seed
            For n draws of the other variables, weighted by the density of what is given (likelihood
            weighting), if what is given depends on something that is not; else the law is exact.
        **given : float
            Values of variables.

        Returns
        -------
        Distribution
            Draws are an `Empirical` or `EmpiricalJoint` with `effective_sample_size`.
        """
        at = {self.names[i]: value for i, value in self._given(given).items()}
        rest = [name for name in self.names if name not in at]
        if self._closed(list(at)):
            for name, value in at.items():
                if not self._law(name, at)._log(np.asarray(value)) > -math.inf:
                    msg = f"{name} must have a positive density where it is given, got {value:g}"
                    raise ValueError(msg)
            if len(rest) == 1:
                return self._law(rest[0], at)
            return Chain(**{name: self._fixed(name, at) for name in rest})
        columns, log = self._draw_columns((_draws(n),), default_rng(rng), dict(at))
        if not log.max() > -math.inf:
            msg = f"what is given must have a positive density at some of n draws, got {given}"
            raise ValueError(msg)
        weights = np.exp(log - log.max())
        if len(rest) == 1:
            return Empirical(columns[rest[0]], weights)
        return EmpiricalJoint({name: columns[name] for name in rest}, None, weights)

    def _fixed(self, name: str, at: Mapping[str, float]) -> Any:
        """Return a variable's law or function with some of its parents fixed."""
        parents = self._parents[name]
        fixed = {parent: at[parent] for parent in parents if parent in at}
        if len(fixed) == len(parents):
            return self._law(name, at)
        return functools.partial(self._laws[name], **fixed) if fixed else self._laws[name]

    def _moments(self, n: int, rng: Any) -> EmpiricalJoint:
        return EmpiricalJoint(self.sample(_draws(n), rng=rng), self.names)

    def mean(self, *, n: int = DRAWS, rng: Any = None) -> Array:
        """Return the mean of n draws of each variable."""
        return self._moments(n, rng).mean()

    def covariance(self, *, n: int = DRAWS, rng: Any = None) -> Array:
        """Return the covariance matrix of n draws."""
        return self._moments(n, rng).covariance()

    def entropy(self, *, n: int = DRAWS, rng: Any = None) -> float:
        """Return the mean of -log p over n draws."""
        return -math.fsum(self._log(self.sample(_draws(n), rng=rng))) / n

    def mutual_information(self, a: str, b: str, *, n: int = 2**11, rng: Any = None) -> float:
        """Return the mean of log(p(b given a) / p(b)) over n draws.

        b must depend on a alone and a on nothing. p(b) is the mean of p(b given a) over the other
        draws of a, so that the time grows as n^2; a ValueError if too few of those come near.
        """
        names = [self.names[i] for i in sorted(self._pair(a, b))]
        if not self._closed(names) or self._parents[names[0]]:
            msg = f"{names[1]} must depend on {names[0]} alone; for others make a Joint.table"
            raise ValueError(msg)
        if not self._parents[names[1]]:
            return 0.0
        pair = Chain(**{name: self._laws[name] for name in names})
        x, y = pair.sample(_draws(n), rng=rng).T
        total, alone = 0.0, 0
        for i in range(n):
            log = pair._law(names[1], {names[0]: x})._log(np.asarray(y[i]))
            own, others = log[i], np.delete(log, i)
            top = others.max()
            if top < own - _FAR:
                # Of n equally probable values it would be one.
                alone, total = alone + 1, total + math.log(n)
            else:
                total += own - top - math.log(np.exp(others - top).mean())
        if alone > n / 100:
            msg = (
                f"n must be larger for a {b} so close to a function of {a}: at {alone} of {n} "
                "draws no other one is near enough to say how probable the values are"
            )
            raise ValueError(msg)
        return max(total / n, 0.0)


def _is_law(law: Any) -> bool:
    return isinstance(law, Distribution) or type(law).__module__.startswith("scipy.stats")


def _of_number(law: Any, name: str) -> Univariate:
    law = as_laws(law)
    if law.dim is not None or not isinstance(law, Univariate):
        msg = f"{name} must be the law of a number, got {type(law).__name__}"
        raise TypeError(msg)
    return law


def _parameters(name: str, law: Any, earlier: tuple[str, ...]) -> tuple[str, ...]:
    """Return the parameters of a variable's function: names of earlier variables."""
    signature = inspect.signature(law).parameters.values()
    found = tuple(p.name for p in signature if p.default is p.empty)
    wrong = [p for p in found if p not in earlier]
    if wrong or not found:
        msg = (
            f"{name} must be a function of earlier variables ({', '.join(earlier) or 'none'}), "
            f"got parameters {', '.join(found) or 'none'}"
        )
        raise ValueError(msg)
    return found


def _draws(n: Any) -> int:
    return integer(n, "n", 2, 2**40)
