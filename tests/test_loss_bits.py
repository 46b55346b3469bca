"""What all losses share: bits that depend on the row alone, any layout, in place, zero sizes."""

import itertools

import numpy as np
from helpers import FMA_LEVELS, assert_same_bits, layouts, use_threads
from test_loss import ELEMENT_LOSSES, REDUCTIONS

import fastnet
import fastnet.functional as F


def every_loss(rng, n, columns, dtype):
    """Yield name, input, target and options of every loss and reduction."""
    x, t = rng.standard_normal((2, n, columns)).astype(dtype)
    s, weight = rng.random(n).astype(dtype), rng.random(columns).astype(dtype)
    y = rng.integers(0, columns, n)
    cases = [
        ("cross_entropy", y, {"weight": weight, "label_smoothing": 0.1, "sample_weight": s}),
        ("cross_entropy", y, {}),
        ("cross_entropy", np.abs(t), {"sample_weight": s}),
        ("nll_loss", y, {"weight": weight}),
        ("nll_loss", y, {"sample_weight": s}),
    ]
    for name, parameters in ELEMENT_LOSSES.items():
        cases.append((name, t, {**parameters, "sample_weight": s}))
    cases.append(
        ("binary_cross_entropy_with_logits", t, {"weight": np.abs(t), "pos_weight": weight})
    )
    for (name, target, options), reduction in itertools.product(cases, REDUCTIONS):
        options = {**options, "reduction": reduction}
        yield name, x, target, options


def test_same_bits_on_every_fma_level_and_thread_count(dtype):
    # Enough for a team whatever the loss: more than 8 us by the estimates of engine/loss.cpp.
    results = []
    for level, threads in itertools.product(FMA_LEVELS, (1, 2, 7)):
        use_threads(threads)
        with fastnet.runtime.use_isa(level):
            result = []
            for n, columns in [(1200, 40), (45000, 1)]:
                rng = np.random.default_rng(3)
                for name, x, target, options in every_loss(rng, n, columns, dtype):
                    if options["reduction"] == "sum":
                        continue  # the mean's sum
                    value = getattr(F, name)(x, target, **options)
                    backward = getattr(F, f"{name}_backward")
                    result += [value, backward(np.ones_like(value), x, target, **options)]
        results.append(result)
    use_threads(None)
    for result in results[1:]:
        for a, b in zip(result, results[0], strict=True):
            assert_same_bits(a, b)


def test_any_layout_and_in_place_give_the_same_bits(isa, dtype, rng):
    for name, x, target, options in every_loss(rng, 9, 20, dtype):
        function, backward = getattr(F, name), getattr(F, f"{name}_backward")
        value = function(x, target, **options)
        dy = np.full_like(value, 0.7)
        dx = backward(dy, x, target, **options)
        for kind, layout in layouts(x):
            assert_same_bits(function(layout, target, **options), value)
            assert_same_bits(backward(dy, layout, target, **options), dx)
            assert kind
        buffer = x.copy()
        assert backward(dy, buffer, target, out=buffer, **options) is buffer
        assert_same_bits(buffer, dx)


def test_rows_do_not_depend_on_the_batch(isa, dtype, rng):
    for name, x, target, options in every_loss(rng, 37, 20, dtype):
        if options["reduction"] != "none":
            continue
        function, backward = getattr(F, name), getattr(F, f"{name}_backward")
        value = function(x, target, **options)
        dx = backward(np.ones_like(value), x, target, **options)
        for begin, end in [(0, 1), (3, 20), (36, 37)]:
            part = {
                k: v[begin:end] if isinstance(v, np.ndarray) and len(v) == 37 else v
                for k, v in options.items()
            }
            arrays = (x[begin:end], target[begin:end])
            assert_same_bits(function(*arrays, **part), value[begin:end])
            dy = np.ones_like(value[begin:end])
            assert_same_bits(backward(dy, *arrays, **part), dx[begin:end])


def test_zero_sizes(dtype):
    for shape in [(0, 3), (0,)]:
        x = np.zeros(shape, dtype)
        for name in ELEMENT_LOSSES:
            assert getattr(F, name)(x, x, reduction="sum") == 0
            assert np.isnan(getattr(F, name)(x, x))
            assert getattr(F, name)(x, x, reduction="none").shape == shape
            assert getattr(F, f"{name}_backward")(1.0, x, x).shape == shape
    x, y = np.zeros((0, 3), dtype), np.zeros(0, int)
    for function in (F.cross_entropy, F.nll_loss):
        assert np.isnan(function(x, y))
        assert function(x, y, reduction="sum") == 0
        assert function(x, y, reduction="none").shape == (0,)
    assert F.cross_entropy_backward(1.0, x, y).shape == (0, 3)
    assert F.mse_loss(np.zeros((2, 0), dtype), np.zeros((2, 0), dtype), "sum") == 0
