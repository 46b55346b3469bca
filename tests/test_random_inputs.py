"""What a Generator takes: outputs over parameters, limits of parameters, flags and messages."""

import numpy as np
import pytest
from helpers import assert_same_bits

from fastnet.random import Generator
from fastnet.stats import Normal

OVER = {
    "normal loc": ("loc", lambda g, a: g.normal(a, 1.0, out=a)),
    "normal scale": ("scale", lambda g, a: g.normal(0.0, a, out=a)),
    "lognormal": ("mean", lambda g, a: g.lognormal(a, 1.0, out=a)),
    "uniform": ("low", lambda g, a: g.uniform(a, 200.0, out=a)),
    "exponential": ("scale", lambda g, a: g.exponential(a, out=a)),
    "laplace": ("loc", lambda g, a: g.laplace(a, 1.0, out=a)),
    "gamma": ("scale", lambda g, a: g.gamma(2.0, a, out=a)),
    "beta": ("b", lambda g, a: g.beta(2.0, a, out=a)),
    "standard_t": ("df", lambda g, a: g.standard_t(a, out=a)),
    "poisson": ("lam", lambda g, a: g.poisson(a, out=a.view(np.int64))),
    "dirichlet": ("alpha", lambda g, a: g.dirichlet(a, out=a)),
    "multivariate_normal": ("mean", lambda g, a: g.multivariate_normal(a, np.eye(3), out=a)),
    "shifted": ("loc", lambda g, a: g.normal(a[:2], 1.0, out=a[1:])),
}


@pytest.mark.parametrize("case", OVER)
def test_out_over_a_parameter_is_refused(case):
    name, call = OVER[case]
    rng, a = Generator(1), np.full(3, 100.0)
    with pytest.raises(ValueError, match=f"out must not overlap {name}"):
        call(rng, a)
    assert np.all(a == 100)
    assert rng.position == 0


def test_a_law_keeps_its_parameters_apart_from_out():
    a = np.full(3, 100.0)
    law = Normal(a, 1.0)
    law.sample(out=a, rng=1)
    assert_same_bits(a, law.sample(rng=1))
    assert np.all(law.mean() == 100)


def test_a_value_that_dtype_cannot_hold_leaves_out_and_the_stream():
    lam, out = np.full(2**21, 3.0), np.full(2**21, 7, np.int8)
    lam[-1] = 1e6
    rng = Generator(1)
    with pytest.raises(ValueError, match="dtype must hold"):
        rng.poisson(lam, out=out, dtype=np.int8)
    assert np.all(out == 7)
    assert rng.position == 0
    rng.poisson(3.0, out=out, dtype=np.int8)
    np.testing.assert_array_equal(out, Generator(1).poisson(3.0, 2**21))


def test_positions_taken_meanwhile_are_not_drawn_again(monkeypatch):
    rng = Generator(1)
    monkeypatch.setattr(Generator, "_next", lambda self, n: (self.key, 0, 5))
    rng.advance(9)
    np.testing.assert_array_equal(
        rng.poisson(3.0, 50, dtype=np.int8), Generator(1).advance(9).poisson(3.0, 50)
    )


def test_shapes_near_0():
    rng = Generator(1)
    assert rng.standard_gamma(-0.0) == 0
    np.testing.assert_array_equal(rng.standard_gamma([-0.0, 0.0]), [0, 0])
    x = rng.dirichlet([5e-324] * 3, 3000)
    np.testing.assert_array_equal(np.sort(x, axis=1), np.broadcast_to([0, 0, 1], x.shape))
    np.testing.assert_allclose(x.mean(axis=0), 1 / 3, atol=0.05)
    x = rng.beta([[1e-310], [1e-310]], [[1e-310], [3e-310]], (2, 3000))
    assert set(x.ravel()) == {0.0, 1.0}
    np.testing.assert_allclose(x.mean(axis=1), [1 / 2, 1 / 4], atol=0.05)
    assert rng.beta(1e-310, 3.0) == 0


def test_covariances_near_the_largest_number():
    x = Generator(1).multivariate_normal([0, 0], np.eye(2) * 1e308, 1000)
    np.testing.assert_allclose((x / 1e154).std(axis=0), 1, atol=0.1)
    with pytest.raises(ValueError, match="range of float32"):
        Generator(1).multivariate_normal([0, 0], np.eye(2) * 1e308, dtype=np.float32)


def test_one_entry_is_chosen_whatever_it_is():
    rng = Generator(1)
    assert {str(rng.choice(["a", "b"])) for _ in range(20)} == {"a", "b"}
    assert {rng.choice([None, 1]) for _ in range(20)} == {None, 1}
    table = np.arange(6).reshape(2, 3)
    assert not np.shares_memory(rng.choice(table), table)
    assert rng.choice(table, axis=1).shape == (2,)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda g: g.normal([1, 2], [1, 2, 3]), ValueError, r"loc and scale .* \(2,\) and \(3,\)"),
        (lambda g: g.uniform([1, 2], [1, 2, 3]), ValueError, r"low and high .* \(2,\) and \(3,\)"),
        (lambda g: g.random(2**62), ValueError, "size must be of fewer"),
        (lambda g: g.random((2**31, 2**31)), ValueError, "size must be of fewer"),
        (lambda g: g.binomial(2**64, 0.5), ValueError, "n must be from 0 to"),
        (lambda g: g.random(dtype="x"), TypeError, "dtype must be a dtype .* got 'x'"),
        (lambda g: g.integers(9, dtype="x"), TypeError, "dtype must be a dtype .* got 'x'"),
        (lambda g: g.bernoulli(dtype="x"), TypeError, "dtype must be a dtype .* got 'x'"),
        (lambda g: g.integers(9, endpoint="x"), TypeError, "endpoint must be a bool, got str"),
        (lambda g: g.choice(9, replace="x"), TypeError, "replace must be a bool, got str"),
        (lambda g: g.choice(9, shuffle=3), TypeError, "shuffle must be a bool, got int"),
    ],
)
def test_messages_name_the_argument(call, error, message):
    rng = Generator(1)
    with pytest.raises(error, match=message):
        call(rng)
    assert rng.position == 0
