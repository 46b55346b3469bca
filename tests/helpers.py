"""Tolerances with a derivation, comparisons that show the worst element, arrays of every layout."""

import numpy as np

import fastnet
from fastnet import _core

# Levels whose results agree bit for bit (those with fma).
FMA_LEVELS = [level for level in fastnet.runtime.isa_supported() if level != "baseline"]


def use_threads(n):
    """Split every call among n threads, however little work it is; None for the defaults."""
    fastnet.set_num_threads(n)
    _core.set_worth_microseconds(-1.0 if n is None else 0.0)


def eps(dtype):
    """Unit roundoff: half the distance from 1 to the next number."""
    return np.finfo(dtype).eps / 2


def product_bound(a, b, dtype, extra=0):
    """Bound of a length-k chain of multiply-adds: gamma(k + extra) |a| |b| (Higham 2002, 3.5)."""
    k = a.shape[-1] + extra
    gamma = k * eps(dtype) / (1 - k * eps(dtype))
    # Twice k covers the level without fma, where each step rounds twice.
    return 2 * gamma * (np.abs(a).astype(float) @ np.abs(b).astype(float)) + np.finfo(dtype).tiny


def row_roundings(n, dtype):
    """Roundings on the longest path through a row's sum (kernels/reduce-inl.hpp, RowSum)."""
    lanes = 64 // dtype.itemsize
    return 16 + -(-n // (16 * lanes)) + np.log2(lanes) + 1


def exp_sum_error(x, dtype):
    """Relative error of sum(exp(x - m)): of x - m, of exp (2 ulp are 4 u), of the sum."""
    with np.errstate(invalid="ignore"):
        spread = np.abs(x - x.max(axis=-1, keepdims=True))
    spread = np.where(np.isfinite(spread), spread, 0)
    terms = np.exp(-spread)
    # exp's argument is off by u |x - m|: a term is off by that times the term.
    weighted = (spread * terms).sum(axis=-1, keepdims=True) / terms.sum(axis=-1, keepdims=True)
    return eps(dtype) * (weighted + 4 + row_roundings(x.shape[-1], dtype)), spread


def assert_within(actual, expected, bound):
    """Fail with the worst element where |actual - expected| > bound; NaN and inf must agree."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape, f"shape {actual.shape}, expected {expected.shape}"
    bound = np.broadcast_to(bound, expected.shape)
    finite = np.isfinite(expected)
    special = ~finite
    np.testing.assert_array_equal(actual[special].astype(float), expected[special].astype(float))
    with np.errstate(invalid="ignore"):
        error = np.where(finite, np.abs(actual.astype(float) - expected.astype(float)), 0.0)
    bad = ~(error <= np.where(finite, bound, np.inf))
    if bad.any():
        with np.errstate(divide="ignore", invalid="ignore"):
            worst = np.unravel_index(np.nanargmax(np.where(bad, error / bound, -1)), error.shape)
        msg = (
            f"{bad.sum()} of {bad.size} beyond the bound; worst at {tuple(map(int, worst))}: "
            f"actual {actual[worst]!r}, expected {expected[worst]!r}, "
            f"error {error[worst]:.3e}, bound {bound[worst]:.3e}"
        )
        raise AssertionError(msg)


def assert_same_bits(actual, expected):
    """Fail unless both arrays have equal bits, NaN payloads aside."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.dtype == expected.dtype
    assert actual.shape == expected.shape
    nan = np.isnan(expected) if expected.dtype.kind == "f" else np.zeros(expected.shape, bool)
    if nan.any():
        np.testing.assert_array_equal(np.isnan(actual), nan)
    integer = np.dtype(f"u{actual.itemsize}")
    a = np.ascontiguousarray(actual).view(integer)[~nan] if actual.ndim else actual
    b = np.ascontiguousarray(expected).view(integer)[~nan] if expected.ndim else expected
    np.testing.assert_array_equal(a, b)


def layouts(x):
    """Yield the array x in every memory layout a user may pass, with a name."""
    yield "contiguous", np.ascontiguousarray(x)
    yield "fortran", np.asfortranarray(x)
    wide = np.zeros((*x.shape[:-1], 2 * x.shape[-1]), x.dtype)
    wide[..., ::2] = x
    yield "every second", wide[..., ::2]
    yield "reversed rows", np.ascontiguousarray(x[::-1])[::-1]
    yield "reversed columns", np.ascontiguousarray(x[..., ::-1])[..., ::-1]
    raw = np.zeros(x.nbytes + 1, np.uint8)
    shifted = raw[1:].view(x.dtype).reshape(x.shape)
    shifted[...] = x
    yield "misaligned", shifted
    yield "byte-swapped", x.astype(x.dtype.newbyteorder(">"))
    frozen = np.array(x)
    frozen.flags.writeable = False
    yield "read-only", frozen


def ulp_error(actual, exact, dtype):
    """Return |actual - exact| in units of dtype's last place at the exact value, a wider float.

    Subnormal values count in the smallest number. 0 where both are NaN or the same infinity (that
    of a value beyond dtype's range), infinite where only one is.
    """
    info = np.finfo(dtype)
    actual = np.asarray(actual).astype(exact.dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        rounded = exact.astype(dtype)
        _, exponent = np.frexp(np.abs(exact))
        unit = np.maximum(exponent - 1, info.minexp) - info.nmant
        error = np.ldexp(np.abs(actual - exact), -unit)
    special = ~(np.isfinite(actual) & np.isfinite(rounded))
    same = (np.isnan(actual) & np.isnan(exact)) | (actual == rounded)
    error[special] = np.where(same[special], 0.0, np.inf)
    return error
