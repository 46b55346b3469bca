"""The tape: backward, grad mode, graphs of any depth, operations of one's own."""

import array
import copy
import gc
import inspect
import pickle
import threading

import numpy as np
import pytest
from helpers import assert_same_bits

import fastnet
import fastnet.functional as F
from fastnet.autograd import differentiable, gradcheck


def leaf(values, dtype=np.float64):
    return fastnet.tensor(np.array(values, dtype), requires_grad=True)


# ---- making tensors ----


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (1.5, np.float32), ([1.0, 2.0], np.float32), ([1, 2], np.int64), ([True], np.bool_),
        ([], np.float32), (np.float64(1), np.float64), (np.ones(2), np.float64),
        (np.ones(2, np.float16), np.float32), (np.ones(2, np.int32), np.int64),
        (np.ones(2, np.uint8), np.int64), (np.ones(2, ">f8"), np.float64),
        (memoryview(np.ones(2)), np.float64), (array.array("d", [1, 2]), np.float64),
    ],
)  # fmt: skip
def test_tensor_keeps_an_arrays_dtype_and_makes_pythons_floats_float32(data, dtype):
    t = fastnet.tensor(data)
    assert t.dtype == dtype
    np.testing.assert_array_equal(t.numpy(), np.asarray(data))


def test_tensor_copies_and_from_numpy_shares():
    x = np.zeros(3, np.float32)
    copied, shared = fastnet.tensor(x), fastnet.from_numpy(x)
    x[0] = 1
    assert copied.tolist() == [0, 0, 0]
    assert shared.tolist() == [1, 0, 0]
    assert shared.numpy() is not None
    assert np.shares_memory(shared.numpy(), x)


def test_bad_data_and_dtypes_are_named():
    with pytest.raises(TypeError, match="dtype must be float32, float64, int64 or bool"):
        fastnet.tensor([1.0], dtype=np.float16)
    with pytest.raises(ValueError, match="complex"):
        fastnet.tensor([1j])
    with pytest.raises(TypeError, match="numbers"):
        fastnet.tensor(["a"])
    with pytest.raises(ValueError, match="too large"):
        fastnet.tensor(1e300)
    with pytest.raises(ValueError, match="too large"):
        fastnet.tensor(np.array([2**64 - 1], np.uint64))
    with pytest.raises(RuntimeError, match="int64"):
        fastnet.tensor([1], requires_grad=True)
    with pytest.raises(TypeError, match="float16"):
        fastnet.from_numpy(np.ones(2, np.float16))


def test_text_numbers_and_copies():
    t = leaf([1.0, 2.0], np.float32)
    assert repr(t) == "tensor([1., 2.], requires_grad=True)"
    assert repr(t * 2) == "tensor([2., 4.], grad_fn=<mul>)"
    assert repr(leaf([1.0]).detach()) == "tensor([1.], dtype=float64)"
    assert f"{t.sum():.2f}" == "3.00"
    assert float(t.sum()) == t.sum().item() == 3.0
    with pytest.raises(ValueError, match="one element"):
        t.item()
    for other in (copy.deepcopy(t), pickle.loads(pickle.dumps(t))):
        assert other.requires_grad
        assert not np.shares_memory(other.data, t.data)
        assert_same_bits(other.data, t.data)
    with pytest.raises(RuntimeError, match="leaves"):
        copy.deepcopy(t * 2)
    np.testing.assert_array_equal(np.from_dlpack(t.detach()), [1, 2])


def test_an_array_is_not_made_behind_the_tapes_back():
    t = leaf([1.0])
    for make in (t.numpy, lambda: np.asarray(t), lambda: np.exp(t)):
        with pytest.raises((RuntimeError, TypeError)):
            make()
    assert np.asarray(t.detach()).tolist() == [1.0]


def test_operators_with_arrays_and_numpy_scalars_give_tensors():
    t = leaf([1.0, 2.0], np.float32)
    x = np.float32([3, 4])
    for y in (
        x + t,
        t + x,
        x * t,
        x - t,
        x / t,
        np.float64(2) * t,
        t * np.float64(2),
        2 - t,
        2 / t,
    ):
        assert isinstance(y, fastnet.Tensor)
        assert y.dtype == np.float32
        assert y.requires_grad
    with pytest.raises(TypeError, match="float dtype"):
        t + np.ones(2)
    assert (fastnet.tensor([1, 2]) * t).dtype == np.float32
    assert (fastnet.tensor([1, 2]) / 2).dtype == np.float32
    assert (fastnet.tensor([1, 2]) + 1).dtype == np.int64


# ---- backward ----


def test_gradients_accumulate_in_leaves_and_own_their_memory():
    a, b = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    (a + b).backward(np.ones(2))
    assert not np.shares_memory(a.grad.data, b.grad.data)
    before = a.grad
    (a * 3).sum().backward()
    assert a.grad is before
    assert a.grad.tolist() == [4, 4]
    assert b.grad.tolist() == [1, 1]
    assert (a + b).grad is None


def test_a_tensor_used_twice_gets_the_sum():
    x = leaf([2.0])
    y = x * x
    (y * y + y).backward()
    assert x.grad.tolist() == [4 * 8 + 2 * 2]


def test_backward_wants_a_scalar_or_a_gradient_of_the_shape():
    x = leaf([1.0, 2.0])
    with pytest.raises(RuntimeError, match="one element"):
        (x * x).backward()
    with pytest.raises(ValueError, match=r"gradient must have shape \(2,\), got \(3,\)"):
        (x * x).backward(np.ones(3))
    with pytest.raises(RuntimeError, match="requires a gradient"):
        x.detach().backward()


def test_a_second_backward_raises_unless_the_graph_was_retained():
    x = leaf([1.0])
    y = x.exp() * x
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [4 * np.e]
    with pytest.raises(RuntimeError, match="retain_graph"):
        y.backward()


def test_what_holds_no_values_can_be_walked_again():
    x = leaf([1.0, 2.0])
    h = (x + 1).reshape(2, 1)
    h.sum().backward()
    (h * 2).sum().backward()
    assert x.grad.tolist() == [3, 3]


def test_deep_graphs_overflow_nothing():
    x = leaf([1.0], np.float32)
    y = x
    for _ in range(100_000):
        y = y + 1.0
    y.backward(retain_graph=True)
    assert x.grad.tolist() == [1]
    del y
    gc.collect()


def test_a_graph_is_freed_without_the_collector():
    import weakref

    x = leaf([1.0, 2.0])
    y = (x * x).sum()
    node = weakref.ref(y)
    gc.disable()
    try:
        y.backward()
        del y
        assert node() is None
    finally:
        gc.enable()


def test_grad_mode_is_the_threads_own():
    x = leaf([1.0])
    seen = []
    with fastnet.no_grad():
        assert not (x * 2).requires_grad
        thread = threading.Thread(target=lambda: seen.append((x * 2).requires_grad))
        thread.start()
        thread.join()
        with fastnet.enable_grad():
            assert (x * 2).requires_grad
        assert not fastnet.is_grad_enabled()
    assert seen == [True]
    assert fastnet.is_grad_enabled()

    @fastnet.no_grad()
    def double(t):
        return t * 2

    assert not double(x).requires_grad
    assert double.__name__ == "double"
    with pytest.raises(ZeroDivisionError), fastnet.no_grad():
        raise ZeroDivisionError
    assert fastnet.is_grad_enabled()


def test_threads_walk_their_own_graphs_over_shared_leaves():
    x = leaf(np.ones(50))
    wrong = []

    def work(i):
        for _ in range(50):
            own = leaf(np.full(50, float(i)))
            ((x * own).exp() * own).sum().backward()
            expected = np.exp(i) * (1 + i)
            if not np.allclose(own.grad.data, expected):
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# ---- operations of one's own ----


def scaled_vjp(dy, y, x, factor, needs):
    return dy * factor, (dy * x).sum() if needs[1] else None


@differentiable(scaled_vjp, saves=["x", "factor"])
def scaled(x, factor=2.0, out=None):
    """Return factor x."""
    return np.multiply(x, factor, out=out)


def test_differentiable_keeps_the_function_for_arrays():
    assert scaled.__name__ == "scaled"
    assert list(inspect.signature(scaled).parameters) == ["x", "factor", "out"]
    out = np.empty(2)
    assert scaled(np.ones(2), out=out) is out
    assert isinstance(scaled([1, 2]), np.ndarray)


def test_differentiable_takes_tensors_anywhere():
    x, k = leaf([1.0, 2.0]), leaf(3.0)
    assert scaled(x).tolist() == [2, 4]
    scaled(x=x, factor=k).sum().backward()
    assert x.grad.tolist() == [3, 3]
    assert k.grad.tolist() == 3
    scaled(np.array([1.0, 5.0]), factor=k).sum().backward()
    assert k.grad.tolist() == 9
    assert not scaled(x.detach()).requires_grad
    with fastnet.no_grad():
        assert not scaled(x).requires_grad
    gradcheck(scaled, (x, k))


def test_differentiable_refuses_what_makes_no_sense():
    x = leaf([1.0, 2.0])
    with pytest.raises(TypeError, match="no out"):
        scaled(x, out=np.empty(2))
    with pytest.raises(TypeError, match="misses the argument x"):
        scaled(factor=x)
    with pytest.raises(TypeError, match="unexpected or repeated"):
        scaled(x, fctor=2.0)
    with pytest.raises(ValueError, match="saves must name"):
        differentiable(scaled_vjp, saves=["z"])(lambda x: x)
    with pytest.raises(RuntimeError, match="no gradient with respect to factor"):
        differentiable(lambda dy, y, x, factor, needs: (dy,))(lambda x, factor: x * factor)(
            x, leaf(2.0)
        ).sum().backward()
    with pytest.raises(ValueError, match="gradient of x must have shape"):
        differentiable(lambda dy, y, x, needs: (dy[:1],))(lambda x: x * 2)(x).sum().backward()


def test_an_operations_gradients_are_not_shared_with_it():
    kept = []

    def vjp(dy, y, x, needs):
        kept.append(np.ones_like(x))
        return (kept[-1],)

    x = leaf([1.0, 2.0])
    differentiable(vjp)(lambda x: x * 1)(x).sum().backward()
    x.grad.mul_(5.0)
    assert kept[0].tolist() == [1, 1]


def test_gradcheck_finds_a_wrong_gradient():
    wrong = differentiable(lambda dy, y, x, needs: (dy,))(np.exp)
    with pytest.raises(AssertionError, match=r"input 0, element \(1,\)"):
        gradcheck(wrong, leaf([0.0, 1.0]))
    with pytest.raises(TypeError, match="float64"):
        gradcheck(F.relu, leaf([1.0], np.float32))
    with pytest.raises(ValueError, match="requires a gradient"):
        gradcheck(F.relu, [1.0])
