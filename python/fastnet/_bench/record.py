"""The results of a run in a JSON file, written anew after each case, so that a stop loses none."""

from __future__ import annotations

import json
import math
import os
import platform
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from fastnet import runtime
from fastnet._bench.common import module_of
from fastnet._files import replacing

FORMAT = 1
# What a system's package is called where it is installed from.
DISTRIBUTIONS = {"sklearn": "scikit-learn"}


def processor() -> str:
    """Return the processor's name."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def _caches() -> dict[str, str]:
    found = {}
    for folder in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind, size = (
            (folder / name).read_text().strip() for name in ("level", "type", "size")
        )
        if kind != "Instruction":
            found[f"L{level}"] = size
    return found


def machine() -> dict[str, Any]:
    """Return what the times depend on beside the versions."""
    return {
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)),
        "caches": _caches(),
        "system": f"{platform.system()} {platform.release()}",
        "isa supported": runtime.isa_supported(),
    }


def versions(systems: list[str]) -> dict[str, str | None]:
    """Return the version of each package, None of those that are not there."""
    config = runtime.config()
    found = {key: config[key] for key in ("fastnet", "compiler", "python", "openmp")}
    for module in dict.fromkeys(module_of(s) for s in systems):
        if module != "fastnet":
            try:
                found[module] = version(DISTRIBUTIONS.get(module, module))
            except PackageNotFoundError:
                found[module] = None
    return found


def key(result: dict[str, Any]) -> tuple[Any, ...]:
    """Return what tells results apart."""
    return tuple(result[name] for name in ("kind", "case", "threads", "isa"))


class Record:
    """Results of a run, and the file they are kept in."""

    def __init__(self, path: Path, content: dict[str, Any]) -> None:
        self.path = path
        self.content = content
        self._done = {key(result) for result in content["results"]}

    @classmethod
    def new(cls, path: Path, options: dict[str, Any], systems: list[str]) -> Record:
        """Begin a file."""
        content = {
            "format": FORMAT,
            "started": time.strftime("%Y-%m-%d %H:%M:%S %z"),
            "machine": machine(),
            "versions": versions(systems),
            "options": options,
            "ceilings": {},
            "results": [],
        }
        record = cls(path, content)
        record.save()
        return record

    @classmethod
    def resumed(cls, path: Path) -> Record:
        """Go on with a file.

        Raises
        ------
        ValueError
            If it is no such file, or was begun on another machine or with other versions.
        """
        content = read(path)
        systems = [name for name in content["versions"] if name not in ("compiler", "openmp")]
        systems = [name for name in systems if name != "python"]
        for what, here in (("machine", machine()), ("versions", versions(systems))):
            for name, value in content[what].items():
                if here.get(name) != value:
                    msg = (
                        f"{path} can't be resumed: its {name} is {value!r}, "
                        f"but here it is {here.get(name)!r}"
                    )
                    raise ValueError(msg)
        return cls(path, content)

    def has(self, kind: str, case: str, threads: int, isa: str) -> bool:
        """Return whether a case is done."""
        return (kind, case, threads, isa) in self._done

    def result(self, *which: Any) -> dict[str, Any]:
        """Return the result of a kind, case, number of threads and level."""
        found: dict[str, Any] = next(r for r in self.content["results"] if key(r) == which)
        return found

    def add(self, result: dict[str, Any]) -> None:
        """Keep the result of a case."""
        self.content["results"].append(result)
        self._done.add(key(result))
        self.save()

    def ceilings(self, threads: int, isa: str) -> dict[str, float]:
        """Return the highest ceilings found so far."""
        found: dict[str, float] = self.content["ceilings"].setdefault(f"{isa} {threads}", {})
        return found

    def raise_ceilings(self, threads: int, isa: str, measured: dict[str, float]) -> None:
        """Keep ceilings where they are higher than before."""
        found = self.ceilings(threads, isa)
        for name, value in measured.items():
            found[name] = max(value, found.get(name, -math.inf))
        self.save()

    def save(self) -> None:
        """Write the file, whole or not at all."""
        text = json.dumps(self.content, indent=1)
        with replacing(self.path) as file:
            file.write(text.encode())


def read(path: Path) -> dict[str, Any]:
    """Return the content of a file, or raise ValueError if it is none of ours."""
    try:
        content = json.loads(path.read_text())
    except ValueError as error:
        msg = f"{path} is not JSON: {error}"
        raise ValueError(msg) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        msg = f"{path} holds no results of this benchmark (format {FORMAT})"
        raise ValueError(msg)
    return content


def header(content: dict[str, Any]) -> list[str]:
    """Return lines that say where and with what a run was made."""
    here, found = content["machine"], content["versions"]
    caches = ", ".join(f"{name} {size}" for name, size in here["caches"].items())
    peers = {k: v for k, v in found.items() if k not in ("fastnet", "compiler", "python", "openmp")}
    lines = [
        f"{here['processor']}, {here['cores']} processors, {caches}; {here['system']}",
        f"fastnet {found['fastnet']} by {found['compiler']}, Python {found['python']}; "
        + ", ".join(f"{name} {v}" for name, v in peers.items() if v),
    ]
    absent = [name for name, v in peers.items() if v is None]
    return lines + [f"absent: {', '.join(absent)}"] * bool(absent)
