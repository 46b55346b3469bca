"""Counts the instructions of small calls, which a busy machine does not change, and compares them.

    python benchmarks/instructions.py            # with benchmarks/instructions.json
    python benchmarks/instructions.py --write    # and puts what was found into it

Debian: valgrind. Kernels are those of AVX2, which valgrind knows, on one thread. A case is run N
and then 2 N times, and the difference over N is a call: what the loop and the first calls cost is
not in it. callgrind writes its counts whenever getppid() is called, so the program says where a
part ends.

"core" are the instructions within the extension, "all" those of Python and NumPy as well; the
second are compared only if both have the versions of the file. Another compiler changes all.
"""

import argparse
import gc
import itertools
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import fastnet
import fastnet.functional as F

FILE = Path(__file__).with_suffix(".json")
CALLS = 20
# More than the compiler's luck with a line changes, less than a lost optimisation costs.
TOLERANCE = 0.03


# ---- the cases ----


def normals(*shape, dtype="f4"):
    return np.random.default_rng(1).standard_normal(shape).astype(dtype)


def linear(m, k, n, dtype="f4"):
    layer = fastnet.nn.Linear(k, n, rng=0, dtype=np.dtype(dtype).name)
    x, out = normals(m, k, dtype=dtype), np.empty((m, n), dtype)
    weight, bias = layer.weight.data, layer.bias.data
    return lambda: F.linear(x, weight, bias, "relu", out)


def linear_backward(m, k, n):
    weight = fastnet.nn.Linear(k, n, rng=0).weight.data
    x, dy = normals(m, k), normals(m, n)
    return lambda: F.linear_backward(dy, x, weight)


def unary(function, *shape, **options):
    x, out = normals(*shape), np.empty(shape, "f4")
    return lambda: function(x, out=out, **options)


def net(*widths):
    layers = []
    for k, n in itertools.pairwise(widths):
        layers += [fastnet.nn.Linear(k, n, rng=0), fastnet.nn.ReLU()]
    return fastnet.nn.Sequential(*layers[:-1])


def model(batch, *widths):
    evaluated, x = net(*widths).eval(), normals(batch, widths[0])
    return lambda: evaluated(x)


def classes(batch, n):
    return np.arange(batch) % n


def cross_entropy(batch, n):
    logits, targets = normals(batch, n), classes(batch, n)
    return lambda: F.cross_entropy(logits, targets)


def step(batch, *widths):
    trained = net(*widths)
    adam = fastnet.optim.Adam(trained.parameters())
    trainer = fastnet.Trainer(trained, fastnet.nn.CrossEntropyLoss(), adam)
    x, y = normals(batch, widths[0]), classes(batch, widths[-1])
    return lambda: trainer.step(x, y)


def tape(batch, *widths):
    trained = net(*widths)
    adam = fastnet.optim.Adam(trained.parameters())
    criterion = fastnet.nn.CrossEntropyLoss()
    x, y = fastnet.tensor(normals(batch, widths[0])), fastnet.tensor(classes(batch, widths[-1]))

    def call():
        adam.zero_grad()
        criterion(trained(x), y).backward()
        adam.step()

    return call


def draws(method, n):
    out = np.empty(n, "f4")
    fill = getattr(fastnet.random.Generator(1), method)
    return lambda: fill(dtype=np.float32, out=out)


CASES = {
    "linear 1x64x64": lambda: linear(1, 64, 64),
    "linear 32x64x64": lambda: linear(32, 64, 64),
    "linear 17x100x30": lambda: linear(17, 100, 30),
    "linear 8x64x64 f64": lambda: linear(8, 64, 64, "f8"),
    "linear_backward 32x64x64": lambda: linear_backward(32, 64, 64),
    "relu 4096": lambda: unary(F.relu, 4096),
    "gelu 4096": lambda: unary(F.gelu, 4096),
    "softmax 64x10": lambda: unary(F.softmax, 64, 10, dim=1),
    "softmax 4x1000": lambda: unary(F.softmax, 4, 1000, dim=1),
    "layer_norm 32x64": lambda: unary(F.layer_norm, 32, 64, normalized_shape=64),
    "cross_entropy 64x10": lambda: cross_entropy(64, 10),
    "model 64-64-10 x1": lambda: model(1, 64, 64, 10),
    "model 64-64-10 x32": lambda: model(32, 64, 64, 10),
    "step 32-64-64-10 x32": lambda: step(32, 32, 64, 64, 10),
    "tape 16-32-16-2 x8": lambda: tape(8, 16, 32, 16, 2),
    "uniform 4096": lambda: draws("random", 4096),
    "normal 4096": lambda: draws("standard_normal", 4096),
}


def child():
    """Run every case, under callgrind: what is before it, N calls, 2 N calls."""
    gc.disable()
    for build in CASES.values():
        call = build()
        for _ in range(CALLS):
            call()
        for calls in (CALLS, 2 * CALLS):
            os.getppid()
            for _ in range(calls):
                call()
        os.getppid()


# ---- counting ----


def counted(path):
    """Return the instructions of a dump: those in the extension, and all."""
    counts, names, here, skip = {}, {}, "", False
    for line in path.read_text().splitlines():
        if match := re.match(r"ob=\((\d+)\)(?: (.*))?", line):
            here = names[match[1]] = match[2] or names[match[1]]
        elif match := re.match(r"cob=\((\d+)\) (.*)", line):
            names[match[1]] = match[2]
        elif line.startswith("calls="):
            skip = True  # the next line is what was called, which counts where it is
        elif match := re.match(r"(?:[+-]?\d+|\*) (\d+)$", line):
            if not skip:
                counts[here] = counts.get(here, 0) + int(match[1])
            skip = False
    core = sum(n for name, n in counts.items() if Path(name).name.startswith("_core."))
    return core, sum(counts.values())


def count():
    """Return the instructions of a call of each case."""
    env = os.environ | {"FASTNET_ISA": "avx2", "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
    env |= {"OPENBLAS_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as folder:
        command = ["valgrind", "--tool=callgrind", "--dump-before=getppid", "--quiet"]
        command += [f"--callgrind-out-file={folder}/out", sys.executable, __file__, "--child"]
        subprocess.run(command, env=env, check=True)
        dumps = [Path(folder) / f"out.{i + 1}" for i in range(3 * len(CASES))]
        found = {}
        for i, name in enumerate(CASES):
            (core, total), (core2, total2) = (
                counted(dump) for dump in dumps[3 * i + 1 : 3 * i + 3]
            )
            found[name] = {
                "core": round((core2 - core) / CALLS),
                "all": round((total2 - total) / CALLS),
            }
    return found


def circumstances():
    version = subprocess.check_output(["valgrind", "--version"], text=True).strip()
    config = fastnet.runtime.config()
    return {
        "compiler": config["compiler"],
        "machine": platform.machine(),
        "valgrind": version,
        "python": config["python"],
        "numpy": config["numpy"],
    }


def compare(found, here, known):
    """Print both counts of each case and return the cases whose differ too much."""
    for name, value in here.items():
        if known["with"][name] != value:
            print(f"{name}: {value} here, {known['with'][name]} in {FILE.name}")
    same = all(here[name] == known["with"][name] for name in ("python", "numpy"))
    compared = ["core", "all"] if same else ["core"]
    wrong = []
    for name in CASES:
        texts = []
        for what in ("core", "all"):
            now, before = found[name][what], known["cases"].get(name, {}).get(what)
            change = now / before - 1 if before else float("inf")
            texts.append(f"{what} {now:>9,} ({change:+.1%})")
            if what in compared and abs(change) > TOLERANCE:
                wrong.append(f"{name}, {what}: {before} before, now {now}")
        print(f"{name:28}{'   '.join(texts)}")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help=f"put the counts into {FILE.name}")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        return child()
    found, here = count(), circumstances()
    if options.write:
        text = json.dumps({"with": here, "cases": found}, indent=1)
        FILE.write_text(text + "\n")
        return None
    wrong = compare(found, here, json.loads(FILE.read_text()))
    if wrong:
        print(
            f"\nMore than {TOLERANCE:.0%} apart; if it is meant to be so, --write:",
            *wrong,
            sep="\n",
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
