"""Every example in the documentation runs: docstrings, README and the pages of docs/."""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import fastnet

ROOT = Path(__file__).parents[1]
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def module_names():
    found = pkgutil.walk_packages(fastnet.__path__, "fastnet.", onerror=lambda _: None)
    return ["fastnet", *sorted(m.name for m in found if not m.name.endswith("__main__"))]


@pytest.mark.parametrize("name", module_names())
def test_docstrings(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    results = doctest.testmod(module, optionflags=FLAGS, verbose=False)
    assert results.failed == 0


def code_blocks(path):
    """Return (first line, code) of every Python block of a Markdown page."""
    text = path.read_text()
    return [
        (text.count("\n", 0, match.start()) + 2, match[1])
        for match in re.finditer(r"^```python\n(.*?)^```$", text, flags=re.M | re.S)
    ]


PAGES = [p for p in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))] if p.exists()]


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.name)
def test_pages(path, tmp_path, monkeypatch):
    # The blocks of a page are one program: a later one may use what an earlier one made. Blocks
    # with prompts are compared with the output they show, the others must only run.
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "__page__"}
    for line, code in code_blocks(path):
        if ">>>" in code:
            test = doctest.DocTestParser().get_doctest(code, {}, path.name, str(path), line - 1)
            test.globs = names
            runner = doctest.DocTestRunner(optionflags=FLAGS, verbose=False)
            assert runner.run(test, clear_globs=False).failed == 0
        else:
            exec(compile("\n" * (line - 1) + code, str(path), "exec"), names)
