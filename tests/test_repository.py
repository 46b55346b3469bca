"""The rules of the house, read off the sources and the objects that come of them."""

import importlib.metadata
import inspect
import os
import re
import shutil
import subprocess
import tomllib
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import fastnet
import fastnet.functional
import fastnet.reference

ROOT = Path(__file__).parents[1]
CPP = ROOT / "cpp"
PYTHON = ROOT / "python" / "fastnet"
TESTS = ROOT / "tests"

if not CPP.is_dir():
    pytest.skip("the sources are not here", allow_module_level=True)

CPP_FILES = sorted(p for p in CPP.rglob("*") if p.suffix in (".hpp", ".cpp"))
PYTHON_FILES = sorted(PYTHON.rglob("*.py"))


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def code_of(path):
    """Return a C++ file without its comments and strings, line for line."""
    text = path.read_text()
    text = re.sub(r"//[^\n]*", "", text)
    text = re.sub(r"/\*.*?\*/", lambda m: "\n" * m[0].count("\n"), text, flags=re.S)
    return re.sub(r'^(?!\s*#include)(.*?)"(?:\\.|[^"\\\n])*"', r'\1""', text, flags=re.M)


def includes(path):
    return re.findall(r'^\s*#include\s+([<"][^>"]+[>"])', path.read_text(), flags=re.M)


def offences(paths, pattern, *, allowed=()):
    """Return file:line of every match of the pattern outside the allowed files."""
    return [
        f"{name_of(path)}:{number}: {line.strip()}"
        for path in paths
        if name_of(path) not in allowed
        for number, line in enumerate(code_of(path).splitlines(), 1)
        if re.search(pattern, line)
    ]


# ---- what may be written where ----

LAYERS = ["core", "dispatch", "kernels", "engine", "bindings"]
# A layer may include these besides itself. kernels stands apart: see the test after the next.
BELOW = {
    "core": [],
    "dispatch": ["core"],
    "engine": ["core", "dispatch"],
    "bindings": ["core", "dispatch", "engine"],
}


def test_a_layer_includes_only_what_stands_before_it():
    wrong = []
    for path in CPP_FILES:
        layer = path.relative_to(CPP).parts[0]
        assert layer in LAYERS, f"{name_of(path)} is in no layer"
        for include in includes(path):
            target = include[1:-1].split("/")[0]
            if (
                include.startswith('"')
                and layer != "kernels"
                and target not in (layer, *BELOW[layer])
            ):
                wrong.append(f"{name_of(path)} includes {include}")
    assert not wrong


def test_kernels_include_only_kernels_plain_structs_and_three_standard_headers():
    wrong = []
    for path in (CPP / "kernels").iterdir():
        allowed = {"<cstddef>", "<cstdint>", "<cstring>"}
        if path.name == "simd-inl.hpp":
            allowed |= {"<emmintrin.h>", "<immintrin.h>", "<arm_neon.h>"}
        wrong += [
            f"{path.name} includes {include}"
            for include in includes(path)
            if include not in allowed and not re.match(r'"(kernels|dispatch)/', include)
        ]
    assert not wrong
    # What kernels may see of dispatch/ is plain: it includes nothing else either.
    plain = [p for p in (CPP / "dispatch").glob("*.hpp") if p.name != "dispatch.hpp"]
    for path in plain:
        for include in includes(path):
            assert include in ("<cstddef>", "<cstdint>") or include.startswith('"dispatch/'), (
                path.name
            )


def test_kernels_use_nothing_of_std_but_types_and_memcpy():
    # Inline functions of the standard library would be shared between ISA levels.
    allowed = r"(?:ptrdiff_t|size_t|u?int(?:8|16|32|64)_t|memcpy|memset)\b"
    assert not offences((CPP / "kernels").iterdir(), rf"\bstd::(?!{allowed})")


def test_kernels_call_no_libm_and_allocate_nothing():
    inline = r"(?:convertvector|shufflevector|prefetch|inf|nanf?|sqrtf?)\b"
    pattern = rf"\b__builtin_(?!{inline})|\b(?:malloc|free|new|delete|throw|try|catch)\b(?!\s*;)"
    for name in ("exp", "pow", "powf", "sinh", "atan2", "fmod", "erfc", "hypot", "sqrtl"):
        assert re.search(pattern, f"__builtin_{name}(x);")
    assert not offences((CPP / "kernels").iterdir(), pattern)


def test_intrinsics_stand_only_in_three_headers():
    pattern = r"\b_mm\d*_|\b__m(?:128|256|512)|\bv[a-z0-9]+q?_(?:f|s|u)(?:8|16|32|64)\b"
    allowed = [f"cpp/kernels/{name}-inl.hpp" for name in ("simd", "exponent", "dot")]
    assert not offences(CPP_FILES, pattern, allowed=allowed)


def test_openmp_stands_only_in_core_threads():
    allowed = ("cpp/core/threads.hpp", "cpp/core/threads.cpp")
    assert not offences(CPP_FILES, r"#\s*pragma\s+omp|\bomp_\w+\(|<omp\.h>", allowed=allowed)
    assert not offences([CPP / "core" / "threads.cpp"], r"#\s*pragma\s+omp")


def test_bindings_release_the_lock_by_release_gil():
    # pybind11's own guard aborts the process when a daemon thread is in a kernel at exit.
    assert not offences(CPP_FILES, r"gil_scoped_release|Py_BEGIN_ALLOW_THREADS")


def test_arrays_are_never_cast_by_pybind11():
    assert not offences(CPP_FILES, r"\bforcecast\b|\barray_t<")


def test_no_flag_changes_the_meaning_of_arithmetic():
    files = [ROOT / "CMakeLists.txt", *(ROOT / "cmake").glob("*.cmake"), ROOT / "pyproject.toml"]
    for path in files:
        text = re.sub(r"#.*", "", path.read_text())
        assert not re.search(r"-Ofast|fast-math|march=native|finite-math|associative-math", text), (
            path
        )


def test_the_reference_imports_nothing_compiled():
    paths = [*(PYTHON / "reference").glob("*.py"), *PYTHON.glob("reference.py")]
    assert paths
    pattern = r"^\s*(?:from|import)\s+fastnet(?!\.reference\b)"
    for path in paths:
        assert not re.search(pattern, path.read_text(), flags=re.M), name_of(path)


# ---- sizes and names ----

MAX_LINES = 400
# Files above that, and how long they may be: a limit to come down, not to go up.
LONG_FILES = {
    "cpp/kernels/simd-inl.hpp": 630,  # nearly all intrinsics, and nothing else
}


def test_files_are_short():
    files = [*CPP_FILES, *PYTHON_FILES, *TESTS.rglob("*.py")]
    lines = {name_of(path): len(path.read_text().splitlines()) for path in files}
    long = {name: n for name, n in lines.items() if n > LONG_FILES.get(name, MAX_LINES)}
    assert not long
    short = [name for name in LONG_FILES if lines.get(name, 0) <= MAX_LINES]
    assert not short, f"no longer long: {', '.join(short)}"


def test_every_file_says_what_it_is_for():
    for path in CPP_FILES:
        assert path.read_text().startswith("// "), f"{name_of(path)} begins without its role"
    for path in PYTHON_FILES:
        text = path.read_text()
        assert not text or text.startswith(('"""', 'r"""')), f"{name_of(path)} has no docstring"


def test_nothing_is_left_to_do():
    # Spelled apart, so that this file does not find itself.
    pattern = "|".join(["TO" + "DO", "FIX" + "ME", "X" + "XX"])
    wrong = [
        p for p in [*CPP_FILES, *PYTHON_FILES] if re.search(rf"\b(?:{pattern})\b", p.read_text())
    ]
    assert not wrong


# Sources whose tests have another name.
TESTED_BY = {
    "cross_entropy": "loss",
    "discrete": "laws",
    "dot": "quantization",
    "exponent": "math",
    "lanes": "reduce",
    "map": "activation",
    "narrow": "linear",
    "quantized": "quantization",
    "sigmoid": "activation",
    "trig": "math",
    "product": "linear",
    "simd": "linear",
}


def test_every_topic_has_its_test():
    topics = {p.name.removesuffix("-inl.hpp") for p in (CPP / "kernels").glob("*-inl.hpp")}
    topics |= {p.stem for p in (PYTHON / "functional").glob("*.py") if not p.stem.startswith("_")}
    missing = [t for t in sorted(topics) if not (TESTS / f"test_{TESTED_BY.get(t, t)}.py").exists()]
    assert not missing, f"no tests/test_<topic>.py for {', '.join(missing)}"


def test_every_kernel_is_run_by_check_kernels():
    # That program is what compares architectures (nox -s aarch64).
    program = (TESTS / "cpp" / "check_kernels.cpp").read_text()
    headers = [p for p in (CPP / "dispatch").glob("*.hpp") if p.name != "dispatch.hpp"]
    kernels = {name for p in headers for name in re.findall(r"\(\*(\w+)\)\(", code_of(p))}
    assert kernels
    assert not sorted(k for k in kernels if not re.search(rf"\.{k}\b", program))


def test_functional_and_reference_have_the_same_files():
    ours = {p.name for p in (PYTHON / "functional").glob("*.py")}
    twins = {p.name for p in (PYTHON / "reference").glob("*.py")}
    assert ours <= twins, f"no twin for {', '.join(sorted(ours - twins))}"


def test_the_tests_that_hold_the_promises_exist():
    named = re.findall(r"`(tests/\w+\.py)::(\w+)`", (ROOT / "docs" / "promises.md").read_text())
    assert named
    missing = [f"{f}::{t}" for f, t in named if f"def {t}(" not in (ROOT / f).read_text()]
    assert not missing


# ---- the public functions ----


def public_functions(module):
    return {
        name: value
        for name, value in vars(module).items()
        if inspect.isfunction(value) and not name.startswith("_")
    }


def parameters(function, leave_out):
    """Return names, kinds and defaults of a function's parameters."""
    signature = inspect.signature(function).parameters.values()
    return [(p.name, p.kind, p.default) for p in signature if p.name not in leave_out]


FUNCTIONS = public_functions(fastnet.functional)
# Where results go, where numbers come from, and what is not to be computed: the reference is
# without them.
WITHOUT_TWIN = {"out", "rng", "needs"}


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_function_has_a_twin_with_its_signature(name):
    twin = public_functions(fastnet.reference).get(name)
    assert twin is not None, f"fastnet.reference has no {name}"
    ours = parameters(FUNCTIONS[name], WITHOUT_TWIN)
    theirs = parameters(twin, WITHOUT_TWIN)
    assert [p[0] for p in ours] == [p[0] for p in theirs]
    assert [repr(p[2]) for p in ours] == [repr(p[2]) for p in theirs]


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_function_has_an_example(name):
    assert ">>> " in (FUNCTIONS[name].__doc__ or ""), f"{name}'s docstring has no example"


# ---- the package ----


def test_versions_agree():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert fastnet.__version__ == fastnet._core.__version__ == project["version"]
    assert f"version: {project['version']}\n" in (ROOT / "CITATION.cff").read_text()
    try:
        installed = importlib.metadata.version("fastnet-cpu")
    except importlib.metadata.PackageNotFoundError:
        return  # built in place
    assert installed == project["version"]


def test_linters_have_one_version():
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    pins = dict(re.split(r"(?:\[all\])?==", pin) for pin in groups["lint"])
    hooks = (ROOT / ".pre-commit-config.yaml").read_text()
    for name, version in pins.items():
        assert re.search(rf"{name}(?:-pre-commit)?\n\s+rev: v?{re.escape(version)}\n", hooks), name


def test_the_extension_is_small(tmp_path):
    # A wheel is the extension, compressed, and a little Python; it is to stay below 2 MB.
    path = Path(fastnet._core.__file__)
    strip = shutil.which("strip")
    if strip:
        path = tmp_path / "stripped.so"
        command = [strip, "--strip-unneeded", "-o", str(path), fastnet._core.__file__]
        subprocess.run(command, check=True)
    assert len(zlib.compress(path.read_bytes(), 9)) <= 1.5 * 2**20


# ---- the objects of the ISA levels ----

LEVELS = dict(
    re.findall(
        r"^\s*fastnet_add_level\((\w+)\s*([^)]*)\)",
        (ROOT / "cmake" / "kernels.cmake").read_text(),
        re.M,
    )
)
# Extensions: one source each.
EXTENSIONS = {
    name: (source, flags)
    for name, source, flags in re.findall(
        r"^\s*fastnet_add_extension\((\w+)\s+(\S+)\s+([^)]*)\)",
        (ROOT / "cmake" / "kernels.cmake").read_text(),
        re.M,
    )
}
SOURCES = sorted(
    set(re.findall(r"cpp/kernels/[\w-]+\.cpp", (ROOT / "cmake" / "kernels.cmake").read_text()))
)
FLAGS = LEVELS | {name: flags for name, (_, flags) in EXTENSIONS.items()}
HERE = [level for level in LEVELS if level in fastnet._core.isa_built()]
# Functions whose inner loop keeps its accumulators in registers.
HOT = {
    "expression.cpp": r"evaluate<",
    "product.cpp": r"compute_tile<",
    "quantized_bf16.cpp": r"dot_tile<",
    "quantized_int8.cpp": r"dot_tile<",
}


def compile_kernel(source, level, optimisation, folder):
    """Compile one source of one level and return the object, or skip without the tools."""
    compiler = os.environ.get("CXX") or shutil.which("g++") or shutil.which("c++")
    if not compiler or not shutil.which("nm") or not shutil.which("objdump"):
        pytest.skip("needs a C++ compiler, nm and objdump")
    common = re.search(r"add_compile_options\((.*?)\)", (ROOT / "CMakeLists.txt").read_text(), re.S)
    flags = [flag for flag in common[1].split() if flag.startswith("-f")]
    path = folder / f"{Path(source).stem}-{level}.o"
    command = [
        *compiler.split(), "-std=gnu++17", optimisation, "-fPIC", "-fno-exceptions", "-fno-rtti",
        *flags, "-Wno-psabi", *FLAGS[level].split(), f"-DFASTNET_LEVEL={level}", f"-I{CPP}",
        "-c", str(ROOT / source), "-o", str(path),
    ]  # fmt: skip
    subprocess.run(command, check=True)
    return path


def test_a_level_shares_no_function_with_another(tmp_path):
    # Without optimisation nothing is inlined that need not be, so whatever could be shared shows.
    # What is shared would be so at every level: one is enough.
    level = next(level for level in ("avx2", "neon", "baseline") if level in HERE)
    extensions = [(source, name) for name, (source, _) in EXTENSIONS.items() if "avx512" in HERE]

    def shared_by(part):
        source, level = part
        path = compile_kernel(source, level, "-O0", tmp_path)
        lines = subprocess.run(
            ["nm", "-C", "--defined-only", "--extern-only", str(path)],
            check=True, capture_output=True, text=True,
        ).stdout.splitlines()  # fmt: skip
        symbols = [line.split(maxsplit=2)[2] for line in lines]
        return [f"{source}: {s}" for s in symbols if not s.startswith(f"fastnet::{level}::")]

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = pool.map(shared_by, [*((source, level) for source in SOURCES), *extensions])
        assert not [symbol for symbols in found for symbol in symbols]


@pytest.mark.parametrize(
    "level",
    [level for level in HERE if level in ("avx2", "avx512")]
    + [name for name in EXTENSIONS if "avx512" in HERE],
)
def test_hot_loops_keep_their_vectors_in_registers(level, tmp_path):
    for source, pattern in HOT.items():
        if level in EXTENSIONS and not EXTENSIONS[level][0].endswith(source):
            continue
        path = compile_kernel(f"cpp/kernels/{source}", level, "-O3", tmp_path)
        text = subprocess.run(
            ["objdump", "-dC", "--no-show-raw-insn", str(path)],
            check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
        functions = dict(re.findall(r"^[0-9a-f]+ <(.*)>:\n((?:.+\n)+)", text, re.M))
        hot = {name: body for name, body in functions.items() if re.search(pattern, name)}
        assert hot, f"no function of {source} matches {pattern}"
        spill = re.compile(r"%[yz]mm\d+(?:\{%k\d\})?,-?(?:0x[0-9a-f]+)?\(%r[sb]p[,)]")
        assert not [name for name, body in hot.items() if spill.search(body)]
