"""From modules to the engine: layers, flat buffers, loss and optimizer of a compiled model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from fastnet import _core
from fastnet._arrays import Array, as_float, contiguous, output, to_array
from fastnet._storage import aligned_zeros, padded_row
from fastnet.functional.activation import activation_code
from fastnet.nn.activation import Activation, LogSoftmax, Softmax
from fastnet.nn.container import Sequential
from fastnet.nn.dropout import Dropout
from fastnet.nn.linear import Flatten, Identity, Linear
from fastnet.nn.loss import (
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    HuberLoss,
    L1Loss,
    MSELoss,
    NLLLoss,
    SmoothL1Loss,
)
from fastnet.nn.module import Module
from fastnet.nn.norm import BatchNorm1d, LayerNorm
from fastnet.optim import SGD, Adam, AdamW, Optimizer
from fastnet.random import default_rng

_ELEMENTWISE = tuple(_core.ACTIVATIONS)
CAN_COMPILE = (
    "Sequential, Linear, activations, Softmax, LogSoftmax, Dropout, LayerNorm, BatchNorm1d, "
    "Flatten and Identity"
)


_KIND_OF: dict[type[Module], int] = {
    Linear: _core.LAYER_LINEAR,
    Dropout: _core.LAYER_DROPOUT,
    Softmax: _core.LAYER_SOFTMAX,
    LogSoftmax: _core.LAYER_LOG_SOFTMAX,
    LayerNorm: _core.LAYER_LAYER_NORM,
    BatchNorm1d: _core.LAYER_BATCH_NORM,
}


def flat_modules(model: Module) -> Iterator[Module]:
    """Yield the modules of a nested Sequential in order; TypeError for what can't be compiled."""
    if type(model) is Sequential:
        for child in model:
            yield from flat_modules(child)
    elif type(model) in _KIND_OF or _activation(model) is not None:
        yield model
    elif type(model) is Identity:
        return
    elif type(model) is Flatten and model.start_dim == 1 and model.end_dim == -1:
        # Compiled models take (batch, features), which it leaves as they are.
        return
    else:
        msg = f"{type(model).__name__} can't be compiled; what can: {CAN_COMPILE}"
        raise TypeError(msg)


def _activation(module: Module) -> tuple[int, float, float] | None:
    """Return how kernels know an activation module; None for other modules."""
    if not isinstance(module, Activation) or module.operation not in _ELEMENTWISE:
        return None
    options = [getattr(module, name) for name in module.options]
    name = module.operation
    if name == "gelu":
        return activation_code("gelu_tanh" if options == ["tanh"] else "gelu")
    kind, *defaults = activation_code(name)
    a, b = (*map(float, options), *defaults[len(options) :])
    return kind, a, b


def _width(module: Any) -> int | None:
    """Return how many features a module takes; None where any number will do."""
    if isinstance(module, Linear):
        return module.in_features
    if isinstance(module, LayerNorm):
        if len(module.normalized_shape) != 1:
            msg = f"{module} can't be compiled: it must normalise one dimension"
            raise TypeError(msg)
        return module.normalized_shape[0]
    if isinstance(module, BatchNorm1d):
        if module.momentum is None or not module.track_running_stats:
            msg = f"{module} can't be compiled: it must have a momentum and running statistics"
            raise TypeError(msg)
        return module.num_features
    if isinstance(module, Softmax | LogSoftmax) and module.dim not in (1, -1):
        msg = f"{module} can't be compiled: dim must be 1 or -1"
        raise TypeError(msg)
    return None


def _can_take(layer: dict[str, Any]) -> bool:
    """Return whether an activation can be fused behind a layer."""
    linear = layer["kind"] == _core.LAYER_LINEAR
    return bool(linear and layer["activation"] == activation_code(None))


class Slot(NamedTuple):
    """A parameter's place in the flat buffers."""

    param: Any
    layer: int
    role: int
    begin: int
    size: int  # padding included
    view: Array


def view_of(buffer: Array, slot: Slot) -> Array:
    """Return the part of another flat buffer that belongs to a parameter, in its shape."""
    part = buffer[slot.begin : slot.begin + slot.size]
    shape = slot.param._data.shape
    if slot.role == _core.ROLE_MATRIX:
        return part.reshape(shape[1], -1)[:, : shape[0]].T
    return part[: shape[0]]


class Layers:
    """A model as a list of layers, an activation fused behind its linear layer."""

    def __init__(self, model: Module) -> None:
        self.layers: list[dict[str, Any]] = []
        self.modules: list[Any] = []
        modules: list[Any] = list(flat_modules(model))
        widths = [w for w in map(_width, modules) if w is not None]
        if not widths:
            msg = "a compiled model must have a Linear or a norm"
            raise ValueError(msg)
        features: int = widths[0]
        for module in modules:
            code = _activation(module)
            width = _width(module)
            if width is not None and width != features:
                msg = f"{module} follows {features} features"
                raise ValueError(msg)
            last = self.layers[-1] if self.layers else None
            if code is not None and last is not None and _can_take(last):
                last["activation"] = code
                continue
            layer = {
                "kind": _core.LAYER_ACTIVATION if code else _KIND_OF[type(module)],
                "in_features": features,
                "out_features": getattr(module, "out_features", features),
                "activation": code or activation_code(None),
                "p": getattr(module, "p", 0.0),
                "eps": getattr(module, "eps", 0.0),
                "momentum": getattr(module, "momentum", 0.0),
                "weight": None,
                "bias": None,
                "running_mean": getattr(module, "running_mean", None),
                "running_var": getattr(module, "running_var", None),
            }
            features = getattr(module, "out_features", features)
            self.layers.append(layer)
            self.modules.append(module)
        self.in_features: int = self.layers[0]["in_features"]
        self.out_features = features
        self.norms = [m for m in self.modules if isinstance(m, BatchNorm1d)]
        dtypes = {p._data.dtype for _, _, p in self.parameters()}
        dtypes |= {m.running_mean.dtype for m in self.norms}
        if len(dtypes) != 1:
            msg = "a compiled model must have parameters, all of one dtype"
            raise TypeError(msg)
        self.dtype: np.dtype[Any] = dtypes.pop()

    def parameters(self) -> Iterator[tuple[int, int, Any]]:
        """Yield the layer's number, the parameter's role and the parameter, in order."""
        for number, module in enumerate(self.modules):
            matrix = isinstance(module, Linear)
            weight, bias = getattr(module, "weight", None), getattr(module, "bias", None)
            if weight is not None:
                yield number, _core.ROLE_MATRIX if matrix else _core.ROLE_NORM_WEIGHT, weight
            if bias is not None:
                yield number, _core.ROLE_BIAS, bias

    def network(self) -> Any:
        """Return the compiled network over the parameters where they lie."""
        for number, role, param in self.parameters():
            name = "bias" if role == _core.ROLE_BIAS else "weight"
            self.layers[number][name] = param._data
        name = "Network_f32" if self.dtype == np.float32 else "Network_f64"
        return getattr(_core, name)(self.layers)

    def slots(self) -> tuple[list[Slot], int]:
        """Return where each parameter goes in a flat buffer, and the buffer's length."""
        slots: list[Slot] = []
        seen: set[int] = set()
        begin = 0
        for number, role, param in self.parameters():
            if id(param) in seen:
                msg = "a compiled model must not use a parameter twice"
                raise ValueError(msg)
            seen.add(id(param))
            shape = param._data.shape
            size = (
                shape[1] * padded_row(shape[0], self.dtype.itemsize)
                if role == _core.ROLE_MATRIX
                else -(-shape[0] // 16) * 16
            )
            slots.append(Slot(param, number, role, begin, size, param._data))
            begin += size
        return slots, begin


class Inference:
    """A compiled model in evaluation mode, over its parameters where they lie."""

    def __init__(self, layers: Layers) -> None:
        self.network = layers.network()
        self.in_features = layers.in_features
        self.out_features = layers.out_features
        self.dtype = layers.dtype

    def __call__(self, x: Any, out: Array | None) -> Array | None:
        """Return the outputs of a matrix; None for what the modules must see themselves."""
        array = as_float(x, "input", self.dtype)
        if array.ndim != 2 or array.shape[1] != self.in_features:
            return None
        result = output(out, (array.shape[0], self.out_features), self.dtype)
        self.network.predict(contiguous_rows(array), result)
        return result


def compile_inference(model: Module) -> Inference | None:
    """Return a Sequential compiled for evaluation; None if it can't be."""
    if any(module.training for module in model.modules()):
        return None
    try:
        return Inference(Layers(model))
    except (TypeError, ValueError):
        # A module of the user's own, widths that do not fit, a weight in other memory: the modules
        # run one after another, and say themselves what is wrong.
        return None


def contiguous_rows(array: Array) -> Array:
    """Return an array, or a copy of it, whose rows are contiguous."""
    whole = array.ndim != 2 or (
        array.strides[1] == array.itemsize
        and array.strides[0] >= array.shape[1] * array.itemsize
        and array.strides[0] % array.itemsize == 0
    )
    return array if whole else np.ascontiguousarray(array)


def move(slots: list[Slot], length: int, dtype: np.dtype[Any]) -> tuple[Array, list[Slot]]:
    """Move parameters into one flat buffer, or keep that which they lie in; return it and slots."""
    buffer = _common_buffer(slots, length, dtype)
    if buffer is None:
        buffer = aligned_zeros(length, dtype)
        for slot in slots:
            slot.param._rehome(view_of(buffer, slot))
    return buffer, [slot._replace(view=slot.param._data) for slot in slots]


def _common_buffer(slots: list[Slot], length: int, dtype: np.dtype[Any]) -> Array | None:
    """Return the flat buffer that all parameters lie in already, each in its place."""
    owner = slots[0].param._data.base
    if type(owner) is not np.ndarray or owner.dtype != np.uint8:
        return None
    start = _address(slots[0].param._data) - _address(owner)
    buffer = owner[start : start + length * dtype.itemsize]
    if len(buffer) != length * dtype.itemsize:
        return None
    buffer = buffer.view(dtype)
    same = all(_same_place(view_of(buffer, slot), slot.param._data) for slot in slots)
    return buffer if same else None


def _address(array: Array) -> int:
    return int(array.__array_interface__["data"][0])


def _same_place(a: Array, b: Array) -> bool:
    return _address(a) == _address(b) and a.strides == b.strides


# ---- losses ----

_LOSSES = {
    CrossEntropyLoss: "cross_entropy",
    NLLLoss: "nll",
    BCEWithLogitsLoss: "binary_cross_entropy_with_logits",
    MSELoss: "mse",
    L1Loss: "l1",
    SmoothL1Loss: "smooth_l1",
    HuberLoss: "huber",
}
_REDUCTIONS = {"mean": 1, "sum": 2}


def loss_options(loss: Any, layers: Layers) -> tuple[str, dict[str, Any]]:
    """Return a loss module's name and options; TypeError for what can't be compiled."""
    name = _LOSSES.get(type(loss))
    if name is None:
        known = ", ".join(kind.__name__ for kind in _LOSSES)
        msg = f"loss must be one of {known}, got {type(loss).__name__}"
        raise TypeError(msg)
    reduction = loss.reduction
    if reduction not in _REDUCTIONS:
        msg = f"loss must have reduction mean or sum, got {reduction}"
        raise ValueError(msg)
    if name == "binary_cross_entropy_with_logits" and loss.weight is not None:
        msg = "BCEWithLogitsLoss with weight can't be compiled; use sample_weight or pos_weight"
        raise TypeError(msg)
    options = {
        "reduction": _REDUCTIONS[str(reduction)],
        "label_smoothing": getattr(loss, "label_smoothing", 0.0),
        "beta": getattr(loss, "beta", getattr(loss, "delta", 1.0)),
        "ignore_index": getattr(loss, "ignore_index", -100),
    }
    for option in ("weight", "pos_weight"):
        value = getattr(loss, option, None)
        if value is not None:
            value = as_float(value, option, layers.dtype)
            value = contiguous(np.broadcast_to(value, (layers.out_features,)))
        options[option] = value
    return name, options


# ---- optimizers ----

_STATES = {
    SGD: ("momentum_buffer",),
    Adam: ("exp_avg", "exp_avg_sq"),
    AdamW: ("exp_avg", "exp_avg_sq"),
}
_KINDS = {SGD: "sgd", Adam: "adam", AdamW: "adamw"}


class Training:
    """A compiled model with its loss and optimizer: what `Trainer` calls."""

    def __init__(self, model: Module, loss: Module, optimizer: Optimizer) -> None:
        if type(optimizer) not in _KINDS:
            known = ", ".join(kind.__name__ for kind in _KINDS)
            msg = f"optimizer must be one of {known}, got {type(optimizer).__name__}"
            raise TypeError(msg)
        self.layers = Layers(model)
        self.dtype = self.layers.dtype
        self.optimizer = optimizer
        self.loss_name, self.options = loss_options(loss, self.layers)
        slots, length = self.layers.slots()
        ours = {id(slot.param) for slot in slots}
        theirs = [p for group in optimizer.param_groups for p in group["params"]]
        if not all(id(p) in ours for p in theirs):
            msg = "optimizer must hold parameters of the model only"
            raise ValueError(msg)
        self.params, self.slots = move(slots, length, self.dtype)
        self.grads = aligned_zeros(length, self.dtype)
        self.gradients = [view_of(self.grads, slot) for slot in self.slots]
        self.states = [aligned_zeros(length, self.dtype) for _ in _STATES[type(optimizer)]]
        self.network = self.layers.network()
        self._cores: dict[str, Any] = {}

    # ---- batches ----

    def batch(self, x: Any, y: Any, sample_weight: Any) -> tuple[str, tuple[Any, Any, Any]]:
        """Return the loss's name and arrays as the engine takes them."""
        rows = self.input(x)
        target = to_array(y, "y")
        name = self.loss_name
        by_index = name == "nll" or (name == "cross_entropy" and target.dtype.kind in "iub")
        if by_index:
            if target.dtype.kind not in "iu":
                msg = f"y must hold integer classes, got dtype {target.dtype}"
                raise TypeError(msg)
            target = np.ascontiguousarray(target, np.int64)
        else:
            target = contiguous_rows(as_float(target, "y", self.dtype))
            if name == "cross_entropy":
                name = "cross_entropy_probabilities"
        shape = (len(rows),) if by_index else (len(rows), self.layers.out_features)
        if target.shape != shape:
            msg = f"y must have shape {shape}, got {target.shape}"
            raise ValueError(msg)
        weight = None
        if sample_weight is not None:
            weight = contiguous(as_float(sample_weight, "sample_weight", self.dtype))
            if weight.shape != shape[:1]:
                msg = f"sample_weight must have shape {shape[:1]}, got {weight.shape}"
                raise ValueError(msg)
            if not (weight >= 0).all():
                msg = "sample_weight must be nonnegative"
                raise ValueError(msg)
        return name, (rows, target, weight)

    def input(self, x: Any) -> Array:
        """Return x as a matrix with contiguous rows in the parameters' dtype."""
        array = as_float(x, "x", self.dtype)
        if array.ndim != 2 or array.shape[1] != self.layers.in_features:
            hint = "; reshape(1, -1) makes one row of it" if array.ndim == 1 else ""
            msg = f"x must have shape (batch, {self.layers.in_features}), got {array.shape}{hint}"
            raise ValueError(msg)
        return contiguous_rows(array)

    # ---- the engine's counterpart ----

    def core(self, name: str) -> Any:
        """Return the engine's training object for a loss, brought up to date with the optimizer."""
        core = self._cores.get(name)
        if core is None:
            kind = "Training_f32" if self.dtype == np.float32 else "Training_f64"
            segments = [(slot.layer, slot.role, slot.begin, slot.size) for slot in self.slots]
            core = getattr(_core, kind)(
                self.network, _core.LOSSES[name], self.options, segments, self.params, self.grads
            )
            self._cores[name] = core
        self._adopt()
        groups = [self._group(slot) for slot in self.slots]
        states = [*self.states, None, None]
        core.set_optimizer(groups, states[0], states[1])
        sources: list[Any] = []
        for module in self.layers.modules:
            if isinstance(module, Dropout):
                rng = default_rng(module.rng)
                sources.append((rng.key, rng._parts.tickets))
            else:
                sources.append(None)
        core.set_random(sources)
        return core

    def name_of(self, core: Any) -> str:
        """Return the loss that a training object was made for."""
        return next(name for name, known in self._cores.items() if known is core)

    def any_loss(self) -> str:
        """Return a loss with a training object; all of them share parameters and gradients."""
        return next(iter(self._cores))

    def _adopt(self) -> None:
        """Move parameters and moments that were replaced since into the flat buffers again."""
        for slot in self.slots:
            if slot.param._data is not slot.view:
                msg = "a parameter has moved to another trainer; make a new one"
                raise RuntimeError(msg)
            state = self.optimizer.state.get(slot.param)
            if not state:
                continue
            for name, buffer in zip(_STATES[type(self.optimizer)], self.states, strict=True):
                array = state.get(name)
                if array is None:
                    continue
                view = view_of(buffer, slot)
                if not _same_place(array, view):
                    view[...] = array
                    state[name] = view

    def _group(self, slot: Slot) -> dict[str, Any] | None:
        """Return the options and counts of one parameter's updates; None if it is frozen."""
        if not slot.param._requires:
            return None
        for group in self.optimizer.param_groups:
            if any(p is slot.param for p in group["params"]):
                break
        else:
            return None
        state = self.optimizer.state.get(slot.param) or {}
        kind = _KINDS[type(self.optimizer)]
        result = {
            "kind": kind,
            "lr": float(group["lr"]),
            "weight_decay": float(group["weight_decay"]),
            "maximize": group["maximize"],
        }
        if kind == "sgd":
            result |= {
                "momentum": float(group["momentum"]),
                "dampening": float(group["dampening"]),
                "nesterov": group["nesterov"],
                "steps": 0 if state.get("momentum_buffer") is None else 1,
            }
        else:
            result |= {
                "beta1": float(group["betas"][0]),
                "beta2": float(group["betas"][1]),
                "eps": float(group["eps"]),
                "steps": state.get("step", 0),
                "beta1_power": state.get("beta1_power", 1.0),
                "beta2_power": state.get("beta2_power", 1.0),
            }
        return result

    def count(self, batches: int) -> None:
        """Count batches that batch norms have seen in training."""
        for norm in self.layers.norms:
            norm.num_batches_tracked[...] += batches

    def require_batch(self, rows: int) -> None:
        """Raise ValueError for a batch that batch norm can't normalise."""
        if rows == 1 and self.layers.norms:
            msg = "a batch must have more than 1 row to train BatchNorm1d, got 1"
            raise ValueError(msg)

    def publish(self, core: Any) -> None:
        """Bring the optimizer's state up to date with the engine's steps."""
        adam = _KINDS[type(self.optimizer)] != "sgd"
        for slot, progress in zip(self.slots, core.progress(), strict=True):
            if progress is None or progress[0] == 0:
                continue
            slot.param._version[0] += 1
            if not adam and not any(
                g["momentum"]
                for g in self.optimizer.param_groups
                if any(p is slot.param for p in g["params"])
            ):
                continue
            state = self.optimizer.state.setdefault(slot.param, {})
            for name, buffer in zip(_STATES[type(self.optimizer)], self.states, strict=True):
                if state.get(name) is None:
                    state[name] = view_of(buffer, slot)
            if adam:
                state["step"], state["beta1_power"], state["beta2_power"] = progress

    # ---- copies ----

    def snapshot(self) -> list[Any]:
        """Return a copy of weights, running statistics, moments and counts."""
        counts = [
            {k: v for k, v in (self.optimizer.state.get(s.param) or {}).items() if not _is_array(v)}
            for s in self.slots
        ]
        had = [s.param in self.optimizer.state for s in self.slots]
        running = [[b.copy() for b in norm.buffers()] for norm in self.layers.norms]
        return [self.params.copy(), [s.copy() for s in self.states], counts, had, running]

    def restore(self, snapshot: list[Any]) -> None:
        """Go back to a snapshot."""
        params, states, counts, had, running = snapshot
        for norm, copies in zip(self.layers.norms, running, strict=True):
            for buffer, copy in zip(norm.buffers(), copies, strict=True):
                buffer[...] = copy
        self.params[...] = params
        for state, copy in zip(self.states, states, strict=True):
            state[...] = copy
        for slot, numbers, present in zip(self.slots, counts, had, strict=True):
            slot.param._version[0] += 1
            if present:
                self.optimizer.state[slot.param].update(numbers)
            else:
                self.optimizer.state.pop(slot.param, None)


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray)
