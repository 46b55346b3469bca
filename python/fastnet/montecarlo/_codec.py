"""Estimates as bytes: a header in JSON, then the arrays of their trees, little-endian."""

from __future__ import annotations

import json
import math
import struct
from typing import Any

import numpy as np

from fastnet import _core
from fastnet._arrays import Array, real
from fastnet.montecarlo._layout import Layout

_MAGIC = b"fastnet estimate\x00"
_VERSION = 1
# What of an Estimate is in the header as it is.
ATTRIBUTES = ("confidence_level", "stopping", "tuned", "success", "status", "message", "how")


def content(layout: Layout, runs: dict[str, Any]) -> bytes:
    """Return bytes of the trees alone."""
    parts = [json.dumps(layout.columns_alone().to_dict(), sort_keys=True).encode()]
    for run in sorted(runs):
        for arrays in (runs[run].nodes(), runs[run].history()):
            parts += [run.encode(), *(a.tobytes() for a in arrays)]
    return b"\0".join(parts)


def encode(header: dict[str, Any], layout: Layout, runs: dict[str, Any]) -> bytes:
    """Return a header, a layout and trees by run as bytes."""
    arrays: list[Array] = []
    sizes = []
    for run in sorted(runs):
        nodes, history = runs[run].nodes(), runs[run].history()
        sizes.append([run, len(nodes[0]), len(history[0])])
        arrays += [*nodes, *history]
    header = {**header, "version": _VERSION, "layout": layout.to_dict(), "runs": sizes}
    text = json.dumps(header, sort_keys=True).encode()
    body = [a.astype(f"<{a.dtype.str[1:]}").tobytes() for a in arrays]
    return b"".join([_MAGIC, struct.pack("<Q", len(text)), text, *body])


def decode(data: bytes) -> tuple[dict[str, Any], Layout, dict[str, Any]]:
    """Return what `encode` was given; ValueError and the like for other bytes."""
    start = len(_MAGIC) + 8
    if data[: len(_MAGIC)] != _MAGIC:
        msg = "another beginning"
        raise ValueError(msg)
    (length,) = struct.unpack("<Q", data[len(_MAGIC) : start])
    header = json.loads(data[start : start + length])
    if header["version"] != _VERSION:
        msg = f"version {header['version']}, this is {_VERSION}"
        raise ValueError(msg)
    layout = Layout.from_dict(header["layout"])
    real(header["confidence_level"], "confidence_level", 0, 1)
    real(header["tuned"], "tuned", 0)
    for name in ("stopping", "status", "message", "how"):
        header[name] = str(header[name])
    header["success"] = header["success"] is True
    rest = memoryview(data)[start + length :]
    runs: dict[str, Any] = {}
    for run, nodes, points in header["runs"]:
        tree = runs[str(run)] = _core.ChunkTree(layout.columns, layout.cross)
        for count, is_history in ((nodes, False), (points, True)):
            arrays, rest = _take_arrays(rest, int(count), layout)
            numbers, moments, products, spreads = arrays
            tree.add(numbers, moments, products, spreads, is_history)
    if len(rest):
        msg = f"{len(rest)} bytes too many"
        raise ValueError(msg)
    return header, layout, runs


def _take_arrays(data: memoryview, count: int, layout: Layout) -> tuple[list[Any], memoryview]:
    """Return arrays of `count` nodes from the beginning of data, and the rest of it."""
    arrays: list[Any] = []
    for shape, kind in layout.node_arrays():
        size = count * math.prod(shape) * 8
        if count < 0 or size > len(data):
            msg = f"{size} bytes expected, {len(data)} there"
            raise ValueError(msg)
        values = np.frombuffer(data[:size], kind).astype(kind[1:]).reshape(count, *shape)
        arrays.append(values)
        data = data[size:]
    return arrays, data
