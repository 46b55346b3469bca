"""Initial values of parameters, with PyTorch's names and formulas.

Every function fills a Tensor or array in place, without the tape, and returns it. `rng` is what
`fastnet.random.default_rng` takes. Values are drawn in the order of the elements, whatever the
memory's layout.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastnet._arrays import Array
from fastnet.autograd.core import TensorCore
from fastnet.nn._checks import number
from fastnet.random import default_rng

_LINEAR = ("linear", "sigmoid", "identity")


def _target(tensor: Any) -> Array:
    array = tensor._data if isinstance(tensor, TensorCore) else tensor
    if not isinstance(array, np.ndarray) or array.dtype.kind != "f":
        msg = f"tensor must be a Tensor or array of floats, got {type(tensor).__name__}"
        raise TypeError(msg)
    return array


def _fill(tensor: Any, values: Any) -> Any:
    _target(tensor)[...] = values
    if isinstance(tensor, TensorCore):
        tensor._version[0] += 1
    return tensor


def _fans(tensor: Any) -> tuple[int, int]:
    shape = _target(tensor).shape
    if len(shape) < 2:
        msg = f"tensor must have at least 2 dimensions, got shape {shape}"
        raise ValueError(msg)
    field = math.prod(shape[2:])
    return shape[1] * field, shape[0] * field


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Return the factor by which a nonlinearity's layer should be initialised wider.

    Examples
    --------
    >>> from fastnet import nn
    >>> nn.init.calculate_gain("tanh")
    1.6666666666666667
    """
    if nonlinearity in _LINEAR:
        return 1.0
    if nonlinearity == "tanh":
        return 5.0 / 3
    if nonlinearity == "relu":
        return math.sqrt(2.0)
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else number(param, "param", -math.inf)
        return math.sqrt(2.0 / (1 + slope**2))
    if nonlinearity == "selu":
        return 3.0 / 4
    known = "linear, sigmoid, tanh, relu, leaky_relu or selu"
    msg = f"nonlinearity must be {known}, got {nonlinearity!r}"
    raise ValueError(msg)


def uniform_(tensor: Any, a: float = 0.0, b: float = 1.0, rng: Any = None) -> Any:
    """Fill with uniform values in [a, b).

    Examples
    --------
    >>> import numpy as np
    >>> from fastnet import nn
    >>> x = nn.init.uniform_(np.empty(100, np.float32), 2, 3)
    >>> bool((x >= 2).all() and (x < 3).all())
    True
    """
    array = _target(tensor)
    return _fill(tensor, default_rng(rng).uniform(a, b, array.shape, array.dtype))


def constant_(tensor: Any, val: float) -> Any:
    """Fill with one value."""
    return _fill(tensor, val)


def zeros_(tensor: Any) -> Any:
    """Fill with zeros."""
    return _fill(tensor, 0)


def ones_(tensor: Any) -> Any:
    """Fill with ones."""
    return _fill(tensor, 1)


def eye_(tensor: Any) -> Any:
    """Fill a matrix with the identity's elements."""
    shape = _target(tensor).shape
    if len(shape) != 2:
        msg = f"tensor must have 2 dimensions, got shape {shape}"
        raise ValueError(msg)
    return _fill(tensor, np.eye(*shape))


def xavier_uniform_(tensor: Any, gain: float = 1.0, rng: Any = None) -> Any:
    """Fill with uniform values in +-gain sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010).

    Examples
    --------
    >>> import numpy as np
    >>> from fastnet import nn
    >>> x = nn.init.xavier_uniform_(np.empty((4, 2), np.float32))
    >>> bool((abs(x) <= 1).all())
    True
    """
    fan_in, fan_out = _fans(tensor)
    bound = gain * math.sqrt(6.0 / (fan_in + fan_out))
    return uniform_(tensor, -bound, bound, rng)


def kaiming_uniform_(
    tensor: Any,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    rng: Any = None,
) -> Any:
    """Fill with uniform values in +-gain sqrt(3 / fan) (He et al. 2015).

    Parameters
    ----------
    tensor : Tensor or ndarray, shape (out_features, in_features)
    a : float, default 0
        Slope of leaky_relu's negative side.
    mode : {"fan_in", "fan_out"}
        Keep the variance of forward or of backward.
    nonlinearity : str
        As `calculate_gain` takes it.
    rng : None, int or Generator, optional

    Examples
    --------
    >>> import numpy as np
    >>> from fastnet import nn
    >>> x = nn.init.kaiming_uniform_(np.empty((4, 6), np.float32), nonlinearity="relu")
    >>> bool((abs(x) <= 1).all())
    True
    """
    if mode not in ("fan_in", "fan_out"):
        msg = f"mode must be fan_in or fan_out, got {mode!r}"
        raise ValueError(msg)
    fan = _fans(tensor)[mode == "fan_out"]
    bound = calculate_gain(nonlinearity, a) * math.sqrt(3.0 / fan)
    return uniform_(tensor, -bound, bound, rng)
