"""Traces of arctan, arcsin, arccos and cbrt: within their bounds, special values, equal bits."""

import math

import numpy as np
import pytest
from helpers import FMA_LEVELS, assert_same_bits
from test_expression import run

import fastnet
from fastnet.montecarlo import expectation
from fastnet.stats import Uniform

# With how many units in the last place they may be off.
CASES = {
    "arctan": (lambda x: np.arctan(x), 3),
    "arcsin": (lambda x: np.arcsin(x), 4),
    "arccos": (lambda x: np.arccos(x), 4),
    "cbrt": (lambda x: np.cbrt(x), 2),
}


def samples(name, dtype):
    """Return values over all magnitudes, and where the function has one, near its ends."""
    rng = np.random.default_rng(7)
    limit = 80 if dtype == np.float32 else 700
    size = np.exp(rng.uniform(-limit, limit, 20_000))
    if name in ("arcsin", "arccos"):
        near = np.exp(-rng.uniform(0, 40, 20_000))
        values = np.concatenate([rng.uniform(-1, 1, 20_000), 1 - near, near - 1, near])
    else:
        values = np.concatenate([rng.standard_normal(20_000) * 3, size, -size])
    return values.astype(dtype)


@pytest.mark.parametrize("name", CASES)
def test_arcs_and_roots_are_within_their_bounds(isa, dtype, name):
    (f, ulps), x = CASES[name], samples(name, dtype)
    exact = f(x.astype(np.longdouble)).astype(dtype)
    ulps += 0 if isa in FMA_LEVELS else 1
    assert np.all(np.abs(run(f, x) - exact) <= ulps * np.spacing(np.abs(exact)))


@pytest.mark.parametrize("name", CASES)
def test_arcs_and_roots_of_special_values(isa, dtype, name):
    info = np.finfo(dtype)
    x = [0, 1, 2, np.inf, info.max, info.tiny, info.smallest_subnormal, 3 * info.smallest_subnormal]
    x = np.array([*x, *np.negative(x), np.nan], dtype)
    with np.errstate(all="ignore"):
        expected, actual = CASES[name][0](x), run(CASES[name][0], x)
    np.testing.assert_allclose(actual, expected, rtol=4 * info.eps, atol=0)
    known = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(actual[known]), np.signbit(expected[known]))


@pytest.mark.parametrize("name", CASES)
def test_arcs_and_roots_have_the_same_bits(dtype, name):
    x = samples(name, dtype)
    results = []
    for level in FMA_LEVELS:
        if level in fastnet.runtime.isa_supported():
            with fastnet.runtime.use_isa(level):
                results.append(run(CASES[name][0], x))
    for other in results[1:]:
        assert_same_bits(results[0], other)


@pytest.mark.parametrize(
    ("name", "low", "truth"),
    [
        ("arctan", 0, math.pi / 4 - math.log(2) / 2),
        ("arcsin", 0, math.pi / 2 - 1),
        ("arccos", -1, math.pi / 2),
        ("cbrt", 0, 0.75),
    ],
)
def test_expectations_of_arcs_and_roots(name, low, truth):
    e = expectation(CASES[name][0], Uniform(low, 1), n=2**18, rng=1)
    assert e.how == "traced"
    assert abs(e.mean - truth) < 5 * e.standard_error
