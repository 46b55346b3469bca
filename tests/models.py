"""Small models that several tests train, by the tape and by the trainer."""

import itertools

import numpy as np
from helpers import assert_same_bits

import fastnet
from fastnet import nn, optim

OPTIMIZERS = {
    "sgd": lambda p: optim.SGD(p, lr=0.1),
    "momentum": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, dampening=0.1, weight_decay=0.01),
    "nesterov": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "adam": lambda p: optim.Adam(p, lr=0.01, weight_decay=0.01),
    "adamw": lambda p: optim.AdamW(p, lr=0.01, weight_decay=0.1),
    "maximize": lambda p: optim.Adam(p, lr=0.01, maximize=True),
}


def mlp(widths=(20, 33, 17, 5), activation=nn.ReLU, dtype=np.float32, seed=0, dropout=0.0):
    layers = []
    rng = fastnet.random.Generator(seed)
    for i, (a, b) in enumerate(itertools.pairwise(widths)):
        layers.append(nn.Linear(a, b, dtype=dtype, rng=rng))
        if i < len(widths) - 2:
            layers.append(activation())
            if dropout:
                layers.append(nn.Dropout(dropout, rng=fastnet.random.Generator(seed + i)))
    return nn.Sequential(*layers)


def batch(rng, rows=37, features=20, classes=5, dtype=np.float32):
    return rng.standard_normal((rows, features)).astype(dtype), rng.integers(0, classes, rows)


def taped_step(model, loss, optimizer, x, y, sample_weight=None):
    optimizer.zero_grad()
    value = loss(model(fastnet.tensor(x)), y, sample_weight)
    value.backward()
    optimizer.step()
    return value.item()


def weights(model):
    return [np.array(p.data) for p in model.parameters()]


def assert_same_weights(a, b):
    for left, right in zip(weights(a), weights(b), strict=True):
        assert_same_bits(left, right)


def pair(make, loss, optimizer):
    """A model trained by the tape and its twin trained by the trainer."""
    taped, fused = make(), make()
    return (
        taped,
        optimizer(taped.parameters()),
        fused,
        fastnet.Trainer(fused, loss, optimizer(fused.parameters())),
    )
