"""Layers, containers, losses as modules, initial values and clipping."""

import copy
import math
from collections import OrderedDict

import numpy as np
import pytest
from helpers import assert_same_bits

import fastnet
import fastnet.functional as F
from fastnet import nn
from fastnet.random import Generator


def net():
    return nn.Sequential(nn.Linear(5, 20, rng=1), nn.ReLU(), nn.Linear(20, 3, rng=2))


# ---- containers ----


def test_sequential_is_a_sequence():
    model = net()
    assert len(model) == 3
    assert [type(m).__name__ for m in model] == ["Linear", "ReLU", "Linear"]
    assert model[-1] is model[2]
    phi = model[:-1]
    assert isinstance(phi, nn.Sequential)
    assert phi[0] is model[0]
    assert list(dict(model[1:].named_children())) == ["1", "2"]
    assert model.append(nn.Tanh()) is model
    assert list(dict(model.named_children())) == ["0", "1", "2", "3"]
    model[1] = nn.Tanh()
    assert isinstance(model[1], nn.Tanh)
    del model[1]
    assert list(dict(model.named_children())) == ["0", "1", "2"]
    with pytest.raises(IndexError, match="out of range"):
        model[3]
    with pytest.raises(TypeError, match="Module"):
        nn.Sequential(3)
    assert nn.Sequential()(np.ones(2)).tolist() == [1, 1]


def test_sequential_with_names():
    model = nn.Sequential(OrderedDict(hidden=nn.Linear(2, 3), act=nn.ReLU()), head=nn.Linear(3, 1))
    assert list(dict(model.named_children())) == ["hidden", "act", "head"]
    assert model.hidden is model[0]
    assert next(iter(model.state_dict())) == "hidden.weight"
    with pytest.raises(ValueError, match="attribute"):
        nn.Sequential(forward=nn.ReLU())


def test_module_list_and_repr():
    layers = nn.ModuleList([nn.Linear(2, 2)])
    layers.extend([nn.Linear(2, 3)])
    assert len(layers[1:]) == 1
    assert repr(nn.Sequential(nn.Dropout(0.2), nn.LeakyReLU(), nn.GELU("tanh"))) == (
        "Sequential(\n  (0): Dropout(p=0.2)\n  (1): LeakyReLU(negative_slope=0.01)\n"
        "  (2): GELU(approximate='tanh')\n)"
    )


# ---- layers ----


def test_linear_starts_within_its_bound_and_from_its_seed(dtype):
    layer = nn.Linear(50, 40, dtype=dtype, rng=3)
    bound = 1 / math.sqrt(50)
    for values in (layer.weight.data, layer.bias.data):
        assert values.dtype == dtype
        assert np.abs(values).max() <= bound
        # The mean of n uniforms in +-b has standard deviation b / sqrt(3 n); 6 of them.
        assert abs(values.mean()) < 6 * bound / math.sqrt(3 * values.size)
    assert_same_bits(layer.weight.data, nn.Linear(50, 40, dtype=dtype, rng=3).weight.data)
    generator = Generator(3)
    assert_same_bits(layer.weight.data, generator.uniform(-bound, bound, (40, 50), dtype))
    assert_same_bits(layer.bias.data, generator.uniform(-bound, bound, 40, dtype))
    fastnet.manual_seed(5)
    first = nn.Linear(4, 4).weight.data
    fastnet.manual_seed(5)
    assert_same_bits(nn.Linear(4, 4).weight.data, first)


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ((0, 1), ValueError, "in_features must be at least 1, got 0"),
        ((1, -2), ValueError, "out_features must be at least 1, got -2"),
        ((1.5, 2), TypeError, "in_features must be an int, got float"),
        ((2, True), TypeError, "out_features must be an int, got bool"),
        (("3", 2), TypeError, "in_features must be an int, got str"),
        ((2**33, 2**33), ValueError, "larger than memory"),
        ((2**200, 1), ValueError, "larger than memory"),
    ],
)
def test_linear_refuses_sizes_that_are_none(arguments, error, match):
    with pytest.raises(error, match=match):
        nn.Linear(*arguments)


@pytest.mark.parametrize("dtype", [np.float16, int, "int64", "complex64", bool])
def test_layers_refuse_other_dtypes(dtype):
    with pytest.raises(TypeError, match="float32 or float64"):
        nn.Linear(2, 3, dtype=dtype)


ACTIVATIONS = [
    (nn.ReLU(), F.relu), (nn.LeakyReLU(0.2), lambda x: F.leaky_relu(x, 0.2)),
    (nn.ELU(1.5), lambda x: F.elu(x, 1.5)), (nn.SELU(), F.selu), (nn.GELU(), F.gelu),
    (nn.GELU("tanh"), lambda x: F.gelu(x, "tanh")), (nn.SiLU(), F.silu),
    (nn.Sigmoid(), F.sigmoid), (nn.Tanh(), F.tanh),
    (nn.Softplus(2.0), lambda x: F.softplus(x, 2.0)),
    (nn.Hardtanh(-2, 2), lambda x: F.hardtanh(x, -2, 2)),
    (nn.Softmax(0), lambda x: F.softmax(x, 0)), (nn.LogSoftmax(-1), lambda x: F.log_softmax(x, -1)),
]  # fmt: skip


@pytest.mark.parametrize(("module", "function"), ACTIVATIONS, ids=lambda m: repr(m)[:20])
def test_activations_are_their_functions(module, function, dtype, rng):
    x = rng.standard_normal((4, 5)).astype(dtype)
    expected = function(x)
    assert_same_bits(module(x), expected)
    out = np.empty_like(x)
    assert module(x, out=out) is out
    assert_same_bits(out, expected)
    taped = module(fastnet.tensor(x, requires_grad=True))
    assert taped.requires_grad
    assert_same_bits(taped.data, expected)


def test_activations_refuse_options_that_make_no_sense():
    with pytest.raises(ValueError, match="approximate"):
        nn.GELU("fast")
    with pytest.raises(ValueError, match="min_val"):
        nn.Hardtanh(1, -1)
    with pytest.raises(ValueError, match="alpha must be finite"):
        nn.ELU(float("nan"))
    with pytest.raises(TypeError, match="negative_slope must be a number"):
        nn.LeakyReLU("a")


def test_dropout_depends_on_the_mode_alone(rng):
    x = np.ones((20, 30), np.float32)
    layer = nn.Dropout(0.5, rng=1)
    y = layer(x)
    assert set(np.unique(y)) == {0, 2}
    assert not np.array_equal(layer(x), y)
    again = nn.Dropout(0.5, rng=1)
    t = fastnet.tensor(x, requires_grad=True)
    taped = again(t)
    assert_same_bits(taped.data, y)
    taped.backward(x)
    assert_same_bits(t.grad.data, y)
    layer.eval()
    np.testing.assert_array_equal(layer(x), x)
    with pytest.raises(ValueError, match=r"p must be in \[0, 1\]"):
        nn.Dropout(1.5)


def test_flatten_and_identity():
    x = np.arange(24.0).reshape(2, 3, 4)
    assert nn.Flatten()(x).shape == (2, 12)
    assert nn.Flatten(0, 1)(x).shape == (6, 4)
    assert nn.Identity(5, a=3)(x) is x


LOSSES = [
    (nn.CrossEntropyLoss(weight=[1, 2, 3], label_smoothing=0.1),
     lambda x, y: F.cross_entropy(x, y, np.array([1, 2, 3], x.dtype), label_smoothing=0.1)),
    (nn.NLLLoss(reduction="sum"), lambda x, y: F.nll_loss(x, y, reduction="sum")),
    (nn.BCEWithLogitsLoss(pos_weight=[1.0, 2.0, 3.0]),
     lambda x, y: F.binary_cross_entropy_with_logits(
         x, y, pos_weight=np.array([1, 2, 3], x.dtype))),
    (nn.MSELoss(), F.mse_loss), (nn.L1Loss("none"), lambda x, y: F.l1_loss(x, y, "none")),
    (nn.SmoothL1Loss(beta=0.5), lambda x, y: F.smooth_l1_loss(x, y, beta=0.5)),
    (nn.HuberLoss(delta=0.5), lambda x, y: F.huber_loss(x, y, delta=0.5)),
]  # fmt: skip


@pytest.mark.parametrize(("module", "function"), LOSSES, ids=lambda m: repr(m)[:20])
def test_losses_are_their_functions(module, function, dtype, rng):
    x = rng.standard_normal((4, 3)).astype(dtype)
    classes = isinstance(module, nn.CrossEntropyLoss | nn.NLLLoss)
    y = rng.integers(0, 3, 4) if classes else rng.uniform(0, 1, (4, 3)).astype(dtype)
    expected = function(x, y)
    assert_same_bits(module(x, y), expected)
    t = fastnet.tensor(x, requires_grad=True)
    loss = module(t, fastnet.tensor(y))
    assert_same_bits(loss.data, np.asarray(expected))
    loss.sum().backward()
    assert t.grad.dtype == dtype


def test_losses_have_buffers_and_check_their_options():
    assert list(nn.CrossEntropyLoss(weight=np.ones(3)).state_dict()) == ["weight"]
    assert list(nn.CrossEntropyLoss().state_dict()) == []
    with pytest.raises(ValueError, match="reduction must be one of"):
        nn.MSELoss("average")
    with pytest.raises(ValueError, match="label_smoothing"):
        nn.CrossEntropyLoss(label_smoothing=2)


# ---- initial values ----


@pytest.mark.parametrize(
    ("fill", "bound"),
    [
        (lambda t: nn.init.xavier_uniform_(t, gain=2.0, rng=1), 2 * math.sqrt(6 / 70)),
        (lambda t: nn.init.kaiming_uniform_(t, a=math.sqrt(5), rng=1), 1 / math.sqrt(30)),
        (lambda t: nn.init.kaiming_uniform_(t, mode="fan_out", nonlinearity="relu", rng=1),
         math.sqrt(6 / 40)),
        (lambda t: nn.init.uniform_(t, -0.25, 0.25, rng=1), 0.25),
    ],
)  # fmt: skip
def test_uniform_initial_values_fill_their_range(fill, bound):
    layer = nn.Linear(30, 40)
    assert fill(layer.weight) is layer.weight
    values = layer.weight.data
    assert np.abs(values).max() <= np.float32(bound)
    # The largest of 1200 stays below 0.98 of the bound with probability 0.98^1200 < 1e-10.
    assert np.abs(values).max() > 0.98 * bound


def test_constant_initial_values_and_their_errors():
    layer = nn.Linear(3, 2)
    assert (nn.init.zeros_(layer.bias).data == 0).all()
    assert (nn.init.ones_(layer.bias).data == 1).all()
    assert (nn.init.constant_(layer.bias, 3.5).data == 3.5).all()
    np.testing.assert_array_equal(nn.init.eye_(layer.weight).data, np.eye(2, 3))
    with pytest.raises(ValueError, match="2 dimensions"):
        nn.init.xavier_uniform_(layer.bias)
    with pytest.raises(ValueError, match="fan_in or fan_out"):
        nn.init.kaiming_uniform_(layer.weight, mode="fan")
    with pytest.raises(ValueError, match="nonlinearity"):
        nn.init.calculate_gain("relo")
    with pytest.raises(TypeError, match="floats"):
        nn.init.zeros_([1.0])


def test_initial_values_are_noticed_by_backward():
    layer = nn.Linear(3, 2)
    y = layer(fastnet.ones(1, 3).requires_grad_()).sum()
    nn.init.zeros_(layer.weight)
    with pytest.raises(RuntimeError, match="edited in place"):
        y.backward()


# ---- clipping ----


@pytest.mark.parametrize("norm_type", [1.0, 2.0, 3.0, math.inf])
def test_clipping_scales_all_gradients_by_one_factor(norm_type, dtype, rng):
    model = nn.Sequential(nn.Linear(4, 10, dtype=dtype), nn.Linear(10, 2, dtype=dtype))
    model(fastnet.tensor(rng.standard_normal((3, 4)))).sum().backward()
    before = [p.grad.data.astype(float) for p in model.parameters()]
    norm = np.linalg.norm(np.concatenate([g.ravel() for g in before]), norm_type)
    assert math.isclose(
        nn.utils.clip_grad_norm_(model.parameters(), norm / 2, norm_type).item(), norm, rel_tol=1e-6
    )
    for p, g in zip(model.parameters(), before, strict=True):
        # Two roundings, and the 1e-6 in the divisor.
        np.testing.assert_allclose(p.grad.data, g / 2, rtol=2e-6 / min(norm, 1))
    halved = [p.grad.data.copy() for p in model.parameters()]
    nn.utils.clip_grad_norm_(model.parameters(), 2 * norm, norm_type)
    for p, g in zip(model.parameters(), halved, strict=True):
        assert_same_bits(p.grad.data, g)


def test_clipping_with_strange_norms():
    x = fastnet.tensor([1.0, 2.0], requires_grad=True)
    assert nn.utils.clip_grad_norm_([x], 1.0).item() == 0
    x.grad = np.float32([np.inf, 1])
    with pytest.raises(RuntimeError, match="norm is inf"):
        nn.utils.clip_grad_norm_([x], 1.0, error_if_nonfinite=True)
    assert x.grad.tolist() == [math.inf, 1]
    with pytest.raises(ValueError, match="max_norm"):
        nn.utils.clip_grad_norm_([x], -1.0)
    with pytest.raises(ValueError, match="norm_type"):
        nn.utils.clip_grad_norm_([x], 1.0, 0)
    nn.utils.clip_grad_value_([x], 0.5)
    assert x.grad.tolist() == [0.5, 0.5]


# ---- normalisation ----


def test_norms_are_their_functions(dtype, rng):
    x = rng.standard_normal((6, 4)).astype(dtype)
    layer = nn.LayerNorm(4, eps=1e-3, dtype=dtype)
    layer.weight.data[...] = rng.standard_normal(4)
    expected = F.layer_norm(x, 4, layer.weight.data, layer.bias.data, 1e-3)
    assert_same_bits(layer(x), expected)
    assert_same_bits(layer(fastnet.tensor(x)).data, expected)
    out = np.empty_like(x)
    assert layer(x, out=out) is out
    assert nn.LayerNorm((6, 4), elementwise_affine=False)(x).dtype == dtype
    batch = nn.BatchNorm1d(4, dtype=dtype)
    mean, var = np.zeros(4, dtype), np.ones(4, dtype)
    expected = F.batch_norm(x, mean, var, np.ones(4, dtype), np.zeros(4, dtype), training=True)
    assert_same_bits(batch(x), expected)
    assert_same_bits(batch.running_mean, mean)
    assert_same_bits(batch.running_var, var)
    assert batch.num_batches_tracked == 1
    assert_same_bits(batch(fastnet.tensor(x)).data, expected)
    assert batch.num_batches_tracked == 2
    batch.eval()
    before = batch.running_mean.copy()
    assert_same_bits(batch(x[:2]), batch(x)[:2])
    assert_same_bits(batch.running_mean, before)
    assert batch.num_batches_tracked == 2
    batch.reset_parameters()
    assert (batch.running_var == 1).all()


def test_norms_state_is_saved_and_checked():
    batch = nn.BatchNorm1d(3)
    batch(np.arange(6, dtype=np.float32).reshape(2, 3))
    other = nn.BatchNorm1d(3)
    other.load_state_dict(batch.state_dict())
    assert_same_bits(other.running_mean, batch.running_mean)
    assert other.num_batches_tracked == 1
    copied = copy.deepcopy(batch)
    copied.running_mean[...] = 9
    assert (batch.running_mean != 9).all()
    assert batch.double().running_mean.dtype == np.float64
    assert list(nn.BatchNorm1d(3, affine=False, track_running_stats=False).state_dict()) == []
    for layer, change in [
        (batch, {"running_var": np.ones(4)}), (batch, {"weight": np.ones(3)}),
        (nn.LayerNorm(3), {"bias": nn.Parameter(np.ones(4))}),
    ]:  # fmt: skip
        with pytest.raises(ValueError, match=next(iter(change))):
            type(layer).__new__(type(layer)).__setstate__({**layer.__dict__, **change})
    with pytest.raises(ValueError, match="num_features must be at least 1"):
        nn.BatchNorm1d(0)
    with pytest.raises(TypeError, match="normalized_shape must be an int"):
        nn.LayerNorm(2.5)
    with pytest.raises(ValueError, match="eps must be finite"):
        nn.LayerNorm(2, eps=float("nan"))


def test_a_conversion_that_fails_changes_nothing():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)).double()
    model[1].weight.data = np.full((2, 2), 1e300)
    before = [p.data for p in model.parameters()]
    with pytest.raises(ValueError, match="too large"):
        model.float()
    for p, array in zip(model.parameters(), before, strict=True):
        assert p.data is array


def test_setting_what_is_there_already_keeps_what_was_compiled():
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.25)).eval()
    model(np.ones((1, 2), np.float32))
    plan = model._plan
    model.eval()
    model(np.ones((1, 2), np.float32))
    assert model._plan is plan
    model.train().eval()
    model(np.ones((1, 2), np.float32))
    assert model._plan is not plan


def test_a_state_of_live_arrays_is_copied_before_they_are_filled():
    model = nn.Sequential(nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False))
    state = model.state_dict()
    first, second = (np.array(a) for a in state.values())
    model.load_state_dict({"0.weight": state["1.weight"], "1.weight": state["0.weight"]})
    assert_same_bits(model[0].weight.data, second)
    assert_same_bits(model[1].weight.data, first)


def test_a_module_may_hold_its_parent():
    parent = nn.Sequential(nn.Linear(2, 2))
    parent[0].parent = parent
    assert [name for name, _ in parent.named_parameters()] == ["0.weight", "0.bias"]
