"""Joint laws, vector laws and divergences: closed forms, enumeration, and properties."""

import itertools
import math
import pickle

import numpy as np
import pytest
import scipy.stats as ss
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fastnet import stats
from fastnet.stats import Joint, Normal

TABLE = np.array([[0.1, 0.2, 0.05], [0.3, 0.05, 0.3]])


def random_covariance(rng, d):
    a = rng.standard_normal((d, d + 2))
    return a @ a.T


# ---- tables ----


@example(np.array([1.0, *[3e-227] * 11]).reshape(2, 3, 2), ["a", "b", "c"])
@given(
    arrays(np.float64, (2, 3, 2), elements=st.floats(0, 1)).filter(lambda p: p.sum() > 0.1),
    st.permutations(["a", "b", "c"]),
)
@settings(max_examples=50, deadline=None)
def test_table_by_enumeration(p, order):
    p = p / p.sum()
    values = {"a": [-1, 1], "b": [0, 2, 5], "c": [0, 1]}
    joint = Joint.table(p, ["a", "b", "c"], values)
    atoms = [
        ({"a": values["a"][i], "b": values["b"][j], "c": values["c"][k]}, p[i, j, k])
        for i, j, k in itertools.product(range(2), range(3), range(2))
    ]

    def chance(**event):
        return math.fsum(q for atom, q in atoms if event.items() <= atom.items())

    def expectation(f):
        return math.fsum(q * f(atom) for atom, q in atoms)

    for atom, q in atoms:
        assert joint.pmf(atom) == pytest.approx(q, abs=1e-15)
    assert joint.pmf([0.5, 0, 0]) == 0
    first, second = order[:2]
    marginal = joint.marginal(first, second)
    assert marginal.names == (first, second)
    for x, y in itertools.product(values[first], values[second]):
        assert marginal.pmf([x, y]) == pytest.approx(chance(**{first: x, second: y}), abs=1e-14)
    alone = joint.marginal(first)
    for x in values[first]:
        assert alone.pmf(x) == pytest.approx(chance(**{first: x}), abs=1e-14)
        if chance(**{first: x}) < 1e-9:
            continue
        given_x = joint.conditional(**{first: x})
        assert set(given_x.names) == set(order[1:])
        assert math.fsum(given_x.probabilities.flat) == pytest.approx(1)
        for y in values[second]:
            both = chance(**{first: x, second: y}) / chance(**{first: x})
            assert given_x.marginal(second).pmf(y) == pytest.approx(both, abs=1e-12)
    mean = {name: expectation(lambda atom, n=name: atom[n]) for name in "abc"}
    for i, j in itertools.product(range(3), repeat=2):
        x, y = "abc"[i], "abc"[j]
        c = expectation(lambda atom, x=x, y=y: (atom[x] - mean[x]) * (atom[y] - mean[y]))
        assert joint.covariance()[i, j] == pytest.approx(c, abs=1e-12)
    # I(X; Y) = H(X) + H(Y) - H(X, Y)
    information = alone.entropy() + joint.marginal(second).entropy() - marginal.entropy()
    assert joint.mutual_information(first, second) == pytest.approx(information, abs=1e-12)


@given(arrays(np.float64, (3, 4), elements=st.floats(0.01, 1)))
@settings(max_examples=50, deadline=None)
def test_tower_rule_and_decomposition_of_variance(p):
    joint = Joint.table(p / p.sum(), values={"y": [-2.0, 0.5, 1, 7]})
    x, y = joint.marginal("x"), joint.marginal("y")
    given_x = [joint.conditional(x=v) for v in x.values]
    means = np.array([law.mean() for law in given_x])
    variances = np.array([law.variance() for law in given_x])
    assert x.probabilities @ means == pytest.approx(y.mean(), abs=1e-12)
    between = x.probabilities @ (means - y.mean()) ** 2
    assert x.probabilities @ variances + between == pytest.approx(y.variance(), rel=1e-12)
    # The chain rule: H(X, Y) = H(X) + E[H(Y given X)].
    within = math.fsum(q * law.entropy() for q, law in zip(x.probabilities, given_x, strict=True))
    assert joint.entropy() == pytest.approx(x.entropy() + within, rel=1e-12)


def test_table_samples_and_shows():
    joint = Joint.table(TABLE, ["u", "v"], {"v": [10, 20, 30]})
    x = joint.sample(30_000, rng=1)
    assert x.shape == (30_000, 2)
    counts = [[((x == (i, v)).all(1)).sum() for v in (10, 20, 30)] for i in (0, 1)]
    # One test at a false-alarm rate of 1e-5.
    assert ss.chisquare(np.ravel(counts), 30_000 * TABLE.ravel()).pvalue > 1e-5
    assert joint.probability(lambda x: x[:, 1] > 15) == pytest.approx(0.6)
    assert repr(joint) == "Joint.table of 2 x 3 probabilities of u, v"
    assert pickle.loads(pickle.dumps(joint)).pmf([0, 20]) == 0.2
    assert joint.logpdf({"u": [0, 1], "v": 10}) == pytest.approx(np.log([0.1, 0.3]))
    independent = Joint.table(np.outer([0.25, 0.75], [0.5, 0.5]))
    assert independent.mutual_information("x", "y") == 0
    np.testing.assert_allclose(independent.correlation(), np.eye(2), atol=1e-15)


# ---- normal ----


def test_bivariate_normal():
    mx, my, sx, sy, r = 1.0, -2.0, 2.0, 3.0, 0.6
    joint = Joint.normal([mx, my], [[sx**2, r * sx * sy], [r * sx * sy, sy**2]])
    for x in (-3.0, 1.0, 5.5):
        law = joint.conditional(x=x)
        assert law.mu == pytest.approx(my + r * sy / sx * (x - mx), rel=1e-14)
        assert law.sigma == pytest.approx(sy * math.sqrt(1 - r * r), rel=1e-14)
        # p(x, y) = p(x) p(y given x)
        y = np.linspace(-9, 5, 8)
        product = joint.marginal("x").logpdf(x) + law.logpdf(y)
        np.testing.assert_allclose(joint.logpdf({"x": x, "y": y}), product, rtol=1e-13)
    assert joint.correlation()[0, 1] == pytest.approx(r)
    assert joint.mutual_information("x", "y") == pytest.approx(-0.5 * math.log(1 - r * r))
    separate = joint.marginal("x").entropy() + joint.marginal("y").entropy()
    information = joint.mutual_information("x", "y")
    assert joint.entropy() == pytest.approx(separate - information)


def test_multivariate_normal_against_scipy(rng):
    for d in (1, 2, 5):
        mean, cov = rng.standard_normal(d), random_covariance(rng, d)
        law, twin = stats.MultivariateNormal(mean, cov), ss.multivariate_normal(mean, cov)
        x = rng.standard_normal((4, 3, d))
        np.testing.assert_allclose(law.logpdf(x), np.reshape(twin.logpdf(x), (4, 3)), rtol=1e-11)
        np.testing.assert_allclose(law.pdf(x[0, 0]), twin.pdf(x[0, 0]), rtol=1e-11)
        assert law.entropy() == pytest.approx(twin.entropy())
        assert law.cdf(mean) == pytest.approx(twin.cdf(mean), abs=1e-4)
        np.testing.assert_allclose((2 * law + 1).mean(), 2 * mean + 1)
        np.testing.assert_allclose((2 * law + 1).covariance(), 4 * cov)


def test_conditionals_of_a_normal_law_agree_whatever_the_order(rng):
    d = 5
    law = stats.MultivariateNormal(rng.standard_normal(d), random_covariance(rng, d))
    at = rng.standard_normal(d)
    both = law.conditional([1, 3], at[[1, 3]])
    stepwise = law.conditional([1], at[[1]]).conditional([2], at[[3]])
    np.testing.assert_allclose(both.mean(), stepwise.mean(), rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(both.covariance(), stepwise.covariance(), rtol=1e-10, atol=1e-12)
    # By the inverse of the whole covariance.
    precision = np.linalg.inv(law.covariance())
    rest, given_ = [0, 2, 4], [1, 3]
    cov = np.linalg.inv(precision[np.ix_(rest, rest)])
    mean = law.mean()[rest] - cov @ precision[np.ix_(rest, given_)] @ (at - law.mean())[given_]
    np.testing.assert_allclose(both.mean(), mean, rtol=1e-10)
    np.testing.assert_allclose(both.covariance(), cov, rtol=1e-9, atol=1e-11)


def test_normal_samples(rng, dtype):
    mean, cov = np.array([1.0, -2, 0.5]), random_covariance(rng, 3)
    law = stats.MultivariateNormal(mean, cov)
    n = 50_000
    x = law.sample(n, rng=1, dtype=dtype)
    assert x.dtype == dtype
    # Six moments within 5 standard errors each: a false alarm in 3e5 seeds.
    se = np.sqrt(np.diag(cov) / n)
    assert np.all(np.abs(x.mean(0) - mean) < 5 * se)
    fourth = np.outer(np.diag(cov), np.diag(cov)) + cov**2
    assert np.all(np.abs(np.cov(x.T) - cov) < 5 * np.sqrt(fourth / n))
    distance = ((x - mean) @ np.linalg.inv(cov) * (x - mean)).sum(1)
    assert ss.kstest(distance, ss.chi2(3).cdf).pvalue > 1e-5
    out = np.empty((4, 3), dtype)
    assert law.sample(rng=1, dtype=dtype, out=out) is out


def test_singular_covariances():
    law = stats.MultivariateNormal([0, 0], [[1, 1], [1, 1]])
    x = law.sample(100, rng=1)
    np.testing.assert_array_equal(x[:, 0], x[:, 1])
    assert law.entropy() == -math.inf
    with pytest.raises(ValueError, match="singular"):
        law.logpdf([0, 0])
    determined = law.conditional([0], [2.0])
    assert determined.mean() == 2
    assert determined.variance() == 0
    constant = stats.MultivariateNormal([3.0], [[0.0]])
    assert constant.sample(2, rng=1).tolist() == [[3.0], [3.0]]


# ---- samples ----


def test_empirical_joint(rng):
    x = rng.standard_normal(20_000)
    y = 0.8 * x + 0.6 * rng.standard_normal(20_000)
    joint = Joint.empirical({"x": x, "y": y})
    np.testing.assert_allclose(joint.covariance(), np.cov([x, y], ddof=0), rtol=1e-12)
    law = joint.conditional(x=1.0)
    assert 500 < law.effective_sample_size < 10_000
    # The kernel smooths over h = 20000^(-1/5) = 0.14 and is drawn towards the middle by h^2 0.8.
    assert law.mean() == pytest.approx(0.8, abs=0.05)
    assert law.standard_deviation() == pytest.approx(0.6, abs=0.05)
    assert joint.marginal("y").mean() == pytest.approx(y.mean())
    with pytest.raises(ValueError, match="5 bandwidths"):
        joint.conditional(x=50.0)
    rows = np.array([[0, 1, 5], [0, 2, 6], [1, 1, 7], [0, 1, 9]])
    joint = Joint.empirical(rows, ["a", "b", "c"], [1, 2, 3, 4])
    law = joint.conditional(a=0, bandwidth=0)
    assert law.names == ("b", "c")
    assert law.pdf([1, 9]) == pytest.approx(4 / 7)
    assert joint.conditional(a=0, b=1, bandwidth=0).mean() == pytest.approx((5 + 4 * 9) / 5)
    assert joint.mutual_information("a", "b") == pytest.approx(
        Joint.table([[0.5, 0.2], [0.3, 0]]).mutual_information("x", "y")
    )
    assert joint.sample(5, rng=1).shape == (5, 3)
    assert joint.probability(lambda x: x[:, 2] > 6) == pytest.approx(0.7)


# ---- chains ----


def chain():
    return Joint(x=Normal(0, 1), y=lambda x: Normal(x, 0.5))


def test_chain_is_the_bivariate_normal_it_makes():
    joint = chain()
    exact = Joint.normal([0, 0], [[1, 1], [1, 1.25]])
    points = np.random.default_rng(1).standard_normal((10, 2))
    np.testing.assert_allclose(joint.logpdf(points), exact.logpdf(points), rtol=1e-12)
    x = joint.sample(40_000, rng=3)
    # A false-alarm rate of 1e-5 for each of two tests.
    assert ss.kstest(x[:, 1], exact.marginal("y").cdf).pvalue > 1e-5
    assert ss.kstest(x[:, 1] - x[:, 0], Normal(0, 0.5).cdf).pvalue > 1e-5
    assert joint.marginal("x") is joint._laws["x"]
    assert joint.conditional(x=2.0).mu == 2
    n = 2**16
    y = joint.marginal("y", rng=1)
    assert abs(y.mean()) < 5 * math.sqrt(1.25 / n)
    posterior, truth = joint.conditional(y=1.0, rng=2), exact.conditional(y=1.0)
    assert 0.3 * n < posterior.effective_sample_size < 0.7 * n
    error = truth.sigma / math.sqrt(posterior.effective_sample_size)
    assert abs(posterior.mean() - truth.mu) < 5 * error
    assert posterior.standard_deviation() == pytest.approx(truth.sigma, rel=0.02)
    np.testing.assert_allclose(joint.covariance(rng=1), exact.covariance(), atol=0.03)
    assert joint.entropy(rng=1) == pytest.approx(exact.entropy(), abs=0.02)
    information = joint.mutual_information("x", "y", rng=1)
    # The standard deviation of log p(y given x) / p(y) is below 1, and n is 2048.
    assert information == pytest.approx(exact.mutual_information("x", "y"), abs=5 / math.sqrt(2048))


def test_chain_of_discrete_laws_is_its_table():
    joint = Joint(
        rain=stats.Bernoulli(0.25),
        wet=lambda rain: stats.Bernoulli(0.1 + 0.8 * rain),
        late=lambda rain, wet: stats.Bernoulli(0.2 + 0.3 * rain + 0.1 * wet),
    )
    p = np.empty((2, 2, 2))
    for r, w, s in itertools.product(range(2), repeat=3):
        p[r, w, s] = joint.pdf([r, w, s])
    table = Joint.table(p, joint.names)
    assert joint.marginal("rain", "wet").names == ("rain", "wet")
    assert joint.marginal("rain", "wet").pdf([1, 1]) == pytest.approx(
        table.marginal("rain", "wet").pmf([1, 1])
    )
    exact = table.conditional(wet=1).marginal("rain").pmf(1)
    law = joint.conditional(wet=1, rng=1)
    error = math.sqrt(exact * (1 - exact) / law.effective_sample_size)
    assert abs(law.marginal("rain").mean() - exact) < 5 * error
    with pytest.raises(ValueError, match="positive density"):
        joint.conditional(wet=0.5)
    rest = joint.conditional(rain=1)
    assert rest.names == ("wet", "late")
    assert rest.pdf([1, 0]) == pytest.approx(table.conditional(rain=1).pmf([1, 0]))
    assert joint.conditional(rain=1, wet=0).p == pytest.approx(0.5)
    assert repr(joint) == "Joint(rain ~ Bernoulli(p=0.25); wet | rain; late | rain, wet)"
    with pytest.raises(ValueError, match="positive density"):
        joint.conditional(rain=0.5)


def test_chains_take_scipy_distributions():
    joint = Joint(x=ss.norm(1, 2), y=lambda x: Normal(x, 1))
    assert joint.marginal("x").mean() == 1


# ---- Dirichlet ----


def test_dirichlet():
    alpha = [0.5, 2, 3]
    law, twin = stats.Dirichlet(alpha), ss.dirichlet(alpha)
    x = np.array([[0.2, 0.3, 0.5], [0.01, 0.01, 0.98]])
    np.testing.assert_allclose(law.logpdf(x), [twin.logpdf(row) for row in x], rtol=1e-12)
    np.testing.assert_allclose(law.mean(), twin.mean())
    np.testing.assert_allclose(law.variance(), twin.var())
    np.testing.assert_allclose(law.covariance(), twin.cov(), rtol=1e-12)
    assert law.entropy() == pytest.approx(twin.entropy())
    assert law.logpdf([0.5, 0.5, 0.5]) == -math.inf
    x = law.sample(20_000, rng=1)
    for i in range(3):
        assert ss.kstest(x[:, i], law.marginal(i).cdf).pvalue > 1e-5


# ---- divergences ----


def test_divergences():
    p, q = Normal(1, 2), Normal(-1, 3)
    exact = math.log(3 / 2) + (4 + 4) / 18 - 0.5
    assert stats.kl_divergence(p, q) == pytest.approx(exact, rel=1e-14)
    by_quadrature = stats.kl_divergence(stats.as_distribution(ss.norm(1, 2)), q)
    assert by_quadrature == pytest.approx(exact, rel=1e-8)
    assert stats.cross_entropy(p, q) == pytest.approx(p.entropy() + exact)
    # Exponential laws: log(b / a) + a / b - 1.
    e = stats.kl_divergence(stats.Exponential(2), stats.Exponential(5))
    assert e == pytest.approx(math.log(5 / 2) + 2 / 5 - 1, rel=1e-8)
    k = stats.kl_divergence(stats.Poisson(3), stats.Poisson(4))
    assert k == pytest.approx(3 * math.log(3 / 4) + 1, rel=1e-12)
    assert stats.kl_divergence([0.5, 0.5], [0.9, 0.1]) == pytest.approx(
        ss.entropy([0.5, 0.5], [0.9, 0.1])
    )
    assert stats.kl_divergence(stats.Uniform(0, 2), stats.Uniform(0, 1)) == math.inf
    assert stats.kl_divergence(stats.Uniform(0, 1), stats.Uniform(0, 2)) == pytest.approx(
        math.log(2)
    )
    assert stats.kl_divergence([0.5, 0.5], [1, 0]) == math.inf
    assert stats.kl_divergence([1, 0], [0.5, 0.5]) == pytest.approx(math.log(2))
    assert stats.kl_divergence(stats.Bernoulli(0.5), stats.Categorical([0.75, 0.25])) > 0
    assert stats.entropy([0.25] * 4) == pytest.approx(math.log(4))


def test_divergence_of_vector_laws(rng):
    d = 3
    a = [rng.standard_normal(d), random_covariance(rng, d)]
    b = [rng.standard_normal(d), random_covariance(rng, d)]
    p, q = stats.MultivariateNormal(*a), stats.MultivariateNormal(*b)
    inverse = np.linalg.inv(b[1])
    exact = 0.5 * (
        np.trace(inverse @ a[1]) + (a[0] - b[0]) @ inverse @ (a[0] - b[0]) - d
        + math.log(np.linalg.det(b[1]) / np.linalg.det(a[1]))
    )  # fmt: skip
    assert stats.kl_divergence(p, q) == pytest.approx(exact, rel=1e-10)
    assert stats.kl_divergence(Joint.normal(*a), Joint.normal(*b)) == pytest.approx(exact)
    joint = Joint.table(TABLE)
    independent = Joint.table(np.outer(TABLE.sum(1), TABLE.sum(0)))
    information = joint.mutual_information("x", "y")
    assert stats.kl_divergence(joint, independent) == pytest.approx(information)


# ---- bad input ----


@pytest.mark.parametrize(
    ("error", "match", "make"),
    [
        (ValueError, "p must sum to 1", lambda: Joint.table([[0.5, 0.4]])),
        (ValueError, "names must be 2", lambda: Joint.table(TABLE, ["a"])),
        (ValueError, "no variable 'z'", lambda: Joint.table(TABLE, values={"z": [1]})),
        (ValueError, "values must be 3", lambda: Joint.table(TABLE, values={"y": [1, 2]})),
        (ValueError, "no variable 'q'", lambda: Joint.table(TABLE).marginal("q")),
        (ValueError, "different", lambda: Joint.table(TABLE).marginal("x", "x")),
        (ValueError, "at least one", lambda: Joint.table(TABLE).marginal()),
        (ValueError, "y must be one of", lambda: Joint.table(TABLE).conditional(y=7)),
        (ValueError, "leave a variable free", lambda: Joint.table(TABLE).conditional(x=0, y=0)),
        (ValueError, "positive probability", lambda: Joint.table([[0, 1.0]]).conditional(y=0)),
        (ValueError, "finite number", lambda: Joint.normal([0, 0], np.eye(2)).conditional(x=[1])),
        (ValueError, "symmetric", lambda: Joint.normal([0, 0], [[1, 0.5], [0.4, 1]])),
        (ValueError, "semidefinite", lambda: Joint.normal([0, 0], [[1, 2], [2, 1]])),
        (ValueError, "semidefinite", lambda: Joint.normal([0, 0], [[0, 1], [1, 1]])),
        (ValueError, "semidefinite", lambda: Joint.normal([0], [[-1]])),
        (ValueError, "cov must have shape", lambda: Joint.normal([0, 0], [1, 1])),
        (ValueError, "mean must be finite", lambda: Joint.normal([math.nan], [[1]])),
        (ValueError, "x must have shape", lambda: Joint.normal([0], [[1]]).logpdf([1, 2])),
        (ValueError, "x must have the names", lambda: chain().logpdf({"x": 1})),
        (ValueError, "a variable at least", lambda: Joint()),
        (ValueError, "function of earlier", lambda: Joint(x=lambda y: Normal(y), y=Normal())),
        (TypeError, "got a float", lambda: Joint(x=1.0)),
        (TypeError, "got a float", lambda: Joint(x=Normal(), y=lambda x: 2.0).sample(3)),
        (TypeError, "law of a number", lambda: Joint(x=stats.MultivariateNormal([0], [[1]]))),
        (ValueError, "must depend on", lambda: Joint(
            x=Normal(), y=lambda x: Normal(x), z=lambda x, y: Normal(x + y)
        ).mutual_information("y", "z")),
        (TypeError, "n must be", lambda: chain().marginal("y", n=1.5)),
        (ValueError, "data must have columns", lambda: Joint.empirical({"x": [1], "y": [1, 2]})),
        (ValueError, "alpha must", lambda: stats.Dirichlet([1, 0])),
        (ValueError, "one shape", lambda: stats.kl_divergence([0.5, 0.5], [1.0])),
        (TypeError, "same kind", lambda: stats.kl_divergence(Normal(), stats.Poisson(1))),
        (TypeError, "distribution", lambda: stats.entropy("a")),
    ],
)  # fmt: skip
def test_bad_input(error, match, make):
    with pytest.raises(error, match=match):
        make()
