"""Probability: distributions, joint laws, and moments of data.

A distribution is the law of a random variable X. Its methods have the names of SciPy's newer
classes: sample, pdf or pmf, logpdf or logpmf, cdf, ccdf (1 - cdf), icdf (quantiles), mean,
variance, standard_deviation, skewness, kurtosis (the excess), entropy, support; ``a * X + b`` is a
law again.
Frozen distributions of `scipy.stats` are accepted wherever one is (`as_distribution`).

Distributions are loaded when they are first named, so that `import fastnet` stays quick.
"""

from typing import TYPE_CHECKING, Any

from fastnet.stats.describe import Description as Description
from fastnet.stats.describe import describe as describe

if TYPE_CHECKING:
    from fastnet.stats.adapter import as_distribution as as_distribution
    from fastnet.stats.continuous import Laplace as Laplace
    from fastnet.stats.continuous import LogNormal as LogNormal
    from fastnet.stats.continuous import Normal as Normal
    from fastnet.stats.continuous import Uniform as Uniform
    from fastnet.stats.discrete import Bernoulli as Bernoulli
    from fastnet.stats.discrete import Binomial as Binomial
    from fastnet.stats.discrete import Geometric as Geometric
    from fastnet.stats.discrete import Poisson as Poisson
    from fastnet.stats.distribution import Continuous as Continuous
    from fastnet.stats.distribution import Discrete as Discrete
    from fastnet.stats.distribution import Distribution as Distribution
    from fastnet.stats.distribution import Probability as Probability
    from fastnet.stats.exponential import Exponential as Exponential
    from fastnet.stats.finite import Categorical as Categorical
    from fastnet.stats.finite import Empirical as Empirical
    from fastnet.stats.gamma import Beta as Beta
    from fastnet.stats.gamma import ChiSquare as ChiSquare
    from fastnet.stats.gamma import Gamma as Gamma
    from fastnet.stats.gamma import StudentT as StudentT
    from fastnet.stats.information import cross_entropy as cross_entropy
    from fastnet.stats.information import entropy as entropy
    from fastnet.stats.information import kl_divergence as kl_divergence
    from fastnet.stats.joint import Joint as Joint
    from fastnet.stats.vector import Dirichlet as Dirichlet
    from fastnet.stats.vector import MultivariateNormal as MultivariateNormal

# Which file a name is in.
_FILES = {
    "Bernoulli": "discrete",
    "Beta": "gamma",
    "Binomial": "discrete",
    "Categorical": "finite",
    "ChiSquare": "gamma",
    "Continuous": "distribution",
    "Dirichlet": "vector",
    "Discrete": "distribution",
    "Distribution": "distribution",
    "Empirical": "finite",
    "Exponential": "exponential",
    "Gamma": "gamma",
    "Geometric": "discrete",
    "Joint": "joint",
    "Laplace": "continuous",
    "LogNormal": "continuous",
    "MultivariateNormal": "vector",
    "Normal": "continuous",
    "Poisson": "discrete",
    "Probability": "distribution",
    "StudentT": "gamma",
    "Uniform": "continuous",
    "as_distribution": "adapter",
    "cross_entropy": "information",
    "entropy": "information",
    "kl_divergence": "information",
}

__all__ = [
    "Bernoulli",
    "Beta",
    "Binomial",
    "Categorical",
    "ChiSquare",
    "Continuous",
    "Description",
    "Dirichlet",
    "Discrete",
    "Distribution",
    "Empirical",
    "Exponential",
    "Gamma",
    "Geometric",
    "Joint",
    "Laplace",
    "LogNormal",
    "MultivariateNormal",
    "Normal",
    "Poisson",
    "Probability",
    "StudentT",
    "Uniform",
    "as_distribution",
    "cross_entropy",
    "describe",
    "entropy",
    "kl_divergence",
]


def __getattr__(name: str) -> Any:
    if name not in _FILES:
        msg = f"module 'fastnet.stats' has no attribute {name!r}"
        raise AttributeError(msg)
    from importlib import import_module

    value = getattr(import_module(f"fastnet.stats.{_FILES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
