"""Tails and quantiles for large parameters, against integrals by mpmath."""

import mpmath
import numpy as np
import pytest
from mpmath import mpf

from fastnet import stats
from fastnet.stats._normal import normal_cdf, normal_icdf

STEPS = [-8.0, -4.7, -1.0, -1e-4, 0.0, 2.5, 8.0]
# The expansions are known to 1e-11, and x to a unit in the last place.
BOUND = 2e-11


@pytest.fixture(autouse=True)
def digits():
    with mpmath.workdps(50):
        yield


def integral(log, x, spread, sign):
    """Return the integral of exp(log) from x on, to where 1e-60 of it is left."""
    ends = [x + sign * k * spread for k in (0, 0.5, 1, 2, 4, 8, 16)]
    return abs(mpmath.quad(lambda u: mpmath.exp(log(u)), ends))


def assert_tails(law, x, log, rounding):
    """Compare the smaller tail at x, and see that both make 1."""
    spread = mpf(law.standard_deviation())
    sign = 1 if x > law.mean() else -1
    exact = integral(log, mpf(x), spread, sign)
    got = law.ccdf(x) if sign > 0 else law.cdf(x)
    assert got == pytest.approx(float(exact), rel=BOUND + rounding)
    assert law.cdf(x) + law.ccdf(x) == pytest.approx(1, abs=1e-15)


@pytest.mark.parametrize("shape", [1e5, 3e7, 1e10, 1e15, 1e17])
@pytest.mark.parametrize("scale", [1.0, 0.3])
def test_gamma(shape, scale):
    law = stats.Gamma(shape, scale)
    a = mpf(shape)

    def log(u):
        z = u / mpf(scale)
        return (a - 1) * mpmath.log(z) - z - mpmath.loggamma(a) - mpmath.log(scale)

    for z in STEPS:
        assert_tails(law, law.mean() + z * law.standard_deviation(), log, 0)


@pytest.mark.parametrize(("a", "b"), [(1e8, 1e8), (1e8, 1e11), (3e15, 1e15), (1e17, 1e17)])
def test_beta(a, b):
    law = stats.Beta(a, b)
    constant = mpmath.loggamma(mpf(a) + mpf(b)) - mpmath.loggamma(a) - mpmath.loggamma(b)

    def log(u):
        return (mpf(a) - 1) * mpmath.log(u) + (mpf(b) - 1) * mpmath.log(1 - u) + constant

    for z in STEPS:
        assert_tails(law, law.mean() + z * law.standard_deviation(), log, 0)


@pytest.mark.parametrize(
    "law", [stats.Poisson(3e5), stats.Poisson(1e10), stats.Binomial(4 * 10**9, 0.3)], ids=repr
)
def test_tails_of_discrete_laws_are_sums(law):
    mean, spread = law.mean(), law.standard_deviation()
    for z in (-6.0, 6.0):
        k = np.floor(mean + z * spread)
        beyond = k + np.arange(0, 4 * spread) if z > 0 else k - np.arange(0, 4 * spread)
        tail = law.cdf(k) if z < 0 else law.ccdf(k - 1)
        assert tail == pytest.approx(law.pmf(beyond).sum(), rel=1e-10)


@pytest.mark.parametrize(
    "law",
    [
        stats.Beta(1e3, 1e10), stats.Beta(1e12, 3e12), stats.Beta(1e15, 1e15),
        stats.Beta(30, 1e12), stats.Gamma(1e6), stats.Gamma(1e10, 3), stats.Gamma(1e17, 1e-100),
        stats.ChiSquare(1e12), -stats.Beta(1e15, 1e15),
    ],
    ids=repr,
)  # fmt: skip
def test_quantiles(law):
    p = np.array([1e-200, 1e-15, 1e-5, 0.1, 0.5, 0.9])
    x = law.icdf(p)
    np.testing.assert_array_equal(law.ppf(p), x)
    # Tails are taken for known to 1e-8, and a quantile to 1e-15, some units in its last place.
    assert (
        np.abs(law.cdf(x) - p) <= 1e-8 * np.minimum(p, 1 - p) + 1e-15 * abs(x) * law.pdf(x)
    ).all()
    np.testing.assert_array_equal(law.icdf([0, 1]), law.support())
    inner = normal_icdf(p[2:])
    found = (law.icdf(p[2:]) - law.mean()) / law.standard_deviation()
    # Cornish and Fisher's first term is skewness (z^2 - 1) / 6, here below 3 skewness; the others
    # are smaller. A unit in the last place of x is up to 1e-7 standard deviations.
    np.testing.assert_allclose(found, inner, atol=abs(law.skewness()) * 4 + 1e-7)


@pytest.mark.parametrize("df", [1e-3, 0.1, 1, 3.3, 30, 1e4])
def test_student_far_out(df):
    law, half = stats.StudentT(df), mpf(df) / 2
    for x in (1e10, 1e99, 1e101, 1e155, 1e300):
        z = mpf(df) / (mpf(df) + mpf(x) ** 2)
        exact = mpmath.betainc(half, 0.5, 0, z, regularized=True) / 2
        assert law.cdf(-x) == pytest.approx(float(exact), rel=1e-10, abs=1e-307)
        assert law.ccdf(x) == law.cdf(-x)
        assert law.cdf(x) == pytest.approx(1 - float(exact), rel=1e-15)
    p = np.array([1e-305, 1e-200, 1e-60, 1e-17, 1e-3])
    x = law.icdf(p)
    known = np.isfinite(x)
    np.testing.assert_allclose(law.cdf(x[known]), p[known], rtol=1e-8)  # see test_quantiles
    # Where a quantile is infinite, the largest number's tail is more than p.
    assert np.all(law.cdf(-np.finfo(float).max) > p[~known])
    np.testing.assert_array_equal(law.icdf([0.25, 0.5]), -law.icdf([0.75, 0.5]))


def test_quantiles_of_improbable_values_are_numbers():
    for a, b in ((7, 1e-3), (0.3, 7), (7, 0.3)):
        x = stats.Beta(a, b).icdf([1e-305, 1e-300, 0.3])
        assert np.all((x >= 0) & (x <= 1))
    assert stats.Geometric(1e-300).variance() == np.inf


def test_the_ends_of_tails():
    for law in (stats.Gamma(1e7), stats.Beta(1e9, 1e9), stats.Poisson(1e9)):
        low, high = law.support()
        np.testing.assert_array_equal(law.cdf([-1, high]), [0, 1])
        np.testing.assert_array_equal(law.ccdf([-1, high]), [1, 0])
        assert law.cdf(low) == law.ccdf(1e300) == 0
        assert np.isnan(law.cdf(np.nan))
    many = stats.Gamma([2.0, 1e7])
    np.testing.assert_array_equal(many.cdf(2), [stats.Gamma(2).cdf(2), 0])
    assert stats.Poisson([2.0, 1e7]).cdf(1e7)[1] == stats.Poisson(1e7).cdf(1e7)
    assert stats.Binomial(10**10, [0, 1, 0.5]).cdf(5 * 10**9).tolist()[:2] == [1, 0]


def test_the_middle_of_a_wide_law_is_the_normal_law():
    z = np.linspace(-5, 5, 11)
    for law in (stats.Gamma(1e17), stats.Beta(1e17, 1e17), stats.Binomial(2**53, 0.5)):
        x = law.mean() + z * law.standard_deviation()
        # x is known to 5e-8 standard deviations, a unit in its last place or 1 of a binomial
        # variable, and at z = -5 the density is 5.2 times the cdf.
        np.testing.assert_allclose(law.cdf(x), normal_cdf(z), rtol=5.2 * 5e-8)
