"""Runs cases: every system in a process of its own, in turn over several rounds.

A machine's speed drifts, so only times of one run are compared, and a case is done whole before the
next: every system is set up and checked, then each round goes through all of them (A B C A B C).
The least time of the rounds counts. A process is bound to as many cores as it has threads.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fastnet._bench.common import WARM_UP_SECONDS, Case, Kind, load, module_of
from fastnet._bench.processes import Worker
from fastnet._bench.record import Record
from fastnet._bench.report import Table

# Between the rounds of one case a system stays warm.
LATER_WARM_UP_SECONDS = WARM_UP_SECONDS / 5


def chosen(options: dict[str, Any]) -> list[tuple[Kind, list[Case]]]:
    """Return the kinds and cases that the options ask for."""
    found = []
    for name in options["kinds"]:
        kind = load(name)
        cases = [
            case
            for case in kind.cases
            if options["only"] in f"{name} {case.name}" and (options["full"] or case.short)
        ]
        if cases:
            found.append((kind, cases))
    return found


def systems_of(kind: Kind, options: dict[str, Any]) -> list[str]:
    """Return the systems of a kind that the options ask for, fastnet first."""
    peers = options["peers"]
    return [
        system
        for system in kind.systems
        if module_of(system) == "fastnet"
        or (
            (peers is None or module_of(system) in peers)
            # A compiler that takes 10 s a case has no place in the short form.
            and (options["full"] or system != "torch compile")
        )
    ]


def run(record: Record) -> bool:
    """Do what is left of a run, print its table, and return whether fastnet's answers are right."""
    options = record.content["options"]
    kinds = chosen(options)
    right = True
    for isa in options["isa"]:
        for threads in options["threads"]:
            with _workers(threads, isa) as workers:
                for kind, cases in kinds:
                    systems = systems_of(kind, options)
                    table = Table(kind, threads, isa)
                    if any(not record.has(kind.name, c.name, threads, isa) for c in cases):
                        _measure_ceilings(record, workers, threads, isa)
                    table.head(record.ceilings(threads, isa))
                    for case in cases:
                        if not record.has(kind.name, case.name, threads, isa):
                            show(f"{kind.name} {case.name}")
                            found = _case(kind, case, systems, workers, options["rounds"])
                            facts = {"threads": threads, "isa": isa, "systems": found}
                            record.add(_about(kind, case) | facts)
                            show("")
                        result = record.result(kind.name, case.name, threads, isa)
                        table.row(result, record.ceilings(threads, isa))
                        right &= "failed" not in result["systems"]["fastnet"]
                    table.foot()
    return right


@contextmanager
def _workers(threads: int, isa: str) -> Iterator[dict[str, Worker]]:
    workers = _Workers(threads, isa)
    try:
        yield workers
    finally:
        for worker in workers.values():
            worker.stop()


class _Workers(dict[str, Worker]):
    """Processes by their system, started when first asked for."""

    def __init__(self, threads: int, isa: str) -> None:
        super().__init__()
        self._threads, self._isa = threads, isa

    def __missing__(self, system: str) -> Worker:
        worker = Worker(system, self._threads, self._isa)
        self[system] = worker
        worker.start()
        return worker


def _measure_ceilings(record: Record, workers: dict[str, Worker], threads: int, isa: str) -> None:
    show("ceilings")
    reply = workers["fastnet"].ask({"ceilings": True})
    if "failed" in reply:
        msg = f"fastnet's process failed: {reply['failed']}"
        raise OSError(msg)
    reply.pop("config")
    record.raise_ceilings(threads, isa, reply)
    show("")


def _about(kind: Kind, case: Case) -> dict[str, Any]:
    return {
        "kind": kind.name,
        "case": case.name,
        "dtype": case.dtype,
        "flops": case.flops,
        "moved": case.moved,
        "bound": kind.bound,
    }


def _case(
    kind: Kind, case: Case, systems: list[str], workers: dict[str, Worker], rounds: int
) -> dict[str, Any]:
    """Return what was found of each system that is there."""
    found: dict[str, dict[str, Any]] = {}
    for system in systems:
        if workers[system].absent is None:
            show(f"{kind.name} {case.name}: {system}")
            found[system] = workers[system].ask({"build": [kind.name, case.name]})
    times: dict[str, list[dict[str, float]]] = {s: [] for s, f in found.items() if "error" in f}
    for number in range(rounds):
        show(f"{kind.name} {case.name}: round {number + 1}")
        for system in list(times):
            warm_up = LATER_WARM_UP_SECONDS if number else WARM_UP_SECONDS
            reply = workers[system].ask({"measure": warm_up})
            if "failed" in reply:
                found[system] = reply
                del times[system]
            else:
                times[system].append(reply)
    for system, replies in times.items():
        found[system] |= _summary(replies)
    return found


def _summary(replies: list[dict[str, float]]) -> dict[str, float]:
    """Return the least time of the rounds, and the medians over them of the rest."""
    summary = {
        name: statistics.median(reply[name] for reply in replies)
        for name in replies[0]
        if name != "least"
    }
    return {"least": min(reply["least"] for reply in replies), **summary}


def show(progress: str) -> None:
    """Show on a terminal what is under way."""
    if sys.stderr.isatty():
        print(progress[:100], end="\033[K\r", file=sys.stderr, flush=True)
