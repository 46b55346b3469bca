"""Softmax, its logarithm, and what decides at inference: argmax and one-hot."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from fastnet import _core
from fastnet._arrays import Array, as_float, contiguous, output, same_dtype, to_array
from fastnet.autograd.lift import differentiable


def _axis(dim: Any, ndim: int) -> int:
    """Return dim as an axis from 0; a number has one dimension, as in PyTorch."""
    if isinstance(dim, bool) or not hasattr(dim, "__index__"):
        msg = f"dim must be an int, got {type(dim).__name__}"
        raise TypeError(msg)
    axis, count = operator.index(dim), max(ndim, 1)
    if not -count <= axis < count:
        msg = f"dim must be from {-count} to {count - 1}, got {axis}"
        raise ValueError(msg)
    return axis % count


def _rows(x: Array, axis: int) -> Array:
    """Return x, or a copy, as the C-contiguous rows along an axis."""
    if x.ndim == 0:
        return x.reshape(1, 1)
    n = x.shape[axis]
    if axis != x.ndim - 1:
        x = np.moveaxis(x, axis, -1)
    return contiguous(x).reshape(x.size // n if n else 0, n)


def _along(axis: int, result: Array, kernel: Any, *arrays: Array) -> Array:
    """Fill `result` by a kernel over rows along an axis, through a copy if it is not the last."""
    rows = [_rows(a, axis) for a in arrays]
    if axis >= result.ndim - 1:
        kernel(*rows, result.reshape(rows[0].shape))
        return result
    moved = np.empty(rows[0].shape, result.dtype)
    kernel(*rows, moved)
    view = np.moveaxis(result, axis, -1)
    view[...] = moved.reshape(view.shape)
    return result


def _forward(log: bool, x: Any, dim: int, out: Array | None) -> Array:
    if type(dim) is int and type(x) is np.ndarray and dim in (-1, x.ndim - 1):
        y: Array | None = _core.softmax_direct(log, x, out)
        if y is not None:
            return y
    x = as_float(x, "x")
    axis = _axis(dim, x.ndim)
    result = output(out, x.shape, x.dtype)
    return _along(axis, result, lambda a, b: _core.softmax(log, a, b), x)


def _backward(log: bool, dy: Any, y: Any, dim: int, out: Array | None) -> Array:
    dy = as_float(dy, "dy")
    y = as_float(y, "y")
    same_dtype(dy, y=y)
    if y.shape != dy.shape:
        msg = f"y must have dy's shape {dy.shape}, got {y.shape}"
        raise ValueError(msg)
    axis = _axis(dim, dy.ndim)
    result = output(out, dy.shape, dy.dtype)
    return _along(axis, result, lambda a, b, c: _core.softmax_backward(log, a, b, c), dy, y)


@differentiable(
    lambda dy, y, x, dim, needs: (softmax_backward(dy, y, dim),), saves=("y",), owned=True
)
def softmax(x: Any, dim: int, out: Array | None = None) -> Array:
    r"""Softmax, exp(x - m) / sum(exp(x - m)) with m = max(x), along one dimension.

    Parameters
    ----------
    x : array_like, any shape
        Float32 or float64; integers are computed in float32.
    dim : int
        The dimension whose slices become probabilities. The last one is the fastest; another one is
        copied to its place first.
    out : ndarray, optional
        Where to write the result; may be `x`.

    Returns
    -------
    ndarray
        Of x's shape, finite for every finite x. NaN or +inf in a slice, or -inf everywhere in it,
        makes the slice NaN.

    Raises
    ------
    TypeError
        If dim is not an integer or x is not of numbers.
    ValueError
        If dim is out of range.

    Notes
    -----
    Subtracting the maximum keeps every exponential in [0, 1] (Blanchard, Higham and Higham 2021,
    "Accurately computing the log-sum-exp and softmax functions", IMA J. Numer. Anal. 41). A slice's
    bits depend on that slice alone, not on the batch, the number of threads or the ISA level.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet.functional as F
    >>> F.softmax(np.float32([[0, 0, 0, 0], [1e4, 1e4, 0, -np.inf]]), -1)
    array([[0.25, 0.25, 0.25, 0.25],
           [0.5 , 0.5 , 0.  , 0.  ]], dtype=float32)
    """
    return _forward(False, x, dim, out)


def softmax_backward(dy: Any, y: Any, dim: int, out: Array | None = None) -> Array:
    """Gradient of `softmax` from its output y: dx = y (dy - sum(dy y)) along `dim`.

    Parameters
    ----------
    dy, y : array_like, one shape and dtype
    dim : int
    out : ndarray, optional
        Where to write the result; may be `dy` or `y`.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet.functional as F
    >>> F.softmax_backward(np.float32([1, 0]), np.float32([0.5, 0.5]), 0)
    array([ 0.25, -0.25], dtype=float32)
    """
    return _backward(False, dy, y, dim, out)


@differentiable(
    lambda dy, y, x, dim, needs: (log_softmax_backward(dy, y, dim),), saves=("y",), owned=True
)
def log_softmax(x: Any, dim: int, out: Array | None = None) -> Array:
    """Logarithm of `softmax`, (x - m) - log(sum(exp(x - m))) with m = max(x).

    Parameters
    ----------
    x : array_like, any shape
    dim : int
    out : ndarray, optional
        Where to write the result; may be `x`.

    Returns
    -------
    ndarray
        Of x's shape. Stays exact where softmax would round to 0 or 1; -inf only where x is.

    Notes
    -----
    Determinism as in `softmax`.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet.functional as F
    >>> F.log_softmax(np.float32([0, 1000]), 0)
    array([-1000.,     0.], dtype=float32)
    """
    return _forward(True, x, dim, out)


def log_softmax_backward(dy: Any, y: Any, dim: int, out: Array | None = None) -> Array:
    """Gradient of `log_softmax` from its output y: dx = dy - exp(y) sum(dy) along `dim`.

    Parameters
    ----------
    dy, y : array_like, one shape and dtype
    dim : int
    out : ndarray, optional
        Where to write the result; may be `dy` or `y`.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet.functional as F
    >>> F.log_softmax_backward(np.float32([1, 0]), np.float32([0, -np.inf]), 0)
    array([0., 0.], dtype=float32)
    """
    return _backward(True, dy, y, dim, out)


def argmax(x: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """Index of the first maximum, along one dimension or of all elements.

    Parameters
    ----------
    x : array_like, any shape
    dim : int, optional
        Without it, the index into the flattened x.
    keepdim : bool
        Whether the result keeps `dim` (without dim: every dimension) with size 1.

    Returns
    -------
    ndarray of int64, or numpy.int64 if the result has no dimensions
        NaN counts as the maximum, as in NumPy and PyTorch.

    Raises
    ------
    ValueError
        If there is nothing to choose from.

    Examples
    --------
    >>> import fastnet.functional as F
    >>> F.argmax([[1, 3, 3], [5, 4, 0]], dim=1)
    array([1, 0])
    >>> F.argmax([[1, 3, 3], [5, 4, 0]])
    np.int64(3)
    """
    x = to_array(x, "x")
    if dim is None:
        shape: tuple[int, ...] = (1,) * x.ndim if keepdim else ()
        axis, x = 0, x.reshape(-1)
    else:
        axis = _axis(dim, x.ndim)
        shape = x.shape[:axis] + ((1,) if keepdim and x.ndim else ()) + x.shape[axis + 1 :]
        x = x.reshape(1) if x.ndim == 0 else x
    if x.shape[axis] == 0:
        msg = f"x must have at least one element to choose from, got shape {x.shape}"
        raise ValueError(msg)
    if x.dtype.kind == "f":
        index = np.empty(int(np.prod(shape)), np.int64)
        _core.argmax(_rows(as_float(x, "x"), axis), index)
    else:
        # Integers beyond 2**24 are no float32: NumPy compares them as they are.
        index = np.argmax(x, axis).astype(np.int64)
    return index.reshape(shape)[()]


def one_hot(index: Any, num_classes: int = -1) -> Array:
    """Rows of zeros with a one at each index.

    Parameters
    ----------
    index : array_like of int, any shape
        Class numbers.
    num_classes : int
        Length of the rows; -1 for the largest index + 1.

    Returns
    -------
    ndarray of int64, shape (*index.shape, num_classes)

    Raises
    ------
    TypeError
        If index is not of integers.
    ValueError
        If an index is negative or not below num_classes.

    Examples
    --------
    >>> import fastnet.functional as F
    >>> F.one_hot(F.argmax([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3]], dim=1), num_classes=3)
    array([[0, 1, 0],
           [1, 0, 0]])
    """
    index = to_array(index, "index")
    if index.dtype.kind not in "iu":
        msg = f"index must have an integer dtype, got {index.dtype}"
        raise TypeError(msg)
    if isinstance(num_classes, bool) or not hasattr(num_classes, "__index__"):
        msg = f"num_classes must be an int, got {type(num_classes).__name__}"
        raise TypeError(msg)
    count = operator.index(num_classes)
    if count == -1:
        if index.size == 0:
            msg = "num_classes must be given if index is empty"
            raise ValueError(msg)
        count = int(index.max()) + 1
    if count < 1:
        msg = f"num_classes must be at least 1, or -1, got {count}"
        raise ValueError(msg)
    if index.size and not (int(index.min()) >= 0 and int(index.max()) < count):
        msg = f"index must be in [0, {count}), got values from {index.min()} to {index.max()}"
        raise ValueError(msg)
    result = np.zeros((*index.shape, count), np.int64)
    np.put_along_axis(result, index.astype(np.int64)[..., np.newaxis], 1, axis=-1)
    return result
