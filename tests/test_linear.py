"""The linear layer: F.linear and F.linear_backward against the reference at every level."""

import tracemalloc

import numpy as np
import pytest
from helpers import FMA_LEVELS, assert_same_bits, assert_within, layouts, product_bound, use_threads

import fastnet
import fastnet.functional as F
from fastnet import reference

# Rows around the tiles' heights (6 and 14), columns around 1, 2, 4 and 8 registers of every level.
SIZES = [1, 2, 5, 8, 14, 15, 17, 29, 33, 65, 130]


def make(rng, m, k, n, dtype):
    x = rng.standard_normal((m, k)).astype(dtype)
    weight = rng.standard_normal((n, k)).astype(dtype)
    bias = rng.standard_normal(n).astype(dtype)
    return x, weight, bias


@pytest.mark.parametrize("m", SIZES)
def test_linear_matches_reference(isa, dtype, threads, rng, m):
    for n in SIZES if threads == 1 else SIZES[::3]:
        for k in (1, 3, 16, 67):
            x, weight, bias = make(rng, m, k, n, dtype)
            expected = reference.linear(x.astype(float), weight.astype(float), bias.astype(float))
            bound = product_bound(x, weight.T, dtype, extra=2) + np.abs(bias) * np.finfo(dtype).eps
            assert_within(F.linear(x, weight, bias), expected, bound)
            assert_within(F.linear(x, weight, bias, "relu"), np.maximum(expected, 0), bound)


def test_linear_backward_matches_reference(isa, dtype, threads, rng):
    for m, k, n in [(1, 1, 1), (5, 3, 2), (17, 33, 29), (64, 20, 65), (3, 130, 7)]:
        x, weight, _ = make(rng, m, k, n, dtype)
        dy = rng.standard_normal((m, n)).astype(dtype)
        dx, dw, db = F.linear_backward(dy, x, weight)
        rx, rw, rb = reference.linear_backward(
            dy.astype(float), x.astype(float), weight.astype(float)
        )
        assert_within(dx, rx, product_bound(dy, weight, dtype))
        assert_within(dw, rw, product_bound(dy.T, x, dtype))
        assert_within(db, rb, product_bound(np.ones((1, m), dtype), dy, dtype)[0])


def test_long_sums_are_blocked_without_changing_them(isa, dtype, threads, rng):
    # 2500 > 2 * 1024 = kProductDepth: the accumulator is stored and loaded again twice.
    x, weight, bias = make(rng, 20, 2500, 40, dtype)
    y = F.linear(x, weight, bias)
    one_row = np.concatenate([F.linear(x[i : i + 1], weight, bias) for i in range(20)])
    assert_same_bits(y, one_row)
    expected = reference.linear(x.astype(float), weight.astype(float), bias.astype(float))
    assert_within(y, expected, product_bound(x, weight.T, dtype, extra=2))


def test_same_bits_on_every_fma_level_thread_count_and_batch(dtype, rng):
    x, weight, bias = make(rng, 70, 90, 50, dtype)
    dy = rng.standard_normal((70, 50)).astype(dtype)
    results = []
    for level in FMA_LEVELS:
        for n in (1, 2, 3, 7):
            use_threads(n)
            with fastnet.runtime.use_isa(level):
                results.append((F.linear(x, weight, bias), *F.linear_backward(dy, x, weight)))
                results.append(
                    (
                        np.concatenate(
                            [F.linear(x[:13], weight, bias), F.linear(x[13:], weight, bias)]
                        ),
                        *F.linear_backward(dy, x, weight),
                    )
                )
    use_threads(None)
    for result in results[1:]:
        for a, b in zip(result, results[0], strict=True):
            assert_same_bits(a, b)


@pytest.mark.parametrize("m", [1, 15, 16, 17, 70, 300])
def test_a_column_does_not_depend_on_how_many_there_are(isa, dtype, rng, m):
    for k in (1, 16, 37):
        x, weight, bias = make(rng, m, k, 40, dtype)
        dy = rng.standard_normal((m, 40)).astype(dtype)
        y = F.linear(x, weight, bias, "relu")
        _, dw, db = F.linear_backward(dy, x, weight)
        for n in (1, 2, 3, 4, 5):
            assert_same_bits(F.linear(x, weight[:n], bias[:n], "relu"), y[:, :n])
            some = F.linear_backward(dy[:, :n], x, weight[:n])
            assert_same_bits(some[1], dw[:n])
            assert_same_bits(some[2], db[:n])


@pytest.mark.parametrize("need", range(3))
def test_a_gradient_alone_has_the_bits_of_all_three(isa, dtype, threads, rng, need):
    x, weight, _ = make(rng, 70, 20, 67, dtype)
    dy = rng.standard_normal((70, 67)).astype(dtype)
    needs = tuple(i == need for i in range(3))
    every = F.linear_backward(dy, x, weight)
    for _, given in layouts(dy):
        some = F.linear_backward(given, x, weight, needs)
        stacked = F.linear_backward(given.reshape(7, 10, 67), x.reshape(7, 10, 20), weight, needs)
        assert [g is None for g in some] == [not n for n in needs]
        assert_same_bits(some[need], every[need])
        assert_same_bits(np.reshape(stacked[need], every[need].shape), every[need])


def test_a_bias_gradient_alone_makes_none_of_the_weights(rng):
    # They would take 256 MB.
    big = np.zeros((2, 8000), np.float32)
    weight = np.zeros((1, 1), np.float32)
    wide = np.broadcast_to(weight, (8000, 8000))
    tracemalloc.start()
    _, dw, db = F.linear_backward(big, big, wide, (False, False, True))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert dw is None
    assert db.tolist() == [0.0] * 8000
    assert peak < 10_000_000


def test_any_layout_gives_the_same_bits(isa, dtype, rng):
    x, weight, bias = make(rng, 9, 20, 33, dtype)
    dy = rng.standard_normal((9, 33)).astype(dtype)
    expected = F.linear(x, weight, bias)
    gradients = F.linear_backward(dy, x, weight)
    for (_, lx), (_, lw), (_, ldy) in zip(layouts(x), layouts(weight), layouts(dy), strict=True):
        before = lx.copy()
        assert_same_bits(F.linear(lx, weight, bias), expected)
        assert_same_bits(F.linear(x, lw, bias), expected)
        for a, b in zip(F.linear_backward(ldy, lx, lw), gradients, strict=True):
            assert_same_bits(a, b)
        np.testing.assert_array_equal(lx, before)


def test_row_strides_of_4_kib(isa, dtype, rng):
    k = 4096 // dtype.itemsize
    x, weight, bias = make(rng, 40, k, 24, dtype)
    expected = reference.linear(x.astype(float), weight.astype(float), bias.astype(float))
    y = F.linear(x, weight, bias)
    assert_within(y, expected, product_bound(x, weight.T, dtype, extra=2))
    for n in (1, 2, 3, 4):
        assert_same_bits(F.linear(x, weight[:n], bias[:n]), y[:, :n])


@pytest.mark.parametrize(
    "shape",
    [(0, 4, 3), (5, 0, 3), (5, 4, 0), (0, 0, 0), (40, 0, 3), (40, 4, 0), (40, 0, 1), (40, 0, 0)],
)
def test_zero_sizes(isa, dtype, shape):
    m, k, n = shape
    x, weight, bias = np.ones((m, k), dtype), np.ones((n, k), dtype), np.ones(n, dtype)
    np.testing.assert_array_equal(F.linear(x, weight, bias), np.full((m, n), k + 1, dtype))
    dx, dw, db = F.linear_backward(np.ones((m, n), dtype), x, weight)
    np.testing.assert_array_equal(dx, np.full((m, k), n, dtype))
    np.testing.assert_array_equal(dw, np.full((n, k), m, dtype))
    np.testing.assert_array_equal(db, np.full(n, m, dtype))


def test_leading_dimensions(dtype, rng):
    x, weight, bias = make(rng, 24, 5, 7, dtype)
    y = F.linear(x.reshape(2, 3, 4, 5), weight, bias)
    assert y.shape == (2, 3, 4, 7)
    assert_same_bits(y.reshape(24, 7), F.linear(x, weight, bias))
    assert F.linear(x[0], weight, bias).shape == (7,)
    assert F.linear(np.ones((0, 3, 5), dtype), weight).shape == (0, 3, 7)


def test_nan_and_inf_stay_in_their_row(isa, dtype, rng):
    x, weight, bias = make(rng, 31, 20, 35, dtype)
    clean = F.linear(x, weight, bias)
    for value in (np.nan, np.inf):
        dirty = x.copy()
        dirty[30, 19] = value
        y = F.linear(dirty, weight, bias)
        assert_same_bits(y[:30], clean[:30])
        assert not np.isfinite(y[30]).any()
        assert np.isnan(F.linear(dirty, weight, bias, "relu")[30]).all() == np.isnan(value)


def test_out_is_filled_and_checked(dtype, rng):
    x, weight, bias = make(rng, 4, 5, 6, dtype)
    out = np.empty((4, 6), dtype)
    assert F.linear(x, weight, bias, out=out) is out
    assert_same_bits(out, F.linear(x, weight, bias))
    other = np.float64 if dtype == np.float32 else np.float32
    with pytest.raises(TypeError, match="out must have dtype"):
        F.linear(x, weight, out=np.empty((4, 6), other))
    with pytest.raises(TypeError, match="out must have dtype"):
        F.linear(x, weight, out=np.empty((4, 6), dtype.newbyteorder(">")))
    with pytest.raises(ValueError, match="shape"):
        F.linear(x, weight, out=np.empty((6, 4), dtype))
    with pytest.raises(ValueError, match="contiguous"):
        F.linear(x, weight, out=np.empty((4, 12), dtype)[:, ::2])
    frozen = np.empty((4, 6), dtype)
    frozen.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        F.linear(x, weight, out=frozen)
    square = np.ones((5, 5), dtype)
    with pytest.raises(ValueError, match="overlap"):
        F.linear(square, square, out=square)


def test_bad_shapes_and_dtypes_are_named(dtype, rng):
    x, weight, bias = make(rng, 4, 5, 6, dtype)
    with pytest.raises(ValueError, match=r"x must have shape \(\*, 5\), got \(4, 4\)"):
        F.linear(x[:, :4], weight)
    with pytest.raises(ValueError, match=r"bias must have shape \(6,\), got \(5,\)"):
        F.linear(x, weight, bias[:5])
    with pytest.raises(ValueError, match="weight must have shape"):
        F.linear(x, weight[0])
    other = np.float64 if dtype == np.float32 else np.float32
    with pytest.raises(TypeError, match="weight must have dtype"):
        F.linear(x, weight.astype(other))
    with pytest.raises(ValueError, match="activation must be one of"):
        F.linear(x, weight, activation="rellu")


@pytest.mark.parametrize("rows", [0, 1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 33])
def test_a_weight_by_rows_is_transposed_exactly(isa, dtype, rows, rng):
    # Times the identity: every element of the product is a weight and zeros.
    for columns in (1, 2, 3, 5, 8, 15, 16, 17, 32, 50):
        weight = rng.standard_normal((rows, columns)).astype(dtype)
        assert weight.flags.c_contiguous
        assert_same_bits(F.linear(np.eye(columns, dtype=dtype), weight), weight.T)
        dx, _, _ = F.linear_backward(
            np.eye(rows, dtype=dtype), np.ones((rows, columns), dtype), weight.T.copy().T
        )
        assert_same_bits(dx, weight)
