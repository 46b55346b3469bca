"""conditional_expectation: E[Y given X = x], exactly, by bins, or by regression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fastnet._arrays import FLOAT_DTYPES, Array, as_float, to_array
from fastnet.montecarlo._quantiles import checked_level, student_quantile
from fastnet.montecarlo._statistics import with_error
from fastnet.montecarlo.estimate import Interval
from fastnet.random import Generator, default_rng
from fastnet.random._checks import integer
from fastnet.stats.joint import Joint
from fastnet.stats.joint_normal import NormalJoint
from fastnet.stats.joint_table import TableJoint

# The samples at either end of all whose width is that of the end.
_END = 16
# Samples of a step of the regression.
_BATCH = 256


@dataclass(frozen=True, eq=False, repr=False)
class Conditional:
    """E[Y given X = at] at one or several points: values, their errors, their intervals.

    Attributes
    ----------
    at, mean, standard_error : float or ndarray
        All of one shape.
    degrees : float or ndarray
        Degrees of freedom that the standard error has; infinite where the mean is exact.
    method : str
        "exact", "bins" or "regression".
    n : int
        Samples that were drawn; 0 if exact.
    """

    at: Any
    mean: Any
    standard_error: Any
    degrees: Any
    method: str
    n: int

    def confidence_interval(self, level: float = 0.95) -> Interval:
        """Return, for each point, the interval that covers the mean with probability `level`.

        mean -+ t standard_error, t the quantile of Student's law. It knows of the errors that
        sampling makes, not of those of the method (see `conditional_expectation`).

        Parameters
        ----------
        level : float, default 0.95

        Returns
        -------
        Interval
            low and high.

        Examples
        --------
        >>> from fastnet.montecarlo import conditional_expectation
        >>> from fastnet.stats import Joint
        >>> joint = Joint.normal([0, 1], [[1, 1.5], [1.5, 9]])
        >>> c = conditional_expectation("y", "x", joint, 2.0, method="bins", rng=1)
        >>> low, high = c.confidence_interval(0.999)
        >>> low < 4 < high
        True
        """
        width = self._half_width(level)
        return Interval(self.mean - width, self.mean + width)

    def _half_width(self, level: float) -> Any:
        level = checked_level(level, "level")
        quantiles = [student_quantile(0.5 + level / 2, float(v)) for v in np.ravel(self.degrees)]
        return _shaped(np.ravel(self.standard_error) * quantiles, np.shape(self.at))

    def __repr__(self) -> str:
        width = self._half_width(0.95)
        lines = [
            f"  {a:g}: {with_error(float(m), float(w))}"
            for a, m, w in zip(*map(np.ravel, (self.at, self.mean, width)), strict=True)
        ]
        if len(lines) > 10:
            lines = [*lines[:5], "  ...", *lines[-4:]]
        how = self.method if self.method == "exact" else f"{self.method}, n = {self.n:,}"
        return "\n".join([f"E[Y given X] at (95 %; {how})", *lines])


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
        Values of x. For bins and regression they must be where samples are: beyond the least and
        the largest sample by no more than the 16 samples there take up, in a gap between samples
        by no more than the n / bins samples next to it take up, and of positive probability in a
        table. Any other is a ValueError.
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
        at, mean and standard_error, numbers for a number `at` and arrays of its shape else;
        confidence_interval(level). The error is 0 if exact, for bins that of the mean of a bin, for
        regression that of the mean of the members.

    Notes
    -----
    The errors of bins and regression are those of sampling. Neither knows what the method itself
    does to the mean: that of a bin is the mean over its width, which for a bin of width w around x
    differs by about w^2 / 24 times the second derivative (by more at the ends of x's range), and a
    network of this size is smooth. More bins make the first smaller and the error larger.

    Examples
    --------
    >>> from fastnet.montecarlo import conditional_expectation
    >>> from fastnet.stats import Joint, Normal, Uniform
    >>> joint = Joint.normal([0, 1], [[1, 1.5], [1.5, 9]])
    >>> conditional_expectation("y", "x", joint, [0, 2])
    E[Y given X] at (95 %; exact)
      0: 1 +- 0
      2: 4 +- 0
    >>> wave = Joint(x=Uniform(-2, 2), y=lambda x: Normal(x**2, 0.5))
    >>> c = conditional_expectation("y", "x", wave, 1.0, rng=1)
    >>> low, high = c.confidence_interval(0.999)
    >>> c.method, low < 1 < high
    ('bins', True)
    """
    if not isinstance(joint, Joint):
        msg = f"joint must be a fastnet.stats.Joint, got {type(joint).__name__}"
        raise TypeError(msg)
    names = joint.names
    if x not in names or (isinstance(y, str) and y not in names):
        msg = f"x and y must be among {', '.join(names)}, got {x!r} and {y!r}"
        raise ValueError(msg)
    if not isinstance(y, str) and not callable(y):
        msg = f"y must be a name or a function of samples, got {type(y).__name__}"
        raise TypeError(msg)
    if method not in ("auto", "exact", "bins", "regression"):
        msg = f"method must be 'auto', 'exact', 'bins' or 'regression', got {method!r}"
        raise ValueError(msg)
    n = integer(n, "n", 256, 2**31)
    bins, members = integer(bins, "bins", 1, 2**31), integer(members, "members", 2, 256)
    points = as_float(to_array(at, "at"), "at", FLOAT_DTYPES[1])
    if not np.all(np.isfinite(points)):
        msg = "at must be finite"
        raise ValueError(msg)
    exact = isinstance(y, str) and isinstance(joint, NormalJoint | TableJoint)
    if method == "exact" and not exact:
        msg = "method='exact' needs a variable of a table or of a normal law"
        raise ValueError(msg)
    if exact and method in ("auto", "exact"):
        mean = np.array([_exact(joint, y, x, float(v)) for v in points.ravel()])
        return _result(points, mean, np.zeros(mean.shape), np.full(mean.shape, np.inf), "exact", 0)
    if isinstance(joint, TableJoint):
        _require_probable(joint, x, points)
    generator = default_rng(rng)
    seed = (generator.key, generator.next_ticket())
    if method == "regression":
        return _regression(joint, y, x, points, n, max(n // bins, _END), members, seed)
    bins = integer(bins, "bins", 1, n // 16)
    given, values = _sample(joint, y, x, n, Generator([*seed]))
    order = np.argsort(given, kind="stable")
    given, values = given[order], values[order]
    size = n // bins
    _require_within(given, points, size)
    mean, error, degrees = np.empty((3, points.size))
    for i, v in enumerate(points.ravel()):
        low, high = _nearest(given, float(v), size)
        part = values[low:high]
        mean[i], error[i] = part.mean(), part.std(ddof=1) / np.sqrt(len(part))
        degrees[i] = len(part) - 1
    return _result(points, mean, error, degrees, "bins", n)


def _result(
    points: Array, mean: Array, error: Array, degrees: Array, method: str, n: int
) -> Conditional:
    at, mean, error, degrees = (_shaped(v, points.shape) for v in (points, mean, error, degrees))
    return Conditional(at, mean, error, degrees, method, n)


def _shaped(values: Array, shape: tuple[int, ...]) -> Any:
    """Return values in a shape, the only one as a float if it has no dimension."""
    return values.reshape(shape) if shape else float(values.item())


def _exact(joint: Joint, y: str, x: str, value: float) -> float:
    if y == x:
        if isinstance(joint, TableJoint):
            _require_probable(joint, x, np.array(value))
        return value
    law = joint.conditional(**{x: value})
    if isinstance(law, Joint):
        law = law.marginal(y)
    # A normal law without variance is one of vectors of dimension 1.
    return float(np.asarray(law.mean()).item())


def _sample(joint: Joint, y: Any, x: str, n: int, rng: Generator) -> tuple[Array, Array]:
    """Return n samples of x and y."""
    rows = np.asarray(joint.sample(n, rng=rng), np.float64)
    # A copy, as y may change the rows it gets.
    given = rows[:, joint.names.index(x)].copy()
    values = rows[:, joint.names.index(y)] if isinstance(y, str) else y(rows)
    if np.ma.is_masked(values):
        msg = "y must not return masked values; fill them first, e.g. with filled()"
        raise TypeError(msg)
    values = np.asarray(values)
    if values.dtype.kind not in "fiub":
        msg = f"y must return real numbers, got dtype {values.dtype}"
        raise TypeError(msg)
    if values.shape != (n,):
        msg = f"y must return shape ({n},), got {values.shape}"
        raise ValueError(msg)
    return given, values.astype(np.float64)


def _require_probable(joint: TableJoint, x: str, points: Array) -> None:
    """Raise ValueError for a point that a table gives no probability."""
    law = joint.marginal(x)
    for v in points.ravel():
        if not law.pmf(v) > 0:
            msg = f"at must have a positive probability as {x}, got {v:g}"
            raise ValueError(msg)


def _require_within(given: Array, points: Array, size: int) -> None:
    """Raise ValueError for a point outside the sorted samples or in a gap between them.

    The least and the largest possible value, which no sample need have, are so within: a point may
    be further out than the samples by as much as those at the end are wide. Next to a gap that is
    the width of a bin of `size` samples, by which the mean of a bin is uncertain anyway.
    """
    low, high = given[0], given[-1]
    below, above = given[_END - 1] - low, high - given[-_END]
    wrong = points[(points < low - below) | (points > high + above)]
    if wrong.size:
        msg = f"at must be where samples of x are, from {low:g} to {high:g}, got {wrong[0]:g}"
        raise ValueError(msg)
    for v in points[(points > low) & (points < high)]:
        # given[i - 1] < v <= given[i].
        i = int(np.searchsorted(given, v))
        left, right = given[i - 1], given[i]
        width = max(left - given[max(i - size, 0)], given[i : i + size][-1] - right)
        if min(v - left, right - v) > width:
            msg = (
                f"at must be where samples of x are, got {v:g}, which is between {left:g} and "
                f"{right:g}, where none is"
            )
            raise ValueError(msg)


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
    joint: Joint,
    y: Any,
    x: str,
    points: Array,
    n: int,
    size: int,
    members: int,
    seed: tuple[int, int],
) -> Conditional:
    from fastnet import nn, optim
    from fastnet.trainer import Trainer

    rngs = [Generator([*seed, member]) for member in range(members)]
    samples = [_sample(joint, y, x, n // members, rng) for rng in rngs]
    _require_within(np.sort(np.concatenate([given for given, _ in samples])), points, size)
    fits = []
    for rng, (given, values) in zip(rngs, samples, strict=True):
        center, scale = given.mean(), given.std() or 1.0
        offset, width = values.mean(), values.std() or 1.0
        a = ((given - center) / scale).astype(np.float32)[:, None]
        b = ((values - offset) / width).astype(np.float32)[:, None]
        model = nn.Sequential(
            nn.Linear(1, 32, rng=rng), nn.Tanh(),
            nn.Linear(32, 32, rng=rng), nn.Tanh(),
            nn.Linear(32, 1, rng=rng),
        )  # fmt: skip
        # A thousand steps at either rate, which few samples take many epochs for; no more than 100,
        # which would fit the noise.
        epochs = min(max(10, -(-1000 * _BATCH // len(a))), 100)
        trainer = Trainer(model, nn.MSELoss(), optim.Adam(model.parameters(), lr=0.01))
        for rate in (0.01, 0.001):
            trainer.optimizer.param_groups[0]["lr"] = rate
            trainer.fit(a, b, epochs=epochs, batch_size=_BATCH, rng=rng, progress=False)
        new = ((points.ravel() - center) / scale).astype(np.float32)[:, None]
        fits.append(trainer.predict(new)[:, 0].astype(np.float64) * width + offset)
    values = np.array(fits)
    error = values.std(axis=0, ddof=1) / np.sqrt(members)
    degrees = np.full(error.shape, members - 1.0)
    return _result(points, values.mean(axis=0), error, degrees, "regression", n)
