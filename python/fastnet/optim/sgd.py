"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from fastnet import _core
from fastnet._arrays import Array
from fastnet.optim.optimizer import Optimizer, check_flag, check_number, zeros_like


class SGD(Optimizer):
    """Stochastic gradient descent with momentum.

    Parameters
    ----------
    params : iterable of Tensor or dict
    lr : float, default 1e-3
        Learning rate, at least 0.
    momentum : float, default 0
    dampening : float, default 0
        Of what enters the momentum's buffer, which becomes
        b = momentum b + (1 - dampening) g; the first step sets b = g.
    weight_decay : float, default 0
        Adds weight_decay w to the gradient.
    nesterov : bool, default False
        Step along g + momentum b instead of b; needs momentum and no dampening.
    maximize : bool, default False
        Ascend.

    Notes
    -----
    Sutskever et al. 2013, in PyTorch's form. `state[p]` holds "momentum_buffer".

    Examples
    --------
    >>> import fastnet
    >>> w = fastnet.tensor([1.0, -2.0], requires_grad=True)
    >>> optimizer = fastnet.optim.SGD([w], lr=0.25)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([ 0.5, -1. ], requires_grad=True)
    """

    _arrays = ("momentum_buffer",)

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "dampening": dampening,
                "weight_decay": weight_decay,
                "nesterov": nesterov,
                "maximize": maximize,
            },
        )

    def _check(self, group: dict[str, Any]) -> None:
        for name in ("lr", "momentum", "dampening", "weight_decay"):
            check_number(group, name)
        check_flag(group, "nesterov")
        check_flag(group, "maximize")
        if group["nesterov"] and (group["momentum"] == 0 or group["dampening"] != 0):
            msg = "nesterov needs momentum above 0 and dampening 0"
            raise ValueError(msg)

    def _update(self, p: Any, w: Array, g: Array, group: dict[str, Any]) -> None:
        momentum = float(group["momentum"])
        buffer = None
        first = False
        if momentum:
            state = self._state(p)
            first = state.get("momentum_buffer") is None
            if first:
                state["momentum_buffer"] = zeros_like(p)
            buffer = self._memory(p, "b", state["momentum_buffer"])
        _core.sgd_update(
            w, g, buffer, group["lr"], momentum, group["dampening"], group["weight_decay"],
            group["nesterov"], first, -1.0 if group["maximize"] else 1.0,
        )  # fmt: skip
