"""Chunks of samples: moments of a chunk in pieces and at once, and values taken only once."""

import ctypes

import numpy as np
import pytest
import scipy
from helpers import assert_same_bits, use_threads

from fastnet import _core
from fastnet.montecarlo.tracing import trace

CHUNK, GOOD = _core.CHUNK, 2**64 - 1
RAISE, OMIT, PROPAGATE = range(3)
POLICIES = pytest.mark.parametrize("policy", [RAISE, OMIT, PROPAGATE])
LENGTHS = [1, 15, 16, 17, 1023, 1025, 2047, 2049, CHUNK]


def engine(name, dtype):
    return getattr(_core, f"{name}_f{8 * dtype.itemsize}")


# Two outputs each of a normal column x whose first value is `first`.
FUNCTIONS = {
    "finite": lambda x, first: (x, x * 2 + 1),
    "some NaN": lambda x, first: (np.where(x > 1.5, np.nan, x), x),
    "some infinite": lambda x, first: (x, np.where(x < -2, -np.inf, x)),
    "first NaN": lambda x, first: (x, np.where(x == first, np.nan, x)),
    # The first values' mean is further than two standard deviations from the chunk's.
    "far pivot": lambda x, first: (np.where(x == first, x.dtype.type(1e6), x), x),
}


@POLICIES
@pytest.mark.parametrize("name", FUNCTIONS)
def test_moments_of_pieces_are_those_of_the_whole(isa, dtype, name, policy):
    source = engine("Source", dtype)([("normal", 0.0, 1.0)], [7])
    x = np.empty((1, 2 * CHUNK), dtype)
    source.draw(0, x)
    f, _, _ = trace(lambda s: FUNCTIONS[name](s, x[0, 0]), x[0])
    values = np.empty((2, x.size), dtype)
    f.evaluate(x, values)
    for last in LENGTHS:
        for chunks in (1, 2):
            pieces, cross, array = (_core.ChunkTree(2, c) for c in (False, True, False))
            n = (chunks - 1) * CHUNK + last
            bad = {
                engine("estimate", dtype)(pieces, source, f, 0, chunks, last, policy),
                engine("estimate", dtype)(cross, source, f, 0, chunks, last, policy),
                engine("estimate_array", dtype)(
                    array, np.ascontiguousarray(values[:, :n]), 0, policy
                ),
            }
            finite = np.isfinite(values[:, :n]).all(axis=0)
            wrong = policy == RAISE and not finite.all()
            assert bad == {int(np.argmin(finite)) if wrong else GOOD}
            # Numbers, moments and spreads; products has only the tree that asks for them.
            numbers, moments, _, spreads = pieces.nodes()
            assert numbers[:, 2].sum() == (0 if wrong else n)
            for other in (cross, array):
                assert_same_bits(other.nodes()[0], numbers)
                assert_same_bits(other.nodes()[1], moments)
                assert_same_bits(other.nodes()[3], spreads)


@POLICIES
@pytest.mark.parametrize("odd", [None, np.nan, np.inf, 1e6], ids=str)
def test_a_c_function_is_called_once_a_sample(policy, odd):
    calls = 0

    @ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)
    def f(x):
        nonlocal calls
        calls += 1
        return x if odd is None or calls != 5 else odd

    function = scipy.LowLevelCallable(f)
    tree = _core.ChunkTree(1, False)
    source = _core.Source_f64([("normal", 0.0, 1.0)], [7])
    address = ctypes.cast(function.function, ctypes.c_void_p).value
    use_threads(1)
    bad = _core.estimate_callback(tree, source, 0, address, 0, 0, 2, 100, policy)
    use_threads(None)
    wrong = policy == RAISE and odd is not None and not np.isfinite(odd)
    assert bad == (4 if wrong else GOOD)
    # What raises ends with its chunk.
    assert calls == (CHUNK if wrong else CHUNK + 100)
