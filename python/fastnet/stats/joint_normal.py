"""Joint laws of normal variables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from fastnet._arrays import Array
from fastnet.random._checks import Size
from fastnet.stats.continuous import Normal
from fastnet.stats.joint import Joint, names_of
from fastnet.stats.vector import MultivariateNormal


class NormalJoint(Joint):
    """The joint law of normal variables (`Joint.normal`)."""

    def __init__(self, mean: Any, cov: Any, names: Sequence[str] | None = None) -> None:
        self.law = MultivariateNormal(mean, cov)
        self.dim = self.law.dim
        self.names = names_of(names, self.dim)

    def __new__(cls, *args: Any, **options: Any) -> NormalJoint:
        """Make one."""
        return super().__new__(cls)  # type: ignore[return-value]

    def __repr__(self) -> str:
        mean, cov = self.law.mean().tolist(), self.law.covariance().tolist()
        return f"Joint.normal({mean}, {cov}, names={list(self.names)})"

    def _sample(self, size: Size, rng: Any, dtype: Any, out: Array | None) -> Any:
        return self.law._sample(size, rng, dtype, out)

    def _log(self, x: Array) -> Array:
        return self.law._log(x)

    def _of(self, law: Normal | MultivariateNormal, names: Sequence[str]) -> Any:
        if isinstance(law, Normal) or len(names) == 1:
            return law
        return NormalJoint(law.mean(), law.covariance(), names)

    def marginal(self, *names: str) -> Normal | MultivariateNormal | NormalJoint:
        """Return the law of some variables."""
        return self._of(self.law.marginal(self._indices(names)), names)  # type: ignore[no-any-return]

    def conditional(self, **given: Any) -> Normal | MultivariateNormal | NormalJoint:
        """Return the law of the others given values of some (`MultivariateNormal.conditional`)."""
        at = self._given(given)
        law = self.law.conditional(list(at), list(at.values()))
        rest = [name for i, name in enumerate(self.names) if i not in at]
        return self._of(law, rest)  # type: ignore[no-any-return]

    def mean(self) -> Array:
        """Return the mean of each variable."""
        return self.law.mean()

    def covariance(self) -> Array:
        """Return the covariance matrix."""
        return self.law.covariance()

    def entropy(self) -> float:
        """Return log(det(2 pi e cov)) / 2."""
        return float(self.law.entropy())

    def mutual_information(self, a: str, b: str) -> float:
        """Return -log(1 - r^2) / 2 with the correlation r, 0 if one of them is constant."""
        i, j = self._pair(a, b)
        if not (self.variance()[[i, j]] > 0).all():
            return 0.0
        r = min(abs(float(self.correlation()[i, j])), 1.0)
        return math.inf if r == 1 else -0.5 * math.log1p(-r * r)
