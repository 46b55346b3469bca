"""Models with weights of 16 or 8 bits, for inference: an opt-in, with what it costs in accuracy."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from fastnet import _core
from fastnet._arrays import Array, as_float, output
from fastnet._compile.layers import Layers, contiguous_rows
from fastnet._storage import aligned_zeros, zeros_weight
from fastnet.nn.module import Module
from fastnet.reference.quantization import quantize_rows, round_bf16

_PRECISIONS = {"bf16": _core.PRECISION_BF16, "int8": _core.PRECISION_INT8}
_EXTENSIONS = {"bf16": "avx512_bf16", "int8": "avx512_vnni"}
_GROUP = {"bf16": 2, "int8": 4}
# Below this a layer stays as it is: it would pay for padding and for rounding its inputs, and the
# few outputs of a head are what accuracy is measured by.
MIN_IN_FEATURES, MIN_OUT_FEATURES = 64, 16
_PANEL = 32


class AccuracyLoss(NamedTuple):
    """How far a quantized model's outputs are from those of the float32 model, on some rows."""

    rows: int
    largest: float
    """The largest difference of an output."""
    rms: float
    """The root of the mean square of the differences."""
    scale: float
    """The root of the mean square of the float32 model's outputs, to hold `rms` against."""
    changed: float
    """The share of rows whose largest output is another one."""

    def __str__(self) -> str:
        relative = self.rms / self.scale if self.scale else math.nan
        return (
            f"outputs differ by {self.largest:.3g} at most, {self.rms:.3g} rms ({relative:.2%} of "
            f"their own); argmax changed in {self.changed:.2%} of {self.rows:,} rows"
        )


class QuantizedSequential:
    """A model with bf16 or int8 weights; made by `fastnet.quantize`.

    Call it with an array (batch, in_features). It is for inference alone: it has no parameters, and
    what happens to the model that it was made of later does not reach it. It can be pickled.

    Attributes
    ----------
    dtype : str
        "bf16" or "int8".
    in_features, out_features : int
    accuracy_loss : AccuracyLoss or None
        What was measured on `check`.
    """

    def __init__(self, layers: list[dict[str, Any]], dtype: str) -> None:
        self._layers = layers
        self.dtype = dtype
        self.accuracy_loss: AccuracyLoss | None = None
        self._compile()

    def _compile(self) -> None:
        self._network = _core.Network_f32(self._layers)
        self.in_features: int = self._layers[0]["in_features"]
        self.out_features: int = self._layers[-1]["out_features"]

    @property
    def kernels(self) -> str:
        """The ISA level or the extension of one that multiplies the quantized weights."""
        return str(_core.quantized_kernels()[self.dtype])

    @property
    def weight_bytes(self) -> int:
        """Memory of all weights, those left in float32 included."""
        arrays = [layer.get("packed", layer["weight"]) for layer in self._layers]
        return sum(array.nbytes for array in arrays if array is not None)

    def __call__(self, input: Any, out: Array | None = None) -> Array:
        """Return the outputs of an array (batch, in_features), float32.

        Parameters
        ----------
        input : array_like
            Converted to float32.
        out : numpy.ndarray, optional
            C-contiguous float32 of shape (batch, out_features), to be filled and returned.

        Raises
        ------
        ValueError
            If the shape is another one, or `out` does not fit.
        TypeError
            If the input is no array of numbers.

        Notes
        -----
        int8: a row with NaN or infinity before a quantized layer has NaN for all outputs of that
        layer. Bits of a row depend on that row alone, and not on the number of threads; those of
        int8 are the same on all levels with fma.
        """
        y = self._network.direct(input, out)
        if y is not None:
            return y  # type: ignore[no-any-return]
        array = as_float(input, "input", np.dtype(np.float32))
        if array.ndim != 2 or array.shape[1] != self.in_features:
            msg = f"input must have shape (batch, {self.in_features}), got {array.shape}"
            raise ValueError(msg)
        result = output(out, (array.shape[0], self.out_features), array.dtype)
        self._network.predict(contiguous_rows(array), result)
        return result

    def __repr__(self) -> str:
        linear = [layer for layer in self._layers if layer["kind"] == _core.LAYER_LINEAR]
        widths = [linear[0]["in_features"], *(layer["out_features"] for layer in linear)]
        packed = sum("packed" in layer for layer in linear)
        slower = "" if self.kernels == _EXTENSIONS[self.dtype] else ", slower"
        return (
            f"QuantizedSequential({'-'.join(map(str, widths))}, {self.dtype} in {packed} of "
            f"{len(linear)} linear layers, kernels {self.kernels}{slower}, "
            f"{self.weight_bytes:,} bytes of weights)"
        )

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        del state["_network"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        # Unpickled arrays lie anywhere.
        for layer in self._layers:
            _align(layer)
        self._compile()


def quantize(model: Any, dtype: Any, check: Any = None) -> QuantizedSequential:
    """Return a model for inference whose wide linear layers have weights of 16 or 8 bits.

    ::

        bf16:  y_ij = sum over p of bf16(x_ip) bf16(W_pj), in float32, + b_j
        int8:  y_ij = (sum over p of qx_ip qW_pj) (sx_i sW_j) + b_j
               sx_i = max over p of |x_ip| / 127,  qx_ip = round(x_ip / sx_i);  sW_j, qW_pj likewise

    What stands between the linear layers, and linear layers with less than 64 inputs or 16 outputs,
    stays float32.

    Parameters
    ----------
    model : Module
        A Sequential of float32 layers that can be compiled, as for `Trainer`. It is not changed;
        dropout and batch normalisation do what they do in evaluation mode.
    dtype : {"bf16", "int8"}
        bf16 keeps 8 significant bits and float32's range; its products are quick with avx512_bf16.
        int8 keeps 127 levels a row of inputs and a column of weights; its products are quick with
        avx512_vnni. Without these the same rounding is done in slower code, and the repr says so.
    check : array_like, optional
        Inputs (batch, in_features), as many as you like, on which outputs are compared with those
        of the model; the result is printed and kept as `accuracy_loss`.

    Returns
    -------
    QuantizedSequential

    Raises
    ------
    TypeError
        If the model is none, can't be compiled, or is not float32.
    ValueError
        If dtype is another one, no layer is wide enough, weights are not finite (bf16: would not be
        after rounding), a layer has more than 133,144 inputs (int8), or `check` does not fit.

    Notes
    -----
    Outputs do not depend on the number of threads, and a row's not on the batch around it. int8
    gives the same bits on every level with fma: integers are added exactly, and the scales applied
    in a fixed order. An instruction for bf16 may round as it likes, so bf16 promises none of this
    across CPUs.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet
    >>> from fastnet import nn
    >>> rng = fastnet.random.Generator(0)
    >>> net = nn.Sequential(nn.Linear(64, 128, rng=rng), nn.ReLU(), nn.Linear(128, 16, rng=rng))
    >>> x = np.random.default_rng(0).standard_normal((100, 64)).astype(np.float32)
    >>> small = fastnet.quantize(net, "int8")
    >>> small(x).shape
    (100, 16)
    >>> small.weight_bytes / sum(p.data.nbytes for p in net.parameters() if p.data.ndim == 2)
    0.25
    >>> bool(np.abs(small(x) - net(x)).max() < 0.05)
    True
    """
    if not isinstance(model, Module):
        msg = f"model must be a Module, got {type(model).__name__}"
        raise TypeError(msg)
    if not isinstance(dtype, str) or dtype not in _PRECISIONS:
        msg = f"dtype must be 'bf16' or 'int8', got {dtype!r}"
        raise (ValueError if isinstance(dtype, str) else TypeError)(msg)
    layers = Layers(model)
    if layers.dtype != np.float32:
        msg = f"model must have float32 parameters, got {layers.dtype}; use its float()"
        raise TypeError(msg)
    exact = layers.network()
    wide = [i for i, layer in enumerate(layers.layers) if _is_wide(layer)]
    if not wide:
        msg = (
            f"model must have a Linear with at least {MIN_IN_FEATURES} inputs and "
            f"{MIN_OUT_FEATURES} outputs, got none"
        )
        raise ValueError(msg)
    copies = [_copy(layer) for layer in layers.layers]
    for i in wide:
        copies[i] = _quantized(layers.layers[i], dtype, f"weight of {layers.modules[i]}")
    quantized = QuantizedSequential(copies, dtype)
    if check is not None:
        quantized.accuracy_loss = _compare(exact, quantized, check)
        print(f"{quantized}: {quantized.accuracy_loss}")  # noqa: T201 (what check asks for)
    return quantized


def _is_wide(layer: dict[str, Any]) -> bool:
    return bool(
        layer["kind"] == _core.LAYER_LINEAR
        and layer["in_features"] >= MIN_IN_FEATURES
        and layer["out_features"] >= MIN_OUT_FEATURES
    )


def _copy(layer: dict[str, Any]) -> dict[str, Any]:
    """Return a layer with arrays of its own."""
    copy = {k: v.copy() if isinstance(v, np.ndarray) else v for k, v in layer.items()}
    _align(copy)
    return copy


def _align(layer: dict[str, Any]) -> None:
    """Give a layer's weights the memory that kernels want: cache lines, padded rows."""
    if layer["weight"] is not None and layer["kind"] == _core.LAYER_LINEAR:
        weight = zeros_weight(layer["weight"].shape, layer["weight"].dtype)
        weight[...] = layer["weight"]
        layer["weight"] = weight
    for name in ("packed", "scale", "offset", *(["bias"] if "packed" in layer else [])):
        if layer.get(name) is not None:
            layer[name] = _aligned(layer[name], len(layer[name]))


def _aligned(vector: Array, n: int) -> Array:
    """Return a copy of a vector on a cache line, filled with zeros up to n values."""
    copy = aligned_zeros(n, vector.dtype)
    copy[: len(vector)] = vector
    return copy


def _quantized(layer: dict[str, Any], dtype: str, name: str) -> dict[str, Any]:
    """Return a linear layer with packed weights instead of its own."""
    weight = layer["weight"]
    n, k = weight.shape
    padded = -(-n // _PANEL) * _PANEL
    result = layer | {"weight": None, "precision": _PRECISIONS[dtype], "scale": None}
    result["offset"] = None
    if dtype == "bf16":
        rounded = round_bf16(weight)
        if not np.isfinite(rounded).all():
            msg = f"{name} must be finite in bf16, got {_worst(weight)}"
            raise ValueError(msg)
        matrix: Array = (np.ascontiguousarray(rounded).view(np.uint32) >> 16).astype(np.uint16)
    else:
        if k > _core.MAX_INT8_DEPTH:
            msg = f"in_features must be at most {_core.MAX_INT8_DEPTH} for int8, got {k}"
            raise ValueError(msg)
        if not np.isfinite(weight).all():
            msg = f"{name} must be finite, got {_worst(weight)}"
            raise ValueError(msg)
        matrix, scale = quantize_rows(weight)
        result["scale"] = _aligned(scale, padded)
        offset = -128 * matrix.sum(axis=1, dtype=np.int64)
        result["offset"] = _aligned(offset.astype(np.int32), padded)
    result["packed"] = packed(matrix, _GROUP[dtype])
    if layer["bias"] is not None:
        result["bias"] = _aligned(layer["bias"], padded)
    return result


def _worst(weight: Array) -> Any:
    """Return NaN, an infinity, or else the value of largest magnitude."""
    flat = weight.reshape(-1)
    return flat[np.argmax(np.where(np.isnan(flat), np.inf, np.abs(flat)))]


def packed(matrix: Array, group: int) -> Array:
    """Return a matrix (columns, k) as the bytes of panels (cpp/dispatch/quantized.hpp)."""
    n, k = matrix.shape
    columns, groups = -(-n // 16) * 16, -(-k // group)
    padded = np.zeros((columns, groups, group), matrix.dtype)
    padded.reshape(columns, -1)[:n, :k] = matrix
    whole = columns // _PANEL * _PANEL
    panels = padded[:whole].reshape(-1, _PANEL, groups, group).transpose(0, 2, 1, 3)
    rest = padded[whole:].transpose(1, 0, 2)
    flat = np.concatenate([panels.reshape(-1), rest.reshape(-1)]).view(np.uint8)
    return _aligned(flat, len(flat))


def _compare(exact: Any, quantized: QuantizedSequential, check: Any) -> AccuracyLoss:
    """Return how far outputs are from those of the float32 network."""
    x = contiguous_rows(as_float(check, "check", np.dtype(np.float32)))
    if x.ndim != 2 or x.shape[1] != quantized.in_features or len(x) == 0:
        msg = f"check must have shape (batch, {quantized.in_features}), got {x.shape}"
        raise ValueError(msg)
    y = np.empty((len(x), quantized.out_features), np.float32)
    exact.predict(x, y)
    rounded = quantized(x)
    difference = np.abs(rounded.astype(np.float64) - y)
    return AccuracyLoss(
        rows=len(x),
        largest=float(difference.max()),
        rms=float(np.sqrt(np.mean(difference**2))),
        scale=float(np.sqrt(np.mean(y.astype(np.float64) ** 2))),
        changed=float(np.mean(rounded.argmax(axis=1) != y.argmax(axis=1))),
    )
