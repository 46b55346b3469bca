"""The fused trainer beside PyTorch: steps of one network from the same weights."""

import itertools

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


WEIGHT = [0.5, 1.0, 2.0, 3.0]
LOSSES = [
    ("CrossEntropyLoss", {"weight": weight, "ignore_index": ignored, "label_smoothing": smoothing})
    for weight, ignored, smoothing in itertools.product((None, WEIGHT), (-100, 2), (0.0, 0.2, 1.0))
] + [
    ("NLLLoss", {"weight": WEIGHT, "ignore_index": 1}),
    ("BCEWithLogitsLoss", {}),
    ("BCEWithLogitsLoss", {"pos_weight": WEIGHT}),
    ("MSELoss", {}),
    ("L1Loss", {}),
    ("SmoothL1Loss", {"beta": 0.3}),
    ("SmoothL1Loss", {"beta": 0.0}),
    ("HuberLoss", {"delta": 0.4}),
]


def weighted_mean(terms, y, s, options):
    """Return sum(s l) / sum(s) of the rows' losses, for classes / sum(s w)."""
    if terms.ndim == 2:
        return (terms.mean(1) * s).sum() / s.sum()
    if y.dtype.is_floating_point:
        return (terms * s).sum() / s.sum()
    weight = options.get("weight")
    w = torch.ones(4, dtype=torch.float64) if weight is None else weight
    return (terms * s).sum() / (s * w[y] * (y != options["ignore_index"])).sum()


@pytest.mark.parametrize(("name", "options"), LOSSES)
@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_step_with_every_option_of_a_loss(rng, name, options, reduction, weighted):
    of_classes = name in ("CrossEntropyLoss", "NLLLoss")
    kinds = ("classes", "probabilities") if name == "CrossEntropyLoss" else ("other",)
    for kind in kinds:
        if kind == "probabilities" and options["ignore_index"] >= 0:
            continue  # PyTorch refuses the two together
        theirs = build(torch.nn, dtype=torch.float64)
        ours = build(nn, dtype=np.float64)
        ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
        x, p, classes = (
            rng.standard_normal((24, 12)), rng.dirichlet(np.ones(4), 24), rng.integers(0, 4, 24),
        )  # fmt: skip
        y = classes if of_classes and kind != "probabilities" else p
        s = rng.uniform(0, 2, 24) if weighted else None
        tensors = {
            k: torch.tensor(v, dtype=torch.float64) if isinstance(v, list) else v
            for k, v in options.items()
        }
        terms = getattr(torch.nn, name)(reduction="none", **tensors)(
            theirs(torch.from_numpy(x)), torch.from_numpy(y)
        )
        samples = torch.ones(24, dtype=torch.float64) if s is None else torch.from_numpy(s)
        if reduction == "mean":
            expected = weighted_mean(terms, torch.from_numpy(y), samples, tensors)
        else:
            expected = ((terms.sum(1) if terms.ndim == 2 else terms) * samples).sum()
        expected.backward()
        torch.optim.SGD(theirs.parameters(), lr=0.1).step()
        loss = getattr(nn, name)(reduction=reduction, **options)
        trainer = fastnet.Trainer(ours, loss, optim.SGD(ours.parameters(), lr=0.1))
        # Some hundred roundings of 1e-16, of a loss and weights below 100.
        assert abs(trainer.step(x, y, s) - expected.item()) < 1e-11
        state = ours.state_dict()
        for key, value in theirs.state_dict().items():
            np.testing.assert_allclose(np.array(state[key]), value.numpy(), rtol=0, atol=1e-11)
