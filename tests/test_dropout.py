"""Dropout: the reference's bits at every level, split and thread count, its law, bad input."""

import numpy as np
import pytest
import scipy.stats
from helpers import assert_same_bits, layouts, use_threads

import fastnet
import fastnet.functional as F
from fastnet import _core, reference
from fastnet.random import Generator

KEY, TICKET = 0xFEDCBA9876543210, 3 * 2**40 + 12345
COLUMNS = [0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 95, 97, 130, 259]


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.999, 1.0])
def test_dropout_is_the_reference_s(isa, dtype, threads, rng, p):
    for cols in COLUMNS:
        for rows in (0, 1, 5):
            x = rng.standard_normal((rows, cols)).astype(dtype)
            expected = reference.dropout_by_ticket(x, p, KEY, TICKET)
            assert_same_bits(F.dropout_by_ticket(x, p, KEY, TICKET), expected)
            assert_same_bits(F.dropout_backward(x, p, KEY, TICKET), expected)


def test_same_bits_at_every_level_thread_count_and_split(dtype, rng):
    x = rng.standard_normal((301, 513)).astype(dtype)
    results = []
    for level in fastnet.runtime.isa_supported():
        for n in (1, 2, 7):
            use_threads(n)
            with fastnet.runtime.use_isa(level):
                results.append(F.dropout_by_ticket(x, 0.3, KEY, TICKET))
                pieces = np.empty_like(x)
                for begin, end in ((0, 1), (1, 200), (200, 301)):
                    rows = x[begin:end]
                    _core.dropout(rows, 0.3, KEY, TICKET, begin, pieces[begin:end])
                results.append(pieces)
    use_threads(None)
    for result in results[1:]:
        assert_same_bits(result, results[0])


def test_the_mask_does_not_depend_on_dtype_or_leading_dimensions(isa):
    ones = np.ones((6, 37))
    double = F.dropout_by_ticket(ones, 0.5, KEY, TICKET)
    single = F.dropout_by_ticket(ones.astype(np.float32), 0.5, KEY, TICKET)
    np.testing.assert_array_equal(double, single)
    shaped = F.dropout_by_ticket(ones.reshape(2, 3, 37), 0.5, KEY, TICKET)
    np.testing.assert_array_equal(shaped.reshape(6, 37), double)
    np.testing.assert_array_equal(F.dropout_by_ticket(ones[0], 0.5, KEY, TICKET), double[0])
    # More columns do not move those that are there.
    wide = F.dropout_by_ticket(np.ones((6, 100)), 0.5, KEY, TICKET)
    np.testing.assert_array_equal(wide[:, :37], double)


def test_rows_beyond_2_to_31(isa, dtype):
    first = 2**32 - 3
    y = np.empty((3, 40), dtype)
    _core.dropout(np.ones((3, 40), dtype), 0.5, KEY, TICKET, first, y)
    block = (first + np.arange(3))[:, None] * 2**32 + np.arange(10)
    words = reference.philox.blocks(KEY, 5, TICKET, block.astype(np.uint64)).reshape(3, 40)
    np.testing.assert_array_equal(y, np.where(words >= np.uint64(2**31), 2, 0))
    with pytest.raises(ValueError, match="rows must be below"):
        _core.dropout(np.ones((4, 40), dtype), 0.5, KEY, TICKET, first, np.empty((4, 40), dtype))


def test_dropped_nan_and_inf_are_zero_and_kept_ones_stay(isa, dtype):
    keep = F.dropout_by_ticket(np.ones((9, 70), dtype), 0.5, KEY, TICKET) > 0
    for value in (np.nan, np.inf, -np.inf):
        x = np.full((9, 70), value, dtype)
        y = F.dropout_by_ticket(x, 0.5, KEY, TICKET)
        np.testing.assert_array_equal(y, np.where(keep, value, 0))
        assert not np.signbit(y[~keep]).any()


def test_p_0_keeps_and_p_1_drops_everything(isa, dtype, rng):
    x = rng.standard_normal((5, 70)).astype(dtype)
    x[0, 0], x[1, 3] = np.nan, np.inf
    assert_same_bits(F.dropout(x, 0.0), x)
    assert_same_bits(F.dropout(x, 1.0), np.zeros_like(x))


def test_kept_elements_are_scaled(isa, dtype, rng):
    x = rng.standard_normal((20, 50)).astype(dtype)
    y = F.dropout(x, 0.2, rng=1)
    kept = y != 0
    np.testing.assert_array_equal(y[kept], (x * dtype.type(1 / 0.8))[kept])


def test_every_training_call_takes_one_ticket():
    rng, x = Generator(1), np.ones((4, 30), np.float32)
    for expected, p in enumerate((0.5, 0.0, 1.0, 0.5)):
        y = F.dropout(x, p, rng=rng)
        assert_same_bits(y, F.dropout_by_ticket(x, p, rng.key, expected))
        F.dropout(x, p, training=False, rng=rng)
    assert (rng.next_ticket(), rng.position) == (4, 0)
    assert_same_bits(
        F.dropout(x, 0.5, rng=3), reference.dropout(x, 0.5, rng=reference.random.Generator(3))
    )
    with pytest.raises(ValueError, match="p must be"):
        F.dropout(x, 2, rng=rng)
    with pytest.raises(ValueError, match="out must have shape"):
        F.dropout(x, rng=rng, out=np.empty(3, np.float32))
    assert rng.next_ticket() == 5


def test_the_default_generator_is_used_and_seeded():
    before = fastnet.random.default_rng().state
    try:
        fastnet.manual_seed(3)
        y = F.dropout(np.ones(50))
        assert_same_bits(y, F.dropout(np.ones(50), rng=3))
    finally:
        fastnet.random.default_rng().state = before


def test_without_training_x_is_returned(dtype):
    x = np.ones((3, 4), dtype)
    assert F.dropout(x, 0.5, training=False) is x
    out = np.empty_like(x)
    assert F.dropout(x, 0.5, training=False, out=out) is out
    assert_same_bits(out, x)


def test_layouts_and_out(isa, dtype, rng):
    x = rng.standard_normal((9, 41)).astype(dtype)
    expected = F.dropout_by_ticket(x, 0.4, KEY, TICKET)
    for name, view in layouts(x):
        assert_same_bits(F.dropout_by_ticket(view, 0.4, KEY, TICKET), expected), name
    out = np.empty_like(x)
    assert F.dropout_by_ticket(x, 0.4, KEY, TICKET, out=out) is out
    assert_same_bits(out, expected)
    assert F.dropout_by_ticket(x, 0.4, KEY, TICKET, out=x) is x
    assert_same_bits(x, expected)
    assert F.dropout(np.float32(3.0), 0.0).shape == ()
    assert F.dropout(np.arange(3)).dtype == np.float32


def test_nothing_is_written_beyond_the_array(isa, dtype):
    for cols in COLUMNS:
        memory = np.full(3 * cols + 64, 7, dtype)
        out = memory[32 : 32 + 3 * cols].reshape(3, cols)
        F.dropout_by_ticket(np.ones((3, cols), dtype), 0.5, KEY, TICKET, out=out)
        assert (memory[:32] == 7).all()
        assert (memory[32 + 3 * cols :] == 7).all()


def test_masks_fit_their_law():
    # Fixed key: a new one would fail one of these four with probability 1e-4 each.
    ones = np.ones((1000, 500), np.float32)
    for p in (0.05, 0.5, 0.9):
        kept = int((F.dropout_by_ticket(ones, p, KEY, TICKET) != 0).sum())
        assert scipy.stats.binomtest(kept, ones.size, 1 - p).pvalue > 1e-4
    rows = (F.dropout_by_ticket(ones, 0.5, KEY, TICKET) != 0).sum(axis=1)
    counts = np.histogram(rows, [0, 235, 242, 247, 253, 258, 265, 501])[0]
    law = np.diff(scipy.stats.binom.cdf([-1, 234, 241, 246, 252, 257, 264, 500], 500, 0.5))
    assert scipy.stats.chisquare(counts, 1000 * law).pvalue > 1e-4


def test_neighbours_and_tickets_are_independent():
    ones = np.ones((700, 301))
    mask = F.dropout_by_ticket(ones, 0.5, KEY, TICKET) != 0
    others = {
        "next ticket": (mask, F.dropout_by_ticket(ones, 0.5, KEY, TICKET + 1) != 0),
        "next key": (mask, F.dropout_by_ticket(ones, 0.5, KEY + 1, TICKET) != 0),
        "next stream": (mask, F.dropout_by_ticket(ones, 0.5, KEY, TICKET + 2**40) != 0),
        "next row": (mask[1:], mask[:-1]),
        "next column": (mask[:, 1:], mask[:, :-1]),
        "next block": (mask[:, 4:], mask[:, :-4]),
    }
    for name, (a, b) in others.items():
        table = np.bincount((2 * a + b).ravel(), minlength=4)
        # Four cells of probability 1/4; false alarm 1e-4.
        assert scipy.stats.chisquare(table).pvalue > 1e-4, name


@pytest.mark.parametrize("p", [-0.1, 1.5, np.nan, np.inf])
def test_bad_probabilities(p):
    for training in (True, False):
        with pytest.raises(ValueError, match=r"p must be in \[0, 1\], got"):
            F.dropout(np.ones(3), p, training)


def test_bad_arguments(dtype):
    x = np.ones((2, 3), dtype)
    with pytest.raises(TypeError, match="p must be a number, got str"):
        F.dropout(x, "half")
    with pytest.raises(TypeError, match="seed must be"):
        F.dropout(x, rng=1.5)
    for key, ticket, name in (
        (-1, 0, "key"),
        (2**64, 0, "key"),
        (0, -1, "ticket"),
        (0, 2**56, "ticket"),
    ):
        with pytest.raises(ValueError, match=f"{name} must be from 0"):
            F.dropout_by_ticket(x, 0.5, key, ticket)
    with pytest.raises(TypeError, match="ticket must be an integer"):
        F.dropout_by_ticket(x, 0.5, 0, 1.0)
    with pytest.raises(TypeError, match="x must be"):
        F.dropout("x")
    with pytest.raises(ValueError, match="overlap"):
        F.dropout_by_ticket(x[:1], 0.5, 0, 0, out=x.ravel()[1:4].reshape(1, 3))
