"""Estimates have the same bits at any number of threads, on every level with fma, resumed."""

import os

import numpy as np
import pytest
from helpers import FMA_LEVELS, use_threads
from laws import NORMAL, UNIFORM, Opaque, Plane, payoff

import fastnet
from fastnet import _core
from fastnet.montecarlo import Estimate, expectation
from fastnet.random import Generator

CHUNK = _core.CHUNK


def bits_of(f, dist, **options):
    return expectation(f, dist, rng=3, **options).to_bytes()


FUNCTIONS = {
    "traced": (payoff, NORMAL),
    "two columns": (lambda x: (x[:, 0] * x[:, 1], x[:, 0] < x[:, 1]), [NORMAL, UNIFORM]),
    "python": (lambda x: np.sort(np.stack([x, -x]), axis=0)[1], NORMAL),
    "drawn by Python": (lambda x: x**2, Opaque("normal")),
    "plane": (lambda x: x[:, 0] * x[:, 1], Plane("normal")),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("n", [1, 100, CHUNK, CHUNK + 1, 19 * CHUNK, 100_000])
def test_bits_are_equal_at_any_number_of_threads(name, n):
    f, dist = FUNCTIONS[name]
    results = set()
    for threads in (1, 2, 3, 7):
        use_threads(threads)
        results.add(bits_of(f, dist, n=n))
    use_threads(None)
    assert len(results) == 1
    assert Estimate.from_bytes(results.pop()).n == n


@pytest.mark.parametrize("name", FUNCTIONS)
def test_bits_are_equal_on_levels_with_fma(name, dtype):
    f, dist = FUNCTIONS[name]
    results = set()
    for level in FMA_LEVELS:
        with fastnet.runtime.use_isa(level):
            results.add(bits_of(f, dist, n=50_000, dtype=dtype))
    assert len(results) == 1


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("first", [1, 4000, 5 * CHUNK, 9 * CHUNK + 5])
def test_a_resumed_run_has_the_same_bits(name, first):
    f, dist = FUNCTIONS[name]
    part = expectation(f, dist, n=first, rng=3)
    kept = part.to_bytes()
    e = expectation(f, dist, n=60_000, resume=Estimate.from_bytes(kept))
    assert e.to_bytes() == bits_of(f, dist, n=60_000)
    assert part.to_bytes() == kept


def test_stopping_by_precision_has_the_same_bits_at_any_number_of_threads():
    results = set()
    for threads in (1, 2, 7):
        use_threads(threads)
        results.add(bits_of(payoff, NORMAL, rtol=0.005))
    use_threads(None)
    assert len(results) == 1


def test_runs_of_one_generator_differ():
    rng = Generator(1)
    a, b = (expectation(None, NORMAL, n=1000, rng=rng) for _ in range(2))
    assert a.mean != b.mean
    assert a != b
    assert expectation(None, NORMAL, n=1000, rng=Generator(1)) == a


def test_a_fork_draws_what_the_parent_draws(tmp_path):
    rng = Generator(5)
    path = tmp_path / "child"
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            path.write_bytes(expectation(payoff, NORMAL, n=100_000, rng=rng).to_bytes())
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(pid, 0)[1] == 0
    assert path.read_bytes() == expectation(payoff, NORMAL, n=100_000, rng=rng).to_bytes()
