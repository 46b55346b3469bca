"""Dropout in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnet.reference.philox import DROPOUT, blocks

Array = np.ndarray[Any, Any]


def dropout_mask(shape: tuple[int, int], p: float, key: int, ticket: int) -> Array:
    """Return where elements are kept: where the word of (row, column) is at least p 2^32."""
    rows, cols = shape
    block = np.arange(rows)[:, None] * 2**32 + np.arange((cols + 3) // 4)
    words = blocks(key, DROPOUT, ticket, block).reshape(rows, 4 * block.shape[1])[:, :cols]
    return words >= np.uint64(np.floor(p * 2**32 + 0.5))


def dropout_by_ticket(x: Array, p: float, key: int, ticket: int) -> Array:
    """Return x / (1 - p) where a ticket's mask keeps an element, else 0."""
    cols = x.shape[-1] if x.ndim else 1
    rows = x.size // cols if cols else 0
    keep = dropout_mask((rows, cols), p, key, ticket).reshape(x.shape)
    scale = x.dtype.type(1 / (1 - p) if p < 1 else 0)
    result = np.zeros_like(x)
    np.multiply(x, scale, out=result, where=keep)
    return result


def dropout(x: Array, p: float = 0.5, training: bool = True, rng: Any = None) -> Array:
    """Return dropout under the next ticket of a generator; x itself if not training."""
    return dropout_by_ticket(x, p, rng.key, rng.next_ticket()) if training else x


def dropout_backward(dy: Array, p: float, key: int, ticket: int) -> Array:
    """Return the gradient: the same elements kept and scaled."""
    return dropout_by_ticket(dy, p, key, ticket)
