"""Functions that change the samples they get, give one buffer again and again, or mask values."""

import numpy as np
import pytest
from laws import assert_covers

from fastnet import expectation, stats
from fastnet.montecarlo import conditional_expectation
from fastnet.stats import Joint, Normal, Poisson, Uniform

N = 2**16
BUFFER = np.empty(N)


def doubled(x):
    x *= 2
    return x


def beyond_three(x):
    x -= 3
    return x > 0


def square(x):
    out = BUFFER[: len(x)]
    np.multiply(x, x, out=out)
    return out


def square_and_one(x):
    return square(x), np.ones(len(x))


def same(a, b):
    return a.n == b.n and np.array_equal(a.mean, b.mean)


def test_a_control_sees_the_samples_as_drawn():
    e = expectation(doubled, Normal(1, 1), n=N, rng=1, control=(lambda x: x, 1.0))
    assert e.mean == pytest.approx(2, abs=1e-9)
    assert same(e, expectation(lambda x: 2 * x, Normal(1, 1), n=N, rng=1, control=(np.copy, 1.0)))


def test_a_control_that_changes_samples_leaves_f_alone():
    # f gives back the samples themselves, which the control then changes.
    e = expectation(lambda x: x[:], Normal(1, 1), n=N, rng=1, control=(doubled, 2.0))
    assert e.mean == pytest.approx(1, abs=1e-9)
    e = expectation(None, Normal(1, 1), n=N, rng=1, control=(doubled, 2.0))
    assert e.mean == pytest.approx(1, abs=1e-9)


def test_f_and_a_control_may_share_a_buffer():
    def cube(x):
        out = BUFFER[: len(x)]
        np.power(x, 3, out=out)
        return out

    e = expectation(square, Normal(0, 1), n=N, rng=1, control=(cube, 0.0))
    assert_covers(e, 1)
    plain = expectation(lambda x: x * x, Normal(0, 1), n=N, rng=1, control=(lambda x: x**3, 0.0))
    assert e.mean == pytest.approx(plain.mean, rel=1e-12)


def test_a_weight_is_that_of_the_samples_as_drawn():
    e = expectation(beyond_three, Normal(0, 1), n=N, rng=1, proposal=Normal(3, 1))
    assert same(e, expectation(lambda x: x > 3, Normal(0, 1), n=N, rng=1, proposal=Normal(3, 1)))
    assert_covers(e, Normal(0, 1).ccdf(3))


def test_a_function_in_place_is_not_what_a_proposal_is_judged_by():
    def tail(x):
        x[:, 0] -= 1
        return (x[:, 0] > 0) * np.abs(x[:, 1])

    laws = [Normal(0, 1), Normal(0, 1)]
    proposal = [stats.Exponential() + 1, Normal(0, 1)]
    e = expectation(tail, laws, n=N, rng=1, proposal=proposal)
    assert_covers(e, Normal(0, 1).ccdf(1) * np.sqrt(2 / np.pi))


@pytest.mark.parametrize("method", ["iid", "antithetic", "stratified", "sobol"])
def test_f_may_give_one_buffer_every_time(method):
    for f, fresh in (
        (square, lambda x: np.multiply(x, x)),
        (square_and_one, lambda x: (np.multiply(x, x), np.ones(len(x)))),
    ):
        e = expectation(f, Normal(0, 1), n=N, rng=1, method=method)
        assert same(e, expectation(fresh, Normal(0, 1), n=N, rng=1, method=method))
        assert np.ravel(e.mean)[0] == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("options", [{}, {"method": "antithetic"}, {"method": "stratified"}])
def test_masked_values_are_refused(options):
    with pytest.raises(TypeError, match="f must not return masked values; fill them first"):
        expectation(lambda x: np.ma.masked_less(x, 0), Normal(), n=N, rng=1, **options)
    # A mask that masks nothing says nothing.
    e = expectation(lambda x: np.ma.array(x), Normal(), n=N, rng=1, **options)
    assert same(e, expectation(lambda x: x[:], Normal(), n=N, rng=1, **options))


def test_masked_values_of_events_and_conditions_are_refused():
    with pytest.raises(TypeError, match="event must not return masked values"):
        Normal().probability(lambda x: np.ma.masked_where(x < 0, x > 1), rng=1)
    joint = Joint.normal([0, 0], np.eye(2))
    with pytest.raises(TypeError, match="y must not return masked values"):
        conditional_expectation(lambda s: np.ma.masked_less(s[:, 1], 0), "x", joint, 0.0, rng=1)


def odd(x):
    x %= 2
    return x == 1


@pytest.mark.parametrize(
    "law",
    [Poisson(3), stats.Categorical([0.2, 0.5, 0.3]), stats.Empirical([1.0, 2.0, 5.0])],
    ids=repr,
)
def test_an_event_that_changes_its_points(law):
    for _ in range(2):
        assert law.probability(odd) == law.probability(lambda x: x % 2 == 1)
    rows = stats.Empirical([[1.0, 2.0], [2.0, 2.0]])
    for _ in range(2):
        assert rows.probability(lambda x: odd(x)[:, 0]) == 0.5


def test_a_chain_of_functions_that_change_their_arguments():
    joint = Joint(x=Uniform(1, 2), y=lambda x: Normal(doubled(x), 1))
    fresh = Joint(x=Uniform(1, 2), y=lambda x: Normal(2 * x, 1))
    np.testing.assert_array_equal(joint.sample(100, rng=1), fresh.sample(100, rng=1))
    points = joint.sample(5, rng=2)
    kept = points.copy()
    np.testing.assert_array_equal(joint.logpdf(points), fresh.logpdf(kept))
    np.testing.assert_array_equal(points, kept)
