"""Activations in NumPy, each beside its derivative."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def relu(x: Array) -> Array:
    """Return max(x, 0); NaN stays NaN."""
    return np.where(x <= 0, np.zeros_like(x), x)


def relu_backward(dy: Array, y: Array) -> Array:
    """Return dy where y > 0, else 0."""
    return np.where(y <= 0, np.zeros_like(dy), dy)
