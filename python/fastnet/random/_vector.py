"""Normal vectors of a mean and a covariance."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet import _core
from fastnet._arrays import Array, as_float, float_dtype, output, real
from fastnet.random._checks import Size, shape_of
from fastnet.random._draw import SLOW_PIECE, require_apart
from fastnet.random._gamma import Gamma

_FLOAT64 = np.dtype(np.float64)


class Vector(Gamma):
    """The method of a Generator for them."""

    __slots__ = ()

    def multivariate_normal(
        self,
        mean: Any,
        cov: Any,
        size: Size = None,
        check_valid: str = "raise",
        tol: float = 1e-8,
        *,
        method: str = "cholesky",
        dtype: npt.DTypeLike | None = np.float64,
        out: Array | None = None,
    ) -> Array:
        """Draw normal vectors mean + L z with cov = L L^T and z as `standard_normal` gives it.

        Parameters
        ----------
        mean : array_like of shape (d,)
        cov : array_like of shape (d, d)
            Symmetric and positive semidefinite.
        size : int or tuple of int, optional
            How many vectors, in which shape; one if None.
        check_valid : {'raise'}
            An invalid covariance always raises.
        tol : float, default 1e-8
            How far cov may be from symmetric and semidefinite, each element relative to the root of
            the product of its two variances.
        method : {'cholesky'}
            The only one there is.
        dtype : dtype, default float64
            Float32 or float64.
        out : ndarray, optional
            C-contiguous, of this dtype, of shape size + (d,).

        Returns
        -------
        ndarray of shape size + (d,)

        Raises
        ------
        ValueError
            If a shape is wrong, a number not finite, or cov not symmetric positive semidefinite.

        Notes
        -----
        A vector takes d positions. The factor L is computed in elementary operations in a fixed
        order, so vectors have the same bits on every machine that has fma.

        Examples
        --------
        >>> import numpy as np
        >>> from fastnet.random import Generator
        >>> x = Generator(0).multivariate_normal([1, 2], [[2, 1], [1, 2]], 100_000)
        >>> np.cov(x.T).round(1) + 0
        array([[2., 1.],
               [1., 2.]])
        """
        for name, given, only in (
            ("check_valid", check_valid, "raise"),
            ("method", method, "cholesky"),
        ):
            if given != only:
                msg = f"{name} must be {only!r}, got {given!r}"
                raise ValueError(msg)
        kind = float_dtype(np.float64 if dtype is None else dtype)
        center = as_float(mean, "mean", kind)
        if center.ndim != 1 or not center.size or not np.all(np.isfinite(center)):
            msg = f"mean must be finite numbers of shape (d,), got {mean}"
            raise ValueError(msg)
        d = len(center)
        factor = cholesky(cov, d, real(tol, "tol", 0.0))
        if not np.all(np.abs(factor) <= np.finfo(kind).max):
            msg = f"cov must have standard deviations in the range of {kind}, got {cov}"
            raise ValueError(msg)
        factor = factor.astype(kind)
        shape = out.shape if size is None and out is not None else (*shape_of(size, None), d)
        result = output(out, shape, kind)
        if result.shape[-1:] != (d,):
            msg = f"out must have shape size + ({d},), got {result.shape}"
            raise ValueError(msg)
        require_apart(out, mean=center)
        rows = result.reshape(-1, d)
        step = max(1, SLOW_PIECE // d)
        key, stream, position = self._take(result.size)
        center = np.ascontiguousarray(center)
        for begin in range(0, len(rows), step):
            part = rows[begin : begin + step]
            z = np.empty_like(part)
            _core.random_draw("normal", key, stream, position + begin * d, 0.0, 1.0, z)
            _core.linear(z, factor, center, 0, 0.0, 0.0, part)
        return result


def cholesky(cov: Any, d: int, tol: float) -> Array:
    """Return the lower triangular L with L L^T = cov (d, d), in float64; ValueError if none is.

    Column by column, updating what is left of cov: each element is a chain of elementary operations
    in one order. Where what is left of a diagonal element vanishes, so must the rest of its column,
    and L's column is 0.
    """
    matrix = as_float(cov, "cov", _FLOAT64)
    if matrix.shape != (d, d):
        msg = f"cov must have shape ({d}, {d}) as mean says, got {matrix.shape}"
        raise ValueError(msg)
    if not np.all(np.isfinite(matrix)):
        msg = "cov must be finite"
        raise ValueError(msg)
    variances = np.diagonal(matrix)
    if not np.all(variances >= 0):
        msg = f"cov must be positive semidefinite, got a variance of {variances.min():g}"
        raise ValueError(msg)
    # What each element is measured by: |cov_ij| <= sqrt(cov_ii cov_jj).
    scale = np.sqrt(variances)[:, None] * np.sqrt(variances)
    if not np.all(np.abs(matrix - matrix.T) <= tol * scale):
        msg = f"cov must be symmetric to within tol = {tol:g}"
        raise ValueError(msg)
    with np.errstate(over="ignore"):
        left = (matrix + matrix.T) / 2
    left = np.where(np.isfinite(left), left, matrix / 2 + matrix.T / 2)
    factor = np.zeros((d, d))
    for j in range(d):
        pivot = left[j, j]
        # Rounding of d subtractions; what is left of the column then is at most a root of that.
        vanishes = pivot <= 4 * d * np.finfo(float).eps * variances[j]
        rest = np.abs(left[j + 1 :, j]) > math.sqrt(tol) * scale[j + 1 :, j]
        if pivot < -tol * variances[j] or (vanishes and np.any(rest)):
            msg = f"cov must be positive semidefinite; what is left of variance {j} is {pivot:g}"
            raise ValueError(msg)
        if not vanishes:
            factor[j:, j] = below = left[j:, j] / np.sqrt(pivot)
            left[j:, j:] -= below[:, None] * below
    return factor
