"""Pages, workflows and sessions name only what is there, and all that must be named."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [
    "README.md", "CONTRIBUTING.md", "SECURITY.md", "cpp/README.md", "benchmarks/README.md",
    *(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md")),
]  # fmt: skip

if not (ROOT / "noxfile.py").exists():
    pytest.skip("the sources are not here", allow_module_level=True)

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
SESSIONS = set(re.findall(r"@nox\.session.*\ndef (\w+)\(", (ROOT / "noxfile.py").read_text()))
EXTRAS = set(PROJECT["project"]["optional-dependencies"])
FOLDERS = ("cpp/", "python/", "tests/", "docs/", "benchmarks/", "examples/", "cmake/", ".github/")
# Folders whose names a page leaves out where it speaks of their files.
WITHIN = ["", "cpp", "python/fastnet", "tests", "docs"]


def text_of(page):
    return (ROOT / page).read_text()


def is_there(name):
    return any((ROOT / folder / name).exists() for folder in WITHIN)


@pytest.mark.parametrize("page", PAGES)
def test_files_named_are_there(page):
    text = text_of(page)
    links = [t for t in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text) if "://" not in t]
    missing = [t for t in links if not ((ROOT / page).parent / t).exists()]
    # What stands in backticks and looks like one file or folder of the tree.
    for name in re.findall(r"`([\w./-]+)`", text):
        file = re.search(r"/[\w.-]+\.(?:py|cpp|hpp|md|cmake|json|yml|toml)$", name)
        if (file or name.startswith(FOLDERS)) and not is_there(name):
            missing.append(name)
    assert not missing


@pytest.mark.parametrize("page", PAGES)
def test_sessions_and_extras_named_are_there(page):
    text = text_of(page)
    sessions = {s for names in re.findall(r"nox -s ([\w ]+)", text) for s in names.split()[:1]}
    assert sessions <= SESSIONS | {"NAME"}
    extras = {
        e.strip() for names in re.findall(r"\.\[([\w, ]+)\]\"", text) for e in names.split(",")
    }
    assert extras <= EXTRAS


def test_the_readme_names_every_extra():
    sentence = re.search(r"Extras: (.*?)\.$", text_of("README.md"), re.M | re.S)
    assert set(re.findall(r"`(\w+)`", sentence[1])) == EXTRAS


def test_the_readme_begins_with_the_two_commands():
    commands = re.findall(r"^pip install.*$", text_of("README.md"), re.M)
    assert commands[:2] == [
        'pip install ".[demo]" && python -m fastnet',
        'pip install ".[test]" && pytest',
    ]
    ci = (ROOT / ".ci" / "run").read_text()
    assert 'pip install ".[test]"\n' in ci
    assert "\npytest" in ci


def test_workflows_and_noxfile_name_sessions_and_extras_that_are_there():
    named = set()
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        text = path.read_text()
        named |= set(re.findall(r"nox -s (\w+)", text))
        for names in re.findall(r"session: \[([^\]]+)\]", text):
            named |= {name.strip() for name in names.split(",")}
    assert {"lint", "tests", "serial", "sanitize", "aarch64", "emulate", "peers"} <= named
    assert named <= SESSIONS
    for names in re.findall(r'"\.\[([\w,]+)\]"', (ROOT / "noxfile.py").read_text()):
        assert set(names.split(",")) <= EXTRAS
    assert set(PROJECT["tool"]["cibuildwheel"]["test-extras"]) <= EXTRAS


def test_tests_that_a_session_leaves_out_are_there():
    for name in re.findall(r'"(test_\w+\.py)::\w+"', (ROOT / "noxfile.py").read_text()):
        assert (ROOT / "tests" / name).exists()
    for name, test in re.findall(r'"(test_\w+\.py)::(\w+)"', (ROOT / "noxfile.py").read_text()):
        assert f"def {test}(" in (ROOT / "tests" / name).read_text()


def test_markers_have_sessions():
    for marker in PROJECT["tool"]["pytest"]["ini_options"]["markers"]:
        name, session = re.match(r"(\w+): .*run by `nox -s (\w+)`", marker).groups()
        assert session in SESSIONS
        assert f'"-m", "{name}"' in (ROOT / "noxfile.py").read_text()
