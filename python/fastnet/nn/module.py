"""Module: what holds parameters, buffers and other modules, and computes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Self

import numpy as np

from fastnet._arrays import Array, as_float, output
from fastnet.autograd.core import TensorCore, unwrap, wrap
from fastnet.autograd.tape import mode
from fastnet.nn._checks import attribute_name, fitting, float_kind, zero_gradients
from fastnet.nn.parameter import Parameter, Structure


class Keys(NamedTuple):
    """What a loaded state and a module do not share."""

    missing_keys: list[str]
    unexpected_keys: list[str]


class Module:
    """Base of layers, losses and models.

    Parameters (`Parameter`) and modules that are set as attributes are registered by that name;
    what else should be saved is registered by `register_buffer`. A subclass defines `forward`.

    Calling a module without any Tensor runs `forward` without the tape and gives arrays: that is
    inference, and `out=` says where the result goes. With a Tensor it gives Tensors.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnet import nn
    >>> class Twice(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.scale = nn.Parameter(np.float32([2]))
    ...     def forward(self, input):
    ...         return input * self.scale
    >>> Twice()(np.float32([1, 2]))
    array([2., 4.], dtype=float32)
    """

    training: bool = True
    # Names of buffers, and whether state_dict() has them. Parameters and modules are found among
    # the attributes.
    _buffers: Mapping[str, bool] = {}
    # Whether forward takes `out` itself.
    _takes_out = False

    def __init__(self) -> None:
        super().__init__()

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute; to be defined by the subclass."""
        msg = f"{type(self).__name__} must define forward"
        raise NotImplementedError(msg)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run `forward`, without the tape if no argument is a Tensor."""
        for arg in args:
            if isinstance(arg, TensorCore):
                return self._taped(args, kwargs)
        if kwargs:
            for arg in kwargs.values():
                if isinstance(arg, TensorCore):
                    return self._taped(args, kwargs)
        out = None
        if not self._takes_out and "out" in kwargs:
            out = kwargs.pop("out")
        before = mode.enabled
        mode.enabled = False
        try:
            y = self.forward(*args, **kwargs)
        finally:
            mode.enabled = before
        if type(y) is not np.ndarray:
            y = _arrays_of(y)
        if out is None:
            return y
        result = output(out, np.shape(y), np.asarray(y).dtype)
        result[...] = y
        return result

    def _taped(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if kwargs.pop("out", None) is not None:
            msg = f"{type(self).__name__} takes no out when an argument is a Tensor"
            raise TypeError(msg)
        return self.forward(*args, **kwargs)

    # ---- registration ----

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.__dict__ and self.__dict__[name] is value:
            return  # what was compiled stays good
        if not isinstance(value, Parameter):
            old = self.__dict__.get(name)
            if value is not None and isinstance(old, Parameter):
                msg = f"{name} must be a Parameter or None, got {type(value).__name__}"
                raise TypeError(msg)
            if (
                name in self._buffers
                and value is not None
                and not isinstance(value, np.ndarray | TensorCore)
            ):
                msg = f"buffer {name} must be an array, Tensor or None, got {type(value).__name__}"
                raise TypeError(msg)
        object.__setattr__(self, name, value)
        Structure.version += 1

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)
        Structure.version += 1

    def register_parameter(self, name: str, param: Any) -> None:
        """Set a parameter (or None, for one that is left out) by name."""
        if param is not None and not isinstance(param, Parameter):
            msg = f"param must be a Parameter or None, got {type(param).__name__}"
            raise TypeError(msg)
        setattr(self, attribute_name(name), param)

    def add_module(self, name: str, module: Any) -> None:
        """Set a module (or None) by name."""
        if module is not None and not isinstance(module, Module):
            msg = f"module must be a Module or None, got {type(module).__name__}"
            raise TypeError(msg)
        setattr(self, attribute_name(name), module)

    register_module = add_module

    def register_buffer(self, name: str, tensor: Any, persistent: bool = True) -> None:
        """Set an array or Tensor that is no parameter; a persistent one is in state_dict()."""
        if tensor is not None and not isinstance(tensor, np.ndarray | TensorCore):
            msg = f"tensor must be an array, a Tensor or None, got {type(tensor).__name__}"
            raise TypeError(msg)
        object.__setattr__(self, "_buffers", {**self._buffers, attribute_name(name): persistent})
        object.__setattr__(self, name, tensor)
        Structure.version += 1

    # ---- what is inside ----

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Yield the modules right inside with their names."""
        seen: set[int] = set()
        for name, value in self.__dict__.items():
            if isinstance(value, Module) and id(value) not in seen:
                seen.add(id(value))
                yield name, value

    def children(self) -> Iterator[Module]:
        """Yield the modules right inside."""
        for _, module in self.named_children():
            yield module

    def named_modules(
        self, memo: set[int] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """Yield this module and all inside it with dotted names, each once."""
        memo = set() if memo is None else memo
        if id(self) in memo:
            return
        if remove_duplicate:
            memo.add(id(self))
        yield prefix, self
        for name, value in list(self.__dict__.items()):
            if isinstance(value, Module):
                inner = f"{prefix}.{name}" if prefix else name
                yield from value.named_modules(memo, inner, remove_duplicate)

    def modules(self) -> Iterator[Module]:
        """Yield this module and all inside it, each once."""
        for _, module in self.named_modules():
            yield module

    def _members(
        self,
        own: Callable[[Module], Iterator[tuple[str, Any]]],
        prefix: str,
        recurse: bool,
        remove_duplicate: bool,
    ) -> Iterator[tuple[str, Any]]:
        modules = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
        for where, module in modules if recurse else [(prefix, self)]:
            for name, value in own(module):
                yield (f"{where}.{name}" if where else name), value

    def _own_parameters(self) -> Iterator[tuple[str, Any]]:
        return ((name, p) for name, p in list(self.__dict__.items()) if isinstance(p, Parameter))

    def _own_buffers(self) -> Iterator[tuple[str, Any]]:
        values = ((name, getattr(self, name)) for name in self._buffers)
        return ((name, b) for name, b in values if b is not None)

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Yield the parameters with dotted names, each once."""
        members = self._members(Module._own_parameters, prefix, recurse, remove_duplicate)
        yield from _once(members, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Yield the parameters, each once."""
        for _, parameter in self.named_parameters(recurse=recurse):
            yield parameter

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Any]]:
        """Yield the buffers with dotted names, each once."""
        members = self._members(Module._own_buffers, prefix, recurse, remove_duplicate)
        yield from _once(members, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Any]:
        """Yield the buffers, each once."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    # ---- state ----

    def _state(self) -> Iterator[tuple[str, Any]]:
        for where, module in self.named_modules(remove_duplicate=False):
            start = f"{where}." if where else ""
            for name, parameter in module._own_parameters():
                yield start + name, parameter
            for name, buffer in module._own_buffers():
                if module._buffers[name]:
                    yield start + name, buffer

    def state_dict(self) -> dict[str, Array]:
        """Return the arrays of all parameters and persistent buffers by their dotted names.

        They are the live arrays, not copies: they change as the model is trained. But a Trainer,
        when it is made, and `to` move them: those taken before change no more.
        """
        return {name: unwrap(value) for name, value in self._state()}

    def load_state_dict(self, state_dict: Any, strict: bool = True) -> Keys:
        """Copy arrays into parameters and buffers; nothing is changed if any does not fit.

        Parameters
        ----------
        state_dict : mapping of str to array_like
            Values are converted to the dtype of what they fill.
        strict : bool, default True
            Whether names must be the same on both sides.

        Returns
        -------
        missing_keys, unexpected_keys : list of str

        Raises
        ------
        ValueError
            If a shape differs, a value is beyond the dtype, or (strict) names do.
        """
        if not isinstance(state_dict, Mapping):
            msg = f"state_dict must be a mapping, got {type(state_dict).__name__}"
            raise TypeError(msg)
        Structure.fitted_here(self.parameters())
        targets = dict(self._state())
        missing = [name for name in targets if name not in state_dict]
        unexpected = [name for name in state_dict if name not in targets]
        if strict and (missing or unexpected):
            msg = f"state_dict misses {missing} and has unexpected {unexpected}"
            raise ValueError(msg)
        values = {}
        for name, target in targets.items():
            if name in state_dict:
                value = fitting(state_dict[name], unwrap(target), name)
                # It may be another's live array, which is about to be filled.
                shared = any(np.may_share_memory(value, unwrap(t)) for t in targets.values())
                values[name] = value.copy() if shared else value
        for name, value in values.items():
            target = targets[name]
            unwrap(target)[...] = value
            if isinstance(target, TensorCore):
                target._version[0] += 1
        return Keys(missing, unexpected)

    # ---- modes ----

    def train(self, mode: Any = True) -> Self:
        """Set training mode, on which dropout and batch normalisation depend."""
        if not isinstance(mode, bool):
            msg = f"mode must be a bool, got {type(mode).__name__}"
            raise TypeError(msg)
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Set evaluation mode."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Set requires_grad of all parameters."""
        for parameter in self.parameters():
            parameter.requires_grad = requires_grad
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Set the gradients of all parameters to None, or to 0."""
        zero_gradients(self.parameters(), set_to_none)

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Call fn on every module inside, then on this one."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def to(self, dtype: Any) -> Self:
        """Convert parameters and float buffers to a dtype; "cpu" is accepted as where they are."""
        if isinstance(dtype, str) and dtype == "cpu":
            return self
        kind = float_kind(dtype)
        # All that may raise comes before anything changes.
        others = [p for p in self.parameters() if p._data.dtype != kind]
        arrays = [parameter._copied(kind) for parameter in others]
        buffers = []
        for module in self.modules():
            for name, buffer in module._own_buffers():
                data = unwrap(buffer)
                if data.dtype.kind == "f" and data.dtype != kind:
                    other = as_float(data, name, kind)
                    same = wrap(other) if isinstance(buffer, TensorCore) else other
                    buffers.append((module, name, same))
        for parameter, array in zip(others, arrays, strict=True):
            parameter._data = array
            parameter._version[0] += 1
            parameter.grad = None
        for module, name, same in buffers:
            object.__setattr__(module, name, same)
        Structure.version += 1
        return self

    def float(self) -> Self:
        """Convert to float32."""
        return self.to(np.float32)

    def double(self) -> Self:
        """Convert to float64."""
        return self.to(np.float64)

    # ---- text and pickles ----

    def extra_repr(self) -> str:
        """Return what stands between the brackets of repr."""
        return ""

    def __repr__(self) -> str:
        lines = []
        for name, value in self.__dict__.items():
            if isinstance(value, Module):
                lines.append(f"  ({name}): " + repr(value).replace("\n", "\n  "))
        extra = self.extra_repr()
        if not lines:
            return f"{type(self).__name__}({extra})"
        body = ([f"  {extra}"] if extra else []) + lines
        return "\n".join([f"{type(self).__name__}(", *body, ")"])

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, dict) or not all(isinstance(name, str) for name in state):
            msg = f"the state of a {type(self).__name__} must be a dict of attributes"
            raise TypeError(msg)
        self.__dict__.update(state)
        self._validate()

    def _validate(self) -> None:
        """Raise TypeError or ValueError if the attributes do not fit each other."""


def _once(members: Iterator[tuple[str, Any]], remove_duplicate: bool) -> Iterator[tuple[str, Any]]:
    seen: set[int] = set()
    for name, value in members:
        if remove_duplicate:
            if id(value) in seen:
                continue
            seen.add(id(value))
        yield name, value


def _arrays_of(y: Any) -> Any:
    """Return y with arrays in place of Tensors, also inside tuples, lists and dicts."""
    if isinstance(y, TensorCore):
        return y._data
    if isinstance(y, tuple) and hasattr(y, "_fields"):
        return type(y)(*map(_arrays_of, y))
    if isinstance(y, tuple | list):
        return type(y)(map(_arrays_of, y))
    if isinstance(y, dict):
        return {key: _arrays_of(value) for key, value in y.items()}
    return y
