"""The programs of examples/ run, at a smaller size, and find what they claim."""

import importlib.util
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "examples"
if not FOLDER.is_dir():
    pytest.skip("the examples are not here", allow_module_level=True)


def run(name, tmp_path, **options):
    spec = importlib.util.spec_from_file_location(f"example_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    path = tmp_path / f"{name}.png"
    result = module.main(path, **options)
    assert path.stat().st_size > 10_000
    return result


def test_integrals(tmp_path):
    for _, estimate, truth in run("integrals", tmp_path, n=2**18):
        assert abs(estimate.mean - truth) < 5 * estimate.standard_error


def test_options(tmp_path):
    worst, asian = run("options", tmp_path, n=2**16)
    assert worst < 5
    assert asian.how == "traced"


def test_calibration(tmp_path):
    for accuracy, error in run("calibration", tmp_path).values():
        assert accuracy > 0.93
        assert error < 0.2


def test_conditional(tmp_path):
    off = run("conditional", tmp_path, n=2**15)
    assert off["bins"] < 0.05
    assert off["regression"] < 0.05


def test_depth(tmp_path):
    errors = run("depth", tmp_path, epochs=2, seeds=1)
    assert len(errors) == 16
