"""What `python -m fastnet` does: digits learnt by the fused trainer and, beside it, by NumPy."""

from __future__ import annotations

import hashlib
import itertools
import math
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fastnet import functional as F
from fastnet import nn, optim, runtime
from fastnet._files import replacing
from fastnet.random import Generator
from fastnet.reference.network import Network
from fastnet.trainer import Trainer, epoch_order

Array = np.ndarray[Any, Any]

SIZES = (64, 128, 64, 10)
# Soft targets are worth a percent of accuracy here: over 12 splits of the images and 6 seeds each,
# 30 epochs get 98.6 % of the held-out ones right on average instead of 97.5 %.
LABEL_SMOOTHING = 0.1
# Which images are held out: the same for every seed of the command line.
SPLIT_SEED = 0
HELD_OUT = 0.2


@dataclass(frozen=True)
class Options:
    """What the command line leaves open."""

    epochs: int = 40
    batch_size: int = 32
    lr: float = 0.003
    seed: int = 0
    threads: int | None = None
    output: Path = Path("fastnet-digits")
    plot: bool = True


class Digits(NamedTuple):
    """Images as rows of 64 numbers from 0 to 1, and their classes."""

    x: Array
    y: Array
    held_x: Array
    held_y: Array


def run(options: Options) -> None:
    """Train, compare, print and save.

    Raises
    ------
    ImportError
        If something of the extra `demo` is missing.
    OSError
        If the output folder can't be written to; nothing has been computed then.
    """
    say = _require_extra(options.plot)
    _require_writable(options.output)
    with _at_most(options.threads or runtime.num_threads()):
        _run(say, options)


def _run(say: Any, options: Options) -> None:
    digits = load_digits()
    _describe(say, digits, options)
    trainer = make_trainer(options)
    history = _train(say, trainer, digits, options)
    logits = trainer.predict(digits.held_x)
    accuracy = trainer.evaluate(digits.held_x, digits.held_y)["accuracy"]
    say(f"\nheld-out accuracy: {accuracy:.4f}\n")

    _compare(say, trainer, digits, options)
    counts = _confusion(digits.held_y, logits)
    say("\nrows: class, columns: taken for\n" + _table(counts) + "\n")
    _save(say, trainer.model, history, counts, options)


def _require_extra(plot: bool) -> Any:
    """Import what the demo needs beyond NumPy, and return what prints beside a progress bar."""
    try:
        import sklearn.datasets  # noqa: F401
        import tqdm

        if plot:
            import matplotlib.figure  # noqa: F401
    except ImportError as error:
        package = str(error.name).partition(".")[0]
        missing = {"sklearn": "scikit-learn"}.get(package, package)
        msg = f'the demo needs {missing}: pip install "fastnet-cpu[demo]"'
        raise ImportError(msg) from error

    def say(text: str) -> None:
        tqdm.tqdm.write(text)
        sys.stdout.flush()

    return say


def _require_writable(folder: Path) -> None:
    """Make the folder if need be, and try a file there: better now than after the training."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        msg = f"can't write to the folder {folder}: {error.strerror}"
        raise OSError(msg) from error


def load_digits() -> Digits:
    """Return scikit-learn's handwritten digits, each class split in the same proportion."""
    from sklearn import datasets, model_selection

    images, classes = datasets.load_digits(return_X_y=True)
    x, held_x, y, held_y = model_selection.train_test_split(
        (images / 16).astype(np.float32),
        classes.astype(np.int64),
        test_size=HELD_OUT,
        stratify=classes,
        random_state=SPLIT_SEED,
    )
    return Digits(x, y, held_x, held_y)


def make_trainer(options: Options, dtype: Any = np.float32) -> Trainer:
    """Return a new trainer: its weights are a function of the seed."""
    rng = Generator(options.seed)
    layers: list[nn.Module] = []
    for i in range(len(SIZES) - 1):
        layers += [nn.Linear(SIZES[i], SIZES[i + 1], dtype=dtype, rng=rng), nn.ReLU()]
    model = nn.Sequential(*layers[:-1])
    loss = nn.CrossEntropyLoss(label_smoothing=LABEL_SMOOTHING)
    return Trainer(model, loss, optim.Adam(model.parameters(), lr=options.lr))


def _describe(say: Any, digits: Digits, options: Options) -> None:
    n, held = len(digits.x), len(digits.held_x)
    parameters = sum((a + 1) * b for a, b in itertools.pairwise(SIZES))
    # The entropy of a smoothed target: no network has a smaller loss.
    rest = LABEL_SMOOTHING / SIZES[-1]
    least = -(1 - 9 * rest) * math.log(1 - 9 * rest) - 9 * rest * math.log(rest)
    steps = -(-n // options.batch_size)
    threads = runtime.num_threads()
    say(f"data      {n + held:,} images of 8 x 8, digits 0 to 9: {n:,} to learn, {held} held out")
    say(f"network   {'-'.join(map(str, SIZES))}, relu between; {parameters:,} parameters, float32")
    say(
        f"training  {options.epochs} epochs of {steps} steps, batch {options.batch_size}, "
        f"Adam, learning rate {options.lr:g}, seed {options.seed}"
    )
    say(f"loss      cross-entropy, label smoothing {LABEL_SMOOTHING} (so at least {least:.3f})")
    say(f"machine   {runtime.isa()}, at most {threads} thread{'s' if threads > 1 else ''}")


def _train(say: Any, trainer: Trainer, digits: Digits, options: Options) -> dict[str, list[float]]:
    """Fit with a bar on a terminal, and print about ten epochs as they are done."""
    every = max(1, round(options.epochs / 10))
    say("\nepoch    loss   held-out loss   held-out accuracy")

    def show(_: Trainer, epoch: int, logs: dict[str, float]) -> None:
        if epoch == 0 or (epoch + 1) % every == 0 or epoch + 1 == options.epochs:
            loss, held, accuracy = logs["loss"], logs["val_loss"], logs["val_accuracy"]
            say(f"{epoch + 1:5}  {loss:6.4f}          {held:6.4f}              {accuracy:6.4f}")

    return trainer.fit(
        digits.x,
        digits.y,
        epochs=options.epochs,
        batch_size=options.batch_size,
        validation_data=(digits.held_x, digits.held_y),
        rng=options.seed,
        callbacks=[show],
    )


def _compare(say: Any, trained: Trainer, digits: Digits, options: Options) -> None:
    """Do the same steps again, timed, with fastnet and with NumPy, and print both."""
    steps = options.epochs * -(-len(digits.x) // options.batch_size)
    threads = runtime.num_threads()
    rows, same = [], True
    for n in sorted({threads, 1}, reverse=True):
        with _at_most(n):
            again, seconds = _fit_again(digits, options, np.float32)
        rows.append((f"fastnet, {n} thread{'s' if n > 1 else ''}", seconds))
        same = same and all(map(np.array_equal, _weights(trained), _weights(again)))
    numpy, theirs = _fit_numpy(digits, options, np.float32)
    say(f"the same {steps:,} steps again, without looks at the held-out images:\n")
    say("                      seconds   samples a second")
    for name, seconds in [*rows, (f"NumPy {np.__version__}", theirs)]:
        rate = options.epochs * len(digits.x) / seconds
        say(f"{name:20} {seconds:8.3f}   {rate:16,.0f}")
    say(f"\nfastnet was {theirs / min(seconds for _, seconds in rows):.1f} times as fast as NumPy")
    say(f"fastnet's weights have the same bits every time: {'yes' if same else 'NO'}")
    say(f"their sha256: {digest(_weights(trained))}")

    say("\nlargest difference from NumPy    in a weight   in a held-out probability")
    exact = _fit_again(digits, options, np.float64)[0], _fit_numpy(digits, options, np.float64)[0]
    for name, ours, other in (("float32", trained, numpy), ("float64", *exact)):
        x = digits.held_x.astype(name)
        p, q = F.softmax(ours.predict(x), 1), F.softmax(other.predict(x), 1)
        in_weights = _largest(_weights(ours), other.parameters)
        say(f"{name:30} {in_weights:14.1e}   {_largest([p], [q]):25.1e}")
    say("(once rounding turns a relu the other way, a training in float32 goes elsewhere)")


def _fit_again(digits: Digits, options: Options, dtype: Any) -> tuple[Trainer, float]:
    trainer = make_trainer(options, dtype)
    start = time.perf_counter()
    trainer.fit(
        digits.x,
        digits.y,
        epochs=options.epochs,
        batch_size=options.batch_size,
        rng=options.seed,
        progress=False,
    )
    return trainer, time.perf_counter() - start


def _fit_numpy(digits: Digits, options: Options, dtype: Any) -> tuple[Network, float]:
    """Train the NumPy twin from the same weights, in the same order."""
    from tqdm import tqdm

    initial = _weights(make_trainer(options, dtype))
    network = Network(initial, lr=options.lr, label_smoothing=LABEL_SMOOTHING)
    x = digits.x.astype(dtype)
    orders = [epoch_order(options.seed, epoch, len(x)) for epoch in range(options.epochs)]
    name = f"NumPy, {np.dtype(dtype)}"
    with tqdm(total=options.epochs, desc=name, unit="epoch", disable=None, leave=False) as bar:
        start = time.perf_counter()
        network.fit(x, digits.y, orders, options.batch_size, bar.update)
        return network, time.perf_counter() - start


@contextmanager
def _at_most(threads: int) -> Iterator[None]:
    before = runtime.num_threads()
    runtime.set_num_threads(threads)
    try:
        yield
    finally:
        runtime.set_num_threads(before)


def _weights(trainer: Trainer) -> list[Array]:
    return [parameter.data for parameter in trainer.model.parameters()]


def _largest(a: Iterable[Array], b: Iterable[Array]) -> float:
    """Return the largest absolute difference of arrays."""
    return max(float(np.abs(x - y).max()) for x, y in zip(a, b, strict=True))


def digest(arrays: list[Array]) -> str:
    """Return the SHA-256 of the arrays' numbers."""
    state = hashlib.sha256()
    for array in arrays:
        state.update(np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<")).tobytes())
    return state.hexdigest()


def _confusion(classes: Array, logits: Array) -> Array:
    from sklearn.metrics import confusion_matrix

    counts: Array = confusion_matrix(classes, F.argmax(logits, 1), labels=np.arange(SIZES[-1]))
    return counts


def _table(counts: Array) -> str:
    """Return a confusion matrix as text; zeros are dots."""
    lines = ["    " + "".join(f"{j:4}" for j in range(len(counts)))]
    for i, row in enumerate(counts):
        lines.append(f"{i:4}" + "".join(f"{k or '.':>4}" for k in row))
    return "\n".join(lines)


def _save(
    say: Any,
    model: nn.Module,
    history: dict[str, list[float]],
    counts: Array,
    options: Options,
) -> None:
    if options.plot:
        path = options.output / "learning_curve.png"
        with replacing(path) as file:
            _figure(history, counts).savefig(file, format="png", dpi=150)
        say(f"learning curve: {path}")
    path = options.output / "weights.npz"
    with replacing(path) as file:
        arrays: dict[str, Any] = {k: np.ascontiguousarray(v) for k, v in model.state_dict().items()}
        np.savez(file, **arrays)
    say(f"weights: {path}")


def _figure(history: dict[str, list[float]], counts: Array) -> Any:
    from matplotlib.figure import Figure

    from fastnet import plot

    figure = Figure(figsize=(11, 4.8), layout="constrained")
    axes = figure.subplot_mosaic([["loss", "matrix"], ["accuracy", "matrix"]])
    plot.learning_curve(history, axes["loss"])
    plot.learning_curve(history, axes["accuracy"], metric="accuracy")
    plot.confusion_matrix(counts, ax=axes["matrix"])
    axes["loss"].set_xlabel("")
    axes["loss"].set_title("Handwritten digits", loc="left")
    axes["accuracy"].set_ylabel("held-out accuracy")
    wrong = counts.sum() - counts.trace()
    axes["matrix"].set_title(f"{counts.sum()} held out, {wrong} mistaken", loc="left")
    return figure
