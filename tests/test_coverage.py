"""Intervals cover the truth as often as they say: the short form of tests/interval_coverage.py.

A true coverage of p gives a share below p - 4 sqrt(p (1 - p) / 400) once in 30000 cases.
"""

import math

import pytest
from interval_coverage import CASES, PAGE, measure

RUNS = 400
# What skewness and few samples cost at most: measured over 2000 runs (docs/coverage.md).
AT_LEAST = {
    "few: exponential, n = 20": 0.90,
    "skewed: lognormal(1.5), n = 4096": 0.90,
    "skewed: lognormal(1.5), rtol = 10 %": 0.90,
    "rare: p = 0.001, n = 4096": 0.87,
    "rare: p = 0.001, rtol = 20 %": 0.93,
    "easy: option, rtol = 3 %": 0.93,
    "skewed: exponential, rtol = 2 %": 0.93,
}


@pytest.mark.parametrize("name", CASES)
def test_coverage(name):
    expected = 0.95 if "anytime" not in name else 0.97
    least = AT_LEAST.get(name, expected)
    share, _ = measure(name, RUNS)
    assert share >= least - 4 * math.sqrt(least * (1 - least) / RUNS)
    if name.startswith(("easy", "antithetic", "control")):
        assert share <= 0.95 + 4 * math.sqrt(0.95 * 0.05 / RUNS)


def test_the_page_has_every_case():
    if not PAGE.exists():
        pytest.skip("the documentation is not here")
    text = PAGE.read_text()
    assert not [name for name in CASES if f"| {name} |" not in text]
