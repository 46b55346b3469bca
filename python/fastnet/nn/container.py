"""Sequential and ModuleList: modules in order."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self

from fastnet.autograd.core import TensorCore
from fastnet.nn._checks import attribute_name
from fastnet.nn.module import Module
from fastnet.nn.parameter import Structure


class _Ordered(Module):
    """Modules by number or name, in the order they were added."""

    def _names(self) -> list[str]:
        return [name for name, value in self.__dict__.items() if isinstance(value, Module)]

    def _modules(self) -> list[Module]:
        return [value for value in self.__dict__.values() if isinstance(value, Module)]

    def _position(self, index: Any) -> int:
        n = len(self)
        i = operator.index(index)
        if not -n <= i < n:
            msg = f"index {i} is out of range for {n} modules"
            raise IndexError(msg)
        return i % n

    def __len__(self) -> int:
        return len(self._modules())

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules())

    def _add(self, name: str, module: Any) -> None:
        if not isinstance(module, Module):
            msg = f"module must be a Module, got {type(module).__name__}"
            raise TypeError(msg)
        if not isinstance(self.__dict__.get(name), Module) and hasattr(self, name):
            msg = f"name {name!r} is an attribute of {type(self).__name__}"
            raise ValueError(msg)
        setattr(self, attribute_name(name), module)

    def append(self, module: Module) -> Self:
        """Add a module at the end."""
        i = len(self)
        while str(i) in self.__dict__:
            i += 1
        self._add(str(i), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add modules at the end."""
        for module in modules:
            self.append(module)
        return self

    def __setitem__(self, index: int, module: Module) -> None:
        self._add(self._names()[self._position(index)], module)

    def __delitem__(self, index: int) -> None:
        named = list(zip(self._names(), self._modules(), strict=True))
        position = self._position(index)
        for name, _ in named:
            delattr(self, name)
        del named[position]
        for i, (name, module) in enumerate(named):
            setattr(self, str(i) if name.isdecimal() else name, module)


class Sequential(_Ordered):
    """Modules one after another, each on the result of the one before.

    Parameters
    ----------
    *args : Module, or one mapping of names to Modules
    **kwargs : Module
        Named modules, after the others.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnet import nn
    >>> net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    >>> net
    Sequential(
      (0): Linear(in_features=4, out_features=8, bias=True)
      (1): ReLU()
      (2): Linear(in_features=8, out_features=3, bias=True)
    )
    >>> phi = net[:-1]
    >>> phi(np.ones((5, 4), np.float32)).shape
    (5, 8)
    """

    _takes_out = True
    # The structure's version, the compiled model or None, and whether a call may go straight to it.
    _plan: tuple[int, Any, bool] | None = None

    def __init__(self, *args: Any, **kwargs: Module) -> None:
        super().__init__()
        if len(args) == 1 and isinstance(args[0], Mapping):
            for name, module in args[0].items():
                self._add(attribute_name(name), module)
        else:
            for i, module in enumerate(args):
                self._add(str(i), module)
        for name, module in kwargs.items():
            self._add(name, module)

    def __getitem__(self, index: Any) -> Any:
        """Return one module, or a Sequential of the same modules for a slice."""
        if isinstance(index, slice):
            names, modules = self._names(), self._modules()
            part = type(self).__new__(type(self))
            part.training = self.training
            for name, module in zip(names[index], modules[index], strict=True):
                setattr(part, name, module)
            return part
        if isinstance(index, str):
            found = self.__dict__.get(index)
            if not isinstance(found, Module):
                raise KeyError(index)
            return found
        return self._modules()[self._position(index)]

    def __call__(self, input: Any, out: Any = None) -> Any:
        """Run `forward`; of a plain matrix, in evaluation mode, as one compiled call."""
        plan = self._plan
        if plan is not None and plan[0] == Structure.version and plan[2]:
            y = plan[1].direct(input, out)
            if y is not None:
                return y
        return super().__call__(input) if out is None else super().__call__(input, out=out)

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        state.pop("_plan", None)
        return state

    def forward(self, input: Any, out: Any = None) -> Any:
        """Return the last module's result."""
        x = input
        if isinstance(input, TensorCore):
            # Once on the tape, calling a module is calling its forward.
            for module in self.__dict__.values():
                if isinstance(module, Module):
                    x = module.forward(x) if isinstance(x, TensorCore) else module(x)
            return x
        if not self.training:
            y = self._run_compiled(input, out)
            if y is not None:
                return y
        modules = self._modules()
        for module in modules[:-1]:
            x = module(x)
        if not modules:
            return x
        return modules[-1](x) if out is None else modules[-1](x, out=out)

    def _run_compiled(self, input: Any, out: Any) -> Any:
        """Return the result of the compiled model for a matrix; None if there is none for it."""
        plan = self._plan
        if plan is None or plan[0] != Structure.version:
            from fastnet._compile import compile_inference

            version = Structure.version
            changing = Structure.fitted_here(self.parameters())
            compiled = compile_inference(self)
            # A forward of a subclass's own must see every call.
            direct = compiled is not None and type(self).forward is Sequential.forward
            plan = (version, compiled, direct)
            # While a fit's callback is here, calls from other threads must not find a plan.
            if not changing:
                self.__dict__["_plan"] = plan
        return None if plan[1] is None else plan[1](input, out)


class ModuleList(_Ordered):
    """Modules in a list, for a model with a forward of its own.

    Examples
    --------
    >>> from fastnet import nn
    >>> layers = nn.ModuleList(nn.Linear(2, 2) for _ in range(3))
    >>> len(layers), len(list(layers.parameters()))
    (3, 6)
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        self.extend(modules or ())

    def __getitem__(self, index: Any) -> Any:
        """Return one module, or a ModuleList of the same modules for a slice."""
        if isinstance(index, slice):
            return type(self)(self._modules()[index])
        return self._modules()[self._position(index)]
