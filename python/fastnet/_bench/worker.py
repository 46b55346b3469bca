"""The process of one system: builds, checks and times cases as it is told, a line of JSON each.

    python -m fastnet._bench.worker "torch fused"

A request is {"build": [kind, case]}, {"measure": warm-up seconds}, or {"ceilings": true}; a reply
is what was found, or {"failed": why}. What the system itself prints goes to stderr.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import signal
import sys
from typing import Any

from fastnet import runtime
from fastnet._bench import ceilings, common


class _Bench:
    """The contender of the moment."""

    def __init__(self, system: str) -> None:
        self.system = system
        self.contender: common.System | None = None
        self.latency = False

    def build(self, kind_name: str, case_name: str) -> dict[str, Any]:
        self.contender = None
        gc.collect()
        kind = common.load(kind_name)
        case = kind.case(case_name)
        contender = kind.systems[self.system](case.spec)
        error = kind.check(case.spec, contender.answer())
        self.contender, self.latency = contender, case.latency
        return {"error": error}

    def measure(self, warm_up: float) -> dict[str, Any]:
        assert self.contender is not None
        least, median = common.measure(self.contender.call, warm_up)
        found = {"least": least, "median": median}
        if self.latency:
            found["p50"], found["p99"] = common.measure_single(self.contender.call)
        return found

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            if "build" in request:
                return self.build(*request["build"])
            if "measure" in request:
                return self.measure(request["measure"])
            return ceilings.measured() | {"config": runtime.config()}
        except NotImplementedError as error:
            return {"without": str(error)}
        except Exception as error:  # whatever a peer raises is what there is to report
            text = str(error).strip().splitlines()
            return {"failed": f"{type(error).__name__}: {text[0] if text else ''}"[:300]}


def end_with_parent() -> None:
    """Have Linux end this process when its parent ends, however that comes."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def main() -> None:
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    system = sys.argv[1]
    try:
        common.prepare(common.module_of(system))
        ready: dict[str, Any] = {"ready": runtime.num_threads()}
    except ImportError as error:
        ready = {"absent": str(error)}
    bench = _Bench(system)
    print(json.dumps(ready), file=replies, flush=True)
    for line in sys.stdin:
        print(json.dumps(bench.answer(json.loads(line))), file=replies, flush=True)


if __name__ == "__main__":
    main()
