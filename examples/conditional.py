"""E[y given x] against regression: what least squares learns is the conditional expectation.

    python examples/conditional.py [figure.png]

Of all functions of x, E[y given x] has the least mean squared error, and that error is the variance
of y around it. So a network trained with the L2 loss finds it, without being told the law.
"""

import sys

import numpy as np

import fastnet
from fastnet.stats import Joint, Normal, Uniform


def middle(x):
    """Return E[y given x] of the law below."""
    return np.sin(2 * x) + 0.3 * x


def main(path=None, n=2**16):
    """Print how far bins and regression are from the truth; draw them."""
    joint = Joint(x=Uniform(-3, 3), y=lambda x: Normal(middle(x), 0.3 + 0.1 * np.abs(x)))
    at = np.linspace(-2.9, 2.9, 59)
    found = {
        method: fastnet.conditional_expectation("y", "x", joint, at, method=method, n=n, rng=1)
        for method in ("bins", "regression")
    }
    off = {}
    for method, c in found.items():
        off[method] = float(np.abs(c.mean - middle(at)).mean())
        print(
            f"{method}: mean distance {off[method]:.4f}, mean standard error "
            f"{c.standard_error.mean():.4f}"
        )
    if path:
        from matplotlib.figure import Figure

        ax = Figure(figsize=(8, 4.5), layout="constrained").subplots()
        points = joint.sample(1500, rng=2)
        ax.plot(points[:, 0], points[:, 1], ".", color="#BBBBBB", markersize=3, label="samples")
        ax.plot(at, middle(at), color="black", label="E[y given x]")
        c = found["bins"]
        ax.errorbar(at, c.mean, 2 * c.standard_error, fmt="o", color="#D55E00", markersize=3,
                    label="bins, two standard errors")  # fmt: skip
        ax.plot(at, found["regression"].mean, "--", color="#0072B2", label="network, L2 loss")
        ax.set_xlabel("x")
        ax.set_ylabel("y")
        ax.legend()
        ax.figure.savefig(path)
    return off


if __name__ == "__main__":
    main(*sys.argv[1:])
