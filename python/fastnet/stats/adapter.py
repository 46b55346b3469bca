"""SciPy's frozen distributions as fastnet's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastnet._arrays import Array
from fastnet.random._checks import Size, shape_of
from fastnet.stats._checks import result
from fastnet.stats.distribution import MOST_POINTS, Continuous, Discrete, Distribution, Univariate


class _Frozen(Univariate):
    """A frozen law of `scipy.stats`, drawn by its quantile function."""

    def __init__(self, frozen: Any) -> None:
        self.frozen = frozen
        self._shape = np.shape(frozen.mean())
        if np.isnan(frozen.support()).any():
            msg = f"a frozen distribution must have parameters that its law allows, got {self!r}"
            raise ValueError(msg)

    def __repr__(self) -> str:
        args = [*map(repr, self.frozen.args), *(f"{k}={v!r}" for k, v in self.frozen.kwds.items())]
        return f"as_distribution(scipy.stats.{self.frozen.dist.name}({', '.join(args)}))"

    def _sample(self, size: Size, rng: Any, dtype: Any, out: Array | None) -> Any:
        u = rng.random(self._shape if size is None and out is None else shape_of(size, out))
        # A uniform is a multiple of 2^-53; half of that more is never 0 and has the right mean.
        x = np.asarray(self.frozen.ppf(u + 2.0**-54))
        if out is None:
            return x.astype(dtype)[()]
        out[...] = x
        return out

    def _cdf(self, x: Array) -> Array:
        return np.asarray(self.frozen.cdf(x))

    def _ccdf(self, x: Array) -> Array:
        return np.asarray(self.frozen.sf(x))

    def _icdf(self, p: Array) -> Array:
        return np.asarray(np.maximum(self.frozen.ppf(p), self.frozen.support()[0]))

    def _isf(self, q: Array) -> Array:
        x = np.asarray(self.frozen.isf(q))
        if self.discrete:  # SciPy's is the least x with P(X > x) <= q
            x = np.where(self.frozen.sf(x) >= q, x + 1, x)
        return np.asarray(np.minimum(x, self.frozen.support()[1]))

    def support(self) -> tuple[Any, Any]:
        """Return the least and the largest value."""
        low, high = self.frozen.support()
        return (low, high) if self._shape else (float(low), float(high))

    def _moment(self, kind: str) -> Any:
        return result(np.asarray(self.frozen.stats(moments=kind), np.float64))

    def mean(self) -> Any:
        """Return the expectation."""
        return self._moment("m")

    def variance(self) -> Any:
        """Return the variance."""
        return self._moment("v")

    def skewness(self) -> Any:
        """Return the skewness."""
        return self._moment("s")

    def kurtosis(self) -> Any:
        """Return the excess kurtosis."""
        return self._moment("k")

    def entropy(self) -> Any:
        """Return the entropy."""
        return result(np.asarray(self.frozen.entropy(), np.float64))


class FrozenContinuous(_Frozen, Continuous):
    """A frozen continuous law of SciPy."""

    def _log(self, x: Array) -> Array:
        return np.where(np.isinf(x), -math.inf, self.frozen.logpdf(x))


class FrozenDiscrete(_Frozen, Discrete):
    """A frozen discrete law of SciPy."""

    def _log(self, x: Array) -> Array:
        return np.where(np.isinf(x), -math.inf, self.frozen.logpmf(x))

    def _points(self) -> Array | None:
        if self._shape:
            return None
        low, high = self.frozen.support()
        low = low if np.isfinite(low) else self.frozen.ppf(1e-18)
        high = high if np.isfinite(high) else self.frozen.isf(1e-18)
        if not high - low < MOST_POINTS:
            return None
        return np.arange(low, high + 1)


def as_distribution(law: Any) -> Distribution:
    """Return a law as a `Distribution`.

    Parameters
    ----------
    law : Distribution, or a frozen distribution of `scipy.stats`
        Of one number, `scipy.stats.multivariate_normal` or `scipy.stats.dirichlet`. Those of
        numbers are drawn by their quantile function at fastnet's uniforms.

    Raises
    ------
    TypeError
        For anything else.

    Examples
    --------
    >>> import scipy.stats
    >>> from fastnet.stats import as_distribution
    >>> x = as_distribution(scipy.stats.gumbel_r(0, 2))
    >>> round(float(x.variance()), 4)
    6.5797
    """
    found = as_laws(law)
    if isinstance(found, _Frozen) and found._shape:
        msg = f"a frozen distribution must have scalar parameters, got some of shape {found._shape}"
        raise ValueError(msg)
    return found


def as_laws(law: Any) -> Distribution:
    """Return as_distribution(law), or one law for each element of arrays of parameters."""
    if isinstance(law, Distribution):
        return law
    if type(law).__module__.startswith("scipy.stats"):
        if all(hasattr(law, name) for name in ("dist", "args", "kwds", "ppf")):
            return (FrozenContinuous if hasattr(law.dist, "logpdf") else FrozenDiscrete)(law)
        if type(law).__name__ == "multivariate_normal_frozen":
            from fastnet.stats.vector import MultivariateNormal

            return MultivariateNormal(law.mean, law.cov)
        if type(law).__name__ == "dirichlet_frozen":
            from fastnet.stats.vector import Dirichlet

            return Dirichlet(law.alpha)
    kind = f"the class {law.__name__}" if isinstance(law, type) else f"a {type(law).__name__}"
    if type(law).__module__.startswith("scipy."):
        # It may have a name that one of fastnet's has as well.
        kind = f"a {type(law).__module__}.{type(law).__name__}, which is not frozen"
    msg = f"a distribution of fastnet.stats or a frozen one of scipy.stats is needed, got {kind}"
    raise TypeError(msg)
