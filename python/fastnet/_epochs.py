"""Epochs of a compiled model: the order of the rows, and the steps in pieces."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from fastnet import _core
from fastnet._arrays import Array
from fastnet._compile import Training
from fastnet._progress import Bar
from fastnet.random import default_rng
from fastnet.random._checks import integer
from fastnet.random._draw import permutation_of

# Seconds of an epoch between looks at signals and the progress bar.
_PIECE = 0.05
# Orders of epochs have tickets of a stream of their own, the last one of a key.
_EPOCH_STREAM = (2 ** int(_core.STREAM_BITS) - 1) * 2 ** int(_core.COUNT_BITS)


def epoch_order(rng: Any, epoch: int, n: int) -> Array:
    """Return the order in which `Trainer.fit` goes through n rows in an epoch.

    Parameters
    ----------
    rng : int or Generator
        What fit was given.
    epoch : int
        From 0.
    n : int

    Returns
    -------
    ndarray of int64, shape (n,)
        A permutation that is a function of the generator's key, the epoch and n alone.

    Examples
    --------
    >>> from fastnet.trainer import epoch_order
    >>> sorted(epoch_order(0, 3, 5).tolist())
    [0, 1, 2, 3, 4]
    """
    epoch = integer(epoch, "epoch", 0, 2 ** int(_core.COUNT_BITS) - 1)
    return permutation_of(default_rng(rng).key, _EPOCH_STREAM + epoch, n)


def run_epoch(
    plan: Training,
    epoch: int,
    loss: str,
    arrays: tuple[Any, Any, Any],
    batch_size: int,
    order: Array | None,
    max_norm: float,
    bar: Bar | None,
) -> float:
    """Run the steps of an epoch over whole arrays and return its mean loss."""
    # Weights, rates or moments may have been changed since the last epoch.
    core = plan.core(loss)
    state = _core.Epoch()
    try:
        while not state.finished:
            core.run(*arrays, order, batch_size, _PIECE, max_norm, state)
            if bar is not None:
                bar.show(state.next / len(arrays[0]))
            if state.status == _core.STEP_NON_FINITE:
                raise _non_finite(epoch, state.steps)
    finally:
        plan.count(state.steps)
        plan.publish()
    return float(state.loss_sum / state.weight_sum) if state.weight_sum else math.nan


def run_batches(plan: Training, epoch: int, batches: Iterable[Any], max_norm: float) -> float:
    """Run a step for each (x, y) of an iterable and return the mean loss of the rows."""
    total, rows, steps = 0.0, 0, 0
    for batch in batches:
        if not isinstance(batch, tuple | list) or len(batch) != 2:
            msg = f"x must yield pairs (x, y), got {type(batch).__name__}"
            raise TypeError(msg)
        loss, arrays = plan.batch(batch[0], batch[1], None)
        plan.require_batch(len(arrays[0]))
        core = plan.core(loss)
        status, value = core.step(*arrays, max_norm)
        plan.count(1)
        if status == _core.STEP_NON_FINITE:
            raise _non_finite(epoch, steps)
        steps += 1
        if status == _core.STEP_DONE:
            plan.publish()
            total += value * len(arrays[0])
            rows += len(arrays[0])
    if steps == 0:
        msg = "x must yield batches in every epoch; pass a list or another reusable iterable"
        raise ValueError(msg)
    return total / rows if rows else math.nan


def _non_finite(epoch: int, step: int) -> FloatingPointError:
    msg = (
        f"the loss is NaN or infinite in epoch {epoch}, step {step}; "
        "the weights are those of the end of the epoch before"
    )
    return FloatingPointError(msg)
