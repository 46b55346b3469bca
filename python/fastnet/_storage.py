"""Where parameters lie: 64-byte aligned memory, and weights by rows of padded length.

A weight of shape (out_features, in_features) is the transposed view of W, row-major (in_features,
out_features), whose rows are `padded_row` apart. What fills the rows is zero.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnet import _core
from fastnet._arrays import Array

_ALIGNMENT = 64


def padded_row(columns: int, itemsize: int) -> int:
    """Return the distance between rows: a multiple of 16 elements, never one of 1 KiB.

    So rows begin on cache lines, and a column of them does not fall into one cache set. The
    compiled half has the same function.
    """
    row = -(-max(columns, 1) // 16) * 16
    return row + 16 if row * itemsize % 1024 == 0 else row


def aligned_zeros(n: int, dtype: np.dtype[Any]) -> Array:
    """Return n zeros that begin on a cache line."""
    raw = np.zeros(n * dtype.itemsize + _ALIGNMENT, np.uint8)
    start = -raw.__array_interface__["data"][0] % _ALIGNMENT
    return raw[start : start + n * dtype.itemsize].view(dtype)


def zeros_weight(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Return a zero weight of shape (out_features, in_features) in padded memory."""
    out_features, in_features = shape
    row = padded_row(out_features, dtype.itemsize)
    storage = aligned_zeros(in_features * row, dtype)
    return storage.reshape(in_features, row)[:, :out_features].T


def empty_gradient(out_features: int, in_features: int, dtype: np.dtype[Any]) -> Array:
    """Return a row-major W of shape (in_features, out_features), laid out as a weight's is."""
    row = padded_row(out_features, dtype.itemsize)
    if row == out_features:
        return np.empty((in_features, out_features), dtype)
    storage = np.empty((in_features, row), dtype)
    storage[:, out_features:] = 0
    return storage[:, :out_features]


def is_padded(array: Array) -> bool:
    """Return whether an array is laid out as `zeros_weight` lays it out."""
    if array.ndim != 2 or array.size == 0:
        return False
    size = array.itemsize
    return array.strides == (size, padded_row(array.shape[0], size) * size)


def flat(array: Array) -> Array | None:
    """Return all memory of an array as one vector, padding included.

    None if it is scattered, or what lies between its rows is not padding of zeros.
    """
    # A part of a user's array may have a weight's strides too, with other things behind its rows.
    vector: Array | None = _core.padded_memory(array)
    if vector is not None:
        return vector
    if array.flags.c_contiguous:
        return array.reshape(-1)
    return array.T.reshape(-1) if array.T.flags.c_contiguous else None
