"""E[f(X)] of 2^24 normal values: fastnet beside NumPy, PyTorch, JAX and numba.

Each peer as its manual would have it: NumPy and PyTorch by array operations over blocks that fit
the caches, JAX jitted over the whole, numba a parallel loop over values. Every one draws anew, and
gives the mean and the variance, which the standard error is made of; fastnet gives moments up to
the fourth besides.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

import fastnet
from fastnet._bench.common import Case, Kind, System
from fastnet.stats import Normal

BLOCK = 2**16


class Work(NamedTuple):
    """A function of a normal variable, and how many values of which dtype."""

    f: str
    dtype: str
    n: int


WORKS = [Work(f, dtype, 2**24) for f in ("square", "option") for dtype in ("f4", "f8")]
# The expectation, and a bound of the standard deviation of one value.
TRUTH = {"square": (1.0, 1.5), "option": (10.45058357218556678, 15.0)}
RATE, SIGMA, DRIFT = 0.05, 0.2, 0.03


def of(what: str, xp: Any) -> Any:
    """Return the function in a module's words: a square, or an option's discounted payoff."""
    if what == "square":
        return lambda x: x * x
    discount = math.exp(-RATE)
    return lambda x: discount * xp.maximum(100 * xp.exp(DRIFT + SIGMA * x) - 100, 0)


def case_of(work: Work) -> Case:
    name = f"{work.f} 2^{work.n.bit_length() - 1}{' f64' * (work.dtype == 'f8')}"
    return Case(name, work, 0, work.n * np.dtype(work.dtype).itemsize, work.dtype, True)


def check(work: Work, answer: Any) -> float:
    """Hold the mean against the exact value: 6 standard errors."""
    truth, deviation = TRUTH[work.f]
    off = abs(float(answer[0]) - truth)
    assert off < 6 * deviation / math.sqrt(work.n), f"the mean is off by {off}"
    return 0.0


def build_fastnet(work: Work) -> System:
    f, law, rng = of(work.f, np), Normal(0.0, 1.0), fastnet.random.Generator(1)

    def call() -> tuple[float, float]:
        e = fastnet.expectation(f, law, n=work.n, rng=rng, dtype=work.dtype)
        return e.mean, e.variance

    return System(call, call)


def build_numpy(work: Work) -> System:
    f, threads = of(work.f, np), fastnet.runtime.num_threads()
    seeds = np.random.SeedSequence(1).spawn(threads)
    generators = [np.random.Generator(np.random.SFC64(seed)) for seed in seeds]
    pool = ThreadPoolExecutor(threads)

    def part(rng: Any) -> tuple[float, float]:
        x = np.empty(BLOCK, work.dtype)
        total = squares = 0.0
        for _ in range(work.n // BLOCK // threads):
            rng.standard_normal(dtype=work.dtype, out=x)
            y = f(x)
            total += float(y.sum(dtype=np.float64))
            squares += float(np.square(y).sum(dtype=np.float64))
        return total, squares

    def call() -> tuple[float, float]:
        sums = np.sum(list(pool.map(part, generators)), axis=0) / work.n
        return sums[0], sums[1] - sums[0] ** 2

    return System(call, call)


def build_torch(work: Work) -> System:
    import torch

    dtype = {"f4": torch.float32, "f8": torch.float64}[work.dtype]

    class Words:
        exp = torch.exp

        @staticmethod
        def maximum(x: Any, low: float) -> Any:
            return torch.clamp(x, min=low)

    f, x = of(work.f, Words), torch.empty(2**20, dtype=dtype)

    def call() -> tuple[float, float]:
        total = squares = 0.0
        for _ in range(work.n // len(x)):
            y = f(x.normal_())
            total += float(y.sum(dtype=torch.float64))
            squares += float((y * y).sum(dtype=torch.float64))
        mean = total / work.n
        return mean, squares / work.n - mean**2

    return System(call, call)


def build_jax(work: Work) -> System:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", work.dtype == "f8")
    f = of(work.f, jnp)

    def moments(key: Any) -> Any:
        y = f(jax.random.normal(key, (work.n,), work.dtype))
        return y.mean(), y.var()

    run = jax.jit(moments)

    keys = [jax.random.key(1)]

    def call() -> tuple[float, float]:
        keys[0], key = jax.random.split(keys[0])
        mean, variance = run(key)
        return float(mean), float(variance)

    return System(call, call)


def build_numba(work: Work) -> System:
    import numba

    def option(x):
        return math.exp(-RATE) * max(100 * math.exp(DRIFT + SIGMA * x) - 100, 0)

    one: Any = numba.njit((lambda x: x * x) if work.f == "square" else option)
    kind = np.dtype(work.dtype).type

    parallel: Any = numba.njit(parallel=True)

    @parallel
    def run(n):
        total = squares = 0.0
        for _ in numba.prange(n):
            y = float(one(kind(np.random.standard_normal())))  # noqa: NPY002 -- what numba compiles
            total += y
            squares += y * y
        return total / n, squares / n - (total / n) ** 2

    numba.set_num_threads(fastnet.runtime.num_threads())
    return System(lambda: run(work.n), lambda: run(work.n))


KIND = Kind(
    "expectation",
    "E[f(X)] of a traced f",
    [case_of(work) for work in WORKS],
    {
        "fastnet": build_fastnet,
        "numpy threads": build_numpy,
        "torch": build_torch,
        "jax": build_jax,
        "numba": build_numba,
    },
    check,
    bound="copy",
)
