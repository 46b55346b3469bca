"""New Tensors: from data, and filled by a rule."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet._arrays import real, require_in_memory
from fastnet.autograd.core import DTYPES, wrap
from fastnet.autograd.shape import sizes
from fastnet.autograd.tensor import Tensor


def tensor(data: Any, dtype: npt.DTypeLike | None = None, requires_grad: bool = False) -> Tensor:
    """Return a Tensor with a copy of the data.

    Parameters
    ----------
    data : array_like
    dtype : dtype, optional
        float32, float64, int64 or bool. By default the array's (of 16 bits becomes float32, another
        integer int64); Python's floats become float32, integers int64.
    requires_grad : bool, default False

    Raises
    ------
    TypeError
        If data holds no numbers or dtype is another one.
    ValueError
        If a value is beyond dtype's range.

    Examples
    --------
    >>> import fastnet
    >>> fastnet.tensor([1.0, 2.0])
    tensor([1., 2.])
    """
    return Tensor(data, dtype, requires_grad)


def from_numpy(array: Any) -> Tensor:
    """Return a Tensor that shares an array's memory.

    Parameters
    ----------
    array : ndarray
        float32, float64, int64 or bool in native byte order; anything else is a TypeError.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet
    >>> x = np.zeros(2, np.float32)
    >>> t = fastnet.from_numpy(x)
    >>> x[0] = 1
    >>> t
    tensor([1., 0.])
    """
    if not isinstance(array, np.ndarray) or array.dtype not in DTYPES:
        kind = getattr(array, "dtype", type(array).__name__)
        msg = f"array must be an ndarray of float32, float64, int64 or bool, got {kind}"
        raise TypeError(msg)
    if not array.dtype.isnative or not array.flags.aligned:
        msg = "array must be aligned and in native byte order"
        raise TypeError(msg)
    require_in_memory(array, "array")
    out: Tensor = wrap(array.view(np.ndarray))
    return out


def as_tensor(data: Any, dtype: npt.DTypeLike | None = None) -> Tensor:
    """Return data as a Tensor: itself if it is one, sharing an array's memory where possible.

    Examples
    --------
    >>> import fastnet
    >>> t = fastnet.tensor([1.0])
    >>> fastnet.as_tensor(t) is t
    True
    """
    if isinstance(data, Tensor):
        return data if dtype is None else data.to(dtype)
    shareable = (
        isinstance(data, np.ndarray)
        and data.dtype in DTYPES
        and data.dtype.isnative
        and data.flags.aligned
        and dtype in (None, data.dtype)
    )
    return from_numpy(data) if shareable else Tensor(data, dtype)


def full(
    size: Any, fill_value: Any, dtype: npt.DTypeLike | None = None, requires_grad: bool = False
) -> Tensor:
    """Return a Tensor of one value; its dtype is the value's as `tensor` gives it.

    Examples
    --------
    >>> import fastnet
    >>> fastnet.full((2,), 7)
    tensor([7, 7])
    """
    value = Tensor(fill_value, dtype)._data
    shape = sizes(size if isinstance(size, tuple) else (size,), "size")
    return _made(np.full(shape, value, value.dtype), requires_grad)


def _made(array: Any, requires_grad: bool) -> Tensor:
    out: Tensor = wrap(array)
    return out.requires_grad_() if requires_grad else out


def zeros(*size: Any, dtype: npt.DTypeLike | None = None, requires_grad: bool = False) -> Tensor:
    """Return a Tensor of zeros, in float32 by default.

    Examples
    --------
    >>> import fastnet
    >>> fastnet.zeros(2, 3).shape
    (2, 3)
    """
    return full(sizes(size, "size"), 0.0, np.float32 if dtype is None else dtype, requires_grad)


def ones(*size: Any, dtype: npt.DTypeLike | None = None, requires_grad: bool = False) -> Tensor:
    """Return a Tensor of ones, in float32 by default.

    Examples
    --------
    >>> import fastnet
    >>> fastnet.ones(2)
    tensor([1., 1.])
    """
    return full(sizes(size, "size"), 1.0, np.float32 if dtype is None else dtype, requires_grad)


def zeros_like(
    input: Tensor, dtype: npt.DTypeLike | None = None, requires_grad: bool = False
) -> Tensor:
    """Return zeros of a Tensor's shape and dtype.

    Examples
    --------
    >>> import fastnet
    >>> fastnet.zeros_like(fastnet.tensor([1, 2]))
    tensor([0, 0])
    """
    return zeros(input.shape, dtype=input.dtype if dtype is None else dtype,
                 requires_grad=requires_grad)  # fmt: skip


def ones_like(
    input: Tensor, dtype: npt.DTypeLike | None = None, requires_grad: bool = False
) -> Tensor:
    """Return ones of a Tensor's shape and dtype.

    Examples
    --------
    >>> import fastnet
    >>> fastnet.ones_like(fastnet.tensor([1, 2]))
    tensor([1, 1])
    """
    return ones(input.shape, dtype=input.dtype if dtype is None else dtype,
                requires_grad=requires_grad)  # fmt: skip


def arange(*bounds: Any, dtype: npt.DTypeLike | None = None, requires_grad: bool = False) -> Tensor:
    """Return the numbers from start (0) up to end by step (1): arange([start,] end[, step]).

    Integers give int64, any float gives float32.

    Examples
    --------
    >>> import fastnet
    >>> fastnet.arange(1, 4)
    tensor([1, 2, 3])
    """
    if not 1 <= len(bounds) <= 3:
        msg = f"arange takes end, or start, end and step, got {len(bounds)} numbers"
        raise TypeError(msg)
    bounds = tuple([b.item() if isinstance(b, Tensor | np.ndarray) else b for b in bounds])
    names = ("start", "end", "step") if len(bounds) > 1 else ("end",)
    for name, bound in zip(names, bounds, strict=False):
        if real(bound, name) == 0 and name == "step":
            msg = "step must not be 0"
            raise ValueError(msg)
    values = np.arange(*bounds)
    if dtype is None:
        dtype = np.float32 if values.dtype.kind == "f" else np.int64
    return _made(Tensor(values, dtype)._data, requires_grad)


def linspace(
    start: float,
    end: float,
    steps: int,
    dtype: npt.DTypeLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return `steps` numbers at equal distances from start to end.

    Examples
    --------
    >>> import fastnet
    >>> fastnet.linspace(0, 1, 3)
    tensor([0. , 0.5, 1. ])
    """
    kind = np.float32 if dtype is None else dtype
    return _made(Tensor(np.linspace(start, end, steps), kind)._data, requires_grad)


def rand(
    *size: Any,
    dtype: npt.DTypeLike | None = None,
    requires_grad: bool = False,
    rng: Any = None,
) -> Tensor:
    """Return uniform values in [0, 1), in float32 by default.

    Examples
    --------
    >>> import fastnet
    >>> fastnet.rand(2, 3).shape
    (2, 3)
    """
    from fastnet.random import default_rng

    kind = np.float32 if dtype is None else dtype
    return _made(default_rng(rng).random(sizes(size, "size"), kind), requires_grad)
