"""Parameter: a leaf that modules register and optimizers update."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from fastnet._arrays import Array, as_float
from fastnet._storage import is_padded, zeros_weight
from fastnet.autograd.core import TensorCore
from fastnet.autograd.tensor import Tensor


class Structure:
    """Counts changes of modules' parts and options, and of parameters' memory and requires_grad.

    What was compiled from a model is good as long as the count stands still.
    """

    version = 0
    # Parameters that a fit is changing, by id, and the thread it runs in.
    fitting: ClassVar[dict[int, int]] = {}

    @classmethod
    def fitted_here(cls, parameters: Iterable[Parameter]) -> bool:
        """Return whether a fit in this thread is changing some; RuntimeError if in another."""
        threads = {cls.fitting[id(p)] for p in parameters if id(p) in cls.fitting}
        if threads - {threading.get_ident()}:
            msg = "the model is being modified by another thread"
            raise RuntimeError(msg)
        return bool(threads)


class Parameter(Tensor):
    """A Tensor that a Module registers when it is set as an attribute.

    Parameters
    ----------
    data : array_like
        Float32 or float64 (other numbers become float32); copied.
    requires_grad : bool, default True

    Notes
    -----
    `data` is the array. Setting it checks shape and dtype and copies into the memory that is there.
    When a Trainer compiles a model it moves the parameters' memory: the object stays, but arrays
    taken from it before are stale.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnet import nn
    >>> p = nn.Parameter(np.float32([1, 2]))
    >>> p.data = np.float32([3, 4])
    >>> p
    Parameter containing:
    tensor([3., 4.], requires_grad=True)
    """

    def __init__(self, data: Any, requires_grad: bool = True) -> None:
        array = data._data if isinstance(data, TensorCore) else data
        self._start(np.array(as_float(array, "data"), order="C"), requires_grad)

    def _start(self, array: Array, requires_grad: bool) -> None:
        self._data = array
        self._node = None
        self._requires = bool(requires_grad)
        self._version = [0, None]
        self._grad = None

    @classmethod
    def _of(cls, array: Array, requires_grad: bool = True) -> Parameter:
        """Return a parameter in the given memory."""
        self = cls.__new__(cls)
        self._start(array, requires_grad)
        return self

    def _rehome(self, view: Any) -> None:
        """Move to other memory of the same shape and dtype: copy the values there and adopt it."""
        if not isinstance(view, np.ndarray) or view.dtype != self._data.dtype:
            kind = getattr(view, "dtype", type(view).__name__)
            msg = f"view must be an array of dtype {self._data.dtype}, got {kind}"
            raise TypeError(msg)
        if view.shape != self._data.shape or not view.flags.writeable:
            msg = f"view must be writeable, of shape {self._data.shape}, got {view.shape}"
            raise ValueError(msg)
        view[...] = self._data
        self._data = view
        Structure.version += 1

    def _set_requires(self, value: bool) -> None:
        super()._set_requires(value)
        Structure.version += 1

    def _copied(self, dtype: Any = None) -> Array:
        """Return the values in memory of their own, laid out alike."""
        data = self._data
        kind = data.dtype if dtype is None else np.dtype(dtype)
        values = data if kind == data.dtype else as_float(data, "data", kind)
        if not is_padded(data):
            return np.array(values, order="C")
        copy = zeros_weight(data.shape, kind)
        copy[...] = values
        return copy

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        out = type(self)._of(self._copied(), self._requires)
        if self._grad is not None:
            out.grad = np.array(self._grad._data)
        memo[id(self)] = out
        return out

    def __reduce__(self) -> Any:
        values = np.array(self._data, order="C")
        return _rebuild, (values, is_padded(self._data), self._requires)


def _rebuild(values: Any, padded: bool, requires_grad: bool) -> Parameter:
    """Return a pickled parameter; TypeError or ValueError for what is none."""
    if not isinstance(values, np.ndarray) or values.dtype not in (np.float32, np.float64):
        msg = "a pickled Parameter must hold an array of float32 or float64"
        raise TypeError(msg)
    if padded and values.ndim != 2:
        msg = f"a padded Parameter must have 2 dimensions, got shape {values.shape}"
        raise ValueError(msg)
    array = zeros_weight(values.shape, values.dtype) if padded else np.empty_like(values, order="C")
    array[...] = values
    return Parameter._of(array, requires_grad)
