"""Training steps: forward, loss, backward, Adam; Trainer.step beside others'.

A call is some steps on one batch, so that a system that works ahead of Python may do so; then its
weights are there. The loss of each step stays where the system has it; fastnet returns it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

import fastnet
from fastnet import reference
from fastnet._bench.common import Array, Case, Kind, System, require_close
from fastnet._bench.nets import Net, jax_forward
from fastnet.reference.optim import adam_update

RATE, BETA1, BETA2, EPS = 1e-3, 0.9, 0.999, 1e-8

NETS = [
    # Some hundred parameters to some ten thousand, stepped through by people who search policies.
    Net((16, 32, 16, 2), 32),
    Net((50, 128, 128, 16), 32),
    Net((32, 64, 64, 10), 32),
    Net((4, 120, 84, 2), 128),
    *(Net((64, 128, 64, 10), batch) for batch in (1, 32, 256)),
    # A surrogate of three layers, widened unit by unit.
    *(Net((8, width, width, width, 1), 64) for width in (32, 40, 47, 64)),
    # Digits and tables.
    Net((784, 128, 64, 10), 64),
    *(Net((784, 256, 128, 10), batch) for batch in (64, 4096)),
    Net((20, 256, 256, 256, 1), 256),
    # Deep and narrow, wide.
    Net((64,) * 8 + (10,), 128),
    Net((784, 1024, 1024, 10), 128),
    Net((512, 2048, 2048, 10), 128),
    Net((784, 256, 128, 10), 64, "f8"),
]
SHORT = [Net((32, 64, 64, 10), 32), Net((784, 256, 128, 10), 64), Net((784, 1024, 1024, 10), 128)]


def steps_of(net: Net) -> int:
    """Return how many steps a call is: 10, or fewer if one takes some milliseconds."""
    return max(1, min(10, int(2e9 / net.training_flops)))


def case_of(net: Net) -> Case:
    steps = steps_of(net)
    # Adam reads the weight and two moments and writes them.
    moved = steps * (net.moved + 6 * net.weights * np.dtype(net.dtype).itemsize)
    flops = float(steps * net.training_flops)
    return Case(net.name, net, flops, moved, net.dtype, net in SHORT)


def numpy_step(net: Net, dtype: Any) -> Callable[[Array, Array], Any]:
    """Return a function that does a step by fastnet.reference, and returns the loss before it."""
    layers = [[w.astype(dtype), b.astype(dtype)] for w, b in net.parameters()]
    state = [[(np.zeros_like(p), np.zeros_like(p)) for p in layer] for layer in layers]
    power = [1.0, 1.0]
    name = "mse_loss" if net.regression else "cross_entropy"
    loss_of, gradient_of = getattr(reference, name), getattr(reference, f"{name}_backward")

    def step(x, y):
        inputs = [x]
        for w, b in layers[:-1]:
            inputs.append(reference.linear(inputs[-1], w.T, b, "relu"))
        outputs = reference.linear(inputs[-1], layers[-1][0].T, layers[-1][1])
        loss = loss_of(outputs, y)
        dy = gradient_of(1.0, outputs, y).astype(dtype)
        power[0] *= BETA1
        power[1] *= BETA2
        for i in reversed(range(len(layers))):
            h, (w, b) = inputs[i], layers[i]
            gradients = h.T @ dy, dy.sum(axis=0)
            if i:
                dy = reference.relu_backward(dy @ w.T, h)
            for p, g, (m, v) in zip((w, b), gradients, state[i], strict=True):
                adam_update(p, g, m, v, RATE, BETA1, BETA2, power[0], power[1], EPS)
        return loss

    return step


def in_double(net: Net, rows: int | None = None) -> tuple[Array, Array]:
    """Return the net's data in float64; classes stay classes."""
    x, y = net.data(rows)
    return x.astype(float), y.astype(float) if net.regression else y


@functools.cache
def losses(net: Net) -> Array:
    step = numpy_step(net, float)
    x, y = in_double(net)
    return np.array([float(step(x, y)) for _ in range(steps_of(net))])


def check(net: Net, answer: Any) -> float:
    """Compare the losses of the first steps with those in float64.

    Adam's first steps are of one length for gradients of any size, so the sign of a gradient that
    is all rounding moves a weight; what that does to a loss is far below 1/1000 of it. A wrong
    rate, gradient or correction of the moments is not: the loss falls by more in a step.
    """
    expected = losses(net)
    return require_close(answer, expected, 1e-3 * expected)


def repeated(net: Net, step: Callable[[], Any], done: Callable[[], Any] | None = None) -> System:
    """Return a system that repeats a step; `done` waits for what is under way."""
    steps = steps_of(net)

    def call():
        for _ in range(steps):
            step()
        if done is not None:
            done()

    return System(call, lambda: [float(step()) for _ in range(steps)])


def fastnet_adam(model: Any) -> Any:
    return fastnet.optim.Adam(model.parameters(), lr=RATE, betas=(BETA1, BETA2), eps=EPS)


def fastnet_trainer(net: Net) -> fastnet.Trainer:
    model = net.fastnet_model()
    loss = fastnet.nn.MSELoss() if net.regression else fastnet.nn.CrossEntropyLoss()
    return fastnet.Trainer(model, loss, fastnet_adam(model))


def build_fastnet(net: Net) -> System:
    return repeated(net, functools.partial(fastnet_trainer(net).step, *net.data()))


def build_numpy(net: Net) -> System:
    return repeated(net, functools.partial(numpy_step(net, net.dtype), *net.data()))


def torch_step(net: Net, fused: bool = False, compiled: bool = False) -> Callable[[Any, Any], Any]:
    """Return a function that does a step in PyTorch on Tensors and returns the loss before it."""
    import torch

    model = net.torch_model(torch)
    adam = torch.optim.Adam(model.parameters(), lr=RATE, betas=(BETA1, BETA2), eps=EPS, fused=fused)
    criterion = torch.nn.MSELoss() if net.regression else torch.nn.CrossEntropyLoss()

    def loss_of(x, y):
        return criterion(model(x), y)

    if compiled:
        torch.compiler.reset()
        loss_of = torch.compile(loss_of)

    def step(x, y):
        adam.zero_grad()
        loss = loss_of(x, y)
        loss.backward()
        adam.step()
        return loss.detach()

    return step


def build_torch(net: Net, fused: bool = False, compiled: bool = False) -> System:
    import torch

    x, y = (torch.from_numpy(a) for a in net.data())
    return repeated(net, functools.partial(torch_step(net, fused, compiled), x, y))


def jax_step(net: Net) -> tuple[Any, Any, Any]:
    """Return JAX, a function from (state, batch) to (state, loss), and the first state."""
    jax = net.jax()
    jnp = jax.numpy

    def loss_of(layers, x, y):
        outputs = jax_forward(jax, layers, x)
        if net.regression:
            return ((outputs - y) ** 2).mean()
        return -jnp.take_along_axis(jax.nn.log_softmax(outputs), y[:, None], axis=1).mean()

    def step(state, batch):
        layers, m, v, power1, power2 = state
        loss, g = jax.value_and_grad(loss_of)(layers, *batch)
        power1, power2 = power1 * BETA1, power2 * BETA2
        m = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, m, g)
        v = jax.tree.map(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, v, g)

        def update(w, m, v):
            return w - RATE / (1 - power1) * m / (jnp.sqrt(v / (1 - power2)) + EPS)

        return (jax.tree.map(update, layers, m, v), m, v, power1, power2), loss

    layers = jax.tree.map(jnp.array, net.parameters())
    m, v = (jax.tree.map(jnp.zeros_like, layers) for _ in range(2))
    one = jnp.ones((), net.dtype)
    return jax, step, (layers, m, v, one, one + 0)


def jax_data(jax: Any, net: Net, rows: int | None = None) -> tuple[Any, Any]:
    """Return the net's data as JAX's arrays, classes of 32 bits."""
    x, y = net.data(rows)
    return jax.device_put(x), jax.device_put(y if net.regression else y.astype(np.int32))


def build_jax(net: Net) -> System:
    jax, step_of, first = jax_step(net)
    batch = jax_data(jax, net)
    # The state's buffers are given away, so that it is updated in place.
    compiled = jax.jit(step_of, donate_argnums=0)
    state = [first]

    def step():
        state[0], loss = compiled(state[0], batch)
        return loss

    return repeated(net, step, lambda: jax.block_until_ready(state[0]))


def sklearn_fit(net: Net) -> tuple[Any, Callable[[Array, Array], float]]:
    """Return an estimator, and what fits it to rows once, batch by batch, and returns the loss."""
    if net.widths[-1] == 2:
        msg = "scikit-learn gives two classes one output"
        raise NotImplementedError(msg)
    # It adds epsilon to the root before that is corrected for the first steps' sake; so it is made
    # smaller by what the correction is at the first.
    epsilon = EPS * (1 - BETA2) ** 0.5
    settings = {"learning_rate_init": RATE, "beta_1": BETA1, "beta_2": BETA2, "epsilon": epsilon}
    model = net.sklearn_model(net.batch, **settings)

    def fit(x, y):
        if net.regression:
            # It halves the squared error; Adam does not care.
            return 2 * float(model.partial_fit(x, y[:, 0]).loss_)
        return float(model.partial_fit(x, y, classes=classes).loss_)

    classes = np.arange(net.widths[-1])
    return model, fit


def build_sklearn(net: Net) -> System:
    fit = sklearn_fit(net)[1]
    return repeated(net, functools.partial(fit, *net.data()))


KIND = Kind(
    "training",
    "training steps with Adam",
    [case_of(net) for net in NETS],
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
