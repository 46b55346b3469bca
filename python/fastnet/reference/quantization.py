"""Linear layers with bf16 or int8 weights, as `fastnet.quantize` computes them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

LEVELS = np.float32(127)
# Rows below this count as zero: 127 / largest stays finite, largest / 127 a normal number.
SMALLEST = np.float32(2.0**-119)


def round_bf16(x: Array) -> Array:
    """Round float32 to the nearest number of 8 significant bits, ties to even; NaN stays NaN."""
    x = np.asarray(x, np.float32)
    bits = x.view(np.uint32)
    rounded = bits + np.uint32(0x7FFF) + (bits >> np.uint32(16) & np.uint32(1))
    kept = np.where(np.isnan(x), bits | np.uint32(0x00400000), rounded)
    return (kept & np.uint32(0xFFFF0000)).view(np.float32)


def quantize_rows(x: Array) -> tuple[Array, Array]:
    """Return each row as integers from -127 to 127 and its scale, so that x ~ integers * scale.

    scale = largest / 127 and integers = round(x (127 / largest)), to nearest even, in float32. The
    scale of a row with NaN or infinity is NaN, and that of a row of nothing but (almost) zeros 0.
    """
    x = np.asarray(x, np.float32)
    finite = np.isfinite(x).all(axis=-1, keepdims=True)
    largest = np.abs(np.where(finite, x, 0)).max(axis=-1, keepdims=True, initial=0)
    some = largest >= SMALLEST
    inverse = LEVELS / np.where(some, largest, LEVELS)
    integers = np.where(finite & some, np.rint(x * inverse), np.float32(0)).astype(np.int8)
    scale = np.where(finite, np.where(some, largest / LEVELS, 0), np.nan).astype(np.float32)
    return integers, scale[..., 0]


def quantized_linear(x: Array, weight: Array, bias: Array | None, dtype: str) -> Array:
    """Return x W^T + bias with rows of x and rows of weight rounded to bf16 or int8.

    int8: every step is exact or one rounding of IEEE float32, so that the kernels give these very
    bits: the integers are below 2^53 in float64, whatever the order of their sum, and the sum's
    conversion, the product of the scales, its product with the sum, and the bias round once each.
    bf16: the kernels add up in float32, here it is float64, rounded at the end.
    """
    if dtype == "bf16":
        rounded, w = round_bf16(x).astype(np.float64), round_bf16(weight).astype(np.float64)
        y = (rounded @ w.T).astype(np.float32)
    else:
        q, q_scale = quantize_rows(x)
        w, w_scale = quantize_rows(weight)
        total = q.astype(np.float64) @ w.astype(np.float64).T
        y = total.astype(np.float32) * (q_scale[:, None] * w_scale)
    return y if bias is None else y + bias
