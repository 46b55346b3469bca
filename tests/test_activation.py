"""The activations and their derivatives: bounds, limits, reference, bits, arguments."""

import re
from functools import partial
from pathlib import Path

import mpmath
import numpy as np
import pytest
import scipy.special
from helpers import (
    FMA_LEVELS,
    assert_same_bits,
    assert_within,
    eps,
    layouts,
    ulp_error,
    use_threads,
)

import fastnet
import fastnet.functional as F
from fastnet import reference
from fastnet.functional.activation import activation_code

HEADER = Path(__file__).parents[1] / "cpp" / "kernels" / "activation-inl.hpp"
FROM_OUTPUT = ("relu", "sigmoid", "tanh")
# Every activation with the functions of a module and the parameters to try.
CASES = {
    "identity": ("identity", {}),
    "relu": ("relu", {}),
    "leaky_relu": ("leaky_relu", {}),
    "leaky_relu, steep": ("leaky_relu", {"negative_slope": 0.3}),
    "elu": ("elu", {}),
    "elu, low": ("elu", {"alpha": 0.7}),
    "selu": ("selu", {}),
    "gelu": ("gelu", {}),
    "gelu_tanh": ("gelu", {"approximate": "tanh"}),
    "silu": ("silu", {}),
    "sigmoid": ("sigmoid", {}),
    "tanh": ("tanh", {}),
    "softplus": ("softplus", {}),
    "softplus, sharp": ("softplus", {"beta": 3.0, "threshold": 15.0}),
    "hardtanh": ("hardtanh", {}),
    "hardtanh, lopsided": ("hardtanh", {"min_val": -0.5, "max_val": 2.0}),
}
PLAIN = [name for name in CASES if "," not in name]

# Bounds with fma and without: of the value in ulp (beside |y| times the second number), and of the
# derivative, in ulp or in roundoffs of 1. The table of activation-inl.hpp.
BOUNDS = {
    "sigmoid": ((2, 2), 0, None),
    "tanh": ((2, 2), 0, None),
    "silu": ((3, 3), 0, ((4, 4), "roundoffs")),
    "gelu": ((6, 8), 0, ((4, 4), "roundoffs")),
    "gelu_tanh": ((4, 4), 3, ((4, 5), "roundoffs")),
    "elu": ((3, 3), 0, ((2, 2), "ulp")),
    "selu": ((4, 4), 0, ((3, 3), "ulp")),
    "softplus": ((3, 3), 0, ((2, 2), "ulp")),
}


def forward(name, module=F):
    function, parameters = CASES[name]
    return partial(getattr(module, function), **parameters)


def backward(name, module=F):
    """Return the gradient as a function of dy and the input x."""
    function, parameters = CASES[name]
    gradient = partial(getattr(module, f"{function}_backward"), **parameters)
    if name not in FROM_OUTPUT:
        return gradient
    return lambda dy, x: gradient(dy, getattr(module, function)(x))


def numbers(dtype, rng, n):
    info = np.finfo(dtype)
    reach = -1.1 * float(np.log(info.smallest_subnormal))
    tiny = np.exp(rng.uniform(np.log(info.smallest_subnormal), 0, n)) * rng.choice([-1, 1], n)
    x = [tiny, *(rng.uniform(-r, r, n) for r in (2, 20, reach))]
    return np.concatenate(x).astype(dtype)


def logistic_argument(x, pi=np.pi):
    """Return y with gelu_tanh = x sigmoid(y), and dy/dx."""
    linear = (8 / pi) ** 0.5
    cubic = linear * 44715 / 1000000
    return linear * x + cubic * x**3, linear + 3 * cubic * x**2


def exact_in_float64(name, x):
    """Return value and derivative of float32 numbers, to float64's precision."""
    s, density = scipy.special.expit, np.exp(-x * x / 2) / np.sqrt(2 * np.pi)
    with np.errstate(over="ignore", invalid="ignore"):
        below = np.minimum(x, 0)
        y, slope = logistic_argument(x)
        scale, alpha = reference.activation.SELU_SCALE, reference.activation.SELU_ALPHA
        large = x > 20
        return {
            "sigmoid": lambda: (s(x), None),
            "tanh": lambda: (np.tanh(x), None),
            "silu": lambda: (x * s(x), s(x) + x * s(x) * s(-x)),
            "gelu": lambda: (x * scipy.special.ndtr(x), scipy.special.ndtr(x) + x * density),
            "gelu_tanh": lambda: (x * s(y), s(y) + x * slope * s(y) * s(-y)),
            "elu": lambda: (np.where(x > 0, x, np.expm1(below)), np.exp(below)),
            "selu": lambda: (
                scale * np.where(x > 0, x, alpha * np.expm1(below)),
                scale * np.where(x > 0, 1, alpha * np.exp(below)),
            ),
            "softplus": lambda: (
                np.where(large, x, np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))),
                np.where(large, 1, s(x)),
            ),
        }[name]()


def exact_in_mpmath(name, x):
    """Return value and derivative of one number."""
    one = mpmath.mpf(1)
    y, slope = logistic_argument(x, +mpmath.pi)
    scale = mpmath.mpf(reference.activation.SELU_SCALE)
    alpha = mpmath.mpf(reference.activation.SELU_ALPHA)

    def s(v):
        return one / (1 + mpmath.exp(-v))

    positive = x > 0
    return {
        "sigmoid": lambda: (s(x), None),
        "tanh": lambda: (mpmath.tanh(x), None),
        "silu": lambda: (x * s(x), s(x) + x * s(x) * s(-x)),
        "gelu": lambda: (x * mpmath.ncdf(x), mpmath.ncdf(x) + x * mpmath.npdf(x)),
        "gelu_tanh": lambda: (x * s(y), s(y) + x * slope * s(y) * s(-y)),
        "elu": lambda: (x, one) if positive else (mpmath.expm1(x), mpmath.exp(x)),
        "selu": lambda: (
            (scale * x, scale)
            if positive
            else (scale * alpha * mpmath.expm1(x), scale * alpha * mpmath.exp(x))
        ),
        "softplus": lambda: (x, one) if x > 20 else (mpmath.log1p(mpmath.exp(x)), s(x)),
    }[name]()


def decimal(value):
    """Return an mpmath number as text; below every float64 as zero."""
    return mpmath.nstr(value, 25) if abs(value) > mpmath.mpf("1e-400") else "0"


def check_bounds(name, x, value, derivative, isa):
    """Compare with exact values in a wider floating type."""
    column = 0 if isa in FMA_LEVELS else 1
    limit, per_argument, of_derivative = BOUNDS[name]
    allowed = limit[column] + per_argument * np.abs(logistic_argument(x.astype(float))[0])
    error = ulp_error(forward(name)(x), value, x.dtype) / allowed
    worst = np.argmax(error)
    assert error[worst] <= 1, f"{error[worst]} of the bound at {x[worst]!r}"
    if of_derivative is None:
        return
    limit, unit = of_derivative
    dx = backward(name)(np.ones_like(x), x)
    if unit == "ulp":
        error = ulp_error(dx, derivative, x.dtype)
    else:
        error = np.abs(dx.astype(value.dtype) - derivative) / eps(x.dtype)
    worst = np.argmax(error)
    assert error[worst] <= limit[column], f"derivative: {error[worst]} {unit} at {x[worst]!r}"


@pytest.mark.skipif(not HEADER.exists(), reason="the sources are not here")
def test_the_header_states_the_same_bounds():
    stated = {}
    for line in re.findall(r"^//   (\w+  +\d.*)$", HEADER.read_text(), flags=re.M):
        name, value, derivative = re.split(r"  +", line)[:3]
        per_argument = re.match(r"(\d+) \+ (\d+) \|y\| / same", value)
        if per_argument:
            limits, factor = (int(per_argument[1]),) * 2, int(per_argument[2])
        else:
            limits, factor = tuple(map(int, value.split(" / "))), 0
        found = re.match(r"(\d+) / (\d+) ?(roundoffs)?", derivative)
        bound = ((int(found[1]), int(found[2])), found[3] or "ulp") if found else None
        stated[name] = (limits, factor, bound)
    assert stated == BOUNDS


@pytest.mark.parametrize("name", BOUNDS)
def test_float32_is_within_its_bounds(isa, rng, name):
    x = numbers(np.float32, rng, 20_000)
    check_bounds(name, x, *exact_in_float64(name, x.astype(float)), isa)


@pytest.mark.skipif(np.finfo(np.longdouble).nmant < 63, reason="long double is no wider")
@pytest.mark.parametrize("name", BOUNDS)
def test_float64_is_within_its_bounds(isa, rng, name):
    x = numbers(np.float64, rng, 60)
    with mpmath.workdps(40):
        pairs = [exact_in_mpmath(name, mpmath.mpf(v)) for v in x.tolist()]
        columns = [
            None if column[0] is None else np.array([decimal(v) for v in column])
            for column in zip(*pairs, strict=True)
        ]
    wide = [None if c is None else c.astype(np.longdouble) for c in columns]
    check_bounds(name, x, *wide, isa)


@pytest.mark.parametrize("name", CASES)
def test_value_and_gradient_match_the_reference(isa, dtype, rng, name):
    x = rng.uniform(-30, 30, 500).astype(dtype)
    x[:5] = 0, -0.0, 1, -1, 20
    dy = rng.standard_normal(500).astype(dtype)
    y = forward(name, reference)(x.astype(float))
    # Some ten roundings of the value, and those of the exponent, which count as often as it is
    # large.
    wide = x.astype(float)
    exponent = {
        "gelu": wide**2,
        "gelu_tanh": logistic_argument(wide)[0],
        "softplus, sharp": 3 * wide,
    }
    roundings = 20 + 4 * np.abs(exponent.get(name, 0))
    assert_within(forward(name)(x), y, roundings * eps(dtype) * np.abs(y) + np.finfo(dtype).tiny)
    dx = backward(name, reference)(dy.astype(float), x.astype(float))
    assert_within(backward(name)(dy, x), dx, 20 * eps(dtype) * np.abs(dy))


@pytest.mark.parametrize("name", CASES)
def test_the_reference_gradient_is_the_difference_quotient(rng, name):
    # Away from the kinks, by central differences: error h^2 / 6 f''' + eps / h, h = eps^(1/3).
    x = np.concatenate([rng.uniform(0.1, 0.4, 20), rng.uniform(-4, -2.1, 20), [2.5, 30.0]])
    x, h = np.concatenate([x, -x]), 1e-5
    f = forward(name, reference)
    quotient = (f(x + h) - f(x - h)) / (2 * h)
    np.testing.assert_allclose(
        backward(name, reference)(np.ones_like(x), x), quotient, rtol=1e-8, atol=1e-8
    )


def test_worked_values(isa, dtype):
    x = np.array([-1, 0, 2], dtype)
    expected = {
        "leaky_relu": [-0.01, 0, 2],
        "elu": [np.exp(-1) - 1, 0, 2],
        "selu": [-1.1113307378125625, 0, 2.101401974710961],
        "gelu": [-0.15865525393145707, 0, 1.9544997361036416],
        "gelu_tanh": [-0.15880800939172324, 0, 1.954597694087775],
        "silu": [-0.2689414213699951, 0, 1.7615941559557646],
        "sigmoid": [0.2689414213699951, 0.5, 0.8807970779778823],
        "tanh": [-0.7615941559557649, 0, 0.9640275800758169],
        "softplus": [0.31326168751822286, np.log(2), 2.1269280110429727],
        "hardtanh": [-1, 0, 1],
    }
    for name, y in expected.items():
        assert_within(forward(name)(x), np.array(y), 10 * eps(dtype) * np.abs(y))


@pytest.mark.parametrize("name", PLAIN)
def test_limits_and_nan(isa, dtype, name):
    most = np.finfo(dtype).max
    x = np.array([np.nan, np.inf, -np.inf, most, -most, 0.0, -0.0], dtype)
    y = forward(name)(x)
    with np.errstate(over="ignore"):  # selu of the largest number
        expected = forward(name, reference)(x).astype(dtype)
    assert_same_bits(y, expected)
    if name not in ("relu", "softplus", "sigmoid"):
        np.testing.assert_array_equal(np.signbit(y[5:]), [False, True])
    dx = backward(name)(np.ones_like(x), x)
    assert np.isfinite(dx[1:]).all()
    np.testing.assert_allclose(
        dx[1:], backward(name, reference)(np.ones_like(x), x)[1:], atol=eps(dtype)
    )


@pytest.mark.parametrize("name", ["sigmoid", "silu", "gelu", "softplus", "gelu_tanh"])
def test_negative_tails_underflow_gradually(isa, dtype, name):
    x = -np.linspace(1, 40 if dtype == np.float64 else 15, 200).astype(dtype)
    x = x * (20 if name in ("sigmoid", "silu", "softplus") else 1)
    y = np.abs(forward(name)(x))
    assert (np.diff(y) <= 0).all()
    assert ((y > 0) & (y < np.finfo(dtype).smallest_normal)).any()
    assert y[-1] == 0


@pytest.mark.parametrize("name", CASES)
def test_every_length_and_any_split(isa, dtype, threads, rng, name):
    # Threads get multiples of 1024 elements (engine/elementwise.hpp).
    x, dy = rng.standard_normal((2, 20_003)).astype(dtype) * 3
    y, dx = forward(name)(x), backward(name)(dy, x)
    for n in [*range(35)] if threads == 1 else [0, 5, 1023, 1024, 1025, 2048, 7 * 1024 + 1]:
        assert_same_bits(forward(name)(x[:n]), y[:n])
        assert_same_bits(backward(name)(dy[:n], x[:n]), dx[:n])


@pytest.mark.parametrize("name", CASES)
def test_same_bits_on_every_fma_level_and_thread_count(dtype, rng, name):
    x, dy = numbers(dtype, rng, 30_000), rng.standard_normal(120_000).astype(dtype)
    results = []
    for level in FMA_LEVELS:
        for n in (1, 2, 7):
            use_threads(n)
            with fastnet.runtime.use_isa(level):
                results.append((forward(name)(x), backward(name)(dy, x)))
    use_threads(None)
    for result in results[1:]:
        for a, b in zip(result, results[0], strict=True):
            assert_same_bits(a, b)


@pytest.mark.parametrize("name", CASES)
def test_any_layout_and_in_place(dtype, rng, name):
    x, dy = rng.standard_normal((2, 9, 20)).astype(dtype)
    y, dx = forward(name)(x), backward(name)(dy, x)
    for (_, lx), (_, ldy) in zip(layouts(x), layouts(dy), strict=True):
        assert_same_bits(forward(name)(lx), y)
        assert_same_bits(backward(name)(ldy, lx), dx)
    function, parameters = CASES[name]
    gradient = partial(getattr(F, f"{function}_backward"), **parameters)
    state = y if name in FROM_OUTPUT else x
    for out, arguments in [
        (a := x.copy(), (a,)),
        (b := dy.copy(), (b, state)),
        (c := state.copy(), (dy, c)),
    ]:
        one = len(arguments) == 1
        result = forward(name)(*arguments, out=out) if one else gradient(*arguments, out=out)
        assert result is out
        assert_same_bits(out, y if one else dx)


def test_arguments_are_checked(dtype):
    x = np.ones(8, dtype)
    other = np.float64 if dtype == np.float32 else np.float32
    with pytest.raises(ValueError, match="overlap"):
        F.tanh(x[:-1], out=x[1:])
    with pytest.raises(ValueError, match="overlap"):
        F.gelu_backward(np.ones(7, dtype), x[:-1], out=x[1:])
    with pytest.raises(TypeError, match="out must have dtype"):
        F.silu(x, out=np.empty(8, other))
    with pytest.raises(TypeError, match="x must have dtype"):
        F.silu_backward(x, np.ones(8, other))
    with pytest.raises(ValueError, match=r"y must have dy's shape \(8,\), got \(7,\)"):
        F.sigmoid_backward(x, x[:7])
    with pytest.raises(ValueError, match="approximate must be 'none' or 'tanh', got 'erf'"):
        F.gelu(x, approximate="erf")
    with pytest.raises(ValueError, match="min_val must not exceed max_val"):
        F.hardtanh(x, 1.0, -1.0)
    assert F.elu(3).dtype == np.float32
    assert F.tanh(np.zeros((0, 3), dtype)).shape == (0, 3)


@pytest.mark.parametrize("name", PLAIN)
def test_the_linear_layer_takes_it_by_name(dtype, rng, name):
    x, weight = (
        rng.standard_normal((5, 8)).astype(dtype),
        rng.standard_normal((40, 8)).astype(dtype),
    )
    expected = forward(name)(F.linear(x, weight))
    assert_same_bits(F.linear(x, weight, activation=name), expected)
    close = reference.linear(x.astype(float), weight.astype(float), activation=name)
    np.testing.assert_allclose(expected, close, atol=100 * eps(dtype), rtol=100 * eps(dtype))
    assert activation_code(name)[1:] == {
        "leaky_relu": (0.01, 0.0),
        "elu": (1.0, 0.0),
        "softplus": (1.0, 20.0),
        "hardtanh": (-1.0, 1.0),
    }.get(name, (0.0, 0.0))
