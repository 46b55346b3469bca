"""NaN, infinities, subnormal and the largest numbers: what they do, where, and to nobody else."""

from functools import partial

import numpy as np
import pytest
from helpers import assert_same_bits

import fastnet
import fastnet.functional as F
from fastnet import _core

ACTIVATIONS = [name for name in _core.ACTIVATIONS if name != "gelu_tanh"]
# More rows than any team has threads, of more than two vectors; the last thread has the last row.
ROWS, COLUMNS = 203, 37


@pytest.mark.parametrize("n", [17, 33, 1001])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_nan_in_the_last_element_alone(name, isa, dtype, n, rng):
    x = rng.normal(size=n).astype(dtype)
    x[-1] = np.nan
    y = getattr(F, name)(x)
    np.testing.assert_array_equal(np.isnan(y), np.isnan(x))
    fine = x.copy()
    fine[-1] = 0
    dx = getattr(F, f"{name}_backward")(x, fine)
    if name != "relu":  # where y = 0 its gradient is 0, whatever dy is
        assert np.isnan(dx[-1])
    assert np.isfinite(dx[:-1]).all()


def test_subnormal_numbers_are_numbers(isa, dtype):
    tiny = np.full((2, 19), np.finfo(dtype).smallest_subnormal * 3, dtype)
    for f in (F.identity, F.relu, F.leaky_relu, F.selu, F.tanh, F.softplus):
        assert (f(tiny) != 0).all()
    assert_same_bits(F.relu(tiny), tiny)
    assert_same_bits(F.linear(tiny, np.eye(19, dtype=dtype)), tiny)
    # And stay so for everyone else: no call leaves the processor flushing them to zero.
    assert (tiny * 1 == tiny).all()
    assert (tiny / 3 != 0).all()


def test_the_largest_numbers_overflow_as_numpys_do(isa, dtype):
    top = np.finfo(dtype).max
    x = np.array([[top, top], [top, -top]], dtype)
    w = np.ones((1, 2), dtype)
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(F.linear(x, w), x @ w.T)
    y = F.softmax(np.array([[top, -top, 0]], dtype), 1)
    np.testing.assert_array_equal(y, [[1, 0, 0]])
    assert np.isfinite(F.log_softmax(np.array([[top, 0]], dtype), 1)).all()


def of_rows(dtype):
    """Return functions of (rows, columns) in which a row's result is its own, by name."""
    rng = np.random.default_rng(1)
    weight = rng.standard_normal((5, COLUMNS)).astype(dtype)
    square = rng.standard_normal((COLUMNS, COLUMNS)).astype(dtype)
    w, b = rng.random((2, COLUMNS)).astype(dtype)
    classes, t = np.arange(ROWS) % COLUMNS, rng.random((ROWS, COLUMNS)).astype(dtype)
    dy = rng.standard_normal((ROWS, COLUMNS)).astype(dtype)
    each = dy[:, 0].copy()
    functions = {name: getattr(F, name) for name in ACTIVATIONS} | {
        "linear": lambda x: F.linear(x, weight),
        "linear, relu": lambda x: F.linear(x, weight, activation="relu"),
        "linear_backward": lambda x: F.linear_backward(x, dy, square)[0],
        "softmax": lambda x: F.softmax(x, 1),
        "log_softmax": lambda x: F.log_softmax(x, 1),
        "softmax_backward": lambda x: F.softmax_backward(x, t, 1),
        "log_softmax_backward": lambda x: F.log_softmax_backward(x, -t, 1),
        "layer_norm": lambda x: F.layer_norm(x, COLUMNS, w, b),
        "layer_norm_backward of dy": lambda x: F.layer_norm_backward(x, dy, COLUMNS, w)[0],
        "layer_norm_backward of x": lambda x: F.layer_norm_backward(dy, x, COLUMNS, w)[0],
        "batch_norm": lambda x: F.batch_norm(x, w, b, w, b),
        "dropout": lambda x: F.dropout_by_ticket(x, 0.0, 1, 2),
        "cross_entropy": lambda x: F.cross_entropy(x, classes, reduction="none"),
        "cross_entropy_backward": lambda x: F.cross_entropy_backward(
            each, x, classes, reduction="none"
        ),
    }
    none = {"target": t, "reduction": "none"}
    for name in ("mse_loss", "l1_loss", "huber_loss", "binary_cross_entropy_with_logits"):
        functions[name] = partial(getattr(F, name), **none)
        functions[f"{name}_backward"] = partial(getattr(F, f"{name}_backward"), dy, **none)
    return functions


@pytest.mark.parametrize("name", of_rows(np.float32))
def test_nan_in_the_last_row_reaches_that_row_alone(name, isa, dtype, threads, rng):
    function = of_rows(dtype)[name]
    x = rng.standard_normal((ROWS, COLUMNS)).astype(dtype)
    clean = function(x)
    x[-1, -1] = np.nan
    y = function(x)
    assert_same_bits(y[:-1], clean[:-1])
    assert np.isnan(y[-1]).any()


def test_nan_in_the_last_row_reaches_every_sum_over_rows(isa, dtype, threads, rng):
    x, dy = rng.standard_normal((2, ROWS, COLUMNS)).astype(dtype)
    weight, w = rng.standard_normal((5, COLUMNS)).astype(dtype), np.ones(COLUMNS, dtype)
    x[-1, -1] = np.nan
    others = np.arange(COLUMNS) < COLUMNS - 1
    assert np.isnan(F.cross_entropy(x, np.zeros(ROWS, int)))
    assert np.isnan(F.mse_loss(x, dy))
    _, dw, _ = F.linear_backward(dy[:, :5].copy(), x, weight)
    np.testing.assert_array_equal(np.isnan(dw), np.broadcast_to(~others, dw.shape))
    _, dw, db = F.linear_backward(x, dy, np.ones((COLUMNS, COLUMNS), dtype))
    np.testing.assert_array_equal(np.isnan(db), ~others)
    np.testing.assert_array_equal(np.isnan(dw), np.broadcast_to(~others[:, None], dw.shape))
    running = [np.zeros(COLUMNS, dtype), np.ones(COLUMNS, dtype)]
    y = F.batch_norm(x, *running, w, w, training=True)
    for result in (y, *running):
        np.testing.assert_array_equal(np.isnan(result), np.broadcast_to(~others, result.shape))
    for a, b in ((x, dy), (dy, x)):
        for gradient in F.batch_norm_backward(a, b, None, None, w, training=True)[:2]:
            wrong = np.broadcast_to(~others, gradient.shape)
            np.testing.assert_array_equal(np.isnan(gradient), wrong)
        dweight = F.layer_norm_backward(a, b, COLUMNS, w)[1]
        assert np.isnan(dweight[-1])
    assert fastnet.describe(x).nan_count == 1
    np.testing.assert_array_equal(np.isnan(fastnet.describe(x, 0).mean), ~others)
    np.testing.assert_array_equal(F.argmax(x, 0)[-1], ROWS - 1)
    assert np.isnan(_core.sum(x))


def test_minus_zero(isa, dtype):
    x = np.full(19, -0.0, dtype)
    assert not np.signbit(F.relu(x)).any()  # as documented
    for f in (F.identity, F.leaky_relu, F.elu, F.selu, F.gelu, F.silu, F.tanh, F.hardtanh):
        assert np.signbit(f(x)).all()
