"""The linear layer in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnet.reference.activation import ACTIVATIONS

Array = np.ndarray[Any, Any]


def linear(
    x: Array, weight: Array, bias: Array | None = None, activation: str | None = None
) -> Array:
    """Return act(x weight.T + bias)."""
    y = x @ weight.T
    if bias is not None:
        y = y + bias
    return y if activation is None else ACTIVATIONS[activation](y)


def linear_backward(dy: Array, x: Array, weight: Array) -> tuple[Array, Array, Array]:
    """Return dx = dy weight, dweight = dy.T x and dbias = the sum of dy over the batch."""
    rows = dy.reshape(-1, dy.shape[-1])
    return dy @ weight, rows.T @ x.reshape(-1, x.shape[-1]), rows.sum(axis=0)
