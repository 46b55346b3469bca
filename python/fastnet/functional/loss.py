"""Losses on arrays, each beside its gradient."""

from __future__ import annotations

from typing import Any

from fastnet._arrays import Array
from fastnet._losses import class_loss, element_loss, taped


@taped(lambda *args: cross_entropy_backward(*args))
def cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
    sample_weight: Any = None,
) -> Any:
    r"""Cross-entropy of softmax(input) against classes or class probabilities.

    The loss of a row of logits x with target distribution q and class weights w is

        l = sum_c w_c q_c (log(sum_k exp(x_k)) - x_c),

    where, for a class y and label smoothing e, w_c q_c = (1 - e) w_y [c = y] + e w_c / classes, and
    for probabilities t, q_c = (1 - e) t_c + e / classes.

    Parameters
    ----------
    input : array_like, shape (classes,), (batch, classes) or (batch, classes, *)
        Logits, float32 or float64; no softmax before.
    target : array_like
        Integers in [0, classes), shape (batch, *); or probabilities of the input's shape and dtype.
    weight : array_like, shape (classes,), optional
        Class weights.
    ignore_index : int
        Rows of this class count nothing and get a zero gradient.
    reduction : {"mean", "sum", "none"}
        The mean is sum(s l) / sum(s w_y) for classes and sum(s l) / sum(s) for probabilities.
    label_smoothing : float in [0, 1]
    sample_weight : array_like, shape (batch,), optional
        s, a weight for each row of the batch; 1 without it.

    Returns
    -------
    numpy scalar, or with "none" an ndarray of shape (batch, *)
        Of the input's dtype. A mean over a total weight of 0 is NaN, and so is its gradient.

    Raises
    ------
    TypeError
        If dtypes differ or class numbers are not integers.
    ValueError
        If shapes do not fit, or a class is out of range (the message names the row).

    Notes
    -----
    Probabilities are never formed: with m = max(x), l = log(sum exp(x - m)) - (x_y - m), a sum of
    terms that are not negative, finite for logits of any size (Blanchard, Higham and Higham 2021,
    IMA J. Numer. Anal. 41). Rows' losses are added in float64 in row order, divided and rounded;
    the bits do not depend on the number of threads or the ISA level.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet.functional as F
    >>> F.cross_entropy(np.float32([[2, 0], [1e4, 0]]), [0, 1], reduction="none")
    array([1.2692805e-01, 1.0000000e+04], dtype=float32)
    """
    return class_loss(
        "cross_entropy", input, target, weight, ignore_index, reduction, label_smoothing,
        sample_weight,
    ).value()  # fmt: skip


def cross_entropy_backward(
    dy: Any,
    input: Any,
    target: Any,
    weight: Any = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
    sample_weight: Any = None,
    out: Array | None = None,
) -> Array:
    """Gradient of `cross_entropy` with respect to the input: (softmax(x) sum(w q) - w q) times dy.

    Parameters
    ----------
    dy : number, or with reduction "none" array_like, shape (batch, *)
        Gradient of the loss; the other parameters are those of `cross_entropy`.
    out : ndarray of the input's shape, optional
        Where to write the result; may be `input`.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet.functional as F
    >>> F.cross_entropy_backward(1.0, np.float32([[0, 0], [0, 0]]), [0, 1])
    array([[-0.25,  0.25],
           [ 0.25, -0.25]], dtype=float32)
    """
    return class_loss(
        "cross_entropy", input, target, weight, ignore_index, reduction, label_smoothing,
        sample_weight,
    ).gradient(dy, out)  # fmt: skip


@taped(lambda *args: nll_loss_backward(*args))
def nll_loss(
    input: Any,
    target: Any,
    weight: Any = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    sample_weight: Any = None,
) -> Any:
    """Negative log-likelihood, l = -w_y x_y, of log-probabilities x and classes y.

    Parameters
    ----------
    input : array_like, shape (classes,), (batch, classes) or (batch, classes, *)
        Log-probabilities, as `log_softmax` gives them.
    target : array_like of int, shape (batch, *)
    weight, ignore_index, reduction, sample_weight
        As in `cross_entropy`; the mean is sum(s l) / sum(s w_y).

    Returns
    -------
    numpy scalar, or with "none" an ndarray of shape (batch, *)

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet.functional as F
    >>> F.nll_loss(np.log(np.float32([[0.5, 0.5], [0.25, 0.75]])), [0, 0], reduction="none")
    array([0.6931472, 1.3862944], dtype=float32)
    """
    loss = class_loss("nll", input, target, weight, ignore_index, reduction, 0.0, sample_weight)
    return loss.value()


def nll_loss_backward(
    dy: Any,
    input: Any,
    target: Any,
    weight: Any = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    sample_weight: Any = None,
    out: Array | None = None,
) -> Array:
    """Gradient of `nll_loss` with respect to the input: -s w_y dy at the class, else 0.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet.functional as F
    >>> F.nll_loss_backward(1.0, np.float32([[-1, -2]]), [1])
    array([[ 0., -1.]], dtype=float32)
    """
    loss = class_loss("nll", input, target, weight, ignore_index, reduction, 0.0, sample_weight)
    return loss.gradient(dy, out)


@taped(lambda *args: binary_cross_entropy_with_logits_backward(*args))
def binary_cross_entropy_with_logits(
    input: Any,
    target: Any,
    weight: Any = None,
    reduction: str = "mean",
    pos_weight: Any = None,
    sample_weight: Any = None,
) -> Any:
    """Cross-entropy of sigmoid(input) against probabilities, for each element.

    l = w ((1 - t) x + (1 + (p - 1) t) log(1 + exp(-x))) with the target t, the weight w and the
    pos_weight p.

    Parameters
    ----------
    input : array_like, any shape
        Logits.
    target : array_like of the input's shape and dtype
        Probabilities of the positive class.
    weight, pos_weight : array_like, optional
        Broadcast to the input: a factor for the element, and one for its positive part.
    reduction : {"mean", "sum", "none"}
        The mean is over elements; with `sample_weight` s, sum_i s_i mean(l_i) / sum_i s_i.
    sample_weight : array_like, shape (batch,), optional

    Returns
    -------
    numpy scalar, or with "none" an ndarray of the input's shape

    Notes
    -----
    log(1 + exp(-x)) is computed as max(-x, 0) + log1p(exp(-|x|)), finite for every finite x.
    Elements are added along a row in blocks, rows in float64; bits as in `cross_entropy`.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet.functional as F
    >>> x, t = np.float32([0, 99]), np.float32([1, 0])
    >>> F.binary_cross_entropy_with_logits(x, t, reduction="none")
    array([ 0.6931472, 99.       ], dtype=float32)
    """
    return element_loss(
        "binary_cross_entropy_with_logits", input, target, reduction, sample_weight,
        weight=weight, pos_weight=pos_weight,
    ).value()  # fmt: skip


def binary_cross_entropy_with_logits_backward(
    dy: Any,
    input: Any,
    target: Any,
    weight: Any = None,
    reduction: str = "mean",
    pos_weight: Any = None,
    sample_weight: Any = None,
    out: Array | None = None,
) -> Array:
    """Gradient with respect to the input: w ((1 - t + p t) sigmoid(x) - p t) times dy.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet.functional as F
    >>> F.binary_cross_entropy_with_logits_backward(1.0, np.float32([0, 0]), np.float32([1, 0]))
    array([-0.25,  0.25], dtype=float32)
    """
    return element_loss(
        "binary_cross_entropy_with_logits", input, target, reduction, sample_weight,
        weight=weight, pos_weight=pos_weight,
    ).gradient(dy, out)  # fmt: skip


@taped(lambda *args: mse_loss_backward(*args), difference=True)
def mse_loss(input: Any, target: Any, reduction: str = "mean", sample_weight: Any = None) -> Any:
    """Squared error, l = (x - t)^2, for each element; its mean estimates the variance of the error.

    Parameters
    ----------
    input : array_like, any shape
    target : array_like of the input's shape and dtype
        Nothing is broadcast: (batch,) against (batch, 1) is an error.
    reduction : {"mean", "sum", "none"}
        The mean is over elements; with `sample_weight` s, sum_i s_i mean(l_i) / sum_i s_i.
    sample_weight : array_like, shape (batch,), optional

    Returns
    -------
    numpy scalar, or with "none" an ndarray of the input's shape

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet.functional as F
    >>> F.mse_loss(np.float32([1, 2, 3]), np.float32([1, 0, 0]), reduction="sum")
    np.float32(13.0)
    """
    return element_loss("mse", input, target, reduction, sample_weight).value()


def mse_loss_backward(
    dy: Any,
    input: Any,
    target: Any,
    reduction: str = "mean",
    sample_weight: Any = None,
    out: Array | None = None,
) -> Array:
    """Gradient of `mse_loss` with respect to the input: 2 (x - t) times dy.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet.functional as F
    >>> F.mse_loss_backward(1.0, np.float32([1, 2]), np.float32([1, 0]))
    array([0., 2.], dtype=float32)
    """
    return element_loss("mse", input, target, reduction, sample_weight).gradient(dy, out)


@taped(lambda *args: l1_loss_backward(*args), difference=True)
def l1_loss(input: Any, target: Any, reduction: str = "mean", sample_weight: Any = None) -> Any:
    """Absolute error, l = |x - t|, for each element; parameters as in `mse_loss`.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet.functional as F
    >>> F.l1_loss(np.float32([1, 2]), np.float32([0, 4]))
    np.float32(1.5)
    """
    return element_loss("l1", input, target, reduction, sample_weight).value()


def l1_loss_backward(
    dy: Any,
    input: Any,
    target: Any,
    reduction: str = "mean",
    sample_weight: Any = None,
    out: Array | None = None,
) -> Array:
    """Gradient of `l1_loss` with respect to the input: sign(x - t) times dy, 0 where x = t.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet.functional as F
    >>> F.l1_loss_backward(1.0, np.float32([1, 2]), np.float32([0, 4]))
    array([ 0.5, -0.5], dtype=float32)
    """
    return element_loss("l1", input, target, reduction, sample_weight).gradient(dy, out)


@taped(lambda *args: smooth_l1_loss_backward(*args), difference=True)
def smooth_l1_loss(
    input: Any, target: Any, reduction: str = "mean", beta: float = 1.0, sample_weight: Any = None
) -> Any:
    """Smooth absolute error: (x - t)^2 / (2 beta) where |x - t| < beta, else |x - t| - beta / 2.

    Parameters as in `mse_loss`; with beta = 0 it is `l1_loss`.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet.functional as F
    >>> F.smooth_l1_loss(np.float32([1, 4]), np.float32([0, 0]), reduction="none", beta=2.0)
    array([0.25, 3.  ], dtype=float32)
    """
    return element_loss("smooth_l1", input, target, reduction, sample_weight, beta).value()


def smooth_l1_loss_backward(
    dy: Any,
    input: Any,
    target: Any,
    reduction: str = "mean",
    beta: float = 1.0,
    sample_weight: Any = None,
    out: Array | None = None,
) -> Array:
    """Gradient of `smooth_l1_loss`: (x - t) / beta, or sign(x - t) from beta on, times dy.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet.functional as F
    >>> F.smooth_l1_loss_backward(1.0, np.float32([1, 4]), np.float32([0, 0]), "sum", beta=2.0)
    array([0.5, 1. ], dtype=float32)
    """
    loss = element_loss("smooth_l1", input, target, reduction, sample_weight, beta)
    return loss.gradient(dy, out)


@taped(lambda *args: huber_loss_backward(*args), difference=True)
def huber_loss(
    input: Any, target: Any, reduction: str = "mean", delta: float = 1.0, sample_weight: Any = None
) -> Any:
    """Huber's loss: (x - t)^2 / 2 where |x - t| < delta, else delta (|x - t| - delta / 2).

    Parameters as in `mse_loss` (Huber 1964, Ann. Math. Statist. 35, 73-101).

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet.functional as F
    >>> F.huber_loss(np.float32([1, 4]), np.float32([0, 0]), reduction="none", delta=2.0)
    array([0.5, 6. ], dtype=float32)
    """
    return element_loss("huber", input, target, reduction, sample_weight, delta).value()


def huber_loss_backward(
    dy: Any,
    input: Any,
    target: Any,
    reduction: str = "mean",
    delta: float = 1.0,
    sample_weight: Any = None,
    out: Array | None = None,
) -> Array:
    """Gradient of `huber_loss`: x - t, or delta sign(x - t) from delta on, times dy.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet.functional as F
    >>> F.huber_loss_backward(1.0, np.float32([1, 4]), np.float32([0, 0]), "sum", delta=2.0)
    array([1., 2.], dtype=float32)
    """
    return element_loss("huber", input, target, reduction, sample_weight, delta).gradient(dy, out)
