"""What an estimate is of, as short digests: of the law, and of a function that was traced."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

# What laws without a list of parameters were made of.
_MADE_OF = (
    "law", "mean", "_mean", "_cov", "values", "probabilities", "data", "weights", "names", "_laws",
)  # fmt: skip


def law_digest(*laws: Any) -> str:
    """Return a digest of the kinds and parameters of laws.

    Of a law that is none of fastnet's or SciPy's it is that of its class; so are parameters that
    are neither numbers, arrays, text nor laws.
    """
    h = hashlib.blake2b(digest_size=8)
    _add(h, laws, 0)
    return h.hexdigest()


def program_digest(program: Any, numbers: Sequence[int]) -> str:
    """Return a digest of the operations and constants that give these nodes, in any order."""
    digests: list[bytes] = []
    for i, (name, operands) in enumerate(program.operations):
        inner = program._operands(i)
        h = hashlib.blake2b(name.encode(), digest_size=8)
        for operand in inner:
            h.update(digests[operand])
        if not inner:
            h.update(repr(operands).encode())
        digests.append(h.digest())
    whole = b"".join(digests[i] for i in numbers)
    return hashlib.blake2b(whole, digest_size=8).hexdigest()


def _add(h: Any, value: Any, depth: int) -> None:
    """Add a value to a hash so that equal ones add the same, whatever type they have."""
    if depth > 16:
        # Laws within laws within laws; the rest is not compared.
        return
    if isinstance(value, str):
        h.update(b"text" + repr(value).encode())
    elif isinstance(value, Mapping):
        _add(h, [part for item in value.items() for part in item], depth + 1)
    elif isinstance(value, list | tuple):
        h.update(b"list%d" % len(value))
        for part in value:
            _add(h, part, depth + 1)
    elif isinstance(value, bool | int | float | np.ndarray | np.number | np.bool_):
        array = np.asarray(value)
        h.update(b"array" + repr(array.shape).encode())
        if array.dtype.kind in "fiub":
            # -0 + 0 is 0.
            h.update(np.ascontiguousarray(array + 0.0, "<f8").tobytes())
    else:
        _add_law(h, value, depth)


def _add_law(h: Any, law: Any, depth: int) -> None:
    h.update(b"law")
    drawn = getattr(law, "_draw", None)
    if isinstance(drawn, tuple):
        return _add(h, drawn, depth + 1)
    kind = type(law)
    h.update(f"{kind.__module__}.{kind.__qualname__}".encode())
    held = getattr(law, "__dict__", {})
    frozen = held.get("frozen")
    if frozen is not None and hasattr(frozen, "dist"):
        _add(h, [frozen.dist.name, frozen.args, sorted(frozen.kwds.items())], depth + 1)
    names = getattr(law, "_names", ())
    for name in names or [name for name in _MADE_OF if name in held]:
        _add(h, [name, getattr(law, name, None)], depth + 1)
    return None
