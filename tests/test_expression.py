"""Expressions: what NumPy computes, on every level, for every length; and what is refused."""

import math
from pathlib import Path

import numpy as np
import pytest
import scipy.special
from helpers import FMA_LEVELS, assert_same_bits, assert_within

import fastnet
from fastnet import _core
from fastnet.montecarlo._lowering import UFUNCS
from fastnet.montecarlo.tracing import FUNCTIONS, Untraceable, symbol_for, trace

A = np.array([0.5, -1.25, 2.0])
W = np.array([[1.0, 0.5], [-2.0, 0.25], [0.125, 3.0]])


def special(dtype, n=997):
    """Return samples (n, 3) of every kind of number."""
    rng = np.random.default_rng(7)
    x = (rng.standard_normal((n, 3)) * 3).astype(dtype)
    x[rng.random((n, 3)) < 0.15] = np.round(x[rng.random((n, 3)) < 0.15][:1])
    odd = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, np.inf, -np.inf, np.nan, 1e30, -1e30, 2.0**23]
    flat = x.reshape(-1)
    flat[rng.integers(0, flat.size, 8 * len(odd))] = np.tile(odd, 8).astype(dtype)
    return x


def run(f, x):
    """Return f's values by its trace, evaluated by the engine, as f gives them."""
    expression, _, shape = trace(f, x)
    out = np.empty((math.prod(shape), len(x)), x.dtype)
    expression.evaluate(np.ascontiguousarray(np.atleast_2d(x.T)), out)
    return out.T.reshape(len(x), *shape)


# Functions whose values are NumPy's to the bit (a sum of columns is taken in order), and those
# with elementary functions, with how many units in the last place these may be off.
EXACT = {
    "column": lambda x: x[:, 1],
    "columns": lambda x: x[:, 1:],
    "list of columns": lambda x: x[:, [2, 0]],
    "ellipsis": lambda x: x[..., 0],
    "negative": lambda x: -x[:, 0],
    "positive": lambda x: +x[:, 0],
    "absolute": lambda x: abs(x),
    "sqrt": lambda x: np.sqrt(x),
    "square": lambda x: np.square(x),
    "power 2": lambda x: x**2,
    "reciprocal": lambda x: np.reciprocal(x),
    "floor": lambda x: np.floor(x),
    "ceil": lambda x: np.ceil(x),
    "trunc": lambda x: np.trunc(x),
    "rint": lambda x: np.rint(x),
    "round": lambda x: np.round(x),
    "sign": lambda x: np.sign(x),
    "arithmetic": lambda x: (x[:, 0] + x[:, 1]) * x[:, 2] - x[:, 0] / x[:, 1],
    "constants": lambda x: 2 * x[:, 0] + 0.5 - 1 / x[:, 1],
    "broadcast": lambda x: x * A.astype(x.dtype) + A.astype(x.dtype)[None, :],
    "keep axis": lambda x: x[:, :1] - x,
    "minimum": lambda x: np.minimum(x[:, 0], x[:, 1]),
    "maximum": lambda x: np.maximum(x[:, 0], 0),
    "fmin": lambda x: np.fmin(x[:, 0], x[:, 1]),
    "fmax": lambda x: np.fmax(x[:, 0], x[:, 1]),
    "copysign": lambda x: np.copysign(x[:, 0], x[:, 1]),
    "clip": lambda x: np.clip(x, -1, 1.5),
    "clip method": lambda x: x.clip(-1, None),
    "heaviside": lambda x: np.heaviside(x[:, 0], 0.25),
    "less": lambda x: x[:, 0] < x[:, 1],
    "greater": lambda x: x > 0,
    "greater equal": lambda x: x[:, 0] >= x[:, 1],
    "equal": lambda x: x[:, 0] == 1,
    "chained": lambda x: (x[:, 0] > -1) & (x[:, 0] < 1) | ~(x[:, 1] > 0),
    # Of the second operand, which the step before has computed.
    "from a constant": lambda x: 1 - x[:, 0] * 2,
    "from a column": lambda x: x[:, 0] - x[:, 1] * 2,
    "into a constant": lambda x: 1 / (x[:, 0] * 2),
    "into a column": lambda x: x[:, 0] / (x[:, 1] * 2),
    "plus held": lambda x: x[:, 0] + x[:, 1] * 2,
    "times held": lambda x: x[:, 0] * (x[:, 1] + 2),
    "held squared": lambda x: np.square(x[:, 0] * 2),
    "0 < held": lambda x: np.less(0, x[:, 0] * 2),
    "0 <= held": lambda x: np.less_equal(0, x[:, 0] * 2),
    "column < held": lambda x: x[:, 0] < x[:, 1] * 2,
    "column <= held": lambda x: x[:, 0] <= x[:, 1] * 2,
    "column > held": lambda x: x[:, 0] > x[:, 1] * 2,
    "column >= held": lambda x: x[:, 0] >= x[:, 1] * 2,
    "held < column": lambda x: x[:, 1] * 2 < x[:, 0],
    "held <= column": lambda x: x[:, 1] * 2 <= x[:, 0],
    "held <= constant": lambda x: x[:, 1] * 2 <= 1,
    "1 == held": lambda x: np.equal(1, x[:, 0] * 2),
    "column == held": lambda x: np.equal(x[:, 0], np.sqrt(x[:, 0] * x[:, 0])),
    "column != held": lambda x: np.not_equal(x[:, 0], np.sqrt(x[:, 0] * x[:, 0])),
    "minimum of held": lambda x: np.minimum(x[:, 0], x[:, 1] * 2),
    "maximum of held": lambda x: np.maximum(x[:, 0], x[:, 1] * 2),
    "fmin of held": lambda x: np.fmin(x[:, 0], x[:, 1] * 2),
    "fmax of held": lambda x: np.fmax(x[:, 0], x[:, 1] * 2),
    "fmin of a constant and held": lambda x: np.fmin(1, x[:, 1] * 2),
    "copysign to held": lambda x: np.copysign(x[:, 0], x[:, 1] * 2),
    "where held": lambda x: np.where(x[:, 0] < 1, x[:, 1], x[:, 2]),
    "where held of constants": lambda x: np.where(x[:, 0] < 1, 2.0, 3.0),
    "where else held": lambda x: np.where(x[:, 0] < 1, x[:, 1], x[:, 2] * 2),
    "where not else held": lambda x: np.where(x[:, 0] < 1, x[:, 1] * 2, x[:, 2]),
    "xor": lambda x: (x[:, 0] > 0) ^ (x[:, 1] > 0),
    "logical": lambda x: np.logical_and(x[:, 0], np.logical_not(x[:, 1])),
    "logical or": lambda x: np.logical_or(x[:, 0] > 1, np.logical_xor(x[:, 1], x[:, 2])),
    "isnan": lambda x: np.isnan(x),
    "isfinite": lambda x: np.isfinite(x),
    "isinf": lambda x: np.isinf(x),
    "where": lambda x: np.where(x[:, 0] > x[:, 1], x[:, 2], -1.0),
    "where of integers": lambda x: np.where(x > 0, 1, 0),
    "where of truths": lambda x: np.where(x[:, 0] > 0, x[:, 1] > 0, False),
    "truths as numbers": lambda x: 4 * (x[:, 0] > 0) + (x[:, 1] > 0) * x[:, 2],
    "sum of truths": lambda x: (x > 0).sum(axis=-1),
    "count": lambda x: np.count_nonzero(x > 0, axis=1),
    "truths added": lambda x: (x[:, 0] > 0) + (x[:, 1] > 0),
    "truths multiplied": lambda x: (x[:, 0] > 0) * (x[:, 1] > 0),
    "integers": lambda x: abs(np.where(x > 0, 3, -2) * 2 - 1).max(axis=1) ** 2,
    "astype": lambda x: (x > 0).astype(float) + (x < 1).astype(int),
    "astype bool": lambda x: x.astype(bool),
    "integer floor_divide": lambda x: np.where(x[:, 0] > 0, 7, -8) // 3,
    "integer remainder": lambda x: (4 * (x[:, 0] > 0) - 9 * (x[:, 1] > 0)) % -5,
    "truths floor_divide": lambda x: np.remainder(np.floor_divide(x[:, 0] > 0, 2), 2),
    "fraction": lambda x: x % 1,
    "sum": lambda x: x[:, :2].sum(axis=-1),
    "sum keepdims": lambda x: np.sum(x[:, :2], axis=1, keepdims=True) - x,
    "prod": lambda x: np.prod(x[:, :2], axis=-1),
    "max": lambda x: x.max(axis=-1),
    "min": lambda x: np.min(x, axis=1),
    "mean": lambda x: x[:, :2].mean(axis=-1),
    "any": lambda x: (x > 1).any(axis=-1),
    "all": lambda x: np.all(x > -1, axis=-1),
    "cumsum": lambda x: np.cumsum(x, axis=-1)[:, -1],
    "cumprod": lambda x: np.cumprod(x, axis=1).max(axis=1),
    "maximum.accumulate": lambda x: np.maximum.accumulate(x, axis=-1),
    "add.reduce": lambda x: np.add.reduce(x[:, :2], axis=-1),
    "diff": lambda x: np.diff(x, axis=-1),
    "stack": lambda x: np.stack([x[:, 0], x[:, 1] + 1], axis=-1),
    "column_stack": lambda x: np.column_stack([x[:, 0], x[:, 1:]]),
    "concatenate": lambda x: np.concatenate([x, -x], axis=1),
    "tuple": lambda x: (x[:, 0], x[:, 1] * 2),
    "ones": lambda x: np.ones_like(x[:, 0]) + np.zeros_like(x[:, 1]) + np.full_like(x[:, 2], 3),
    "constant": lambda x: np.full_like(x[:, 0], 0.1),
    "new axis": lambda x: (x[:, :, None] * np.array([1.0, 2.0], x.dtype)).sum(axis=-1),
    "same twice": lambda x: np.stack([x[:, 0], x[:, 0]], axis=-1),
}
INEXACT = {
    "exp": (lambda x: np.exp(x), 2),
    "expm1": (lambda x: np.expm1(x), 3),
    "log": (lambda x: np.log(x), 2),
    "log1p": (lambda x: np.log1p(x), 2),
    "log2": (lambda x: np.log2(x), 4),
    "log10": (lambda x: np.log10(x), 4),
    "tanh": (lambda x: np.tanh(x), 2),
    "sinh": (lambda x: np.sinh(x), 6),
    "cosh": (lambda x: np.cosh(x), 5),
    "hypot": (lambda x: np.hypot(x[:, 0], x[:, 1]), 2),
    "expit": (lambda x: scipy.special.expit(x), 4),
    "erf": (lambda x: scipy.special.erf(x), 2),
    "power 3": (lambda x: x**3, 3),
    "power 7": (lambda x: x**7, 7),
    "power -2": (lambda x: x**-2, 3),
    "deg2rad": (lambda x: np.deg2rad(x), 1),
    "sin": (lambda x: np.sin(x), 3),
    "cos": (lambda x: np.cos(x), 3),
    "tan": (lambda x: np.tan(x), 8),
    "exp2": (lambda x: np.exp2(x), 2),
    "power": (lambda x: np.power(x[:, 0], np.round(x[:, 1])), 2),
    "power of a root": (lambda x: np.abs(x[:, 0]) ** x[:, 1], 2),
    "power 1.5": (lambda x: x**1.5, 2),
    "logaddexp": (lambda x: np.logaddexp(x[:, 0], x[:, 1]), 4),
}


@pytest.mark.parametrize("name", EXACT)
def test_values_are_numpys(isa, dtype, name):
    f, x = EXACT[name], special(dtype)
    with np.errstate(all="ignore"):
        expected, actual = f(x), run(f, x)
    if isinstance(expected, tuple):
        expected = np.stack(expected, axis=-1)
    # The sign of a zero that is compared away, and 0 or 1 for truth values.
    np.testing.assert_array_equal(actual, np.asarray(expected, dtype))


@pytest.mark.parametrize("name", INEXACT)
def test_elementary_functions_are_within_their_bounds(isa, dtype, name):
    (f, ulps), x = INEXACT[name], special(dtype)
    with np.errstate(all="ignore"):
        exact = f(x.astype(np.longdouble if dtype == np.float64 and name != "erf" else np.float64))
        # NumPy's own error in its own precision, where there is no wider one (erf).
        actual = run(f, x)
        rounded = exact.astype(dtype)
        unit = np.maximum(np.spacing(np.abs(rounded)), np.finfo(dtype).tiny)
        # The result of a difference is off by ulps of the larger operand.
        unit = np.where(np.isfinite(unit), unit, 1)
        size = np.finfo(dtype).eps if name == "logaddexp" else 0
        extra = ulps + (1 if isa not in FMA_LEVELS else 0) + 1
        same = (actual == rounded) | (np.isnan(actual) & np.isnan(rounded))
        near = np.abs(actual - rounded) <= extra * unit + size
    assert np.all(same | near), x.reshape(-1)[~(same | near).reshape(-1)][:5]


def test_products_with_constants(isa, dtype):
    x = np.nan_to_num(special(dtype), posinf=1, neginf=2)
    x = np.clip(x, -100, 100)
    for f in (lambda x: x @ W, lambda x: np.dot(x, A), lambda x: np.matmul(x, A)):
        bound = 8 * np.finfo(dtype).eps * (np.abs(x) @ np.abs(W)).max()
        assert_within(run(f, x), f(x.astype(float)).astype(dtype), bound)


def test_norm_var_and_std(isa, dtype):
    x = np.random.default_rng(1).standard_normal((333, 5)).astype(dtype)
    for f in (
        lambda x: np.linalg.norm(x, axis=-1),
        lambda x: np.var(x, axis=-1, ddof=1),
        lambda x: np.std(x, axis=1),
        lambda x: x.var(axis=-1, ddof=1) + x.std(-1),
    ):
        assert_within(run(f, x), f(x.astype(float)).astype(dtype), 16 * np.finfo(dtype).eps)


@pytest.mark.parametrize("base", [2, 10])
def test_logarithms_of_powers_are_whole(isa, dtype, base):
    info = np.finfo(dtype)
    if base == 2:
        log, k = np.log2, np.arange(info.minexp, info.maxexp)
        x = np.ldexp(dtype.type(1), k)
    else:
        log, k = np.log10, np.arange(math.ceil(np.log10(info.tiny)), math.ceil(np.log10(info.max)))
        x = np.array([float(f"1e{n}") for n in k], dtype)
    np.testing.assert_array_equal(run(lambda x: log(x[:, 0]), x[:, None]), k)
    np.testing.assert_array_equal(run(lambda x: np.floor(log(x[:, 0])), x[:, None]), k)


def test_integers_have_no_negative_zero(isa, dtype):
    x = np.array([[1.0], [-1.0]], dtype)
    for f in (
        lambda x: -np.where(x[:, 0] > 0, 0, 1),
        lambda x: np.where(x[:, 0] > 0, 0, 2) * -1,
        lambda x: np.where(x[:, 0] > 0, 0, 2) // -3,
        lambda x: np.where(x[:, 0] > 0, 0, 2) % -3,
        lambda x: np.sign(-np.where(x[:, 0] > 0, 0, 2)),
        lambda x: abs(np.where(x[:, 0] > 0, 0, 2) * -1),
    ):
        assert np.signbit(run(f, x)).tolist() == np.signbit(f(x).astype(dtype)).tolist()
        np.testing.assert_array_equal(run(f, x), f(x))


def test_powers_below_the_smallest_reciprocal(isa, dtype):
    x = np.array([[np.finfo(dtype).max ** dtype.type(0.13)]], dtype)
    assert_within(run(lambda x: x[:, 0] ** -8, x), x[:, 0].astype(np.longdouble) ** -8, 1e-38)


def test_float_power_of_float32_is_refused():
    with np.errstate(all="ignore"), pytest.raises(Untraceable, match="float64"):
        trace(lambda x: np.float_power(x[:, 0], 2.5), special(np.float32))


def test_whole_quotients_are_exact_up_to_the_largest_integer_that_is(isa, dtype):
    largest = 2 ** (24 if dtype == np.float32 else 53)
    x = np.array([[1.0], [-1.0]], dtype)
    for d in (1, 2, 3, 7, 49, 4095, 4097, 2**12, 2**23 - 1, 2**23 + 1, -3, -4097):
        multiple = largest // abs(d) * d
        for a in (largest, largest - 1, multiple, multiple - 1):

            def f(x, a=a, d=d):
                return np.where(x[:, 0] > 0, a, -a) // d

            np.testing.assert_array_equal(run(f, x).astype(np.int64), f(x))


@pytest.mark.parametrize("n", [1, 2, 7, 8, 15, 16, 17, 63, 511, 512, 513, 1024, 1025, 2049])
def test_every_length(isa, dtype, n):
    x = np.random.default_rng(n).standard_normal((n, 2)).astype(dtype)
    expression, _, _ = trace(lambda x: x[:, 0] * x[:, 1] + 1, x)
    out = np.empty((1, n), dtype)
    expression.evaluate(np.ascontiguousarray(x.T), out)
    np.testing.assert_array_equal(out[0], x[:, 0] * x[:, 1] + 1)


@pytest.mark.parametrize("name", [*INEXACT, "where", "arithmetic"])
def test_levels_with_fma_have_the_same_bits(dtype, name):
    f = INEXACT[name][0] if name in INEXACT else EXACT[name]
    x = special(dtype)
    results = []
    with np.errstate(all="ignore"):
        for level in FMA_LEVELS:
            with fastnet.runtime.use_isa(level):
                results.append(run(f, x))
    for other in results[1:]:
        assert_same_bits(other, results[0])


def test_products_of_columns(isa, dtype):
    rng = np.random.default_rng(2)
    for n in (1, 7, 8, 9, 31, 32, 33, 500, 4096):
        x, y = rng.standard_normal((2, n)).astype(dtype) + 5
        tree = _core.ChunkTree(2, True)
        estimate = _core.estimate_array_f32 if dtype == np.float32 else _core.estimate_array_f64
        assert estimate(tree, np.stack([x, y]), 0, 0) == 2**64 - 1
        expected = np.sum((x - x.mean(dtype=float)) * (y - y.mean(dtype=float)), dtype=float)
        assert abs(tree.nodes()[2][0, 0] - expected) <= 1e-12 * n


# ---- what is refused ----

REFUSED = {
    "condition": lambda x: x[:, 0] if x[0, 0] > 0 else x[:, 1],
    "truth": lambda x: x[:, 0] if (x > 0).any() else x[:, 1],
    "float": lambda x: math.exp(x[:, 0]),
    "array": lambda x: np.asarray(x)[:, 0],
    "unknown function": lambda x: np.sort(x, axis=-1)[:, 0],
    "unknown ufunc": lambda x: np.nextafter(x[:, 0], x[:, 1]),
    "frompyfunc": lambda x: np.frompyfunc(math.exp, 1, 1)(x[:, 0]),
    "rows": lambda x: x[:, 0] + len(x),
    "shape": lambda x: x[:, 0] * x.shape[0],
    "unpacked shape": lambda x: x[:, 0] * (lambda n, d: n)(*x.shape),
    "first row": lambda x: x[0],
    "reversed": lambda x: x[::-1, 0],
    "mask": lambda x: x[x[:, 0] > 0, 0],
    "mean of samples": lambda x: x[:, 0] - x[:, 0].mean(),
    "sum over samples": lambda x: x - x.sum(axis=0),
    "assignment": lambda x: x.__setitem__((slice(None), 0), 0),
    "iteration": lambda x: sum(row for row in x),
    "outer": lambda x: x[:, 0][:, None] + x[:, 1],
    "constant of samples": lambda x: x[:, 0] + np.zeros(997),
    "out": lambda x: np.exp(x[:, 0], out=np.empty(997)),
    "in place on an array": lambda x: np.add.at(np.zeros(3), [0], x),
    "transposed": lambda x: x.T[0],
    "constant": lambda x: 3.0,
    "division by integers": lambda x: 2 // np.where(x[:, 0] > 0, 3, 4),
    "division by no integer": lambda x: x[:, 0] // 0.5,
    "division by 0": lambda x: np.where(x[:, 0] > 0, 3, 4) // 0,
    "remainder of numbers": lambda x: x[:, 0] % 0.3,
    "constants beyond integers": lambda x: np.where(x[:, 0] > 0, 2**53 + 1, 0),
    "int8 beyond its range": lambda x: (x[:, 0] > 0).astype(np.int8) * np.int8(100) * np.int8(2),
    "int8 of -128": lambda x: np.abs((x[:, 0] > 0) * np.int8(-128)),
    "int16 squared": lambda x: ((x[:, 0] > 0) * np.int16(300)) ** 2,
    "negative uint8": lambda x: -((x[:, 0] > 0) * np.uint8(2)),
    "uint8 below 0": lambda x: (x[:, 0] > 0) * np.uint8(2) - np.uint8(3),
    "float32 of float64": lambda x: (x[:, 0] > 0) * np.float32(0.1),
    "large integers": lambda x: np.where(x[:, 0] > 0, 2**52, 1) * 2**11,
    "complex": lambda x: x[:, 0] * 1j,
    "half": lambda x: x[:, 0].astype(np.float16),
    "three axes": lambda x: x[:, :, None] * A,
    "no columns": lambda x: x[:, :0],
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_traced_is_refused(name):
    x = special(np.float64)
    with np.errstate(all="ignore"), pytest.raises((Untraceable, AttributeError, ValueError)):
        trace(REFUSED[name], x)


def test_in_place_arithmetic_is_refused():
    def f(x):
        y = x[:, 0]
        y += 1
        return y

    with pytest.raises(Untraceable):
        trace(f, special(np.float64))


def test_a_symbol_of_another_call_is_refused():
    kept = symbol_for(special(np.float64))
    with pytest.raises(Untraceable, match="another call"):
        trace(lambda x: x[:, 0] + kept[:, 0], special(np.float64))


def test_long_expressions_are_refused():
    def f(x):
        y = x[:, 0]
        for i in range(5000):
            y = y * 1.5 + i
        return y

    with np.errstate(all="ignore"), pytest.raises(Untraceable, match="operations"):
        trace(f, special(np.float64))


def test_every_traced_function_is_tested():
    # A table entry without a case would be a promise that nobody has looked at.
    tested = {np.positive, np.fabs, np.radians, np.rad2deg, np.degrees, np.float_power}
    names = " ".join([*EXACT, *INEXACT])
    text = Path(__file__).read_text() + Path(__file__).with_name("test_arcs.py").read_text()
    missing = [
        u.__name__
        for u in [*UFUNCS, *FUNCTIONS]
        if u not in tested and f"{u.__name__}(" not in text and u.__name__ not in names
        and u.__name__ not in {"add", "subtract", "multiply", "divide", "true_divide", "invert",
                               "less_equal", "not_equal", "bitwise_and", "bitwise_or",
                               "bitwise_xor", "greater_equal"}
    ]  # fmt: skip
    assert not missing
