"""From a NumPy-style function to an expression: the function is called once with a symbol.

A `Symbol` stands for a tile of samples. Whatever NumPy would do to the tile is done to a real one,
so that shapes, dtypes and errors are NumPy's, and written down as operations on columns. Whatever
cannot be written down raises Untraceable, so that a trace is whole or none: bool(), float(), len()
and conversion to an array, assignment, functions that are not known, anything that mixes samples.
That a trace is right is checked afterwards: the values that NumPy gave on the way must be f's own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from fastnet._arrays import Array
from fastnet.montecarlo._lowering import UFUNCS
from fastnet.montecarlo._operations import FUNCTIONS
from fastnet.montecarlo._program import Program, Untraceable
from fastnet.montecarlo._symbol import Symbol, refuse


def symbol_for(x: Array) -> Symbol:
    """Return a symbol for a tile of samples, (n,) or (n, d)."""
    program = Program(x.dtype)
    nodes = np.empty(x.shape[1:], object)
    for j, index in enumerate(np.ndindex(nodes.shape)):
        nodes[index] = program.column(j)
    return Symbol(program, x, nodes)


def trace(f: Callable[[Any], Any], x: Array) -> tuple[Any, Array, tuple[int, ...]]:
    """Return f as the engine's expression, its values on the tile, and the shape of one value.

    Raises
    ------
    Untraceable
        If f does what cannot be written down.
    """
    result = f(symbol_for(x))
    if isinstance(result, tuple | list):
        result = np.stack(result, axis=-1)
    if not isinstance(result, Symbol):
        refuse(f"a result of type {type(result).__name__} that does not depend on the samples")
    if result.ndim > 2 or math.prod(result._data.shape[1:]) == 0:
        refuse(f"a result of shape {result._data.shape}")
    outputs = list(np.atleast_1d(result._nodes))
    return result._program.compile(outputs), result._data, result._data.shape[1:]


__all__ = ["FUNCTIONS", "UFUNCS", "Symbol", "Untraceable", "symbol_for", "trace"]
