"""Bars over the epochs of a fit and over the samples of a run, by tqdm."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
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


class SampleBar:
    """A bar over a run's samples that appears once it has taken a second."""

    def __init__(self, progress: bool | None) -> None:
        self.wanted = progress is True or (progress is None and sys.stderr.isatty())
        self.required = progress is True
        self.appears = time.monotonic() + (0.0 if progress else 1.0)
        self.bar: Any = None

    def show(self, part: float, text: Callable[[], str]) -> None:
        """Show that a part of the samples is done, and what they say so far."""
        if not self.wanted or time.monotonic() < self.appears:
            return
        if self.bar is None:
            try:
                from tqdm.auto import tqdm
            except ImportError:
                if self.required:
                    msg = 'a progress bar needs tqdm: pip install "fastnet-cpu[progress]"'
                    raise ImportError(msg) from None
                self.wanted = False
                return
            self.bar = tqdm(total=1.0, bar_format="{l_bar}{bar}| [{elapsed}<{remaining}] {postfix}")
        self.appears = time.monotonic() + 0.1
        self.bar.n = part
        self.bar.set_postfix_str(text())

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()


@contextmanager
def sample_bar(progress: bool | None) -> Iterator[SampleBar]:
    """Yield a bar over samples, which may never show."""
    bar = SampleBar(progress)
    try:
        yield bar
    finally:
        bar.close()
