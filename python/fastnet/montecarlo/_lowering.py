"""What NumPy's functions are in operations on columns: one entry a function."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from fastnet.montecarlo._arcs import arccos, arcsin, arctan, cbrt
from fastnet.montecarlo._program import Node, Program, Untraceable

Lower = Callable[..., Node]

# Results that are integers, with their range from the operands'.
_INTEGER: dict[str, Callable[..., tuple[float, float]]] = {
    "copy": lambda a: (a.low, a.high),
    "negative": lambda a: (-a.high, -a.low),
    "absolute": lambda a: (0, max(abs(a.low), abs(a.high))),
    "sign": lambda a: (-1, 1),
    "add": lambda a, b: (a.low + b.low, a.high + b.high),
    "subtract": lambda a, b: (a.low - b.high, a.high - b.low),
    "multiply": lambda a, b: (
        min(x * y for x in (a.low, a.high) for y in (b.low, b.high)),
        max(x * y for x in (a.low, a.high) for y in (b.low, b.high)),
    ),
    "minimum": lambda a, b: (min(a.low, b.low), min(a.high, b.high)),
    "maximum": lambda a, b: (max(a.low, b.low), max(a.high, b.high)),
}
_INTEGER |= dict.fromkeys(("floor", "ceil", "trunc", "rint"), _INTEGER["copy"])
# What arithmetic of truth values is in NumPy.
_OF_TRUTHS = {"add": "or", "multiply": "and", "maximum": "or", "minimum": "and", "absolute": "copy"}
_COMPARISONS = {"less", "less_equal", "equal", "not_equal"}


def apply(program: Program, kind: str, name: str, *operands: Node) -> Node:
    """Return an operation of the engine whose result is of the kind that NumPy gave."""
    if name in _COMPARISONS:
        return program.operation(name, *operands, kind="bool")
    if kind == "bool":
        logical = _OF_TRUTHS.get(name)
        if logical is None:
            msg = f"{name} of truth values"
            raise Untraceable(msg)
        return operands[0] if logical == "copy" else program.logical(logical, *operands)
    if kind == "int":
        rule = _INTEGER.get(name)
        numbers = tuple(program.number(a) for a in operands)
        if rule is None or any(a.kind != "int" for a in numbers):
            msg = f"{name} of integers"
            raise Untraceable(msg)
        low, high = rule(*numbers)
        name = "copy" if name in ("floor", "ceil", "trunc", "rint") else name
        result = program.integer(name, numbers, low, high)
        # -0 and 0 times -1 are a negative zero as numbers, which integers do not have.
        signed = name in ("negative", "multiply") and low <= 0 <= high
        if signed:
            return program.integer("add", (result, program.constant(0)), low, high)
        return result
    return program.operation(name, *operands)


def _plain(name: str) -> Lower:
    return lambda program, kind, *operands: apply(program, kind, name, *operands)


def _swapped(name: str) -> Lower:
    return lambda program, kind, a, b: apply(program, kind, name, b, a)


def _logical(name: str) -> Lower:
    return lambda program, kind, *operands: program.logical(name, *operands)


def _bitwise(name: str) -> Lower:
    def lower(program: Program, kind: str, *operands: Node) -> Node:
        if kind != "bool":
            msg = f"bitwise {name} of integers"
            raise Untraceable(msg)
        return program.logical(name, *operands)

    return lower


def _log_of_base(base: int) -> Lower:
    """Return ln(a) / ln(base), and where that is within 4 ulp of an integer, the integer.

    It is off by 3 ulp, and powers of the base have none but their exponents.
    """

    def lower(program: Program, kind: str, a: Node) -> Node:
        inverse = program.constant(1 / math.log(base))
        value = program.operation("multiply", program.operation("log", a), inverse)
        whole = program.operation("rint", value)
        rest = program.operation("absolute", program.operation("subtract", value, whole))
        reach = program.constant(4.0 * float(np.finfo(program.dtype).eps))
        bound = program.operation("multiply", program.operation("absolute", whole), reach)
        near = program.operation("less_equal", rest, bound, kind="bool")
        return program.where(near, whole, value, "float")

    return lower


def _scaled(factor: float) -> Lower:
    def lower(program: Program, kind: str, a: Node) -> Node:
        return program.operation("multiply", a, program.constant(factor))

    return lower


def _square(program: Program, kind: str, a: Node) -> Node:
    return apply(program, kind, "multiply", a, a)


def _is_nan(program: Program, kind: str, a: Node) -> Node:
    return program.operation("not_equal", a, a, kind="bool")


def _is_finite(program: Program, kind: str, a: Node) -> Node:
    size = program.operation("absolute", a)
    return program.operation("less", size, program.constant(math.inf), kind="bool")


def _is_inf(program: Program, kind: str, a: Node) -> Node:
    size = program.operation("absolute", a)
    return program.operation("equal", size, program.constant(math.inf), kind="bool")


def _heaviside(program: Program, kind: str, a: Node, at_zero: Node) -> Node:
    none, one = program.constant(0.0), program.constant(1.0)
    above = program.operation("less", none, a, kind="bool")
    below = program.operation("less", a, none, kind="bool")
    zero = program.operation("equal", a, none, kind="bool")
    rest = program.where(zero, at_zero, a, "float")
    return program.where(above, one, program.where(below, none, rest, "float"), "float")


def _logaddexp(program: Program, kind: str, a: Node, b: Node) -> Node:
    """Return m + log1p(exp(-|a - b|)), m the larger; m where both are the same infinity."""
    larger = program.operation("maximum", a, b)
    distance = program.operation("absolute", program.operation("subtract", a, b))
    part = program.operation("exp", program.operation("negative", distance))
    total = program.operation("add", larger, program.operation("log1p", part))
    infinite = program.logical(
        "and", program.operation("equal", a, b, kind="bool"), _is_inf(program, kind, a)
    )
    return program.where(infinite, a, total, "float")


_LARGEST_POWER = 8


def _power(program: Program, kind: str, a: Node, b: Node) -> Node:
    """Return a power: by products if the exponent is a small integer.

    x**n takes at most 2 log2(n) products, each off by half an ulp, and errors of a factor count
    as often as it enters: below n ulp in all.
    """
    name, operands = program.operations[b.number]
    exponent = float.fromhex(str(operands[0])) if name == "constant" else math.nan
    if kind == "float" and exponent == 0.5:
        return program.operation("sqrt", a)
    if kind == "bool" or (kind == "int" and exponent < 0):
        msg = "this power of integers"
        raise Untraceable(msg)
    if kind == "float" and exponent == -1:
        return program.operation("reciprocal", a)
    # Of a product that overflows the reciprocal would be 0, while the power is not yet.
    if not (0 <= exponent <= _LARGEST_POWER and exponent == int(exponent)):
        return apply(program, kind, "power", a, b)
    n = int(exponent)
    result = program.constant(1.0 if kind == "float" else 1)
    base, first = program.number(a), True
    while n:
        if n & 1:
            result = base if first else apply(program, kind, "multiply", result, base)
            first = False
        n >>= 1
        if n:
            base = _square(program, kind, base)
    return result


def _float_power(program: Program, kind: str, a: Node, b: Node) -> Node:
    if program.dtype != np.float64:
        msg = "float_power, which is of float64"
        raise Untraceable(msg)
    return _power(program, kind, a, b)


def _tan(program: Program, kind: str, a: Node) -> Node:
    return program.operation("divide", program.operation("sin", a), program.operation("cos", a))


def _halves_of_exp(program: Program, a: Node) -> tuple[Node, Node]:
    """Return exp(|a|) / 2 and exp(-|a|) / 2, of which neither overflows before cosh(a) does."""
    half = program.constant(0.5)
    size = program.operation("multiply", program.operation("absolute", a), half)
    root = program.operation("exp", size)
    grown = program.operation("multiply", root, program.operation("multiply", root, half))
    return grown, program.operation("divide", half, program.operation("multiply", root, root))


def _cosh(program: Program, kind: str, a: Node) -> Node:
    return program.operation("add", *_halves_of_exp(program, a))


def _sinh(program: Program, kind: str, a: Node) -> Node:
    """Return the difference of the halves; below 1, (t + t / (t + 1)) / 2 with t = expm1(|a|)."""
    size, one = program.operation("absolute", a), program.constant(1.0)
    t = program.operation("expm1", size)
    rest = program.operation("divide", t, program.operation("add", t, one))
    near = program.operation("multiply", program.operation("add", t, rest), program.constant(0.5))
    far = program.operation("subtract", *_halves_of_exp(program, a))
    small = program.operation("less", size, one, kind="bool")
    return program.operation("copysign", program.where(small, near, far, "float"), a)


def _hypot(program: Program, kind: str, a: Node, b: Node) -> Node:
    """Return m sqrt(1 + (k / m)^2), m the larger and k the smaller; infinite if either is."""
    a, b = program.operation("absolute", a), program.operation("absolute", b)
    m, infinity = program.operation("maximum", a, b), program.constant(math.inf)
    ratio = program.operation("divide", program.operation("minimum", a, b), m)
    sum_ = program.operation("add", program.constant(1.0), _square(program, kind, ratio))
    root = program.operation("multiply", m, program.operation("sqrt", sum_))
    positive = program.operation("less", program.constant(0.0), m, kind="bool")
    result = program.where(positive, root, m, "float")
    infinite = program.operation("equal", program.operation("fmax", a, b), infinity, kind="bool")
    return program.where(infinite, infinity, result, "float")


def _expit(program: Program, kind: str, a: Node) -> Node:
    """Return 1 / (1 + exp(-a)), and below 0, exp(a) / (1 + exp(a))."""
    one = program.constant(1.0)
    e = program.operation("exp", program.operation("negative", program.operation("absolute", a)))
    below = program.operation("less", a, program.constant(0.0), kind="bool")
    upper = program.where(below, e, one, "float")
    return program.operation("divide", upper, program.operation("add", one, e))


def _floor_divide(program: Program, kind: str, a: Node, b: Node) -> Node:
    """Return floor(a / b) for integers: a / b is off an integer by 1 / |b| or more.

    That is more than half a unit in the last place of a quotient whose product with b is exact.
    """
    if kind != "int" or b.kind != "int" or b.low != b.high or b.low == 0:
        msg = "floor_divide but of integers by a constant"
        raise Untraceable(msg)
    a = program.number(a)
    ends = a.low // b.low, a.high // b.low
    low, high = min(ends), max(ends)
    quotient = program.integer("floor", (program.operation("divide", a, b),), low, high)
    return program.integer("add", (quotient, program.constant(0)), low, high)  # 0 / -3 is -0


def _remainder(program: Program, kind: str, a: Node, b: Node) -> Node:
    """Return a - floor(a / b) b, exact for integers and where b is 1."""
    if kind == "float" and b.number == program.constant(1.0).number:
        return program.operation("subtract", a, program.operation("floor", a))
    whole = apply(program, kind, "multiply", _floor_divide(program, kind, a, b), b)
    low, high = (0, b.low - 1) if b.low > 0 else (b.low + 1, 0)
    return program.integer("subtract", (program.number(a), whole), low, high)


def _exp2(program: Program, kind: str, a: Node) -> Node:
    return program.operation("power", program.constant(2.0), a)


UFUNCS: dict[Any, Lower] = {
    np.positive: _plain("copy"),
    np.negative: _plain("negative"),
    np.absolute: _plain("absolute"),
    np.fabs: _plain("absolute"),
    np.sqrt: _plain("sqrt"),
    np.square: _square,
    np.reciprocal: _plain("reciprocal"),
    np.exp: _plain("exp"),
    np.expm1: _plain("expm1"),
    np.log: _plain("log"),
    np.log1p: _plain("log1p"),
    np.log2: _log_of_base(2),
    np.log10: _log_of_base(10),
    np.sin: _plain("sin"),
    np.cos: _plain("cos"),
    np.tan: _tan,
    np.arctan: arctan,
    np.arcsin: arcsin,
    np.arccos: arccos,
    np.cbrt: cbrt,
    np.exp2: _exp2,
    np.tanh: _plain("tanh"),
    np.sinh: _sinh,
    np.cosh: _cosh,
    np.hypot: _hypot,
    np.floor: _plain("floor"),
    np.ceil: _plain("ceil"),
    np.trunc: _plain("trunc"),
    np.rint: _plain("rint"),
    np.sign: _plain("sign"),
    np.deg2rad: _scaled(math.pi / 180),
    np.radians: _scaled(math.pi / 180),
    np.rad2deg: _scaled(180 / math.pi),
    np.degrees: _scaled(180 / math.pi),
    np.add: _plain("add"),
    np.subtract: _plain("subtract"),
    np.multiply: _plain("multiply"),
    np.true_divide: _plain("divide"),
    np.floor_divide: _floor_divide,
    np.remainder: _remainder,
    np.power: _power,
    np.float_power: _float_power,
    np.minimum: _plain("minimum"),
    np.maximum: _plain("maximum"),
    np.fmin: _plain("fmin"),
    np.fmax: _plain("fmax"),
    np.copysign: _plain("copysign"),
    np.heaviside: _heaviside,
    np.logaddexp: _logaddexp,
    np.less: _plain("less"),
    np.less_equal: _plain("less_equal"),
    np.greater: _swapped("less"),
    np.greater_equal: _swapped("less_equal"),
    np.equal: _plain("equal"),
    np.not_equal: _plain("not_equal"),
    np.logical_and: _logical("and"),
    np.logical_or: _logical("or"),
    np.logical_xor: _logical("xor"),
    np.logical_not: _logical("not"),
    np.bitwise_and: _bitwise("and"),
    np.bitwise_or: _bitwise("or"),
    np.bitwise_xor: _bitwise("xor"),
    np.invert: _bitwise("not"),
    np.isnan: _is_nan,
    np.isfinite: _is_finite,
    np.isinf: _is_inf,
}
# SciPy's, looked up only where SciPy is loaded already, for else nobody can have called them.
_SCIPY: dict[str, Lower] = {"erf": _plain("erf"), "log1p": _plain("log1p"), "expit": _expit}


def lowering(ufunc: Any) -> Lower:
    """Return how a ufunc is written; Untraceable for one that is not known.

    Known by identity, not by name: another library's ufunc of the same name may compute anything.
    """
    lower = UFUNCS.get(ufunc)
    if lower is None and "scipy.special" in sys.modules:
        name = getattr(ufunc, "__name__", "")
        if getattr(sys.modules["scipy.special"], name, None) is ufunc:
            lower = _SCIPY.get(name)
    if lower is None:
        msg = f"{getattr(ufunc, '__name__', ufunc)} is not one of the functions that can be traced"
        raise Untraceable(msg)
    return lower
