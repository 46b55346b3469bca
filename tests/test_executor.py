"""Executors: the same bits as one process, whatever gets lost, repeated or refused."""

import importlib
import multiprocessing
import platform
import shutil
import time
from concurrent.futures import (
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)

import numpy as np
import pytest
from laws import NORMAL, UNIFORM, Opaque, assert_covers, payoff

import fastnet
from fastnet import _core
from fastnet.montecarlo import Estimate, expectation
from fastnet.stats import Normal

N = 150 * _core.CHUNK + 1234


def sorted_payoff(x):
    return np.sort(payoff(x))[::-1]


def two(x):
    return x[:, 0] * x[:, 1], x[:, 0]


def seen_threads(x):
    seen_threads.number = _core.num_threads()
    return np.sort(x)


CASES = {
    "traced": (payoff, NORMAL),
    "two": (two, [NORMAL, UNIFORM]),
    "drawn by Python": (payoff, Opaque("normal")),
}


@pytest.fixture(scope="module")
def processes():
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(4, mp_context=context) as pool:
        yield pool


class Here(Executor):
    """Runs tasks where they are submitted, after doing something with them."""

    def __init__(self, twist=None):
        self.twist = twist
        self.submitted = []

    def submit(self, function, /, *args):
        self.submitted.append((function, args))
        future = Future()
        if self.twist is not None and self.twist(len(self.submitted), future):
            return future
        try:
            future.set_result(function(*args))
        except BaseException as error:
            future.set_exception(error)
        return future


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("workers", [1, 3])
def test_threads_give_the_same_bits(name, workers):
    f, dist = CASES[name]
    with ThreadPoolExecutor(workers) as pool:
        e = expectation(f, dist, n=N, rng=2, executor=pool)
    assert e.to_bytes() == expectation(f, dist, n=N, rng=2).to_bytes()


@pytest.mark.parametrize("name", CASES)
def test_processes_give_the_same_bits(name, processes):
    f, dist = CASES[name]
    e = expectation(f, dist, n=N, rng=2, executor=processes)
    assert e.to_bytes() == expectation(f, dist, n=N, rng=2).to_bytes()


def test_a_run_goes_on_elsewhere(processes):
    part = expectation(payoff, NORMAL, n=50_000, rng=2)
    e = expectation(payoff, NORMAL, n=N, resume=part, executor=processes)
    assert e.to_bytes() == expectation(payoff, NORMAL, n=N, rng=2).to_bytes()


def test_stopping_by_precision(processes):
    e = expectation(payoff, NORMAL, rtol=0.005, rng=2, executor=processes)
    assert e.to_bytes() == expectation(payoff, NORMAL, rtol=0.005, rng=2).to_bytes()


def test_lost_tasks_are_tried_again():
    def twist(number, future):
        if number % 3 == 0:
            future.set_exception(CancelledError() if number % 2 else ConnectionError("gone"))
            return True
        return False

    executor = Here(twist)
    e = expectation(payoff, NORMAL, n=N, rng=2, executor=executor)
    assert e == expectation(payoff, NORMAL, n=N, rng=2)


def test_tasks_that_stay_lost_end_the_run():
    def twist(number, future):
        future.set_exception(ConnectionError("gone"))
        return True

    with pytest.raises(ConnectionError, match="gone"):
        expectation(payoff, NORMAL, n=N, rng=2, executor=Here(twist))


def test_a_task_run_twice_gives_the_same():
    executor = Here()
    expectation(payoff, NORMAL, n=N, rng=2, executor=executor)
    for function, args in executor.submitted[:2]:
        first, second = function(*args), function(*args)
        for a, b in zip((*first[0], *first[1]), (*second[0], *second[1]), strict=True):
            np.testing.assert_array_equal(a, b)
    keys = {args[3] for _, args in executor.submitted}
    assert len(keys) == len(executor.submitted)


def test_replies_are_small():
    executor = Here()
    expectation(payoff, NORMAL, n=2**24, rng=2, executor=executor)
    function, args = executor.submitted[-1]
    assert sum(a.nbytes for arrays in function(*args) for a in arrays) < 1000


def test_an_executor_that_was_shut_down():
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    with pytest.raises(RuntimeError, match="no more tasks"):
        expectation(payoff, NORMAL, n=N, rng=2, executor=pool)


def test_functions_that_cannot_be_pickled(processes):
    with pytest.raises(TypeError, match=r"picklable.*loky, Dask"):
        expectation(lambda x: x, NORMAL, n=N, rng=2, executor=processes)


def test_errors_of_the_function_come_through(processes):
    for pool in (Here(), processes):
        with pytest.raises(FloatingPointError, match="sample"), np.errstate(all="ignore"):
            expectation(np.log, NORMAL, n=N, rng=2, executor=pool)
    with pytest.raises(TypeError, match="executor must be"):
        expectation(payoff, NORMAL, n=N, executor=3)


def test_processes_share_the_cores(processes):
    e = expectation(payoff, NORMAL, n=N, rng=2, executor=processes)
    assert_covers(e, 10.45058357218556678)
    # Afterwards the default holds again there.
    assert processes.submit(_core.num_threads).result() == fastnet._core.num_threads()


def test_a_workers_own_number_of_threads_stays():
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context, fastnet.set_num_threads, (1,)) as pool:
        expectation(payoff, NORMAL, n=N, rng=2, executor=pool)
        assert pool.submit(_core.num_threads).result() == 1
    host = platform.node()
    for before in (None, 5):
        fastnet.set_num_threads(before)
        expected = _core.num_threads()
        executor = Here()
        expectation(seen_threads, NORMAL, n=N, rng=2, executor=executor)
        function, args = executor.submitted[-1]
        for home, share in (((host, 0, 2), max(1, expected // 2)), (("elsewhere", 0, 2), expected)):
            function(*args[:-1], home)
            assert seen_threads.number == share
            assert _core.num_threads() == expected
    fastnet.set_num_threads(None)


def test_a_time_limit_leaves_a_whole_estimate():
    with ThreadPoolExecutor(2) as pool:
        start = time.monotonic()
        e = expectation(sorted_payoff, NORMAL, n=2**40, rng=2, executor=pool, time_limit=0.5)
    # The two tasks under way, of half a million samples each, come to their end.
    assert time.monotonic() - start < 20
    assert e.status == "time"
    assert not e.success
    assert Estimate.from_bytes(e.to_bytes()) == e


def test_dask():
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, processes=True
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        e = expectation(np.square, Normal(0, 1), n=N, rng=2, executor=client.get_executor())
    assert e.to_bytes() == expectation(np.square, Normal(0, 1), n=N, rng=2).to_bytes()


def test_mpi():
    pytest.importorskip("mpi4py")
    if shutil.which("mpiexec") is None:
        pytest.skip("workers are started by mpiexec, which is not on the path")
    futures = importlib.import_module("mpi4py.futures")
    with futures.MPIPoolExecutor(2) as pool:
        e = expectation(np.square, Normal(0, 1), n=N, rng=2, executor=pool)
    assert e.to_bytes() == expectation(np.square, Normal(0, 1), n=N, rng=2).to_bytes()
