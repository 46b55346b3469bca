"""Where samples come from: columns that the engine draws, or chunks that Python draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastnet import _core
from fastnet._arrays import Array
from fastnet.random import Generator

CHUNK: int = _core.CHUNK


class Samples:
    """Samples of a distribution by number, the same whoever draws them.

    Parameters
    ----------
    dist : distribution, or a sequence of scalar ones
        Members of a sequence are independent.
    entropy : tuple of int
        What all keys are made from.
    dtype : dtype

    Notes
    -----
    Column j of a distribution whose laws the engine knows is the law's values at positions 0, 1,
    2, ... under a key of its own, word j of ``SeedSequence(entropy)``. Any other is asked for
    chunks of 4096 samples, each with a new ``Generator([*entropy, column, chunk])``.
    """

    def __init__(self, dist: Any, entropy: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.entropy, self.dtype = entropy, dtype
        self.dist = dist
        if isinstance(dist, Sequence) and not isinstance(dist, str):
            self.parts = [checked(part) for part in dist]
            self.dim: int | None = len(self.parts)
            if any(dim_of(part) is not None for part in self.parts) or not self.parts:
                msg = "dist must be a distribution or a sequence of scalar distributions"
                raise ValueError(msg)
            laws = [getattr(part, "_draw", None) for part in self.parts]
        else:
            self.parts = [checked(dist)]
            self.dim = dim_of(dist)
            laws = [getattr(dist, "_draw", None) if self.dim is None else None]
        self.core: Any = None
        if all(law is not None for law in laws):
            keys = np.random.SeedSequence(list(entropy)).generate_state(len(laws), np.uint64)
            make = _core.Source_f32 if dtype == np.float32 else _core.Source_f64
            self.core = make(list(laws), [int(k) for k in keys])

    def rows(self, first_chunk: int, n: int) -> Array:
        """Return n samples from a chunk's first on, as a new array (n,) or (n, dim)."""
        if self.core is not None:
            columns = np.empty((len(self.parts), n), self.dtype)
            self.core.draw(first_chunk * CHUNK, columns)
            return columns[0] if self.dim is None else np.ascontiguousarray(columns.T)
        shape = (n,) if self.dim is None else (n, self.dim)
        out = np.empty(shape, self.dtype)
        for begin in range(0, n, CHUNK):
            piece = out[begin : begin + CHUNK]
            chunk = first_chunk + begin // CHUNK
            if len(self.parts) == 1 and not isinstance(self.dist, Sequence):
                piece[...] = self._draw(0, chunk)[: len(piece)]
            else:
                for j in range(len(self.parts)):
                    piece[:, j] = self._draw(j, chunk)[: len(piece)]
        return out

    def _draw(self, j: int, chunk: int) -> Array:
        """Return a whole chunk of a part."""
        part = self.parts[j]
        seed = [*self.entropy, j, chunk]
        if hasattr(part, "sample"):
            values = part.sample(CHUNK, rng=Generator(seed))
        else:
            values = part.rvs(size=CHUNK, random_state=np.random.default_rng(seed))
        return np.asarray(values)


def checked(dist: Any) -> Any:
    """Return a distribution; TypeError for what is none."""
    if isinstance(dist, type) or not (hasattr(dist, "sample") or hasattr(dist, "rvs")):
        msg = f"dist must be a distribution of fastnet.stats or scipy.stats, got {dist!r}"
        raise TypeError(msg)
    return dist


def dim_of(dist: Any) -> int | None:
    """Return the dimension of a distribution, None for a scalar one."""
    if hasattr(dist, "sample"):
        dim = getattr(dist, "dim", None)
        return None if dim is None else int(dim)
    shape = np.shape(dist.rvs(size=2, random_state=np.random.default_rng(0)))
    return shape[1] if len(shape) > 1 else None
