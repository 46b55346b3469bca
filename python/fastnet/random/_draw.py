"""What the laws of a Generator share: parameters, outputs, and filling them from positions."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet import _core
from fastnet._arrays import Array, as_float, float_dtype, output
from fastnet.random._checks import Size, check_broadcast, shape_of
from fastnet.random._stream import Stream

# Key, stream and position.
Source = tuple[int, int, int]

# Values of a law with attempts, or places of a permutation, between two looks for Ctrl-C: some
# 20 ms.
SLOW_PIECE = 2**20

# Numbers below this need no look at the limits of float32.
USUAL = 1e38


class Drawing(Stream):
    """A stream whose values fill arrays, piece by piece."""

    __slots__ = ()

    def _fill(self, law: str, result: Array, a: float, b: float) -> None:
        """Fill an array with a law at the next positions."""
        key, stream, position = self._take(result.size)
        for begin, piece in pieces(result):
            _core.random_draw(law, key, stream, position + begin, a, b, piece)

    def _affine(
        self,
        law: str,
        parameters: dict[str, Any],
        size: Size,
        dtype: npt.DTypeLike | None,
        out: Array | None,
    ) -> Any:
        """Draw shift + scale v; `parameters` are the shift, if there is one, and the scale."""
        kind = float_dtype(np.float64 if dtype is None else dtype)
        shift, scale = (
            list(parameters.values()) if len(parameters) == 2 else (0.0, *parameters.values())
        )
        numbers = type(shift) in (int, float) and type(scale) in (int, float)
        if numbers and -USUAL < shift < USUAL and 0 <= scale < USUAL:
            result = output(out, shape_of(size, out), kind)
            self._fill(law, result, shift, scale)
            return result[()] if result.ndim == 0 and out is None else result
        *shift_name, scale_name = parameters
        arrays = {name: parameter(parameters[name], name, kind) for name in shift_name}
        arrays[scale_name] = parameter(scale, scale_name, kind, 0.0)
        result = target(size, out, kind, **arrays)
        if all(a.ndim == 0 for a in arrays.values()):
            self._fill(law, result, float(shift), float(scale))
        else:
            self._fill(law, result, 0.0, 1.0)
            np.multiply(result, arrays[scale_name], out=result)
            for name in shift_name:
                np.add(result, arrays[name], out=result)
        return result[()] if result.ndim == 0 and out is None else result


def parameter(
    value: Any, name: str, kind: np.dtype[Any], low: float = -math.inf, high: float = math.inf
) -> Array:
    """Return a law's parameter as an array of a dtype; ValueError unless finite in [low, high]."""
    array = as_float(value, name, kind)
    if not np.all((array >= low) & (array <= high) & np.isfinite(array)):
        limits = "" if low == -math.inf else f" and at least {low:g}"
        text = f"finite{limits}" if high == math.inf else f"in [{low:g}, {high:g}]"
        msg = f"{name} must be {text}, got {value}"
        raise ValueError(msg)
    return array


def common_shape(size: Size, out: Array | None, /, **arrays: Array) -> tuple[int, ...]:
    """Return the result's shape: size's or out's, to which the arrays must broadcast, or theirs."""
    if size is None and out is None:
        try:
            return np.broadcast_shapes(*(a.shape for a in arrays.values()))
        except ValueError:
            shapes = " and ".join(str(a.shape) for a in arrays.values())
            msg = f"{' and '.join(arrays)} must broadcast to one shape, got {shapes}"
            raise ValueError(msg) from None
    shape = shape_of(size, out)
    check_broadcast(shape, **arrays)
    return shape


def target(size: Size, out: Array | None, kind: np.dtype[Any], /, **arrays: Array) -> Array:
    """Return the array to fill: `out`, checked, or a new one; see `common_shape`.

    A parameter is read after some values are written, so `out` must not lie over it.
    """
    result = output(out, common_shape(size, out, **arrays), kind)
    require_apart(out, **arrays)
    return result


def require_apart(out: Array | None, /, **arrays: Array) -> None:
    """Raise ValueError if `out` overlaps a parameter."""
    for name, array in arrays.items():
        if out is not None and np.may_share_memory(out, array):
            msg = f"out must not overlap {name}"
            raise ValueError(msg)


def pieces(result: Array, size: int = 2**24) -> Iterator[tuple[int, Array]]:
    """Yield an array's flat pieces, small enough for Ctrl-C to be noticed soon."""
    flat = result.reshape(-1)
    for begin in range(0, flat.size, size):
        yield begin, flat[begin : begin + size]


def permutation_of(key: int, ticket: int, n: int) -> Array:
    """Return the permutation of 0 ... n - 1 that belongs to a ticket, made piece by piece."""
    order = np.empty(n, np.int64)
    for begin in range(0, n, SLOW_PIECE):
        _core.random_permutation(key, ticket, begin, order[: begin + SLOW_PIECE])
    return order


def column(array: Array, shape: tuple[int, ...]) -> Array:
    """Return a parameter's values for every element of a shape, flat, or its only one."""
    if array.size == 1:
        return np.ascontiguousarray(array.reshape(1))
    return np.ascontiguousarray(np.broadcast_to(array, shape)).reshape(-1)
