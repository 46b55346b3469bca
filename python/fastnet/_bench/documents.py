"""What docs/performance.md shows of runs: tables and figures between markers, the rest by hand.

A block stands between `<!-- results: NAME -->` and `<!-- end of results -->`; NAME is "machine" or
a kind. A kind without a block gets one at the end of the page.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastnet._bench import KINDS, plots, record, report
from fastnet._bench.common import geometric_mean, load, module_of
from fastnet._files import replacing

PAGE = "performance.md"
FIGURES = "figures"
END = "<!-- end of results -->"

Results = list[dict[str, Any]]


def merged(files: list[Path]) -> dict[str, Any]:
    """Return several runs as one; of what was run twice the later file counts.

    Raises
    ------
    ValueError
        If they are of different machines or versions.
    """
    first, *others = (record.read(path) for path in files)
    found = {record.key(result): result for result in first["results"]}
    for path, content in zip(files[1:], others, strict=True):
        for what in ("machine", "versions"):
            for name in first[what].keys() & content[what].keys():
                if first[what][name] != content[what][name]:
                    msg = (
                        f"{files[0]} and {path} differ in {name}: "
                        f"{first[what][name]!r} and {content[what][name]!r}"
                    )
                    raise ValueError(msg)
        found |= {record.key(result): result for result in content["results"]}
        first["versions"] |= content["versions"]
        for level, values in content["ceilings"].items():
            known = first["ceilings"].setdefault(level, values)
            known |= {name: max(value, known.get(name, 0)) for name, value in values.items()}
    return first | {"results": list(found.values())}


def groups(content: dict[str, Any]) -> list[tuple[str, str, int, Results]]:
    """Return results by kind, level and threads, in the order of kinds, most threads first."""
    found: dict[tuple[str, str, int], Results] = {}
    for result in content["results"]:
        which = result["kind"], result["isa"], result["threads"]
        found.setdefault(which, []).append(result)
    levels = list(dict.fromkeys(result["isa"] for result in content["results"]))
    order = sorted(found, key=lambda g: (KINDS.index(g[0]), levels.index(g[1]), -g[2]))
    places = {kind: {c.name: i for i, c in enumerate(load(kind).cases)} for kind, _, _ in found}

    def place(result: dict[str, Any]) -> int:
        return places[result["kind"]].get(result["case"], len(places[result["kind"]]))

    return [(*which, sorted(found[which], key=place)) for which in order]


def show(files: list[Path]) -> None:
    """Print the tables of runs."""
    content = merged(files)
    print(*record.header(content), sep="\n")
    for kind, isa, threads, results in groups(content):
        table = report.Table(load(kind), threads, isa)
        ceilings = content["ceilings"][f"{isa} {threads}"]
        table.head(ceilings)
        for result in results:
            table.row(result, ceilings)
        table.foot()


def figures(content: dict[str, Any], folder: Path, suffix: str) -> dict[str, list[str]]:
    """Draw each kind at the most threads of each level, where there are peers to compare with.

    Returns the files' names by kind.
    """
    drawn: dict[str, list[str]] = {}
    seen = set()
    for kind, isa, threads, results in groups(content):
        if (kind, isa) not in seen and any(report.ratio(r) is not None for r in results):
            seen.add((kind, isa))
            name = f"bench_{kind}_{isa}{suffix}"
            title = f"{load(kind).title}; {_threads(threads)}, {isa}"
            figure = plots.draw(kind, results, content["ceilings"][f"{isa} {threads}"], title)
            plots.save(figure, folder / name)
            drawn.setdefault(kind, []).append(name)
    return drawn


def write(files: list[Path], docs: Path) -> None:
    """Write tables and figures of runs into the documentation.

    Raises
    ------
    OSError
        If there is no such page.
    ValueError
        If a block of it has no end.
    """
    content = merged(files)
    page = docs / PAGE
    text = page.read_text()
    drawn = figures(content, docs / FIGURES, ".svg")
    blocks = {"machine": _machine(content)}
    for kind, isa, threads, results in groups(content):
        part = _part(content, kind, isa, threads, results)
        if kind not in blocks:
            names = drawn.get(kind, [])
            pictures = [f"![{load(kind).title}]({FIGURES}/{name})" for name in names]
            part = "\n\n".join([*pictures, part])
        blocks[kind] = f"{blocks[kind]}\n\n{part}" if kind in blocks else part
    for name, block in blocks.items():
        begin = f"<!-- results: {name} -->"
        if begin not in text:
            title = load(name).title
            text = f"{text.rstrip()}\n\n## {title[0].upper()}{title[1:]}\n\n{begin}\n{END}\n"
        if END not in text.split(begin, 1)[1]:
            msg = f"{page} has no {END!r} after {begin!r}"
            raise ValueError(msg)
        before, rest = text.split(begin, 1)
        text = f"{before}{begin}\n\n{block}\n\n{END}{rest.split(END, 1)[1]}"
    with replacing(page) as file:
        file.write(text.encode())


def _threads(n: int) -> str:
    return f"{n} thread{'s' * (n > 1)}"


def _machine(content: dict[str, Any]) -> str:
    """Return where the results come from, and an overview of all."""
    lines = [*(f"{line}  " for line in record.header(content)), f"Run of {content['started'][:10]}"]
    lines += ["", "| ceilings | fma, float32 | fma, float64 | copy |", "| --- | --- | --- | --- |"]
    for isa, threads in dict.fromkeys((group[1], group[2]) for group in groups(content)):
        found = content["ceilings"][f"{isa} {threads}"]
        values = [found["fma f4"], found["fma f8"], found["copy"]]
        units = ("GFLOP/s", "GFLOP/s", "GB/s")
        texts = [f"{v * 1e-9:.1f} {unit}" for v, unit in zip(values, units, strict=True)]
        lines.append(f"| {_threads(threads)}, {isa} | {' | '.join(texts)} |")
    lines += [
        "",
        "| over the fastest peer | | cases | geometric mean | least | slower in |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for kind, isa, threads, results in groups(content):
        ratios = [r for result in results if (r := report.ratio(result)) is not None]
        if ratios:
            mean, least = geometric_mean(ratios), min(ratios)
            lines.append(
                f"| {kind} | {_threads(threads)}, {isa} | {len(ratios)} | {mean:.2f} "
                f"| {least:.2f} | {sum(r < 1 for r in ratios)} |"
            )
    return "\n".join(lines)


def _part(content: dict[str, Any], kind: str, isa: str, threads: int, results: Results) -> str:
    """Return the table of one kind, level and number of threads in Markdown."""
    systems = list(dict.fromkeys(name for r in results for name in r["systems"]))
    systems = [s for s in load(kind).systems if s in systems]
    ceilings = content["ceilings"][f"{isa} {threads}"]
    memory = load(kind).bound == "copy"
    serial = {r["case"]: r for r in _at_one_thread(content, kind, isa)} if threads > 1 else {}
    latency = any("p99" in s for r in results for s in r["systems"].values())
    head = [f"{kind}, us", *systems, "GB/s" if memory else "GFLOP/s"]
    head += ["of copy" if memory else "of peak", "ratio", "error", "noise"]
    head += ["p50, p99"] * latency + ["over 1 thread"] * bool(serial)
    rows = [head, ["---"] + ["---:"] * (len(head) - 1)]
    for result in results:
        times = report.times(result)
        row = [result["case"]]
        row += [report.microseconds(times[s]) if s in times else "" for s in systems]
        if "fastnet" in times:
            cells = report.cells(result, ceilings)
            by = report.ratio(result)
            row += [*cells[1:3], f"**{by:.2f}**" if by and by < 1 else cells[5], *cells[6:8]]
            row += [", ".join(cells[8:10]) if cells[8] else ""] * latency
            if serial:
                one = report.times(serial[result["case"]]) if result["case"] in serial else {}
                row.append(f"{one['fastnet'] / times['fastnet']:.2f}" if "fastnet" in one else "")
        else:
            row += [""] * (len(head) - len(row))
        rows.append(row)
    lines = [f"{_threads(threads)}, {isa}:", ""]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    notes = [report.summary(results), *report.remarks(results)]
    without = [name for name, v in content["versions"].items() if v is None]
    peers = {module_of(s) for s in load(kind).systems}
    absent = [name for name in without if name in peers]
    notes += [f"absent: {', '.join(absent)}"] * bool(absent)
    return "\n".join(lines + [""] + [f"{n[0].upper()}{n[1:]}.  " for n in notes if n]).rstrip()


def _at_one_thread(content: dict[str, Any], kind: str, isa: str) -> Results:
    return [
        r
        for r in content["results"]
        if (r["kind"], r["isa"], r["threads"]) == (kind, isa, 1) and "fastnet" in report.times(r)
    ]
