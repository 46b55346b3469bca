"""Losses as the engine knows them."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnet._arrays import as_float, contiguous
from fastnet._compile.layers import Layers
from fastnet.nn.loss import (
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    HuberLoss,
    L1Loss,
    MSELoss,
    NLLLoss,
    SmoothL1Loss,
)

_LOSSES = {
    CrossEntropyLoss: "cross_entropy",
    NLLLoss: "nll",
    BCEWithLogitsLoss: "binary_cross_entropy_with_logits",
    MSELoss: "mse",
    L1Loss: "l1",
    SmoothL1Loss: "smooth_l1",
    HuberLoss: "huber",
}
_REDUCTIONS = {"mean": 1, "sum": 2}


def loss_options(loss: Any, layers: Layers) -> tuple[str, dict[str, Any]]:
    """Return a loss module's name and options; TypeError for what can't be compiled."""
    name = _LOSSES.get(type(loss))
    if name is None:
        known = ", ".join(kind.__name__ for kind in _LOSSES)
        msg = f"loss must be one of {known}, got {type(loss).__name__}"
        raise TypeError(msg)
    reduction = loss.reduction
    if reduction not in _REDUCTIONS:
        msg = f"loss must have reduction mean or sum, got {reduction}"
        raise ValueError(msg)
    if name == "binary_cross_entropy_with_logits" and loss.weight is not None:
        msg = "BCEWithLogitsLoss with weight can't be compiled; use sample_weight or pos_weight"
        raise TypeError(msg)
    options = {
        "reduction": _REDUCTIONS[str(reduction)],
        "label_smoothing": getattr(loss, "label_smoothing", 0.0),
        "beta": getattr(loss, "beta", getattr(loss, "delta", 1.0)),
        "ignore_index": getattr(loss, "ignore_index", -100),
    }
    for option in ("weight", "pos_weight"):
        value = getattr(loss, option, None)
        if value is not None:
            value = as_float(value, option, layers.dtype)
            if value.shape not in ((), (1,), (layers.out_features,)):
                msg = f"{option} must have shape ({layers.out_features},), got {value.shape}"
                raise ValueError(msg)
            value = contiguous(np.broadcast_to(value, (layers.out_features,)))
        options[option] = value
    return name, options
