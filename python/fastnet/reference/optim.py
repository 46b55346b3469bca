"""Optimizers' updates in NumPy: one step each, in place, as torch.optim defines them."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def sgd_update(
    w: Array,
    g: Array,
    buffer: Array | None,
    lr: float,
    momentum: float = 0.0,
    dampening: float = 0.0,
    weight_decay: float = 0.0,
    nesterov: bool = False,
    first: bool = False,
    scale: float = 1.0,
) -> None:
    """Stochastic gradient descent; `first` sets the momentum's buffer instead of updating it.

    With momentum mu, the buffer becomes b = mu b + (1 - dampening) g and w -= lr b, or
    w -= lr (g + mu b) with Nesterov's momentum (Sutskever et al. 2013, in PyTorch's form).
    """
    real = w.dtype.type
    g = g * real(scale)
    if weight_decay != 0:
        g = g + real(weight_decay) * w
    if momentum != 0:
        assert buffer is not None
        buffer[...] = g if first else real(momentum) * buffer + real(1 - dampening) * g
        g = g + real(momentum) * buffer if nesterov else buffer
    w -= real(lr) * g


def adam_update(
    w: Array,
    g: Array,
    m: Array,
    v: Array,
    lr: float,
    beta1: float,
    beta2: float,
    beta1_power: float,
    beta2_power: float,
    eps: float,
    weight_decay: float = 0.0,
    decoupled: bool = False,
    scale: float = 1.0,
) -> None:
    """Adam (Kingma and Ba 2015), or AdamW if `decoupled` (Loshchilov and Hutter 2019).

    beta1_power and beta2_power are beta^t, with t = 1 at the first step.
    """
    real = w.dtype.type
    g = g * real(scale)
    if weight_decay != 0 and decoupled:
        w *= real(1 - lr * weight_decay)
    elif weight_decay != 0:
        g = g + real(weight_decay) * w
    m += real(1 - beta1) * (g - m)
    v[...] = real(beta2) * v + real(1 - beta2) * g * g
    w -= (
        real(lr / (1 - beta1_power))
        * m
        / (real((1 - beta2_power) ** -0.5) * np.sqrt(v) + real(eps))
    )
