"""Matrix products: a linear layer with bias and ReLU, and its gradients dX and dW.

A case is m x k x n: a batch of m through k inputs to n outputs.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

import fastnet
import fastnet.functional as F
from fastnet._bench.common import Array, Case, Kind, System, require_close, sample


class Product(NamedTuple):
    """Which product of a layer: "forward", "dx" or "dw", and its sizes."""

    what: str
    m: int
    k: int
    n: int
    dtype: str = "f4"
    subnormal: bool = (
        False  # inputs and bias, which some processors take a hundred times as long for
    )


FORWARD = [
    # Batch 1: W is read once.
    *((1, k, n) for k, n in [(64, 64), (64, 256), (128, 128), (256, 64), (256, 256)]),
    # Batches and layers of common sizes.
    *((32, 64, 64), (32, 256, 256), (64, 128, 128), (64, 512, 512), (128, 256, 256)),
    *((128, 784, 256), (256, 64, 64), (256, 128, 512), (256, 512, 512)),
    # Large.
    *((512, 512, 512), (768, 768, 768), (512, 1000, 1000), (1024, 1024, 1024), (2048, 2048, 2048)),
    # Rows of k or n elements lie a multiple of 4 KiB apart.
    *((128, 1024, 1024), (64, 2048, 1024), (256, 1024, 2048)),
    # Heads of few outputs, and few inputs.
    *((1, 256, 10), (256, 512, 1), (256, 512, 2), (256, 512, 10), (4096, 64, 10)),
    *((1024, 2, 256), (4096, 4, 500), (256, 16, 256)),
]
BACKWARD = [
    *((32, 64, 64), (128, 784, 256), (256, 512, 512), (512, 512, 512), (1024, 1024, 1024)),
    *((128, 1024, 1024), (64, 2048, 1024), (256, 512, 10), (4096, 4, 500)),
]
PRODUCTS = [
    *(Product("forward", *shape) for shape in FORWARD),
    *(Product(what, *shape) for what in ("dx", "dw") for shape in BACKWARD),
    *(Product("forward", *shape, "f8") for shape in [(1, 256, 256), (128, 784, 256)]),
    Product("forward", 128, 784, 256, subnormal=True),
    *(Product(what, 512, 512, 512, "f8") for what in ("forward", "dx", "dw")),
]
SHORT = [
    Product("forward", 1, 256, 256),
    Product("forward", 128, 784, 256),
    Product("forward", 1024, 1024, 1024),
    Product("forward", 256, 512, 10),
    Product("dx", 512, 512, 512),
    Product("dw", 512, 512, 512),
]


def case_of(product: Product) -> Case:
    what, m, k, n, dtype, subnormal = product
    moved = (m * k + k * n + m * n) * np.dtype(dtype).itemsize
    name = f"{what} {m}x{k}x{n}{' f64' * (dtype == 'f8')}{' subnormal' * subnormal}"
    return Case(name, product, 2.0 * m * k * n, moved, dtype, product in SHORT, m == 1)


def data(product: Product) -> tuple[Array, Array, Array, Array]:
    """Return x, W (in, out), the bias and dy."""
    rng = np.random.default_rng(3)
    _, m, k, n, dtype, subnormal = product
    shapes: list[Any] = [(m, k), (k, n), n, (m, n)]
    x, w, b, dy = (rng.standard_normal(s, np.float32).astype(dtype) for s in shapes)
    if subnormal:
        x, b = x * np.float32(2.0**-140), b * np.float32(2.0**-140)
    return x, w, b, dy


def check(product: Product, answer: Any) -> float:
    """Compare some rows of the answer: an element is one sum, and its error as in nets.forward."""
    real = np.longdouble if product.dtype == "f8" else np.float64
    x, w, b, dy = (a.astype(real) for a in data(product))
    rows = sample(len(answer))
    if product.what == "forward":
        left, right, added = x[rows], w, b
    elif product.what == "dx":
        left, right, added = dy[rows], w.T, np.zeros(1)
    else:
        left, right, added = x.T[rows], dy, np.zeros(1)
    eps = float(np.finfo(product.dtype).eps)
    bound = (len(right) + 2) * eps * (np.abs(left) @ np.abs(right) + np.abs(added))
    # Below the smallest normal number a rounding is half of the smallest one.
    bound += (len(right) + 2) * float(np.finfo(product.dtype).smallest_subnormal)
    expected = left @ right + added
    if product.what == "forward":  # ReLU enlarges no error
        expected = np.maximum(expected, 0)
    return require_close(np.asarray(answer)[rows], expected, bound)


def build_fastnet(product: Product) -> System:
    x, w, b, dy = data(product)
    layer = fastnet.nn.Linear(product.k, product.n, dtype=w.dtype.name)
    layer.load_state_dict({"weight": w.T, "bias": b})
    weight = layer.weight.data
    if product.what == "forward":
        return _into(x, weight, b)
    needs = (True, False, False) if product.what == "dx" else (False, True, False)
    which = needs.index(True)

    def call():
        return F.linear_backward(dy, x, weight, needs)[which]

    return System(call, lambda: call() if which == 0 else call().T)


def build_packing(product: Product) -> System:
    """Take the weight as PyTorch lays it out, (out, in), and rearrange it at each call."""
    x, w, b, _ = data(product)
    if product.what != "forward":
        msg = "forward only"
        raise NotImplementedError(msg)
    return _into(x, np.ascontiguousarray(w.T), b)


def _into(x: Array, weight: Array, b: Array) -> System:
    out = np.empty((len(x), len(b)), x.dtype)

    def call():
        return F.linear(x, weight, b, "relu", out)

    return System(call, call)


def build_numpy(product: Product) -> System:
    x, w, b, dy = data(product)
    out = np.empty((len(x), len(b)), x.dtype)

    def forward():
        np.matmul(x, w, out=out)
        np.add(out, b, out=out)
        return np.maximum(out, 0, out=out)

    if product.what == "forward":
        return System(forward, forward)
    left, right = (dy, w.T) if product.what == "dx" else (x.T, dy)
    out = np.empty((len(left), right.shape[1]), x.dtype)

    def call():
        return np.matmul(left, right, out=out)

    return System(call, call)


def build_torch(product: Product) -> System:
    import torch

    x, w, b, dy = (torch.from_numpy(a) for a in data(product))
    weight = w.T.contiguous()
    linear = torch.nn.functional.linear

    @torch.inference_mode()
    def forward():
        return linear(x, weight, b).relu_()

    if product.what == "forward":
        return System(forward, lambda: forward().numpy())
    # What its autograd computes: dx = dy weight, dweight = dy.T x.
    left, right = (dy, weight) if product.what == "dx" else (dy.T, x)
    out = torch.empty((left.shape[0], right.shape[1]), dtype=x.dtype)

    @torch.inference_mode()
    def call():
        return torch.mm(left, right, out=out)

    return System(call, lambda: call().numpy() if product.what == "dx" else call().numpy().T)


KIND = Kind(
    "product",
    "matrix products with bias and ReLU, and their gradients",
    [case_of(product) for product in PRODUCTS],
    {
        "fastnet": build_fastnet,
        "fastnet packing": build_packing,
        "numpy": build_numpy,
        "torch": build_torch,
    },
    check,
    plot="roofline",
)
