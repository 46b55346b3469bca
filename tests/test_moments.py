"""Moments of arrays: against wide arithmetic, SciPy and NumPy, at every level and layout."""

import numpy as np
import pytest
from helpers import FMA_LEVELS, assert_same_bits, eps, use_threads
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import fastnet
from fastnet import _core, describe
from fastnet.reference import moments as reference

BLOCK, ROWS = _core.MOMENTS_BLOCK, _core.MOMENTS_ROWS
LENGTHS = [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 255, BLOCK - 1, BLOCK, BLOCK + 1, 70001]
FIELDS = ("mean", "variance", "skewness", "kurtosis", "min", "max")
# Worst case relative to m4, derived in cpp/dispatch/moments.hpp: 48 (K + 8) u with K = 1024 + 4,
# and 10 roundings more a level of the tree.
BOUND = 48 * (1036 + 10 * 20) * eps(np.float64)


def fields(d):
    return [np.asarray(getattr(d, name)) for name in FIELDS]


def exact(x, weights=None):
    """Mean, variance with ddof=1, skewness and kurtosis in long double."""
    x = x.astype(np.longdouble)
    w = np.ones(len(x), np.longdouble) if weights is None else weights.astype(np.longdouble)
    n = w.sum()
    near = (w * x).sum() / n
    x = x - near  # the mean of these has as many digits as they have
    shift = (w * x).sum() / n
    m2, m3, m4 = ((w * (x - shift) ** k).sum() / n for k in (2, 3, 4))
    with np.errstate(all="ignore"):
        return near + shift, n * m2 / (n - 1), m3 / m2**1.5, m4 / m2**2 - 3


def assert_moments(d, x, weights=None, at=()):
    mean, variance, skewness, kurtosis = exact(x, weights)
    got = [np.asarray(v)[at] if np.ndim(v) else v for v in fields(d)]
    scale = np.abs(x).max() * eps(np.float64)
    assert abs(got[0] - mean) <= 2 * scale
    if variance > 0 and np.isfinite(variance):
        assert abs(got[1] - variance) <= BOUND * variance
        fourth = kurtosis + 3
        assert abs(got[2] - skewness) <= 2 * BOUND * fourth**0.75
        assert abs(got[3] - kurtosis) <= 2 * BOUND * fourth
    counted = x if weights is None else x[weights > 0]
    assert got[4] == counted.min()
    assert got[5] == counted.max()


# ---- values ----


@pytest.mark.parametrize("mean", [0.0, 1e9], ids=["centred", "far"])
def test_vector(isa, dtype, rng, mean):
    if dtype == np.float32:
        mean /= 1e6  # the data, not the sums, would lose their digits
    for n in LENGTHS:
        x = (mean + rng.standard_normal(n)).astype(dtype)
        assert_moments(describe(x), x)
        x = (mean + rng.exponential(size=n)).astype(dtype)
        assert_moments(describe(x), x)


def test_columns_and_rows(isa, dtype, rng):
    shapes = [(1, 1), (5, 3), (7, 8), (8, 9), (9, 15), (16, 16), (33, 17), (300, 5), (131, 64)]
    for rows, columns in [*shapes, (ROWS + 1, 65), (2 * ROWS + 3, 2), (20, 600)]:
        x = (3 + rng.standard_normal((rows, columns))).astype(dtype)
        for array, axis in ((x, 0), (np.asfortranarray(x), 0), (x.T, 1), (x.T.copy(), 1)):
            d = describe(array, axis)
            assert d.n == rows
            assert d.mean.shape == (columns,)
            for c in {0, columns // 2, columns - 1}:
                assert_moments(d, x[:, c], at=c)


def test_strided_matrices(dtype, rng):
    x = rng.standard_normal((60, 40)).astype(dtype)
    for array in (
        x[:, :1],
        x[:1],
        x[:, 3:4].T,
        x[::2, ::3],
        x[::-1],
        x[:, ::-1],
        x[5:9, 2:30],
        x.T[::-1],
    ):
        for axis in (None, 0, 1):
            ours, plain = describe(array, axis), describe(array.copy(), axis)
            for a, b in zip(fields(ours), fields(plain), strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)
    repeated = describe(np.broadcast_to(x[0], (7, 40)), 0)
    np.testing.assert_array_equal(repeated.mean, x[0])
    np.testing.assert_array_equal(repeated.variance, 0)
    swapped = describe(x.astype(x.dtype.newbyteorder()), 0)
    np.testing.assert_array_equal(swapped.mean, describe(x, 0).mean)


def test_views_are_not_copied_and_agree(dtype, rng):
    x = rng.standard_normal((40, 50, 6)).astype(dtype)
    for axis in (None, 0, 1, 2, -1, (0, 1), (1, 2), (0, 2), (0, 1, 2), ()):
        axes = tuple(range(3)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        for array in (
            x,
            np.asfortranarray(x),
            x[::-1],
            x[:, ::2],
            x[..., 1:4],
            x.transpose(1, 0, 2),
        ):
            d = describe(array, axis, bias=False)
            kept = describe(array, axis, keepdims=True)
            wide = array.astype(float)
            for name, f in (("mean", np.mean), ("min", np.min), ("max", np.max)):
                np.testing.assert_allclose(getattr(d, name), f(wide, axes), rtol=1e-12, atol=1e-15)
                assert getattr(kept, name).shape == f(wide, axes, keepdims=True).shape
            if axes:
                expected = np.var(wide, axes, ddof=1)
                np.testing.assert_allclose(d.variance, expected, rtol=1e-12)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("ddof", [0, 1])
def test_like_scipy(dtype, rng, bias, ddof):
    x = rng.gamma(2.0, size=(1000, 7)).astype(dtype)
    theirs = stats.describe(x.astype(float), 0, ddof, bias)
    ours = describe(x, 0, ddof=ddof, bias=bias)
    assert ours.n == theirs.nobs
    for got, want in zip(fields(ours), (*theirs[2:], *theirs[1]), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(ours.standard_deviation, np.sqrt(theirs.variance), rtol=1e-12)


def test_mean_far_from_zero(dtype):
    # Numbers of which 1e9 + x is exact: the moments are those of x to the last bits.
    x = np.arange(-500, 501).repeat(97) / 1024
    far = describe(x + 1e9)
    near = describe(x)
    assert far.mean == 1e9
    np.testing.assert_allclose(far.variance, near.variance, rtol=1e-14)
    np.testing.assert_allclose(far.skewness, near.skewness, atol=1e-14)
    np.testing.assert_allclose(far.kurtosis, near.kurtosis, rtol=1e-13)


def test_values_that_make_the_first_pivot_a_bad_one(rng):
    # The first 16 values of a block, or 8 rows, are far from all the others.
    for first in (16, 8, 1):
        x = rng.standard_normal(3 * BLOCK)
        x[:first] = x[BLOCK : BLOCK + first] = 1e8
        assert_moments(describe(x), x)
        assert_moments(describe(x.reshape(-1, 12), 0), x[::12], at=0)
    x = np.sort(rng.standard_cauchy(50000))
    assert_moments(describe(x), x)


# ---- the same bits ----


def test_same_bits_at_every_level_and_number_of_threads(dtype, rng):
    arrays = [rng.standard_normal(n).astype(dtype) for n in (5, BLOCK + 3, 65 * BLOCK + 77)]
    arrays.append(arrays[-1][: 5000 * 37].reshape(5000, 37))
    arrays.append(arrays[-1][:, :36])
    weights = rng.random(5000)
    for x in arrays:
        for axis in range(-1, x.ndim):
            options = {"covariance": True} if x.ndim == 2 and axis == 0 else {}
            for w in (None, weights) if x.ndim == 2 and axis == 0 else (None,):
                results = []
                for level in FMA_LEVELS:
                    for n in (1, 2, 7):
                        with fastnet.runtime.use_isa(level):
                            use_threads(n)
                            d = describe(x, None if axis < 0 else axis, weights=w, **options)
                        results.append([*fields(d), d.covariance if options else np.zeros(1)])
                use_threads(None)
                for result in results[1:]:
                    for a, b in zip(results[0], result, strict=True):
                        assert_same_bits(a, b)


def test_merged_halves_are_the_whole(rng):
    n = 4 * BLOCK
    x = 1e6 + rng.exponential(size=n)
    nodes = np.empty((4, 1, 8))
    _core.moments(x.reshape(4, -1, 1), None, nodes, np.empty((4, 1), np.int64))
    merged, whole = np.empty(8), np.empty((1, 1, 8))
    _core.merge_moments(nodes[:, 0], merged)
    _core.moments(x.reshape(1, -1, 1), None, whole, np.empty((1, 1), np.int64))
    assert_same_bits(merged, whole[0, 0])


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=50), st.data())
@settings(max_examples=100, deadline=None)
def test_reference_merges_and_agrees(values, data):
    x = np.array(values)
    split = data.draw(st.integers(1, len(x) - 1))
    whole = reference.moments(x)
    merged = reference.merge(reference.moments(x[:split]), reference.moments(x[split:]))
    out = np.empty((1, 1, 8))
    _core.moments(x.reshape(1, -1, 1), None, out, np.empty((1, 1), np.int64))
    ours = reference.Moments(*np.delete(out[0, 0], 2))
    spread = max(float(np.ptp(x)), float(np.abs(x).max()) * 1e-3)
    for k, (a, b, c) in enumerate(zip(whole, merged, ours, strict=True)):
        power = {2: 2, 3: 3, 4: 4}.get(k, 0)
        scale = len(x) * spread**power if power else np.abs(x).max() + 1
        assert abs(a - b) <= 1e-11 * scale
        assert abs(a - c) <= 1e-11 * scale


# ---- weights ----


def test_weights_are_repeats(isa, dtype, rng):
    for n in (1, 3, 16, 17, 100, BLOCK + 5):
        x = (5 + rng.standard_normal((n, 3))).astype(dtype)
        w = rng.integers(0, 4, n)
        w[0] = 1
        repeated = np.repeat(x, w, axis=0)
        for ours, plain in (
            (describe(x, 0, weights=w), describe(repeated, 0)),
            (describe(x.T.copy(), 1, weights=w), describe(repeated, 0)),
            (describe(x, weights=np.repeat(w[:, None], 3, 1)), describe(repeated)),
            (describe(x, 0, weights=np.repeat(w[:, None], 3, 1)), describe(repeated, 0)),
        ):
            assert np.all(ours.n == plain.n)
            for a, b in zip(fields(ours), fields(plain), strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-11)


def test_real_weights_and_weight_zero(isa, rng):
    x, w = 1e4 + rng.standard_normal(9999), rng.exponential(size=9999)
    w[::7] = 0
    y = x.copy()
    y[::7] = np.tile([np.nan, np.inf, -np.inf, 1e300], 9999)[: len(y[::7])]
    assert_moments(describe(y, weights=w), x, w)
    d = describe(np.stack([y, x], 1), 0, weights=w)
    assert_moments(d, x, w, at=0)
    assert not np.any(d.nan_count)
    none = describe(x, weights=np.zeros(9999))
    assert none.n == 0
    assert np.isnan(fields(none)).all()


# ---- odd values ----


def test_nothing_one_value_and_constants(dtype):
    for empty in (np.empty(0, dtype), np.empty((0, 3), dtype), np.empty((3, 0), dtype)):
        d = describe(empty)
        assert d.n == 0
        assert np.isnan(fields(d)).all()
    d = describe(np.empty((0, 3), dtype), 0)
    assert d.mean.shape == (3,)
    assert np.isnan(fields(d)).all()
    assert describe(np.empty((3, 0), dtype), 0).mean.shape == (0,)
    d = describe(dtype.type(3))
    assert (d.n, d.mean, d.min, d.max) == (1, 3, 3, 3)
    assert np.isnan([d.variance, d.skewness, d.kurtosis]).all()
    assert describe([3.0], ddof=0).variance == 0
    for value in (0.1, 1e9 + 1 / 3, -1e-300, 1e300):
        for n in (2, 17, 3 * BLOCK + 5):
            for x in (np.full(n, value), np.full((n, 3), value)[:, 0]):
                d = describe(x)
                assert d.mean == d.min == d.max == value
                assert d.variance == 0
                assert np.isnan([d.skewness, d.kurtosis]).all()
            assert np.all(describe(np.full((n, 200), value), 0).variance == 0)


def test_infinities(isa, dtype):
    for n in (20, BLOCK + 100):
        x = np.ones(n, dtype)
        x[3] = np.inf
        for d in (describe(x), describe(np.stack([x, x], 1), 0)):
            assert np.all(d.mean == np.inf)
            assert np.all(d.max == np.inf)
            assert np.all(d.min == 1)
            assert np.isnan(d.variance).all()
        x[-1] = -np.inf
        d = describe(x)
        assert np.isnan(d.mean)
        assert (d.min, d.max) == (-np.inf, np.inf)


def test_nan_policies(isa, dtype, rng):
    for n in (20, 300, BLOCK + 100):
        x = rng.standard_normal((n, 5)).astype(dtype)
        holes = rng.random((n, 5)) < 0.1
        holes[0, 0], holes[:, 1] = True, False
        x[holes] = np.nan
        d = describe(x, 0)
        assert np.array_equal(d.nan_count, holes.sum(0))
        assert d.n == n
        assert np.isnan(fields(d))[:, holes.any(0)].all()
        assert_moments(d, x[:, 1], at=1)
        for array, axis in ((x, 0), (x.T.copy(), 1)):
            d = describe(array, axis, nan_policy="omit")
            assert np.array_equal(d.n, n - holes.sum(0))
            for c in range(5):
                assert_moments(d, x[~holes[:, c], c], at=c)
        with pytest.raises(ValueError, match=rf"got {holes.sum()}"):
            describe(x, nan_policy="raise")
    d = describe([np.nan, np.nan], nan_policy="omit")
    assert (d.n, d.nan_count) == (0, 2)
    assert np.isnan(d.mean)


def test_extreme_values_do_not_overflow_where_the_result_does_not():
    x = np.array([1e300, 2e300, 3e300])
    assert describe(x).mean == 2e300
    assert describe(np.full(100, 1.7e308)).mean == 1.7e308
    d = describe(np.array([1.0, 2, 3, 10]) * 1e70)
    near = describe([1.0, 2, 3, 10])
    np.testing.assert_allclose([d.skewness, d.kurtosis], [near.skewness, near.kurtosis], rtol=1e-12)


# ---- covariance ----


def test_covariance(isa, dtype, rng):
    for rows, columns in ((2, 1), (3, 4), (257, 17), (5000, 33), (600, 300)):
        x = (1e3 + rng.standard_normal((rows, columns)).cumsum(1)).astype(dtype)
        expected = np.cov(x.astype(np.longdouble).T).astype(float)
        sd = np.sqrt(np.diag(np.atleast_2d(expected)))
        for array, axis in ((x, 0), (np.asfortranarray(x), 0), (x.T.copy(), 1), (x.T, 1)):
            d = describe(array, axis, covariance=True)
            error = np.abs(d.covariance - expected) / np.outer(sd, sd)
            # A chain of 256 and one of n / 4096 additions; the terms are at most sd_i sd_j.
            assert error.max() <= (260 + rows / 4096 + 16) * eps(np.float64)
            assert_same_bits(d.covariance, d.covariance.T)
            np.testing.assert_allclose(np.diag(d.covariance), d.variance, rtol=1e-13)
    w = rng.integers(1, 4, 600)
    ours = describe(x, 0, weights=w, covariance=True, ddof=0).covariance
    np.testing.assert_allclose(ours, np.cov(x.T.astype(float), fweights=w, ddof=0), rtol=1e-11)


def test_covariance_with_nan(rng):
    x = rng.standard_normal((10, 3))
    x[2, 1] = np.nan
    c = describe(x, 0, covariance=True).covariance
    assert np.array_equal(np.isnan(c), [[0, 1, 0], [1, 1, 1], [0, 1, 0]])
    with pytest.raises(ValueError, match="remove those rows"):
        describe(x, 0, covariance=True, nan_policy="omit")


# ---- bad input ----


@pytest.mark.parametrize(
    ("error", "match", "x", "options"),
    [
        (TypeError, "x must be an array of numbers", ["a"], {}),
        (ValueError, "x must be real", [1j], {}),
        (ValueError, "axis", [1.0], {"axis": 1}),
        (TypeError, "axis", [1.0], {"axis": 0.0}),
        (ValueError, "axis", [[1.0]], {"axis": (0, 0)}),
        (TypeError, "ddof", [1.0], {"ddof": "1"}),
        (TypeError, "bias", [1.0], {"bias": 1}),
        (ValueError, "propagate, omit, raise", [1.0], {"nan_policy": "ignore"}),
        (ValueError, "not negative", [1.0, 2], {"weights": [1, -1]}),
        (ValueError, "finite", [1.0, 2], {"weights": [1, np.nan]}),
        (ValueError, "finite", [1.0, 2], {"weights": [1, np.inf]}),
        (ValueError, r"weights must have x's shape \(2,\)", [1.0, 2], {"weights": [1]}),
        (ValueError, "covariance needs", [1.0, 2], {"covariance": True}),
        (ValueError, "covariance needs", [[1.0, 2]], {"covariance": True}),
    ],
)
def test_bad_input(error, match, x, options):
    with pytest.raises(error, match=match):
        describe(x, **options)


def test_integers_and_input_are_left_alone():
    x = np.arange(12).reshape(3, 4)
    x.flags.writeable = False
    assert describe(x).mean == 5.5
    assert describe(x > 5).mean == 0.5
    assert describe([2**40, 2**40 + 2]).mean == 2**40 + 1
