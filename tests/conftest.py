"""What the tests share: every ISA level here, both dtypes, 1, 2 and 7 threads."""

import signal

import numpy as np
import pytest
from helpers import use_threads

import fastnet


@pytest.fixture(params=fastnet.runtime.isa_supported())
def isa(request):
    with fastnet.runtime.use_isa(request.param):
        yield request.param


@pytest.fixture(params=[np.float32, np.float64], ids=["f32", "f64"])
def dtype(request):
    return np.dtype(request.param)


@pytest.fixture(params=[1, 2, 7], ids=["1thread", "2threads", "7threads"])
def threads(request):
    use_threads(request.param)
    yield request.param
    use_threads(None)


@pytest.fixture
def rng():
    return np.random.default_rng(20260101)


@pytest.fixture
def sigint():
    """Ctrl-C raises KeyboardInterrupt, also where a shell started this with SIGINT ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield signal.SIGINT
    signal.signal(signal.SIGINT, before)
