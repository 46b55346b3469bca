"""Prices of options against Black and Scholes, and what variance reduction is worth.

    python examples/options.py [figure.png]

A European call is worth exp(-r T) E[max(S - K, 0)] with S = S0 exp((r - s^2 / 2) T + s sqrt(T) Z)
and a standard normal Z; Black and Scholes (1973) know it in closed form. The mean over a path (an
Asian option) has none.
"""

import math
import sys
from statistics import NormalDist

import numpy as np

import fastnet
from fastnet.stats import Normal

SPOT, RATE, SIGMA, TIME = 100.0, 0.05, 0.2, 1.0
STEPS = 12


def stock(z):
    """Return the price of the stock at the end."""
    return SPOT * np.exp((RATE - SIGMA**2 / 2) * TIME + SIGMA * math.sqrt(TIME) * z)


def call(strike):
    """Return the discounted payoff of a call as a function of Z."""
    return lambda z: math.exp(-RATE * TIME) * np.maximum(stock(z) - strike, 0)


def black_scholes(strike):
    """Return the exact price of a call."""
    phi, sd = NormalDist().cdf, SIGMA * math.sqrt(TIME)
    d = (math.log(SPOT / strike) + (RATE + SIGMA**2 / 2) * TIME) / sd
    return SPOT * phi(d) - strike * math.exp(-RATE * TIME) * phi(d - sd)


def asian(z):
    """Return the discounted payoff on the mean price over twelve months."""
    step = TIME / STEPS
    logs = np.cumsum((RATE - SIGMA**2 / 2) * step + SIGMA * math.sqrt(step) * z, axis=-1)
    return math.exp(-RATE * TIME) * np.maximum((SPOT * np.exp(logs)).mean(axis=-1) - 100, 0)


def main(path=None, n=2**22):
    """Print prices with their errors; draw both over the strikes."""
    law = Normal(0, 1)
    discounted = (lambda z: math.exp(-RATE * TIME) * stock(z), SPOT)
    methods = {
        "plain": {},
        "antithetic": {"method": "antithetic"},
        "control variate": {"control": discounted},
    }
    strikes = np.arange(70, 135, 5)
    errors = {name: [] for name in methods}
    prices = []
    worst = 0.0
    for strike in strikes:
        for name, options in methods.items():
            e = fastnet.expectation(call(strike), law, n=n, rng=1, **options)
            errors[name].append(e.standard_error)
            if name == "plain":
                prices.append(e.mean)
            worst = max(worst, abs(e.mean - black_scholes(strike)) / e.standard_error)
        if strike == 100:
            print(f"call at 100: {e}, Black and Scholes {black_scholes(100):.6f}")
    print(f"furthest from Black and Scholes, in standard errors: {worst:.2f}")
    e = fastnet.expectation(asian, [law] * STEPS, n=n, rng=3)
    print(f"Asian call at 100: {e}")
    if path:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(10, 4), layout="constrained")
        left, right = figure.subplots(1, 2)
        left.plot(strikes, [black_scholes(k) for k in strikes], color="#0072B2",
                  label="Black and Scholes")  # fmt: skip
        left.plot(strikes, prices, "o", color="#D55E00", markersize=4, label="Monte Carlo, plain")
        left.set_xlabel("strike")
        left.set_ylabel("price of a call")
        left.legend()
        for (name, values), colour in zip(
            errors.items(), ["#6E6E6E", "#D55E00", "#0072B2"], strict=True
        ):
            right.plot(strikes, values, "o-", color=colour, markersize=4, label=name)
        right.set_yscale("log")
        right.set_xlabel("strike")
        right.set_ylabel(f"standard error, n = {n:,}")
        right.legend()
        figure.savefig(path)
    return worst, e


if __name__ == "__main__":
    main(*sys.argv[1:])
