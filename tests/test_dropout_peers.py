"""Dropout beside PyTorch's: the same values where nothing is random, the same scale where it is."""

import numpy as np
import pytest

import fastnet.functional as F
from fastnet.random import Generator

pytestmark = pytest.mark.peers
torch = pytest.importorskip("torch")


@pytest.mark.parametrize(("p", "training"), [(0.0, True), (1.0, True), (0.3, False)])
def test_dropout_without_chance(dtype, rng, p, training):
    x = rng.standard_normal((5, 7)).astype(dtype)
    expected = torch.nn.functional.dropout(torch.from_numpy(x), p, training).numpy()
    np.testing.assert_array_equal(F.dropout(x, p, training), expected)


def test_kept_elements_and_gradients_have_pytorch_s_scale(dtype):
    for p in (0.1, 0.5, 0.9):
        x = torch.ones(1000, dtype=getattr(torch, dtype.name), requires_grad=True)
        y = torch.nn.functional.dropout(x, p)
        y.sum().backward()
        theirs = np.unique(y.detach().numpy())
        np.testing.assert_array_equal(np.unique(x.grad.numpy()), theirs)
        generator = Generator(1)
        ours = np.unique(F.dropout(np.ones(1000, dtype), p, rng=generator))
        backward = np.unique(F.dropout_backward(np.ones(1000, dtype), p, generator.key, 0))
        np.testing.assert_array_equal(ours, backward)
        # One division each, of 1 - p rounded to the dtype there and not rounded here.
        np.testing.assert_allclose(ours, theirs, rtol=2 * np.finfo(dtype).eps, atol=0)
