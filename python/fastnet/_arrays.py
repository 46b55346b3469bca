"""From what users pass to the arrays that the compiled half takes: checks, conversions, outputs."""

from __future__ import annotations

import array as buffers
import math
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

FLOAT_DTYPES = (np.dtype(np.float32), np.dtype(np.float64))
_FLOAT32, _FLOAT64 = FLOAT_DTYPES
# Up to here every integer is a float64. Integers beyond, which even float64 may change, are
# refused; what float32 alone has not is rounded to it, as float64's values are.
_EXACT = 2**53
# kDLCPU of DLPack's DLDeviceType.
_DLPACK_CPU = 1
# No process has more bytes of memory than this; 56 bits are what x86-64 gives it at most.
_ADDRESSES = 2**56


def as_dtype(dtype: Any) -> np.dtype[Any]:
    """Return what NumPy takes for a dtype; TypeError naming the argument for what it does not."""
    try:
        result: np.dtype[Any] = np.dtype(dtype)
    except (TypeError, ValueError):
        msg = f"dtype must be a dtype or its name, got {dtype!r}"
        raise TypeError(msg) from None
    return result


def float_dtype(dtype: npt.DTypeLike | None) -> np.dtype[Any]:
    """Return float32 (the default) or float64; TypeError for any other dtype."""
    if dtype is None:
        return _FLOAT32
    result = as_dtype(dtype)
    if result not in FLOAT_DTYPES:
        msg = f"dtype must be float32 or float64, got {result}"
        raise TypeError(msg)
    return result


def real(value: Any, name: str, low: float = -math.inf, high: float = math.inf) -> float:
    """Return a number from low to high as a float; TypeError or ValueError for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        msg = f"{name} must be a number, got {type(value).__name__}"
        raise TypeError(msg)
    if not low <= value <= high:
        got = "any but NaN" if low == -high == -math.inf else f"in [{low:g}, {high:g}]"
        msg = f"{name} must be {got}, got {value}"
        raise ValueError(msg)
    return float(value)


def flag(value: Any, name: str) -> bool:
    """Return a bool; TypeError for what is none, since any text is true."""
    if isinstance(value, bool | np.bool_):
        return bool(value)
    msg = f"{name} must be a bool, got {type(value).__name__}"
    raise TypeError(msg)


def whole(value: Any, name: str) -> int:
    """Return a whole number from 1; TypeError or ValueError for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        msg = f"{name} must be an int, got {type(value).__name__}"
        raise TypeError(msg)
    if value < 1:
        msg = f"{name} must be at least 1, got {value}"
        raise ValueError(msg)
    return int(value)


def require_in_memory(array: Array, name: str) -> None:
    """Raise ValueError for an array whose strides reach where no memory can be."""
    if array.flags.c_contiguous or array.size == 0:
        return
    reach = sum((n - 1) * abs(stride) for n, stride in zip(array.shape, array.strides, strict=True))
    if reach >= _ADDRESSES:
        msg = f"{name} must lie in memory, got strides {array.strides} of shape {array.shape}"
        raise ValueError(msg)


def has_dtype(x: Any) -> bool:
    """Return whether x says its numbers' dtype, as arrays and buffers do and Python's lists not."""
    protocols = ("__array__", "__array_interface__", "__dlpack__")
    return isinstance(x, memoryview | buffers.array) or any(hasattr(x, p) for p in protocols)


def _on_a_device(x: Any) -> bool:
    """Return whether another library's array lies where the CPU can't read it."""
    if hasattr(x, "__dlpack_device__"):
        return int(x.__dlpack_device__()[0]) != _DLPACK_CPU
    return hasattr(x, "__cuda_array_interface__")


def to_array(x: Any, name: str) -> Array:
    """Return x as a plain ndarray of numbers; TypeError or ValueError for what is none."""
    if type(x) is np.ndarray:
        array = x
    elif isinstance(x, np.ma.MaskedArray):
        if np.ma.is_masked(x):
            msg = f"{name} must not have masked values; fill them first, e.g. with filled()"
            raise TypeError(msg)
        array = np.asarray(x.data)
    elif hasattr(x, "toarray") and hasattr(x, "nnz"):
        msg = f"{name} must be a dense array, got a sparse {type(x).__name__}; use its toarray()"
        raise TypeError(msg)
    elif hasattr(x, "iloc"):
        msg = f"{name} must be an array, got a {type(x).__name__}; use its to_numpy()"
        raise TypeError(msg)
    elif getattr(x, "requires_grad", False) and hasattr(x, "detach"):
        msg = (
            f"{name} must be an array, got a {type(x).__name__} that requires grad; detach it first"
        )
        raise TypeError(msg)
    elif not hasattr(x, "__array__") and _on_a_device(x):
        kind = type(x).__name__
        msg = f"{name} must be in the CPU's memory, got a {kind} on a device; copy it from there"
        raise TypeError(msg)
    else:
        try:
            foreign = hasattr(x, "__dlpack__") and not hasattr(x, "__array__")
            array = np.from_dlpack(x) if foreign else np.asarray(x)
        except ValueError as error:
            msg = f"{name} must be an array, got {type(x).__name__}: {error}"
            raise ValueError(msg) from error
    kind = array.dtype.kind
    if kind == "c":
        msg = f"{name} must be real, got {array.dtype}: complex data not supported"
        raise ValueError(msg)
    if kind not in "fiub":
        msg = f"{name} must be an array of numbers, got dtype {array.dtype}"
        raise TypeError(msg)
    require_in_memory(array, name)
    return array


def as_classes(array: Array, name: str) -> Array:
    """Return an array of integers as C-contiguous int64; ValueError for one that is too large."""
    if array.dtype.kind == "u" and array.dtype.itemsize == 8 and array.size:
        largest = int(array.max())
        if largest >= 2**63:
            msg = f"{name} has a value too large for dtype int64, {largest}"
            raise ValueError(msg)
    return np.ascontiguousarray(array, np.int64).reshape(array.shape)


def as_float(x: Any, name: str, dtype: np.dtype[Any] | None = None) -> Array:
    """Return x as an aligned float32 or float64 ndarray in native byte order, of any layout.

    Floats of another width go to the nearest kind (float16 to float32, longdouble to float64);
    integers, booleans and Python numbers become float32. With `dtype` the result has that dtype. A
    value beyond its range is a ValueError, and so is an integer beyond 2^53 in magnitude; any other
    is rounded to the nearest.
    """
    if type(x) is np.ndarray and x.dtype in FLOAT_DTYPES and dtype is None and x.flags.aligned:
        if not x.flags.c_contiguous:
            require_in_memory(x, name)
        return x
    array = to_array(x, name)
    if dtype is None:
        if array.dtype.kind == "f" and has_dtype(x):
            dtype = _FLOAT64 if array.dtype.itemsize > 4 else _FLOAT32
        else:
            dtype = _FLOAT32
    if array.dtype == dtype and array.flags.aligned and array.dtype.isnative:
        return array
    if array.dtype.kind in "iu" and array.dtype.itemsize == 8 and array.size:
        if int(array.max()) > _EXACT or int(array.min()) < -_EXACT:
            msg = f"{name} has a value too large for dtype {dtype}"
            raise ValueError(msg)
        return array.astype(dtype)
    if array.dtype.kind == "f" and array.dtype.itemsize > dtype.itemsize:
        with np.errstate(over="ignore"):
            result = array.astype(dtype)
        if np.any(np.isinf(result) & ~np.isinf(array)):
            msg = f"{name} has a value too large for dtype {dtype}"
            raise ValueError(msg)
        return result
    return array.astype(dtype)


def contiguous(x: Array) -> Array:
    """Return x, or a C-contiguous copy of it."""
    return x if x.flags.c_contiguous else np.ascontiguousarray(x).reshape(x.shape)


def matrix(x: Array) -> Array:
    """Return the 2-d x, or a copy of it, with contiguous rows or contiguous columns."""
    rows, cols = x.shape
    size = x.itemsize
    row, col = x.strides
    if rows > 1 and cols > 1:
        by_rows = col == size and row >= cols * size and row % size == 0
        by_cols = row == size and col >= rows * size and col % size == 0
        if by_rows or by_cols:
            return x
    return contiguous(x)


def same_dtype(reference: Array, **arrays: Array | None) -> None:
    """Raise TypeError unless all arrays have reference's dtype."""
    for name, array in arrays.items():
        if array is not None and array.dtype != reference.dtype:
            msg = f"{name} must have dtype {reference.dtype} as the input has, got {array.dtype}"
            raise TypeError(msg)


def output(out: Array | None, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Return `out` after checking it, or a new C-contiguous array."""
    if out is None:
        return np.empty(shape, dtype)
    if type(out) is not np.ndarray:
        msg = f"out must be a numpy.ndarray, got {type(out).__name__}"
        raise TypeError(msg)
    if out.dtype != dtype or not out.dtype.isnative:
        msg = f"out must have dtype {dtype}, got {out.dtype}"
        raise TypeError(msg)
    if out.shape != shape:
        msg = f"out must have shape {shape}, got {out.shape}"
        raise ValueError(msg)
    if not out.flags.writeable:
        msg = "out is read-only"
        raise ValueError(msg)
    if not (out.flags.c_contiguous and out.flags.aligned):
        msg = "out must be C-contiguous and aligned"
        raise ValueError(msg)
    return out
