"""Estimates as bytes: a header in JSON, then the arrays of their trees, little-endian."""

from __future__ import annotations

import hashlib
import json
import math
import struct
from typing import Any

import numpy as np

from fastnet import _core
from fastnet._arrays import Array, real
from fastnet.montecarlo._layout import Layout
from fastnet.montecarlo._quantiles import checked_level

_MAGIC = b"fastnet estimate\x00"
STOPPING = ("clt", "anytime")
# Bytes of the checksum, which ends all.
_CHECK = 8
# What `decode` raises for bytes that are none of `encode`.
ERRORS = (ValueError, KeyError, TypeError, struct.error, OverflowError, RecursionError)
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
    data = b"".join([_MAGIC, struct.pack("<Q", len(text)), text, *body])
    return data + _checksum(data)


def _checksum(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=_CHECK).digest()


def decode(data: bytes) -> tuple[dict[str, Any], Layout, dict[str, Any]]:
    """Return what `encode` was given; ValueError and the like for other bytes."""
    start = len(_MAGIC) + 8
    if data[: len(_MAGIC)] != _MAGIC:
        msg = "another beginning"
        raise ValueError(msg)
    data, check = data[:-_CHECK], data[-_CHECK:]
    if check != _checksum(data):
        msg = "the checksum is another, so they are not whole"
        raise ValueError(msg)
    (length,) = struct.unpack("<Q", data[len(_MAGIC) : start])
    header = json.loads(data[start : start + length])
    if type(header["version"]) is not int or header["version"] != _VERSION:
        msg = f"version {header['version']}, this is {_VERSION}"
        raise ValueError(msg)
    layout = Layout.from_dict(header["layout"])
    header["confidence_level"] = checked_level(header["confidence_level"], "confidence_level")
    header["tuned"] = real(header["tuned"], "tuned", 0, 1e300)
    kinds = {"stopping": str, "status": str, "message": str, "how": str, "success": bool}
    for name, kind in kinds.items():
        if type(header[name]) is not kind:
            msg = f"{name} {header[name]!r}"
            raise ValueError(msg)
    if header["stopping"] not in STOPPING:
        msg = f"stopping {header['stopping']!r}"
        raise ValueError(msg)
    if header["stopping"] == "anytime" and not header["tuned"] > 0:
        msg = f"tuned {header['tuned']} of an anytime interval"
        raise ValueError(msg)
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
