"""Estimate: moments against NumPy, merging, bytes, intervals, what a person reads."""

import hashlib
import json
import math
import pickle

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from laws import NORMAL, UNIFORM, Law

import fastnet
from fastnet import _core
from fastnet.montecarlo import Estimate, expectation
from fastnet.montecarlo._layout import Layout
from fastnet.montecarlo._quantiles import anytime_width, student_quantile

CHUNK = _core.CHUNK


def estimate_of(values, chunks=None, cross=True):
    """Return the Estimate of given values, of the chunks in that order."""
    values = np.atleast_2d(values)
    e = Estimate(Layout(len(values), len(values) == 1, cross=cross and len(values) > 1))
    tree = e._tree("run")
    total = -(-values.shape[1] // CHUNK)
    for c in range(total) if chunks is None else chunks:
        piece = np.ascontiguousarray(values[:, c * CHUNK : (c + 1) * CHUNK])
        assert _core.estimate_array_f64(tree, piece, c, 0) == 2**64 - 1
    return e


@pytest.fixture(scope="module")
def values():
    return np.random.default_rng(3).gamma(2.0, size=(2, 20 * CHUNK + 777)) + 100


def test_moments_are_numpys(values):
    e = estimate_of(values)
    assert e.n == values.shape[1]
    # Roundings of 1e5 additions by fixed blocks: far below 1e-11 of the standard deviation.
    np.testing.assert_allclose(e.mean, values.mean(axis=1), rtol=1e-13)
    np.testing.assert_allclose(e.variance, values.var(axis=1, ddof=1), rtol=1e-11)
    np.testing.assert_allclose(e.skewness, scipy.stats.skew(values, axis=1), rtol=1e-10)
    np.testing.assert_allclose(e.kurtosis, scipy.stats.kurtosis(values, axis=1), rtol=1e-10)
    np.testing.assert_allclose(e.covariance, np.cov(values), rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(e.minimum, values.min(axis=1))
    np.testing.assert_array_equal(e.maximum, values.max(axis=1))
    np.testing.assert_allclose(e.standard_error, scipy.stats.sem(values, axis=1), rtol=1e-11)
    np.testing.assert_allclose(e.standard_deviation, values.std(axis=1, ddof=1), rtol=1e-11)


def test_one_output_gives_numbers(values):
    e = estimate_of(values[0])
    for value in (e.mean, e.standard_error, e.variance, e.skewness, e.kurtosis, e.covariance):
        assert type(value) is float
    assert all(type(v) is float for v in e.confidence_interval())
    assert e.ess == e.n


def test_a_large_offset_costs_no_digits():
    x = np.random.default_rng(1).standard_normal(50_000)
    far = (x + 1e9) - 1e9
    e = estimate_of(x + 1e9)
    assert e.mean == pytest.approx(1e9 + far.mean(), abs=1e-6)
    assert e.variance == pytest.approx(far.var(ddof=1), rel=1e-9)
    assert e.skewness == pytest.approx(scipy.stats.skew(far), abs=1e-8)


@given(st.permutations(range(9)), st.integers(0, 9))
@settings(max_examples=30, deadline=None)
def test_bits_depend_on_the_set_of_chunks_alone(order, cut):
    values = np.random.default_rng(4).standard_normal((2, 8 * CHUNK + 100))
    whole = estimate_of(values)
    parts = [estimate_of(values, chunks) for chunks in (order[:cut], order[cut:])]
    assert parts[0].merge(parts[1]).to_bytes() == parts[1].merge(parts[0]).to_bytes()
    merged = parts[0] | parts[1]
    assert merged == whole
    assert merged._content() == estimate_of(values, order)._content()


def test_the_history_is_what_the_first_chunks_gave(values):
    e = estimate_of(values[0])
    assert [p.n for p in e.history] == [CHUNK << k for k in range(5)] + [e.n]
    for point in e.history:
        first = values[0, : point.n]
        assert point.mean == pytest.approx(first.mean(), rel=1e-13)
        assert point.standard_error == pytest.approx(scipy.stats.sem(first), rel=1e-10)


def test_overlaps_are_refused(values):
    a, b = estimate_of(values, range(4)), estimate_of(values, range(3, 9))
    with pytest.raises(ValueError, match=r"other must have .* both"):
        a.merge(b)
    assert a == estimate_of(values, range(4))
    with pytest.raises(ValueError, match="both"):
        estimate_of(values).merge(estimate_of(values))


def test_estimates_of_different_things_do_not_merge(values):
    with pytest.raises(ValueError, match="same outputs"):
        estimate_of(values).merge(estimate_of(values[0]))
    with pytest.raises(TypeError, match="Estimate"):
        estimate_of(values).merge(3)


def test_independent_runs_merge():
    parts = [expectation(None, NORMAL, n=10_000, rng=seed) for seed in range(3)]
    a = parts[0] | parts[1] | parts[2]
    b = parts[2] | (parts[1] | parts[0])
    assert a == b
    assert a.n == 30_000
    assert a.mean == pytest.approx(np.mean([p.mean for p in parts]), abs=1e-14)
    with pytest.raises(ValueError, match="both"):
        a | parts[1]


def test_bytes_and_pickles_keep_everything(values):
    for e in (
        estimate_of(values),
        estimate_of(values[0]),
        expectation(None, NORMAL, rtol=0.5, atol=0.01, rng=1),
    ):
        for copy in (Estimate.from_bytes(e.to_bytes()), pickle.loads(pickle.dumps(e))):
            assert copy == e
            assert copy.to_bytes() == e.to_bytes()
            assert repr(copy) == repr(e)


def test_an_estimate_of_16_million_samples_is_small():
    e = expectation(None, NORMAL, n=2**24, rng=1)
    assert len(e.to_bytes()) < 4096


def test_broken_bytes_are_refused(values):
    data = estimate_of(values).to_bytes()
    for broken in (
        b"",
        data[:-1],
        data + b"x",
        data[:40],
        b"x" + data,
        data.replace(b"scalar", b"scalas"),
    ):
        with pytest.raises(ValueError, match="to_bytes"):
            Estimate.from_bytes(broken)
    rng = np.random.default_rng(1)
    for _ in range(300):
        changed = bytearray(data)
        changed[rng.integers(len(data))] = rng.integers(256)
        if changed != data:
            with pytest.raises(ValueError, match="to_bytes"):
                Estimate.from_bytes(changed)
    with pytest.raises(TypeError, match="bytes"):
        Estimate.from_bytes("text")


@pytest.mark.parametrize(
    "change",
    [
        {"confidence_level": 0.0},
        {"confidence_level": 1.0},
        {"confidence_level": "x"},
        {"stopping": "never"},
        {"stopping": 3},
        {"stopping": "anytime", "tuned": 0.0},
        {"stopping": "anytime", "tuned": float("inf")},
        {"tuned": -1.0},
        {"success": 1},
        {"message": None},
        {"version": 1.0},
        {"version": True},
        {"layout": 3},
        {"runs": [["a"]]},
    ],
)
def test_headers_with_a_right_checksum_are_checked_too(values, change):
    data = estimate_of(values).to_bytes()[:-8]
    start = data.index(b"{")
    length = int.from_bytes(data[start - 8 : start], "little")
    header = json.loads(data[start : start + length]) | change
    text = json.dumps(header).encode()
    for forged in (text, b"[" * 10**5):
        body = data[: start - 8] + len(forged).to_bytes(8, "little") + forged
        body += data[start + length :]
        with pytest.raises(ValueError, match="to_bytes"):
            Estimate.from_bytes(body + hashlib.blake2b(body, digest_size=8).digest())


# ---- intervals ----


@pytest.mark.parametrize(
    "degrees", [1, 2, 2.5, 3, 4, 5, 7, 10, 15, 30, 100, 999, 1000, 10_000, math.inf]
)
def test_student_quantiles(degrees):
    for p in (0.6, 0.9, 0.975, 0.995, 0.9995, 0.99995, 1 - 1e-9, 1 - 2**-53):
        exact = scipy.stats.t.isf(1 - p, degrees)
        bound = 1e-11 if degrees < 1000 else 1e-9
        assert student_quantile(p, degrees) == pytest.approx(exact, rel=bound)
        assert student_quantile(1 - p, degrees) == pytest.approx(-exact, rel=bound)
    assert student_quantile(0.5, degrees) == pytest.approx(0, abs=1e-15)


def test_confidence_interval(values):
    e = estimate_of(values[0])
    low, high = e.confidence_interval(0.99)
    expected = scipy.stats.t.interval(0.99, e.n - 1, e.mean, e.standard_error)
    assert (low, high) == pytest.approx(expected, rel=1e-12)
    assert e.confidence_interval() == e.confidence_interval(0.95)
    for level in (0, 1, -1, 2):
        with pytest.raises(ValueError, match="level"):
            e.confidence_interval(level)


def test_the_anytime_interval_is_wider(values):
    e = estimate_of(values[0])
    usual = e.confidence_interval()
    e.stopping, e.tuned = "anytime", 65536.0
    wide = e.confidence_interval()
    assert 1.3 < (wide.high - wide.low) / (usual.high - usual.low) < 1.8
    assert anytime_width(100, 1, 0.95, 100) > anytime_width(1000, 1, 0.95, 100)


# False alarms: errors of a moment's error, from 100 repetitions, are a factor 1 +- 0.07 each; 0.3
# is over four of them.
@pytest.mark.parametrize(
    "law", [("normal", 0.0, 1.0), ("exponential", 0.0, 1.0), ("uniform", 0.0, 1.0)]
)
def test_errors_of_moments_are_what_they_vary_by(law):
    runs = [expectation(None, Law(*law), n=16 * CHUNK, rng=seed) for seed in range(100)]
    for moment in ("mean", "variance", "skewness", "kurtosis"):
        spread = np.std([getattr(e, moment) for e in runs], ddof=1)
        claimed = np.sqrt(np.mean([e.moment_error(moment) ** 2 for e in runs]))
        assert claimed == pytest.approx(spread, rel=0.3), moment


def test_moment_errors_of_few_samples():
    e = expectation(None, NORMAL, n=1000, rng=1)
    assert np.isnan(e.moment_error("skewness"))
    assert 0.02 < e.moment_error("variance") < 0.08
    with pytest.raises(ValueError, match="moment"):
        e.moment_error("median")


# ---- for people ----


def test_repr():
    e = expectation(lambda x: x > 0.25, UNIFORM, n=2**20, rng=1)
    assert repr(e).startswith("0.7")
    assert " +- 0.00083 (95 %), n = 1,048,576" in repr(e)
    assert repr(expectation(None, NORMAL, n=1, rng=1)).endswith("+- inf (95 %), n = 1")
    assert repr(Estimate(Layout(1, True))) == "Estimate(no samples)"
    many = expectation(lambda x: np.stack([x] * 20, -1), NORMAL, n=5000, rng=1)
    assert "..." in repr(many)
    assert repr(expectation(lambda x: 0 * x + 3, UNIFORM, n=100, rng=1)) == "3 +- 0 (95 %), n = 100"


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (0.70711, 0.000123, "0.70711 +- 0.00012"),
        (0.70711, 0.0000996, "0.70711 +- 0.00010"),
        (1234.5678, 12.3, "1235 +- 12"),
        (-3.2, 0.5, "-3.20 +- 0.50"),
        (1e9, 1e4, "(1.000000 +- 0.000010)e+09"),
        (2.5e-8, 1e-10, "(2.500 +- 0.010)e-08"),
        (0.0, 0.25, "0.00 +- 0.25"),
        (float("nan"), float("nan"), "nan +- nan"),
    ],
)
def test_valuewith_error(value, error, text):
    from fastnet.montecarlo._statistics import with_error

    assert with_error(value, error) == text


def test_no_iteration_and_no_hash():
    e = expectation(None, NORMAL, n=10, rng=1)
    with pytest.raises(TypeError, match="no parts"):
        list(e)
    with pytest.raises(TypeError):
        hash(e)
    assert e != 3
    assert fastnet.montecarlo.Estimate is Estimate
