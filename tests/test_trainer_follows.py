"""The trainer follows what becomes of its model, loss and gradients, or says that it can't."""

import numpy as np
import pytest
from helpers import assert_same_bits
from models import OPTIMIZERS, assert_same_weights, batch, mlp, pair, taped_step

import fastnet
from fastnet import nn


def normed(dropout=None):
    rng = fastnet.random.Generator(3)
    return nn.Sequential(
        nn.Linear(20, 16, rng=rng),
        nn.BatchNorm1d(16),
        nn.LeakyReLU(0.1),
        nn.Dropout(0.5, rng=fastnet.random.Generator(5) if dropout is None else dropout),
        nn.Linear(16, 5, rng=rng),
    )


def assert_steps_equal(twins, loss, rng, steps=3):
    taped, optimizer, fused, trainer = twins
    for _ in range(steps):
        x, y = batch(rng)
        assert trainer.step(x, y) == taped_step(taped, loss, optimizer, x, y)
    assert_same_weights(fused, taped)
    for a, b in zip(fused.buffers(), taped.buffers(), strict=True):
        assert_same_bits(a, b)


@pytest.mark.parametrize("frozen", [[1], [3], [1, 3]])
def test_parts_in_evaluation_mode_stay_so_in_steps(isa, threads, rng, frozen):
    loss = nn.CrossEntropyLoss()
    twins = pair(normed, loss, OPTIMIZERS["adam"])
    assert_steps_equal(twins, loss, rng)
    for model in (twins[0], twins[2]):
        for number in frozen:
            model[number].eval()
    before = [np.array(b) for b in twins[2][1].buffers()]
    assert_steps_equal(twins, loss, rng)
    if 1 in frozen:
        for a, b in zip(twins[2][1].buffers(), before, strict=True):
            assert_same_bits(a, b)
        twins[3].step(*batch(rng, 1))  # whose statistics are of no use
    for model in (twins[0], twins[2]):
        model.train()
    if 1 not in frozen:
        assert_steps_equal(twins, loss, rng)


def test_the_mode_of_the_whole_model_does_not_matter(rng):
    models = [normed(), normed().eval()]
    trainers = [
        fastnet.Trainer(m, nn.CrossEntropyLoss(), OPTIMIZERS["adam"](m.parameters()))
        for m in models
    ]
    x, y = batch(rng)
    assert trainers[0].step(x, y) == trainers[1].step(x, y)
    assert_same_weights(*models)
    assert_same_bits(trainers[0].predict(x), models[1](x))


def test_options_changed_later_count(rng):
    loss = nn.CrossEntropyLoss()
    twins = pair(normed, loss, OPTIMIZERS["adam"])
    assert_steps_equal(twins, loss, rng)
    for model in (twins[0], twins[2]):
        model[1].running_mean = np.zeros(16, np.float32)
        model[1].momentum = 0.5
        model[2].negative_slope = 0.3
        model[3].p = 0.1
    assert_steps_equal(twins, loss, rng)
    x, y = batch(rng)
    assert_same_bits(twins[3].predict(x), twins[2].eval()(x))
    twins[2].train()
    loss.label_smoothing = 0.2
    assert_steps_equal(twins, loss, rng)
    smooth = float(loss(twins[3].predict(x), y))
    assert twins[3].evaluate(x, y)["loss"] == smooth


@pytest.mark.parametrize("how", ["trainer", "dtype"])
def test_parameters_that_moved_are_told_of(rng, how):
    model = mlp()
    loss = nn.CrossEntropyLoss()
    trainer = fastnet.Trainer(model, loss, OPTIMIZERS["sgd"](model.parameters()))
    x, y = batch(rng)
    trainer.step(x, y)
    if how == "dtype":
        model.double()
    else:
        # In another order they lie elsewhere.
        other = nn.Sequential(nn.Identity(), *model[:1], nn.Linear(33, 5))
        fastnet.Trainer(other, loss, OPTIMIZERS["sgd"](other.parameters()))
    for call in (trainer.step, trainer.evaluate, trainer.gradient):
        with pytest.raises(RuntimeError, match="moved"):
            call(x, y)
    with pytest.raises(RuntimeError, match="moved"):
        trainer.predict(x)
    with pytest.raises(RuntimeError, match="moved"):
        trainer.apply()


def test_dropout_draws_from_its_generators_stream(rng):
    loss = nn.CrossEntropyLoss()
    twins = pair(lambda: normed(fastnet.random.Generator(3).jumped(2)), loss, OPTIMIZERS["adam"])
    assert_steps_equal(twins, loss, rng)


def test_gradients_are_those_that_the_parameters_have(rng):
    model = mlp()
    optimizer = OPTIMIZERS["sgd"](model.parameters())
    trainer = fastnet.Trainer(model, nn.CrossEntropyLoss(), optimizer)
    x, y = batch(rng)
    trainer.gradient(x, y)
    first = [np.array(p.grad.data) for p in model.parameters()]
    optimizer.zero_grad()
    with pytest.raises(RuntimeError, match="gradients of all"):
        trainer.apply()
    trainer.gradient(x, y, accumulate=True)
    for p, gradient in zip(model.parameters(), first, strict=True):
        assert_same_bits(p.grad.data, gradient)
    # One that was left out, one that was set by hand.
    parameters = list(model.parameters())
    parameters[0].grad = None
    parameters[1].grad = np.full_like(first[1], 0.25)
    with pytest.raises(RuntimeError, match="gradients of all"):
        trainer.apply()
    parameters[1].grad = np.full_like(first[1], 0.25)
    trainer.gradient(x, y, accumulate=True)
    assert_same_bits(parameters[0].grad.data, first[0])
    np.testing.assert_array_equal(parameters[1].grad.data, first[1] + np.float32(0.25))
    before = np.array(parameters[1].data)
    parameters[1].grad = np.full_like(first[1], 0.25)
    trainer.apply()
    np.testing.assert_array_equal(parameters[1].data, before - np.float32(0.1) * np.float32(0.25))


def test_a_step_refused_while_another_thread_steps_loses_no_counts(rng):
    model = mlp()
    optimizer = OPTIMIZERS["adam"](model.parameters())
    trainer = fastnet.Trainer(model, nn.CrossEntropyLoss(), optimizer)
    x, y = batch(rng)
    trainer.step(x, y)
    core = trainer._plan._current

    class Busy:
        """Stands for the engine's object while another thread is in a step."""

        def set_optimizer(self, *_):
            msg = "the model is in use by another thread"
            raise RuntimeError(msg)

    trainer._plan._cores["cross_entropy"] = Busy()
    optimizer.param_groups[0]["lr"] = 0.5
    with pytest.raises(RuntimeError, match="in use"):
        trainer.step(x, y)
    trainer._plan._cores["cross_entropy"] = core
    trainer._plan.publish()  # which the other thread does at its end
    trainer.step(x, y)
    assert optimizer.state[model[0].weight]["step"] == 2
