"""Modules: registration, calling, parameters and their memory, state, copies."""

import copy
import pickle

import numpy as np
import pytest
from helpers import assert_same_bits

import fastnet
import fastnet.functional as F
from fastnet import nn
from fastnet._storage import flat, is_padded, padded_row


def net(dtype=None):
    return nn.Sequential(
        nn.Linear(5, 20, dtype=dtype, rng=1), nn.ReLU(), nn.Linear(20, 3, dtype=dtype, rng=2)
    )


class Custom(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 6)
        self.scale = nn.Parameter(np.float32([2]))
        self.layers = nn.ModuleList([nn.Linear(6, 6), nn.Linear(6, 2)])
        self.register_buffer("shift", np.float32([1, 2]))
        self.register_buffer("scratch", np.zeros(2), persistent=False)
        self.bias = None

    def forward(self, x, times=1):
        h = F.relu(self.first(x))
        for layer in self.layers:
            h = layer(h)
        return h * self.scale * times + self.shift


# ---- registration ----


def test_names_and_order():
    model = Custom()
    names = [name for name, _ in model.named_parameters()]
    assert names == [
        "scale", "first.weight", "first.bias",
        "layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias",
    ]  # fmt: skip
    assert [name for name, _ in model.named_children()] == ["first", "layers"]
    assert [name for name, _ in model.named_modules()] == [
        "", "first", "layers", "layers.0", "layers.1",
    ]  # fmt: skip
    assert [name for name, _ in model.named_buffers()] == ["shift", "scratch"]
    assert [id(p) for p in model.parameters()] == [id(p) for _, p in model.named_parameters()]
    assert "shift" in model.state_dict()
    assert "scratch" not in model.state_dict()
    assert len(list(model.parameters(recurse=False))) == 1


def test_shared_modules_are_counted_once_and_saved_under_each_name():
    layer = nn.Linear(3, 3)
    model = nn.Sequential(layer, nn.ReLU(), layer)
    assert len(list(model.parameters())) == 2
    assert len(list(model.modules())) == 3
    assert list(model.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]


def test_a_parameter_is_replaced_by_a_parameter_only():
    model = Custom()
    with pytest.raises(TypeError, match="scale must be a Parameter or None, got ndarray"):
        model.scale = np.ones(1)
    model.scale = nn.Parameter(np.float32([3]))
    with pytest.raises(TypeError, match="buffer shift"):
        model.shift = "a"
    with pytest.raises(ValueError, match="dot"):
        model.add_module("a.b", nn.ReLU())
    with pytest.raises(TypeError, match="Module"):
        model.add_module("a", 3)
    del model.scale
    assert "scale" not in dict(model.named_parameters())


def test_registering_without_calling_the_bases_init():
    class Bare(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(2, 2)

    assert len(list(Bare().parameters())) == 2


def test_modes_and_gradients():
    model = Custom()
    assert model.training
    assert model.eval() is model
    assert not any(m.training for m in model.modules())
    model.train()
    assert all(m.training for m in model.modules())
    with pytest.raises(TypeError, match="bool"):
        model.train("yes")
    model(fastnet.ones(3, 4)).sum().backward()
    assert all(p.grad is not None for p in model.parameters())
    model.zero_grad(set_to_none=False)
    assert all((p.grad == 0).all() for p in model.parameters())
    model.zero_grad()
    assert all(p.grad is None for p in model.parameters())
    model.requires_grad_(False)
    assert not model(fastnet.ones(3, 4)).requires_grad
    seen = []
    model.apply(lambda m: seen.append(type(m).__name__))
    assert seen == ["Linear", "Linear", "Linear", "ModuleList", "Custom"]


# ---- calling ----


def test_arrays_give_arrays_without_the_tape(rng):
    model = Custom()
    x = rng.standard_normal((3, 4)).astype(np.float32)
    y = model(x, times=2)
    assert type(y) is np.ndarray
    taped = model(fastnet.tensor(x), times=2)
    assert taped.requires_grad
    assert_same_bits(taped.data, y)
    assert fastnet.is_grad_enabled()
    out = np.empty((3, 2), np.float32)
    assert model(x, times=2, out=out) is out
    assert_same_bits(out, y)


def test_out_reaches_layers_and_is_checked(rng):
    x = rng.standard_normal((3, 5)).astype(np.float32)
    model = net()
    out = np.empty((3, 3), np.float32)
    assert model(x, out=out) is out
    assert_same_bits(out, model(x))
    layer = model[0]
    wide = np.empty((3, 20), np.float32)
    assert layer(x, out=wide) is wide
    assert nn.ReLU()(wide, out=wide) is wide
    with pytest.raises(ValueError, match="shape"):
        model(x, out=np.empty((3, 4), np.float32))
    with pytest.raises(TypeError, match="no out"):
        model(fastnet.tensor(x), out=out)
    with pytest.raises(NotImplementedError):
        nn.Module()(x)


def test_grad_mode_is_restored_after_an_error():
    with pytest.raises(ValueError, match="shape"):
        net()(np.ones((2, 4), np.float32))
    assert fastnet.is_grad_enabled()


def test_tuples_and_dicts_of_results_are_arrays_too():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(np.float32([2]))

        def forward(self, x):
            return x * self.w, {"sum": (x * self.w).sum()}

    y, more = Two()(np.float32([1, 2]))
    assert type(y) is np.ndarray
    assert more["sum"] == 6
    y, more = Two()(fastnet.tensor([1.0, 2.0]))
    assert y.requires_grad


def test_inputs_are_converted_to_the_parameters_dtype(rng):
    x = rng.standard_normal((4, 5))
    model = net()
    expected = model(x.astype(np.float32))
    assert_same_bits(model(x), expected)
    assert_same_bits(model(fastnet.tensor(x)).data, expected)
    assert model(np.ones((2, 5), int)).dtype == np.float32
    wide = net(np.float64)
    assert wide(x.astype(np.float32)).dtype == np.float64
    with pytest.raises(ValueError, match="too large"):
        model(np.full((1, 5), 1e300))


# ---- parameters and their memory ----


@pytest.mark.parametrize("features", [(3, 2), (1, 1), (20, 16), (7, 256), (4, 128), (5, 257)])
def test_weights_are_padded_and_stay_so(features, dtype):
    n_in, n_out = features
    layer = nn.Linear(n_in, n_out, dtype=dtype)
    weight = layer.weight.data
    assert weight.shape == (n_out, n_in)
    assert weight.strides[0] == dtype.itemsize
    assert is_padded(weight)
    memory = flat(weight)
    row = padded_row(n_out, dtype.itemsize)
    assert row % 16 == 0
    assert row * dtype.itemsize % 1024
    assert memory.size == n_in * row
    assert memory.__array_interface__["data"][0] % 64 == 0
    assert np.shares_memory(memory, weight)
    padding = memory.reshape(n_in, row)[:, n_out:]
    assert not padding.any()
    for make in (copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))):
        other = make(layer)
        assert is_padded(other.weight.data)
        assert not np.shares_memory(other.weight.data, weight)
        assert_same_bits(other.weight.data, weight)


def test_a_gradients_memory_is_laid_out_as_its_weights():
    for n_out in (10, 128, 256):
        layer = nn.Linear(6, n_out)
        layer(fastnet.ones(3, 6)).sum().backward()
        grad = layer.weight.grad.data
        assert grad.strides == layer.weight.data.strides
        memory = flat(grad)
        assert memory.size == flat(layer.weight.data).size
        assert not memory.reshape(6, -1)[:, n_out:].any()


def test_setting_data_copies_into_the_memory_that_is_there():
    layer = nn.Linear(3, 2)
    memory = layer.weight.data
    layer.weight.data = np.ones((2, 3), np.float32)
    assert layer.weight.data is memory
    assert (memory == 1).all()
    with pytest.raises(ValueError, match=r"data must have shape \(2, 3\), got \(3, 2\)"):
        layer.weight.data = np.ones((3, 2), np.float32)
    with pytest.raises(TypeError, match="dtype"):
        layer.weight.data = np.ones((2, 3))
    with pytest.raises(ValueError, match="grad must have shape"):
        layer.weight.grad = np.ones(3, np.float32)
    layer.weight.grad = np.ones((2, 3), np.float32)
    assert isinstance(layer.weight.grad, fastnet.Tensor)


def test_rehoming_keeps_the_object_and_the_values():
    layer = nn.Linear(3, 2)
    weight, before = layer.weight, layer.weight.data.copy()
    home = np.zeros((3, 16), np.float32)[:, :2].T
    weight._rehome(home)
    assert layer.weight is weight
    assert weight.data is home
    assert_same_bits(home, before)
    with pytest.raises(ValueError, match="shape"):
        weight._rehome(np.zeros((3, 2), np.float32))
    with pytest.raises(TypeError, match="dtype"):
        weight._rehome(np.zeros((2, 3)))


def test_parameters_are_leaves_that_require_gradients():
    p = nn.Parameter(np.float32([1, 2]))
    assert p.requires_grad
    assert p.is_leaf
    assert repr(p) == "Parameter containing:\ntensor([1., 2.], requires_grad=True)"
    assert nn.Parameter(fastnet.tensor([1.0]) * 2).is_leaf
    assert not nn.Parameter([1.0], requires_grad=False).requires_grad
    assert type(p * 2) is fastnet.Tensor


def test_to_another_dtype_keeps_objects():
    model = net()
    parameters = list(model.parameters())
    model.double()
    assert all(a is b for a, b in zip(model.parameters(), parameters, strict=True))
    assert all(p.dtype == np.float64 for p in parameters)
    assert is_padded(model[0].weight.data)
    assert model.float()[2].bias.dtype == np.float32
    with pytest.raises(TypeError, match="float32 or float64"):
        model.to(np.float16)


# ---- state ----


def test_state_is_live_and_loads_into_the_same_memory(rng):
    one, two = net(), net(np.float64)
    state = one.state_dict()
    assert list(state) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert state["0.weight"] is one[0].weight.data
    memory = two[0].weight.data
    assert two.load_state_dict(state) == ([], [])
    assert two[0].weight.data is memory
    np.testing.assert_array_equal(memory, state["0.weight"])
    saved = {name: np.array(value) for name, value in state.items()}
    one[0].weight.data[0, 0] = 5
    assert state["0.weight"][0, 0] == 5
    one.load_state_dict(saved)
    assert_same_bits(one[0].weight.data, saved["0.weight"])


def test_loading_checks_everything_before_it_changes_anything():
    model = net()
    before = {name: value.copy() for name, value in model.state_dict().items()}
    bad = {name: np.zeros_like(value) for name, value in before.items()}
    for change, error, match in [
        ({"2.bias": np.zeros(4)}, ValueError, r"2.bias must have shape \(3,\), got \(4,\)"),
        ({"2.bias": ["a"] * 3}, TypeError, "2.bias"),
        ({"2.bias": [1e300] * 3}, ValueError, "2.bias has a value too large"),
        ({"3.bias": np.zeros(3)}, ValueError, r"unexpected \['3.bias'\]"),
    ]:
        with pytest.raises(error, match=match):
            model.load_state_dict({**bad, **change})
    del bad["0.bias"]
    with pytest.raises(ValueError, match=r"misses \['0.bias'\]"):
        model.load_state_dict(bad)
    with pytest.raises(TypeError, match="mapping"):
        model.load_state_dict([1])
    for name, value in model.state_dict().items():
        assert_same_bits(value, before[name])
    keys = model.load_state_dict({"0.bias": np.ones(20), "x": 1}, strict=False)
    assert keys.missing_keys == ["0.weight", "2.weight", "2.bias"]
    assert keys.unexpected_keys == ["x"]


def test_copies_and_pickles_own_their_memory(rng):
    x = rng.standard_normal((3, 5)).astype(np.float32)
    model = net()
    model(fastnet.tensor(x)).sum().backward()
    y = model(x)
    for make in (copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))):
        other = make(model)
        assert_same_bits(other(x), y)
        other[0].weight.data[...] = 0
        assert_same_bits(model(x), y)
        assert repr(other) == repr(model)
    shared = nn.Sequential(model[0], nn.Linear(20, 5), model[0])
    assert copy.deepcopy(shared)[0] is not model[0]
    other = copy.deepcopy(shared)
    assert other[0] is other[2]


def test_a_tampered_pickle_raises():
    layer = nn.Linear(3, 2)
    state = layer.__dict__
    for change in [
        {"weight": nn.Parameter(np.ones((3, 3)))}, {"weight": None}, {"in_features": 4},
        {"bias": np.ones(2)}, {"bias": nn.Parameter(np.ones(3))},
    ]:  # fmt: skip
        with pytest.raises(ValueError, match="must be a Parameter"):
            nn.Linear.__new__(nn.Linear).__setstate__({**state, **change})
    with pytest.raises(TypeError, match="dict"):
        nn.ReLU().__setstate__([1])
    rebuild, arguments = layer.weight.__reduce__()
    with pytest.raises(TypeError, match="array"):
        rebuild(["a"], *arguments[1:])
    with pytest.raises(ValueError, match="dimensions"):
        rebuild(np.ones(3, np.float32), *arguments[1:])


def test_a_call_that_goes_straight_to_the_compiled_model_is_the_call_that_does_not(rng):
    model = nn.Sequential(nn.Linear(7, 5), nn.Tanh(), nn.Linear(5, 3)).eval()
    x = rng.standard_normal((4, 7)).astype(np.float32)
    first, second = model(x), model(x)  # the first compiles
    assert_same_bits(first, second)
    for same in (x.tolist(), np.asfortranarray(x), x.astype(np.float64)):
        assert_same_bits(model(same), first)
    out = np.empty((4, 3), np.float32)
    assert model(x, out=out) is out
    assert_same_bits(out, first)
    for other in (pickle.loads(pickle.dumps(model)), copy.copy(model), copy.deepcopy(model)):
        assert_same_bits(other(x), first)
    with pytest.raises(ValueError, match="out must not overlap"):
        model(x, out=x.reshape(-1)[:12].reshape(4, 3))
    with pytest.raises(TypeError, match="out must have dtype float32"):
        model(x, out=np.empty((4, 3)))


def test_out_in_the_parameters_own_memory_is_refused(rng):
    layer = nn.Linear(4, 4, bias=False)
    model = nn.Sequential(layer).eval()
    x = rng.standard_normal((1, 4)).astype(np.float32)
    expected = model(x)
    row = layer.weight.data.T[2:3]
    assert row.flags.c_contiguous
    for _ in range(2):
        with pytest.raises(ValueError, match="out must not overlap"):
            model(x, out=row)
    assert_same_bits(model(x), expected)


def test_a_forward_of_a_subclass_sees_every_call(rng):
    class Doubling(nn.Sequential):
        def forward(self, input, out=None):
            return 2 * super().forward(input)

    model = Doubling(nn.Linear(3, 2)).eval()
    x = rng.standard_normal((4, 3)).astype(np.float32)
    expected = 2 * model[0](x)
    for _ in range(2):
        assert_same_bits(model(x), expected)
