"""A NumPy bit generator made of the same words: numpy.random.Generator runs on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from fastnet import _core
from fastnet.random._checks import integer, seed_sequence

_NAME = "Philox4x32-10"
# The numbers of a state, and what each is below.
_LIMITS = {
    "key": 2**64,
    "stream": 2 ** int(_core.STREAM_BITS),
    "position": 2**64,
    "has_half": 2,
    "half": 2**32,
}


class BitGenerator(np.random.BitGenerator):
    """Philox4x32-10 as a bit generator of NumPy.

    `numpy.random.Generator(BitGenerator(seed))` has all of NumPy's laws, and its algorithms draw
    them from fastnet's raw words: the words of the same key, stream and position that
    `fastnet.random.Generator` would use for its law "bits", which none of its methods does.

    Parameters
    ----------
    seed : None, int, sequence of int, SeedSequence, numpy Generator, BitGenerator or RandomState
        As for `fastnet.random.Generator`; equal seeds give equal keys.

    Notes
    -----
    A stream has 2**64 words of 64 bits. `random_raw`, `spawn`, `lock`, `ctypes`, `cffi` and
    pickling are those of numpy.random.BitGenerator.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnet.random import BitGenerator
    >>> rng = np.random.Generator(BitGenerator(1))
    >>> other = np.random.Generator(BitGenerator(1))
    >>> bool((rng.vonmises(0, 1, 5) == other.vonmises(0, 1, 5)).all())
    True
    """

    def __init__(self, seed: Any = None) -> None:
        sequence = seed_sequence(seed)
        super().__init__(sequence)
        # numpy.random.Generator keeps a copy of the interface that attach() fills: the source stays
        # the same as long as self lives.
        self._source = _core.BitSource()
        self._source.attach(self.capsule)
        self._source.set(int(sequence.generate_state(1, np.uint64)[0]), 0, 0, False, 0)

    @property
    def state(self) -> Mapping[str, Any]:
        """Key, stream, position and a half word that is left over, as a dict; can be assigned."""
        source = self._source
        return {"bit_generator": _NAME, **{name: int(getattr(source, name)) for name in _LIMITS}}

    @state.setter
    def state(self, state: Any) -> None:
        if not isinstance(state, Mapping):
            msg = f"state must be a dict, got {type(state).__name__}"
            raise TypeError(msg)
        if set(state) != {"bit_generator", *_LIMITS} or state["bit_generator"] != _NAME:
            msg = f"state must have the entries of a {_NAME} BitGenerator.state, got {state}"
            raise ValueError(msg)
        key, stream, position, has_half, half = (
            integer(state[name], name, 0, limit - 1) for name, limit in _LIMITS.items()
        )
        with self.lock:
            self._source.set(key, stream, position, bool(has_half), half)

    def advance(self, delta: int) -> Self:
        """Move by `delta` 64-bit words, back if negative, and return self."""
        delta = integer(delta, "delta", -(2**64), 2**64)
        state = self.state
        position = (state["position"] + delta) % 2**64
        self.state = {**state, "position": position, "has_half": 0, "half": 0}
        return self

    def jumped(self, jumps: int = 1) -> Self:
        """Return one at the same position, `jumps` streams further; there are 2**16."""
        state = self.state
        left = _LIMITS["stream"] - 1 - state["stream"]
        other = type(self)(self.seed_seq)
        other.state = {**state, "stream": state["stream"] + integer(jumps, "jumps", 0, left)}
        return other
