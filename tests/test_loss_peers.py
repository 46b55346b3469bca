"""Softmax and losses beside PyTorch's, values and gradients, for every combination of options."""

import itertools

import numpy as np
import pytest
from helpers import assert_within, eps
from test_loss import REDUCTIONS

import fastnet.functional as F

pytestmark = pytest.mark.peers
torch = pytest.importorskip("torch")


def to_torch(value):
    if isinstance(value, np.ndarray | np.floating):
        return torch.from_numpy(np.array(value))
    return value


def check(name, x, target, options, roundings=200):
    """Compare value and gradient; both sides round some hundred times at most on their way."""
    leaf = to_torch(x).requires_grad_()
    theirs = getattr(torch.nn.functional, name)(
        leaf, to_torch(target), **{k: to_torch(v) for k, v in options.items()}
    )
    ours = getattr(F, name)(x, target, **options)
    expected = theirs.detach().numpy()
    assert ours.dtype == x.dtype
    tolerance = roundings * eps(x.dtype)
    assert_within(ours, expected, tolerance * (np.abs(expected) + 1))
    if not np.isfinite(expected).all():
        return  # gradients of a mean over nothing are our own choice
    dy = np.random.default_rng(1).standard_normal(expected.shape).astype(x.dtype)
    theirs.backward(to_torch(dy))
    dx = getattr(F, f"{name}_backward")(dy, x, target, **options)
    assert_within(
        dx, leaf.grad.numpy(), tolerance * (np.abs(leaf.grad.numpy()) + np.abs(dy).max(initial=0))
    )


@pytest.mark.parametrize("dim", [0, 1, 2, -1])
def test_softmax(dtype, rng, dim):
    x, dy = rng.standard_normal((2, 4, 7, 33)).astype(dtype)
    for name in ("softmax", "log_softmax"):
        leaf = to_torch(x).requires_grad_()
        theirs = getattr(torch.nn.functional, name)(leaf, dim)
        theirs.backward(to_torch(dy))
        y = getattr(F, name)(x, dim)
        dx = getattr(F, f"{name}_backward")(dy, y, dim)
        tolerance = 100 * eps(dtype)
        assert_within(y, theirs.detach().numpy(), tolerance * np.abs(y))
        assert_within(dx, leaf.grad.numpy(), tolerance * (np.abs(dx) + np.abs(dy).max(initial=0)))


def test_softmax_of_special_values(dtype):
    x = np.zeros((5, 20), dtype)
    x[0, 3], x[1, 3], x[2], x[3, 3], x[4] = np.nan, np.inf, -np.inf, -np.inf, 1e4
    for name in ("softmax", "log_softmax"):
        theirs = getattr(torch.nn.functional, name)(to_torch(x), 1).numpy()
        assert_within(getattr(F, name)(x, 1), theirs, 20 * eps(dtype) * np.abs(theirs))


def test_argmax_and_one_hot(dtype, rng):
    x = rng.integers(0, 4, (6, 50)).astype(dtype)
    x[2, 7] = x[2, 9] = np.nan
    for dim, keepdim in itertools.product((None, 0, 1, -1), (False, True)):
        theirs = torch.argmax(to_torch(x), dim, keepdim).numpy()
        if dim in (1, -1):  # which of equal maxima PyTorch takes is not promised
            first = np.argmax(x, 1, keepdims=keepdim)
            np.testing.assert_array_equal(F.argmax(x, dim, keepdim), first)
        assert F.argmax(x, dim, keepdim).shape == theirs.shape
    index = rng.integers(0, 5, (3, 4))
    for classes in (-1, 5, 8):
        theirs = torch.nn.functional.one_hot(to_torch(index), classes).numpy()
        np.testing.assert_array_equal(F.one_hot(index, classes), theirs)
        assert F.one_hot(index, classes).dtype == theirs.dtype


@pytest.mark.parametrize("shape", [(7,), (1, 1), (6, 10), (40, 33), (3, 5, 4, 2)])
def test_cross_entropy(dtype, rng, shape):
    x = (3 * rng.standard_normal(shape)).astype(dtype)
    dim = min(len(shape) - 1, 1)
    rows, classes = shape[:dim] + shape[dim + 1 :], shape[dim]
    index = rng.integers(0, classes, rows)
    ignored = np.where(rng.random(rows) < 0.3, -100, index)
    probabilities = rng.random(shape).astype(dtype)
    weight = (rng.random(classes) + 0.1).astype(dtype)
    for target, w, smoothing, reduction in itertools.product(
        (index, ignored, probabilities), (None, weight), (0.0, 0.1, 1.0), REDUCTIONS
    ):
        target = np.asarray(target)
        options = {"weight": w, "label_smoothing": smoothing, "reduction": reduction}
        check("cross_entropy", x, target, options)
        if target is index:
            options["ignore_index"] = int(index.flat[0])
            check("cross_entropy", x, target, options)
            options.pop("label_smoothing")
            check("nll_loss", np.log(probabilities), target, options)


def test_binary_cross_entropy(dtype, rng):
    for shape in [(5,), (4, 3), (20, 17), (2, 3, 4)]:
        x, t = (4 * rng.standard_normal(shape)).astype(dtype), rng.random(shape).astype(dtype)
        weights = (None, rng.random(shape).astype(dtype), rng.random(shape[-1:]).astype(dtype))
        for weight, pos_weight, reduction in itertools.product(weights, weights, REDUCTIONS):
            options = {"weight": weight, "pos_weight": pos_weight, "reduction": reduction}
            check("binary_cross_entropy_with_logits", x, t, options)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("mse_loss", {}),
        ("l1_loss", {}),
        ("smooth_l1_loss", {}),
        ("smooth_l1_loss", {"beta": 0.3}),
        ("smooth_l1_loss", {"beta": 0.0}),
        ("huber_loss", {}),
        ("huber_loss", {"delta": 2.5}),
    ],
)
def test_element_losses(dtype, rng, name, parameters):
    for shape in [(), (5,), (4, 3), (20, 17), (2, 3, 4), (0, 3)]:
        x, t = (2 * rng.standard_normal((2, *shape))).astype(dtype)
        for reduction in REDUCTIONS:
            check(name, np.asarray(x), np.asarray(t), {**parameters, "reduction": reduction})
