"""Sums, extremes and moments over dimensions, and products of matrices.

`dim` is a number, a tuple of numbers or None for all dimensions. Without any Tensor the functions
give what NumPy gives.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fastnet._arrays import real
from fastnet.autograd.core import (
    TensorCore,
    common_dtype,
    convert,
    is_tensor,
    record,
    record_output,
    unbroadcast,
    unwrap,
    wrap,
)
from fastnet.autograd.elementwise import _operand
from fastnet.autograd.shape import axis

# NumPy's sum without its layers of Python.
_reduce: Any = np.add.reduce


class Extreme(NamedTuple):
    """The largest or smallest elements along a dimension and where they stand."""

    values: Any
    indices: Any


def _axes(dim: Any) -> Any:
    return tuple(dim) if isinstance(dim, list) else dim


def _spread(dy: Any, shape: tuple[int, ...], dim: Any, keepdim: bool) -> Any:
    """Return dy broadcast back over the dimensions that were reduced."""
    if dim is not None and not keepdim:
        dy = np.expand_dims(dy, dim)
    return np.broadcast_to(dy, shape)


def _sum_vjp(dy: Any, needs: Any, shape: Any, dim: Any, keepdim: bool) -> Any:
    return (_spread(dy, shape, dim, keepdim),)


def sum(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """Return the sum over dim; of integers and booleans in int64."""
    if not isinstance(input, TensorCore):
        return np.sum(input, axis=dim, keepdims=keepdim)
    x = input._data
    dim = _axes(dim)
    dtype = None if x.dtype.kind == "f" else np.int64
    y = _reduce(x, dim, dtype, None, keepdim)
    return record(y, _sum_vjp, (x.shape, dim, keepdim), (input,), (), "sum")


def _floats(x: Any, name: str) -> Any:
    if x.dtype.kind != "f":
        msg = f"{name} needs float32 or float64, got {x.dtype}; convert with to(dtype)"
        raise TypeError(msg)
    return x


def _mean_vjp(dy: Any, needs: Any, shape: Any, dim: Any, keepdim: bool, n: int) -> Any:
    return (_spread(dy / np.asarray(n, dy.dtype), shape, dim, keepdim),)


def mean(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """Return the mean over dim; NaN of nothing."""
    if not isinstance(input, TensorCore):
        return np.mean(input, axis=dim, keepdims=keepdim)
    x = _floats(input._data, "mean")
    dim = _axes(dim)
    total = np.asarray(_reduce(x, dim, None, None, keepdim))
    n = x.size // total.size if total.size else 0
    with np.errstate(invalid="ignore"):
        y = total / np.asarray(n, x.dtype)
    return record(y, _mean_vjp, (x.shape, dim, keepdim, n), (input,), (), "mean")


def _var_vjp(dy: Any, needs: Any, x: Any, dim: Any, keepdim: bool, denominator: Any) -> Any:
    with np.errstate(divide="ignore", invalid="ignore"):
        centred = x - np.mean(x, axis=dim, keepdims=True)
        return (_spread(dy * (2 / denominator), x.shape, dim, keepdim) * centred,)


def _ddof(unbiased: bool, correction: Any) -> Any:
    return (1 if unbiased else 0) if correction is None else real(correction, "correction")


def _variance(x: Any, dim: Any, keepdim: bool, ddof: float) -> tuple[Any, Any]:
    """Return the variance and what the sum of squares was divided by."""
    deviations = x - np.mean(x, axis=dim, keepdims=True)
    total = np.sum(deviations * deviations, axis=dim, keepdims=keepdim)
    n = x.size // total.size if total.size else 0
    denominator = x.dtype.type(n - ddof if n > ddof else 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return total / denominator, denominator


def var(
    input: Any,
    dim: Any = None,
    unbiased: bool = True,
    keepdim: bool = False,
    correction: Any = None,
) -> Any:
    """Return the variance over dim, dividing by n - correction (by default n - 1)."""
    ddof = _ddof(unbiased, correction)
    if not isinstance(input, TensorCore):
        return np.var(input, axis=dim, keepdims=keepdim, ddof=ddof)
    x = _floats(input._data, "var")
    dim = _axes(dim)
    y, denominator = _variance(x, dim, keepdim, ddof)
    saved = (x, dim, keepdim, denominator)
    return record(y, _var_vjp, saved, (input,), (input._version,), "var")


def _std_vjp(dy: Any, needs: Any, y: Any, x: Any, dim: Any, keepdim: bool, denominator: Any) -> Any:
    dv = np.divide(dy, y + y, out=np.zeros_like(y), where=y != 0)
    return _var_vjp(dv, needs, x, dim, keepdim, denominator)


def std(
    input: Any,
    dim: Any = None,
    unbiased: bool = True,
    keepdim: bool = False,
    correction: Any = None,
) -> Any:
    """Return the square root of `var`; where all are equal the gradient is 0."""
    ddof = _ddof(unbiased, correction)
    if not isinstance(input, TensorCore):
        return np.std(input, axis=dim, keepdims=keepdim, ddof=ddof)
    x = _floats(input._data, "std")
    dim = _axes(dim)
    variance, denominator = _variance(x, dim, keepdim, ddof)
    y = np.asarray(np.sqrt(variance))
    saved = (y, x, dim, keepdim, denominator)
    return record_output(y, _std_vjp, saved, (input,), (input._version,), "std")


# ---- extremes ----


def _extreme_vjp(dy: Any, needs: Any, y: Any, x: Any, dim: Any, keepdim: bool) -> Any:
    # Equal extremes share the gradient; where y is NaN, the NaNs do.
    wide = _spread(y, x.shape, dim, keepdim)
    mask = (x == wide) | ((x != x) & (wide != wide))
    count = mask.sum(axis=dim, keepdims=True).astype(x.dtype)
    return (_spread(dy, x.shape, dim, keepdim) * mask / count,)


def _extreme(numpy: Any, input: Any, dim: Any, keepdim: bool, name: str) -> Any:
    if not isinstance(input, TensorCore):
        return numpy(input, axis=dim, keepdims=keepdim)
    x = input._data
    dim = _axes(dim)
    y = np.asarray(numpy(x, axis=dim, keepdims=keepdim))
    saved = (y, x, dim, keepdim)
    return record_output(y, _extreme_vjp, saved, (input,), (input._version,), name)


def amax(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """Return the largest elements over dim; equal ones share the gradient."""
    return _extreme(np.max, input, dim, keepdim, "amax")


def amin(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """Return the smallest elements over dim; equal ones share the gradient."""
    return _extreme(np.min, input, dim, keepdim, "amin")


def _pick_vjp(dy: Any, needs: Any, shape: Any, indices: Any, dim: int, keepdim: bool) -> Any:
    dx = np.zeros(shape, dy.dtype)
    np.put_along_axis(dx, indices, dy if keepdim else np.expand_dims(dy, dim), dim)
    return (dx,)


def _along(arg: Any, input: Any, dim: int, keepdim: bool, name: str) -> Extreme:
    x = input._data
    dim = axis(dim, x.ndim)
    indices = np.asarray(arg(x, axis=dim, keepdims=True))
    y = np.take_along_axis(x, indices, dim)
    shown = indices if keepdim else indices.squeeze(dim)
    saved = (x.shape, indices, dim, keepdim)
    values = record(y if keepdim else y.squeeze(dim), _pick_vjp, saved, (input,), (), name, True)
    return Extreme(values, wrap(np.array(shown, np.int64)))


def max(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """Return the largest element, with dim `(values, indices)` along it; or `maximum` of two."""
    if isinstance(dim, TensorCore | np.ndarray):
        from fastnet.autograd.choose import maximum

        return maximum(input, dim)
    if dim is None or not isinstance(input, TensorCore):
        return amax(input, dim, keepdim)
    return _along(np.argmax, input, dim, keepdim, "max")


def min(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """Return the smallest element, with dim `(values, indices)` along it; or `minimum` of two."""
    if isinstance(dim, TensorCore | np.ndarray):
        from fastnet.autograd.choose import minimum

        return minimum(input, dim)
    if dim is None or not isinstance(input, TensorCore):
        return amin(input, dim, keepdim)
    return _along(np.argmin, input, dim, keepdim, "min")


def argmax(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """Return where the first largest element stands, as int64."""
    y = np.argmax(unwrap(input), axis=dim, keepdims=keepdim)
    return wrap(np.asarray(y)) if isinstance(input, TensorCore) else y


def argmin(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """Return where the first smallest element stands, as int64."""
    y = np.argmin(unwrap(input), axis=dim, keepdims=keepdim)
    return wrap(np.asarray(y)) if isinstance(input, TensorCore) else y


def all(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """Return whether all elements are true."""
    y = np.all(unwrap(input), axis=dim, keepdims=keepdim)
    return wrap(y) if isinstance(input, TensorCore) else y


def any(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """Return whether some element is true."""
    y = np.any(unwrap(input), axis=dim, keepdims=keepdim)
    return wrap(y) if isinstance(input, TensorCore) else y


# ---- products ----


def _matmul_vjp(dy: Any, needs: Any, x: Any, y: Any) -> Any:
    dx = dz = None
    column = dy[..., None] if y.ndim == 1 else dy
    row = column[..., None, :] if x.ndim == 1 else column
    if needs[0]:
        other = y[:, None] if y.ndim == 1 else y
        dx = row @ np.swapaxes(other, -1, -2)
        dx = unbroadcast(dx[..., 0, :] if x.ndim == 1 else dx, x.shape)
    if needs[1]:
        other = x[None, :] if x.ndim == 1 else x
        dz = np.swapaxes(other, -1, -2) @ row
        dz = unbroadcast(dz[..., 0] if y.ndim == 1 else dz, y.shape)
    return dx, dz


def _factor(x: Any, name: str, meets: Any) -> Any:
    factor = _operand(x, meets)
    if not isinstance(factor, TensorCore):
        msg = f"{name} must be a Tensor or an array, got {type(x).__name__}"
        raise TypeError(msg)
    return factor


def matmul(input: Any, other: Any) -> Any:
    """Return the product of matrices; that with one matrix is `linear`'s, others are NumPy's."""
    if not is_tensor(input, other):
        return np.matmul(input, other)
    tensor = input if isinstance(input, TensorCore) else other
    input, b = _factor(input, "input", tensor), _factor(other, "other", tensor)
    x, y = input._data, b._data
    if x.dtype != y.dtype:
        dtype = common_dtype(x.dtype, y.dtype)
        x, y = convert(x, dtype), convert(y, dtype)
    if y.ndim == 2 and x.ndim and x.dtype.kind == "f" and x.dtype == input._data.dtype:
        from fastnet.autograd.shape import t
        from fastnet.functional import linear

        if y.dtype == b._data.dtype and x.shape[-1] == y.shape[0]:
            return linear(input, t(b))
    reads = (input._version, b._version)
    return record(np.matmul(x, y), _matmul_vjp, (x, y), (input, b), reads, "matmul")


def rmatmul(input: Any, other: Any) -> Any:
    """Return other @ input."""
    return matmul(other, input)
