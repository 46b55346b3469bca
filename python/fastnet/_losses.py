"""From a loss's arguments to the rows that the compiled half takes, forward and backward."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable
from typing import Any, ParamSpec

import numpy as np

from fastnet import _core
from fastnet._arrays import (
    Array,
    as_classes,
    as_float,
    contiguous,
    output,
    real,
    same_dtype,
    to_array,
)
from fastnet.autograd.lift import differentiable

_P = ParamSpec("_P")

_REDUCTIONS = {"none": 0, "mean": 1, "sum": 2}


def _reduction(name: Any) -> int:
    if not isinstance(name, str) or name not in _REDUCTIONS:
        msg = f"reduction must be one of {', '.join(_REDUCTIONS)}, got {name!r}"
        raise ValueError(msg)
    return _REDUCTIONS[name]


class Loss:
    """A loss with its arguments checked: `value()` and `gradient(dy, out)`.

    rows : the input as C-contiguous rows; a loss of rows (cross-entropy, nll) has its classes last.
    terms : the shape of the losses that a reduction adds up.
    """

    def __init__(self, kind: str, x: Array, rows: Array, target: Array, reduction: Any) -> None:
        self.kind = kind
        self.x = x
        self.rows = rows
        self.target = target
        self.reduction = _reduction(reduction)
        self.terms: tuple[int, ...] = x.shape
        self.classes_dim = x.ndim - 1
        self.class_weight: Array | None = None
        self.weight: Array | None = None
        self.pos_weight: Array | None = None
        self.sample_weight: Array | None = None
        self.label_smoothing = 0.0
        self.beta = 1.0
        self.ignore_index = -100

    def _call(self) -> Any:
        return _core.LossCall(
            _core.LOSSES[self.kind], self.reduction, self.rows, self.target, self.class_weight,
            self.weight, self.pos_weight, self.sample_weight, self.label_smoothing, self.beta,
            self.ignore_index,
        )  # fmt: skip

    def value(self) -> Any:
        """Return the reduced loss, a NumPy scalar, or with reduction "none" the terms."""
        dtype = self.x.dtype
        if self.reduction != _REDUCTIONS["none"]:
            return dtype.type(self._call().forward(None))
        terms = np.empty(self.terms, dtype)
        self._call().forward(terms.reshape(-1))
        return terms[()]

    def gradient(self, dy: Any, out: Array | None) -> Array:
        """Return the gradient with respect to the input; `dy` is that of `value()`."""
        shape = self.terms if self.reduction == _REDUCTIONS["none"] else ()
        number = isinstance(dy, int | float) and not isinstance(dy, np.generic)
        dy = as_float(dy, "dy", self.x.dtype if number else None)
        same_dtype(self.x, dy=dy)
        if dy.shape != shape:
            msg = f"dy must have the loss's shape {shape}, got {dy.shape}"
            raise ValueError(msg)
        result = output(out, self.x.shape, self.x.dtype)
        dy = contiguous(dy).reshape(-1)
        if self.classes_dim == self.x.ndim - 1:
            self._call().backward(dy, result.reshape(self.rows.shape))
            return result
        moved = np.empty(self.rows.shape, result.dtype)
        self._call().backward(dy, moved)
        view = np.moveaxis(result, self.classes_dim, -1)
        view[...] = moved.reshape(view.shape)
        return result

    def set_sample_weight(self, sample_weight: Any) -> None:
        """Check weights of the samples, the first dimension (one number without a batch)."""
        if sample_weight is None:
            return
        s = as_float(sample_weight, "sample_weight")
        same_dtype(self.x, sample_weight=s)
        shape = self.terms[:1]
        if s.shape != shape:
            msg = f"sample_weight must have shape {shape}, got {s.shape}"
            raise ValueError(msg)
        repeat = len(self.rows) // max(s.size, 1)
        self.sample_weight = np.repeat(s, repeat) if repeat != 1 else contiguous(s).reshape(-1)

    def set_class_weight(self, weight: Any) -> None:
        """Check a weight for each class."""
        if weight is None:
            return
        weight = as_float(weight, "weight")
        same_dtype(self.x, weight=weight)
        if weight.shape != self.rows.shape[1:]:
            msg = f"weight must have shape {self.rows.shape[1:]}, got {weight.shape}"
            raise ValueError(msg)
        self.class_weight = contiguous(weight)

    def per_element(self, weight: Any, name: str) -> Array | None:
        """Return a weight that broadcasts to the input as (rows, columns) or one row for all."""
        if weight is None:
            return None
        weight = as_float(weight, name)
        same_dtype(self.x, **{name: weight})
        if weight.ndim == self.x.ndim and weight.ndim and weight.shape[0] != 1:
            shape = self.x.shape
        else:
            shape = (1, *self.x.shape[1:])  # the same for every row
        try:
            full = np.broadcast_to(weight, shape)
        except ValueError:
            msg = f"{name} must broadcast to the input's shape {self.x.shape}, got {weight.shape}"
            raise ValueError(msg) from None
        return contiguous(full).reshape(len(full), self.rows.shape[1])


def element_loss(
    kind: str,
    input: Any,
    target: Any,
    reduction: Any,
    sample_weight: Any,
    beta: float = 1.0,
    weight: Any = None,
    pos_weight: Any = None,
) -> Loss:
    """Return a loss of elements: rows are samples, columns all of a sample's elements."""
    x = as_float(input, "input")
    t = as_float(target, "target")
    same_dtype(x, target=t)
    if t.shape != x.shape:
        msg = f"target must have the input's shape {x.shape}, got {t.shape}"
        raise ValueError(msg)
    batch = len(x) if x.ndim else 1
    shape = (batch, x.size // batch if batch else int(np.prod(x.shape[1:])))
    loss = Loss(kind, x, contiguous(x).reshape(shape), contiguous(t).reshape(shape), reduction)
    loss.set_sample_weight(sample_weight)
    if kind == "huber":
        loss.beta = real(beta, "delta", float(np.finfo(np.float32).tiny), np.inf)
    else:
        loss.beta = real(beta, "beta", 0.0, np.inf)
    loss.weight = loss.per_element(weight, "weight")
    loss.pos_weight = loss.per_element(pos_weight, "pos_weight")
    return loss


def _classes_last(x: Array, dim: int) -> Array:
    n = x.shape[dim]
    moved = contiguous(np.moveaxis(x, dim, -1)) if dim != x.ndim - 1 else contiguous(x)
    return moved.reshape(x.size // n if n else int(np.prod(x.shape[:dim] + x.shape[dim + 1 :])), n)


def _index_target(target: Array, x: Array, dim: int, ignore_index: int) -> Array:
    shape = x.shape[:dim] + x.shape[dim + 1 :]
    if target.shape != shape:
        msg = (
            f"target must have shape {shape}, the input's {x.shape} without dimension {dim}, "
            f"got {target.shape}"
        )
        raise ValueError(msg)
    index = as_classes(target, "target").reshape(-1)
    row = _core.bad_target(index, x.shape[dim], ignore_index)
    if row >= 0:
        where = ", ".join(map(str, np.unravel_index(row, shape))) if shape else "()"
        msg = (
            f"target[{where}] must be a class in [0, {x.shape[dim]}) "
            f"or ignore_index {ignore_index}, got {target.reshape(-1)[row]}"
        )
        raise ValueError(msg)
    return index


def class_loss(
    kind: str,
    input: Any,
    target: Any,
    weight: Any,
    ignore_index: Any,
    reduction: Any,
    label_smoothing: float = 0.0,
    sample_weight: Any = None,
) -> Loss:
    """Return cross_entropy or nll: classes along dimension 1 (0 if it is the only one)."""
    x = as_float(input, "input")
    if x.ndim == 0:
        msg = "input must have shape (classes,) or (batch, classes, *), got ()"
        raise ValueError(msg)
    if isinstance(ignore_index, bool) or not hasattr(ignore_index, "__index__"):
        msg = f"ignore_index must be an int, got {type(ignore_index).__name__}"
        raise TypeError(msg)
    ignore_index = operator.index(ignore_index)
    if not -(2**63) <= ignore_index < 2**63:
        msg = f"ignore_index must be an int64, got {ignore_index}"
        raise ValueError(msg)
    dim = min(x.ndim - 1, 1)
    t = to_array(target, "target")
    if t.dtype.kind == "f" and kind == "cross_entropy":
        t = as_float(target, "target")
        if t.shape != x.shape:
            msg = (
                f"target must be class probabilities of the input's shape {x.shape} or integers, "
                f"got shape {t.shape} and dtype {t.dtype}"
            )
            like_classes = t.shape == x.shape[:dim] + x.shape[dim + 1 :]
            raise TypeError(msg) if like_classes else ValueError(msg)
        same_dtype(x, target=t)
        kind, t = "cross_entropy_probabilities", _classes_last(t, dim)
    elif t.dtype.kind not in "iu":
        msg = f"target must have an integer dtype, got {t.dtype}"
        raise TypeError(msg)
    else:
        t = _index_target(t, x, dim, ignore_index)
    loss = Loss(kind, x, _classes_last(x, dim), t, reduction)
    loss.classes_dim = dim
    loss.terms = x.shape[:dim] + x.shape[dim + 1 :]
    loss.ignore_index = ignore_index
    loss.label_smoothing = real(label_smoothing, "label_smoothing", 0.0, 1.0)
    loss.set_class_weight(weight)
    loss.set_sample_weight(sample_weight)
    return loss


def taped(
    backward: Callable[..., Array], difference: bool = False
) -> Callable[[Callable[_P, Any]], Callable[_P, Any]]:
    """Put a loss on the tape, `difference` for one of input - target.

    The loss itself is not kept: adding to it in place is allowed.
    """

    def vjp(dy: Any, y: Any, *args: Any, needs: tuple[bool, ...]) -> tuple[Array, ...]:
        dinput = backward(dy, *args)
        return (dinput, -dinput) if difference and needs[1] else (dinput,)

    def decorate(loss: Callable[_P, Any]) -> Callable[_P, Any]:
        names = [name for name in inspect.signature(loss).parameters if name != "out"]
        return differentiable(vjp, saves=names, owned=True)(loss)

    return decorate
