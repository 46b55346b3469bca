"""Statistics of moments, and how a number is written with its error."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fastnet._arrays import Array

if TYPE_CHECKING:
    from fastnet.montecarlo._layout import Layout


class Summary(NamedTuple):
    """Mean and standard error of the mean, of how many values and with what degrees of freedom."""

    mean: Array
    error: Array
    values: float
    degrees: float


def variance(m: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(m[:, 3] / (m[:, 0] - 1))


def skewness(m: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.sqrt(m[:, 0]) * m[:, 4] / m[:, 3] ** 1.5)


def kurtosis(m: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(m[:, 0] * m[:, 5] / m[:, 3] ** 2 - 3)


def covariance(m: Array, products: Array, layout: Layout) -> Array:
    k = layout.columns
    if k > 1 and not layout.cross:
        msg = "the covariance was not asked for; pass covariance=True"
        raise ValueError(msg)
    matrix = np.zeros((k, k))
    matrix[np.triu_indices(k, 1)] = products
    matrix += matrix.T
    np.fill_diagonal(matrix, m[:, 3])
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(matrix / (m[0, 0] - 1))


def with_error(value: float, error: float) -> str:
    """Return "0.70711 +- 0.00012": the error to two digits, the value to the same place."""
    if not (math.isfinite(value) and math.isfinite(error)):
        return f"{value:.6g} +- {error:.2g}"
    if error == 0:
        return f"{value:.6g} +- 0"
    place = 1 - math.floor(math.log10(error))
    # 0.0996 is written 0.10, with a digit less.
    if round(error, place) >= 10.0 ** (2 - place):
        place -= 1
    largest = max(abs(value), error)
    if largest >= 1e7 or largest < 1e-4:
        exponent = math.floor(math.log10(largest))
        scale = 10.0**exponent
        digits = max(place + exponent, 0)
        return f"({value / scale:.{digits}f} +- {error / scale:.{digits}f})e{exponent:+03d}"
    return f"{value:.{max(place, 0)}f} +- {error:.{max(place, 0)}f}"
