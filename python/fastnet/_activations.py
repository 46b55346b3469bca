"""From an activation's arguments to the kernels, forward and backward, and onto the tape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec

from fastnet import _core
from fastnet._arrays import Array, as_float, contiguous, output, real, same_dtype
from fastnet.autograd.lift import differentiable

_P = ParamSpec("_P")

_KINDS: dict[str, int] = _core.ACTIVATIONS
# The parameters of the functions below when called with x alone.
_DEFAULTS: dict[str, tuple[float, float]] = {
    "leaky_relu": (0.01, 0.0),
    "elu": (1.0, 0.0),
    "softplus": (1.0, 20.0),
    "hardtanh": (-1.0, 1.0),
}
_CODES: dict[str | None, tuple[int, float, float]] = {
    name: (kind, *_DEFAULTS.get(name, (0.0, 0.0))) for name, kind in _KINDS.items()
}
_CODES[None] = _CODES["identity"]
_OPTIONS = {
    "leaky_relu": ("negative_slope",),
    "elu": ("alpha",),
    "softplus": ("beta", "threshold"),
    "hardtanh": ("min_val", "max_val"),
}


def activation_code(name: Any) -> tuple[int, float, float]:
    """Return the number and the default parameters by which kernels know an activation."""
    if name is None or isinstance(name, str):
        code = _CODES.get(name)
        if code is not None:
            return code
    msg = f"activation must be one of {', '.join(_KINDS)}, got {name!r}"
    raise ValueError(msg)


def _numbers(kind: str, options: tuple[Any, ...]) -> list[float]:
    return [real(v, name) for v, name in zip(options, _OPTIONS.get(kind, ()), strict=True)]


def apply_forward(kind: str, x: Any, out: Array | None, *options: Any) -> Array:
    """Return the activation `kind` of x."""
    numbers = _numbers(kind, options) if options else []
    a, b = (*numbers, 0.0, 0.0)[:2]
    y: Array | None = _core.activation_direct(_KINDS[kind], x, out, a, b)
    if y is not None:
        return y
    x = as_float(x, "x")
    result = output(out, x.shape, x.dtype)
    _core.activation(_KINDS[kind], contiguous(x), result, a, b)
    return result


def apply_backward(
    kind: str, dy: Any, x: Any, name: str, out: Array | None, *options: Any
) -> Array:
    """Return dy times the derivative of `kind`, from x or, named so, from the output y."""
    numbers = _numbers(kind, options)
    dy = as_float(dy, "dy")
    x = as_float(x, name)
    same_dtype(dy, **{name: x})
    if x.shape != dy.shape:
        msg = f"{name} must have dy's shape {dy.shape}, got {x.shape}"
        raise ValueError(msg)
    result = output(out, dy.shape, dy.dtype)
    _core.activation_backward(_KINDS[kind], contiguous(dy), contiguous(x), result, *numbers)
    return result


def taped(
    backward: Callable[..., Array], state: str = "x"
) -> Callable[[Callable[_P, Any]], Callable[_P, Any]]:
    """Put an activation on the tape, whose derivative is computed from its input "x" or output "y".

    Only that one is kept.
    """

    def from_input(dy: Any, y: Any, x: Any, *options: Any, needs: Any) -> tuple[Array]:
        return (backward(dy, x, *options),)

    def from_output(dy: Any, y: Any, x: Any, *options: Any, needs: Any) -> tuple[Array]:
        return (backward(dy, y, *options),)

    return differentiable(from_output if state == "y" else from_input, saves=[state], owned=True)
