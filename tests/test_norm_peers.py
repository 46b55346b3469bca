"""Layer and batch normalisation beside PyTorch's."""

import numpy as np
import pytest
from helpers import assert_within, eps

import fastnet.functional as F


@pytest.mark.peers
def test_norms_match_torch(isa, dtype, rng):
    torch = pytest.importorskip("torch")
    rows, n = 70, 50
    x = rng.standard_normal((rows, n)).astype(dtype)
    weight, bias = rng.standard_normal((2, n)).astype(dtype)
    dy = rng.standard_normal(x.shape).astype(dtype)
    mean, var = rng.standard_normal(n).astype(dtype), rng.random(n).astype(dtype) + 1
    tensors = [torch.from_numpy(a.copy()).requires_grad_() for a in (x, weight, bias)]
    tx, tw, tb = tensors
    for training in (None, True, False):
        for t in tensors:
            t.grad = None
        if training is None:
            y = torch.nn.functional.layer_norm(tx, (n,), tw, tb)
            ours = [F.layer_norm(x, n, weight, bias), *F.layer_norm_backward(dy, x, n, weight)]
        else:
            mine, theirs = (
                [mean.copy(), var.copy()],
                [torch.from_numpy(a.copy()) for a in (mean, var)],
            )
            y = torch.nn.functional.batch_norm(tx, *theirs, tw, tb, training)
            ours = [
                F.batch_norm(x, *mine, weight, bias, training),
                *F.batch_norm_backward(dy, x, *mine, weight, training),
            ]
            for a, b in zip(mine, theirs, strict=True):
                assert_within(a, b.numpy(), 40 * eps(dtype) * (1 + np.abs(b.numpy())))
        y.backward(torch.from_numpy(dy))
        # Values of about 4, sums of 70 terms: both sides are within 100 roundings of 100.
        for a, b in zip(ours, [y.detach(), *(t.grad for t in tensors)], strict=True):
            assert_within(a, b.numpy(), 1e4 * eps(dtype))
