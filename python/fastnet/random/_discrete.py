"""Discrete laws: coins, categories, and Poisson, binomial and geometric numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet import _core
from fastnet._arrays import FLOAT_DTYPES, Array, as_dtype, output
from fastnet.random._checks import Size, counts, integer_dtype, probabilities, shape_of
from fastnet.random._draw import SLOW_PIECE, Drawing, Source, column, parameter, pieces, target

_FLOAT64 = np.dtype(np.float64)
_INT64 = np.dtype(np.int64)
# Beyond this mean a Poisson number may exceed 2**63.
_POISSON_MAX = 2.0**63 - 2.0**35
_LEAST_CHANCE = 1e-300


class Discrete(Drawing):
    """The methods of a Generator for these laws."""

    __slots__ = ()

    def bernoulli(
        self,
        p: Any = 0.5,
        size: Size = None,
        dtype: npt.DTypeLike | None = np.bool_,
        out: Array | None = None,
    ) -> Any:
        """Draw values that are 1 with probability p, else 0.

        Parameters
        ----------
        p : float or array_like
            In [0, 1]; an array is broadcast.
        size : int or tuple of int, optional
            Shape of the result; the shape of `out`, or of p, if None.
        dtype : dtype, default bool
            Bool, an integer dtype, float32 or float64. It has no influence on the values, but that
            float32 rounds a single p to its own precision.
        out : ndarray, optional
            C-contiguous, of this dtype and shape.

        Raises
        ------
        ValueError
            If p is not in [0, 1].

        Notes
        -----
        32 random bits are compared with p, and where they do not decide 32 more: exact to 2**-64.

        Examples
        --------
        >>> from fastnet.random import Generator
        >>> x = Generator(0).bernoulli(0.25, 100_000)
        >>> x.dtype, f"{x.mean():.2f}"
        (dtype('bool'), '0.25')
        """
        kind = as_dtype(np.bool_ if dtype is None else dtype)
        if kind.kind not in "biu" and kind not in FLOAT_DTYPES:
            msg = f"dtype must be bool, an integer dtype, float32 or float64, got {kind}"
            raise TypeError(msg)
        chances = parameter(p, "p", _FLOAT64, 0.0, 1.0)
        result = target(size, out, kind, p=chances)
        if kind in FLOAT_DTYPES and chances.ndim == 0:
            self._fill("bernoulli", result, float(chances), 0.0)
        else:
            source = self._take(result.size)
            self._integers(_core.random_coins, result, np.dtype(np.bool_), source, chances)
        return result[()] if result.ndim == 0 and out is None else result

    def categorical(
        self,
        p: Any,
        size: Size = None,
        dtype: npt.DTypeLike | None = np.int64,
        out: Array | None = None,
    ) -> Any:
        """Draw numbers of categories: i with probability p[i].

        Parameters
        ----------
        p : array_like of shape (categories,)
            Probabilities: not negative, of sum 1 to within 1e-8.
        size : int or tuple of int, optional
            Shape of the result; `out`'s, or a scalar, if None.
        dtype : dtype, default int64
            An integer dtype, which has no influence on the values.
        out : ndarray, optional
            C-contiguous, of this dtype and shape.

        Raises
        ------
        ValueError
            If p is no vector of probabilities or dtype cannot hold the categories.

        Notes
        -----
        The alias method (Walker 1977): one 64-bit word and one look into a table a value, however
        many categories there are. A category of probability 0 is never drawn.

        Examples
        --------
        >>> import numpy as np
        >>> from fastnet.random import Generator
        >>> x = Generator(0).categorical([0.5, 0, 0.3, 0.2], 100_000)
        >>> (np.bincount(x) / len(x)).round(1).tolist()
        [0.5, 0.0, 0.3, 0.2]
        """
        kind = integer_dtype(dtype)
        chances = probabilities(p)
        if len(chances) - 1 > np.iinfo(kind).max:
            msg = f"dtype must hold {len(chances)} categories, got {kind}"
            raise ValueError(msg)
        result = output(out, shape_of(size, out), kind)
        draw = _core.AliasTable(chances).sample
        self._integers(draw, result, _INT64, self._take(result.size))
        return result[()] if result.ndim == 0 and out is None else result

    def poisson(
        self,
        lam: Any = 1.0,
        size: Size = None,
        dtype: npt.DTypeLike | None = np.int64,
        out: Array | None = None,
    ) -> Any:
        """Draw Poisson numbers of mean lam.

        Parameters
        ----------
        lam : float or array_like
            At least 0 and below 2**63 - 2**35; an array is broadcast.
        size : int or tuple of int, optional
            Shape of the result; the shape of `out`, or of lam, if None.
        dtype : dtype, default int64
            An integer dtype; a value it cannot hold is a ValueError.
        out : ndarray, optional
            C-contiguous, of this dtype and shape.

        Raises
        ------
        ValueError
            If lam is negative or too large.

        Notes
        -----
        Inversion below a mean of 10, else Hörmann's transformed rejection (1993).

        Examples
        --------
        >>> from fastnet.random import Generator
        >>> x = Generator(0).poisson(12.5, 100_000)
        >>> f"{x.mean():.1f} {x.var():.1f}"
        '12.5 12.5'
        """
        return self._counts(
            _core.random_poisson,
            size,
            dtype,
            out,
            lam=parameter(lam, "lam", _FLOAT64, 0, _POISSON_MAX),
        )

    def binomial(
        self,
        n: Any,
        p: Any,
        size: Size = None,
        dtype: npt.DTypeLike | None = np.int64,
        out: Array | None = None,
    ) -> Any:
        """Draw how many of n trials succeed, each with probability p.

        Parameters
        ----------
        n : int or array_like of int
            At least 0; broadcast with p.
        p : float or array_like
            In [0, 1].
        size : int or tuple of int, optional
            Shape of the result; the shape of `out`, or of n and p, if None.
        dtype : dtype, default int64
            An integer dtype; a value it cannot hold is a ValueError.
        out : ndarray, optional
            C-contiguous, of this dtype and shape.

        Raises
        ------
        ValueError
            If n is negative or p not in [0, 1].

        Notes
        -----
        Inversion where the rarer outcome has a mean below 10, else Hörmann's transformed rejection
        (1993).

        Examples
        --------
        >>> from fastnet.random import Generator
        >>> x = Generator(0).binomial(100, 0.3, 100_000)
        >>> f"{x.mean():.1f} {x.var():.0f}"
        '30.0 21'
        """
        return self._counts(
            _core.random_binomial,
            size,
            dtype,
            out,
            n=counts(n, "n"),
            p=parameter(p, "p", _FLOAT64, 0.0, 1.0),
        )

    def geometric(
        self,
        p: Any,
        size: Size = None,
        dtype: npt.DTypeLike | None = np.int64,
        out: Array | None = None,
    ) -> Any:
        """Draw how many trials there are up to the first success, it included.

        Parameters
        ----------
        p : float or array_like
            Probability of a success, in (0, 1]; an array is broadcast.
        size : int or tuple of int, optional
            Shape of the result; the shape of `out`, or of p, if None.
        dtype : dtype, default int64
            An integer dtype; a value it cannot hold is a ValueError.
        out : ndarray, optional
            C-contiguous, of this dtype and shape.

        Raises
        ------
        ValueError
            If p is not in (0, 1].

        Notes
        -----
        floor(ln u / ln(1 - p)) + 1 of a uniform u; what exceeds 2**63 - 1 is cut down to it.

        Examples
        --------
        >>> from fastnet.random import Generator
        >>> x = Generator(0).geometric(0.25, 100_000)
        >>> int(x.min()), f"{x.mean():.1f}"
        (1, '4.0')
        """
        chances = parameter(p, "p", _FLOAT64, 0.0, 1.0)
        if not np.all(chances > 0):
            msg = f"p must be in (0, 1], got {p}"
            raise ValueError(msg)

        def draw(p: Array, *rest: Any) -> None:
            # Below, numbers are cut down just so, and ln(1 - p) would lose a p that is not normal.
            _core.random_geometric(np.maximum(p, _LEAST_CHANCE), *rest)

        return self._counts(draw, size, dtype, out, p=chances)

    def _counts(
        self,
        draw: Any,
        size: Size,
        dtype: npt.DTypeLike | None,
        out: Array | None,
        /,
        **parameters: Array,
    ) -> Any:
        """Draw int64 numbers with parameters that are broadcast."""
        kind = integer_dtype(dtype)
        result = target(size, out, kind, **parameters)
        values = parameters.values()
        if kind.itemsize == _INT64.itemsize:
            self._integers(draw, result, _INT64, self._take(result.size), *values)
        else:
            # A value that dtype can't hold must leave out and the stream as they were: positions
            # are taken once all are drawn, and drawn anew if a thread took them in the meantime.
            drawn = result if out is None else np.empty_like(result)
            source = self._next(result.size)
            self._integers(draw, drawn, _INT64, source, *values)
            if (taken := self._take(result.size)) != source:
                self._integers(draw, drawn, _INT64, taken, *values)
            if out is not None:
                result[...] = drawn
        return result[()] if result.ndim == 0 and out is None else result

    def _integers(
        self, draw: Any, result: Array, kind: np.dtype[Any], source: Source, *parameters: Array
    ) -> None:
        """Fill result with what draw(*parameters, key, stream, position, out) gives in `kind`."""
        columns = [column(a, result.shape) for a in parameters]
        key, stream, position = source
        for begin, piece in pieces(result, SLOW_PIECE):
            end = begin + piece.size
            part = [c if c.size == 1 else c[begin:end] for c in columns]
            values = piece if piece.dtype == kind else np.empty(piece.size, kind)
            draw(*part, key, stream, position + begin, values)
            if values is piece:
                continue
            if kind == _INT64 and values.size and values.max() > np.iinfo(piece.dtype).max:
                msg = f"dtype must hold {values.max()}, got {piece.dtype}"
                raise ValueError(msg)
            piece[...] = values
