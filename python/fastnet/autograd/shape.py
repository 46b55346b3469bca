"""Operations that move elements without computing: reshape, transpose, index, join."""

from __future__ import annotations

import builtins
import operator
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from fastnet.autograd.core import TensorCore, common_dtype, convert, record, record_view
from fastnet.autograd.tape import mode


def sizes(given: tuple[Any, ...], name: str) -> tuple[int, ...]:
    """Return what was given as ints or as one sequence of them."""
    alone = len(given) == 1 and not isinstance(given[0], int | np.integer)
    try:
        return tuple([operator.index(n) for n in (given[0] if alone else given)])
    except TypeError:
        msg = f"{name} must be ints or a sequence of them, got {given[0] if alone else given!r}"
        raise TypeError(msg) from None


def axis(dim: Any, ndim: int, name: str = "dim") -> int:
    """Return a dimension counted from 0; TypeError or AxisError (a ValueError) for what is none."""
    if isinstance(dim, bool) or not isinstance(dim, int | np.integer):
        msg = f"{name} must be an int, got {type(dim).__name__}"
        raise TypeError(msg)
    if not -ndim <= dim < ndim:
        got = f"must be in [{-ndim}, {ndim - 1}]" if ndim else "needs at least one dimension"
        msg = f"{name} {got}, got {dim}"
        raise np.exceptions.AxisError(msg)
    return int(dim) % ndim


def _reshape_vjp(dy: Any, needs: Any, shape: Any) -> Any:
    return (np.reshape(dy, shape),)


def reshape(input: Any, *shape: Any) -> Any:
    """Return the elements in another shape, sharing memory where that is possible."""
    x = input._data
    y = x.reshape(sizes(shape, "shape"))
    if np.may_share_memory(x, y):
        return record_view(input, y, _reshape_vjp, (x.shape,), "reshape")
    return record(y, _reshape_vjp, (x.shape,), (input,), (), "reshape")


def flatten(input: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    """Return the tensor with dimensions start_dim to end_dim made one."""
    shape = input._data.shape
    if not shape:
        return reshape(input, 1)
    n = len(shape)
    start, end = axis(start_dim, n, "start_dim"), axis(end_dim, n, "end_dim")
    if start > end:
        msg = f"start_dim must not come after end_dim, got {start_dim} and {end_dim}"
        raise ValueError(msg)
    middle = int(np.prod(shape[start : end + 1]))
    return reshape(input, (*shape[:start], middle, *shape[end + 1 :]))


def _permute_vjp(dy: Any, needs: Any, inverse: Any) -> Any:
    return (np.transpose(dy, inverse),)


def permute(input: Any, *dims: Any) -> Any:
    """Return a view with the dimensions in the given order."""
    order = sizes(dims, "dims")
    y = input._data.transpose(order)
    inverse = tuple(int(i) for i in np.argsort([d % len(order) for d in order]))
    return record_view(input, y, _permute_vjp, (inverse,), "permute")


def transpose(input: Any, dim0: int, dim1: int) -> Any:
    """Return a view with two dimensions exchanged."""
    ndim = input._data.ndim
    order = list(range(ndim))
    a, b = axis(dim0, ndim, "dim0"), axis(dim1, ndim, "dim1")
    order[a], order[b] = b, a
    return permute(input, order)


def t(input: Any) -> Any:
    """Return the transposed view of a matrix; a vector as it is."""
    if input._data.ndim > 2:
        msg = f"t() needs at most 2 dimensions, got shape {input._data.shape}"
        raise ValueError(msg)
    return permute(input, tuple(range(input._data.ndim))[::-1])


def squeeze(input: Any, dim: Any = None) -> Any:
    """Return a view without dimensions of size 1, all of them or those of dim, one or a tuple."""
    shape = input._data.shape
    ndim = builtins.len(shape)
    if dim is None:
        chosen = set(range(ndim))
    else:
        dims = dim if isinstance(dim, tuple | list) else (dim,)
        chosen = {axis(d, ndim or 1) for d in dims}
    kept = tuple([n for i, n in enumerate(shape) if n != 1 or i not in chosen])
    return input if dim is not None and kept == shape else reshape(input, kept)


def unsqueeze(input: Any, dim: int) -> Any:
    """Return a view with a new dimension of size 1 at dim."""
    dim = axis(dim, input._data.ndim + 1)
    return reshape(input, np.expand_dims(input._data, dim).shape)


def expand(input: Any, *shape: Any) -> Any:
    """Return a read-only view broadcast to a shape; -1 keeps a size."""
    from fastnet.autograd.core import unbroadcast

    x = input._data
    size = sizes(shape, "shape")
    lead = len(size) - x.ndim
    if -1 in size[: max(lead, 0)]:
        msg = f"shape must give the size of a new dimension, got {size} for {x.shape}"
        raise ValueError(msg)
    size = tuple(x.shape[i - lead] if n == -1 else n for i, n in enumerate(size))
    y = np.broadcast_to(x, size)
    vjp = lambda dy, needs, shape: (unbroadcast(dy, shape),)  # noqa: E731
    return record_view(input, y, vjp, (x.shape,), "expand")


# ---- indexing ----


_CONSTANT = (int, np.integer, type(None), type(Ellipsis))


def _part(part: Any, copy: bool) -> Any:
    if isinstance(part, _CONSTANT):
        return part
    if isinstance(part, slice):
        ends = (part.start, part.stop, part.step)
        for end in ends:
            if not isinstance(end, _CONSTANT):
                return slice(*[None if i is None else operator.index(i) for i in ends])
        return part
    if isinstance(part, TensorCore):
        return part._data
    array = np.array(part) if copy else np.asarray(part)
    # NumPy takes an empty list for one of integers.
    return array if array.size or isinstance(part, np.ndarray) else array.astype(np.intp)


def _index(index: Any, copy: bool) -> Any:
    """Return what NumPy indexes by: arrays for Tensors, and for lists.

    The tape keeps a copy of what is no Tensor: nothing would notice an edit of it.
    """
    if isinstance(index, tuple):
        return tuple([_part(i, copy) for i in index])
    return _part(index, copy)


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


def select(x: Any, index: Any) -> Any:
    """Return the view that a basic index selects, be it of one element."""
    y = x[(*index, ...) if isinstance(index, tuple) and ... not in index else index]
    return y if type(y) is np.ndarray else x[(index, ...)]


def _getitem_vjp(dy: Any, needs: Any, shape: Any, index: Any, distinct: bool) -> Any:
    dx = np.zeros(shape, dy.dtype)
    if distinct:
        dx[index] = dy
    else:
        np.add.at(dx, index, dy)
    return (dx,)


def getitem(input: Any, index: Any) -> Any:
    """Return input[index], a view where NumPy gives one."""
    given, index = index, _index(index, mode.enabled and input._requires)
    x = input._data
    if _is_basic(index):
        y = select(x, index)
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
    parts = tuple(tensors) if isinstance(tensors, Iterable) else ()
    if not parts or not all(isinstance(p, TensorCore) for p in parts):
        got = [type(p) for p in parts] if parts else tensors
        msg = f"tensors must be a sequence of one or more Tensors, got {got}"
        raise TypeError(msg)
    dtype = common_dtype(*[p._data.dtype for p in parts])
    return parts, [convert(p._data, dtype) for p in parts]


def _cat_vjp(dy: Any, needs: Any, ends: Any, dim: int) -> Any:
    return np.split(dy, ends, axis=dim)


def cat(tensors: Sequence[Any], dim: int = 0) -> Any:
    """Join Tensors along a dimension they have."""
    parts, arrays = _arrays(tensors)
    dim = axis(dim, arrays[0].ndim)
    if any(a.ndim != arrays[0].ndim for a in arrays):
        msg = f"tensors must have one number of dimensions, got shapes {[a.shape for a in arrays]}"
        raise ValueError(msg)
    ends = np.cumsum([a.shape[dim] for a in arrays])[:-1]
    return record(np.concatenate(arrays, axis=dim), _cat_vjp, (ends, dim), parts, (), "cat")


def _stack_vjp(dy: Any, needs: Any, dim: int) -> Any:
    return tuple(np.moveaxis(dy, dim, 0))


def stack(tensors: Sequence[Any], dim: int = 0) -> Any:
    """Join Tensors of one shape along a new dimension."""
    parts, arrays = _arrays(tensors)
    dim = axis(dim, arrays[0].ndim + 1)
    return record(np.stack(arrays, axis=dim), _stack_vjp, (dim,), parts, (), "stack")
