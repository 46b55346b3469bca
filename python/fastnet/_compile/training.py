"""A compiled model with its loss and optimizer: what Trainer calls."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from fastnet import _core
from fastnet._arrays import Array, as_classes, as_float, contiguous, to_array
from fastnet._compile.buffers import Slot, move, same_place, slots_of, view_of
from fastnet._compile.layers import Layers, contiguous_rows
from fastnet._compile.loss import loss_options
from fastnet._storage import aligned_zeros
from fastnet.nn.dropout import Dropout
from fastnet.nn.module import Module
from fastnet.nn.parameter import Structure
from fastnet.optim import SGD, Adam, AdamW, Optimizer
from fastnet.random import default_rng

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
        self.loss = loss
        self.loss_name, self.options = loss_options(loss, self.layers)
        slots, length = slots_of(self.layers)
        self._parameters = {id(slot.param) for slot in slots}
        self._require_own_parameters()
        self.params, self.slots = move(slots, length, self.dtype)
        self.grads = aligned_zeros(length, self.dtype)
        self.gradients = [view_of(self.grads, slot) for slot in self.slots]
        self.states = [aligned_zeros(length, self.dtype) for _ in _STATES[type(optimizer)]]
        self.network = self.layers.network()
        self._cores: dict[str, Any] = {}
        # The training object that is up to date, and what it was brought up to date with.
        self._current: Any = None
        self._groups: list[tuple[list[Any], dict[str, Any]]] = []
        self._sources: list[tuple[int, int, Any] | None] = []
        self._seen: list[tuple[Any, ...]] = []
        self._counts = (0, 0)
        self._updated: list[Any] = []
        self.model = model
        self._parts = _parts_of(model)
        self._version = Structure.version

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
            target = as_classes(target, "y")
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
        self.require_same_model()
        array = as_float(x, "x", self.dtype)
        if array.ndim != 2 or array.shape[1] != self.layers.in_features:
            hint = {
                1: "; reshape(1, -1) makes one row of it",
                2: "",
            }.get(array.ndim, f"; reshape(-1, {self.layers.in_features}) makes rows of it")
            msg = f"x must have shape (batch, {self.layers.in_features}), got {array.shape}{hint}"
            raise ValueError(msg)
        return contiguous_rows(array)

    def require_same_model(self) -> None:
        """Follow changed options; RuntimeError if modules, parameters or arrays were replaced."""
        version = Structure.version
        if self._version == version:
            return
        parts = _parts_of(self.model)
        if len(parts) != len(self._parts) or any(
            a is not b for a, b in zip(parts, self._parts, strict=True)
        ):
            msg = "the model has other layers or parameters than it had; make a new trainer"
            raise RuntimeError(msg)
        if any(slot.param._data is not slot.view for slot in self.slots):
            msg = "parameters have moved, to another trainer or dtype; make a new trainer"
            raise RuntimeError(msg)
        layers = Layers(self.model)
        name, options = loss_options(self.loss, layers)
        if not (
            layers.has_options_of(self.layers)
            and name == self.loss_name
            and all(np.array_equal(value, self.options[key]) for key, value in options.items())
        ):
            self.optimizer._settled()
            self.layers, self.options = layers, options
            self.network = layers.network()
            self._cores.clear()
            self._current = None
        self._version = version

    def _require_own_parameters(self) -> None:
        held = [p for group in self.optimizer.param_groups for p in group["params"]]
        if not all(id(p) in self._parameters for p in held):
            msg = "optimizer must hold parameters of the model only"
            raise ValueError(msg)

    # ---- the engine's counterpart ----

    def core(self, name: str) -> Any:
        """Return the engine's training object for a loss, brought up to date with the optimizer."""
        self.require_same_model()
        core = self._cores.get(name)
        if core is None:
            kind = "Training_f32" if self.dtype == np.float32 else "Training_f64"
            segments = [(slot.layer, slot.role, slot.begin, slot.size) for slot in self.slots]
            core = getattr(_core, kind)(
                self.network, _core.LOSSES[name], self.options, segments, self.params, self.grads
            )
            self._cores[name] = core
        if core is self._current and self._unchanged():
            return core
        self.optimizer._settled()
        for group in self.optimizer.param_groups:
            self.optimizer._require_options(group)
        self._require_own_parameters()
        self._adopt()
        updates = [self._group(slot) for slot in self.slots]
        self._updated = [s.param for s, u in zip(self.slots, updates, strict=True) if u is not None]
        states = [*self.states, None, None]
        core.set_optimizer(updates, states[0], states[1])
        if self.layers.draws:
            self._sources = self._random_sources()
            core.set_random(self._sources)
        groups = self.optimizer.param_groups
        self._groups = [(list(g["params"]), g.copy()) for g in groups]
        self._seen = [self._now(slot) for slot in self.slots]
        self._counts = self._count_changes()
        self._current = core
        return core

    def step(self, x: Any, y: Any, max_norm: float) -> tuple[int, float] | None:
        """Do a step on plain arrays that need no conversion; None, having done nothing, on others.

        The loss must be the one of the step before.
        """
        self.require_same_model()
        core = self._current
        if core is None or not self._unchanged():
            return None
        result: tuple[int, float] | None = core.step_direct(x, y, max_norm)
        return result

    def _random_sources(self) -> list[tuple[int, int, Any] | None]:
        """Return each dropout layer's key, first ticket and counter, None for other layers."""
        generators = [
            default_rng(m.rng) if isinstance(m, Dropout) else None for m in self.layers.modules
        ]
        return [None if g is None else g._ticket_source() for g in generators]

    def _same_groups(self) -> bool:
        """Return whether the optimizer's groups have the parameters and options they had."""
        groups = self.optimizer.param_groups
        if len(groups) != len(self._groups):
            return False
        for group, (params, options) in zip(groups, self._groups, strict=True):
            now = group["params"]
            # By identity first: unequal lists would compare Tensors.
            if len(now) != len(params) or not all(map(operator.is_, now, params)):
                return False
            if group != options:
                return False
        return True

    def _now(self, slot: Slot) -> tuple[Any, ...]:
        """Return what the updates of a parameter depend on, apart from its group's options."""
        state = self.optimizer._states.get(slot.param)
        if not state:
            return slot.param._data, slot.param._requires
        arrays = [state.get(name) for name in _STATES[type(self.optimizer)]]
        return slot.param._data, slot.param._requires, state.get("step"), *arrays

    def _count_changes(self) -> tuple[int, int]:
        """Return what counts changes of parameters and of the optimizer's state."""
        return Structure.version, self.optimizer._changes

    def _unchanged(self) -> bool:
        """Return whether the engine's training object still has what the optimizer has."""
        if not self._same_groups():
            return False
        if self.layers.draws and self._sources != self._random_sources():
            return False
        counts = self._count_changes()
        if counts == self._counts and not self.optimizer._seen:
            return True
        for slot, seen in zip(self.slots, self._seen, strict=True):
            now = self._now(slot)
            if len(now) != len(seen) or not all(map(operator.is_, now, seen)):
                return False
        self._counts = counts
        return True

    def any_loss(self) -> str:
        """Return a loss with a training object; all of them share parameters and gradients."""
        return next(iter(self._cores), self.loss_name)

    def _adopt(self) -> None:
        """Move parameters and moments that were replaced since into the flat buffers again."""
        for slot in self.slots:
            state = self.optimizer._states.get(slot.param) or {}
            for name, buffer in zip(_STATES[type(self.optimizer)], self.states, strict=True):
                array, view = state.get(name), view_of(buffer, slot)
                if array is None:
                    view[...] = 0
                elif not same_place(array, view):
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
        state = self.optimizer._states.get(slot.param) or {}
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

    def adopt_gradients(self) -> bool:
        """Bring gradients set by others into the flat buffer; return whether there are all."""
        complete = True
        for slot, gradient in zip(self.slots, self.gradients, strict=True):
            grad = slot.param._grad
            if grad is None:
                gradient[...] = 0
                complete = complete and not slot.param._requires
            elif grad._data is not gradient:
                gradient[...] = grad._data
        return complete

    def count(self, batches: int) -> None:
        """Count batches that batch norms have seen in training."""
        for norm in self.layers.training_norms:
            counter = norm.num_batches_tracked
            counter.fill(int(counter) + batches)  # which, unlike +=, allocates nothing

    def require_batch(self, rows: int) -> None:
        """Raise ValueError for a batch that batch norm can't normalise."""
        if rows == 1 and self.layers.training_norms:
            msg = "a batch must have more than 1 row to train BatchNorm1d, got 1"
            raise ValueError(msg)

    def publish(self) -> None:
        """Note the engine's steps: parameters have changed, the optimizer's state is behind."""
        for param in self._updated:
            param._version[0] += 1
        self.optimizer._pending = self._publish_state
        if self.optimizer._seen:
            self.optimizer._settled()

    def _publish_state(self) -> None:
        """Bring the optimizer's state up to date with the engine's steps."""
        core = self._current
        kind = _KINDS[type(self.optimizer)]
        states = self.optimizer._states
        for slot, progress in zip(self.slots, core.progress(), strict=True):
            if progress is None or progress[0] == 0:
                continue
            if kind == "sgd" and not any(
                g["momentum"]
                for g in self.optimizer.param_groups
                if any(p is slot.param for p in g["params"])
            ):
                continue
            state = states.setdefault(slot.param, {})
            for name, buffer in zip(_STATES[type(self.optimizer)], self.states, strict=True):
                if state.get(name) is None:
                    state[name] = view_of(buffer, slot)
            if kind != "sgd":
                state["step"], state["beta1_power"], state["beta2_power"] = progress
        self._seen = [self._now(slot) for slot in self.slots]

    # ---- copies ----

    def snapshot(self) -> list[Any]:
        """Return a copy of weights, running statistics, moments and counts."""
        state = self.optimizer._settled()
        counts = [
            {k: v for k, v in (state.get(s.param) or {}).items() if not _is_array(v)}
            for s in self.slots
        ]
        had = [s.param in state for s in self.slots]
        running = [[b.copy() for b in norm.buffers()] for norm in self.layers.norms]
        return [self.params.copy(), [s.copy() for s in self.states], counts, had, running]

    def restore(self, snapshot: list[Any]) -> None:
        """Go back to a snapshot."""
        own = self.optimizer._settled()
        self._current = None
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
                own[slot.param].update(numbers)
            else:
                own.pop(slot.param, None)


def _parts_of(model: Module) -> list[Any]:
    return [*model.modules(), *model.parameters()]


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray)
