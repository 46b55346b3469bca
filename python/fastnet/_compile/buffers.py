"""Parameters in one flat buffer: where each lies, and how they get there."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fastnet import _core
from fastnet._arrays import Array
from fastnet._compile.layers import Layers
from fastnet._storage import aligned_zeros, padded_row


class Slot(NamedTuple):
    """A parameter's place in the flat buffers."""

    param: Any
    layer: int
    role: int
    begin: int
    size: int  # padding included
    view: Array


def view_of(buffer: Array, slot: Slot) -> Array:
    """Return the part of another flat buffer that belongs to a parameter, in its shape."""
    part = buffer[slot.begin : slot.begin + slot.size]
    shape = slot.param._data.shape
    if slot.role == _core.ROLE_MATRIX:
        return part.reshape(shape[1], -1)[:, : shape[0]].T
    return part[: shape[0]]


def slots_of(layers: Layers) -> tuple[list[Slot], int]:
    """Return where each parameter goes in a flat buffer, and the buffer's length."""
    slots: list[Slot] = []
    seen: set[int] = set()
    begin = 0
    for number, role, param in layers.parameters():
        if id(param) in seen:
            msg = "a compiled model must not use a parameter twice"
            raise ValueError(msg)
        seen.add(id(param))
        shape = param._data.shape
        size = (
            shape[1] * padded_row(shape[0], layers.dtype.itemsize)
            if role == _core.ROLE_MATRIX
            else -(-shape[0] // 16) * 16
        )
        slots.append(Slot(param, number, role, begin, size, param._data))
        begin += size
    return slots, begin


def move(slots: list[Slot], length: int, dtype: np.dtype[Any]) -> tuple[Array, list[Slot]]:
    """Move parameters into one flat buffer, or keep that which they lie in; return it and slots."""
    buffer = _common_buffer(slots, length, dtype)
    if buffer is None:
        buffer = aligned_zeros(length, dtype)
        for slot in slots:
            slot.param._rehome(view_of(buffer, slot))
    return buffer, [slot._replace(view=slot.param._data) for slot in slots]


def _common_buffer(slots: list[Slot], length: int, dtype: np.dtype[Any]) -> Array | None:
    """Return the flat buffer that all parameters lie in already, each in its place."""
    owner = slots[0].param._data.base
    if type(owner) is not np.ndarray or owner.dtype != np.uint8:
        return None
    start = _address(slots[0].param._data) - _address(owner)
    buffer = owner[start : start + length * dtype.itemsize]
    if len(buffer) != length * dtype.itemsize:
        return None
    buffer = buffer.view(dtype)
    same = all(same_place(view_of(buffer, slot), slot.param._data) for slot in slots)
    return buffer if same else None


def _address(array: Array) -> int:
    return int(array.__array_interface__["data"][0])


def same_place(a: Array, b: Array) -> bool:
    return _address(a) == _address(b) and a.strides == b.strides
