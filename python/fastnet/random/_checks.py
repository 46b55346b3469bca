"""Seeds, sizes and integers that users pass, checked."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastnet._arrays import Array, as_dtype, as_float, to_array

# No process has more bytes of memory than this.
_ADDRESSES = 2**56

Size = int | Sequence[int] | None


def integer(value: Any, name: str, low: int, high: int) -> int:
    """Return an integer in [low, high]; TypeError for what is none, ValueError out of range."""
    if isinstance(value, bool | np.bool_):
        msg = f"{name} must be an integer, got {value!r}"
        raise TypeError(msg)
    try:
        result = operator.index(value)
    except TypeError:
        msg = f"{name} must be an integer, got {type(value).__name__}"
        raise TypeError(msg) from None
    if not low <= result <= high:
        msg = f"{name} must be from {low} to {high}, got {result}"
        raise ValueError(msg)
    return result


def shape_of(size: Size, out: Array | None) -> tuple[int, ...]:
    """Return the shape that a size asks for: that of `out`, or of a scalar, if None."""
    if size is None:
        return np.shape(out) if out is not None else ()
    largest = 2**63 - 1
    sizes = size if isinstance(size, tuple | list) else (size,)
    shape = tuple(integer(n, "size", 0, largest) for n in sizes)
    if math.prod(max(n, 1) for n in shape) >= _ADDRESSES:
        msg = f"size must be of fewer than 2**56 values, got {size}"
        raise ValueError(msg)
    return shape


def seed_sequence(seed: Any) -> np.random.SeedSequence:
    """Return the SeedSequence of whatever `Generator` takes as seed."""
    if seed is None:
        return np.random.SeedSequence()
    if isinstance(seed, np.random.SeedSequence):
        return seed
    if isinstance(seed, np.random.BitGenerator):
        seed = np.random.Generator(seed)
    if isinstance(seed, np.random.Generator):
        seed = [int(w) for w in seed.integers(0, 2**64, 2, np.uint64)]
    elif isinstance(seed, np.random.RandomState):
        seed = [int(w) for w in seed.randint(0, 2**32, 4, np.uint32)]
    if isinstance(seed, np.ndarray) and seed.ndim:
        seed = list(seed.ravel())
    if isinstance(seed, Sequence) and not isinstance(seed, str | bytes):
        return np.random.SeedSequence([_seed_integer(word) for word in seed])
    return np.random.SeedSequence(_seed_integer(seed))


def _seed_integer(seed: Any) -> int:
    if isinstance(seed, bool | np.bool_) or not hasattr(type(seed), "__index__"):
        # fastnet's own Generator is no seed of another: it has spawn and jumped.
        own = "fastnet's " if type(seed).__module__.startswith("fastnet.") else ""
        msg = (
            "seed must be None, a non-negative integer or a sequence of them, a SeedSequence or a "
            f"numpy Generator, got {own}{type(seed).__name__}"
        )
        raise TypeError(msg)
    result = operator.index(seed)
    if result < 0:
        msg = f"seed must not be negative, got {result}"
        raise ValueError(msg)
    return result


def check_broadcast(shape: tuple[int, ...], /, **arrays: Array) -> None:
    """Raise ValueError unless all arrays broadcast to a shape."""
    for name, array in arrays.items():
        try:
            np.broadcast_to(array, shape)
        except ValueError:
            msg = f"{name} must broadcast to shape {shape}, got {array.shape}"
            raise ValueError(msg) from None


def integer_dtype(dtype: Any) -> np.dtype[Any]:
    """Return an integer dtype, int64 if None; TypeError for any other."""
    kind = as_dtype(np.int64 if dtype is None else dtype)
    if kind.kind not in "iu" or not kind.isnative:
        msg = f"dtype must be an integer dtype in native byte order, got {kind}"
        raise TypeError(msg)
    return kind


def counts(value: Any, name: str) -> Array:
    """Return integers of at least 0 as int64; whole floats are taken as what they are."""
    if isinstance(value, int) and not 0 <= value < 2**63:  # beyond what NumPy has a dtype for
        msg = f"{name} must be from 0 to 2**63 - 1, got {value}"
        raise ValueError(msg)
    array = to_array(value, name)
    if array.dtype.kind == "f" and np.all(array == np.floor(array)):
        fits = np.abs(array) < 2**63
    elif array.dtype.kind in "iu":
        fits = array <= np.int64(2**63 - 1)
    else:
        msg = f"{name} must be an integer, got {value}"
        raise TypeError(msg)
    if not np.all(fits & (array >= 0)):
        msg = f"{name} must be from 0 to 2**63 - 1, got {value}"
        raise ValueError(msg)
    return array.astype(np.int64)


def probabilities(p: Any) -> Array:
    """Return a vector of probabilities in float64; ValueError unless their sum is 1 to 1e-8."""
    array = np.ascontiguousarray(as_float(p, "p", np.dtype(np.float64)))
    if array.ndim != 1 or not array.size:
        msg = f"p must have shape (categories,), got {array.shape}"
        raise ValueError(msg)
    if not np.all(np.isfinite(array) & (array >= 0)):
        msg = f"p must be finite and at least 0, got {p}"
        raise ValueError(msg)
    total = float(array.sum())
    if abs(total - 1) > 1e-8:
        msg = f"p must have the sum 1, got {total!r}"
        raise ValueError(msg)
    return array
