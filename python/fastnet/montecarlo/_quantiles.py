"""Quantiles of the normal and of Student's law, without SciPy."""

from __future__ import annotations

import math
from typing import Any

from fastnet._arrays import real


def checked_level(value: Any, name: str) -> float:
    """Return a confidence level; ValueError for one whose quantile is not finite."""
    level = real(value, name)
    # From 1 - 2^-53 on, (1 + level) / 2 is 1.
    if not (level > 0 and 0.5 + level / 2 < 1):
        msg = f"{name} must be in (0, 1 - 2^-53), got {value!r}"
        raise ValueError(msg)
    return level


def normal_quantile(p: float) -> float:
    """Return z with P(Z <= z) = p."""
    from statistics import NormalDist

    return NormalDist().inv_cdf(p)


def student_quantile(p: float, degrees: float) -> float:
    """Return t with P(T <= t) = p for Student's law.

    Exact for 1 and 2 degrees of freedom, else the expansion in 1 / degrees of Abramowitz and Stegun
    26.7.5 up to the fourth power: off by less than 0.6 % at 4 degrees for p <= 0.995, and by less
    than 1e-4 from 10 on. For 3, SciPy's.
    """
    z = normal_quantile(p)
    v = degrees
    if v <= 0:
        return math.inf
    if v == 1:
        return math.tan(math.pi * (p - 0.5))
    if v == 2:
        a = 4 * p * (1 - p)
        return 2 * (p - 0.5) * math.sqrt(2 / a)
    g1 = (z**3 + z) / 4
    g2 = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    g3 = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    g4 = (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160
    return z + g1 / v + g2 / v**2 + g3 / v**3 + g4 / v**4


def anytime_width(n: float, deviation: float, level: float, tuned: float) -> float:
    """Return the half width of an interval that holds at all n at once.

    The normal mixture of Robbins (1970) with an estimated standard deviation, valid asymptotically
    (Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas, "Time-uniform central limit theory and
    asymptotic confidence sequences", 2024, theorem 2.2):

        s sqrt(2 (n r + 1) / (n^2 r) log(sqrt(n r + 1) / alpha))

    r = (-2 log alpha + log(-2 log alpha + 1)) / tuned makes it narrowest near n = tuned.
    """
    alpha = 1 - level
    r = (-2 * math.log(alpha) + math.log(-2 * math.log(alpha) + 1)) / tuned
    return deviation * math.sqrt(
        2 * (n * r + 1) / (n * n * r) * math.log(math.sqrt(n * r + 1) / alpha)
    )
