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

    For p from 0.6 on, below 1000 degrees of freedom to 1e-11; from there by the expansion in
    1 / degrees of Abramowitz and Stegun 26.7.5 up to the fourth power, off by less than 1e-9.
    """
    v = degrees
    if v <= 0:
        return math.inf
    if p < 0.5:
        return -student_quantile(1 - p, v)
    q = 1 - p
    if v == 1:
        return 1 / math.tan(math.pi * q)
    if v == 2:
        return (p - q) / math.sqrt(2 * p * q)
    z = normal_quantile(p)
    g1 = (z**3 + z) / 4
    g2 = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    g3 = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    g4 = (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160
    t = z + g1 / v + g2 / v**2 + g3 / v**3 + g4 / v**4
    return t if v >= 1000 or t <= 0 else _refined(t, q, v)


def _refined(t: float, q: float, v: float) -> float:
    """Return t with P(T > t) = q by Newton's steps from a guess.

    log P is a concave function of log t, almost a line far out: steps are down from the second on.
    """
    log_density = math.lgamma((v + 1) / 2) - math.lgamma(v / 2) - math.log(v * math.pi) / 2
    for _ in range(50):
        tail = _student_tail(t, v)
        slope = t * math.exp(log_density - (v + 1) / 2 * math.log1p(t * t / v)) / tail
        step = math.log(tail / q) / slope
        t *= math.exp(step)
        if abs(step) < 1e-12:
            break
    return t


def _student_tail(t: float, v: float) -> float:
    """Return P(T > t) for t > 0, half an incomplete beta integral at v / (v + t^2)."""
    x, y = v / (v + t * t), t * t / (v + t * t)
    if x * (v + 5) < v + 2:
        return _beta_integral(v / 2, 0.5, x, y) / 2
    return (1 - _beta_integral(0.5, v / 2, y, x)) / 2


def _beta_integral(a: float, b: float, x: float, y: float) -> float:
    """Return I_x(a, b) for y = 1 - x and x < (a + 1) / (a + b + 2).

    By the continued fraction of Abramowitz and Stegun 26.5.8, from its end: its value is reached
    after some sqrt(max(a, b)) terms.
    """
    value = 1.0
    for m in range(50 + 3 * int(math.sqrt(a + b)), 0, -1):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m - 1) * (a + b + m - 1) * x / ((a + 2 * m - 2) * (a + 2 * m - 1))
        value = 1 + odd / (1 + even / value)
    scale = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    return math.exp(scale + a * math.log(x) + b * math.log(y)) / (a * value)


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
