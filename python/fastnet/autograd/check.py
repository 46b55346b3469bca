"""gradcheck: gradients of the tape against central differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastnet.autograd.core import TensorCore, unwrap, wrap
from fastnet.autograd.tape import no_grad


def gradcheck(
    f: Callable[..., Any],
    inputs: Any,
    eps: float = 1e-6,
    atol: float = 1e-7,
    rtol: float = 1e-6,
) -> bool:
    """Compare gradients of f with central differences in float64.

    Parameters
    ----------
    f : callable
        Takes the inputs and gives one Tensor.
    inputs : Tensor or sequence
        Arguments of f; Tensors in float64 that require a gradient are checked.
    eps : float, default 1e-6
        Step of the differences. Their own error is about eps**2 |f'''| / 6 + 1e-16 |f| / eps.
    atol, rtol : float
        An element may differ by atol + rtol |difference quotient|.

    Returns
    -------
    bool
        True.

    Raises
    ------
    AssertionError
        With the first input and element that differ, and both derivatives.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnet
    >>> x = fastnet.tensor(np.array([0.3, 2.0]), requires_grad=True)
    >>> fastnet.autograd.gradcheck(lambda x: (x * x).sum(), x)
    True
    """
    arguments: Sequence[Any] = inputs if isinstance(inputs, tuple | list) else (inputs,)
    checked = [(i, x) for i, x in enumerate(arguments) if isinstance(x, TensorCore) and x._requires]
    if not checked:
        msg = "inputs must have a Tensor that requires a gradient"
        raise ValueError(msg)
    for i, x in checked:
        if x._data.dtype != np.float64:
            msg = f"input {i} must be float64, got {x._data.dtype}"
            raise TypeError(msg)
    # Every element of the result is weighted by its own number, so that none hides another.
    fresh = [_copy(x) for x in arguments]
    y = f(*fresh)
    weights = np.random.default_rng(0).uniform(0.5, 1.5, y._data.shape)
    y.backward(weights)

    def value(position: int, changed: Any) -> Any:
        with no_grad():
            plain = [
                wrap(np.array(unwrap(x))) if isinstance(x, TensorCore) else x for x in arguments
            ]
            plain[position] = wrap(changed)
            return unwrap(f(*plain))

    for i, x in checked:
        grad = fresh[i].grad
        actual = np.zeros(x._data.shape) if grad is None else grad._data
        for index in np.ndindex(x._data.shape):
            above, below = np.array(x._data), np.array(x._data)
            above[index] += eps
            below[index] -= eps
            step = above[index] - below[index]
            expected = float(np.sum((value(i, above) - value(i, below)) * weights) / step)
            if not abs(actual[index] - expected) <= atol + rtol * abs(expected):
                msg = (
                    f"input {i}, element {index}: backward gives {actual[index]!r}, central "
                    f"differences give {expected!r}"
                )
                raise AssertionError(msg)
    return True


def _copy(x: Any) -> Any:
    if not isinstance(x, TensorCore):
        return x
    copy = wrap(np.array(x._data))
    copy._requires = x._requires
    return copy
