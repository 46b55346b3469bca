"""Symbol: an array of samples whose operations are written down."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from fastnet._arrays import Array
from fastnet.montecarlo._lowering import lowering
from fastnet.montecarlo._program import Program, Untraceable


class Shape(tuple[int, ...]):
    """A symbol's shape, of which the number of samples is not to be used."""

    __slots__ = ()

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            if 0 in range(len(self))[index]:
                refuse("use of the number of samples")
        elif index in (0, -len(self)):
            refuse("use of the number of samples")
        return tuple.__getitem__(self, index)

    def __iter__(self) -> NoReturn:
        refuse("use of the number of samples")


def refuse(what: str) -> NoReturn:
    raise Untraceable(what)


def check_range(program: Program, dtype: np.dtype[Any], nodes: Any) -> None:
    """Refuse values that NumPy rounds or wraps where the engine does not."""
    if dtype.kind == "f" and dtype.itemsize < program.dtype.itemsize:
        refuse(f"{dtype} values made of {program.dtype} samples")
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        for node in np.ravel(np.asarray(nodes, object)):
            if node.kind == "int" and not info.min <= node.low <= node.high <= info.max:
                refuse(f"{dtype} values that may leave {info.min} to {info.max}")


class Symbol(NDArrayOperatorsMixin):
    """An array of samples (first axis) whose operations are written down."""

    __slots__ = ("_data", "_nodes", "_program")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, program: Program, data: Array, nodes: Any) -> None:
        check_range(program, data.dtype, nodes)
        self._program = program
        self._data = data
        self._nodes = nodes

    # ---- what an array says of itself ----

    @property
    def shape(self) -> Shape:
        return Shape(self._data.shape)

    @property
    def ndim(self) -> int:
        return self._data.ndim

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._data.dtype

    # ---- what it must not become ----

    def __bool__(self) -> NoReturn:
        refuse("a condition on sampled values (use where)")

    def __float__(self) -> NoReturn:
        refuse("conversion to a number")

    def __int__(self) -> NoReturn:
        refuse("conversion to a number")

    def __index__(self) -> NoReturn:
        refuse("conversion to a number")

    def __complex__(self) -> NoReturn:
        refuse("conversion to a number")

    def __array__(self, *args: Any, **kwargs: Any) -> NoReturn:
        refuse("conversion to an array")

    def __len__(self) -> NoReturn:
        refuse("use of the number of samples")

    def __iter__(self) -> NoReturn:
        refuse("iteration over samples")

    def __contains__(self, item: Any) -> NoReturn:
        refuse("`in`")

    def __setitem__(self, index: Any, value: Any) -> NoReturn:
        refuse("assignment to elements")

    def __getattr__(self, name: str) -> NoReturn:
        # An AttributeError is what hasattr() and duck typing ask for.
        msg = f"the attribute {name} is not one that can be traced"
        raise AttributeError(msg)

    # ---- what can be written down ----

    def __getitem__(self, index: Any) -> Symbol:
        parts = index if isinstance(index, tuple) else (index,)
        if any(isinstance(part, Symbol) for part in parts):
            refuse("indexing by sampled values")
        if parts and parts[0] is Ellipsis:
            if sum(part is not None for part in parts) > self.ndim:
                refuse("indexing of samples")
            rest = parts
        elif parts and isinstance(parts[0], slice) and parts[0] == slice(None):
            rest = parts[1:]
        else:
            refuse("indexing of samples")
        data = self._data[index]
        nodes = self._nodes[rest]
        if not isinstance(nodes, np.ndarray):
            nodes = operations.single(nodes)
        return self._new(data, nodes)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if kwargs.pop("out", None) is not None:
            refuse("output into an array")
        if method == "reduce":
            return operations.reduce(ufunc, *inputs, **kwargs)
        if method == "accumulate":
            return operations.accumulate(ufunc, *inputs, **kwargs)
        if method != "__call__" or kwargs:
            refuse(f"{ufunc.__name__}.{method} with options {sorted(kwargs)}")
        if ufunc is np.matmul:
            return operations.matmul(*inputs)
        lower = lowering(ufunc)
        return operations.elementwise(ufunc, lambda p, kind, *nodes: lower(p, kind, *nodes), inputs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        traced = operations.FUNCTIONS.get(func)
        if traced is None:
            refuse(f"{func.__name__} is not one of the functions that can be traced")
        if kwargs.pop("out", None) is not None:
            refuse("output into an array")
        return traced(*args, **kwargs)

    def astype(self, dtype: Any) -> Symbol:
        kind = np.dtype(dtype).kind
        data = self._data.astype(dtype)
        if (
            kind == "f"
            and operations.kind_of(data)
            and data.dtype.itemsize < self._program.dtype.itemsize
        ):
            refuse("rounding to float32")
        if kind == self._data.dtype.kind or (kind == "i" and self._data.dtype.kind == "b"):
            nodes = (
                operations.each(self._program.number, self._nodes) if kind == "i" else self._nodes
            )
        elif kind == "b":
            nodes = operations.each(self._program.truth, self._nodes)
        elif kind == "f":
            p = self._program
            nodes = operations.each(lambda a: p.operation("copy", a), self._nodes)
        else:
            refuse(f"conversion to {np.dtype(dtype)}")
        return self._new(data, nodes)

    def copy(self) -> Symbol:
        return self

    def clip(self, min: Any = None, max: Any = None) -> Any:
        return operations.clip(self, min, max)

    def sum(self, axis: Any = None, keepdims: bool = False) -> Symbol:
        return operations.reduce(np.add, self, axis, keepdims=keepdims)

    def prod(self, axis: Any = None, keepdims: bool = False) -> Symbol:
        return operations.reduce(np.multiply, self, axis, keepdims=keepdims)

    def max(self, axis: Any = None, keepdims: bool = False) -> Symbol:
        return operations.reduce(np.maximum, self, axis, keepdims=keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> Symbol:
        return operations.reduce(np.minimum, self, axis, keepdims=keepdims)

    def any(self, axis: Any = None, keepdims: bool = False) -> Symbol:
        return operations.reduce(np.logical_or, self, axis, keepdims=keepdims)

    def all(self, axis: Any = None, keepdims: bool = False) -> Symbol:
        return operations.reduce(np.logical_and, self, axis, keepdims=keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Symbol:
        return operations.mean(self, axis, keepdims=keepdims)

    def var(self, axis: Any = None, ddof: float = 0, keepdims: bool = False) -> Symbol:
        return operations.var(self, axis, ddof=ddof, keepdims=keepdims)

    def std(self, axis: Any = None, ddof: float = 0, keepdims: bool = False) -> Symbol:
        return operations.std(self, axis, ddof=ddof, keepdims=keepdims)

    def cumsum(self, axis: Any = None) -> Symbol:
        return operations.accumulate(np.add, self, axis)

    def _new(self, data: Array, nodes: Any) -> Symbol:
        return Symbol(self._program, data, nodes)


# Behind Symbol, which these functions take and make.
from fastnet.montecarlo import _operations as operations  # noqa: E402
