"""Generator: positions, the reference bit for bit, every level and thread count, laws.

Tests of goodness of fit have fixed seeds, so they never fail by chance; a new seed would fail each
of their comparisons with probability 1e-4 (`LEVEL`).
"""

import numpy as np
import pytest
import scipy.stats
from helpers import assert_same_bits, use_threads

import fastnet
from fastnet import _core
from fastnet.random import STREAM_VERSION, Generator
from fastnet.reference.random import Generator as Reference
from fastnet.reference.random import integer_values

LEVEL = 1e-4


def at(position, seed=5):
    return Generator(seed).advance(position)


# ---- positions and bits ----


def test_first_values_of_version_1():
    # Printed by this code when it was first written; the reference agrees with it below. A changed
    # value needs a new STREAM_VERSION.
    assert STREAM_VERSION == 1
    rng = Generator(0)
    assert rng.key == 0xDB2CD7E7B0F478BE
    assert rng.random(3).tolist() == [0.030445994793313225, 0.6241641800362394, 0.9684365871833247]
    values = rng.random(3, "f4").tolist()
    assert values == [0.017826974391937256, 0.7437687516212463, 0.7606347799301147]
    assert rng.integers(1000, size=5).tolist() == [4, 945, 883, 376, 123]
    assert rng.permutation(8).tolist() == [0, 2, 5, 7, 3, 4, 1, 6]
    mask = fastnet.functional.dropout(np.ones((2, 8)), rng=rng)
    assert mask.tolist() == [[0, 0, 0, 0, 0, 2, 0, 0], [2, 0, 0, 0, 0, 2, 2, 0]]


def test_uniforms_are_the_reference_s_at_any_position_and_length(isa, dtype):
    reference = Reference(5)
    whole = reference.random(200, dtype)
    for position in range(10):
        for n in range(0, 150, 7):
            assert_same_bits(at(position).random(n, dtype), whole[position : position + n])


def test_calls_continue_each_other(isa, dtype):
    rng = Generator(1)
    pieces = [rng.random(n, dtype) for n in (3, 2, 0, 1, 40, 17, 64)]
    assert rng.position == 127
    assert_same_bits(np.concatenate(pieces), Generator(1).random(127, dtype))


def test_same_bits_at_every_level_and_thread_count(dtype):
    results = []
    for level in fastnet.runtime.isa_supported():
        for n in (1, 2, 7):
            use_threads(n)
            with fastnet.runtime.use_isa(level):
                rng = at(3)
                results.append(
                    (
                        rng.random(300_001, dtype),
                        rng.uniform(-0.3, 1.7, 300_001, dtype),
                        rng.integers(0, 1000, 300_001),
                        rng.permutation(1001),
                    )
                )
    use_threads(None)
    for result in results[1:]:
        for a, b in zip(result, results[0], strict=True):
            assert_same_bits(a, b)


def test_arrays_that_are_filled_in_pieces():
    n = 2**24 + 5
    values = Generator(1).random(n, np.float32)
    assert_same_bits(values[-9:], at(n - 9, seed=1).random(9, np.float32))
    assert_same_bits(values[:9], Generator(1).random(9, np.float32))


def test_positions_beyond_2_to_32(isa, dtype):
    for position in (2**32 - 3, 2**34 - 3, 2**62 + 1):
        reference = Reference(5)
        reference.position = position
        assert_same_bits(at(position).random(50, dtype), reference.random(50, dtype))


@pytest.mark.parametrize(("low", "high"), [(-1.5, 2.25), (0.1, 0.3), (1e7, 1e7 + 2), (5, 5)])
def test_uniform_is_the_reference_s(isa, dtype, low, high):
    values = Generator(2).uniform(low, high, 500, dtype)
    assert_same_bits(values, Reference(2).uniform(low, high, 500, dtype))
    assert (values >= dtype.type(low)).all()
    assert (values < dtype.type(high)).all() or low == high


@pytest.mark.parametrize("span", [1, 2, 10, 2**32 - 1, 2**32, 2**63 + 1, 2**64 - 1, 2**64])
def test_integers_are_the_reference_s(isa, span):
    # 2**63 + 1 rejects almost half of the words, so later attempts are compared too.
    rng, reference = Generator(3).advance(1), Reference(3)
    reference.position = 1
    values = rng.integers(0, span, 600, np.uint64)
    assert_same_bits(values, integer_values(reference.key, 0, 1, 600, span))


@pytest.mark.parametrize("n", [0, 1, 2, 3, 255, 256, 257, 1000])
def test_permutation_is_the_reference_s(isa, n):
    rng, reference = Generator(4), Reference(4)
    for _ in range(2):
        order = rng.permutation(n)
        assert_same_bits(order, reference.permutation(n))
        np.testing.assert_array_equal(np.sort(order), np.arange(n))
    assert rng.position == 0


def test_integers_do_not_depend_on_the_dtype():
    expected = Generator(6).integers(-100, 100, 1000)
    for dtype in (np.int8, np.int16, np.int32):
        values = Generator(6).integers(-100, 100, 1000, dtype)
        assert values.dtype == dtype
        np.testing.assert_array_equal(values, expected)
    assert Generator(6).integers(0, 256, 50, np.uint8).dtype == np.uint8
    assert type(Generator(6).integers(5)) is np.int64


# ---- laws ----


def test_uniforms_have_24_or_53_bits(dtype):
    bits = 24 if dtype == np.float32 else 53
    scaled = Generator(7).random(100_000, dtype).astype(float) * 2.0**bits
    np.testing.assert_array_equal(scaled, np.floor(scaled))
    integers = scaled.astype(np.uint64)
    for bit in range(bits):  # each bit is 1 half the time; 53 tests at LEVEL
        ones = int((integers >> np.uint64(bit) & np.uint64(1)).sum())
        assert scipy.stats.binomtest(ones, 100_000).pvalue > LEVEL
    assert integers.max() < 2**bits


def test_uniforms_fit_their_law(dtype):
    for seed in range(5):
        values = Generator(seed).random(50_000, dtype)
        assert scipy.stats.kstest(values, "uniform").pvalue > LEVEL
        counts = np.bincount((values * 64).astype(int), minlength=64)
        assert scipy.stats.chisquare(counts).pvalue > LEVEL
        # Neighbours: a two-dimensional grid of pairs.
        grid = np.histogram2d(values[::2], values[1::2], bins=16, range=[[0, 1], [0, 1]])[0]
        assert scipy.stats.chisquare(grid.ravel()).pvalue > LEVEL


@pytest.mark.parametrize("span", [3, 10, 257])
def test_integers_fit_their_law(span):
    counts = np.bincount(Generator(8).integers(span, size=100_000), minlength=span)
    assert scipy.stats.chisquare(counts).pvalue > LEVEL


def test_integers_are_unbiased_where_half_of_the_words_are_rejected():
    span = 3 * 2**62
    values = Generator(9).integers(0, span, 60_000, np.uint64)
    counts = np.bincount((values >> np.uint64(60)).astype(int), minlength=12)
    assert scipy.stats.chisquare(counts).pvalue > LEVEL


def test_a_permutation_goes_on_where_it_stopped(isa):
    whole, pieces = np.empty(1000, np.int64), np.empty(1000, np.int64)
    _core.random_permutation(5, 6, 0, whole)
    for begin, end in [(0, 0), (0, 3), (3, 258), (258, 258), (258, 999), (999, 1000)]:
        _core.random_permutation(5, 6, begin, pieces[:end])
    assert_same_bits(pieces, whole)
    for begin in (-1, 1001):
        with pytest.raises(ValueError, match="begin must be a place in out"):
            _core.random_permutation(5, 6, begin, whole)


def test_a_long_permutation_is_that_of_one_piece():
    n = 3 * 2**20 + 1
    whole = np.empty(n, np.int64)
    rng = Generator(4)
    _core.random_permutation(rng.key, rng.next_ticket(), 0, whole)
    assert_same_bits(Generator(4).permutation(n), whole)


def test_all_permutations_are_equally_likely():
    rng = Generator(10)
    codes = [int("".join(map(str, rng.permutation(4)))) for _ in range(12_000)]
    _, counts = np.unique(codes, return_counts=True)
    assert len(counts) == 24
    assert scipy.stats.chisquare(counts).pvalue > LEVEL


def test_places_in_a_longer_permutation_are_equally_likely():
    rng = Generator(11)
    counts = np.zeros((20, 20))
    for _ in range(4000):
        counts[np.arange(20), rng.permutation(20)] += 1
    # Rows and columns have fixed sums: 19 x 19 degrees of freedom.
    statistic = ((counts - 200) ** 2 / 200).sum()
    assert scipy.stats.chi2.sf(statistic, 19 * 19) > LEVEL


def test_streams_keys_laws_and_dtypes_are_independent():
    n = 50_000
    rng = Generator(12)
    children = rng.spawn(2)
    draws = [
        rng.random(n),
        rng.jumped(1).advance(-n).random(n),
        rng.jumped(2).advance(-n).random(n),
        children[0].random(n),
        children[1].random(n),
        Generator(13).random(n),
        Generator(12).random(n, np.float32),
        Generator(12).integers(0, 2**53, n) / 2**53,
    ]
    for i in range(len(draws)):
        for j in range(i):
            assert scipy.stats.pearsonr(draws[i], draws[j]).pvalue > LEVEL
            assert not np.intersect1d(draws[i], draws[j]).size or 6 in (i, j)


def test_permutation_of_an_array():
    x = np.arange(24.0).reshape(4, 6)
    order = Generator(1).permutation(4)
    np.testing.assert_array_equal(Generator(1).permutation(x), x[order])
    across = Generator(1).permutation(6)
    np.testing.assert_array_equal(Generator(1).permutation(x, axis=-1), x[:, across])
    np.testing.assert_array_equal(
        Generator(1).permutation(["a", "b", "c", "d"]), np.array(list("abcd"))[order]
    )
    with pytest.raises(ValueError, match="axis must be from -2 to 1, got 2"):
        Generator(1).permutation(x, 2)
