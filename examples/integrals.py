"""Pi and an integral: expectations of uniform points, and how their error falls with n.

    python examples/integrals.py [figure.png]

The share of points of the square that fall within the circle is pi / 4, and the integral of f over
[0, 1] is E[f(U)]. The error falls as 1 / sqrt(n): a hundred times the points for one more digit.
"""

import math
import sys

import numpy as np

import fastnet
from fastnet import plot
from fastnet.stats import Uniform


def inside(x):
    """Return 4 where a point of the square [-1, 1]^2 is within the unit circle, else 0."""
    return 4 * ((x**2).sum(axis=-1) <= 1)


def gauss(x):
    """Return the integrand exp(-x^2)."""
    return np.exp(-(x**2))


def main(path=None, n=2**24):
    """Print both estimates; draw their convergence."""
    cases = [
        ("pi", fastnet.expectation(inside, [Uniform(-1, 1)] * 2, n=n, rng=1), math.pi),
        (
            "integral of exp(-x^2) over [0, 1]",
            fastnet.expectation(gauss, Uniform(0, 1), n=n, rng=2),
            math.sqrt(math.pi) / 2 * math.erf(1),
        ),
    ]
    for name, estimate, truth in cases:
        print(f"{name}: {estimate}, exactly {truth:.9f}")
    if path:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(10, 4), layout="constrained")
        for ax, (name, estimate, truth) in zip(figure.subplots(1, 2), cases, strict=True):
            plot.convergence(estimate, ax=ax, truth=truth).set_title(name)
        figure.savefig(path)
    return cases


if __name__ == "__main__":
    main(*sys.argv[1:])
