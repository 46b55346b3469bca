"""Probability: distributions, joint laws, and moments of data.

A distribution is the law of a random variable X. Its methods have the names of SciPy's newer
classes: sample, pdf or pmf, logpdf or logpmf, cdf, ccdf (1 - cdf), icdf (quantiles), mean,
variance, standard_deviation, skewness, kurtosis (the excess), entropy, support; ``a * X + b`` is a
law again.
Frozen distributions of `scipy.stats` are accepted wherever one is (`as_distribution`).
"""

from fastnet.stats.adapter import as_distribution as as_distribution
from fastnet.stats.continuous import Exponential as Exponential
from fastnet.stats.continuous import Laplace as Laplace
from fastnet.stats.continuous import LogNormal as LogNormal
from fastnet.stats.continuous import Normal as Normal
from fastnet.stats.continuous import Uniform as Uniform
from fastnet.stats.describe import Description as Description
from fastnet.stats.describe import describe as describe
from fastnet.stats.discrete import Bernoulli as Bernoulli
from fastnet.stats.discrete import Binomial as Binomial
from fastnet.stats.discrete import Geometric as Geometric
from fastnet.stats.discrete import Poisson as Poisson
from fastnet.stats.distribution import Continuous as Continuous
from fastnet.stats.distribution import Discrete as Discrete
from fastnet.stats.distribution import Distribution as Distribution
from fastnet.stats.distribution import Probability as Probability
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
