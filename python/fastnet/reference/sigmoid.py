"""The logistic function and its relatives in NumPy, each beside its derivative."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def sigmoid(x: Array) -> Array:
    """Return 1 / (1 + exp(-x)), from exp(-|x|) so that nothing overflows."""
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, np.ones_like(e)) / (1 + e)


def sigmoid_backward(dy: Array, y: Array) -> Array:
    """Return dy y (1 - y)."""
    return dy * (1 - y) * y


def tanh(x: Array) -> Array:
    """Return tanh(x)."""
    return np.tanh(x)


def tanh_backward(dy: Array, y: Array) -> Array:
    """Return dy (1 - y^2)."""
    return dy * (1 - y * y)


def silu(x: Array) -> Array:
    """Return x sigmoid(x)."""
    return np.maximum(x, -800) * sigmoid(x)


def silu_backward(dy: Array, x: Array) -> Array:
    """Return dy s (1 + x (1 - s)) with s = sigmoid(x)."""
    return dy * (sigmoid(x) + np.clip(x, -800, 800) * sigmoid(x) * sigmoid(-x))


def _normal_cdf(x: Array) -> Array:
    values = [0.5 * math.erfc(-v / math.sqrt(2.0)) for v in x.ravel().tolist()]
    return np.array(values, x.dtype).reshape(x.shape)


def _gelu_argument(x: Array) -> tuple[Array, Array]:
    # y with gelu = x sigmoid(y), and dy/dx.
    linear = math.sqrt(8.0 / math.pi)
    cubic = 0.044715 * linear
    return linear * x + cubic * x**3, linear + 3 * cubic * x**2


def gelu(x: Array, approximate: str = "none") -> Array:
    """Return x Phi(x), or its approximation x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))."""
    # Both factors of exp are 0 below -40 (below -800 in silu): -inf times 0 would be NaN.
    weight = np.maximum(x, -40)
    if approximate == "tanh":
        return weight * sigmoid(_gelu_argument(np.clip(x, -1e4, 1e4))[0])
    return weight * _normal_cdf(x)


def gelu_backward(dy: Array, x: Array, approximate: str = "none") -> Array:
    """Return dy (Phi(x) + x phi(x)), or the approximation's derivative."""
    u = np.clip(x, -40, 40)
    if approximate == "tanh":
        y, slope = _gelu_argument(u)
        return dy * (sigmoid(y) + u * slope * sigmoid(y) * sigmoid(-y))
    density = np.exp(-0.5 * u * u) / math.sqrt(2.0 * math.pi)
    return dy * (_normal_cdf(x) + u * density)
