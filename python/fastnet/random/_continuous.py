"""Laws on the line that are drawn in SIMD: the normal family, exponential and laplace."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet import _core
from fastnet._arrays import Array, float_dtype
from fastnet.random._checks import Size
from fastnet.random._draw import Drawing, parameter, target


class Continuous(Drawing):
    """The methods of a Generator for these laws."""

    __slots__ = ()

    def standard_normal(
        self,
        size: Size = None,
        dtype: npt.DTypeLike | None = np.float64,
        out: Array | None = None,
    ) -> Any:
        """Draw normal values of mean 0 and variance 1.

        Parameters
        ----------
        size : int or tuple of int, optional
            Shape of the result; `out`'s, or a scalar, if None.
        dtype : dtype, default float64
            Float32 or float64, which have values of their own.
        out : ndarray, optional
            C-contiguous, of this dtype and shape.

        Returns
        -------
        scalar or ndarray
            `out` if given.

        Notes
        -----
        Box and Muller (1958): two values r cos t and r sin t of a radius r = sqrt(-2 ln u) and an
        angle t, of 32 random bits each in float32 and of 53 and 54 bits in float64. The largest are
        6.76 and 8.65.

        Examples
        --------
        >>> from fastnet.random import Generator
        >>> x = Generator(0).standard_normal(100_000)
        >>> f"{x.std():.2f}"
        '1.00'
        """
        return self._affine("normal", {"loc": 0.0, "scale": 1.0}, size, dtype, out)

    def normal(
        self,
        loc: Any = 0.0,
        scale: Any = 1.0,
        size: Size = None,
        dtype: npt.DTypeLike | None = np.float64,
        out: Array | None = None,
    ) -> Any:
        """Draw normal values loc + scale z with z as `standard_normal` gives it.

        Parameters
        ----------
        loc, scale : float or array_like
            Mean and standard deviation, finite, scale >= 0; arrays are broadcast.
        size : int or tuple of int, optional
            Shape of the result; the shape of `out`, or of loc and scale, if None.
        dtype : dtype, default float64
            Float32 or float64; the result is computed in it.
        out : ndarray, optional
            C-contiguous, of this dtype and shape.

        Raises
        ------
        ValueError
            If a parameter is not finite or scale is negative.

        Examples
        --------
        >>> from fastnet.random import Generator
        >>> x = Generator(0).normal(5, [[1], [2]], (2, 50_000))
        >>> x.std(axis=1).round(1)
        array([1., 2.])
        """
        return self._affine("normal", {"loc": loc, "scale": scale}, size, dtype, out)

    def lognormal(
        self,
        mean: Any = 0.0,
        sigma: Any = 1.0,
        size: Size = None,
        dtype: npt.DTypeLike | None = np.float64,
        out: Array | None = None,
    ) -> Any:
        """Draw exp(mean + sigma z) with z as `standard_normal` gives it.

        Parameters
        ----------
        mean, sigma : float or array_like
            Mean and standard deviation of the logarithm, finite, sigma >= 0; arrays are broadcast.
        size : int or tuple of int, optional
            Shape of the result; the shape of `out`, or of mean and sigma, if None.
        dtype : dtype, default float64
            Float32 or float64; the result is computed in it.
        out : ndarray, optional
            C-contiguous, of this dtype and shape.

        Raises
        ------
        ValueError
            If a parameter is not finite or sigma is negative.

        Examples
        --------
        >>> import numpy as np
        >>> from fastnet.random import Generator
        >>> x = Generator(0).lognormal(1, 0.5, 100_000)
        >>> f"{np.median(x):.1f}"
        '2.7'
        """
        if isinstance(mean, int | float) and isinstance(sigma, int | float):
            return self._affine("lognormal", {"mean": mean, "sigma": sigma}, size, dtype, out)
        kind = float_dtype(np.float64 if dtype is None else dtype)
        arrays = {
            "mean": parameter(mean, "mean", kind),
            "sigma": parameter(sigma, "sigma", kind, 0.0),
        }
        result = target(size, out, kind, **arrays)
        self._affine("normal", arrays, None, kind, result)
        _core.math("exp", result, result)
        return result[()] if result.ndim == 0 and out is None else result

    def standard_exponential(
        self,
        size: Size = None,
        dtype: npt.DTypeLike | None = np.float64,
        method: str = "inv",
        out: Array | None = None,
    ) -> Any:
        """Draw exponential values of mean 1.

        Parameters
        ----------
        size : int or tuple of int, optional
            Shape of the result; `out`'s, or a scalar, if None.
        dtype : dtype, default float64
            Float32 or float64, which have values of their own.
        method : {'inv'}
            The only one there is: -ln u.
        out : ndarray, optional
            C-contiguous, of this dtype and shape.

        Notes
        -----
        u has 32 random bits in float32 and 53 in float64: the largest values are 22.9 and 37.4.

        Examples
        --------
        >>> from fastnet.random import Generator
        >>> x = Generator(0).standard_exponential(100_000)
        >>> f"{x.mean():.2f}"
        '1.00'
        """
        if method != "inv":
            msg = f"method must be 'inv', got {method!r}"
            raise ValueError(msg)
        return self._affine("exponential", {"scale": 1.0}, size, dtype, out)

    def exponential(
        self,
        scale: Any = 1.0,
        size: Size = None,
        dtype: npt.DTypeLike | None = np.float64,
        out: Array | None = None,
    ) -> Any:
        """Draw exponential values of mean `scale`.

        Parameters
        ----------
        scale : float or array_like
            Finite, at least 0; an array is broadcast.
        size : int or tuple of int, optional
            Shape of the result; the shape of `out`, or of scale, if None.
        dtype : dtype, default float64
            Float32 or float64; the result is computed in it.
        out : ndarray, optional
            C-contiguous, of this dtype and shape.

        Raises
        ------
        ValueError
            If scale is negative or not finite.

        Examples
        --------
        >>> from fastnet.random import Generator
        >>> x = Generator(0).exponential(3.0, 100_000)
        >>> f"{x.mean():.1f}"
        '3.0'
        """
        return self._affine("exponential", {"scale": scale}, size, dtype, out)

    def laplace(
        self,
        loc: Any = 0.0,
        scale: Any = 1.0,
        size: Size = None,
        dtype: npt.DTypeLike | None = np.float64,
        out: Array | None = None,
    ) -> Any:
        """Draw loc + scale e, e exponential with either sign (density exp(-|e|) / 2).

        Parameters
        ----------
        loc, scale : float or array_like
            Finite, scale at least 0; arrays are broadcast.
        size : int or tuple of int, optional
            Shape of the result; the shape of `out`, or of loc and scale, if None.
        dtype : dtype, default float64
            Float32 or float64; the result is computed in it.
        out : ndarray, optional
            C-contiguous, of this dtype and shape.

        Raises
        ------
        ValueError
            If a parameter is not finite or scale is negative.

        Examples
        --------
        >>> from fastnet.random import Generator
        >>> x = Generator(0).laplace(size=100_000)
        >>> f"{abs(x).mean():.2f}"
        '1.00'
        """
        return self._affine("laplace", {"loc": loc, "scale": scale}, size, dtype, out)
