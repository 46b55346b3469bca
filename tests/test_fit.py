"""Trainer.fit, predict and evaluate: epochs, histories, interrupts, bad input."""

import math
import os
import re
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from helpers import assert_same_bits
from models import OPTIMIZERS, assert_same_weights, batch, mlp, weights

import fastnet
from fastnet import nn, optim
from fastnet.trainer import epoch_order


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


def test_a_team_smaller_than_asked_does_all_the_work():
    # OMP_THREAD_LIMIT gives 2 threads where 7 are asked for.
    code = (
        "import numpy as np, fastnet; from fastnet import nn, optim;"
        "fastnet.set_num_threads(7); rng = np.random.default_rng(0);"
        "x = rng.standard_normal((256, 64)); y = rng.integers(0, 5, 256);"
        "m = nn.Sequential(nn.Linear(64, 128, rng=0), nn.ReLU(), nn.Linear(128, 5, rng=1));"
        "t = fastnet.Trainer(m, nn.CrossEntropyLoss(), optim.Adam(m.parameters()));"
        "t.fit(x, y, epochs=2, batch_size=64, rng=0, max_norm=1.0);"
        "import hashlib; print(hashlib.sha256(m[0].weight.data.tobytes()).hexdigest())"
    )
    hashes = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, **limit},
            check=True,
            capture_output=True,
        ).stdout
        for limit in ({}, {"OMP_THREAD_LIMIT": "2"}, {"OMP_THREAD_LIMIT": "1"})
    }
    assert len(hashes) == 1


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


def test_interrupt_stops_a_fit_soon_and_leaves_a_whole_model(rng, sigint):
    x, y = batch(rng, 4096, 64, 10)
    model = mlp((64, 256, 256, 10))
    trainer = fastnet.Trainer(model, nn.CrossEntropyLoss(), OPTIMIZERS["adam"](model.parameters()))
    sent = []

    def interrupt():
        sent.append(time.perf_counter())
        signal.raise_signal(sigint)

    timer = threading.Timer(0.3, interrupt)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(x, y, epochs=100000, rng=0)
    took = time.perf_counter() - sent[0]
    timer.join()
    assert took < 0.5
    assert all(np.isfinite(w).all() for w in weights(model))
    assert math.isfinite(trainer.step(x[:8], y[:8]))


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
    with pytest.raises(TypeError, match=r"Flatten\(start_dim=0.*must leave the first dimension"):
        trainer(nn.Linear(2, 3), nn.Flatten(0))
    with pytest.raises(TypeError, match=r"in_features=3.*has dtype float32, others float64"):
        trainer(nn.Linear(2, 3, dtype=np.float64), nn.Linear(3, 3))
    with pytest.raises(TypeError, match=r"LayerNorm.*must normalise one dimension"):
        trainer(nn.Linear(2, 3), nn.LayerNorm((2, 3)))
    with pytest.raises(TypeError, match=r"LogSoftmax.*dim must be 1 or -1"):
        trainer(nn.Linear(2, 3), nn.LogSoftmax(0))
    with pytest.raises(TypeError, match="ModuleList can't be compiled; what can: Sequential"):
        trainer(nn.Linear(2, 3), nn.ModuleList([nn.ReLU()]))
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
    for array in (x[0], x[None], x[0, 0]):
        match = rf"x must have shape \(batch, 20\), got {re.escape(str(array.shape))}; reshape"
        for call in (trainer.predict, lambda a: trainer.fit(a, y), lambda a: trainer.step(a, y)):
            with pytest.raises(ValueError, match=match):
                call(array)
    with pytest.raises(ValueError, match=r"y must have shape \(12,\), got \(11,\)"):
        trainer.step(x, y[:11])
    with pytest.raises(ValueError, match="classes from 0 to 4, got 7 in row 3"):
        trainer.step(x, np.where(np.arange(12) == 3, 7, y))
    with pytest.raises(ValueError, match="y has a value too large for dtype int64"):
        trainer.step(x, np.full(12, 2**64 - 100, np.uint64))  # -100, the ignored one, if it wraps
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
    for error, options in [
        (ValueError, {"max_norm": 0}), (ValueError, {"max_norm": math.nan}),
        (TypeError, {"max_norm": "1"}), (TypeError, {"shuffle": "no"}),
        (TypeError, {"progress": "no"}), (TypeError, {"callbacks": print}),
        (TypeError, {"callbacks": [1]}), (TypeError, {"validation_data": (x,)}),
        (TypeError, {"validation_data": (x, y, y)}), (TypeError, {"validation_data": x}),
        (ValueError, {"rng": -1}), (TypeError, {"rng": "seed"}),
    ]:  # fmt: skip
        name = "seed" if "rng" in options else next(iter(options))
        with pytest.raises(error, match=f"^{name} must"):
            trainer.fit(x, y, **options)
    with pytest.raises(TypeError, match="accumulate must be a bool"):
        trainer.gradient(x, y, accumulate="no")
    with pytest.raises(TypeError, match="y must be given"):
        trainer.fit(x)
    with pytest.raises(RuntimeError, match="gradient"):
        trainer.apply()
    for a, b in zip(weights(model), before, strict=True):
        assert_same_bits(a, b)


def test_replaced_layers_are_noticed(rng):
    x, y = batch(rng, 12)
    for change in (
        lambda model: setattr(model[0], "bias", None),
        lambda model: setattr(model[0], "weight", nn.Parameter(model[0].weight.data)),
        lambda model: model.__setitem__(0, nn.Linear(20, 3)),
    ):
        model = mlp()
        trainer = fastnet.Trainer(
            model, nn.CrossEntropyLoss(), OPTIMIZERS["adam"](model.parameters())
        )
        trainer.step(x, y)
        change(model)
        for call in (lambda: trainer.step(x, y), lambda: trainer.predict(x)):  # noqa: B023
            with pytest.raises(RuntimeError, match="other layers or parameters"):
                call()


def test_rates_set_since_are_looked_at_and_fit_takes_any_batch_size(rng):
    x, y = batch(rng, 12)
    model = mlp()
    trainer = fastnet.Trainer(model, nn.CrossEntropyLoss(), OPTIMIZERS["adam"](model.parameters()))
    before = weights(model)
    for rate, error in ((math.nan, ValueError), ("a", TypeError), (-1.0, ValueError)):
        trainer.optimizer.param_groups[0]["lr"] = rate
        for train in (trainer.fit, trainer.step):
            with pytest.raises(error, match="lr must be"):
                train(x, y)
    for a, b in zip(weights(model), before, strict=True):
        assert_same_bits(a, b)
    trainer.optimizer.param_groups[0]["lr"] = 0.01
    assert len(trainer.fit(x, y, batch_size=2**70)["loss"]) == 1


def test_learns_a_linear_map(rng):
    x = rng.standard_normal((400, 3))
    y = x @ np.array([[1.0], [-2.0], [0.5]]) + 0.25
    model = nn.Sequential(nn.Linear(3, 1, dtype=np.float64))
    trainer = fastnet.Trainer(model, nn.MSELoss(), optim.SGD(model.parameters(), lr=0.1))
    trainer.fit(x, y, epochs=50, rng=0)
    np.testing.assert_allclose(model[0].weight.data, [[1.0, -2.0, 0.5]], atol=1e-8)
    np.testing.assert_allclose(model[0].bias.data, [0.25], atol=1e-8)
