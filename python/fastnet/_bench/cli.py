"""The command line of the benchmark: `python -m fastnet bench`."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from fastnet import runtime
from fastnet._bench import KINDS

# Rounds of the two forms.
SHORT_ROUNDS, FULL_ROUNDS = 2, 3
DEFAULT_OUTPUT = "fastnet-bench.json"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options to a parser."""
    add = parser.add_argument
    add("--full", action="store_true", help="all cases, at 1 thread as well")
    add("--kind", nargs="+", choices=KINDS, default=[], help="only cases of these kinds")
    add("--only", default="", metavar="TEXT", help="only cases whose names contain this")
    add("--peers", nargs="*", metavar="NAME", help="only these packages beside fastnet")
    add(
        "--threads",
        nargs="+",
        type=int,
        dest="bench_threads",
        metavar="N",
        help="one number or several",
    )
    add("--rounds", type=int, metavar="N", help="of which the best counts")
    add("--isa", nargs="+", metavar="LEVEL", help="levels of fastnet, e.g. avx2")
    add(
        "--output", type=Path, metavar="FILE", dest="bench_output", help="where results go, as JSON"
    )
    add("--plots", type=Path, metavar="FOLDER", help="where figures go, as PNG; by default nowhere")
    add("--resume", type=Path, metavar="FILE", help="go on with a run that was stopped")
    add("--report", type=Path, nargs="+", metavar="FILE", help="only print what runs have found")
    add("--docs", type=Path, metavar="FOLDER", help="with --report: write it into performance.md")


def checked(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a run.

    Raises
    ------
    ValueError
        If a number of threads or rounds, a level, a peer or a choice of cases is not possible.
    """
    from fastnet._bench.common import load, module_of

    full = arguments["full"]
    cores = len(os.sched_getaffinity(0))
    default = sorted({cores, 1}, reverse=True) if full else [min(cores, runtime.num_threads())]
    options = {
        "full": full,
        "kinds": arguments["kind"] or list(KINDS),
        "only": arguments["only"],
        "peers": arguments["peers"],
        "threads": arguments["bench_threads"] or default,
        "rounds": arguments["rounds"] or (FULL_ROUNDS if full else SHORT_ROUNDS),
        "isa": arguments["isa"] or [runtime.isa()],
    }
    for threads in options["threads"]:
        if not 1 <= threads <= cores:
            msg = f"--threads must be from 1 to {cores}, the processors there are, got {threads}"
            raise ValueError(msg)
    if arguments["rounds"] is not None and arguments["rounds"] < 1:
        msg = f"--rounds must be at least 1, got {arguments['rounds']}"
        raise ValueError(msg)
    known = {module_of(system) for kind in KINDS for system in load(kind).systems} - {"fastnet"}
    for peer in options["peers"] or ():
        if peer not in known:
            msg = f"--peers must be of {', '.join(sorted(known))}, got {peer}"
            raise ValueError(msg)
    for level in options["isa"]:
        if level not in runtime.isa_supported():
            levels = ", ".join(runtime.isa_supported())
            msg = f"--isa must be of {levels} on this machine, got {level}"
            raise ValueError(msg)
    return options


def main(arguments: dict[str, Any]) -> int:
    """Run or report, and return the exit code: 1 if an answer of fastnet is wrong."""
    from fastnet._bench import compare, documents, record

    if arguments["docs"] and not arguments["report"]:
        msg = "--docs needs --report"
        raise ValueError(msg)
    if arguments["report"]:
        if arguments["docs"]:
            documents.write(arguments["report"], arguments["docs"])
        else:
            documents.show(arguments["report"])
        _draw(arguments["report"], arguments["plots"])
        return 0
    if arguments["resume"]:
        run = record.Record.resumed(arguments["resume"])
    else:
        options = checked(arguments)
        kinds = compare.chosen(options)
        if not kinds:
            msg = f"no case contains {options['only']!r}; {'' if options['full'] else 'try --full'}"
            raise ValueError(msg.removesuffix("; "))
        systems = [s for kind, _ in kinds for s in compare.systems_of(kind, options)]
        path = arguments["bench_output"] or _free(Path(DEFAULT_OUTPUT))
        if path.exists():
            msg = f"{path} exists: go on with it by --resume, or choose another"
            raise ValueError(msg)
        run = record.Record.new(path, options, systems)
    print(*record.header(run.content), sep="\n")
    try:
        right = compare.run(run)
    except KeyboardInterrupt:
        print(f"\nstopped; go on by: python -m fastnet bench --resume {run.path}")
        raise
    print(f"\nresults: {run.path}")
    _draw([run.path], arguments["plots"])
    return 0 if right else 1


def _draw(files: list[Path], folder: Path | None) -> None:
    from fastnet._bench import documents

    if folder is not None:
        documents.figures(documents.merged(files), folder, ".png")
        print(f"figures: {folder}")


def _free(path: Path) -> Path:
    """Return the path, or with a number before its suffix if there is such a file."""
    number = 1
    free = path
    while free.exists():
        number += 1
        free = path.with_stem(f"{path.stem}-{number}")
    return free
