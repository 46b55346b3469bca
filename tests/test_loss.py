"""The losses and their gradients against the reference at every level, for every option."""

import itertools

import numpy as np
import pytest
import scipy.special
import sklearn.metrics
from helpers import assert_same_bits, assert_within, eps, exp_sum_error, row_roundings

import fastnet.functional as F
from fastnet import reference

REDUCTIONS = ("none", "mean", "sum")
ELEMENT_LOSSES = {
    "mse_loss": {},
    "l1_loss": {},
    "smooth_l1_loss": {"beta": 0.5},
    "huber_loss": {"delta": 0.7},
    "binary_cross_entropy_with_logits": {},
}
LENGTHS = [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 129, 257, 300]


def widened(options):
    """Return the options with float arrays in float64, for the reference."""
    return {
        k: v.astype(float) if isinstance(v, np.ndarray) and v.dtype.kind == "f" else v
        for k, v in options.items()
    }


# ---- the reference: worked numbers, other libraries, differences ----


def test_worked_cross_entropy():
    x = np.log(np.array([[1.0, 3.0], [2.0, 2.0], [1.0, 7.0]]))
    y = np.array([1, 0, 0])
    terms = -np.log([3 / 4, 1 / 2, 1 / 8])
    np.testing.assert_allclose(reference.cross_entropy(x, y, reduction="none"), terms)
    weight, s = np.array([2.0, 5.0]), np.array([1.0, 3.0, 4.0])
    # sum(s w l) / sum(s w) with s w = 5, 6, 8.
    expected = (5 * terms[0] + 6 * terms[1] + 8 * terms[2]) / 19
    np.testing.assert_allclose(reference.cross_entropy(x, y, weight, sample_weight=s), expected)
    np.testing.assert_allclose(
        reference.cross_entropy(x, np.array([1, 9, 0]), ignore_index=9), (terms[0] + terms[2]) / 2
    )
    # Smoothing 0.4: (0.8, 0.2) of the two classes' losses.
    np.testing.assert_allclose(
        reference.cross_entropy(x[:1], y[:1], label_smoothing=0.4),
        -0.8 * np.log(3 / 4) - 0.2 * np.log(1 / 4),
    )


def test_worked_element_losses():
    x, t = np.array([0.0, 1.0, 3.0]), np.array([0.0, 0.5, 0.0])
    np.testing.assert_allclose(reference.mse_loss(x, t, "none"), [0, 0.25, 9])
    np.testing.assert_allclose(reference.l1_loss(x, t, "none"), [0, 0.5, 3])
    np.testing.assert_allclose(reference.smooth_l1_loss(x, t, "none", 2.0), [0, 0.0625, 2])
    np.testing.assert_allclose(reference.huber_loss(x, t, "none", 2.0), [0, 0.125, 4])
    x = np.log(np.array([3.0, 1 / 3]))  # sigmoid 3/4 and 1/4
    np.testing.assert_allclose(
        reference.binary_cross_entropy_with_logits(
            x, np.array([1.0, 0.0]), np.array([2.0, 1.0]), "none", np.array(5.0)
        ),
        [-10 * np.log(3 / 4), -np.log(3 / 4)],
    )
    s = np.array([1.0, 3.0])
    x = np.array([[1.0, 2.0], [0.0, 4.0]])
    # (1 * mean(1, 4) + 3 * mean(0, 16)) / 4
    np.testing.assert_allclose(reference.mse_loss(x, np.zeros((2, 2)), sample_weight=s), 26.5 / 4)


def test_reference_agrees_with_other_libraries(rng):
    x, y, s = rng.standard_normal((50, 6)), rng.integers(0, 6, 50), rng.random(50)
    expected = sklearn.metrics.log_loss(
        y, scipy.special.softmax(x, 1), sample_weight=s, labels=range(6)
    )
    np.testing.assert_allclose(reference.cross_entropy(x, y, sample_weight=s), expected)
    t = x @ rng.standard_normal((6, 6))
    for ours, theirs in [
        (reference.mse_loss, sklearn.metrics.mean_squared_error),
        (reference.l1_loss, sklearn.metrics.mean_absolute_error),
    ]:
        np.testing.assert_allclose(ours(x, t, sample_weight=s), theirs(t, x, sample_weight=s))
    np.testing.assert_allclose(
        reference.huber_loss(x, t, "none", 1.5), scipy.special.huber(1.5, x - t)
    )


def cases_of_the_reference(rng):
    x, y, s = rng.standard_normal((4, 5)), np.array([0, 4, 2, 2]), rng.random(4)
    weight, p = rng.random(5) + 0.5, rng.random((4, 5))
    options = {"weight": weight, "label_smoothing": 0.2, "sample_weight": s}
    yield "cross_entropy", x, y, {**options, "ignore_index": 4}
    yield "cross_entropy", x, p, options
    yield "nll_loss", x, y, {"weight": weight, "ignore_index": 0, "sample_weight": s}
    for name, parameters in ELEMENT_LOSSES.items():
        extra = {"weight": p, "pos_weight": weight} if name.startswith("binary") else {}
        yield name, x, p, {**parameters, **extra, "sample_weight": s}


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_reference_gradients_agree_with_differences(rng, reduction):
    h = 1e-5
    for name, x, target, options in cases_of_the_reference(rng):
        loss = getattr(reference, name)
        value = loss(x, target, reduction=reduction, **options)
        dy = rng.standard_normal(np.shape(value))
        dx = getattr(reference, f"{name}_backward")(dy, x, target, reduction=reduction, **options)
        for i in np.ndindex(x.shape):
            step = np.zeros_like(x)
            step[i] = h
            up, down = (
                loss(x + sign * step, target, reduction=reduction, **options) for sign in (1, -1)
            )
            slope = (dy * (up - down)).sum() / (2 * h)
            size = np.abs(dy).sum() * (1 + np.abs(value).max())
            # h^2 times a third derivative, and rounding eps / h.
            assert abs(slope - dx[i]) <= 10 * size * (h**2 + 2.0**-52 / h), name


# ---- cross_entropy and nll ----


def class_cases(rng, n, classes, dtype):
    """Yield x, target and options of every combination."""
    x = (2 * rng.standard_normal((n, classes))).astype(dtype)
    index = rng.integers(0, classes, n)
    ignored = np.where(rng.random(n) < 0.3, -100, index)
    ignored[0] = index[0]
    probabilities = rng.random((n, classes)).astype(dtype)
    weight = (rng.random(classes) + 0.1).astype(dtype)
    s = rng.random(n).astype(dtype)
    for target, smoothing, w, sample_weight, reduction in itertools.product(
        (index, ignored, probabilities), (0.0, 0.3), (None, weight), (None, s), REDUCTIONS
    ):
        yield x, target, {
            "label_smoothing": smoothing, "weight": w, "sample_weight": sample_weight,
            "reduction": reduction,
        }  # fmt: skip


def class_bounds(x, target, options, dtype):
    """Bounds of the terms, |error| <= ..., and of the gradient of their sum."""
    x, options = x.astype(float), widened(options)
    target = target.astype(float) if target.dtype.kind == "f" else target
    smoothing, weight = options["label_smoothing"], options["weight"]
    u, n = eps(dtype), x.shape[-1]
    wq, _ = reference.loss._targets(x, target, weight, -100, smoothing)
    s = np.ones(len(x)) if options["sample_weight"] is None else options["sample_weight"]
    sum_error, spread = exp_sum_error(x, dtype)
    total = wq.sum(axis=-1, keepdims=True)
    log_sum = np.log(np.exp(-spread).sum(axis=-1, keepdims=True))
    chain = (row_roundings(n, dtype) + 6) * u  # wq (4 roundings), its product, the sum
    terms = total * (sum_error + (chain + 5 * u) * log_sum)
    terms = terms + (wq * spread).sum(axis=-1, keepdims=True) * (chain + u)
    p = reference.softmax(x, -1)
    gradient = total * p * (sum_error + u * (spread + 4) + chain + 5 * u) + wq * 6 * u
    return 1.01 * (s * terms[:, 0]) * (1 + 2 * u), 1.01 * s[:, np.newaxis] * gradient * (1 + 2 * u)


@pytest.mark.parametrize("classes", LENGTHS)
def test_cross_entropy_matches_reference(isa, dtype, rng, classes):
    for n in (1, 5, 33):
        for x, target, options in class_cases(rng, n, classes, dtype):
            wide = target.astype(float) if target.dtype.kind == "f" else target
            expected = reference.cross_entropy(x.astype(float), wide, **widened(options))
            bound, slope_bound = class_bounds(x, target, options, dtype)
            none = options["reduction"] == "none"
            dy = np.ones(n, dtype) if none else dtype.type(1)
            slope = reference.cross_entropy_backward(dy, x.astype(float), wide, **widened(options))
            if not none:
                # The terms' own errors and one rounding of the value; the factor's rounding.
                terms = reference.cross_entropy(
                    x.astype(float), wide, **{**widened(options), "reduction": "none"}
                )
                scale = abs(expected / terms.sum()) if terms.sum() else 1.0
                bound = scale * (bound.sum() + 2 * eps(dtype) * terms.sum())
                slope_bound = scale * slope_bound + 2 * eps(dtype) * np.abs(slope)
            tiny = np.finfo(dtype).tiny
            value = F.cross_entropy(x, target, **options)
            assert value.dtype == dtype
            assert_within(value, expected, bound + tiny)
            dx = F.cross_entropy_backward(dy, x, target, **options)
            assert_within(dx, slope, slope_bound + tiny)


def test_nll_matches_reference(isa, dtype, rng):
    for n, classes in [(1, 1), (7, 3), (40, 33)]:
        x = -rng.random((n, classes)).astype(dtype)
        y = rng.integers(0, classes, n)
        y[n // 2 :: 3] = -100
        weight = (rng.random(classes) + 0.1).astype(dtype)
        samples = rng.random(n).astype(dtype)
        for w, s, reduction in itertools.product((None, weight), (None, samples), REDUCTIONS):
            arguments = (w, -100, reduction, s)
            wide = [None if a is None else a.astype(float) for a in (w, s)]
            wide = (wide[0], -100, reduction, wide[1])
            expected = reference.nll_loss(x.astype(float), y, *wide)
            # The products, and one rounding of value and factor.
            bound = 4 * eps(dtype) * np.abs(expected)
            assert_within(F.nll_loss(x, y, *arguments), expected, bound)
            dy = np.full(n, 3, dtype) if reduction == "none" else dtype.type(3)
            slope = reference.nll_loss_backward(dy, x.astype(float), y, *wide)
            dx = F.nll_loss_backward(dy, x, y, *arguments)
            assert_within(dx, slope, 4 * eps(dtype) * np.abs(slope))


def test_classes_lie_along_dimension_one(dtype, rng):
    x = rng.standard_normal((3, 5, 2, 4)).astype(dtype)
    rows = np.moveaxis(x, 1, -1).reshape(-1, 5)
    y, p, s = rng.integers(0, 5, (3, 2, 4)), rng.random(x.shape).astype(dtype), rng.random(3)
    s = s.astype(dtype)
    flat_p, flat_s = np.moveaxis(p, 1, -1).reshape(-1, 5), np.repeat(s, 8)
    for (target, flat), reduction in itertools.product(((y, y.ravel()), (p, flat_p)), REDUCTIONS):
        value = F.cross_entropy(x, target, reduction=reduction, sample_weight=s)
        expected = F.cross_entropy(rows, flat, reduction=reduction, sample_weight=flat_s)
        assert value.shape == (y.shape if reduction == "none" else ())
        assert_same_bits(np.ravel(value), np.ravel(expected))
        dx = F.cross_entropy_backward(
            np.ones_like(value), x, target, reduction=reduction, sample_weight=s
        )
        expected = F.cross_entropy_backward(
            np.ones_like(expected), rows, flat, reduction=reduction, sample_weight=flat_s
        )
        assert_same_bits(np.moveaxis(dx, 1, -1).reshape(-1, 5), expected)
    # Without a batch: one row.
    value = F.cross_entropy(x[0, :, 0, 0], 2, reduction="none")
    assert value.shape == ()
    assert_same_bits(value, F.cross_entropy(x[:1, :, 0, 0], [2]))
    dx = F.cross_entropy_backward(1.0, x[0, :, 0, 0], 2)
    assert_same_bits(dx, F.cross_entropy_backward(1.0, x[:1, :, 0, 0], [2])[0])


def test_large_logits_stay_finite(isa, dtype):
    x = np.zeros((3, 20), dtype)
    x[:, 0] = 1e4
    x[2] = -1e4
    terms = F.cross_entropy(x, [0, 19, 3], reduction="none")
    assert terms[0] == 0
    assert terms[1] == 1e4
    np.testing.assert_allclose(terms[2], np.log(20), rtol=4 * np.finfo(dtype).eps)
    dx = F.cross_entropy_backward(np.ones(3, dtype), x, [0, 19, 3], reduction="none")
    eye = np.eye(20)
    np.testing.assert_array_equal(dx[:2], [np.zeros(20), eye[0] - eye[19]])


def test_nan_and_infinities_stay_in_their_row(isa, dtype):
    for classes in (1, 16, 17):
        x = np.zeros((4, classes), dtype)
        x[0, -1], x[1, -1], x[2] = np.nan, np.inf, -np.inf
        y = np.zeros(4, int)
        assert np.isnan(F.cross_entropy(x, y, reduction="none")[:3]).all()
        dx = F.cross_entropy_backward(np.ones(4, dtype), x, y, reduction="none")
        assert np.isnan(dx[:3]).all()
        assert np.isfinite(dx[3]).all()
        # A row that is ignored is not looked at.
        y[:3] = -100
        assert np.isfinite(F.cross_entropy(x, y))
        assert not F.cross_entropy_backward(1.0, x, y)[:3].any()


def test_total_weight_zero_gives_nan(isa, dtype):
    x, y = np.zeros((2, 3), dtype), np.array([0, 1])
    zero = np.zeros(2, dtype)
    for target, options in [
        (np.array([-100, -100]), {}),
        (y, {"sample_weight": zero}),
        (y, {"weight": np.array([0, 0, 1], dtype)}),
        (np.ones_like(x), {"sample_weight": zero}),
    ]:
        assert np.isnan(F.cross_entropy(x, target, **options))
        assert np.isnan(F.cross_entropy_backward(1.0, x, target, **options)).all()
        assert F.cross_entropy(x, target, reduction="sum", **options) == 0
    assert np.isnan(F.mse_loss(x, x, sample_weight=zero))
    assert np.isnan(F.mse_loss_backward(1.0, x, x, sample_weight=zero)).all()


def test_a_bad_class_is_named_by_its_row():
    x = np.zeros((3, 4), np.float32)
    with pytest.raises(ValueError, match=r"target\[1\] must be a class in \[0, 4\).*got 4"):
        F.cross_entropy(x, [0, 4, -1])
    with pytest.raises(ValueError, match=r"target\[2\] .* ignore_index 9, got -1"):
        F.nll_loss_backward(1.0, x, [0, 9, -1], ignore_index=9)
    with pytest.raises(ValueError, match=r"target\[2, 1\] "):
        F.cross_entropy(np.zeros((3, 4, 2)), np.array([[0, 1], [2, 3], [0, -7]]))


def test_bad_class_arguments_are_named(dtype):
    x, y = np.zeros((3, 4), dtype), np.array([0, 1, 2])
    other = np.float64 if dtype == np.float32 else np.float32
    for error, match, target, options in [
        (ValueError, r"target must have shape \(3,\)", y[:2], {}),
        (TypeError, "or integers, got shape", np.zeros(3), {}),
        (ValueError, "probabilities of the input's shape", np.zeros((3, 3)), {}),
        (TypeError, "target must have dtype", np.zeros((3, 4), other), {}),
        (TypeError, "integer dtype, got bool", np.zeros(3, bool), {}),
        (ValueError, r"weight must have shape \(4,\), got \(3,\)", y, {"weight": x[:, 0]}),
        (TypeError, "weight must have dtype", y, {"weight": np.ones(4, other)}),
        (ValueError, r"sample_weight must have shape \(3,\)", y, {"sample_weight": x[0]}),
        (ValueError, "reduction must be one of none, mean, sum", y, {"reduction": "average"}),
        (ValueError, r"label_smoothing must be in \[0, 1\], got 1.5", y, {"label_smoothing": 1.5}),
        (ValueError, "label_smoothing", y, {"label_smoothing": np.nan}),
        (TypeError, "label_smoothing must be a number", y, {"label_smoothing": "0"}),
        (TypeError, "ignore_index must be an int", y, {"ignore_index": 1.0}),
    ]:
        with pytest.raises(error, match=match):
            F.cross_entropy(x, target, **options)
    with pytest.raises(ValueError, match=r"dy must have the loss's shape \(3,\), got \(\)"):
        F.cross_entropy_backward(1.0, x, y, reduction="none")
    with pytest.raises(TypeError, match="dy must have dtype"):
        F.cross_entropy_backward(other(1), x, y)
    with pytest.raises(ValueError, match="input must have shape"):
        F.cross_entropy(dtype.type(1), y)


def test_every_integer_dtype_is_a_class_number(dtype, rng):
    x, y = rng.standard_normal((6, 4)).astype(dtype), np.array([0, 1, 2, 3, 1, 0])
    expected = F.cross_entropy(x, y)
    for kind in "bBhHiIlLqQ":
        assert_same_bits(F.cross_entropy(x, y.astype(kind)), expected)
    assert_same_bits(F.cross_entropy(x, y.astype(">i4")), expected)
    assert_same_bits(F.cross_entropy(x, np.repeat(y, 2)[::2]), expected)
