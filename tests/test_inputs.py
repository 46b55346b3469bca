"""Every operation given odd, bad and hostile arrays: it is right, or the error says what is wrong.

None may crash, give a wrong value silently, fill a hidden copy of `out`, or change an input.
"""

import re
from functools import partial

import joblib
import numpy as np
import pytest
import scipy.sparse
from helpers import assert_same_bits, layouts
from numpy.lib.stride_tricks import as_strided

import fastnet
import fastnet.functional as F
from fastnet import _core, nn, optim

ROWS, COLS = 6, 5
X, ROW, W = (ROWS, COLS), (COLS,), (3, COLS)
CLASSES = np.arange(ROWS) % COLS
ACTIVATIONS = [name for name in _core.ACTIVATIONS if name != "gelu_tanh"]


def norm(x, weight, bias, **options):
    return F.layer_norm(x, COLS, weight, bias, **options)


def trained_norm(x, weight, bias, **options):
    return F.batch_norm(x, None, None, weight, bias, training=True, **options)


def classes(function, x, weight, s, **options):
    return function(x, CLASSES, weight=weight, sample_weight=s, **options)


def classes_backward(function, dy, x, weight, **options):
    return function(dy, x, CLASSES, weight=weight, reduction="none", **options)


def bce(x, t, weight, pos_weight, s, **options):
    return F.binary_cross_entropy_with_logits(x, t, weight, "sum", pos_weight, s, **options)


def bce_backward(x, t, weight, pos_weight, s, **options):
    return F.binary_cross_entropy_with_logits_backward(
        x.dtype.type(1) if isinstance(x, np.ndarray) and x.dtype.kind == "f" else 1.0,
        x, t, weight, "sum", pos_weight, s, **options,
    )  # fmt: skip


# name: (function of arrays, their names and shapes, whether there is an `out` of x's shape)
OPS = {
    "linear": (F.linear, {"x": X, "weight": W, "bias": (3,)}, (ROWS, 3)),
    "linear_backward": (F.linear_backward, {"dy": (ROWS, 3), "x": X, "weight": W}, None),
    "layer_norm": (norm, {"x": X, "weight": ROW, "bias": ROW}, X),
    "layer_norm_backward": (
        lambda dy, x, w: F.layer_norm_backward(dy, x, COLS, w),
        {"dy": X, "x": X, "weight": ROW},
        None,
    ),
    "batch_norm": (trained_norm, {"x": X, "weight": ROW, "bias": ROW}, X),
    "batch_norm_backward": (
        lambda dy, x, w: F.batch_norm_backward(dy, x, None, None, w, training=True),
        {"dy": X, "x": X, "weight": ROW},
        None,
    ),
    "dropout": (lambda x, **o: F.dropout_by_ticket(x, 0.5, 1, 2, **o), {"x": X}, X),
    "argmax": (lambda x: F.argmax(x, 1), {"x": X}, None),
    "cross_entropy": (
        partial(classes, F.cross_entropy),
        {"input": X, "weight": ROW, "sample_weight": (ROWS,)},
        None,
    ),
    "cross_entropy_backward": (
        partial(classes_backward, F.cross_entropy_backward),
        {"dy": (ROWS,), "input": X, "weight": ROW},
        X,
    ),
    "nll_loss_backward": (
        partial(classes_backward, F.nll_loss_backward),
        {"dy": (ROWS,), "input": X, "weight": ROW},
        X,
    ),
    "binary_cross_entropy": (
        bce,
        {"input": X, "target": X, "weight": X, "pos_weight": ROW, "sample_weight": (ROWS,)},
        None,
    ),
    "binary_cross_entropy_backward": (
        bce_backward,
        {"input": X, "target": X, "weight": X, "pos_weight": ROW, "sample_weight": (ROWS,)},
        X,
    ),
}
for _name in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"):
    OPS[_name] = (getattr(F, _name), {"input": X, "target": X}, None)
    OPS[f"{_name}_backward"] = (
        partial(lambda f, d, x, t, **o: f(d, x, t, reduction="none", **o),
                getattr(F, f"{_name}_backward")),
        {"dy": X, "input": X, "target": X},
        X,
    )  # fmt: skip
for _dim in (0, 1):
    for _name in ("softmax", "log_softmax"):
        OPS[f"{_name} along {_dim}"] = (partial(getattr(F, _name), dim=_dim), {"x": X}, X)
        OPS[f"{_name}_backward along {_dim}"] = (
            partial(getattr(F, f"{_name}_backward"), dim=_dim),
            {"dy": X, "y": X},
            X,
        )
for _name in ACTIVATIONS:
    OPS[_name] = (getattr(F, _name), {"x": X}, X)
    _state = "y" if _name in ("relu", "sigmoid", "tanh") else "x"
    OPS[f"{_name}_backward"] = (getattr(F, f"{_name}_backward"), {"dy": X, _state: X}, X)

WITH_OUT = [name for name, (_, _, shape) in OPS.items() if shape]


def make(name, rng, dtype=np.float32):
    """Return an operation's function and arrays, all values in (0, 1)."""
    function, shapes, _ = OPS[name]
    return function, {k: rng.uniform(0.1, 0.9, s).astype(dtype) for k, s in shapes.items()}


def assert_equal(actual, expected):
    if isinstance(expected, tuple):
        for a, e in zip(actual, expected, strict=True):
            assert_same_bits(a, e)
    else:
        assert not isinstance(actual, np.ndarray) or type(actual) is np.ndarray
        assert_same_bits(actual, expected)


class Foreign:
    """Another library's array."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return self.values


class Exchanged:
    """An array that gives itself by DLPack alone."""

    device = 1, 0  # the CPU

    def __init__(self, values):
        self.values = values

    def __dlpack__(self, **options):
        return self.values.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.device


def odd(values, tmp_path):
    """Yield an array in every layout and class that stands for its values."""
    yield from layouts(values)
    path = tmp_path / "x.npy"
    np.save(path, values)
    yield "memmap", np.load(path, mmap_mode="r")
    joblib.dump(values, tmp_path / "x.joblib")
    yield "joblib's memmap", joblib.load(tmp_path / "x.joblib", mmap_mode="r")
    yield "masked, but nothing", np.ma.masked_array(values, np.zeros(values.shape, bool))
    yield "foreign", Foreign(values)
    yield "exchanged", Exchanged(values)
    yield "memoryview", memoryview(values)
    if values.ndim == 2:
        yield "np.matrix", values.view(np.matrix)
        yield "transposed twice", np.ascontiguousarray(values.T).T


@pytest.mark.parametrize("name", OPS)
def test_any_array_of_the_values_gives_the_same_bits(name, dtype, rng, tmp_path):
    function, arrays = make(name, rng, dtype)
    expected = function(*arrays.values())
    for key, values in arrays.items():
        for _, array in odd(values, tmp_path):
            before = np.array(array)
            assert_equal(function(*{**arrays, key: array}.values()), expected)
            np.testing.assert_array_equal(np.array(array), before)
        # One value everywhere, with strides of 0.
        flat = np.full_like(values, 0.5)
        wide = np.broadcast_to(dtype.type(0.5), values.shape)
        assert_equal(
            function(*{**arrays, key: wide}.values()), function(*{**arrays, key: flat}.values())
        )


class Sparse:
    nnz, shape, toarray = 1, X, None


class Frame:
    shape, iloc = X, None


class Graph:
    requires_grad, detach = True, None


class Broken:
    def __array__(self, dtype=None, copy=None):
        msg = "the disk is on fire"
        raise OSError(msg)


class Garbage:
    def __array__(self, dtype=None, copy=None):
        return "abc"


class OnDevice(Exchanged):
    device = 2, 0  # CUDA


class Cuda:
    __cuda_array_interface__ = ()


def no_numbers(values):
    """Yield what an operation must refuse in place of values, and with which error."""
    yield values + 1j, ValueError, "{} must be real.*complex"
    yield values.astype(object), TypeError, "{} must be an array of numbers, got dtype object"
    yield np.full(values.shape, None), TypeError, "{} must be an array of numbers"
    yield values.astype(str), TypeError, "{} must be an array of numbers, got dtype <U"
    yield values.astype(bytes), TypeError, "{} must be an array of numbers, got dtype .S"
    yield np.full(values.shape, "2026-01-01", "datetime64[D]"), TypeError, "{} must be .*datetime64"
    yield np.zeros(values.shape, "timedelta64[s]"), TypeError, "{} must be .*timedelta64"
    yield np.zeros(values.shape, [("a", "f4"), ("b", "f4")]), TypeError, "{} must be an array of n"
    yield np.ma.masked_less(values, np.inf), TypeError, "{} must not have masked values.*filled"
    yield [[1, 2], [3]], ValueError, "{} must be an array, got list"
    yield Sparse(), TypeError, "{} must be a dense array.*toarray"
    yield Frame(), TypeError, "{} must be an array.*to_numpy"
    yield Graph(), TypeError, "{} must be an array.*detach"
    yield scipy.sparse.eye_array(3), TypeError, "{} must be a dense array.*toarray"
    yield OnDevice(values), TypeError, "{} must be in the CPU's memory, got a OnDevice"
    yield Cuda(), TypeError, "{} must be in the CPU's memory, got a Cuda"
    yield Broken(), OSError, "on fire"
    yield Garbage(), ValueError, "{} must be an array, got Garbage"
    yield np.full(values.shape, 2**53 + 2), ValueError, "{} has a value too large for dtype float32"
    yield np.full(values.shape, 1e39).tolist(), ValueError, "{} has a value too large"
    yield as_strided(values, values.shape, (2**62,) * values.ndim), ValueError, "{} must lie in mem"


@pytest.mark.filterwarnings("ignore:.*__array__")
@pytest.mark.parametrize("name", OPS)
def test_what_is_no_array_of_numbers_is_refused_by_name(name, rng):
    function, arrays = make(name, rng)
    copies = {k: a.copy() for k, a in arrays.items()}
    for key, values in arrays.items():
        for bad, error, match in no_numbers(values):
            if name == "argmax" and isinstance(bad, np.ndarray) and bad.dtype.kind == "i":
                continue  # compares integers as they are
            if name == "argmax" and isinstance(bad, list) and len(bad) > 2:
                continue  # and float64 too
            with pytest.raises(error, match=match.format(key)):
                function(*{**arrays, key: bad}.values())
    for key, values in arrays.items():
        np.testing.assert_array_equal(values, copies[key])


@pytest.mark.filterwarnings("ignore:.*__array__")
def test_models_and_trainers_refuse_it_too(rng):
    x, y, s = rng.random(X).astype(np.float32), CLASSES.copy(), np.ones(ROWS, np.float32)
    model = nn.Sequential(nn.Linear(COLS, COLS))
    trainer = fastnet.Trainer(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=1.0))
    before = model[0].weight.data.copy()
    calls = {
        "x": [trainer.predict, *(lambda b, f=f: f(b, y) for f in (trainer.step, trainer.fit)),
              lambda b: trainer.evaluate(b, y), lambda b: trainer.gradient(b, y)],
        "y": [lambda b: trainer.step(x, b), lambda b: trainer.fit(x, b)],
        "sample_weight": [lambda b: trainer.step(x, y, b), lambda b: trainer.evaluate(x, y, b)],
        "input": [model],
        "0.bias": [lambda b: model.load_state_dict({"0.bias": b}, strict=False)],
    }  # fmt: skip
    for name, functions in calls.items():
        values = {"y": y, "sample_weight": s, "0.bias": np.ones(COLS, np.float32)}.get(name, x)
        for bad, error, match in no_numbers(values):
            if name == "y" and "too large" in match:
                continue  # a class out of range, or no class
            for call in functions:
                with pytest.raises(error, match=match.format(name)):
                    call(bad)
    assert_same_bits(model[0].weight.data, before)


@pytest.mark.parametrize("kind", ["bool", "uint8", "int16", "int64", "float16"])
@pytest.mark.parametrize("name", OPS)
def test_small_numbers_are_computed_exactly_in_float32(name, kind, rng):
    function, arrays = make(name, rng)
    arrays = {k: (a > 0.5).astype(kind) for k, a in arrays.items()}
    expected = function(*(a.astype(np.float32) for a in arrays.values()))
    assert_equal(function(*arrays.values()), expected)


def test_longdouble_is_computed_in_float64(rng):
    x = rng.normal(size=X).astype(np.longdouble)
    assert_same_bits(F.tanh(x), F.tanh(x.astype(np.float64)))
    with pytest.raises(ValueError, match="x has a value too large for dtype float64"):
        F.tanh(np.longdouble("1e400"))


def test_integers_are_rounded_up_to_2_to_the_53rd_and_refused_beyond():
    for x in (np.int32(2**31 - 1), np.int64(2**24 + 1), np.int64(-(2**53))):
        assert F.leaky_relu(np.array([x]), 1.0)[0] == np.float32(x)
    for x in (np.int64(2**53 + 1), np.int64(-(2**53) - 1), np.uint64(2**63)):
        with pytest.raises(ValueError, match="x has a value too large"):
            F.relu(np.array([x]))


@pytest.mark.parametrize("ndim", [0, 1, 3, 33, 64])
def test_any_number_of_dimensions(ndim, rng):
    shape = (*[1] * (ndim - 1), 2)[:ndim]
    x = rng.normal(size=shape).astype(np.float32)
    assert F.gelu(x).shape == F.softmax(x, -1).shape == F.dropout(x).shape == np.shape(x)
    assert np.shape(F.mse_loss(x, x)) == ()
    with pytest.raises(ValueError, match="weight must have shape"):
        F.linear(x, x)
    with pytest.raises(ValueError, match=r"x must have shape \(batch, features\)"):
        F.batch_norm(x, None, None, training=True)
    with pytest.raises((ValueError, TypeError)):
        F.linear_backward(x, np.ones((1, 2), np.float32), np.ones((2, 2), np.float32))


def wrong_outs(shape):
    """Yield what is no `out` of this shape in float32."""
    yield np.empty(shape, np.float64), TypeError, "out must have dtype float32"
    yield np.empty(shape, ">f4"), TypeError, "out must have dtype float32"
    yield np.empty(shape, np.int32), TypeError, "out must have dtype float32"
    yield np.empty(shape, np.float32).tolist(), TypeError, "out must be a numpy.ndarray, got list"
    yield np.ma.zeros(shape, np.float32), TypeError, "out must be a numpy.ndarray, got Masked"
    yield np.zeros(shape, np.float32).view(np.matrix), TypeError, "out must be .*got matrix"
    yield np.empty((shape[0], shape[1] + 1), np.float32), ValueError, "out must have shape"
    yield np.empty(shape, np.float32).reshape(-1), ValueError, "out must have shape"
    yield np.empty(shape[::-1], np.float32).T, ValueError, "out must be C-contiguous"
    yield np.empty((shape[0], 2 * shape[1]), np.float32)[:, ::2], ValueError, "C-contiguous"
    yield np.empty(shape, np.float32)[::-1], ValueError, "out must be C-contiguous"
    raw = np.zeros(4 * shape[0] * shape[1] + 1, np.uint8)
    yield raw[1:].view(np.float32).reshape(shape), ValueError, "out must be .*aligned"
    frozen = np.zeros(shape, np.float32)
    frozen.flags.writeable = False
    yield frozen, ValueError, "out is read-only"
    yield np.broadcast_to(np.float32(0), shape), ValueError, "out is read-only"
    same = as_strided(np.zeros(4, np.float32), shape, (0, 0))
    yield same, ValueError, "out must be C-contiguous"


@pytest.mark.parametrize("name", WITH_OUT)
def test_out_is_filled_or_refused(name, rng):
    function, arrays = make(name, rng)
    shape = OPS[name][2]
    expected = function(*arrays.values())
    out = np.full(shape, np.nan, np.float32)
    assert function(*arrays.values(), out=out) is out
    assert_same_bits(out, expected)
    for bad, error, match in wrong_outs(shape):
        before = np.array(bad)
        with pytest.raises(error, match=match):
            function(*arrays.values(), out=bad)
        np.testing.assert_array_equal(np.array(bad), before)


@pytest.mark.parametrize("name", WITH_OUT)
@pytest.mark.parametrize("offset", [-3, -1, 0, 1, 3])
def test_out_that_overlaps_an_input_is_refused_or_right(name, offset, rng):
    function, arrays = make(name, rng)
    shape = OPS[name][2]
    expected = function(*arrays.values())
    size = shape[0] * shape[1]
    for key, values in arrays.items():
        memory = np.zeros(abs(offset) + max(size, values.size), np.float32)
        # The input lies `offset` behind the beginning of out, or before it.
        begin = max(offset, 0)
        shared = memory[begin : begin + values.size].reshape(values.shape)
        shared[...] = values
        out = memory[begin - offset : begin - offset + size].reshape(shape)
        try:
            y = function(*{**arrays, key: shared}.values(), out=out)
        except ValueError as error:
            assert re.search("out must not overlap", str(error))  # noqa: PT017
            np.testing.assert_array_equal(shared, values)
        else:
            assert y is out
            assert_same_bits(out, expected)
