"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file for writing that takes path's place when the block has ended well.

    Until then it has a name of its own in the same folder: path is the old file or the whole new
    one, also if the process or the machine stops in between, and errors leave nothing behind.
    """
    target = Path(os.path.realpath(path))
    # Not tempfile: its files are for the owner alone, and a umask can't be read safely.
    part = target.with_name(f".{target.name}.{secrets.token_hex(6)}")
    try:
        with open(part, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
