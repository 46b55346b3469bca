"""Training steps: forward, softmax cross-entropy, backward, Adam; Trainer.step beside others'.

A call is STEPS steps on one batch, so that a system that works ahead of Python may do so; then its
weights are there. The loss of each step stays where the system has it; fastnet returns it.
"""

import functools

import numpy as np
import pytest
from common import Net, System, require_close, run

import fastnet
from fastnet import reference
from fastnet.reference.optim import adam_update

STEPS = 10
RATE, BETA1, BETA2, EPS = 1e-3, 0.9, 0.999, 1e-8

NETS = [
    Net((32, 64, 64, 10), 32),
    Net((784, 128, 64, 10), 64),
    Net((784, 256, 128, 10), 64),
    Net((784, 1024, 1024, 10), 128),
]
CASES = {net.name: net for net in NETS}


def flops(name):
    """FLOPs of the products of a call: each layer's y, dW and, but for the first, dx."""
    products = CASES[name].products
    return STEPS * (3 * sum(products) - products[0])


def numpy_step(net, dtype):
    """Return a function that does a step by fastnet.reference, and returns the loss before it."""
    layers = [[w.astype(dtype), b.astype(dtype)] for w, b in net.parameters()]
    state = [[(np.zeros_like(p), np.zeros_like(p)) for p in layer] for layer in layers]
    x, y = net.data()
    x = x.astype(dtype)
    power = [1.0, 1.0]

    def step():
        inputs = [x]
        for w, b in layers[:-1]:
            inputs.append(reference.linear(inputs[-1], w.T, b, "relu"))
        logits = reference.linear(inputs[-1], layers[-1][0].T, layers[-1][1])
        loss = reference.cross_entropy(logits, y)
        dy = reference.cross_entropy_backward(1.0, logits, y).astype(dtype)
        power[0] *= BETA1
        power[1] *= BETA2
        for i in reversed(range(len(layers))):
            h, (w, b) = inputs[i], layers[i]
            gradients = h.T @ dy, dy.sum(axis=0)
            if i:
                dy = reference.relu_backward(dy @ w.T, h)
            for p, g, (m, v) in zip((w, b), gradients, state[i], strict=True):
                adam_update(p, g, m, v, RATE, BETA1, BETA2, *power, EPS)
        return loss

    return step


@functools.cache
def losses(name):
    step = numpy_step(CASES[name], float)
    return [float(step()) for _ in range(STEPS)]


def check(name, answer):
    """Compare the losses of the first steps with those in float64.

    Adam's first steps are of one length for gradients of any size, so the sign of a gradient that
    is all rounding moves a weight; what that does to a loss is far below 1/1000 of it. A wrong
    rate, gradient or correction of the moments is not: the loss falls by more in a step.
    """
    expected = np.array(losses(name))
    require_close(answer, expected, 1e-3 * expected, name)


def of_steps(step):
    def call():
        for _ in range(STEPS):
            step()

    return System(call, lambda: [float(step()) for _ in range(STEPS)])


def build_fastnet(net):
    model = net.fastnet_model()
    adam = fastnet.optim.Adam(model.parameters(), lr=RATE, betas=(BETA1, BETA2), eps=EPS)
    trainer = fastnet.Trainer(model, fastnet.nn.CrossEntropyLoss(), adam)
    return of_steps(functools.partial(trainer.step, *net.data()))


def build_tape(net):
    model = net.fastnet_model()
    adam = fastnet.optim.Adam(model.parameters(), lr=RATE, betas=(BETA1, BETA2), eps=EPS)
    criterion = fastnet.nn.CrossEntropyLoss()
    x, y = (fastnet.from_numpy(a) for a in net.data())

    def step():
        adam.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        adam.step()
        return loss

    return of_steps(step)


def build_numpy(net):
    return of_steps(numpy_step(net, np.float32))


def build_torch(net, fused=False):
    import torch

    model = net.torch_model(torch)
    adam = torch.optim.Adam(model.parameters(), lr=RATE, betas=(BETA1, BETA2), eps=EPS, fused=fused)
    criterion = torch.nn.CrossEntropyLoss()
    x, y = (torch.from_numpy(a) for a in net.data())

    def step():
        adam.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        adam.step()
        return loss.detach()

    return of_steps(step)


def build_jax(net):
    import jax
    import jax.numpy as jnp

    x, y = net.data()
    x, y = jax.device_put(x), jax.device_put(y.astype(np.int32))

    def loss_of(layers, x, y):
        h = x
        for i, (w, b) in enumerate(layers):
            h = (jax.nn.relu(h) if i else h) @ w + b
        return -jnp.take_along_axis(jax.nn.log_softmax(h), y[:, None], axis=1).mean()

    # The state's buffers are given away, so that it is updated in place.
    @functools.partial(jax.jit, donate_argnums=0)
    def step_of(state, x, y):
        layers, m, v, power1, power2 = state
        loss, g = jax.value_and_grad(loss_of)(layers, x, y)
        power1, power2 = power1 * BETA1, power2 * BETA2
        m = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, m, g)
        v = jax.tree.map(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, v, g)

        def update(w, m, v):
            return w - RATE / (1 - power1) * m / (jnp.sqrt(v / (1 - power2)) + EPS)

        return loss, (jax.tree.map(update, layers, m, v), m, v, power1, power2)

    layers = jax.tree.map(jnp.array, net.parameters())
    m, v = (jax.tree.map(jnp.zeros_like, layers) for _ in range(2))
    state = [(layers, m, v, jnp.float32(1), jnp.float32(1))]

    def step():
        loss, state[0] = step_of(state[0], x, y)
        return loss

    steps = of_steps(step)

    def call():
        steps.call()
        jax.block_until_ready(state[0])

    return System(call, steps.answer)


SYSTEMS = {
    "fastnet": build_fastnet,
    "fastnet tape": build_tape,
    "numpy": build_numpy,
    "torch": build_torch,
    "torch fused": functools.partial(build_torch, fused=True),
    "jax": build_jax,
}


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("case", CASES)
def test_training(benchmark, system, case):
    import bench_training

    run(benchmark, bench_training, system, case)
