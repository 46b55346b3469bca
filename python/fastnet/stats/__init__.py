"""Probability: moments of data."""

from fastnet.stats.describe import Description as Description
from fastnet.stats.describe import describe as describe
