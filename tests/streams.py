"""Random words without end to standard output, for batteries of tests: `streams.py KIND`.

- words: law "bits" of one stream, in order;
- interleaved: one block of each of 8192 streams, then the next block of each;
- normals: 16 bits of the distribution function of each float32 normal;
- exponentials: the same of float64 exponentials.
"""

import sys

import numpy as np

from fastnet import _core
from fastnet.random import Generator

KEY = Generator(1).key


def words():
    out = np.empty((2**18, 4), np.uint32)
    block = 0
    while True:
        _core.philox_blocks(KEY, 0, block, out)
        yield out
        block += len(out)


def interleaved(streams=8192, blocks=64):
    out = np.empty((streams, blocks, 4), np.uint32)
    block = 0
    while True:
        for stream in range(streams):
            _core.philox_blocks(KEY, stream << int(_core.COUNT_BITS), block, out[stream])
        yield np.ascontiguousarray(out.transpose(1, 0, 2))
        block += blocks


def sixteen_bits(u):
    return np.minimum(u * 2**16, 2**16 - 1).astype(np.uint16)


def normals():
    from scipy.special import ndtr

    rng = Generator(1)
    while True:
        yield sixteen_bits(ndtr(rng.standard_normal(2**20, np.float32).astype(float)))


def exponentials():
    rng = Generator(1)
    while True:
        yield sixteen_bits(-np.expm1(-rng.standard_exponential(2**20)))


KINDS = {f.__name__: f for f in (words, interleaved, normals, exponentials)}

if __name__ == "__main__":
    try:
        for piece in KINDS[sys.argv[1]]():
            sys.stdout.buffer.write(piece.tobytes())
    except BrokenPipeError:
        # The reader has what it wants; Python would complain once more when it flushes.
        sys.stdout = None
