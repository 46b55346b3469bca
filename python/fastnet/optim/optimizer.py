"""Optimizer: parameter groups, state, and steps over padded memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from fastnet._arrays import Array, as_float, to_array
from fastnet._storage import flat, is_padded, zeros_weight
from fastnet.autograd.core import TensorCore, unwrap
from fastnet.autograd.tape import enable_grad
from fastnet.nn._checks import zero_gradients
from fastnet.nn.parameter import Structure


class Optimizer:
    """Base of optimizers.

    Parameters
    ----------
    params : iterable of Tensor, of (name, Tensor), or of dict
        What to update: leaves that hold floats. A dict is a group of its own with "params" and
        options that differ from the defaults.
    defaults : dict
        Options of groups that do not set them.

    Attributes
    ----------
    param_groups : list of dict
        Options can be changed between steps; each step reads them.
    state : dict
        For each parameter that has been updated a dict. Arrays in it have the parameter's shape and
        memory layout; what else a step needs is in plain numbers.

    Notes
    -----
    A step runs over a parameter's memory as it lies, the zeros that pad its rows included, and
    leaves them zero. A subclass defines `_update`.
    """

    # Arrays of state that are kept across runs, by their names.
    _arrays: tuple[str, ...] = ()

    def __init__(self, params: Any, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self.param_groups: list[dict[str, Any]] = []
        self._states: dict[Any, dict[str, Any]] = {}
        self._vectors: dict[tuple[Any, str], tuple[Array, Array]] = {}
        if isinstance(params, TensorCore | np.ndarray | str) or not isinstance(params, Iterable):
            msg = f"params must be an iterable of Tensors or dicts, got {type(params).__name__}"
            raise TypeError(msg)
        groups = list(params)
        if not groups:
            msg = "params must not be empty"
            raise ValueError(msg)
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    # ---- state ----

    # A Trainer's steps are counted in the engine. `_pending` brings the state up to date with them,
    # `_changes` counts what else may have changed it. Who has seen the dict may read or change it
    # at any time: from then on it is kept up to date at every step.
    _pending: Callable[[], None] | None = None
    _changes = 0
    _seen = False

    @property
    def state(self) -> dict[Any, dict[str, Any]]:
        """For each parameter that has been updated a dict of what its updates go on from."""
        self._seen = True
        return self._settled()

    @state.setter
    def state(self, state: Any) -> None:
        if not isinstance(state, dict):
            msg = f"state must be a dict, got {type(state).__name__}"
            raise TypeError(msg)
        self._settled()
        self._changes += 1
        self._states = state

    def _settled(self) -> dict[Any, dict[str, Any]]:
        """Return the state, up to date, to a reader that keeps no reference."""
        pending, self._pending = self._pending, None
        if pending is not None:
            try:
                pending()
            except BaseException:  # another thread is in the midst of a step: later
                self._pending = pending
                raise
        return self._states

    # ---- groups ----

    def add_param_group(self, param_group: Any) -> None:
        """Add parameters with options of their own."""
        if not isinstance(param_group, dict) or "params" not in param_group:
            msg = "param_group must be a dict with params"
            raise TypeError(msg)
        params = param_group["params"]
        params = [params] if isinstance(params, TensorCore) else list(params)
        params = [p[1] if isinstance(p, tuple) and len(p) == 2 else p for p in params]
        taken = {id(p) for group in self.param_groups for p in group["params"]}
        for p in params:
            if not isinstance(p, TensorCore):
                msg = f"params must be Tensors, got {type(p).__name__}"
                raise TypeError(msg)
            if p._node is not None or p._data.dtype.kind != "f":
                msg = "params must be leaves that hold floats"
                raise ValueError(msg)
            if id(p) in taken:
                msg = "a parameter must be in one group, once"
                raise ValueError(msg)
            taken.add(id(p))
        group = {"params": params, **self.defaults}
        unknown = set(param_group) - set(group)
        if unknown:
            known, got = ", ".join(self.defaults), ", ".join(sorted(unknown))
            msg = f"a group's options are {known}, got {got}"
            raise ValueError(msg)
        group.update(param_group, params=params)
        self._require_options(group)
        self.param_groups.append(group)

    def _require_options(self, group: dict[str, Any]) -> None:
        """Raise TypeError or ValueError if options are missing or make no sense."""
        missing = {"params", *self.defaults} - set(group)
        if missing:
            msg = f"a group must have {', '.join(sorted(missing))}"
            raise ValueError(msg)
        self._check(group)

    def _check(self, group: dict[str, Any]) -> None:
        """Raise TypeError or ValueError for options that make no sense."""

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Set the gradients of all parameters to None, or to 0."""
        for group in self.param_groups:
            zero_gradients(group["params"], set_to_none)

    # ---- steps ----

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient.

        Parameters
        ----------
        closure : callable, optional
            Computes the loss anew, with gradients; called once, before the update.

        Returns
        -------
        what closure returned, or None
        """
        if Structure.fitting:  # seldom
            Structure.fitted_here(p for group in self.param_groups for p in group["params"])
        self._settled()
        self._changes += 1
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p._grad is not None:
                    self._update(p, self._memory(p, "w", p._data), gradient_memory(p), group)
                    p._version[0] += 1
        return loss

    def _update(self, p: Any, w: Array, g: Array, group: dict[str, Any]) -> None:
        """Update w, a parameter's memory as one vector, from its gradient g likewise."""
        raise NotImplementedError

    def _memory(self, p: Any, name: str, array: Array) -> Array:
        """Return the memory of an array that stays from step to step, as one vector."""
        known = self._vectors.get((p, name))
        if known is None or known[0] is not array:
            known = self._vectors[p, name] = (array, memory(array))
        return known[1]

    def _state(self, p: Any) -> dict[str, Any]:
        """Return a parameter's state, made by `_start` at the first step."""
        state = self._states.get(p)
        if not state:
            state = self._states[p] = self._start(p)
        for name in self._arrays:
            array = state.get(name)
            if array is not None and array.strides != p._data.strides:
                # Set by the user: the update runs over memory, so layouts must agree.
                state[name] = zeros_like(p)
                state[name][...] = array
        return state

    def _start(self, p: Any) -> dict[str, Any]:
        """Return the state of a parameter before the first step."""
        return {}

    # ---- saving ----

    def state_dict(self) -> dict[str, Any]:
        """Return options, and state by the parameters' numbers, in PyTorch's form.

        Its arrays are the live ones, in the parameters' shapes.
        """
        numbers: dict[Any, int] = {}
        groups = []
        for group in self.param_groups:
            for p in group["params"]:
                numbers[p] = len(numbers)
            groups.append({**group, "params": [numbers[p] for p in group["params"]]})
        state = {numbers[p]: dict(v) for p, v in self._settled().items() if p in numbers}
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: Any) -> None:
        """Go on from a `state_dict()`: values are copied; nothing changes if any does not fit.

        Raises
        ------
        ValueError
            If groups, their sizes or the shapes of arrays differ, or values make no sense.
        """
        if not isinstance(state_dict, Mapping) or not {"state", "param_groups"} <= set(state_dict):
            msg = "state_dict must be a mapping with state and param_groups"
            raise TypeError(msg)
        saved, states = state_dict["param_groups"], state_dict["state"]
        if (
            not isinstance(saved, list | tuple)
            or not all(isinstance(g, Mapping) and isinstance(g.get("params"), list) for g in saved)
            or not isinstance(states, Mapping)
            or not all(isinstance(values, Mapping) for values in states.values())
        ):
            msg = "state_dict must have groups with lists of params, and a mapping of mappings"
            raise TypeError(msg)
        sizes = [len(group["params"]) for group in saved]
        ours = [len(group["params"]) for group in self.param_groups]
        if sizes != ours:
            msg = f"state_dict must have groups of {ours} parameters, got {sizes}"
            raise ValueError(msg)
        numbered: dict[Any, Any] = {}
        groups: list[dict[str, Any]] = []
        for group, other in zip(self.param_groups, saved, strict=True):
            numbered.update(zip(other["params"], group["params"], strict=True))
            options = {k: other.get(k, v) for k, v in group.items()}
            groups.append({**options, "params": group["params"]})
            self._require_options(groups[-1])
        state: dict[Any, dict[str, Any]] = {}
        for number, values in states.items():
            if number not in numbered:
                msg = f"state_dict has state of a parameter {number!r} that no group has"
                raise ValueError(msg)
            p = numbered[number]
            state[p] = self._loaded(p, values, groups)
        self.param_groups[:] = groups
        self._settled()
        self._changes += 1
        self._states.clear()
        self._states.update(state)

    def _loaded(
        self, p: Any, values: Mapping[str, Any], groups: list[dict[str, Any]]
    ) -> dict[str, Any]:
        """Return a parameter's state, in one of the groups, from saved values.

        Arrays get the parameter's layout.
        """
        state: dict[str, Any] = {}
        for name, value in values.items():
            if name in self._arrays and value is not None:
                array = as_float(to_array(unwrap(value), name), name, p._data.dtype)
                if array.shape != p._data.shape:
                    msg = f"{name} must have shape {p._data.shape}, got {array.shape}"
                    raise ValueError(msg)
                state[name] = zeros_like(p)
                state[name][...] = array
            else:
                array = unwrap(value)
                state[name] = array.item() if hasattr(array, "item") else array
        return state

    def __getstate__(self) -> dict[str, Any]:
        state = {"state": self._settled(), **self.__dict__}
        for name in ("_states", "_vectors", "_pending", "_changes", "_seen"):
            state.pop(name, None)
        return state

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, dict) or not {"param_groups", "state", "defaults"} <= set(state):
            msg = f"the state of {type(self).__name__} must be a dict with param_groups and state"
            raise TypeError(msg)
        self.__dict__.update(state)
        self._vectors = {}
        # Copies of arrays do not have the parameters' layout.
        states = self.__dict__.pop("state")
        self._states = {
            p: self._loaded(p, values, self.param_groups) for p, values in states.items()
        }

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {k}: {v}" for k, v in sorted(group.items()) if k != "params"]
        return "\n".join([*lines, ")"])


def zeros_like(p: Any) -> Array:
    """Return zeros of a parameter's shape, dtype and memory layout."""
    data = p._data
    if is_padded(data):
        return zeros_weight(data.shape, data.dtype)
    if data.flags.c_contiguous or not data.T.flags.c_contiguous:
        return np.zeros(data.shape, data.dtype)
    return np.zeros(data.T.shape, data.dtype).T


def memory(data: Array) -> Array:
    """Return the memory of an array of our making as one vector."""
    vector = flat(data)
    if vector is None:
        msg = f"a parameter must lie in one piece of memory, got strides {data.strides}"
        raise ValueError(msg)
    return vector


def gradient_memory(p: Any) -> Array:
    """Return a gradient as one vector in its parameter's layout, copied there if it must be."""
    data, grad = p._data, p._grad._data
    vector = flat(grad) if grad.strides == data.strides else None
    if vector is None:
        same = zeros_like(p)
        same[...] = grad
        vector = memory(same)
    return vector


def check_flag(group: dict[str, Any], name: str) -> None:
    """Raise TypeError unless an option is a bool."""
    if not isinstance(group[name], bool):
        msg = f"{name} must be a bool, got {type(group[name]).__name__}"
        raise TypeError(msg)


def check_number(group: dict[str, Any], name: str, below: float = math.inf) -> None:
    """Raise TypeError or ValueError unless an option is finite, at least 0 and less than below."""
    value = group[name]
    if isinstance(value, bool | str) or not hasattr(value, "__float__"):
        msg = f"{name} must be a number, got {type(value).__name__}"
        raise TypeError(msg)
    if not 0.0 <= float(value) < below:
        upper = "finite" if below == math.inf else f"less than {below:g}"
        msg = f"{name} must be at least 0 and {upper}, got {value}"
        raise ValueError(msg)
