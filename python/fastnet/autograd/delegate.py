"""Methods of Tensors that are functions of `fastnet.functional`, which is loaded after Tensor.

And what becomes of Tensors that are given to functions of NumPy's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

# NumPy calls the methods of these names with arguments that a Tensor's have not.
_METHODS = (np.sum, np.mean, np.var, np.std, np.max, np.min, np.amax, np.amin, np.any, np.all)


def function(name: str) -> Callable[..., Any]:
    """Return a method that calls the function of that name."""

    def call(input: Any, *args: Any, **kwargs: Any) -> Any:
        from fastnet import functional

        return getattr(functional, name)(input, *args, **kwargs)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"Return `fastnet.functional.{name}` of the tensor."
    return call


def array_function(self: Any, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
    """Run a function of NumPy's on Tensors as on any array_like; TypeError for a reduction."""
    if function in _METHODS:
        name = function.__name__
        msg = f"numpy.{name} takes no Tensors; use the method {name}(), or detach().numpy()"
        raise TypeError(msg)
    return getattr(function, "_implementation", function)(*args, **kwargs)
