"""Sums in double precision: exact where they can be, in one order everywhere."""

import math

import numpy as np
import pytest

from fastnet import _core

BLOCK = 4096
LENGTHS = [*range(70), BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 33, 20000]


def in_order(x):
    """Add as dispatch/reduce.hpp says: blocks of 4096 over 4 accumulators of 8 lanes, one tree."""
    total = 0.0
    for start in range(0, len(x), BLOCK):
        block = x[start : start + BLOCK].astype(float)
        padded = np.zeros(-(-len(block) // 32) * 32)
        padded[: len(block)] = block
        s = np.zeros((4, 8))
        for piece in padded.reshape(-1, 4, 8):
            s = s + piece
        lanes = (s[0] + s[1]) + (s[2] + s[3])
        while len(lanes) > 1:
            half = len(lanes) // 2
            lanes = lanes[:half] + lanes[half:]
        total += lanes[0]
    return total


def test_integers_add_up_exactly(isa, dtype):
    for n in LENGTHS:
        assert _core.sum(np.arange(n, dtype=dtype)) == n * (n - 1) // 2


def test_order_is_the_documented_one_at_every_level(isa, dtype, rng):
    for n in LENGTHS:
        x = (rng.standard_normal(n) * 10.0 ** rng.integers(-3, 4, n)).astype(dtype)
        assert _core.sum(x) == in_order(x)


def test_error_is_within_the_bound_of_the_order(dtype, rng):
    x = rng.standard_normal(20000).astype(dtype)
    # A chain of 4096 / 32 in each lane, 5 levels of the tree, 5 blocks.
    bound = (BLOCK / 32 + 5 + 5) * 2.0**-53 * np.abs(x).sum(dtype=float)
    assert abs(_core.sum(x) - math.fsum(x.astype(float))) <= bound


@pytest.mark.parametrize("n", [1, 15, 16, 17, 5000])
def test_nan_and_inf_in_the_last_place(isa, dtype, n):
    x = np.ones(n, dtype)
    x[-1] = np.inf
    assert _core.sum(x) == np.inf
    x[-1] = np.nan
    assert np.isnan(_core.sum(x))


def test_other_dtypes_and_layouts_are_refused():
    with pytest.raises(TypeError, match="float32 or float64, got int64"):
        _core.sum(np.arange(3))
    with pytest.raises(ValueError, match="contiguous"):
        _core.sum(np.ones(8, np.float32)[::2])
