"""softmax, log_softmax, argmax and one_hot against the reference at every level."""

import numpy as np
import pytest
import scipy.special
from helpers import (
    FMA_LEVELS,
    assert_same_bits,
    assert_within,
    eps,
    exp_sum_error,
    layouts,
    row_roundings,
    use_threads,
)

import fastnet
import fastnet.functional as F
from fastnet import reference

# Around one and two logical vectors of both types, and around the 16 vectors of a block.
LENGTHS = [*range(1, 34), 127, 128, 129, 255, 256, 257, 1000, 4099]


def softmax_bound(x, y, dtype):
    total, spread = exp_sum_error(x.astype(float), dtype)
    # The term itself, the sum, the division and the product.
    return y * (eps(dtype) * (spread + 4 + 2) + total) * 1.01 + np.finfo(dtype).tiny


def log_softmax_bound(x, y, dtype):
    total, spread = exp_sum_error(x.astype(float), dtype)
    # x - m, the logarithm (2 ulp) of the sum, the difference.
    return (eps(dtype) * (spread + 4 * np.abs(spread - np.abs(y)) + np.abs(y)) + total) * 1.01


def test_worked_numbers():
    x = np.log(np.array([[1.0, 2.0, 5.0]]))
    np.testing.assert_allclose(reference.softmax(x, -1), [[1 / 8, 2 / 8, 5 / 8]], rtol=1e-15)
    np.testing.assert_allclose(
        reference.log_softmax(x, 1), np.log([[1 / 8, 1 / 4, 5 / 8]]), rtol=1e-15
    )
    # Softmax's Jacobian is diag(y) - y y'.
    y = np.array([0.25, 0.75])
    np.testing.assert_allclose(
        reference.softmax_backward(np.array([1.0, 0.0]), y, 0), [3 / 16, -3 / 16]
    )
    np.testing.assert_allclose(
        reference.log_softmax_backward(np.array([1.0, 0.0]), np.log(y), 0), [0.75, -0.75]
    )


def test_reference_agrees_with_scipy(rng):
    x = 5 * rng.standard_normal((4, 7, 3))
    for dim in (0, 1, 2, -1):
        np.testing.assert_allclose(
            reference.softmax(x, dim), scipy.special.softmax(x, dim), rtol=1e-14
        )
        np.testing.assert_allclose(
            reference.log_softmax(x, dim), scipy.special.log_softmax(x, dim), rtol=1e-13
        )


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_reference_backward_agrees_with_differences(rng, name):
    function, backward = getattr(reference, name), getattr(reference, f"{name}_backward")
    x, dy, h = rng.standard_normal((3, 5)), rng.standard_normal((3, 5)), 1e-5
    dx = backward(dy, function(x, 1), 1)
    for i in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[i] = h
        slope = (dy * (function(x + step, 1) - function(x - step, 1))).sum() / (2 * h)
        # h^2 times a third derivative (at most 1), and rounding eps / h.
        assert abs(slope - dx[i]) <= 10 * (h**2 + 2.0**-52 / h)


@pytest.mark.parametrize("rows", [1, 5])
def test_forward_matches_reference(isa, dtype, rng, rows):
    for n in LENGTHS:
        x = (3 * rng.standard_normal((rows, n))).astype(dtype)
        y = reference.softmax(x.astype(float), -1)
        assert_within(F.softmax(x, -1), y, softmax_bound(x, y, dtype))
        y = reference.log_softmax(x.astype(float), -1)
        assert_within(F.log_softmax(x, -1), y, log_softmax_bound(x, y, dtype))


def test_backward_matches_reference(isa, dtype, rng):
    for n in LENGTHS:
        x, dy = rng.standard_normal((2, 3, n)).astype(dtype)
        roundings = row_roundings(n, dtype) + 1
        y = reference.softmax(x.astype(float), -1).astype(dtype)
        magnitude = np.abs(dy.astype(float) * y).sum(axis=-1, keepdims=True)
        bound = y * (eps(dtype) * (roundings * magnitude + 3 * (np.abs(dy) + magnitude)))
        expected = reference.softmax_backward(dy.astype(float), y.astype(float), -1)
        assert_within(F.softmax_backward(dy, y, -1), expected, 1.01 * bound)
        y = reference.log_softmax(x.astype(float), -1).astype(dtype)
        p, magnitude = np.exp(y.astype(float)), np.abs(dy.astype(float)).sum(axis=-1, keepdims=True)
        bound = eps(dtype) * (p * magnitude * (roundings + 4 + 2) + 2 * np.abs(dy))
        expected = reference.log_softmax_backward(dy.astype(float), y.astype(float), -1)
        assert_within(F.log_softmax_backward(dy, y, -1), expected, 1.01 * bound)


def test_same_bits_on_every_fma_level_thread_count_and_batch(dtype, rng):
    x, dy = rng.standard_normal((2, 1200, 50)).astype(dtype)
    results = []
    for level in FMA_LEVELS:
        for n in (1, 2, 7):
            use_threads(n)
            with fastnet.runtime.use_isa(level):
                y, z = F.softmax(x, 1), F.log_softmax(x, 1)
                dx = F.softmax_backward(dy, y, 1)
                results.append((y, z, dx, F.log_softmax_backward(dy, z, 1), F.argmax(x, 1)))
                assert_same_bits(np.stack([F.softmax(row, 0) for row in x[:20]]), y[:20])
                assert_same_bits(np.stack([F.log_softmax(row, 0) for row in x[:20]]), z[:20])
    use_threads(None)
    for result in results[1:]:
        for a, b in zip(result, results[0], strict=True):
            assert_same_bits(a, b)


def test_any_dim_and_layout_gives_the_same_bits(dtype, rng):
    x, dy = rng.standard_normal((2, 3, 4, 5)).astype(dtype)
    for name in ("softmax", "log_softmax"):
        function, backward = getattr(F, name), getattr(F, f"{name}_backward")
        for dim in range(3):
            moved, moved_dy = np.moveaxis(x, dim, -1).copy(), np.moveaxis(dy, dim, -1).copy()
            y = function(x, dim)
            assert_same_bits(y, function(x, dim - 3))
            assert_same_bits(np.moveaxis(y, dim, -1), function(moved, -1))
            dx = backward(dy, y, dim)
            assert_same_bits(np.moveaxis(dx, dim, -1), backward(moved_dy, function(moved, -1), -1))
            for (_, lx), (_, ldy) in zip(layouts(x), layouts(dy), strict=True):
                assert_same_bits(function(lx, dim), y)
                assert_same_bits(backward(ldy, y, dim), dx)


@pytest.mark.parametrize("n", [2, 15, 16, 17, 33, 300])
def test_large_logits_stay_finite(isa, dtype, n):
    x = np.zeros((3, n), dtype)
    x[0] = 1e4
    x[1, -1] = 1e4
    x[2] = -1e4
    x[2, 0] = np.finfo(dtype).max / 2
    y, z = F.softmax(x, -1), F.log_softmax(x, -1)
    one_hot = np.eye(n, dtype=dtype)
    np.testing.assert_allclose(y[0], 1 / n, rtol=4 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(y[1:], one_hot[[n - 1, 0]])
    np.testing.assert_allclose(z[0], -np.log(n), rtol=4 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(z[1], 1e4 * (one_hot[n - 1] - 1))
    assert np.isfinite(z).all()


@pytest.mark.parametrize("n", [1, 15, 16, 17, 33, 300])
def test_nan_and_infinities_fill_their_row_only(isa, dtype, n):
    x = np.zeros((4, n), dtype)
    x[0, -1] = np.nan
    x[1, -1] = np.inf
    x[2] = -np.inf
    for function in (F.softmax, F.log_softmax):
        y = function(x, -1)
        assert np.isnan(y[:3]).all()
        assert np.isfinite(y[3]).all()
    x = np.zeros(n + 1, dtype)
    x[-1] = -np.inf
    assert F.softmax(x, 0)[-1] == 0
    assert F.log_softmax(x, 0)[-1] == -np.inf
    assert np.isfinite(F.log_softmax(x, 0)[:-1]).all()


def test_a_row_sums_to_one_and_a_shift_changes_nothing_much(dtype, rng):
    x = rng.standard_normal((20, 100)).astype(dtype)
    y = F.softmax(x, 1).astype(float)
    bound = softmax_bound(x, y, dtype)
    assert_within(y.sum(axis=1), np.ones(20), bound.sum(axis=1))
    # A power of two that keeps all bits of x - m.
    assert_same_bits(F.softmax(np.round(x * 16), 1), F.softmax(np.round(x * 16) + 1024, 1))


def test_out_is_filled_in_place_too(dtype, rng):
    x, dy = rng.standard_normal((2, 4, 37)).astype(dtype)
    for name in ("softmax", "log_softmax"):
        function, backward = getattr(F, name), getattr(F, f"{name}_backward")
        for dim in (0, 1):
            y = function(x, dim)
            dx = backward(dy, y, dim)
            buffer = x.copy()
            assert function(buffer, dim, out=buffer) is buffer
            assert_same_bits(buffer, y)
            for given in ("dy", "y"):
                arrays = {"dy": dy.copy(), "y": y.copy()}
                assert_same_bits(backward(**arrays, dim=dim, out=arrays[given]), dx)
    with pytest.raises(ValueError, match="out must have shape"):
        F.softmax(x, 1, out=np.empty((37, 4), dtype))
    flat = np.zeros(50, dtype)
    with pytest.raises(ValueError, match="overlap"):
        F.softmax(flat[:40], 0, out=flat[10:])


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0), (2, 0, 3)])
def test_zero_sizes(dtype, shape):
    x = np.ones(shape, dtype)
    for dim in range(len(shape)):
        for function in (F.softmax, F.log_softmax):
            assert function(x, dim).shape == shape
        assert F.softmax_backward(x, x, dim).shape == shape
    assert F.softmax(np.float64(3), 0) == 1


def test_bad_arguments_are_named(dtype):
    x = np.ones((2, 3), dtype)
    for dim in (2, -3):
        with pytest.raises(ValueError, match=rf"dim must be from -2 to 1, got {dim}"):
            F.softmax(x, dim)
    for dim in (None, 1.0, True):
        with pytest.raises(TypeError, match="dim must be an int"):
            F.softmax(x, dim)
    with pytest.raises(ValueError, match=r"y must have dy's shape \(2, 3\), got \(3, 2\)"):
        F.softmax_backward(x, x.T, 1)
    other = np.float64 if dtype == np.float32 else np.float32
    with pytest.raises(TypeError, match="y must have dtype"):
        F.softmax_backward(x, x.astype(other), 1)


# ---- argmax and one_hot ----


def test_argmax_is_numpys(isa, dtype, threads, rng):
    for n in LENGTHS:
        # Few values, so that ties are the rule.
        x = rng.integers(-3, 3, (6, n)).astype(dtype)
        x[1] = -np.inf
        x[2, n // 2] = np.nan
        x[3, -1] = np.nan
        x[4, -1] = np.inf
        np.testing.assert_array_equal(F.argmax(x, 1), np.argmax(x, 1))
        np.testing.assert_array_equal(F.argmax(x, -1, keepdim=True), np.argmax(x, 1, keepdims=True))
        np.testing.assert_array_equal(F.argmax(x, 0), np.argmax(x, 0))
        assert F.argmax(x) == np.argmax(x)


def test_argmax_shapes_and_dtypes(dtype):
    x = np.arange(24, dtype=dtype).reshape(2, 3, 4)
    for dim in (None, 0, 1, 2, -2):
        for keepdim in (False, True):
            expected = np.argmax(x, axis=dim, keepdims=keepdim)
            result = F.argmax(x, dim, keepdim)
            assert result.dtype == np.int64
            assert result.shape == expected.shape
            np.testing.assert_array_equal(result, expected)
    assert isinstance(F.argmax(x), np.int64)
    assert F.argmax(dtype.type(3), 0) == 0
    assert F.argmax(np.zeros((0, 3), dtype), 1).shape == (0,)


def test_argmax_of_integers_is_exact():
    x = np.array([2**60, 2**60 + 1])
    assert F.argmax(x) == 1
    assert F.argmax([[False, True]], 1) == [1]


def test_argmax_of_nothing_is_an_error(dtype):
    with pytest.raises(ValueError, match="at least one element"):
        F.argmax(np.zeros((2, 0), dtype), 1)
    with pytest.raises(ValueError, match="at least one element"):
        F.argmax(np.zeros(0, dtype))


def test_one_hot():
    np.testing.assert_array_equal(F.one_hot([0, 2]), [[1, 0, 0], [0, 0, 1]])
    index = np.array([[1, 0], [3, 2]], np.uint8)
    for classes in (-1, 4, 6):
        result = F.one_hot(index, classes)
        assert result.dtype == np.int64
        np.testing.assert_array_equal(result, reference.one_hot(index, classes))
    np.testing.assert_array_equal(F.one_hot(np.int64(1), 3), [0, 1, 0])
    assert F.one_hot(np.zeros((0, 2), int), 3).shape == (0, 2, 3)


def test_one_hot_names_what_is_wrong():
    with pytest.raises(ValueError, match=r"index must be in \[0, 3\), got values from 1 to 3"):
        F.one_hot([1, 3], 3)
    with pytest.raises(ValueError, match="got values from -1"):
        F.one_hot([-1, 2])
    with pytest.raises(ValueError, match="num_classes must be given"):
        F.one_hot(np.zeros(0, int))
    with pytest.raises(ValueError, match="num_classes must be at least 1"):
        F.one_hot([0], 0)
    with pytest.raises(TypeError, match="integer dtype, got float64"):
        F.one_hot(np.ones(2))
    with pytest.raises(TypeError, match="num_classes must be an int"):
        F.one_hot([0], 2.0)
