"""Activations as modules; formulas and bounds stand with the functions of the same name in F."""

from __future__ import annotations

from typing import Any, ClassVar

from fastnet import functional as F
from fastnet.autograd.core import TensorCore
from fastnet.nn._checks import number
from fastnet.nn.module import Module


class Activation(Module):
    """Base of activations: `F.<operation>(input, *options)`.

    `inplace` is accepted where PyTorch has it, and changes nothing.
    """

    _takes_out = True
    # The function's name in F, and the attributes that are its further arguments, in order.
    operation: ClassVar[str]
    options: ClassVar[tuple[str, ...]] = ()

    def forward(self, input: Any, out: Any = None) -> Any:
        """Return the function of each element."""
        function = getattr(F, self.operation)
        arguments = [getattr(self, name) for name in self.options]
        if isinstance(input, TensorCore) or out is None:
            return function(input, *arguments)
        return function(input, *arguments, out=out)

    def extra_repr(self) -> str:
        """Return the options."""
        return ", ".join(f"{name}={getattr(self, name)!r}" for name in self.options)


class ReLU(Activation):
    """`F.relu`: max(x, 0).

    Examples
    --------
    >>> import numpy as np
    >>> from fastnet import nn
    >>> nn.ReLU()(np.float32([-1, 2]))
    array([0., 2.], dtype=float32)
    """

    operation = "relu"

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()


class LeakyReLU(Activation):
    """`F.leaky_relu`: x where x > 0, else negative_slope x."""

    operation = "leaky_relu"
    options = ("negative_slope",)

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope = number(negative_slope, "negative_slope", -float("inf"))


class ELU(Activation):
    """`F.elu`: x where x > 0, else alpha (exp(x) - 1)."""

    operation = "elu"
    options = ("alpha",)

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = number(alpha, "alpha", -float("inf"))


class SELU(Activation):
    """`F.selu`: the self-normalising scaled ELU."""

    operation = "selu"

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()


class GELU(Activation):
    """`F.gelu`: x times the normal distribution function of x; approximate is "none" or "tanh"."""

    operation = "gelu"
    options = ("approximate",)

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        if approximate not in ("none", "tanh"):
            msg = f"approximate must be none or tanh, got {approximate!r}"
            raise ValueError(msg)
        self.approximate = approximate


class SiLU(Activation):
    """`F.silu`: x sigmoid(x)."""

    operation = "silu"

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()


class Sigmoid(Activation):
    """`F.sigmoid`: 1 / (1 + exp(-x))."""

    operation = "sigmoid"


class Tanh(Activation):
    """`F.tanh`: the hyperbolic tangent."""

    operation = "tanh"


class Softplus(Activation):
    """`F.softplus`: log(1 + exp(beta x)) / beta, and x where beta x > threshold."""

    operation = "softplus"
    options = ("beta", "threshold")

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta = number(beta, "beta", -float("inf"))
        self.threshold = number(threshold, "threshold", -float("inf"))


class Hardtanh(Activation):
    """`F.hardtanh`: x limited to [min_val, max_val]."""

    operation = "hardtanh"
    options = ("min_val", "max_val")

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.min_val = number(min_val, "min_val", -float("inf"))
        self.max_val = number(max_val, "max_val", -float("inf"))
        if self.min_val >= self.max_val:
            msg = f"min_val must be less than max_val, got {min_val} and {max_val}"
            raise ValueError(msg)


class Softmax(Activation):
    """`F.softmax` along dim.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnet import nn
    >>> nn.Softmax(dim=1)(np.float32([[1, 1]]))
    array([[0.5, 0.5]], dtype=float32)
    """

    operation = "softmax"
    options = ("dim",)

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim


class LogSoftmax(Activation):
    """`F.log_softmax` along dim."""

    operation = "log_softmax"
    options = ("dim",)

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim
