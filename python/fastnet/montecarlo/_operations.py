"""NumPy's functions of symbols: what each does to the samples, and what is written down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fastnet.montecarlo._lowering import lowering
from fastnet.montecarlo._program import Node, Program
from fastnet.montecarlo._symbol import Symbol, refuse

# ---- helpers on arrays of nodes ----


def single(node: Any) -> Any:
    array = np.empty((), object)
    array[()] = node
    return array


def each(function: Callable[..., Any], *arrays: Any) -> Any:
    """Return an object array of function's values, elementwise."""
    if not any(a.ndim for a in arrays):
        return single(function(*(a[()] for a in arrays)))
    shape = np.broadcast_shapes(*(a.shape for a in arrays))
    result = np.empty(shape, object)
    wide = [np.broadcast_to(a, shape) for a in arrays]
    for index in np.ndindex(shape):
        result[index] = function(*(a[index] for a in wide))
    return result


def kind_of(data: Any) -> str:
    kind = {"f": "float", "b": "bool", "i": "int", "u": "int"}.get(data.dtype.kind)
    if kind is None or (kind == "float" and data.dtype.itemsize not in (4, 8)):
        refuse(f"values of dtype {data.dtype}")
    return kind


def _plain(value: Any) -> Any:
    return value._data if isinstance(value, Symbol) else value


def _program_of(*values: Any) -> Program:
    programs = {id(v._program): v._program for v in values if isinstance(v, Symbol)}
    if len(programs) != 1:
        refuse("a symbol of another call")
    return next(iter(programs.values()))


def _nodes_of(program: Program, value: Any, ndim: int) -> Any:
    """Return the nodes of an operand of a result with `ndim` axes, samples first."""
    if isinstance(value, Symbol):
        if value.ndim != ndim:
            refuse("broadcasting of the axis of samples")
        return value._nodes
    array = np.asarray(value)
    if array.ndim == ndim:
        if array.shape[0] != 1:
            refuse("a constant with an axis of samples")
        array = array[0]
    if array.ndim == 0:
        # The object itself, for NumPy treats Python's numbers unlike its own.
        return single(program.constant(value if np.ndim(value) == 0 else array[()]))
    return each(program.constant, array)


def elementwise(function: Callable[..., Any], lower: Callable[..., Node], inputs: Any) -> Symbol:
    program = _program_of(*inputs)
    data = function(*(_plain(v) for v in inputs))
    if not isinstance(data, np.ndarray):
        refuse("a function with several results")
    kind = kind_of(data)
    operands = [_nodes_of(program, value, data.ndim) for value in inputs]
    nodes = each(lambda *n: lower(program, kind, *n), *operands)
    if nodes.shape != data.shape[1:]:
        nodes = np.broadcast_to(nodes, data.shape[1:])
    return Symbol(program, data, nodes)


def _last_axis(x: Any, axis: Any) -> None:
    if not isinstance(x, Symbol) or x.ndim < 2 or axis not in (-1, x.ndim - 1):
        refuse("a reduction over another axis than the last")


def reduce(
    ufunc: Any,
    x: Any,
    axis: Any = 0,
    dtype: Any = None,
    keepdims: Any = False,
    **options: Any,
) -> Symbol:
    _last_axis(x, axis)
    if dtype is not None or any(v is not np._NoValue for v in options.values()):
        refuse("a reduction with options")
    keepdims = False if keepdims is np._NoValue else keepdims
    data = ufunc.reduce(x._data, axis=-1, keepdims=keepdims)
    kind, lower, program = kind_of(data), lowering(ufunc), x._program
    last = x._nodes.shape[-1]
    if last == 0:
        refuse("a reduction over no elements")
    first = x._nodes[..., 0]
    if kind != "bool":
        first = each(program.number, np.asarray(first, object))
    elif ufunc in (np.logical_or, np.logical_and):
        first = each(program.truth, np.asarray(first, object))
    total = first if isinstance(first, np.ndarray) else single(first)
    for j in range(1, last):
        total = each(lambda a, b: lower(program, kind, a, b), total, _at(x._nodes, j))
    return Symbol(program, data, total[..., None] if keepdims else total)


def _at(nodes: Any, j: int) -> Any:
    part = nodes[..., j]
    return part if isinstance(part, np.ndarray) else single(part)


def accumulate(ufunc: Any, x: Any, axis: Any = 0, dtype: Any = None) -> Symbol:
    _last_axis(x, axis)
    if dtype is not None:
        refuse("a reduction with options")
    data = ufunc.accumulate(x._data, axis=-1)
    kind, lower, program = kind_of(data), lowering(ufunc), x._program
    parts = [_at(x._nodes, 0)]
    if kind != "bool":
        parts = [each(program.number, parts[0])]
    for j in range(1, x._nodes.shape[-1]):
        parts.append(each(lambda a, b: lower(program, kind, a, b), parts[-1], _at(x._nodes, j)))
    return Symbol(program, data, np.stack(parts, axis=-1))


def matmul(x: Any, w: Any) -> Symbol:
    """Return x @ w for a constant vector or matrix w, summed in w's order."""
    if not isinstance(x, Symbol) or isinstance(w, Symbol) or x.ndim != 2:
        refuse("a product other than of samples with a constant matrix or vector")
    w = np.asarray(w)
    if w.ndim not in (1, 2):
        refuse("a product other than of samples with a constant matrix or vector")
    data, program = x._data @ w, x._program
    if kind_of(data) != "float":
        refuse("a product of integers")
    columns = [program.number(a) for a in x._nodes]

    def dot(weights: Any) -> Node:
        terms = [
            program.operation("multiply", a, program.constant(b))
            for a, b in zip(columns, weights, strict=True)
        ]
        total = terms[0]
        for term in terms[1:]:
            total = program.operation("add", total, term)
        return total

    nodes = np.empty(data.shape[1:], object)
    for k in np.ndindex(nodes.shape):
        nodes[k] = dot(w[(slice(None), *k)])
    return Symbol(program, data, nodes)


# ---- NumPy's functions that are no ufuncs ----


def _where(condition: Any, *choices: Any) -> Any:
    if len(choices) != 2:
        refuse("where without choices")
    return elementwise(
        np.where, lambda p, kind, c, a, b: p.where(c, a, b, kind), (condition, *choices)
    )


def clip(a: Any, a_min: Any = None, a_max: Any = None, **options: Any) -> Any:
    low, high = options.pop("min", a_min), options.pop("max", a_max)
    if options:
        refuse("clip with options")
    if low is not None:
        a = np.maximum(a, low)
    return a if high is None else np.minimum(a, high)


def mean(x: Any, axis: Any = None, dtype: Any = None, keepdims: Any = np._NoValue) -> Symbol:
    _last_axis(x, axis)
    if dtype is not None:
        refuse("a reduction with options")
    keep = keepdims is not np._NoValue and bool(keepdims)
    data = np.mean(x._data, axis=-1, keepdims=keep)
    total = reduce(np.add, x, -1, keepdims=keep)
    count, program = total._program.constant(float(x._data.shape[-1])), total._program
    return Symbol(
        program, data, each(lambda a: program.operation("divide", a, count), total._nodes)
    )


def var(
    x: Any, axis: Any = None, dtype: Any = None, ddof: Any = 0, keepdims: Any = np._NoValue
) -> Symbol:
    _last_axis(x, axis)
    if dtype is not None:
        refuse("a reduction with options")
    keep = keepdims is not np._NoValue and bool(keepdims)
    data = np.var(x._data, axis=-1, ddof=ddof, keepdims=keep)
    total = reduce(np.add, np.square(x - mean(x, -1, keepdims=True)), -1, keepdims=keep)
    program = total._program
    count = program.constant(float(x._data.shape[-1] - ddof))
    return Symbol(
        program, data, each(lambda a: program.operation("divide", a, count), total._nodes)
    )


def std(x: Any, axis: Any = None, **options: Any) -> Symbol:
    variance: Any = var(x, axis, **options)
    root: Any = np.sqrt(variance)
    return Symbol(variance._program, np.std(x._data, axis=-1, **options), root._nodes)


def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    _last_axis(x, axis)
    if ord not in (None, 2):
        refuse(f"norm of order {ord}")
    data = np.linalg.norm(x._data, ord, -1, keepdims)
    root: Any = np.sqrt(reduce(np.add, np.square(x), -1, keepdims=keepdims))
    return Symbol(x._program, data, root._nodes)


def _count(x: Any, axis: Any = None, keepdims: bool = False) -> Symbol:
    return reduce(np.add, x != 0, axis, keepdims=keepdims)


def _diff(a: Any, n: int = 1, axis: int = -1) -> Any:
    _last_axis(a, axis)
    if n != 1:
        refuse("diff of a higher order")
    return np.subtract(a[..., 1:], a[..., :-1])


def _round(a: Any, decimals: int = 0) -> Any:
    if decimals != 0:
        refuse("rounding to decimals")
    return np.rint(a)


def _like(value: float) -> Callable[..., Any]:
    def filled(a: Symbol, dtype: Any = None, **options: Any) -> Symbol:
        if dtype is not None or options:
            refuse("an array of constants with options")
        data = np.full_like(a._data, value)
        node = a._program.constant(data.flat[0] if data.size else value)
        return Symbol(a._program, data, each(lambda _: node, a._nodes))

    return filled


def _full_like(a: Any, fill_value: Any, dtype: Any = None) -> Any:
    if not isinstance(a, Symbol) or np.ndim(fill_value) != 0 or isinstance(fill_value, Symbol):
        refuse("full_like of sampled values")
    return _like(fill_value)(a, dtype)


def _joined(function: Any) -> Callable[..., Symbol]:
    """Trace stack, concatenate and column_stack along the last axis."""

    def join(arrays: Any, axis: Any = 0) -> Symbol:
        if not isinstance(arrays, list | tuple):
            refuse(f"{function.__name__} of other than a list")
        program = _program_of(*arrays)
        if any(not isinstance(a, Symbol) for a in arrays):
            refuse(f"{function.__name__} with constants")
        nodes = [a._nodes for a in arrays]
        if function is np.column_stack:
            data = np.column_stack([a._data for a in arrays])
            nodes = [n if n.ndim else n[None] for n in nodes]
            return Symbol(program, data, np.concatenate(nodes))
        data = function([a._data for a in arrays], axis=axis)
        if axis not in (-1, data.ndim - 1) or data.ndim < 2:
            refuse(f"{function.__name__} along another axis than the last")
        return Symbol(program, data, function(nodes, axis=-1))

    return join


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.where: _where,
    np.clip: clip,
    np.sum: lambda a, axis=None, **k: reduce(np.add, a, axis, **k),
    np.prod: lambda a, axis=None, **k: reduce(np.multiply, a, axis, **k),
    np.max: lambda a, axis=None, **k: reduce(np.maximum, a, axis, **k),
    np.min: lambda a, axis=None, **k: reduce(np.minimum, a, axis, **k),
    np.any: lambda a, axis=None, **k: reduce(np.logical_or, a, axis, **k),
    np.all: lambda a, axis=None, **k: reduce(np.logical_and, a, axis, **k),
    np.mean: mean,
    np.var: var,
    np.std: std,
    np.linalg.norm: _norm,
    np.count_nonzero: _count,
    np.cumsum: lambda a, axis=None, **k: accumulate(np.add, a, axis, **k),
    np.cumprod: lambda a, axis=None, **k: accumulate(np.multiply, a, axis, **k),
    np.diff: _diff,
    np.round: _round,
    np.dot: matmul,
    np.zeros_like: _like(0),
    np.ones_like: _like(1),
    np.full_like: _full_like,
    np.stack: _joined(np.stack),
    np.concatenate: _joined(np.concatenate),
    np.column_stack: _joined(np.column_stack),
}
