"""Monte Carlo dropout: what a network's random masks say about its uncertainty."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastnet._arrays import Array, as_float
from fastnet.nn.dropout import Dropout
from fastnet.nn.module import Module
from fastnet.random import Generator, default_rng
from fastnet.random._checks import integer

_OUTPUTS = ("value", "gaussian", "logits", "probabilities")


class MCDropout:
    """The outputs of a network under random masks: the result of `fastnet.mc_dropout`.

    Attributes
    ----------
    n : int
        Passes.
    mean : ndarray, shape (rows, outputs)
        The predictive mean; of a classifier, the predictive probabilities.
    standard_error : ndarray
        Standard error of the mean over the masks, s / sqrt(n).
    epistemic : ndarray
        Variance between passes: what more data would reduce.
    aleatoric : ndarray or None
        Mean of the variance within passes, that of the data itself: the predicted variance for
        "gaussian", p (1 - p) for a classifier, None for "value", where nothing says it.
    entropy, mutual_information : ndarray, shape (rows,), or None
        Of a classifier, in nats: the entropy of the predictive probabilities (total uncertainty),
        and what of it lies between passes, H(E[p]) - E[H(p)] (Houlsby et al. 2011, "Bayesian active
        learning for classification and preference learning").
    """

    def __init__(self, model: Module, x: Array, n: int, output: str, seed: tuple[int, int]) -> None:
        self._model, self._x, self._seed = model, x, seed
        self.n = n
        self._output = output
        self.mean: Array
        self.standard_error: Array
        self.epistemic: Array
        self.aleatoric: Array | None = None
        self.entropy: Array | None = None
        self.mutual_information: Array | None = None
        self._run()

    @property
    def variance(self) -> Array:
        """The total variance, epistemic + aleatoric where that is known."""
        return self.epistemic if self.aleatoric is None else self.epistemic + self.aleatoric

    def replay(self, i: int) -> Any:
        """Return the outputs of pass i again, under the same masks."""
        i = integer(i, "i", 0, self.n - 1)
        dropouts = [m for m in self._model.modules() if isinstance(m, Dropout)]
        modules = list(self._model.modules())
        before = [(m, m.training) for m in modules]
        sources = [m.rng for m in dropouts]
        # Masks are a function of this pass's generator, whatever ran before.
        rng = Generator([*self._seed, i])
        try:
            self._model.eval()
            for m in dropouts:
                m.training, m.rng = True, rng
            return np.array(self._model(self._x))
        finally:
            for module, training in before:
                module.training = training
            for m, source in zip(dropouts, sources, strict=True):
                m.rng = source

    def _run(self) -> None:
        entropy_of_passes: Any = 0.0
        mean: Any = 0.0
        m2: Any = 0.0
        within: Any = 0.0
        for count, i in enumerate(range(self.n), 1):
            value, variance, p = self._parts(np.asarray(self.replay(i), np.float64))
            # Welford's update (1962): no difference of large sums.
            delta = value - mean
            mean = mean + delta / count
            m2 = m2 + delta * (value - mean)
            if variance is not None:
                within = within + (variance - within) / count
            if p is not None:
                entropy_of_passes = entropy_of_passes + (_entropy(p) - entropy_of_passes) / count
        self.mean = mean
        with np.errstate(invalid="ignore"):
            self.epistemic = m2 / (self.n - 1) if self.n > 1 else np.full_like(mean, np.nan)
        self.standard_error = np.sqrt(self.epistemic / self.n)
        if self._output != "value":
            self.aleatoric = within
        if self._output in ("logits", "probabilities"):
            self.entropy = _entropy(mean)
            # Rounding may leave a zero a little below.
            self.mutual_information = np.maximum(self.entropy - entropy_of_passes, 0.0)

    def _parts(self, y: Array) -> tuple[Array, Array | None, Array | None]:
        """Return a pass's value, the variance it claims, and its class probabilities."""
        if self._output == "value":
            return y, None, None
        if self._output == "gaussian":
            half = y.shape[-1] // 2
            return y[..., :half], np.exp(y[..., half:]), None
        if self._output == "logits":
            y = np.exp(y - y.max(axis=-1, keepdims=True))
            y /= y.sum(axis=-1, keepdims=True)
        return y, y * (1 - y), y

    def __repr__(self) -> str:
        return f"MCDropout(n={self.n}, mean of shape {self.mean.shape})"


def _entropy(p: Array) -> Array:
    """Return -sum p log p along the last axis, 0 log 0 being 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(-np.where(p > 0, p * np.log(p), 0.0).sum(axis=-1))


def mc_dropout(
    model: Any, x: Any, n: int = 100, *, output: str = "value", rng: Any = None
) -> MCDropout:
    """Run a network n times under dropout masks, everything else evaluating.

    Parameters
    ----------
    model : Module
        With at least one Dropout of p > 0.
    x : array_like, shape (rows, features)
    n : int, default 100
        Passes.
    output : {"value", "gaussian", "logits", "probabilities"}
        What the model gives: values; means, then as many log variances; logits or probabilities of
        classes.
    rng : None, int, Generator, ...
        One ticket is taken of it. Pass i draws its masks from ``Generator([key, ticket, i])``.

    Returns
    -------
    MCDropout

    Notes
    -----
    Gal and Ghahramani 2016, "Dropout as a Bayesian approximation". By the law of total variance,
    Var[y] = Var[E[y | mask]] + E[Var[y | mask]], epistemic and aleatoric. The modes of the model's
    modules and their generators are what they were afterwards. Same bits at any number of threads.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet
    >>> from fastnet import nn
    >>> net = nn.Sequential(nn.Dropout(0.5), nn.Linear(4, 1, bias=False))
    >>> net[1].weight.data = np.ones((1, 4), np.float32)
    >>> result = fastnet.mc_dropout(net, np.ones((1, 4), np.float32), n=2000, rng=1)
    >>> abs(float(result.mean[0, 0]) - 4) < 0.2, abs(float(result.variance[0, 0]) - 4) < 0.6
    (True, True)
    """
    if not isinstance(model, Module):
        msg = f"model must be a Module, got {type(model).__name__}"
        raise TypeError(msg)
    if output not in _OUTPUTS:
        msg = f"output must be one of {', '.join(map(repr, _OUTPUTS))}, got {output!r}"
        raise ValueError(msg)
    if not any(isinstance(m, Dropout) and m.p > 0 for m in model.modules()):
        msg = "model must have a Dropout with p > 0; without one every pass is the same"
        raise ValueError(msg)
    array = as_float(x, "x")
    dtypes = {p.data.dtype for p in model.parameters()}
    if len(dtypes) == 1:
        array = as_float(array, "x", dtypes.pop())
    generator = default_rng(rng)
    seed = (generator.key, generator.next_ticket())
    result = MCDropout(model, array, integer(n, "n", 1, 2**31 - 1), output, seed)
    if output == "gaussian" and result.mean.shape[-1] * 2 != np.shape(result.replay(0))[-1]:
        msg = "a model with output='gaussian' must have an even number of outputs"
        raise ValueError(msg)
    if output == "probabilities" and not math.isclose(float(result.mean[0].sum()), 1, abs_tol=1e-3):
        msg = "a model with output='probabilities' must give rows that sum to 1"
        raise ValueError(msg)
    return result
