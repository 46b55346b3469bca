"""Every case of the benchmark by pytest-benchmark: a test is a kind, a case and a system."""

import pytest

import fastnet
from fastnet._bench import KINDS
from fastnet._bench.common import load, module_of, prepare

TESTS = [
    pytest.param(kind, case, system, id=f"{name}-{system}-{case.name}")
    for name in KINDS
    for kind in [load(name)]
    for case in kind.cases
    for system in kind.systems
]


@pytest.mark.parametrize(("kind", "case", "system"), TESTS)
def test_case(benchmark, kind, case, system):
    module = module_of(system)
    pytest.importorskip(module)
    prepare(module)
    try:
        contender = kind.systems[system](case.spec)
    except NotImplementedError as without:
        pytest.skip(str(without))
    error = kind.check(case.spec, contender.answer())
    benchmark.group = f"{kind.name} {case.name}"
    benchmark.extra_info |= {"isa": fastnet.runtime.isa(), "error": error}
    benchmark.extra_info["threads"] = fastnet.runtime.num_threads()
    benchmark(contender.call)
