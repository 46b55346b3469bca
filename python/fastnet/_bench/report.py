"""Results as text: the rows of the table, the ratios, and what is not there.

A result is a dict as `compare.run` records it.
"""

from __future__ import annotations

import math
from typing import Any

from fastnet._bench.ceilings import line
from fastnet._bench.common import Kind, geometric_mean, module_of

COLUMNS = (
    ("us", 10),
    ("G/s", 8),
    ("of peak", 8),
    ("fastest peer", 15),
    ("its us", 10),
    ("ratio", 7),
    ("error", 9),
    ("noise", 8),
    ("p50 us", 9),
    ("p99 us", 9),
)
NAME_WIDTH = 34


def times(result: dict[str, Any]) -> dict[str, float]:
    """Return the least seconds of every system that did the case."""
    return {name: s["least"] for name, s in result["systems"].items() if "least" in s}


def fastest_peer(result: dict[str, Any]) -> tuple[str, float] | None:
    """Return the fastest system that is not fastnet's, and its seconds."""
    peers = {name: t for name, t in times(result).items() if module_of(name) != "fastnet"}
    if not peers:
        return None
    name = min(peers, key=lambda name: peers[name])
    return name, peers[name]


def ratio(result: dict[str, Any]) -> float | None:
    """Return how many times as long the fastest peer takes as fastnet."""
    peer, ours = fastest_peer(result), times(result).get("fastnet")
    return None if peer is None or ours is None else peer[1] / ours


def rate(result: dict[str, Any]) -> float:
    """Return what fastnet does per second: FLOPs, or bytes where the memory is the limit."""
    work: float = result["flops" if result["bound"] == "fma" else "moved"]
    return work / times(result)["fastnet"]


def share(result: dict[str, Any], ceilings: dict[str, float]) -> float:
    """Return the share of the ceiling that fastnet reaches."""
    ceiling = f"fma {result['dtype']}" if result["bound"] == "fma" else "copy"
    return rate(result) / ceilings[ceiling]


def microseconds(seconds: float) -> str:
    """Return microseconds with three digits that count, or all before the point."""
    value = seconds * 1e6
    digits = min(2, max(0, 2 - math.floor(math.log10(max(value, 1e-9)))))
    return f"{value:,.{digits}f}"


def cells(result: dict[str, Any], ceilings: dict[str, float]) -> list[str]:
    """Return a result's columns as text."""
    ours = result["systems"]["fastnet"]
    if "least" not in ours:
        return ["-"] * len(COLUMNS)
    peer, by = fastest_peer(result), ratio(result)
    row = [
        microseconds(ours["least"]),
        f"{rate(result) * 1e-9:.2f}",
        f"{share(result, ceilings):.1%}",
        peer[0] if peer else "-",
        microseconds(peer[1]) if peer else "-",
        f"{by:.2f}" if by else "-",
        f"{ours['error']:.0e}",
        f"{ours['median'] / ours['least']:.2f}",
    ]
    return row + [microseconds(ours[name]) if name in ours else "" for name in ("p50", "p99")]


def remarks(results: list[dict[str, Any]]) -> list[str]:
    """Return a line for each reason why a system is without a time: its cases, then the reason."""
    found: dict[tuple[str, str], list[str]] = {}
    for result in results:
        for name, system in result["systems"].items():
            if "failed" in system:
                found.setdefault((name, system["failed"]), []).append(result["case"])
    lines = []
    for (name, why), cases in found.items():
        shown = ", ".join(cases[:3]) + (f" and {len(cases) - 3} more" if len(cases) > 3 else "")
        lines.append(f"{name} failed on {shown}: {why}")
    return lines


def summary(results: list[dict[str, Any]]) -> str:
    """Return the least ratio and the geometric mean as text, or nothing without peers."""
    ratios = {result["case"]: r for result in results if (r := ratio(result)) is not None}
    if not ratios:
        return ""
    least = min(ratios, key=lambda name: ratios[name])
    lost = sum(r < 1 for r in ratios.values())
    return (
        f"ratio to the fastest peer: geometric mean {geometric_mean(list(ratios.values())):.2f}, "
        f"least {ratios[least]:.2f} ({least}); slower in {lost} of {len(ratios)} cases"
    )


class Table:
    """Prints the results of a kind as they come."""

    def __init__(self, kind: Kind, threads: int, isa: str) -> None:
        self.kind, self.threads, self.isa = kind, threads, isa
        self._results: list[dict[str, Any]] = []

    def head(self, ceilings: dict[str, float]) -> None:
        """Print what follows, and the names of the columns."""
        threads = f"{self.threads} thread{'s' * (self.threads > 1)}"
        print(f"\n{self.kind.title}; {threads}, {self.isa}; {line(ceilings)}")
        names = {"G/s": "GFLOP/s" if self.kind.bound == "fma" else "GB/s"}
        if self.kind.bound == "copy":
            names["of peak"] = "of copy"
        self._print(self.kind.name, [names.get(name, name) for name, _ in COLUMNS])

    def row(self, result: dict[str, Any], ceilings: dict[str, float]) -> None:
        """Print a result."""
        self._results.append(result)
        self._print(result["case"], cells(result, ceilings))

    def foot(self) -> None:
        """Print the ratios together, and what went wrong."""
        text = summary(self._results)
        if text:
            print(text)
        for remark in remarks(self._results):
            print(remark)

    @staticmethod
    def _print(name: str, columns: list[str]) -> None:
        widths = [width for _, width in COLUMNS]
        row = "".join(cell.rjust(w) for cell, w in zip(columns, widths, strict=True))
        print(f"{name:{NAME_WIDTH}}{row}".rstrip(), flush=True)
