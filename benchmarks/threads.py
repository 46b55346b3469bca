"""Are more threads never slower? Calls of growing size on one thread and on all, in turns.

    python benchmarks/threads.py             # every call; ends with 1 if one lost more than 5 %
    python benchmarks/threads.py step relu   # those whose names begin so

Run it on an idle machine: what else runs there is taken for the threads' fault.
"""

import statistics
import sys
import time

import numpy as np

import fastnet
import fastnet.functional as F
from fastnet import nn, optim

ROUNDS = 25
SECONDS = 1e-3  # of a measurement
ALLOWED = 1.05
rng = np.random.default_rng(1)


def normal(*shape):
    return rng.standard_normal(shape).astype(np.float32)


def linear(n):
    x, w, out = normal(n, 128), normal(64, 128), np.empty((n, 64), np.float32)
    return lambda: F.linear(x, w, out=out)


def square(n):
    x, w, out = normal(n, n), normal(n, n), np.empty((n, n), np.float32)
    return lambda: F.linear(x, w, out=out)


def one_row(n):
    x, w, out = normal(1, n), normal(n, n).T, np.empty((1, n), np.float32)
    return lambda: F.linear(x, w, out=out)


def elementwise(function):
    def make(n):
        x, out = normal(64 * n), np.empty(64 * n, np.float32)
        return lambda: function(x, out=out)

    return make


def softmax(n):
    x, out = normal(n, 50), np.empty((n, 50), np.float32)
    return lambda: F.softmax(x, 1, out=out)


def cross_entropy(n):
    x, y = normal(n, 10), np.arange(n) % 10
    return lambda: F.cross_entropy(x, y)


def layer_norm(n):
    x, w, out = normal(n, 100), normal(100), np.empty((n, 100), np.float32)
    return lambda: F.layer_norm(x, 100, w, w, out=out)


def draw(n):
    generator, out = fastnet.random.Generator(1), np.empty(16 * n, np.float32)
    return lambda: generator.standard_normal(dtype=np.float32, out=out)


def describe(n):
    x = normal(64 * n)
    return lambda: fastnet.describe(x)


def trainer(width):
    model = nn.Sequential(
        nn.Linear(64, width, rng=1), nn.ReLU(), nn.Linear(width, width, rng=2), nn.ReLU(),
        nn.Linear(width, 10, rng=3),
    )  # fmt: skip
    return fastnet.Trainer(model, nn.CrossEntropyLoss(), optim.Adam(model.parameters(), lr=1e-5))


def step(width):
    def make(n):
        t, x, y = trainer(width), normal(n, 64), np.arange(n) % 10
        return lambda: t.step(x, y)

    return make


def predict(width):
    def make(n):
        t, x, out = trainer(width), normal(n, 64), np.empty((n, 10), np.float32)
        return lambda: t.predict(x, out=out)

    return make


SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
CASES = {
    "linear": (linear, SIZES),
    "square product": (square, (8, 16, 32, 48, 64, 96, 128, 256)),
    "product of one row": (one_row, (32, 64, 128, 256, 512, 1024)),
    "relu": (elementwise(F.relu), (*SIZES, 1024, 2048, 4096, 16384)),
    "gelu": (elementwise(F.gelu), SIZES),
    "softmax": (softmax, SIZES),
    "cross_entropy": (cross_entropy, (*SIZES, 1024, 4096)),
    "layer_norm": (layer_norm, (*SIZES, 1024)),
    "normals": (draw, (*SIZES, 4096)),
    "describe": (describe, (*SIZES, 4096)),
    "step of 64-64-64-10": (step(64), SIZES),
    "step of 64-512-512-10": (step(512), (1, 2, 8, 32, 128)),
    "predict of 64-64-64-10": (predict(64), SIZES),
    "predict of 64-512-512-10": (predict(512), (1, 2, 8, 32, 128)),
}


def seconds(call, repeats):
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - start) / repeats


def compare(call, threads):
    """Return the seconds of a call on one thread and on all, as the medians of the rounds.

    The least would be those of the rounds in which the better number of threads had been chosen.
    """
    measured = {1: [], threads: []}
    for n in measured:
        fastnet.set_num_threads(n)
        call()
    repeats = max(1, round(SECONDS / seconds(call, 3)))
    for _ in range(ROUNDS):
        for n, found in measured.items():
            fastnet.set_num_threads(n)
            found.append(seconds(call, repeats))
    return statistics.median(measured[1]), statistics.median(measured[threads])


def main(names):
    threads = fastnet.runtime.num_threads()
    lost = 0
    print(f"{'call':28} {'size':>6} {'us, 1 thread':>13} {f'us, {threads} threads':>14}")
    for name, (make, sizes) in CASES.items():
        if names and not name.startswith(tuple(names)):
            continue
        for size in sizes:
            call = make(size)
            one, all_ = compare(call, threads)
            if all_ > ALLOWED * one:
                one, all_ = compare(call, threads)  # once more: something else may have run
            slower = all_ > ALLOWED * one
            lost += slower
            note = f"  {all_ / one:.2f} times as long" if slower else ""
            print(f"{name:28} {size:6} {1e6 * one:13.2f} {1e6 * all_:14.2f}{note}")
    fastnet.set_num_threads(None)
    print(f"{lost} calls are more than 5 % slower on {threads} threads than on one")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
