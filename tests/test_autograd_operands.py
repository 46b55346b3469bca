"""What operations of Tensors take: operands and their dtypes, dimensions, shapes, bounds."""

import warnings

import numpy as np
import pytest

import fastnet


def leaf(values, dtype=np.float32):
    return fastnet.tensor(np.array(values, dtype), requires_grad=True)


def put(t, value):
    t = t * 1.0
    t[...] = value
    return t


TAKE = {
    "add": lambda t, x: t + x,
    "rsub": lambda t, x: x - t,
    "maximum": fastnet.maximum,
    "matmul": lambda t, x: t @ x,
    "rmatmul": lambda t, x: x @ t,
    "setitem": put,
    "clip": lambda t, x: t.clip(x),
}
BAD = [
    ("a", TypeError),
    (None, TypeError),
    ([["a", "b"], ["c", "d"]], TypeError),
    (np.array([[None] * 2] * 2), TypeError),
    (np.ones((2, 2), complex), ValueError),
    (np.complex64(1), (TypeError, ValueError)),
    (np.str_("a"), TypeError),
    (np.ma.masked_greater(np.ones((2, 2), np.float32), 0), TypeError),
    (np.ones((2, 2)), TypeError),
    (np.full((2, 2), 2**60), ValueError),
    (np.full((2, 2), 2**64 - 1, np.uint64), ValueError),
]


@pytest.mark.parametrize("name", TAKE)
@pytest.mark.parametrize("case", range(len(BAD)))
def test_bad_operands_are_refused(name, case):
    operand, error = BAD[case]
    if name == "clip" and operand is None:
        return
    with pytest.raises(error):
        TAKE[name](leaf([[1, 2], [3, 4]]), operand)


@pytest.mark.parametrize("name", TAKE)
@pytest.mark.parametrize("dtype", [np.float16, np.int8, np.uint8, np.bool_, ">f4", ">i2"])
def test_arrays_of_other_dtypes_are_what_tensor_makes_of_them(name, dtype):
    x = np.array([[1, 0], [1, 1]], dtype)
    for t in (leaf([[1, 2], [3, 4]]), fastnet.tensor([[1, 2], [3, 4]])):
        result, expected = TAKE[name](t, x), TAKE[name](t, fastnet.tensor(x))
        assert result.dtype == expected.dtype
        assert result.tolist() == expected.tolist()


def test_integers_meet_floats_in_the_floats_dtype():
    whole = fastnet.tensor([1, 2])
    assert (whole + np.ones(2, np.float16)).dtype == np.float32
    assert (whole + np.ones(2, np.uint8)).dtype == np.int64
    assert (whole + np.ones(2)).dtype == np.float64
    assert (2.5 / whole).tolist() == [2.5, 1.25]
    assert (3 / fastnet.tensor([True])).tolist() == [3]
    assert fastnet.maximum(fastnet.tensor([True]), 5).tolist() == [5]
    with pytest.raises(TypeError, match="int64"):
        whole[0] = 1.5
    with pytest.raises(TypeError, match="got None"):
        whole.to(None)
    with pytest.raises(TypeError, match="dtype must be a dtype"):
        whole.to("cuda")
    assert fastnet.arange(np.float32(2.5)).dtype == np.float32


def test_integers_are_clipped_by_floats_in_float32():
    whole = fastnet.tensor([1, 2, 3])
    assert whole.clamp(0.5, 1.5).dtype == np.float32
    assert whole.clamp(0.5, 1.5).tolist() == [1, 1.5, 1.5]
    assert whole.clamp(2).tolist() == [2, 2, 3]
    assert whole.clamp(2).dtype == np.int64
    with pytest.raises(TypeError, match="keep the dtype"):
        whole.clamp_(0.5, 1.5)
    assert fastnet.tensor([True, False]).clip(0, 5).tolist() == [1, 0]


def test_bounds_are_broadcast():
    x, low = leaf([0.0, 1.0, 2.0]), np.float32([[1], [-1]])
    y = x.clip(low, 1.5)
    assert y.tolist() == [[1, 1, 1.5], [0, 1, 1.5]]
    y.sum().backward()
    assert x.grad.tolist() == [1, 2, 0]
    with pytest.raises(TypeError, match="max must be"):
        x.clip(0.0, "a")


def test_the_gradient_of_std_where_all_are_equal_is_zero():
    x = leaf([[2.0, 2.0, 2.0], [1.0, 2.0, 3.0]], np.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        x.std(1).sum().backward()
        assert x.grad[0].tolist() == [0, 0, 0]
        np.testing.assert_allclose(x.grad[1].data, [-0.5, 0, 0.5], rtol=1e-15)
        one = leaf([1.0])
        one.std().backward()
        assert np.isnan(one.grad.item())


X = leaf([[0, 1, 2], [3, 4, 5]])
NAMED = {
    "squeeze": (lambda: X.squeeze(5), ValueError, "dim must be in"),
    "squeeze, text": (lambda: X.squeeze("a"), TypeError, "dim must be an int"),
    "transpose": (lambda: X.transpose(0, 5), ValueError, "dim1 must be in"),
    "unsqueeze": (lambda: X.unsqueeze(7), ValueError, "dim must be in"),
    "flatten": (lambda: X.flatten("a"), TypeError, "start_dim must be an int"),
    "reshape": (lambda: X.reshape(None), TypeError, "shape must be ints"),
    "reshape, floats": (lambda: X.reshape(2.0, 3), TypeError, "shape must be ints"),
    "permute": (lambda: X.permute(0.5, 1), TypeError, "dims must be ints"),
    "expand": (lambda: X.expand(-1, 2, 3), ValueError, "new dimension"),
    "cat": (lambda: fastnet.cat([X, X], 5), ValueError, "dim must be in"),
    "cat, 0-d": (lambda: fastnet.cat([X.sum()]), ValueError, "one dimension"),
    "cat, mixed": (lambda: fastnet.cat([X, X[0]], 1), ValueError, "number of dimensions"),
    "cat, nothing": (lambda: fastnet.cat(None), TypeError, "sequence of one or more"),
    "max": (lambda: X.max((0, 1)), TypeError, "dim must be an int"),
    "var": (lambda: X.var(correction="a"), TypeError, "correction must be a number"),
    "zeros": (lambda: fastnet.zeros(2.7), TypeError, "size must be ints"),
    "full": (lambda: fastnet.full(2.7, 1), TypeError, "size must be ints"),
    "arange": (lambda: fastnet.arange(), TypeError, "end"),
    "arange, step": (lambda: fastnet.arange(0, 5, 0), ValueError, "step must not be 0"),
    "arange, text": (lambda: fastnet.arange("a"), TypeError, "end must be a number"),
    "mul_": (lambda: X.detach().mul_(None), TypeError, "operand must be"),
    "numpy.sum": (lambda: np.sum(X), TypeError, "numpy.sum takes no Tensors"),
    "numpy.mean": (lambda: np.mean(X.detach()), TypeError, "numpy.mean takes no Tensors"),
}  # fmt: skip


@pytest.mark.parametrize("name", NAMED)
def test_wrong_arguments_are_named(name):
    call, error, match = NAMED[name]
    with pytest.raises(error, match=match):
        call()


def test_dimensions_and_shapes_that_are_right():
    assert X.reshape(1, 2, 1, 3).squeeze((0, 2)).shape == (2, 3)
    assert X.squeeze((0, 1)).shape == (2, 3)
    assert X.sum().squeeze(0).shape == ()
    assert X.reshape(np.array([3, 2])).shape == X.reshape([3, -1]).shape == (3, 2)
    assert X.max(np.full(3, 2, np.float32)).tolist() == [[2, 2, 2], [3, 4, 5]]
    assert X[[]].shape == (0, 3)
    assert fastnet.zeros(fastnet.tensor(2), 3).shape == (2, 3)
    assert fastnet.arange(fastnet.tensor(3)).tolist() == [0, 1, 2]
    # Functions of NumPy's that call no method take Tensors as arrays.
    assert np.concatenate([X.detach(), X.detach()]).shape == (4, 3)
    with pytest.raises(RuntimeError, match="requires a gradient"):
        np.concatenate([X, X])
