"""A process for each system, bound to its cores, and stopped while another's turn is on."""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from fastnet._bench.common import module_of

VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
# A reply that takes longer does not come.
SECONDS = 600.0


def cores() -> list[int]:
    """Return the processors this process may use, one of each core first."""
    here = sorted(os.sched_getaffinity(0))
    seen: set[str] = set()
    first: list[int] = []
    second: list[int] = []
    for cpu in here:
        path = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
        core = path.read_text() if path.exists() else str(cpu)
        (second if core in seen else first).append(cpu)
        seen.add(core)
    return first + second


class Worker:
    """The process of one system; `ask` sends a request and returns the reply.

    Between requests it is stopped (SIGSTOP), so that threads which wait by spinning take nothing
    from the system whose turn it is. One that ends or hangs is started anew for the next request.
    """

    def __init__(self, system: str, threads: int, isa: str) -> None:
        self.system = system
        self._cores = cores()[:threads]
        self._env = os.environ | {name: str(threads) for name in VARIABLES}
        self._env |= {"PYTHONWARNINGS": "ignore", "JAX_PLATFORMS": "cpu"}
        self._env.pop("FASTNET_ISA", None)
        if module_of(system) == "fastnet":
            self._env["FASTNET_ISA"] = isa
        self._process: subprocess.Popen[str] | None = None
        self._errors: Any = None
        self.absent: str | None = None

    def start(self) -> None:
        """Start the process; `absent` says why if it has no such package."""
        self._errors = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115 (till the end)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "fastnet._bench.worker", self.system],
            env=self._env,
            preexec_fn=lambda: os.sched_setaffinity(0, self._cores),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        ready = self._reply(self._process)
        self.absent = ready.get("absent") or ready.get("failed")
        self._pause()

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the reply, or {"failed": why}."""
        if self._process is None:
            self.start()
        process = self._process
        assert process is not None
        assert process.stdin is not None
        process.send_signal(signal.SIGCONT)
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
        reply = self._reply(process)
        self._pause()
        return reply

    def stop(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None
            self._errors.close()

    def _pause(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def _reply(self, process: subprocess.Popen[str]) -> dict[str, Any]:
        assert process.stdout is not None
        if select.select([process.stdout], [], [], SECONDS)[0]:
            line = process.stdout.readline()
            if line:
                reply: dict[str, Any] = json.loads(line)
                return reply
            why = f"ended with {process.wait()}: {self._last_error()}"
        else:
            why = f"no answer within {SECONDS:.0f} s"
        self.stop()
        return {"failed": why}

    def _last_error(self) -> str:
        self._errors.seek(0)
        lines = [line for line in self._errors.read().splitlines() if line.strip()]
        return re.sub(r"\s+", " ", lines[-1])[:300] if lines else "no message"
