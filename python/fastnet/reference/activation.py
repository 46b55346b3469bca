"""Activations in NumPy, each beside its derivative."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fastnet.reference.sigmoid import gelu, sigmoid, silu, tanh

Array = np.ndarray[Any, Any]

SELU_SCALE = 1.0507009873554805
SELU_ALPHA = 1.6732632423543772


def identity(x: Array) -> Array:
    """Return x."""
    return np.array(x)


def identity_backward(dy: Array, x: Array) -> Array:
    """Return dy."""
    return np.array(dy)


def relu(x: Array) -> Array:
    """Return max(x, 0); NaN stays NaN."""
    return np.where(x <= 0, np.zeros_like(x), x)


def relu_backward(dy: Array, y: Array) -> Array:
    """Return dy where y > 0, else 0."""
    return np.where(y <= 0, np.zeros_like(dy), dy)


def leaky_relu(x: Array, negative_slope: float = 0.01) -> Array:
    """Return x where x > 0, else negative_slope x."""
    return np.where(x <= 0, negative_slope * x, x)


def leaky_relu_backward(dy: Array, x: Array, negative_slope: float = 0.01) -> Array:
    """Return dy where x > 0, else negative_slope dy."""
    return np.where(x <= 0, negative_slope * dy, dy)


def elu(x: Array, alpha: float = 1.0) -> Array:
    """Return x where x > 0, else alpha (exp(x) - 1)."""
    return np.where(x <= 0, alpha * np.expm1(np.where(x > 0, 0, x)), x)


def elu_backward(dy: Array, x: Array, alpha: float = 1.0) -> Array:
    """Return dy where x > 0, else dy alpha exp(x)."""
    return dy * np.where(x <= 0, alpha * np.exp(np.minimum(x, 0)), np.ones_like(x))


def selu(x: Array) -> Array:
    """Return elu with alpha = SELU_ALPHA, times SELU_SCALE."""
    return SELU_SCALE * elu(x, SELU_ALPHA)


def selu_backward(dy: Array, x: Array) -> Array:
    """Return SELU_SCALE times elu's gradient."""
    return SELU_SCALE * elu_backward(dy, x, SELU_ALPHA)


def softplus(x: Array, beta: float = 1.0, threshold: float = 20.0) -> Array:
    """Return log(1 + exp(beta x)) / beta, or x where beta x > threshold."""
    z = beta * x
    y = np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))
    return np.where(z > threshold, x, y / beta)


def softplus_backward(dy: Array, x: Array, beta: float = 1.0, threshold: float = 20.0) -> Array:
    """Return dy sigmoid(beta x), or dy where beta x > threshold."""
    return np.where(beta * x > threshold, dy, dy * sigmoid(beta * x))


def hardtanh(x: Array, min_val: float = -1.0, max_val: float = 1.0) -> Array:
    """Return x from min_val to max_val."""
    return np.clip(x, min_val, max_val)


def hardtanh_backward(dy: Array, x: Array, min_val: float = -1.0, max_val: float = 1.0) -> Array:
    """Return dy where min_val < x < max_val, else 0."""
    return np.where((x <= min_val) | (x >= max_val), np.zeros_like(dy), dy)


# By the names that `linear` takes.
ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "identity": identity,
    "relu": relu,
    "leaky_relu": leaky_relu,
    "elu": elu,
    "selu": selu,
    "gelu": gelu,
    "gelu_tanh": lambda x: gelu(x, "tanh"),
    "silu": silu,
    "sigmoid": sigmoid,
    "tanh": tanh,
    "softplus": softplus,
    "hardtanh": hardtanh,
}
