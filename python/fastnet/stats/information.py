"""Entropy, cross-entropy and divergence of distributions, in nats."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from fastnet._arrays import Array
from fastnet.stats._checks import probabilities, scipy, xlogy
from fastnet.stats._saddle import deviance
from fastnet.stats.adapter import as_distribution
from fastnet.stats.continuous import Normal
from fastnet.stats.discrete import Binomial, Poisson
from fastnet.stats.distribution import Continuous, Distribution, Univariate, require_one
from fastnet.stats.joint_normal import NormalJoint
from fastnet.stats.joint_table import TableJoint
from fastnet.stats.vector import MultivariateNormal


def entropy(p: Any) -> float:
    """Return -sum p log p, or the integral for a density.

    Parameters
    ----------
    p : distribution or array_like
        An array is a table of probabilities, which must sum to 1 within 1e-8.

    Examples
    --------
    >>> from fastnet.stats import entropy
    >>> round(entropy([0.5, 0.5]), 6)
    0.693147
    """
    if _is_table(p):
        table = probabilities(p, "p")
        return -math.fsum(xlogy(table, table).flat)
    return float(_one(p, "p").entropy())


def cross_entropy(p: Any, q: Any) -> float:
    """Return -E[log q(X)] for X of law p: entropy(p) + kl_divergence(p, q).

    Parameters
    ----------
    p, q : distribution or array_like
        Two laws of the same kind; arrays are tables of probabilities of one shape.

    Examples
    --------
    >>> from fastnet.stats import cross_entropy
    >>> round(cross_entropy([0.5, 0.5], [0.25, 0.75]), 6)
    0.836988
    """
    return entropy(p) + kl_divergence(p, q)


def kl_divergence(p: Any, q: Any) -> float:
    """Return the Kullback-Leibler divergence E[log(p(X) / q(X))] for X of law p.

    Parameters
    ----------
    p, q : distribution or array_like
        Two laws of the same kind; arrays are tables of probabilities of one shape.

    Returns
    -------
    float
        inf where q gives no weight to something that p does. Exact for tables, discrete laws of
        numbers (a sum over the support, or a formula for wide ones) and normal laws; for other laws
        of numbers an integral by `scipy.integrate.quad` to about 1e-8.

    Examples
    --------
    >>> from fastnet.stats import Normal, kl_divergence
    >>> kl_divergence(Normal(0, 1), Normal(1, 1))
    0.5
    >>> round(kl_divergence([0.5, 0.5], [0.25, 0.75]), 6)
    0.143841
    """
    if _is_table(p) or _is_table(q):
        return _table_divergence(p, q)
    p, q = _one(p, "p"), _one(q, "q")
    if isinstance(p, TableJoint) and isinstance(q, TableJoint):
        return _joint_divergence(p, q)
    if isinstance(p, Normal) and isinstance(q, Normal):
        ratio = p.sigma / q.sigma
        return float(-math.log(ratio) + (ratio**2 + ((p.mu - q.mu) / q.sigma) ** 2 - 1) / 2)
    p, q = (x.law if isinstance(x, NormalJoint) else x for x in (p, q))
    if isinstance(p, MultivariateNormal) and isinstance(q, MultivariateNormal):
        return _normal_divergence(p, q)
    if p.dim is not None or q.dim is not None or p.discrete != q.discrete:
        msg = f"p and q must be laws of the same kind, got {type(p).__name__}, {type(q).__name__}"
        raise TypeError(msg)
    points = p._points() if p.discrete else None
    if isinstance(p, Univariate) and isinstance(q, Univariate) and _leaves(p, q):
        return math.inf
    if points is not None:
        log_p, log_q = p._log(points), q._log(points)
        return _sum(np.exp(log_p), log_p, log_q)
    if isinstance(p, Poisson) and isinstance(q, Poisson):
        return _counts_divergence([p.lam], [q.lam], p.lam - q.lam)
    if isinstance(p, Binomial) and isinstance(q, Binomial) and p.n == q.n:
        ours, theirs = ([law.n * law.p, law.n * (1 - law.p)] for law in (p, q))
        return _counts_divergence(ours, theirs, p.n * (p.p - q.p))
    if not isinstance(p, Continuous):
        msg = f"{p!r} has too many points for a sum"
        raise ValueError(msg)
    return _integral(p, q)


def _counts_divergence(means: list[float], others: list[float], d: float) -> float:
    """Return sum(m log(m / n) + n - m) of means m and n whose differences are d and -d."""
    return float(deviance(np.array(means), np.array(others), np.array([d, -d][: len(means)])).sum())


def _leaves(p: Univariate, q: Univariate) -> bool:
    """Whether p has values beyond q's range, which may be too improbable for a sum or integral."""
    (low, high), (least, most) = p.support(), q.support()
    return bool(p.variance() != 0 and (low < least or high > most))


def _one(law: Any, name: str) -> Distribution:
    found = as_distribution(law)
    require_one(found, name)
    return found


def _is_table(p: Any) -> bool:
    return isinstance(p, list | tuple | np.ndarray)


def _sum(p: Array, log_p: Array, log_q: Array) -> float:
    some = p > 0
    if np.any(log_q[some] == -math.inf):
        return math.inf
    return max(math.fsum(p[some] * (log_p[some] - log_q[some])), 0.0)


def _table_divergence(p: Any, q: Any) -> float:
    p, q = probabilities(p, "p"), probabilities(q, "q")
    if p.shape != q.shape:
        msg = f"p and q must have one shape, got {p.shape} and {q.shape}"
        raise ValueError(msg)
    with np.errstate(divide="ignore"):
        return _sum(p, np.log(p), np.log(q))


def _joint_divergence(p: TableJoint, q: TableJoint) -> float:
    same = p.names == q.names and all(
        np.array_equal(p.values[name], q.values[name]) for name in p.names
    )
    if not same:
        msg = "p and q must have the same variables and values"
        raise ValueError(msg)
    return _table_divergence(p.probabilities, q.probabilities)


def _normal_divergence(p: MultivariateNormal, q: MultivariateNormal) -> float:
    """(tr(S_q^-1 S_p) + d^T S_q^-1 d - k + log(det S_q / det S_p)) / 2."""
    if p.dim != q.dim:
        msg = f"p and q must have one dimension, got {p.dim} and {q.dim}"
        raise ValueError(msg)
    spread = np.square(q._whiten(p._root.T)).sum() + np.square(q._whiten(p._mean - q._mean)).sum()
    with np.errstate(divide="ignore"):
        logs = np.log(np.diag(q._root)).sum() - np.log(np.diag(p._root)).sum()
    return max(float(spread - p.dim) / 2 + float(logs), 0.0)


def _integral(p: Continuous, q: Distribution) -> float:
    """Integrate p (log p - log q) piece by piece between quantiles of p."""
    levels = np.array([0, 1e-9, 1e-3, 0.1, 0.5, 0.9, 0.999, 1 - 1e-9, 1])
    ends = np.asarray(p._icdf(levels))
    inner = np.asarray(p._icdf(np.linspace(1e-6, 1 - 1e-6, 1001)))
    if np.any(q._log(inner) == -math.inf):
        return math.inf

    def term(x: float) -> float:
        at = np.asarray(x, np.float64)
        log_p = float(p._log(at))
        if log_p == -math.inf:
            return 0.0
        return math.exp(log_p) * (log_p - float(q._log(at)))

    quad = scipy("integrate").quad
    pieces = [
        quad(term, a, b, epsabs=1e-10, epsrel=1e-9, limit=200)[0]
        for a, b in itertools.pairwise(ends)
        if a < b
    ]
    # In this order NaN, if there is any, stays.
    return max(math.fsum(pieces), 0.0)
