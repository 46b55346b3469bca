"""expectation: values against closed forms, bits, stopping, and what goes wrong in functions."""

import math
import threading

import numpy as np
import pytest
import scipy.special
from laws import NORMAL, SIGMAS, UNIFORM, Law, Plane, assert_covers, payoff

from fastnet import _core
from fastnet.montecarlo import expectation
from fastnet.random import Generator

CHUNK = _core.CHUNK


def relu_mean(mu, s):
    z = mu / s
    return mu * scipy.special.ndtr(z) + s * math.exp(-z * z / 2) / math.sqrt(2 * math.pi)


CASES = {
    "Black-Scholes call": (payoff, NORMAL, 10.45058357218556678),
    "Black-Scholes put": (
        lambda x: np.exp(-0.05) * np.maximum(100 - 100 * np.exp(0.03 + 0.2 * x), 0),
        NORMAL,
        5.57352602225696769,
    ),
    "norm of a point of the square": (
        lambda x: np.sqrt((x**2).sum(axis=-1)), [UNIFORM] * 2, 0.76519571646421269,
    ),
    "relu": (lambda x: np.maximum(0.5 + 2 * x, 0), NORMAL, relu_mean(0.5, 2)),
    "triangle of a stick": (
        lambda x: (x.max(axis=-1) > 0.5) & (x.min(axis=-1) < 0.5) & (abs(x[:, 0] - x[:, 1]) < 0.5),
        [UNIFORM] * 2,
        0.25,
    ),
    "pi": (lambda x: 4.0 * ((x**2).sum(-1) < 1), [Law("uniform", -1.0, 1.0)] * 2, math.pi),
    "lognormal": (None, Law("lognormal", 0.0, 0.5), math.exp(0.125)),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_closed_forms(dtype, name):
    f, dist, truth = CASES[name]
    e = expectation(f, dist, n=2**20, rng=1, dtype=dtype)
    assert e.how == "traced", e.message
    assert e.n == 2**20
    assert_covers(e, truth)


def test_moments_of_the_exponential():
    e = expectation(None, Law("exponential"), n=2**22, rng=1)
    for value, moment, truth in (
        (e.mean, "mean", 1), (e.variance, "variance", 1),
        (e.skewness, "skewness", 2), (e.kurtosis, "kurtosis", 6),
    ):  # fmt: skip
        assert abs(value - truth) < SIGMAS * e.moment_error(moment)


def test_ishigami():
    def ishigami(x):
        # sin is what the engine traces.
        return np.sin(x[:, 0]) + 7 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])

    e = expectation(ishigami, [Law("uniform", -math.pi, math.pi)] * 3, n=2**20, rng=1)
    assert_covers(e, 3.5)
    assert abs(e.variance - 13.8445879407192565) < SIGMAS * e.moment_error("variance")


def test_samples_are_those_of_the_documented_keys(dtype):
    e = expectation(lambda x: x[:, 1], [UNIFORM, NORMAL], n=5000, rng=7, dtype=dtype)
    generator = Generator(7)
    keys = np.random.SeedSequence([generator.key, 0]).generate_state(2, np.uint64)
    x = np.empty(5000, dtype)
    _core.random_draw("normal", int(keys[1]), 0, 0, 0.0, 1.0, x)
    assert e.mean == pytest.approx(x.mean(dtype=float), abs=1e-13)


# ---- tracing ----


def test_what_cannot_be_traced_runs_as_python_and_says_so():
    e = expectation(lambda x: np.where(np.sort(x) > 0, 1.0, 0.0), NORMAL, n=2**17, rng=1)
    assert e.how == "python"
    assert "sort" in e.message
    assert_covers(e, 0.5)


def test_closures_are_traced_anew():
    scale = 1.0

    def f(x):
        return scale * x**2

    first = expectation(f, NORMAL, n=10_000, rng=1).mean
    scale = 3.0
    assert expectation(f, NORMAL, n=10_000, rng=1).mean == pytest.approx(3 * first, rel=1e-14)


def test_functions_that_draw_are_not_traced():
    noise = np.random.default_rng(1)
    e = expectation(lambda x: x + noise.normal(), NORMAL, n=10_000, rng=1)
    assert e.how == "python"
    assert "other values" in e.message


def test_functions_that_count_their_calls_are_not_traced():
    calls = []

    def f(x):
        calls.append(1)
        return x * len(calls)

    assert expectation(f, NORMAL, n=10_000, rng=1).how == "python"


def test_functions_that_look_at_the_type_are_not_traced_wrongly():
    def f(x):
        return x**2 if isinstance(x, np.ndarray) else x**3

    e = expectation(f, NORMAL, n=2**17, rng=1)
    assert e.how == "python"
    assert_covers(e, 1)


def test_functions_that_change_their_input_change_nothing_else():
    def f(x):
        x += 1
        return x

    e = expectation(f, NORMAL, n=100_000, rng=1)
    assert e.how == "python"
    assert_covers(e, 1)


def test_functions_may_keep_the_samples_and_give_them_back():
    kept = []

    def f(x):
        np.sort(x)
        if isinstance(x, np.ndarray):
            kept.append(x)
        return x

    e = expectation(f, NORMAL, n=3 * 8 * CHUNK, rng=1)
    assert e.how == "python"
    drawn = np.concatenate([x for x in kept if len(x) > 509])
    assert len(np.unique(drawn)) == len(drawn) == e.n
    assert e.mean == pytest.approx(drawn.mean(), abs=1e-14)


def test_a_function_is_not_called_from_other_threads():
    threads = set()

    def f(x):
        threads.add(threading.get_ident())
        return np.sort(x)

    expectation(f, NORMAL, n=10**6, rng=1)
    assert threads == {threading.get_ident()}


# ---- values that are no numbers ----


@pytest.mark.parametrize("how", ["traced", "python"])
def test_nan_policies(how, dtype):
    def f(x):
        return np.log(x) if how == "traced" else np.log(np.sort(x[None], axis=0)[0])

    with np.errstate(invalid="ignore"):
        with pytest.raises(FloatingPointError, match="sample") as caught:
            expectation(f, NORMAL, n=100_000, rng=1, dtype=dtype)
        e = expectation(f, NORMAL, n=100_000, rng=1, nan_policy="omit", dtype=dtype)
        assert e.how == how
        assert e.n == 100_000
        assert abs(e.n_nonfinite - 50_000) < SIGMAS * math.sqrt(25_000)
        # E[log |Z|] = -(log 2 + Euler's constant) / 2.
        assert_covers(e, -(math.log(2) + np.euler_gamma) / 2)
        e = expectation(f, NORMAL, n=100_000, rng=1, nan_policy="propagate", dtype=dtype)
    assert math.isnan(e.mean)
    assert math.isnan(e.standard_error)
    message = str(caught.value)
    assert "nan" in message
    first = int(message.split("sample ")[1].split(",")[0])
    x = np.empty(first + 1, dtype)
    key = np.random.SeedSequence([Generator(1).key, 0]).generate_state(1, np.uint64)[0]
    _core.random_draw("normal", int(key), 0, 0, 0.0, 1.0, x)
    assert x[first] < 0
    assert np.all(x[:first] > 0)


def test_infinite_values():
    def f(x):
        return 1 / np.where(x > 2, 0.0, 1.0)

    with pytest.raises(FloatingPointError, match="inf"):
        expectation(f, NORMAL, n=100_000, rng=1)
    assert expectation(f, NORMAL, n=10_000, rng=1, nan_policy="omit").mean == 1
    assert expectation(f, NORMAL, n=10_000, rng=1, nan_policy="propagate").mean == math.inf


def test_one_bad_output_leaves_out_the_sample():
    e = expectation(
        lambda x: (np.where(x > 0, x, np.nan), x), NORMAL, n=50_000, rng=1, nan_policy="omit"
    )
    assert e.mean[0] == e.mean[1] > 0.7


# ---- numbers of samples ----


@pytest.mark.parametrize("n", [1, 2, 3, 7, 4095, 4096, 4097, 8192, 40_000])
def test_any_number_of_samples(n):
    seen = []

    def f(x):
        if isinstance(x, np.ndarray):
            seen.append(x.copy())
        return np.sort(x)

    e = expectation(f, NORMAL, n=n, rng=1)
    drawn = np.concatenate([x for x in seen if len(x) != 509 or n == 509])
    assert len(drawn) == n == e.n
    assert len(np.unique(drawn)) == n
    assert e.mean == pytest.approx(drawn.mean(), abs=1e-13)
    assert e.minimum == drawn.min()


def test_a_constant_has_error_zero():
    for f in (lambda x: 0 * x + 3, lambda x: np.full(len(x), 3.0), lambda x: np.full_like(x, 3)):
        e = expectation(f, UNIFORM, n=10_000, rng=1)
        assert (e.mean, e.standard_error, e.variance) == (3, 0, 0)


def test_a_large_offset_keeps_its_digits():
    e = expectation(lambda x: 1e9 + x, NORMAL, n=2**20, rng=1)
    assert e.variance == pytest.approx(1, abs=0.01)
    assert abs(e.skewness) < 0.05


# ---- what is refused ----


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({}, ValueError, "n, rtol, atol or time_limit"),
        ({"n": 0}, ValueError, "n must be from 1"),
        ({"n": -1}, ValueError, "n must be from 1"),
        ({"n": 10.0}, TypeError, "n must be an integer"),
        ({"n": True}, TypeError, "n must be an integer"),
        ({"rtol": 0}, ValueError, "rtol must be positive"),
        ({"rtol": -1}, ValueError, "rtol"),
        ({"atol": math.nan}, ValueError, "atol"),
        ({"n": 10, "rtol": 0.1}, ValueError, "either n or rtol"),
        ({"rtol": 0.1, "n_min": 100, "n_max": 10}, ValueError, "n_min"),
        ({"n": 10, "stopping": "soon"}, ValueError, "stopping must be one of 'clt', 'anytime'"),
        ({"n": 10, "nan_policy": "ignore"}, ValueError, "nan_policy must be one of"),
        ({"n": 10, "on_interrupt": "x"}, ValueError, "on_interrupt"),
        ({"n": 10, "confidence_level": 1.0}, ValueError, "confidence_level"),
        ({"n": 10, "dtype": np.int64}, TypeError, "dtype"),
        ({"n": 10, "resume": 3}, TypeError, "resume"),
        ({"time_limit": 0}, ValueError, "time_limit"),
    ],
)
def test_bad_options(options, error, match):
    with pytest.raises(error, match=match):
        expectation(None, NORMAL, **options)


@pytest.mark.parametrize(
    ("f", "error", "match"),
    [
        (3, TypeError, "f must be callable"),
        (lambda x: x[:-1], ValueError, r"shape \(509,\)"),
        (lambda x: x.sum(), ValueError, "shape"),
        (lambda x: x[:, None, None], ValueError, "shape"),
        (lambda x: x * 1j, TypeError, "complex"),
        (lambda x: np.array(["a"] * len(x)), TypeError, "real numbers"),
        (lambda x: None, TypeError, "real numbers"),
        (lambda x: 1 // 0, ZeroDivisionError, "zero"),
    ],
)
def test_bad_functions(f, error, match):
    with pytest.raises(error, match=match):
        expectation(f, NORMAL, n=10_000, rng=1)


def test_an_exception_of_f_comes_with_its_own_traceback():
    calls = []

    def falls(x):
        calls.append(len(x))
        if len(calls) > 2:
            raise LookupError("on the way")
        return np.sort(x)

    with pytest.raises(LookupError, match="on the way") as caught:
        expectation(falls, NORMAL, n=200_000, rng=1)
    assert caught.traceback[-1].name == "falls"
    assert len(calls) == 3
    assert expectation(np.sort, NORMAL, n=10_000, rng=1).n == 10_000


def test_functions_that_change_their_mind():
    def f(x):
        return np.stack([x, x], -1) if len(x) > 509 else np.sort(x)

    with pytest.raises(ValueError, match="1 values a sample as it did at first"):
        expectation(f, NORMAL, n=10_000, rng=1)


@pytest.mark.parametrize("dist", [3, None, "normal", Law, [], [NORMAL, 3], [Plane("normal")]])
def test_bad_distributions(dist):
    with pytest.raises((TypeError, ValueError), match="dist"):
        expectation(lambda x: x, dist, n=10)


def test_resume_of_something_else():
    e = expectation(None, NORMAL, n=100, rng=1)
    with pytest.raises(ValueError, match="same function"):
        expectation(lambda x: (x, x), NORMAL, n=200, resume=e)
    with pytest.raises(ValueError, match="same function"):
        expectation(None, NORMAL, n=200, resume=e, dtype=np.float32)
    with pytest.raises(ValueError, match="more than n"):
        expectation(None, NORMAL, n=100, resume=expectation(None, NORMAL, n=10_000, rng=1))
    with pytest.raises(ValueError, match="merged"):
        expectation(None, NORMAL, n=500, resume=e | expectation(None, NORMAL, n=100, rng=2))


def test_frozen_scipy_distributions():
    e = expectation(lambda x: x**2, scipy.stats.gamma(2.0), n=2**17, rng=1)
    assert_covers(e, 6)
    assert e == expectation(lambda x: x**2, scipy.stats.gamma(2.0), n=2**17, rng=1)


def test_nothing_is_kept():
    # 2^26 samples of 8 bytes would be 512 MiB.
    import resource

    expectation(payoff, NORMAL, n=2**20, rng=1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    expectation(payoff, NORMAL, n=2**26, rng=1, dtype=np.float32)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000
