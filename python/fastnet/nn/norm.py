"""Normalisation layers; formulas and bounds stand with the functions of the same name in F."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet import functional as F
from fastnet._arrays import whole
from fastnet.nn._checks import float_kind, number
from fastnet.nn.linear import same_kind
from fastnet.nn.module import Module
from fastnet.nn.parameter import Parameter


class LayerNorm(Module):
    """`F.layer_norm` over the last dimensions.

    Parameters
    ----------
    normalized_shape : int or sequence of int
        Sizes of those dimensions.
    eps : float, default 1e-5
    elementwise_affine : bool, default True
        Have a weight, at first 1.
    bias : bool, default True
        Have a bias as well, at first 0.
    dtype : dtype, optional
        float32 (default) or float64.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnet import nn
    >>> nn.LayerNorm(2)(np.float32([[1, 3]])).round(3)
    array([[-1.,  1.]], dtype=float32)
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        dtype: npt.DTypeLike | None = None,
    ) -> None:
        super().__init__()
        sizes = normalized_shape if isinstance(normalized_shape, Sequence) else (normalized_shape,)
        self.normalized_shape = tuple(whole(n, "normalized_shape") for n in sizes)
        if not self.normalized_shape:
            msg = "normalized_shape must have at least one size"
            raise ValueError(msg)
        self.eps = number(eps, "eps")
        self.elementwise_affine = bool(elementwise_affine)
        kind = float_kind(dtype)
        shape = self.normalized_shape
        self.weight = Parameter._of(np.ones(shape, kind)) if elementwise_affine else None
        self.bias = Parameter._of(np.zeros(shape, kind)) if elementwise_affine and bias else None

    def reset_parameters(self) -> None:
        """Set the weight to 1 and the bias to 0."""
        _reset(self.weight, self.bias)

    def forward(self, input: Any) -> Any:
        """Return the normalised input."""
        x = input if self.weight is None else same_kind(input, self.weight._data.dtype)
        return F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Return the options."""
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
        )

    def _validate(self) -> None:
        _fit(self, self.__dict__.get("normalized_shape"))


class BatchNorm1d(Module):
    """`F.batch_norm` of a (batch, num_features) input.

    In training each feature is normalised by the batch's mean and variance, which also move the
    running ones; in evaluation by the running ones.

    Parameters
    ----------
    num_features : int
    eps : float, default 1e-5
    momentum : float or None, default 0.1
        Weight of a batch in the running statistics; None for the mean over all batches.
    affine : bool, default True
        Have a weight, at first 1, and a bias, at first 0.
    track_running_stats : bool, default True
        Without them evaluation uses the batch's statistics too.
    dtype : dtype, optional
        float32 (default) or float64.
    bias : bool, default True
        False leaves out the bias of `affine`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnet import nn
    >>> nn.BatchNorm1d(1)(np.float32([[1], [3]])).round(3)
    array([[-1.],
           [ 1.]], dtype=float32)
    """

    running_mean: Any
    running_var: Any
    num_batches_tracked: Any

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        dtype: npt.DTypeLike | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_features = whole(num_features, "num_features")
        self.eps = number(eps, "eps")
        self.momentum = None if momentum is None else number(momentum, "momentum", 0.0, 1.0)
        self.affine = bool(affine)
        self.track_running_stats = bool(track_running_stats)
        kind = float_kind(dtype)
        n = self.num_features
        self.weight = Parameter._of(np.ones(n, kind)) if affine else None
        self.bias = Parameter._of(np.zeros(n, kind)) if affine and bias else None
        tracked = self.track_running_stats
        self.register_buffer("running_mean", np.zeros(n, kind) if tracked else None)
        self.register_buffer("running_var", np.ones(n, kind) if tracked else None)
        self.register_buffer("num_batches_tracked", np.zeros((), np.int64) if tracked else None)

    def reset_running_stats(self) -> None:
        """Forget the batches seen."""
        if self.track_running_stats:
            self.running_mean[...] = 0
            self.running_var[...] = 1
            self.num_batches_tracked[...] = 0

    def reset_parameters(self) -> None:
        """Forget the batches seen, and set the weight to 1 and the bias to 0."""
        self.reset_running_stats()
        _reset(self.weight, self.bias)

    def forward(self, input: Any) -> Any:
        """Return the normalised input."""
        ours = self.running_mean if self.weight is None else self.weight._data
        x = input if ours is None else same_kind(input, ours.dtype)
        momentum = self.momentum
        if self.training and self.track_running_stats:
            # A batch that is refused does not count.
            tracked = int(self.num_batches_tracked) + 1
            momentum = 1 / tracked if momentum is None else momentum
        training = self.training or not self.track_running_stats
        y = F.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias,
            training, 0.0 if momentum is None else momentum, self.eps,
        )  # fmt: skip
        if self.training and self.track_running_stats:
            self.num_batches_tracked[...] = tracked
        return y

    def extra_repr(self) -> str:
        """Return the options."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, "
            f"affine={self.affine}, track_running_stats={self.track_running_stats}"
        )

    def _validate(self) -> None:
        shape = (self.__dict__.get("num_features"),)
        _fit(self, shape)
        for name in ("running_mean", "running_var"):
            value = self.__dict__.get(name)
            if value is not None and (not isinstance(value, np.ndarray) or value.shape != shape):
                msg = f"{name} must be an array of shape {shape} or None"
                raise ValueError(msg)


def _reset(weight: Parameter | None, bias: Parameter | None) -> None:
    for parameter, value in ((weight, 1), (bias, 0)):
        if parameter is not None:
            parameter._data[...] = value
            parameter._version[0] += 1


def _fit(module: Module, shape: Any) -> None:
    """Raise ValueError unless weight and bias are parameters of the shape, or None."""
    for name in ("weight", "bias"):
        value = module.__dict__.get(name)
        if value is not None and (not isinstance(value, Parameter) or value.shape != shape):
            msg = f"{name} must be a Parameter of shape {shape} or None"
            raise ValueError(msg)
