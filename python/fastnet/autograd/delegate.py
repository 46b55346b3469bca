"""Methods of Tensors that are functions of `fastnet.functional`, which is loaded after Tensor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def function(name: str) -> Callable[..., Any]:
    """Return a method that calls the function of that name."""

    def call(input: Any, *args: Any, **kwargs: Any) -> Any:
        from fastnet import functional

        return getattr(functional, name)(input, *args, **kwargs)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"Return `fastnet.functional.{name}` of the tensor."
    return call
