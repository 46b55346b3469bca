"""Large arrays: activations, softmax and Adam's update, whose limit is the memory.

The arrays are several times the last cache. Bytes are those that must move: each input is read and
each output written once; the ceiling is that of copying.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import fastnet
import fastnet.functional as F
from fastnet import reference
from fastnet._bench.common import Array, Case, Kind, System, require_close
from fastnet._bench.training import BETA1, BETA2, EPS, RATE
from fastnet.reference.optim import adam_update

SIZE = 2**25


class Work(NamedTuple):
    """A function, and for softmax the length of a row."""

    what: str
    columns: int = 1
    dtype: str = "f4"

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the arrays."""
        size = SIZE if self.dtype == "f4" else SIZE // 2
        return (size,) if self.columns == 1 else (size // self.columns, self.columns)


# How often a value is read or written.
TOUCHED = {"adam": 7, "gelu backward": 3, "relu backward": 3, "softmax backward": 3}

WORKS = [
    *(Work(what) for what in ("relu", "sigmoid", "tanh", "gelu", "silu", "softplus", "elu")),
    *(Work(what) for what in ("relu backward", "gelu backward")),
    *(Work("softmax", columns) for columns in (10, 1000)),
    *(Work("log_softmax", columns) for columns in (10, 1000)),
    Work("softmax backward", 1000),
    Work("layer_norm", 256),
    Work("adam"),
    *(Work(what, dtype="f8") for what in ("relu", "tanh", "adam")),
    Work("softmax", 1000, "f8"),
]
SHORT = [Work("gelu"), Work("softmax", 1000), Work("adam")]


def case_of(work: Work) -> Case:
    shape = (
        "x".join(map(str, work.shape))
        if work.columns > 1
        else f"2^{work.shape[0].bit_length() - 1}"
    )
    moved = TOUCHED.get(work.what, 2) * np.prod(work.shape, dtype=float)
    name = f"{work.what} {shape}{' f64' * (work.dtype == 'f8')}"
    return Case(name, work, 0, moved * np.dtype(work.dtype).itemsize, work.dtype, work in SHORT)


def data(work: Work) -> Array:
    """Return normals of sd 3: a block of them, again and again."""
    block = np.random.default_rng(4).standard_normal(2**16, np.float32) * 3
    return np.resize(block, work.shape).astype(work.dtype)


def part(work: Work, a: Any) -> Any:
    """Return of an array the values that are compared: the first rows and the last."""
    rows = max(1, 4096 // work.columns)
    return np.concatenate([a[:rows], a[-rows:]])


def gradient(work: Work, a: Any) -> Any:
    """Return what stands for dy: the values backwards."""
    return a[::-1]


def of_functions(module: Any, work: Work, x: Any, dy: Any, **out: Any) -> Any:
    """Do the work by fastnet.functional or fastnet.reference."""
    what = work.what
    if what == "layer_norm":
        return module.layer_norm(x, work.columns, **out)
    if what.endswith("backward"):
        function = getattr(module, what.replace(" ", "_"))
        return function(dy, x, -1, **out) if "softmax" in what else function(dy, x, **out)
    function = getattr(module, what)
    return function(x, -1, **out) if "softmax" in what else function(x, **out)


def check(work: Work, answer: Any) -> float:
    """Compare with fastnet.reference in float64.

    Values near 1 in size are within some ulp in every package; 64 eps of the largest value tells
    another formula from another rounding. PyTorch's and JAX's errors are of that size.
    """
    x, dy = (part(work, a).astype(float) for a in (data(work), gradient(work, data(work))))
    if work.what == "adam":
        expected = x.copy()
        moments = np.zeros_like(x), np.zeros_like(x)
        adam_update(expected, dy, *moments, RATE, BETA1, BETA2, BETA1, BETA2, EPS)
    else:
        expected = of_functions(reference, work, x, dy)
    bound = 64 * np.finfo(work.dtype).eps * np.max(np.abs(expected))
    return require_close(part(work, np.asarray(answer)), expected, bound)


def build_fastnet(work: Work) -> System:
    x = data(work)
    if work.what == "adam":
        p = fastnet.nn.Parameter(x)
        p.grad = fastnet.from_numpy(np.ascontiguousarray(gradient(work, x)))
        adam = fastnet.optim.Adam([p], lr=RATE, betas=(BETA1, BETA2), eps=EPS)

        def answer():
            adam.step()
            return p.data

        return System(adam.step, answer)
    dy = np.ascontiguousarray(gradient(work, x)) if work.what.endswith("backward") else None
    out = np.empty_like(x)

    def call():
        return of_functions(F, work, x, dy, out=out)

    return System(call, call)


NUMPY: dict[str, Callable[[Array, Array], Any]] = {
    "relu": lambda x, out: np.maximum(x, 0, out=out),
    "tanh": lambda x, out: np.tanh(x, out=out),
}


def _numpy_sigmoid(x: Array, out: Array) -> Array:
    np.negative(x, out=out)
    np.exp(out, out=out)
    np.add(out, 1, out=out)
    return np.reciprocal(out, out=out)


def _numpy_softmax(x: Array, out: Array) -> Array:
    np.subtract(x, x.max(axis=-1, keepdims=True), out=out)
    np.exp(out, out=out)
    return np.divide(out, out.sum(axis=-1, keepdims=True), out=out)


NUMPY |= {"sigmoid": _numpy_sigmoid, "softmax": _numpy_softmax}


def build_numpy(work: Work) -> System:
    if work.what not in NUMPY:
        msg = "nothing of its own for it"
        raise NotImplementedError(msg)
    x = data(work)
    out = np.empty_like(x)
    function = NUMPY[work.what]
    return System(lambda: function(x, out), lambda: function(x, out))


def build_torch(work: Work) -> System:
    import torch

    x = torch.from_numpy(data(work))
    if work.what == "adam":
        p = torch.nn.Parameter(x)
        p.grad = torch.flip(x, [0])
        adam = torch.optim.Adam([p], lr=RATE, betas=(BETA1, BETA2), eps=EPS, fused=True)

        def answer():
            adam.step()
            return p.detach().numpy()

        return System(adam.step, answer)
    native, aten = torch._C._nn, torch.ops.aten
    dy = torch.flip(x, [0]) if work.what.endswith("backward") else None
    out = torch.empty_like(x)
    functions: dict[str, Callable[[], Any]] = {
        "relu": lambda: torch.clamp_min(x, 0, out=out),
        "sigmoid": lambda: torch.sigmoid(x, out=out),
        "tanh": lambda: torch.tanh(x, out=out),
        "gelu": lambda: native.gelu(x, out=out),
        "silu": lambda: native.silu(x, out=out),
        "softplus": lambda: native.softplus(x, out=out),
        "elu": lambda: native.elu(x, out=out),
        "relu backward": lambda: aten.threshold_backward.grad_input(dy, x, 0, grad_input=out),
        "gelu backward": lambda: aten.gelu_backward.grad_input(dy, x, grad_input=out),
        "softmax": lambda: torch.softmax(x, -1, out=out),
        "log_softmax": lambda: torch.log_softmax(x, -1, out=out),
        "softmax backward": lambda: aten._softmax_backward_data.out(
            dy, x, -1, x.dtype, grad_input=out
        ),
        "layer_norm": lambda: torch.nn.functional.layer_norm(x, (work.columns,)),
    }
    function = functions[work.what]

    @torch.inference_mode()
    def call():
        return function()

    return System(call, lambda: call().numpy())


def build_jax(work: Work) -> System:
    import jax

    jax.config.update("jax_enable_x64", work.dtype == "f8")
    jnp, nn = jax.numpy, jax.nn
    functions: dict[str, Callable[[Any], Any]] = {
        "relu": nn.relu,
        "sigmoid": nn.sigmoid,
        "tanh": jnp.tanh,
        "gelu": functools.partial(nn.gelu, approximate=False),
        "silu": nn.silu,
        "softplus": nn.softplus,
        "elu": nn.elu,
        "softmax": nn.softmax,
        "log_softmax": nn.log_softmax,
    }
    if work.what not in functions:
        msg = "nothing of its own for it"
        raise NotImplementedError(msg)
    x = jax.device_put(data(work))
    f = jax.jit(functions[work.what])

    def call():
        return f(x).block_until_ready()

    return System(call, call)


KIND = Kind(
    "elementwise",
    "large arrays, element by element or row by row",
    [case_of(work) for work in WORKS],
    {"fastnet": build_fastnet, "numpy": build_numpy, "torch": build_torch, "jax": build_jax},
    check,
    bound="copy",
    plot="shares",
)
