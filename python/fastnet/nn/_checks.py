"""Checks of what modules and optimizers are given."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastnet._arrays import Array, as_float, float_dtype, to_array
from fastnet.autograd.core import unwrap

# The largest array of doubles that an address can reach.
_MAX_ELEMENTS = 2**60


def reachable(shape: tuple[int, ...], name: str) -> None:
    """Raise ValueError for a shape with more elements than memory can have."""
    if math.prod(shape) > _MAX_ELEMENTS:
        msg = f"{name} of shape {shape} is larger than memory can be"
        raise ValueError(msg)


def number(value: Any, name: str, low: float = 0.0, high: float = math.inf) -> float:
    """Return a finite float from low to high; TypeError or ValueError for what is none."""
    if isinstance(value, bool | str) or not hasattr(value, "__float__"):
        msg = f"{name} must be a number, got {type(value).__name__}"
        raise TypeError(msg)
    result = float(value)
    if not math.isfinite(result) or not low <= result <= high:
        upper = "" if high == math.inf else f" and at most {high:g}"
        lower = "finite" if low == -math.inf else f"finite, at least {low:g}"
        msg = f"{name} must be {lower}{upper}, got {value}"
        raise ValueError(msg)
    return result


def float_kind(dtype: Any) -> np.dtype[Any]:
    """Return float32 (for None) or float64; TypeError for another dtype."""
    try:
        return float_dtype(dtype)
    except TypeError:
        msg = f"dtype must be float32 or float64, got {dtype!r}"
        raise TypeError(msg) from None


def zero_gradients(parameters: Any, set_to_none: bool) -> None:
    """Set gradients to None, or to 0."""
    for parameter in parameters:
        if set_to_none:
            parameter._grad = None
        elif parameter._grad is not None:
            parameter._grad._data[...] = 0
            parameter._grad._version[0] += 1


def attribute_name(name: Any) -> str:
    if not isinstance(name, str):
        msg = f"name must be a str, got {type(name).__name__}"
        raise TypeError(msg)
    if not name or "." in name:
        msg = f"name must not be empty nor have a dot, got {name!r}"
        raise ValueError(msg)
    return name


def fitting(value: Any, target: Array, name: str) -> Array:
    """Return a value as an array that can fill the target."""
    array = to_array(unwrap(value), name)
    if array.shape != target.shape:
        msg = f"{name} must have shape {target.shape}, got {array.shape}"
        raise ValueError(msg)
    if target.dtype.kind == "f":
        return as_float(array, name, target.dtype)
    if not np.can_cast(array.dtype, target.dtype, "same_kind"):
        msg = f"{name} must have dtype {target.dtype}, got {array.dtype}"
        raise TypeError(msg)
    return array
