"""The benchmark's logic: what is run, kept, gone on with, shown; answers of every case's kind."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import fastnet
from fastnet._bench import KINDS, cli, common, compare, documents, record, report
from fastnet._bench.nets import Net, check_outputs
from fastnet._bench.processes import Worker, cores

CASE = "forward 1x64x64"
TINY = ["bench", "--full", "--kind", "product", "--only", CASE, "--peers", "numpy"]
TINY += ["--threads", "1", "--rounds", "1"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """One case with NumPy alone: what is printed, and the file."""
    path = tmp_path_factory.mktemp("bench") / "run.json"
    command = [sys.executable, "-m", "fastnet", *TINY, "--output", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout, path


@pytest.fixture
def content():
    """Return results that nobody measured: two cases, two numbers of threads."""

    def result(case, threads, **systems):
        about = {"kind": "inference", "dtype": "f4", "bound": "fma", "flops": 1e6, "moved": 1e5}
        return about | {"case": case, "threads": threads, "isa": "avx2", "systems": systems}

    def took(seconds, **more):
        return {"error": 1e-7, "least": seconds, "median": 1.1 * seconds, **more}

    names = [case.name for case in common.load("inference").cases[:2]]
    ceilings = {"fma f4": 1e11, "fma f8": 5e10, "copy": 1e10}
    return {
        "format": record.FORMAT,
        "started": "2026-01-02 03:04:05 +0000",
        "machine": record.machine(),
        "versions": record.versions(["fastnet", "numpy"]) | {"torch": "1", "jax": None},
        "options": {},
        "ceilings": {"avx2 2": ceilings, "avx2 1": ceilings},
        "results": [
            result(names[0], 2, fastnet=took(2e-5, p50=2e-5, p99=3e-5), numpy=took(1e-4)),
            result(names[1], 2, fastnet=took(1e-4), torch=took(5e-5), numpy={"failed": "why"}),
            result(names[0], 1, fastnet=took(3e-5), numpy=took(1e-4)),
        ],
    }


def written(path, content):
    path.write_text(json.dumps(content))
    return path


# ---- a run ----


def test_import_loads_nothing_of_it():
    code = "import sys, fastnet; print([m for m in sys.modules if m.startswith('fastnet._bench')])"
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, capture_output=True, text=True).stdout == "[]\n"


def test_a_run_prints_a_table_and_keeps_what_it_found(run):
    text, path = run
    row = next(line for line in text.splitlines() if line.startswith(CASE))
    assert len(row.removeprefix(CASE).split()) == len(report.COLUMNS)
    assert "numpy" in row
    content = record.read(path)
    (result,) = content["results"]
    assert result["flops"] == 2 * 64 * 64
    for system in ("fastnet", "fastnet packing", "numpy"):
        found = result["systems"][system]
        assert 0 < found["least"] <= found["median"]
        assert 0 < found["p50"] <= found["p99"]
        assert found["error"] < 1e-5
    assert content["versions"]["numpy"] == np.__version__
    assert content["machine"]["isa supported"] == fastnet.runtime.isa_supported()
    ceilings = content["ceilings"][f"{fastnet.runtime.isa()} 1"]
    assert all(ceilings[name] > 1e8 for name in ("fma f4", "fma f8", "copy"))


def test_a_resumed_run_does_only_what_is_left(run, monkeypatch, capsys):
    path = run[1]
    before = path.read_bytes()
    monkeypatch.setattr(compare, "_case", None)  # would fail if called
    assert cli.main(options("--resume", path)) == 0
    assert path.read_bytes() == before
    assert CASE in capsys.readouterr().out


def test_a_run_on_another_machine_or_version_is_not_resumed(run, tmp_path):
    content = json.loads(run[1].read_text())
    content["versions"]["fastnet"] = "0.0.0"
    with pytest.raises(ValueError, match="its fastnet is '0\\.0\\.0', but"):
        record.Record.resumed(written(tmp_path / "other.json", content))


def test_results_are_there_after_each_case(tmp_path):
    run = record.Record.new(tmp_path / "run.json", {}, ["fastnet"])
    for case in ("a", "b"):
        run.add({"kind": "product", "case": case, "threads": 1, "isa": "avx2"})
        assert record.read(run.path)["results"][-1]["case"] == case
    assert run.has("product", "a", 1, "avx2")
    assert not run.has("product", "a", 2, "avx2")


def test_a_file_is_not_overwritten(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli._free(tmp_path / "run.json").name == "run.json"
    (tmp_path / "run.json").touch()
    assert cli._free(tmp_path / "run.json").name == "run-2.json"
    with pytest.raises(ValueError, match="exists: go on with it by --resume"):
        cli.main(options("--output", run[1]))


# ---- options ----


def options(*args):
    from fastnet.__main__ import _parser

    arguments = vars(_parser().parse_args(["bench", *map(str, args)]))
    arguments.pop("command")
    return arguments


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--threads", "0"], "--threads must be from 1 to"),
        (["--threads", "100000"], "the processors there are, got 100000"),
        (["--rounds", "0"], "--rounds must be at least 1, got 0"),
        (["--isa", "mmx"], "--isa must be of .* on this machine, got mmx"),
        (["--only", "no such case"], "no case contains 'no such case'; try --full"),
        (["--peers", "nump"], "--peers must be of jax, .*, got nump"),
        (["--docs", "docs"], "--docs needs --report"),
        (["--resume", "setup.cfg/none"], None),
        (["--report", __file__], "is not JSON"),
    ],
)
def test_a_bad_option_is_named(args, message):
    with pytest.raises(ValueError if message else OSError, match=message):
        cli.main(options(*args))


def test_the_forms():
    short, full = cli.checked(options()), cli.checked(options("--full"))
    assert short["kinds"] == list(KINDS)
    assert len(short["threads"]) == 1
    assert 1 in full["threads"]
    few = sum(len(cases) for _, cases in compare.chosen(short))
    assert len(KINDS) <= few < sum(len(cases) for _, cases in compare.chosen(full)) / 3
    peers = cli.checked(options("--peers", "torch", "--full"))
    systems = compare.systems_of(common.load("training"), peers)
    assert systems == ["fastnet", "torch", "torch fused", "torch compile"]
    peers["full"] = False
    assert "torch compile" not in compare.systems_of(common.load("training"), peers)


# ---- processes ----


@pytest.fixture
def worker():
    started = []

    def start(system):
        started.append(Worker(system, 1, fastnet.runtime.isa()))
        started[-1].start()
        return started[-1]

    yield start
    for worker in started:
        worker.stop()


def test_an_absent_peer_is_said_to_be_absent(worker):
    assert "no_such_package" in worker("no_such_package").absent


def test_what_fails_is_reported_and_the_next_case_goes_on(worker):
    numpy = worker("numpy")
    assert numpy.absent is None
    assert numpy.ask({"build": ["product", "none"]}) == {"failed": "StopIteration: "}
    assert "without" in numpy.ask({"build": ["elementwise", "gelu 2^25"]})
    numpy._process.kill()
    assert "ended with -9" in numpy.ask({"build": ["product", CASE]})["failed"]
    assert "error" in numpy.ask({"build": ["product", CASE]})
    assert "least" in numpy.ask({"measure": 0.0})


def test_cores_are_those_of_the_process():
    assert sorted(cores()) == sorted(os.sched_getaffinity(0))


# ---- cases ----


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_is_whole(name):
    kind = common.load(name)
    assert kind.name == name
    assert next(iter(kind.systems)) == "fastnet"
    names = [case.name for case in kind.cases]
    assert len(set(names)) == len(names)
    assert any(case.short for case in kind.cases)
    assert all(case.flops > 0 or kind.bound == "copy" for case in kind.cases)
    assert all(len(name) < report.NAME_WIDTH for name in names)


@pytest.mark.parametrize(
    ("kind", "case"),
    [
        ("product", "forward 32x64x64"),
        ("product", "dx 256x512x10"),
        ("product", "dw 256x512x10"),
        ("inference", "4-120-84-2 x1"),
        ("training", "16-32-16-2 x32"),
        ("training", "8-(32)^3-1 x64"),
        ("tape", "16-32-16-2 x32"),
        ("fit", "16-32-16-3 x32 of 4096"),
    ],
)
def test_answers_of_fastnet_and_numpy_are_right(kind, case):
    kind = common.load(kind)
    spec = kind.case(case).spec
    for system in kind.systems:
        if common.module_of(system) in ("fastnet", "numpy"):
            try:
                contender = kind.systems[system](spec)
            except NotImplementedError:
                continue
            assert kind.check(spec, contender.answer()) < 1e-3
            contender.call()


def test_a_wrong_answer_is_refused():
    net = Net((4, 8, 2), 3)
    model = net.fastnet_model().eval()
    outputs = model(net.data()[0])
    assert check_outputs(net, outputs) < 1e-6
    with pytest.raises(AssertionError, match="wrong answer, beyond its bound"):
        check_outputs(net, outputs + 1e-3)
    with pytest.raises(AssertionError, match="shape"):
        common.require_close(np.zeros(2), np.zeros(3), 1)


def test_times_are_of_one_call():
    calls = []
    least, median = common.measure(lambda: calls.append(sum(range(20_000))), warm_up=0)
    assert len(calls) > common.LEAST_SAMPLES
    assert 1e-6 < least <= median < 1
    middle, high = common.measure_single(lambda: None)
    assert 0 <= middle <= high < 1


# ---- tables and figures ----


def test_the_ratio_is_that_of_the_fastest_peer(content):
    first, second, _ = content["results"]
    assert report.fastest_peer(first) == ("numpy", 1e-4)
    assert report.ratio(first) == pytest.approx(5)
    assert report.ratio(second) == pytest.approx(0.5)
    ceilings = content["ceilings"]["avx2 2"]
    assert report.share(first, ceilings) == pytest.approx(1e6 / 2e-5 / 1e11)
    text = report.summary([first, second])
    assert "geometric mean 1.58, least 0.50" in text
    assert "slower in 1 of 2 cases" in text
    assert report.remarks([first, second]) == [f"numpy failed on {second['case']}: why"]
    assert report.summary([]) == ""
    assert [report.microseconds(t) for t in (1e-9, 1.234e-6, 1.234e-5, 1.5)] == [
        "0.00",
        "1.23",
        "12.3",
        "1,500,000",
    ]


def test_the_later_of_two_files_counts(content, tmp_path):
    first = written(tmp_path / "a.json", content)
    content["results"] = content["results"][:1]
    content["results"][0]["flops"] = 7
    content["ceilings"]["avx2 2"]["copy"] = 2e10
    second = written(tmp_path / "b.json", content)
    both = documents.merged([first, second])
    assert [r["flops"] for r in both["results"]] == [7, 1e6, 1e6]
    assert both["ceilings"]["avx2 2"]["copy"] == 2e10
    content["machine"]["processor"] = "another"
    with pytest.raises(ValueError, match="differ in processor"):
        documents.merged([first, written(second, content)])


def test_the_page_gets_tables_and_figures_between_its_marks(content, tmp_path):
    pytest.importorskip("matplotlib")
    page = tmp_path / documents.PAGE
    begin = "<!-- results: machine -->"
    page.write_text(f"# By hand\n\n{begin}\nold\n{documents.END}\n\nAlso by hand\n")
    for _ in range(2):  # the second time nothing is doubled
        documents.write([written(tmp_path / "run.json", content)], tmp_path)
        text = page.read_text()
        assert text.startswith(f"# By hand\n\n{begin}\n\n")
        assert text.count("Also by hand") == text.count("<!-- results: inference -->") == 1
        assert "old" not in text
        assert "| **0.50** |" in text
        assert "Absent: jax." in text
        figure = tmp_path / documents.FIGURES / "bench_inference_avx2.svg"
        assert figure.name in text
    svg = figure.read_bytes()
    documents.write([tmp_path / "run.json"], tmp_path)
    assert figure.read_bytes() == svg
    page.write_text(begin)
    with pytest.raises(ValueError, match="has no"):
        documents.write([tmp_path / "run.json"], tmp_path)


def test_a_level_without_peers_has_a_table_and_no_figure(content, tmp_path):
    pytest.importorskip("matplotlib")
    page = tmp_path / documents.PAGE
    page.write_text(f"<!-- results: machine -->\n{documents.END}\n")
    first = content["results"][0]
    alone = {"fastnet": first["systems"]["fastnet"]}
    content["results"].append(first | {"isa": "avx512", "systems": alone})
    content["ceilings"]["avx512 2"] = content["ceilings"]["avx2 2"]
    documents.write([written(tmp_path / "run.json", content)], tmp_path)
    assert "2 threads, avx512:" in page.read_text()
    figures = {path.name for path in (tmp_path / documents.FIGURES).iterdir()}
    assert figures == {"bench_inference_avx2.svg"}


@pytest.mark.parametrize("name", ["product", "elementwise"])
def test_other_figures_are_drawn(name, content, tmp_path):
    plots = pytest.importorskip("fastnet._bench.plots")
    pytest.importorskip("matplotlib")
    kind = common.load(name)
    case = kind.cases[0]
    about = {"kind": name, "case": case.name, "bound": kind.bound}
    result = content["results"][0] | about | {"flops": case.flops, "moved": case.moved}
    figure = plots.draw(name, [result], content["ceilings"]["avx2 2"], "title")
    plots.save(figure, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 5000
