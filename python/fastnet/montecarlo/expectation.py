"""expectation: E[f(X)] by Monte Carlo, with an error that can be believed."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from fastnet import _core
from fastnet._arrays import float_dtype, real
from fastnet._progress import sample_bar
from fastnet.montecarlo._function import Function
from fastnet.montecarlo._layout import Layout
from fastnet.montecarlo._problem import NAN_POLICIES, Problem
from fastnet.montecarlo._samples import CHUNK, Samples
from fastnet.montecarlo.estimate import Estimate
from fastnet.random import default_rng
from fastnet.random._checks import integer

# Seconds between looks at signals, the clock and the progress bar.
_PIECE = 0.05
# Outputs up to which covariances are kept unless it is said otherwise.
_CROSS = 32
# The spread of the estimated variance, relatively, above which no run is taken for precise.
_VAGUE = 0.2


def expectation(
    f: Any,
    dist: Any,
    *,
    n: int | None = None,
    rtol: float | None = None,
    atol: float | None = None,
    time_limit: float | None = None,
    confidence_level: float = 0.95,
    stopping: str = "clt",
    n_min: int = CHUNK,
    n_max: int = 2**30,
    covariance: bool | None = None,
    nan_policy: str = "raise",
    rng: Any = None,
    dtype: Any = np.float64,
    resume: Estimate | None = None,
    on_interrupt: str = "raise",
    progress: bool | None = None,
) -> Estimate:
    """Estimate E[f(X)] by the mean of f over independent samples of X.

    Parameters
    ----------
    f : callable or None
        Of samples (n,), or (n, d) for a distribution of dimension d, giving (n,), (n, k) or a tuple
        of (n,). It must treat every sample alike and depend on nothing else. NumPy-style code is
        traced and evaluated in C++ on all threads; what cannot be traced is called on tiles of
        samples. None stands for X itself.
    dist : distribution, or a sequence of scalar ones for independent components
    n : int, optional
        Number of evaluations of f.
    rtol, atol : float, optional
        Go on until the confidence interval's half width is at most max(atol, rtol |mean|), for
        every output.
    time_limit : float, optional
        Seconds after which to stop in any case.
    confidence_level : float, default 0.95
    stopping : {"clt", "anytime"}
        How the interval is made that rtol and atol look at. "clt" is the usual one, s / sqrt(n)
        times Student's quantile: looking at it again and again costs a point or so of its level.
        "anytime" holds at all looks at once and takes some 2.5 times as many samples.
    n_min, n_max : int
        Evaluations before the first look, and when to give up: then `success` is False and there is
        a RuntimeWarning.
    covariance : bool, optional
        Whether covariances of outputs are kept; if None, for up to 32 outputs.
    nan_policy : {"raise", "omit", "propagate"}
        What a value that is NaN or infinite does: FloatingPointError naming the sample; the sample
        is left out and counted; the mean becomes NaN.
    rng : None, int, Generator, ...
        One ticket is taken of it (see `fastnet.random.default_rng`).
    dtype : dtype, default float64
        Float32 or float64: that of samples and of the traced function. Moments are float64.
    resume : Estimate, optional
        One to go on from, of the same f and dist: n counts its samples too.
    on_interrupt : {"raise", "partial"}
        What Ctrl-C does; with "raise" the KeyboardInterrupt has what there is as `estimate`.
    progress : bool, optional
        Whether to show a bar; if None, on a terminal after a second.

    Returns
    -------
    Estimate

    Raises
    ------
    ValueError
        If none of n, rtol, atol, time_limit is given, an argument is out of range, or f gives
        another shape than one value or row a sample.
    FloatingPointError
        For a value that is NaN or infinite, with nan_policy="raise".

    Notes
    -----
    Sample i is a pure function of the generator, the distribution, the dtype and i, and moments are
    merged over a binary tree of chunk numbers: the estimate has the same bits at any number of
    threads and at every ISA level with fma, resumed or not (a run ended by time_limit has those of
    its n).

    A rule that stops when the interval is narrow must not be fooled by an interval that is narrow
    because nothing has happened yet. So no look is taken before n_min, looks are at 1, 2, 3, 4, 6,
    8, 12, ... chunks of 4096, and a variance of zero or one that is itself uncertain by more than a
    fifth (sqrt((kurtosis + 2) / n) > 0.2, for an event of probability p: n p < 25) counts as not
    known.

    Examples
    --------
    >>> import numpy as np  # doctest: +SKIP
    >>> import fastnet  # doctest: +SKIP
    >>> from fastnet.stats import Uniform  # doctest: +SKIP
    >>> e = fastnet.expectation(
    ...     lambda x: 4 * ((x**2).sum(axis=-1) < 1), [Uniform(-1, 1)] * 2, n=10**6, rng=1
    ... )
    >>> low, high = e.confidence_interval(0.999)  # doctest: +SKIP
    >>> e.how, bool(low < np.pi < high)  # doctest: +SKIP
    ('traced', True)
    """
    if not (f is None or callable(f)):
        msg = f"f must be callable or None, got {type(f).__name__}"
        raise TypeError(msg)
    _one_of(nan_policy, "nan_policy", NAN_POLICIES)
    _one_of(on_interrupt, "on_interrupt", ("raise", "partial"))
    kind = float_dtype(dtype)
    goal = _Goal(n, rtol, atol, time_limit, confidence_level, stopping, n_min, n_max)
    if resume is None:
        generator = default_rng(rng)
        entropy = (generator.key, generator.next_ticket())
    else:
        entropy = _entropy_of(resume)
    problem = Problem(Samples(dist, entropy, kind), Function(f), nan_policy)
    cross = problem.columns > 1 and (
        problem.columns <= _CROSS if covariance is None else bool(covariance)
    )
    layout = Layout(problem.outputs, problem.scalar, cross=cross)
    run = f"{entropy[0]:016x}.{entropy[1]:016x}.{kind}"
    if resume is None:
        estimate = Estimate(layout, goal.level)
    elif resume._layout != layout or run not in resume._runs:
        msg = "resume must be an Estimate of the same function, distribution, dtype and method"
        raise ValueError(msg)
    else:
        estimate = resume._copy()
    estimate.stopping, estimate.tuned = stopping, goal.tuned
    estimate.confidence_level = goal.level
    estimate.how = problem.how
    _Driver(problem, estimate, run, goal, progress).go(on_interrupt)
    if problem.how == "python" and not estimate.message:
        estimate.message = f"f was called as Python: {problem.reason}"
    return estimate


def _one_of(value: Any, name: str, values: tuple[str, ...]) -> None:
    if value not in values:
        msg = f"{name} must be one of {', '.join(map(repr, values))}, got {value!r}"
        raise ValueError(msg)


def _entropy_of(resume: Any) -> tuple[int, int]:
    if not isinstance(resume, Estimate):
        msg = f"resume must be an Estimate, got {type(resume).__name__}"
        raise TypeError(msg)
    if len(resume._runs) != 1:
        msg = "resume must be an Estimate of one run, not merged from several"
        raise ValueError(msg)
    ((run, _),) = resume._runs.items()
    key, ticket, _ = run.split(".")
    return int(key, 16), int(ticket, 16)


class _Goal:
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
        _one_of(stopping, "stopping", ("clt", "anytime"))
        self.n = None if n is None else integer(n, "n", 1, 2**62)
        self.rtol = 0.0 if rtol is None else _positive(rtol, "rtol")
        self.atol = 0.0 if atol is None else _positive(atol, "atol")
        self.looks = self.rtol > 0 or self.atol > 0
        self.seconds = np.inf if time_limit is None else _positive(time_limit, "time_limit")
        self.level = real(level, "confidence_level", 0, 1)
        if not 0 < self.level < 1:
            msg = f"confidence_level must be in (0, 1), got {level}"
            raise ValueError(msg)
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


class _Driver:
    """Runs chunks until the goal is reached."""

    def __init__(
        self, problem: Problem, estimate: Estimate, run: str, goal: _Goal, progress: bool | None
    ) -> None:
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
