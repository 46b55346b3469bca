"""Activations on arrays, each beside its derivative."""

from __future__ import annotations

from typing import Any

from fastnet import _core
from fastnet._arrays import Array, as_float, contiguous, output, same_dtype

_KINDS: dict[str, int] = _core.ACTIVATIONS


def activation_code(name: str | None) -> tuple[int, float, float]:
    """Return the number and the default parameters by which kernels know an activation."""
    if name is None:
        return _KINDS["identity"], 0.0, 0.0
    if name not in _KINDS:
        msg = f"activation must be one of {', '.join(_KINDS)}, got {name!r}"
        raise ValueError(msg)
    return _KINDS[name], 0.0, 0.0


def _forward(kind: str, x: Any, out: Array | None, a: float = 0.0, b: float = 0.0) -> Array:
    x = as_float(x, "x")
    result = output(out, x.shape, x.dtype)
    _core.activation(_KINDS[kind], contiguous(x), result, a, b)
    return result


def _backward(
    kind: str, dy: Any, x: Any, name: str, out: Array | None, a: float = 0.0, b: float = 0.0
) -> Array:
    dy = as_float(dy, "dy")
    x = as_float(x, name)
    same_dtype(dy, **{name: x})
    if x.shape != dy.shape:
        msg = f"{name} must have dy's shape {dy.shape}, got {x.shape}"
        raise ValueError(msg)
    result = output(out, dy.shape, dy.dtype)
    _core.activation_backward(_KINDS[kind], contiguous(dy), contiguous(x), result, a, b)
    return result


def relu(x: Any, out: Array | None = None) -> Array:
    """Rectified linear unit, max(x, 0).

    Parameters
    ----------
    x : array_like, any shape
        Float32 or float64; integers are computed in float32.
    out : ndarray, optional
        Where to write the result; may be `x`.

    Returns
    -------
    ndarray
        Of x's shape. NaN stays NaN; -0.0 becomes 0.0.

    Notes
    -----
    Exact; the same bits at any thread count and ISA level.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet.functional as F
    >>> F.relu(np.float32([-1, 0, 2]))
    array([0., 0., 2.], dtype=float32)
    """
    return _forward("relu", x, out)


def relu_backward(dy: Any, y: Any, out: Array | None = None) -> Array:
    """Gradient of `relu` from its output y: dy where y > 0, else 0.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet.functional as F
    >>> F.relu_backward(np.float32([5, 5]), np.float32([0, 2]))
    array([0., 5.], dtype=float32)
    """
    return _backward("relu", dy, y, "y", out)
