"""Losses in NumPy, each beside its gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fastnet.reference.softmax import log_softmax, softmax

Array = np.ndarray[Any, Any]


def _reduce(terms: Array, reduction: str, denominator: Any) -> Any:
    """Return the terms, their sum, or their sum over the denominator."""
    if reduction == "none":
        return terms
    with np.errstate(invalid="ignore", divide="ignore"):
        return terms.sum() / (denominator if reduction == "mean" else 1.0)


def _factor(dy: Any, reduction: str, denominator: Any) -> Any:
    """Return what a term's gradient is multiplied by."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(dy) / (denominator if reduction == "mean" else 1.0)


def _scaled(slope: Array, factor: Any) -> Array:
    """Return slope times factor; where nothing counts, 0 times infinity is NaN."""
    with np.errstate(invalid="ignore"):
        return np.asarray(slope * factor)


# ---- losses of rows: classes along dimension 1, or 0 if it is the only one ----


def _classes_last(x: Array) -> Array:
    return np.moveaxis(x, min(x.ndim - 1, 1), -1)


def _row_weights(sample_weight: Array | None, shape: tuple[int, ...]) -> Array:
    """Return s for every row: one number for each of the first dimension."""
    if sample_weight is None:
        return np.ones(shape)
    return np.broadcast_to(sample_weight.reshape(shape[:1] + (1,) * (len(shape) - 1)), shape)


def _targets(
    x: Array, target: Array, weight: Array | None, ignore_index: int, smoothing: float
) -> tuple[Array, Array]:
    """Return w q with classes last, and each row's weight in the mean."""
    classes = x.shape[-1]
    w = np.ones(classes) if weight is None else weight
    if target.dtype.kind == "f":
        q = (1 - smoothing) * _classes_last(target) + smoothing / classes
        return w * q, np.ones(x.shape[:-1])
    counted = target != ignore_index
    y = np.where(counted, target, 0)
    hot = (y[..., np.newaxis] == np.arange(classes)).astype(float)
    wq = (1 - smoothing) * w * hot + smoothing / classes * w
    return np.where(counted[..., np.newaxis], wq, 0), np.where(counted, w[y], 0)


def cross_entropy(
    input: Array,
    target: Array,
    weight: Array | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
    sample_weight: Array | None = None,
) -> Any:
    """Return the reduced sum_c w_c q_c (logsumexp(x) - x_c)."""
    x = _classes_last(input)
    wq, weights = _targets(x, target, weight, ignore_index, label_smoothing)
    s = _row_weights(sample_weight, x.shape[:-1])
    terms = -s * np.where(wq == 0, 0, wq * log_softmax(x, -1)).sum(axis=-1)
    return _reduce(terms, reduction, (s * weights).sum())


def cross_entropy_backward(
    dy: Any,
    input: Array,
    target: Array,
    weight: Array | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
    sample_weight: Array | None = None,
) -> Array:
    """Return (softmax(x) sum(w q) - w q) s dy / denominator."""
    x = _classes_last(input)
    wq, weights = _targets(x, target, weight, ignore_index, label_smoothing)
    s = _row_weights(sample_weight, x.shape[:-1])
    factor = _scaled(s, _factor(dy, reduction, (s * weights).sum()))
    slope = softmax(x, -1) * wq.sum(axis=-1, keepdims=True) - wq
    dx = _scaled(slope, factor[..., np.newaxis])
    return np.moveaxis(dx, -1, min(x.ndim - 1, 1))


def nll_loss(
    input: Array,
    target: Array,
    weight: Array | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    sample_weight: Array | None = None,
) -> Any:
    """Return the reduced -w_y x_y."""
    x = _classes_last(input)
    wq, weights = _targets(x, target, weight, ignore_index, 0.0)
    s = _row_weights(sample_weight, x.shape[:-1])
    terms = -s * np.where(wq == 0, 0, wq * x).sum(axis=-1)
    return _reduce(terms, reduction, (s * weights).sum())


def nll_loss_backward(
    dy: Any,
    input: Array,
    target: Array,
    weight: Array | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    sample_weight: Array | None = None,
) -> Array:
    """Return -w_y s dy / denominator at the class."""
    x = _classes_last(input)
    wq, weights = _targets(x, target, weight, ignore_index, 0.0)
    s = _row_weights(sample_weight, x.shape[:-1])
    factor = _scaled(s, _factor(dy, reduction, (s * weights).sum()))
    dx = _scaled(-wq, factor[..., np.newaxis])
    return np.moveaxis(dx, -1, min(x.ndim - 1, 1))


# ---- losses of elements ----


def _elements(
    terms: Array, reduction: str, sample_weight: Array | None
) -> tuple[Any, Callable[[Any, Array], Array]]:
    """Return the reduced loss, and the map from dy and the slopes to the gradient."""
    s = _row_weights(sample_weight, terms.shape)

    def gradient(dy: Any, slope: Array) -> Array:
        return _scaled(slope * s, _factor(dy, reduction, s.sum()))

    return _reduce(s * terms, reduction, s.sum()), gradient


def _binary(
    x: Array, t: Array, weight: Array | None, pos_weight: Array | None
) -> tuple[Array, Array]:
    w = 1.0 if weight is None else weight
    p = 1.0 if pos_weight is None else pos_weight
    softplus = np.logaddexp(0, -x)
    sigmoid = np.exp(-softplus)
    return w * ((1 - t) * x + (1 - t + p * t) * softplus), w * ((1 - t + p * t) * sigmoid - p * t)


def _smooth_l1(x: Array, t: Array, beta: float) -> tuple[Array, Array]:
    d = x - t
    near = np.abs(d) < beta
    scale = beta or 1.0
    return (
        np.where(near, d**2 / (2 * scale), np.abs(d) - beta / 2),
        np.where(near, d / scale, np.sign(d)),
    )


def _huber(x: Array, t: Array, delta: float) -> tuple[Array, Array]:
    d = x - t
    near = np.abs(d) < delta
    return (
        np.where(near, d**2 / 2, delta * (np.abs(d) - delta / 2)),
        np.where(near, d, delta * np.sign(d)),
    )


def binary_cross_entropy_with_logits(
    input: Array,
    target: Array,
    weight: Array | None = None,
    reduction: str = "mean",
    pos_weight: Array | None = None,
    sample_weight: Array | None = None,
) -> Any:
    """Return the reduced w ((1 - t) x + (1 + (p - 1) t) log(1 + exp(-x)))."""
    terms = _binary(input, target, weight, pos_weight)[0]
    return _elements(terms, reduction, sample_weight)[0]


def binary_cross_entropy_with_logits_backward(
    dy: Any,
    input: Array,
    target: Array,
    weight: Array | None = None,
    reduction: str = "mean",
    pos_weight: Array | None = None,
    sample_weight: Array | None = None,
) -> Array:
    """Return w ((1 - t + p t) sigmoid(x) - p t) s dy / denominator."""
    terms, slope = _binary(input, target, weight, pos_weight)
    return _elements(terms, reduction, sample_weight)[1](dy, slope)


def mse_loss(
    input: Array, target: Array, reduction: str = "mean", sample_weight: Array | None = None
) -> Any:
    """Return the reduced (x - t)^2."""
    return _elements((input - target) ** 2, reduction, sample_weight)[0]


def mse_loss_backward(
    dy: Any,
    input: Array,
    target: Array,
    reduction: str = "mean",
    sample_weight: Array | None = None,
) -> Array:
    """Return 2 (x - t) s dy / denominator."""
    return _elements(input, reduction, sample_weight)[1](dy, 2 * (input - target))


def l1_loss(
    input: Array, target: Array, reduction: str = "mean", sample_weight: Array | None = None
) -> Any:
    """Return the reduced |x - t|."""
    return _elements(np.abs(input - target), reduction, sample_weight)[0]


def l1_loss_backward(
    dy: Any,
    input: Array,
    target: Array,
    reduction: str = "mean",
    sample_weight: Array | None = None,
) -> Array:
    """Return sign(x - t) s dy / denominator."""
    return _elements(input, reduction, sample_weight)[1](dy, np.sign(input - target))


def smooth_l1_loss(
    input: Array,
    target: Array,
    reduction: str = "mean",
    beta: float = 1.0,
    sample_weight: Array | None = None,
) -> Any:
    """Return the reduced (x - t)^2 / (2 beta), or |x - t| - beta / 2 from beta on."""
    return _elements(_smooth_l1(input, target, beta)[0], reduction, sample_weight)[0]


def smooth_l1_loss_backward(
    dy: Any,
    input: Array,
    target: Array,
    reduction: str = "mean",
    beta: float = 1.0,
    sample_weight: Array | None = None,
) -> Array:
    """Return (x - t) / beta, or sign(x - t), times s dy / denominator."""
    return _elements(input, reduction, sample_weight)[1](dy, _smooth_l1(input, target, beta)[1])


def huber_loss(
    input: Array,
    target: Array,
    reduction: str = "mean",
    delta: float = 1.0,
    sample_weight: Array | None = None,
) -> Any:
    """Return the reduced (x - t)^2 / 2, or delta (|x - t| - delta / 2) from delta on."""
    return _elements(_huber(input, target, delta)[0], reduction, sample_weight)[0]


def huber_loss_backward(
    dy: Any,
    input: Array,
    target: Array,
    reduction: str = "mean",
    delta: float = 1.0,
    sample_weight: Array | None = None,
) -> Array:
    """Return x - t, or delta sign(x - t), times s dy / denominator."""
    return _elements(input, reduction, sample_weight)[1](dy, _huber(input, target, delta)[1])
