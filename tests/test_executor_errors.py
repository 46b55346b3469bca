"""Executors that are none, or do what executors must not; errors of f in other processes."""

import multiprocessing
from concurrent.futures import CancelledError, Future, ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest
from laws import NORMAL

from fastnet.montecarlo import expectation

N = 40 * 4096


class Refusal(Exception):
    """One that cannot be unpickled."""

    def __init__(self, number, text):
        super().__init__(f"{text} {number}")


def only_here(x):
    if multiprocessing.parent_process() is not None:
        msg = "not in a worker"
        raise LookupError(msg)
    return np.sort(x)


def unpicklable_error(x):
    if multiprocessing.parent_process() is not None:
        raise Refusal(3, "refused")
    return np.sort(x)


def not_found(x):
    if multiprocessing.parent_process() is not None or not_found.here:
        not_found.count += 1
        msg = "no such file"
        raise not_found.kind(msg)
    return np.sort(x)


not_found.here, not_found.count, not_found.kind = False, 0, FileNotFoundError


def not_found_calls():
    return not_found.count


def calls(x):
    calls.count += 1
    return np.sort(x)


calls.count = 0


def counted():
    return calls.count


@pytest.fixture
def one_process():
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


def test_an_error_of_f_in_a_process_arrives_as_itself(one_process):
    with pytest.raises(LookupError, match="not in a worker"):
        expectation(only_here, NORMAL, n=N, rng=1, executor=one_process)
    with pytest.raises(RuntimeError, match=r"Refusal, which cannot be pickled[\s\S]*refused 3"):
        expectation(unpicklable_error, NORMAL, n=N, rng=1, executor=one_process)
    # The pool goes on.
    e = expectation(np.square, NORMAL, n=N, rng=1, executor=one_process)
    assert e == expectation(np.square, NORMAL, n=N, rng=1)


def test_an_error_of_f_is_not_taken_for_a_lost_worker(one_process):
    with pytest.raises(FileNotFoundError, match="no such file") as caught:
        expectation(not_found, NORMAL, n=4096, rng=1, executor=one_process)
    assert "in not_found" in str(caught.value.__cause__)
    assert one_process.submit(not_found_calls).result() == 1


@pytest.mark.parametrize("kind", [OSError, TimeoutError, EOFError, CancelledError])
def test_an_error_of_f_in_a_thread_arrives_at_once(kind, monkeypatch):
    class Later(ThreadPoolExecutor):
        """Whose tasks find f broken, which it was not at the trial."""

        def submit(self, *args):
            monkeypatch.setattr(not_found, "here", True)
            return super().submit(*args)

    monkeypatch.setattr(not_found, "count", 0)
    monkeypatch.setattr(not_found, "kind", kind)
    with Later(1) as pool, pytest.raises(kind, match="no such file") as caught:
        expectation(not_found, NORMAL, n=4096, rng=1, executor=pool)
    assert not_found.count == 1
    assert caught.traceback[-1].name == "not_found"
    assert caught.value.__cause__ is None


def test_f_is_tried_once_in_a_process(one_process):
    expectation(calls, NORMAL, n=N, rng=1, executor=one_process)
    # Calls for samples: 8 chunks each, and at most 4 of a trial.
    assert one_process.submit(counted).result() <= N // 4096 // 8 + 4


class Wrong:
    """Does what `answer` does with a task."""

    def __init__(self, answer, workers=2):
        self.answer, self._max_workers = answer, workers

    def submit(self, function, *args):
        return self.answer(function, args)


def done(value):
    future = Future()
    future.set_result(value)
    return future


def cancelled(function, args):
    future = Future()
    future.cancel()
    future.set_running_or_notify_cancel()
    return future


def fewer(function, args):
    first, count, last = args[3]
    return done(function(*args[:3], (first, max(count - 1, 0), last), args[4]))


def other_columns(function, args):
    nodes, history = function(*args)
    return done(([nodes[0], *(a[:, :0] for a in nodes[1:])], history))


def huge_level(function, args):
    nodes, history = function(*args)
    nodes[0][:, 0] = 2**60
    return done((nodes, history))


SAME = Future()


@pytest.mark.parametrize(
    ("executor", "kind", "match"),
    [
        (ThreadPoolExecutor, TypeError, "executor must be .* got the class ThreadPoolExecutor"),
        (3, TypeError, "executor must be"),
        (Wrong(done, "a"), TypeError, "executor._max_workers"),
        (Wrong(done, -2), ValueError, "executor._max_workers"),
        (Wrong(lambda *_: None), TypeError, "executor.submit must return a Future, got NoneType"),
        (Wrong(lambda *_: SAME), RuntimeError, "Future of its own"),
        (Wrong(lambda *_: done(None)), RuntimeError, "executor must give the moments of chunks"),
        (Wrong(lambda *_: done(([], []))), RuntimeError, "executor must give the moments"),
        (Wrong(fewer), RuntimeError, "executor must give the moments"),
        (Wrong(other_columns), RuntimeError, "executor must give the moments"),
        (Wrong(huge_level), RuntimeError, "executor must give the moments"),
        (Wrong(cancelled), RuntimeError, "executor cancelled a task 3 times"),
    ],
)
def test_what_is_no_executor_is_said(executor, kind, match):
    with pytest.raises(kind, match=match):
        expectation(lambda x: x, NORMAL, n=N, rng=1, executor=executor)
