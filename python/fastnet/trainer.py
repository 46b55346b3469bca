"""The fused trainer: a Sequential compiled into the engine; step, fit, evaluate, predict."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from operator import attrgetter
from typing import Any

import numpy as np

from fastnet import _compile, _core
from fastnet._arrays import Array, flag, output, whole
from fastnet._compile.arguments import callables, clip_norm, pair
from fastnet._epochs import epoch_order as epoch_order
from fastnet._epochs import run_batches, run_epoch
from fastnet._progress import progress_bar
from fastnet.autograd.core import wrap
from fastnet.nn.module import Module
from fastnet.nn.parameter import Structure
from fastnet.optim import Optimizer
from fastnet.random import Generator, default_rng

Callback = Callable[["Trainer", int, dict[str, float]], Any]


class Trainer:
    """Trains a Sequential by whole steps, and whole epochs, in compiled code.

    Parameters
    ----------
    model : Sequential
        Of Linear layers, activations, Softmax, LogSoftmax, Dropout, LayerNorm, BatchNorm1d,
        Flatten, Identity and nested Sequentials. Its parameters move into one flat buffer:
        Parameter objects stay the same, arrays taken from them before become stale.
    loss : Module
        A loss of `fastnet.nn` with reduction "mean" or "sum".
    optimizer : Optimizer
        SGD, Adam or AdamW over parameters of the model. Its moments and counts are used and kept up
        to date, so that its own step() goes on from where the trainer is. Parameters it does not
        hold, or that need no gradient, stay as they are.

    Attributes
    ----------
    model, loss, optimizer
        What it was made of; others need a new trainer.
    epoch : int
        Epochs done by `fit`.

    Raises
    ------
    TypeError
        For a layer, loss or optimizer that can't be compiled, naming it and what can.
    ValueError
        If a parameter is used twice, or the optimizer holds one that is not the model's.

    Notes
    -----
    A step equals the taped one (zero_grad, forward, backward, step of the optimizer) bit for bit,
    at any number of threads. Steps run without Python's lock; using the trainer from another thread
    meanwhile is a RuntimeError.

    Training and evaluation mode need not be set: `step`, `gradient` and `fit` train, `predict` and
    `evaluate` evaluate. But a part of a model in training mode that eval() was called on stays as
    it is then: batch norms use their running statistics and leave them, dropout does nothing.

    Options changed later (a dropout's p, a slope, a loss's label_smoothing) count from the next
    call. Layers or parameters that were replaced, or moved to another trainer or dtype, are a
    RuntimeError: they need a new trainer.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet
    >>> from fastnet import nn, optim
    >>> rng = np.random.default_rng(0)
    >>> x = rng.uniform(-1, 1, (256, 2)).astype(np.float32)
    >>> y = (x[:, 0] * x[:, 1] > 0).astype(np.int64)
    >>> model = nn.Sequential(nn.Linear(2, 32, rng=0), nn.ReLU(), nn.Linear(32, 2, rng=1))
    >>> optimizer = optim.Adam(model.parameters(), lr=0.01)
    >>> trainer = fastnet.Trainer(model, nn.CrossEntropyLoss(), optimizer)
    >>> history = trainer.fit(x, y, epochs=50, batch_size=32, rng=0)
    >>> trainer.evaluate(x, y)["accuracy"] > 0.95
    True
    """

    def __init__(self, model: Module, loss: Module, optimizer: Optimizer) -> None:
        self.epoch = 0
        self._plan = _compile.Training(model, loss, optimizer)

    model = property(attrgetter("_plan.model"), doc="What is trained.")
    loss = property(attrgetter("_plan.loss"), doc="The loss.")
    optimizer = property(attrgetter("_plan.optimizer"), doc="The optimizer.")

    # ---- single steps ----

    def step(
        self, x: Any, y: Any, sample_weight: Any = None, max_norm: float | None = None
    ) -> float:
        """Do one training step on a batch and return the loss before it.

        Parameters
        ----------
        x : array_like, shape (batch, in_features)
        y : array_like
            Classes, shape (batch,), or targets, shape (batch, out_features), as the loss has it.
        sample_weight : array_like, shape (batch,), optional
            Nonnegative factors of the rows' losses.
        max_norm : float, optional
            Scale the gradients so that their 2-norm, over the optimizer's parameters, is at most
            this.

        Returns
        -------
        float
            If it is NaN or infinite the parameters are unchanged; running statistics of batch norms
            have taken in the batch. A batch of total weight 0 is skipped and gives NaN.
        """
        self._require_free()
        plan, norm = self._plan, clip_norm(max_norm)
        result = plan.step(x, y, norm) if sample_weight is None else None
        if result is None:
            name, arrays = plan.batch(x, y, sample_weight)
            plan.require_batch(len(arrays[0]))
            result = plan.core(name).step(*arrays, norm)
        status, value = result
        plan.count(1)
        self._clear_gradients()
        if status == _core.STEP_DONE:
            plan.publish()
        return float(value)

    def gradient(
        self, x: Any, y: Any, sample_weight: Any = None, accumulate: bool = False
    ) -> float:
        """Compute the gradients of a batch, into the parameters' `grad`, and return the loss.

        Parameters
        ----------
        x, y, sample_weight
            As in `step`.
        accumulate : bool, default False
            Add to the parameters' `grad`, where there is one, instead of overwriting it.
        """
        self._require_free()
        accumulate = flag(accumulate, "accumulate")
        name, arrays = self._plan.batch(x, y, sample_weight)
        self._plan.require_batch(len(arrays[0]))
        core = self._plan.core(name)
        if accumulate and any(slot.param._grad is not None for slot in self._plan.slots):
            self._plan.adopt_gradients()
        else:
            accumulate = False
        status, value = core.gradient(*arrays, accumulate)
        self._plan.count(1)
        if status != _core.STEP_SKIPPED:
            for slot, gradient in zip(self._plan.slots, self._plan.gradients, strict=True):
                if slot.param._requires:
                    slot.param._grad = wrap(gradient)
        return float(value)

    def apply(self, max_norm: float | None = None) -> None:
        """Update the parameters from their `grad`, and clear it.

        gradient() and then apply() equal step() bit for bit.

        Raises
        ------
        RuntimeError
            If a parameter that needs a gradient has none.
        """
        self._require_free()
        norm = clip_norm(max_norm)
        core = self._plan.core(self._plan.any_loss())
        if not self._plan.adopt_gradients():
            msg = "apply() needs gradients of all parameters; call gradient() first"
            raise RuntimeError(msg)
        core.apply(norm)
        self._clear_gradients()
        self._plan.publish()

    def _clear_gradients(self) -> None:
        for slot in self._plan.slots:
            slot.param._grad = None

    # ---- epochs ----

    def fit(
        self,
        x: Any,
        y: Any = None,
        epochs: int = 1,
        batch_size: int = 32,
        validation_data: tuple[Any, Any] | None = None,
        sample_weight: Any = None,
        shuffle: bool = True,
        rng: Any = None,
        early_stopping: int | None = None,
        max_norm: float | None = None,
        callbacks: Iterable[Callback] = (),
        progress: bool | None = None,
    ) -> dict[str, list[float]]:
        """Train for some epochs and return the history.

        Parameters
        ----------
        x : array_like, shape (n, in_features), or iterable of (x, y)
            Rows, also a memmap; or batches, gone through once an epoch in their order.
        y : array_like, optional
            As in `step`; left out if x is an iterable.
        epochs, batch_size : int
            At least 1; the last batch of an epoch is what is left.
        validation_data : (x, y), optional
            Evaluated after each epoch.
        sample_weight : array_like, shape (n,), optional
        shuffle : bool, default True
            Go through the rows in `epoch_order(rng, epoch, n)`, else in their own order.
        rng : int or Generator, optional
            By default a new one, spawned from the default Generator.
        early_stopping : int, optional
            Stop when the validation loss (without validation_data the loss) has not improved for so
            many epochs, and go back to the weights of the best.
        max_norm : float, optional
            As in `step`.
        callbacks : iterable of callable
            ``callback(trainer, epoch, logs)`` after each epoch; True stops.
        progress : bool, optional
            Show a bar; by default if tqdm is installed and stderr is a terminal.

        Returns
        -------
        dict of lists
            "loss": mean over the epoch's steps of the loss before each, by the weight of their rows
            (with an iterable by their number); with validation_data "val_loss", and "val_accuracy"
            for classes.

        Raises
        ------
        FloatingPointError
            If a loss turns NaN or infinite, naming epoch and step; weights and moments are those of
            the end of the epoch before.

        Notes
        -----
        Ctrl-C stops it within about 50 ms or one step; the model then is as after a whole step.
        """
        self._require_free()
        epochs = whole(epochs, "epochs")
        batch_size = whole(batch_size, "batch_size")
        patience = None if early_stopping is None else whole(early_stopping, "early_stopping")
        norm = clip_norm(max_norm)
        shuffle = flag(shuffle, "shuffle")
        progress = None if progress is None else flag(progress, "progress")
        callbacks = callables(callbacks)
        generator: Generator = default_rng(None).spawn(1)[0] if rng is None else default_rng(rng)
        history: dict[str, list[float]] = {"loss": []}
        if validation_data is not None:
            history["val_loss"] = []
            validation = self._plan.batch(*pair(validation_data), None)
            if validation[0] in ("cross_entropy", "nll"):
                history["val_accuracy"] = []
        if y is not None:
            name, arrays = self._plan.batch(x, y, sample_weight)
            if len(arrays[0]) == 0:
                msg = "x must have at least one row"
                raise ValueError(msg)
            batch_size = min(batch_size, len(arrays[0]))
            self._plan.require_batch(batch_size)
            self._plan.require_batch(len(arrays[0]) % batch_size)
        elif sample_weight is not None or not isinstance(x, Iterable) or isinstance(x, np.ndarray):
            msg = "y must be given, unless x is an iterable of batches (then without sample_weight)"
            raise TypeError(msg)
        best, best_copy, waited = math.inf, None, 0
        with self._fit_alone(), progress_bar(progress, epochs) as bar:
            for _ in range(epochs):
                before = self._plan.snapshot()
                try:
                    if y is None:
                        loss = run_batches(self._plan, self.epoch, x, norm)
                    else:
                        order = epoch_order(generator, self.epoch, len(arrays[0]))
                        loss = run_epoch(
                            self._plan, self.epoch, name, arrays, batch_size,
                            order if shuffle else None, norm, bar,
                        )  # fmt: skip
                except FloatingPointError:
                    self._plan.restore(before)
                    raise
                finally:
                    self._clear_gradients()
                logs = {"loss": loss}
                if validation_data is not None:
                    result = self._evaluate(*validation_data)
                    logs |= {f"val_{k}": v for k, v in result.items() if f"val_{k}" in history}
                for key, values in history.items():
                    values.append(logs[key])
                epoch = self.epoch
                self.epoch += 1
                if bar is not None:
                    bar.finish(logs)
                answers = [callback(self, epoch, dict(logs)) for callback in callbacks]
                if patience is not None:
                    score = logs.get("val_loss", loss)
                    waited += 1
                    if score < best:
                        best, best_copy, waited = score, self._plan.snapshot(), 0
                    if waited >= patience:
                        break
                if any(isinstance(a, bool | np.bool_) and a for a in answers):
                    break
            if best_copy is not None and waited > 0:
                self._plan.restore(best_copy)
        return history

    # ---- evaluation ----

    def predict(self, x: Any, out: Array | None = None) -> Array:
        """Return the model's outputs in evaluation mode.

        Parameters
        ----------
        x : array_like, shape (batch, in_features)
        out : ndarray, shape (batch, out_features), optional

        Returns
        -------
        ndarray, shape (batch, out_features)
            A row's bits do not depend on the rows around it.
        """
        self._require_free()
        return self._predict(x, out)

    def _predict(self, x: Any, out: Array | None = None) -> Array:
        plan = self._plan
        plan.require_same_model()
        y: Array | None = plan.network.direct(x, out)
        if y is not None:
            return y
        rows = plan.input(x)
        result = output(out, (len(rows), plan.layers.out_features), plan.dtype)
        plan.network.predict(rows, result)
        return result

    def evaluate(self, x: Any, y: Any, sample_weight: Any = None) -> dict[str, float]:
        """Return the loss, and for classes the accuracy, in evaluation mode.

        Examples
        --------
        >>> import numpy as np
        >>> import fastnet
        >>> from fastnet import nn, optim
        >>> model = nn.Sequential(nn.Linear(2, 1))
        >>> trainer = fastnet.Trainer(model, nn.MSELoss(), optim.SGD(model.parameters()))
        >>> list(trainer.evaluate(np.ones((3, 2)), np.ones((3, 1))))
        ['loss']
        """
        self._require_free()
        return self._evaluate(x, y, sample_weight)

    def _evaluate(self, x: Any, y: Any, sample_weight: Any = None) -> dict[str, float]:
        name, (rows, target, weight) = self._plan.batch(x, y, sample_weight)
        outputs = self._predict(rows)
        extra = {} if weight is None else {"sample_weight": weight}
        result = {"loss": float(self.loss(outputs, target, **extra))}
        if name in ("cross_entropy", "nll"):
            counted = target != self._plan.options["ignore_index"]
            hits = (outputs.argmax(axis=1) == target) & counted
            factors = np.ones(len(target)) if weight is None else weight.astype(float)
            total = float(factors[counted].sum())
            result["accuracy"] = float(factors[hits].sum()) / total if total else math.nan
        return result

    # ---- one user at a time ----

    def _require_free(self) -> None:
        if Structure.fitting:  # seldom
            Structure.fitted_here(slot.param for slot in self._plan.slots)

    @contextmanager
    def _fit_alone(self) -> Iterator[None]:
        if Structure.fitted_here(slot.param for slot in self._plan.slots):
            msg = "fit is already running"
            raise RuntimeError(msg)
        parameters = [id(slot.param) for slot in self._plan.slots]
        Structure.fitting |= dict.fromkeys(parameters, threading.get_ident())
        Structure.version += 1  # plans of the model made before are good no longer
        try:
            yield
        finally:
            for parameter in parameters:
                Structure.fitting.pop(parameter, None)
