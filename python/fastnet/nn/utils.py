"""Clipping of gradients."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from fastnet.autograd.core import TensorCore, wrap
from fastnet.nn._checks import number


def _gradients(parameters: Any) -> list[Any]:
    if isinstance(parameters, TensorCore):
        parameters = [parameters]
    if not isinstance(parameters, Iterable):
        msg = f"parameters must be Tensors, got {type(parameters).__name__}"
        raise TypeError(msg)
    return [p._grad for p in parameters if p._grad is not None]


def clip_grad_norm_(
    parameters: Any, max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False
) -> Any:
    """Scale all gradients together so that their norm is at most max_norm.

    Parameters
    ----------
    parameters : Tensor or iterable of Tensor
    max_norm : float
    norm_type : float, default 2
        The p of the norm; may be infinite.
    error_if_nonfinite : bool, default False
        Raise RuntimeError for a norm that is not finite, instead of scaling by it.

    Returns
    -------
    Tensor
        The norm before, in the gradients' dtype.

    Notes
    -----
    Powers are summed in double precision. Gradients are multiplied by
    max_norm / (norm + 1e-6) where that is below 1, as in PyTorch.

    Examples
    --------
    >>> import fastnet
    >>> from fastnet import nn
    >>> x = fastnet.tensor([3.0, 4.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> nn.utils.clip_grad_norm_(x, 1.0)
    tensor(10.)
    >>> x.grad
    tensor([0.5999999, 0.7999999])
    """
    max_norm = number(max_norm, "max_norm")
    if norm_type != math.inf:
        norm_type = number(norm_type, "norm_type")
        if norm_type == 0:
            msg = "norm_type must be positive"
            raise ValueError(msg)
    gradients = _gradients(parameters)
    if not gradients:
        return wrap(np.zeros((), np.float32))
    arrays = [g._data for g in gradients]
    if norm_type == math.inf:
        norm = float(np.max([np.max(np.abs(a), initial=0) for a in arrays]))
    else:
        total = 0.0
        for a in arrays:
            wide = np.abs(a, dtype=np.float64)
            total += float(np.sum(wide * wide if norm_type == 2 else wide**norm_type))
        norm = total ** (1 / norm_type)
    if error_if_nonfinite and not math.isfinite(norm):
        msg = f"the gradients' norm is {norm}"
        raise RuntimeError(msg)
    factor = max_norm / (norm + 1e-6)
    if not factor >= 1:
        for g in gradients:
            g._data *= g._data.dtype.type(factor)
            g._version[0] += 1
    return wrap(np.asarray(norm, arrays[0].dtype))


def clip_grad_value_(parameters: Any, clip_value: float) -> None:
    """Limit every element of the gradients to [-clip_value, clip_value].

    Examples
    --------
    >>> import fastnet
    >>> from fastnet import nn
    >>> x = fastnet.tensor([3.0, -4.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> nn.utils.clip_grad_value_(x, 7.0)
    >>> x.grad
    tensor([ 6., -7.])
    """
    limit = number(clip_value, "clip_value")
    for g in _gradients(parameters):
        np.clip(g._data, -limit, limit, out=g._data)
        g._version[0] += 1
