"""Operations read and write only the memory they are given, at every length around a vector.

Arrays lie flush against pages that no one may touch, before or after them, and inputs on pages that
no one may write: a violation ends the process, and faulthandler names the test.
"""

import ctypes
import mmap
from functools import partial

import numpy as np
import pytest

import fastnet
import fastnet.functional as F
from fastnet import _core, nn, optim, quantization
from fastnet.random import Generator

PAGE = mmap.PAGESIZE
NONE, READ, READ_WRITE = 0, mmap.PROT_READ, mmap.PROT_READ | mmap.PROT_WRITE
libc = ctypes.CDLL(None, use_errno=True)

# 1 to 2 logical vectors and 1 more, and the lengths around 3 and 4 of them.
LENGTHS = [*range(1, 34), 47, 48, 49, 63, 64, 65, 67]


class Guarded:
    """Arrays between guard pages; leaving the block gives the pages back."""

    def __init__(self, side):
        self.side = side  # which guard the array touches: "before" or "after"
        self.memory = []
        self.sealed = []

    def empty(self, shape, dtype):
        dtype = np.dtype(dtype)
        nbytes = int(np.prod(shape)) * dtype.itemsize
        inner = -(-max(nbytes, 1) // PAGE) * PAGE
        memory = mmap.mmap(-1, inner + 2 * PAGE)
        base = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        self.memory.append((memory, base, inner))
        self.protect(base, PAGE, NONE)
        self.protect(base + PAGE + inner, PAGE, NONE)
        offset = PAGE if self.side == "before" else PAGE + inner - nbytes
        return np.frombuffer(memory, dtype, int(np.prod(shape)), offset).reshape(shape)

    def input(self, values):
        """Return a copy of the values that can't be written."""
        array = self.empty(values.shape, values.dtype)
        array[...] = values
        _, base, inner = self.memory[-1]
        self.protect(base + PAGE, inner, READ)
        return array

    def protect(self, address, size, access):
        if libc.mprotect(ctypes.c_void_p(address), ctypes.c_size_t(size), access) != 0:
            raise OSError(ctypes.get_errno(), "mprotect")


def transposed(function):
    """Call a function with the second array as the transposed view of a row-major one."""

    def call(x, weight, *rest, **options):
        return function(x, weight.T, *rest, **options)

    return call


def viewed(function, view):
    """Call a function with a view of the first array: its rows backwards, a part of them ..."""

    def call(x, *rest, **options):
        return function(view(x), *rest, **options)

    return call


def dropout(x, out):
    return F.dropout_by_ticket(x, 0.5, key=1, ticket=2, out=out)


def uniform(out):
    return Generator(1).advance(1).uniform(2, 3, dtype=out.dtype, out=out)


def of_classes(function):
    """Call a loss's backward with classes 0, 1, 2 ... for the rows of its input."""

    def call(x, **options):
        return function(x.dtype.type(1), x, np.arange(len(x)) % x.shape[1], **options)

    return call


def of_samples(function):
    """Call a loss's backward with its weights of samples."""

    def call(x, t, s, **options):
        return function(x.dtype.type(1), x, t, sample_weight=s, **options)

    return call


def layer_norm(x, weight, bias, **options):
    return F.layer_norm(x, len(weight), weight, bias, **options)


def layer_norm_backward(dy, x, weight):
    return F.layer_norm_backward(dy, x, len(weight), weight)


def batch_norm(x, mean, var, weight, **options):
    return F.batch_norm(x, mean, np.square(var), weight, **options)


def batch_norm_in_training(x, weight, bias, **options):
    return F.batch_norm(x, None, None, weight, bias, training=True, **options)


def batch_norm_backward(dy, x, weight):
    return F.batch_norm_backward(dy, x, None, None, weight, training=True)


def sgd_update(g, out):
    out[...] = 1
    _core.sgd_update(out, g, None, lr=0.5)
    return out


def adam_update(g, out):
    # Rows of w, m and v, of which one after the other touches the guard.
    for order in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        out[...] = 1
        a = [out[i] for i in order]
        _core.adam_update(
            a[0], g, a[1], a[2], lr=0.5, beta1=0.5, beta2=0.5, beta1_power=0.5, beta2_power=0.5,
            eps=0.0,
        )  # fmt: skip
    return out


def moments(x, out):
    # Rows of 8 numbers each: those of a vector, or of columns.
    sets = out.shape[:2]
    found = np.empty((*sets, 8))
    _core.moments(x.reshape(sets[0], -1, sets[1]), None, found, np.empty(sets, np.int64))
    out[...] = found
    return out


cross_entropy, nll_loss = of_classes(F.cross_entropy_backward), of_classes(F.nll_loss_backward)
mse_loss = of_samples(F.mse_loss_backward)
binary_cross_entropy = of_samples(F.binary_cross_entropy_with_logits_backward)


# name: (function, shapes of the float inputs at length n, shape of out or None). One line each.
CASES = {
    "dropout": (dropout, lambda n: [(3, 5 * n)], lambda n: (3, 5 * n)),
    "uniform": (uniform, lambda n: [], lambda n: (5 * n,)),
    "linear, wide": (F.linear, lambda n: [(3, 5), (n, 5), (n,)], lambda n: (3, n)),
    "linear, deep": (F.linear, lambda n: [(3, n), (5, n), (5,)], lambda n: (3, 5)),
    "linear, tall": (F.linear, lambda n: [(n, 7), (5, 7), (5,)], lambda n: (n, 5)),
    "linear, narrow": (F.linear, lambda n: [(n, 7), (2, 7), (2,)], lambda n: (n, 2)),
    "linear, narrow, deep": (F.linear, lambda n: [(20, n), (3, n), (3,)], lambda n: (20, 3)),
    "linear, W": (transposed(F.linear), lambda n: [(3, 5), (5, n), (n,)], lambda n: (3, n)),
    "linear, one row": (transposed(F.linear), lambda n: [(1, 5), (5, n), (n,)], lambda n: (1, n)),
    "linear_backward": (F.linear_backward, lambda n: [(3, n), (3, 5), (n, 5)], None),
    "linear_backward, narrow": (F.linear_backward, lambda n: [(n, 2), (n, 5), (2, 5)], None),
    "linear_backward, narrow dx": (F.linear_backward, lambda n: [(n, 5), (n, 2), (5, 2)], None),
    "linear_backward, tall": (F.linear_backward, lambda n: [(n, 3), (n, 5), (3, 5)], None),
    "softmax": (partial(F.softmax, dim=1), lambda n: [(3, n)], lambda n: (3, n)),
    "log_softmax": (partial(F.log_softmax, dim=1), lambda n: [(3, n)], lambda n: (3, n)),
    "softmax_backward": (
        partial(F.softmax_backward, dim=1),
        lambda n: [(3, n), (3, n)],
        lambda n: (3, n),
    ),
    "layer_norm": (layer_norm, lambda n: [(3, n), (n,), (n,)], lambda n: (3, n)),
    "layer_norm_backward": (layer_norm_backward, lambda n: [(3, n), (3, n), (n,)], None),
    "batch_norm": (batch_norm, lambda n: [(3, n), (n,), (n,), (n,)], lambda n: (3, n)),
    "batch_norm, training": (
        batch_norm_in_training,
        lambda n: [(3, n), (n,), (n,)],
        lambda n: (3, n),
    ),
    "batch_norm_backward": (batch_norm_backward, lambda n: [(3, n), (3, n), (n,)], None),
    "sgd_update": (sgd_update, lambda n: [(n,)], lambda n: (n,)),
    "adam_update": (adam_update, lambda n: [(n,)], lambda n: (3, n)),
    "argmax": (partial(F.argmax, dim=1), lambda n: [(3, n)], None),
    "moments": (moments, lambda n: [(3, n)], lambda n: (3, 1, 8)),
    "moments, columns": (moments, lambda n: [(9, n)], lambda n: (1, n, 8)),
    "cross_entropy": (cross_entropy, lambda n: [(3, n)], lambda n: (3, n)),
    "cross_entropy, tall": (cross_entropy, lambda n: [(n, 3)], lambda n: (n, 3)),
    "nll_loss": (nll_loss, lambda n: [(3, n)], lambda n: (3, n)),
    "mse_loss": (mse_loss, lambda n: [(3, n), (3, n), (3,)], lambda n: (3, n)),
    "mse_loss, tall": (mse_loss, lambda n: [(n, 1), (n, 1), (n,)], lambda n: (n, 1)),
    "bce": (binary_cross_entropy, lambda n: [(3, n), (3, n), (3,)], lambda n: (3, n)),
}
# Views that are walked where they lie, or copied first.
ROWS_BACK, COLUMNS_BACK = (lambda x: x[::-1]), (lambda x: x[:, ::-1])
for name, view, shape in [
    ("rows backwards", ROWS_BACK, lambda n: (3, n)),
    ("columns backwards", COLUMNS_BACK, lambda n: (3, n)),
    ("every second row", lambda x: x[::2], lambda n: (5, n)),
    ("the last rows", lambda x: x[-3:], lambda n: (9, n)),
    ("the last columns", lambda x: x[:, 5:], lambda n: (3, n + 5)),
    ("every second column", lambda x: x[:, 1::2], lambda n: (3, 2 * n)),
    ("transposed", lambda x: x.T, lambda n: (n, 3)),
    ("transposed, backwards", lambda x: x.T[::-1], lambda n: (n, 3)),
]:
    CASES[f"linear of {name}"] = (
        viewed(F.linear, view),
        lambda n, shape=shape: [shape(n), (5, n), (5,)],
        lambda n: (3, 5),
    )
    CASES[f"softmax of {name}"] = (
        viewed(partial(F.softmax, dim=1), view),
        lambda n, shape=shape: [shape(n)],
        lambda n: (3, n),
    )
    CASES[f"describe {name}"] = (
        viewed(fastnet.describe, view),
        lambda n, shape=shape: [shape(n)],
        None,
    )
    CASES[f"describe columns of {name}"] = (
        viewed(partial(fastnet.describe, axis=0), view),
        lambda n, shape=shape: [shape(n)],
        None,
    )
for kind in [
    "identity", "relu", "leaky_relu", "elu", "selu", "gelu", "silu", "sigmoid", "tanh", "softplus",
    "hardtanh",
]:  # fmt: skip
    CASES[kind] = (getattr(F, kind), lambda n: [(n,)], lambda n: (n,))
    gradient = getattr(F, f"{kind}_backward")
    CASES[f"{kind}_backward"] = (gradient, lambda n: [(n,), (n,)], lambda n: (n,))


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("precision", ["bf16", "int8"])
def test_quantized_network_stays_within_its_arrays(isa, precision, side, monkeypatch):
    monkeypatch.setattr(quantization, "MIN_IN_FEATURES", 1)
    monkeypatch.setattr(quantization, "MIN_OUT_FEATURES", 1)
    for m, k, n in [*((3, n, 5) for n in LENGTHS), *((m, 7, m) for m in LENGTHS)]:
        guarded = Guarded(side)
        small = fastnet.quantize(fastnet.nn.Sequential(fastnet.nn.Linear(k, n, rng=1)), precision)
        out = guarded.empty((m, n), np.float32)
        out[...] = np.nan
        small(guarded.input(np.ones((m, k), np.float32)), out=out)
        assert np.isfinite(out).all()


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("view", [np.asarray, ROWS_BACK], ids=["in order", "rows backwards"])
def test_compiled_network_stays_within_its_arrays(isa, dtype, side, view):
    rng = np.random.default_rng(1)
    for n in LENGTHS:
        kind = {"dtype": dtype, "rng": 1}
        model = nn.Sequential(
            nn.Linear(n, n, **kind), nn.Tanh(), nn.LayerNorm(n, dtype=dtype), nn.ReLU(),
            nn.Linear(n, 3, **kind),
        )  # fmt: skip
        trainer = fastnet.Trainer(model, nn.CrossEntropyLoss(), optim.Adam(model.parameters()))
        guarded = Guarded(side)
        x = view(guarded.input(rng.standard_normal((5, n)).astype(dtype)))
        y = guarded.input(rng.integers(0, 3, 5))
        s = guarded.input(rng.random(5).astype(dtype))
        out = guarded.empty((5, 3), dtype)
        out[...] = np.nan
        trainer.predict(x, out=out)
        assert np.isfinite(out).all()
        assert np.isfinite(trainer.step(x, y))
        assert np.isfinite(trainer.fit(x, y, batch_size=2, sample_weight=s, rng=1)["loss"][0])


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("name", CASES)
def test_operation_stays_within_its_arrays(isa, dtype, name, side):
    function, inputs, output = CASES[name]
    rng = np.random.default_rng(1)
    for n in LENGTHS:
        guarded = Guarded(side)
        arrays = [guarded.input(rng.standard_normal(s).astype(dtype)) for s in inputs(n)]
        if output is None:
            function(*arrays)
            continue
        out = guarded.empty(output(n), dtype)
        out[...] = np.nan  # whatever is left unwritten shows
        assert function(*arrays, out=out) is out
        assert np.isfinite(out).all()


def test_the_guards_work(tmp_path):
    # A read one element beyond must end a process: checked in a child of its own.
    import subprocess
    import sys
    from pathlib import Path

    code = (
        "import sys, ctypes; sys.path.insert(0, sys.argv[1])\n"
        "from test_memory import Guarded\n"
        "x = Guarded('after').empty((3,), 'f4')\n"
        "print('ready', flush=True)\n"
        "ctypes.c_float.from_address(x.ctypes.data + 12).value"
    )
    command = [sys.executable, "-c", code, str(Path(__file__).parent)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.stdout == "ready\n"
    assert result.returncode != 0  # of a signal, or of AddressSanitizer that reports it
