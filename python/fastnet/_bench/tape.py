"""The tape: zero_grad, forward, backward, step from Python, beside PyTorch's the same way."""

from __future__ import annotations

import functools

import fastnet
from fastnet._bench import training
from fastnet._bench.common import Kind, System
from fastnet._bench.nets import Net

NETS = [
    Net((16, 32, 16, 2), 32),
    Net((32, 64, 64, 10), 32),
    *(Net((64, 128, 64, 10), batch) for batch in (1, 32, 256)),
    Net((784, 256, 128, 10), 64),
    Net((20, 256, 256, 256, 1), 256),
    Net((64,) * 8 + (10,), 128),
    Net((784, 1024, 1024, 10), 128),
]


def build_fastnet(net: Net) -> System:
    model = net.fastnet_model()
    adam = training.fastnet_adam(model)
    criterion = fastnet.nn.MSELoss() if net.regression else fastnet.nn.CrossEntropyLoss()
    x, y = (fastnet.from_numpy(a) for a in net.data())

    def step():
        adam.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        adam.step()
        return loss

    return training.repeated(net, step)


KIND = Kind(
    "tape",
    "training steps on the tape, with Adam",
    [training.case_of(net) for net in NETS],
    {
        "fastnet": build_fastnet,
        "torch": training.build_torch,
        "torch fused": functools.partial(training.build_torch, fused=True),
    },
    training.check,
)
