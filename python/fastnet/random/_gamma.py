"""Laws made of gamma values: gamma, beta, chisquare, standard_t and dirichlet."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet import _core
from fastnet._arrays import Array, as_float, float_dtype, output
from fastnet.random._checks import Size, shape_of
from fastnet.random._continuous import Continuous
from fastnet.random._draw import (
    SLOW_PIECE,
    Source,
    column,
    common_shape,
    parameter,
    pieces,
    require_apart,
    target,
)

_FLOAT64 = np.dtype(np.float64)
# What _core.random_gamma gives of a gamma value G: G, ln G, 1 / sqrt(G).
VALUE, LOGARITHM, INVERSE_ROOT = range(3)
# The logarithm of a gamma value of a shape this small is ln(u) / shape. Where all are smaller, one
# value outweighs the others in whatever unit the shapes are; in this one no logarithm overflows.
_TINY, _UNIT = 2.0**-1000, 2.0**100


class Gamma(Continuous):
    """The methods of a Generator for these laws.

    All is computed in float64; float32 values are those of float64, rounded.
    """

    __slots__ = ()

    def standard_gamma(
        self,
        shape: Any,
        size: Size = None,
        dtype: npt.DTypeLike | None = np.float64,
        out: Array | None = None,
    ) -> Any:
        """Draw gamma values of scale 1: density x^(shape - 1) exp(-x) / Gamma(shape).

        Parameters
        ----------
        shape : float or array_like
            At least 0 (where the value is 0); an array is broadcast.
        size : int or tuple of int, optional
            Shape of the result; the shape of `out`, or of `shape`, if None.
        dtype : dtype, default float64
            Float32 or float64; float32 values are those of float64, rounded.
        out : ndarray, optional
            C-contiguous, of this dtype and shape.

        Raises
        ------
        ValueError
            If shape is negative or not finite.

        Notes
        -----
        Marsaglia and Tsang (2000). An attempt that is rejected is repeated at the same position.

        Examples
        --------
        >>> from fastnet.random import Generator
        >>> x = Generator(0).standard_gamma(2.5, 100_000)
        >>> f"{x.mean():.1f} {x.var():.1f}"
        '2.5 2.5'
        """
        return self.gamma(shape, 1.0, size, dtype, out)

    def gamma(
        self,
        shape: Any,
        scale: Any = 1.0,
        size: Size = None,
        dtype: npt.DTypeLike | None = np.float64,
        out: Array | None = None,
    ) -> Any:
        """Draw `scale` times what `standard_gamma` gives: mean shape * scale.

        Parameters
        ----------
        shape, scale : float or array_like
            Finite, at least 0; arrays are broadcast.
        size : int or tuple of int, optional
            Shape of the result; the shape of `out`, or of shape and scale, if None.
        dtype : dtype, default float64
            Float32 or float64; float32 values are those of float64, rounded.
        out : ndarray, optional
            C-contiguous, of this dtype and shape.

        Raises
        ------
        ValueError
            If a parameter is negative or not finite.

        Examples
        --------
        >>> from fastnet.random import Generator
        >>> x = Generator(0).gamma(2, 3, 100_000)
        >>> f"{x.mean():.0f}"
        '6'
        """

        def values(out: Array, source: Source, part: Any) -> None:
            _core.random_gamma(part["shape"], VALUE, 0, *source, out)
            np.multiply(out, part["scale"], out=out)

        return self._made(
            values,
            size,
            dtype,
            out,
            shape=parameter(shape, "shape", _FLOAT64, 0.0) + 0.0,  # which makes 0 of -0
            scale=parameter(scale, "scale", _FLOAT64, 0.0),
        )

    def chisquare(
        self,
        df: Any,
        size: Size = None,
        dtype: npt.DTypeLike | None = np.float64,
        out: Array | None = None,
    ) -> Any:
        """Draw sums of df squared standard normals: gamma values of shape df / 2 and scale 2.

        Parameters
        ----------
        df : float or array_like
            Degrees of freedom, above 0, not only whole ones; an array is broadcast.
        size : int or tuple of int, optional
            Shape of the result; the shape of `out`, or of df, if None.
        dtype : dtype, default float64
            Float32 or float64; float32 values are those of float64, rounded.
        out : ndarray, optional
            C-contiguous, of this dtype and shape.

        Raises
        ------
        ValueError
            If df is not above 0 and finite.

        Examples
        --------
        >>> from fastnet.random import Generator
        >>> x = Generator(0).chisquare(4, 100_000)
        >>> f"{x.mean():.0f} {x.var():.0f}"
        '4 8'
        """
        return self.gamma(_positive(df, "df") / 2, 2.0, size, dtype, out)

    def standard_t(
        self,
        df: Any,
        size: Size = None,
        dtype: npt.DTypeLike | None = np.float64,
        out: Array | None = None,
    ) -> Any:
        """Draw Student's t: z / sqrt(c / df) of a normal z and a chisquare c of df degrees.

        Parameters
        ----------
        df : float or array_like
            Degrees of freedom, above 0; an array is broadcast.
        size : int or tuple of int, optional
            Shape of the result; the shape of `out`, or of df, if None.
        dtype : dtype, default float64
            Float32 or float64; float32 values are those of float64, rounded.
        out : ndarray, optional
            C-contiguous, of this dtype and shape.

        Raises
        ------
        ValueError
            If df is not above 0 and finite.

        Examples
        --------
        >>> from fastnet.random import Generator
        >>> x = Generator(0).standard_t(10, 100_000)
        >>> f"{x.var():.2f}"
        '1.25'
        """

        def values(out: Array, source: Source, part: Any) -> None:
            # Below, all values are infinite just so; half of the least df would be 0.
            half = np.maximum(part["df"], _TINY) / 2
            _core.random_gamma(half, INVERSE_ROOT, 0, *source, out)
            normals = np.empty_like(out)
            _core.random_draw("normal", *source, 0.0, 1.0, normals)
            np.multiply(out, normals, out=out)
            np.multiply(out, np.sqrt(half), out=out)

        return self._made(values, size, dtype, out, df=_positive(df, "df"))

    def beta(
        self,
        a: Any,
        b: Any,
        size: Size = None,
        dtype: npt.DTypeLike | None = np.float64,
        out: Array | None = None,
    ) -> Any:
        """Draw beta values: G / (G + H) of gamma values G of shape a and H of shape b.

        Parameters
        ----------
        a, b : float or array_like
            Above 0; arrays are broadcast.
        size : int or tuple of int, optional
            Shape of the result; the shape of `out`, or of a and b, if None.
        dtype : dtype, default float64
            Float32 or float64; float32 values are those of float64, rounded.
        out : ndarray, optional
            C-contiguous, of this dtype and shape.

        Raises
        ------
        ValueError
            If a parameter is not above 0 and finite.

        Notes
        -----
        From the logarithms of the gamma values, which do not underflow however small a and b are.

        Examples
        --------
        >>> from fastnet.random import Generator
        >>> x = Generator(0).beta(2, 3, 100_000)
        >>> f"{x.mean():.2f}"
        '0.40'
        """
        a, b = _positive(a, "a"), _positive(b, "b")
        common_shape(None, None, a=a, b=b)
        if np.any(tiny := np.maximum(a, b) < _TINY):
            a, b = np.where(tiny, _UNIT, 1.0) * a, np.where(tiny, _UNIT, 1.0) * b

        def values(out: Array, source: Source, part: Any) -> None:
            _core.random_gamma(part["a"], LOGARITHM, 0, *source, out)
            other = np.empty_like(out)
            _core.random_gamma(part["b"], LOGARITHM, 1, *source, other)
            np.subtract(other, out, out=out)
            _core.math("exp", out, out)  # H / G, infinite where G / (G + H) rounds to 0
            np.add(out, 1.0, out=out)
            np.divide(1.0, out, out=out)

        return self._made(values, size, dtype, out, a=a, b=b)

    def dirichlet(
        self,
        alpha: Any,
        size: Size = None,
        dtype: npt.DTypeLike | None = np.float64,
        out: Array | None = None,
    ) -> Array:
        """Draw vectors of positive numbers of sum 1: gamma values of shapes alpha over their sum.

        Parameters
        ----------
        alpha : array_like of shape (d,)
            Above 0.
        size : int or tuple of int, optional
            How many vectors, in which shape; one if None.
        dtype : dtype, default float64
            Float32 or float64; float32 values are those of float64, rounded.
        out : ndarray, optional
            C-contiguous, of this dtype, of shape size + (d,).

        Returns
        -------
        ndarray of shape size + (d,)

        Raises
        ------
        ValueError
            If alpha is no vector of numbers above 0.

        Notes
        -----
        A vector takes d positions. Where an alpha is below 0.1, it is computed from logarithms, as
        `beta`.

        Examples
        --------
        >>> from fastnet.random import Generator
        >>> x = Generator(0).dirichlet([1, 2, 3], 5)
        >>> x.shape, x.sum(axis=1).round(12).tolist()
        ((5, 3), [1.0, 1.0, 1.0, 1.0, 1.0])
        """
        kind = float_dtype(np.float64 if dtype is None else dtype)
        shapes = np.ascontiguousarray(_positive(alpha, "alpha"))
        if shapes.ndim != 1 or not shapes.size:
            msg = f"alpha must have shape (d,), got {shapes.shape}"
            raise ValueError(msg)
        d = len(shapes)
        result = output(
            out, out.shape if size is None and out is not None else (*shape_of(size, None), d), kind
        )
        if result.shape[-1:] != (d,):
            msg = f"out must have shape size + ({d},), got {result.shape}"
            raise ValueError(msg)
        require_apart(out, alpha=shapes)
        if shapes.max() < _TINY:
            shapes = shapes * _UNIT
        key, stream, position = self._take(result.size)
        least, most = _core.DIRICHLET_RANGE
        direct = bool(shapes.min() >= least and shapes.max() <= most)
        rows = result.reshape(-1, d)
        step = max(1, SLOW_PIECE // d)
        for begin in range(0, len(rows), step):
            part = rows[begin : begin + step]
            wide = part if kind == _FLOAT64 else np.empty(part.shape, np.float64)
            source = key, stream, position + begin * d
            if direct:
                _core.random_dirichlet(shapes, *source, wide)
            else:
                _core.random_gamma(shapes, LOGARITHM, 0, *source, wide)
                _core.softmax(False, wide, wide)
            if wide is not part:
                part[...] = wide
        return result

    def _made(
        self,
        values: Any,
        size: Size,
        dtype: npt.DTypeLike | None,
        out: Array | None,
        /,
        **parameters: Array,
    ) -> Any:
        """Fill a result by values(out, source, parameters), in flat pieces of float64."""
        kind = float_dtype(np.float64 if dtype is None else dtype)
        result = target(size, out, kind, **parameters)
        columns = {name: column(a, result.shape) for name, a in parameters.items()}
        key, stream, position = self._take(result.size)
        for begin, piece in pieces(result, SLOW_PIECE):
            end = begin + piece.size
            part = {n: c if c.size == 1 else c[begin:end] for n, c in columns.items()}
            wide = piece if kind == _FLOAT64 else np.empty(piece.size, np.float64)
            values(wide, (key, stream, position + begin), part)
            if wide is not piece:
                with np.errstate(over="ignore"):
                    piece[...] = wide
        return result[()] if result.ndim == 0 and out is None else result


def _positive(value: Any, name: str) -> Array:
    array = as_float(value, name, _FLOAT64)
    if not np.all((array > 0) & np.isfinite(array)):
        msg = f"{name} must be finite and above 0, got {value}"
        raise ValueError(msg)
    return array
