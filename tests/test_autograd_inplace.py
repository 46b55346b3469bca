"""Edits in place: noticed by backward, recorded, or refused."""

import numpy as np
import pytest

import fastnet
import fastnet.functional as F


def leaf(values, dtype=np.float64):
    return fastnet.tensor(np.array(values, dtype), requires_grad=True)


def edit_iadd(t):
    t += 1.0


def edit_setitem(t):
    t[0] = 5.0


def edit_zero(t):
    t.zero_()


def edit_view(t):
    t[:1].fill_(3.0)


def edit_detached(t):
    t.detach().mul_(2.0)


EDITS = [edit_iadd, edit_setitem, edit_zero, edit_view, edit_detached]


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_of_what_backward_needs_raises(edit):
    x = leaf([1.0, 2.0])
    for needed, result in [
        ((h := x * 1.0), h * h),
        ((h := x.exp()), h.sum()),
        ((h := x * 2.0), F.linear(h.reshape(1, 2), leaf([[1.0, 2.0]]))),
        ((h := F.relu(x)), h + 1.0),
        ((h := x / 3.0), h / x),
    ]:
        with fastnet.no_grad():
            edit(needed)
        with pytest.raises(RuntimeError, match="edited in place"):
            result.sum().backward()


def test_an_edit_of_what_selects_raises():
    def put(h, index):
        h[index] = 0.0
        return h

    x, chosen, order = leaf([1.0, 2.0]), fastnet.tensor([True, False]), fastnet.tensor([0, 1])
    for selector, result in [
        (chosen, fastnet.where(chosen, x, 0.0)),
        (chosen, x[chosen]),
        (order, x[order]),
        (order, leaf([[1.0, 2.0]])[0:, order]),
        (chosen, put(x * 1.0, chosen)),
        (order, put(x * 1.0, order)),
    ]:
        selector[...] = selector.numpy()[::-1].copy()
        with pytest.raises(RuntimeError, match="edited in place"):
            result.sum().backward()
    assert x.grad is None


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_of_what_backward_does_not_need_is_fine(edit):
    x = leaf([1.0, 2.0])
    h = x * 2.0
    y = h + 1.0
    with fastnet.no_grad():
        edit(h)
    y.sum().backward()
    assert x.grad.tolist() == [2, 2]


def test_edits_are_recorded():
    x, v = leaf([1.0, 2.0, 3.0]), leaf(7.0)
    h = x * x
    h += v
    h *= 2.0
    h[1] = v
    h -= x
    h.sum().backward()
    assert x.grad.tolist() == [3, -1, 11]
    assert v.grad.tolist() == 5
    out = fastnet.tensor(np.zeros(3))
    out[1:] = x[:2] * 2.0
    out.sum().backward()
    assert x.grad.tolist() == [5, 1, 11]


def divide(h, w):
    h /= w
    return h


def power(h, w):
    h **= w
    return h


def multiply(h, w):
    h *= w
    return h


def square_of_product(h, w):
    h *= w
    h **= 2
    h += 1.0
    h *= 3.0
    return h


def of_parts(h, w):
    h *= w
    h[0] *= w[0]
    h[1:] /= w[1:]
    return h


def with_methods(h, w):
    return h.mul_(w).div_(w).add_(w, alpha=2.0).sub_(h, alpha=0.5).clamp_(-9.0, 9.0)


# name: (edits of its first argument, the same without edits)
EDITED = {
    "*=": (multiply, lambda h, w: h * w),
    "/=": (divide, lambda h, w: h / w),
    "**=": (power, lambda h, w: h**w),
    "**= 2": (lambda h, w: power(h, 2), lambda h, w: h**2),
    "**= 3": (lambda h, w: power(h, 3.0), lambda h, w: h**3),
    "*= itself": (lambda h, w: multiply(h, h), lambda h, w: h * h),
    "/= itself": (lambda h, w: divide(h, h), lambda h, w: h / h),
    "*= its view": (lambda h, w: multiply(h, h[:1]), lambda h, w: h * h[:1]),
    "/= its reverse": (lambda h, w: divide(h, h[::-1]), lambda h, w: h / h[::-1]),
    "one after another": (square_of_product, lambda h, w: ((h * w) ** 2 + 1.0) * 3.0),
    "parts": (of_parts, lambda h, w: fastnet.cat([(h * w * w)[:1], (h * w / w)[1:]])),
    "methods": (with_methods, lambda h, w: (h + 2.0 * w) * 0.5),
}


@pytest.mark.parametrize("name", EDITED)
def test_edits_have_the_gradients_of_what_they_compute(name):
    edit, pure = EDITED[name]
    seed = np.array([1.0, -2.0, 0.5])
    x, w, a, b = (leaf(v) for v in ([1.0, 2.0, 3.0], [2.0, 3.0, 4.0]) * 2)
    result, expected = edit(x * 1.0, w), pure(a * 1.0, b)
    np.testing.assert_allclose(result.data, expected.data, rtol=1e-15)
    result.backward(seed)
    expected.backward(seed)
    np.testing.assert_allclose(x.grad.data, a.grad.data, rtol=1e-14, atol=1e-14)
    if b.grad is not None:
        np.testing.assert_allclose(w.grad.data, b.grad.data, rtol=1e-14, atol=1e-14)


def test_an_edit_of_an_operand_after_an_edit_with_it_raises():
    x, w = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    h, factor = x * 1.0, w * 1.0
    h *= factor
    factor += 1.0
    with pytest.raises(RuntimeError, match="edited in place"):
        h.sum().backward()
    plain = np.array([3.0, 4.0])
    h, shared = x * 1.0, fastnet.from_numpy(plain)
    shared *= h
    shared.sum().backward()
    assert x.grad.tolist() == [3, 4]


def test_an_edited_view_that_is_set_elsewhere_leaves_its_origin_stale():
    h = leaf([1.0, 2.0, 3.0, 4.0]) * 1.0
    view = h[:2]
    view *= 2.0
    h[2:] = view
    with pytest.raises(RuntimeError, match="shares its memory"):
        h.sum().backward()


def test_the_gradient_of_a_value_set_is_its_own():
    for put in (lambda t, v: t.copy_(v), lambda t, v: t.__setitem__(..., v)):
        v, other = leaf([1.0, 2.0, 3.0]), leaf([1.0, 2.0, 3.0])
        t, u = fastnet.tensor(np.zeros(3)), fastnet.tensor(np.zeros(3))
        put(t, v)
        put(u, other)
        given = np.ones(3)
        (t + u).backward(given)
        (v * 2.0).sum().backward()
        assert v.grad.tolist() == [3, 3, 3]
        assert given.tolist() == other.grad.tolist() == [1, 1, 1]
    v, t = leaf([1.0, 2.0]), fastnet.tensor(np.zeros(2))
    put(t, v)
    t.sum().backward()
    fastnet.nn.utils.clip_grad_value_([v], 0.5)
    (v * 2.0).sum().backward()
    assert v.grad.tolist() == [2.5, 2.5]
    v, t = leaf([[1.0, 2.0]]), fastnet.tensor(np.zeros((3, 2)))
    t[1] = v
    t.sum().backward()
    assert v.grad.tolist() == [[1, 1]]


def test_a_gradient_that_is_set_is_copied():
    x, given = leaf([1.0, 2.0]), np.ones(2)
    for value in (given, fastnet.from_numpy(given), np.broadcast_to(1.0, 2)):
        x.grad = value
        (x * 2.0).sum().backward()
        assert x.grad.tolist() == [3, 3]
    assert given.tolist() == [1, 1]
    before = x.grad
    x.grad *= 2.0
    assert x.grad is before
    assert x.grad.tolist() == [6, 6]


@pytest.mark.parametrize("kind", [list, np.array])
@pytest.mark.parametrize("index", [[0, 1], [True, True, False], [[0], [1]]])
def test_an_index_may_change_after_its_use(kind, index):
    x, chosen = leaf([1.0, 2.0, 3.0]), kind(index)
    y, h = x[chosen], x * 1.0
    h[chosen] = 0.0
    chosen[0] = chosen[1] if isinstance(index[0], list) else not index[0]
    (y.sum() + 2.0 * h.sum()).backward()
    assert x.grad.tolist() == [1, 1, 2]
    x = leaf([1.0, 2.0, 3.0])
    end = fastnet.tensor(2)
    y = x[:end]
    end -= 1
    y.sum().backward()
    assert x.grad.tolist() == [1, 1, 0]


def test_edits_through_views():
    x = leaf([1.0, 2.0])
    h = x * 2.0
    h[:1] *= 3.0
    h[1:] += 1.0
    h.sum().backward()
    assert x.grad.tolist() == [6, 2]
    h = x * 2.0
    view = h[:1]
    h += 1.0
    h.sum().backward()
    with pytest.raises(RuntimeError, match="shares its memory"):
        view.sum().backward()
    view = h[:1]
    view *= x[:1]
    with pytest.raises(RuntimeError, match="shares its memory"):
        h.sum().backward()
    plain = fastnet.tensor(np.zeros(2))
    row = plain[1:]
    row += x[:1]
    with pytest.raises(RuntimeError, match="shares its memory"):
        plain.sum().backward()
    plain[1:] = row
    plain.sum().backward()


def test_edits_of_leaves_are_refused():
    x = leaf([1.0, 2.0])
    with pytest.raises(RuntimeError, match="leaf"):
        x += 1.0
    with pytest.raises(RuntimeError, match="leaf"):
        x[:1] += 1.0
    with fastnet.no_grad():
        x += 1.0
    assert x.tolist() == [2, 3]


def test_edits_keep_shape_and_dtype():
    t = fastnet.tensor([1, 2])
    with pytest.raises(TypeError, match="dtype"):
        t += 0.5
    with pytest.raises(ValueError, match="shape"):
        t += fastnet.tensor([[1, 2], [3, 4]])
    assert t.tolist() == [1, 2]


def test_setting_data_copies_and_is_noticed():
    x = leaf([1.0, 2.0])
    y = (x * x).sum()
    memory = x.data
    x.data = np.array([3.0, 4.0])
    assert x.data is memory
    with pytest.raises(RuntimeError, match="edited in place"):
        y.backward()
    with pytest.raises(ValueError, match="shape"):
        x.data = np.ones(3)
    with pytest.raises(TypeError, match="dtype"):
        x.data = np.ones(2, np.float32)
