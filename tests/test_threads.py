"""Many callers of one model, other libraries in the process, and limits set from outside."""

import contextlib
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from helpers import assert_same_bits
from models import OPTIMIZERS, batch, mlp

import fastnet
import fastnet.functional as F
from fastnet import nn


def run_all(threads):
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)


def python(code, prefix=()):
    """Run code in a new interpreter, without limits of this one's, and return what it prints."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "FASTNET_"))}
    done = subprocess.run(
        [*prefix, sys.executable, "-c", code],
        capture_output=True, text=True, timeout=120, check=False, env=env,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize("rows", [1, 300])
def test_many_callers_of_one_model_get_the_serial_answer(rows, rng):
    x, _ = batch(rng, rows)
    model = mlp((20, 256, 256, 5)).eval()
    trainer = fastnet.Trainer(model, nn.CrossEntropyLoss(), OPTIMIZERS["adam"](model.parameters()))
    fastnet.set_num_threads(1)
    expected = trainer.predict(x)
    fastnet.set_num_threads(2)
    callers, wrong = 32, []
    before = len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 0
    most = [0]
    start = threading.Barrier(callers)

    def call():
        start.wait()
        for i in range(20):
            y = trainer.predict(x) if i % 2 else model(x)
            if y.tobytes() != expected.tobytes():
                wrong.append(y)
        if before:
            most[0] = max(most[0], len(os.listdir("/proc/self/task")))

    try:
        run_all([threading.Thread(target=call) for _ in range(callers)])
    finally:
        fastnet.set_num_threads(None)
    assert not wrong
    # The callers, and for each that ever had the team one thread more, which OpenMP keeps for it.
    assert most[0] <= before + 2 * callers


def test_a_model_being_fitted_is_for_its_own_thread_alone(rng):
    x, y = batch(rng, 64)
    model = mlp()
    trainer = fastnet.Trainer(model, nn.CrossEntropyLoss(), OPTIMIZERS["adam"](model.parameters()))
    messages, answers = [], []

    def use(call):
        try:
            call()
        except RuntimeError as error:
            messages.append(str(error))

    calls = [
        lambda: trainer.predict(x),
        lambda: trainer.evaluate(x, y),
        lambda: trainer.step(x, y),
        lambda: trainer.fit(x, y),
        lambda: model(x),
    ]

    def callback(*_):
        answers.append(model.eval()(x))  # this thread may
        run_all([threading.Thread(target=use, args=(call,)) for call in calls])
        model.train()

    trainer.fit(x, y, epochs=2, callbacks=[callback])
    assert len(messages) == 2 * len(calls)
    assert set(messages) <= {
        "the model is being modified by another thread",
        "fit is already running",
    }
    assert len(answers) == 2
    # Afterwards all may.
    use(lambda: answers.append(model.eval()(x)))
    assert_same_bits(answers[-1], trainer.predict(x))


def test_other_threads_run_during_a_step():
    # 2 * 10^9 multiply-adds: some 50 ms at least, and ten times as long as a thread waits its turn.
    model = nn.Sequential(nn.Linear(1000, 2000, rng=1), nn.ReLU(), nn.Linear(2000, 1000, rng=2))
    trainer = fastnet.Trainer(model, nn.MSELoss(), OPTIMIZERS["sgd"](model.parameters()))
    x = np.ones((200, 1000), np.float32)
    trainer.step(x, x)
    times, done = [], []

    def tick():
        while not done:
            times.append(time.perf_counter())

    other = threading.Thread(target=tick)
    other.start()
    begin = time.perf_counter()
    trainer.step(x, x)
    end = time.perf_counter()
    done.append(True)
    other.join()
    margin = (end - begin) / 4
    assert any(begin + margin < t < end - margin for t in times)


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="counts threads in /proc")
def test_layers_without_weights_are_work_too():
    added = "0" if fastnet.runtime.config()["openmp"] == "none" else "1"
    layers = ["nn.LayerNorm(100)", "nn.BatchNorm1d(100)", "nn.Softmax(-1)", "nn.GELU()"]
    for layer in layers:
        code = f"""
import os
import numpy as np
import fastnet
from fastnet import nn
fastnet.set_num_threads(2)
x = np.ones((200_000, 100), np.float32)
model = nn.Sequential(nn.Identity(), {layer}).eval()
before = len(os.listdir("/proc/self/task"))
model(x)
print(len(os.listdir("/proc/self/task")) - before)
"""
        assert python(code) == [added], layer


def test_the_state_of_training_is_not_read_or_set_during_a_step():
    model = nn.Sequential(
        nn.Linear(1000, 2000, rng=1), nn.Dropout(0.1, rng=3), nn.Linear(2000, 1000, rng=2)
    )
    optimizer = OPTIMIZERS["adam"](model.parameters())
    trainer = fastnet.Trainer(model, nn.MSELoss(), optimizer)
    x = np.ones((200, 1000), np.float32)
    trainer.step(x, x)
    core = trainer._plan.core("mse")
    calls = {
        "progress": core.progress,
        "set_random": lambda: core.set_random(trainer._plan._sources),
        "state_dict": optimizer.state_dict,
    }
    refused = {}
    for name, call in calls.items():
        trainer.step(x, x)
        other = threading.Thread(target=core.step, args=(x, x, None, 0.0))
        other.start()
        while other.is_alive() and name not in refused:
            try:
                call()
            except RuntimeError as error:
                refused[name] = str(error)
        other.join()
        call()
    assert refused.keys() == calls.keys()
    assert all("by another thread" in text for text in refused.values())
    # Three steps of core's own went by the plan, and were counted all the same.
    assert {s["step"] for s in optimizer.state_dict()["state"].values()} == {7}


def test_arrays_that_another_thread_writes_crash_nothing(rng):
    # What comes of them is undefined; afterwards everything is as before.
    x, y = batch(rng, 200)
    w = rng.standard_normal((30, 20)).astype(np.float32)

    def new_trainer():
        model = mlp((20, 64, 5))
        optimizer = OPTIMIZERS["sgd"](model.parameters())
        return fastnet.Trainer(model, nn.CrossEntropyLoss(), optimizer)

    expected = new_trainer().fit(x, y, epochs=2, batch_size=50, rng=1)["loss"]
    trainer = new_trainer()
    hot_x, hot_y, done = x.copy(), y.copy(), []

    def write():
        while not done:
            hot_x[...] = np.nan
            hot_y[...] = 2**62
            hot_x[...] = x
            hot_y[...] = y

    writer = threading.Thread(target=write)
    writer.start()
    calls = [
        lambda: F.linear(hot_x, w),
        lambda: F.softmax(hot_x, 1),
        lambda: F.cross_entropy(hot_x, hot_y),
        lambda: F.cross_entropy_backward(1.0, hot_x, hot_y),
        lambda: F.one_hot(F.argmax(hot_x, 1), 20),
        lambda: fastnet.describe(hot_x, 0),
        lambda: trainer.predict(hot_x),
        lambda: trainer.step(hot_x, hot_y),
        lambda: trainer.fit(hot_x, hot_y, batch_size=50),
    ]
    end = time.perf_counter() + 0.5
    try:
        while time.perf_counter() < end:
            for call in calls:
                with contextlib.suppress(ValueError, FloatingPointError):
                    call()
    finally:
        done.append(True)
        writer.join()
    assert_same_bits(F.linear(hot_x, w), F.linear(x, w))
    # Its own weights may be anything: x can turn NaN between a step's loss and its gradients.
    trainer.step(x, y)
    assert new_trainer().fit(x, y, epochs=2, batch_size=50, rng=1)["loss"] == expected


def test_fits_of_two_models_at_once_are_the_fits_one_after_the_other(rng):
    x, y = batch(rng, 200)

    def fit():
        model = mlp((20, 64, 64, 5))
        optimizer = OPTIMIZERS["adam"](model.parameters())
        trainer = fastnet.Trainer(model, nn.CrossEntropyLoss(), optimizer)
        trainer.fit(x, y, epochs=3, rng=1)
        return trainer.predict(x)

    expected = fit()
    results = []
    run_all([threading.Thread(target=lambda: results.append(fit())) for _ in range(4)])
    assert len(results) == 4
    for result in results:
        assert_same_bits(result, expected)


IMPORTS = """
import {first}
import {second}
import numpy as np, fastnet
import fastnet.functional as F
rng = np.random.default_rng(0)
x = rng.standard_normal((300, 200)).astype("f4")
def ours():
    return F.linear(x, x[:150]).tobytes()
def theirs():
    if "{other}" == "torch":
        import torch
        return torch.nn.functional.linear(torch.from_numpy(x), torch.from_numpy(x[:150])).numpy()
    from sklearn.neighbors import KNeighborsClassifier
    y = np.arange(300) % 3
    return KNeighborsClassifier().fit(x, y).predict_proba(x)
fastnet.set_num_threads(1)
expected = ours()
fastnet.set_num_threads(2)
for _ in range(20):
    assert ours() == expected
    theirs()
print("done")
"""


@pytest.mark.parametrize(
    "other", ["sklearn.neighbors", pytest.param("torch", marks=pytest.mark.peers)]
)
@pytest.mark.parametrize("ours_first", [True, False])
def test_beside_another_user_of_openmp(other, ours_first):
    pytest.importorskip(other)
    first, second = ("fastnet", other) if ours_first else (other, "fastnet")
    assert python(IMPORTS.format(first=first, second=second, other=other)) == ["done"]


# A file system of this process' own over the cgroups, with quotas of the root, of the process'
# cgroup and of the one between.
QUOTA = """
g=/sys/fs/cgroup; mount -t tmpfs none $g && mkdir -p $g/outer/inner &&
echo "0::/outer/inner" > $g/mine && mount --bind $g/mine /proc/$$/cgroup &&
echo "{} 100000" > $g/cpu.max && echo "{} 100000" > $g/outer/cpu.max &&
echo "{} 100000" > $g/outer/inner/cpu.max && exec "$@"
"""


@pytest.mark.parametrize(
    ("quotas", "threads"),
    [
        (("50000", "max", "max"), 1),
        (("150000", "max", "max"), 2),
        (("max", "max", "max"), None),
        (("max", "max", "50000"), 1),
        (("200000", "50000", "max"), 1),
        (("max", "200000", "150000"), 2),
    ],
)
def test_cgroup_quota_limits_the_default(quotas, threads):
    prefix = ["unshare", "--mount", "sh", "-c", QUOTA.format(*quotas), "sh"]
    try:
        allowed = subprocess.run([*prefix, "true"], capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("needs unshare")
    if allowed.returncode != 0:
        pytest.skip("needs the right to mount")
    serial = fastnet.runtime.config()["openmp"] == "none"
    cores = 1 if serial else len(os.sched_getaffinity(0))
    code = "import fastnet; print(fastnet.runtime.num_threads())"
    assert python(code, prefix) == [str(min(threads or cores, cores))]
