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
