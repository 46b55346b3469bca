"""Chunks on any concurrent.futures.Executor: threads, processes, Dask, MPI."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, ThreadPoolExecutor, wait
from typing import Any

import numpy as np

from fastnet import _core
from fastnet.montecarlo._samples import CHUNK

# Chunks of a task at most, also under a time limit, which running tasks outlast, and at least where
# there are enough.
_MOST, _MOST_TIMED, _LEAST = 2**14, 2**7, 2**4
# How often a task is tried that gets lost.
_TRIES = 3
_LOST = (CancelledError, OSError, EOFError, TimeoutError)


def run_task(problem: Any, columns: int, cross: bool, task: tuple[int, int, int], home: Any) -> Any:
    """Return the nodes and the history of a task's chunks: a pure function of problem and task."""
    tree = _core.ChunkTree(columns, cross)
    host, pid, workers = home
    if host == platform.node() and pid != os.getpid():
        # One of several processes on the caller's machine: its share of the cores.
        before = _core.num_threads()
        _core.set_num_threads(max(1, before // workers))
        try:
            run_pieces(problem, tree, task)
        finally:
            _core.set_num_threads(0)
    else:
        run_pieces(problem, tree, task)
    return tree.nodes(), tree.history()


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
        if not (callable(getattr(executor, "submit", None))):
            msg = (
                "executor must be a concurrent.futures.Executor (have a method submit), got "
                f"{type(executor).__name__}"
            )
            raise TypeError(msg)
        self.executor = executor
        self.workers = int(getattr(executor, "_max_workers", 0) or os.cpu_count() or 1)
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
        pending[future] = (task, attempt)

    def _collect(self, pending: dict[Any, Any], problem: Any, layout: Any, tree: Any) -> int:
        """Wait for a reply, add what came, and return how many chunks that was."""
        if all(isinstance(future, Future) for future in pending):
            done = wait(pending, return_when=FIRST_COMPLETED).done
        else:
            # Another library's futures, which must be asked one by one.
            first = next(iter(pending))
            first.exception()
            done = {first}
        added = 0
        for future in done:
            task, attempt = pending.pop(future)
            error = CancelledError() if future.cancelled() else future.exception()
            if isinstance(error, _LOST) and attempt < _TRIES:
                self._submit(pending, problem, layout, task, attempt + 1)
                continue
            if error is not None:
                raise _explained(error, self.executor)
            nodes, history = future.result()
            # Arrays that came over a network may lie anywhere in a message.
            tree.add(*(np.require(a, requirements=["C", "A"]) for a in nodes), False)
            tree.add(*(np.require(a, requirements=["C", "A"]) for a in history), True)
            added += task[1]
        return added


def _explained(error: BaseException, executor: Any) -> BaseException:
    """Return an error that a task ended with, or one that says what to do about it."""
    text = f"{type(error).__name__}: {error}"
    if "pickle" in text.lower() and not isinstance(executor, ThreadPoolExecutor):
        hint = TypeError(
            f"f and dist must be picklable for this executor ({text}); define f in a module, or "
            "use an executor that sends functions by value (loky, Dask)"
        )
        hint.__cause__ = error
        return hint
    return error
