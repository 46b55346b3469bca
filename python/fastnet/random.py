"""Random numbers that depend on their seed and position alone, not on threads, chunks or machine.

A `Generator` has a 64-bit key, made from its seed, and stands at a position. A call for n values
takes the next n positions, and the value at a position is a pure function of key, stream, law,
dtype and position: random(3) and then random(2) give what random(5) gives, on any number of threads
and at every ISA level, bit for bit. The function is Philox4x32-10 (Salmon et al. 2011), a keyed
bijection of 128-bit counters; which counter and which of its words a value comes from stands in
cpp/dispatch/random.hpp, in short:

- counter = law (8 bits), stream (16), count (40), block (64), highest first;
- float32 uniforms: word p mod 4 of block p // 4, upper 24 bits; float64 uniforms and integers:
  64-bit word p mod 2 of block p // 2, upper 53 bits and Lemire's bounded multiplication;
- dropout masks and permutations belong to a ticket (stream and count), which a Generator numbers
  apart from positions.

`STREAM_VERSION` goes up whenever any value changes.

A Generator can be used from several threads: each call gets positions of its own, though which
thread gets which is up to their order. A copy, a pickle and a forked process continue from the same
position with the same values; give each worker a child of `spawn` instead.
"""

from __future__ import annotations

import math
import operator
import os
import threading
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fastnet import _core
from fastnet._arrays import Array, as_float, float_dtype, output

__all__ = ["STREAM_VERSION", "Generator", "default_rng", "manual_seed"]

STREAM_VERSION: int = _core.STREAM_VERSION
"""Version of the mapping from seeds and positions to values."""

# How many positions and tickets one stream has, and how many streams one key has.
_POSITIONS = 2**63
_TICKETS = 2 ** int(_core.COUNT_BITS)
_STREAMS = 2 ** int(_core.STREAM_BITS)

Size = int | Sequence[int] | None


class _Parts(NamedTuple):
    """Everything a Generator is; replaced as a whole, so that threads never see a mixture."""

    seed_seq: np.random.SeedSequence
    key: int
    stream: int
    positions: _core.Counter
    tickets: _core.Counter


def integer(value: Any, name: str, low: int, high: int) -> int:
    """Return an integer in [low, high]; TypeError for what is none, ValueError out of range."""
    if isinstance(value, bool | np.bool_):
        msg = f"{name} must be an integer, got {value!r}"
        raise TypeError(msg)
    try:
        result = operator.index(value)
    except TypeError:
        msg = f"{name} must be an integer, got {type(value).__name__}"
        raise TypeError(msg) from None
    if not low <= result <= high:
        msg = f"{name} must be from {low} to {high}, got {result}"
        raise ValueError(msg)
    return result


def _shape(size: Size, out: Array | None) -> tuple[int, ...]:
    if size is None:
        return np.shape(out) if out is not None else ()
    largest = 2**63 - 1
    if isinstance(size, tuple | list):
        return tuple(integer(n, "size", 0, largest) for n in size)
    return (integer(size, "size", 0, largest),)


def _seed_sequence(seed: Any) -> np.random.SeedSequence:
    if seed is None:
        return np.random.SeedSequence()
    if isinstance(seed, np.random.SeedSequence):
        return seed
    if isinstance(seed, np.random.BitGenerator):
        seed = np.random.Generator(seed)
    if isinstance(seed, np.random.Generator):
        seed = [int(w) for w in seed.integers(0, 2**64, 2, np.uint64)]
    elif isinstance(seed, np.random.RandomState):
        seed = [int(w) for w in seed.randint(0, 2**32, 4, np.uint32)]
    if isinstance(seed, np.ndarray) and seed.ndim:
        seed = list(seed.ravel())
    if isinstance(seed, Sequence) and not isinstance(seed, str | bytes):
        return np.random.SeedSequence([_seed_integer(word) for word in seed])
    return np.random.SeedSequence(_seed_integer(seed))


def _seed_integer(seed: Any) -> int:
    if isinstance(seed, bool | np.bool_) or not hasattr(type(seed), "__index__"):
        msg = (
            "seed must be None, a non-negative integer or a sequence of them, a SeedSequence or a "
            f"numpy Generator, got {type(seed).__name__}"
        )
        raise TypeError(msg)
    result = operator.index(seed)
    if result < 0:
        msg = f"seed must not be negative, got {result}"
        raise ValueError(msg)
    return result


_spawn_lock = threading.Lock()


def _renew_lock() -> None:
    global _spawn_lock
    _spawn_lock = threading.Lock()


# Another thread may have held the lock when the process was forked.
os.register_at_fork(after_in_child=_renew_lock)


class Generator:
    """Counter-based random numbers: Philox4x32-10 in SIMD, the same bits everywhere.

    Parameters
    ----------
    seed : None, int, sequence of int, SeedSequence, numpy Generator, BitGenerator or RandomState
        None takes entropy from the operating system. A NumPy generator is drawn from, so that it
        advances and two Generators made from it differ.

    Notes
    -----
    The methods have NumPy's names and parameters. The value at a position is a pure function of
    seed, stream, law, dtype and position (module docstring; mapping version `STREAM_VERSION`). The
    key is the first 64-bit word of the seed's SeedSequence. One stream has 2**63 positions; a call
    that needs more than are left is a ValueError and takes none.

    Examples
    --------
    >>> from fastnet.random import Generator
    >>> a, b = Generator(1), Generator(1)
    >>> x = a.random(5)
    >>> bool((x[3:] == b.advance(3).random(2)).all())
    True
    """

    __slots__ = ("__weakref__", "_parts")

    def __init__(self, seed: Any = None) -> None:
        sequence = _seed_sequence(seed)
        key = int(sequence.generate_state(1, np.uint64)[0])
        self._parts = _make_parts(sequence, key, 0, 0, 0)

    # ---- what it is ----

    @property
    def key(self) -> int:
        """The 64-bit key of its values."""
        return self._parts.key

    @property
    def stream(self) -> int:
        """The number of its stream; 0 unless made by `jumped`."""
        return self._parts.stream

    @property
    def position(self) -> int:
        """The next position."""
        return int(self._parts.positions.value)

    def __repr__(self) -> str:
        return f"Generator(key={self.key:#018x}, stream={self.stream}, position={self.position})"

    @property
    def state(self) -> dict[str, Any]:
        """Everything about it as a dict of integers, lists and strings; can be assigned."""
        parts = self._parts
        sequence = parts.seed_seq
        entropy: Any = sequence.entropy
        return {
            "bit_generator": "Philox4x32-10",
            "stream_version": STREAM_VERSION,
            "key": parts.key,
            "stream": parts.stream,
            "position": int(parts.positions.value),
            "tickets": int(parts.tickets.value),
            "seed_seq": {
                "entropy": int(entropy) if np.ndim(entropy) == 0 else [int(e) for e in entropy],
                "spawn_key": [int(k) for k in sequence.spawn_key],
                "pool_size": int(sequence.pool_size),
                "n_children_spawned": int(sequence.n_children_spawned),
            },
        }

    @state.setter
    def state(self, state: Any) -> None:
        if not isinstance(state, dict):
            msg = f"state must be a dict, got {type(state).__name__}"
            raise TypeError(msg)
        try:
            kind, version = state["bit_generator"], state["stream_version"]
            seed_seq = dict(state["seed_seq"])
            numbers = [state[name] for name in ("key", "stream", "position", "tickets")]
        except (KeyError, TypeError, ValueError) as error:
            msg = f"state must have the entries of Generator.state, got {list(state)}"
            raise ValueError(msg) from error
        if kind != "Philox4x32-10" or version != STREAM_VERSION:
            msg = (
                f"state must be of Philox4x32-10, stream_version {STREAM_VERSION}, "
                f"got {kind!r}, {version!r}"
            )
            raise ValueError(msg)
        limits = {
            "key": 2**64,
            "stream": _STREAMS,
            "position": _POSITIONS + 1,
            "tickets": _TICKETS + 1,
        }
        checked = [
            integer(value, name, 0, limit - 1)
            for value, (name, limit) in zip(numbers, limits.items(), strict=True)
        ]
        self._parts = _make_parts(np.random.SeedSequence(**seed_seq), *checked)

    def __getstate__(self) -> dict[str, Any]:
        return self.state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.state = state

    # ---- moving and multiplying ----

    def advance(self, delta: int) -> Generator:
        """Move by `delta` positions, back if negative, and return self."""
        parts = self._parts
        delta = integer(delta, "delta", -_POSITIONS, _POSITIONS)
        if delta >= 0:
            parts.positions.take(delta)
            return self
        position = integer(self.position + delta, "position", 0, _POSITIONS)
        self._parts = parts._replace(positions=_core.Counter(position, _POSITIONS))
        return self

    def jumped(self, jumps: int = 1) -> Generator:
        """Return a Generator at the same position, `jumps` streams further.

        Streams of one key never overlap. There are 2**16 of them; beyond that ValueError. Use
        `spawn` for more.
        """
        parts = self._parts
        stream = parts.stream + integer(jumps, "jumps", 0, _STREAMS - 1 - parts.stream)
        return _from_parts(
            _make_parts(
                parts.seed_seq, parts.key, stream, parts.positions.value, parts.tickets.value
            )
        )

    def spawn(self, n_children: int) -> list[Generator]:
        """Return new Generators with keys of their own, from children of its SeedSequence.

        Each call gives other children. They keep the number of the stream.
        """
        n_children = integer(n_children, "n_children", 0, 2**31 - 1)
        parts = self._parts
        with _spawn_lock:
            sequences = parts.seed_seq.spawn(n_children)
        children = [Generator(sequence) for sequence in sequences]
        return [child.jumped(parts.stream) for child in children] if parts.stream else children

    def next_ticket(self) -> int:
        """Take the next ticket: the 64-bit number under which dropout draws one mask.

        Tickets are numbered from stream * 2**40, apart from positions, and none is given twice.
        """
        return self.take_tickets(1)

    def take_tickets(self, n: int) -> int:
        """Take n consecutive tickets and return the first."""
        parts = self._parts
        first = int(parts.tickets.take(integer(n, "n", 0, _TICKETS)))
        return int(parts.stream * _TICKETS + first)

    # ---- laws ----

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
        return self.uniform(0.0, 1.0, size, dtype, out)

    def uniform(
        self,
        low: npt.ArrayLike = 0.0,
        high: npt.ArrayLike = 1.0,
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
        low, high = (as_float(a, name, kind) for a, name in ((low, "low"), (high, "high")))
        with np.errstate(over="ignore", invalid="ignore"):
            width = high - low
        if not (np.all(low <= high) and np.all(np.isfinite(width))):
            msg = f"low must be at most high and high - low finite, got low = {low}, high = {high}"
            raise ValueError(msg)
        scalar = low.ndim == high.ndim == 0
        if size is None and out is None:
            shape = np.broadcast_shapes(low.shape, high.shape)
        else:
            shape = _shape(size, out)
            _check_broadcast(shape, low=low, high=high)
        result = output(out, shape, kind)
        key, stream, position = self._take(result.size)
        if scalar:
            _core.random_uniform(key, stream, position, float(low), float(high), result)
        else:
            _core.random_uniform(key, stream, position, 0.0, 1.0, result)
            np.multiply(result, width, out=result)
            np.add(result, low, out=result)
            top = np.maximum(low, np.nextafter(high, kind.type(-math.inf)))
            np.minimum(result, top, out=result)
        return result[()] if shape == () and out is None else result

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
            Without high, integers in [0, low).
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
        kind = np.dtype(np.int64 if dtype is None else dtype)
        if kind.kind not in "iu" or not kind.isnative:
            msg = f"dtype must be an integer dtype in native byte order, got {kind}"
            raise TypeError(msg)
        if high is None:
            low, high = 0, low
        info = np.iinfo(kind)
        least = integer(low, "low", int(info.min), int(info.max))
        last = integer(high, "high", int(info.min), int(info.max) + (not endpoint)) - (not endpoint)
        if least > last:
            msg = f"low must be {'at most' if endpoint else 'below'} high, got {low} and {high}"
            raise ValueError(msg)
        shape = _shape(size, out)
        result = output(out, shape, kind)
        wide = result.view(np.uint64) if kind.itemsize == 8 else np.empty(shape, np.uint64)
        key, stream, position = self._take(result.size)
        _core.random_integers(key, stream, position, least % 2**64, last - least, wide)
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

    def _order(self, n: int) -> Array:
        order = np.empty(n, np.int64)
        parts = self._parts
        ticket = parts.stream * _TICKETS + parts.tickets.take(1)
        _core.random_permutation(parts.key, ticket, order)
        return order

    def _take(self, n: int) -> tuple[int, int, int]:
        """Take n positions: key, stream and the first position."""
        parts = self._parts
        return parts.key, parts.stream, parts.positions.take(n)


def _make_parts(
    sequence: np.random.SeedSequence, key: int, stream: int, position: int, tickets: int
) -> _Parts:
    return _Parts(
        sequence,
        key,
        stream,
        _core.Counter(position, _POSITIONS),
        _core.Counter(tickets, _TICKETS),
    )


def _from_parts(parts: _Parts) -> Generator:
    generator = Generator.__new__(Generator)
    generator._parts = parts
    return generator


def _check_broadcast(shape: tuple[int, ...], **arrays: Array) -> None:
    for name, array in arrays.items():
        try:
            np.broadcast_to(array, shape)
        except ValueError:
            msg = f"{name} must broadcast to shape {shape}, got {array.shape}"
            raise ValueError(msg) from None


# One entry, made at first use: NumPy loads numpy.random only then.
_default: dict[str, Generator] = {}


def default_rng(rng: Any = None) -> Generator:
    """Return what `rng=` stands for: the default Generator for None, else a Generator from it.

    Parameters
    ----------
    rng : None, Generator, or whatever `Generator` takes as seed
        A Generator is returned as it is. The default one is seeded by the operating system until
        `manual_seed`.

    Examples
    --------
    >>> from fastnet.random import Generator, default_rng
    >>> rng = Generator(1)
    >>> default_rng(rng) is rng, default_rng() is default_rng()
    (True, True)
    """
    if isinstance(rng, Generator):
        return rng
    if rng is not None:
        return Generator(rng)
    return _default.get("rng") or _default.setdefault("rng", Generator())


def manual_seed(seed: Any) -> Generator:
    """Seed the default Generator anew and return it.

    Parameters
    ----------
    seed : whatever `Generator` takes

    Examples
    --------
    >>> import fastnet.random
    >>> x = fastnet.random.manual_seed(3).random()
    >>> bool(x == fastnet.random.manual_seed(3).random())
    True
    """
    fresh = Generator(seed)
    generator = default_rng()
    generator._parts = fresh._parts
    return generator
