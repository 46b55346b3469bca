"""Layer and batch normalisation in NumPy, each beside its derivative."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def _trailing_axes(normalized_shape: int | Sequence[int]) -> tuple[int, ...]:
    dims = 1 if isinstance(normalized_shape, int) else len(normalized_shape)
    return tuple(range(-dims, 0))


def layer_norm(
    x: Array,
    normalized_shape: int | Sequence[int],
    weight: Array | None = None,
    bias: Array | None = None,
    eps: float = 1e-5,
) -> Array:
    """Return (x - mean) / sqrt(var + eps) * weight + bias over the last axes."""
    axes = _trailing_axes(normalized_shape)
    y = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


def layer_norm_backward(
    dy: Array,
    x: Array,
    normalized_shape: int | Sequence[int],
    weight: Array | None = None,
    eps: float = 1e-5,
) -> tuple[Array, Array, Array]:
    """Return dx, dweight and dbias."""
    axes = _trailing_axes(normalized_shape)
    others = tuple(range(x.ndim - len(axes)))
    rstd = 1 / np.sqrt(x.var(axes, keepdims=True) + eps)
    xhat = (x - x.mean(axes, keepdims=True)) * rstd
    g = dy if weight is None else dy * weight
    dx = rstd * (g - g.mean(axes, keepdims=True) - xhat * (g * xhat).mean(axes, keepdims=True))
    return dx, (dy * xhat).sum(others), dy.sum(others)


def batch_norm(
    x: Array,
    running_mean: Array | None,
    running_var: Array | None,
    weight: Array | None = None,
    bias: Array | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Array:
    """Return (x - mean) / sqrt(var + eps) * weight + bias for each column."""
    mean, var = (x.mean(0), x.var(0)) if training else (running_mean, running_var)
    assert mean is not None
    assert var is not None
    if training and running_mean is not None:
        running_mean += momentum * (mean - running_mean)
    if training and running_var is not None:
        running_var += momentum * (x.var(0, ddof=1) - running_var)
    y = (x - mean) / np.sqrt(var + eps)
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


def batch_norm_backward(
    dy: Array,
    x: Array,
    running_mean: Array | None,
    running_var: Array | None,
    weight: Array | None = None,
    training: bool = False,
    eps: float = 1e-5,
) -> tuple[Array, Array, Array]:
    """Return dx, dweight and dbias."""
    mean, var = (x.mean(0), x.var(0)) if training else (running_mean, running_var)
    assert mean is not None
    assert var is not None
    rstd = 1 / np.sqrt(var + eps)
    xhat = (x - mean) * rstd
    scale = rstd if weight is None else rstd * weight
    dx = scale * (dy - dy.mean(0) - xhat * (dy * xhat).mean(0)) if training else scale * dy
    return dx, (dy * xhat).sum(0), dy.sum(0)
