"""Chunks on any concurrent.futures.Executor: threads, processes, Dask, MPI."""

from __future__ import annotations

import os
import pickle
import platform
import threading
import traceback
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, ThreadPoolExecutor, wait
from contextlib import nullcontext
from typing import Any

import numpy as np

from fastnet import _core
from fastnet.montecarlo._problem import Recipe
from fastnet.montecarlo._samples import CHUNK
from fastnet.random._checks import integer

# Chunks of a task at most, also under a time limit, which running tasks outlast, and at least where
# there are enough.
_MOST, _MOST_TIMED, _LEAST = 2**14, 2**7, 2**4
# How often a task is tried that gets lost.
_TRIES = 3
_LOST = (CancelledError, OSError, EOFError, TimeoutError)
# What is asked of a future.
_FUTURE = ("cancel", "cancelled", "exception", "result")


class ErrorOfF(Exception):
    """Holds an error that f raised and that would else be taken for a lost task."""


def run_task(problem: Any, columns: int, cross: bool, task: tuple[int, int, int], home: Any) -> Any:
    """Return the nodes and the history of a task's chunks: a pure function of problem and task."""
    tree = _core.ChunkTree(columns, cross)
    host, pid, workers = home
    here = (host, pid) == (platform.node(), os.getpid())
    with _Share(workers) if host == platform.node() and not here else nullcontext():
        try:
            run_pieces(problem.problem() if isinstance(problem, Recipe) else problem, tree, task)
        except Exception as error:
            portable = error if here else _portable(error)
            if isinstance(portable, _LOST):
                raise ErrorOfF(portable) from error
            if portable is error:
                raise
            raise portable from None
    return tree.nodes(), tree.history()


class _Share:
    """A process's share of the cores while it runs tasks, one of several on the caller's machine.

    Tasks may run in several of its threads: the first takes the share, the last gives it back.
    """

    _lock = threading.Lock()
    _running = 0
    _before = 0

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def __enter__(self) -> None:
        with _Share._lock:
            if not _Share._running:
                before = _core.num_threads()
                _core.set_num_threads(0)
                # 0, which stands for the default, also where it is what was set.
                _Share._before = before if before != _core.num_threads() else 0
                _core.set_num_threads(max(1, before // self.workers))
            _Share._running += 1

    def __exit__(self, *error: object) -> None:
        with _Share._lock:
            _Share._running -= 1
            if not _Share._running:
                _core.set_num_threads(_Share._before)


def _portable(error: Exception) -> Exception:
    """Return an error that another process can unpickle: one it cannot would end the whole pool."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        text = "".join(traceback.format_exception(error))
        return RuntimeError(f"f raised {type(error).__name__}, which cannot be pickled:\n{text}")
    return error


def run_pieces(problem: Any, tree: Any, task: tuple[int, int, int]) -> None:
    """Run a task in pieces after which Ctrl-C is noticed."""
    first, count, last = task
    end = first + count
    while first < end:
        piece = min(end - first, 2**10)
        problem.run(tree, first, piece, last if first + piece == end else CHUNK)
        first += piece


def tasks_of(
    gaps: list[tuple[int, int]], last: int, workers: int, timed: bool
) -> Iterator[tuple[int, int, int]]:
    """Yield (first chunk, chunks, samples of the last chunk), in whole nodes of the tree."""
    total = sum(end - begin for begin, end in gaps)
    size, most = _LEAST, _MOST_TIMED if timed else _MOST
    while size < most and size * workers * 4 < total:
        size *= 2
    for begin, end in gaps:
        first = begin
        while first < end:
            stop = min(end, (first // size + 1) * size)
            yield first, stop - first, last if (stop == gaps[-1][1]) else CHUNK
            first = stop


class Pool:
    """An executor and what is known of it."""

    def __init__(self, executor: Any) -> None:
        if isinstance(executor, type) or not callable(getattr(executor, "submit", None)):
            what = f"the class {executor.__name__}" if isinstance(executor, type) else None
            msg = (
                "executor must be a concurrent.futures.Executor (have a method submit), got "
                f"{what or type(executor).__name__}"
            )
            raise TypeError(msg)
        self.executor = executor
        workers = getattr(executor, "_max_workers", None) or os.cpu_count() or 1
        self.workers = integer(workers, "executor._max_workers", 1, 2**31)
        self.home = (platform.node(), os.getpid(), self.workers)

    def run(
        self, problem: Any, estimate: Any, tree: Any, tasks: Iterator[tuple[int, int, int]]
    ) -> Iterator[int]:
        """Add the tasks' chunks to the tree and yield how many have been added, as they come."""
        layout = estimate._layout
        pending: dict[Future[Any], tuple[tuple[int, int, int], int]] = {}
        try:
            for task in tasks:
                self._submit(pending, problem, layout, task, 1)
                if len(pending) >= 4 * self.workers:
                    yield self._collect(pending, problem, layout, tree)
            while pending:
                yield self._collect(pending, problem, layout, tree)
        finally:
            for future in pending:
                future.cancel()

    def _submit(
        self, pending: dict[Any, Any], problem: Any, layout: Any, task: Any, attempt: int
    ) -> None:
        try:
            future = self.executor.submit(
                run_task, problem, layout.columns, layout.cross, task, self.home
            )
        except RuntimeError as error:
            msg = f"the executor takes no more tasks ({error}); the estimate is not finished"
            raise RuntimeError(msg) from error
        if not all(callable(getattr(future, name, None)) for name in _FUTURE):
            msg = f"executor.submit must return a Future, got {type(future).__name__}"
            raise TypeError(msg)
        if future in pending:
            msg = "executor.submit must return a Future of its own for each task"
            raise RuntimeError(msg)
        pending[future] = (task, attempt)

    def _collect(self, pending: dict[Any, Any], problem: Any, layout: Any, tree: Any) -> int:
        """Wait for a reply, add what came, and return how many chunks that was."""
        if all(isinstance(future, Future) for future in pending):
            done = wait(pending, return_when=FIRST_COMPLETED).done
        else:
            # Another library's futures, which must be asked one by one.
            first = next(iter(pending))
            _error_of(first)
            done = {first}
        added = 0
        for future in done:
            task, attempt = pending.pop(future)
            error = _error_of(future)
            if isinstance(error, ErrorOfF):
                own: Exception = error.args[0]
                if error.__cause__ is own:
                    raise own
                raise own from error.__cause__  # Another process's traceback.
            if isinstance(error, _LOST) and attempt < _TRIES:
                self._submit(pending, problem, layout, task, attempt + 1)
                continue
            if isinstance(error, CancelledError):
                msg = f"the executor cancelled a task {_TRIES} times; the estimate is not finished"
                raise RuntimeError(msg) from error
            if error is not None:
                raise _explained(error, self.executor)
            _add_reply(tree, future.result(), task)
            added += task[1]
        return added


def _error_of(future: Any) -> BaseException | None:
    """Wait for a future and return what it ended with, if that is an error."""
    try:
        error: BaseException | None = CancelledError() if future.cancelled() else future.exception()
    except CancelledError as cancelled:
        return cancelled
    return error


def _add_reply(tree: Any, reply: Any, task: tuple[int, int, int]) -> None:
    """Add the chunks of a reply; RuntimeError if they are not the task's."""
    first, count, last = task
    try:
        # Arrays that came over a network may lie anywhere in a message.
        nodes, history = (
            [np.require(a, requirements=["C", "A"]) for a in arrays] for arrays in reply
        )
        end, samples = first, 0
        for level, index, n in nodes[0][:, :3].tolist():
            if not (0 <= level < 64 and index << level == end):
                msg = f"chunk {end} is missing"
                raise ValueError(msg)
            end, samples = end + (1 << level), samples + n
        if (end, samples) != (first + count, (count - 1) * CHUNK + last):
            msg = f"{samples} samples"
            raise ValueError(msg)
        tree.add(*nodes, False)
        tree.add(*history, True)
    except (TypeError, ValueError, IndexError) as error:
        msg = (
            f"executor must give the moments of chunks {first} to {first + count - 1} for its "
            f"task, got {type(reply).__name__} ({error})"
        )
        raise RuntimeError(msg) from error


def _explained(error: BaseException, executor: Any) -> BaseException:
    """Return an error that a task ended with, or one that says what to do about it."""
    text = f"{type(error).__name__}: {error}"
    # A plain RuntimeError is f's own.
    of_pickle = "pickle" in text.lower() and type(error) is not RuntimeError
    if of_pickle and not isinstance(executor, ThreadPoolExecutor):
        hint = TypeError(
            f"f and dist must be picklable for this executor ({text}); define f in a module, or "
            "use an executor that sends functions by value (loky, Dask)"
        )
        hint.__cause__ = error
        return hint
    return error
