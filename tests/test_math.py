"""The elementary functions of kernels/math-inl.hpp: their bounds, their edges, their bits.

float32 is judged by float64, float64 by NumPy's long double and by mpmath.
"""

import math
import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mpmath
import numpy as np
import pytest
import scipy.special
from helpers import FMA_LEVELS, assert_same_bits, ulp_error

import fastnet
from fastnet import _core

# Bounds in ulp: float32 and float64 with fma, either without. The table of math-inl.hpp.
BOUNDS = {
    "exp": (1, 1, 2),
    "expm1": (2, 2, 3),
    "log": (1, 1, 2),
    "log1p": (2, 2, 2),
    "tanh": (2, 2, 2),
    "erf": (2, 2, 2),
    "sin": (2, 3, 3),
    "cos": (2, 3, 3),
}
FUNCTIONS = sorted(BOUNDS)
HEADER = Path(__file__).parents[1] / "cpp" / "kernels" / "math-inl.hpp"


def call(name, x):
    y = np.empty_like(x)
    _core.math(name, x, y)
    return y


def bound(name, dtype, isa):
    return BOUNDS[name][2 if isa not in FMA_LEVELS else int(dtype == np.float64)]


def judge(name, x):
    """Return the function of x in NumPy, in x's precision."""
    if name == "erf":
        values = [math.erf(v) for v in x.tolist()]
        return np.array(values, x.dtype)
    with np.errstate(all="ignore"):
        return getattr(np, name)(x)


def numbers(dtype, rng, n):
    """Return numbers of every size and sign, dense where the functions bend."""
    info = np.finfo(dtype)
    wide = rng.uniform(np.log(info.smallest_subnormal), np.log(info.max), n)
    x = [np.exp(wide) * rng.choice([-1, 1], n)]
    x += [rng.uniform(-reach, reach, n) for reach in (0.4, 2, 20, np.log(info.max) + 40)]
    x += [1 + rng.uniform(-0.3, 0.5, n)]
    return np.concatenate(x).astype(dtype)


@pytest.mark.skipif(not HEADER.exists(), reason="the sources are not here")
def test_the_header_states_the_same_bounds():
    rows = re.findall(r"^//   (\w+) +(\d+) +(\d+) +(\d+)$", HEADER.read_text(), flags=re.M)
    assert {name: tuple(map(int, row)) for name, *row in rows} == BOUNDS
    assert sorted(_core.MATH_FUNCTIONS) == FUNCTIONS


@pytest.mark.parametrize("name", FUNCTIONS)
def test_float32_is_within_its_bound(isa, rng, name):
    x = numbers(np.float32, rng, 20_000)
    error = ulp_error(call(name, x), judge(name, x.astype(np.float64)), np.float32)
    worst = np.argmax(error)
    assert error[worst] <= bound(name, np.float32, isa), f"{error[worst]} ulp at {x[worst]!r}"


@pytest.mark.parametrize("name", ["sin", "cos"])
def test_float32_of_many_turns_is_within_its_bound(isa, name):
    # Every number where the quarter turns to take off have the most digits, up to the last
    # that is not reduced by a number of many words, and some beyond.
    x = np.arange(*np.array([8192, 13312], np.float32).view(np.uint32), dtype=np.uint32)
    x = x.view(np.float32)
    error = ulp_error(call(name, x), judge(name, x.astype(np.float64)), np.float32)
    worst = np.argmax(error)
    assert error[worst] <= bound(name, np.float32, isa), f"{error[worst]} ulp at {x[worst]!r}"


@pytest.mark.skipif(np.finfo(np.longdouble).nmant < 63, reason="long double is no wider")
@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name != "erf"])
def test_float64_is_within_its_bound(isa, rng, name):
    x = numbers(np.float64, rng, 20_000)
    error = ulp_error(call(name, x), judge(name, x.astype(np.longdouble)), np.float64)
    worst = np.argmax(error)
    assert error[worst] <= bound(name, np.float64, isa), f"{error[worst]} ulp at {x[worst]!r}"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_float64_is_within_its_bound_by_mpmath(isa, rng, name):
    x = numbers(np.float64, rng, 100)
    y = call(name, x)
    for value, actual in zip(x.tolist(), y.tolist(), strict=True):
        if not math.isfinite(actual) or (name == "log" and value <= 0):
            continue
        with mpmath.workdps(50):
            exact = getattr(mpmath, name)(mpmath.mpf(value))
            _, exponent = mpmath.frexp(abs(exact))
            unit = mpmath.ldexp(1, max(int(exponent) - 1, -1022) - 52)
            error = float(abs(actual - exact) / unit)
        assert error <= bound(name, np.float64, isa), f"{error} ulp at {value!r}"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_edges(isa, dtype, name):
    info = np.finfo(dtype)
    tiny, least, most = info.smallest_normal, info.smallest_subnormal, info.max
    x = np.array(
        [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, least, -least, tiny, -tiny, most, -most],
        dtype,
    )
    y = call(name, x)
    expected = judge(name, x.astype(np.float64))
    with np.errstate(all="ignore"):
        expected = expected.astype(dtype)
    np.testing.assert_array_equal(np.isnan(y), np.isnan(expected))
    np.testing.assert_array_equal(np.isinf(y), np.isinf(expected))
    signed = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(y[signed]), np.signbit(expected[signed]))
    finite = np.isfinite(expected)
    # NumPy's own last place may differ in float64.
    spacing = np.spacing(np.abs(expected[finite]))
    assert (np.abs(y[finite] - expected[finite]) <= 2 * spacing).all()


def test_exp_underflows_gradually_and_overflows_where_it_must(isa, dtype):
    info = np.finfo(dtype)
    last = np.nextafter(np.log(np.longdouble(info.max)).astype(dtype), dtype.type(0))
    y = call("exp", np.array([last, np.nextafter(last, dtype.type(np.inf)) + last / 1000], dtype))
    assert np.isfinite(y[0])
    assert np.isinf(y[1])
    # Every power of two among the subnormal numbers, and the first that is none.
    k = np.arange(info.minexp - info.nmant - 2, info.minexp + 2)
    y = call("exp", (k * np.log(2)).astype(dtype))
    exact = np.exp((k * np.log(2)).astype(dtype).astype(np.longdouble))
    assert (ulp_error(y, exact, dtype) <= 1).all()
    assert y[0] == 0
    assert 0 < y[3] < info.smallest_normal


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_length_in_place_and_nothing_beyond(isa, dtype, rng, name):
    x = np.abs(rng.standard_normal(40)).astype(dtype)
    whole = call(name, x)
    for n in range(35):
        y = np.full(40, 7, dtype)
        _core.math(name, x[:n], y[:n])
        assert_same_bits(y[:n], whole[:n])
        assert (y[n:] == 7).all()
        y = x.copy()
        _core.math(name, y[:n], y[:n])
        assert_same_bits(y, np.concatenate([whole[:n], x[n:]]))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_same_bits_on_every_fma_level(dtype, rng, name):
    x = numbers(dtype, rng, 20_000)
    results = []
    for level in FMA_LEVELS:
        with fastnet.runtime.use_isa(level):
            results.append(call(name, x))
    for result in results[1:]:
        assert_same_bits(result, results[0])


def test_arguments_are_checked(dtype):
    x = np.ones(3, dtype)
    with pytest.raises(ValueError, match="name must be one of"):
        call("cosh", x)
    with pytest.raises(ValueError, match="size"):
        _core.math("exp", x, np.empty(4, dtype))
    both = np.ones(4, dtype)
    with pytest.raises(ValueError, match="overlap"):
        _core.math("exp", both[:-1], both[1:])
    with pytest.raises(TypeError, match="float32 or float64"):
        _core.math("exp", np.ones(3, int), np.ones(3, int))


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_float32(name):
    """Sweep all 2^32 bit patterns: the bound on every level, the same bits on all with fma."""
    exact = scipy.special.erf if name == "erf" else getattr(np, name)
    workers = len(os.sched_getaffinity(0))
    # What is the judge's value rounded is within half an ulp; the others are measured.
    worst = dict.fromkeys(fastnet.runtime.isa_supported(), (0.5, 0.0))

    def measure(x, results):
        with np.errstate(all="ignore"):
            expected = exact(x.astype(np.float64))
            rounded = expected.astype(np.float32)
        found = []
        for y in results:
            at = np.flatnonzero((y != rounded) & ~(np.isnan(y) & np.isnan(rounded)))
            error = ulp_error(y[at], expected[at], np.float32)
            k = int(np.argmax(error)) if len(at) else 0
            found.append((float(error[k]), float(x[at[k]])) if len(at) else (0.5, 0.0))
        return found

    step = 1 << 22
    with ThreadPoolExecutor(workers) as pool:
        for start in range(0, 1 << 32, step):
            x = np.arange(start, start + step, dtype=np.uint64).astype(np.uint32).view(np.float32)
            results = {}
            for level in worst:
                with fastnet.runtime.use_isa(level):
                    results[level] = call(name, x)
            for level in FMA_LEVELS[1:]:
                assert_same_bits(results[level], results[FMA_LEVELS[0]])
            levels = [level for level in worst if level not in FMA_LEVELS[1:]]
            parts = [np.array_split(a, workers) for a in (x, *(results[v] for v in levels))]
            for found in pool.map(
                lambda part: measure(part[0], part[1:]), zip(*parts, strict=True)
            ):
                for level, error in zip(levels, found, strict=True):
                    worst[level] = max(worst[level], error)
    for level in FMA_LEVELS[1:]:
        worst[level] = worst[FMA_LEVELS[0]]
    print(name, worst)
    for level, (error, x) in worst.items():
        assert error <= bound(name, np.float32, level), f"{level}: {error} ulp at {x!r}"
