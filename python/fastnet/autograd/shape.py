"""Operations that move elements without computing: reshape, transpose, index, join."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastnet.autograd.core import TensorCore, common_dtype, record, record_view, unwrap


def _size(shape: tuple[Any, ...]) -> tuple[int, ...]:
    """Return the shape that was given as numbers or as one sequence."""
    if len(shape) == 1 and not isinstance(shape[0], int | np.integer):
        shape = tuple(shape[0])
    return tuple(int(n) for n in shape)


def _reshape_vjp(dy: Any, needs: Any, shape: Any) -> Any:
    return (np.reshape(dy, shape),)


def reshape(input: Any, *shape: Any) -> Any:
    """Return the elements in another shape, sharing memory where that is possible."""
    x = input._data
    y = x.reshape(_size(shape))
    if np.may_share_memory(x, y):
        return record_view(input, y, _reshape_vjp, (x.shape,), "reshape")
    return record(y, _reshape_vjp, (x.shape,), (input,), (), "reshape")


def flatten(input: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    """Return the tensor with dimensions start_dim to end_dim made one."""
    shape = input._data.shape
    if not shape:
        return reshape(input, 1)
    n = len(shape)
    for name, dim in (("start_dim", start_dim), ("end_dim", end_dim)):
        if not -n <= dim < n:
            msg = f"{name} must be in [{-n}, {n - 1}], got {dim}"
            raise IndexError(msg)
    start, end = start_dim % n, end_dim % n
    if start > end:
        msg = f"start_dim must not come after end_dim, got {start_dim} and {end_dim}"
        raise ValueError(msg)
    middle = int(np.prod(shape[start : end + 1]))
    return reshape(input, (*shape[:start], middle, *shape[end + 1 :]))


def _permute_vjp(dy: Any, needs: Any, inverse: Any) -> Any:
    return (np.transpose(dy, inverse),)


def permute(input: Any, *dims: Any) -> Any:
    """Return a view with the dimensions in the given order."""
    order = _size(dims)
    y = input._data.transpose(order)
    inverse = tuple(int(i) for i in np.argsort([d % len(order) for d in order]))
    return record_view(input, y, _permute_vjp, (inverse,), "permute")


def transpose(input: Any, dim0: int, dim1: int) -> Any:
    """Return a view with two dimensions exchanged."""
    order = list(range(input._data.ndim))
    order[dim0], order[dim1] = order[dim1], order[dim0]
    return permute(input, order)


def t(input: Any) -> Any:
    """Return the transposed view of a matrix; a vector as it is."""
    if input._data.ndim > 2:
        msg = f"t() needs at most 2 dimensions, got shape {input._data.shape}"
        raise ValueError(msg)
    return permute(input, tuple(range(input._data.ndim))[::-1])


def squeeze(input: Any, dim: Any = None) -> Any:
    """Return a view without dimensions of size 1, all of them or dim."""
    shape = input._data.shape
    if dim is None:
        return reshape(input, tuple(n for n in shape if n != 1))
    return reshape(input, np.squeeze(input._data, dim).shape) if shape[dim] == 1 else input


def unsqueeze(input: Any, dim: int) -> Any:
    """Return a view with a new dimension of size 1 at dim."""
    return reshape(input, np.expand_dims(input._data, dim).shape)


def expand(input: Any, *shape: Any) -> Any:
    """Return a read-only view broadcast to a shape; -1 keeps a size."""
    from fastnet.autograd.core import unbroadcast

    x = input._data
    size = _size(shape)
    lead = len(size) - x.ndim
    size = tuple(x.shape[i - lead] if n == -1 else n for i, n in enumerate(size))
    y = np.broadcast_to(x, size)
    vjp = lambda dy, needs, shape: (unbroadcast(dy, shape),)  # noqa: E731
    return record_view(input, y, vjp, (x.shape,), "expand")


# ---- indexing ----


def _index(index: Any) -> Any:
    """Return what NumPy indexes by: arrays for Tensors."""
    if isinstance(index, tuple):
        return tuple([unwrap(i) for i in index])
    return unwrap(index)


def counters(index: Any) -> tuple[Any, ...]:
    """Return the counters of edits of the Tensors in an index."""
    parts = index if isinstance(index, tuple) else (index,)
    return tuple([part._version for part in parts if isinstance(part, TensorCore)])


def _is_basic(index: Any) -> bool:
    """Return whether an index selects a view: numbers, slices, None and Ellipsis alone."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(
        part is None
        or part is Ellipsis
        or isinstance(part, slice | np.integer)
        or (isinstance(part, int) and not isinstance(part, bool))
        for part in parts
    )


def _getitem_vjp(dy: Any, needs: Any, shape: Any, index: Any, distinct: bool) -> Any:
    dx = np.zeros(shape, dy.dtype)
    if distinct:
        dx[index] = dy
    else:
        np.add.at(dx, index, dy)
    return (dx,)


def getitem(input: Any, index: Any) -> Any:
    """Return input[index], a view where NumPy gives one."""
    given, index = index, _index(index)
    x = input._data
    if _is_basic(index):
        y = x[(*index, ...) if isinstance(index, tuple) and ... not in index else index]
        if type(y) is not np.ndarray:
            y = x[(index, ...)]
        return record_view(input, y, _getitem_vjp, (x.shape, index, True), "getitem")
    distinct = isinstance(index, np.ndarray) and index.dtype == np.bool_
    saved = (x.shape, index, distinct)
    return record(x[index], _getitem_vjp, saved, (input,), counters(given), "getitem", True)


def length(input: Any) -> int:
    """Return the size of the first dimension."""
    if not input._data.ndim:
        msg = "a 0-d tensor has no length"
        raise TypeError(msg)
    return builtins.len(input._data)


def iterate(input: Any) -> Any:
    """Yield the tensor's parts along the first dimension."""
    for i in range(length(input)):
        yield getitem(input, i)


# ---- joining ----


def _arrays(tensors: Any) -> tuple[tuple[TensorCore, ...], list[Any]]:
    parts = tuple(tensors)
    if not parts or not all(isinstance(p, TensorCore) for p in parts):
        msg = f"tensors must be a sequence of one or more Tensors, got {[type(p) for p in parts]}"
        raise TypeError(msg)
    dtype = common_dtype(*[p._data.dtype for p in parts])
    return parts, [p._data.astype(dtype, copy=False) for p in parts]


def _cat_vjp(dy: Any, needs: Any, ends: Any, dim: int) -> Any:
    return np.split(dy, ends, axis=dim)


def cat(tensors: Sequence[Any], dim: int = 0) -> Any:
    """Join Tensors along a dimension they have."""
    parts, arrays = _arrays(tensors)
    ends = np.cumsum([a.shape[dim] for a in arrays])[:-1]
    return record(np.concatenate(arrays, axis=dim), _cat_vjp, (ends, dim), parts, (), "cat")


def _stack_vjp(dy: Any, needs: Any, dim: int) -> Any:
    return tuple(np.moveaxis(dy, dim, 0))


def stack(tensors: Sequence[Any], dim: int = 0) -> Any:
    """Join Tensors of one shape along a new dimension."""
    parts, arrays = _arrays(tensors)
    return record(np.stack(arrays, axis=dim), _stack_vjp, (dim,), parts, (), "stack")
