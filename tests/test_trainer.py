"""The fused trainer: equal to the tape bit for bit, at any thread count, batch order and level."""

import itertools
import math
import signal
import threading
import time

import numpy as np
import pytest
from helpers import FMA_LEVELS, assert_same_bits

import fastnet
from fastnet import nn, optim
from fastnet.trainer import epoch_order

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
OPTIMIZERS = {
    "sgd": lambda p: optim.SGD(p, lr=0.1),
    "momentum": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, dampening=0.1, weight_decay=0.01),
    "nesterov": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "adam": lambda p: optim.Adam(p, lr=0.01, weight_decay=0.01),
    "adamw": lambda p: optim.AdamW(p, lr=0.01, weight_decay=0.1),
    "maximize": lambda p: optim.Adam(p, lr=0.01, maximize=True),
}


def mlp(widths=(20, 33, 17, 5), activation=nn.ReLU, dtype=np.float32, seed=0, dropout=0.0):
    layers = []
    rng = fastnet.random.Generator(seed)
    for i, (a, b) in enumerate(itertools.pairwise(widths)):
        layers.append(nn.Linear(a, b, dtype=dtype, rng=rng))
        if i < len(widths) - 2:
            layers.append(activation())
            if dropout:
                layers.append(nn.Dropout(dropout, rng=fastnet.random.Generator(seed + i)))
    return nn.Sequential(*layers)


def batch(rng, rows=37, features=20, classes=5, dtype=np.float32):
    return rng.standard_normal((rows, features)).astype(dtype), rng.integers(0, classes, rows)


def taped_step(model, loss, optimizer, x, y):
    optimizer.zero_grad()
    value = loss(model(fastnet.tensor(x)), y)
    value.backward()
    optimizer.step()
    return value.item()


def weights(model):
    return [np.array(p.data) for p in model.parameters()]


def assert_same_weights(a, b):
    for left, right in zip(weights(a), weights(b), strict=True):
        assert_same_bits(left, right)


def pair(make, loss, optimizer):
    """A model trained by the tape and its twin trained by the trainer."""
    taped, fused = make(), make()
    return (
        taped,
        optimizer(taped.parameters()),
        fused,
        fastnet.Trainer(fused, loss, optimizer(fused.parameters())),
    )


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
    for _ in range(3):
        x, y = batch(rng, dtype=dtype)
        if kind == "numbers":
            y = rng.standard_normal((len(x), 5)).astype(dtype)
        elif kind == "probabilities":
            y = rng.dirichlet(np.ones(5), len(x)).astype(dtype)
        assert trainer.step(x, y) == taped_step(taped, loss, optimizer, x, y)
    assert_same_weights(fused, taped)


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
    with pytest.raises(ValueError, match="more than 1 row"):
        trainer.step(x[:1], y[:1])
    with pytest.raises(ValueError, match="more than 1 row"):
        trainer.fit(x, y, batch_size=16)
    trainer.fit(x, y, batch_size=11)
    assert int(model[1].num_batches_tracked) == 3


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
            fastnet.set_num_threads(n)
            with fastnet.runtime.use_isa(level):
                model = mlp(dtype=dtype, dropout=0.2, activation=nn.GELU)
                trainer = fastnet.Trainer(
                    model, nn.CrossEntropyLoss(), OPTIMIZERS["adam"](model.parameters())
                )
                history = trainer.fit(x, y, epochs=3, batch_size=50, rng=4, max_norm=1.0)
                results.append((history["loss"], weights(model), trainer.predict(x)))
    fastnet.set_num_threads(None)
    for history, values, outputs in results[1:]:
        assert history == results[0][0]
        assert_same_bits(outputs, results[0][2])
        for a, b in zip(values, results[0][1], strict=True):
            assert_same_bits(a, b)


def test_fit_equals_its_steps(rng, threads):
    x, y = batch(rng, 101)
    s = rng.uniform(0, 2, 101).astype(np.float32)
    a, b = mlp(), mlp()
    fitted = fastnet.Trainer(a, nn.CrossEntropyLoss(), OPTIMIZERS["adam"](a.parameters()))
    stepped = fastnet.Trainer(b, nn.CrossEntropyLoss(), OPTIMIZERS["adam"](b.parameters()))
    fitted.fit(x, y, epochs=2, batch_size=32, rng=9, sample_weight=s)
    for epoch in range(2):
        order = epoch_order(9, epoch, 101)
        for i in range(0, 101, 32):
            rows = order[i : i + 32]
            stepped.step(x[rows], y[rows], s[rows])
    assert_same_weights(a, b)


def test_two_fits_equal_one(rng):
    x, y = batch(rng, 64)
    a, b = mlp(dropout=0.1), mlp(dropout=0.1)
    one = fastnet.Trainer(a, nn.CrossEntropyLoss(), OPTIMIZERS["adam"](a.parameters()))
    two = fastnet.Trainer(b, nn.CrossEntropyLoss(), OPTIMIZERS["adam"](b.parameters()))
    one.fit(x, y, epochs=4, rng=1)
    two.fit(x, y, epochs=1, rng=1)
    two.fit(x, y, epochs=3, rng=1)
    assert_same_weights(a, b)


def test_fit_takes_batches_memmaps_and_strided_rows(rng, tmp_path):
    x, y = batch(rng, 40)
    reference = mlp()
    trainer = fastnet.Trainer(
        reference, nn.CrossEntropyLoss(), OPTIMIZERS["sgd"](reference.parameters())
    )
    trainer.fit(x, y, epochs=2, batch_size=10, shuffle=False)

    path = tmp_path / "x.npy"
    np.save(path, x)
    wide = np.zeros((40, 64), np.float32)
    wide[:, 10:30] = x
    page = np.zeros((40, 1024), np.float32)
    page[:, :20] = x
    inputs = {
        "memmap": np.load(path, mmap_mode="r"),
        "wide rows": wide[:, 10:30],
        "rows 4 KiB apart": page[:, :20],
        "fortran": np.asfortranarray(x),
        "float64": x.astype(np.float64),
    }
    for name, array in inputs.items():
        model = mlp()
        other = fastnet.Trainer(model, nn.CrossEntropyLoss(), OPTIMIZERS["sgd"](model.parameters()))
        other.fit(array, y, epochs=2, batch_size=10, shuffle=False)
        assert_same_weights(model, reference), name
    model = mlp()
    other = fastnet.Trainer(model, nn.CrossEntropyLoss(), OPTIMIZERS["sgd"](model.parameters()))
    other.fit([(x[i : i + 10], y[i : i + 10]) for i in range(0, 40, 10)], epochs=2)
    assert_same_weights(model, reference)


def test_predict_rows_do_not_depend_on_the_batch(isa, dtype, threads, rng):
    for widths in ((20, 33, 17, 5), (20, 300, 300, 5)):
        model = mlp(widths, activation=nn.Tanh, dtype=dtype)
        trainer = fastnet.Trainer(
            model, nn.CrossEntropyLoss(), OPTIMIZERS["adam"](model.parameters())
        )
        x, _ = batch(rng, 131, dtype=dtype)
        whole = trainer.predict(x)
        out = np.empty((131, 5), dtype)
        assert trainer.predict(x, out=out) is out
        assert_same_bits(out, whole)
        for i in (0, 64, 130):
            assert_same_bits(trainer.predict(x[i : i + 1]), whole[i : i + 1])
        assert_same_bits(trainer.predict(x[3:50]), whole[3:50])
        assert_same_bits(model.eval()(x), whole)
        assert trainer.predict(x[:0]).shape == (0, 5)


def test_parameters_keep_their_identity_and_a_second_trainer_takes_the_buffer(rng):
    model = mlp()
    params = list(model.parameters())
    first = fastnet.Trainer(model, nn.CrossEntropyLoss(), OPTIMIZERS["adam"](model.parameters()))
    second = fastnet.Trainer(model, nn.CrossEntropyLoss(), OPTIMIZERS["sgd"](model.parameters()))
    assert all(p is q for p, q in zip(model.parameters(), params, strict=True))
    x, y = batch(rng)
    first.step(x, y)
    second.step(x, y)
    assert_same_bits(first.predict(x), second.predict(x))
    model[0].weight.data = np.zeros((33, 20), np.float32)
    assert_same_bits(first.predict(x), model.eval()(x))


def test_an_evaluating_sequential_runs_compiled_and_sees_every_change(rng):
    x, _ = batch(rng)
    model = nn.Sequential(
        nn.Linear(20, 8), nn.Dropout(0.5), nn.LeakyReLU(0.5), nn.Linear(8, 5)
    ).eval()

    def by_modules():
        y = x
        for layer in model:
            y = layer(y)
        return y

    assert_same_bits(model(x), by_modules())
    model[0].weight.data = np.ones((8, 20), np.float32)
    assert_same_bits(model(x), by_modules())
    model[2].negative_slope = 0.25
    assert_same_bits(model(x), by_modules())
    model[3] = nn.Linear(8, 2).eval()
    assert_same_bits(model(x), by_modules())
    out = np.empty((len(x), 2), np.float32)
    assert model(x, out=out) is out
    assert_same_bits(out, by_modules())
    model.append(nn.Softmax(dim=1).eval())
    assert_same_bits(model(x), by_modules())
    trainer = fastnet.Trainer(model, nn.MSELoss(), optim.SGD(model.parameters(), lr=1.0))
    trainer.step(x, np.zeros((len(x), 2)))
    assert_same_bits(model(x), by_modules())
    model.double()
    assert model(x).dtype == np.float64
    assert_same_bits(model(x), by_modules())
    model.float().train()
    assert not np.array_equal(model(x), model(x))
    assert model.eval()(x.reshape(1, 37, 20)).shape == (1, 37, 2)
    with pytest.raises(ValueError, match=r"x must have shape \(\*, 20\), got \(37, 19\)"):
        model(x[:, :19])


def test_history_validation_callbacks_and_early_stopping(rng):
    x, y = batch(rng, 60)
    model = mlp()
    trainer = fastnet.Trainer(model, nn.CrossEntropyLoss(), OPTIMIZERS["adam"](model.parameters()))
    seen = []
    history = trainer.fit(
        x, y, epochs=5, validation_data=(x, y), rng=0,
        callbacks=[lambda t, epoch, logs: seen.append((epoch, logs["val_loss"]))],
    )  # fmt: skip
    assert [e for e, _ in seen] == [0, 1, 2, 3, 4]
    assert set(history) == {"loss", "val_loss", "val_accuracy"}
    assert history["val_loss"] == [v for _, v in seen]
    assert history["val_loss"][-1] == trainer.evaluate(x, y)["loss"]
    stopped = trainer.fit(x, y, epochs=5, rng=0, callbacks=[lambda *_: True])
    assert len(stopped["loss"]) == 1

    # A learning rate that makes it worse from the second epoch on: the best weights come back.
    bad = mlp(seed=3)
    trainer = fastnet.Trainer(bad, nn.CrossEntropyLoss(), optim.SGD(bad.parameters(), lr=30.0))
    history = trainer.fit(x, y, epochs=50, validation_data=(x, y), rng=0, early_stopping=3)
    best = int(np.argmin(history["val_loss"]))
    assert len(history["val_loss"]) <= best + 4
    assert trainer.evaluate(x, y)["loss"] == history["val_loss"][best]


def test_non_finite_loss_restores_the_last_whole_epoch(threads, rng):
    x, y = batch(rng, 40)
    model = mlp()
    trainer = fastnet.Trainer(model, nn.CrossEntropyLoss(), OPTIMIZERS["adam"](model.parameters()))
    trainer.fit(x, y, epochs=1, batch_size=10, shuffle=False)
    before = weights(model)
    state = trainer.optimizer.state_dict()["state"][0]["exp_avg"].copy()
    bad = x.copy()
    bad[25, 3] = np.nan
    with pytest.raises(FloatingPointError, match="epoch 1, step 2"):
        trainer.fit(bad, y, epochs=3, batch_size=10, shuffle=False)
    for a, b in zip(weights(model), before, strict=True):
        assert_same_bits(a, b)
    assert_same_bits(trainer.optimizer.state_dict()["state"][0]["exp_avg"], state)
    assert math.isnan(trainer.step(bad, y))
    for a, b in zip(weights(model), before, strict=True):
        assert_same_bits(a, b)
    assert math.isfinite(trainer.step(x, y))


def test_a_batch_of_total_weight_0_is_skipped(rng):
    x, y = batch(rng, 12)
    model = mlp()
    trainer = fastnet.Trainer(model, nn.CrossEntropyLoss(), OPTIMIZERS["adam"](model.parameters()))
    before = weights(model)
    assert math.isnan(trainer.step(x, y, sample_weight=np.zeros(12)))
    for a, b in zip(weights(model), before, strict=True):
        assert_same_bits(a, b)


def test_interrupt_stops_a_fit_soon_and_leaves_a_whole_model(rng):
    x, y = batch(rng, 4096, 64, 10)
    model = mlp((64, 256, 256, 10))
    trainer = fastnet.Trainer(model, nn.CrossEntropyLoss(), OPTIMIZERS["adam"](model.parameters()))
    sent = []

    def interrupt():
        sent.append(time.perf_counter())
        signal.raise_signal(signal.SIGINT)

    timer = threading.Timer(0.3, interrupt)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(x, y, epochs=100000, rng=0)
    took = time.perf_counter() - sent[0]
    timer.join()
    assert took < 0.5
    assert all(np.isfinite(w).all() for w in weights(model))
    assert math.isfinite(trainer.step(x[:8], y[:8]))


def test_another_thread_is_refused_while_fitting(rng):
    x, y = batch(rng, 64)
    model = mlp()
    trainer = fastnet.Trainer(model, nn.CrossEntropyLoss(), OPTIMIZERS["adam"](model.parameters()))
    errors = []

    def use(t, epoch, logs):
        def other():
            for call in (lambda: t.predict(x), lambda: t.step(x, y), lambda: t.fit(x, y)):
                try:
                    call()
                except RuntimeError as error:
                    errors.append(str(error))

        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        assert t.predict(x).shape == (64, 5)

    trainer.fit(x, y, epochs=1, callbacks=[use])
    assert len(errors) == 3
    assert math.isfinite(trainer.step(x, y))


def test_an_error_in_a_callback_passes_through(rng):
    x, y = batch(rng, 64)
    model = mlp()
    trainer = fastnet.Trainer(model, nn.CrossEntropyLoss(), OPTIMIZERS["adam"](model.parameters()))
    with pytest.raises(ZeroDivisionError):
        trainer.fit(x, y, epochs=2, callbacks=[lambda *_: 1 // 0])
    assert len(trainer.fit(x, y)["loss"]) == 1


def test_what_cannot_be_compiled_is_named(rng):
    def trainer(*layers, loss=None):
        model = nn.Sequential(*layers)
        return fastnet.Trainer(model, loss or nn.MSELoss(), optim.SGD(model.parameters()))

    class Mine(nn.Module):
        pass

    with pytest.raises(TypeError, match="Mine can't be compiled; what can: Sequential, Linear"):
        trainer(nn.Linear(2, 3), Mine())
    with pytest.raises(TypeError, match="loss must be one of"):
        trainer(nn.Linear(2, 3), loss=Mine())
    with pytest.raises(ValueError, match="reduction mean or sum"):
        trainer(nn.Linear(2, 3), loss=nn.MSELoss(reduction="none"))
    with pytest.raises(ValueError, match=r"Linear\(in_features=4.*follows 3 features"):
        trainer(nn.Linear(2, 3), nn.Linear(4, 3))
    shared = nn.Linear(3, 3)
    with pytest.raises(ValueError, match="twice"):
        trainer(shared, nn.ReLU(), shared)
    model, others = nn.Sequential(nn.Linear(2, 2)), optim.SGD(nn.Linear(2, 2).parameters())
    with pytest.raises(ValueError, match="of the model only"):
        fastnet.Trainer(model, nn.MSELoss(), others)


def test_bad_input_is_named_and_changes_nothing(rng):
    x, y = batch(rng, 12)
    model = mlp()
    trainer = fastnet.Trainer(model, nn.CrossEntropyLoss(), OPTIMIZERS["adam"](model.parameters()))
    before = weights(model)
    with pytest.raises(ValueError, match=r"x must have shape \(batch, 20\), got \(12, 19\)"):
        trainer.step(x[:, :19], y)
    with pytest.raises(ValueError, match=r"x must have shape \(batch, 20\), got \(20,\); reshape"):
        trainer.predict(x[0])
    with pytest.raises(ValueError, match=r"y must have shape \(12,\), got \(11,\)"):
        trainer.step(x, y[:11])
    with pytest.raises(ValueError, match="classes from 0 to 4, got 7 in row 3"):
        trainer.step(x, np.where(np.arange(12) == 3, 7, y))
    with pytest.raises(ValueError, match="at least one row"):
        trainer.fit(x[:0], y[:0])
    with pytest.raises(ValueError, match="nonnegative"):
        trainer.step(x, y, sample_weight=-np.ones(12))
    with pytest.raises(ValueError, match="too large"):
        trainer.step(x.astype(float) * 1e300, y)
    for name in ("epochs", "batch_size", "early_stopping"):
        with pytest.raises(ValueError, match=f"{name} must be at least 1"):
            trainer.fit(x, y, **{name: 0})
        with pytest.raises(TypeError, match=f"{name} must be an int"):
            trainer.fit(x, y, **{name: 1.5})
    with pytest.raises(ValueError, match="max_norm must be positive"):
        trainer.step(x, y, max_norm=0)
    with pytest.raises(TypeError, match="y must be given"):
        trainer.fit(x)
    with pytest.raises(RuntimeError, match="gradient"):
        trainer.apply()
    for a, b in zip(weights(model), before, strict=True):
        assert_same_bits(a, b)


def test_learns_a_linear_map(rng):
    x = rng.standard_normal((400, 3))
    y = x @ np.array([[1.0], [-2.0], [0.5]]) + 0.25
    model = nn.Sequential(nn.Linear(3, 1, dtype=np.float64))
    trainer = fastnet.Trainer(model, nn.MSELoss(), optim.SGD(model.parameters(), lr=0.1))
    trainer.fit(x, y, epochs=50, rng=0)
    np.testing.assert_allclose(model[0].weight.data, [[1.0, -2.0, 0.5]], atol=1e-8)
    np.testing.assert_allclose(model[0].bias.data, [0.25], atol=1e-8)
