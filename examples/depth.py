"""Depth against width: how many neurons a function needs.

    python examples/depth.py [figure.png]

The sawtooth with 2^k teeth is the k-fold composition of one tooth, so a deep net of few neurons can
be it, while one hidden layer needs a neuron for each corner (Telgarsky 2016, "Benefits of depth in
neural networks"). Nets of one, two, three and four hidden layers with about as many parameters are
trained on a smooth relative of it; the best of several seeds counts, as training is luck. Two and
three layers need far fewer parameters than one; from four on it is the training that fails.
"""

import math
import sys

import numpy as np

import fastnet
from fastnet import nn, optim

TEETH = 4
PARAMETERS = (60, 120, 240, 480)


def teeth(x):
    """Return a wave that gets faster, the harder the further right."""
    return np.cos(2 * math.pi * TEETH * x**2)


def width_of(depth, parameters):
    """Return the width at which a net of this depth has about as many parameters."""
    width = 1
    while 3 * width + 1 + (depth - 1) * (width * width + width) < parameters:
        width += 1
    return width


def train(depth, width, seed, epochs):
    """Return the mean squared error of a trained net."""
    rng = fastnet.random.Generator([seed, depth, width])
    layers = [nn.Linear(1, width, rng=rng), nn.ReLU()]
    for _ in range(depth - 1):
        layers += [nn.Linear(width, width, rng=rng), nn.ReLU()]
    net = nn.Sequential(*layers, nn.Linear(width, 1, rng=rng))
    x = np.linspace(0, 1, 512, dtype=np.float32)[:, None]
    y = teeth(x).astype(np.float32)
    trainer = fastnet.Trainer(net, nn.MSELoss(), optim.Adam(net.parameters(), lr=0.01))
    for rate in (0.01, 0.003, 0.001):
        trainer.optimizer.param_groups[0]["lr"] = rate
        trainer.fit(x * 2 - 1, y, epochs=epochs, batch_size=64, rng=rng, progress=False)
    fitted = np.asarray(trainer.predict(x * 2 - 1))
    return float(np.mean((fitted - y) ** 2))


def main(path=None, epochs=150, seeds=5):
    """Print and draw the error by depth and number of parameters."""
    errors = {}
    for depth in (1, 2, 3, 4):
        for parameters in PARAMETERS:
            width = width_of(depth, parameters)
            errors[depth, parameters] = min(train(depth, width, s, epochs) for s in range(seeds))
        text = "  ".join(f"{errors[depth, p]:.4f}" for p in PARAMETERS)
        print(f"{depth} hidden layers: {text}   (parameters: {PARAMETERS})")
    if path:
        from matplotlib.figure import Figure

        ax = Figure(figsize=(7, 4.5), layout="constrained").subplots()
        for depth, colour in zip((1, 2, 3, 4), ["#6E6E6E", "#E69F00", "#D55E00", "#0072B2"],
                                 strict=True):  # fmt: skip
            values = [errors[depth, p] for p in PARAMETERS]
            label = f"{depth} hidden layer{'s' * (depth > 1)}"
            ax.plot(PARAMETERS, values, "o-", color=colour, label=label)
        ax.set_xscale("log", base=2)
        ax.set_yscale("log")
        ax.set_xlabel("parameters")
        ax.set_ylabel(f"mean squared error, best of {seeds}")
        ax.legend()
        ax.figure.savefig(path)
    return errors


if __name__ == "__main__":
    main(*sys.argv[1:])
