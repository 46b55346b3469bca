"""When to stop, and the loop that gets there."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from fastnet import _core
from fastnet._arrays import real
from fastnet._progress import sample_bar
from fastnet.montecarlo._executor import Pool, tasks_of
from fastnet.montecarlo._problem import Problem
from fastnet.montecarlo._quantiles import checked_level
from fastnet.montecarlo._samples import CHUNK
from fastnet.montecarlo.estimate import STOPPING, Estimate
from fastnet.random._checks import integer

# Seconds between looks at signals, the clock and the progress bar.
_PIECE = 0.05
# The spread of the estimated variance, relatively, above which no run is taken for precise.
_VAGUE = 0.2


def one_of(value: Any, name: str, values: tuple[str, ...]) -> None:
    if not isinstance(value, str) or value not in values:
        msg = f"{name} must be one of {', '.join(map(repr, values))}, got {value!r}"
        raise ValueError(msg)


class Goal:
    """When to stop."""

    def __init__(
        self,
        n: int | None,
        rtol: float | None,
        atol: float | None,
        time_limit: float | None,
        level: float,
        stopping: str,
        n_min: int,
        n_max: int,
    ) -> None:
        if n is None and rtol is None and atol is None and time_limit is None:
            msg = "give n, rtol, atol or time_limit: one of them must end the sampling"
            raise ValueError(msg)
        if n is not None and (rtol is not None or atol is not None):
            msg = "give either n or rtol and atol; n_max= bounds the latter"
            raise ValueError(msg)
        one_of(stopping, "stopping", STOPPING)
        self.n = None if n is None else integer(n, "n", 1, 2**62)
        self.rtol = 0.0 if rtol is None else _positive(rtol, "rtol")
        self.atol = 0.0 if atol is None else _positive(atol, "atol")
        self.looks = self.rtol > 0 or self.atol > 0
        self.seconds = np.inf if time_limit is None else _positive(time_limit, "time_limit")
        self.level = checked_level(level, "confidence_level")
        self.n_min = integer(n_min, "n_min", 1, 2**62)
        self.n_max = integer(n_max, "n_max", 1, 2**62)
        if self.n_min > self.n_max:
            msg = f"n_min must be at most n_max, got {n_min} and {n_max}"
            raise ValueError(msg)
        # The interval that holds at all n is narrowest some looks after the first.
        self.tuned = 16.0 * self.n_min if stopping == "anytime" else 0.0

    def stages(self, cost: int) -> Iterator[int]:
        """Yield numbers of values after which to look."""
        if self.n is not None:
            yield -(-self.n // cost)
            return
        least, most = (-(-k // cost) for k in (self.n_min, self.n_max))
        chunks = 1
        while chunks * CHUNK < most:
            if chunks * CHUNK >= least:
                yield chunks * CHUNK
            # 1, 2, 3, 4, 6, 8, 12, 16, 24, ...
            chunks = (
                chunks + 1
                if chunks < 2
                else (chunks * 3 // 2 if chunks & (chunks - 1) == 0 else chunks // 3 * 4)
            )
        yield most

    def reached(self, estimate: Estimate) -> str:
        """Return "rtol" or "atol" if the interval is narrow enough and can be trusted, else ""."""
        s = estimate._summary()
        m = estimate._total()[1][: estimate._layout.outputs]
        with np.errstate(all="ignore"):
            vague = (m[:, 5] * m[:, 0] / m[:, 3] ** 2 - 1) / m[:, 0]
        if not np.all(m[:, 3] > 0) or not np.all(vague <= _VAGUE**2):
            return ""
        width = estimate._half_width(self.level)
        if self.atol > 0 and np.all(width <= self.atol):
            return "atol"
        relative = self.rtol * np.abs(s.mean)
        if np.all(width <= np.maximum(self.atol, relative)):
            return "rtol"
        return ""


def _positive(value: Any, name: str) -> float:
    result = real(value, name)
    if not 0 < result < np.inf:
        msg = f"{name} must be positive and finite, got {value}"
        raise ValueError(msg)
    return result


class Driver:
    """Runs chunks until the goal is reached."""

    def __init__(
        self,
        problem: Problem,
        estimate: Estimate,
        run: str,
        goal: Goal,
        progress: bool | None,
        executor: Any = None,
    ) -> None:
        self.pool = None if executor is None else Pool(executor)
        self.problem, self.estimate, self.goal, self.progress = problem, estimate, goal, progress
        self.tree = estimate._tree(run)
        self.tree.drop_unfinished()
        self.start = time.monotonic()
        self.chunks_a_second = 0.0

    def go(self, on_interrupt: str) -> None:
        estimate = self.estimate
        estimate.success, estimate.status, estimate.message = True, "n", ""
        try:
            with sample_bar(self.progress) as self.bar:
                self._stages()
        except KeyboardInterrupt as interrupt:
            estimate.success, estimate.status = False, "interrupt"
            estimate.message = "interrupted"
            if on_interrupt == "raise":
                interrupt.estimate = estimate  # type: ignore[attr-defined]
                raise

    def _stages(self) -> None:
        estimate, goal = self.estimate, self.goal
        for values in goal.stages(estimate._layout.cost):
            held = int(_core.total([self.tree])[0][0, 2])
            if goal.n is not None and held > values:
                msg = f"resume has {held} samples already, more than n = {goal.n}"
                raise ValueError(msg)
            if not self._run_to(values):
                done = "" if goal.looks else "time"
                estimate.status = "time"
                estimate.success = done == "time" and goal.n is None
                estimate.message = f"stopped after {goal.seconds:g} seconds"
                return
            if goal.looks:
                estimate.status = goal.reached(estimate)
                if estimate.status:
                    return
        if goal.n is None:
            estimate.status = "n_max"
            estimate.success = False
            estimate.message = f"n_max = {goal.n_max:,} samples did not reach the precision"
            warnings.warn(estimate.message, RuntimeWarning, stacklevel=5)

    def _run_to(self, values: int) -> bool:
        """Add chunks until there are `values` values; False if the time is over before."""
        chunks = -(-values // CHUNK)
        if self.pool is not None:
            return self._run_on_pool(chunks, values - (chunks - 1) * CHUNK)
        for begin, end in self._gaps(chunks):
            first = begin
            while first < end:
                if first > 0 and time.monotonic() - self.start >= self.goal.seconds:
                    return False
                count = min(end - first, self._piece())
                last = values - (chunks - 1) * CHUNK if first + count == chunks else CHUNK
                start = time.monotonic()
                self.problem.run(self.tree, first, count, last)
                self.chunks_a_second = count / max(time.monotonic() - start, 1e-9)
                first += count
                self.bar.show(first / chunks, lambda: repr(self.estimate))
        return True

    def _run_on_pool(self, chunks: int, last: int) -> bool:
        assert self.pool is not None
        gaps = self._gaps(chunks)
        tasks = tasks_of(gaps, last, self.pool.workers, np.isfinite(self.goal.seconds))
        done = chunks - sum(end - begin for begin, end in gaps)
        for added in self.pool.run(self.problem, self.estimate, self.tree, tasks):
            done += added
            self.bar.show(done / chunks, lambda: repr(self.estimate))
            if time.monotonic() - self.start >= self.goal.seconds and done < chunks:
                return False
        return True

    def _piece(self) -> int:
        """Return how many chunks to run before looking around."""
        if self.chunks_a_second == 0.0:
            return 1
        return int(min(max(self.chunks_a_second * _PIECE, 1), _core.MAX_CHUNKS))

    def _gaps(self, chunks: int) -> list[tuple[int, int]]:
        """Return the ranges below `chunks` that are not there yet."""
        gaps, first = [], 0
        for level, index, *_ in self.tree.nodes()[0]:
            begin = int(index) << int(level)
            if begin > first:
                gaps.append((first, min(begin, chunks)))
            first = begin + (1 << int(level))
        if first < chunks:
            gaps.append((first, chunks))
        return [(a, b) for a, b in gaps if a < b]
