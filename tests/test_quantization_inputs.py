"""What `fastnet.quantize` and its models are given: odd arrays, bad arguments."""

import numpy as np
import pytest
from helpers import assert_same_bits, layouts

import fastnet
from fastnet import _core, nn
from fastnet._compile.layers import Layers
from fastnet._compile.training import loss_options
from fastnet._storage import aligned_zeros


@pytest.fixture(params=["bf16", "int8"])
def precision(request):
    return request.param


def net64(dtype=np.float32, k=64):
    return nn.Sequential(nn.Linear(k, 16, dtype=dtype))


@pytest.mark.parametrize("name", [name for name, _ in layouts(np.zeros((2, 2), np.float32))])
def test_layouts(precision, rng, name):
    net, x = net64(k=66), rng.standard_normal((9, 66)).astype(np.float32)
    small = fastnet.quantize(net, precision)
    assert_same_bits(small(dict(layouts(x))[name]), small(x))


def test_other_inputs_and_out(precision, rng):
    small = fastnet.quantize(net64(), precision)
    x = rng.integers(-3, 4, (5, 64))
    expected = small(x.astype(np.float32))
    for kind in (x, x.tolist(), x.astype(float), x.astype(np.float16)):
        assert_same_bits(small(kind), expected)
    out = np.empty((5, 16), np.float32)
    assert small(x.astype(np.float32), out=out) is out
    assert_same_bits(out, expected)
    assert small(np.empty((0, 64), np.float32)).shape == (0, 16)


# ---- bad input ----


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (lambda: (np.ones(3), "int8"), TypeError, "model must be a Module, got ndarray"),
        (lambda: (net64(), "int4"), ValueError, "dtype must be 'bf16' or 'int8', got 'int4'"),
        (lambda: (net64(), np.int8), TypeError, "dtype must be 'bf16' or 'int8', got <class"),
        (lambda: (net64(np.float64), "int8"), TypeError, "float32 parameters, got float64"),
        (lambda: (nn.ReLU(), "int8"), ValueError, "must have a Linear or a norm"),
        (lambda: (nn.Sequential(nn.Linear(9, 9)), "int8"), ValueError, "at least 64 inputs and 16"),
        (lambda: (nn.ModuleList(), "int8"), TypeError, "ModuleList can't be compiled"),
        (lambda: (net64(), "int8", np.ones((3, 5))), ValueError, r"check must have .*64\), got"),
        (lambda: (net64(), "int8", np.ones((0, 64))), ValueError, r"check must have .*64\), got"),
        (lambda: (net64(), "int8", "text"), TypeError, "check must be an array of numbers"),
    ],
)
def test_bad_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        fastnet.quantize(*arguments())


@pytest.mark.parametrize("value", [np.nan, -np.inf, 3.4e38])
def test_weights_that_are_not_finite(precision, value):
    net = net64()
    net[0].weight.data[3, 5] = value
    if precision == "int8" and np.isfinite(value):
        fastnet.quantize(net, precision)
        return
    with pytest.raises(ValueError, match=r"weight of Linear.* must be finite.*, got "):
        fastnet.quantize(net, precision)


def test_bad_calls(precision):
    small = fastnet.quantize(net64(), precision)
    x = np.ones((3, 64), np.float32)
    with pytest.raises(ValueError, match=r"input must have shape \(batch, 64\), got \(3, 65\)"):
        small(np.ones((3, 65), np.float32))
    with pytest.raises(ValueError, match=r"input must have shape \(batch, 64\), got \(64,\)"):
        small(x[0])
    with pytest.raises(ValueError, match=r"out must have shape \(3, 16\)"):
        small(x, out=np.empty((3, 17), np.float32))
    with pytest.raises(TypeError, match="out must have dtype float32"):
        small(x, out=np.empty((3, 16)))
    with pytest.raises(ValueError, match="overlap"):
        small(x, out=x.reshape(-1)[:48].reshape(3, 16))


def test_the_compiled_half_checks_packed_weights(precision):
    layer = fastnet.quantize(net64(), precision)._layers[0]
    for change in (
        {"packed": layer["packed"][:-1]},
        {"packed": layer["packed"].view(np.int8)},
        {"bias": layer["bias"][:16]},
        {"precision": 0},
        {"precision": 7},
        {"scale": None if precision == "int8" else layer["bias"]},
        {"in_features": 2**40},
        {"out_features": 2**31},
        {"in_features": 10**6},
    ):
        with pytest.raises((TypeError, ValueError)):
            _core.Network_f32([layer | change])
    with pytest.raises(ValueError, match="float32"):
        _core.Network_f64([layer])
    flat = aligned_zeros(16, np.dtype(np.float32))
    options = loss_options(nn.MSELoss(), Layers(net64()))[1]
    network = _core.Network_f32([layer])
    with pytest.raises(ValueError, match="can't be trained"):
        _core.Training_f32(network, 0, options, [], flat, flat)
