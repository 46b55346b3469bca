"""The SIMD laws: the reference's values, equal bits everywhere, fit, tails, bad parameters.

Tests of fit have fixed seeds, so they never fail by chance; a new seed would fail each of their
comparisons with probability 1e-4 (`LEVEL`).
"""

import numpy as np
import pytest
import scipy.stats
from helpers import FMA_LEVELS, assert_same_bits, use_threads

import fastnet
from fastnet.random import Generator
from fastnet.reference.random import Generator as Reference
from fastnet.reference.sampling import log_unit32, log_unit64

LEVEL = 1e-4
# Each law by its method's arguments, scipy.stats' law of the same values.
LAWS = {
    "standard_normal": ((), scipy.stats.norm()),
    "normal": ((-1.5, 2.25), scipy.stats.norm(-1.5, 2.25)),
    "lognormal": ((0.25, 0.5), scipy.stats.lognorm(0.5, scale=np.exp(0.25))),
    "standard_exponential": ((), scipy.stats.expon()),
    "exponential": ((3.0,), scipy.stats.expon(scale=3)),
    "laplace": ((1.0, 0.5), scipy.stats.laplace(1, 0.5)),
}


def draw(rng, law, n, dtype):
    return getattr(rng, law)(*LAWS[law][0], size=n, dtype=dtype)


def tolerance(law, dtype):
    """Bound of the error in units of eps, of the value and of 1 + |shift|, and why.

    A radius or -ln u: float32's u is rounded to half an ulp (1 after the logarithm, whose size is
    at least that of the rounded 1 - u), the logarithm 1 ulp, the square root 1/2. An angle: 1 for
    the argument, 2 for the polynomial. The product 1/2, shift and scale 2 of what they are near.
    Without fma each step of a polynomial rounds twice: twice as much. exp has the argument's error
    times the argument (at most 5 here) and 2.
    """
    return (60 if law == "lognormal" else 12) * np.finfo(dtype).eps


@pytest.mark.parametrize("law", LAWS)
def test_values_are_the_reference_s(isa, dtype, law):
    reference = Reference(5)
    name = law.removeprefix("standard_")
    whole = getattr(reference, name)(*LAWS[law][0], size=400, dtype=dtype).astype(float)
    for position in (*range(9), 33):
        for n in range(0, 150, 11):
            values = draw(Generator(5).advance(position), law, n, dtype)
            assert values.dtype == dtype
            expected = whole[position : position + n]
            error = np.abs(values - expected)
            assert (error <= tolerance(law, dtype) * (2 + np.abs(expected))).all()
            if not LAWS[law][0]:  # no shift: the error is relative
                assert (error <= tolerance(law, dtype) * np.abs(expected)).all()


@pytest.mark.parametrize("law", LAWS)
def test_calls_continue_each_other(isa, dtype, law):
    rng = Generator(1)
    parts = [draw(rng, law, n, dtype) for n in (3, 2, 0, 1, 40, 17, 64, 1)]
    assert rng.position == 128
    assert_same_bits(np.concatenate(parts), draw(Generator(1), law, 128, dtype))


@pytest.mark.parametrize("law", LAWS)
def test_same_bits_at_every_level_with_fma_and_any_thread_count(dtype, law):
    results = []
    for level in FMA_LEVELS:
        for n in (1, 2, 7):
            use_threads(n)
            with fastnet.runtime.use_isa(level):
                results.append(draw(Generator(5).advance(3), law, 100_001, dtype))
    with fastnet.runtime.use_isa("baseline"):
        base = draw(Generator(5).advance(3), law, 100_001, dtype)
    use_threads(None)
    for result in results[1:]:
        assert_same_bits(result, results[0])
    near = 2 * tolerance(law, dtype) * (2 + np.abs(base))
    assert not results or (np.abs(results[0] - base) <= near).all()


def test_positions_beyond_2_to_32(isa, dtype):
    for position in (2**33 - 3, 2**34 - 3, 2**62 + 1):
        reference = Reference(5)
        reference.position = position
        expected = reference.normal(size=50, dtype=dtype)
        values = Generator(5).advance(position).standard_normal(50, dtype)
        np.testing.assert_allclose(values, expected, rtol=12 * np.finfo(dtype).eps)


# ---- parameters ----


def test_array_parameters_give_the_bits_of_single_ones(dtype):
    loc, scale = np.array([[0.0], [-4.0]]), np.array([1.0, 0.0, 8.0])
    for law in ("normal", "laplace", "lognormal"):
        values = getattr(Generator(1), law)(loc, scale, dtype=dtype)
        singles = [
            getattr(Generator(1).advance(i), law)(float(a), float(b), dtype=dtype)
            for i, (a, b) in enumerate(np.nditer([loc, scale]))
        ]
        assert_same_bits(values.ravel(), np.array(singles))
    values = Generator(1).exponential(scale, (2, 3), dtype)
    assert_same_bits(values[:, 2], Generator(1).exponential(8, (2, 3), dtype)[:, 2])


def test_scalars_outputs_and_constants(dtype):
    assert type(Generator(1).normal(2.0, 0, dtype=dtype)) is dtype.type
    assert Generator(1).normal(2.0, 0, dtype=dtype) == 2
    out = np.empty((3, 5), dtype)
    assert Generator(1).standard_normal(dtype=dtype, out=out) is out
    assert_same_bits(out.ravel(), Generator(1).standard_normal(15, dtype))
    assert Generator(1).exponential(np.float64(2), dtype=dtype).dtype == dtype
    assert (Generator(1).lognormal(0, 0, 7, dtype) == 1).all()


@pytest.mark.parametrize(
    ("law", "arguments", "message"),
    [
        ("normal", (0, -1), "scale must be finite and at least 0, got -1"),
        ("normal", (np.nan,), "loc must be finite, got nan"),
        ("normal", (0, [1, np.inf]), "scale must be finite and at least 0"),
        ("lognormal", (np.inf,), "mean must be finite"),
        ("lognormal", (0, -0.5), "sigma must be finite and at least 0, got -0.5"),
        ("exponential", (-2.0,), "scale must be finite and at least 0, got -2.0"),
        ("laplace", (0, np.nan), "scale must be finite and at least 0, got nan"),
        ("standard_exponential", (3, None, "zig"), "method must be 'inv', got 'zig'"),
    ],
)
def test_bad_parameters(law, arguments, message):
    rng = Generator(1)
    with pytest.raises(ValueError, match=message):
        getattr(rng, law)(*arguments)
    assert rng.position == 0


def test_parameters_of_a_wrong_type():
    with pytest.raises(TypeError, match="loc must be an array of numbers"):
        Generator(1).normal("a")
    with pytest.raises(ValueError, match="scale has a value too large for dtype float32"):
        Generator(1).normal(0, 1e39, dtype=np.float32)
    with pytest.raises(ValueError, match=r"scale must broadcast to shape \(2,\), got \(3,\)"):
        Generator(1).normal(0, [1, 2, 3], 2)


# ---- laws ----


@pytest.mark.parametrize("law", LAWS)
def test_values_fit_their_law(dtype, law):
    # p-values of many comparisons are uniform themselves: one test of them all.
    frozen = LAWS[law][1]
    fits, neighbours = [], []
    for seed in range(20):
        values = draw(Generator(seed), law, 20_000, dtype)
        fits.append(scipy.stats.kstest(values, frozen.cdf).pvalue)
        # Neighbours, of which some share a radius, and values at the distance of a block or more.
        u = frozen.cdf(values)
        for lag in (1, 2, 4, 16):
            grid = np.histogram2d(u[:-lag:2], u[lag::2], bins=8, range=[[0, 1], [0, 1]])[0]
            neighbours.append(scipy.stats.chisquare(grid.ravel()).pvalue)
    assert scipy.stats.kstest(fits, "uniform").pvalue > LEVEL
    assert scipy.stats.kstest(neighbours, "uniform").pvalue > LEVEL


@pytest.mark.parametrize("law", ["random", "standard_normal", "standard_exponential"])
def test_values_across_streams_and_children_fit(dtype, law):
    # A user who gives each of many workers a stream takes a few values of each.
    cdf = {**LAWS, "random": ((), scipy.stats.uniform())}[law][1].cdf
    rng = Generator(21)
    for family in ([rng.jumped(i) for i in range(3000)], rng.spawn(3000)):
        values = np.array([getattr(member, law)(4, dtype) for member in family])
        assert scipy.stats.kstest(values.ravel(), cdf).pvalue > LEVEL
        for i in range(4):  # one position in all streams, and beside its neighbour in the next
            assert scipy.stats.kstest(values[:, i], cdf).pvalue > LEVEL
            assert scipy.stats.pearsonr(values[1:, i], values[:-1, i]).pvalue > LEVEL


def test_normal_tails(dtype):
    # Counts beyond k sigma are binomial: both tails of 2^24 values.
    n = 2**24
    z = Generator(3).standard_normal(n, dtype)
    for k in (3, 4, 5):
        for count in (int((z > k).sum()), int((z < -k).sum())):
            assert scipy.stats.binomtest(count, n, scipy.stats.norm.sf(k)).pvalue > LEVEL
    assert np.isfinite(z).all()
    assert (z != 0).all()


def test_the_ends_of_the_range():
    # What the smallest and the largest word give: no infinity, no zero, radii of 6.76 and 8.65.
    for log_unit, bits, radius in ((log_unit32, 32, 6.76), (log_unit64, 53, 8.65)):
        ends = log_unit(np.array([0, 2**32 - 1 if bits == 32 else 2**64 - 1], np.uint64))
        assert round(float(np.sqrt(-2 * ends[0])), 2) == radius
        assert abs(ends[1] * 2.0 ** (bits + 1) + 1) < 1e-9
