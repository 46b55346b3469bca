"""Trainer.fit, predict and evaluate: epochs, histories, interrupts."""

import math
import os
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


def test_learns_a_linear_map(rng):
    x = rng.standard_normal((400, 3))
    y = x @ np.array([[1.0], [-2.0], [0.5]]) + 0.25
    model = nn.Sequential(nn.Linear(3, 1, dtype=np.float64))
    trainer = fastnet.Trainer(model, nn.MSELoss(), optim.SGD(model.parameters(), lr=0.1))
    trainer.fit(x, y, epochs=50, rng=0)
    np.testing.assert_allclose(model[0].weight.data, [[1.0, -2.0, 0.5]], atol=1e-8)
    np.testing.assert_allclose(model[0].bias.data, [0.25], atol=1e-8)
