"""Softmax, log-softmax, argmax and one-hot in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def softmax(x: Array, dim: int) -> Array:
    """Return exp(x - max) / sum(exp(x - max))."""
    with np.errstate(invalid="ignore"):
        e = np.exp(x - x.max(axis=dim, keepdims=True, initial=-np.inf))
    y: Array = e / e.sum(axis=dim, keepdims=True)
    return y


def softmax_backward(dy: Array, y: Array, dim: int) -> Array:
    """Return y (dy - sum(dy y))."""
    dx: Array = y * (dy - (dy * y).sum(axis=dim, keepdims=True))
    return dx


def log_softmax(x: Array, dim: int) -> Array:
    """Return (x - max) - log(sum(exp(x - max)))."""
    with np.errstate(invalid="ignore"):
        shifted = x - x.max(axis=dim, keepdims=True, initial=-np.inf)
    y: Array = shifted - np.log(np.exp(shifted).sum(axis=dim, keepdims=True))
    return y


def log_softmax_backward(dy: Array, y: Array, dim: int) -> Array:
    """Return dy - exp(y) sum(dy)."""
    dx: Array = dy - np.exp(y) * dy.sum(axis=dim, keepdims=True)
    return dx


def argmax(x: Array, dim: int | None = None, keepdim: bool = False) -> Any:
    """Return the index of the first maximum; NaN counts as the maximum."""
    return np.argmax(x, axis=dim, keepdims=keepdim)


def one_hot(index: Array, num_classes: int = -1) -> Array:
    """Return rows of zeros with a one at each index."""
    count = int(index.max()) + 1 if num_classes == -1 else num_classes
    hot: Array = (index[..., np.newaxis] == np.arange(count)).astype(np.int64)
    return hot
