"""A dense network trained by Adam in plain NumPy, what the fused trainer is compared with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from fastnet.reference.activation import relu, relu_backward
from fastnet.reference.linear import linear
from fastnet.reference.optim import adam_update
from fastnet.reference.softmax import log_softmax

Array = np.ndarray[Any, Any]


def _views(flat: Array, like: Sequence[Array]) -> list[Array]:
    """Return consecutive pieces of a flat array in the shapes of others."""
    ends = np.cumsum([array.size for array in like])
    pieces = np.split(flat, ends[:-1])
    return [piece.reshape(array.shape) for piece, array in zip(pieces, like, strict=True)]


class Network:
    """Linear layers with relu between, for cross-entropy over classes.

    Parameters
    ----------
    parameters : sequence of ndarray
        Weight (out_features, in_features) and bias (out_features,) of each layer in turn, of one
        dtype; copied.
    lr : float
    betas, eps
        Adam's.
    label_smoothing : float
        A target is 1 - label_smoothing at its class and label_smoothing / classes everywhere.

    Notes
    -----
    All parameters are views of one flat array, so that Adam is a dozen calls of NumPy a step, and
    not a dozen for each parameter.
    """

    def __init__(
        self,
        parameters: Sequence[Array],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        label_smoothing: float = 0.0,
    ) -> None:
        self.lr, self.betas, self.eps, self.label_smoothing = lr, betas, eps, label_smoothing
        self.flat = np.concatenate([array.ravel() for array in parameters])
        self.gradient = np.zeros_like(self.flat)
        self.m, self.v = np.zeros_like(self.flat), np.zeros_like(self.flat)
        self.powers = (1.0, 1.0)
        self.parameters = _views(self.flat, parameters)
        self.gradients = _views(self.gradient, parameters)

    def forward(self, x: Array) -> list[Array]:
        """Return x, what each hidden layer makes of it, and the logits."""
        outputs = [x]
        for i in range(0, len(self.parameters), 2):
            last = i == len(self.parameters) - 2
            y = linear(outputs[-1], self.parameters[i], self.parameters[i + 1])
            outputs.append(y if last else relu(y))
        return outputs

    def backward(self, outputs: list[Array], y: Array) -> float:
        """Write the gradients of the mean cross-entropy and return it."""
        log_p = log_softmax(outputs[-1], 1)
        n, classes = log_p.shape
        target = np.full_like(log_p, self.label_smoothing / classes)
        target[np.arange(n), y] += 1 - self.label_smoothing
        dy = (np.exp(log_p) - target) / n
        for i in range(len(outputs) - 2, -1, -1):
            np.matmul(dy.T, outputs[i], out=self.gradients[2 * i])
            np.sum(dy, axis=0, out=self.gradients[2 * i + 1])
            if i:
                dy = relu_backward(dy @ self.parameters[2 * i], outputs[i])
        return float(-(target * log_p).sum() / n)

    def step(self, x: Array, y: Array) -> float:
        """Do one step of Adam on a batch and return the loss before it."""
        loss = self.backward(self.forward(x), y)
        beta1, beta2 = self.betas
        self.powers = (self.powers[0] * beta1, self.powers[1] * beta2)
        adam_update(
            self.flat, self.gradient, self.m, self.v, self.lr, beta1, beta2, *self.powers, self.eps
        )
        return loss

    def fit(
        self,
        x: Array,
        y: Array,
        orders: Iterable[Array],
        batch_size: int = 32,
        callback: Callable[[], object] | None = None,
    ) -> None:
        """Go through the rows once in each order, and call back after each."""
        for order in orders:
            for start in range(0, len(x), batch_size):
                rows = order[start : start + batch_size]
                self.step(x[rows], y[rows])
            if callback is not None:
                callback()

    def predict(self, x: Array) -> Array:
        """Return the logits."""
        return self.forward(x)[-1]
