"""Activations on arrays, each beside its derivative: the linear unit and what bends it."""

from __future__ import annotations

from typing import Any

from fastnet._activations import activation_code as activation_code
from fastnet._activations import apply_backward, apply_forward, taped
from fastnet._arrays import Array, real


def _check_bounds(min_val: float, max_val: float) -> None:
    if real(min_val, "min_val") > real(max_val, "max_val"):
        msg = f"min_val must not exceed max_val, got {min_val} and {max_val}"
        raise ValueError(msg)


@taped(lambda *args: identity_backward(*args))
def identity(x: Any, out: Array | None = None) -> Array:
    r"""Return the input itself, y = x.

    Parameters
    ----------
    x : array_like, any shape
        Float32 or float64; integers are computed in float32.
    out : ndarray, optional
        Where to write the result; may be `x`.

    Returns
    -------
    ndarray
        Of x's shape and dtype; `out` if given.

    Notes
    -----
    A copy of x (or of dy), bit for bit.
    Exact. The same bits at any number of threads and ISA level with fma.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet.functional as F
    >>> F.identity(np.float32([-1, 2]))
    array([-1.,  2.], dtype=float32)
    """
    return apply_forward("identity", x, out)


def identity_backward(dy: Any, x: Any, out: Array | None = None) -> Array:
    r"""Gradient of `identity` from its input x.

    dx = dy.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet.functional as F
    >>> F.identity_backward(np.float32([5]), np.float32([2]))
    array([5.], dtype=float32)
    """
    return apply_backward("identity", dy, x, "x", out)


@taped(lambda *args: relu_backward(*args), "y")
def relu(x: Any, out: Array | None = None) -> Array:
    r"""Rectified linear unit, y = max(x, 0).

    Parameters
    ----------
    x : array_like, any shape
        Float32 or float64; integers are computed in float32.
    out : ndarray, optional
        Where to write the result; may be `x`.

    Returns
    -------
    ndarray
        Of x's shape and dtype; `out` if given.

    Notes
    -----
    NaN stays NaN; -0.0 becomes 0.0.
    Exact. The same bits at any number of threads and ISA level with fma.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet.functional as F
    >>> F.relu(np.float32([-1, 0, 2]))
    array([0., 0., 2.], dtype=float32)
    """
    return apply_forward("relu", x, out)


def relu_backward(dy: Any, y: Any, out: Array | None = None) -> Array:
    r"""Gradient of `relu` from its output y.

    dx = dy where y > 0, else 0.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet.functional as F
    >>> F.relu_backward(np.float32([5, 5]), np.float32([0, 2]))
    array([0., 5.], dtype=float32)
    """
    return apply_backward("relu", dy, y, "y", out)


@taped(lambda *args: leaky_relu_backward(*args))
def leaky_relu(x: Any, negative_slope: float = 0.01, out: Array | None = None) -> Array:
    r"""Leaky rectified linear unit, y = x where x > 0, else negative_slope x.

    Parameters
    ----------
    x : array_like, any shape
        Float32 or float64; integers are computed in float32.
    negative_slope : float, optional
        The slope where x < 0.
    out : ndarray, optional
        Where to write the result; may be `x`.

    Returns
    -------
    ndarray
        Of x's shape and dtype; `out` if given.

    Notes
    -----
    Maas, Hannun and Ng 2013, "Rectifier nonlinearities improve neural network acoustic models".
    One rounding. The same bits at any number of threads and ISA level with fma.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet.functional as F
    >>> F.leaky_relu(np.float32([-1, 2]), 0.5)
    array([-0.5,  2. ], dtype=float32)
    """
    return apply_forward("leaky_relu", x, out, negative_slope)


def leaky_relu_backward(
    dy: Any, x: Any, negative_slope: float = 0.01, out: Array | None = None
) -> Array:
    r"""Gradient of `leaky_relu` from its input x.

    dx = dy where x > 0, else negative_slope dy.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet.functional as F
    >>> F.leaky_relu_backward(np.float32([4, 4]), np.float32([-1, 2]), 0.5)
    array([2., 4.], dtype=float32)
    """
    return apply_backward("leaky_relu", dy, x, "x", out, negative_slope)


@taped(lambda *args: elu_backward(*args))
def elu(x: Any, alpha: float = 1.0, out: Array | None = None) -> Array:
    r"""Exponential linear unit, y = x where x > 0, else alpha (exp(x) - 1).

    Parameters
    ----------
    x : array_like, any shape
        Float32 or float64; integers are computed in float32.
    alpha : float, optional
        The limit at -infinity is -alpha.
    out : ndarray, optional
        Where to write the result; may be `x`.

    Returns
    -------
    ndarray
        Of x's shape and dtype; `out` if given.

    Notes
    -----
    Clevert, Unterthiner and Hochreiter 2015, arXiv:1511.07289.
    Within 3 ulp. The same bits at any number of threads and ISA level with fma.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet.functional as F
    >>> F.elu(np.float64([-np.inf, 2]), 0.5)
    array([-0.5,  2. ])
    """
    return apply_forward("elu", x, out, alpha)


def elu_backward(dy: Any, x: Any, alpha: float = 1.0, out: Array | None = None) -> Array:
    r"""Gradient of `elu` from its input x.

    dx = dy where x > 0, else dy alpha exp(x).

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet.functional as F
    >>> F.elu_backward(np.float64([4, 4]), np.float64([0, 2]), 0.5)
    array([2., 4.])
    """
    return apply_backward("elu", dy, x, "x", out, alpha)


@taped(lambda *args: selu_backward(*args))
def selu(x: Any, out: Array | None = None) -> Array:
    r"""Scaled exponential linear unit, y = s x where x > 0, else s alpha (exp(x) - 1).

    Parameters
    ----------
    x : array_like, any shape
        Float32 or float64; integers are computed in float32.
    out : ndarray, optional
        Where to write the result; may be `x`.

    Returns
    -------
    ndarray
        Of x's shape and dtype; `out` if given.

    Notes
    -----
    s = 1.0507009873554805 and alpha = 1.6732632423543772, for which zero mean and unit variance
    are a fixed point (Klambauer et al. 2017, arXiv:1706.02515).
    Within 4 ulp. The same bits at any number of threads and ISA level with fma.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet.functional as F
    >>> F.selu(np.float64([0, 2]))
    array([0.        , 2.10140197])
    """
    return apply_forward("selu", x, out)


def selu_backward(dy: Any, x: Any, out: Array | None = None) -> Array:
    r"""Gradient of `selu` from its input x.

    dx = s dy where x > 0, else dy s alpha exp(x).

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet.functional as F
    >>> F.selu_backward(np.float64([1, 1]), np.float64([-np.inf, 2]))
    array([0.        , 1.05070099])
    """
    return apply_backward("selu", dy, x, "x", out)


@taped(lambda *args: softplus_backward(*args))
def softplus(x: Any, beta: float = 1.0, threshold: float = 20.0, out: Array | None = None) -> Array:
    r"""Smooth rectifier, y = log(1 + exp(beta x)) / beta.

    Parameters
    ----------
    x : array_like, any shape
        Float32 or float64; integers are computed in float32.
    beta : float, optional
        The larger, the closer to relu.
    threshold : float, optional
        y = x where beta x > threshold.
    out : ndarray, optional
        Where to write the result; may be `x`.

    Returns
    -------
    ndarray
        Of x's shape and dtype; `out` if given.

    Notes
    -----
    Computed as (max(z, 0) + log1p(exp(-|z|))) / beta with z = beta x, which neither overflows nor
    loses small values.
    Within 3 ulp for beta = 1. The same bits at any number of threads and ISA level with fma.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet.functional as F
    >>> F.softplus(np.float64([-1, 0, 100]))
    array([  0.31326169,   0.69314718, 100.        ])
    """
    return apply_forward("softplus", x, out, beta, threshold)


def softplus_backward(
    dy: Any, x: Any, beta: float = 1.0, threshold: float = 20.0, out: Array | None = None
) -> Array:
    r"""Gradient of `softplus` from its input x.

    dx = dy sigmoid(beta x), or dy where beta x > threshold.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet.functional as F
    >>> F.softplus_backward(np.float64([4, 4]), np.float64([0, 100]))
    array([2., 4.])
    """
    return apply_backward("softplus", dy, x, "x", out, beta, threshold)


@taped(lambda *args: hardtanh_backward(*args))
def hardtanh(
    x: Any, min_val: float = -1.0, max_val: float = 1.0, out: Array | None = None
) -> Array:
    r"""Clipped identity, y = min(max(x, min_val), max_val).

    Parameters
    ----------
    x : array_like, any shape
        Float32 or float64; integers are computed in float32.
    min_val : float, optional
        Lower bound.
    max_val : float, optional
        Upper bound.
    out : ndarray, optional
        Where to write the result; may be `x`.

    Returns
    -------
    ndarray
        Of x's shape and dtype; `out` if given.

    Raises
    ------
    ValueError
        If min_val exceeds max_val.

    Notes
    -----
    NaN stays NaN.
    Exact. The same bits at any number of threads and ISA level with fma.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet.functional as F
    >>> F.hardtanh(np.float32([-3, 0.5, 2]))
    array([-1. ,  0.5,  1. ], dtype=float32)
    """
    _check_bounds(min_val, max_val)
    return apply_forward("hardtanh", x, out, min_val, max_val)


def hardtanh_backward(
    dy: Any, x: Any, min_val: float = -1.0, max_val: float = 1.0, out: Array | None = None
) -> Array:
    r"""Gradient of `hardtanh` from its input x.

    dx = dy where min_val < x < max_val, else 0.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet.functional as F
    >>> F.hardtanh_backward(np.float32([5, 5]), np.float32([0.5, 1]))
    array([5., 0.], dtype=float32)
    """
    _check_bounds(min_val, max_val)
    return apply_backward("hardtanh", dy, x, "x", out, min_val, max_val)
