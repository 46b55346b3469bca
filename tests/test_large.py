"""Arrays of more than 2^31 elements, as no 32-bit index reaches; run by `nox -s long`.

They are zeros that no one has written, which Linux keeps in one page, so that reading ones need
little memory, but for their last rows.
"""

from pathlib import Path

import numpy as np
import pytest

import fastnet
import fastnet.functional as F
from fastnet import nn, optim

pytestmark = pytest.mark.long
ROWS, COLUMNS = 2**16 + 5, 2**15
MEMINFO = Path("/proc/meminfo")


def require_memory(gigabytes):
    if not MEMINFO.exists():
        pytest.skip("reads /proc/meminfo")
    lines = dict(line.split(":") for line in MEMINFO.read_text().splitlines())
    if int(lines["MemAvailable"].split()[0]) < gigabytes * 2**20:
        pytest.skip(f"needs {gigabytes} GB of memory")


@pytest.fixture(scope="module")
def x():
    require_memory(4)
    x = np.zeros((ROWS, COLUMNS), np.float32)
    x[-1] = np.arange(COLUMNS) % 7 - 3
    x[-2, -1] = 5
    return x


def test_linear(x, threads):
    weight = np.zeros((3, COLUMNS), np.float32)
    weight[1, -1], weight[2, 1] = 2, 3
    y = F.linear(x, weight, np.ones(3, np.float32))
    assert (y[:-2] == 1).all()
    np.testing.assert_array_equal(y[-2:], F.linear(x[-2:].copy(), weight, np.ones(3, np.float32)))


def test_losses_and_argmax(x, threads):
    y = np.full(ROWS, COLUMNS - 1)
    terms = F.cross_entropy(x, y, reduction="none")
    np.testing.assert_array_equal(terms[:-2], terms[0])
    expected = F.cross_entropy(x[-2:].copy(), y[-2:], reduction="none")
    np.testing.assert_array_equal(terms[-2:], expected)
    total = 25 + float((x[-1] ** 2).sum())
    assert F.mse_loss(x, x) == 0
    np.testing.assert_allclose(fastnet.describe(x).variance * x.size, total, rtol=1e-6)
    index = F.argmax(x, 1)
    assert not index[:-2].any()
    np.testing.assert_array_equal(index[-2:], [COLUMNS - 1, 6])


def test_describe_columns(x, threads):
    d = fastnet.describe(x, 0)
    np.testing.assert_array_equal(d.max, np.maximum(x[-2:].max(0), 0))
    np.testing.assert_allclose(d.mean * ROWS, x[-2:].sum(0, dtype=float), rtol=1e-12, atol=1e-9)


def test_training_and_inference(x):
    model = nn.Sequential(nn.Linear(COLUMNS, 2, rng=1))
    trainer = fastnet.Trainer(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=0.0))
    y = trainer.predict(x)
    np.testing.assert_array_equal(y[:-2], np.broadcast_to(y[0], (ROWS - 2, 2)))
    np.testing.assert_array_equal(y[-2:], trainer.predict(x[-2:].copy()))
    classes = np.zeros(ROWS, int)
    loss = trainer.fit(x, classes, batch_size=2**13, shuffle=False)["loss"][0]
    np.testing.assert_allclose(loss, F.cross_entropy(y, classes), rtol=1e-6)


def test_elementwise_in_place_and_random_numbers():
    require_memory(12)
    n = 2**31 + 2**20 + 3
    x = np.empty(n, np.float32)
    fastnet.random.Generator(1).random(dtype=np.float32, out=x)
    tail = fastnet.random.Generator(1).advance(n - 1000).random(1000, np.float32)
    np.testing.assert_array_equal(x[-1000:], tail)
    x[2**31 :] *= -1
    F.relu(x, out=x)
    assert not x[2**31 :].any()
    np.testing.assert_array_equal(x[2**31 - 7 : 2**31] > 0, True)
