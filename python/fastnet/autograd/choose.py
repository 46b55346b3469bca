"""Choices between elements: the larger, the smaller, by a condition, and limits."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnet._arrays import as_float
from fastnet.autograd.core import (
    TensorCore,
    common_dtype,
    is_tensor,
    record,
    unbroadcast,
    wrap,
)
from fastnet.autograd.elementwise import _NUMBERS, Operation, _meet, _operand


def _choose_vjp(dy: Any, needs: Any, x: Any, y: Any, larger: Any) -> Any:
    # Equal operands share the gradient.
    half = np.where(x == y, 0.5, larger(x, y)).astype(dy.dtype)
    return (
        unbroadcast(dy * half, x.shape) if needs[0] else None,
        unbroadcast(dy * (1 - half), y.shape) if needs[1] else None,
    )


def _pair(*operands: Any) -> list[Any]:
    """Return operands as Tensors of one dtype, numbers having that of the others."""
    tensor = next((x for x in operands if isinstance(x, TensorCore)), None)
    found = [_operand(x, tensor) for x in operands]
    arrays = [x._data.dtype for x in found if isinstance(x, TensorCore)]
    if not arrays or any(x is None for x in found):
        msg = f"operands must be Tensors, arrays or numbers, got {[type(x) for x in operands]}"
        raise TypeError(msg)
    dtype = common_dtype(*arrays)
    if dtype.kind != "f" and float in map(type, found):
        dtype = np.dtype(np.float32)
    elif dtype.kind == "b" and int in map(type, found):
        dtype = np.dtype(np.int64)
    return [x if isinstance(x, TensorCore) else wrap(np.asarray(x, dtype)) for x in found]


def _choice(numpy: Operation, larger: Operation) -> Operation:
    name = numpy.__name__

    def apply(input: Any, other: Any) -> Any:
        if not isinstance(input, TensorCore) and not isinstance(other, TensorCore):
            return numpy(input, other)
        a, b = _pair(input, other)
        x, y = _meet(a, b)
        reads = (a._version, b._version)
        return record(numpy(x, y), _choose_vjp, (x, y, larger), (a, b), reads, name)

    apply.__name__ = apply.__qualname__ = name
    apply.__doc__ = f"Return the {name} of each pair of elements; NaN propagates."
    return apply


maximum = _choice(np.maximum, np.greater)
minimum = _choice(np.minimum, np.less)


def _where_vjp(dy: Any, needs: Any, condition: Any, x_shape: Any, y_shape: Any) -> Any:
    return (
        unbroadcast(np.where(condition, dy, 0), x_shape) if needs[0] else None,
        unbroadcast(np.where(condition, 0, dy), y_shape) if needs[1] else None,
    )


def where(condition: Any, input: Any, other: Any) -> Any:
    """Return input where condition is true, else other."""
    if not any(isinstance(x, TensorCore) for x in (condition, input, other)):
        return np.where(condition, input, other)
    c = condition._data if isinstance(condition, TensorCore) else np.asarray(condition)
    if c.dtype != np.bool_:
        msg = f"condition must be boolean, got {c.dtype}"
        raise TypeError(msg)
    if type(input) in _NUMBERS and type(other) in _NUMBERS:
        is_float = float in (type(input), type(other))
        input = wrap(np.asarray(input, np.float32 if is_float else None))
    a, b = _pair(input, other)
    x, y = _meet(a, b)
    reads = (condition._version,) if isinstance(condition, TensorCore) else ()
    return record(np.where(c, x, y), _where_vjp, (c, x.shape, y.shape), (a, b), reads, "where")


def _bounded(input: Any, bound: Any, beyond: Operation) -> Any:
    """Return input, or the bound where input is beyond it; NaN of either propagates."""
    x, b = input._data, bound._data
    return where(np.asarray(beyond(x, b) | (b != b)), bound, input)


def _clip_vjp(dy: Any, needs: Any, inside: Any) -> Any:
    return (dy * inside,)


def clip(input: Any, min: Any = None, max: Any = None) -> Any:
    """Return input limited to [min, max], integers by floats in float32.

    The gradient passes where min <= input <= max; elsewhere the bound has it, if it is a Tensor.
    """
    if min is None and max is None:
        msg = "clip needs min or max"
        raise ValueError(msg)
    if not is_tensor(input, min, max):
        return np.clip(np.asarray(input), min, max)
    low, high = _operand(min, input), _operand(max, input)
    if is_tensor(low, high) or not isinstance(input, TensorCore):
        bounded, *bounds = _pair(input, *[b for b in (min, max) if b is not None])
        if min is not None:
            bounded = _bounded(bounded, bounds[0], np.less)
        return bounded if max is None else _bounded(bounded, bounds[-1], np.greater)
    for name, given, bound in (("min", min, low), ("max", max, high)):
        if given is not None and bound is None:
            msg = f"{name} must be a Tensor, an array or a number, got {type(given).__name__}"
            raise TypeError(msg)
    min, max = low, high
    x = input._data
    if x.dtype.kind != "f" and float in (type(min), type(max)):
        x = as_float(x, "input", np.dtype(np.float32))
    y = np.clip(x, min, max)
    inside = np.ones(x.shape, bool)
    if min is not None:
        inside &= x >= min
    if max is not None:
        inside &= x <= max
    return record(y, _clip_vjp, (inside,), (input,), (), "clip")
