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
        self.dist = dist = checked_law(dist)
        if isinstance(dist, Sequence):
            self.parts = list(dist)
            self.dim: int | None = len(self.parts)
            laws = [getattr(part, "_draw", None) for part in self.parts]
        else:
            self.parts = [dist]
            self.dim = dim_of(dist)
            laws = [getattr(dist, "_draw", None) if self.dim is None else None]
        self.core: Any = None
        if all(law is not None for law in laws):
            keys = np.random.SeedSequence(list(entropy)).generate_state(len(laws), np.uint64)
            make = _core.Source_f32 if dtype == np.float32 else _core.Source_f64
            self.core = make([tuple(law or ()) for law in laws], [int(k) for k in keys])

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
        seed = [*self.entropy, j, chunk]
        values = np.asarray(self.parts[j].sample(CHUNK, rng=Generator(seed)))
        dim = None if isinstance(self.dist, Sequence) else self.dim
        shape = (CHUNK,) if dim is None else (CHUNK, dim)
        if values.shape != shape:
            msg = f"dist must give samples of shape {shape}, got {values.shape}"
            raise ValueError(msg)
        return values

    def __reduce__(self) -> Any:
        return Samples, (self.dist, self.entropy, self.dtype)


def checked(dist: Any, name: str = "dist") -> Any:
    """Return a distribution, SciPy's as fastnet's; TypeError for what is none."""
    if isinstance(dist, type) or not (hasattr(dist, "sample") or hasattr(dist, "rvs")):
        msg = f"{name} must be a distribution of fastnet.stats or scipy.stats, got {dist!r}"
        raise TypeError(msg)
    if type(dist).__module__.startswith("scipy."):
        from fastnet.stats import as_distribution

        return as_distribution(dist)
    return dist


def checked_law(dist: Any, name: str = "dist") -> Any:
    """Return a distribution or a list of independent scalar ones."""
    if not isinstance(dist, Sequence) or isinstance(dist, str):
        return checked(dist, name)
    parts = [checked(part, name) for part in dist]
    if not parts or any(dim_of(part) is not None for part in parts):
        msg = f"{name} must be a distribution or a sequence of scalar distributions"
        raise ValueError(msg)
    return parts


def dim_of(dist: Any) -> int | None:
    """Return the dimension of a distribution, None for a scalar one."""
    dim = getattr(dist, "dim", None)
    return None if dim is None else int(dim)
