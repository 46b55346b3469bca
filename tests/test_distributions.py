"""Distributions against SciPy's over grids of parameters, and what holds of every law."""

import itertools
import math
import pickle

import numpy as np
import pytest
import scipy.special
import scipy.stats as ss
from hypothesis import given, settings
from hypothesis import strategies as st

from fastnet import stats
from fastnet.stats._normal import normal_cdf, normal_icdf

TWINS = [
    (stats.Normal(), ss.norm()),
    (stats.Normal(-3, 0.01), ss.norm(-3, 0.01)),
    (stats.LogNormal(0.3, 0.7), ss.lognorm(0.7, scale=math.exp(0.3))),
    (stats.LogNormal(-2, 1.5), ss.lognorm(1.5, scale=math.exp(-2))),
    (stats.Uniform(), ss.uniform()),
    (stats.Uniform(-1, 3), ss.uniform(-1, 4)),
    (stats.Laplace(1, 2), ss.laplace(1, 2)),
    (stats.Exponential(3), ss.expon(scale=3)),
    (stats.Gamma(0.3), ss.gamma(0.3)),
    (stats.Gamma(1, 5), ss.gamma(1, scale=5)),
    (stats.Gamma(2.5, 2), ss.gamma(2.5, scale=2)),
    (stats.Gamma(400, 0.1), ss.gamma(400, scale=0.1)),
    (stats.ChiSquare(1), ss.chi2(1)),
    (stats.ChiSquare(7), ss.chi2(7)),
    (stats.Beta(0.5, 0.5), ss.beta(0.5, 0.5)),
    (stats.Beta(3, 4), ss.beta(3, 4)),
    (stats.Beta(1, 20), ss.beta(1, 20)),
    (stats.StudentT(1), ss.t(1)),
    (stats.StudentT(2.5), ss.t(2.5)),
    (stats.StudentT(30), ss.t(30)),
    (stats.Bernoulli(0.3), ss.bernoulli(0.3)),
    (stats.Binomial(10, 0.3), ss.binom(10, 0.3)),
    (stats.Binomial(1000, 0.01), ss.binom(1000, 0.01)),
    (stats.Poisson(0.1), ss.poisson(0.1)),
    (stats.Poisson(3.5), ss.poisson(3.5)),
    (stats.Poisson(500), ss.poisson(500)),
    (stats.Geometric(0.2), ss.geom(0.2)),
    (stats.Geometric(0.001), ss.geom(0.001)),
    (2 - 3 * stats.Exponential(2), None),
    (stats.Gamma(2) / 2 + 1, ss.gamma(2, 1, 0.5)),
    (3 * stats.StudentT(5) - 1, ss.t(5, -1, 3)),
    (stats.Poisson(2) + 5, ss.poisson(2, 5)),
    (4 - 2 * stats.Binomial(6, 0.25), None),
    (stats.Categorical([0.2, 0.3, 0.5]), None),
    (stats.Categorical([0.5, 0, 0.5], [-1, 2.5, 7]), None),
    (stats.Empirical([3.0, 1, 4, 1, 5], [1, 2, 0, 3, 4]), None),
    (stats.as_distribution(ss.gumbel_r(1, 2)), ss.gumbel_r(1, 2)),
    (stats.as_distribution(ss.nbinom(5, 0.3)), ss.nbinom(5, 0.3)),
]
LAWS = [law for law, _ in TWINS]
IDS = [repr(law) for law in LAWS]
PAIRS = [(law, twin) for law, twin in TWINS if twin is not None]
each_law = pytest.mark.parametrize("law", LAWS, ids=IDS)
each_pair = pytest.mark.parametrize(("law", "twin"), PAIRS, ids=[repr(law) for law, _ in PAIRS])


def density(law):
    return (law.pmf, law.logpmf) if law.discrete else (law.pdf, law.logpdf)


def points(law, twin=None):
    """Return points over the support and beyond it."""
    x = np.asarray((twin.ppf if twin is not None else law.icdf)(np.linspace(1e-4, 1 - 1e-4, 97)))
    if law.discrete:
        x = np.concatenate([x, x + 0.5])
    low, high = law.support()
    return np.unique(np.concatenate([x, [max(low, -1e3) - 1, min(high, 1e3) + 1]]))


# ---- against SciPy ----


@each_pair
def test_functions_are_those_of_scipy(law, twin):
    x = points(law, twin)
    mass = twin.dist.__class__.pmf if law.discrete else None
    theirs = (twin.pmf, twin.logpmf) if mass else (twin.pdf, twin.logpdf)
    for ours, other in zip(
        (*density(law), law.cdf, law.ccdf), (*theirs, twin.cdf, twin.sf), strict=True
    ):
        with np.errstate(divide="ignore"):
            expected = other(x)
        # The functions of the gamma family differ by some 1e-13 between implementations, where
        # log-gamma of 1000 cancels.
        np.testing.assert_allclose(ours(x), expected, rtol=5e-12, atol=1e-300)
    p = np.linspace(0.0101, 0.9901, 99)  # on no step of a cdf
    np.testing.assert_allclose(law.icdf(p), twin.ppf(p), rtol=1e-11, atol=1e-12)
    tails = np.array([1e-12, 1e-6, 1 - 1e-6])
    np.testing.assert_allclose(law.icdf(tails), twin.ppf(tails), rtol=1e-9)
    assert law.support() == tuple(map(float, twin.support()))


@each_pair
def test_moments_and_entropy_are_those_of_scipy(law, twin):
    if isinstance(law, stats.StudentT) and law.df == 1:
        assert math.isnan(law.mean())  # SciPy says inf
        return
    ours = [law.mean(), law.variance(), law.skewness(), law.kurtosis()]
    theirs = [float(v) for v in twin.stats(moments="mvsk")]
    np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(law.entropy(), twin.entropy(), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(law.standard_deviation(), math.sqrt(theirs[1]))


def test_normal_functions_in_the_tails():
    z = np.linspace(-37, 9, 2001)
    # z / sqrt(2) is rounded, which exp(-z^2 / 2) magnifies by z^2 = 1400.
    np.testing.assert_allclose(normal_cdf(z), scipy.special.ndtr(z), rtol=1400 * 2.3e-16)
    p = np.concatenate([10.0 ** -np.arange(1, 308), np.linspace(0.001, 0.999, 999)])
    np.testing.assert_allclose(normal_icdf(p), scipy.special.ndtri(p), rtol=2e-15, atol=1e-16)
    np.testing.assert_array_equal(normal_icdf(np.array([0, 0.5, 1])), [-np.inf, 0, np.inf])
    assert stats.Normal().ccdf(10) == stats.Normal().cdf(-10) > 0


# ---- what holds of every law ----


@each_law
def test_density_sums_or_integrates_to_one_and_to_the_cdf(law):
    low, high = law.support()
    if law.discrete:
        x = np.sort(law._points())
        assert math.fsum(law.pmf(x)) == pytest.approx(1, abs=1e-12)
        np.testing.assert_allclose(np.cumsum(law.pmf(x)), law.cdf(x), atol=1e-12)
        return
    ends = law.icdf(np.array([0.01, 0.3, 0.5, 0.99]))
    for a, b in itertools.pairwise(ends):
        integral, error = scipy.integrate.quad(law.pdf, a, b, limit=200)
        assert integral == pytest.approx(law.cdf(b) - law.cdf(a), abs=1e-9 + error)
    assert (law.cdf(low), law.cdf(high)) == (0, 1)


@each_law
def test_quantiles_are_the_inverse_of_the_cdf(law):
    p = np.concatenate([[0, 1e-9, 1e-5], np.linspace(0.001, 0.999, 500), [1 - 1e-9, 1]])
    x = law.icdf(p)
    assert np.all(np.diff(x) >= 0)
    np.testing.assert_array_equal([x[0], x[-1]], law.support())
    if law.discrete:
        # The least x with cdf(x) >= p; cdf and its inverse may disagree about a rounding.
        assert np.all(law.cdf(x) >= p - 1e-13)
        before = x - np.where(np.isinf(x), 0, 1e-6 * np.maximum(np.abs(x), 1))
        assert np.all((law.cdf(before) < p + 1e-13) | (p == 0) | np.isinf(x))
    else:
        np.testing.assert_allclose(law.cdf(x), p, rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(law.cdf(x) + law.ccdf(x), 1, rtol=1e-11)
    assert np.isnan(law.icdf([-0.1, 1.1, np.nan])).all()


@each_law
def test_moments_are_those_of_the_density(law):
    if law.discrete:
        x = law._points()
        p = law.pmf(x)
    else:
        # Midpoints of 2^17 strata of equal probability; their moments miss what the tails hold.
        x = law.icdf((np.arange(2**17) + 0.5) / 2**17)
        p = np.full(len(x), 2.0**-17)
    heavy = not law.discrete and not law.kurtosis() < 10
    if heavy:
        return
    mean = p @ x
    tolerance = 1e-9 if law.discrete else 2e-3
    assert law.mean() == pytest.approx(mean, rel=tolerance, abs=tolerance)
    variance = p @ (x - mean) ** 2
    assert law.variance() == pytest.approx(variance, rel=tolerance)
    assert law.skewness() == pytest.approx(p @ (x - mean) ** 3 / variance**1.5, abs=0.02)
    log = density(law)[1](x)
    assert law.entropy() == pytest.approx(-(p @ np.where(p > 0, log, 0)), abs=5e-3)


@each_law
def test_odd_points(law):
    f, log = density(law)
    for x in (np.nan, np.inf, -np.inf):
        with np.errstate(invalid="ignore"):
            values = [f(x), law.cdf(x), law.ccdf(x)]
        if math.isnan(x):
            assert np.isnan(values).all()
        else:
            assert values == [0, float(x > 0), float(x < 0)]
    assert isinstance(f(0.0), float)
    assert f(np.zeros((2, 3))).shape == (2, 3)
    assert f([]).shape == (0,)
    assert log(np.float32(0.5)) == log(0.5)
    assert (law.sf(0.5), law.ppf(0.5)) == (law.ccdf(0.5), law.icdf(0.5))
    assert math.isnan(law.var()) or (law.var(), law.std()) == (
        law.variance(),
        law.standard_deviation(),
    )
    with pytest.raises(TypeError, match="x must be"):
        f("1")
    again = pickle.loads(pickle.dumps(law))
    assert again.cdf(0.3) == law.cdf(0.3)
    assert repr(again) == repr(law)


@each_law
def test_samples_are_of_the_law(law):
    n = 20_000
    x = law.sample(n, rng=7)
    assert x.shape == (n,)
    assert x.dtype == np.float64
    # 38 tests at a false-alarm rate of 1e-5 each: one seed in 2600 would fail.
    if law.discrete:
        values = np.sort(law._points())
        values = values[law.pmf(values) * n >= 5]
        observed = np.array([(x == v).sum() for v in values])
        expected = law.pmf(values) * n
        rest = n - observed.sum(), n - expected.sum()
        if rest[1] >= 5:
            observed, expected = np.append(observed, rest[0]), np.append(expected, rest[1])
        else:
            assert rest[0] <= 30
            expected *= observed.sum() / expected.sum()
        if len(observed) > 1:
            assert ss.chisquare(observed, expected).pvalue > 1e-5
    else:
        assert ss.kstest(x, law.cdf).pvalue > 1e-5
    assert law.sample(rng=1) == law.sample((), rng=1) == law.rvs(random_state=1)
    assert law.sample((2, 3), rng=1, dtype=np.float32).dtype == np.float32
    out = np.empty((4, 5))
    assert law.sample(rng=np.random.default_rng(3), out=out) is out
    np.testing.assert_array_equal(law.sample((4, 5), rng=np.random.default_rng(3)), out)


# ---- arithmetic and array parameters ----


@given(st.floats(-5, 5).filter(lambda a: abs(a) > 1e-3), st.floats(-5, 5))
@settings(max_examples=30, deadline=None)
def test_affine(a, b):
    for x in (
        stats.Normal(1, 2),
        stats.Gamma(2.5),
        stats.Uniform(1, 3),
        stats.Laplace(),
        stats.Poisson(3),
    ):
        y = a * x + b
        assert y.mean() == pytest.approx(a * x.mean() + b, rel=1e-12, abs=1e-12)
        assert y.variance() == pytest.approx(a * a * x.variance(), rel=1e-12)
        assert y.skewness() == pytest.approx(math.copysign(1, a) * x.skewness())
        assert y.kurtosis() == x.kurtosis()
        q = float(x.icdf(0.3))
        beyond = x.cdf(q) if a > 0 else x.probability((q, None))
        assert y.cdf(a * q + b) == pytest.approx(beyond, rel=1e-10)
        back = (y - b) / a
        assert back.mean() == pytest.approx(x.mean(), rel=1e-9, abs=1e-9)


def test_arithmetic_forms():
    x = stats.Exponential()
    assert (1 - x).mean() == (-x + 1).mean() == (x * -1 + 1).mean() == 0
    assert (np.float64(2) * x).mean() == 2
    assert (np.int64(2) + x).mean() == 3
    for bad in (lambda: x * "a", lambda: x + x, lambda: [1] * x):
        with pytest.raises(TypeError):
            bad()
    for bad in (0, math.inf, math.nan):
        with pytest.raises(ValueError, match="scale must"):
            bad * x
    assert (stats.Normal(1, 2) * 2)._draw == ("normal", 2.0, 4.0)
    assert stats.Exponential(2)._draw == ("exponential", 0.0, 2.0)
    assert (x + 1)._draw is None


def test_parameters_may_be_arrays():
    mu = np.array([[0.0], [1.0]])
    law = stats.Normal(mu, [1, 2, 3])
    assert law.mean().shape == law.entropy().shape == law.support()[0].shape == (2, 3)
    assert law.sample(rng=1).shape == (2, 3)
    assert law._draw is None
    for i in range(2):
        for j in range(3):
            one = stats.Normal(mu[i, 0], j + 1)
            assert law.logpdf(0.5)[i, j] == one.logpdf(0.5)
            assert law.icdf(0.3)[i, j] == one.icdf(0.3)
    np.testing.assert_allclose(
        stats.Poisson([1.0, 4.0]).entropy(), [stats.Poisson(v).entropy() for v in (1, 4)]
    )
    for law in (
        stats.Gamma([1, 2], 3), stats.Beta([1, 2], 3), stats.StudentT([1, 5]),
        stats.Binomial([2, 3], 0.5), stats.Geometric([0.2, 1]), stats.Bernoulli([0.2, 1]),
        stats.Exponential([1, 2]),
    ):  # fmt: skip
        for f in (law.mean, law.variance, law.skewness, law.kurtosis, law.entropy):
            assert f().shape == (2,)
        assert law.cdf(1.0).shape == law.icdf(0.25).shape == law.support()[1].shape == (2,)
    with pytest.raises(ValueError, match="broadcast"):
        stats.Normal([1, 2], [1, 2, 3])
