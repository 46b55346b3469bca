"""What Trainer refuses, and what is left after an error on its way."""

import math
import re

import numpy as np
import pytest
import tqdm.auto
from helpers import assert_same_bits
from models import OPTIMIZERS, batch, mlp, weights

import fastnet
from fastnet import nn, optim


def test_non_finite_loss_restores_running_statistics_too(rng):
    x, y = batch(rng, 40)
    model = nn.Sequential(nn.BatchNorm1d(20), *mlp(dropout=0.1))
    trainer = fastnet.Trainer(model, nn.CrossEntropyLoss(), OPTIMIZERS["adam"](model.parameters()))
    trainer.fit(x, y, batch_size=10)
    before = {name: np.array(value) for name, value in model.state_dict().items()}
    bad = x.copy()
    bad[25, 3] = np.inf
    batches = [(bad[i : i + 10], y[i : i + 10]) for i in range(0, 40, 10)]
    for arguments in ((bad, y), (batches,)):
        with pytest.raises(FloatingPointError, match="epoch 1, step 2"):
            trainer.fit(*arguments, batch_size=10, shuffle=False)
        for name, value in model.state_dict().items():
            assert_same_bits(np.array(value), before[name])


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


def test_an_error_of_the_users_passes_through(rng, monkeypatch):
    x, y = batch(rng, 64)
    model = mlp()
    trainer = fastnet.Trainer(model, nn.CrossEntropyLoss(), OPTIMIZERS["adam"](model.parameters()))

    def broken(*_):
        return 1 // 0

    def batches():
        yield x, y
        broken()

    class Bar(tqdm.auto.tqdm):
        def refresh(self, **_):
            if self.n > 0:
                broken()

    for arguments in ({"y": y, "callbacks": [broken]}, {"x": batches()}):
        with pytest.raises(ZeroDivisionError) as caught:
            trainer.fit(**{"x": x, **arguments}, epochs=2)
        assert caught.traceback[-1].name == "broken"
    monkeypatch.setattr(tqdm.auto, "tqdm", Bar)
    with pytest.raises(ZeroDivisionError) as caught:
        trainer.fit(x, y, progress=True)
    assert caught.traceback[-1].name == "broken"
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
