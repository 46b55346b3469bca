"""Expectations by Monte Carlo: means of functions of random variables, and how sure they are."""

from fastnet.montecarlo.estimate import Estimate as Estimate
from fastnet.montecarlo.estimate import Interval as Interval
from fastnet.montecarlo.estimate import Point as Point
from fastnet.montecarlo.expectation import expectation as expectation

__all__ = ["Estimate", "Interval", "Point", "expectation"]
