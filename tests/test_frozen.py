"""SciPy's frozen laws, wherever a distribution is taken."""

import numpy as np
import pytest
import scipy.stats as ss
from laws import assert_covers

from fastnet import stats
from fastnet.montecarlo import conditional_expectation, expectation


def test_a_chain_of_frozen_laws_of_scipy():
    frozen = stats.Joint(
        x=ss.norm(0, 1), k=lambda x: ss.poisson(np.exp(x)), y=lambda x: ss.norm(x, 0.5)
    )
    own = stats.Joint(
        x=stats.Normal(0, 1), k=lambda x: stats.Poisson(np.exp(x)), y=lambda x: stats.Normal(x, 0.5)
    )
    at = [[0.0, 1, 0.3], [-1, 0, 2]]
    np.testing.assert_allclose(frozen.logpdf(at), own.logpdf(at), rtol=1e-12)
    drawn = frozen.sample(2**14, rng=1)
    # E[k] = E[exp(x)], Cov[x, y] = Var[x].
    assert drawn[:, 1].mean() == pytest.approx(np.exp(0.5), abs=0.1)
    assert np.cov(drawn[:, 0], drawn[:, 2])[0, 1] == pytest.approx(1, abs=0.1)
    assert frozen.conditional(x=1.0).marginal("y").mean() == 1
    assert frozen.conditional(y=1.0, rng=1).marginal("x").mean() == pytest.approx(0.8, abs=0.03)
    assert frozen.sample(rng=1).shape == (3,)


GUMBEL, NORMAL = ss.gumbel_r(0, 1), ss.norm(1, 2)
PAIR = ss.multivariate_normal([0, 1], [[1, 0.5], [0.5, 2]])


@pytest.mark.parametrize("method", ["iid", "antithetic", "stratified", "sobol"])
@pytest.mark.parametrize("law", [GUMBEL, NORMAL, ss.nbinom(5, 0.4)])
def test_expectations_by_every_method(law, method):
    assert_covers(expectation(None, law, n=2**14, rng=1, method=method), law.mean())


def test_expectations_of_several_and_of_vectors():
    e = expectation(lambda x: x[:, 0] * x[:, 1], [GUMBEL, NORMAL], n=2**16, rng=1)
    assert_covers(e, np.euler_gamma)
    assert_covers(expectation(lambda x: x[:, 0] * x[:, 1], PAIR, n=2**16, rng=1), 0.5)
    shares = expectation(None, ss.dirichlet([1, 2, 5]), n=2**16, rng=1)
    assert_covers(shares, np.array([1, 2, 5]) / 8)


def test_proposals():
    e = expectation(lambda x: x > 4, ss.norm(), n=2**16, rng=1, proposal=ss.norm(4, 1))
    assert_covers(e, ss.norm.sf(4))
    wide = ss.multivariate_normal([0, 1], [[2, 0.5], [0.5, 3]])
    assert_covers(expectation(lambda x: x[:, 1], PAIR, n=2**16, rng=1, proposal=wide), 1)


def test_information():
    assert stats.entropy(GUMBEL) == pytest.approx(GUMBEL.entropy())
    assert stats.entropy(PAIR) == pytest.approx(PAIR.entropy())
    assert stats.kl_divergence(ss.norm(0, 1), ss.norm(1, 1)) == pytest.approx(0.5)
    assert stats.cross_entropy(ss.norm(0, 1), stats.Normal(1, 1)) == pytest.approx(
        stats.cross_entropy(stats.Normal(0, 1), stats.Normal(1, 1))
    )


def test_conditional_expectation_of_a_chain():
    joint = stats.Joint(x=ss.uniform(-2, 4), y=lambda x: ss.norm(x**2, 0.5))
    c = conditional_expectation("y", "x", joint, [0.5, 1.0], rng=1)
    np.testing.assert_allclose(c.mean, [0.25, 1], atol=0.1)


def test_laws_of_scipy_that_are_not_frozen():
    laws = [ss.norm]
    if hasattr(ss, "Normal"):  # From SciPy 1.15 on.
        laws.append(ss.Normal(mu=0.0, sigma=1.0))
    for law in laws:
        name = rf"got a scipy\.\S+\.{type(law).__name__}, which is not frozen"
        with pytest.raises(TypeError, match=name):
            expectation(None, law, n=10)
