"""Laws with attempts, tables and vectors: the reference's values, equal bits, fit, bad parameters.

Tests of fit have fixed seeds, so they never fail by chance; a new seed would fail each of their
comparisons with probability 1e-4 (`LEVEL`).
"""

import numpy as np
import pytest
import scipy.stats
from helpers import FMA_LEVELS, assert_same_bits, use_threads

import fastnet
from fastnet import _core
from fastnet.random import Generator
from fastnet.reference.gamma import DIRICHLET_RANGE
from fastnet.reference.random import Generator as Reference

LEVEL = 1e-4
# A law's method and arguments, and scipy.stats' law of the same values. The parameters are on both
# sides of where the algorithms change: gamma at 1, Poisson and binomial at a mean of 10.
CONTINUOUS = {
    "gamma .3": ("gamma", (0.3, 2.0), scipy.stats.gamma(0.3, scale=2)),
    "gamma 1": ("gamma", (1,), scipy.stats.gamma(1)),
    "gamma 45": ("gamma", (45.5,), scipy.stats.gamma(45.5)),
    "chisquare": ("chisquare", (3,), scipy.stats.chi2(3)),
    "standard_t .5": ("standard_t", (0.5,), scipy.stats.t(0.5)),
    "standard_t 12": ("standard_t", (12,), scipy.stats.t(12)),
    "beta .5": ("beta", (0.5, 0.7), scipy.stats.beta(0.5, 0.7)),
    "beta 20": ("beta", (20, 3), scipy.stats.beta(20, 3)),
}
P = [0.1, 0.0, 0.45, 0.3, 0.05, 0.1]
DISCRETE = {
    "bernoulli": ("bernoulli", (0.3,), scipy.stats.bernoulli(0.3)),
    "categorical": ("categorical", (P,), scipy.stats.rv_discrete(values=(range(6), P))),
    "poisson .2": ("poisson", (0.2,), scipy.stats.poisson(0.2)),
    "poisson 9": ("poisson", (9.5,), scipy.stats.poisson(9.5)),
    "poisson 10": ("poisson", (10,), scipy.stats.poisson(10)),
    "poisson 1e4": ("poisson", (1e4,), scipy.stats.poisson(1e4)),
    "binomial 7": ("binomial", (7, 0.4), scipy.stats.binom(7, 0.4)),
    "binomial 20": ("binomial", (20, 0.5), scipy.stats.binom(20, 0.5)),
    "binomial 1000": ("binomial", (1000, 0.97), scipy.stats.binom(1000, 0.97)),
    "binomial 1e6": ("binomial", (10**6, 0.3), scipy.stats.binom(10**6, 0.3)),
    "geometric .7": ("geometric", (0.7,), scipy.stats.geom(0.7)),
    "geometric .01": ("geometric", (0.01,), scipy.stats.geom(0.01)),
}
COV = [[2.0, 0.6, -0.4], [0.6, 1.0, 0.1], [-0.4, 0.1, 0.5]]
VECTORS = {
    "dirichlet": ("dirichlet", ([0.5, 1.0, 1.5],)),
    "dirichlet .05": ("dirichlet", ([0.05, 3.0, 1.0],)),
    "multivariate_normal": ("multivariate_normal", ([1.0, -2.0, 0.0], COV)),
}
LAWS = {**CONTINUOUS, **DISCRETE, **VECTORS}


def draw(rng, law, n, **options):
    method, arguments = LAWS[law][:2]
    return getattr(rng, method)(*arguments, size=n, **options)


def width(law):
    return 3 if law in VECTORS else 1


@pytest.mark.parametrize("law", LAWS)
def test_values_are_the_reference_s_at_any_position_and_length(isa, law):
    expected = draw(Reference(5), law, 60)
    for position, n in ((0, 60), (1, 7), (2, 0), (3, 1), (17, 43)):
        values = draw(Generator(5).advance(position * width(law)), law, n)
        part = expected[position : position + n]
        if law in DISCRETE:
            np.testing.assert_array_equal(values, part)
        else:
            np.testing.assert_allclose(values, part, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("law", LAWS)
def test_calls_continue_each_other(isa, law):
    rng = Generator(1)
    parts = [draw(rng, law, n) for n in (3, 2, 0, 1, 40, 17, 1)]
    assert rng.position == 64 * width(law)
    assert_same_bits(np.concatenate(parts), draw(Generator(1), law, 64))


@pytest.mark.parametrize("law", LAWS)
def test_same_bits_at_every_level_and_thread_count(law):
    results = []
    for level in fastnet.runtime.isa_supported() if law in DISCRETE else FMA_LEVELS:
        for n in (1, 2, 7):
            use_threads(n)
            with fastnet.runtime.use_isa(level):
                results.append(draw(Generator(5).advance(3), law, 3001))
    with fastnet.runtime.use_isa("baseline"):
        base = draw(Generator(5).advance(3), law, 3001)
    use_threads(None)
    for result in results[1:]:
        assert_same_bits(result, results[0])
    np.testing.assert_allclose(base, results[0], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("law", [*CONTINUOUS, *VECTORS])
def test_float32_and_outputs(law):
    wide = draw(Generator(2), law, 500)
    out = np.empty(wide.shape, np.float32)
    values = draw(Generator(2), law, 500, dtype=np.float32, out=out)
    assert values is out
    if law != "multivariate_normal":  # which has float32 normals of its own
        assert_same_bits(values, wide.astype(np.float32))
    out = np.empty(wide.shape)
    assert draw(Generator(2), law, None, out=out) is out
    assert_same_bits(out, wide)


@pytest.mark.parametrize("law", DISCRETE)
def test_integer_dtypes_and_outputs(law):
    wide = draw(Generator(2), law, 500)
    values = draw(Generator(2), law, (20, 25), dtype=np.int32)
    assert values.dtype == np.int32
    np.testing.assert_array_equal(values.ravel(), wide)
    out = np.empty(500, np.uint64)
    assert draw(Generator(2), law, None, dtype=np.uint64, out=out) is out
    np.testing.assert_array_equal(out, wide)
    assert np.ndim(draw(Generator(2), law, None)) == 0


# ---- parameters that are arrays ----


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("gamma", ([0.3, 1, 40], [[1.0], [2.0]])),
        ("chisquare", ([0.5, 3],)),
        ("standard_t", ([[0.5], [30]],)),
        ("beta", ([0.5, 20], 2)),
        ("poisson", ([0, 0.5, 9.9, 10, 1e5],)),
        ("binomial", ([0, 5, 1000], [[0.2], [0.9]])),
        ("geometric", ([1, 0.5, 1e-4],)),
        ("bernoulli", ([0, 0.25, 1, 1e-12],)),
    ],
)
def test_array_parameters_give_the_values_of_single_ones(isa, method, arguments):
    shape = np.broadcast_shapes(*(np.shape(a) for a in arguments))
    values = getattr(Generator(1), method)(*arguments, size=(50, *shape))
    flat = [np.broadcast_to(a, (50, *shape)).ravel() for a in arguments]
    single = [
        getattr(Generator(1).advance(i), method)(*(a[i].item() for a in flat))
        for i in range(values.size)
    ]
    assert_same_bits(values.ravel(), np.array(single, values.dtype))
    assert getattr(Generator(1), method)(*arguments).shape == shape


# ---- fit ----


@pytest.mark.parametrize("law", CONTINUOUS)
def test_continuous_laws_fit(law):
    # p-values of many comparisons are uniform themselves: one test of them all.
    cdf = LAWS[law][2].cdf
    p = [scipy.stats.kstest(draw(Generator(s), law, 5_000), cdf).pvalue for s in range(20)]
    assert scipy.stats.kstest(p, "uniform").pvalue > LEVEL


@pytest.mark.parametrize("law", DISCRETE)
def test_discrete_laws_fit(law):
    # Bins of whole numbers, of 0.5 % at least, to which those beyond are added.
    frozen = LAWS[law][2]
    cuts = np.unique(frozen.ppf(np.linspace(0.01, 0.99, 40)))
    chances = np.diff(np.concatenate([[0], frozen.cdf(cuts), [1]]))
    cuts = cuts[chances[:-1] > 0.005]
    chances = np.diff(np.concatenate([[0], frozen.cdf(cuts), [1]]))
    if chances[-1] < 0.005:
        cuts, chances = cuts[:-1], np.append(chances[:-2], chances[-2] + chances[-1])
    for seed in range(4):
        values = draw(Generator(seed), law, 50_000)
        counts = np.bincount(np.searchsorted(cuts, values), minlength=len(chances))
        assert scipy.stats.chisquare(counts, chances * values.size).pvalue > LEVEL


@pytest.mark.parametrize("alpha", [(0.5, 3.0, 1.5), (0.05, 3.0, 1.0)])
def test_dirichlet_fits(alpha):
    x = Generator(3).dirichlet(alpha, 50_000)
    np.testing.assert_allclose(x.sum(axis=1), 1, rtol=1e-14)
    for i, a in enumerate(alpha):  # the marginals are beta laws
        assert scipy.stats.kstest(x[:, i], scipy.stats.beta(a, sum(alpha) - a).cdf).pvalue > LEVEL


def test_dirichlet_goes_by_logarithms_where_the_reference_does():
    assert _core.DIRICHLET_RANGE == DIRICHLET_RANGE
    for alpha in DIRICHLET_RANGE:
        for a in (alpha, np.nextafter(alpha, 0), np.nextafter(alpha, np.inf)):
            expected = Reference(5).dirichlet([a, a, a], 20)
            np.testing.assert_allclose(Generator(5).dirichlet([a, a, a], 20), expected, rtol=1e-12)


@pytest.mark.parametrize("least", [0.3, 0.05])
def test_dirichlet_of_many_categories(least):
    # More than the sampler makes the constants of once; any rows of it are those of a longer call.
    alpha = np.linspace(least, 4, 700)
    x = Generator(3).dirichlet(alpha, 200)
    np.testing.assert_allclose(x.mean(axis=0), alpha / alpha.sum(), rtol=0.9, atol=1e-3)
    use_threads(7)
    part = Generator(3).advance(3 * 700).dirichlet(alpha, 5)
    use_threads(None)
    assert_same_bits(part, x[3:8])


def test_multivariate_normal_fits():
    mean = np.array([1.0, -2.0, 0.0])
    x = Generator(3).multivariate_normal(mean, COV, 50_000)
    # Squared Mahalanobis distances are chi-square, whitened coordinates normal and uncorrelated.
    z = np.linalg.solve(np.linalg.cholesky(COV), (x - mean).T)
    assert scipy.stats.kstest((z**2).sum(axis=0), scipy.stats.chi2(3).cdf).pvalue > LEVEL
    for i in range(3):
        assert scipy.stats.kstest(z[i], "norm").pvalue > LEVEL
        for j in range(i):
            assert scipy.stats.pearsonr(z[i], z[j]).pvalue > LEVEL


def test_singular_covariances():
    # Rank 1, a constant coordinate, and variances of very different size.
    a = np.array([1.0, -2.0, 1e-9])
    x = Generator(4).multivariate_normal([0, 0, 5], np.outer(a, a), 1000)
    np.testing.assert_allclose(x[:, 1], -2 * x[:, 0], rtol=1e-14)
    np.testing.assert_allclose(x[:, 2] - 5, 1e-9 * x[:, 0], atol=2e-15)
    x = Generator(4).multivariate_normal([3, 0], [[0, 0], [0, 1e-20]], 1000)
    assert (x[:, 0] == 3).all()
    assert abs(x[:, 1].std() / 1e-10 - 1) < 0.1


def test_extreme_parameters():
    rng = Generator(6)
    tiny = rng.beta(1e-3, 1e-3, 2000)  # half of the gamma values underflow
    assert ((tiny >= 0) & (tiny <= 1)).all()
    assert abs((tiny < 0.5).mean() - 0.5) < 0.06
    assert np.isfinite(rng.dirichlet([1e-3] * 5, 2000)).all()
    np.testing.assert_allclose(rng.dirichlet([1e308] * 4, 3), 0.25, rtol=1e-14)
    for a in (5.0, 0.05, 1e300):  # a value over itself
        assert (rng.dirichlet([a], 10_000) == 1).all()
    assert (rng.gamma(0, size=3) == 0).all()
    big = rng.gamma(1e300, size=10)
    assert (abs(big / 1e300 - 1) < 1e-12).all()
    large = rng.poisson(2.0**62, 100)
    assert (abs(large / 2.0**62 - 1) < 10 / 2**31).all()
    n = rng.binomial(2**62, 0.25, 100)
    assert (abs(n / 2.0**60 - 1) < 1e-8).all()
    assert (rng.binomial(5, 0, 9) == 0).all()
    assert (rng.binomial(5, 1, 9) == 5).all()
    # From the integer n, which a double would round to 2^63.
    assert (rng.binomial(2**63 - 1, 1, 9) == 2**63 - 1).all()
    assert (rng.geometric(1e-300, 9) == 2**63 - 1).all()
    assert (rng.geometric(1, 9) == 1).all()


def test_gamma_values_of_no_shapes_are_none():
    none = np.empty(0)
    _core.random_gamma(none, 0, 0, 5, 0, 0, none.copy())
    with pytest.raises(ValueError, match="must be a multiple of shape's, 0, got 1"):
        _core.random_gamma(none, 0, 0, 5, 0, 0, np.empty(1))


def test_rare_categories_and_coins():
    # A category of probability 0 is never drawn, and one of 2^-40 has its share of the table.
    p = np.array([0.0, 2.0**-40, 1 - 2.0**-40, 0.0])
    x = Generator(7).categorical(p, 200_000)
    assert set(np.unique(x)) <= {1, 2}
    many = np.full(1000, 1e-3)
    counts = np.bincount(Generator(7).categorical(many, 200_000), minlength=1000)
    assert scipy.stats.chisquare(counts).pvalue > LEVEL
    assert not Generator(7).bernoulli(0, 1000).any()
    assert Generator(7).bernoulli(1, 1000).all()


def test_coins_that_the_first_32_bits_do_not_decide(isa):
    # Of words w = floor(p 2^32) the next attempt decides: p is put at such a word's place.
    from fastnet.reference.philox import BERNOULLI, words32

    rng = Generator(8)
    word = int(words32(rng.key, BERNOULLI, 0, 5, 1)[0])
    lower = int(words32(rng.key, BERNOULLI, 1, 5, 1)[0])
    for offset, expected in ((-4096, False), (4096, True)):
        p = (word + (lower + offset) * 2.0**-32) * 2.0**-32
        assert Generator(8).advance(5).bernoulli(p) == expected
        assert Generator(8).bernoulli(p, 20)[5] == expected
        assert Generator(8).bernoulli(np.full(20, p))[5] == expected
        assert Generator(8).bernoulli(p, 20, dtype=float)[5] == expected


# ---- choice ----


def test_choice_with_and_without_replacement():
    rng = Generator(9)
    assert sorted(rng.choice(6, 6, replace=False).tolist()) == list(range(6))
    assert type(rng.choice(6)) is int
    table = np.arange(12).reshape(3, 4)
    assert rng.choice(table, 2).shape == (2, 4)
    assert rng.choice(table, (2, 2), axis=1).shape == (3, 2, 2)
    assert set(rng.choice(["a", "b", "c"], 50, p=[0.5, 0, 0.5])) == {"a", "c"}
    assert rng.choice(0, 0).shape == (0,)
    counts = np.bincount(Generator(9).choice(5, 50_000), minlength=5)
    assert scipy.stats.chisquare(counts).pvalue > LEVEL


def test_choice_without_replacement_draws_one_after_another():
    # All orders of two out of three have the probability p_i p_j / (1 - p_i).
    p = np.array([0.5, 0.3, 0.2])
    rng = Generator(10)
    counts = np.zeros((3, 3))
    for _ in range(4_000):
        i, j = rng.choice(3, 2, replace=False, p=p)
        counts[i, j] += 1
    expected = p[:, None] * p / (1 - p[:, None])
    off = ~np.eye(3, dtype=bool)
    assert (counts[~off] == 0).all()
    assert scipy.stats.chisquare(counts[off], expected[off] * 4_000).pvalue > LEVEL


# ---- bad input ----


@pytest.mark.parametrize(
    ("method", "arguments", "message"),
    [
        ("gamma", (-1,), "shape must be finite and at least 0, got -1"),
        ("gamma", (1, -2), "scale must be finite and at least 0, got -2"),
        ("gamma", ([1, np.nan],), "shape must be finite"),
        ("chisquare", (0,), "df must be finite and above 0, got 0"),
        ("standard_t", (np.inf,), "df must be finite and above 0, got inf"),
        ("beta", (1, 0), "b must be finite and above 0, got 0"),
        ("beta", (-1, 1), "a must be finite and above 0, got -1"),
        ("dirichlet", ([1, 0],), "alpha must be finite and above 0"),
        ("dirichlet", ([],), r"alpha must have shape \(d,\)"),
        ("poisson", (-0.1,), r"lam must be in \[0, 9.22337e\+18\], got -0.1"),
        ("poisson", (1e19,), "lam must be in"),
        ("poisson", (np.nan,), "lam must be in"),
        ("binomial", (-1, 0.5), r"n must be from 0 to 2\*\*63 - 1, got -1"),
        ("binomial", (3, 1.5), r"p must be in \[0, 1\], got 1.5"),
        ("geometric", (0,), r"p must be in \(0, 1\], got 0"),
        ("bernoulli", (np.nan,), r"p must be in \[0, 1\], got nan"),
        ("categorical", ([0.5, 0.6],), r"p must have the sum 1, got 1\.1"),
        ("categorical", ([1.5, -0.5],), "p must be finite and at least 0"),
        ("categorical", ([[1.0]],), r"p must have shape \(categories,\), got \(1, 1\)"),
        ("choice", (3, 4, False), r"a must have entries for size 4, got 3"),
        ("choice", (3, 3, False, [0.5, 0.5, 0]), r"a must have entries for size 3, got 2"),
        ("choice", (0, 1), "a must have entries for size 1, got 0"),
        ("choice", (3, 1, True, [0.5, 0.5]), "p must have one probability for each of the 3"),
        ("multivariate_normal", ([0, 0], [[1, 2], [2, 1]]), "cov must be positive semidefinite"),
        ("multivariate_normal", ([0, 0], [[1, 0.1], [0, 1]]), "cov must be symmetric"),
        ("multivariate_normal", ([0, 0], [[0, 0.1], [0.1, 1]]), "cov must be positive semid"),
        ("multivariate_normal", ([0, 0], [[-1, 0], [0, 1]]), "cov must be positive semidefinite"),
        ("multivariate_normal", ([0, 0], [1, 1]), r"cov must have shape \(2, 2\)"),
        ("multivariate_normal", ([0, np.nan], np.eye(2)), "mean must be finite"),
        ("multivariate_normal", ([0], [[np.inf]]), "cov must be finite"),
        ("multivariate_normal", ([0], [[1]], 1, "warn"), "check_valid must be 'raise'"),
    ],
)
def test_bad_parameters(method, arguments, message):
    rng = Generator(1)
    with pytest.raises(ValueError, match=message):
        getattr(rng, method)(*arguments)
    assert rng.position == 0


def test_wrong_types_and_values_that_do_not_fit():
    rng = Generator(1)
    with pytest.raises(TypeError, match=r"n must be an integer, got 2\.5"):
        rng.binomial(2.5, 0.5)
    with pytest.raises(TypeError, match="dtype must be an integer dtype"):
        rng.poisson(3, 5, dtype=float)
    with pytest.raises(TypeError, match="dtype must be bool"):
        rng.bernoulli(0.5, 5, dtype=complex)
    with pytest.raises(ValueError, match="dtype must hold 300 categories, got uint8"):
        rng.categorical(np.full(300, 1 / 300), 5, np.uint8)
    assert rng.position == 0
    with pytest.raises(ValueError, match=r"dtype must hold .* got int8"):
        rng.poisson(1000, 5, dtype=np.int8)
