"""The command line: `python -m fastnet` trains on handwritten digits; `info` prints facts."""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from fastnet import _demo, runtime
from fastnet._bench import cli as _bench_cli

# Exit codes: as argparse has them, and as a shell reports the two signals.
_FAILED = 2
_INTERRUPTED = 130
_BROKEN_PIPE = 141


class _Parser(argparse.ArgumentParser):
    """Reports an error in one line."""

    def error(self, message: str) -> NoReturn:
        """Print the message and exit."""
        self.exit(_FAILED, f"fastnet: error: {message} (--help says more)\n")


def _integer(least: int, most: float) -> Callable[[str], int]:
    """Return what reads an integer within limits."""

    def read(text: str) -> int:
        value = int(text)
        if not least <= value <= most:
            limits = f"at least {least}" if most == math.inf else f"from {least} to {most}"
            msg = f"must be {limits}, got {value}"
            raise argparse.ArgumentTypeError(msg)
        return value

    read.__name__ = "int"  # how argparse names what a text is not
    return read


def _rate(text: str) -> float:
    value = float(text)
    if not 0 < value < math.inf:
        msg = f"must be positive and finite, got {text}"
        raise argparse.ArgumentTypeError(msg)
    return value


_rate.__name__ = "float"


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m fastnet",
        usage="%(prog)s [options]\n       %(prog)s info [--json]\n       %(prog)s bench [options]",
        description="Train a network on scikit-learn's handwritten digits and compare with NumPy.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    default = _demo.Options()
    add = parser.add_argument
    add("--epochs", type=_integer(1, math.inf), default=default.epochs, help="times over the data")
    add(
        "--batch-size",
        type=_integer(1, math.inf),
        default=default.batch_size,
        help="images a training step takes",
    )
    add("--lr", type=_rate, default=default.lr, help="learning rate of Adam")
    add(
        "--seed",
        type=_integer(0, math.inf),
        default=default.seed,
        help="of the initial weights and of the order of the images",
    )
    add(
        "--threads",
        type=_integer(1, 256),
        default=argparse.SUPPRESS,
        help="at most so many; results do not depend on it (default: what info prints)",
    )
    add(
        "--output",
        type=Path,
        metavar="FOLDER",
        default=default.output,
        help="where the learning curve and the weights go",
    )
    add("--no-plot", action="store_true", default=argparse.SUPPRESS, help="draw no learning curve")
    add("--version", action="version", version=f"fastnet {runtime.config()['fastnet']}")
    commands = parser.add_subparsers(dest="command", title="commands", metavar="COMMAND")
    info = commands.add_parser(
        "info",
        help="print version, ISA levels, threads and build",
        description="Print version, ISA levels, threads and build.",
        usage="python -m fastnet info [--json]",
    )
    info.add_argument("--json", action="store_true", help="as JSON")
    bench = commands.add_parser(
        "bench",
        help="time fastnet beside the packages installed",
        description="Time fastnet beside the packages installed, after comparing the answers.",
        usage="python -m fastnet bench [options]",
    )
    _bench_cli.add_options(bench)
    return parser


def _run(arguments: dict[str, Any]) -> int:
    command = arguments.pop("command")
    if command == "bench":
        return _bench_cli.main(arguments)
    if command == "info":
        if arguments["threads"] is not None:
            runtime.set_num_threads(arguments["threads"])
        if arguments["json"]:
            print(json.dumps(runtime.config(), indent=2))
        else:
            runtime.show_config()
        return 0
    _demo.run(_demo.Options(**arguments))
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments; by default those of the process.
    """
    arguments = vars(_parser().parse_args(argv))
    arguments["plot"] = not arguments.pop("no_plot", False)
    arguments.setdefault("threads", None)
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, `head` perhaps, has seen enough
        # What is left in the buffer must not fail again when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    except KeyboardInterrupt:
        print("fastnet: interrupted", file=sys.stderr)
        return _INTERRUPTED
    except (ImportError, OSError, ValueError, FloatingPointError) as error:
        print(f"fastnet: error: {' '.join(str(error).split())}", file=sys.stderr)
        return _FAILED
    return code


if __name__ == "__main__":
    sys.exit(main())
