"""Laws where numbers overflow, underflow or are none: a number or an error, never NaN."""

import math

import mpmath
import numpy as np
import pytest

from fastnet import stats

DISCRETE = [
    stats.Poisson(3.5),
    stats.Geometric(0.3),
    stats.Binomial(5, 0.3),
    stats.Bernoulli(0.3),
    stats.Categorical([0.5, 0.5]),
]


@pytest.mark.parametrize("law", DISCRETE, ids=repr)
def test_discrete_laws_at_infinity(law):
    ends = [-math.inf, math.inf]
    for x in (law, -law, 2 * law + 1):
        np.testing.assert_array_equal(x.cdf(ends), [0, 1])
        np.testing.assert_array_equal(x.ccdf(ends), [1, 0])
        assert x.probability((math.inf, math.inf)) == x.probability((-math.inf, -math.inf)) == 0
    np.testing.assert_array_equal(law.cdf([1e300, 1.7e308]), [1, 1])


@pytest.mark.parametrize("law", [stats.Poisson(3.5), stats.Normal()], ids=repr)
def test_events_that_are_none(law):
    with pytest.raises(ValueError, match="event must be a set of numbers, got"):
        law.probability({math.nan})
    with pytest.raises(TypeError, match="event must be an array of numbers"):
        law.probability({1, "a"})
    with pytest.raises(TypeError, match="event must have numbers as ends"):
        law.probability(((1, 2), 3))


def test_scales_and_shifts_out_of_range():
    for make in (
        lambda: stats.Normal(1, 2) / 1e-320,
        lambda: stats.Poisson(3.5) * 1e308 * 1e308,
        lambda: stats.Exponential() * 1e-308 * 1e-308,
    ):
        with pytest.raises(ValueError, match="scale must be finite and not 0"):
            make()
    with pytest.raises(ValueError, match="shift must be finite"):
        stats.Exponential() + 1e308 + 1e308


def test_moments_beyond_the_largest_number_are_infinite():
    assert (stats.Poisson(3.5) * 1e308).variance() == math.inf
    assert (stats.Exponential(1) * -1e308).variance() == math.inf
    assert (stats.Poisson(3.5) * 1e308).mean() == math.inf
    assert (stats.Poisson(0) * 1e308).variance() == 0


@pytest.mark.parametrize("x", [5e-324, 1e-310, 1e-300])
@pytest.mark.parametrize("df", [1, 2, 3])
def test_a_density_at_the_smallest_numbers(df, x):
    z, half = mpmath.mpf(x) / 2, mpmath.mpf(df) / 2
    exact = (half - 1) * mpmath.log(z) - z - mpmath.loggamma(half) - mpmath.log(2)
    assert stats.ChiSquare(df).logpdf(x) == pytest.approx(float(exact), rel=1e-14)


def test_a_density_far_beyond_its_scale():
    assert stats.Gamma(3, 1e-300).logpdf(1e300) == -math.inf


def test_a_covariance_near_the_largest_number():
    law = stats.MultivariateNormal([0, 0], np.eye(2) * 1e308)
    np.testing.assert_array_equal(law.covariance(), np.eye(2) * 1e308)
    np.testing.assert_allclose((law.sample(1000, rng=1) / 1e154).std(axis=0), 1, atol=0.1)


def test_a_joint_law_of_no_data():
    with pytest.raises(ValueError, match="data must have a column"):
        stats.Joint.empirical({})
