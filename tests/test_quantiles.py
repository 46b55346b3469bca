"""Quantiles from above: of -X at p they are those of X at 1 - p, which 1 - p has no digits for."""

import mpmath
import numpy as np
import pytest
import scipy.stats as ss

from fastnet import stats

SMALL = np.array([1e-300, 1e-17, 1e-15, 1e-8, 1e-3, 0.25, 0.5, 0.75, 0.999])
CONTINUOUS = [
    (stats.Exponential(2.0), ss.expon(scale=2)),
    (stats.LogNormal(0.5, 0.8), ss.lognorm(0.8, scale=np.exp(0.5))),
    (stats.Gamma(2.5, 3.0), ss.gamma(2.5, scale=3)),
    (stats.ChiSquare(3), ss.chi2(3)),
    (stats.Beta(2.0, 3.5), ss.beta(2, 3.5)),
    (stats.StudentT(5), ss.t(5)),
    (stats.as_distribution(ss.gumbel_r(1, 2)), ss.gumbel_r(1, 2)),
]
FAMILIES = [
    (stats.Normal([1.0], [2.0]), ss.norm(1, 2)),
    (stats.Laplace([1.0], [2.0]), ss.laplace(1, 2)),
    (stats.Uniform([1.0], [3.0]), ss.uniform(1, 2)),
]
DISCRETE = [
    stats.Poisson(3.5),
    stats.Poisson(1e5),
    stats.Binomial(30, 0.3),
    stats.Geometric(0.2),
    stats.Bernoulli(0.3),
    stats.Categorical([0.25, 0.0, 0.5, 0.25, 0.0]),
    stats.as_distribution(ss.nbinom(4, 0.3)),
]
NAMES = [repr(law) for law in DISCRETE]


@pytest.mark.parametrize(
    ("law", "twin"), CONTINUOUS + FAMILIES, ids=[repr(law) for law, _ in CONTINUOUS + FAMILIES]
)
def test_quantiles_of_minus_a_continuous_law(law, twin):
    assert type(-law).__name__ == "AffineContinuous"
    found, wanted = (-law).icdf(SMALL), -twin.isf(SMALL)
    # Where SciPy has no number, as for p = 1e-300, the tail beyond must be p, if not at an end.
    lost = ~np.isfinite(wanted) & np.isfinite(found)
    inside = lost & (found > (-law).support()[0])
    np.testing.assert_allclose((-law).cdf(found)[inside], SMALL[inside], rtol=1e-9)
    wanted = np.where(lost, found, wanted)
    np.testing.assert_allclose(found, wanted, rtol=1e-9)
    np.testing.assert_allclose((1 - 2 * law).icdf(SMALL), 1 + 2 * wanted, rtol=1e-9)


def test_quantiles_of_minus_an_exponential_law():
    p = [1e-300, 1e-17, 1e-15, 0.3, 0.9]
    exact = [float(mpmath.log(mpmath.mpf(x))) for x in p]
    np.testing.assert_allclose((-stats.Exponential(1)).icdf(p), exact, rtol=1e-15)


@pytest.mark.parametrize("law", DISCRETE, ids=NAMES)
def test_quantiles_of_minus_a_discrete_law(law):
    p = np.concatenate([SMALL, np.linspace(0.01, 0.99, 99)])
    y = (-law).icdf(p)
    # The least value with P(-X <= y) >= p; P(-X <= y) is P(X >= -y).
    assert np.all(law.ccdf(-y - 1) >= p * (1 - 1e-14))
    assert np.all(law.ccdf(-y) < p * (1 + 1e-14))
    steps = (-law).icdf((-law).cdf(y))
    np.testing.assert_array_equal(steps, y)


def test_quantiles_of_minus_a_poisson_law_far_out():
    for p in (1e-30, 1e-17, 1e-12):
        k = 0
        while mpmath.gammainc(k + 1, 0, 3.5, regularized=True) >= p:  # P(X > k)
            k += 1
        assert (-stats.Poisson(3.5)).icdf(p) == -k


@pytest.mark.parametrize("law", DISCRETE, ids=NAMES)
def test_ends_of_minus_a_discrete_law(law):
    low, high = law.support()
    np.testing.assert_array_equal((-law).icdf([0, 1]), [-high, -low])
    assert (-stats.Binomial(5, 1.0)).icdf(1.0) == -5


def test_quantiles_of_a_multiple_of_a_multiple():
    law = -(2 * -stats.Exponential(1) + 1)  # 2 X - 1, with P(X > x) = exp(-x)
    np.testing.assert_allclose((-law).icdf(SMALL), 1 + 2 * np.log(SMALL), rtol=1e-14)
    np.testing.assert_allclose(law._isf(SMALL), -1 - 2 * np.log(SMALL), rtol=1e-14)
