"""Layer and batch normalisation against the reference at every level."""

import numpy as np
import pytest
from helpers import FMA_LEVELS, assert_same_bits, assert_within, eps, layouts, use_threads

import fastnet
import fastnet.functional as F
from fastnet import reference

EPS = 1e-5
LENGTHS = [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 255, 600]


def make(rng, shape, dtype, mean=0.0):
    x = (mean + rng.standard_normal(shape)).astype(dtype)
    n = shape[-1]
    return x, rng.standard_normal(n).astype(dtype), rng.standard_normal(n).astype(dtype)


def wide(array):
    """Return the array with more digits: what the reference is computed in."""
    return array.astype(np.float64 if array.dtype == np.float32 else np.longdouble)


def statistics_bound(x, axis, k, dtype):
    """Return xhat, its bound from dispatch/norm.hpp for sums of k roundings, and sd."""
    u, x = eps(dtype), wide(x)
    mean, sd = x.mean(axis, keepdims=True), np.sqrt(x.var(axis, keepdims=True) + EPS)
    xhat = (x - mean) / sd
    # The first mean is off by k u mean(|x|) at most, in units of sd: d and its sums grow by that.
    growth = 1 + k * u * np.abs(x).mean(axis, keepdims=True) / sd
    error = 2 * np.abs(mean) / sd + k * growth + (k / 2 + 8) * np.abs(xhat) * growth**2
    return xhat, u * error, sd


def gradient_bounds(dy, weight, xhat, error, sd, axis, other, u, k):
    """Return the bounds of dx, dweight and dbias; `axis` is summed for dx, `other` for the rest."""
    g = np.abs(wide(dy) * (1 if weight is None else weight))
    size = np.abs(xhat)
    n, rows = dy.shape[axis], dy.shape[other]
    # Every product of dx has at most 8 roundings besides those of its sum and of xhat.
    sums = (k + 8) * u
    dx = (sums * g + sums * g.mean(axis, keepdims=True)) / sd
    dx += (error * (g * size).mean(axis, keepdims=True)) / sd
    dx += size * ((g * error).mean(axis, keepdims=True)) / sd
    dx += 2 * sums * size * (g * size).mean(axis, keepdims=True) / sd
    # rstd's own error, relative.
    relative = (k / 2 + 8) * u
    dx += relative * (g + g.mean(axis, keepdims=True)) / sd
    dx += relative * size * (g * size).mean(axis, keepdims=True) / sd
    depth = (rows if other == 0 else n) + 8
    d = np.abs(wide(dy))
    return dx, (d * error + depth * u * d * size).sum(0), depth * u * d.sum(0)


# ---- layer norm ----


@pytest.mark.parametrize("mean", [0.0, 1e4], ids=["centred", "far"])
def test_layer_norm_matches_reference(isa, dtype, threads, rng, mean):
    for n in LENGTHS:
        x, weight, bias = make(rng, (5, n), dtype, mean)
        k = 24 + n / 256
        xhat, error, _ = statistics_bound(x, 1, k, dtype)
        y = F.layer_norm(x, n, weight, bias)
        w = np.abs(wide(weight))
        bound = error * w + 2 * eps(dtype) * (np.abs(xhat) * w + np.abs(bias))
        exact = reference.layer_norm(wide(x), n, wide(weight), wide(bias))
        assert_within(y, exact, bound)
        assert_within(F.layer_norm(x, n), reference.layer_norm(wide(x), n), error)


def test_layer_norm_backward_matches_reference(isa, dtype, threads, rng):
    for n in LENGTHS:
        x, weight, _ = make(rng, (37, n), dtype)
        dy = rng.standard_normal((37, n)).astype(dtype)
        k = 24 + n / 256
        xhat, error, sd = statistics_bound(x, 1, k, dtype)
        for w in (weight, None):
            got = F.layer_norm_backward(dy, x, n, w)
            more = None if w is None else wide(w)
            want = reference.layer_norm_backward(wide(dy), wide(x), n, more)
            bounds = gradient_bounds(dy, w, xhat, error, sd, 1, 0, eps(dtype), k)
            for a, b, bound in zip(got, want, bounds, strict=True):
                assert_within(a, b, bound)


def test_layer_norm_keeps_the_variance_of_rows_far_from_zero(isa):
    # float32's numbers at 1e4 lie 2^-10 apart: steps that this row has, exactly.
    x = (10000 + np.arange(-512, 513) / 1024).astype(np.float32)[None]
    expected = reference.layer_norm(wide(x), 1025)
    assert np.abs(F.layer_norm(x, 1025) - expected).max() < 1e-5


def test_layer_norm_over_several_dimensions(dtype, rng):
    x, _, _ = make(rng, (2, 3, 4, 5), dtype)
    weight, bias, dy = make(rng, (4, 5), dtype)[0], make(rng, (4, 5), dtype)[0], x[::-1].copy()
    y = F.layer_norm(x, (4, 5), weight, bias)
    flat = F.layer_norm(x.reshape(6, 20), 20, weight.ravel(), bias.ravel())
    assert_same_bits(y.reshape(6, 20), flat)
    dx, dweight, dbias = F.layer_norm_backward(dy, x, [4, 5], weight)
    assert dx.shape == x.shape
    assert dweight.shape == dbias.shape == (4, 5)
    assert F.layer_norm(x[0, 0, 0], 5).shape == (5,)


# ---- batch norm ----


@pytest.mark.parametrize("mean", [0.0, 1e4], ids=["centred", "far"])
def test_batch_norm_matches_reference(isa, dtype, threads, rng, mean):
    for rows, n in [(2, 1), (3, 7), (63, 16), (64, 17), (65, 33), (130, 70)]:
        x, weight, bias = make(rng, (rows, n), dtype, mean)
        k = 36 + rows / 64
        xhat, error, _ = statistics_bound(x, 0, k, dtype)
        running = [np.zeros(n, dtype), np.ones(n, dtype)]
        exact_running = [wide(r) for r in running]
        y = F.batch_norm(x, *running, weight, bias, training=True)
        exact = reference.batch_norm(
            wide(x), *exact_running, wide(weight), wide(bias), training=True
        )
        w = np.abs(wide(weight))
        u = eps(dtype)
        assert_within(y, exact, error * w + 2 * u * (np.abs(xhat) * w + np.abs(bias)))
        assert_within(
            running[0],
            exact_running[0],
            5 * u * np.abs(exact_running[0]) + 4 * k * u * u * abs(mean) + u,
        )
        drift = (k * u * (abs(mean) + 1)) ** 2
        assert_within(running[1], exact_running[1], (k + 8) * u * (1 + drift) * exact_running[1])

        y = F.batch_norm(x, *running, weight, bias)
        exact = reference.batch_norm(
            wide(x), *(wide(r) for r in running), wide(weight),
            wide(bias),
        )  # fmt: skip
        assert_within(y, exact, 8 * u * (np.abs(exact) + np.abs(bias)))


def test_batch_norm_backward_matches_reference(isa, dtype, threads, rng):
    for rows, n in [(2, 1), (3, 7), (63, 16), (65, 33), (130, 70)]:
        x, weight, _ = make(rng, (rows, n), dtype)
        dy = rng.standard_normal((rows, n)).astype(dtype)
        running = (rng.standard_normal(n).astype(dtype), rng.random(n).astype(dtype) + 1)
        k = 36 + rows / 64
        xhat, error, sd = statistics_bound(x, 0, k, dtype)
        for w in (weight, None):
            more = None if w is None else wide(w)
            got = F.batch_norm_backward(dy, x, None, None, w, training=True)
            want = reference.batch_norm_backward(wide(dy), wide(x), None, None, more, training=True)
            bounds = gradient_bounds(dy, w, xhat, error, sd, 0, 0, eps(dtype), k)
            for a, b, bound in zip(got, want, bounds, strict=True):
                assert_within(a, b, bound)
            got = F.batch_norm_backward(dy, x, *running, w)
            mean, var = (wide(r) for r in running)
            want = reference.batch_norm_backward(wide(dy), wide(x), mean, var, more)
            fixed = (wide(x) - mean) / np.sqrt(var + EPS)
            depth = (rows + 8) * eps(dtype)
            bounds = (
                8 * eps(dtype) * np.abs(want[0]),
                depth * np.abs(dy * fixed).sum(0),
                depth * np.abs(dy).sum(0),
            )
            for a, b, bound in zip(got, want, bounds, strict=True):
                assert_within(a, b, bound)


def test_batch_norm_refuses_to_train_on_one_row(dtype):
    x, mean, var = np.ones((1, 3), dtype), np.zeros(3, dtype), np.ones(3, dtype)
    with pytest.raises(ValueError, match=r"Expected more than 1 value per channel.*\(1, 3\)"):
        F.batch_norm(x, mean, var, training=True)
    assert not mean.any()
    assert F.batch_norm(x, mean, var).shape == (1, 3)


def test_batch_norm_of_an_empty_batch_updates_nothing(isa, dtype):
    x, mean, var = np.ones((0, 3), dtype), np.zeros(3, dtype), np.ones(3, dtype)
    assert F.batch_norm(x, mean, var, training=True).shape == (0, 3)
    assert (mean == 0).all()
    assert (var == 1).all()
    dx, dweight, dbias = F.batch_norm_backward(x, x, mean, var, training=True)
    assert dx.shape == (0, 3)
    assert not dweight.any()
    assert not dbias.any()


def test_running_statistics_are_optional_and_checked(dtype, rng):
    x, weight, bias = make(rng, (6, 4), dtype)
    mean, var = np.zeros(4, dtype), np.ones(4, dtype)
    expected = F.batch_norm(x, mean, var, weight, bias, training=True)
    assert_same_bits(F.batch_norm(x, None, None, weight, bias, training=True), expected)
    with pytest.raises(ValueError, match="running_mean and running_var must be arrays"):
        F.batch_norm(x, None, None)
    with pytest.raises(ValueError, match=r"running_mean must have shape \(4,\), got \(3,\)"):
        F.batch_norm(x, mean[:3], var, training=True)
    mean.flags.writeable = False
    with pytest.raises(ValueError, match="running_mean is read-only"):
        F.batch_norm(x, mean, var, training=True)
    assert F.batch_norm(x, mean, var).shape == x.shape


# ---- both ----


def calls(x, weight, bias, dy):
    """Yield the results of every function on one set of arrays."""
    n = x.shape[1]
    running = [np.zeros(n, x.dtype), np.ones(n, x.dtype)]
    yield F.layer_norm(x, n, weight, bias)
    yield from F.layer_norm_backward(dy, x, n, weight)
    yield F.batch_norm(x, *running, weight, bias, training=True)
    yield from running
    yield F.batch_norm(x, *running, weight, bias)
    yield from F.batch_norm_backward(dy, x, *running, weight, training=True)
    yield from F.batch_norm_backward(dy, x, *running, weight)


def test_same_bits_on_every_fma_level_and_thread_count(dtype, rng):
    x, weight, bias = make(rng, (203, 75), dtype)
    dy = rng.standard_normal(x.shape).astype(dtype)
    results = []
    for level in FMA_LEVELS:
        for n in (1, 2, 7):
            use_threads(n)
            with fastnet.runtime.use_isa(level):
                results.append(list(calls(x, weight, bias, dy)))
    use_threads(None)
    for result in results[1:]:
        for a, b in zip(result, results[0], strict=True):
            assert_same_bits(a, b)


def test_a_row_does_not_depend_on_the_batch(isa, dtype, rng):
    x, weight, bias = make(rng, (9, 40), dtype)
    mean, var = rng.standard_normal(40).astype(dtype), rng.random(40).astype(dtype)
    for f in (
        lambda x: F.layer_norm(x, 40, weight, bias),
        lambda x: F.batch_norm(x, mean, var, weight, bias),
    ):
        assert_same_bits(np.concatenate([f(x[i : i + 1]) for i in range(9)]), f(x))


def test_any_layout_gives_the_same_bits(isa, dtype, rng):
    x, weight, bias = make(rng, (6, 19), dtype)
    dy = rng.standard_normal(x.shape).astype(dtype)
    expected = list(calls(x, weight, bias, dy))
    for (_, lx), (_, lw), (_, ldy) in zip(layouts(x), layouts(weight), layouts(dy), strict=True):
        n = lx.shape[1]
        assert_same_bits(F.layer_norm(lx, n, lw, bias), expected[0])
        for a, b in zip(F.layer_norm_backward(ldy, lx, n, lw), expected[1:4], strict=True):
            assert_same_bits(a, b)
        assert_same_bits(F.batch_norm(lx, None, None, lw, bias, training=True), expected[4])


def test_gradients_agree_with_finite_differences(rng):
    x, weight, bias = make(rng, (5, 6), np.dtype(float))
    c = rng.standard_normal(x.shape)
    mean, var = np.zeros(6), np.ones(6)

    def layer(x, w, b):
        return (c * reference.layer_norm(x, 6, w, b)).sum()

    def batch(x, w, b):
        return (c * reference.batch_norm(x, None, None, w, b, training=True)).sum()

    def fixed(x, w, b):
        return (c * reference.batch_norm(x, mean, var, w, b)).sum()

    for loss, module in [(layer, reference), (batch, reference), (fixed, reference), (layer, F),
                         (batch, F), (fixed, F)]:  # fmt: skip
        if loss is layer:
            gradients = module.layer_norm_backward(c, x, 6, weight)
        else:
            train = loss is batch
            gradients = module.batch_norm_backward(c, x, mean, var, weight, training=train)
        arguments = (x, weight, bias)
        for which, gradient in enumerate(gradients):
            for index in np.ndindex(gradient.shape):
                h = 1e-5
                sides = []
                for sign in (1, -1):
                    moved = [a.copy() for a in arguments]
                    moved[which][index] += sign * h
                    sides.append(loss(*moved))
                # Third derivatives here stay below 1e3: h^2 / 6 of them, and eps loss / h.
                assert abs((sides[0] - sides[1]) / (2 * h) - gradient[index]) < 1e-7


def test_worked_numbers():
    for module in (F, reference):
        x = np.float64([[1, 3], [5, 9]])
        np.testing.assert_allclose(
            module.layer_norm(x, 2, np.float64([2, 3]), np.float64([1, 0]), eps=0),
            [[-1, 3], [-1, 3]], rtol=1e-15,
        )  # fmt: skip
        mean, var = np.zeros(2), np.ones(2)
        np.testing.assert_allclose(
            module.batch_norm(x, mean, var, training=True, momentum=0.25, eps=0),
            [[-1, -1], [1, 1]], rtol=1e-15,
        )  # fmt: skip
        np.testing.assert_allclose(mean, [0.75, 1.5])
        np.testing.assert_allclose(var, [0.75 + 0.25 * 8, 0.75 + 0.25 * 18])


@pytest.mark.parametrize("value", [0.0, 3.0, 1e4, 1e8])
def test_equal_elements_give_the_bias(isa, dtype, value):
    x, bias = np.full((5, 37), value, dtype), np.full(37, 2, dtype)
    np.testing.assert_array_equal(F.layer_norm(x, 37, bias=bias), np.full_like(x, 2))
    y = F.batch_norm(x, None, None, bias=bias, training=True)
    np.testing.assert_array_equal(y, np.full_like(x, 2))


def test_nan_and_inf_stay_in_their_row_or_column(isa, dtype, rng):
    x, weight, bias = make(rng, (5, 35), dtype)
    for value in (np.nan, np.inf):
        dirty = x.copy()
        dirty[2, 34] = value
        y = F.layer_norm(dirty, 35, weight, bias)
        assert np.isnan(y[2]).all()
        assert np.isfinite(np.delete(y, 2, 0)).all()
        y = F.batch_norm(dirty, None, None, weight, bias, training=True)
        assert np.isnan(y[:, 34]).all()
        assert np.isfinite(y[:, :34]).all()


@pytest.mark.parametrize("shape", [(0, 4), (3, 0), (0, 0)])
def test_zero_sizes(isa, dtype, shape):
    x, w = np.ones(shape, dtype), np.ones(shape[1], dtype)
    dx, dweight, dbias = F.layer_norm_backward(x, x, shape[1], w)
    assert F.layer_norm(x, shape[1], w, w).shape == dx.shape == shape
    assert not dweight.any()
    assert not dbias.any()
    assert F.batch_norm(x, w.copy(), w.copy(), w, w, training=True).shape == shape


def test_out_may_be_x(isa, dtype, rng):
    x, weight, bias = make(rng, (5, 35), dtype)
    for f in (
        lambda x, out: F.layer_norm(x, 35, weight, bias, out=out),
        lambda x, out: F.batch_norm(x, None, None, weight, bias, training=True, out=out),
    ):
        expected, mine = f(x, None), x.copy()
        assert f(mine, mine) is mine
        assert_same_bits(mine, expected)


def test_needs_select_the_gradients(dtype, rng):
    x, weight, _ = make(rng, (6, 4), dtype)
    full = F.layer_norm_backward(x, x, 4, weight)
    full_batch = F.batch_norm_backward(x, x, None, None, weight, training=True)
    for k in range(3):
        needs = tuple(i == k for i in range(3))
        some = F.layer_norm_backward(x, x, 4, weight, needs=needs)
        some_batch = F.batch_norm_backward(x, x, None, None, weight, training=True, needs=needs)
        assert (
            [g is None for g in some] == [g is None for g in some_batch] == [not n for n in needs]
        )
        assert_same_bits(some[k], full[k])
        assert_same_bits(some_batch[k], full_batch[k])


def test_the_tape_gives_the_bits_of_the_gradients(dtype, rng):
    a, w, b = make(rng, (6, 5), dtype)
    tensors = [fastnet.tensor(array, requires_grad=True) for array in (a, w, b)]
    x, weight, bias = tensors
    dy, train = a[::-1].copy(), {"training": True}
    for y, expected in [
        (F.layer_norm(x, 5, weight, bias), F.layer_norm_backward(dy, a, 5, w)),
        (F.batch_norm(x, b, b * b, weight, bias), F.batch_norm_backward(dy, a, b, b * b, w)),
        (
            F.batch_norm(x, None, None, weight, bias, **train),
            F.batch_norm_backward(dy, a, None, None, w, **train),
        ),
    ]:
        y.backward(dy)
        for t, gradient in zip(tensors, expected, strict=True):
            assert_same_bits(t.grad.numpy(), gradient)
            t.grad = None


def test_bad_shapes_and_dtypes_are_named(dtype):
    x, w = np.ones((4, 5), dtype), np.ones(5, dtype)
    other = np.float64 if dtype == np.float32 else np.float32
    with pytest.raises(ValueError, match=r"x must have shape \(\*, 4\) to fit .* got \(4, 5\)"):
        F.layer_norm(x, 4)
    with pytest.raises(ValueError, match="normalized_shape must have at least one"):
        F.layer_norm(x, ())
    with pytest.raises(ValueError, match=r"weight must have shape \(5,\), got \(4,\)"):
        F.layer_norm(x, 5, w[:4])
    with pytest.raises(TypeError, match="bias must have dtype"):
        F.layer_norm(x, 5, w, w.astype(other))
    with pytest.raises(ValueError, match=r"x must have shape \(batch, features\), got \(5,\)"):
        F.batch_norm(w, w, w)
    with pytest.raises(TypeError, match="running_var must have dtype"):
        F.batch_norm(x, w, w.astype(other))
    with pytest.raises(ValueError, match="dy must have x's shape"):
        F.layer_norm_backward(x[:3], x, 5)
