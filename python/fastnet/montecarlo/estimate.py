"""Estimate: what a Monte Carlo expectation found, and how far it may be from the truth."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple, Self

import numpy as np

from fastnet import _core
from fastnet._arrays import Array
from fastnet.montecarlo import _codec as codec
from fastnet.montecarlo._layout import Layout
from fastnet.montecarlo._quantiles import anytime_width, checked_level, student_quantile
from fastnet.montecarlo._statistics import (
    Summary,
    covariance,
    kurtosis,
    skewness,
    variance,
    with_error,
)

CHUNK: int = _core.CHUNK
STOPPING = codec.STOPPING
# Fewer chunks than this say little about how a statistic varies between them.
_MIN_SPREAD = 8


class Interval(NamedTuple):
    """The ends of a confidence interval, numbers or arrays."""

    low: Any
    high: Any


class Point(NamedTuple):
    """What the first n samples gave."""

    n: int
    mean: Any
    standard_error: Any


class Estimate:
    """An expectation with its error: the result of `fastnet.expectation`.

    An Estimate holds the moments of numbered chunks of samples, merged over a binary tree of the
    numbers (Pebay, SAND2008-6212), not the samples. Its bits depend on the set of chunks alone:
    merging estimates of disjoint chunks in any order gives the estimate of all of them. It is
    compared by bits.

    Attributes
    ----------
    success : bool
        Whether the precision that was asked for was reached.
    status : str
        Why sampling ended: "n", "rtol", "atol", "time", "n_max", "interrupt", "merged".
    message : str
        The same in words.
    how : str
        "traced" (evaluated in C++), "network", "callback" or "python"; for "python" `message` says
        why.
    """

    __slots__ = (
        "_layout", "_runs", "confidence_level", "how", "message", "status", "stopping", "success",
        "tuned",
    )  # fmt: skip
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, layout: Layout, confidence_level: float = 0.95) -> None:
        self._layout = layout
        self._runs: dict[str, Any] = {}
        self.confidence_level = confidence_level
        self.stopping = "clt"
        self.tuned = 0.0
        self.success = True
        self.status = "n"
        self.message = ""
        self.how = ""

    def _tree(self, run: str) -> Any:
        """Return the tree of a run, which is made if there is none."""
        if run not in self._runs:
            self._runs[run] = _core.ChunkTree(self._layout.columns, self._layout.cross)
        return self._runs[run]

    # ---- sums ----

    def _total(self) -> tuple[Array, Array, Array, Array]:
        """Return samples, moments, products and spreads of all runs together."""
        trees = [self._runs[run] for run in sorted(self._runs)]
        trees = trees or [_core.ChunkTree(self._layout.columns, self._layout.cross)]
        numbers, moments, products, spreads = _core.total(trees)
        return numbers[0], moments[0], products[0], spreads[0]

    @property
    def n(self) -> int:
        """Evaluations of the function."""
        return self._layout.cost * self._values

    @property
    def _values(self) -> int:
        return int(self._total()[0][2])

    @property
    def n_nonfinite(self) -> int:
        """Values that were NaN or infinite and left out (nan_policy="omit")."""
        return int(self._total()[0][3])

    # ---- moments ----

    @property
    def mean(self) -> Any:
        """The expectation."""
        return self._layout.shape(self._summary().mean)

    @property
    def standard_error(self) -> Any:
        """Standard error of the mean, s / sqrt(n)."""
        return self._layout.shape(self._summary().error)

    @property
    def variance(self) -> Any:
        """Variance of the values, the sum of squares around the mean over n - 1."""
        _, m, _, _ = self._total()
        return self._layout.value(variance(m))

    @property
    def standard_deviation(self) -> Any:
        """Square root of the variance."""
        return np.sqrt(self.variance)[()]

    @property
    def skewness(self) -> Any:
        """Skewness of the values, m3 / m2^(3/2) with m_k the mean of (x - mean)^k."""
        _, m, _, _ = self._total()
        return self._layout.value(skewness(m))

    @property
    def kurtosis(self) -> Any:
        """Excess kurtosis of the values, m4 / m2^2 - 3."""
        _, m, _, _ = self._total()
        return self._layout.value(kurtosis(m))

    @property
    def minimum(self) -> Any:
        """The smallest value."""
        return self._layout.value(self._total()[1][:, 6])

    @property
    def maximum(self) -> Any:
        """The largest value."""
        return self._layout.value(self._total()[1][:, 7])

    @property
    def covariance(self) -> Any:
        """Covariance matrix of the outputs; the variance for one."""
        _, m, products, _ = self._total()
        return self._layout.value_matrix(covariance(m, products, self._layout))

    @property
    def ess(self) -> float:
        """Effective sample size, (sum w)^2 / sum w^2 with importance weights w; else n."""
        if not self._layout.weighted:
            return float(self._values)
        _, m, _, _ = self._total()
        n, mean, m2 = m[-1, 0], m[-1, 1], m[-1, 3]
        return float((n * mean) ** 2 / (m2 + n * mean**2)) if n else 0.0

    def moment_error(self, moment: str) -> Any:
        """Return the standard error of "mean", "variance", "skewness" or "kurtosis".

        That of the variance is sqrt((m4 - m2^2 (n - 3) / (n - 1)) / n); those of skewness and
        kurtosis come from how they vary between the chunks of 4096 values, and are NaN for fewer
        than 8 chunks.
        """
        _, m, _, spreads = self._total()
        if moment == "mean":
            return self.standard_error
        if moment == "variance":
            n = m[:, 0]
            with np.errstate(divide="ignore", invalid="ignore"):
                m2, m4 = m[:, 3] / n, m[:, 5] / n
                return self._layout.value(
                    np.sqrt(np.maximum(m4 - m2**2 * (n - 3) / (n - 1), 0) / n)
                )
        if moment not in ("skewness", "kurtosis"):
            msg = f"moment must be 'mean', 'variance', 'skewness' or 'kurtosis', got {moment!r}"
            raise ValueError(msg)
        chunks, _, m2 = spreads[:, ("skewness", "kurtosis").index(moment)].T
        with np.errstate(divide="ignore", invalid="ignore"):
            error = np.sqrt(m2 / (chunks - 1) / chunks)
        return self._layout.value(np.where(chunks >= _MIN_SPREAD, error, np.nan))

    def _summary(self) -> Summary:
        _, m, products, _ = self._total()
        return self._layout.summary(m, products)

    def confidence_interval(self, level: float | None = None) -> Interval:
        """Return the interval that covers the expectation with probability `level`.

        Parameters
        ----------
        level : float, optional
            `confidence_level` if None.

        Returns
        -------
        Interval
            low and high. By the central limit theorem with Student's quantile, mean -+ t s/sqrt(n);
            after stopping="anytime", one that holds at all n at once.

        Examples
        --------
        >>> import fastnet
        >>> from fastnet.stats import Normal
        >>> e = fastnet.expectation(lambda x: x**2, Normal(), n=100_000, rng=1)
        >>> low, high = e.confidence_interval(0.99)
        >>> bool(low < 1 < high)
        True
        """
        level = self.confidence_level if level is None else checked_level(level, "level")
        width = self._half_width(level)
        s = self._summary()
        return Interval(self._layout.shape(s.mean - width), self._layout.shape(s.mean + width))

    def _half_width(self, level: float) -> Array:
        s = self._summary()
        if s.values < 2:
            return np.full(np.shape(s.mean), np.inf)
        if self.stopping == "anytime":
            scale = anytime_width(s.values, 1.0, level, self.tuned) * math.sqrt(s.values)
        else:
            scale = student_quantile(0.5 + level / 2, s.degrees)
        return np.asarray(s.error * scale)

    # ---- history ----

    @property
    def history(self) -> list[Point]:
        """What the first n samples gave, for n = 4096, 8192, 16384, ... and all of them."""
        points = []
        if len(self._runs) == 1:
            ((_, tree),) = self._runs.items()
            numbers, moments, products, _ = tree.history()
            for k, m, c in zip(numbers, moments, products, strict=True):
                s = self._layout.summary(m, c)
                points.append(self._point(int(k[2]) * self._layout.cost, s))
        last = self._point(self.n, self._summary())
        if not points or points[-1].n != last.n:
            points.append(last)
        return points

    def _point(self, n: int, s: Summary) -> Point:
        return Point(n, self._layout.shape(s.mean), self._layout.shape(s.error))

    def plot(self, ax: Any = None, truth: float | None = None) -> Any:
        """Draw how the error fell with n, beside the law of large numbers' 1 / sqrt(n).

        Parameters
        ----------
        ax : matplotlib Axes, optional
        truth : float, optional
            The exact value, if known: the true error is drawn too.

        Returns
        -------
        matplotlib Axes
        """
        from fastnet.plot import convergence

        return convergence(self, ax=ax, truth=truth)

    # ---- merging ----

    def merge(self, other: Any) -> Estimate:
        """Return the estimate of both sets of samples.

        Of two levels it has the larger, and "anytime" if one of them has it.

        Raises
        ------
        ValueError
            If some chunk of samples is in both, or they are of different outputs, methods, dtypes,
            distributions (by kind and parameters; of a class of yours, by its name) or functions
            (by the operations and constants traced; what is not traced is not compared).
        """
        if not isinstance(other, Estimate):
            msg = f"other must be an Estimate, got {type(other).__name__}"
            raise TypeError(msg)
        layout = self._layout.joined(other._layout)
        result = self._copy()
        result._layout = layout
        try:
            for run, tree in other._runs.items():
                _add_all(result._tree(run), tree)
        except ValueError as error:
            msg = (
                f"other must have samples that are not in this estimate, got some that are: {error}"
            )
            raise ValueError(msg) from error
        result.success = self.success and other.success
        result.status, result.message = "merged", ""
        result.how = self.how if self.how == other.how else "python"
        # The wider of both intervals, in either order.
        result.stopping = min(self.stopping, other.stopping)
        result.tuned = max(self.tuned, other.tuned)
        result.confidence_level = max(self.confidence_level, other.confidence_level)
        return result

    __or__ = merge

    def _copy(self) -> Estimate:
        result = Estimate(self._layout, self.confidence_level)
        for name in ("stopping", "tuned", "success", "status", "message", "how"):
            setattr(result, name, getattr(self, name))
        for run, tree in self._runs.items():
            _add_all(result._tree(run), tree)
        return result

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Estimate):
            return NotImplemented
        return self._content() == other._content()

    # ---- bytes ----

    def _content(self) -> bytes:
        """Return what the samples say, without how they were come by."""
        return codec.content(self._layout, self._runs)

    def to_bytes(self) -> bytes:
        """Return everything about it; the same samples give the same bytes."""
        header = {name: getattr(self, name) for name in codec.ATTRIBUTES}
        return codec.encode(header, self._layout, self._runs)

    @classmethod
    def from_bytes(cls, data: Any) -> Self:
        """Return the Estimate that `to_bytes` gave these bytes of.

        Raises
        ------
        ValueError
            If they are not such bytes, whole.
        """
        if not isinstance(data, bytes | bytearray | memoryview):
            msg = f"data must be bytes, got {type(data).__name__}"
            raise TypeError(msg)
        try:
            header, layout, runs = codec.decode(bytes(data))
        except codec.ERRORS as error:
            msg = f"data must be what Estimate.to_bytes gave: {error}"
            raise ValueError(msg) from error
        result = cls(layout)
        for name in codec.ATTRIBUTES:
            setattr(result, name, header[name])
        result._runs = runs
        return result

    def __reduce__(self) -> Any:
        return Estimate.from_bytes, (self.to_bytes(),)

    # ---- for people ----

    def __repr__(self) -> str:
        n = f"n = {self.n:,}"
        s = self._summary()
        if s.values == 0:
            return "Estimate(no samples)"
        width = self._half_width(self.confidence_level)
        level = f"{100 * self.confidence_level:g} %"
        pairs = [
            with_error(float(m), float(w))
            for m, w in zip(np.ravel(s.mean), np.ravel(width), strict=True)
        ]
        if self._layout.scalar:
            text = f"{pairs[0]} ({level}), {n}"
        else:
            shown = pairs if len(pairs) <= 8 else [*pairs[:4], "...", *pairs[-3:]]
            text = f"[{', '.join(shown)}] ({level}), {n}"
        return text if self.success else f"{text}; not converged: {self.message}"

    def __iter__(self) -> Iterator[Any]:
        msg = "an Estimate has no parts; use its mean and standard_error"
        raise TypeError(msg)


def _add_all(tree: Any, other: Any) -> None:
    tree.add(*other.nodes(), False)
    tree.add(*other.history(), True)
