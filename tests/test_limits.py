"""Too little memory: MemoryError, and everything goes on as before when there is more."""

import subprocess
import sys

import pytest

SCRIPT = """
import resource
import sys

import numpy as np

import fastnet
import fastnet.functional as F
from fastnet import nn, optim

fastnet.set_num_threads(int(sys.argv[1]))
rng = np.random.default_rng(0)
x = rng.normal(size=(4000, 300)).astype(np.float32)
w, y = x[:300], np.arange(4000) % 300


def trainer():
    model = nn.Sequential(
        nn.Linear(300, 300, rng=0), nn.BatchNorm1d(300), nn.Dropout(0.1, rng=1), nn.GELU(),
        nn.Linear(300, 300, rng=2),
    )
    return fastnet.Trainer(model, nn.CrossEntropyLoss(), optim.Adam(model.parameters()))


def within(extra, call):
    # Whether a call is done with so many more bytes of address space.
    now = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (now + extra, hard))
    try:
        call()
    except MemoryError:
        return False
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    return True


shared = trainer()
before = [p.data.copy() for p in shared.model.parameters()]
calls = [
    lambda: F.linear(x, w, activation="relu"),
    lambda: F.linear_backward(x, x, w),
    lambda: F.softmax(x, 0),
    lambda: F.batch_norm(x, None, None, training=True),
    lambda: F.cross_entropy_backward(1.0, x, y),
    lambda: fastnet.random.default_rng(0).random((4000, 300)),
    lambda: shared.model(fastnet.tensor(x, requires_grad=True)).sum().backward(),
    lambda: trainer().predict(x),
    lambda: trainer().fit(x, y, batch_size=512, rng=0),
]
failed = 0
for extra in (0, *(2**k for k in range(14, 27, 2))):
    for call in calls:
        failed += not within(extra, call)
    if not within(extra, lambda: shared.step(x, y)):
        failed += 1
        after = [p.data for p in shared.model.parameters()]
        assert all(np.array_equal(a, b) for a, b in zip(after, before))
    before = [p.data.copy() for p in shared.model.parameters()]
print(failed, trainer().fit(x, y, batch_size=512, rng=0)["loss"])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_too_little_memory_is_a_memory_error_and_leaves_all_usable():
    answers = set()
    for threads in ("1", "7"):
        command = [sys.executable, "-X", "faulthandler", "-c", SCRIPT, threads]
        run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert run.returncode == 0, run.stderr
        failed, loss = run.stdout.split(maxsplit=1)
        assert int(failed) > 0
        answers.add(loss)
    assert len(answers) == 1
