"""Optimizers: steps against the reference, groups, state, memory layout, saving and resuming."""

import copy
import pickle

import numpy as np
import pytest
from helpers import assert_same_bits

import fastnet
import fastnet.functional as F
from fastnet import _core, nn, optim
from fastnet._storage import flat

OPTIMIZERS = {
    "SGD": (optim.SGD, {"lr": 0.1}),
    "SGD, momentum": (optim.SGD, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}),
    "SGD, nesterov": (optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    "SGD, dampening": (optim.SGD, {"lr": 0.1, "momentum": 0.9, "dampening": 0.2}),
    "SGD, maximize": (optim.SGD, {"lr": 0.01, "maximize": True}),
    "Adam": (optim.Adam, {"lr": 0.01}),
    "Adam, decay": (optim.Adam, {"lr": 0.01, "betas": (0.8, 0.9), "weight_decay": 0.1}),
    "AdamW": (optim.AdamW, {"lr": 0.01, "eps": 1e-6}),
}


def net(dtype=np.float32, hidden=10):
    # 10 outputs are padded to 16, 128 doubles would be 1 KiB and get 144.
    first = nn.Linear(6, hidden, dtype=dtype, rng=1)
    return nn.Sequential(first, nn.Tanh(), nn.Linear(hidden, 3, dtype=dtype, rng=2))


def train(model, optimizer, steps, start=0):
    """Take steps on fixed data, and return the last loss."""
    rng = np.random.default_rng(5)
    dtype = next(model.parameters()).dtype
    data = [
        (rng.standard_normal((8, 6)).astype(dtype), rng.integers(0, 3, 8))
        for _ in range(start + steps)
    ]
    loss = None
    for x, y in data[start:]:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(fastnet.tensor(x)), y)
        loss.backward()
        optimizer.step()
    return loss.item()


def values(model):
    return [p.data.copy() for p in model.parameters()]


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("hidden", [10, 128])
def test_steps_are_the_kernels_on_plain_arrays(name, hidden, dtype):
    kind, options = OPTIMIZERS[name]
    model = net(dtype, hidden)
    optimizer = kind(model.parameters(), **options)
    group = optimizer.param_groups[0]
    plain = [np.ascontiguousarray(p.data) for p in model.parameters()]
    state = [(np.zeros_like(w), np.zeros_like(w)) for w in plain]
    powers = [1.0, 1.0]
    for step in range(4):
        train(model, optimizer, 1, start=step)
        if kind is not optim.SGD:
            powers = [p * b for p, b in zip(powers, group["betas"], strict=True)]
        for w, p, (m, v) in zip(plain, model.parameters(), state, strict=True):
            g = np.ascontiguousarray(p.grad.data)
            if kind is optim.SGD:
                _core.sgd_update(
                    w, g, m, group["lr"], group["momentum"], group["dampening"],
                    group["weight_decay"], group["nesterov"], step == 0,
                    -1.0 if group["maximize"] else 1.0,
                )  # fmt: skip
            else:
                _core.adam_update(
                    w, g, m, v, group["lr"], *group["betas"], *powers, group["eps"],
                    group["weight_decay"], kind is optim.AdamW,
                )  # fmt: skip
            assert_same_bits(np.ascontiguousarray(p.data), w)
    assert optimizer.zero_grad() is None


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_padding_stays_zero_and_state_has_the_parameters_layout(name):
    kind, options = OPTIMIZERS[name]
    model = net()
    optimizer = kind(model.parameters(), **options)
    train(model, optimizer, 3)
    for layer in (model[0], model[2]):
        weight = layer.weight
        arrays = [weight.data]
        arrays += [a for a in optimizer.state.get(weight, {}).values() if isinstance(a, np.ndarray)]
        for array in arrays:
            assert array.strides == weight.data.strides
            memory = flat(array).reshape(layer.in_features, -1)
            assert memory.shape[1] % 16 == 0
            assert not memory[:, layer.out_features :].any()


def test_adams_state_is_plain():
    model = net()
    optimizer = optim.Adam(model.parameters(), betas=(0.9, 0.99))
    train(model, optimizer, 3)
    state = optimizer.state[model[0].weight]
    assert set(state) == {"step", "exp_avg", "exp_avg_sq", "beta1_power", "beta2_power"}
    assert state["step"] == 3
    assert state["beta1_power"] == 0.9 * 0.9 * 0.9
    assert state["beta2_power"] == 0.99 * 0.99 * 0.99
    assert state["exp_avg"].shape == (10, 6)


def test_gradients_of_any_layout_are_taken():
    results = []
    for layout in (np.ascontiguousarray, np.asfortranarray, lambda g: g[::-1].copy()[::-1]):
        layer = nn.Linear(5, 7, rng=1)
        optimizer = optim.Adam(layer.parameters(), lr=0.1)
        gradient = np.random.default_rng(1).standard_normal((7, 5)).astype(np.float32)
        layer.weight.grad = layout(gradient)
        optimizer.step()
        results.append(np.array(layer.weight.data))
        assert optimizer.state.get(layer.bias) is None
    for result in results[1:]:
        assert_same_bits(result, results[0])


def test_parameters_that_move_are_followed():
    one, two = net(), net()
    optimizers = [optim.Adam(m.parameters(), lr=0.1) for m in (one, two)]
    for steps in range(3):
        for model, optimizer in zip((one, two), optimizers, strict=True):
            train(model, optimizer, 1, start=steps)
        row = np.zeros((6, 16), np.float32)
        two[0].weight._rehome(row[:, :10].T)
        state = optimizers[1].state[two[0].weight]
        home = np.zeros((6, 16), np.float32)[:, :10].T
        home[...] = state["exp_avg"]
        state["exp_avg"] = home
        for a, b in zip(values(one), values(two), strict=True):
            assert_same_bits(a, b)
    assert len(optimizers[1]._vectors) == 4 * 3


def test_groups_have_options_of_their_own():
    model = net()
    optimizer = optim.SGD(
        [
            {"params": model[0].parameters(), "lr": 0.0},
            {"params": [model[2].weight], "weight_decay": 0.5},
        ],
        lr=0.1,
    )
    before = values(model)
    train(model, optimizer, 2)
    after = values(model)
    assert_same_bits(after[0], before[0])
    assert_same_bits(after[3], before[3])
    assert not np.array_equal(after[2], before[2])
    optimizer.add_param_group({"params": model[2].bias, "lr": 1.0})
    assert [g["lr"] for g in optimizer.param_groups] == [0.0, 0.1, 1.0]
    optimizer.param_groups[0]["lr"] = 0.5
    train(model, optimizer, 1)
    assert not np.array_equal(values(model)[0], before[0])
    assert "lr: 0.5" in repr(optimizer)
    named = optim.SGD(model.named_parameters(), lr=0.1)
    assert len(named.param_groups[0]["params"]) == 4


def test_a_closure_computes_the_loss():
    x = fastnet.tensor([3.0], requires_grad=True)
    optimizer = optim.SGD([x], lr=0.25)

    def closure():
        optimizer.zero_grad()
        loss = (x * x).sum()
        loss.backward()
        return loss

    with fastnet.no_grad():
        assert optimizer.step(closure).item() == 9
    assert x.tolist() == [1.5]
    assert optimizer.step() is None


def test_a_step_between_forward_and_backward_is_noticed():
    x = fastnet.tensor([3.0], requires_grad=True)
    optimizer = optim.SGD([x], lr=0.25)
    y = x * x
    y.backward(retain_graph=True)
    optimizer.step()
    with pytest.raises(RuntimeError, match="edited in place"):
        y.backward()


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("way", ["state_dict", "pickle", "deepcopy", "numpy file"])
def test_resuming_equals_not_having_stopped(name, way, tmp_path):
    kind, options = OPTIMIZERS[name]
    whole = net()
    optimizer = kind(whole.parameters(), **options)
    train(whole, optimizer, 3)
    if way == "state_dict":
        model = copy.deepcopy(whole)
        other = kind(model.parameters(), lr=0.5)
        other.load_state_dict(optimizer.state_dict())
    elif way == "numpy file":
        # Through contiguous copies, as a file has them.
        state = optimizer.state_dict()
        for values_of in state["state"].values():
            for key, value in values_of.items():
                values_of[key] = np.ascontiguousarray(value)
        np.save(tmp_path / "state.npy", np.array(state, object), allow_pickle=True)
        model = copy.deepcopy(whole)
        other = kind(model.parameters(), lr=0.5)
        other.load_state_dict(np.load(tmp_path / "state.npy", allow_pickle=True).item())
    elif way == "pickle":
        model, other = pickle.loads(pickle.dumps((whole, optimizer)))
    else:
        model, other = copy.deepcopy((whole, optimizer))
    before = values(whole)
    train(model, other, 3, start=3)
    for a, b in zip(values(whole), before, strict=True):
        assert_same_bits(a, b)
    train(whole, optimizer, 3, start=3)
    for a, b in zip(values(whole), values(model), strict=True):
        assert_same_bits(a, b)


def test_loading_checks_before_it_changes():
    model = net()
    optimizer = optim.Adam(model.parameters(), lr=0.1)
    train(model, optimizer, 2)
    good = copy.deepcopy(optimizer.state_dict())
    for change, match in [
        (lambda s: s["param_groups"][0]["params"].pop(), "groups of"),
        (lambda s: s["param_groups"][0].update(lr=-1.0), "lr must be at least 0"),
        (lambda s: s["state"][0].update(exp_avg=np.zeros((6, 10))), "exp_avg must have shape"),
        (lambda s: s["state"][0].pop("exp_avg"), "state must have exp_avg"),
        (lambda s: s["state"][0].update(beta1_power=2.0), "beta1_power"),
        (lambda s: s["state"].update({9: {}}), "no group has"),
    ]:
        state = copy.deepcopy(good)
        change(state)
        with pytest.raises(ValueError, match=match):
            optimizer.load_state_dict(state)
        assert optimizer.param_groups[0]["lr"] == 0.1
        assert optimizer.state[model[0].weight]["step"] == 2
    with pytest.raises(TypeError, match="mapping"):
        optimizer.load_state_dict([])
    # PyTorch's state has no powers: they are the steps' products.
    for values_of in good["state"].values():
        del values_of["beta1_power"], values_of["beta2_power"]
    optimizer.load_state_dict(good)
    assert optimizer.state[model[0].weight]["beta1_power"] == 0.9 * 0.9
    # Those of the betas that come with it, not of the betas before.
    good["param_groups"][0]["betas"] = (0.5, 0.75)
    optimizer.load_state_dict(good)
    assert optimizer.state[model[0].weight]["beta1_power"] == 0.25
    assert optimizer.state[model[0].weight]["beta2_power"] == 0.5625


@pytest.mark.parametrize(
    ("kind", "options", "error"),
    [
        (optim.SGD, {"lr": -1.0}, ValueError),
        (optim.SGD, {"lr": float("nan")}, ValueError),
        (optim.SGD, {"lr": float("inf")}, ValueError),
        (optim.SGD, {"lr": "a"}, TypeError),
        (optim.SGD, {"momentum": -0.1}, ValueError),
        (optim.SGD, {"nesterov": True}, ValueError),
        (optim.SGD, {"nesterov": True, "momentum": 0.9, "dampening": 0.1}, ValueError),
        (optim.SGD, {"maximize": 1}, TypeError),
        (optim.Adam, {"betas": (1.0, 0.9)}, ValueError),
        (optim.Adam, {"betas": (0.9, float("nan"))}, ValueError),
        (optim.Adam, {"betas": 0.9}, TypeError),
        (optim.Adam, {"eps": -1e-8}, ValueError),
        (optim.Adam, {"weight_decay": float("nan")}, ValueError),
        (optim.Adam, {"amsgrad": True}, ValueError),
        (optim.AdamW, {"lr": True}, TypeError),
    ],
)
def test_options_that_make_no_sense_are_refused(kind, options, error):
    with pytest.raises(error, match=next(iter(options))):
        kind(net().parameters(), **options)


def test_parameters_that_are_none_are_refused():
    model = net()
    weight = model[0].weight
    for params, error in [
        ([], ValueError), (weight, TypeError), ("ab", TypeError), ([1.0], TypeError),
        ([weight, weight], ValueError), ([weight * 2], ValueError),
        ([fastnet.tensor([1])], ValueError), ([{"lr": 0.1}], TypeError),
        ([{"params": [weight], "momentun": 0.9}], ValueError),
    ]:  # fmt: skip
        with pytest.raises(error):
            optim.SGD(params, lr=0.1)


@pytest.mark.parametrize(
    ("state", "groups", "error"),
    [
        ({}, [{}], TypeError),
        (3, [{"params": [0]}], TypeError),
        ({0: 3}, [{"params": [0]}], TypeError),
        ({}, 3, TypeError),
        ({}, [{"params": [0, 1]}], ValueError),
        ({7: {}}, [{"params": [0]}], ValueError),
    ],
)
def test_a_state_that_is_none_is_refused(state, groups, error):
    optimizer = optim.Adam([nn.Parameter(np.ones(2))])
    with pytest.raises(error, match="state_dict"):
        optimizer.load_state_dict({"state": state, "param_groups": groups})


def test_options_that_were_taken_away_are_missed():
    model = nn.Sequential(nn.Linear(2, 2))
    optimizer = optim.Adam(model.parameters())
    trainer = fastnet.Trainer(model, nn.MSELoss(), optimizer)
    del optimizer.param_groups[0]["lr"]
    with pytest.raises(ValueError, match="a group must have lr"):
        trainer.step(np.ones((2, 2), np.float32), np.ones((2, 2), np.float32))
