"""Random numbers into an array that exists: fastnet beside NumPy, PyTorch, JAX and numba.

A case is a law, a dtype and how many values: as many as stay in the caches, and more. Bytes are
those of the values, each written once. NumPy's generator is SFC64, its fastest; "numpy threads" is
one of them for each thread, as NumPy's manual has it. JAX gives a new array each time, which its
users cannot avoid.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

import fastnet
from fastnet._bench.common import Array, Case, Kind, System


class Draws(NamedTuple):
    """A law, and how many values of which dtype."""

    law: str
    dtype: str
    n: int


SPECS = [
    Draws(law, dtype, n)
    for law in ("uniform", "normal", "exponential")
    for dtype in ("f4", "f8")
    for n in (2**16, 2**24)
]
METHODS = {
    "uniform": "random",
    "normal": "standard_normal",
    "exponential": "standard_exponential",
}
# Mean, standard deviation, and the fourth central moment, of which the error of the second is made.
MOMENTS = {"uniform": (0.5, 1 / 12, 1 / 80), "normal": (0, 1, 3), "exponential": (1, 1, 9)}


def case_of(draws: Draws) -> Case:
    law, dtype, n = draws
    name = f"{law} 2^{n.bit_length() - 1}{' f64' * (dtype == 'f8')}"
    size = n * np.dtype(dtype).itemsize
    return Case(name, draws, 0, size, dtype, n == 2**24 and law != "exponential")


def check(draws: Draws, answer: Any) -> float:
    """Hold mean and variance against the law's: 6 standard errors are 2e-9 of all arrays."""
    law, dtype, n = draws
    x = np.asarray(answer)
    mean, variance, fourth = MOMENTS[law]
    assert x.shape == (n,)
    assert x.dtype == dtype
    off = abs(float(x.mean(dtype=float)) - mean)
    spread = abs(float(x.var(dtype=float)) - variance)
    assert off < 6 * (variance / n) ** 0.5, f"the mean is off by {off}"
    assert spread < 6 * ((fourth - variance**2) / n) ** 0.5, f"the variance is off by {spread}"
    return 0.0


def fills(draw: Callable[..., Any], draws: Draws) -> System:
    """Return the system of a NumPy-like generator's method."""
    out = np.empty(draws.n, draws.dtype)

    def call() -> Array:
        draw(dtype=out.dtype, out=out)
        return out

    return System(call, call)


def build_fastnet(draws: Draws) -> System:
    return fills(getattr(fastnet.random.Generator(1), METHODS[draws.law]), draws)


def build_numpy(draws: Draws) -> System:
    rng = np.random.Generator(np.random.SFC64(1))
    return fills(getattr(rng, METHODS[draws.law]), draws)


def build_numpy_threads(draws: Draws) -> System:
    law, dtype, n = draws
    out = np.empty(n, dtype)
    threads = fastnet.runtime.num_threads()
    parts = np.array_split(out, threads)
    seeds = np.random.SeedSequence(1).spawn(threads)
    generators = [getattr(np.random.Generator(np.random.SFC64(s)), METHODS[law]) for s in seeds]
    pool = ThreadPoolExecutor(threads)

    def call():
        work: list[Any] = [
            pool.submit(draw, dtype=dtype, out=part)
            for draw, part in zip(generators, parts, strict=True)
        ]
        for future in work:
            future.result()
        return out

    return System(call, call)


def build_torch(draws: Draws) -> System:
    import torch

    law, dtype, n = draws
    out = torch.empty(n, dtype={"f4": torch.float32, "f8": torch.float64}[dtype])
    fill = {"uniform": out.uniform_, "normal": out.normal_, "exponential": out.exponential_}[law]
    return System(fill, lambda: fill().numpy())


def build_jax(draws: Draws) -> System:
    import jax

    law, dtype, n = draws
    jax.config.update("jax_enable_x64", dtype == "f8")
    draw = jax.jit(lambda key: getattr(jax.random, law)(key, (n,), dtype))
    keys = [jax.random.key(1)]

    def call():
        keys[0], key = jax.random.split(keys[0])
        return draw(key).block_until_ready()

    return System(call, call)


def build_numba(draws: Draws) -> System:
    import numba

    law, dtype, n = draws
    out = np.empty(n, dtype)
    draw = {
        "uniform": lambda: np.random.random(),  # noqa: NPY002 -- what numba compiles
        "normal": lambda: np.random.standard_normal(),  # noqa: NPY002
        "exponential": lambda: np.random.standard_exponential(),  # noqa: NPY002
    }[law]
    one: Any = numba.njit(draw)

    @numba.njit(parallel=True)
    def fill(out):
        for i in numba.prange(len(out)):
            out[i] = one()

    numba.set_num_threads(fastnet.runtime.num_threads())

    def call():
        fill(out)
        return out

    return System(call, call)


KIND = Kind(
    "random",
    "random numbers into an array",
    [case_of(draws) for draws in SPECS],
    {
        "fastnet": build_fastnet,
        "numpy": build_numpy,
        "numpy threads": build_numpy_threads,
        "torch": build_torch,
        "jax": build_jax,
        "numba": build_numba,
    },
    check,
    bound="copy",
)
