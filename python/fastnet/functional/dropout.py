"""Dropout on arrays, forward beside backward."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnet import _core
from fastnet._arrays import Array, as_float, contiguous, flag, output, real
from fastnet.autograd.core import is_tensor
from fastnet.autograd.lift import differentiable
from fastnet.random import default_rng
from fastnet.random._checks import integer


def probability(p: Any) -> float:
    """Return p as a float in [0, 1]; TypeError or ValueError for what is none."""
    return real(p, "p", 0.0, 1.0)


def dropout(
    x: Any, p: float = 0.5, training: bool = True, rng: Any = None, out: Array | None = None
) -> Any:
    """Set elements to 0 with probability p and scale the others by 1 / (1 - p).

    Parameters
    ----------
    x : array_like, shape (*, features)
        Float32 or float64; integers are computed in float32.
    p : float, default 0.5
        Probability of being dropped, in [0, 1]; rounded to a multiple of 2**-32.
    training : bool, default True
        If False, x is returned as it is (or copied to `out`).
    rng : None, int, Generator, ...
        What gives the ticket (`fastnet.random.default_rng`). Every call in training takes one.
    out : ndarray, optional
        Where to write the result; may be `x`.

    Returns
    -------
    ndarray
        Of x's shape. A dropped element is 0 even if it was NaN or infinite.

    Raises
    ------
    ValueError
        If p is not in [0, 1].

    Notes
    -----
    Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from overfitting",
    with the scale applied in training. The mask is a function of the generator's key, the ticket
    and an element's row and column, the leading dimensions being counted as rows: the same on any
    number of threads, ISA level and dtype. x is multiplied by 1 / (1 - p), rounded to its dtype.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet.functional as F
    >>> F.dropout(np.float32([1, 2, 3]), p=1.0)
    array([0., 0., 0.], dtype=float32)
    >>> F.dropout(np.float32([1, 2, 3]), training=False)
    array([1., 2., 3.], dtype=float32)
    """
    training = flag(training, "training")
    if is_tensor(x):
        if out is not None:
            msg = "dropout takes no out when an argument is a Tensor"
            raise TypeError(msg)
        probability(p)
        if not training:
            return x
        generator = default_rng(rng)
        return dropout_by_ticket(x, p, generator.key, generator.next_ticket())
    if training:
        probability(p)
        x = as_float(x, "x")
        output(out, x.shape, x.dtype)
        generator = default_rng(rng)
        return dropout_by_ticket(x, p, generator.key, generator.next_ticket(), out)
    probability(p)
    array: Array = as_float(x, "x")
    if out is None:
        return array
    result = output(out, array.shape, array.dtype)
    np.copyto(result, array)
    return result


@differentiable(
    lambda dy, y, x, p, key, ticket, needs: (dropout_backward(dy, p, key, ticket),),
    saves=(),
    owned=True,
)
def dropout_by_ticket(x: Any, p: float, key: int, ticket: int, out: Array | None = None) -> Any:
    """Dropout under a given key and ticket: a pure function, equal to the `dropout` that took it.

    Parameters
    ----------
    x : array_like, shape (*, features)
    p : float
    key : int
        `Generator.key`.
    ticket : int
        From `Generator.next_ticket`.
    out : ndarray, optional
        Where to write the result; may be `x`.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet.functional as F
    >>> from fastnet.random import Generator
    >>> x = np.ones((2, 3), np.float32)
    >>> rng = Generator(0)
    >>> y = F.dropout(x, rng=rng)
    >>> bool((y == F.dropout_by_ticket(x, 0.5, rng.key, 0)).all())
    True
    """
    p = probability(p)
    key = integer(key, "key", 0, 2**64 - 1)
    ticket = integer(ticket, "ticket", 0, 2**56 - 1)
    x = as_float(x, "x")
    result = output(out, x.shape, x.dtype)
    features = x.shape[-1] if x.ndim else 1
    shape = (x.size // features if features else 0, features)
    _core.dropout(contiguous(x).reshape(shape), p, key, ticket, 0, result.reshape(shape))
    return result


def dropout_backward(dy: Any, p: float, key: int, ticket: int, out: Array | None = None) -> Any:
    """Gradient of `dropout`: dy / (1 - p) where the ticket's mask kept an element, else 0.

    Parameters
    ----------
    dy : array_like, of the output's shape
    p : float
    key, ticket : int
        Those of the forward pass.
    out : ndarray, optional
        Where to write the result; may be `dy`.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet.functional as F
    >>> F.dropout_backward(np.float32([1, 2, 3]), 0.0, key=1, ticket=0)
    array([1., 2., 3.], dtype=float32)
    """
    return dropout_by_ticket(dy, p, key, ticket, out)
