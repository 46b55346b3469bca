"""A user's function of samples as columns of values: what is estimated, controls, weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fastnet._arrays import Array
from fastnet.montecarlo._symbol import Symbol


def columns_of(values: Any, rows: int) -> list[Any]:
    """Return f's values as columns; ValueError or TypeError for what is no value of each sample.

    A function may give (n,), (n, k), or a tuple of (n,).
    """
    if isinstance(values, tuple | list):
        if not values:
            kind = type(values).__name__
            msg = (
                f"f must return ({rows},), ({rows}, k) or a tuple of ({rows},), got an empty {kind}"
            )
            raise ValueError(msg)
        return [column for v in values for column in columns_of(v, rows)]
    if isinstance(values, Symbol):
        if values.ndim == 1:
            return [values]
        return [values[:, j] for j in range(values._data.shape[-1])]
    if np.ma.is_masked(values):
        msg = "f must not return masked values; fill them first, e.g. with filled()"
        raise TypeError(msg)
    array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        msg = f"f must return real numbers, got dtype {array.dtype}"
        raise TypeError(msg)
    if array.ndim not in (1, 2) or array.shape[0] != rows or array.shape[1:] == (0,):
        msg = f"f must return shape ({rows},) or ({rows}, k) for {rows} samples, got {array.shape}"
        raise ValueError(msg)
    return [array] if array.ndim == 1 else list(array.T)


def is_scalar(values: Any) -> bool:
    """Whether f gives one number a sample, not an array of them."""
    return not isinstance(values, tuple | list) and np.ndim(values) == 1


class Function:
    """f, then control variates, then the weight, as a tuple of columns.

    Parameters
    ----------
    f : callable or None
        None for the samples themselves.
    controls : tuple of callable
    weight : callable, optional
        What f and the controls are multiplied by.
    """

    def __init__(
        self,
        f: Callable[[Any], Any] | None,
        controls: tuple[Callable[[Any], Any], ...] = (),
        weight: Callable[[Any], Any] | None = None,
    ) -> None:
        self.f, self.controls, self.weight = f, controls, weight
        self.plain = not controls and weight is None
        # Columns of f alone, once they are known.
        self.width: int | None = None

    def require_width(self, width: int) -> int:
        """Return the number of f's columns; ValueError if it is not what it was before."""
        if self.width is None:
            self.width = width
        if width != self.width:
            msg = f"f must return {self.width} values a sample as it did at first, got {width}"
            raise ValueError(msg)
        return width

    def __call__(self, x: Any) -> tuple[Any, ...]:
        rows = x._data.shape[0] if isinstance(x, Symbol) else len(x)
        columns = self._columns(self.f, x, rows)
        self.require_width(len(columns))
        for control in self.controls:
            columns += self._columns(control, x, rows)
        if self.weight is not None:
            (w,) = self._columns(self.weight, x, rows)
            columns = [*(c * w for c in columns), w]
        return tuple(columns)

    def _columns(self, function: Callable[[Any], Any] | None, x: Any, rows: int) -> list[Any]:
        """Return a function's values at x.

        A function may change the samples it gets, and give its values in a buffer that another
        one fills as well: where there are several, each has samples and columns of its own.
        """
        own = x if self.plain else x.copy()
        columns = columns_of(own if function is None else function(own), rows)
        return columns if self.plain else [column.copy() for column in columns]

    def array(self, x: Array) -> Array:
        """Return the columns' values at x as rows of a float32 or float64 array."""
        columns = [np.asarray(c) for c in self(x)]
        single = all(c.dtype == np.float32 for c in columns)
        out = np.empty((len(columns), len(x)), np.float32 if single else np.float64)
        for row, column in zip(out, columns, strict=True):
            row[...] = column
        return out
