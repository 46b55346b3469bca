"""Where a Generator stands: its key, stream, position and tickets, and how they move."""

from __future__ import annotations

import os
import threading
from typing import Any, NamedTuple, Self

import numpy as np

from fastnet import _core
from fastnet.random._checks import integer, seed_sequence

STREAM_VERSION: int = _core.STREAM_VERSION
"""Version of the mapping from seeds and positions to values."""

# How many positions and tickets one stream has, and how many streams one key has.
_POSITIONS = 2**63
_TICKETS = 2 ** int(_core.COUNT_BITS)
_STREAMS = 2 ** int(_core.STREAM_BITS)

# The entries of a SeedSequence's state.
_SEED_SEQ = ("entropy", "spawn_key", "pool_size", "n_children_spawned")


class _Parts(NamedTuple):
    """Everything a Generator is; replaced as a whole, so that threads never see a mixture."""

    seed_seq: np.random.SeedSequence
    key: int
    stream: int
    positions: _core.Counter
    tickets: _core.Counter


_spawn_lock = threading.Lock()


def _renew_lock() -> None:
    global _spawn_lock
    _spawn_lock = threading.Lock()


# Another thread may have held the lock when the process was forked.
os.register_at_fork(after_in_child=_renew_lock)


class Stream:
    """Positions and tickets of one stream of a key; `Generator` draws values at them."""

    __slots__ = ("__weakref__", "_parts")

    def __init__(self, seed: Any = None) -> None:
        sequence = seed_sequence(seed)
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
        name = type(self).__name__
        return f"{name}(key={self.key:#018x}, stream={self.stream}, position={self.position})"

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
            seed_seq = {name: state["seed_seq"][name] for name in _SEED_SEQ}
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
        integer(seed_seq["pool_size"], "pool_size", 4, 1024)
        integer(seed_seq["n_children_spawned"], "n_children_spawned", 0, 2**32)
        self._parts = _make_parts(np.random.SeedSequence(**seed_seq), *checked)

    def __getstate__(self) -> dict[str, Any]:
        return self.state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.state = state

    # ---- moving and multiplying ----

    def advance(self, delta: int) -> Self:
        """Move by `delta` positions, back if negative, and return self."""
        parts = self._parts
        delta = integer(delta, "delta", -_POSITIONS, _POSITIONS)
        if delta >= 0:
            parts.positions.take(delta)
            return self
        position = integer(self.position + delta, "position", 0, _POSITIONS)
        self._parts = parts._replace(positions=_core.Counter(position, _POSITIONS))
        return self

    def jumped(self, jumps: int = 1) -> Self:
        """Return a Generator at the same position, `jumps` streams further.

        Streams of one key never overlap. There are 2**16 of them; beyond that ValueError. Use
        `spawn` for more.
        """
        parts = self._parts
        stream = parts.stream + integer(jumps, "jumps", 0, _STREAMS - 1 - parts.stream)
        return self._like(
            _make_parts(
                parts.seed_seq, parts.key, stream, parts.positions.value, parts.tickets.value
            )
        )

    def spawn(self, n_children: int) -> list[Self]:
        """Return new Generators with keys of their own, from children of its SeedSequence.

        Each call gives other children. They keep the number of the stream.
        """
        n_children = integer(n_children, "n_children", 0, 2**31 - 1)
        parts = self._parts
        with _spawn_lock:
            sequences = parts.seed_seq.spawn(n_children)
        children = [type(self)(sequence) for sequence in sequences]
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

    def _take(self, n: int) -> tuple[int, int, int]:
        """Take n positions: key, stream and the first position."""
        parts = self._parts
        return parts.key, parts.stream, parts.positions.take(n)

    def _next(self, n: int) -> tuple[int, int, int]:
        """Say what _take(n) would give now; ValueError if it would raise."""
        parts = self._parts
        position = int(parts.positions.value)
        return self._take(n) if n > _POSITIONS - position else (parts.key, parts.stream, position)

    def _take_ticket(self) -> tuple[int, int]:
        """Take a ticket: key and ticket."""
        parts = self._parts
        return parts.key, parts.stream * _TICKETS + parts.tickets.take(1)

    def _ticket_source(self) -> tuple[int, int, _core.Counter]:
        """Return what tickets are taken from: key, the stream's first ticket, the counter."""
        parts = self._parts
        return parts.key, parts.stream * _TICKETS, parts.tickets

    def _like(self, parts: _Parts) -> Self:
        other = object.__new__(type(self))
        other._parts = parts
        return other


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
