"""Times every system in a process of its own, in turn over several rounds, and prints a table.

    python benchmarks/compare.py --case inference training product --threads 1 2 --rounds 5

A machine's speed drifts, so only times of one run are compared: each round goes through all systems
(A B C A B C), and the least time of the rounds counts. A process is bound to as many cores as it
has threads, which every system goes by. `noise` is the median over the least time of fastnet's
samples: far above 1 the machine was busy, and the table is worth nothing.
"""

import argparse
import importlib
import json
import math
import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

KINDS = ("product", "inference", "training")
PEERS = ("numpy", "torch", "onnxruntime", "jax")
VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


# ---- in a process of its own ----


def work(kind_name, system, only):
    """Print as JSON the least and the median time of each case, or null without the system."""
    module = system.split()[0]
    try:
        importlib.import_module(module)
    except ImportError:
        print("null")
        return
    import common

    common.limit_threads(module)
    kind = importlib.import_module(f"bench_{kind_name}")
    times = {}
    for name, case in kind.CASES.items():
        if only in name:
            contender = kind.SYSTEMS[system](case)
            kind.check(name, contender.answer())
            times[name] = common.measure(contender.call)
    print(json.dumps(times))


def describe(kind_name):
    """Print as JSON the systems and the FLOPs of each case."""
    kind = importlib.import_module(f"bench_{kind_name}")
    flops = {name: kind.flops(name) for name in kind.CASES}
    print(json.dumps({"systems": list(kind.SYSTEMS), "flops": flops}))


def measure_ceilings():
    """Print as JSON FLOP/s and bytes per second on all threads of this process."""
    import ceilings

    import fastnet

    threads = fastnet.runtime.num_threads()
    peak, rate = ceilings.fma_peak(threads), ceilings.copy_rate(threads)
    print(json.dumps({"peak": peak, "copy": rate, **fastnet.runtime.config()}))


# ---- in the process that compares ----


def child(threads, *arguments):
    """Run this file on the first cores, as many as threads, and return what it prints."""
    cores = sorted(os.sched_getaffinity(0))[:threads]
    env = os.environ | {name: str(threads) for name in VARIABLES}
    done = subprocess.run(
        [sys.executable, __file__, *arguments],
        env=env,
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def show(progress):
    if sys.stderr.isatty():
        print(progress, end="\033[K\r", file=sys.stderr, flush=True)


def seconds_text(seconds):
    digits = max(0, 2 - math.floor(math.log10(seconds * 1e6)))
    return f"{seconds * 1e6:.{min(digits, 2)}f}"


def print_table(rows):
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        first, *rest = (cell.rjust(w) for cell, w in zip(row, widths, strict=True))
        print("  ".join([first.strip().ljust(widths[0]), *rest]))
    print()


def compare(kind, threads, rounds, only, peak):
    """Measure the systems of a kind in turn and print their table."""
    about = child(threads, "--describe", kind)
    best, noise, systems = {}, {}, about["systems"]
    for number in range(rounds):
        for system in list(systems):
            show(f"{kind} {number + 1}/{rounds} {system}")
            times = child(threads, "--work", kind, system, "--only", only)
            if times is None:
                systems.remove(system)
                continue
            for name, (least, median) in times.items():
                key = name, system
                if least < best.get(key, math.inf):
                    best[key], noise[key] = least, median / least
    show("")
    names = [name for name in about["flops"] if (name, systems[0]) in best]
    peers = [s for s in systems if not s.startswith("fastnet")]
    columns = ["GFLOP/s", "of peak", "noise"] + ["ratio", "fastest peer"] * bool(peers)
    rows, ratios = [[f"{kind}, us", *systems, *columns]], []
    for name in names:
        ours = best[name, "fastnet"]
        rate = about["flops"][name] / ours
        row = [name, *(seconds_text(best[name, s]) for s in systems)]
        row += [f"{rate * 1e-9:.2f}", f"{rate / peak:.1%}", f"{noise[name, 'fastnet']:.2f}"]
        if peers:
            fastest = min(peers, key=lambda s: best[name, s])
            ratios.append(best[name, fastest] / ours)
            row += [f"{ratios[-1]:.2f}", fastest]
        rows.append(row)
    print_table(rows)
    if ratios:
        mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
        print(f"ratio: least {min(ratios):.2f}, geometric mean {mean:.2f}\n", flush=True)


def versions():
    found = []
    for name in PEERS:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"no {name}")
    return ", ".join(found)


def processor():
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--threads", nargs="+", type=int, default=[len(os.sched_getaffinity(0))])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="cases whose names contain this")
    parser.add_argument("--work", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--describe", help=argparse.SUPPRESS)
    parser.add_argument("--ceilings", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        return work(*options.work, options.only)
    if options.describe:
        return describe(options.describe)
    if options.ceilings:
        return measure_ceilings()
    cores = len(os.sched_getaffinity(0))
    if not 1 <= min(options.threads) <= max(options.threads) <= cores:
        parser.error(f"--threads must be from 1 to {cores}, the cores there are")
    print(f"{processor()}, {cores} cores; Python {platform.python_version()}; {versions()}")
    for threads in options.threads:
        found = child(threads, "--ceilings")
        print(
            f"\n{threads} thread{'s' * (threads > 1)}, fastnet {found['fastnet']} on "
            f"{found['isa active']} ({found['compiler']}), best of {options.rounds} rounds\n"
            f"ceilings: {found['peak'] * 1e-9:.1f} GFLOP/s of fma, "
            f"{found['copy'] * 1e-9:.1f} GB/s read and written by copying\n"
        )
        for kind in options.case:
            compare(kind, threads, options.rounds, options.only, found["peak"])
    return None


if __name__ == "__main__":
    main()
