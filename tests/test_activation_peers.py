"""Activations beside PyTorch's, values and gradients."""

import numpy as np
import pytest
from helpers import assert_within, eps
from test_activation import CASES, backward, forward

pytestmark = pytest.mark.peers
torch = pytest.importorskip("torch")


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients(isa, dtype, rng, name):
    x = np.concatenate([rng.uniform(-r, r, 2000) for r in (1, 5, 90)]).astype(dtype)
    x[:8] = 0, -0.0, 1, -1, 0.5, -0.5, 2, 20
    dy = rng.standard_normal(x.shape).astype(dtype)
    function, parameters = CASES[name]
    leaf = torch.from_numpy(x.copy()).requires_grad_()
    module = torch.nn.functional if function not in ("sigmoid", "tanh") else torch
    theirs = leaf * 1 if name == "identity" else getattr(module, function)(leaf, **parameters)
    theirs.backward(torch.from_numpy(dy))
    # PyTorch's gelu (1 + erf) and the derivative of its silu (1 - sigmoid) cancel: absolute errors
    # of some |x| eps. Both sides round some ten times.
    tolerance = 20 * eps(dtype)
    expected = theirs.detach().numpy()
    assert_within(forward(name)(x), expected, tolerance * np.maximum(np.abs(x), 1))
    slope = np.maximum(np.abs(x), 1) if function in ("gelu", "silu") else 1
    assert_within(backward(name)(dy, x), leaf.grad.numpy(), tolerance * np.abs(dy) * slope)


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "hardtanh", "elu"])
def test_gradient_at_the_kinks(dtype, name):
    x = np.array([0.0, -0.0, 1.0, -1.0], dtype)
    function, parameters = CASES[name]
    leaf = torch.from_numpy(x.copy()).requires_grad_()
    getattr(torch.nn.functional, function)(leaf, **parameters).sum().backward()
    assert_within(backward(name)(np.ones_like(x), x), leaf.grad.numpy(), eps(dtype) * 4)
