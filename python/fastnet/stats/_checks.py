"""Parameters of distributions, checked; SciPy's functions, when they are needed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastnet._arrays import FLOAT_DTYPES, Array, as_float, to_array

# Probabilities must sum to 1 within this; they are never rescaled.
SUM_TOLERANCE = 1e-8


def special(name: str) -> Any:
    """Return a function of scipy.special; ImportError naming the extra without SciPy."""
    return getattr(scipy("special"), name)


def scipy(module: str) -> Any:
    """Return a module of SciPy; ImportError naming the extra without it."""
    import importlib

    try:
        return importlib.import_module(f"scipy.{module}")
    except ImportError as error:
        msg = f'this needs scipy.{module}: pip install "fastnet-cpu[stats]"'
        raise ImportError(msg) from error


def parameter(
    value: Any,
    name: str,
    low: float = -math.inf,
    high: float = math.inf,
    *,
    open_low: bool = False,
    integral: bool = False,
) -> Any:
    """Return a parameter as a float, or as a float64 array of more than none dimensions."""
    array = as_float(to_array(value, name), name, FLOAT_DTYPES[1])
    good = np.isfinite(array) & (array > low if open_low else array >= low) & (array <= high)
    if integral:
        good &= array == np.floor(array)
    if not np.all(good):
        limits = f"{'(' if open_low or low == -math.inf else '['}{low:g}, {high:g}"
        limits += ")" if high == math.inf else "]"
        kind = "an integer" if integral else "finite and"
        got = array if array.ndim == 0 else array[~good].flat[0]
        msg = f"{name} must be {kind} in {limits}, got {got}"
        raise ValueError(msg)
    # Of its own, so that neither the caller nor `out` changes a law afterwards.
    return float(array) if array.ndim == 0 else array.copy()


def common_shape(**parameters: Any) -> tuple[int, ...]:
    """Return the shape that parameters broadcast to; ValueError if they do not."""
    try:
        return np.broadcast_shapes(*(np.shape(p) for p in parameters.values()))
    except ValueError:
        shapes = ", ".join(f"{name} {np.shape(p)}" for name, p in parameters.items())
        msg = f"the parameters must broadcast to one shape, got {shapes}"
        raise ValueError(msg) from None


def probabilities(value: Any, name: str) -> Array:
    """Return probabilities that sum to 1 within 1e-8, as a float64 array of their own."""
    p = as_float(to_array(value, name), name, FLOAT_DTYPES[1]).copy()
    if p.size == 0 or p.ndim == 0:
        msg = f"{name} must be an array of probabilities, got shape {p.shape}"
        raise ValueError(msg)
    if not (np.min(p) >= 0 and np.max(p) <= 1 + SUM_TOLERANCE):
        msg = f"{name} must be in [0, 1], got {np.min(p)} to {np.max(p)}"
        raise ValueError(msg)
    total = math.fsum(p.flat)
    if abs(total - 1) > SUM_TOLERANCE:
        msg = f"{name} must sum to 1 within {SUM_TOLERANCE:g}, got {total!r}"
        raise ValueError(msg)
    return p


def xlogy(x: Any, y: Any) -> Array:
    """Return x log(y), 0 where x is 0."""
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(x == 0, 0.0, x * np.log(y))


def result(value: Any) -> Any:
    """Return an array, or a float for one without dimensions."""
    array = np.asarray(value)
    return array if array.ndim else float(array)
