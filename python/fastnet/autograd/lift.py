"""`differentiable`: puts an operation on arrays onto the tape."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec

import numpy as np

from fastnet.autograd.core import TensorCore, wrap
from fastnet.autograd.tape import make_node, mode

_P = ParamSpec("_P")


def differentiable(
    vjp: Callable[..., Sequence[Any]],
    *,
    saves: Sequence[str] | None = None,
    owned: bool = False,
) -> Callable[[Callable[_P, Any]], Callable[_P, Any]]:
    """Let a function of arrays take Tensors, given the product of a gradient with its Jacobian.

    The decorated function gives an array if no argument is a Tensor, at the cost of looking at
    their types. With any Tensor argument, positional or by keyword, it gives a Tensor, recorded if
    one needs a gradient.

    Parameters
    ----------
    vjp : callable
        ``vjp(dy, y, *args, needs)`` returns one gradient for each argument of the function in the
        order of its signature, None where none is needed; trailing Nones may be left out. `args`
        are all arguments as arrays (defaults filled in, `out` left out, keyword-only ones by
        keyword), `needs` a tuple of bool: which gradients are wanted.
    saves : sequence of str, optional
        Names of the arguments whose values vjp reads, and "y" for the result. In place of an array
        that is not named vjp gets None, and its memory is free. All of them by default.
    owned : bool, default False
        True if vjp's gradients are always new arrays of the arguments' shapes and dtypes. If False
        shapes are checked, and what reaches a leaf is copied.

    Raises
    ------
    TypeError
        When called with a Tensor and `out`, or with a Tensor for a keyword-only argument.
    ValueError
        In backward, if a gradient has not its argument's shape.
    RuntimeError
        In backward, if a gradient is wanted that vjp does not give.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet
    >>> from fastnet.autograd import differentiable
    >>> def cube_vjp(dy, y, x, needs):
    ...     return (3 * x * x * dy,)
    >>> @differentiable(cube_vjp, saves=["x"])
    ... def cube(x):
    ...     return x**3
    >>> x = fastnet.tensor([1.0, 2.0], requires_grad=True)
    >>> cube(x).sum().backward()
    >>> x.grad
    tensor([ 3., 12.])
    """

    def decorate(function: Callable[_P, Any]) -> Callable[_P, Any]:
        tape = _Lifted(function, vjp, saves, owned)

        @functools.wraps(function)
        def lifted(*args: _P.args, **kwargs: _P.kwargs) -> Any:
            for arg in args:
                if isinstance(arg, TensorCore):
                    return tape(args, kwargs)
            if kwargs:
                for arg in kwargs.values():
                    if isinstance(arg, TensorCore):
                        return tape(args, kwargs)
            return function(*args, **kwargs)

        return lifted

    return decorate


def _check(part: Any, shape: tuple[int, ...], dtype: Any, name: str, argument: str) -> Any:
    array = np.asarray(part, dtype)
    if array.shape != shape:
        msg = f"{name}: the gradient of {argument} must have shape {shape}, got {array.shape}"
        raise ValueError(msg)
    return array


class _Lifted:
    """One operation's way onto the tape."""

    def __init__(
        self,
        function: Callable[..., Any],
        vjp: Callable[..., Sequence[Any]],
        saves: Sequence[str] | None,
        owned: bool,
    ) -> None:
        self.function = function
        self.name = function.__name__
        self.owned = owned
        parameters = [p for p in inspect.signature(function).parameters.values() if p.name != "out"]
        self.keyword_only = {p.name for p in parameters if p.kind is p.KEYWORD_ONLY}
        parameters = [p for p in parameters if p.name not in self.keyword_only]
        self.names = [p.name for p in parameters]
        self.defaults = [p.default for p in parameters]
        wrong = set(saves or ()) - {*self.names, "y"}
        if wrong:
            msg = f"saves must name arguments of {self.name} or y, got {', '.join(sorted(wrong))}"
            raise ValueError(msg)
        self.saves_output = saves is None or "y" in saves
        self.saves = [saves is None or name in saves for name in self.names]
        self.vjp = (_bare if owned else _checked)(vjp, self.name, self.names)

    def bind(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[list[Any], dict[str, Any]]:
        """Return the arguments in the order of the signature, and keyword-only ones apart."""
        rest = {k: kwargs[k] for k in self.keyword_only if k in kwargs}
        given = {k: v for k, v in kwargs.items() if k not in rest}
        if given.pop("out", None) is not None or len(args) > len(self.names):
            msg = f"{self.name} takes no out when an argument is a Tensor"
            raise TypeError(msg)
        values = list(args)
        for name, default in zip(self.names[len(args) :], self.defaults[len(args) :], strict=True):
            value = given.pop(name, default)
            if value is inspect.Parameter.empty:
                msg = f"{self.name}() misses the argument {name}"
                raise TypeError(msg)
            values.append(value)
        if given:
            msg = f"{self.name}() got an unexpected or repeated argument {next(iter(given))}"
            raise TypeError(msg)
        for name, value in rest.items():
            if isinstance(value, TensorCore):
                msg = f"{self.name}: {name} must not be a Tensor"
                raise TypeError(msg)
        return values, rest

    def __call__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if kwargs or len(args) != len(self.names):
            values, rest = self.bind(args, kwargs)
        else:
            values, rest = list(args), kwargs
        edges: list[Any] = []
        counters = []
        recorded = False
        saved: list[Any] = [None]
        for i, value in enumerate(values):
            edge = None
            keep = self.saves[i]
            if isinstance(value, TensorCore):
                if value._requires and mode.enabled:
                    edge = value._node or value
                    recorded = True
                if keep:
                    counters.append(value._version)
                values[i] = value = value._data
            saved.append(value if keep or type(value) is not np.ndarray else None)
            edges.append(edge)
        y = self.function(*values, **rest)
        out = wrap(y)
        if recorded and out._data.dtype.kind == "f":
            if self.saves_output:
                saved[0] = out._data
                counters.append(out._version)
            if not self.owned:
                saved.append([(np.shape(v), getattr(v, "dtype", None)) for v in values])
            saved.append(rest)
            out._requires = True
            out._node = make_node(
                self.vjp, tuple(saved), tuple(edges), tuple(counters), self.name, self.owned
            )
        return out


def _complete(
    parts: Sequence[Any], needs: tuple[bool, ...], name: str, names: list[str]
) -> Sequence[Any]:
    for i, need in enumerate(needs):
        if need and (i >= len(parts) or parts[i] is None):
            msg = f"{name} has no gradient with respect to {names[i]}"
            raise RuntimeError(msg)
    return parts


def _bare(
    vjp: Callable[..., Sequence[Any]], name: str, names: list[str]
) -> Callable[..., Sequence[Any]]:
    def call(dy: Any, needs: tuple[bool, ...], *saved: Any) -> Sequence[Any]:
        return _complete(vjp(dy, *saved[:-1], needs=needs, **saved[-1]), needs, name, names)

    return call


def _checked(
    vjp: Callable[..., Sequence[Any]], name: str, names: list[str]
) -> Callable[..., Sequence[Any]]:
    def call(dy: Any, needs: tuple[bool, ...], *saved: Any) -> Sequence[Any]:
        parts = vjp(dy, *saved[:-2], needs=needs, **saved[-1])
        if not isinstance(parts, tuple | list) or len(parts) > len(names):
            msg = f"{name}: vjp must return a tuple of at most {len(names)} gradients"
            raise TypeError(msg)
        _complete(parts, needs, name, names)
        return [
            None if part is None else _check(part, shape, dtype, name, argument)
            for part, (shape, dtype), argument in zip(parts, saved[-2], names, strict=False)
        ]

    return call
