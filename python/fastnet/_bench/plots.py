"""Figures of results: a roofline of products, ratios to the fastest peer, shares of a ceiling.

Like fastnet.plot they use nothing of pyplot. A figure is of one number of threads and one level.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from fastnet._bench import report
from fastnet._bench.common import load

Results = list[dict[str, Any]]

# Blue, vermilion and grey of Okabe and Ito (2008), as in fastnet.plot.
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#6E6E6E"
MARKERS = "os^Dv"


def draw(kind: str, results: Results, ceilings: dict[str, float], title: str) -> Any:
    """Return the Figure of a kind's results."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        msg = 'the figures need matplotlib: pip install "fastnet-cpu[plot]"'
        raise ImportError(msg) from error
    what = load(kind).plot
    height = 4.6 if what == "roofline" else 1.4 + 0.24 * len(results)
    figure = Figure(figsize=(7.6, height), layout="constrained")
    axes = figure.subplots()
    {"roofline": _roofline, "ratios": _ratios, "shares": _shares}[what](axes, results, ceilings)
    axes.set_title(title, fontsize=10, loc="left")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return figure


def save(figure: Any, path: Path) -> None:
    """Write a figure; an SVG has the same bytes whenever it is drawn."""
    from matplotlib import rc_context

    path.parent.mkdir(parents=True, exist_ok=True)
    with rc_context({"svg.hashsalt": path.stem, "svg.fonttype": "none"}):
        metadata = {"Date": None} if path.suffix == ".svg" else None
        figure.savefig(path, dpi=150, metadata=metadata)


def _roofline(axes: Any, results: Results, ceilings: dict[str, float]) -> None:
    """Draw GFLOP/s over FLOPs per byte, below what registers and memory allow."""
    results = [r for r in results if r["dtype"] == "f4"]
    peak, copy = ceilings["fma f4"] * 1e-9, ceilings["copy"] * 1e-9
    intensity = np.array([r["flops"] / r["moved"] for r in results])
    x = np.geomspace(intensity.min() / 1.5, intensity.max() * 1.5, 200)
    axes.loglog(x, np.minimum(peak, copy * x), color=GREY, lw=1)
    # What fits the caches is not bound by the memory.
    axes.axhline(peak, color=GREY, lw=1, ls=":")
    axes.annotate(f"fma {peak:.0f} GFLOP/s", (x[-1], peak), (0, 4), **_text("right"))
    middle = (peak / copy / 2, peak / 2)
    axes.annotate(f"memory {copy:.0f} GB/s", middle, (-6, 2), **_text("right"))
    groups = list(dict.fromkeys(r["case"].split()[0] for r in results))
    for marker, group in zip(MARKERS, groups, strict=False):
        members = [r for r in results if r["case"].split()[0] == group]
        at = [r["flops"] / r["moved"] for r in members]
        ours = np.array([report.rate(r) * 1e-9 for r in members])
        theirs = ours / [report.ratio(r) or np.nan for r in members]
        axes.vlines(at, ours, theirs, color=GREY, lw=0.6, alpha=0.5)
        style = {"ls": "", "marker": marker, "ms": 5}
        axes.plot(at, theirs, color=ORANGE, mfc="white", label=f"fastest peer, {group}", **style)
        axes.plot(at, ours, color=BLUE, label=f"fastnet, {group}", **style)
    axes.set_xlabel("FLOPs per byte that must move")
    axes.set_ylabel("GFLOP/s")
    axes.legend(fontsize=7, frameon=False, loc="lower right", ncols=len(groups))


def _ratios(axes: Any, results: Results, _: dict[str, float]) -> None:
    """Draw how many times as long the fastest peer takes, and its name."""
    results = [r for r in results if report.ratio(r) is not None]
    values = np.array([report.ratio(r) for r in results])
    colours = [BLUE if value >= 1 else ORANGE for value in values]
    # From 1 on: what is faster points to the right, what is slower to the left.
    axes.barh(range(len(values)), values - 1, left=1, color=colours, height=0.7)
    axes.set_xscale("log", base=2)
    low, high = min(0.8, values.min() / 1.3), max(2.0, values.max() * 1.9)
    axes.set_xlim(low, high)
    for row, (result, value) in enumerate(zip(results, values, strict=True)):
        peer = report.fastest_peer(result)
        assert peer is not None
        text = f"{value:.2f}  {peer[0]}"
        axes.annotate(text, (max(value, 1), row), (4, 0), **_text("left", "center"))
    axes.axvline(1, color=GREY, lw=1)
    _cases(axes, results)
    ticks = [2.0**e for e in range(-3, 9) if low <= 2.0**e <= high]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel("time of the fastest peer, named, over that of fastnet")


def _shares(axes: Any, results: Results, ceilings: dict[str, float]) -> None:
    """Draw the share of the ceiling that fastnet and the fastest peer reach."""
    results = [r for r in results if "fastnet" in report.times(r)]
    for row, result in enumerate(results):
        ours = report.share(result, ceilings)
        peer = report.fastest_peer(result)
        theirs = ours / (report.ratio(result) or np.nan)
        first = row == 0
        axes.barh(row, ours, color=BLUE, height=0.7, label="fastnet" if first else None)
        if peer:
            label = "fastest peer, named" if first else None
            axes.plot(theirs, row, "D", color=ORANGE, ms=4, mec="white", mew=0.6, label=label)
            right = max(ours, theirs)
            axes.annotate(peer[0], (right, row), (5, 0), **_text("left", "center"))
    axes.axvline(1, color=GREY, lw=1)
    axes.set_xlim(0, max(1.15, axes.get_xlim()[1] * 1.12))
    _cases(axes, results)
    axes.set_xlabel("bytes per second, of those that copying reaches")
    axes.figure.legend(fontsize=7, frameon=False, loc="outside lower right", ncols=2)


def _cases(axes: Any, results: Results) -> None:
    axes.set_yticks(range(len(results)), [r["case"] for r in results], fontsize=7)
    axes.set_ylim(len(results) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)


def _text(ha: str, va: str = "baseline") -> dict[str, Any]:
    return {"textcoords": "offset points", "fontsize": 7, "color": GREY, "ha": ha, "va": va}
