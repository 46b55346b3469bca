"""Dropout as a module."""

from __future__ import annotations

from typing import Any

from fastnet import functional as F
from fastnet.autograd.core import TensorCore
from fastnet.functional.dropout import probability
from fastnet.nn.module import Module
from fastnet.random import default_rng


class Dropout(Module):
    """In training, sets elements to 0 with probability p and scales the others by 1 / (1 - p).

    Parameters
    ----------
    p : float, default 0.5
    inplace : bool
        Accepted, and changes nothing.
    rng : None, int or Generator, optional
        What masks come from; every forward in training takes one ticket. The default Generator
        if None.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnet import nn
    >>> nn.Dropout(0.5).eval()(np.float32([1, 2]))
    array([1., 2.], dtype=float32)
    """

    _takes_out = True

    def __init__(self, p: float = 0.5, inplace: bool = False, rng: Any = None) -> None:
        super().__init__()
        self.p = probability(p)
        self.rng = None if rng is None else default_rng(rng)

    def forward(self, input: Any, out: Any = None) -> Any:
        """Return the input with dropout in training, else the input."""
        if isinstance(input, TensorCore):
            return F.dropout(input, self.p, self.training, self.rng)
        return F.dropout(input, self.p, self.training, self.rng, out)

    def extra_repr(self) -> str:
        """Return p."""
        return f"p={self.p}"
