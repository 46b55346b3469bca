"""Generator: positions, the reference bit for bit, every level and thread count, laws, bad input.

Tests of goodness of fit have fixed seeds, so they never fail by chance; a new seed would fail each
of their comparisons with probability 1e-4 (`LEVEL`).
"""

import copy
import json
import pickle
import threading

import numpy as np
import pytest
import scipy.stats
from helpers import assert_same_bits

import fastnet
from fastnet.random import STREAM_VERSION, Generator, default_rng, manual_seed
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
            fastnet.set_num_threads(n)
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
    fastnet.set_num_threads(None)
    for result in results[1:]:
        for a, b in zip(result, results[0], strict=True):
            assert_same_bits(a, b)


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


# ---- moving, copying, sharing ----


def test_advance_goes_both_ways():
    values = Generator(1).random(100)
    rng = Generator(1)
    assert rng.advance(60) is rng
    assert_same_bits(rng.random(5), values[60:65])
    assert_same_bits(rng.advance(-65).random(100), values)
    with pytest.raises(ValueError, match="position must be from 0"):
        rng.advance(-101)


def test_the_end_of_a_stream_is_an_error_and_takes_nothing():
    rng = at(2**63 - 4)
    with pytest.raises(ValueError, match="n must be at most 4, the numbers left"):
        rng.random(5)
    assert rng.position == 2**63 - 4
    rng.random(4)
    assert rng.random(0).shape == (0,)
    with pytest.raises(ValueError, match="at most 0"):
        rng.random()
    with pytest.raises(ValueError, match="delta"):
        rng.advance(2**64)
    rng.take_tickets(2**40 - 1)
    assert rng.next_ticket() == 2**40 - 1
    with pytest.raises(ValueError, match="at most 0"):
        rng.next_ticket()
    with pytest.raises(ValueError, match="at most 0"):
        rng.permutation(3)


def test_jumped_streams_and_their_end():
    rng = Generator(1)
    rng.random(7)
    rng.next_ticket()
    jumped = rng.jumped(3)
    assert (jumped.key, jumped.stream, jumped.position) == (rng.key, 3, 7)
    assert jumped.next_ticket() == 3 * 2**40 + 1
    reference = Reference(1, stream=3)
    reference.position = 7
    assert_same_bits(jumped.random(20), reference.random(20))
    assert rng.jumped(2**16 - 1).stream == 2**16 - 1
    with pytest.raises(ValueError, match="jumps must be from 0 to 65532, got 65533"):
        jumped.jumped(65533)
    assert jumped.spawn(1)[0].stream == 3


def test_spawn_gives_new_children_each_time():
    rng = Generator(1)
    keys = [child.key for child in rng.spawn(3) + rng.spawn(2)]
    assert len({*keys, rng.key}) == 6
    expected = np.random.SeedSequence(1).spawn(5)
    assert keys == [int(s.generate_state(1, np.uint64)[0]) for s in expected]
    assert rng.spawn(0) == []
    assert rng.position == 0


def test_copies_pickles_and_states_continue():
    rng = Generator([1, 2, 3]).jumped(2)
    rng.random(5)
    rng.take_tickets(4)
    rng.spawn(1)
    state = json.loads(json.dumps(rng.state))
    other = Generator(0)
    other.state = state
    twins = [copy.copy(rng), copy.deepcopy(rng), pickle.loads(pickle.dumps(rng)), other]
    expected = rng.random(9), rng.permutation(9), rng.next_ticket(), rng.spawn(1)[0].key
    for twin in twins:
        assert twin.state == state
        assert_same_bits(twin.random(9), expected[0])
        assert_same_bits(twin.permutation(9), expected[1])
        assert (twin.next_ticket(), twin.spawn(1)[0].key) == expected[2:]


def test_a_state_is_checked():
    rng = Generator(1)
    good = rng.state
    with pytest.raises(TypeError, match="state must be a dict, got int"):
        rng.state = 3
    for change in ({"stream_version": 0}, {"key": 2**64}, {"position": -1}, {"tickets": 2**41}):
        with pytest.raises(ValueError, match="must be"):
            rng.state = {**good, **change}
    with pytest.raises(ValueError, match="entries"):
        rng.state = {"key": 1}
    assert rng.state == good


def test_threads_that_share_a_generator_get_each_position_once():
    rng = Generator(1)
    pieces, tickets = [], []

    def draw():
        for _ in range(50):
            pieces.append(rng.random(201))
            tickets.append(rng.next_ticket())

    workers = [threading.Thread(target=draw) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    np.testing.assert_array_equal(
        np.sort(np.concatenate(pieces)), np.sort(Generator(1).random(200 * 201))
    )
    assert sorted(tickets) == list(range(200))


# ---- seeds ----


def test_every_kind_of_seed():
    sequence = np.random.SeedSequence(1)
    key = int(sequence.generate_state(1, np.uint64)[0])
    assert Generator(1).key == Generator(np.int32(1)).key == Generator(sequence).key == key
    assert Generator([1, 2]).key == Generator((1, 2)).key == Generator(np.array([1, 2])).key
    assert Generator(0).key != Generator(2**128).key
    assert Generator().key != Generator().key
    for make in (np.random.default_rng, np.random.PCG64, np.random.RandomState):
        one, two = make(3), make(3)
        assert Generator(one).key == Generator(two).key
        assert Generator(one).key != Generator(make(3)).key


@pytest.mark.parametrize("seed", [True, 1.0, np.float64(2), "1", object(), [1.5], [True], b"1"])
def test_seeds_of_a_wrong_type(seed):
    with pytest.raises(TypeError, match="seed must be None, a non-negative integer"):
        Generator(seed)


@pytest.mark.parametrize("seed", [-1, [3, -1], np.int64(-5)])
def test_negative_seeds(seed):
    with pytest.raises(ValueError, match="seed must not be negative"):
        Generator(seed)


def test_the_default_generator():
    before = default_rng().state
    try:
        rng = manual_seed(5)
        assert rng is default_rng() is default_rng(None)
        values = default_rng().random(3)
        assert fastnet.manual_seed(5).random(3).tolist() == values.tolist()
        assert_same_bits(values, Generator(5).random(3))
        assert default_rng(rng) is rng
        assert default_rng(7).key == Generator(7).key
        with pytest.raises(TypeError, match="seed must be"):
            default_rng("7")
    finally:
        default_rng().state = before


# ---- shapes, outputs, bad input ----


def test_shapes_scalars_and_out(dtype):
    rng = Generator(1)
    assert type(rng.random()) is np.float64
    assert type(rng.random(dtype=dtype)) is dtype.type
    assert rng.random((2, 0, 3), dtype).shape == (2, 0, 3)
    assert rng.position == 2
    assert rng.random((), dtype).shape == ()
    assert_same_bits(rng.advance(-3).random((4, 5), dtype).ravel(), Generator(1).random(20, dtype))
    out = np.empty((4, 5), dtype)
    assert Generator(1).random(dtype=dtype, out=out) is out
    assert_same_bits(out.ravel(), Generator(1).random(20, dtype))
    whole = np.empty(7, np.int64)
    assert Generator(1).integers(9, size=7, out=whole) is whole
    np.testing.assert_array_equal(whole, Generator(1).integers(9, size=7))
    narrow = np.empty(7, np.int16)
    assert Generator(1).integers(9, size=7, dtype="i2", out=narrow) is narrow
    np.testing.assert_array_equal(narrow, whole)


def test_a_refused_out_takes_no_positions():
    rng = Generator(1)
    with pytest.raises(TypeError, match="out must have dtype float32"):
        rng.random(3, np.float32, out=np.empty(3))
    with pytest.raises(ValueError, match=r"out must have shape \(3,\), got \(4,\)"):
        rng.random(3, out=np.empty(4))
    with pytest.raises(ValueError, match="contiguous"):
        rng.random(out=np.empty((4, 4))[:, ::2])
    with pytest.raises(TypeError, match="out must be a numpy"):
        rng.random(out=[1.0])
    assert rng.position == 0


def test_uniform_broadcasts_its_bounds(dtype):
    low, high = np.array([[0.0], [-4.0]]), np.array([1.0, 2.0, 8.0])
    values = Generator(1).uniform(low, high, dtype=dtype)
    one_by_one = [
        at(i, seed=1).uniform(a, b, dtype=dtype) for i, (a, b) in enumerate(np.nditer([low, high]))
    ]
    assert_same_bits(values.ravel(), np.array(one_by_one))
    assert Generator(1).uniform(low, high, (4, 2, 3)).shape == (4, 2, 3)
    with pytest.raises(ValueError, match=r"high must broadcast to shape \(2,\), got \(3,\)"):
        Generator(1).uniform(0, high, 2)


def test_uniform_never_reaches_its_upper_end(dtype):
    low = dtype.type(1)
    high = np.nextafter(low, dtype.type(2))
    assert (Generator(1).uniform(low, high, 1000, dtype) == low).all()


@pytest.mark.parametrize(
    ("low", "high"),
    [(1, 0), (np.nan, 1), (0, np.nan), (-np.inf, 0), (0, np.inf), (-1e308, 1e308), ([0, 2], 1)],
)
def test_bad_bounds(low, high):
    with pytest.raises(ValueError, match="low must be at most high and high - low finite"):
        Generator(1).uniform(low, high, 2)


def test_bad_arguments():
    rng = Generator(1)
    for size in (-1, (2, -3), 2**63):
        with pytest.raises(ValueError, match="size must be from 0"):
            rng.random(size)
    for size in (1.5, "3", (2.0,), True):
        with pytest.raises(TypeError, match="size must be an integer"):
            rng.random(size)
    for dtype in (np.int32, np.float16, ">f8"):
        with pytest.raises(TypeError, match="dtype must be float32 or float64"):
            rng.random(3, dtype)
    with pytest.raises((ValueError, MemoryError)):
        rng.random(2**60)
    with pytest.raises(TypeError, match="low must be an integer, got float"):
        rng.integers(1.5, 3)
    with pytest.raises(TypeError, match="dtype must be an integer dtype"):
        rng.integers(3, dtype=np.float64)
    for low, high in ((0, 0), (3, 2)):
        with pytest.raises(ValueError, match="low must be below high"):
            rng.integers(low, high)
    with pytest.raises(ValueError, match="high must be from -128 to 128, got 129"):
        rng.integers(0, 129, dtype=np.int8)
    with pytest.raises(ValueError, match="high must be from -128 to 127, got 128"):
        rng.integers(0, 128, dtype=np.int8, endpoint=True)
    for jumps in (-1, 2**16):
        with pytest.raises(ValueError, match="jumps must be from 0"):
            rng.jumped(jumps)
    with pytest.raises(ValueError, match="n_children must be from 0"):
        rng.spawn(-1)
    with pytest.raises(ValueError, match="x must be from 0"):
        rng.permutation(-1)
    with pytest.raises(TypeError, match="x must be an integer or an array, got float"):
        rng.permutation(2.5)
    assert rng.position == 0


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
