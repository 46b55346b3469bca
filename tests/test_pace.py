"""The choice between one thread and the team by measured times."""

import pytest

from fastnet import _core

WINDOW = 2e-3
CALL = 1e-4


def work(pace, cost, seconds, threads=2):
    """Return which share of the seconds of work the team did, where a call costs cost[team]."""
    done = {True: 0.0, False: 0.0}
    while sum(done.values()) < seconds:
        team = pace.choose(threads)
        pace.record(CALL * cost[team], 1.0)
        done[team] += CALL * cost[team]
    return done[True] / sum(done.values())


@pytest.mark.parametrize("slower", [1.1, 3.0])
def test_the_faster_is_chosen_and_the_other_tried_now_and_then(slower):
    for team in (True, False):
        pace = _core.Pace()
        cost = {team: 1.0, not team: slower}
        work(pace, cost, 5 * WINDOW)
        share = work(pace, cost, 2.0)
        other = 1 - share if team else share
        # A trial is a call and a window of up to a call more: after 2, 4, ..., 64 windows, and then
        # once in 100.
        trials = 6 + 2.0 / (100 * WINDOW)
        assert 0 < other <= trials * (WINDOW + 2 * CALL * slower) / 2.0


def test_a_change_is_noticed_within_some_hundred_windows():
    pace = _core.Pace()
    assert work(pace, {True: 1.0, False: 2.0}, 0.5) > 0.9
    # The team has become slow: its own times say so.
    work(pace, {True: 6.0, False: 2.0}, 10 * WINDOW)
    assert work(pace, {True: 6.0, False: 2.0}, 0.5) < 0.1
    # It is fast again: the next trial says so.
    work(pace, {True: 1.0, False: 2.0}, 2 * 100 * WINDOW)
    assert work(pace, {True: 1.0, False: 2.0}, 0.5) > 0.9


def test_one_call_that_was_interrupted_decides_nothing():
    pace = _core.Pace()
    cost = {True: 1.0, False: 1.5}
    work(pace, cost, 0.1)
    assert pace.choose(2)
    pace.record(WINDOW, 1.0)
    assert work(pace, cost, 0.1) > 0.9


def test_a_beginning_that_was_disturbed_is_forgotten_soon():
    pace = _core.Pace()
    cost = {True: 1.0, False: 2.0}
    work(pace, {True: 6.0, False: 2.0}, 3 * WINDOW)
    assert not pace.choose(2)
    work(pace, cost, 5 * WINDOW)
    assert pace.choose(2)


def test_another_number_of_threads_is_measured_anew():
    pace = _core.Pace()
    work(pace, {True: 2.0, False: 1.0}, 0.1, threads=2)
    assert not pace.choose(2)
    assert pace.choose(3)
