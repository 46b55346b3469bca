"""Adam and AdamW."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastnet import _core
from fastnet._arrays import Array
from fastnet.nn._checks import number
from fastnet.optim.optimizer import Optimizer, check_flag, check_number, zeros_like


class Adam(Optimizer):
    r"""Adam: steps along the mean gradient over the root of the mean square.

    Parameters
    ----------
    params : iterable of Tensor or dict
    lr : float, default 1e-3
        Learning rate, at least 0.
    betas : tuple of 2 floats, default (0.9, 0.999)
        How much of the moments is kept at each step, in [0, 1).
    eps : float, default 1e-8
        Added to the root.
    weight_decay : float, default 0
        Adds weight_decay w to the gradient.
    amsgrad : bool
        Must be False: there is no such variant here.
    maximize : bool, default False
        Ascend.

    Notes
    -----
    Kingma and Ba 2015: m += (1 - beta1) (g - m), v = beta2 v + (1 - beta2) g^2, and
    w -= lr / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + eps).

    `state[p]` holds "step" (t, an int), "exp_avg" (m), "exp_avg_sq" (v), and "beta1_power" and
    "beta2_power": beta^t as products in float64, one factor a step.

    Examples
    --------
    >>> import fastnet
    >>> w = fastnet.tensor([1.0, -2.0], requires_grad=True)
    >>> optimizer = fastnet.optim.Adam([w], lr=0.5)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([ 0.5, -1.5], requires_grad=True)
    """

    _arrays = ("exp_avg", "exp_avg_sq")
    _decoupled = False

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        if amsgrad:
            msg = "amsgrad must be False: this variant is not provided"
            raise ValueError(msg)
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "maximize": maximize,
            },
        )

    def _check(self, group: dict[str, Any]) -> None:
        for name in ("lr", "eps", "weight_decay"):
            check_number(group, name)
        betas = group["betas"]
        if not isinstance(betas, tuple | list) or len(betas) != 2:
            msg = f"betas must be two numbers, got {betas!r}"
            raise TypeError(msg)
        for i, beta in enumerate(betas):
            check_number({f"betas[{i}]": beta}, f"betas[{i}]", 1.0)
        check_flag(group, "maximize")

    def _start(self, p: Any) -> dict[str, Any]:
        return {
            "step": 0,
            "exp_avg": zeros_like(p),
            "exp_avg_sq": zeros_like(p),
            "beta1_power": 1.0,
            "beta2_power": 1.0,
        }

    def _loaded(
        self, p: Any, values: Mapping[str, Any], groups: list[dict[str, Any]]
    ) -> dict[str, Any]:
        state = super()._loaded(p, values, groups)
        missing = {"step", "exp_avg", "exp_avg_sq"} - set(state)
        if missing:
            msg = f"state must have {', '.join(sorted(missing))}"
            raise ValueError(msg)
        state["step"] = int(number(state["step"], "step"))
        for i in (1, 2):
            name = f"beta{i}_power"
            if name in state:
                state[name] = number(state[name], name, 0.0, 1.0)
            else:
                # Saved by PyTorch, which has the step's number only.
                group = next(g for g in groups if any(q is p for q in g["params"]))
                state[name] = _power(float(group["betas"][i - 1]), state["step"])
        return state

    def _update(self, p: Any, w: Array, g: Array, group: dict[str, Any]) -> None:
        state = self._state(p)
        beta1, beta2 = group["betas"]
        state["step"] += 1
        state["beta1_power"] *= beta1
        state["beta2_power"] *= beta2
        m = self._memory(p, "m", state["exp_avg"])
        v = self._memory(p, "v", state["exp_avg_sq"])
        _core.adam_update(
            w, g, m, v, group["lr"], beta1, beta2, state["beta1_power"], state["beta2_power"],
            group["eps"], group["weight_decay"], self._decoupled,
            -1.0 if group["maximize"] else 1.0,
        )  # fmt: skip


def _power(beta: float, step: int) -> float:
    """Return beta^step as the product that the steps would have made."""
    power = 1.0
    for _ in range(step):
        power *= beta
        if power == 0.0:
            break
    return power


class AdamW(Adam):
    """Adam with decoupled weight decay: w *= 1 - lr weight_decay before the step.

    Parameters
    ----------
    params, lr, betas, eps, amsgrad, maximize
        As for `Adam`.
    weight_decay : float, default 1e-2

    Notes
    -----
    Loshchilov and Hutter 2019.

    Examples
    --------
    >>> import fastnet
    >>> w = fastnet.tensor([1.0, -2.0], requires_grad=True)
    >>> optimizer = fastnet.optim.AdamW([w], lr=0.5, weight_decay=0.5)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([ 0.25, -1.  ], requires_grad=True)
    """

    _decoupled = True

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize)
