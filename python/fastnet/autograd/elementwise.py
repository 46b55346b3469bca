"""Arithmetic, elementary functions and comparisons of Tensors, element by element, by NumPy.

Operands are Tensors, arrays or numbers and are broadcast; an array of another dtype than Tensors
have counts as what `tensor` makes of it. float32 and float64 never meet (TypeError); integers and
booleans take the dtype of the float they meet, and become float32 where the result is no integer.
Without any Tensor the functions give what NumPy gives.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fastnet._arrays import as_float, to_array
from fastnet.autograd.core import (
    TensorCore,
    common_dtype,
    convert,
    narrow,
    operand_of,
    record,
    record_output,
    unbroadcast,
    wrap,
)

_NUMBERS = (float, int, bool)
_SCALARS = ((np.floating, float), (np.integer, int), (np.bool_, bool))
Operation = Callable[..., Any]


def _operand(other: Any, input: Any = None) -> Any:
    """Return a number of Python's as it is, anything else as a Tensor; None if it is neither.

    Lists of floats take the dtype of `input`, a Tensor that they meet, as numbers do.
    """
    if type(other) in _NUMBERS:
        return other
    if isinstance(other, TensorCore):
        return other
    for scalar, number in _SCALARS:
        if isinstance(other, scalar):
            return number(other)
    if isinstance(other, np.ndarray | np.generic):
        return operand_of(other)
    if isinstance(other, list | tuple):
        array = to_array(other, "operand")
        if array.dtype.kind == "f":
            floats = input is not None and input._data.dtype.kind == "f"
            kind = input._data.dtype if floats else np.dtype(np.float32)
            array = as_float(array, "operand", kind)
        return operand_of(array)
    return None


def _like(number: Any, input: Any) -> Any:
    """Return a number as a Tensor of input's dtype, or of its own if input holds no floats."""
    dtype = input._data.dtype
    if dtype.kind != "f":
        dtype = np.dtype(np.float32 if type(number) is float else np.int64)
    return wrap(np.asarray(number, dtype))


def _meet(a: Any, b: Any) -> tuple[Any, Any]:
    """Return the arrays of two Tensors in a dtype that both take part in."""
    x, y = a._data, b._data
    if x.dtype is not y.dtype and x.dtype != y.dtype:
        dtype = common_dtype(x.dtype, y.dtype)
        x, y = convert(x, dtype), convert(y, dtype)
    return x, y


# ---- sums ----


def _same_vjp(dy: Any, needs: Any) -> Any:
    return dy, dy


def _add_vjp(dy: Any, needs: Any, x_shape: Any, y_shape: Any) -> Any:
    return (
        unbroadcast(dy, x_shape) if needs[0] else None,
        unbroadcast(dy, y_shape) if needs[1] else None,
    )


def add(input: Any, other: Any) -> Any:
    """Return input + other."""
    b: Any = other if type(other) is float else _operand(other, input)
    if type(b) in _NUMBERS:
        x = input._data
        y = x + b
        if y.dtype is not x.dtype:
            y = narrow(y, x.dtype)
        return record(y, _same_vjp, (), (input,), (), "add")
    if b is None:
        return NotImplemented
    x, z = _meet(input, b)
    if x.shape == z.shape:
        return record(x + z, _same_vjp, (), (input, b), (), "add")
    return record(x + z, _add_vjp, (x.shape, z.shape), (input, b), (), "add")


def _sub_vjp(dy: Any, needs: Any, x_shape: Any, y_shape: Any) -> Any:
    return (
        unbroadcast(dy, x_shape) if needs[0] else None,
        -unbroadcast(dy, y_shape) if needs[1] else None,
    )


def sub(input: Any, other: Any) -> Any:
    """Return input - other."""
    b: Any = other if type(other) is float else _operand(other, input)
    if type(b) in _NUMBERS:
        x = input._data
        y = x - b
        if y.dtype is not x.dtype:
            y = narrow(y, x.dtype)
        return record(y, _same_vjp, (), (input,), (), "sub")
    if b is None:
        return NotImplemented
    x, z = _meet(input, b)
    return record(x - z, _sub_vjp, (x.shape, z.shape), (input, b), (), "sub")


def _neg_vjp(dy: Any, needs: Any) -> Any:
    return (-dy,)


def neg(input: Any) -> Any:
    """Return -input."""
    return record(-input._data, _neg_vjp, (), (input,), (), "neg")


def rsub(input: Any, other: Any) -> Any:
    """Return other - input."""
    b = _operand(other, input)
    if b is None:
        return NotImplemented
    if type(b) in _NUMBERS:
        x = input._data
        return record(narrow(b - x, x.dtype), _neg_vjp, (), (input,), (), "sub")
    return sub(b, input)


# ---- products ----


def _scale_vjp(dy: Any, needs: Any, factor: Any) -> Any:
    return (dy * factor,)


def _mul_vjp(dy: Any, needs: Any, x: Any, y: Any, x_shape: Any, y_shape: Any) -> Any:
    return (
        unbroadcast(dy * y, x_shape) if needs[0] else None,
        unbroadcast(dy * x, y_shape) if needs[1] else None,
    )


def mul(input: Any, other: Any) -> Any:
    """Return input * other."""
    b: Any = other if type(other) is float else _operand(other, input)
    if type(b) in _NUMBERS:
        x = input._data
        y = x * b
        if y.dtype is not x.dtype:
            y = narrow(y, x.dtype)
        return record(y, _scale_vjp, (b,), (input,), (), "mul")
    if b is None:
        return NotImplemented
    x, z = _meet(input, b)
    # Each factor is kept for the other's gradient only.
    keep_x, keep_z = b._requires, input._requires
    reads = (input._version,) if keep_x else ()
    if keep_z:
        reads = (*reads, b._version)
    saved = (x if keep_x else None, z if keep_z else None, x.shape, z.shape)
    return record(x * z, _mul_vjp, saved, (input, b), reads, "mul")


def _div_vjp(dy: Any, needs: Any, x: Any, y: Any, x_shape: Any, y_shape: Any) -> Any:
    dx = dy / y
    return (
        unbroadcast(dx, x_shape) if needs[0] else None,
        unbroadcast(-dx * (x / y), y_shape) if needs[1] else None,
    )


def div(input: Any, other: Any) -> Any:
    """Return input / other."""
    b = _operand(other, input)
    if b is None:
        return NotImplemented
    if type(b) in _NUMBERS:
        x = input._data
        y = narrow(np.true_divide(x, b), x.dtype)
        return record(y, _quotient_vjp, (b,), (input,), (), "div")
    x, z = _meet(input, b)
    # The dividend is kept for the divisor's gradient only.
    keep_x = b._requires
    reads = (input._version, b._version) if keep_x else (b._version,)
    saved = (x if keep_x else None, z, x.shape, z.shape)
    return record(narrow(x / z, x.dtype), _div_vjp, saved, (input, b), reads, "div")


def _quotient_vjp(dy: Any, needs: Any, divisor: Any) -> Any:
    return (dy / divisor,)


def rdiv(input: Any, other: Any) -> Any:
    """Return other / input."""
    b = _operand(other, input)
    if b is None:
        return NotImplemented
    return div(b if isinstance(b, TensorCore) else _like(b, input), input)


def _power_vjp(dy: Any, needs: Any, x: Any, n: Any) -> Any:
    if n == 2:
        return (dy * (x + x),)
    return (dy * (n * x ** (n - 1)),) if n != 0 else (np.zeros_like(x),)


def _pow_vjp(dy: Any, needs: Any, y: Any, x: Any, p: Any) -> Any:
    dx = dp = None
    if needs[0]:
        dx = unbroadcast(np.where(p == 0, 0, dy * p * x ** np.where(p == 0, 1, p - 1)), x.shape)
    if needs[1]:
        # x^p log x tends to 0 with x where p > 0.
        zero = (x == 0) & (p >= 0)
        dp = unbroadcast(np.where(zero, 0, dy * y * np.log(np.where(zero, 1, x))), p.shape)
    return dx, dp


def pow(input: Any, exponent: Any) -> Any:
    """Return input to the power exponent."""
    b = _operand(exponent, input)
    if b is None:
        return NotImplemented
    if type(b) in _NUMBERS:
        x = input._data
        y = narrow(np.square(x) if b == 2 else x**b, x.dtype)
        return record(y, _power_vjp, (x, b), (input,), (input._version,), "pow")
    x, p = _meet(input, b)
    y = x**p
    reads = (input._version, b._version)
    return record_output(y, _pow_vjp, (y, x, p), (input, b), reads, "pow")


def rpow(input: Any, base: Any) -> Any:
    """Return base to the power input."""
    b = _operand(base, input)
    if b is None:
        return NotImplemented
    return pow(b if isinstance(b, TensorCore) else _like(b, input), input)


# ---- elementary functions ----


def _unary(numpy: Operation, vjp: Operation, reads_output: bool) -> Operation:
    name = numpy.__name__

    def apply(input: Any) -> Any:
        if not isinstance(input, TensorCore):
            return numpy(input)
        x = input._data
        if x.dtype.kind != "f":
            x = x.astype(np.float32)
        if reads_output:
            y = np.asarray(numpy(x))
            return record_output(y, vjp, (y,), (input,), (), name)
        y = numpy(x)
        return record(y, vjp, (x,), (input,), (input._version,), name)

    apply.__name__ = apply.__qualname__ = name
    apply.__doc__ = f"Return numpy.{name} of each element; integers are computed in float32."
    return apply


exp = _unary(np.exp, lambda dy, needs, y: (dy * y,), True)
expm1 = _unary(np.expm1, lambda dy, needs, y: (dy * (y + 1),), True)
sqrt = _unary(np.sqrt, lambda dy, needs, y: (dy / (y + y),), True)
log = _unary(np.log, lambda dy, needs, x: (dy / x,), False)
log1p = _unary(np.log1p, lambda dy, needs, x: (dy / (x + 1),), False)
log2 = _unary(np.log2, lambda dy, needs, x: (dy / (x * float(np.log(2.0))),), False)
sin = _unary(np.sin, lambda dy, needs, x: (dy * np.cos(x),), False)
cos = _unary(np.cos, lambda dy, needs, x: (-dy * np.sin(x),), False)
floor = _unary(np.floor, lambda dy, needs, x: (np.zeros_like(x),), False)
ceil = _unary(np.ceil, lambda dy, needs, x: (np.zeros_like(x),), False)


def square(input: Any) -> Any:
    """Return input * input."""
    return pow(input, 2) if isinstance(input, TensorCore) else np.square(input)


def abs(input: Any) -> Any:
    """Return the absolute value; its derivative at 0 is 0."""
    if not isinstance(input, TensorCore):
        return np.abs(input)
    x = input._data
    return record(
        np.abs(x), lambda dy, needs, x: (dy * np.sign(x),), (x,), (input,), (input._version,), "abs"
    )


def sign(input: Any) -> Any:
    """Return -1, 0 or 1; its derivative is 0."""
    return wrap(np.sign(input._data)) if isinstance(input, TensorCore) else np.sign(input)


# ---- comparisons ----


def comparison(numpy: Operation) -> Operation:
    """Return the method that compares by a NumPy function and gives a Tensor of booleans."""

    def compare(input: Any, other: Any) -> Any:
        b = _operand(other, input)
        if b is None:
            return NotImplemented
        return wrap(numpy(input._data, b._data if isinstance(b, TensorCore) else b))

    compare.__name__ = compare.__qualname__ = numpy.__name__
    compare.__doc__ = f"Return numpy.{numpy.__name__} of each pair of elements."
    return compare
