"""Outputs beyond the last cache, which are streamed to memory: the same bits as in small pieces."""

import numpy as np
import pytest

import fastnet
import fastnet.functional as F
from fastnet import _core

# A size of some tens of MiB is what most machines have.
pytestmark = pytest.mark.skipif(
    _core.last_cache_bytes() > 2**27, reason="arrays beyond this cache take too long"
)


def beyond_the_cache(dtype, columns=1):
    """Return so many elements that two arrays of them do not fit, not a multiple of anything."""
    n = _core.last_cache_bytes() // (2 * dtype.itemsize) + 1023
    return n - n % columns + (5 if columns == 1 else columns)


def data(rng, dtype, n):
    block = (rng.standard_normal(2**16) * 3).astype(dtype)
    return np.resize(block, n)


def in_pieces(function, arrays, size):
    """Return what calls on short runs of the arrays give."""
    starts = range(0, len(arrays[0]), size)
    return np.concatenate([function(*[a[i : i + size] for a in arrays]) for i in starts])


def out_at(offset, x):
    """Return an array like x whose memory begins so many elements behind a cache line's start."""
    line = 64 // x.itemsize
    memory = np.full(x.size + 2 * line, 7, x.dtype)
    start = (-memory.ctypes.data // x.itemsize) % line + offset
    return memory, memory[start : start + x.size].reshape(x.shape), start


def check(function, arrays, offset, size):
    """Compare a call on whole arrays, into a place of our choice, with calls on pieces."""
    expected = in_pieces(function, arrays, size)
    memory, out, start = out_at(offset, arrays[0])
    assert function(*arrays, out=out) is out
    np.testing.assert_array_equal(out, expected)
    assert (memory[:start] == 7).all()
    assert (memory[start + out.size :] == 7).all()


@pytest.mark.parametrize("offset", [0, 7])
def test_activations(isa, dtype, rng, offset):
    x = data(rng, dtype, beyond_the_cache(dtype))
    check(F.relu, [x], offset, 10_007)
    check(F.relu_backward, [x[::-1].copy(), x], offset, 10_007)


@pytest.mark.parametrize("name", ["identity", "gelu", "tanh"])
def test_each_kind_of_activation(threads, rng, name):
    x = data(rng, np.dtype(np.float32), beyond_the_cache(np.dtype(np.float32)))
    check(getattr(F, name), [x], 4, 50_001)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("columns", [10, 257, 2000])
def test_rows(isa, dtype, rng, name, columns):
    # Rows of 2000 do not fit into a tile in float64.
    x = data(rng, dtype, beyond_the_cache(dtype, columns)).reshape(-1, columns)

    def forward(x, **out):
        return getattr(F, name)(x, -1, **out)

    check(forward, [x], 1, 7 if columns > 100 else 1003)


@pytest.mark.parametrize("name", ["softmax_backward", "log_softmax_backward"])
def test_rows_backward(isa, dtype, rng, name):
    x = data(rng, dtype, beyond_the_cache(dtype, 10)).reshape(-1, 10)

    def backward(dy, y, **out):
        return getattr(F, name)(dy, y, -1, **out)

    check(backward, [x[::-1].copy(), x], 3, 1000)


def test_in_place(dtype, rng):
    x = data(rng, dtype, beyond_the_cache(dtype))
    expected = in_pieces(F.tanh, [x], 10_000)
    np.testing.assert_array_equal(F.tanh(x, out=x), expected)


def test_the_cache_has_a_size():
    assert 2**15 <= _core.last_cache_bytes() < 2**40


def test_other_threads_see_what_was_streamed(rng):
    # The call's own threads meet before it returns, and what they wrote is there.
    x = data(rng, np.dtype(np.float32), beyond_the_cache(np.dtype(np.float32)))
    out = np.empty_like(x)
    fastnet.set_num_threads(2)
    for sign in (1, -1) * 5:
        F.identity(x * np.float32(sign), out=out)
        assert out[-1] == sign * x[-1]
        assert (out == sign * x).all()
    fastnet.set_num_threads(None)
