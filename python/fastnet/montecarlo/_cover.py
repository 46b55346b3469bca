"""Whether samples of a proposal can be all that samples of a distribution can be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastnet._arrays import Array
from fastnet.montecarlo._function import Function
from fastnet.montecarlo._methods import Weight, law_of, log_density, parts_of
from fastnet.montecarlo._samples import CHUNK, Samples
from fastnet.stats.distribution import Univariate

# Shares of a tail at whose quantiles f is called, from all of it to where nothing is left.
_SHARES = np.exp2(-np.linspace(0, 64, 257))


def require_cover(function: Function, weight: Weight, samples: Samples) -> None:
    """Raise ValueError if the proposal leaves out what f's expectation under dist is made of.

    It may leave out where f is 0, like X <= 5 for the probability of X > 5. That f is 0 there is
    seen at a chunk of dist's samples, and at quantiles of the tails that the proposal leaves out,
    of which a chunk need have no sample. No tail is small enough to be left out unseen: how much
    f makes of it, and how small the expectation is, is not known beforehand.

    Parameters
    ----------
    function : Function
    weight : Weight
    samples : Samples
        Those of the proposal, for their entropy and dtype.
    """
    dist, proposal = weight.dist, weight.proposal
    parts = list(zip(parts_of(dist), parts_of(proposal), strict=True))
    for ours, theirs in parts:
        if _is_discrete(ours) is not None and _is_discrete(ours) == (not _is_discrete(theirs)):
            kind = "discrete" if _is_discrete(ours) else "continuous"
            msg = f"proposal must be {kind} as dist is, got {theirs!r} for {ours!r}"
            raise ValueError(msg)
    x = Samples(dist, samples.entropy, samples.dtype).rows(0, CHUNK)
    alone = Function(function.f, function.controls)
    with np.errstate(all="ignore"):
        outside = ~(np.asarray(log_density(proposal, x)) > -math.inf)
        covered = not outside.any() or not np.any(alone.array(x.copy())[:, outside])
        for j, (ours, theirs) in enumerate(parts):
            if not covered or _within(ours, theirs):
                continue
            if not isinstance(ours, Univariate):
                covered = bool(outside.any())
                continue
            for tail in _tails(ours, theirs):
                points = tail.astype(x.dtype)
                points = points[~(np.asarray(log_density(theirs, points)) > -math.inf)]
                rows = x[: len(points)].copy()
                rows.T[j if isinstance(dist, Sequence) else ...] = points
                covered = covered and len(points) > 0 and not np.any(alone.array(rows))
    if not covered:
        msg = f"proposal must cover dist where f is not 0, got {proposal!r} for {dist!r}"
        raise ValueError(msg)


def _tails(law: Univariate, proposal: Any) -> list[Array]:
    """Return values of a law below and above the proposal's range, none for what has no mass."""
    least, most = _range(proposal)
    tails = []
    for sign, end in ((1, least), (-1, -most)):
        mirrored: Any = law * sign
        # Without the end itself.
        mass = mirrored.cdf(np.nextafter(end, -math.inf))
        if mass > 0:
            tail = mirrored.icdf(mass * _SHARES)
            tails.append(sign * tail[np.isfinite(tail)])
    return tails


def _is_discrete(law: Any) -> bool | None:
    """Whether a scalar law is; None where it does not say so."""
    known = getattr(law, "discrete", None) if getattr(law, "dim", None) is None else None
    return known if isinstance(known, bool) else False if law_of(law)[0] else None


def _within(law: Any, proposal: Any) -> bool:
    """Whether the range of a scalar law is within the proposal's, as far as they say."""
    (low, high), (least, most) = _range(law), _range(proposal)
    return bool(np.all(np.less_equal(least, low)) and np.all(np.less_equal(high, most)))


def _range(law: Any) -> tuple[Any, Any]:
    if getattr(law, "dim", None) is None and callable(getattr(law, "support", None)):
        ends = law.support()
        if isinstance(ends, Sequence) and len(ends) == 2:
            return ends[0], ends[1]
    name, a, b = law_of(law)
    if name == "uniform":
        return a, b
    return (a, math.inf) if name == "exponential" else (-math.inf, math.inf)
