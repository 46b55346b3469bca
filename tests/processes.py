"""Scripts in new interpreters: what they begin with, and how they are run."""

import os
import subprocess
import sys
import textwrap

# What the scripts below begin with: work large enough to be worth threads, and its digest.
WORK = """
import hashlib, os, sys, threading, time, warnings
import numpy as np
import fastnet
import fastnet.functional as F
from fastnet import nn, optim

rng = np.random.default_rng(7)
x = rng.standard_normal((300, 200)).astype("f4")
weight = rng.standard_normal((150, 200)).astype("f4")
dy = rng.standard_normal((300, 150)).astype("f4")

def digest():
    model = nn.Sequential(nn.Linear(200, 60, rng=1), nn.ReLU(), nn.Linear(60, 5, rng=2))
    trainer = fastnet.Trainer(model, nn.CrossEntropyLoss(), optim.Adam(model.parameters()))
    trainer.fit(x, np.arange(300) % 5, batch_size=100, rng=3)
    results = [
        F.linear(x, weight), *F.linear_backward(dy, x, weight), trainer.predict(x),
        fastnet.random.Generator(4).standard_normal(30_000), fastnet.describe(x, 0).variance,
        np.array(fastnet.expectation(np.exp, fastnet.stats.Normal(0, 1), n=40_000, rng=5).mean),
    ]
    return hashlib.sha256(b"".join(np.ascontiguousarray(r).tobytes() for r in results)).hexdigest()
"""


def run(code, *, timeout=60, path=None, **env):
    """Run WORK and the code in a new interpreter and return it when it has ended."""
    code = WORK + textwrap.dedent(code)
    command = [sys.executable, "-c", code]
    if path is not None:  # a file, for the start methods that import the main module
        path.write_text(code)
        command = [sys.executable, str(path)]
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "FASTNET_"))}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=timeout, check=False, env={**clean, **env}
    )


def output(code, **options):
    result = run(code, **options)
    assert result.returncode == 0, result.stderr
    return result.stdout.split()
