"""conditional_expectation: E[Y given X = x], exactly, by bins, or by regression."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fastnet._arrays import Array
from fastnet.random import Generator, default_rng
from fastnet.random._checks import integer


class Conditional(NamedTuple):
    """E[Y given X = at] with its standard error, an entry for each point."""

    at: Array
    mean: Array
    standard_error: Array
    method: str
    n: int


def conditional_expectation(
    y: Any,
    x: str,
    joint: Any,
    at: Any,
    *,
    method: str = "auto",
    n: int = 2**17,
    bins: int = 64,
    members: int = 8,
    rng: Any = None,
) -> Conditional:
    """Return E[Y given X = x] at points x.

    Parameters
    ----------
    y : str or callable
        A variable of the joint law, or a function of samples (n, d) of all its variables, in the
        order of its names, that gives (n,).
    x : str
        The variable that is given.
    joint : Joint
        A law of `fastnet.stats.Joint`.
    at : float or array_like
        Values of x.
    method : {"auto", "exact", "bins", "regression"}
        "exact": the mean of `joint.conditional`, for a variable of a table or a normal law.
        "bins": the mean over the n / bins samples whose x are nearest to each point.
        "regression": a network of two hidden layers fitted to samples by least squares, whose
        minimum is E[Y given X]. "auto" takes the first of exact and bins that there is.
    n : int
        Samples of the joint law, for bins and regression.
    bins : int
    members : int
        Networks, each fitted to samples of its own, for regression.
    rng : None, int, Generator, ...

    Returns
    -------
    Conditional
        at, mean and standard_error of at's shape. The error is 0 if exact; for bins it is that of
        the mean of a bin, for regression that of the mean of the members. Neither knows what the
        width of a bin, or a network that is too small, does to the mean.

    Examples
    --------
    >>> from fastnet.montecarlo import conditional_expectation
    >>> from fastnet.stats import Joint
    >>> joint = Joint.normal([0, 1], [[1, 1.5], [1.5, 9]])
    >>> conditional_expectation("y", "x", joint, [0, 2]).mean.tolist()
    [1.0, 4.0]
    """
    names = getattr(joint, "names", None)
    if names is None:
        msg = f"joint must be a fastnet.stats.Joint, got {type(joint).__name__}"
        raise TypeError(msg)
    if x not in names or (isinstance(y, str) and y not in names):
        msg = f"x and y must be among {', '.join(names)}, got {x!r} and {y!r}"
        raise ValueError(msg)
    if not isinstance(y, str) and not callable(y):
        msg = f"y must be a name or a function of samples, got {type(y).__name__}"
        raise TypeError(msg)
    if method not in ("auto", "exact", "bins", "regression"):
        msg = f"method must be 'auto', 'exact', 'bins' or 'regression', got {method!r}"
        raise ValueError(msg)
    points = np.asarray(at, np.float64)
    if not np.all(np.isfinite(points)):
        msg = "at must be finite"
        raise ValueError(msg)
    exact = isinstance(y, str) and type(joint).__name__ in ("NormalJoint", "TableJoint")
    if method == "exact" and not exact:
        msg = "method='exact' needs a variable of a table or of a normal law"
        raise ValueError(msg)
    if exact and method in ("auto", "exact"):
        mean = np.array([_exact(joint, y, x, float(v)) for v in points.ravel()])
        return Conditional(points, mean.reshape(points.shape), np.zeros(points.shape), "exact", 0)
    n = integer(n, "n", 256, 2**31)
    generator = default_rng(rng)
    seed = (generator.key, generator.next_ticket())
    if method == "regression":
        return _regression(joint, y, x, points, n, integer(members, "members", 2, 256), seed)
    bins = integer(bins, "bins", 1, n // 16)
    given, values = _sample(joint, y, x, n, Generator([*seed]))
    order = np.argsort(given, kind="stable")
    given, values = given[order], values[order]
    size = n // bins
    mean, error = np.empty(points.size), np.empty(points.size)
    for i, v in enumerate(points.ravel()):
        low, high = _nearest(given, float(v), size)
        part = values[low:high]
        mean[i], error[i] = part.mean(), part.std(ddof=1) / np.sqrt(len(part))
    shape = points.shape
    return Conditional(points, mean.reshape(shape), error.reshape(shape), "bins", n)


def _exact(joint: Any, y: str, x: str, value: float) -> float:
    if y == x:
        return value
    law = joint.conditional(**{x: value})
    if hasattr(law, "names"):
        law = law.marginal(y)
    return float(law.mean())


def _sample(joint: Any, y: Any, x: str, n: int, rng: Generator) -> tuple[Array, Array]:
    """Return n samples of x and y."""
    rows = np.asarray(joint.sample(n, rng=rng), np.float64)
    given = rows[:, joint.names.index(x)]
    values = rows[:, joint.names.index(y)] if isinstance(y, str) else np.asarray(y(rows), float)
    if values.shape != (n,):
        msg = f"y must return shape ({n},), got {values.shape}"
        raise ValueError(msg)
    return given.copy(), values


def _nearest(given: Array, value: float, size: int) -> tuple[int, int]:
    """Return the range of the `size` sorted values nearest to one, with all equal to its ends."""
    middle = int(np.searchsorted(given, value))
    low = max(0, middle - size)
    high = min(len(given), middle + size)
    distance = np.abs(given[low:high] - value)
    reach = np.partition(distance, size - 1)[size - 1]
    first = int(np.searchsorted(given, value - reach, "left"))
    last = int(np.searchsorted(given, value + reach, "right"))
    return first, last


def _regression(
    joint: Any, y: Any, x: str, points: Array, n: int, members: int, seed: tuple[int, int]
) -> Conditional:
    from fastnet import nn, optim
    from fastnet.trainer import Trainer

    fits = []
    for member in range(members):
        rng = Generator([*seed, member])
        given, values = _sample(joint, y, x, n // members, rng)
        center, scale = given.mean(), given.std() or 1.0
        offset, width = values.mean(), values.std() or 1.0
        a = ((given - center) / scale).astype(np.float32)[:, None]
        b = ((values - offset) / width).astype(np.float32)[:, None]
        model = nn.Sequential(
            nn.Linear(1, 32, rng=rng), nn.Tanh(),
            nn.Linear(32, 32, rng=rng), nn.Tanh(),
            nn.Linear(32, 1, rng=rng),
        )  # fmt: skip
        trainer = Trainer(model, nn.MSELoss(), optim.Adam(model.parameters(), lr=0.01))
        for rate in (0.01, 0.001):
            trainer.optimizer.param_groups[0]["lr"] = rate
            trainer.fit(a, b, epochs=10, batch_size=256, rng=rng, progress=False)
        new = ((points.ravel() - center) / scale).astype(np.float32)[:, None]
        fits.append(trainer.predict(new)[:, 0].astype(np.float64) * width + offset)
    values = np.array(fits)
    mean = values.mean(axis=0)
    error = values.std(axis=0, ddof=1) / np.sqrt(members)
    shape = points.shape
    return Conditional(points, mean.reshape(shape), error.reshape(shape), "regression", n)
