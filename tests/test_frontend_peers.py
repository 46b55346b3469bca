"""One script over both libraries: Tensors, modules and optimizers beside PyTorch's."""

import copy

import numpy as np
import pytest

import fastnet
from fastnet import nn, optim

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.peers


def array(t):
    return np.asarray(t.detach())


def both(model, dtype=np.float32):
    """Return fastnet's model and PyTorch's of the same layers and values."""
    ours = model(nn)
    theirs = model(torch.nn)
    if dtype == np.float64:
        ours.double()
        theirs.double()
    ours.load_state_dict({name: array(value) for name, value in theirs.state_dict().items()})
    return ours, theirs


def mlp(nn):
    return nn.Sequential(
        nn.Linear(7, 20), nn.ReLU(), nn.Linear(20, 20), nn.Tanh(), nn.Linear(20, 20), nn.GELU(),
        nn.Linear(20, 20), nn.ELU(), nn.Linear(20, 4),
    )  # fmt: skip


def test_names_are_the_same():
    ours, theirs = both(mlp)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert repr(ours) == repr(theirs)
    assert [n for n, _ in ours.named_modules()] == [n for n, _ in theirs.named_modules()]


OPTIMIZERS = [
    ("SGD", {"lr": 0.05}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "dampening": 0.5, "maximize": True}),
    ("Adam", {"lr": 0.01}),
    ("Adam", {"lr": 0.01, "betas": (0.8, 0.95), "weight_decay": 0.1}),
    ("AdamW", {"lr": 0.01, "weight_decay": 0.1}),
]


@pytest.mark.parametrize(("name", "options"), OPTIMIZERS)
@pytest.mark.parametrize("loss", ["CrossEntropyLoss", "MSELoss", "HuberLoss"])
def test_training_follows_the_same_path(name, options, loss):
    # In float64 rounding differs by 1e-16 and grows for 20 steps; 1e-9 is far below any mistake.
    ours, theirs = both(mlp, np.float64)
    rng = np.random.default_rng(3)

    def run(library, nn, optim, model):
        criterion = getattr(nn, loss)()
        optimizer = getattr(optim, name)(model.parameters(), **options)
        local = np.random.default_rng(4)
        losses = []
        for _ in range(20):
            x = library.tensor(local.standard_normal((16, 7)))
            y = local.integers(0, 4, 16)
            target = library.tensor(y if loss == "CrossEntropyLoss" else np.eye(4)[y])
            optimizer.zero_grad()
            value = criterion(model(x), target)
            value.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            losses.append(value.item())
        return losses, optimizer

    mine, my_optimizer = run(fastnet, nn, optim, ours)
    theirs_losses, their_optimizer = run(torch, torch.nn, torch.optim, theirs)
    np.testing.assert_allclose(mine, theirs_losses, rtol=1e-9)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(p.data, array(q), rtol=1e-9, atol=1e-11)
    # PyTorch's state goes into ours, and the next step agrees.
    my_optimizer.load_state_dict(their_optimizer.state_dict())
    x = rng.standard_normal((16, 7))
    for library, model, optimizer in (
        (fastnet, ours, my_optimizer),
        (torch, theirs, their_optimizer),
    ):
        optimizer.zero_grad()
        model(library.tensor(x)).sum().backward()
        optimizer.step()
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(p.data, array(q), rtol=1e-8, atol=1e-10)


PROGRAMS = {
    "arithmetic": lambda lib, a, b: (2 * a - b / 3 + a**2 * b**3 - 1 / (a * a + 1)).sum(),
    "reductions": lambda lib, a, b: (
        a.mean(0) * b.var(0) + a.std() - b.sum(dim=1, keepdim=True).mean()
    ).sum(),
    "extremes": lambda lib, a, b: a.max() + b.max(dim=1).values.sum() + a.min(dim=0)[0].sum(),
    "ties": lambda lib, a, b: lib.maximum(a, a.detach()).sum() + (a * 0).amax() + b.abs().sum(),
    "matrices": lambda lib, a, b: (
        a @ b.T + (a.t() @ b) @ lib.ones(4, 4).double() + a @ b[0]
    ).sum(),
    "indices": lambda lib, a, b: (a[1:] * b[:-1]).sum() + (a[[0, 0]] * b[a[:, 0] > 0][:1]).sum(),
    "shapes": lambda lib, a, b: (
        lib.cat([a, b], dim=1).reshape(2, -1).flatten()
        * lib.stack([a, b]).transpose(0, 1).flatten()
    ).sum(),
    "functions": lambda lib, a, b: (
        lib.exp(a) + lib.log(b * b) + lib.sqrt(b.abs()) + lib.tanh(a) + lib.sigmoid(b)
    ).mean(),
    "choices": lambda lib, a, b: (
        lib.where(a > b, a, b * 2) + a.clamp(-0.5, 0.5) + lib.minimum(a, b)
    ).sum(),
    "edits": lambda lib, a, b: edits(lib, a, b),
    "probabilities": lambda lib, a, b: (
        lib.softmax(a, dim=1) * lib.log_softmax(b, dim=0) + a.softmax(0)
    ).sum(),
}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("momentum", [0.1, None])
def test_norms_follow_pytorchs(training, momentum, rng):
    def model(nn):
        return nn.Sequential(
            nn.Linear(5, 8), nn.BatchNorm1d(8, momentum=momentum), nn.LayerNorm(8), nn.ReLU(),
            nn.BatchNorm1d(8, affine=False, track_running_stats=False), nn.LayerNorm(8, bias=False),
            nn.BatchNorm1d(8, bias=False),
        )  # fmt: skip

    ours, theirs = both(model, np.float64)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.train(training)
    theirs.train(training)
    for _ in range(3):
        x = rng.standard_normal((6, 5))
        y, expected = ours(fastnet.tensor(x)), theirs(torch.tensor(x))
        np.testing.assert_allclose(array(y), array(expected), rtol=1e-9, atol=1e-11)
        for model in (ours, theirs):
            model.zero_grad()
        (y * y * y).sum().backward()
        (expected * expected * expected).sum().backward()
        for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
            np.testing.assert_allclose(array(p.grad), array(q.grad), rtol=1e-8, atol=1e-8)
    for name, value in theirs.state_dict().items():
        np.testing.assert_allclose(ours.state_dict()[name], array(value), rtol=1e-11)


def edits(lib, a, b):
    h = a * b
    h += a
    h[0] = b[1]
    h[:, 1] *= 2.0
    return (h * h).sum()


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_give_the_same_values_and_gradients(name, rng):
    a, b = rng.standard_normal((4, 4)), rng.standard_normal((4, 4))
    program = PROGRAMS[name]
    results = []
    for lib in (fastnet, torch):
        x, y = (lib.tensor(v, requires_grad=True) for v in (a, b))
        value = program(lib, x, y)
        value.backward()
        results.append((value.item(), x.grad, y.grad))
    (mine, dx, dy), (other, ex, ey) = results
    np.testing.assert_allclose(mine, other, rtol=1e-12)
    for g, e in ((dx, ex), (dy, ey)):
        assert (g is None) == (e is None)
        if g is not None:
            np.testing.assert_allclose(array(g), array(e), rtol=1e-11, atol=1e-13)


def test_errors_are_of_pytorchs_types():
    for lib in (fastnet, torch):
        x = lib.tensor([1.0, 2.0], requires_grad=True)
        with pytest.raises(RuntimeError):
            (x * x).backward()
        y = (x * x).sum()
        y.backward()
        with pytest.raises(RuntimeError):
            y.backward()
        with pytest.raises(RuntimeError):
            x += 1
        with pytest.raises(RuntimeError):
            x.numpy()
        with pytest.raises(RuntimeError):
            copy.deepcopy(x * 2)
        h = x.exp()
        z = h * h
        h += 1
        with pytest.raises(RuntimeError):
            z.sum().backward()
