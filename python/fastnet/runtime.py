"""What runs where: ISA levels, threads, and the facts of the build."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from fastnet import _core


def isa() -> str:
    """Return the active ISA level: "baseline", "avx2", "avx512" or "neon".

    Examples
    --------
    >>> import fastnet
    >>> fastnet.runtime.isa() in fastnet.runtime.isa_supported()
    True
    """
    return _core.isa()


def isa_supported() -> list[str]:
    """Return the levels that are built in and run on this CPU, best first."""
    return _core.isa_supported()


def _set_isa(level: str) -> None:
    if not _core.use_isa(str(level)):
        msg = f"ISA level must be one of {', '.join(isa_supported())}, got {level!r}"
        raise ValueError(msg)


@contextmanager
def use_isa(level: str) -> Iterator[None]:
    """Run a block with the kernels of another ISA level, in all threads.

    Parameters
    ----------
    level : str
        One of `isa_supported()`; anything else is a ValueError.

    Examples
    --------
    >>> import fastnet
    >>> with fastnet.runtime.use_isa(fastnet.runtime.isa_supported()[-1]):
    ...     level = fastnet.runtime.isa()
    >>> level == fastnet.runtime.isa_supported()[-1]
    True
    """
    before = isa()
    _set_isa(level)
    try:
        yield
    finally:
        _set_isa(before)


def num_threads() -> int:
    """Return how many threads a call may use.

    By default the least of OMP_NUM_THREADS (or the number of cores), the affinity mask and the
    cgroup's CPU quota; a lower limit set through threadpoolctl or omp_set_num_threads is obeyed.
    In a process forked since fastnet was imported it is 1: OpenMP's threads do not survive a fork.
    The first call there that would have used more warns (RuntimeWarning).
    """
    return _core.num_threads()


def set_num_threads(n: int | None) -> None:
    """Set how many threads a call may use; results do not depend on it.

    Parameters
    ----------
    n : int or None
        From 1 to 256, also above the number of cores; None goes back to the default.

    Raises
    ------
    TypeError
        If n is not an integer.
    ValueError
        If n is less than 1. More than 256 is set to 256 with a warning.
    """
    if n is None:
        _core.set_num_threads(0)
        return
    if isinstance(n, bool) or not isinstance(n, int | np.integer):
        msg = f"n must be an int or None, got {type(n).__name__}"
        raise TypeError(msg)
    if n < 1:
        msg = f"n must be at least 1, got {n}"
        raise ValueError(msg)
    if n > 256:
        import warnings

        warnings.warn(f"n is at most 256, got {n}", RuntimeWarning, stacklevel=2)
        n = 256
    _core.set_num_threads(int(n))


def config() -> dict[str, Any]:
    """Return the facts that `show_config` prints."""
    limits = _core.thread_limits()
    env = os.environ.get("OMP_NUM_THREADS")
    reasons = {
        "OMP_NUM_THREADS" if env else "cores": limits["omp"],
        "affinity mask": limits["affinity"],
        "cgroup quota": limits["quota"] or None,
    }
    why = ", ".join(f"{k} {v}" for k, v in reasons.items() if v is not None)
    return {
        "fastnet": _core.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "compiler": _core.compiler,
        "machine": platform.machine(),
        "isa built": _core.isa_built(),
        "isa supported": isa_supported(),
        "isa active": isa(),
        "isa extensions": _core.isa_extensions(),
        "openmp": _core.openmp_runtime(),
        "threads": num_threads(),
        "threads why": "forked process" if _core.forked() else f"least of: {why}",
    }


def show_config() -> None:
    """Print version, compiler, ISA levels, threads and why, OpenMP runtime and NumPy."""
    for key, value in config().items():
        text = ", ".join(value) if isinstance(value, list) else value
        print(f"{key:14} {text}")  # noqa: T201 (printing is what it is for)


def _init_isa() -> None:
    level = os.environ.get("FASTNET_ISA")
    if level and not _core.use_isa(level):
        levels = ", ".join(isa_supported())
        msg = f"FASTNET_ISA must be one of {levels} on this machine, got {level!r}"
        raise ImportError(msg)


_init_isa()
