"""A model as the list of layers that the engine runs; inference."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from fastnet import _core
from fastnet._arrays import Array, as_float, output
from fastnet.functional.activation import activation_code
from fastnet.nn import _checks
from fastnet.nn.activation import Activation, LogSoftmax, Softmax
from fastnet.nn.container import Sequential
from fastnet.nn.dropout import Dropout
from fastnet.nn.linear import Flatten, Identity, Linear
from fastnet.nn.module import Module
from fastnet.nn.norm import BatchNorm1d, LayerNorm

_ELEMENTWISE = tuple(_core.ACTIVATIONS)
CAN_COMPILE = (
    "Sequential, Linear, activations, Softmax, LogSoftmax, Dropout, LayerNorm, BatchNorm1d, "
    "Flatten and Identity"
)


_NUMBERS = ("p", "eps", "momentum")
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
    if "forward" in model.__dict__:
        msg = f"{type(model).__name__} can't be compiled: it was given another forward"
        raise TypeError(msg)
    if type(model) is Sequential:
        for child in model:
            yield from flat_modules(child)
    elif type(model) in _KIND_OF or _activation(model) is not None:
        yield model
    elif type(model) is Identity:
        return
    elif type(model) is Flatten:
        if (model.start_dim, model.end_dim) not in ((1, -1), (1, 1)):
            msg = f"{model} can't be compiled: it must leave the first dimension alone"
            raise TypeError(msg)
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
                # What eval() was called on stays as it is then, unless that was the whole model.
                "training": module.training or not model.training,
                **{name: _checks.number(getattr(module, name, 0.0), name) for name in _NUMBERS},
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
        self.draws = any(isinstance(m, Dropout) for m in self.modules)
        self.norms = [m for m in self.modules if isinstance(m, BatchNorm1d)]
        both = zip(self.modules, self.layers, strict=True)
        self.training_norms = [m for m, a in both if a["training"] and isinstance(m, BatchNorm1d)]
        dtypes = [(p._data.dtype, self.modules[i]) for i, _, p in self.parameters()]
        dtypes += [(m.running_mean.dtype, m) for m in self.norms]
        if not dtypes:
            msg = "a compiled model must have parameters"
            raise TypeError(msg)
        self.dtype: np.dtype[Any] = dtypes[0][0]
        for dtype, module in dtypes:
            if dtype != self.dtype:
                msg = f"{module} can't be compiled: it has dtype {dtype}, others {self.dtype}"
                raise TypeError(msg)

    def parameters(self) -> Iterator[tuple[int, int, Any]]:
        """Yield the layer's number, the parameter's role and the parameter, in order."""
        for number, module in enumerate(self.modules):
            matrix = isinstance(module, Linear)
            weight, bias = getattr(module, "weight", None), getattr(module, "bias", None)
            if weight is not None:
                yield number, _core.ROLE_MATRIX if matrix else _core.ROLE_NORM_WEIGHT, weight
            if bias is not None:
                yield number, _core.ROLE_BIAS, bias

    def has_options_of(self, other: Layers) -> bool:
        """Return whether two lists made of the same modules are of the same options."""
        return all(
            a[name] is b[name] or (not isinstance(a[name], np.ndarray) and a[name] == b[name])
            for a, b in zip(self.layers, other.layers, strict=True)
            for name in a.keys() - {"weight", "bias"}
        )

    def network(self) -> Any:
        """Return the compiled network over the parameters where they lie."""
        for number, role, param in self.parameters():
            name = "bias" if role == _core.ROLE_BIAS else "weight"
            self.layers[number][name] = param._data
        name = "Network_f32" if self.dtype == np.float32 else "Network_f64"
        return getattr(_core, name)(self.layers)


class Inference:
    """A compiled model in evaluation mode, over its parameters where they lie."""

    def __init__(self, layers: Layers) -> None:
        self.network = layers.network()
        self.direct = self.network.direct
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
