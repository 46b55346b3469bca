"""A linear layer with bias and ReLU: fastnet's kernel beside NumPy and PyTorch.

A case is m x k x n: a batch of m through k inputs to n outputs.
"""

import numpy as np
import pytest
from common import System, require_close, run

import fastnet
import fastnet.functional as F

SHAPES = [(1, 256, 256), (32, 64, 64), (128, 784, 256), (512, 512, 512), (1024, 1024, 1024)]
CASES = {"x".join(map(str, shape)): shape for shape in SHAPES}


def flops(name):
    m, k, n = CASES[name]
    return 2 * m * k * n


def data(shape):
    m, k, n = shape
    rng = np.random.default_rng(3)
    x = rng.standard_normal((m, k), np.float32)
    return x, rng.standard_normal((k, n), np.float32), rng.standard_normal(n, np.float32)


def check(name, answer):
    x, w, b = (a.astype(float) for a in data(CASES[name]))
    # See common.forward; ReLU enlarges no error.
    bound = (len(w) + 2) * np.finfo(np.float32).eps * (np.abs(x) @ np.abs(w) + np.abs(b))
    require_close(answer, np.maximum(x @ w + b, 0), bound, name)


def with_weight(x, weight, b):
    out = np.empty((len(x), len(b)), np.float32)

    def call():
        return F.linear(x, weight, b, "relu", out)

    return System(call, call)


def build_fastnet(shape):
    x, w, b = data(shape)
    layer = fastnet.nn.Linear(*w.shape)
    layer.load_state_dict({"weight": w.T, "bias": b})
    return with_weight(x, layer.weight.data, b)


def build_packing(shape):
    # The weight as PyTorch lays it out is rearranged at each call.
    x, w, b = data(shape)
    return with_weight(x, np.ascontiguousarray(w.T), b)


def build_numpy(shape):
    x, w, b = data(shape)
    out = np.empty((len(x), len(b)), np.float32)

    def call():
        np.matmul(x, w, out=out)
        np.add(out, b, out=out)
        return np.maximum(out, 0, out=out)

    return System(call, call)


def build_torch(shape):
    import torch

    x, w, b = data(shape)
    x, weight, b = (torch.from_numpy(a) for a in (x, w.T.copy(), b))
    linear = torch.nn.functional.linear

    @torch.inference_mode()
    def call():
        return linear(x, weight, b).relu_()

    return System(call, lambda: call().numpy())


SYSTEMS = {
    "fastnet": build_fastnet,
    "fastnet packing": build_packing,
    "numpy": build_numpy,
    "torch": build_torch,
}


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("case", CASES)
def test_product(benchmark, system, case):
    import bench_product

    run(benchmark, bench_product, system, case)
