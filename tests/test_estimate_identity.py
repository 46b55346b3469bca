"""Estimates of different functions and laws do not merge, and are not gone on from."""

import numpy as np
import pytest
import scipy.stats
from laws import NORMAL, Opaque

from fastnet.montecarlo import Estimate, expectation
from fastnet.montecarlo._identity import law_digest
from fastnet.stats import (
    Beta,
    Categorical,
    Exponential,
    Gamma,
    MultivariateNormal,
    Normal,
    StudentT,
    Uniform,
    as_distribution,
)


def sorted_values(x):
    return np.sort(x)


def run(f=lambda x: x, dist=NORMAL, n=5000, rng=1, **options):
    return expectation(f, dist, n=n, rng=rng, **options)


@pytest.mark.parametrize(
    ("f", "dist"),
    [
        (lambda x: x + 100, NORMAL),
        (lambda x: x * 2, NORMAL),
        (lambda x: x, Uniform()),
        (lambda x: x, Normal(0, 2)),
        (sorted_values, Exponential(1)),
    ],
)
def test_different_functions_and_laws_do_not_merge(f, dist):
    a = run()
    b = run(f, dist, rng=3)
    for first, second in ((a, b), (b, a), (Estimate.from_bytes(a.to_bytes()), b)):
        with pytest.raises(ValueError, match="same function, distribution and dtype"):
            first | second
    with pytest.raises(ValueError, match="resume must be"):
        expectation(f, dist, n=10_000, resume=a)


def test_constants_and_dtypes_are_compared():
    a = run(lambda x: np.maximum(x - 1.0, 0))
    with pytest.raises(ValueError, match="functions that differ"):
        a | run(lambda x: np.maximum(x - 1.5, 0), rng=2)
    with pytest.raises(ValueError, match="dtype"):
        run() | run(rng=2, dtype=np.float32)
    with pytest.raises(ValueError, match="distributions"):
        run(proposal=Normal(0, 2)) | run(proposal=Normal(0, 3), rng=2)


def test_the_same_written_otherwise_merges():
    def f(x):
        scale = 2.0
        y = x * scale
        return y + 1

    a, b = run(f, Normal(0, 1)), run(lambda x: (x * 2.0) + 1, Normal(0.0, np.float64(1)), rng=2)
    assert (a | b).n == 10_000
    assert (a | b).to_bytes() == (b | a).to_bytes()
    # What is not traced is compared by its law.
    c = run(sorted_values, NORMAL, rng=3)
    assert (a | c).to_bytes() == (c | a).to_bytes()
    with pytest.raises(ValueError, match="functions"):
        (a | c) | run(lambda x: x * 3.0, rng=4)


def test_digests_of_laws():
    laws = [
        Normal(0, 1), Normal(0, 2), Uniform(0, 1), Exponential(2), Gamma(2, 1), Beta(1, 2),
        Beta(2, 1), StudentT(3), 2 * Gamma(2, 1) + 1, 2 * Gamma(2, 1), Categorical([0.5, 0.5]),
        Categorical([0.25, 0.75]), MultivariateNormal([0, 0], np.eye(2)),
        MultivariateNormal([0, 1], np.eye(2)), as_distribution(scipy.stats.norm(1, 2)),
        as_distribution(scipy.stats.norm(loc=1, scale=3)), [Normal(), Normal()], [Normal()],
        Opaque("normal"),
    ]  # fmt: skip
    assert len({law_digest(law) for law in laws}) == len(laws)
    assert law_digest(Gamma(2, 1)) == law_digest(Gamma(2.0, np.float32(1)))
    assert law_digest([Normal(), Normal()]) == law_digest((Normal(0, 1), Normal(-0.0, 1)))
    assert law_digest(Opaque("normal")) == law_digest(Opaque("normal"))


def test_resume_takes_no_other_rng():
    a = run(rng=7)
    with pytest.raises(ValueError, match="rng must be None or"):
        run(n=8000, rng=8, resume=a)
    assert run(n=8000, rng=7, resume=a) == run(n=8000, rng=None, resume=a) == run(n=8000, rng=7)


def test_merging_is_symmetric():
    a = run(rng=1, confidence_level=0.9)
    b = run(rng=2, stopping="anytime", confidence_level=0.99)
    assert (a | b).to_bytes() == (b | a).to_bytes()
    assert (a | b).stopping == "anytime"
    assert (a | b).confidence_level == 0.99
    assert (a | b).confidence_interval() == (b | a).confidence_interval()
