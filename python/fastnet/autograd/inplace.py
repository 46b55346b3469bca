"""Edits of a Tensor in place: counted, so that backward notices them, and recorded where needed.

An edit that the tape must follow (the tensor or the new value needs a gradient) makes the tensor
the result of a new node. Others that share its memory (a view and what it was made from) do not
learn of it: they get a stale node, which raises when backward comes there. `t[i] += u` reads a
view, edits it and sets it in t, which makes t whole again.
"""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from fastnet.autograd import choose, elementwise
from fastnet.autograd.core import TensorCore, family, unbroadcast, unwrap, wrap
from fastnet.autograd.shape import _index, counters
from fastnet.autograd.tape import make_node, mode


def _edges(*tensors: Any) -> tuple[Any, ...]:
    return tuple(
        [(t._node or t) if isinstance(t, TensorCore) and t._requires else None for t in tensors]
    )


def _begin(input: Any, *values: Any) -> bool:
    """Return whether an edit must be recorded; RuntimeError if it may not be made."""
    if not mode.enabled:
        return False
    recorded = input._requires or is_tensor_on_tape(*values)
    if recorded:
        for t in (input, *family(input)):
            if t._requires and t._node is None:
                msg = (
                    "a leaf that requires a gradient, or a view of one, can't be edited in place "
                    "while operations are recorded; use no_grad()"
                )
                raise RuntimeError(msg)
    return recorded


def is_tensor_on_tape(*values: Any) -> bool:
    """Return whether a value is a Tensor that needs a gradient."""
    return any(isinstance(v, TensorCore) and v._requires for v in values)


def _stale_vjp(dy: Any, needs: Any, editor: Any) -> Any:
    msg = (
        "a tensor was edited in place through another one that shares its memory; "
        "clone() it before the edit"
    )
    raise RuntimeError(msg)


def _make_stale(input: Any) -> None:
    """Mark all tensors that share input's memory, after a recorded edit of it."""
    for t in family(input):
        node = t._node
        if node is None or node.vjp is not _stale_vjp:
            edges = (node,) if node is not None else ()
            t._node = make_node(_stale_vjp, (weakref.ref(input),), edges, (), "stale view", False)
            t._requires = True


def _restore(input: Any, value: Any) -> None:
    """Undo _make_stale if it was value's edit that made input stale."""
    node = input._node
    if node is not None and node.vjp is _stale_vjp and node.saved[0]() is value:
        input._node = node.edges[0] if node.edges else None
        input._requires = bool(node.edges)


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
        _make_stale(input)
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
    _begin(input, min, max)
    return _replace(input, choose.clip(input, min, max))


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
    _restore(input, value)
    recorded = _begin(input, value)
    reads, index = counters(index), _index(index)
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
        input._node = make_node(_setitem_vjp, (index, shape), edges, reads, "setitem", True)
        input._requires = True
        _make_stale(input)


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
