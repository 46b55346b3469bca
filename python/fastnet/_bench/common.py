"""What the kinds of cases share: Case, System, Kind, and how times are taken.

Every system gets its data in its own arrays beforehand and writes where it likes best. Before it is
timed its answer is compared with one in float64, so that no time is that of a wrong result.
"""

from __future__ import annotations

import gc
import importlib
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastnet import runtime

Array = np.ndarray[Any, Any]

SAMPLES = 20
SAMPLE_SECONDS = 0.005
# Of all samples together, where a call takes long; but there are a few, if it takes below 1 s.
TOTAL_SECONDS = 0.2
LEAST_SAMPLES = 3
WARM_UP_SECONDS = 0.1
# Calls timed one by one, for the 99th percentile.
SINGLE_CALLS = 4000


@dataclass(frozen=True)
class Case:
    """One piece of work: its size, the least it costs, and the form of the benchmark it is in."""

    name: str
    spec: Any
    flops: float
    """FLOPs of a call, 2 to a multiply-add; 0 where the memory alone counts."""
    moved: float
    """Bytes that a call must read or write, each array once."""
    dtype: str = "f4"
    short: bool = False
    """Also in the short form."""
    latency: bool = False
    """Calls are timed one by one as well."""


@dataclass(frozen=True)
class System:
    """One contender, set up for one case: `call` is timed, `answer` gives what a call computes."""

    call: Callable[[], Any]
    answer: Callable[[], Any]


@dataclass(frozen=True)
class Kind:
    """Cases of one kind, the systems that do them, and what their answers are held against.

    `systems` begins with "fastnet", whose times the ratios are of; names that begin with the same
    word are other ways of the same package. `check` takes a spec and an answer, raises
    AssertionError if it is wrong, and returns the error relative to the largest value.
    """

    name: str
    title: str
    cases: Sequence[Case]
    systems: Mapping[str, Callable[[Any], System]]
    check: Callable[[Any, Any], float]
    bound: str = "fma"
    """The ceiling that counts: "fma" of FLOP/s or "copy" of bytes per second."""
    plot: str = "ratios"
    """The figure: "roofline", "ratios" to the fastest peer, or "shares" of the ceiling."""

    def case(self, name: str) -> Case:
        """Return the case of a name."""
        return next(case for case in self.cases if case.name == name)


def load(name: str) -> Kind:
    """Return a kind by its name."""
    kind: Kind = importlib.import_module(f"fastnet._bench.{name}").KIND
    return kind


def module_of(system: str) -> str:
    """Return the module that a system needs."""
    return system.split()[0]


def prepare(module: str) -> None:
    """Import a peer and give it as many threads as fastnet has.

    NumPy's and scikit-learn's products, JAX and OpenMP go by the affinity mask, which whoever
    starts the process has set, and by OMP_NUM_THREADS.
    """
    imported = importlib.import_module(module)
    if module == "torch":
        imported.set_num_threads(runtime.num_threads())
    elif module == "jax":
        imported.config.update("jax_platforms", "cpu")


def measure(call: Callable[[], Any], warm_up: float = WARM_UP_SECONDS) -> tuple[float, float]:
    """Return the least and the median seconds of a call, over samples of many calls."""
    calls = 0
    start = time.perf_counter()
    end = start + warm_up
    while calls == 0 or time.perf_counter() < end:
        call()
        calls += 1
    once = (time.perf_counter() - start) / calls
    repeat = max(1, round(SAMPLE_SECONDS / once))
    least = LEAST_SAMPLES if once < 1 else 1
    count = min(SAMPLES, max(least, round(TOTAL_SECONDS / (repeat * once))))
    samples = []
    gc.disable()
    try:
        for _ in range(count):
            start = time.perf_counter()
            for _ in range(repeat):
                call()
            samples.append((time.perf_counter() - start) / repeat)
    finally:
        gc.enable()
    return min(samples), statistics.median(samples)


def measure_single(call: Callable[[], Any]) -> tuple[float, float]:
    """Return the median and the 99th percentile of the seconds of single calls.

    Reading the clock, some 0.05 us, is part of them.
    """
    clock = time.perf_counter_ns
    times = np.empty(SINGLE_CALLS, np.int64)
    gc.disable()
    try:
        end = clock() + int(TOTAL_SECONDS * 1e9)
        for i in range(SINGLE_CALLS):
            start = clock()
            call()
            times[i] = clock() - start
            if start > end and i >= 100:
                times = times[: i + 1]
                break
    finally:
        gc.enable()
    median, high = np.percentile(times, [50, 99]) * 1e-9
    return float(median), float(high)


def sample(n: int, most: int = 64) -> Any:
    """Return which of n rows of an answer are compared: all, or the first and the last."""
    return slice(None) if n <= most else np.r_[: most // 2, n - most // 2 : n]


def require_close(actual: Any, expected: Any, bound: Any) -> float:
    """Raise AssertionError if |actual - expected| exceeds its bound; return the relative error."""
    actual = np.asarray(actual, float)
    if actual.shape != expected.shape:
        msg = f"wrong answer: shape {actual.shape} instead of {expected.shape}"
        raise AssertionError(msg)
    error = np.abs(actual - expected)
    if not np.all(error <= bound):
        msg = f"wrong answer, beyond its bound by {np.max(error - bound)}"
        raise AssertionError(msg)
    return float(np.max(error, initial=0) / max(float(np.max(np.abs(expected), initial=0)), 1e-300))


def geometric_mean(values: Sequence[float]) -> float:
    """Return the geometric mean, or NaN of nothing."""
    return float(np.exp(np.mean(np.log(values)))) if values else float("nan")
