"""Generator: moving, copying and sharing it, its seeds, and what its methods are given."""

import copy
import inspect
import json
import pickle
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from helpers import assert_same_bits

import fastnet
from fastnet.random import Generator, default_rng, manual_seed
from fastnet.reference.random import Generator as Reference
from fastnet.trainer import epoch_order


def at(position, seed=5):
    return Generator(seed).advance(position)


def test_methods_of_numpys_names_take_its_parameters_in_its_order():
    shared = [n for n in dir(np.random.Generator) if n[0] != "_" and hasattr(Generator, n)]
    for name in shared:
        theirs = inspect.signature(getattr(np.random.Generator, name)).parameters
        mine = inspect.signature(getattr(Generator, name)).parameters
        assert list(mine)[: len(theirs)] == list(theirs), name
    assert {"integers", "permutation", "choice", "poisson", "multivariate_normal"} < set(shared)
    for missing in ("shuffle", "permuted", "multinomial", "bytes"):
        assert missing not in shared
    with pytest.raises(TypeError, match="low must be an integer"):
        Generator(1).integers([1, 2], 5)


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
    for bad in ({"key": 1}, {**good, "seed_seq": 3}, {**good, "seed_seq": {"entropy": 1}}):
        with pytest.raises(ValueError, match="state must have the entries"):
            rng.state = bad
    with pytest.raises(ValueError, match="pool_size must be from 4 to 1024"):
        rng.state = {**good, "seed_seq": {**good["seed_seq"], "pool_size": 2**40}}
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


# The main thread holds spawn's lock when it forks, which no one would release in the child.
FORK = """
import os, time, warnings
from fastnet.random import Generator, _stream
warnings.simplefilter("ignore")
rng = Generator(1)
with _stream._spawn_lock:
    pid = os.fork()
    if pid == 0:
        os._exit(rng.spawn(1)[0].key != {key})
    for _ in range(1000):
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            raise SystemExit(os.waitstatus_to_exitcode(status))
        time.sleep(0.01)
os.kill(pid, 9)
raise SystemExit("the child hangs")
"""


def test_a_forked_child_can_spawn():
    code = FORK.format(key=Generator(1).spawn(1)[0].key)
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


# A child has a copy: the same values as its parent. Children of spawn() have others.
SAME = """
import os, warnings
from fastnet.random import Generator
warnings.simplefilter("ignore")
rng = Generator(1)
children = rng.spawn(2)
reader, writer = os.pipe()
if os.fork() == 0:
    os.write(writer, rng.standard_normal(5).tobytes() + children[0].standard_normal(5).tobytes())
    os._exit(0)
sent = os.read(reader, 80)
os.wait()
assert sent[:40] == rng.standard_normal(5).tobytes()
assert sent[40:] != children[1].standard_normal(5).tobytes()
"""


def test_a_forked_child_draws_what_its_parent_draws():
    result = subprocess.run(
        [sys.executable, "-c", SAME], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


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
    with pytest.raises(TypeError, match="or a numpy Generator, got fastnet's Generator"):
        Generator(Generator(1))


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


@pytest.mark.parametrize(
    "make", [Generator(1).permutation, lambda n: epoch_order(1, 0, n)], ids=["rng", "fit"]
)
def test_ctrl_c_stops_a_long_permutation(sigint, make):
    # Of some tenths of a second at least.
    n, sent = 2**24, []
    start = time.perf_counter()
    make(n)
    whole = time.perf_counter() - start

    def interrupt():
        sent.append(time.perf_counter())
        signal.raise_signal(sigint)

    timer = threading.Timer(0.3 * whole, interrupt)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        make(n)
    assert time.perf_counter() - sent[0] < 0.5 * whole
    timer.join()


def test_ctrl_c_stops_a_long_draw(sigint):
    # Calls of some tenths of a second, into memory that is there.
    rng, out, sent = Generator(1), np.empty(2**24), []
    rng.gamma(0.5, out=out)
    start = time.perf_counter()
    rng.gamma(0.5, out=out)
    whole = time.perf_counter() - start

    def interrupt():
        sent.append(time.perf_counter())
        signal.raise_signal(sigint)

    def draw():
        while True:
            rng.gamma(0.5, out=out)

    timer = threading.Timer(0.2, interrupt)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        draw()
    assert time.perf_counter() - sent[0] < 0.5 * whole
    timer.join()
    position = rng.position
    assert position % out.size == 0
    expected = Generator(1).advance(position).random(3)
    assert_same_bits(rng.random(3), expected)
