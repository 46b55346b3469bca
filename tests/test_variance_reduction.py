"""Variance reduction: unbiased, narrower, and honest about its error."""

import math

import numpy as np
import pytest
import scipy.special
import scipy.stats
from laws import NORMAL, UNIFORM, Law, assert_covers, payoff

import fastnet
from fastnet.montecarlo import Estimate, expectation

CALL = 10.45058357218556678


def control(x):
    """The discounted price of the stock, whose expectation is today's."""
    return math.exp(-0.05) * 100 * np.exp(0.03 + 0.2 * x)


VARIANTS = {
    "antithetic": {"method": "antithetic"},
    "control": {"control": (control, 100.0)},
    "importance": {"proposal": Law("normal", 0.5, 1.2)},
}


@pytest.mark.parametrize("name", VARIANTS)
def test_the_price_of_an_option(name, dtype):
    plain = expectation(payoff, NORMAL, n=2**18, rng=1, dtype=dtype)
    e = expectation(payoff, NORMAL, n=2**18, rng=1, dtype=dtype, **VARIANTS[name])
    assert e.how == "traced", e.message
    assert e.n == 2**18
    assert_covers(e, CALL)
    assert e.standard_error < plain.standard_error
    assert Estimate.from_bytes(e.to_bytes()) == e


# The mean of 300 squared z-scores is 1 +- sqrt(2 / 300) = 0.08: five of them are 0.41.
@pytest.mark.parametrize("name", [*VARIANTS, "stratified"])
def test_errors_are_honest(name):
    if name == "stratified":
        f, dist, truth = lambda x: np.exp(x), UNIFORM, math.e - 1
        options = {"method": "stratified"}
    else:
        f, dist, truth, options = payoff, NORMAL, CALL, VARIANTS[name]
    z = []
    for seed in range(300):
        e = expectation(f, dist, n=4096, rng=seed, **options)
        z.append((e.mean - truth) / e.standard_error)
    assert np.mean(np.square(z)) == pytest.approx(1, abs=0.41)
    assert abs(np.mean(z)) < 5 / math.sqrt(300)


def test_antithetic_pairs_of_each_law():
    for law, f, truth in (
        (NORMAL, lambda x: np.exp(x), math.exp(0.5)),
        (Law("uniform", 2.0, 3.0), lambda x: x**2, 19 / 3),
        (Law("laplace", 1.0, 1.0), lambda x: x, 1),
        (Law("exponential"), lambda x: np.sqrt(x), math.sqrt(math.pi) / 2),
        ([NORMAL, NORMAL], lambda x: np.exp(x[:, 0] + x[:, 1]), math.e),
        ([NORMAL, UNIFORM], lambda x: x[:, 0] ** 2 + x[:, 1], 1.5),
    ):
        if isinstance(law, list) and law[1] is UNIFORM:
            continue  # the normal law needs an icdf there; the next test has it
        e = expectation(f, law, n=2**17, rng=1, method="antithetic")
        assert_covers(e, truth)
    linear = expectation(lambda x: 3 * x + 1, NORMAL, n=1000, rng=1, method="antithetic")
    assert linear.mean == pytest.approx(1, abs=1e-14)
    assert linear.standard_error < 1e-15


def test_laws_of_the_package():
    from fastnet.stats import Exponential, MultivariateNormal, Normal, Uniform

    e = expectation(
        lambda x: x[:, 0] ** 2 + x[:, 1], [Normal(0, 1), Uniform(0, 1)], n=2**15, rng=1,
        method="antithetic",
    )  # fmt: skip
    assert_covers(e, 1.5)
    law = MultivariateNormal([1.0, 2.0], [[1.0, 0.5], [0.5, 2.0]])
    e = expectation(lambda x: x[:, 0] * x[:, 1], law, n=2**15, rng=1, method="antithetic")
    assert_covers(e, 2.5)
    e = expectation(lambda x: np.exp(x), Normal(0, 1), n=2**15, rng=1, method="stratified")
    assert_covers(e, math.exp(0.5))
    e = expectation(lambda x: x**2, Exponential(2.0), n=2**16, rng=1, method="stratified")
    assert_covers(e, 8)


def test_stratified_is_much_narrower():
    plain = expectation(lambda x: np.exp(x), UNIFORM, n=2**16, rng=1)
    e = expectation(lambda x: np.exp(x), UNIFORM, n=2**16, rng=1, method="stratified", strata=32)
    assert e.how == "traced"
    assert e.n == 2**16
    assert_covers(e, math.e - 1)
    assert e.standard_error < plain.standard_error / 20


@pytest.mark.parametrize("method", ["stratified", "antithetic"])
def test_quantiles_stay_finite_at_the_ends(method, dtype):
    from fastnet.montecarlo._methods import Antithetic, Stratified
    from fastnet.stats import Exponential, Normal, Uniform

    largest = 1 - np.finfo(dtype).eps / 2
    for law in (Exponential(1.0), Normal(0.0, 1.0)):
        if method == "stratified":
            for strata in (2, 16, 100, 256):
                u = np.array([[0] * strata, [largest] * strata], dtype)
                assert np.all(np.isfinite(Stratified(None, law, strata)(u)))
        else:
            pairs = Antithetic(lambda x: x[:, 0], [law, Uniform(0, 1)])
            u = np.array([[0, 0.5], [largest, 0.5]], dtype)
            assert np.all(np.isfinite(pairs(u)))
    # In float32 these are enough samples for a sum that rounds to 1.
    e = expectation(None, Exponential(1.0), n=16 * 2**18, rng=1, method=method, dtype=dtype)
    assert_covers(e, 1)


def test_rare_events_by_importance():
    truth = scipy.special.ndtr(-5)
    e = expectation(lambda x: x > 5, NORMAL, n=2**17, rng=1, proposal=Law("normal", 5.0, 1.0))
    assert_covers(e, truth)
    assert e.standard_error < 0.02 * truth
    assert 0 < e.ess < e.n
    assert expectation(None, NORMAL, n=1000, rng=1).ess == 1000


def test_weights_have_mean_one_and_their_ess():
    p, q = Law("normal", 0.0, 1.0), Law("normal", 0.5, 1.5)
    e = expectation(None, p, n=10_000, rng=1, proposal=q)
    key = np.random.SeedSequence([fastnet.random.Generator(1).key, 0]).generate_state(1, np.uint64)
    x = np.empty(10_000)
    fastnet._core.random_draw("normal", int(key[0]), 0, 0, 0.5, 1.5, x)
    w = scipy.stats.norm.pdf(x) / scipy.stats.norm.pdf(x, 0.5, 1.5)
    assert e.ess == pytest.approx(w.sum() ** 2 / (w**2).sum(), rel=1e-9)
    assert e.mean == pytest.approx((x * w).mean(), abs=1e-12)


@pytest.mark.parametrize(
    ("p", "q", "f", "truth"),
    [
        (Law("exponential"), Law("exponential", 0.0, 2.0), None, 1),
        (Law("uniform"), Law("uniform", -1.0, 2.0), None, 0.5),
        (Law("laplace"), Law("laplace", 0.0, 1.5), lambda x: abs(x), 1),
        ([NORMAL, NORMAL], [Law("normal", 1.0, 1.0)] * 2, lambda x: x[:, 0] - x[:, 1], 0),
    ],
)
def test_importance_between_laws(p, q, f, truth):
    assert_covers(expectation(f, p, n=2**17, rng=1, proposal=q), truth)


def test_control_variates_are_a_regression():
    def f(x):
        return np.exp(x)

    rng_key = np.random.SeedSequence([fastnet.random.Generator(2).key, 0])
    x = np.empty(3000)
    key = int(rng_key.generate_state(1, np.uint64)[0])
    fastnet._core.random_draw("normal", key, 0, 0, 0.0, 1.0, x)
    c = np.stack([x, x**2 - 1], -1)
    design = np.column_stack([np.ones(3000), c])
    coefficients, *_ = np.linalg.lstsq(design, np.exp(x), rcond=None)
    residual = np.exp(x) - design @ coefficients
    variance = residual @ residual / (3000 - 3) * np.linalg.inv(design.T @ design)[0, 0]
    e = expectation(f, NORMAL, n=3000, rng=2, control=[(lambda x: (x, x**2 - 1), [0.0, 0.0])])
    assert e.mean == pytest.approx(coefficients[0], rel=1e-11)
    assert e.standard_error == pytest.approx(math.sqrt(variance), rel=1e-9)


def test_a_perfect_control_leaves_no_error():
    e = expectation(lambda x: 2 * x + 1, NORMAL, n=5000, rng=1, control=(lambda x: x, 0.0))
    assert e.mean == pytest.approx(1, abs=1e-12)
    assert e.standard_error < 1e-9


def test_a_constant_control_does_no_harm():
    e = expectation(payoff, NORMAL, n=2**16, rng=1, control=(lambda x: 0 * x + 1, 1.0))
    plain = expectation(payoff, NORMAL, n=2**16, rng=1)
    assert e.mean == pytest.approx(plain.mean, rel=1e-12)


def test_controls_and_importance_together():
    e = expectation(
        lambda x: x > 2, NORMAL, n=2**17, rng=1, proposal=Law("normal", 2.0, 1.0),
        control=(lambda x: np.ones_like(x), 1.0),
    )  # fmt: skip
    assert_covers(e, scipy.special.ndtr(-2))


def test_sobol_points():
    def genz(x):
        return np.prod(2 * x, axis=-1)

    e = expectation(genz, [UNIFORM] * 3, n=2**15, rng=1, method="sobol")
    plain = expectation(genz, [UNIFORM] * 3, n=2**15, rng=1)
    assert e.n == 2**15
    assert abs(e.mean - 1) < 6 * e.standard_error
    assert e.standard_error < plain.standard_error / 10
    assert e == expectation(genz, [UNIFORM] * 3, n=2**15, rng=1, method="sobol")
    assert Estimate.from_bytes(e.to_bytes()) == e


def test_sobol_intervals_are_wide_enough():
    # 200 intervals of 95 %: fewer than 178 covering has a probability of 1e-4.
    hits = 0
    for seed in range(200):
        e = expectation(
            lambda x: np.exp(x[:, 0] * x[:, 1]), [UNIFORM] * 2, n=512, rng=seed, method="sobol",
            replicates=16,
        )  # fmt: skip
        low, high = e.confidence_interval()
        hits += low < 1.3179021514544038 < high
    assert hits >= 178


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"method": "magic"}, "method must be one of"),
        ({"method": "antithetic", "control": (control, 100.0)}, "combined"),
        ({"method": "stratified", "proposal": NORMAL}, "combined"),
        ({"method": "stratified", "strata": 1}, "strata"),
        ({"method": "stratified"}, "icdf"),
        ({"proposal": [NORMAL]}, "components"),
        ({"control": (control, [1.0, 2.0])}, "control must give 2"),
        ({"method": "sobol", "rtol": 0.1, "n": None}, "sobol"),
    ],
)
def test_bad_options(options, match):
    with pytest.raises(ValueError, match=match):
        expectation(payoff, NORMAL, **{"n": 1000, **options})
    with pytest.raises(TypeError, match="control"):
        expectation(payoff, NORMAL, n=100, control=3)
