"""The Generator: laws at the positions of a stream."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet import _core
from fastnet._arrays import Array, as_float, flag, float_dtype, output
from fastnet.random._checks import (
    Size,
    integer,
    integer_dtype,
    probabilities,
    shape_of,
)
from fastnet.random._discrete import Discrete
from fastnet.random._draw import USUAL, permutation_of, pieces, target
from fastnet.random._vector import Vector


class Generator(Vector, Discrete):
    """Counter-based random numbers: Philox4x32-10 in SIMD, the same bits everywhere.

    Parameters
    ----------
    seed : None, int, sequence of int, SeedSequence, numpy Generator, BitGenerator or RandomState
        None takes entropy from the operating system. A NumPy generator is drawn from, so that it
        advances and two Generators made from it differ.

    Notes
    -----
    Methods that `numpy.random.Generator` has too take its parameters in its order, and laws take
    dtype and out besides. `integers` takes single numbers as bounds; the `method` of
    `standard_exponential` and of `multivariate_normal` and what the latter does with an invalid
    covariance have one choice each. Left out are bytes, shuffle, permuted, multinomial and the
    laws that are not among these methods. Values differ from NumPy's.

    The value at a position is a pure function of seed, stream, law, dtype and position (module
    docstring; mapping version `STREAM_VERSION`). The key is the first 64-bit word of the seed's
    SeedSequence. One stream has 2**63 positions; a call that needs more than are left is a
    ValueError and takes none.

    Examples
    --------
    >>> from fastnet.random import Generator
    >>> a, b = Generator(1), Generator(1)
    >>> x = a.random(5)
    >>> bool((x[3:] == b.advance(3).random(2)).all())
    True
    """

    __slots__ = ()

    def random(
        self,
        size: Size = None,
        dtype: npt.DTypeLike | None = np.float64,
        out: Array | None = None,
    ) -> Any:
        """Uniform values in [0, 1): multiples of 2**-24 (float32) or 2**-53 (float64).

        Parameters
        ----------
        size : int or tuple of int, optional
            Shape of the result; `out`'s, or a scalar, if None.
        dtype : dtype, default float64
            Float32 or float64.
        out : ndarray, optional
            C-contiguous, of this dtype and shape.

        Returns
        -------
        scalar or ndarray
            `out` if given.

        Examples
        --------
        >>> from fastnet.random import Generator
        >>> Generator(0).random((2, 3)).shape
        (2, 3)
        """
        kind = float_dtype(np.float64 if dtype is None else dtype)
        result = output(out, shape_of(size, out), kind)
        self._fill("uniform", result, 0.0, 1.0)
        return result[()] if result.ndim == 0 and out is None else result

    def uniform(
        self,
        low: Any = 0.0,
        high: Any = 1.0,
        size: Size = None,
        dtype: npt.DTypeLike | None = np.float64,
        out: Array | None = None,
    ) -> Any:
        """Uniform values in [low, high), low + (high - low) u with u as `random` gives it.

        Parameters
        ----------
        low, high : float or array_like
            Finite, low <= high; arrays are broadcast. Where they are equal the value is low.
        size : int or tuple of int, optional
            Shape of the result; the shape of `out`, or of low and high, if None.
        dtype : dtype, default float64
            Float32 or float64. The result is computed in it and stays below high.
        out : ndarray, optional
            C-contiguous, of this dtype and shape.

        Raises
        ------
        ValueError
            If low > high, or low, high or high - low is not finite.

        Examples
        --------
        >>> from fastnet.random import Generator
        >>> x = Generator(0).uniform(-1, 1, 1000, dtype="float32")
        >>> x.dtype, bool((x >= -1).all() and (x < 1).all())
        (dtype('float32'), True)
        """
        kind = float_dtype(np.float64 if dtype is None else dtype)
        numbers = isinstance(low, int | float) and isinstance(high, int | float)
        if numbers and -USUAL < low <= high < USUAL:
            result = output(out, shape_of(size, out), kind)
            self._fill("uniform", result, float(low), float(high))
            return result[()] if result.ndim == 0 and out is None else result
        low, high = (as_float(a, name, kind) for a, name in ((low, "low"), (high, "high")))
        result = target(size, out, kind, low=low, high=high)
        with np.errstate(over="ignore", invalid="ignore"):
            width = high - low
        if not (np.all(low <= high) and np.all(np.isfinite(width))):
            msg = f"low must be at most high and high - low finite, got low = {low}, high = {high}"
            raise ValueError(msg)
        if low.ndim == high.ndim == 0:
            self._fill("uniform", result, float(low), float(high))
        else:
            self._fill("uniform", result, 0.0, 1.0)
            np.multiply(result, width, out=result)
            np.add(result, low, out=result)
            top = np.maximum(low, np.nextafter(high, kind.type(-math.inf)))
            np.minimum(result, top, out=result)
        return result[()] if result.ndim == 0 and out is None else result

    def integers(
        self,
        low: int,
        high: int | None = None,
        size: Size = None,
        dtype: npt.DTypeLike | None = np.int64,
        endpoint: bool = False,
        out: Array | None = None,
    ) -> Any:
        """Integers in [low, high), all equally likely, without bias.

        Parameters
        ----------
        low, high : int
            Single numbers, no arrays. Without high, integers in [0, low).
        size : int or tuple of int, optional
            Shape of the result; `out`'s, or a scalar, if None.
        dtype : dtype, default int64
            An integer dtype, which has no influence on the values.
        endpoint : bool, default False
            Whether high itself may be drawn.
        out : ndarray, optional
            C-contiguous, of this dtype and shape.

        Raises
        ------
        ValueError
            If there is no integer in the range or dtype cannot hold it.

        Notes
        -----
        One 64-bit word a value, bounded by Lemire's multiplication (2019) with rejection; a
        rejected word is replaced by that of the next attempt at the same position.

        Examples
        --------
        >>> from fastnet.random import Generator
        >>> x = Generator(0).integers(1, 6, 100, endpoint=True)
        >>> int(x.min()), int(x.max())
        (1, 6)
        """
        kind, endpoint = integer_dtype(dtype), flag(endpoint, "endpoint")
        if high is None:
            low, high = 0, low
        info = np.iinfo(kind)
        least = integer(low, "low", int(info.min), int(info.max))
        last = integer(high, "high", int(info.min), int(info.max) + (not endpoint)) - (not endpoint)
        if least > last:
            msg = f"low must be {'at most' if endpoint else 'below'} high, got {low} and {high}"
            raise ValueError(msg)
        shape = shape_of(size, out)
        result = output(out, shape, kind)
        wide = result.view(np.uint64) if kind.itemsize == 8 else np.empty(shape, np.uint64)
        key, stream, position = self._take(result.size)
        for begin, piece in pieces(wide):
            _core.random_integers(key, stream, position + begin, least % 2**64, last - least, piece)
        if kind.itemsize < 8:
            result[...] = wide.astype(kind)
        return result[()] if shape == () and out is None else result

    def permutation(self, x: Any, axis: int = 0) -> Array:
        """Return a random order of 0 ... x - 1, or an array with its entries along axis in one.

        Parameters
        ----------
        x : int or array_like
        axis : int, default 0
            The axis whose entries change places; slices along it stay whole.

        Notes
        -----
        Knuth's shuffle (The Art of Computer Programming 2, algorithm 3.4.2P), inside out: step i
        puts i at a random place j <= i and what was there at place i. O(n), one 64-bit word a step.
        A permutation takes a ticket and no positions.

        Examples
        --------
        >>> from fastnet.random import Generator
        >>> sorted(Generator(0).permutation(4).tolist())
        [0, 1, 2, 3]
        """
        if hasattr(type(x), "__index__") and np.ndim(x) == 0:
            return self._order(integer(x, "x", 0, 2**41 - 1))
        array = np.asarray(x) if not isinstance(x, np.ndarray) else x
        if array.ndim == 0:
            msg = f"x must be an integer or an array, got {type(x).__name__}"
            raise TypeError(msg)
        axis = integer(axis, "axis", -array.ndim, array.ndim - 1)
        return np.take(array, self._order(array.shape[axis]), axis)

    def choice(
        self,
        a: Any,
        size: Size = None,
        replace: bool = True,
        p: Any = None,
        axis: int = 0,
        shuffle: bool = True,
    ) -> Any:
        """Draw from the numbers 0 ... a - 1, or entries along an axis of the array a.

        Parameters
        ----------
        a : int or array_like
        size : int or tuple of int, optional
            How many, in which shape; one if None.
        replace : bool, default True
            Whether an entry can be drawn again.
        p : array_like of shape (entries,), optional
            Probabilities of the entries, of sum 1; equal if None.
        axis : int, default 0
            The axis whose entries are drawn.
        shuffle : bool, default True
            Without replacement the order is random either way.

        Raises
        ------
        ValueError
            If there are too few entries (of positive probability, without replacement).

        Notes
        -----
        Without replacement and with p, entry i gets the key e_i / p_i of an exponential e_i, and
        those with the smallest keys are taken in order: draws one after another, each by the
        probabilities of what is left (Efraimidis and Spirakis 2006).

        Examples
        --------
        >>> from fastnet.random import Generator
        >>> sorted(Generator(0).choice(["a", "b", "c"], 3, replace=False).tolist())
        ['a', 'b', 'c']
        """
        replace = flag(replace, "replace")
        flag(shuffle, "shuffle")
        entries, pool = self._pool(a, axis)
        shape = shape_of(size, None)
        count = math.prod(shape)
        chances = None if p is None else probabilities(p)
        if chances is not None and len(chances) != entries:
            msg = (
                f"p must have one probability for each of the {entries} entries, got {len(chances)}"
            )
            raise ValueError(msg)
        available = entries if chances is None else int(np.count_nonzero(chances))
        if count > 0 and available < (1 if replace else count):
            msg = f"a must have entries for size {size}, got {available}"
            raise ValueError(msg)
        if replace:
            picks = (
                self.integers(entries, size=shape)
                if chances is None and count
                else np.zeros(shape, np.int64)
                if chances is None
                else self.categorical(chances, shape)
            )
        elif chances is None:
            picks = self.permutation(entries)[:count].reshape(shape)
        else:
            keys = np.full(entries, np.inf)
            keys[chances > 0] = self.standard_exponential(available) / chances[chances > 0]
            picks = np.argsort(keys, kind="stable")[:count].reshape(shape)
        if pool is None:
            return int(picks) if shape == () else picks
        if pool.ndim == 1 and np.ndim(picks) == 0:
            return pool[picks]  # the entry itself, which need not be a number
        return np.take(pool, picks, axis)

    def _pool(self, a: Any, axis: int) -> tuple[int, Array | None]:
        if np.ndim(a) == 0:
            return integer(a, "a", 0, 2**41 - 1), None
        pool = np.asarray(a)
        axis = integer(axis, "axis", -pool.ndim, pool.ndim - 1)
        return pool.shape[axis], pool

    def _order(self, n: int) -> Array:
        return permutation_of(*self._take_ticket(), n)
