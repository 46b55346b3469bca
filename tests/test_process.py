"""fastnet in processes and threads: import, environment, exit, callers in many threads."""

import os
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest
import threadpoolctl
from helpers import assert_same_bits
from processes import output, run

import fastnet
import fastnet.functional as F


@pytest.fixture(scope="module")
def expected():
    """The digest on one thread."""
    return output("fastnet.set_num_threads(1); print(digest())")[0]


# ---- exit ----


def test_exit_with_a_daemon_thread_inside_a_kernel():
    code = """
    fastnet.set_num_threads(2)
    def work():
        while True:
            digest()
    for _ in range(3):
        threading.Thread(target=work, daemon=True).start()
    time.sleep(0.05)
    """
    for _ in range(3):
        result = run(code)
        assert result.returncode == 0, result.stderr


# ---- environment ----


@pytest.mark.parametrize(
    "env",
    [
        {"OMP_NUM_THREADS": "abc"},
        {"OMP_NUM_THREADS": "1"},
        {"OMP_NUM_THREADS": "3"},
        {"OMP_THREAD_LIMIT": "1"},
        {"OMP_DYNAMIC": "true"},
        {"OMP_PROC_BIND": "true"},
        {"OMP_STACKSIZE": "64K"},
        {"OMP_WAIT_POLICY": "passive"},
    ],
    ids=lambda env: "=".join(*env.items()),
)
def test_openmp_environment_does_not_change_results(env, expected):
    default, more = output("print(digest()); fastnet.set_num_threads(5); print(digest())", **env)
    assert default == more == expected


def test_binding_threads_is_not_taken_for_a_limit():
    code = "print(fastnet.runtime.num_threads())"
    assert output(code, OMP_PROC_BIND="true") == output(code)


def test_affinity_mask_limits_the_default():
    code = """
    import subprocess
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    print(subprocess.check_output(
        [sys.executable, "-c", "import fastnet; print(fastnet.runtime.num_threads())"], text=True))
    """
    assert output(code) == ["1"]


@pytest.mark.parametrize("level", fastnet.runtime.isa_supported())
def test_fastnet_isa_forces_a_level(level):
    assert output("print(fastnet.runtime.isa())", FASTNET_ISA=level) == [level]


def test_fastnet_isa_unknown_is_an_import_error():
    result = run("", FASTNET_ISA="bogus")
    assert result.returncode == 1
    levels = ", ".join(fastnet.runtime.isa_supported())
    assert f"ImportError: FASTNET_ISA must be one of {levels}" in result.stderr
    assert "'bogus'" in result.stderr


def test_use_isa_unknown_is_a_value_error():
    before = fastnet.runtime.isa()
    with pytest.raises(ValueError, match=r"ISA level must be one of .*'sse9'"):  # noqa: SIM117
        with fastnet.runtime.use_isa("sse9"):
            pass
    assert fastnet.runtime.isa() == before


# ---- import ----


# What a library must leave alone; the last is the number of threads.
STATE = """
import locale, os, signal, sys, warnings
import numpy as np

def state():
    return (
        os.sched_getaffinity(0),
        [signal.getsignal(s) for s in signal.valid_signals()],
        np.geterr(),
        warnings.filters[:],
        locale.setlocale(locale.LC_ALL),
        dict(os.environ),
        # Subnormal, unless the processor was told to flush such numbers to zero.
        (sys.float_info.min / 4, np.float32(1e-38) / np.float32(8)),
        len(os.listdir("/proc/self/task")),
    )

before = state()
import fastnet
assert state() == before, "import"
"""


def test_import_and_calls_change_nothing_global():
    # Beginning with STATE and not with WORK, which imports fastnet first.
    code = """
    import fastnet.functional as F
    x = np.ones((200, 200), "f4")
    for threads in (1, 2):
        fastnet.set_num_threads(threads)
        for level in fastnet.runtime.isa_supported():
            with fastnet.runtime.use_isa(level):
                F.linear(x, x), F.linear_backward(x, x, x), F.relu(x)
                after = state()
                assert after[:-1] == before[:-1], level
                assert threads > 1 or after == before, level
    """
    clean = {k: v for k, v in os.environ.items() if not k.startswith("OMP_")}
    command = [sys.executable, "-c", STATE + textwrap.dedent(code)]
    subprocess.run(command, check=True, env=clean)


def test_import_needs_only_numpy():
    code = """
    import fastnet.montecarlo
    optional = ["scipy", "sklearn", "matplotlib", "tqdm", "onnx", "safetensors", "pandas", "torch"]
    print(*[name for name in optional if name in sys.modules])
    """
    assert output(code) == []


def test_import_is_quick(tmp_path):
    # Processor time beyond NumPy's, from bytecode as an installed package has it; the least of 5,
    # since other processes only add to it.
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    env["PYTHONPYCACHEPREFIX"] = str(tmp_path)
    code = (
        "import time, numpy; start = time.process_time(); import fastnet;"
        "print(time.process_time() - start)"
    )
    command = [sys.executable, "-c", code]
    times = [
        float(subprocess.run(command, check=True, capture_output=True, env=env).stdout)
        for _ in range(5)
    ]
    assert min(times) < 0.06


# ---- threads ----


def test_set_num_threads_takes_what_it_says():
    try:
        for n in (1, 3, np.int32(2), 256):
            fastnet.set_num_threads(n)
            assert fastnet.runtime.num_threads() == n
        for n in (0, -1):
            with pytest.raises(ValueError, match="n must be at least 1"):
                fastnet.set_num_threads(n)
        for n in (True, 2.0, "2", [1]):
            with pytest.raises(TypeError, match="n must be an int or None"):
                fastnet.set_num_threads(n)
        with pytest.warns(RuntimeWarning, match="n is at most 256"):
            fastnet.set_num_threads(10**6)
        assert fastnet.runtime.num_threads() == 256
    finally:
        fastnet.set_num_threads(None)


def test_threadpoolctl_limits_are_obeyed():
    if fastnet.runtime.config()["openmp"] == "none":
        pytest.skip("built without OpenMP")
    before = fastnet.runtime.num_threads()
    with threadpoolctl.threadpool_limits(1):
        assert fastnet.runtime.num_threads() == 1
    assert fastnet.runtime.num_threads() == before


def test_callers_in_many_threads_get_the_serial_answer(rng):
    x = rng.standard_normal((120, 90)).astype(np.float32)
    weight = rng.standard_normal((80, 90)).astype(np.float32)
    dy = rng.standard_normal((120, 80)).astype(np.float32)
    fastnet.set_num_threads(1)
    expected = [F.linear(x, weight), *F.linear_backward(dy, x, weight)]
    results, errors = [None] * 8, []
    start = threading.Barrier(len(results))

    def work(i):
        try:
            start.wait()
            for _ in range(30):
                results[i] = [F.linear(x, weight), *F.linear_backward(dy, x, weight)]
                for actual, wanted in zip(results[i], expected, strict=True):
                    assert_same_bits(actual, wanted)
        except BaseException as error:  # shown by the main thread
            errors.append(error)

    interval = sys.getswitchinterval()
    try:
        fastnet.set_num_threads(2)
        sys.setswitchinterval(1e-5)
        threads = [threading.Thread(target=work, args=(i,)) for i in range(len(results))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    finally:
        sys.setswitchinterval(interval)
        fastnet.set_num_threads(None)
    assert not errors
    assert all(result is not None for result in results)


def test_show_config_prints_every_fact(capsys):
    fastnet.show_config()
    text = capsys.readouterr().out
    for key in fastnet.runtime.config():
        assert key in text
