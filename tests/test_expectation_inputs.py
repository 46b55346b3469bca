"""What expectation refuses: proposals that leave samples out, levels, empty values, types."""

import numpy as np
import pytest
import scipy.stats
from laws import NORMAL, Law, assert_covers

from fastnet.montecarlo import expectation
from fastnet.stats import (
    Beta,
    Binomial,
    Categorical,
    Dirichlet,
    Exponential,
    Gamma,
    MultivariateNormal,
    Normal,
    Poisson,
    Uniform,
)


@pytest.mark.parametrize(
    ("dist", "proposal"),
    [
        (Normal(), Poisson(2)),
        (Poisson(2), Normal()),
        (NORMAL, Poisson(2)),
        (Normal(), Exponential(1)),
        (Normal(), Uniform(5, 6)),
        (Normal(), Uniform(-8, 8)),
        (NORMAL, Law("uniform", -1.0, 1.0)),
        (Exponential(1), 1 + Exponential(1)),
        (Uniform(), Beta(2, 2) / 2),
        (Poisson(3), Binomial(10, 0.3)),
        (Poisson(3), Categorical([0.5, 0.5], [0, 1000])),
        ([Normal(), Normal()], [Normal(), Gamma(2, 1)]),
        (Normal(), scipy.stats.expon()),
        (MultivariateNormal([0, 0], np.eye(2)), MultivariateNormal([0, 0, 0], np.eye(3))),
        (MultivariateNormal([0, 0], np.eye(2)), Dirichlet([1.0, 1.0])),
        (Normal(), 5),
        (Normal(), []),
        ([Normal(), Normal()], [Normal(), 5]),
    ],
)
def test_an_impossible_proposal_is_refused(dist, proposal):
    with pytest.raises((ValueError, TypeError), match="proposal must"):
        expectation(lambda x: x + 1, dist, n=100, rng=1, proposal=proposal)


@pytest.mark.parametrize(
    ("f", "dist", "proposal", "truth"),
    [
        (lambda x: x > 4, Normal(), 4 + Exponential(0.25), scipy.stats.norm.sf(4)),
        (lambda x: x, Uniform(), Beta(1.5, 1.2), 0.5),
        (lambda x: x, Exponential(1), Gamma(1.5, 1), 1),
        (lambda x: x, Poisson(3), Poisson(4), 3),
        (lambda x: x, Binomial(5, 0.5), Poisson(4), 2.5),
        (lambda x: x, Normal(), scipy.stats.norm(0, 1.2), 0),
        (lambda x: x[:, 0], [Uniform(), Normal()], [Uniform(-1, 2), Normal(0, 2)], 0.5),
    ],
)
def test_a_proposal_that_covers_where_f_is_not_0(f, dist, proposal, truth):
    assert_covers(expectation(f, dist, n=2**16, rng=1, proposal=proposal), truth)


@pytest.mark.parametrize(
    ("f", "dist", "proposal"),
    [
        # Tails of 6e-16, of which no sample is seen.
        (lambda x: x > 8.1, Normal(), Uniform(-8, 8)),
        (lambda x: x < -8.1, Normal(), Uniform(-8, 8)),
        (lambda x: x < 1, Normal(), Uniform(-8, 2)),
        (lambda x: x > 60, Poisson(3), Binomial(50, 0.1)),
        (lambda x: x[:, 1] > 8.1, [Uniform(), Normal()], [Uniform(), Uniform(-8, 8)]),
        (lambda x: x > 8.1, scipy.stats.norm(), scipy.stats.uniform(-8, 16)),
    ],
)
def test_a_proposal_that_leaves_out_a_tail_that_no_sample_shows(f, dist, proposal):
    with pytest.raises(ValueError, match="proposal must cover"):
        expectation(f, dist, n=100, rng=1, proposal=proposal)


def test_a_bounded_proposal_for_an_f_that_says_so():
    def square(x):
        return np.where(np.abs(x) < 8, x * x, 0)

    assert_covers(expectation(square, Normal(), n=2**16, rng=1, proposal=Uniform(-8, 8)), 1)
    pair = expectation(
        lambda x: square(x[:, 1]) * x[:, 0],
        [Uniform(), Normal()],
        n=2**16,
        rng=1,
        proposal=[Uniform(), Uniform(-8, 8)],
    )
    assert_covers(pair, 0.5)
    # A mass for which float64 has no number.
    wide = expectation(lambda x: x * x, Normal(), n=2**16, rng=1, proposal=Uniform(-40, 40))
    assert_covers(wide, 1)
    few = expectation(
        lambda x: np.where(x <= 50, x, 0), Poisson(9), n=2**16, rng=1, proposal=Binomial(50, 0.2)
    )
    assert_covers(few, 9)


def test_levels_without_a_finite_quantile_are_refused():
    e = expectation(None, NORMAL, n=100, rng=1)
    for level in (0.0, 1.0, 1 - 2**-53, np.nan, -1, 2):
        with pytest.raises(ValueError, match="confidence_level must"):
            expectation(None, NORMAL, n=100, rng=1, confidence_level=level)
        with pytest.raises(ValueError, match="level must"):
            e.confidence_interval(level)
    largest = 1 - 2**-52
    assert np.isfinite(e.confidence_interval(largest)).all()
    assert "n = 100" in repr(expectation(None, NORMAL, n=100, rng=1, confidence_level=largest))


@pytest.mark.parametrize("empty", [[], (), ([],), (np.ones(509), ())])
def test_f_of_no_values(empty):
    with pytest.raises(ValueError, match="f must return"):
        expectation(lambda x: empty, NORMAL, n=10)


def test_f_of_another_width_at_the_second_call():
    widths = iter([1, 2, 3])

    def f(x):
        return np.sort(np.stack([x] * next(widths), -1), axis=0)

    with pytest.raises(ValueError, match="f must return 1 values"):
        expectation(f, NORMAL, n=10)


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"covariance": "x"}, TypeError),
        ({"progress": "x"}, TypeError),
        ({"strata": "x"}, TypeError),
        ({"replicates": "x"}, TypeError),
        ({"replicates": 1}, ValueError),
        ({"strata": 1, "method": "sobol"}, ValueError),
        ({"stopping": np.array(["clt", "anytime"])}, ValueError),
        ({"method": None}, ValueError),
    ],
)
def test_types_are_checked_whatever_the_method(options, kind):
    with pytest.raises(kind, match=f"{next(iter(options))} must be"):
        expectation(None, NORMAL, n=10, **options)
