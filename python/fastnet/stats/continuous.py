"""Continuous laws whose functions are elementary, or the normal law's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastnet._arrays import Array
from fastnet.random._checks import Size
from fastnet.stats._checks import common_shape, parameter, result
from fastnet.stats._normal import normal_cdf, normal_icdf
from fastnet.stats.distribution import Continuous, Distribution

_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)


class _Shaped(Continuous):
    """A law of two parameters of a common shape."""

    def __init__(self, a: Any, b: Any, low: float = 0.0) -> None:
        first, second = self._names
        self.__dict__[first] = parameter(a, first)
        self.__dict__[second] = parameter(b, second, low, open_low=True)
        self._shape = common_shape(**{name: self.__dict__[name] for name in self._names})

    @property
    def _draw(self) -> tuple[str, float, float] | None:
        return None if self._shape else (type(self).__name__.lower(), *self._parameters())

    def _parameters(self) -> tuple[Any, Any]:
        first, second = self._names
        return self.__dict__[first], self.__dict__[second]

    def _sample(self, size: Size, rng: Any, dtype: Any, out: Array | None) -> Any:
        draw = getattr(rng, type(self).__name__.lower())
        return draw(*self._parameters(), size, dtype, out)

    def _full(self, value: Any) -> Any:
        """Return a value that does not depend on all parameters, in their shape."""
        return result(np.broadcast_to(np.asarray(value, np.float64), self._shape).copy())

    def _plain(self, scale: float) -> bool:
        """Say whether scale X + shift is of the same family, scalar as it is."""
        return not self._shape and math.isfinite(scale)


class Normal(_Shaped):
    """The normal law: density exp(-(x - mu)^2 / (2 sigma^2)) / (sigma sqrt(2 pi)).

    Parameters
    ----------
    mu, sigma : float or array_like
        Mean, and standard deviation > 0.

    Examples
    --------
    >>> from fastnet.stats import Normal
    >>> x = Normal(10, 2)
    >>> round(x.cdf(12), 6), x.icdf(0.5), x.variance()
    (0.841345, 10.0, 4.0)
    >>> 2 * x + 1
    Normal(mu=21.0, sigma=4.0)
    """

    mu: Any
    sigma: Any
    _names = ("mu", "sigma")

    def __init__(self, mu: Any = 0.0, sigma: Any = 1.0) -> None:
        super().__init__(mu, sigma)

    def _affine(self, scale: float, shift: float) -> Distribution:
        if self._plain(scale):
            return Normal(scale * self.mu + shift, abs(scale) * self.sigma)
        return super()._affine(scale, shift)

    def _z(self, x: Array) -> Array:
        return np.asarray((x - self.mu) / self.sigma)

    def _log(self, x: Array) -> Array:
        return np.asarray(-0.5 * self._z(x) ** 2 - (np.log(self.sigma) + _HALF_LOG_2PI))

    def _cdf(self, x: Array) -> Array:
        return normal_cdf(self._z(x))

    def _ccdf(self, x: Array) -> Array:
        return normal_cdf(-self._z(x))

    def _icdf(self, p: Array) -> Array:
        return np.asarray(self.mu + self.sigma * normal_icdf(p))

    def _isf(self, q: Array) -> Array:
        return np.asarray(self.mu - self.sigma * normal_icdf(q))

    def support(self) -> tuple[Any, Any]:
        """Return -inf and inf."""
        return self._full(-math.inf), self._full(math.inf)

    def mean(self) -> Any:
        """Return mu."""
        return self._full(self.mu)

    def variance(self) -> Any:
        """Return sigma^2."""
        return self._full(np.square(self.sigma))

    def skewness(self) -> Any:
        """Return 0."""
        return self._full(0)

    def kurtosis(self) -> Any:
        """Return 0."""
        return self._full(0)

    def entropy(self) -> Any:
        """Return log(sigma sqrt(2 pi e))."""
        return self._full(np.log(self.sigma) + _HALF_LOG_2PI + 0.5)


class LogNormal(_Shaped):
    """The law of exp(X) for X normal with mean mu and standard deviation sigma.

    Parameters
    ----------
    mu, sigma : float or array_like
        Of the logarithm; sigma > 0.

    Examples
    --------
    >>> from fastnet.stats import LogNormal
    >>> LogNormal(0, 1).icdf(0.5)
    1.0
    """

    mu: Any
    sigma: Any
    _names = ("mu", "sigma")

    def __init__(self, mu: Any = 0.0, sigma: Any = 1.0) -> None:
        super().__init__(mu, sigma)

    def _z(self, x: Array) -> Array:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray((np.log(np.maximum(x, 0.0)) - self.mu) / self.sigma)

    def _log(self, x: Array) -> Array:
        z = self._z(x)
        with np.errstate(divide="ignore", invalid="ignore"):
            inside = -0.5 * z**2 - np.log(np.where(x > 0, x, 1)) - np.log(self.sigma)
        return np.where(x <= 0, -math.inf, inside - _HALF_LOG_2PI)

    def _cdf(self, x: Array) -> Array:
        return normal_cdf(self._z(x))

    def _ccdf(self, x: Array) -> Array:
        return normal_cdf(-self._z(x))

    def _icdf(self, p: Array) -> Array:
        return np.asarray(np.exp(self.mu + self.sigma * normal_icdf(p)))

    def _isf(self, q: Array) -> Array:
        return np.asarray(np.exp(self.mu - self.sigma * normal_icdf(q)))

    def support(self) -> tuple[Any, Any]:
        """Return 0 and inf."""
        return self._full(0), self._full(math.inf)

    def mean(self) -> Any:
        """Return exp(mu + sigma^2 / 2)."""
        return self._full(np.exp(self.mu + np.square(self.sigma) / 2))

    def variance(self) -> Any:
        """Return (exp(sigma^2) - 1) exp(2 mu + sigma^2)."""
        return self._full(np.expm1(np.square(self.sigma)) * np.square(self.mean()))

    def skewness(self) -> Any:
        """Return (e + 2) sqrt(e - 1) with e = exp(sigma^2)."""
        s = np.square(self.sigma)
        return self._full((np.exp(s) + 2) * np.sqrt(np.expm1(s)))

    def kurtosis(self) -> Any:
        """Return e^4 + 2 e^3 + 3 e^2 - 6 with e = exp(sigma^2)."""
        s = np.square(self.sigma)
        return self._full(np.expm1(4 * s) + 2 * np.expm1(3 * s) + 3 * np.expm1(2 * s))

    def entropy(self) -> Any:
        """Return mu + log(sigma sqrt(2 pi e))."""
        return self._full(self.mu + np.log(self.sigma) + _HALF_LOG_2PI + 0.5)


class Uniform(_Shaped):
    """The uniform law: density 1 / (high - low) on [low, high].

    Parameters
    ----------
    low, high : float or array_like
        Ends, low < high.

    Examples
    --------
    >>> from fastnet.stats import Uniform
    >>> Uniform(2, 4).mean(), Uniform(2, 4).cdf(2.5)
    (3.0, 0.25)
    """

    low: Any
    high: Any
    _names = ("low", "high")

    def __init__(self, low: Any = 0.0, high: Any = 1.0) -> None:
        super().__init__(low, high, -math.inf)
        with np.errstate(over="ignore"):
            self._width = np.subtract(self.high, self.low)
        if not np.all((self._width > 0) & np.isfinite(self._width)):
            msg = f"low must be below high and high - low finite, got {low} and {high}"
            raise ValueError(msg)

    def _affine(self, scale: float, shift: float) -> Distribution:
        if self._plain(scale):
            return Uniform(*sorted((scale * self.low + shift, scale * self.high + shift)))
        return super()._affine(scale, shift)

    def _log(self, x: Array) -> Array:
        inside = (x >= self.low) & (x <= self.high)
        return np.where(np.isnan(x), math.nan, np.where(inside, -np.log(self._width), -math.inf))

    def _cdf(self, x: Array) -> Array:
        return np.asarray(np.clip((x - self.low) / self._width, 0, 1))

    def _ccdf(self, x: Array) -> Array:
        return np.asarray(np.clip((self.high - x) / self._width, 0, 1))

    def _icdf(self, p: Array) -> Array:
        return np.asarray(self.low + self._width * p)

    def _isf(self, q: Array) -> Array:
        return np.asarray(self.high - self._width * q)

    def support(self) -> tuple[Any, Any]:
        """Return low and high."""
        return self._full(self.low), self._full(self.high)

    def mean(self) -> Any:
        """Return (low + high) / 2."""
        return self._full(np.add(self.low, self._width / 2))

    def variance(self) -> Any:
        """Return (high - low)^2 / 12."""
        return self._full(np.square(self._width) / 12)

    def skewness(self) -> Any:
        """Return 0."""
        return self._full(0)

    def kurtosis(self) -> Any:
        """Return -6 / 5."""
        return self._full(-1.2)

    def entropy(self) -> Any:
        """Return log(high - low)."""
        return self._full(np.log(self._width))


class Laplace(_Shaped):
    """The Laplace law: density exp(-|x - loc| / scale) / (2 scale).

    Parameters
    ----------
    loc, scale : float or array_like
        Mean, and scale > 0.

    Examples
    --------
    >>> from fastnet.stats import Laplace
    >>> Laplace(0, 1).variance()
    2.0
    """

    loc: Any
    scale: Any
    _names = ("loc", "scale")

    def __init__(self, loc: Any = 0.0, scale: Any = 1.0) -> None:
        super().__init__(loc, scale)

    def _affine(self, scale: float, shift: float) -> Distribution:
        if self._plain(scale):
            return Laplace(scale * self.loc + shift, abs(scale) * self.scale)
        return super()._affine(scale, shift)

    def _log(self, x: Array) -> Array:
        return np.asarray(-np.abs(x - self.loc) / self.scale - np.log(2 * np.asarray(self.scale)))

    def _cdf(self, x: Array) -> Array:
        z = (x - self.loc) / self.scale
        half = 0.5 * np.exp(-np.abs(z))
        return np.asarray(np.where(z > 0, 1 - half, half))

    def _ccdf(self, x: Array) -> Array:
        z = (x - self.loc) / self.scale
        half = 0.5 * np.exp(-np.abs(z))
        return np.asarray(np.where(z > 0, half, 1 - half))

    def _icdf(self, p: Array) -> Array:
        return np.asarray(self.loc + self.scale * self._z(p))

    def _isf(self, q: Array) -> Array:
        return np.asarray(self.loc - self.scale * self._z(q))

    def _z(self, p: Array) -> Array:
        with np.errstate(divide="ignore"):
            return np.asarray(np.where(p < 0.5, np.log(2 * p), -np.log(2 * (1 - p))))

    def support(self) -> tuple[Any, Any]:
        """Return -inf and inf."""
        return self._full(-math.inf), self._full(math.inf)

    def mean(self) -> Any:
        """Return loc."""
        return self._full(self.loc)

    def variance(self) -> Any:
        """Return 2 scale^2."""
        return self._full(2 * np.square(self.scale))

    def skewness(self) -> Any:
        """Return 0."""
        return self._full(0)

    def kurtosis(self) -> Any:
        """Return 3."""
        return self._full(3)

    def entropy(self) -> Any:
        """Return 1 + log(2 scale)."""
        return self._full(1 + np.log(2 * np.asarray(self.scale)))
