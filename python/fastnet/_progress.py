"""A bar over the epochs of a fit, by tqdm."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Bar:
    """A bar over all epochs, by tqdm."""

    def __init__(self, tqdm: Any, epochs: int) -> None:
        self.done = 0
        self.bar = tqdm(
            total=epochs,
            unit="epoch",
            bar_format="{l_bar}{bar}| {n:.1f}/{total} [{elapsed}{postfix}]",
        )

    def show(self, part: float) -> None:
        self.bar.n = self.done + part
        self.bar.refresh()

    def finish(self, logs: dict[str, float]) -> None:
        self.done += 1
        self.bar.n = self.done
        self.bar.set_postfix({k: f"{v:.4f}" for k, v in logs.items()})


@contextmanager
def progress_bar(progress: bool | None, epochs: int) -> Iterator[Bar | None]:
    """Yield a bar over epochs, or None where there is to be none."""
    if progress is False or (progress is None and not sys.stderr.isatty()):
        yield None
        return
    try:
        from tqdm.auto import tqdm
    except ImportError:
        if progress:
            msg = 'a progress bar needs tqdm: pip install "fastnet-cpu[progress]"'
            raise ImportError(msg) from None
        yield None
        return
    bar = Bar(tqdm, epochs)
    try:
        yield bar
    finally:
        bar.bar.close()
