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
- normals: pairs r cos t, r sin t (Box and Muller 1958) of a block's words, r from one and t from
  the next; exponentials -ln u;
- a law that rejects counts its attempts in the counter's `count`;
- dropout masks and permutations belong to a ticket (stream and count), which a Generator numbers
  apart from positions.

`STREAM_VERSION` goes up whenever any value changes. `BitGenerator` gives the raw words to
numpy.random.Generator.

A Generator can be used from several threads: each call gets positions of its own, though which
thread gets which is up to their order. A copy, a pickle and a forked process continue from the same
position with the same values; give each worker a child of `spawn` instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastnet.random._stream import STREAM_VERSION as STREAM_VERSION
from fastnet.random.generator import Generator as Generator

if TYPE_CHECKING:
    from fastnet.random._bits import BitGenerator as BitGenerator

__all__ = ["STREAM_VERSION", "BitGenerator", "Generator", "default_rng", "manual_seed"]

# One entry, made at first use: NumPy loads numpy.random only then.
_default: dict[str, Generator] = {}


def __getattr__(name: str) -> Any:
    # Its base class loads numpy.random, which takes longer than all of fastnet.
    if name == "BitGenerator":
        from fastnet.random._bits import BitGenerator

        return BitGenerator
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)


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
