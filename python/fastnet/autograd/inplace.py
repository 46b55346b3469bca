"""Edits of a Tensor in place: counted, so that backward notices them, and recorded where needed.

An edit that the tape must follow (the tensor or the new value needs a gradient) makes the tensor
the result of a new node. That is refused for a leaf, whose gradient would lose its meaning, and for
a tensor that shares memory with another, which would not learn of it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnet.autograd import elementwise
from fastnet.autograd.core import TensorCore, has_family, unbroadcast, unwrap, wrap
from fastnet.autograd.shape import _index
from fastnet.autograd.tape import make_node, mode


def _edges(*tensors: Any) -> tuple[Any, ...]:
    return tuple(
        [(t._node or t) if isinstance(t, TensorCore) and t._requires else None for t in tensors]
    )


def _begin(input: Any, *values: Any) -> bool:
    """Return whether an edit must be recorded; RuntimeError if it may not be made."""
    if not mode.enabled:
        return False
    if input._requires and input._node is None:
        msg = (
            "a leaf that requires a gradient can't be edited in place while operations are "
            "recorded; use no_grad()"
        )
        raise RuntimeError(msg)
    recorded = input._requires or any(isinstance(v, TensorCore) and v._requires for v in values)
    if recorded and has_family(input):
        msg = (
            "a tensor that shares memory with a view can't be edited in place on the tape; "
            "clone() it first"
        )
        raise RuntimeError(msg)
    return recorded


def _replace(input: Any, result: Any) -> Any:
    """Make input hold the value, and take the place on the tape, of result."""
    data = result._data
    if data.shape != input._data.shape:
        msg = f"an edit in place must keep the shape {input._data.shape}, got {data.shape}"
        raise ValueError(msg)
    if not np.can_cast(data.dtype, input._data.dtype, "same_kind"):
        msg = f"an edit in place must keep the dtype {input._data.dtype}, got {data.dtype}"
        raise TypeError(msg)
    input._data[...] = data
    input._version[0] += 1
    if result._requires:
        # The result's own counter dies with it: what it counted is now counted by input's.
        node = result._node
        node.counters = tuple(
            [input._version if c is result._version else c for c in node.counters]
        )
        node.stamp = sum(c[0] for c in node.counters)
        input._node = node
        input._requires = True
    return input


def _arithmetic(operation: Any) -> Any:
    name = operation.__name__

    def edit(input: Any, other: Any) -> Any:
        _begin(input, other)
        result = operation(input, other)
        return result if result is NotImplemented else _replace(input, result)

    edit.__name__ = edit.__qualname__ = f"{name}_"
    edit.__doc__ = f"`{name}` in place."
    return edit


iadd = _arithmetic(elementwise.add)
isub = _arithmetic(elementwise.sub)
imul = _arithmetic(elementwise.mul)
idiv = _arithmetic(elementwise.div)
ipow = _arithmetic(elementwise.pow)


def add_(input: Any, other: Any, alpha: float = 1.0) -> Any:
    """Add alpha times other in place."""
    return iadd(input, other if alpha == 1 else elementwise.mul(wrap_operand(other), alpha))


def sub_(input: Any, other: Any, alpha: float = 1.0) -> Any:
    """Subtract alpha times other in place."""
    return isub(input, other if alpha == 1 else elementwise.mul(wrap_operand(other), alpha))


def wrap_operand(other: Any) -> Any:
    """Return other as a Tensor, if it is none."""
    return other if isinstance(other, TensorCore) else wrap(np.asarray(other, np.float32))


def clamp_(input: Any, min: Any = None, max: Any = None) -> Any:
    """Limit to [min, max] in place."""
    _begin(input)
    return _replace(input, elementwise.clip(input, min, max))


def _setitem_vjp(dy: Any, needs: Any, index: Any, shape: Any) -> Any:
    dx = dv = None
    if needs[0]:
        dx = np.array(dy)
        dx[index] = 0
    if needs[1]:
        dv = unbroadcast(np.asarray(dy)[index], shape)
    return dx, dv


def setitem(input: Any, index: Any, value: Any) -> None:
    """Set input[index] to value."""
    recorded = _begin(input, value)
    index = _index(index)
    array = unwrap(value)
    edges = _edges(input, value)
    if isinstance(array, np.ndarray) and not np.can_cast(
        array.dtype, input._data.dtype, "same_kind"
    ):
        msg = f"value must fit dtype {input._data.dtype}, got {array.dtype}"
        raise TypeError(msg)
    input._data[index] = array
    input._version[0] += 1
    if recorded:
        shape = np.shape(array)
        input._node = make_node(_setitem_vjp, (index, shape), edges, (), "setitem", True)
        input._requires = True


def copy_(input: Any, source: Any) -> Any:
    """Set all elements to those of source, which is broadcast."""
    setitem(input, ..., source)
    return input


def fill_(input: Any, value: Any) -> Any:
    """Set all elements to value."""
    setitem(input, ..., value)
    return input


def zero_(input: Any) -> Any:
    """Set all elements to 0."""
    setitem(input, ..., 0)
    return input
