"""Laws of vectors: multivariate normal and Dirichlet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastnet._arrays import FLOAT_DTYPES, Array, as_float, to_array
from fastnet.functional.linear import linear
from fastnet.random._checks import Size, shape_of
from fastnet.stats._checks import result, scipy, special, xlogy
from fastnet.stats._saddle import (
    LARGE,
    excess,
    gamma_entropy,
    gap,
    log_gamma,
    log_gamma_at_rate,
    log_of_sum,
)
from fastnet.stats.continuous import Normal
from fastnet.stats.distribution import Distribution, values
from fastnet.stats.gamma import Beta

# A covariance is symmetric if |a_ij - a_ji| is at most this times sqrt(a_ii a_jj), and semidefinite
# if no pivot of its Cholesky factorisation is below minus this times the largest of the diagonal.
TOLERANCE = 1e-10
# What a column below a pivot of 0 may hold: rounding makes a pivot of some 1e-15 of it.
_ZERO_COLUMN = 1e-7


class Vector(Distribution):
    """A law of vectors with a density."""

    dim: int

    def pdf(self, x: Any) -> Any:
        """Return the density at each vector along the last axis."""
        return result(np.exp(self._log(self._vectors(x))))

    def logpdf(self, x: Any) -> Any:
        """Return the logarithm of the density at each vector along the last axis."""
        return result(self._log(self._vectors(x)))

    def _vectors(self, x: Any) -> Array:
        vectors: Array = values(x)
        if vectors.ndim == 0 or vectors.shape[-1] != self.dim:
            msg = f"x must have shape (..., {self.dim}), got {vectors.shape}"
            raise ValueError(msg)
        return vectors

    def covariance(self) -> Array:
        """Return the covariance matrix."""
        raise NotImplementedError

    def _shape(self, size: Size, out: Array | None) -> tuple[int, ...]:
        """Return the shape of a sample, the dimension left out."""
        return out.shape[:-1] if size is None and out is not None else shape_of(size, None)


class MultivariateNormal(Vector):
    """The multivariate normal law.

    Its density is exp(-(x - mean)^T cov^-1 (x - mean) / 2) / sqrt(det(2 pi cov)).

    Parameters
    ----------
    mean : array_like
        (d,).
    cov : array_like
        (d, d), symmetric and positive semidefinite, both within 1e-10 relative to its diagonal;
        checked by Cholesky factorisation. Where it is singular there is no density.

    Examples
    --------
    >>> from fastnet.stats import MultivariateNormal
    >>> x = MultivariateNormal([0, 1], [[1, 0.5], [0.5, 1]])
    >>> x.marginal([1]), x.conditional([0], [2.0])
    (Normal(mu=1.0, sigma=1.0), Normal(mu=2.0, sigma=0.8660254037844386))
    """

    def __init__(self, mean: Any, cov: Any) -> None:
        self._mean = _finite(mean, "mean").copy()
        if self._mean.ndim != 1 or not self._mean.size:
            msg = f"mean must have shape (d,), got {self._mean.shape}"
            raise ValueError(msg)
        self.dim = len(self._mean)
        self._cov = covariance_matrix(cov, self.dim)
        self._root = cholesky(self._cov)

    def __repr__(self) -> str:
        return f"MultivariateNormal({self._mean.tolist()}, {self._cov.tolist()})"

    def _sample(self, size: Size, rng: Any, dtype: Any, out: Array | None) -> Any:
        shape = (*self._shape(size, out), self.dim)
        z = rng.standard_normal(shape, dtype)
        rows = z.reshape(-1, self.dim)
        # One chain of sums by fastnet's product: the same bits everywhere.
        y = linear(rows, self._root.astype(z.dtype), self._mean.astype(z.dtype)).reshape(shape)
        if out is None:
            return y
        out[...] = y
        return out

    def _whiten(self, d: Array) -> Array:
        """Return L^-1 d for vectors d along the last axis, L L^T being the covariance."""
        if not np.all(np.diag(self._root) > 0):
            msg = "cov is singular: there is no density"
            raise ValueError(msg)
        z = np.empty_like(d)
        for i in range(self.dim):
            z[..., i] = (d[..., i] - z[..., :i] @ self._root[i, :i]) / self._root[i, i]
        return z

    def _log(self, x: Array) -> Array:
        z = self._whiten(x - self._mean)
        constant = self.dim * 0.5 * math.log(2 * math.pi) + np.log(np.diag(self._root)).sum()
        return np.asarray(-0.5 * np.square(z).sum(-1) - constant)

    def cdf(self, x: Any) -> Any:
        """Return P(X_i <= x_i for all i), by SciPy's integration, to about 1e-5."""
        law = scipy("stats").multivariate_normal(self._mean, self._cov, allow_singular=True)
        return result(law.cdf(self._vectors(x)))

    def mean(self) -> Array:
        """Return the mean."""
        return self._mean.copy()

    def covariance(self) -> Array:
        """Return the covariance matrix."""
        return self._cov.copy()

    def variance(self) -> Array:
        """Return the diagonal of the covariance."""
        return np.diag(self._cov).copy()

    def skewness(self) -> Array:
        """Return 0 for each component."""
        return np.zeros(self.dim)

    def kurtosis(self) -> Array:
        """Return 0 for each component."""
        return np.zeros(self.dim)

    def entropy(self) -> Any:
        """Return log(det(2 pi e cov)) / 2."""
        with np.errstate(divide="ignore"):
            logs = np.log(np.diag(self._root)).sum()
        return float(logs + 0.5 * self.dim * (1 + math.log(2 * math.pi)))

    def marginal(self, components: Sequence[int]) -> Normal | MultivariateNormal:
        """Return the law of some components."""
        keep = self._components(components)
        return _normal(self._mean[keep], self._cov[np.ix_(keep, keep)])

    def conditional(self, components: Sequence[int], at: Any) -> Normal | MultivariateNormal:
        """Return the law of the other components given the values of some.

        With the components in two parts, 2 the given ones: mean_1 + C_12 C_22^-1 (x_2 - mean_2) and
        C_11 - C_12 C_22^-1 C_21.
        """
        given = self._components(components)
        x = _finite(at, "at")
        if x.shape != (len(given),):
            msg = f"at must have shape ({len(given)},), got {x.shape}"
            raise ValueError(msg)
        rest = [i for i in range(self.dim) if i not in given]
        if not rest:
            msg = "components must leave one free, got all"
            raise ValueError(msg)
        other = MultivariateNormal(self._mean[given], self._cov[np.ix_(given, given)])
        # Rows of L^-1 C_21, so that the new covariance is C_11 - W^T W.
        w = other._whiten(self._cov[np.ix_(rest, given)])
        mean = self._mean[rest] + w @ other._whiten(x - other._mean)
        cov = self._cov[np.ix_(rest, rest)] - w @ w.T
        # What rounding leaves of a variance that the given components determine is none.
        scale = np.diag(self._cov)[rest]
        cov[np.diag_indices(len(rest))] = np.where(
            np.diag(cov) <= len(given) * 4e-16 * scale, 0, np.diag(cov)
        )
        return _normal(mean, (cov + cov.T) / 2)

    def _components(self, components: Sequence[int]) -> list[int]:
        indices = [range(self.dim)[int(i)] for i in components]
        if not indices or len(set(indices)) < len(indices):
            msg = f"components must be different and at least one, got {list(components)}"
            raise ValueError(msg)
        return indices

    def _affine(self, scale: float, shift: float) -> Distribution:
        return MultivariateNormal(scale * self._mean + shift, scale**2 * self._cov)


class Dirichlet(Vector):
    """The Dirichlet law on probabilities (x_1 ... x_d): density prod x_i^(alpha_i - 1) / B(alpha).

    Parameters
    ----------
    alpha : array_like
        (d,), d >= 2, all > 0.

    Examples
    --------
    >>> from fastnet.stats import Dirichlet
    >>> x = Dirichlet([1, 2, 5])
    >>> x.mean(), x.marginal(2)
    (array([0.125, 0.25 , 0.625]), Beta(a=5.0, b=3.0))
    """

    _names = ("alpha",)

    def __init__(self, alpha: Any) -> None:
        self.alpha = _finite(alpha, "alpha").copy()
        if self.alpha.ndim != 1 or len(self.alpha) < 2 or not np.all(self.alpha > 0):
            msg = f"alpha must be at least two numbers > 0, got {alpha}"
            raise ValueError(msg)
        self.dim = len(self.alpha)

    def _sample(self, size: Size, rng: Any, dtype: Any, out: Array | None) -> Any:
        return rng.dirichlet(self.alpha, self._shape(size, out), dtype, out)

    def _log_beta(self) -> float:
        return math.fsum(log_gamma(self.alpha)) - math.lgamma(math.fsum(self.alpha))

    def _log(self, x: Array) -> Array:
        inside = (x >= 0).all(-1) & (np.abs(x.sum(-1) - 1) <= 1e-8)
        x = np.where(inside[..., np.newaxis], x, 1 / self.dim)
        n = math.fsum(self.alpha)
        if n < LARGE:
            log = xlogy(self.alpha - 1, x).sum(-1) - self._log_beta()
        else:
            d = gap(self.alpha, x, n, math.fsum([*self.alpha, -n]))
            log = log_gamma_at_rate(self.alpha, x, n, d).sum(-1) - log_of_sum(n)
            # exp(-n sum(x)) is in the one and exp(-n) in the other, equal but for rounding.
            log = log + n * excess(x)
        return np.where(inside, log, -math.inf)

    def mean(self) -> Array:
        """Return alpha / sum(alpha)."""
        return np.asarray(self.alpha / self.alpha.sum())

    def covariance(self) -> Array:
        """Return (diag(m) - m m^T) / (sum(alpha) + 1) with the mean m."""
        m = self.mean()
        return np.asarray((np.diag(m) - np.outer(m, m)) / (self.alpha.sum() + 1))

    def variance(self) -> Array:
        """Return the diagonal of the covariance."""
        m = self.mean()
        return np.asarray(m * (1 - m) / (self.alpha.sum() + 1))

    def entropy(self) -> Any:
        """Return log B(alpha) + (s - d) digamma(s) - sum (alpha_i - 1) digamma(alpha_i)."""
        a, s, digamma = self.alpha, self.alpha.sum(), special("digamma")
        if s >= LARGE:
            rest = math.fsum(gamma_entropy(a)) - gamma_entropy(s)
            return float(rest - (self.dim - 1) * digamma(s))
        rest = (s - self.dim) * digamma(s) - ((a - 1) * digamma(a)).sum()
        return float(self._log_beta() + rest)

    def marginal(self, component: int) -> Beta:
        """Return the law of one component: Beta(alpha_i, sum(alpha) - alpha_i)."""
        a = self.alpha[component]
        return Beta(a, self.alpha.sum() - a)


def covariance_matrix(cov: Any, d: int) -> Array:
    """Return a covariance as a symmetric float64 matrix of its own."""
    c = _finite(cov, "cov")
    if c.shape != (d, d):
        msg = f"cov must have shape ({d}, {d}), got {c.shape}"
        raise ValueError(msg)
    scale = np.sqrt(np.abs(np.diag(c)))
    with np.errstate(over="ignore"):
        even = (c + c.T) / 2
    if np.any(np.abs(c - c.T) > TOLERANCE * np.outer(scale, scale)):
        msg = f"cov must be symmetric, got {c.tolist()}"
        raise ValueError(msg)
    return np.where(np.isfinite(even), even, c / 2 + c.T / 2)


def cholesky(c: Array) -> Array:
    """Return the lower triangular L with L L^T = c; ValueError unless c is positive semidefinite.

    A pivot within the tolerance of 0 is taken for 0, and its column must then be one too.
    """
    d, least = len(c), TOLERANCE * np.diag(c).max(initial=0.0)
    root = np.zeros((d, d))
    for j in range(d):
        pivot = c[j, j] - root[j, :j] @ root[j, :j]
        below = c[j + 1 :, j] - root[j + 1 :, :j] @ root[j, :j]
        zero = pivot <= d * 4e-16 * c[j, j]
        # |c_ij|^2 <= c_ii c_jj holds for what is left too.
        most = _ZERO_COLUMN * np.sqrt(np.abs(c[j, j])) * np.sqrt(np.abs(np.diag(c)[j + 1 :]))
        if c[j, j] < 0 or pivot < -least or (zero and np.any(np.abs(below) > most)):
            msg = f"cov must be positive semidefinite, got {c.tolist()}"
            raise ValueError(msg)
        if not zero:
            root[j, j] = math.sqrt(pivot)
            root[j + 1 :, j] = below / root[j, j]
    return root


def _normal(mean: Array, cov: Array) -> Normal | MultivariateNormal:
    """Return a normal law, of a number if it has one component of positive variance."""
    if len(mean) == 1 and cov[0, 0] > 0:
        return Normal(mean[0], math.sqrt(cov[0, 0]))
    return MultivariateNormal(mean, cov)


def _finite(value: Any, name: str) -> Array:
    array = as_float(to_array(value, name), name, FLOAT_DTYPES[1])
    if not np.isfinite(array).all():
        msg = f"{name} must be finite, got {value}"
        raise ValueError(msg)
    return array
