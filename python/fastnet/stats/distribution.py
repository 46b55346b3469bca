"""What all distributions have: sampling, probabilities of events, moments by name, arithmetic."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fastnet._arrays import FLOAT_DTYPES, Array, as_float, to_array
from fastnet.random import default_rng
from fastnet.random._checks import Size
from fastnet.stats._checks import parameter, result

# Points of a discrete support that a sum goes over at most, and strata of a Monte Carlo estimate.
MOST_POINTS = 2**22
_STRATA = 2**15


class Probability(float):
    """A probability; `error` is its standard error, 0 where it is exact but for rounding."""

    __slots__ = ("error",)

    def __new__(cls, value: float, error: float = 0.0) -> Probability:
        """Make one of a number, kept within [0, 1]."""
        self = super().__new__(cls, min(max(value, 0.0), 1.0))
        self.error = error
        return self

    error: float


class Distribution(ABC):
    """A random variable's law: the base of `Continuous`, `Discrete` and vector laws.

    Methods of values take arrays and broadcast them with the parameters, which may be arrays too: a
    law of array parameters is that of as many independent variables. Results are float64.
    """

    # dim is None for numbers, d for vectors of d.
    dim: int | None = None
    discrete: ClassVar[bool] = False
    # NumPy's scalars leave a * X to __rmul__.
    __array_ufunc__ = None

    _names: tuple[str, ...] = ()

    @property
    def _draw(self) -> tuple[str, float, float] | None:
        """The law's name and parameters for the compiled sampler, or None."""
        return None

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._names)
        return f"{type(self).__name__}({values})"

    # ---- what a law must have ----

    @abstractmethod
    def _sample(self, size: Size, rng: Any, dtype: Any, out: Array | None) -> Any: ...

    @abstractmethod
    def _log(self, x: Array) -> Array:
        """Return the log of the density or mass at x."""

    @abstractmethod
    def mean(self) -> Any:
        """Return the expectation E[X]."""

    @abstractmethod
    def variance(self) -> Any:
        """Return the variance E[(X - E[X])^2]."""

    @abstractmethod
    def entropy(self) -> Any:
        """Return the entropy -E[log p(X)], in nats."""

    # ---- what all laws share ----

    def sample(
        self,
        size: Size = None,
        *,
        rng: Any = None,
        dtype: npt.DTypeLike = np.float64,
        out: Array | None = None,
    ) -> Any:
        """Draw independent values.

        Parameters
        ----------
        size : int or tuple of int, optional
            How many; a law of vectors adds its dimension behind. The shape of the parameters if
            None.
        rng : None, Generator or seed
            Where the values come from (`fastnet.random.default_rng`).
        dtype : dtype, default float64
            Float32 or float64.
        out : ndarray, optional
            C-contiguous, of this dtype and shape; filled and returned.
        """
        return self._sample(size, default_rng(rng), dtype, out)

    def standard_deviation(self) -> Any:
        """Return the square root of the variance."""
        return result(np.sqrt(self.variance()))

    # The names of scipy.stats' older classes.

    def rvs(self, size: Size = None, random_state: Any = None) -> Any:
        """Return sample(size, rng=random_state)."""
        return self.sample(size, rng=random_state)

    def var(self) -> Any:
        """Return variance()."""
        return self.variance()

    def std(self) -> Any:
        """Return standard_deviation()."""
        return self.standard_deviation()

    def probability(self, event: Any, *, rng: Any = None) -> Probability:
        """Return the probability of an event.

        Parameters
        ----------
        event : callable, or for numbers a pair (low, high) or a set of numbers
            A function from an array of values to an array of bools; low <= X <= high, None being
            no bound; or the values that X may have.
        rng : None, Generator or seed
            For the estimate below.

        Returns
        -------
        Probability
            A float. A discrete law's is the sum of the mass where the event holds, and an
            interval's the difference of two values of the cdf. A function's integral over a
            continuous law is estimated by Monte Carlo (two values in each of 2^15 strata of equal
            probability, for laws of numbers) and has its standard error as attribute `error`.

        Examples
        --------
        >>> from fastnet.stats import Normal, Poisson
        >>> round(Normal(0, 1).probability((-1.96, 1.96)), 4)
        0.95
        >>> round(Poisson(2).probability(lambda k: k % 2 == 0), 6)
        0.509158
        """
        require_one(self, "probability's law")
        if isinstance(event, tuple) and len(event) == 2 and self.dim is None:
            return self._interval(*event)
        if isinstance(event, set | frozenset) and self.dim is None:
            points = values(list(event), "event")
            if points.ndim != 1 or np.isnan(points).any():
                msg = f"event must be a set of numbers, got {event}"
                raise ValueError(msg)
            return Probability(math.fsum(np.exp(self._log(points))) if self.discrete else 0.0)
        if not callable(event):
            kinds = "a function, a pair (low, high) or a set" if self.dim is None else "a function"
            msg = f"event must be {kinds}, got {type(event).__name__}"
            raise TypeError(msg)
        support = self._points() if self.discrete else None
        if support is not None:
            return Probability(math.fsum(np.exp(self._log(support[_holds(event, support)]))))
        return self._estimate(event, default_rng(rng))

    def _points(self) -> Array | None:
        """Return the points of a discrete support but for 1e-17 of mass; None if too many."""
        return None

    def _interval(self, low: Any, high: Any) -> Probability:
        raise NotImplementedError

    def _strata(self, u: Array) -> Array | None:
        """Return the values at which the cdf is u, if there is a way."""
        return None

    def _estimate(self, event: Callable[[Array], Any], rng: Any) -> Probability:
        u = (np.arange(_STRATA) + rng.random((2, _STRATA))) / _STRATA
        x = self._strata(u)
        if x is not None:
            hits = _holds(event, x.ravel()).reshape(2, -1).astype(np.float64)
            # The variance of a stratum's mean of two values is a quarter of their squared distance.
            error = math.sqrt(float(np.sum((hits[0] - hits[1]) ** 2))) / 2 / _STRATA
            return Probability(float(hits.mean()), error)
        n = 2 * _STRATA
        p = float(_holds(event, self.sample(n, rng=rng)).mean())
        return Probability(p, math.sqrt(p * (1 - p) / n))

    # ---- arithmetic ----

    def _affine(self, scale: float, shift: float) -> Distribution:
        """Return the law of scale X + shift."""
        raise NotImplementedError

    def __mul__(self, scale: Any) -> Distribution:
        """Return the law of scale X."""
        return self._affine(_nonzero(scale), 0.0) if _is_number(scale) else NotImplemented

    __rmul__ = __mul__

    def __truediv__(self, scale: Any) -> Distribution:
        """Return the law of X / scale."""
        return self._affine(1 / _nonzero(scale), 0.0) if _is_number(scale) else NotImplemented

    def __add__(self, shift: Any) -> Distribution:
        """Return the law of X + shift."""
        return self._affine(1.0, parameter(shift, "shift")) if _is_number(shift) else NotImplemented

    __radd__ = __add__

    def __sub__(self, shift: Any) -> Distribution:
        """Return the law of X - shift."""
        return self + -shift if _is_number(shift) else NotImplemented

    def __rsub__(self, shift: Any) -> Distribution:
        """Return the law of shift - X."""
        return -self + shift if _is_number(shift) else NotImplemented

    def __neg__(self) -> Distribution:
        """Return the law of -X."""
        return self._affine(-1.0, 0.0)


class Univariate(Distribution):
    """A law of numbers: what continuous and discrete ones share."""

    @abstractmethod
    def _cdf(self, x: Array) -> Array: ...

    def _ccdf(self, x: Array) -> Array:
        return 1 - self._cdf(x)

    @abstractmethod
    def _icdf(self, p: Array) -> Array:
        """Return the least x with cdf(x) >= p, for p in [0, 1]."""

    def _isf(self, q: Array) -> Array:
        """Return the largest x with P(X >= x) >= q, for q in [0, 1]."""
        return self._icdf(1 - q)

    @abstractmethod
    def support(self) -> tuple[Any, Any]:
        """Return the least and the largest value."""

    @abstractmethod
    def skewness(self) -> Any:
        """Return E[(X - E[X])^3] / standard_deviation^3."""

    @abstractmethod
    def kurtosis(self) -> Any:
        """Return E[(X - E[X])^4] / variance^2 - 3: the excess over a normal law's."""

    def cdf(self, x: Any) -> Any:
        """Return P(X <= x)."""
        return result(self._cdf(values(x)))

    def ccdf(self, x: Any) -> Any:
        """Return P(X > x), with full relative precision where it is small."""
        return result(self._ccdf(values(x)))

    def icdf(self, p: Any) -> Any:
        """Return the quantile: the least x with P(X <= x) >= p; NaN for p outside [0, 1]."""
        p = values(p, "p")
        inside = (p >= 0) & (p <= 1)
        return result(np.where(inside, self._icdf(np.where(inside, p, 0.5)), math.nan))

    def sf(self, x: Any) -> Any:
        """Return ccdf(x)."""
        return self.ccdf(x)

    def ppf(self, p: Any) -> Any:
        """Return icdf(p)."""
        return self.icdf(p)

    def _strata(self, u: Array) -> Array | None:
        return None if np.shape(self.mean()) else np.asarray(self._icdf(u))

    def _interval(self, low: Any, high: Any) -> Probability:
        low, high = ordered(low, high, self.support())
        # Below the lower end, the end itself included for a discrete law.
        below = np.nextafter(low, -math.inf) if self.discrete else low
        c = self._ccdf(np.asarray(below, np.float64))
        if c <= 0.5:  # the upper tail: differences of small numbers
            return Probability(float(c - self._ccdf(np.asarray(high, np.float64))))
        p = self._cdf(np.asarray(high, np.float64)) - self._cdf(np.asarray(below, np.float64))
        return Probability(float(p))


class Continuous(Univariate):
    """A law with a density."""

    def pdf(self, x: Any) -> Any:
        """Return the density at x."""
        return result(self._density(values(x)))

    def _density(self, x: Array) -> Array:
        return np.asarray(np.exp(self._log(x)))

    def logpdf(self, x: Any) -> Any:
        """Return the logarithm of the density at x."""
        return result(self._log(values(x)))

    def _affine(self, scale: float, shift: float) -> Distribution:
        from fastnet.stats.affine import AffineContinuous

        return AffineContinuous(self, scale, shift)


class Discrete(Univariate):
    """A law on separate points."""

    discrete = True

    def pmf(self, x: Any) -> Any:
        """Return P(X = x)."""
        return result(np.exp(self._log(values(x))))

    def logpmf(self, x: Any) -> Any:
        """Return the logarithm of P(X = x)."""
        return result(self._log(values(x)))

    def _affine(self, scale: float, shift: float) -> Distribution:
        from fastnet.stats.affine import AffineDiscrete

        return AffineDiscrete(self, scale, shift)


def require_one(law: Distribution, name: str) -> None:
    """Raise ValueError for the laws of several numbers in an array, where one is needed."""
    shape = np.shape(law.mean()) if law.dim is None else ()
    if shape:
        msg = f"{name} must have scalar parameters, got some of shape {shape}"
        raise ValueError(msg)


def values(x: Any, name: str = "x") -> Array:
    """Return x as float64."""
    return as_float(to_array(x, name), name, FLOAT_DTYPES[1])


def ordered(low: Any, high: Any, support: tuple[Any, Any]) -> tuple[float, float]:
    """Return an interval's ends, None being those of the support."""
    low = support[0] if low is None else parameter_or_infinity(low, "low")
    high = support[1] if high is None else parameter_or_infinity(high, "high")
    if not low <= high:
        msg = f"event must have low <= high, got {low} and {high}"
        raise ValueError(msg)
    return low, high


def parameter_or_infinity(value: Any, name: str) -> float:
    """Return a number, which may be infinite."""
    if _is_number(value) and math.isinf(value):
        return float(value)
    number = parameter(value, name)
    if np.ndim(number):
        msg = f"event must have numbers as ends, got {value} for {name}"
        raise TypeError(msg)
    return float(number)


def _holds(event: Callable[[Array], Any], x: Array) -> Array:
    """Return where an event holds; TypeError or ValueError if its result is not a bool for each."""
    # A copy, as the event may change the points it gets.
    holds = event(x.copy())
    if np.ma.is_masked(holds):
        msg = "event must not return masked values; fill them first, e.g. with filled()"
        raise TypeError(msg)
    holds = np.asarray(holds)
    if holds.dtype != np.bool_:
        msg = f"event must return bools, got dtype {holds.dtype}"
        raise TypeError(msg)
    if holds.shape != x.shape[:1]:
        msg = f"event must return shape {x.shape[:1]}, got {holds.shape}"
        raise ValueError(msg)
    return holds


def _is_number(x: Any) -> bool:
    return isinstance(x, int | float | np.integer | np.floating) and not isinstance(x, bool)


def _nonzero(scale: Any) -> float:
    scale = parameter(scale, "scale")
    if scale == 0:
        msg = "scale must not be 0"
        raise ValueError(msg)
    return float(scale)
