#!/usr/bin/env -S uv run --script

# /// script
# dependencies = ["nox>=2025.2.9"]
# ///

"""What can be run on the project: `nox` alone is lint and tests, `nox -s NAME` the rest."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"

PROJECT = nox.project.load_toml("pyproject.toml")
LINT = nox.project.dependency_groups(PROJECT, "lint")


def install(session: nox.Session, *requirements: str, **define: str) -> None:
    """Install requirements, among them a build with the given CMake definitions and -Werror."""
    define = {"FASTNET_WERROR": "ON", **define}
    definitions = ";".join(f"{name}={value}" for name, value in define.items())
    # A build folder of its own: CMake remembers definitions there, and other builds must not.
    folder = f"build/nox-{session.name}"
    env = {"SKBUILD_CMAKE_DEFINE": definitions, "SKBUILD_BUILD_DIR": folder}
    session.install(*requirements, env=env)


def pytest(session: nox.Session, *arguments: str, **env: str) -> None:
    """Say what is tested and run the tests."""
    session.run("python", "-c", "import fastnet; fastnet.show_config()", env=env)
    session.run("pytest", *arguments, *session.posargs, env=env)


def build_checks(session: nox.Session, name: str, *options: str) -> Path:
    """Build tests/cpp/check_kernels.cpp and return the program."""
    session.install("cmake>=3.20", "ninja")
    folder = Path(session.create_tmp()) / name
    session.run(
        "cmake", "-S", ".", "-B", str(folder), "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release",
        "-DFASTNET_BUILD_CHECKS=ON", "-DFASTNET_WERROR=ON", *options,
    )  # fmt: skip
    session.run("cmake", "--build", str(folder))
    return folder / "check_kernels"


@nox.session
def lint(session: nox.Session) -> None:
    """Check form, types and spelling with the tools that pre-commit runs, from PyPI."""
    session.install(*LINT, "numpy>=2.0")
    files = subprocess.check_output(["git", "ls-files"], text=True).split()
    cpp = [f for f in files if f.endswith((".cpp", ".hpp"))]
    workflows = [f for f in files if f.startswith(".github/workflows/")]
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("clang-format", "--dry-run", "--Werror", *cpp)
    session.run("mypy")
    session.run("codespell", *files)
    session.run("validate-pyproject", "pyproject.toml")
    session.run("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *workflows)
    session.run(
        "check-jsonschema", "--builtin-schema", "vendor.dependabot", ".github/dependabot.yml"
    )
    session.run("zizmor", "--offline", "--quiet", ".github")


@nox.session
def tests(session: nox.Session) -> None:
    """Run the test suite on the installed wheel."""
    install(session, ".[test]")
    pytest(session)


@nox.session(default=False)
def peers(session: nox.Session) -> None:
    """Compare with PyTorch."""
    install(session, ".[test]", "torch==2.13.0")
    pytest(session, "-m", "peers")


@nox.session(default=False)
def exhaustive(session: nox.Session) -> None:
    """Sweep every float32 through the elementwise functions."""
    install(session, ".[test]")
    pytest(session, "-m", "exhaustive")


@nox.session(default=False)
def long(session: nox.Session) -> None:
    """Compare billions of random values with their laws, and use arrays beyond 2^31 elements."""
    install(session, ".[test]")
    pytest(session, "-m", "long")


@nox.session(default=False)
def dieharder(session: nox.Session) -> None:
    """Run Debian's dieharder on raw words, interleaved streams and mapped-back values.

    All its tests take hours; `nox -s dieharder -- -d 2` runs one of them.
    """
    install(session, ".[test]")
    python = str(Path(session.bin) / "python")
    for kind in ("words", "interleaved", "normals", "exponentials"):
        source = subprocess.Popen([python, "tests/streams.py", kind], stdout=subprocess.PIPE)
        command = ["dieharder", "-g", "200", *(session.posargs or ["-a"])]
        report = subprocess.run(command, stdin=source.stdout, stdout=subprocess.PIPE, check=True)
        source.kill()
        text = report.stdout.decode()
        session.log(f"{kind}:\n{text}")
        # Weak: p below 0.5 %, which one test in 100 is. Failed: below 1e-6.
        if "FAILED" in text:
            session.error(f"{kind} failed a test")


@nox.session(default=False)
def serial(session: nox.Session) -> None:
    """Run the test suite on a build without OpenMP."""
    install(session, ".[test]", FASTNET_OPENMP="OFF")
    pytest(session)


@nox.session(default=False)
def clang(session: nox.Session) -> None:
    """Run the test suite on a build by Clang (Debian: clang, libomp-dev)."""
    install(session, ".[test]", CMAKE_CXX_COMPILER="clang++")
    # libomp 14 sizes its first team by memory it has not written and may abort before any call.
    malformed = "test_openmp_environment_does_not_change_results[OMP_NUM_THREADS=abc]"
    pytest(session, f"--deselect=tests/test_process.py::{malformed}")


@nox.session(default=False)
def sanitize(session: nox.Session) -> None:
    """Run the test suite under AddressSanitizer and UndefinedBehaviorSanitizer (GCC)."""
    session.env["SKBUILD_INSTALL_STRIP"] = "false"
    install(session, ".[test]", FASTNET_SANITIZE="address,undefined")
    # The interpreter is not instrumented, so the runtimes are loaded before it; libstdc++ too, for
    # AddressSanitizer looks for its functions when it starts.
    libraries = ["libasan.so", "libubsan.so", "libstdc++.so"]
    find = [["gcc", f"-print-file-name={name}"] for name in libraries]
    paths = [subprocess.check_output(command, text=True).strip() for command in find]
    asan = [
        "detect_leaks=0",  # CPython frees little at exit
        "allocator_may_return_null=1",  # NumPy turns null into MemoryError
        "detect_stack_use_after_return=1",
    ]
    # What instrumentation itself changes: times, sizes, address space, which it reserves whole,
    # malloc, which is its own and whose locks a child of fork may find locked, and stacks: the
    # instrumented kernels overflow 512 KiB, while no frame of the others exceeds 18 KiB (GCC's
    # -fstack-usage, AVX-512).
    measured = [
        "test_process.py::test_import_is_quick",
        "test_repository.py::test_the_extension_is_small",
        "test_limits.py::test_too_little_memory_is_a_memory_error_and_leaves_all_usable",
        "test_limits.py::test_any_allocation_may_fail",
        "test_limits.py::test_the_team_steps_on_after_one_thread_found_no_memory",
        "test_fork.py::test_fork_while_another_thread_is_inside_a_kernel",
        "test_process.py::test_openmp_environment_does_not_change_results[OMP_STACKSIZE=64K]",
    ]
    pytest(
        session,
        *(f"--deselect=tests/{test}" for test in measured),
        LD_PRELOAD=" ".join(paths),
        ASAN_OPTIONS=":".join(asan),
        UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1",
    )


@nox.session(default=False)
def aarch64(session: nox.Session) -> None:
    """Compare every kernel's bits on NEON, emulated, with AVX2's.

    Debian: g++-aarch64-linux-gnu, qemu-user.
    """
    here = build_checks(session, "native")
    there = build_checks(
        session,
        "aarch64",
        "-DCMAKE_SYSTEM_NAME=Linux",
        "-DCMAKE_SYSTEM_PROCESSOR=aarch64",
        "-DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++",
        "-DCMAKE_EXE_LINKER_FLAGS=-static",
    )
    expected = subprocess.check_output([here, "avx2"], text=True).splitlines()
    actual = subprocess.check_output(["qemu-aarch64", there, "neon"], text=True).splitlines()
    wrong = [f"{a} (avx2: {e})" for a, e in zip(actual, expected, strict=True) if a != e]
    if wrong:
        session.error("NEON differs from AVX2:\n" + "\n".join(wrong))
    session.log(f"{len(expected)} kernels have the same bits on NEON and AVX2")


# Prints the active level and a digest of what the functions give.
DIGEST = """
import hashlib
import numpy as np
import fastnet
import fastnet.functional as F

rng = np.random.default_rng(1)
digest = hashlib.sha256()
for dtype in ("f4", "f8"):
    x, weight, dy = (rng.standard_normal(s).astype(dtype) for s in [(40, 30), (50, 30), (40, 50)])
    for y in F.linear(x, weight, activation="relu"), *F.linear_backward(dy, x, weight):
        digest.update(np.ascontiguousarray(y).tobytes())
print(fastnet.runtime.isa(), digest.hexdigest())
"""


@nox.session(default=False)
def emulate(session: nox.Session) -> None:
    """Run the wheel on emulated older CPUs: no illegal instruction, the same answers.

    Debian: qemu-user. Nehalem has no AVX and must take the baseline, Haswell has AVX2.
    """
    install(session, ".[test]")
    python = str(Path(session.bin) / "python")
    some_tests = ["-m", "pytest", "-q", "tests/test_linear.py", "-k", "bad or out or nan"]
    for cpu, level in [("Nehalem", "baseline"), ("Haswell", "avx2")]:
        emulator = ["qemu-x86_64", "-cpu", cpu, python]
        expected = subprocess.check_output([python, "-c", DIGEST], env={"FASTNET_ISA": level})
        actual = subprocess.check_output([*emulator, "-c", DIGEST])
        if actual != expected:
            session.error(f"{cpu} gives {actual!r}, but natively {expected!r}")
        session.log(f"{cpu}: {actual.decode().strip()}")
        session.run(*emulator, *some_tests, external=True)


@nox.session(default=False)
def stubs(session: nox.Session) -> None:
    """Write python/fastnet/_core.pyi from the compiled module's signatures."""
    install(session, ".", "pybind11-stubgen==3.0.0", *LINT)
    folder = session.create_tmp()
    session.run("pybind11-stubgen", "fastnet._core", "-o", folder)
    text = (Path(folder) / "fastnet" / "_core.pyi").read_text()
    header = '''"""The compiled half; written by `nox -s stubs`."""

from typing import Any

import numpy.typing as npt

_Array = npt.NDArray[Any]
'''
    for pattern, replacement in [
        (r'^ *""".*?"""\n', ""),  # what things are is said in Python
        (r"^(?:from|import|__all__).*\n", ""),
        (r"^(\w+: .*?) = .*$", r"\1"),  # values of this machine
        (r"typing_extensions\.CapsuleType", "Any"),
        (r"typing\.Any", "Any"),
        (r"numpy\.ndarray\[Any, numpy\.dtype\[Any\]\]", "_Array"),
        (r"typing\.SupportsInt \| typing\.SupportsIndex", "int"),
        (r"typing\.SupportsFloat \| typing\.SupportsIndex", "float"),
        (r"\blist\b(?!\[)", "list[Any]"),
        (r"\btuple\b(?!\[)", "tuple[Any, ...]"),
        (r"\bdict\b(?!\[)", "dict[str, Any]"),
        (r"^( *def .*:)\n(?! +\.\.\.)", r"\1 ...\n"),
    ]:
        text = re.sub(pattern, replacement, text, flags=re.M | re.S * ('"""' in pattern))
    stub = Path("python/fastnet/_core.pyi")
    stub.write_text(header + text)
    session.run("ruff", "format", str(stub))
    session.run("ruff", "check", str(stub))
    session.run("mypy")


@nox.session(default=False)
def executors(session: nox.Session) -> None:
    """Run expectations on Dask, MPI (mpich from PyPI) and functions compiled by numba."""
    install(session, ".[test,dask,mpi]", "mpich", "numba")
    pytest(session, "tests/test_executor.py", "tests/test_compiled_integrands.py")


@nox.session(default=False)
def coverage(session: nox.Session) -> None:
    """Measure how often confidence intervals cover the truth and write docs/coverage.md."""
    install(session, ".[test]")
    session.run("python", "tests/interval_coverage.py", *session.posargs)


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Run every case of the benchmark beside its peers, in about an hour."""
    install(session, ".[bench]")
    session.run("python", "-m", "fastnet", "bench", "--full", *session.posargs)


@nox.session(default=False)
def threads(session: nox.Session) -> None:
    """Look for calls that more threads make slower, in a few minutes on an idle machine."""
    install(session, ".")
    session.run("python", "benchmarks/threads.py", *session.posargs)


@nox.session(default=False)
def instructions(session: nox.Session) -> None:
    """Compare the instruction counts of small calls with those committed (Debian: valgrind)."""
    install(session, ".", "numpy==2.4.6")
    session.run("python", "benchmarks/instructions.py", *session.posargs)


if __name__ == "__main__":
    nox.main()
