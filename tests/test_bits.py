"""BitGenerator: NumPy's laws on fastnet's raw words, its state, copies and sharing."""

import copy
import ctypes
import pickle
import threading

import numpy as np
import pytest

import fastnet
from fastnet.random import BitGenerator, Generator
from fastnet.reference.philox import BITS, words64


def test_raw_words_are_philox_blocks(isa):
    bits = BitGenerator(5)
    key = Generator(5).key
    assert bits.state["key"] == key
    expected = words64(key, BITS, 0, 0, 1500)
    np.testing.assert_array_equal(bits.random_raw(1500), expected)
    np.testing.assert_array_equal(bits.advance(-1499).random_raw(3), expected[1:4])
    np.testing.assert_array_equal(BitGenerator(5).advance(512).random_raw(2), expected[512:514])
    far = bits.jumped(3).advance(2**40)
    position = far.state["position"]
    np.testing.assert_array_equal(far.random_raw(4), words64(key, BITS, 3 << 40, position, 4))
    assert BitGenerator(5).advance(-1).random_raw() == words64(key, BITS, 0, 2**64 - 1, 1)[0]


def test_doubles_and_halves_of_words():
    words = BitGenerator(1).random_raw(1000)
    doubles = np.random.Generator(BitGenerator(1)).random(1000)
    np.testing.assert_array_equal(doubles, (words >> np.uint64(11)) * 2.0**-53)
    bits = BitGenerator(1)  # what the interface points to
    interface = bits.ctypes
    halves = [interface.next_uint32(interface.state) for _ in range(6)]
    assert halves == [int(w) >> s & 0xFFFFFFFF for w in words[:3] for s in (0, 32)]
    assert isinstance(interface.state, ctypes.c_void_p)


def test_numpy_s_generator_runs_on_it():
    rng = np.random.Generator(BitGenerator(2))
    x = rng.standard_normal(100_000)
    assert abs(x.mean()) < 5 / 100_000**0.5
    assert abs(x.std() - 1) < 5 / 200_000**0.5
    values = [rng.poisson(3, 10), rng.permutation(10), rng.integers(0, 100, 7, np.int32)]
    again = np.random.Generator(BitGenerator(2))
    again.standard_normal(100_000)
    for value, same in zip(
        values,
        [again.poisson(3, 10), again.permutation(10), again.integers(0, 100, 7, np.int32)],
        strict=True,
    ):
        np.testing.assert_array_equal(value, same)
    # NumPy's Generator serves as a seed of ours.
    assert Generator(np.random.Generator(BitGenerator(2))).key != Generator(2).key


def test_copies_pickles_and_states_continue():
    bits = BitGenerator([1, 2]).jumped(2)
    rng = np.random.Generator(bits)
    rng.integers(0, 2**32, 5, np.uint32)  # leaves half a word over
    state = bits.state
    assert state["has_half"] == 1
    other = BitGenerator(0)
    other.state = state
    twins = [copy.deepcopy(bits), pickle.loads(pickle.dumps(bits)), other]
    twins.append(pickle.loads(pickle.dumps(rng)).bit_generator)
    expected = rng.integers(0, 2**32, 9, np.uint32)
    for twin in twins:
        assert type(twin) is BitGenerator
        assert twin.state == state
        drawn = np.random.Generator(twin).integers(0, 2**32, 9, np.uint32)
        np.testing.assert_array_equal(drawn, expected)
    assert twins[1].seed_seq.entropy == bits.seed_seq.entropy


def test_spawned_and_jumped_ones_differ():
    bits = BitGenerator(3)
    firsts = [b.random_raw() for b in (bits, *bits.spawn(3), bits.jumped(1).advance(-1))]
    assert len(set(firsts)) == 5
    assert bits.jumped(2).state["stream"] == 2
    with pytest.raises(ValueError, match="jumps must be from 0 to 65535"):
        bits.jumped(65536)


def test_the_source_outlives_the_name():
    rng = np.random.Generator(BitGenerator(4))
    bits = rng.bit_generator
    del bits
    assert rng.random() == np.random.Generator(BitGenerator(4)).random()


def test_threads_that_share_one_get_each_word_once():
    bits = BitGenerator(6)
    pieces = []
    workers = [
        threading.Thread(target=lambda: pieces.append(bits.random_raw(5000))) for _ in range(4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    together = np.sort(np.concatenate(pieces))
    np.testing.assert_array_equal(together, np.sort(BitGenerator(6).random_raw(20_000)))


def test_a_state_is_checked():
    bits = BitGenerator(1)
    good = bits.state
    with pytest.raises(TypeError, match="state must be a dict, got int"):
        bits.state = 3
    with pytest.raises(ValueError, match="state must have the entries"):
        bits.state = {**good, "bit_generator": "PCG64"}
    with pytest.raises(ValueError, match="state must have the entries"):
        bits.state = {"key": 1}
    for name, value in (("key", -1), ("stream", 2**16), ("half", 2**32), ("has_half", 2)):
        with pytest.raises(ValueError, match=f"{name} must be from 0"):
            bits.state = {**good, name: value}
    with pytest.raises(TypeError, match="position must be an integer"):
        bits.state = {**good, "position": 1.5}
    with pytest.raises(TypeError, match="seed must be"):
        BitGenerator("1")
    assert bits.state == good
    assert not hasattr(fastnet.random, "Philox")
