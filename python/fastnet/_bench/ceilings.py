"""What the machine can do at most: multiply-adds in registers, and copying in memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

import fastnet.functional as F
from fastnet import _core, runtime

ROUNDS = 8
# Bytes of a logical vector, of which each chain of the probe holds one.
VECTOR = 64


def least_seconds(works: Sequence[Callable[[], Any]]) -> float:
    """Return the least time in which functions end that run beside each other, on a thread each."""
    best = float("inf")
    with ThreadPoolExecutor(len(works)) as pool:
        for _ in range(ROUNDS):
            start = time.perf_counter()
            for future in [pool.submit(work) for work in works]:
                future.result()
            best = min(best, time.perf_counter() - start)
    return best


def fma_peak(threads: int, dtype: str = "f4") -> float:
    """Return FLOP/s of chains of fma at the active ISA level, 2 to an fma."""
    n = 4_000_000  # some 13 ms on a core that does 120 GFLOP/s: starting threads does not count
    chains = _core.fma_chains_f32 if dtype == "f4" else _core.fma_chains_f64
    flops = 2 * n * _core.PROBE_CHAINS * VECTOR // np.dtype(dtype).itemsize
    return threads * flops / least_seconds([lambda: chains(0.5, 0.5, n)] * threads)


def copy_rate(threads: int) -> float:
    """Return bytes per second, read and written, of copying arrays of 4 times the last cache.

    The better of NumPy's copy on so many threads and fastnet's own, which streams past the caches:
    what the C library's copy does with an array of that size differs from machine to machine.
    """
    n = 4 * _core.last_cache_bytes() // 8
    source, target = np.ones(n), np.zeros(n)
    parts = list(zip(np.array_split(source, threads), np.array_split(target, threads), strict=True))

    def copy(s: Any, t: Any) -> Callable[[], None]:
        return lambda: np.copyto(t, s)

    def stream() -> None:
        F.identity(source, out=target)

    seconds = min(least_seconds([copy(s, t) for s, t in parts]), least_seconds([stream]))
    return 2 * source.nbytes / seconds


def measured() -> dict[str, float]:
    """Return the ceilings on all threads of this process."""
    threads = runtime.num_threads()
    peaks = {f"fma {dtype}": fma_peak(threads, dtype) for dtype in ("f4", "f8")}
    return {**peaks, "copy": copy_rate(threads)}


def line(ceilings: dict[str, float]) -> str:
    """Return the ceilings as text."""
    return (
        f"fma {ceilings['fma f4'] * 1e-9:.1f} GFLOP/s in float32, "
        f"{ceilings['fma f8'] * 1e-9:.1f} in float64; "
        f"copy {ceilings['copy'] * 1e-9:.1f} GB/s read and written"
    )
