"""New Tensors: from data, and filled by a rule."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.autograd.core import DTYPES, wrap
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
    out: Tensor = wrap(array.view(np.ndarray))
    return out
