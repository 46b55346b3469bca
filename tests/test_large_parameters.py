"""Densities, masses and entropies for parameters from 1e-3 to 1e17, against mpmath's."""

import math

import mpmath
import numpy as np
import pytest
from mpmath import mpf

from fastnet import stats
from fastnet.stats import information, kl_divergence

SHAPES = [1e-3, 0.5, 1.0, 3.7, 9.9, 10.0, 25.3, 300.0, 1e6, 1.3e11, 1e15, 1e17]
# In standard deviations from the mean.
STEPS = [-5, -1, 0, 0.7, 6]


@pytest.fixture(autouse=True)
def digits():
    # The logarithms of gamma(1e17) have 20 digits before the point, of which all may cancel.
    with mpmath.workdps(60):
        yield


def assert_log(got, exact, *numbers, size=0.0):
    """Compare a logarithm with an exact one.

    It is a sum of at most twelve terms, each rounded by a unit in the last place or two of at most
    the logarithm itself, or `size`, or ten times one of the logarithms of parameters and x.
    """
    logs = sum(abs(math.log(v)) for v in numbers if v > 0)
    bound = 24 * 2**-53 * (10 * (1 + logs) + size + abs(exact))
    assert abs(mpf(float(got)) - exact) <= bound, (float(got), float(exact), numbers)


def around(law, low=0.0, high=math.inf):
    """Return points within a law's range where its mass is, and some where it is not."""
    mean, spread = law.mean(), law.standard_deviation()
    points = [mean + z * spread for z in STEPS] + [mean / 2, 3 * mean]
    return [float(x) for x in points if low < x < high]


def exact_gamma(x, shape, scale):
    z = mpf(x) / mpf(scale)
    return (mpf(shape) - 1) * mpmath.log(z) - z - mpmath.loggamma(shape) - mpmath.log(scale)


def exact_power(a, x):
    """Return a log(x), 0 for a = 0."""
    return a * mpmath.log(x) if a else mpf(0)


def exact_beta(x, a, b):
    x, a, b = mpf(x), mpf(a), mpf(b)
    log_beta = mpmath.loggamma(a) + mpmath.loggamma(b) - mpmath.loggamma(a + b)
    return exact_power(a - 1, x) + exact_power(b - 1, 1 - x) - log_beta


def exact_binomial(k, n, p):
    k, n, p = mpf(k), mpf(n), mpf(p)
    choose = mpmath.loggamma(n + 1) - mpmath.loggamma(k + 1) - mpmath.loggamma(n - k + 1)
    return choose + exact_power(k, p) + exact_power(n - k, 1 - p)


def exact_student(x, df):
    x, half = mpf(x), mpf(df) / 2
    ratio = mpmath.loggamma(half + 0.5) - mpmath.loggamma(half)
    return ratio - mpmath.log(2 * half * mpmath.pi) / 2 - (half + 0.5) * mpmath.log1p(x**2 / df)


def exact_gamma_entropy(a):
    a = mpf(a)
    return a + mpmath.loggamma(a) + (1 - a) * mpmath.digamma(a)


# ---- densities ----


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("scale", [1.0, 1.7, 1e-200])
def test_gamma(shape, scale):
    law = stats.Gamma(shape, scale)
    for x in around(law):
        assert_log(law.logpdf(x), exact_gamma(x, shape, scale), shape, scale, x / scale)


@pytest.mark.parametrize("df", SHAPES)
def test_chi_square(df):
    law = stats.ChiSquare(df)
    for x in around(law):
        assert_log(law.logpdf(x), exact_gamma(x, df / 2, 2), df, x)


@pytest.mark.parametrize("lam", SHAPES)
def test_poisson(lam):
    law = stats.Poisson(lam)
    for k in {0.0, 1.0, 9.0, 10.0, *map(np.rint, around(law))}:
        exact = exact_power(mpf(k), mpf(lam)) - mpf(lam) - mpmath.loggamma(mpf(k) + 1)
        assert_log(law.logpmf(k), exact, lam, k)


@pytest.mark.parametrize("n", [1, 7, 10, 1000, 10**6, 10**11, 10**15, 2**53])
@pytest.mark.parametrize("p", [1e-300, 1e-12, 0.1, 0.5, 0.75, 1 - 1e-9])
def test_binomial(n, p):
    law = stats.Binomial(n, p)
    for k in {0.0, 1.0, float(n), n - 1.0, *map(np.rint, around(law, 0, n))}:
        assert_log(law.logpmf(k), exact_binomial(k, n, p), n, p, k, 1 - p)


@pytest.mark.parametrize("a", SHAPES)
def test_beta(a):
    for b in SHAPES:
        law = stats.Beta(a, b)
        for x in {0.25, 1 - 2**-40, *around(law, 0, 1)}:
            assert_log(law.logpdf(x), exact_beta(x, a, b), a, b, x, 1 - x)


def test_beta_next_to_its_end():
    x = 0.9999999999999988
    assert stats.Beta(1e15, 1).logpdf(x) == pytest.approx(float(exact_beta(x, 1e15, 1)), rel=1e-15)
    for law in (stats.Beta(20, 0.5), stats.Beta(1e15, 1e15), stats.Beta(0.5, 20)):
        (low, high), (a, b) = law.pdf([0, 1]), (law.a, law.b)
        assert low == (0 if a > 1 else math.inf)
        assert high == (0 if b > 1 else math.inf)


@pytest.mark.parametrize("df", SHAPES)
def test_student(df):
    law = stats.StudentT(df)
    for x in (0.0, 1e-9, 0.3, 1.0, 2.5, 40.0, 1e20, 1e99, 1e101, 1e160):
        assert_log(law.logpdf(x), exact_student(x, df), df, x)


def test_student_far_out_where_its_square_is_small_against_df():
    assert stats.StudentT(1e250).logpdf(1e120) == pytest.approx(-5e239, rel=1e-9)


@pytest.mark.parametrize(
    "alpha",
    [[1, 2, 5], [3, 4, 5], [1e12, 2e12, 7e12], [0.5, 3e17, 7e17], [1e-3, 2, 1e6]],
)
def test_dirichlet(alpha):
    law = stats.Dirichlet(alpha)
    rng = np.random.default_rng(1)
    for step in (0.0, 1.0):
        x = law.mean()
        x[:-1] += step * np.sqrt(law.variance()[:-1]) * rng.random(len(x) - 1)
        x[-1] = 1 - x[:-1].sum()
        exact = mpmath.loggamma(sum(map(mpf, alpha)))
        for a, v in zip(alpha, x, strict=True):
            exact += exact_power(mpf(a) - 1, mpf(float(v))) - mpmath.loggamma(a)
        # Its terms are at most a hundred each.
        assert abs(mpf(law.logpdf(x)) - exact) <= 1e-13


def test_masses_of_a_wide_binomial_law_sum_to_1():
    law = stats.Binomial(10**15, 1e-12)
    assert law.pmf(np.arange(700, 1400)).sum() == pytest.approx(1, abs=1e-13)
    assert law.probability(lambda k: k < 2000) == pytest.approx(1, abs=1e-13)


def test_degenerate_parameters_of_discrete_laws():
    for n in (5, 10**6):
        np.testing.assert_array_equal(stats.Binomial(n, 0).pmf([0, 1, 20, n]), [1, 0, 0, 0])
        np.testing.assert_array_equal(stats.Binomial(n, 1).pmf([0, 1, n - 1, n]), [0, 0, 0, 1])
    np.testing.assert_array_equal(stats.Poisson(0).pmf([0, 1, 20]), [1, 0, 0])
    assert stats.Binomial(0, 0.3).pmf(0) == 1


# ---- entropies ----


@pytest.mark.parametrize("a", SHAPES)
def test_entropies_of_continuous_laws(a):
    assert_log(stats.Gamma(a, 3).entropy(), exact_gamma_entropy(a) + mpmath.log(3), a, size=1 / a)
    half = mpf(a) / 2
    step = mpmath.digamma(half + 0.5) - mpmath.digamma(half)
    exact = (half + 0.5) * step - exact_student(0, a)
    assert_log(stats.StudentT(a).entropy(), exact, a, size=1 / a)
    for b in SHAPES:
        n = mpf(a) + mpf(b)
        exact = exact_gamma_entropy(a) + exact_gamma_entropy(b) - exact_gamma_entropy(n)
        exact -= mpmath.digamma(n)
        # The digamma of a small a is about -1 / a.
        assert_log(stats.Beta(a, b).entropy(), exact, a, b, size=1 / a + 1 / b)
    alpha = [a, 2.0, 5e3]
    s = sum(map(mpf, alpha))
    exact = sum(map(exact_gamma_entropy, alpha)) - exact_gamma_entropy(s) - 2 * mpmath.digamma(s)
    assert_log(stats.Dirichlet(alpha).entropy(), exact, *alpha, size=1 / a)


def test_entropies_of_rare_events():
    # -p log(p) - (1 - p) log(1 - p), over p for the geometric law.
    p = mpf(1e-18)
    exact = -(p * mpmath.log(p) + (1 - p) * mpmath.log1p(-p))
    assert stats.Bernoulli(1e-18).entropy() == pytest.approx(float(exact), rel=1e-14)
    assert stats.Geometric(1e-18).entropy() == pytest.approx(float(exact / p), rel=1e-14)
    assert stats.Bernoulli(1e-18).logpmf(0) == -1e-18
    assert stats.Geometric(1).entropy() == stats.Bernoulli(0).entropy() == 0


@pytest.mark.parametrize(
    "law",
    [stats.Binomial(10**7, 0.5), stats.Binomial(10**15, 1e-12), stats.Poisson(1e10)],
    ids=repr,
)
def test_entropies_of_wide_laws_that_are_sums(law):
    spread = 0.5 * math.log(2 * math.pi * math.e * law.variance())
    # The terms left out are below 1 / variance^2.
    exact = spread - law.skewness() ** 2 / 12
    assert law.entropy() == pytest.approx(exact, abs=1e-13 + law.variance() ** -2)


def test_entropies_of_laws_too_wide_for_a_sum():
    for law in (stats.Poisson(1e15), stats.Poisson(1e307), stats.Binomial(2**53, 0.3)):
        exact = 0.5 * (math.log(2 * math.pi) + 1 + math.log(law.variance()))
        assert law.entropy() == pytest.approx(exact, rel=1e-15)
        assert stats.cross_entropy(law, law) == law.entropy()
    both = stats.Binomial([3, 2**53], 0.3).entropy()
    assert both.tolist() == [stats.Binomial(n, 0.3).entropy() for n in (3, 2**53)]


def test_divergences_of_laws_too_wide_for_a_sum():
    lam, mu = mpf(1e15), mpf(1.0000001e15)
    exact = float(lam * mpmath.log(lam / mu) + mu - lam)
    assert kl_divergence(stats.Poisson(1e15), stats.Poisson(1.0000001e15)) == pytest.approx(
        exact, rel=1e-14
    )
    n, p, q = 2**53, mpf(0.3), mpf(0.3001)
    exact = float(n * (p * mpmath.log(p / q) + (1 - p) * mpmath.log((1 - p) / (1 - q))))
    found = kl_divergence(stats.Binomial(n, 0.3), stats.Binomial(n, 0.3001))
    assert found == pytest.approx(exact, rel=1e-12)
    # The formulas are those of the sums.
    found = information._counts_divergence([50.0], [60.0], -10.0)
    assert found == pytest.approx(kl_divergence(stats.Poisson(50), stats.Poisson(60)), rel=1e-12)
    found = information._counts_divergence([3.0, 7.0], [4.0, 6.0], -1.0)
    sums = kl_divergence(stats.Binomial(10, 0.3), stats.Binomial(10, 0.4))
    assert found == pytest.approx(sums, rel=1e-12)
    for p, q in (
        (stats.Poisson(1e15), stats.Geometric(0.5) - 1),
        (stats.Binomial(2**52, 0.3), stats.Binomial(2**53, 0.3)),
    ):
        with pytest.raises(ValueError, match="has too many points for a sum"):
            stats.cross_entropy(p, q)


def test_a_law_that_leaves_the_others_range_is_infinitely_far_from_it():
    # Values beyond it are too improbable to be among the points that a sum goes over.
    wide, narrow = stats.Binomial(10**7, 0.5), stats.Binomial(9 * 10**6, 0.5)
    assert kl_divergence(wide, narrow) == math.inf
    assert kl_divergence(stats.Poisson(3.5), stats.Binomial(100, 0.5)) == math.inf
    assert kl_divergence(narrow, wide) < math.inf


def test_the_variance_of_a_narrow_log_normal_law():
    assert stats.LogNormal(0, 1e-8).variance() == pytest.approx(1e-16, rel=1e-14)
