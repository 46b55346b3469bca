"""The logistic function and its relatives on arrays: sigmoid, tanh, silu, gelu."""

from __future__ import annotations

from typing import Any

from fastnet._activations import apply_backward, apply_forward, taped
from fastnet._arrays import Array

_GELU = {"none": "gelu", "tanh": "gelu_tanh"}


def _gelu_kind(approximate: Any) -> str:
    if not isinstance(approximate, str) or approximate not in _GELU:
        msg = f"approximate must be 'none' or 'tanh', got {approximate!r}"
        raise ValueError(msg)
    return _GELU[approximate]


@taped(lambda *args: sigmoid_backward(*args), "y")
def sigmoid(x: Any, out: Array | None = None) -> Array:
    r"""Logistic function, y = 1 / (1 + exp(-x)).

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
    Stable on both sides: exp(x) / (1 + exp(x)) where x < 0.
    Within 2 ulp. The same bits at any number of threads and ISA level with fma.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet.functional as F
    >>> F.sigmoid(np.float64([-np.inf, 0, 1]))
    array([0.        , 0.5       , 0.73105858])
    """
    return apply_forward("sigmoid", x, out)


def sigmoid_backward(dy: Any, y: Any, out: Array | None = None) -> Array:
    r"""Gradient of `sigmoid` from its output y.

    dx = dy y (1 - y).

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet.functional as F
    >>> F.sigmoid_backward(np.float64([4, 4]), np.float64([0.5, 1]))
    array([1., 0.])
    """
    return apply_backward("sigmoid", dy, y, "y", out)


@taped(lambda *args: tanh_backward(*args), "y")
def tanh(x: Any, out: Array | None = None) -> Array:
    r"""Hyperbolic tangent, y = tanh(x).

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
    x + x^3 p(x^2) near 0, else 1 - 2 / (exp(2 x) + 1).
    Within 2 ulp. The same bits at any number of threads and ISA level with fma.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet.functional as F
    >>> F.tanh(np.float64([-np.inf, 0, 1]))
    array([-1.        ,  0.        ,  0.76159416])
    """
    return apply_forward("tanh", x, out)


def tanh_backward(dy: Any, y: Any, out: Array | None = None) -> Array:
    r"""Gradient of `tanh` from its output y.

    dx = dy (1 - y^2).

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet.functional as F
    >>> F.tanh_backward(np.float64([4, 4]), np.float64([0.5, 1]))
    array([3., 0.])
    """
    return apply_backward("tanh", dy, y, "y", out)


@taped(lambda *args: silu_backward(*args))
def silu(x: Any, out: Array | None = None) -> Array:
    r"""Sigmoid linear unit (swish), y = x / (1 + exp(-x)).

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
    The limit at -infinity is 0 (Elfwing, Uchibe and Doya 2017, arXiv:1702.03118).
    Within 3 ulp. The same bits at any number of threads and ISA level with fma.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet.functional as F
    >>> F.silu(np.float64([-1, 0, 1]))
    array([-0.26894142,  0.        ,  0.73105858])
    """
    return apply_forward("silu", x, out)


def silu_backward(dy: Any, x: Any, out: Array | None = None) -> Array:
    r"""Gradient of `silu` from its input x.

    dx = dy s (1 + x (1 - s)) with s = sigmoid(x).

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet.functional as F
    >>> F.silu_backward(np.float64([2, 1]), np.float64([0, np.inf]))
    array([1., 1.])
    """
    return apply_backward("silu", dy, x, "x", out)


@taped(lambda *args: gelu_backward(*args))
def gelu(x: Any, approximate: str = "none", out: Array | None = None) -> Array:
    r"""Gaussian error linear unit, y = x Phi(x), Phi the standard normal distribution function.

    Parameters
    ----------
    x : array_like, any shape
        Float32 or float64; integers are computed in float32.
    approximate : {"none", "tanh"}, optional
        "tanh" for x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))).
    out : ndarray, optional
        Where to write the result; may be `x`.

    Returns
    -------
    ndarray
        Of x's shape and dtype; `out` if given.

    Raises
    ------
    ValueError
        If `approximate` is neither "none" nor "tanh".

    Notes
    -----
    Phi(x) = (1 + erf(x / sqrt(2))) / 2 (Hendrycks and Gimpel 2016, arXiv:1606.08415). The limit at
    -infinity is 0, and negative values keep their relative accuracy down to underflow.
    Within 6 ulp; "tanh" within 4 + 3 |y| ulp, y = sqrt(8 / pi) (x + 0.044715 x^3).
    The same bits at any number of threads and ISA level with fma.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet.functional as F
    >>> F.gelu(np.float64([-1, 0, 1]))
    array([-0.15865525,  0.        ,  0.84134475])
    """
    return apply_forward(_gelu_kind(approximate), x, out)


def gelu_backward(dy: Any, x: Any, approximate: str = "none", out: Array | None = None) -> Array:
    r"""Gradient of `gelu` from its input x.

    dx = dy (Phi(x) + x phi(x)), phi the standard normal density; for "tanh" the derivative of that
    approximation.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet.functional as F
    >>> F.gelu_backward(np.float64([2, 1]), np.float64([0, np.inf]))
    array([1., 1.])
    """
    return apply_backward(_gelu_kind(approximate), dy, x, "x", out)
