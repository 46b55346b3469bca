"""An epoch of Trainer.fit over shuffled rows, beside the loops that others' users write."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np

from fastnet._bench import training
from fastnet._bench.common import Array, Case, Kind, System, require_close
from fastnet._bench.nets import Net


class Epoch(NamedTuple):
    """A net and its batch, and how many rows there are: a multiple of the batch."""

    net: Net
    rows: int

    @property
    def checked(self) -> int:
        """How many rows are gone through, in their order, to compare the answers."""
        return min(self.rows, 20 * self.net.batch)

    @property
    def batches(self) -> int:
        """How many steps there are."""
        return self.rows // self.net.batch


EPOCHS = [
    Epoch(Net((16, 32, 16, 3), 32), 4096),
    Epoch(Net((64, 128, 64, 10), 32), 1440),
    Epoch(Net((784, 128, 64, 10), 128), 12800),
    Epoch(Net((20, 256, 256, 256, 1), 256), 25600),
    Epoch(Net((4, 500, 1), 1000), 100_000),
]
SHORT = EPOCHS[:2]


def case_of(epoch: Epoch) -> Case:
    net, rows = epoch
    state = 6 * net.weights * epoch.batches
    moved = np.dtype(net.dtype).itemsize * (rows * (net.widths[0] + 1) + state)
    flops = float(epoch.batches * net.training_flops)
    return Case(f"{net.name} of {rows}", epoch, flops, moved, short=epoch in SHORT)


@functools.cache
def mean_loss(epoch: Epoch) -> float:
    """Return the mean loss over the checked rows in float64."""
    x, y = training.in_double(epoch.net, epoch.rows)
    return mean(training.numpy_step(epoch.net, float), epoch, x, y)


def batches(epoch: Epoch, x: Any, y: Any) -> Any:
    n = epoch.net.batch
    return ((x[i : i + n], y[i : i + n]) for i in range(0, len(x), n))


def mean(step: Any, epoch: Epoch, x: Any, y: Any) -> float:
    """Return the mean loss of steps over the checked rows."""
    n = epoch.checked
    return float(np.mean([float(step(*batch)) for batch in batches(epoch, x[:n], y[:n])]))


def check(epoch: Epoch, answer: Any) -> float:
    """Compare the mean loss; see training.check, whose differences many steps add up."""
    expected = np.array(mean_loss(epoch))
    return require_close(np.array(answer), expected, 1e-2 * expected)


def build_fastnet(epoch: Epoch) -> System:
    trainer = training.fastnet_trainer(epoch.net)
    x, y = epoch.net.data(epoch.rows)

    def fit(n: int, shuffle: bool) -> float:
        history = trainer.fit(
            x[:n], y[:n], batch_size=epoch.net.batch, shuffle=shuffle, rng=0, progress=False
        )
        return history["loss"][0]

    return System(lambda: fit(epoch.rows, True), lambda: fit(epoch.checked, False))


def shuffled(rng: Any, x: Array, y: Array) -> tuple[Array, Array]:
    order = rng.permutation(len(x))
    return x[order], y[order]


def build_numpy(epoch: Epoch) -> System:
    step = training.numpy_step(epoch.net, epoch.net.dtype)
    x, y = epoch.net.data(epoch.rows)
    rng = np.random.default_rng(0)

    def call():
        for batch in batches(epoch, *shuffled(rng, x, y)):
            step(*batch)

    return System(call, lambda: mean(step, epoch, x, y))


def build_torch(epoch: Epoch, fused: bool = False, compiled: bool = False) -> System:
    """Whole rows are put in order at once: far faster than a DataLoader of single ones."""
    import torch

    step = training.torch_step(epoch.net, fused, compiled)
    x, y = (torch.from_numpy(a) for a in epoch.net.data(epoch.rows))

    def call():
        order = torch.randperm(epoch.rows)
        for batch in batches(epoch, x[order], y[order]):
            step(*batch)

    return System(call, lambda: mean(step, epoch, x, y))


def build_jax(epoch: Epoch) -> System:
    """Run the whole epoch as one compiled loop."""
    jax, step, first = training.jax_step(epoch.net)
    x, y = training.jax_data(jax, epoch.net, epoch.rows)
    parts = [(-1, epoch.net.batch, *a.shape[1:]) for a in (x, y)]

    @functools.partial(jax.jit, donate_argnums=0)
    def run(state, order, x, y):
        whole = tuple(a[order].reshape(p) for a, p in zip((x, y), parts, strict=True))
        state, losses = jax.lax.scan(step, state, whole)
        return state, losses.mean()

    state = [first]
    rng = np.random.default_rng(0)

    def epoch_of(order):
        state[0], loss = run(state[0], order, x, y)
        return loss

    def call():
        epoch_of(rng.permutation(epoch.rows).astype(np.int32))
        jax.block_until_ready(state[0])

    return System(call, lambda: float(epoch_of(np.arange(epoch.checked, dtype=np.int32))))


def build_sklearn(epoch: Epoch) -> System:
    model, fit = training.sklearn_fit(epoch.net)
    x, y = epoch.net.data(epoch.rows)

    def answer():
        loss = fit(x[: epoch.checked], y[: epoch.checked])
        model.shuffle = True
        return loss

    return System(lambda: fit(x, y), answer)


KIND = Kind(
    "fit",
    "an epoch of training with Adam",
    [case_of(epoch) for epoch in EPOCHS],
    {
        "fastnet": build_fastnet,
        "numpy": build_numpy,
        "torch": build_torch,
        "torch fused": functools.partial(build_torch, fused=True),
        "torch compile": functools.partial(build_torch, fused=True, compiled=True),
        "jax": build_jax,
        "sklearn": build_sklearn,
    },
    check,
)
