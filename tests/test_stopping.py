"""When an expectation stops: precision, time, Ctrl-C; and that it is not fooled."""

import os
import threading

import numpy as np
import pytest
from laws import NORMAL, assert_covers, payoff

from fastnet import _core
from fastnet.montecarlo import Estimate, expectation

CHUNK = _core.CHUNK


def test_stops_when_precise_enough():
    for options in ({"rtol": 0.01}, {"atol": 0.1}):
        e = expectation(payoff, NORMAL, rng=1, **options)
        low, high = e.confidence_interval()
        assert (high - low) / 2 <= max(options.get("atol", 0), options.get("rtol", 0) * e.mean)
        assert e.success
        assert e.status in options
        assert_covers(e, 10.45058357218556678)


def test_several_outputs_are_all_precise():
    e = expectation(lambda x: (x**2, x**4), NORMAL, rtol=0.02, rng=1)
    low, high = e.confidence_interval()
    assert np.all((high - low) / 2 <= 0.02 * e.mean)


def test_the_criterion_may_not_be_met():
    with pytest.warns(RuntimeWarning, match="n_max"):
        e = expectation(None, NORMAL, rtol=1e-6, n_max=50_000, rng=1)
    assert (e.success, e.status, e.n) == (False, "n_max", 50_000)
    assert "not converged" in repr(e)


def test_no_certainty_about_rare_events():
    # None of the first 4096 samples, nor of the first 100000 in most cases, is beyond 4.26.
    e = expectation(lambda x: x > 4.26489, NORMAL, rtol=0.2, rng=1)
    assert e.n * 1e-5 >= 24
    assert_covers(e, 1e-5)
    with pytest.warns(RuntimeWarning, match="n_max"):
        e = expectation(lambda x: x > 7, NORMAL, atol=0.01, n_max=2**20, rng=1)
    assert not e.success


def test_zero_variance_is_not_taken_for_precision():
    with pytest.warns(RuntimeWarning, match="n_max"):
        e = expectation(lambda x: 0 * x + 1, NORMAL, rtol=0.1, n_max=2**16, rng=1)
    assert not e.success


def test_anytime_takes_more_samples():
    usual = expectation(payoff, NORMAL, rtol=0.01, rng=1)
    e = expectation(payoff, NORMAL, rtol=0.01, stopping="anytime", rng=1)
    assert usual.n < e.n < 8 * usual.n
    assert e.success


def test_time_limit():
    e = expectation(lambda x: np.sort(x), NORMAL, time_limit=0.2, rng=1)
    assert e.status == "time"
    assert e.success
    assert e.n >= CHUNK
    e = expectation(None, NORMAL, rtol=1e-9, time_limit=0.1, rng=1)
    assert (e.success, e.status) == (False, "time")


def test_a_run_can_be_resumed_until_precise():
    part = expectation(payoff, NORMAL, n=10_000, rng=1)
    e = expectation(payoff, NORMAL, rtol=0.01, resume=part)
    assert e == expectation(payoff, NORMAL, rtol=0.01, rng=1)


@pytest.mark.parametrize("where", ["python", "traced"])
def test_interrupts(where, sigint):
    def f(x):
        if where == "python" and len(x) > 509:
            os.kill(os.getpid(), sigint)
        return np.sort(x) if where == "python" else x

    if where == "traced":
        timer = threading.Timer(0.2, os.kill, (os.getpid(), sigint))
        timer.start()
    e = expectation(f, NORMAL, n=2**40, rng=1, on_interrupt="partial")
    assert (e.success, e.status) == (False, "interrupt")
    assert e.n < 2**40
    if where == "traced":
        assert e.n > 0
        timer = threading.Timer(0.2, os.kill, (os.getpid(), sigint))
        timer.start()
    with pytest.raises(KeyboardInterrupt) as caught:
        expectation(f, NORMAL, n=2**40, rng=1)
    assert isinstance(caught.value.estimate, Estimate)
