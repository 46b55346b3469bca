"""What Trainer's methods are given, checked."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np


def callables(callbacks: Any) -> list[Callable[..., Any]]:
    """Return callbacks as a list; TypeError for what is none."""
    if not isinstance(callbacks, Iterable):
        msg = f"callbacks must be an iterable of callables, got {type(callbacks).__name__}"
        raise TypeError(msg)
    result = list(callbacks)
    for callback in result:
        if not callable(callback):
            msg = f"callbacks must be callable, got {type(callback).__name__}"
            raise TypeError(msg)
    return result


def pair(validation_data: Any) -> tuple[Any, Any]:
    """Return validation_data as x and y; TypeError for what is no pair."""
    if not isinstance(validation_data, tuple | list) or len(validation_data) != 2:
        size = f" of {len(validation_data)}" if isinstance(validation_data, tuple | list) else ""
        kind = type(validation_data).__name__
        msg = f"validation_data must be a pair (x, y), got a {kind}{size}"
        raise TypeError(msg)
    x, y = validation_data
    return x, y


def clip_norm(max_norm: Any) -> float:
    """Return max_norm as the engine takes it, 0 for none."""
    if max_norm is None:
        return 0.0
    if isinstance(max_norm, bool) or not isinstance(max_norm, int | float | np.number):
        msg = f"max_norm must be a number or None, got {type(max_norm).__name__}"
        raise TypeError(msg)
    if not 0 < max_norm < math.inf:
        msg = f"max_norm must be positive and finite, got {max_norm}"
        raise ValueError(msg)
    return float(max_norm)
