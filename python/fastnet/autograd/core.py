"""What a Tensor is made of, and how operations make new ones on the tape."""

from __future__ import annotations

import weakref
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from fastnet._arrays import (
    FLOAT_DTYPES,
    Array,
    as_classes,
    as_dtype,
    as_float,
    has_dtype,
    to_array,
)
from fastnet.autograd.tape import Counter, Node, VectorJacobian, make_node, mode

_FLOAT32 = np.dtype(np.float32)


class TensorCore:
    """An array, its place on the tape and its gradient; `Tensor` adds the operations."""

    __slots__ = ("__weakref__", "_data", "_grad", "_node", "_requires", "_version")

    _data: Array
    # The operation that made it; None for a leaf.
    _node: Node | None
    _requires: bool
    _version: Counter
    _grad: Any

    def _accumulate(self, gradient: Any, owned: bool) -> None:
        """Add to the gradient, which gets memory of its own."""
        if self._grad is None:
            if not owned or type(gradient) is not np.ndarray:
                gradient = np.array(gradient, self._data.dtype)
            self._grad = wrap(gradient)
        else:
            grad = self._grad
            np.add(grad._data, gradient, out=grad._data)
            grad._version[0] += 1


# The class of results, entered by tensor.py (which needs the operations, which need this).
_class: list[type[TensorCore]] = []


def set_class(tensor: type[TensorCore]) -> None:
    """Make `tensor` the class of all results."""
    _class[:] = [tensor]


def wrap(data: Any) -> Any:
    """Return a Tensor of an array, without a copy or a check, that needs no gradient."""
    cls = _class[0]
    out = cls.__new__(cls)
    out._data = data if type(data) is np.ndarray else np.asarray(data)
    out._node = None
    out._requires = False
    out._version = [0, None]
    out._grad = None
    return out


def record(
    data: Any,
    vjp: VectorJacobian,
    saved: tuple[Any, ...],
    parents: tuple[TensorCore, ...],
    reads: tuple[Counter, ...],
    name: str,
    owned: bool = False,
) -> Any:
    """Return the result of an operation as a Tensor, on the tape if a parent needs a gradient.

    `reads` are the counters of the tensors whose values lie in `saved`.
    """
    out = wrap(data)
    if mode.enabled:
        edges = tuple([(p._node or p) if p._requires else None for p in parents])
        for edge in edges:
            if edge is not None:
                out._requires = True
                out._node = make_node(vjp, saved, edges, reads, name, owned)
                break
    return out


def record_output(
    data: Any,
    vjp: VectorJacobian,
    saved: tuple[Any, ...],
    parents: tuple[TensorCore, ...],
    reads: tuple[Counter, ...],
    name: str,
    owned: bool = False,
) -> Any:
    """`record` for an operation whose `saved` begins with the result itself."""
    out = record(data, vjp, saved, parents, reads, name, owned)
    node = out._node
    if node is not None:
        # A new counter is 0, so the stamp stays.
        node.counters = (*node.counters, out._version)
    return out


def record_view(
    base: Any, data: Array, vjp: VectorJacobian, saved: tuple[Any, ...], name: str
) -> Any:
    """`record` for a result that shares the memory of `base`."""
    out = record(data, vjp, saved, (base,), (), name)
    version = base._version
    if version[1] is None:
        version[1] = {weakref.ref(base)}
    members = version[1]
    members.add(weakref.ref(out, members.discard))
    out._version = version
    return out


def family(tensor: TensorCore) -> list[TensorCore]:
    """Return the other living tensors of which one was made as a view of another."""
    living = [reference() for reference in tuple(tensor._version[1] or ())]
    return [t for t in living if t is not None and t is not tensor]


def is_tensor(*arguments: Any) -> bool:
    """Return whether any argument is a Tensor."""
    for x in arguments:  # noqa: SIM110 (a generator costs more than the looking)
        if isinstance(x, TensorCore):
            return True
    return False


def unwrap(x: Any) -> Any:
    """Return the array of a Tensor, and anything else as it is."""
    return x._data if isinstance(x, TensorCore) else x


def unbroadcast(gradient: Any, shape: tuple[int, ...]) -> Any:
    """Sum a gradient over the axes along which its operand was broadcast."""
    if gradient.shape == shape:
        return gradient
    extra = gradient.ndim - len(shape)
    if extra > 0:
        gradient = gradient.sum(axis=tuple(range(extra)))
    axes = tuple(i for i, n in enumerate(shape) if n == 1 and gradient.shape[i] != 1)
    return gradient.sum(axis=axes, keepdims=True) if axes else gradient


def mixed(a: np.dtype[Any], b: np.dtype[Any]) -> NoReturn:
    """Raise the TypeError for operands of two float dtypes."""
    msg = f"operands must have one float dtype, got {a} and {b}; convert one with to(dtype)"
    raise TypeError(msg)


def common_dtype(*dtypes: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype in which operands meet: the float one, else int64, else bool."""
    floats = [d for d in dtypes if d in FLOAT_DTYPES]
    if floats:
        for d in floats:
            if d != floats[0]:
                mixed(floats[0], d)
        return floats[0]
    return np.result_type(*dtypes)


def convert(array: Array, dtype: np.dtype[Any]) -> Array:
    """Return an operand in the dtype in which it meets others; ValueError beyond its range."""
    if array.dtype == dtype:
        return array
    return as_float(array, "operand", dtype) if dtype.kind == "f" else array.astype(dtype)


def narrow(y: Any, *operands: np.dtype[Any]) -> Any:
    """Return what NumPy computed from integers in float64 as float32, the default float."""
    dtype = y.dtype
    if dtype == np.float64 and np.float64 not in operands:
        return y.astype(_FLOAT32)
    return y


DTYPES = tuple(np.dtype(d) for d in (np.float32, np.float64, np.int64, np.bool_))


def dtype_of(dtype: Any) -> np.dtype[Any]:
    """Return one of the four dtypes; TypeError for any other."""
    kind = as_dtype(dtype)
    if dtype is None or kind not in DTYPES:
        got = None if dtype is None else kind
        msg = f"dtype must be float32, float64, int64 or bool, got {got}"
        raise TypeError(msg)
    return kind


def operand_of(array: Any) -> Any:
    """Return a Tensor of an array that takes part in an operation, in the dtype `tensor` gives.

    It shares the array's memory where the array has one of the four dtypes.
    """
    array = to_array(array, "operand")
    if array.dtype not in DTYPES:
        array = (as_float if array.dtype.kind == "f" else as_classes)(array, "operand")
    return wrap(array)


def data_of(data: Any, dtype: npt.DTypeLike | None) -> Array:
    """Return a new array of one of the four dtypes."""
    plain = not isinstance(data, TensorCore) and not has_dtype(data)
    array = to_array(unwrap(data), "data")
    if dtype is None:
        if array.dtype.kind == "f":
            wide = array.dtype.itemsize > 4 and not plain
            kind = np.dtype(np.float64 if wide else np.float32)
        else:
            kind = np.dtype(np.bool_ if array.dtype.kind == "b" else np.int64)
        if plain and not array.size:
            kind = np.dtype(np.float32)
    else:
        kind = dtype_of(dtype)
    if kind.kind == "f":
        return np.array(as_float(array, "data", kind), order="C")
    if array.dtype.kind == "u" and array.size and int(array.max()) > np.iinfo(np.int64).max:
        msg = "data has a value too large for dtype int64"
        raise ValueError(msg)
    return np.array(array, kind, order="C")
