"""Events and their probabilities, bad parameters, SciPy's absence, and the law of data."""

import math

import numpy as np
import pytest
import scipy.stats as ss

from fastnet import stats

# ---- probabilities of events ----


def test_probability_of_intervals_and_sets():
    z = stats.Normal()
    assert z.probability((None, None)) == 1
    assert z.probability((-1, 1)) == pytest.approx(0.6826894921370859, rel=1e-15)
    assert z.probability((10, None)) == pytest.approx(7.61985302416e-24, rel=1e-11)
    assert z.probability((10, 11)) == pytest.approx(7.61985302416e-24, rel=1e-3)
    assert z.probability({1.0}) == 0
    k = stats.Binomial(10, 0.5)
    assert k.probability((4, 6)) == pytest.approx(sum(math.comb(10, i) for i in (4, 5, 6)) / 1024)
    assert k.probability((4, 4)) == pytest.approx(k.pmf(4), rel=1e-14)
    assert k.probability({4, 4.5}) == k.pmf(4)
    for low, high in ((-3, 5), (2, 2), (None, -8), (-7.9, None)):
        y = 4 - 2 * stats.Binomial(6, 0.25)
        points = y._points()
        inside = (points >= (-99 if low is None else low)) & (
            points <= (99 if high is None else high)
        )
        assert y.probability((low, high)) == pytest.approx(y.pmf(points[inside]).sum(), rel=1e-12)
    assert k.probability((0, None)) == 1
    assert k.probability(lambda x: x % 2 == 1) == pytest.approx(0.5)
    assert k.probability((4, 6)).error == 0
    huge = stats.Poisson(1e14)
    assert huge.probability((1e14, None)) == pytest.approx(0.5, abs=1e-6)
    assert abs(huge.probability(lambda x: x >= 1e14, rng=1) - 0.5) < 1e-3


def test_probability_by_monte_carlo_has_an_honest_error():
    z = stats.Normal()
    truth = 1 - z.probability((-1, 1))
    p = z.probability(lambda x: np.abs(x) > 1, rng=3)
    assert 0 <= p.error < 1e-4
    assert abs(p - truth) <= 1e-4
    # An event that every stratum splits: the error is that of as many independent values.
    rough = z.probability(lambda x: np.floor(x * 1e9) % 2 == 0, rng=3)
    assert rough.error == pytest.approx(0.5 / math.sqrt(2**16), rel=0.05)
    assert abs(rough - 0.5) < 5 * rough.error
    disc = stats.MultivariateNormal([0, 0], np.eye(2)).probability(
        lambda x: (x**2).sum(1) < 2, rng=5
    )
    assert abs(disc - (1 - math.exp(-1))) < 5 * disc.error


@pytest.mark.parametrize(
    ("error", "match", "event"),
    [
        (TypeError, "event must be", 3),
        (TypeError, "bools", lambda x: x),
        (ValueError, "shape", lambda x: x[:-1] > 0),
        (ValueError, "low <= high", (1, 0)),
        (ValueError, "low must", (math.nan, 0)),
    ],
)
def test_bad_events(error, match, event):
    with pytest.raises(error, match=match):
        stats.Normal().probability(event)


# ---- bad input ----


@pytest.mark.parametrize(
    ("match", "make"),
    [
        (r"sigma must be finite and in \(0, inf\), got 0.0", lambda: stats.Normal(0, 0)),
        ("sigma must", lambda: stats.Normal(0, -1)),
        ("mu must", lambda: stats.Normal(math.nan, 1)),
        ("sigma must", lambda: stats.LogNormal(0, math.inf)),
        ("low must be below high", lambda: stats.Uniform(1, 1)),
        ("low must be below high", lambda: stats.Uniform(2, 1)),
        ("high - low finite", lambda: stats.Uniform(-1.7e308, 1.7e308)),
        ("scale must", lambda: stats.Exponential([1, 0])),
        ("scale must", lambda: stats.Laplace(0, 0)),
        ("shape must", lambda: stats.Gamma(0)),
        ("df must", lambda: stats.ChiSquare(0)),
        ("df must", lambda: stats.StudentT(-1)),
        ("a must", lambda: stats.Beta(0, 1)),
        (r"p must be finite and in \[0, 1\], got 1.1", lambda: stats.Bernoulli(1.1)),
        ("n must be an integer", lambda: stats.Binomial(2.5, 0.5)),
        ("p must", lambda: stats.Binomial(2, -0.1)),
        ("lam must", lambda: stats.Poisson(-1)),
        ("p must", lambda: stats.Geometric(0)),
        ("p must sum to 1 within 1e-08, got 0.9", lambda: stats.Categorical([0.4, 0.5])),
        ("p must be in", lambda: stats.Categorical([-0.5, 1.5])),
        ("p must be", lambda: stats.Categorical([])),
        ("p must be 1-d", lambda: stats.Categorical([[1.0]])),
        ("increasing", lambda: stats.Categorical([0.5, 0.5], [1, 1])),
        ("data must be finite", lambda: stats.Empirical([1, math.nan])),
        ("data must have shape", lambda: stats.Empirical([])),
        ("weights must be", lambda: stats.Empirical([1, 2], [0, 0])),
        ("weights must be", lambda: stats.Empirical([1, 2], [1, -1])),
    ],
)
def test_bad_parameters(match, make):
    with pytest.raises(ValueError, match=match):
        make()


def test_what_is_no_distribution_or_parameter():
    with pytest.raises(TypeError, match="mu must be"):
        stats.Normal("0")
    with pytest.raises(TypeError, match="got a function"):
        stats.as_distribution(lambda x: x)
    with pytest.raises(TypeError, match="the class Normal"):
        stats.as_distribution(stats.Normal)
    with pytest.raises(ValueError, match="scalar parameters"):
        stats.as_distribution(ss.norm([0, 1]))
    with pytest.raises(ValueError, match=r"parameters that its law allows, got .*norm\(0, -1\)"):
        stats.as_distribution(ss.norm(0, -1))
    law = stats.Normal()
    assert stats.as_distribution(law) is law
    frozen = ss.multivariate_normal([1, 2], [[2, 1], [1, 2]])
    assert stats.as_distribution(frozen).logpdf([0, 0]) == pytest.approx(frozen.logpdf([0, 0]))
    shares = ss.dirichlet([2, 3, 4])
    x = [0.2, 0.3, 0.5]
    assert stats.as_distribution(shares).logpdf(x) == pytest.approx(shares.logpdf(x))


@pytest.mark.parametrize("law", [stats.Normal([0, 1]), stats.Poisson([1, 2]), stats.Gamma([1, 2])])
def test_several_laws_in_an_array_have_no_single_probability_or_entropy(law):
    for event in ((0, 1), {1, 2}, lambda x: x > 0):
        with pytest.raises(ValueError, match=r"probability's law must .* got some of shape \(2,\)"):
            law.probability(event)
    for f in (
        stats.entropy,
        lambda law: stats.kl_divergence(law, law),
        lambda law: stats.cross_entropy(law, law),
    ):
        with pytest.raises(ValueError, match="p must have scalar parameters"):
            f(law)


def test_without_scipy_the_extra_is_named(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "scipy.special", None)
    with pytest.raises(ImportError, match=r"fastnet-cpu\[stats\]"):
        stats.Gamma(2).cdf(1)
    assert stats.Normal().cdf(0) == 0.5
    assert stats.Gamma(1).logpdf(1.0) == -1


# ---- the law of data ----


def test_empirical():
    data = np.array([3.0, 1, 4, 1, 5, 9, 2, 6])
    w = np.array([1.0, 2, 0, 1, 1, 0.5, 3, 1])
    law = stats.Empirical(data, w)
    p = w / w.sum()
    assert law.mean() == pytest.approx(p @ data)
    assert law.variance() == pytest.approx(p @ (data - p @ data) ** 2)
    assert law.pmf(1) == pytest.approx(3 / 9.5)
    assert law.pmf(4) == 0
    assert law.cdf(2) == pytest.approx(6 / 9.5)
    assert law.effective_sample_size == pytest.approx(w.sum() ** 2 / (w**2).sum())
    equal = stats.Empirical(data)
    assert equal.effective_sample_size == pytest.approx(8)
    for q in (0.1, 0.25, 0.5, 0.8):
        assert equal.icdf(q) == np.quantile(data, q, method="inverted_cdf")
    rows = np.random.default_rng(1).standard_normal((50, 3))
    law = stats.Empirical(rows)
    np.testing.assert_allclose(law.covariance(), np.cov(rows.T, ddof=0), rtol=1e-12)
    assert law.sample((4, 2), rng=1).shape == (4, 2, 3)
    assert law.probability(lambda x: x[:, 0] > 0) == pytest.approx((rows[:, 0] > 0).mean())
    assert law.entropy() == pytest.approx(math.log(50))
    with pytest.raises(TypeError, match="numbers only"):
        law.cdf(0)
    with pytest.raises(TypeError, match="vectors only"):
        equal.covariance()
