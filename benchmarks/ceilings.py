"""What the machine can do at most: multiply-adds in registers, and copying in memory.

`python benchmarks/ceilings.py` prints both, for one thread and for all.
"""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

import fastnet
from fastnet import _core

ROUNDS = 8


def least_seconds(works):
    """Return the least time in which functions end that run beside each other, on a thread each."""
    best = float("inf")
    with ThreadPoolExecutor(len(works)) as pool:
        for _ in range(ROUNDS):
            start = time.perf_counter()
            for future in [pool.submit(work) for work in works]:
                future.result()
            best = min(best, time.perf_counter() - start)
    return best


def fma_peak(threads):
    """Return float32 FLOP/s of chains of fma at the active ISA level, 2 to an fma."""
    n = 4_000_000  # some 13 ms on a core that does 120 GFLOP/s: starting threads does not count
    flops = 2 * n * _core.PROBE_CHAINS * 64 // 4
    seconds = least_seconds([lambda: _core.fma_chains_f32(0.5, 0.5, n)] * threads)
    return threads * flops / seconds


def last_cache():
    """Return the bytes of the last level of cache, or 32 MiB where Linux does not say."""
    folder = Path("/sys/devices/system/cpu/cpu0/cache")
    sizes = [path.read_text() for path in folder.glob("index*/size")]
    return max((int(re.sub(r"\D", "", s)) * 1024 for s in sizes), default=2**25)


def copy_rate(threads):
    """Return bytes per second, read and written, of copying arrays of 4 times the last cache."""
    n = 4 * last_cache() // 8
    source, target = np.ones(n), np.zeros(n)
    parts = list(zip(np.array_split(source, threads), np.array_split(target, threads), strict=True))
    seconds = least_seconds([lambda s=s, t=t: np.copyto(t, s) for s, t in parts])
    return 2 * source.nbytes / seconds


def lines():
    """Return both ceilings as text, a line for one thread and one for all."""
    return [
        f"{threads} thread{'s' * (threads > 1)}: fma peak {fma_peak(threads) * 1e-9:.1f} GFLOP/s "
        f"({fastnet.runtime.isa()}, float32), copy {copy_rate(threads) * 1e-9:.1f} GB/s"
        for threads in sorted({1, fastnet.runtime.num_threads()})
    ]


if __name__ == "__main__":
    print(*lines(), sep="\n")
