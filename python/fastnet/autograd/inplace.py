"""Edits of a Tensor in place: counted, so that backward notices them, and recorded where needed.

An edit that the tape must follow (the tensor or the new value needs a gradient) makes the tensor
the result of a new node. Others that share its memory (a view and what it was made from) do not
learn of it: they get a stale node, which raises when backward comes there. `t[i] += u` reads a
view, edits it and sets it in t, which makes t whole again.

What the gradient of an edit needs of the values before it, the new node keeps a copy of.
"""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from fastnet.autograd import choose, elementwise
from fastnet.autograd.core import TensorCore, common_dtype, convert, family, unbroadcast
from fastnet.autograd.elementwise import _operand
from fastnet.autograd.shape import _index, _is_basic, counters, select
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


def _restore(input: Any, index: Any, value: Any) -> None:
    """Undo _make_stale if value's edit made input stale and value is set where it lies in input."""
    node = input._node
    if node is None or node.vjp is not _stale_vjp or node.saved[0]() is not value:
        return
    if _is_basic(index) and _place(select(input._data, index)) == _place(value._data):
        input._node = node.edges[0] if node.edges else None
        input._requires = bool(node.edges)


def _place(array: Any) -> Any:
    return array.__array_interface__["data"][0], array.shape, array.strides


def _keep(node: Any, input: Any, operands: tuple[Any, ...]) -> None:
    """Let a node that is about to overwrite input hold copies of what it saved of its memory."""
    version = input._version
    shared = [t._data for t in operands if isinstance(t, TensorCore) and t._version is version]
    shared.append(input._data)
    node.saved = tuple(
        [
            np.array(saved)
            if isinstance(saved, np.ndarray) and any(np.may_share_memory(saved, x) for x in shared)
            else saved
            for saved in node.saved
        ]
    )
    # Edits do not reach the copies; those of other tensors count as before.
    node.counters = tuple([c for c in node.counters if c is not version])
    node.stamp = sum(c[0] for c in node.counters)


def _replace(input: Any, result: Any, *operands: Any) -> Any:
    """Make input hold the value, and take the place on the tape, of result.

    `operands` are what result was computed from besides input.
    """
    data = result._data
    if data.shape != input._data.shape:
        msg = f"an edit in place must keep the shape {input._data.shape}, got {data.shape}"
        raise ValueError(msg)
    if not np.can_cast(data.dtype, input._data.dtype, "same_kind"):
        msg = f"an edit in place must keep the dtype {input._data.dtype}, got {data.dtype}"
        raise TypeError(msg)
    if result._requires:
        _keep(result._node, input, operands)
    input._data[...] = data
    input._version[0] += 1
    if result._requires:
        input._node = result._node
        input._requires = True
        _make_stale(input)
    return input


def _arithmetic(operation: Any) -> Any:
    name = operation.__name__

    def edit(input: Any, other: Any) -> Any:
        _begin(input, other)
        result = operation(input, other)
        if result is NotImplemented:
            raise _no_operand(other, "operand")
        return _replace(input, result, other)

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
    return iadd(input, _scaled(input, other, alpha))


def sub_(input: Any, other: Any, alpha: float = 1.0) -> Any:
    """Subtract alpha times other in place."""
    return isub(input, _scaled(input, other, alpha))


def _scaled(input: Any, other: Any, alpha: Any) -> Any:
    found = _operand(other, input)
    if alpha == 1 or found is None:
        return other
    return elementwise.mul(found, alpha) if isinstance(found, TensorCore) else found * alpha


def _no_operand(value: Any, name: str) -> TypeError:
    msg = f"{name} must be a Tensor, an array or a number, got {type(value).__name__}"
    return TypeError(msg)


def clamp_(input: Any, min: Any = None, max: Any = None) -> Any:
    """Limit to [min, max] in place."""
    _begin(input, min, max)
    return _replace(input, choose.clip(input, min, max), min, max)


def _setitem_vjp(dy: Any, needs: Any, index: Any, shape: Any) -> Any:
    dx = dv = None
    if needs[0]:
        dx = np.array(dy)
        dx[index] = 0
    if needs[1]:
        dv = np.asarray(np.asarray(dy)[index])
        # A value may have more dimensions than what it was set to, all of size 1.
        dv = unbroadcast(dv.reshape((1,) * (len(shape) - dv.ndim) + dv.shape), shape)
    return dx, dv


def setitem(input: Any, index: Any, value: Any) -> None:
    """Set input[index] to value."""
    array = _fitting(_operand(value, input), value, input._data.dtype)
    recorded = _begin(input, value)
    reads, index = counters(index), _index(index, recorded)
    input._data[index] = array
    input._version[0] += 1
    _restore(input, index, value)
    if recorded:
        saved = (index, np.shape(array))
        # Not owned: the value's gradient is a part of the tensor's.
        node = make_node(_setitem_vjp, saved, _edges(input, value), reads, "setitem", False)
        input._node = node
        input._requires = True
        _make_stale(input)


def _fitting(found: Any, value: Any, dtype: np.dtype[Any]) -> Any:
    """Return an operand as what an array of that dtype can be set to."""
    if found is None:
        raise _no_operand(value, "value")
    number = not isinstance(found, TensorCore)
    given = np.dtype(type(found)) if number else found._data.dtype
    # A whole number is taken for a bool too.
    if not np.can_cast(given, dtype, "same_kind") and not (number and given.kind == "i"):
        msg = f"value must fit dtype {dtype}, got {given}"
        raise TypeError(msg)
    return found if number else convert(found._data, common_dtype(dtype, given))


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
