"""What the benchmarks share: nets, data, threads, and how times are taken.

Every system gets its data in its own arrays beforehand and writes where it likes best. Before it is
timed its answer is compared with one in float64, so that no time is that of a wrong result.
"""

import gc
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import numpy as np

import fastnet

# The affinity mask decides for all systems: `taskset -c 0 pytest benchmarks ...` has one thread.
THREADS = fastnet.runtime.num_threads()

SAMPLES = 20
SAMPLE_SECONDS = 0.005
WARM_UP_SECONDS = 0.1


@dataclass(frozen=True)
class System:
    """One contender, set up for one case: `call` is timed, `answer` gives what a call computes."""

    call: Callable[[], Any]
    answer: Callable[[], Any]


@dataclass(frozen=True)
class Net:
    """Linear layers with ReLU between them, and a batch for it."""

    widths: tuple[int, ...]
    batch: int

    @property
    def name(self) -> str:
        return f"{'-'.join(map(str, self.widths))} x{self.batch}"

    @property
    def products(self) -> list[int]:
        """FLOPs of each layer's product, 2 to a multiply-add."""
        pairs = zip(self.widths[:-1], self.widths[1:], strict=True)
        return [2 * self.batch * k * n for k, n in pairs]

    def parameters(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """W, row-major (in, out), and the bias of each layer: uniform in +-1 / sqrt(in)."""
        rng = np.random.default_rng(1)
        return [
            tuple(rng.uniform(-1, 1, s).astype("f4") / np.float32(k**0.5) for s in ((k, n), n))
            for k, n in zip(self.widths[:-1], self.widths[1:], strict=True)
        ]

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """A batch of normals and classes."""
        rng = np.random.default_rng(2)
        x = rng.standard_normal((self.batch, self.widths[0]), np.float32)
        return x, rng.integers(0, self.widths[-1], self.batch)

    def fastnet_model(self) -> Any:
        layers = []
        for k, n in zip(self.widths[:-1], self.widths[1:], strict=True):
            layers += [fastnet.nn.Linear(k, n, rng=0), fastnet.nn.ReLU()]
        model = fastnet.nn.Sequential(*layers[:-1])
        state = {}
        for i, (w, b) in enumerate(self.parameters()):
            state |= {f"{2 * i}.weight": w.T, f"{2 * i}.bias": b}
        model.load_state_dict(state)
        return model

    def torch_model(self, torch: Any) -> Any:
        layers = []
        for w, b in self.parameters():
            layer = torch.nn.Linear(*w.shape)
            layer.weight.data = torch.from_numpy(w.T.copy())
            layer.bias.data = torch.from_numpy(b)
            layers += [layer, torch.nn.ReLU()]
        return torch.nn.Sequential(*layers[:-1])


def limit_threads(module: str) -> None:
    """Give a peer, once imported, the number of threads that fastnet has."""
    if module == "torch":
        import torch

        torch.set_num_threads(THREADS)
    elif module == "numpy":
        from threadpoolctl import threadpool_limits

        threadpool_limits(THREADS, user_api="blas")


def measure(call: Callable[[], Any]) -> tuple[float, float]:
    """Return the least and the median seconds of a call, over SAMPLES samples of many calls."""
    end = time.perf_counter() + WARM_UP_SECONDS
    calls = 0
    start = time.perf_counter()
    while calls == 0 or time.perf_counter() < end:
        call()
        calls += 1
    once = (time.perf_counter() - start) / calls
    repeat = max(1, round(SAMPLE_SECONDS / once))
    samples = []
    gc.disable()
    try:
        for _ in range(SAMPLES):
            start = time.perf_counter()
            for _ in range(repeat):
                call()
            samples.append((time.perf_counter() - start) / repeat)
    finally:
        gc.enable()
    return min(samples), statistics.median(samples)


def run(benchmark: Any, kind: Any, system: str, name: str) -> None:
    """Check and time one system on one case by pytest-benchmark."""
    import pytest

    module = system.split()[0]
    pytest.importorskip(module)
    limit_threads(module)
    contender = kind.SYSTEMS[system](kind.CASES[name])
    kind.check(name, contender.answer())
    benchmark.group = f"{kind.__name__.removeprefix('bench_')} {name}"
    benchmark(contender.call)
    benchmark.extra_info |= {"isa": fastnet.runtime.isa(), "threads": THREADS}
    if benchmark.stats:  # none by --benchmark-disable
        rate = kind.flops(name) / benchmark.stats.stats.min * 1e-9
        benchmark.extra_info["GFLOP/s at the least time"] = round(rate, 2)


def forward(net: Net) -> tuple[np.ndarray, np.ndarray]:
    """Return a net's outputs in float64 and a bound of the error that float32 makes.

    A product of k terms errs by at most (k + 2) u |x| |W|, bias and its rounding included, whatever
    the order of its sums (Higham 2002, section 3.1), with u = eps / 2; an error of its input passes
    through |W|, and ReLU enlarges none. eps for u leaves room for second-order terms.
    """
    eps = float(np.finfo(np.float32).eps)
    h = net.data()[0].astype(float)
    error = np.zeros_like(h)
    parameters = net.parameters()
    for i, (w, b) in enumerate(parameters):
        w, b = w.astype(float), b.astype(float)
        rounding = (len(w) + 2) * eps * (np.abs(h) @ np.abs(w) + np.abs(b))
        error = error @ np.abs(w) + rounding
        h = h @ w + b
        if i < len(parameters) - 1:
            h = np.maximum(h, 0)
    return h, error


def require_close(actual: Any, expected: Any, bound: Any, name: str) -> None:
    excess = np.abs(np.asarray(actual, float) - expected) - bound
    if not np.all(excess <= 0):
        msg = f"{name}: wrong answer, beyond its bound by {np.max(excess)}"
        raise AssertionError(msg)
