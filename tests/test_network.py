"""The network in plain NumPy: its gradients, its steps and what it learns."""

import itertools

import numpy as np
import pytest
from helpers import assert_same_bits, assert_within, eps

from fastnet import reference
from fastnet.reference.network import Network


def parameters(rng, *sizes, dtype=float):
    """Return weights and biases of layers in turn."""
    arrays = []
    for a, b in itertools.pairwise(sizes):
        arrays += [rng.uniform(-1, 1, (b, a)).astype(dtype), rng.uniform(-1, 1, b).astype(dtype)]
    return arrays


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_gradients_are_slopes_of_the_loss(rng, smoothing):
    network = Network(parameters(rng, 4, 6, 5, 3), label_smoothing=smoothing)
    x, y = rng.standard_normal((7, 4)), rng.integers(0, 3, 7)
    network.backward(network.forward(x), y)

    def loss(i, h):
        before = network.flat[i]
        network.flat[i] = before + h
        value = reference.cross_entropy(network.predict(x), y, label_smoothing=smoothing)
        network.flat[i] = before
        return value

    h = 1e-5
    slopes = [(loss(i, h) - loss(i, -h)) / (2 * h) for i in range(network.flat.size)]
    # Truncation: h^2 / 6 times a third derivative, here of the order of 10 at most. Rounding: a
    # loss of the order of 1 is computed in some 100 operations, and its error divided by h.
    bound = 10 * h**2 + 100 * eps(np.float64) / h
    assert_within(network.gradient, np.array(slopes), bound)


def test_the_loss_is_that_of_the_batch(rng):
    network = Network(parameters(rng, 4, 6, 3), label_smoothing=0.2)
    x, y = rng.standard_normal((7, 4)), rng.integers(0, 3, 7)
    expected = reference.cross_entropy(network.predict(x), y, label_smoothing=0.2)
    # 7 terms of 3 logarithms each, summed in two orders.
    assert_within(network.step(x, y), expected, 2 * 7 * 3 * eps(np.float64) * expected)


def test_first_step_of_adam_is_lr_against_the_gradient():
    network = Network([np.array([[2.0], [1.0]]), np.zeros(2)], lr=0.5, eps=0.0)
    network.step(np.array([[1.0]]), np.array([1]))
    assert_within(network.parameters[0], np.array([[1.5], [1.5]]), 4 * eps(np.float64))
    assert_within(network.parameters[1], np.array([-0.5, 0.5]), 4 * eps(np.float64))


def test_parameters_are_copied_and_keep_their_dtype(rng, dtype):
    arrays = parameters(rng, 4, 6, 3, dtype=dtype)
    before = [array.copy() for array in arrays]
    network = Network(arrays)
    x = rng.standard_normal((7, 4)).astype(dtype)
    network.step(x, rng.integers(0, 3, 7))
    for array, copy in zip(arrays, before, strict=True):
        assert_same_bits(array, copy)
    assert network.predict(x).dtype == dtype
    assert all(p.dtype == dtype and p.base is not None for p in network.parameters)


def test_fit_takes_the_steps_of_its_orders_and_calls_back(rng):
    arrays = parameters(rng, 4, 6, 3)
    x, y = rng.standard_normal((7, 4)), rng.integers(0, 3, 7)
    orders = [rng.permutation(7), np.arange(7)]
    fitted, stepped, calls = Network(arrays), Network(arrays), []
    fitted.fit(x, y, orders, 3, lambda: calls.append(fitted.flat.copy()))
    for order in orders:
        for start in (0, 3, 6):
            rows = order[start : start + 3]
            stepped.step(x[rows], y[rows])
    assert_same_bits(fitted.flat, stepped.flat)
    assert len(calls) == 2
    assert_same_bits(calls[-1], fitted.flat)


def test_learns_what_one_layer_cannot(rng):
    x = rng.uniform(-1, 1, (200, 2))
    y = (x[:, 0] * x[:, 1] > 0).astype(int)
    network = Network(parameters(rng, 2, 16, 2), lr=0.01)
    network.fit(x, y, [np.arange(200)] * 200)
    assert (network.predict(x).argmax(axis=1) == y).mean() > 0.95
