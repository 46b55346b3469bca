"""Losses as modules; formulas stand with the functions of the same name in F."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnet import functional as F
from fastnet._arrays import Array, as_float
from fastnet.autograd.core import TensorCore, unwrap
from fastnet.nn._checks import number
from fastnet.nn.module import Module

_REDUCTIONS = ("mean", "sum", "none")


class Loss(Module):
    """Base of losses.

    Called with (input, target, sample_weight=None). Buffers and sample weights are converted to the
    input's dtype.
    """

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__()
        if reduction not in _REDUCTIONS:
            msg = f"reduction must be one of {', '.join(_REDUCTIONS)}, got {reduction!r}"
            raise ValueError(msg)
        self.reduction = reduction

    def _weights(self, name: str, value: Any) -> None:
        """Register a buffer of weights."""
        self.register_buffer(
            name, None if value is None else np.array(as_float(unwrap(value), name))
        )

    def _as(self, name: str, input: Any) -> Array | None:
        """Return a buffer in the input's dtype."""
        value: Array | None = getattr(self, name)
        if value is None:
            return None
        array = unwrap(input)
        kind = getattr(array, "dtype", value.dtype)
        return as_float(value, name, kind) if kind.kind == "f" else value

    def extra_repr(self) -> str:
        """Return the reduction if it is not the mean."""
        return "" if self.reduction == "mean" else f"reduction={self.reduction!r}"


def _target(target: Any, input: Any) -> Any:
    """Return a target of numbers in the input's dtype."""
    if isinstance(target, TensorCore):
        return target
    kind = getattr(unwrap(input), "dtype", None)
    floats = kind is not None and kind.kind == "f"
    return as_float(target, "target", kind if floats else None)


class CrossEntropyLoss(Loss):
    """`F.cross_entropy` of logits and classes or probabilities.

    Parameters
    ----------
    weight : array_like, shape (classes,), optional
    ignore_index : int, default -100
    reduction : {"mean", "sum", "none"}
    label_smoothing : float, default 0

    Examples
    --------
    >>> import numpy as np
    >>> from fastnet import nn
    >>> round(float(nn.CrossEntropyLoss()(np.float32([[0, 0]]), np.array([1]))), 4)
    0.6931
    """

    def __init__(
        self,
        weight: Any = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(reduction)
        self._weights("weight", weight)
        self.ignore_index = ignore_index
        self.label_smoothing = number(label_smoothing, "label_smoothing", 0.0, 1.0)

    def forward(self, input: Any, target: Any, sample_weight: Any = None) -> Any:
        """Return the loss."""
        return F.cross_entropy(
            input, target, self._as("weight", input), self.ignore_index, self.reduction,
            self.label_smoothing, sample_weight,
        )  # fmt: skip


class NLLLoss(Loss):
    """`F.nll_loss` of log-probabilities and classes.

    Parameters
    ----------
    weight : array_like, shape (classes,), optional
    ignore_index : int, default -100
    reduction : {"mean", "sum", "none"}
    """

    def __init__(
        self, weight: Any = None, ignore_index: int = -100, reduction: str = "mean"
    ) -> None:
        super().__init__(reduction)
        self._weights("weight", weight)
        self.ignore_index = ignore_index

    def forward(self, input: Any, target: Any, sample_weight: Any = None) -> Any:
        """Return the loss."""
        return F.nll_loss(
            input, target, self._as("weight", input), self.ignore_index, self.reduction,
            sample_weight,
        )  # fmt: skip


class BCEWithLogitsLoss(Loss):
    """`F.binary_cross_entropy_with_logits` of logits and probabilities.

    Parameters
    ----------
    weight, pos_weight : array_like, optional
        Broadcast to the input.
    reduction : {"mean", "sum", "none"}
    """

    def __init__(self, weight: Any = None, reduction: str = "mean", pos_weight: Any = None) -> None:
        super().__init__(reduction)
        self._weights("weight", weight)
        self._weights("pos_weight", pos_weight)

    def forward(self, input: Any, target: Any, sample_weight: Any = None) -> Any:
        """Return the loss."""
        return F.binary_cross_entropy_with_logits(
            input, _target(target, input), self._as("weight", input), self.reduction,
            self._as("pos_weight", input), sample_weight,
        )  # fmt: skip


class MSELoss(Loss):
    """`F.mse_loss`: (input - target)^2.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnet import nn
    >>> float(nn.MSELoss()(np.float32([1, 2]), np.float32([1, 4])))
    2.0
    """

    def forward(self, input: Any, target: Any, sample_weight: Any = None) -> Any:
        """Return the loss."""
        return F.mse_loss(input, _target(target, input), self.reduction, sample_weight)


class L1Loss(Loss):
    """`F.l1_loss`: abs(input - target)."""

    def forward(self, input: Any, target: Any, sample_weight: Any = None) -> Any:
        """Return the loss."""
        return F.l1_loss(input, _target(target, input), self.reduction, sample_weight)


class SmoothL1Loss(Loss):
    """`F.smooth_l1_loss`: squared below beta, absolute above."""

    def __init__(self, reduction: str = "mean", beta: float = 1.0) -> None:
        super().__init__(reduction)
        self.beta = number(beta, "beta")

    def forward(self, input: Any, target: Any, sample_weight: Any = None) -> Any:
        """Return the loss."""
        return F.smooth_l1_loss(
            input, _target(target, input), self.reduction, self.beta, sample_weight
        )


class HuberLoss(Loss):
    """`F.huber_loss`: squared below delta, absolute times delta above."""

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction)
        self.delta = number(delta, "delta")
        if self.delta == 0:
            msg = "delta must be positive, got 0"
            raise ValueError(msg)

    def forward(self, input: Any, target: Any, sample_weight: Any = None) -> Any:
        """Return the loss."""
        return F.huber_loss(
            input, _target(target, input), self.reduction, self.delta, sample_weight
        )
