"""The fused trainer's steps: equal to the tape bit for bit at any thread count and level."""

import math

import numpy as np
import pytest
from helpers import FMA_LEVELS, assert_same_bits, use_threads
from models import OPTIMIZERS, assert_same_weights, batch, mlp, pair, taped_step, weights

import fastnet
from fastnet import nn, optim

ACTIVATIONS = {
    "relu": nn.ReLU,
    "leaky_relu": lambda: nn.LeakyReLU(0.1),
    "elu": nn.ELU,
    "selu": nn.SELU,
    "gelu": nn.GELU,
    "gelu_tanh": lambda: nn.GELU("tanh"),
    "silu": nn.SiLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "softplus": nn.Softplus,
    "hardtanh": nn.Hardtanh,
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_step_equals_the_tape_for_each_activation(isa, dtype, threads, rng, name):
    loss = nn.CrossEntropyLoss()
    taped, optimizer, fused, trainer = pair(
        lambda: mlp(activation=ACTIVATIONS[name], dtype=dtype), loss, OPTIMIZERS["adam"]
    )
    for rows in (37, 37, 1, 5):
        x, y = batch(rng, rows, dtype=dtype)
        expected = taped_step(taped, loss, optimizer, x, y)
        assert trainer.step(x, y) == expected
    assert_same_weights(fused, taped)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_step_equals_the_tape_for_each_optimizer(dtype, rng, name):
    loss = nn.CrossEntropyLoss(label_smoothing=0.1)
    taped, optimizer, fused, trainer = pair(lambda: mlp(dtype=dtype), loss, OPTIMIZERS[name])
    for _ in range(4):
        x, y = batch(rng, dtype=dtype)
        assert trainer.step(x, y) == taped_step(taped, loss, optimizer, x, y)
    assert_same_weights(fused, taped)
    # The optimizer goes on by itself from where the trainer is, and the trainer from there.
    x, y = batch(rng, dtype=dtype)
    taped_step(taped, loss, optimizer, x, y)
    taped_step(fused, loss, trainer.optimizer, x, y)
    assert_same_weights(fused, taped)
    x, y = batch(rng, dtype=dtype)
    assert trainer.step(x, y) == taped_step(taped, loss, optimizer, x, y)
    assert_same_weights(fused, taped)


LOSSES = {
    "cross_entropy": (
        lambda: nn.CrossEntropyLoss(weight=[1, 2, 3, 4, 5], ignore_index=2),
        "classes",
    ),
    "sum": (lambda: nn.CrossEntropyLoss(reduction="sum"), "classes"),
    "probabilities": (nn.CrossEntropyLoss, "probabilities"),
    "nll": (lambda: nn.NLLLoss(weight=[1, 2, 3, 4, 5], ignore_index=2), "classes"),
    "bce": (lambda: nn.BCEWithLogitsLoss(pos_weight=[1, 2, 3, 4, 5]), "probabilities"),
    "mse": (nn.MSELoss, "numbers"),
    "l1": (nn.L1Loss, "numbers"),
    "smooth_l1": (lambda: nn.SmoothL1Loss(beta=0.5), "numbers"),
    "huber": (lambda: nn.HuberLoss(delta=0.5), "numbers"),
}


@pytest.mark.parametrize("name", LOSSES)
def test_step_equals_the_tape_for_each_loss(dtype, threads, rng, name):
    make, kind = LOSSES[name]
    loss = make()
    taped, optimizer, fused, trainer = pair(lambda: mlp(dtype=dtype), loss, OPTIMIZERS["sgd"])
    for weighted in (False, True, False):
        x, y = batch(rng, dtype=dtype)
        s = rng.uniform(0, 2, len(x)).astype(dtype) if weighted else None
        if kind == "numbers":
            y = rng.standard_normal((len(x), 5)).astype(dtype)
        elif kind == "probabilities":
            y = rng.dirichlet(np.ones(5), len(x)).astype(dtype)
        assert trainer.step(x, y, s) == taped_step(taped, loss, optimizer, x, y, s)
    assert_same_weights(fused, taped)
    expected = loss(fused.eval()(x), y, s)
    assert trainer.evaluate(x, y, s)["loss"] == expected


def test_step_equals_the_tape_with_dropout(isa, dtype, threads, rng):
    loss = nn.CrossEntropyLoss()
    taped, optimizer, fused, trainer = pair(
        lambda: mlp(dtype=dtype, dropout=0.3), loss, OPTIMIZERS["adam"]
    )
    for _ in range(3):
        x, y = batch(rng, dtype=dtype)
        assert trainer.step(x, y) == taped_step(taped, loss, optimizer, x, y)
    assert_same_weights(fused, taped)


NORMS = {
    "layer norm": lambda n, d: nn.LayerNorm(n, dtype=d),
    "layer norm without bias": lambda n, d: nn.LayerNorm(n, bias=False, dtype=d),
    "layer norm without weights": lambda n, d: nn.LayerNorm(n, elementwise_affine=False, dtype=d),
    "batch norm": lambda n, d: nn.BatchNorm1d(n, dtype=d),
    "batch norm without bias": lambda n, d: nn.BatchNorm1d(n, bias=False, dtype=d),
    "batch norm without weights": lambda n, d: nn.BatchNorm1d(n, affine=False, dtype=d),
}


@pytest.mark.parametrize("name", NORMS)
def test_step_equals_the_tape_with_norms(isa, dtype, threads, rng, name):
    norm = NORMS[name]

    def make():
        seed = fastnet.random.Generator(1)
        return nn.Sequential(
            norm(20, dtype), nn.Linear(20, 33, dtype=dtype, rng=seed), norm(33, dtype), nn.ReLU(),
            nn.Linear(33, 17, dtype=dtype, rng=seed), nn.Tanh(), norm(17, dtype),
            nn.Linear(17, 5, dtype=dtype, rng=seed),
        )  # fmt: skip

    loss = nn.CrossEntropyLoss()
    taped, optimizer, fused, trainer = pair(make, loss, OPTIMIZERS["adam"])
    for rows in (37, 5, 2, 101):
        x, y = batch(rng, rows, dtype=dtype)
        assert trainer.step(x, y) == taped_step(taped, loss, optimizer, x, y)
    assert_same_weights(fused, taped)
    for a, b in zip(fused.buffers(), taped.buffers(), strict=True):
        np.testing.assert_array_equal(a, b)
    whole = trainer.predict(x)
    assert_same_bits(whole, taped.eval()(x))
    assert_same_bits(trainer.predict(x[7:8]), whole[7:8])


def test_a_batch_of_one_row_cannot_train_batch_norm(rng):
    model = nn.Sequential(nn.Linear(20, 8), nn.BatchNorm1d(8), nn.Linear(8, 5))
    trainer = fastnet.Trainer(model, nn.CrossEntropyLoss(), OPTIMIZERS["adam"](model.parameters()))
    x, y = batch(rng, 33)
    for _ in range(2):  # the second time the step would be a direct one
        with pytest.raises(ValueError, match="more than 1 row"):
            trainer.step(x[:1], y[:1])
        trainer.step(x, y)
    with pytest.raises(ValueError, match="more than 1 row"):
        trainer.fit(x, y, batch_size=16)
    trainer.fit(x, y, batch_size=11)
    assert int(model[1].num_batches_tracked) == 5


@pytest.mark.parametrize("layer", [nn.Softmax, nn.LogSoftmax])
def test_step_equals_the_tape_with_softmax_layers(dtype, rng, layer):
    def make():
        return nn.Sequential(*mlp(dtype=dtype), layer(dim=1))

    loss = nn.NLLLoss()
    taped, optimizer, fused, trainer = pair(make, loss, OPTIMIZERS["adam"])
    for _ in range(3):
        x, y = batch(rng, dtype=dtype)
        assert trainer.step(x, y) == taped_step(taped, loss, optimizer, x, y)
    assert_same_weights(fused, taped)
    assert_same_bits(trainer.predict(x), taped.eval()(x))


def test_steps_see_new_seeds_rates_and_moments(rng):
    loss = nn.CrossEntropyLoss()

    def make():
        seed = fastnet.random.Generator(1)
        return nn.Sequential(
            nn.Linear(20, 16, rng=seed), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 5, rng=seed)
        )

    taped, optimizer, fused, trainer = pair(make, loss, OPTIMIZERS["adam"])
    for change in range(4):
        x, y = batch(rng)
        for o in (optimizer, trainer.optimizer):
            if change == 1:
                o.param_groups[0]["lr"] = 0.5
            elif change == 2:
                o.state[o.param_groups[0]["params"][0]]["exp_avg"] = np.ones((16, 20), np.float32)
            elif change == 3:
                o.load_state_dict(o.state_dict())
        fastnet.manual_seed(change)
        expected = taped_step(taped, loss, optimizer, x, y)
        fastnet.manual_seed(change)
        assert trainer.step(x, y) == expected
    assert_same_weights(fused, taped)


def test_the_optimizers_state_is_up_to_date_whenever_it_is_looked_at(rng):
    loss = nn.CrossEntropyLoss()
    taped, optimizer, fused, trainer = pair(mlp, loss, OPTIMIZERS["adam"])
    held = None
    for step in range(1, 9):
        x, y = batch(rng)
        if step == 6:  # the optimizer's own step, in between
            taped_step(fused, loss, trainer.optimizer, x, y)
        else:
            trainer.step(x, y)
        taped_step(taped, loss, optimizer, x, y)
        if step in (2, 3):
            saved = trainer.optimizer.state_dict()["state"]
            assert [values["step"] for values in saved.values()] == [step] * 6
        if step == 4:
            held = trainer.optimizer.state
        if step == 7:
            held = trainer.optimizer.state = {p: dict(v) for p, v in held.items()}
        if held is not None:
            ours = [held[p] for p in fused.parameters()]
            theirs = [optimizer.state[p] for p in taped.parameters()]
            for a, b in zip(ours, theirs, strict=True):
                assert a.keys() == b.keys()
                assert [a["step"], a["beta2_power"]] == [step, b["beta2_power"]]
                assert_same_bits(a["exp_avg"], b["exp_avg"])
    assert_same_weights(fused, taped)


def test_a_parameter_frozen_between_steps_stays(rng):
    x, y = batch(rng)
    model = mlp()
    trainer = fastnet.Trainer(model, nn.CrossEntropyLoss(), OPTIMIZERS["adam"](model.parameters()))
    trainer.step(x, y)
    trainer.step(x, y)
    before = weights(model)
    model[0].weight.requires_grad_(False)
    trainer.step(x, y)
    after = weights(model)
    assert_same_bits(after[0], before[0])
    assert not np.array_equal(after[1], before[1])


def test_nested_models_with_identity_flatten_and_activations_in_a_row(rng):
    def make():
        seed = fastnet.random.Generator(1)
        inner = nn.Sequential(nn.Identity(), nn.Linear(30, 12, rng=seed), nn.Tanh(), nn.ReLU())
        return nn.Sequential(
            nn.Flatten(), nn.Linear(20, 30, rng=seed), nn.SiLU(), inner, nn.Linear(12, 5, rng=seed),
            nn.Sigmoid(),
        )  # fmt: skip

    loss = nn.CrossEntropyLoss()
    taped, optimizer, fused, trainer = pair(make, loss, OPTIMIZERS["adam"])
    for _ in range(3):
        x, y = batch(rng)
        assert trainer.step(x, y) == taped_step(taped, loss, optimizer, x, y)
    assert_same_weights(fused, taped)
    assert_same_bits(trainer.predict(x), taped.eval()(x))


def test_wide_nets_and_large_batches_equal_the_tape(threads, rng):
    # Weights beyond 1 MiB take larger tiles; 3 rows a layer at a time, split by columns.
    loss = nn.CrossEntropyLoss()
    taped, optimizer, fused, trainer = pair(
        lambda: mlp((64, 600, 600, 10)), loss, OPTIMIZERS["adam"]
    )
    for rows in (3, 300, 64):
        x, y = batch(rng, rows, 64, 10)
        assert trainer.step(x, y) == taped_step(taped, loss, optimizer, x, y)
    assert_same_weights(fused, taped)


def test_gradient_and_apply_equal_step(dtype, threads, rng):
    make, loss = lambda: mlp(dtype=dtype), nn.CrossEntropyLoss()
    a, b = make(), make()
    one = fastnet.Trainer(a, loss, OPTIMIZERS["adam"](a.parameters()))
    two = fastnet.Trainer(b, loss, OPTIMIZERS["adam"](b.parameters()))
    for max_norm in (None, 0.05):
        x, y = batch(rng, dtype=dtype)
        assert one.step(x, y, max_norm=max_norm) == two.gradient(x, y)
        assert all(p.grad is None for p in a.parameters())
        two.apply(max_norm=max_norm)
        assert all(p.grad is None for p in b.parameters())
        assert_same_weights(a, b)


def test_gradients_equal_the_tape_and_accumulate(rng):
    loss = nn.CrossEntropyLoss()
    taped, _, fused, trainer = pair(mlp, loss, OPTIMIZERS["adam"])
    for accumulate in (False, True, True):
        x, y = batch(rng)
        loss(taped(fastnet.tensor(x)), y).backward()
        trainer.gradient(x, y, accumulate=accumulate)
        for p, q in zip(fused.parameters(), taped.parameters(), strict=True):
            assert_same_bits(p.grad.numpy(), q.grad.numpy())
    trainer.gradient(x, y)
    taped.zero_grad()
    loss(taped(fastnet.tensor(x)), y).backward()
    for p, q in zip(fused.parameters(), taped.parameters(), strict=True):
        assert_same_bits(p.grad.numpy(), q.grad.numpy())


def test_clipping_brings_the_norm_down(rng):
    loss = nn.CrossEntropyLoss()
    model = mlp(dtype=np.float64)
    before = weights(model)
    trainer = fastnet.Trainer(model, loss, optim.SGD(model.parameters(), lr=1.0))
    x, y = batch(rng, dtype=np.float64)
    trainer.step(x, y, max_norm=0.25)
    moved = math.sqrt(
        sum(((a - b) ** 2).sum() for a, b in zip(weights(model), before, strict=True))
    )
    # torch's factor is max_norm / (norm + 1e-6).
    assert 0.25 * (1 - 1e-5) < moved <= 0.25


def test_frozen_parameters_and_those_of_no_group_stay(rng):
    model = mlp()
    model[0].weight.requires_grad_(False)
    before = weights(model)
    trainer = fastnet.Trainer(model, nn.CrossEntropyLoss(), optim.Adam(model[:3].parameters()))
    trainer.step(*batch(rng))
    changed = [not np.array_equal(a, b) for a, b in zip(weights(model), before, strict=True)]
    assert changed == [False, True, True, True, False, False]


def test_same_bits_at_any_thread_count_and_level(dtype, rng):
    x, y = batch(rng, 333, dtype=dtype)
    results = []
    for level in FMA_LEVELS:
        for n in (1, 2, 3, 7):
            use_threads(n)
            with fastnet.runtime.use_isa(level):
                model = mlp(dtype=dtype, dropout=0.2, activation=nn.GELU)
                trainer = fastnet.Trainer(
                    model, nn.CrossEntropyLoss(), OPTIMIZERS["adam"](model.parameters())
                )
                history = trainer.fit(x, y, epochs=3, batch_size=50, rng=4, max_norm=1.0)
                results.append((history["loss"], weights(model), trainer.predict(x)))
    use_threads(None)
    for history, values, outputs in results[1:]:
        assert history == results[0][0]
        assert_same_bits(outputs, results[0][2])
        for a, b in zip(values, results[0][1], strict=True):
            assert_same_bits(a, b)
