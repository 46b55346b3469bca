"""Philox4x32-10: Random123's known answers and the reference's words, at every level."""

import numpy as np
import pytest

from fastnet import _core
from fastnet.reference import philox as reference

# Counter, key and words of `philox4x32 10` in Random123's tests/kat_vectors (D. E. Shaw Research,
# BSD licence): zeros, ones and digits of pi.
KNOWN_ANSWERS = [
    (
        "00000000 00000000 00000000 00000000",
        "00000000 00000000",
        "6627e8d5 e169c58d bc57ac4c 9b00dbd8",
    ),
    (
        "ffffffff ffffffff ffffffff ffffffff",
        "ffffffff ffffffff",
        "408f276d 41c83b0e a20bc7c6 6d5451fd",
    ),
    (
        "243f6a88 85a308d3 13198a2e 03707344",
        "a4093822 299f31d0",
        "d16cfe09 94fdcceb 5001e420 24126ea1",
    ),
]


def numbers(text):
    return [int(word, 16) for word in text.split()]


def blocks(key, high, block, n):
    out = np.full((n, 4), 0xAAAAAAAA, np.uint32)
    _core.philox_blocks(key, high, block, out)
    return out


@pytest.mark.parametrize(("counter", "key", "words"), KNOWN_ANSWERS)
def test_known_answers(isa, counter, key, words):
    c, k = numbers(counter), numbers(key)
    out = blocks(k[0] | k[1] << 32, c[2] | c[3] << 32, c[0] | c[1] << 32, 1)
    assert out[0].tolist() == numbers(words)


@pytest.mark.parametrize(("counter", "key", "words"), KNOWN_ANSWERS)
def test_known_answers_of_the_reference(counter, key, words):
    k = numbers(key)
    assert reference.philox(numbers(counter), k[0] | k[1] << 32).tolist() == numbers(words)


def test_blocks_are_the_reference_s_at_any_length(isa):
    key, law, ticket = 0x0123456789ABCDEF, 5, 2**40 + 77
    expected = reference.blocks(key, law, ticket, np.arange(100, 200))
    for n in range(70):
        np.testing.assert_array_equal(blocks(key, law << 56 | ticket, 100, n), expected[:n])


@pytest.mark.parametrize("start", [2**32 - 5, 2**63 - 5, 2**64 - 5])
def test_block_numbers_carry_into_the_second_word(isa, start):
    number = [(start + i) % 2**64 for i in range(40)]
    expected = reference.blocks(1, 2, 3, np.array(number, np.uint64))
    np.testing.assert_array_equal(blocks(1, 2 << 56 | 3, start, 40), expected)


def test_random_counters_and_keys(isa, rng):
    for key, high, block in rng.integers(0, 2**64, (200, 3), np.uint64):
        counter = [block & 0xFFFFFFFF, block >> 32, high & 0xFFFFFFFF, high >> 32]
        expected = reference.philox(np.array(counter, np.uint64), int(key))
        np.testing.assert_array_equal(blocks(int(key), int(high), int(block), 1)[0], expected)


def test_one_changed_bit_changes_half_of_the_words_bits(isa):
    # 192 x 128 bits, each changed with probability 1/2: the sum lies within 6 standard deviations
    # but for 2e-9.
    base = blocks(1, 2, 3, 1)
    changed = 0
    for bit in range(64):
        for arguments in ((1 ^ 1 << bit, 2, 3), (1, 2 ^ 1 << bit, 3), (1, 2, 3 ^ 1 << bit)):
            changed += int(np.bitwise_count(base ^ blocks(*arguments, 1)).sum())
    n = 192 * 128
    assert abs(changed - n / 2) < 6 * np.sqrt(n / 4)


def test_bad_arrays_are_refused():
    with pytest.raises(TypeError, match="out must have dtype uint32"):
        _core.philox_blocks(0, 0, 0, np.empty((1, 4), np.int32))
    with pytest.raises(ValueError, match="shape"):
        _core.philox_blocks(0, 0, 0, np.empty((1, 3), np.uint32))
