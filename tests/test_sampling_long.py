"""Fit and tails of 2^32 normals and exponentials: some minutes, by `nox -s long`.

Fixed seeds; a new seed would fail each comparison with probability 1e-4.
"""

import numpy as np
import pytest
import scipy.stats

from fastnet.random import Generator

pytestmark = pytest.mark.long
LEVEL = 1e-4
VALUES = 2**32
TILE = 2**22


@pytest.mark.parametrize(
    ("method", "frozen", "ends"),
    [
        ("standard_normal", scipy.stats.norm(), (-6.5, -6, -5, -4, -3, 3, 4, 5, 6, 6.5)),
        ("standard_exponential", scipy.stats.expon(), (2.0**-30, 2.0**-20, 10, 15, 20)),
    ],
)
def test_counts_of_bins_and_beyond_the_ends(dtype, method, frozen, ends):
    rng = Generator(20)
    out = np.empty(TILE, dtype)
    edges = frozen.ppf(np.arange(1, 256) / 256).astype(dtype)
    bins = np.zeros(256, np.int64)
    beyond = dict.fromkeys(ends, 0)
    low, high = max(e for e in ends if e < 1), min(e for e in ends if e > 1)
    for _ in range(VALUES // TILE):
        getattr(rng, method)(dtype=dtype, out=out)
        # Of one value in 16 the bin, of all the ends.
        bins += np.bincount(np.searchsorted(edges, out[::16]), minlength=256)
        far = out[(out < low) | (out > high)]
        for end in ends:
            outside = far < end if end < 1 else far > end
            beyond[end] += int(outside.sum())
    # Edges are rounded to the dtype, so a bin's probability is what lies between them.
    chances = np.diff(np.concatenate([[0], frozen.cdf(edges.astype(float)), [1]]))
    assert scipy.stats.chisquare(bins, chances * bins.sum()).pvalue > LEVEL
    for end, count in beyond.items():
        chance = frozen.cdf(end) if end < 1 else frozen.sf(end)
        assert scipy.stats.binomtest(count, VALUES, chance).pvalue > LEVEL, end
