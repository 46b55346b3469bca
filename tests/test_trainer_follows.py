"""The trainer follows what becomes of its model, loss and gradients, or says that it can't."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from helpers import assert_same_bits
from models import OPTIMIZERS, assert_same_weights, batch, mlp, pair, taped_step

import fastnet
from fastnet import nn, optim


def normed(dropout=None):
    rng = fastnet.random.Generator(3)
    return nn.Sequential(
        nn.Linear(20, 16, rng=rng),
        nn.BatchNorm1d(16),
        nn.LeakyReLU(0.1),
        nn.Dropout(0.5, rng=fastnet.random.Generator(5) if dropout is None else dropout),
        nn.Linear(16, 5, rng=rng),
    )


def trainer_of(model, name="sgd"):
    optimizer = OPTIMIZERS[name](model.parameters())
    return fastnet.Trainer(model, nn.CrossEntropyLoss(), optimizer)


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
    trainer = trainer_of(model)
    optimizer = trainer.optimizer
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
    trainer = trainer_of(model, "adam")
    optimizer = trainer.optimizer
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


@pytest.mark.parametrize("name", ["adam", "momentum"])
@pytest.mark.parametrize("how", ["load", "clear", "replace"])
def test_a_reset_optimizer_starts_anew(rng, name, how):
    loss = nn.CrossEntropyLoss()
    twins = pair(mlp, loss, OPTIMIZERS[name])
    fresh = twins[1].state_dict()
    assert_steps_equal(twins, loss, rng)
    for optimizer in (twins[1], twins[3].optimizer):
        if how == "load":
            optimizer.load_state_dict(fresh)
        elif how == "clear":
            optimizer.state.clear()
        else:
            optimizer.state = {}
    assert_steps_equal(twins, loss, rng)


def test_parameters_exchanged_between_groups_take_the_others_rate(rng):
    model = mlp()
    weights = [list(model[i].parameters()) for i in (0, 2)]
    rates = ({"params": p, "lr": lr} for p, lr in zip(weights, (0.1, 0.0), strict=True))
    optimizer = optim.SGD(rates)
    trainer = fastnet.Trainer(model, nn.CrossEntropyLoss(), optimizer)
    x, y = batch(rng)
    trainer.step(x, y)
    first, second = optimizer.param_groups
    first["params"], second["params"] = second["params"], first["params"]
    before = [np.array(p.data) for p in weights[0]]
    trainer.step(x, y)
    for p, array in zip(weights[0], before, strict=True):
        assert_same_bits(p.data, array)


def test_parameters_of_others_added_later_are_refused(rng):
    model = mlp()
    trainer = trainer_of(model)
    optimizer = trainer.optimizer
    x, y = batch(rng)
    trainer.step(x, y)
    optimizer.add_param_group({"params": [nn.Parameter(np.ones(3))]})
    with pytest.raises(ValueError, match="parameters of the model only"):
        trainer.step(x, y)


def test_a_buffer_registered_anew_is_used(rng):
    model = normed().eval()
    x, _ = batch(rng)
    model(x)
    model[1].register_buffer("running_mean", np.full(16, 10, np.float32))
    assert_same_bits(model(x), model(fastnet.tensor(x)).data)


def test_a_forward_of_its_own_is_not_compiled_away(rng):
    model = mlp().eval()
    x, _ = batch(rng)
    model(x)
    model[1].forward = lambda x: x
    assert_same_bits(model(x), model(fastnet.tensor(x)).data)
    with pytest.raises(TypeError, match="another forward"):
        trainer_of(model)


def test_what_a_trainer_is_made_of_cannot_be_set():
    model = mlp()
    optimizer = OPTIMIZERS["sgd"](model.parameters())
    loss = nn.CrossEntropyLoss()
    trainer = fastnet.Trainer(model, loss, optimizer)
    assert (trainer.model, trainer.loss, trainer.optimizer) == (model, loss, optimizer)
    for name in ("model", "loss", "optimizer"):
        with pytest.raises(AttributeError):
            setattr(trainer, name, getattr(trainer, name))


def test_beside_a_fit_in_another_thread_others_are_refused(rng):
    model = mlp()
    trainers = [trainer_of(model) for _ in range(2)]
    x, y = batch(rng)
    state = {name: np.array(a) for name, a in model.state_dict().items()}
    calls = [
        lambda: trainers[0].step(x, y),
        lambda: trainers[1].step(x, y),
        lambda: trainers[1].predict(x),
        lambda: model.load_state_dict(state),
        trainers[0].optimizer.step,
    ]

    def callback(*_):
        with ThreadPoolExecutor(1) as pool:
            for call in calls:
                with pytest.raises(RuntimeError, match="modified by another thread"):
                    pool.submit(call).result()

    trainers[0].fit(x, y, callbacks=[callback])
    for call in calls:
        call()


def test_callbacks_stop_by_true_alone_and_epochs_are_numbers(rng):
    model = mlp()
    trainer = trainer_of(model)
    x, y = batch(rng)
    assert len(trainer.fit(x, y, epochs=3, callbacks=[lambda *_: np.ones(2)])["loss"]) == 3
    assert len(trainer.fit(x, y, epochs=3, callbacks=[lambda *_: np.True_])["loss"]) == 1
    for epoch, error in ((2**64, ValueError), ("a", TypeError)):
        trainer.epoch = epoch
        with pytest.raises(error, match="epoch must be"):
            trainer.fit(x, y)
