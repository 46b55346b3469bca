"""Options that make no sense, sizes beyond memory and arrays in each other's: refused by name."""

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided

import fastnet
import fastnet.functional as F
from fastnet import _core, nn

COLS = 5
BAD_NUMBERS = ["0.5", True, None, np.nan, [0.1], np.array([0.1, 0.2]), 1j]
row = np.ones(COLS, np.float32)
eye = np.eye(COLS, dtype=np.float32)
OPTIONS = {
    "negative_slope": lambda v: F.leaky_relu(eye, v),
    "alpha": lambda v: F.elu_backward(eye, eye, v),
    "beta": lambda v: F.softplus(eye, v),
    "threshold": lambda v: F.softplus(eye, 1.0, v),
    "min_val": lambda v: F.hardtanh(eye, v),
    "max_val": lambda v: F.hardtanh_backward(eye, eye, -1.0, v),
    "p": lambda v: F.dropout(eye, v),
    "eps": lambda v: F.layer_norm(eye, COLS, eps=v),
    "momentum": lambda v: F.batch_norm(eye, None, None, training=True, momentum=v),
    "delta": lambda v: F.huber_loss(eye, eye, delta=v),
    "label_smoothing": lambda v: F.cross_entropy(eye, range(COLS), label_smoothing=v),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_an_option_that_is_no_number_is_named(name):
    for value in BAD_NUMBERS:
        with pytest.raises((TypeError, ValueError), match=rf"^{name} must be"):
            OPTIONS[name](value)


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: F.layer_norm(eye, 4.7), TypeError, "normalized_shape must be an int"),
        (lambda: F.layer_norm(eye, "5"), TypeError, "normalized_shape must be an int"),
        (lambda: F.layer_norm(eye, [5.0]), TypeError, "normalized_shape must be an int"),
        (lambda: F.layer_norm(eye, 2**70), ValueError, "to fit normalized_shape"),
        (lambda: F.layer_norm(eye, 5, eps=-1.0), ValueError, "eps must be in"),
        (lambda: F.batch_norm(eye, row, row, training="no"), TypeError, "training must be a bool"),
        (lambda: F.dropout(eye, training="no"), TypeError, "training must be a bool"),
        (lambda: F.linear(eye, eye, activation=["relu"]), ValueError, "activation must be one"),
        (lambda: F.gelu(eye, []), ValueError, "approximate must be"),
        (lambda: F.mse_loss(eye, eye, reduction=["mean"]), ValueError, "reduction must be one"),
        (lambda: F.softmax(eye, 2**70), ValueError, "dim must be"),
        (lambda: F.linear_backward(np.float32(1), row, eye), ValueError, "dy, x and weight must"),
    ],
)
def test_an_option_that_makes_no_sense_is_named(call, error, match):
    with pytest.raises(error, match=match):
        call()


def test_a_class_beyond_int64_does_not_become_the_ignored_one():
    y = np.full(COLS, 2**64 - 100, np.uint64)  # -100 if it wraps around
    for call in (F.cross_entropy, F.nll_loss):
        with pytest.raises(ValueError, match="target has a value too large for dtype int64"):
            call(eye, y)
    with pytest.raises(ValueError, match="index must be in"):
        F.one_hot(y, COLS)
    with pytest.raises(ValueError, match="ignore_index must be an int64"):
        F.cross_entropy(eye, range(COLS), ignore_index=2**70)


def test_running_statistics_share_no_memory_with_what_is_read():
    x, mean = np.eye(COLS, dtype=np.float32), np.zeros(COLS, np.float32)
    with pytest.raises(ValueError, match="running_mean must not overlap"):
        F.batch_norm(x, mean, mean, training=True)
    with pytest.raises(ValueError, match="running_mean must not overlap"):
        F.batch_norm(x, x[0], mean, training=True)
    with pytest.raises(ValueError, match="running_var must not overlap"):
        F.batch_norm(x, mean, row, row, training=True)
    np.testing.assert_array_equal(x, np.eye(COLS))
    assert not mean.any()
    assert (row == 1).all()


def test_a_trillion_elements_are_a_memory_error():
    wide = np.broadcast_to(np.float32(1), (10**6, 10**6))
    thin = np.broadcast_to(np.float32(1), (1, 10**6))
    for call in (
        lambda: F.relu(wide),
        lambda: F.relu(np.broadcast_to(np.int32(1), wide.shape)),
        lambda: F.softmax(wide, 0),
        lambda: F.argmax(wide, 1),
        lambda: F.linear(wide, thin),
        lambda: F.linear(thin, wide),
        lambda: F.linear_backward(wide, wide, wide),
        lambda: F.layer_norm(wide, 10**6),
        lambda: F.mse_loss(wide, wide),
        lambda: F.cross_entropy(wide, np.zeros(10**6, int)),
        lambda: F.dropout(wide),
        lambda: fastnet.tensor(wide),
        lambda: nn.Linear(2**25, 2**15),
        lambda: nn.BatchNorm1d(2**40),
    ):
        with pytest.raises(MemoryError, match="Unable to allocate"):
            call()
    for call in (
        lambda: nn.Linear(2**33, 2**33),
        lambda: nn.LayerNorm((2**62, 2**62)),
        lambda: nn.BatchNorm1d(2**62),
        lambda: F.one_hot([0], 2**62),
        lambda: F.one_hot([0], 2**70),
    ):
        with pytest.raises(ValueError, match=r"."):
            call()


@pytest.mark.parametrize(
    "array",
    [
        as_strided(np.ones(8, np.float32), (2, 4), (2**62, 4)),
        as_strided(np.ones(8, np.float32), (2, 4), (-(2**62), 4)),
        as_strided(np.ones(8, np.float32), (4, 4), (2**62, 2**62)),
    ],
)
def test_strides_beyond_memory_never_reach_it(array):
    layer = nn.Sequential(nn.Linear(4, 4))
    for call in (
        lambda: layer(array),
        lambda: layer.eval()(array),
        lambda: fastnet.tensor(array),
        lambda: fastnet.from_numpy(array),
        lambda: F.relu(array.view(np.int32)),
    ):
        with pytest.raises(ValueError, match="must lie in memory"):
            call()
    out = np.ones((len(array), 2), np.float32)
    with pytest.raises(ValueError, match="x must"):
        _core.linear(array, np.ones((2, 4), np.float32), None, 0, 0.0, 0.0, out)


def test_the_compiled_half_checks_what_it_is_given():
    x, out = np.ones((6, 5), np.float32), np.ones((6, 3), np.float32)
    w = np.ones((3, 5), np.float32)
    with pytest.raises(ValueError, match="kind must be an activation's number"):
        _core.linear(x, w, None, 1000, 0.0, 0.0, out)
    with pytest.raises(TypeError, match="dbias must be an array"):
        _core.linear_backward_w(out, x, np.ones((5, 3), np.float32), "abc")
    with pytest.raises(TypeError, match="out must be an array"):
        _core.layer_norm_backward(x, x, None, 1e-5, "abc", row.copy(), row.copy())
    with pytest.raises(ValueError, match="dbias must not overlap"):
        _core.linear_backward_w(out, x, np.ones((5, 3), np.float32), out[0])
