"""expectation: E[f(X)] by Monte Carlo, with an error that can be believed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from fastnet import _core
from fastnet._arrays import flag, float_dtype, real
from fastnet.montecarlo._callback import address_of
from fastnet.montecarlo._cover import require_cover
from fastnet.montecarlo._function import Function
from fastnet.montecarlo._identity import law_digest
from fastnet.montecarlo._layout import Layout
from fastnet.montecarlo._methods import Antithetic, Stratified, Weight, sobol_means
from fastnet.montecarlo._problem import NAN_POLICIES, Problem
from fastnet.montecarlo._samples import CHUNK, Samples, checked_law
from fastnet.montecarlo._stopping import Driver, Goal, one_of
from fastnet.montecarlo.estimate import Estimate
from fastnet.nn.module import Module
from fastnet.random import default_rng
from fastnet.random._checks import integer

# Outputs up to which covariances are kept unless it is said otherwise.
_CROSS = 32
_METHODS = ("iid", "antithetic", "stratified", "sobol")


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
    method: str = "iid",
    strata: int = 16,
    replicates: int = 32,
    control: Any = None,
    proposal: Any = None,
    covariance: bool | None = None,
    nan_policy: str = "raise",
    rng: Any = None,
    dtype: Any = None,
    resume: Estimate | None = None,
    executor: Any = None,
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
    method : {"iid", "antithetic", "stratified", "sobol"}
        How samples are drawn. "antithetic": in pairs of x and its mirror image; "stratified", for a
        scalar distribution: one in each of `strata` ranges of equal probability; "sobol": at
        `replicates` scrambled sets of Sobol' points (SciPy), for n rounded up to a power of two a
        set. The error comes from how the means of pairs, of strata, or of sets vary.
    strata, replicates : int
    control : tuple (callable, float or array_like), or a list of them, optional
        Control variates and their known expectations. Their coefficients are estimated, which the
        error takes into account.
    proposal : distribution, optional
        What to draw samples from instead of `dist`: f is multiplied by the ratio of the densities
        (importance sampling), so it must cover `dist` where f is not 0, however improbable that is:
        a rare event may be all there is of f's expectation. For a bounded proposal let f say what
        is left out, like ``np.where(abs(x) < 8, f(x), 0)`` for Uniform(-8, 8). `Estimate.ess` is
        the effective sample size of the weights.
    covariance : bool, optional
        Whether covariances of outputs are kept; if None, for up to 32 outputs.
    nan_policy : {"raise", "omit", "propagate"}
        What a value that is NaN or infinite does: FloatingPointError naming the sample; the sample
        is left out and counted; the mean becomes NaN.
    rng : None, int, Generator, ...
        One ticket is taken of it (see `fastnet.random.default_rng`); with `resume`, which has its
        stream, None or the same.
    dtype : dtype, optional
        Float32 or float64: that of samples and of the traced function. Moments are float64. By
        default that of the parameters if f is a Module that has one, else float64.
    resume : Estimate, optional
        One to go on from, of the same f and dist (compared as `Estimate.merge` does): n counts its
        samples too.
    executor : concurrent.futures.Executor, optional
        Threads, processes, ``distributed.Client.get_executor()``, ``MPIPoolExecutor``: a task is
        the function and a range of chunks, its reply their moments. The bits are those of one
        process.
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

    Traced are arithmetic and comparisons, NumPy's exponential, logarithmic, hyperbolic (sinh, cosh,
    tanh) and trigonometric functions (sin, cos, tan, arcsin, arccos, arctan), powers and roots,
    rounding, minima and maxima, where, clip, logic, erf and expit of SciPy, products with constant
    matrices, columns by number, and reductions over the last axis; `Estimate.how` says whether f
    was.

    A rule that stops when the interval is narrow must not be fooled by an interval that is narrow
    because nothing has happened yet. So no look is taken before n_min, looks are at 1, 2, 3, 4, 6,
    8, 12, ... chunks of 4096, and a variance of zero or one that is itself uncertain by more than a
    fifth (sqrt((kurtosis + 2) / n) > 0.2, for an event of probability p: n p < 25) counts as not
    known.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet
    >>> from fastnet.stats import Uniform
    >>> e = fastnet.expectation(
    ...     lambda x: 4 * ((x**2).sum(axis=-1) < 1), [Uniform(-1, 1)] * 2, n=10**6, rng=1
    ... )
    >>> low, high = e.confidence_interval(0.999)
    >>> e.how, bool(low < np.pi < high)
    ('traced', True)
    """
    if not (f is None or callable(f) or address_of(f) is not None):
        msg = f"f must be callable or None, got {type(f).__name__}"
        raise TypeError(msg)
    one_of(nan_policy, "nan_policy", NAN_POLICIES)
    one_of(on_interrupt, "on_interrupt", ("raise", "partial"))
    one_of(method, "method", _METHODS)
    for value, name in ((covariance, "covariance"), (progress, "progress")):
        if value is not None:
            flag(value, name)
    strata = integer(strata, "strata", 2, 256)
    replicates = integer(replicates, "replicates", 2, CHUNK)
    kind = _dtype_of(f) if dtype is None else float_dtype(dtype)
    goal = Goal(n, rtol, atol, time_limit, confidence_level, stopping, n_min, n_max)
    dist = checked_law(dist)
    if resume is None:
        generator = default_rng(rng)
        entropy = (generator.key, generator.next_ticket())
    else:
        entropy = _entropy_of(resume, rng)
    controls, means = _controls(control)
    law, weight = dist, None
    if proposal is not None:
        law = checked_law(proposal, "proposal")
        weight = Weight(dist, law)
    function, cost = f, 1
    if method != "iid" and address_of(f) is not None:
        msg = f"f must be a function of arrays for method={method!r}, got a compiled callback"
        raise ValueError(msg)
    if method != "iid" and (controls or weight is not None):
        msg = "method, control and proposal cannot be combined but for control and proposal"
        raise ValueError(msg)
    if method == "antithetic":
        function, cost = Antithetic(f, law), 2
        law = function.law
    elif method == "stratified":
        function, cost = Stratified(f, law, strata), strata
        law = function.law
    problem = Problem(Samples(law, entropy, kind), Function(function, controls, weight), nan_policy)
    if means is not None and problem.columns != problem.outputs + len(means) + (weight is not None):
        msg = f"control must give {len(means)} values a sample, one for each known expectation"
        raise ValueError(msg)
    if weight is not None:
        require_cover(problem.function, weight, problem.samples)
    cross = problem.columns > 1 and (
        bool(controls) or (problem.columns <= _CROSS if covariance is None else bool(covariance))
    )
    layout = Layout(
        problem.outputs, problem.scalar, tuple(means or ()), weight is not None, cross, cost,
        method, law_digest(dist, law if proposal is not None else (), str(kind)), problem.digest,
    )  # fmt: skip
    run = f"{entropy[0]:016x}.{entropy[1]:016x}.{kind}"
    if method == "sobol":
        return _sobol(problem, layout, run, goal, replicates, resume)
    estimate = Estimate(layout, goal.level) if resume is None else _resumed(resume, layout, run)
    estimate.stopping, estimate.tuned = stopping, goal.tuned
    estimate.confidence_level = goal.level
    estimate.how = problem.how
    Driver(problem, estimate, run, goal, progress, executor).go(on_interrupt)
    if problem.how == "python" and not estimate.message:
        estimate.message = f"f was called as Python: {problem.reason}"
    return estimate


def _dtype_of(f: Any) -> np.dtype[Any]:
    """Return the one dtype of a network's parameters, float64 for any other function."""
    found = {p.data.dtype for p in f.parameters()} if isinstance(f, Module) else set()
    return found.pop() if len(found) == 1 else np.dtype(np.float64)


def _controls(control: Any) -> tuple[tuple[Any, ...], list[float] | None]:
    """Return the functions of control variates, and the known expectations of all their values."""
    if control is None:
        return (), None
    pairs = [control] if isinstance(control, tuple) else control
    functions, means = [], []
    for pair in pairs if isinstance(pairs, Sequence) else [pairs]:
        if not isinstance(pair, tuple) or len(pair) != 2 or not callable(pair[0]):
            msg = "control must be a pair of a function and its expectation, or a list of pairs"
            raise TypeError(msg)
        functions.append(pair[0])
        means += [real(v, "control", -1e308, 1e308) for v in np.ravel(pair[1])]
    return tuple(functions), means


def _sobol(
    problem: Problem, layout: Layout, run: str, goal: Goal, replicates: int, resume: Any
) -> Estimate:
    """Return the estimate by scrambled Sobol' points; its values are the means of the sets."""
    if goal.n is None or resume is not None:
        msg = "method='sobol' takes n, and no rtol, atol, time_limit or resume"
        raise ValueError(msg)
    points = 1 << max(-(-goal.n // replicates) - 1, 0).bit_length()
    estimate = Estimate(replace(layout, cost=points), goal.level)
    samples = problem.samples
    means = sobol_means(
        problem.function, samples.dist, samples.entropy, samples.dtype, replicates, points
    )
    problem._check(_core.estimate_array_f64(estimate._tree(run), means, 0, problem.policy))
    estimate.how, estimate.message = "python", "quasi-random points are SciPy's"
    return estimate


def _resumed(resume: Estimate, layout: Layout, run: str) -> Estimate:
    """Return a copy to go on with; ValueError if it is of something else."""
    try:
        joined = resume._layout.joined(layout)
    except ValueError as error:
        msg = f"resume must be an Estimate of the same function, distribution and dtype: {error}"
        raise ValueError(msg) from error
    if run not in resume._runs:
        msg = "resume must be an Estimate with the same dtype"
        raise ValueError(msg)
    estimate = resume._copy()
    estimate._layout = joined
    return estimate


def _entropy_of(resume: Any, rng: Any) -> tuple[int, int]:
    if not isinstance(resume, Estimate):
        msg = f"resume must be an Estimate, got {type(resume).__name__}"
        raise TypeError(msg)
    if len(resume._runs) != 1:
        msg = "resume must be an Estimate of one run, not merged from several"
        raise ValueError(msg)
    ((run, _),) = resume._runs.items()
    key, ticket = (int(part, 16) for part in run.split(".")[:2])
    if rng is not None and default_rng(rng).key != key:
        msg = "rng must be None or what the samples of resume come from, which goes on with them"
        raise ValueError(msg)
    return key, ticket
