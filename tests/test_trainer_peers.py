"""The fused trainer beside PyTorch: 50 steps of one network from the same weights."""

import numpy as np
import pytest

import fastnet
from fastnet import nn, optim

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.peers

OPTIMIZERS = {
    "SGD": {"lr": 0.05, "momentum": 0.9, "nesterov": True},
    "Adam": {"lr": 0.01},
    "AdamW": {"lr": 0.01, "weight_decay": 0.1},
}


def build(library, **kind):
    return library.Sequential(
        library.Linear(12, 32, **kind),
        library.GELU(),
        library.LayerNorm(32, **kind),
        library.Linear(32, 16, **kind),
        library.Tanh(),
        library.BatchNorm1d(16, **kind),
        library.Linear(16, 4, **kind),
    )


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_50_steps_in_float64_agree_within_1e_9(rng, name):
    theirs = build(torch.nn, dtype=torch.float64)
    ours = build(nn, dtype=np.float64)
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    options = OPTIMIZERS[name]
    loss = nn.CrossEntropyLoss(label_smoothing=0.1)
    trainer = fastnet.Trainer(ours, loss, getattr(optim, name)(ours.parameters(), **options))
    optimizer = getattr(torch.optim, name)(theirs.parameters(), **options)
    criterion = torch.nn.CrossEntropyLoss(label_smoothing=0.1)
    for _ in range(50):
        x, y = rng.standard_normal((24, 12)), rng.integers(0, 4, 24)
        optimizer.zero_grad()
        expected = criterion(theirs(torch.from_numpy(x)), torch.from_numpy(y))
        expected.backward()
        optimizer.step()
        assert abs(trainer.step(x, y) - expected.item()) < 1e-9
    state = ours.state_dict()
    for key, value in theirs.state_dict().items():
        np.testing.assert_allclose(np.array(state[key]), value.numpy(), rtol=0, atol=1e-9)
