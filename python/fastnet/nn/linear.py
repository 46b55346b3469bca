"""Linear layers and what only passes on or reshapes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet import functional as F
from fastnet._arrays import as_float, whole
from fastnet._storage import zeros_weight
from fastnet.autograd.core import TensorCore, wrap
from fastnet.nn import init
from fastnet.nn._checks import float_kind, reachable
from fastnet.nn.module import Module
from fastnet.nn.parameter import Parameter
from fastnet.random import default_rng


def same_kind(input: Any, dtype: np.dtype[Any]) -> Any:
    """Return a module's input, array or Tensor, in its parameters' dtype."""
    if isinstance(input, TensorCore):
        tensor: Any = input
        return tensor if tensor._data.dtype == dtype else tensor.to(dtype)
    return as_float(input, "input", dtype)


class Linear(Module):
    """Linear layer, y = x W + b with W = weight.T.

    Parameters
    ----------
    in_features, out_features : int
        At least 1.
    bias : bool, default True
    dtype : dtype, optional
        float32 (default) or float64.
    rng : None, int or Generator, optional
        Where the initial values come from (`fastnet.random.default_rng`).

    Attributes
    ----------
    weight : Parameter, shape (out_features, in_features)
        The transposed view of W, which lies row-major with rows padded by zeros.
    bias : Parameter, shape (out_features,), or None

    Notes
    -----
    Initial values are uniform in +-1 / sqrt(in_features), as PyTorch's; the numbers are others.
    The input has shape (*, in_features) and is converted to the weight's dtype.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnet import nn
    >>> layer = nn.Linear(3, 2)
    >>> layer
    Linear(in_features=3, out_features=2, bias=True)
    >>> layer(np.ones((5, 3), np.float32)).shape
    (5, 2)
    """

    _takes_out = True

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        dtype: npt.DTypeLike | None = None,
        rng: Any = None,
    ) -> None:
        super().__init__()
        self.in_features = whole(in_features, "in_features")
        self.out_features = whole(out_features, "out_features")
        kind = float_kind(dtype)
        reachable((self.out_features, self.in_features), "weight")
        self.weight = Parameter._of(zeros_weight((self.out_features, self.in_features), kind))
        self.bias = Parameter._of(np.zeros(self.out_features, kind)) if bias else None
        self.reset_parameters(rng)

    def reset_parameters(self, rng: Any = None) -> None:
        """Draw the values anew: first the weight, row by row, then the bias."""
        generator = default_rng(rng)
        bound = 1 / math.sqrt(self.in_features)
        init.uniform_(self.weight, -bound, bound, generator)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound, generator)

    def forward(self, input: Any, out: Any = None) -> Any:
        """Return input W + b."""
        weight = self.weight
        if isinstance(input, TensorCore):
            return F.linear(same_kind(input, weight._data.dtype), weight, self.bias)
        bias = self.bias
        x = as_float(input, "input", weight._data.dtype)
        return F.linear(x, weight._data, None if bias is None else bias._data, None, out)

    def extra_repr(self) -> str:
        """Return sizes and whether there is a bias."""
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )

    def _validate(self) -> None:
        shape = (self.__dict__.get("out_features"), self.__dict__.get("in_features"))
        weight, bias = self.__dict__.get("weight"), self.__dict__.get("bias")
        if not isinstance(weight, Parameter) or weight.shape != shape:
            msg = f"weight must be a Parameter of shape {shape}"
            raise ValueError(msg)
        if bias is not None and (not isinstance(bias, Parameter) or bias.shape != shape[:1]):
            msg = f"bias must be a Parameter of shape {shape[:1]} or None"
            raise ValueError(msg)


class Identity(Module):
    """Returns its input; takes and ignores any arguments when made.

    Examples
    --------
    >>> from fastnet import nn
    >>> nn.Identity()
    Identity()
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Any) -> Any:
        """Return the input."""
        return input


class Flatten(Module):
    """Makes dimensions start_dim to end_dim one; by default all but the first.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnet import nn
    >>> nn.Flatten()(np.zeros((2, 3, 4))).shape
    (2, 12)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Any) -> Any:
        """Return the flattened input."""
        x: Any = input if isinstance(input, TensorCore) else wrap(np.asarray(input))
        return x.flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        """Return the dimensions."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"
