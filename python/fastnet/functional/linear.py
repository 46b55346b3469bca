"""The linear layer on arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnet import _core, functional
from fastnet._activations import activation_code
from fastnet._arrays import Array, as_float, matrix, output, same_dtype
from fastnet._storage import empty_gradient
from fastnet.autograd.core import TensorCore, is_tensor, record, wrap


def linear(
    x: Any, weight: Any, bias: Any = None, activation: str | None = None, out: Array | None = None
) -> Any:
    r"""Linear layer, y = act(x W + b) with W = weight.T, in one kernel.

    Parameters
    ----------
    x : array_like, shape (*, in_features)
        Float32 or float64; integers are computed in float32.
    weight : array_like, shape (out_features, in_features)
        Of x's dtype. Fastest as a transposed view of a row-major (in_features, out_features)
        array, as `fastnet.nn.Linear` keeps it; another layout is rearranged at each call.
    bias : array_like, shape (out_features,), optional
    activation : str, optional
        Name of a function of this module without parameters, applied to the result, e.g. "relu".
    out : ndarray, shape (*, out_features), optional
        Where to write the result; must not overlap the inputs.

    Returns
    -------
    ndarray, shape (*, out_features)
        `out` if given.

    Raises
    ------
    TypeError
        If dtypes differ or are not numbers.
    ValueError
        If shapes do not fit.

    Notes
    -----
    y[i, j] is one chain of fused multiply-adds over the in_features in ascending order, then the
    bias is added: |error| <= (k + 1) eps |x| |W| (Higham 2002, eq. 3.5). Its bits depend on row i,
    column j and in_features alone, not on the batch, the number of threads or the ISA level.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet.functional as F
    >>> F.linear(np.float32([[1, 2]]), np.float32([[1, 1], [1, -1]]), activation="relu")
    array([[3., 0.]], dtype=float32)
    """
    kind, a, b = activation_code(activation)
    y = _core.linear_direct(x, weight, bias, kind, a, b, out)
    if y is not None:
        return y
    if is_tensor(x, weight, bias):
        return _taped(x, weight, bias, activation, out)
    x = as_float(x, "x")
    weight = as_float(weight, "weight")
    if weight.ndim != 2:
        msg = f"weight must have shape (out_features, in_features), got {weight.shape}"
        raise ValueError(msg)
    if x.ndim == 0 or x.shape[-1] != weight.shape[1]:
        msg = f"x must have shape (*, {weight.shape[1]}), got {x.shape}"
        raise ValueError(msg)
    if bias is not None:
        bias = as_float(bias, "bias")
        if bias.shape != weight.shape[:1]:
            msg = f"bias must have shape ({weight.shape[0]},), got {bias.shape}"
            raise ValueError(msg)
        bias = np.ascontiguousarray(bias)
    same_dtype(x, weight=weight, bias=bias)
    result = output(out, (*x.shape[:-1], weight.shape[0]), x.dtype)
    rows = (
        x.reshape(-1, x.shape[-1])
        if x.shape[-1]
        else x.reshape(result.size // max(weight.shape[0], 1), 0)
    )
    _core.linear(
        matrix(rows), matrix(weight), bias, kind, a, b, result.reshape(len(rows), weight.shape[0])
    )
    return result


def _vjp(dy: Any, needs: tuple[bool, bool, bool], x: Array, weight: Array) -> Any:
    return linear_backward(dy, x, weight, needs)


def _vjp_without_bias(dy: Any, needs: tuple[bool, bool], x: Array, weight: Array) -> Any:
    return linear_backward(dy, x, weight, (*needs, False))[:2]


def _taped(x: Any, weight: Any, bias: Any, activation: str | None, out: Array | None) -> Any:
    """Return `linear` of Tensors as a Tensor; an activation is an operation of its own."""
    if out is not None:
        msg = "linear takes no out when an argument is a Tensor"
        raise TypeError(msg)
    if activation is not None:
        y = _taped(x, weight, bias, None, None)
        if activation == "gelu_tanh":
            return functional.gelu(y, "tanh")
        return getattr(functional, activation)(y)
    tx = x if isinstance(x, TensorCore) else wrap(as_float(x, "x"))
    tw = weight if isinstance(weight, TensorCore) else wrap(as_float(weight, "weight"))
    tb = bias
    if bias is not None and not isinstance(bias, TensorCore):
        tb = wrap(as_float(bias, "bias"))
    xd, wd = tx._data, tw._data
    if tb is None:
        y = linear(xd, wd)
        vjp: Any = _vjp_without_bias
        parents: tuple[Any, ...] = (tx, tw)
    else:
        y = linear(xd, wd, tb._data)
        vjp = _vjp
        parents = (tx, tw, tb)
    reads = (tx._version, tw._version)
    return record(y, vjp, (xd, wd), parents, reads, "linear", True)


def linear_backward(
    dy: Any, x: Any, weight: Any, needs: tuple[bool, bool, bool] = (True, True, True)
) -> tuple[Array | None, Array | None, Array | None]:
    """Gradients of `linear` without activation: dx = dy weight, dweight = dy.T x, dbias = sum dy.

    Parameters
    ----------
    dy : array_like, shape (*, out_features)
    x : array_like, shape (*, in_features)
    weight : array_like, shape (out_features, in_features)
    needs : tuple of bool
        Which of dx, dweight and dbias to compute; the others are None.

    Returns
    -------
    dx : ndarray, shape (*, in_features)
    dweight : ndarray, shape (out_features, in_features)
        A transposed view of a row-major array, whose rows are padded with zeros as
        `fastnet.nn.Linear` pads its weight's.
    dbias : ndarray, shape (out_features,)

    Notes
    -----
    Sums run over out_features (dx) and over the rows of the batch (dweight, dbias), each one chain
    in ascending order, so the bits do not depend on threads or ISA level.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet.functional as F
    >>> dy, x = np.float32([[1], [2]]), np.float32([[3, 4], [5, 6]])
    >>> dx, dweight, dbias = F.linear_backward(dy, x, np.float32([[7, 8]]))
    >>> dweight, dbias
    (array([[13., 16.]], dtype=float32), array([3.], dtype=float32))
    """
    direct: tuple[Any, Any, Any] | None = _core.linear_backward_direct(dy, x, weight, *needs)
    if direct is not None:
        return direct
    dy = as_float(dy, "dy")
    x = as_float(x, "x")
    weight = as_float(weight, "weight")
    same_dtype(dy, x=x, weight=weight)
    if (
        weight.ndim != 2
        or dy.ndim == 0
        or x.shape != (*dy.shape[:-1], weight.shape[1])
        or dy.shape[-1] != len(weight)
    ):
        msg = (
            "dy, x and weight must have shapes (*, out_features), (*, in_features) and "
            f"(out_features, in_features), got {dy.shape}, {x.shape} and {weight.shape}"
        )
        raise ValueError(msg)
    out_features, in_features = weight.shape
    batch = int(np.prod(dy.shape[:-1]))
    rows = matrix(dy.reshape(batch, out_features))
    dx = dw = db = None
    if needs[0]:
        dx = np.empty(x.shape, x.dtype)
        _core.linear_backward_x(rows, matrix(weight), dx.reshape(batch, in_features))
    if needs[1] or needs[2]:
        dw = empty_gradient(out_features, in_features, x.dtype) if needs[1] else None
        db = np.empty(out_features, x.dtype) if needs[2] else None
        _core.linear_backward_w(rows, matrix(x.reshape(batch, in_features)), dw, db)
    return dx, dw.T if dw is not None else None, db
