"""The losses of elements: mse, l1, smooth_l1, huber and binary cross-entropy, for every option."""

import itertools

import numpy as np
import pytest
from helpers import assert_same_bits, assert_within, eps, row_roundings
from test_loss import ELEMENT_LOSSES, LENGTHS, REDUCTIONS, widened

import fastnet.functional as F
from fastnet import reference

SHAPES = [(), (1,), (5,), (40,), (3, 2), *[(4, n) for n in LENGTHS], (2, 3, 7), (33, 1)]


def magnitude(name, x, t, options):
    """What an element's roundings are relative to: the largest intermediate numbers."""
    d = np.abs(x) + np.abs(t) if name != "mse_loss" else np.abs(x - t)
    if name == "mse_loss":
        return d**2, 2 * d
    if name == "l1_loss":
        return np.abs(x - t), np.ones_like(x)
    if name in ("smooth_l1_loss", "huber_loss"):
        limit = options.get("beta", options.get("delta"))
        return np.abs(x - t) * (1 + limit) + limit**2 + limit, np.ones_like(x) * (1 + limit)
    weight, p = options.get("weight"), options.get("pos_weight")
    w = 1.0 if weight is None else np.abs(weight)
    p = 1.0 if p is None else np.abs(p)
    both = np.abs(1 - t) + p * np.abs(t)
    return w * (np.abs(1 - t) * np.abs(x) + both * np.logaddexp(0, -x)), w * both


# Roundings of an element: exp's 2 ulp (4 u) make at most 6 u of log1p(z) >= 0.69 z, log1p's own are
# 4 u, then sums, products and three weights; the others take at most 4 and the sample's weight.
ELEMENT_ROUNDINGS = dict.fromkeys(ELEMENT_LOSSES, 8) | {"binary_cross_entropy_with_logits": 22}


def element_cases(rng, name, shape, dtype):
    x, t = rng.standard_normal((2, *shape)).astype(dtype)
    s = rng.random(shape[:1]).astype(dtype)
    full, columns = rng.random(shape).astype(dtype), rng.random(shape[1:]).astype(dtype)
    extras = [{}]
    if name.startswith("binary"):
        t = rng.random(shape).astype(dtype)
        extras = [
            {"weight": w, "pos_weight": p} for w in (None, full) for p in (None, columns, full)
        ]
    for extra, sample_weight, reduction in itertools.product(extras, (None, s), REDUCTIONS):
        options = {**ELEMENT_LOSSES[name], **extra, "reduction": reduction}
        yield x, t, {**options, "sample_weight": sample_weight}


@pytest.mark.parametrize("name", ELEMENT_LOSSES)
def test_element_losses_match_the_reference(isa, dtype, rng, name):
    u = eps(dtype)
    for shape in SHAPES:
        for x, t, options in element_cases(rng, name, shape, dtype):
            wide = widened(options)
            function, backward = getattr(reference, name), getattr(reference, f"{name}_backward")
            expected = function(x.astype(float), t.astype(float), **wide)
            term, slope = magnitude(name, x.astype(float), t.astype(float), wide)
            s = reference.loss._row_weights(wide["sample_weight"], shape)
            bound, slope_bound = term * s, slope * s
            dy = np.ones(shape, dtype)
            if options["reduction"] != "none":
                dy = dtype.type(1)
                count = s.sum() if options["reduction"] == "mean" else 1.0
                bound, slope_bound = bound.sum() / count, slope_bound / count
            roundings = ELEMENT_ROUNDINGS[name]
            columns = int(np.prod(shape[1:]))
            value = getattr(F, name)(x, t, **options)
            assert value.dtype == dtype
            assert_within(
                value, expected, (roundings + row_roundings(columns, dtype) + 2) * u * bound
            )
            expected = backward(dy, x.astype(float), t.astype(float), **wide)
            dx = getattr(F, f"{name}_backward")(dy, x, t, **options)
            assert_within(dx, expected, (roundings + 2) * u * slope_bound)


@pytest.mark.parametrize("name", ELEMENT_LOSSES)
def test_strided_columns_give_the_same_bits(isa, dtype, rng, name):
    # One column is walked as one row; the same numbers beside others take the way of rows.
    for x, t, options in element_cases(rng, name, (50, 1), dtype):
        flat = {
            k: v.reshape(50) if isinstance(v, np.ndarray) and v.shape == (50, 1) else v
            for k, v in options.items()
        }
        flat = {k: v.reshape(()) if np.shape(v) == (1,) else v for k, v in flat.items()}
        value = getattr(F, name)(x, t, **options)
        assert_same_bits(np.ravel(getattr(F, name)(x[:, 0], t[:, 0], **flat)), np.ravel(value))
        if options["reduction"] == "none":
            for i in (0, 31, 49):
                one = {
                    k: v[i : i + 1] if isinstance(v, np.ndarray) and len(v) == 50 else v
                    for k, v in options.items()
                }
                one["reduction"] = "sum"
                assert_same_bits(getattr(F, name)(x[i : i + 1], t[i : i + 1], **one), value[i, 0])


def test_kinks_and_limits(isa, dtype):
    x = np.array([-2, -1, -0.0, 0, 1, 2], dtype)
    t = np.zeros_like(x)
    dy = np.ones_like(x)
    np.testing.assert_array_equal(F.l1_loss_backward(dy, x, t, "none"), np.sign(x))
    # From the limit on the linear branch holds: values and slopes meet there.
    for dx in (
        F.huber_loss_backward(dy, x, t, "none"),
        F.smooth_l1_loss_backward(dy, x, t, "none"),
    ):
        np.testing.assert_array_equal(dx, np.clip(x, -1, 1))
    assert_same_bits(F.smooth_l1_loss(x, t, "none", beta=0), F.l1_loss(x, t, "none"))
    assert_same_bits(
        F.smooth_l1_loss_backward(dy, x, t, "none", beta=0), F.l1_loss_backward(dy, x, t, "none")
    )


@pytest.mark.parametrize("n", [1, 16, 17, 40])
def test_nan_and_infinities_propagate(isa, dtype, n):
    x, t = np.zeros((2, n), dtype), np.zeros((2, n), dtype)
    x[0, -1] = np.nan
    for name, parameters in ELEMENT_LOSSES.items():
        values = getattr(F, name)(x, t, **parameters, reduction="none")
        slopes = getattr(F, f"{name}_backward")(
            np.ones_like(x), x, t, **parameters, reduction="none"
        )
        for result in (values, slopes):
            assert np.isnan(result[0, -1])
            assert np.isfinite(result[0, :-1]).all()
            assert np.isfinite(result[1]).all()
        assert np.isnan(getattr(F, name)(x, t, **parameters))
    x[0, -1] = np.inf
    for name, parameters in ELEMENT_LOSSES.items():
        assert getattr(F, name)(x, t, **parameters) == np.inf


def test_binary_cross_entropy_of_large_logits(isa, dtype):
    x, t = np.array([1e4, -1e4, 1e4, -1e4], dtype), np.array([1, 0, 0, 1], dtype)
    terms = F.binary_cross_entropy_with_logits(x, t, reduction="none")
    np.testing.assert_array_equal(terms, [0, 0, 1e4, 1e4])
    dx = F.binary_cross_entropy_with_logits_backward(np.ones_like(x), x, t, reduction="none")
    np.testing.assert_array_equal(dx, [0, 0, 1, -1])
    # Small losses keep their relative precision: log(1 + exp(-20)).
    tiny = F.binary_cross_entropy_with_logits(np.array([20], dtype), np.array([1], dtype))
    np.testing.assert_allclose(tiny, np.log1p(np.exp(-20.0)), rtol=8 * np.finfo(dtype).eps)


def test_weights_broadcast_to_the_input(dtype, rng):
    x, t = rng.standard_normal((2, 4, 3, 5)).astype(dtype)
    for shape in [(), (1,), (5,), (3, 1), (3, 5), (1, 3, 5), (4, 1, 1), (4, 3, 5), (4, 1, 5)]:
        w = rng.random(shape).astype(dtype)
        full = np.broadcast_to(w, x.shape).copy()
        for name in ("weight", "pos_weight"):
            for reduction in REDUCTIONS:
                assert_same_bits(
                    F.binary_cross_entropy_with_logits(x, t, reduction=reduction, **{name: w}),
                    F.binary_cross_entropy_with_logits(x, t, reduction=reduction, **{name: full}),
                )
    for shape in [(4,), (2, 3, 5), (1, 4, 3, 5)]:
        with pytest.raises(ValueError, match="weight must broadcast to the input's shape"):
            F.binary_cross_entropy_with_logits(x, t, weight=np.ones(shape, dtype))


def test_long_rows_of_float32_lose_nothing(isa):
    # 10^6 equal terms in one row: blocks in float64 keep the mean to the last bit.
    x = np.full((1, 10**6), 0.1, np.float32)
    assert F.mse_loss(x, np.zeros_like(x)) == np.float32(0.1) ** 2


def test_bad_element_arguments_are_named(dtype):
    x = np.zeros((4, 3), dtype)
    other = np.float64 if dtype == np.float32 else np.float32
    for error, match, target, options in [
        (ValueError, r"target must have the input's shape \(4, 3\), got \(4,\)", x[:, 0], {}),
        (TypeError, "target must have dtype", x.astype(other), {}),
        (
            ValueError,
            r"sample_weight must have shape \(4,\), got \(3,\)",
            x,
            {"sample_weight": x[0]},
        ),
        (TypeError, "sample_weight must have dtype", x, {"sample_weight": np.ones(4, other)}),
        (ValueError, "reduction must be one of", x, {"reduction": None}),
    ]:
        for name in ELEMENT_LOSSES:
            with pytest.raises(error, match=match):
                getattr(F, name)(x, target, **options)
    with pytest.raises(ValueError, match="beta must be in"):
        F.smooth_l1_loss(x, x, beta=-1)
    with pytest.raises(ValueError, match="delta must be in"):
        F.huber_loss(x, x, delta=0)
