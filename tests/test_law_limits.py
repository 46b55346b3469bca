"""Laws where numbers overflow, underflow or are none: a number or an error, never NaN."""

import math

import mpmath
import numpy as np
import pytest

import fastnet
from fastnet import stats
from fastnet.montecarlo import conditional_expectation

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


# ---- drawn values, data and joint laws at their limits ----


def test_geometric_numbers_of_the_smallest_probabilities():
    largest = 2**63 - 1
    for p in (5e-324, 1e-310, 1e-300):
        assert fastnet.random.Generator(1).geometric(p, 1000).min() == largest


def test_student_values_of_the_smallest_degrees():
    for df in (5e-324, 1e-310, 1e-300):
        x = fastnet.random.Generator(1).standard_t(df, 1000)
        assert np.isinf(x).all()
        assert 400 < (x > 0).sum() < 600


def test_weights_whose_sum_is_infinite():
    with pytest.raises(ValueError, match="weights must have a finite sum"):
        stats.describe([1.0, 2, 3], weights=[1e308] * 3)
    d = stats.describe([1.0, np.nan, np.inf, 3], weights=[1, 0, 0, 1])
    assert (d.n, d.mean, d.variance, d.max) == (2, 2, 2, 3)


@pytest.mark.parametrize("unit", [1e-200, 1e-160, 1e160, 1e307])
def test_bandwidths_of_data_of_any_unit(unit):
    x, y = np.array([-3.0, 0, 1, 3]), [1.0, 2, 3, 4]
    usual = stats.Joint.empirical({"x": x, "y": y}).conditional(x=1.0).weights
    found = stats.Joint.empirical({"x": x * unit, "y": y}).conditional(x=unit).weights
    np.testing.assert_allclose(found, usual, rtol=1e-12)


def test_a_constant_says_nothing_of_a_normal_variable():
    assert stats.Joint.normal([0, 0], [[0, 0], [0, 1]]).mutual_information("x", "y") == 0


def test_expectations_given_what_determines_them():
    joint = stats.Joint.normal([0, 1, 0], [[1, 1, 0], [1, 1, 0], [0, 0, 1]])
    assert conditional_expectation("y", "x", joint, 2.0).mean == 3
    joint = stats.Joint.normal([0, 1], [[1, 1], [1, 1]])
    assert conditional_expectation("y", "x", joint, 2.0).mean == 3


def test_what_has_no_probability_in_a_table_is_not_given():
    joint = stats.Joint.table([[0.5, 0.5], [0, 0]])
    for y in ("x", "y"):
        for at in (1, 7):
            with pytest.raises(ValueError, match="must"):
                conditional_expectation(y, "x", joint, at)
    assert conditional_expectation("x", "x", joint, 0).mean == 0


def test_mutual_information_of_what_too_few_draws_can_tell():
    joint = stats.Joint(x=stats.Normal(), y=lambda x: stats.Normal(x, 1e-9))
    with pytest.raises(ValueError, match="n must be larger for a y so close to a function of x"):
        joint.mutual_information("x", "y", n=100, rng=1)
    # A draw that no other is like.
    joint = stats.Joint(x=stats.Bernoulli(1e-3), y=lambda x: stats.Uniform(10 * x, 10 * x + 1))
    exact = stats.Bernoulli(1e-3).entropy()
    for seed in range(5):
        found = joint.mutual_information("x", "y", rng=seed)
        assert found == pytest.approx(exact, abs=0.02)
        assert found > 0 or joint.sample(2**11, rng=seed)[:, 0].max() == 0


@pytest.mark.parametrize(
    ("p", "q"),
    [
        (stats.Normal(), stats.Uniform(-6, 6)),
        (stats.Normal(), stats.Exponential()),
        (stats.Exponential(), stats.Beta(2, 3)),
        (stats.Gamma(3), stats.Gamma(3) + 1e-9),
    ],
    ids=repr,
)
def test_a_density_beyond_the_others_range(p, q):
    assert stats.kl_divergence(p, q) == math.inf
