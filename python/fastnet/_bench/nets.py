"""Nets that several kinds of cases share: widths, data, the same model in each package."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import fastnet
from fastnet._bench.common import Array, require_close, sample


@dataclass(frozen=True)
class Net:
    """Linear layers with ReLU between them, and a batch for it.

    A net with one output is trained by the mean squared error, others by cross-entropy.
    """

    widths: tuple[int, ...]
    batch: int
    dtype: str = "f4"

    @property
    def name(self) -> str:
        """Widths and batch; a width that comes more than twice in a row is counted."""
        parts: list[list[int]] = []
        for width in self.widths:
            if parts and parts[-1][0] == width:
                parts[-1][1] += 1
            else:
                parts.append([width, 1])
        texts = [
            f"({width})^{count}" if count > 2 else "-".join([str(width)] * count)
            for width, count in parts
        ]
        batch = str(self.batch) if self.batch < 10**6 else f"1e{len(str(self.batch)) - 1}"
        return f"{'-'.join(texts)} x{batch}{' f64' * (self.dtype == 'f8')}"

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Inputs and outputs of each layer."""
        return list(zip(self.widths[:-1], self.widths[1:], strict=True))

    @property
    def products(self) -> list[int]:
        """FLOPs of each layer's product, 2 to a multiply-add."""
        return [2 * self.batch * k * n for k, n in self.pairs]

    @property
    def training_flops(self) -> int:
        """FLOPs of the products of a step: each layer's y, dW and, but for the first, dx."""
        return 3 * sum(self.products) - self.products[0]

    @property
    def weights(self) -> int:
        """The number of parameters."""
        return sum((k + 1) * n for k, n in self.pairs)

    @property
    def moved(self) -> int:
        """Bytes of the parameters, of a batch and of its outputs."""
        ends = self.batch * (self.widths[0] + self.widths[-1])
        return (self.weights + ends) * np.dtype(self.dtype).itemsize

    @property
    def regression(self) -> bool:
        """Whether the loss is the mean squared error."""
        return self.widths[-1] == 1

    def parameters(self) -> list[tuple[Array, Array]]:
        """W, row-major (in, out), and the bias of each layer: uniform in +-1 / sqrt(in)."""
        rng = np.random.default_rng(1)
        return [
            (
                (rng.uniform(-1, 1, (k, n)) / k**0.5).astype(self.dtype),
                (rng.uniform(-1, 1, n) / k**0.5).astype(self.dtype),
            )
            for k, n in self.pairs
        ]

    def data(self, rows: int | None = None) -> tuple[Array, Array]:
        """Return normals and what belongs to them: classes, or a sum of sines."""
        rng = np.random.default_rng(2)
        n = self.batch if rows is None else rows
        x = rng.standard_normal((n, self.widths[0]), np.float32).astype(self.dtype)
        if self.regression:
            return x, np.sin(x).mean(axis=1, keepdims=True)
        return x, rng.integers(0, self.widths[-1], n)

    def fastnet_model(self) -> Any:
        """Return the net as a Sequential of fastnet."""
        dtype = np.dtype(self.dtype).name
        layers: list[Any] = []
        for k, n in self.pairs:
            layers += [fastnet.nn.Linear(k, n, rng=0, dtype=dtype), fastnet.nn.ReLU()]
        model = fastnet.nn.Sequential(*layers[:-1])
        state: dict[str, Array] = {}
        for i, (w, b) in enumerate(self.parameters()):
            state |= {f"{2 * i}.weight": w.T, f"{2 * i}.bias": b}
        model.load_state_dict(state)
        return model

    def torch_model(self, torch: Any) -> Any:
        """Return the net as a Sequential of PyTorch."""
        layers: list[Any] = []
        for w, b in self.parameters():
            layer = torch.nn.Linear(*w.shape)
            layer.weight.data = torch.from_numpy(w.T.copy())
            layer.bias.data = torch.from_numpy(b)
            layers += [layer, torch.nn.ReLU()]
        return torch.nn.Sequential(*layers[:-1])

    def jax(self) -> Any:
        """Return JAX, with float64 if the net needs it."""
        import jax

        jax.config.update("jax_enable_x64", self.dtype == "f8")
        return jax

    def sklearn_model(self, batch: int, **options: Any) -> Any:
        """Return the net as an estimator of scikit-learn, once fitted and then set to this state.

        Its optimizer begins anew with the next partial_fit, which needs a classifier's classes.
        """
        from sklearn.neural_network import MLPClassifier, MLPRegressor

        kind: Any = options.pop("kind", MLPRegressor if self.regression else MLPClassifier)
        model = kind(
            hidden_layer_sizes=self.widths[1:-1],
            alpha=0,
            batch_size=batch,
            shuffle=False,
            random_state=0,
            **options,
        )
        rows = max(2, min(batch, 64))
        x = np.zeros((rows, self.widths[0]), self.dtype)
        if kind is MLPClassifier:
            classes = np.arange(self.widths[-1])
            model.partial_fit(x, np.arange(rows) % len(classes), classes=classes)
        else:
            y = np.zeros((rows, self.widths[-1]), self.dtype)
            model.partial_fit(x, y[:, 0] if y.shape[1] == 1 else y)
        for i, (w, b) in enumerate(self.parameters()):
            model.coefs_[i][...], model.intercepts_[i][...] = w, b
        del model._optimizer
        return model


def jax_forward(jax: Any, layers: Any, h: Any) -> Any:
    """Return the outputs of a net of JAX arrays."""
    for i, (w, b) in enumerate(layers):
        h = (jax.nn.relu(h) if i else h) @ w + b
    return h


def forward(net: Net) -> tuple[Array, Array]:
    """Return a net's outputs in float64 and a bound of the error that its dtype makes.

    A product of k terms errs by at most (k + 2) u |x| |W|, bias and its rounding included, whatever
    the order of its sums (Higham 2002, section 3.1), with u = eps / 2; an error of its input passes
    through |W|, and ReLU enlarges none. eps for u leaves room for second-order terms.
    """
    x = net.data()[0]
    # Rows do not depend on each other: some are enough where there are many.
    h = x[sample(len(x))].astype(np.longdouble if net.dtype == "f8" else float)
    eps = float(np.finfo(net.dtype).eps)
    error = np.zeros_like(h)
    layers = net.parameters()
    for i, (w, b) in enumerate(layers):
        w, b = w.astype(h.dtype), b.astype(h.dtype)
        error = error @ np.abs(w) + (len(w) + 2) * eps * (np.abs(h) @ np.abs(w) + np.abs(b))
        h = h @ w + b
        if i < len(layers) - 1:
            h = np.maximum(h, 0)
    return h, error


def check_outputs(net: Net, answer: Any) -> float:
    """Compare a net's outputs with those of `forward`."""
    expected, bound = forward(net)
    answer = np.asarray(answer).reshape(net.batch, net.widths[-1])
    return require_close(answer[sample(len(answer))], expected, bound)
