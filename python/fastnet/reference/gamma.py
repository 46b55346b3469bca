"""Gamma values in NumPy (Marsaglia and Tsang 2000), and the laws made of them.

Each takes key, stream, position and the number of values.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from fastnet.reference.philox import GAMMA, Array, words64
from fastnet.reference.sampling import log_unit64, normal_pairs64, normal_values

# Shapes whose gamma values are summed as they are: of smaller ones all may underflow, of larger
# ones the sum may overflow.
DIRICHLET_RANGE = (0.1, 1e250)


def _normal(key: int, ticket: int, position: int) -> float:
    pair = normal_pairs64(words64(key, GAMMA, ticket, position // 2 * 2, 2))
    return float(pair[position % 2])


def log_gamma_values(
    key: int, stream: int, position: int, n: int, shape: npt.ArrayLike, part: int = 0
) -> Array:
    """Return the logarithms of n gamma values of scale 1; part 1 has others than part 0."""
    ticket = (stream << 40) + (part << 32)
    shapes = np.broadcast_to(np.asarray(shape, float), (n,))
    result = np.empty(n)
    for i, a in enumerate(shapes):
        at = position + i
        log_u = float(log_unit64(words64(key, GAMMA, ticket + 2, at, 1))[0])
        if a == 1:
            result[i] = math.log(-log_u)
            continue
        d = (a + 1 if a < 1 else a) - 1 / 3
        c = 1 / math.sqrt(9 * d)
        attempt = 0
        while True:
            z = _normal(key, ticket + 4 * attempt, at)
            u = int(words64(key, GAMMA, ticket + 4 * attempt + 1, at, 1)[0] >> np.uint64(11))
            v = (1 + c * z) ** 3
            if v > 0 and (u == 0 or math.log(u * 2.0**-53) < z * z / 2 + d * (1 - v + math.log(v))):
                break
            attempt += 1
        result[i] = math.log(d * v)
        if a < 1:
            result[i] += log_u / a if a > 0 else -math.inf
    return result


def gamma_values(key: int, stream: int, position: int, n: int, shape: npt.ArrayLike) -> Array:
    """Return n gamma values of scale 1."""
    return np.asarray(np.exp(log_gamma_values(key, stream, position, n, shape)))


def beta_values(key: int, stream: int, position: int, n: int, a: float, b: float) -> Array:
    """Return n beta values from two gamma values each."""
    first = log_gamma_values(key, stream, position, n, a)
    second = log_gamma_values(key, stream, position, n, b, 1)
    with np.errstate(over="ignore"):
        return np.asarray(1 / (1 + np.exp(second - first)))


def standard_t_values(key: int, stream: int, position: int, n: int, df: float) -> Array:
    """Return n values of Student's t."""
    logs = log_gamma_values(key, stream, position, n, df / 2)
    z = normal_values(key, stream, position, n, np.float64)
    return np.asarray(z * np.sqrt(df / 2) * np.exp(-logs / 2))


def dirichlet_values(key: int, stream: int, position: int, n: int, alpha: npt.ArrayLike) -> Array:
    """Return n vectors of sum 1, of len(alpha) positions each."""
    alpha = np.asarray(alpha, float)
    d = len(alpha)
    shapes = np.tile(alpha, n)
    least, most = DIRICHLET_RANGE
    if alpha.min() >= least and alpha.max() <= most:
        g = gamma_values(key, stream, position, n * d, shapes).reshape(n, d)
    else:
        logs = log_gamma_values(key, stream, position, n * d, shapes).reshape(n, d)
        g = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(g / g.sum(axis=1, keepdims=True))
