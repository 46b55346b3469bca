"""Expectations by Monte Carlo: means of functions of random variables, and how sure they are."""

from fastnet.montecarlo.conditional import Conditional as Conditional
from fastnet.montecarlo.conditional import conditional_expectation as conditional_expectation
from fastnet.montecarlo.dropout import MCDropout as MCDropout
from fastnet.montecarlo.dropout import mc_dropout as mc_dropout
from fastnet.montecarlo.estimate import Estimate as Estimate
from fastnet.montecarlo.estimate import Interval as Interval
from fastnet.montecarlo.estimate import Point as Point
from fastnet.montecarlo.expectation import expectation as expectation

__all__ = [
    "Conditional",
    "Estimate",
    "Interval",
    "MCDropout",
    "Point",
    "conditional_expectation",
    "expectation",
    "mc_dropout",
]
