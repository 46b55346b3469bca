"""Moments of values near the limit of doubles: sums leave their range, means do not."""

import math

import numpy as np
import pytest

import fastnet
from fastnet import describe
from fastnet.stats import Uniform

LARGEST = np.finfo(np.float64).max
# Roundings of sums by blocks and a tree, relative to the largest value.
NEAR = 1e-13 * LARGEST


@pytest.mark.parametrize("n", [2, 50, 6000, 300_000])
def test_means_near_the_limit(n):
    x = np.where(np.arange(n) % 2 == 0, 1.7e308, -1.7e308)
    x[n // 2 :] = np.sort(x[n // 2 :])
    exact = math.fsum(x / 2**20) / n * 2**20
    for values in (x, x[::-1].copy()):
        d = describe(values)
        assert abs(d.mean - exact) < NEAR
        assert (d.min, d.max, d.variance) == (-1.7e308, 1.7e308, math.inf)
        columns = describe(np.stack([values, values / 1e308, np.full(n, LARGEST)], 1), axis=0)
        np.testing.assert_allclose(columns.mean[[0, 2]], [exact, LARGEST], atol=NEAR)
        assert columns.mean[1] == pytest.approx(exact / 1e308, abs=1e-12)
        assert abs(describe(values, weights=np.full(n, 1e290)).mean - exact) < NEAR


def test_what_can_be_represented_is():
    assert describe([1e-300, 1e308]).min == 1e-300
    assert describe([1e308, -1e308], weights=[1e300, 1e300]).mean == 0
    d = describe([1e200, -1e200], weights=[1e-150, 1e-150])
    assert abs(d.mean) < 1e-13 * d.max
    assert d.max == 1e200
    # Infinite values are what they were.
    assert describe([1e308, math.inf]).mean == math.inf
    assert math.isnan(describe([1e308, math.inf, -math.inf]).mean)


@pytest.mark.parametrize("n", [10, 1000, 4097, 100_000])
def test_expectations_near_the_limit(n):
    e = fastnet.expectation(lambda x: (x * 1.5e308, x), Uniform(0, 1), n=n, rng=1)
    assert e.mean[0] == pytest.approx(e.mean[1] * 1.5e308, rel=1e-12)
    assert e.maximum[0] == pytest.approx(e.maximum[1] * 1.5e308)
    e = fastnet.expectation(lambda x: np.where(x < 0.5, -1e308, 1e308), Uniform(), n=n, rng=1)
    assert abs(e.mean) < 1e308
    assert math.isinf(e.standard_error)
