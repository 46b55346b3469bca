"""The command line: what it learns, prints, saves, and how it fails."""

import contextlib
import fcntl
import io
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import matplotlib.image
import numpy as np
import pytest
from helpers import FMA_LEVELS

import fastnet
from fastnet import _demo
from fastnet.__main__ import main


def run(*args):
    """Run the command here and return what it printed."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert main([str(arg) for arg in args]) == 0
    return out.getvalue()


def start(*args, **options):
    command = [sys.executable, "-m", "fastnet", *map(str, args)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, **options)


def find(pattern, text):
    match = re.search(pattern, text)
    assert match, f"{pattern} is not in:\n{text}"
    return match[1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("digits") / "made" / "here"


@pytest.fixture(scope="module")
def text(folder):
    """What the command prints with its defaults."""
    return run("--output", folder)


# ---- the digits ----


def test_defaults_learn_the_digits(text):
    assert float(find(r"held-out accuracy: (0\.\d{4})", text)) >= 0.975
    assert "1,437 to learn, 360 held out" in text
    assert "64-128-64-10" in text
    epochs = [int(n) for n in re.findall(r"^ +(\d+)  \d\.\d{4} ", text, re.M)]
    assert epochs[0] == 1
    assert epochs[-1] == 40


def test_fastnet_and_numpy_are_timed_and_agree(text):
    for name in ("fastnet, 1 thread", r"NumPy \S+"):
        assert float(find(rf"{name} +([\d.]+) +[\d,]+\n", text)) > 0
    assert find(r"same bits every time: (\w+)", text) == "yes"
    # A wrong formula would move weights by about the learning rate, 3e-3, each step; rounding is
    # 1e-16 of them. Halfway between, in powers of ten, stands what tells one from the other.
    assert float(find(r"float64 +(\S+) +\S+\n", text)) < 1e-9
    assert float(find(r"float64 +\S+ +(\S+)\n", text)) < 1e-9


def test_confusion_matrix_counts_the_held_out_digits(text):
    rows = re.findall(r"^   \d((?: +(?:\d+|\.)){10})$", text, re.M)
    counts = np.array([[0 if k == "." else int(k) for k in row.split()] for row in rows])
    assert counts.shape == (10, 10)
    assert counts.sum() == 360
    accuracy = float(find(r"held-out accuracy: (0\.\d{4})", text))
    assert round(counts.trace() / 360, 4) == accuracy


def test_saved_weights_are_those_that_were_measured(text, folder):
    trainer = _demo.make_trainer(_demo.Options(seed=1))
    with np.load(folder / "weights.npz") as arrays:
        trainer.model.load_state_dict(arrays)
    digits = _demo.load_digits()
    accuracy = trainer.evaluate(digits.held_x, digits.held_y)["accuracy"]
    assert f"held-out accuracy: {accuracy:.4f}\n" in text
    assert find(r"sha256: (\w{64})", text) == _demo.digest(_demo._weights(trainer))


def test_learning_curve_is_drawn(text, folder):
    image = matplotlib.image.imread(folder / "learning_curve.png")
    assert image.shape[0] > 500
    assert image.shape[1] > 1000
    assert len(np.unique(image.reshape(-1, image.shape[2]), axis=0)) > 10
    assert sorted(path.name for path in folder.iterdir()) == ["learning_curve.png", "weights.npz"]


def test_same_weights_at_every_level_and_thread_count(tmp_path):
    digests = set()
    for level in FMA_LEVELS:
        for threads in (1, 3):
            with fastnet.runtime.use_isa(level):
                text = run("--epochs", 1, "--threads", threads, "--no-plot", "--output", tmp_path)
            digests.add(find(r"sha256: (\w{64})", text))
    assert len(digests) <= 1
    assert [path.name for path in tmp_path.iterdir()] == ["weights.npz"]


def test_threads_are_given_back(tmp_path):
    before = fastnet.runtime.num_threads()
    run("--epochs", 1, "--threads", 5, "--no-plot", "--output", tmp_path)
    assert fastnet.runtime.num_threads() == before


def test_seed_changes_the_weights_and_not_the_split(tmp_path):
    digests = set()
    for seed in (0, 1, 2**70):
        text = run("--epochs", 1, "--seed", seed, "--no-plot", "--output", tmp_path)
        digests.add(find(r"sha256: (\w{64})", text))
    assert len(digests) == 3


# ---- as a process ----


def test_a_process_prints_the_same_and_nothing_on_stderr(tmp_path):
    with start("--epochs", 1, "--output", tmp_path, stdout=subprocess.PIPE) as process:
        out, err = process.communicate()
    assert process.returncode == 0
    assert err == b""
    assert b"held-out accuracy: 0." in out


def test_a_terminal_gets_a_bar(tmp_path):
    terminal, other = pty.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    command = [
        sys.executable,
        "-m",
        "fastnet",
        "--epochs",
        "2",
        "--no-plot",
        "--output",
        str(tmp_path),
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=other)
    os.close(other)
    seen = b""
    with contextlib.suppress(OSError):  # the other end is closed: Linux calls it an error
        while part := os.read(terminal, 4096):
            seen += part
    os.close(terminal)
    assert process.wait() == 0
    assert b"100%|" in seen


def test_a_reader_that_stops_early_is_no_error(tmp_path):
    with start("--epochs", 1, "--no-plot", "--output", tmp_path, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline().startswith(b"data ")
        process.stdout.close()
        err = process.stderr.read()
    assert process.returncode == 141
    assert err == b""


# ---- info ----


def test_info_prints_the_configuration(capsys):
    assert main(["info"]) == 0
    text = capsys.readouterr().out
    for key, value in fastnet.runtime.config().items():
        assert re.search(rf"^{key} +", text, re.M)
        if isinstance(value, str):
            assert value in text


def test_info_as_json():
    assert json.loads(run("info", "--json")) == fastnet.runtime.config()


# ---- errors ----

WRONG = {
    ("--epochs", "0"): "argument --epochs: must be at least 1, got 0",
    ("--epochs", "x"): "argument --epochs: invalid int value: 'x'",
    ("--batch-size", "-3"): "argument --batch-size: must be at least 1, got -3",
    ("--lr", "0"): "argument --lr: must be positive and finite, got 0",
    ("--lr", "nan"): "argument --lr: must be positive and finite, got nan",
    ("--lr", "fast"): "argument --lr: invalid float value: 'fast'",
    ("--seed", "-1"): "argument --seed: must be at least 0, got -1",
    ("--threads", "257"): "argument --threads: must be from 1 to 256, got 257",
    ("--no-such-thing",): "unrecognized arguments: --no-such-thing",
    ("train",): "invalid choice: 'train'",
}


@pytest.mark.parametrize("args", WRONG, ids=" ".join)
def test_a_wrong_argument_is_one_line_and_exit_code_2(args, capsys):
    with pytest.raises(SystemExit) as exit_:
        main(args)
    assert exit_.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("fastnet: error: ")
    assert err.count("\n") == 1
    assert WRONG[args] in err


def fails(capsys, *args):
    """Run the command, which must fail, and return what it says."""
    assert main([str(arg) for arg in args]) == 2
    err = capsys.readouterr().err
    assert err.startswith("fastnet: error: ")
    assert err.count("\n") == 1
    return err


def test_a_folder_that_cannot_be_written_to(tmp_path, capsys):
    file = tmp_path / "file"
    file.touch()
    for folder in (file, file / "below", "/proc/fastnet"):
        assert f"can't write to the folder {folder}: " in fails(capsys, "--output", folder)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("sklearn.datasets", "scikit-learn"),
        ("tqdm", "tqdm"),
        ("matplotlib.figure", "matplotlib"),
    ],
)
def test_a_missing_package_is_named_with_its_extra(module, name, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, module, None)
    err = fails(capsys, "--output", tmp_path / "none")
    assert f'needs {name}: pip install "fastnet-cpu[demo]"' in err
    assert not (tmp_path / "none").exists()


def test_without_a_plot_matplotlib_is_not_needed(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert "learning curve" not in run("--epochs", 1, "--no-plot", "--output", tmp_path)


def test_a_rate_that_diverges_is_reported(tmp_path, capsys):
    err = fails(capsys, "--lr", "1e30", "--output", tmp_path)
    assert "the loss is NaN or infinite in epoch 0" in err


def test_an_interrupt_is_one_line(monkeypatch, capsys):
    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(_demo, "run", interrupt)
    assert main([]) == 130
    assert capsys.readouterr().err == "fastnet: interrupted\n"


def test_help_names_every_option_with_its_default(capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["--help"])
    assert exit_.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    default = _demo.Options()
    for option, value in (
        ("--epochs", default.epochs),
        ("--batch-size", default.batch_size),
        ("--lr", default.lr),
        ("--seed", default.seed),
        ("--output", default.output),
    ):
        assert re.search(rf"{option} \S+ [^-]*\(default: {value}\)", text), option
    assert "--threads" in text
    assert "--no-plot" in text
