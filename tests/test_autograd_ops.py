"""Every operation of Tensors: values against NumPy, gradients against central differences."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastnet
import fastnet.functional as F
from fastnet.autograd import gradcheck

rng = np.random.default_rng(7)
X = rng.uniform(0.2, 2.0, (3, 4)) * rng.choice([-1, 1], (3, 4))
POSITIVE = rng.uniform(0.2, 2.0, (3, 4))
DISTINCT = rng.permutation(12).reshape(3, 4) / 4.0


def leaf(values):
    return fastnet.tensor(np.array(values, np.float64), requires_grad=True)


# name: (operation, its inputs)
CASES = {
    "add": (lambda a, b: a + b, (X, POSITIVE)),
    "add, broadcast": (lambda a, b: a + b, (X, POSITIVE[0])),
    "add, column": (lambda a, b: a + b, (X[:, :1], POSITIVE)),
    "add, number": (lambda a: 2.0 + a + 1, (X,)),
    "add, array": (lambda a: POSITIVE + a, (X[0],)),
    "sub": (lambda a, b: a - b, (X, POSITIVE[:, :1])),
    "sub, number": (lambda a: 2.0 - a - 1, (X,)),
    "mul": (lambda a, b: a * b, (X, POSITIVE[0])),
    "mul, itself": (lambda a: a * a * a, (X,)),
    "mul, number": (lambda a: 3 * a, (X,)),
    "div": (lambda a, b: a / b, (X[0], POSITIVE)),
    "div, number": (lambda a: a / 3 + 2.0 / a, (X,)),
    "pow, 2": (lambda a: a**2, (X,)),
    "pow, 3": (lambda a: a**3, (X,)),
    "pow, -1": (lambda a: a**-1, (X,)),
    "pow, 0": (lambda a: a**0 * a, (X,)),
    "pow, tensor": (lambda a, b: a**b, (POSITIVE, X[0])),
    "pow of a number": (lambda a: 2**a + 0.5**a, (X,)),
    "neg": (lambda a: -a, (X,)),
    "abs": (abs, (X,)),
    "exp": (fastnet.exp, (X,)),
    "expm1": (fastnet.expm1, (X,)),
    "log": (fastnet.log, (POSITIVE,)),
    "log1p": (fastnet.log1p, (POSITIVE,)),
    "log2": (fastnet.log2, (POSITIVE,)),
    "sqrt": (fastnet.sqrt, (POSITIVE,)),
    "square": (fastnet.square, (X,)),
    "sin": (fastnet.sin, (X,)),
    "cos": (fastnet.cos, (X,)),
    "clip": (lambda a: a.clip(-0.9, 0.7), (X,)),
    "clamp, min": (lambda a: a.clamp(min=0.1), (X,)),
    "clip, tensors": (lambda a, b, c: a.clip(b, c), (X, POSITIVE[0] - 2, POSITIVE[0])),
    "clip, crossed": (lambda a, b, c: a.clip(b, c), (X, POSITIVE[0], POSITIVE[0] - 2)),
    "clamp, tensor": (lambda a, b: a.clamp(max=b), (X[0], POSITIVE - 1)),
    "maximum": (fastnet.maximum, (X, POSITIVE[0] - 1)),
    "minimum": (fastnet.minimum, (X, POSITIVE[0] - 1)),
    "maximum, number": (lambda a: fastnet.maximum(a, 0.05), (X,)),
    "where": (lambda a, b: fastnet.where(a > 0, a * a, b), (X, POSITIVE[0])),
    "where, number": (lambda a: fastnet.where(a > 0, a, 0.0), (X,)),
    "sum": (lambda a: a.sum(), (X,)),
    "sum, dim": (lambda a: a.sum(1), (X,)),
    "sum, dims": (lambda a: a.sum((0, 1)), (X,)),
    "sum, keepdim": (lambda a: a * a.sum(-1, keepdim=True), (X,)),
    "mean": (lambda a: a.mean(), (X,)),
    "mean, dim": (lambda a: a.mean(0), (X,)),
    "mean, keepdim": (lambda a: a * a.mean([0, 1], keepdim=True), (X,)),
    "var": (lambda a: a.var(), (X,)),
    "var, dim": (lambda a: a.var(1), (X,)),
    "var, biased": (lambda a: a.var(0, unbiased=False, keepdim=True), (X,)),
    "std": (lambda a: a.std(0, correction=0), (X,)),
    "amax": (lambda a: a.amax(), (DISTINCT,)),
    "amin, dim": (lambda a: a.amin(1), (DISTINCT,)),
    "max, dim": (lambda a: a.max(1)[0], (DISTINCT,)),
    "min, keepdim": (lambda a: a.min(0, keepdim=True).values, (DISTINCT,)),
    "matmul": (lambda a, b: a @ b, (X, POSITIVE.T)),
    "matmul, vector": (lambda a, b: a @ b, (X, POSITIVE[0])),
    "vector matmul": (lambda a, b: a @ b, (X[:, 0], POSITIVE)),
    "vector vector": (lambda a, b: a @ b, (X[0], POSITIVE[0])),
    "matmul, array": (lambda a: POSITIVE.T @ a, (X,)),
    "matmul, batch": (lambda a, b: a @ b, (rng.standard_normal((2, 3, 4)), POSITIVE.T)),
    "matmul, batches": (
        lambda a, b: a @ b,
        (rng.standard_normal((2, 3, 4)), rng.standard_normal((2, 4, 2))),
    ),
    "matmul, broadcast": (lambda a, b: a @ b, (X, rng.standard_normal((2, 4, 2)))),
    "matmul, batch of vectors": (lambda a, b: a @ b, (X[0], rng.standard_normal((2, 4, 2)))),
    "reshape": (lambda a: a.reshape(2, -1) * a.view(2, 6), (X,)),
    "flatten": (lambda a: a.flatten() * a.flatten(0, -1), (X,)),
    "transpose": (lambda a: a.transpose(0, 1) @ a, (X,)),
    "T": (lambda a: a.T * a.t(), (X,)),
    "permute": (lambda a: a.reshape(3, 2, 2).permute(2, 0, 1).exp(), (X,)),
    "squeeze": (lambda a: a.unsqueeze(1).squeeze(1) * a.unsqueeze(0).squeeze(), (X,)),
    "expand": (lambda a: a.reshape(3, 1, 4).expand(-1, 2, -1) * 2.0, (X,)),
    "index": (lambda a: a[1] * a[0, 2], (X,)),
    "index, slice": (lambda a: a[1:, ::2] * 2.0, (X,)),
    "index, new": (lambda a: a[:, None, ..., 1], (X,)),
    "index, list": (lambda a: a[[0, 0, 2]] * 2.0, (X,)),
    "index, arrays": (lambda a: a[np.array([0, 0]), np.array([1, 1])] * 2.0, (X,)),
    "index, mask": (lambda a: a[a > 0] * 2.0, (X,)),
    "cat": (lambda a, b: fastnet.cat([a, b, a], dim=1) * 2.0, (X, X[:, :2])),
    "stack": (lambda a, b: fastnet.stack([a, b], dim=1).exp(), (X, POSITIVE)),
    "clone": (lambda a: a.clone() * a, (X,)),
    "iteration": (lambda a: sum((row * row).sum() for row in a), (X,)),
    "linear": (F.linear, (X, POSITIVE[:2], np.array([0.5, -1]))),
    "linear, no bias": (F.linear, (X, POSITIVE[:2])),
    "linear, vector": (F.linear, (X[0], POSITIVE[:2], np.array([0.5, -1]))),
    "linear, gelu": (lambda x, w: F.linear(x, w, activation="gelu"), (X, POSITIVE[:2])),
    "linear, gelu_tanh": (lambda x, w: F.linear(x, w, activation="gelu_tanh"), (X, POSITIVE[:2])),
    "softmax": (lambda a: F.softmax(a, 1), (X,)),
    "softmax, first": (lambda a: F.softmax(a, dim=0), (X,)),
    "log_softmax": (lambda a: a.log_softmax(-1), (X,)),
    "dropout": (lambda a: F.dropout(a, 0.5, rng=3), (X,)),
    "dropout, off": (lambda a: F.dropout(a * 2.0, 0.5, training=False), (X,)),
    "relu": (lambda a: a.relu(), (X,)),
    "leaky_relu": (lambda a: F.leaky_relu(a, 0.2), (X,)),
    "elu": (lambda a: F.elu(a, alpha=1.5), (X,)),
    "selu": (F.selu, (X,)),
    "gelu": (F.gelu, (X,)),
    "gelu, tanh": (lambda a: F.gelu(a, approximate="tanh"), (X,)),
    "silu": (F.silu, (X,)),
    "sigmoid": (fastnet.sigmoid, (X,)),
    "tanh": (lambda a: a.tanh(), (X,)),
    "softplus": (lambda a: F.softplus(a, beta=2.0), (X,)),
    "hardtanh": (lambda a: F.hardtanh(a, -0.9, 0.7), (X,)),
    "identity": (F.identity, (X,)),
    "cross_entropy": (lambda a: F.cross_entropy(a, [0, 3, 1]), (X,)),
    "cross_entropy, options": (
        lambda a: F.cross_entropy(
            a, fastnet.tensor([0, 3, 1]), weight=POSITIVE[0], label_smoothing=0.1, reduction="none"
        ),
        (X,),
    ),
    "nll_loss": (lambda a: F.nll_loss(a, np.array([0, 3, 1]), reduction="sum"), (X,)),
    "binary_cross_entropy": (
        lambda a: F.binary_cross_entropy_with_logits(a, POSITIVE / 2, pos_weight=X[0] ** 2),
        (X,),
    ),
    "mse_loss": (F.mse_loss, (X, POSITIVE)),
    "l1_loss": (lambda a, b: F.l1_loss(a, b, reduction="none"), (X, POSITIVE)),
    "smooth_l1_loss": (lambda a, b: F.smooth_l1_loss(a, b, beta=0.5), (X, POSITIVE)),
    "huber_loss": (lambda a, b: F.huber_loss(input=a, target=b, delta=0.7), (X, POSITIVE)),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_gradients_agree_with_central_differences(name):
    operation, inputs = CASES[name]
    assert gradcheck(operation, [leaf(x) for x in inputs])


@pytest.mark.parametrize("name", CASES)
def test_gradients_of_each_input_alone(name):
    operation, inputs = CASES[name]
    for i in range(len(inputs)):
        alone = [fastnet.tensor(x, requires_grad=i == j) for j, x in enumerate(inputs)]
        y = operation(*alone)
        assert y.requires_grad
        y.backward(np.ones(y.shape))
        assert alone[i].grad.shape == inputs[i].shape


# NumPy's function beside the Tensor's: what is computed.
VALUES = {
    "add": (lambda a, b: a + b, np.add),
    "sub": (lambda a, b: a - b, np.subtract),
    "mul": (lambda a, b: a * b, np.multiply),
    "div": (lambda a, b: a / b, np.true_divide),
    "maximum": (fastnet.maximum, np.maximum),
    "minimum": (fastnet.minimum, np.minimum),
    "less": (lambda a, b: a < b, np.less),
    "greater_equal": (lambda a, b: a >= b, np.greater_equal),
    "equal": (lambda a, b: a == b, np.equal),
}
SHAPES = [(), (1,), (4,), (3, 1), (3, 4), (0, 4), (2, 3, 4)]


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(sorted(VALUES)), st.sampled_from(SHAPES), st.sampled_from(SHAPES))
def test_binary_operations_broadcast_as_numpys(name, left, right):
    ours, numpys = VALUES[name]
    a, b = rng.standard_normal(left), rng.standard_normal(right)
    try:
        expected = numpys(a, b)
    except ValueError:
        with pytest.raises(ValueError, match="broadcast"):
            ours(leaf(a), leaf(b))
        return
    x, y = leaf(a), leaf(b)
    result = ours(x, y)
    np.testing.assert_array_equal(result.data, expected)
    if result.requires_grad:
        result.backward(np.ones(result.shape))
        assert x.grad.shape == left
        assert y.grad.shape == right


def test_special_values():
    x = leaf([np.nan, np.inf, -1.0])
    assert np.isnan(fastnet.maximum(x, 0.0).data[0])
    y = x.amax()
    y.backward()
    assert x.grad.tolist() == [1, 0, 0]
    zero = leaf([0.0])
    zero.abs().backward()
    assert zero.grad.tolist() == [0]
    equal = leaf([2.0, 2.0, 1.0])
    equal.max().backward()
    assert equal.grad.tolist() == [0.5, 0.5, 0]
    base = leaf([0.0, 0.0])
    (base ** leaf([2.0, 0.0])).sum().backward()
    assert base.grad.tolist() == [0, 0]
    empty = leaf(np.zeros((0, 3)))
    assert empty.sum().item() == 0
    assert np.isnan(empty.mean().item())


def test_extremes_and_comparisons():
    x = leaf(DISTINCT)
    values, indices = x.max(1)
    assert indices.dtype == np.int64
    np.testing.assert_array_equal(indices.data, DISTINCT.argmax(1))
    np.testing.assert_array_equal(values.data, DISTINCT.max(1))
    assert x.argmax().item() == DISTINCT.argmax()
    assert ((x > 1) & ~(x > 2)).dtype == np.bool_
    assert (x == x).all()
    assert not (x != x).any()
    assert (x > 1).sum().item() == (DISTINCT > 1).sum()
    assert (x.argmax(1) == fastnet.tensor(DISTINCT.argmax(1))).float().mean().item() == 1
    assert x in {x}


def test_conversions():
    x = leaf(X)
    y = x.float()
    assert y.dtype == np.float32
    y.sum().backward()
    assert x.grad.dtype == np.float64
    assert x.long().dtype == np.int64
    assert x.to("cpu") is x
    assert x.to(np.float64) is x
    with pytest.raises(TypeError, match="float16"):
        x.to(np.float16)
    with pytest.raises(ValueError, match="too large"):
        leaf([1e300]).float()


def test_clip_with_tensors_has_numpys_values_and_limits_pass_their_gradient():
    x, low, high = leaf([-3.0, 0.0, 0.5, 1.0, np.nan, 2.0]), leaf(0.0), leaf([1.0] * 5 + [np.nan])
    for y in (x.clip(low, high), x.clip(low.data, high), x.clip(low, high.data)):
        np.testing.assert_array_equal(y.data, np.clip(x.data, 0.0, high.data))
    x.clip(low, high).sum().backward()
    assert low.grad.item() == 1
    assert x.grad.tolist() == [0, 1, 1, 1, 1, 0]
    assert high.grad.tolist() == [0, 0, 0, 0, 0, 1]
    h, bound = x * 1.0, leaf(0.25)
    h.clamp_(min=bound)
    h.sum().backward()
    assert bound.grad.item() == 2
    with pytest.raises(RuntimeError, match="leaf"):
        x.clamp_(min=bound)


def test_functions_without_tensors_are_numpys():
    assert isinstance(fastnet.exp(np.ones(2)), np.ndarray)
    assert fastnet.sum(np.ones((2, 2)), 0).tolist() == [2, 2]
    assert fastnet.where(np.array([True]), 1, 2).tolist() == [1]
    assert fastnet.clip(np.arange(3), 0, 1).tolist() == [0, 1, 1]


def test_wrong_arguments_are_named():
    x = leaf(X)
    with pytest.raises(TypeError, match="mean needs float"):
        fastnet.tensor([1, 2]).mean()
    with pytest.raises(TypeError, match="boolean"):
        fastnet.where(x, x, x)
    with pytest.raises(TypeError, match="sequence of one or more"):
        fastnet.cat([])
    with pytest.raises(ValueError, match="min or max"):
        x.clip()
    with pytest.raises(TypeError):
        x + "a"
    with pytest.raises(IndexError, match="start_dim"):
        x.flatten(3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_lists_of_floats_take_the_dtype_of_the_tensor_they_meet(dtype):
    x = fastnet.tensor(np.ones((2, 2), dtype))
    numbers = [[1.5, 2.0], [3.0, 4.0]]
    array = np.array(numbers, dtype)
    for y, expected in [
        (x + numbers, 1 + array),
        (x - numbers, 1 - array),
        (x * numbers, array),
        (x @ numbers, np.ones((2, 2), dtype) @ array),
        (x.clip(max=numbers), np.minimum(1, array)),
    ]:
        assert y.dtype == dtype
        np.testing.assert_array_equal(y.data, expected)
    x[...] = numbers
    np.testing.assert_array_equal(x.data, array)
    x.add_(numbers, alpha=2.0)
    np.testing.assert_array_equal(x.data, 3 * array)
    assert fastnet.tensor([1, 2]).add([1.5, 2.5]).dtype == np.float32
