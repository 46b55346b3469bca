"""Layer and batch normalisation on arrays, each beside its derivative."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from fastnet import _core
from fastnet._arrays import Array, as_float, contiguous, flag, output, real, same_dtype
from fastnet.autograd.lift import differentiable

Needs = tuple[bool, bool, bool]


def _layer_norm_vjp(
    dy: Array,
    y: None,
    x: Array,
    normalized_shape: Any,
    weight: Array | None,
    bias: None,
    eps: float,
    needs: tuple[bool, ...],
) -> tuple[Array | None, ...]:
    wanted = (needs[0], needs[2], needs[3])
    dx, dweight, dbias = layer_norm_backward(dy, x, normalized_shape, weight, eps, wanted)
    return dx, None, dweight, dbias


@differentiable(_layer_norm_vjp, saves=["x", "weight"])
def layer_norm(
    x: Any,
    normalized_shape: int | Sequence[int],
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
    out: Array | None = None,
) -> Array:
    r"""Layer normalisation, y = (x - mean) / sqrt(var + eps) * weight + bias over the last axes.

    Parameters
    ----------
    x : array_like, shape (*, *normalized_shape)
        Float32 or float64; integers are computed in float32.
    normalized_shape : int or sequence of int
        The trailing dimensions over which mean and (biased) variance are taken.
    weight, bias : array_like, shape normalized_shape, optional
        Of x's dtype.
    eps : float
        Added to the variance.
    out : ndarray, optional
        Where to write the result; may be `x`.

    Returns
    -------
    ndarray
        Of x's shape.

    Raises
    ------
    TypeError
        If dtypes differ or are not numbers.
    ValueError
        If shapes do not fit.

    Notes
    -----
    The mean is taken twice, the second time of x - mean, so that rows far from zero keep their
    variance: with u the unit roundoff of the dtype, xhat = (x - mean) / sqrt(var + eps) is within
    u (2 abs(mean) / sd + K + (K / 2 + 8) abs(xhat)), K = 24 + n / 256 for n normalised elements,
    as long as K u abs(mean) < sd. A row's bits do not depend on the batch, threads or ISA level
    (those with fma). Ba, Kiros and Hinton (2016), arXiv 1607.06450.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet.functional as F
    >>> F.layer_norm(np.float32([[1, 3], [5, 5]]), 2, eps=0.25) * np.sqrt(np.float32(1.25))
    array([[-1.,  1.],
           [ 0.,  0.]], dtype=float32)
    """
    x = as_float(x, "x")
    shape = _trailing_shape(x, normalized_shape)
    eps = _epsilon(eps)
    weight = _parameter(weight, "weight", shape, x)
    bias = _parameter(bias, "bias", shape, x)
    result = output(out, x.shape, x.dtype)
    rows = _rows(x, shape)
    _core.layer_norm(rows, weight, bias, eps, result.reshape(rows.shape))
    return result


def layer_norm_backward(
    dy: Any,
    x: Any,
    normalized_shape: int | Sequence[int],
    weight: Any = None,
    eps: float = 1e-5,
    needs: Needs = (True, True, True),
) -> tuple[Array | None, Array | None, Array | None]:
    """Gradients of `layer_norm`; mean and variance are taken again from x.

    Parameters
    ----------
    dy, x : array_like, shape (*, *normalized_shape)
    normalized_shape, weight, eps
        As given to `layer_norm`.
    needs : tuple of bool
        Which of dx, dweight and dbias to return; the others are None.

    Returns
    -------
    dx : ndarray, shape (*, *normalized_shape)
        (g - mean(g) - xhat mean(g xhat)) / sqrt(var + eps), where g = dy weight.
    dweight, dbias : ndarray, shape normalized_shape
        Sums of dy xhat and of dy over the other axes, in blocks of 64 rows in order.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet.functional as F
    >>> dx, dweight, dbias = F.layer_norm_backward(np.float32([[1, 3]]), np.float32([[0, 0]]), 2)
    >>> dweight, dbias
    (array([0., 0.], dtype=float32), array([1., 3.], dtype=float32))
    """
    dy, x = _same_shape(dy, x)
    shape = _trailing_shape(x, normalized_shape)
    eps = _epsilon(eps)
    weight = _parameter(weight, "weight", shape, x)
    rows = _rows(x, shape)
    dx = np.empty(x.shape, x.dtype) if needs[0] else None
    dweight, dbias = np.empty(shape, x.dtype), np.empty(shape, x.dtype)
    _core.layer_norm_backward(
        _rows(dy, shape),
        rows,
        weight,
        eps,
        None if dx is None else dx.reshape(rows.shape),
        dweight.reshape(-1),
        dbias.reshape(-1),
    )
    return dx, dweight if needs[1] else None, dbias if needs[2] else None


def _batch_norm_vjp(
    dy: Array,
    y: None,
    x: Array,
    running_mean: Array | None,
    running_var: Array | None,
    weight: Array | None,
    bias: None,
    training: bool,
    momentum: float,
    eps: float,
    needs: tuple[bool, ...],
) -> tuple[Array | None, ...]:
    wanted = (needs[0], needs[3], needs[4])
    dx, dweight, dbias = batch_norm_backward(
        dy, x, running_mean, running_var, weight, training, eps, wanted
    )
    return dx, None, None, dweight, dbias


@differentiable(_batch_norm_vjp, saves=["x", "running_mean", "running_var", "weight"])
def batch_norm(
    x: Any,
    running_mean: Array | None,
    running_var: Array | None,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
    out: Array | None = None,
) -> Array:
    r"""Batch normalisation, y = (x - mean) / sqrt(var + eps) * weight + bias for each feature.

    Parameters
    ----------
    x : array_like, shape (batch, features)
        Float32 or float64; integers are computed in float32.
    running_mean, running_var : ndarray, shape (features,), or None
        With `training` they are updated in place, running = (1 - momentum) running + momentum
        batch's, the variance being the unbiased one; without, they are mean and var.
    weight, bias : array_like, shape (features,), optional
    training : bool
        Take mean and (biased) variance from the batch.
    momentum : float
        The batch's weight in the running statistics.
    eps : float
        Added to the variance.
    out : ndarray, optional
        Where to write the result; may be `x`.

    Returns
    -------
    ndarray, shape (batch, features)

    Raises
    ------
    TypeError
        If dtypes differ or are not numbers.
    ValueError
        If shapes do not fit, if training on a single row, or if not training without running
        statistics.

    Notes
    -----
    The bound is that of `layer_norm` with K = 36 + batch / 64. Sums run over blocks of 64 rows in
    order; bits do not depend on threads or ISA level (those with fma), and without `training` a
    row's bits do not depend on the batch. An empty batch updates nothing. Ioffe and Szegedy (2015),
    arXiv 1502.03167.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet.functional as F
    >>> mean, var = np.zeros(1, np.float32), np.ones(1, np.float32)
    >>> x = np.float32([[2], [6]])
    >>> F.batch_norm(x, mean, var, training=True, momentum=0.5, eps=0)
    array([[-1.],
           [ 1.]], dtype=float32)
    >>> mean, var
    (array([2.], dtype=float32), array([4.5], dtype=float32))
    """
    training, eps = flag(training, "training"), _epsilon(eps)
    momentum = real(momentum, "momentum", 0.0, 1.0)
    x, weight = _batch_arguments(x, running_mean, running_var, weight, training)
    bias = _parameter(bias, "bias", x.shape[1:], x)
    if training and len(x) == 1:
        msg = f"Expected more than 1 value per channel when training, got input size {x.shape}"
        raise ValueError(msg)
    result = output(out, x.shape, x.dtype)
    _core.batch_norm(
        contiguous(x), running_mean, running_var, weight, bias, training, momentum, eps, result
    )
    return result


def batch_norm_backward(
    dy: Any,
    x: Any,
    running_mean: Array | None,
    running_var: Array | None,
    weight: Any = None,
    training: bool = False,
    eps: float = 1e-5,
    needs: Needs = (True, True, True),
) -> tuple[Array | None, Array | None, Array | None]:
    """Gradients of `batch_norm`; with `training` mean and variance are taken again from x.

    Parameters
    ----------
    dy, x : array_like, shape (batch, features)
    running_mean, running_var, weight, training, eps
        As given to `batch_norm`; with `training` the running statistics are not used.
    needs : tuple of bool
        Which of dx, dweight and dbias to return; the others are None.

    Returns
    -------
    dx : ndarray, shape (batch, features)
        weight / sqrt(var + eps) (dy - mean(dy) - xhat mean(dy xhat)) with `training`, else
        weight / sqrt(var + eps) dy.
    dweight, dbias : ndarray, shape (features,)
        Sums of dy xhat and of dy over the batch.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet.functional as F
    >>> dy, x = np.float32([[1], [4]]), np.float32([[2], [6]])
    >>> F.batch_norm_backward(dy, x, None, None, training=True, eps=0)[1:]
    (array([3.], dtype=float32), array([5.], dtype=float32))
    """
    training, eps = flag(training, "training"), _epsilon(eps)
    dy, x = _same_shape(dy, x)
    x, weight = _batch_arguments(x, running_mean, running_var, weight, training)
    dx = np.empty(x.shape, x.dtype) if needs[0] else None
    dweight, dbias = np.empty(x.shape[1:], x.dtype), np.empty(x.shape[1:], x.dtype)
    _core.batch_norm_backward(
        contiguous(dy),
        contiguous(x),
        None if training else running_mean,
        None if training else running_var,
        weight,
        training,
        eps,
        dx,
        dweight,
        dbias,
    )
    return dx, dweight if needs[1] else None, dbias if needs[2] else None


def _epsilon(eps: Any) -> float:
    return real(eps, "eps", 0.0, float(np.finfo(np.float32).max))


def _is_int(n: Any) -> bool:
    return isinstance(n, int | np.integer) and not isinstance(n, bool)


def _trailing_shape(x: Array, normalized_shape: int | Sequence[int]) -> tuple[int, ...]:
    """Return normalized_shape as a tuple after checking that x ends with it."""
    sizes: Any = [normalized_shape] if _is_int(normalized_shape) else normalized_shape
    if not isinstance(sizes, Iterable) or not all(_is_int(n) for n in sizes):
        msg = f"normalized_shape must be an int or a sequence of int, got {normalized_shape!r}"
        raise TypeError(msg)
    shape = tuple(int(n) for n in sizes)
    if not shape:
        msg = "normalized_shape must have at least one dimension, got ()"
        raise ValueError(msg)
    if x.shape[-len(shape) :] != shape:
        expected = ", ".join(map(str, ("*", *shape)))
        msg = f"x must have shape ({expected}) to fit normalized_shape, got {x.shape}"
        raise ValueError(msg)
    return shape


def _rows(x: Array, shape: tuple[int, ...]) -> Array:
    """Return x as a matrix with a row for each set of elements normalised together."""
    return contiguous(x).reshape(math.prod(x.shape[: x.ndim - len(shape)]), math.prod(shape))


def _parameter(p: Any, name: str, shape: tuple[int, ...], x: Array) -> Array | None:
    """Return weight or bias as a vector, or None."""
    if p is None:
        return None
    p = as_float(p, name)
    same_dtype(x, **{name: p})
    if p.shape != shape:
        msg = f"{name} must have shape {shape}, got {p.shape}"
        raise ValueError(msg)
    return np.ascontiguousarray(p).reshape(-1)


def _same_shape(dy: Any, x: Any) -> tuple[Array, Array]:
    dy, x = as_float(dy, "dy"), as_float(x, "x")
    same_dtype(x, dy=dy)
    if dy.shape != x.shape:
        msg = f"dy must have x's shape {x.shape}, got {dy.shape}"
        raise ValueError(msg)
    return dy, x


def _batch_arguments(
    x: Any, running_mean: Array | None, running_var: Array | None, weight: Any, training: bool
) -> tuple[Array, Array | None]:
    x = as_float(x, "x")
    if x.ndim != 2:
        msg = f"x must have shape (batch, features), got {x.shape}"
        raise ValueError(msg)
    if not training and (running_mean is None or running_var is None):
        msg = "running_mean and running_var must be arrays unless training, got None"
        raise ValueError(msg)
    return x, _parameter(weight, "weight", x.shape[1:], x)
