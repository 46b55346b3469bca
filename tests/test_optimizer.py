"""Optimizers' update kernels against the reference, from recorded gradients."""

import numpy as np
import pytest
from helpers import FMA_LEVELS, assert_same_bits, assert_within, eps, use_threads

import fastnet
from fastnet import _core, nn, optim
from fastnet._storage import flat, padded_row
from fastnet.reference import optim as reference

SGD = {
    "plain": {"lr": 0.1},
    "weight decay": {"lr": 0.1, "weight_decay": 0.01},
    "momentum": {"lr": 0.1, "momentum": 0.9},
    "dampening": {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.01},
    "nesterov": {"lr": 0.1, "momentum": 0.8, "nesterov": True, "weight_decay": 0.01},
    "clipped": {"lr": 0.1, "momentum": 0.9, "scale": 0.3},
}
ADAM = {
    "adam": {"lr": 1e-2, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8},
    "weight decay": {"lr": 1e-2, "beta1": 0.9, "beta2": 0.99, "eps": 1e-8, "weight_decay": 0.1},
    "adamw": {
        "lr": 1e-2, "beta1": 0.9, "beta2": 0.999, "eps": 1e-6, "weight_decay": 0.1,
        "decoupled": True,
    },
    "little memory": {"lr": 1e-2, "beta1": 0.2, "beta2": 0.5, "eps": 1e-8},
    "none": {"lr": 1e-2, "beta1": 0.0, "beta2": 0.0, "eps": 1e-8},
    "clipped": {"lr": 1e-2, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "scale": 0.3},
}  # fmt: skip


def record(rng, steps, n, dtype):
    return rng.standard_normal((steps, n)).astype(dtype), rng.standard_normal(n).astype(dtype)


def run_sgd(update, w, gradients, **options):
    """Return w and the momentum's buffer after a step for each gradient."""
    w, buffer = w.copy(), np.full_like(w, np.nan)
    for t, g in enumerate(gradients):
        update(w, g, buffer, first=t == 0, **options)
    return w, buffer


def run_adam(update, w, gradients, **options):
    """Return w and the moments after a step for each gradient."""
    w, m, v = w.copy(), np.zeros_like(w), np.zeros_like(w)
    power1 = power2 = 1.0
    for g in gradients:
        power1 *= options["beta1"]
        power2 *= options["beta2"]
        update(w, g, m, v, beta1_power=power1, beta2_power=power2, **options)
    return w, m, v


def magnitude(update, run, w, gradients, **options):
    """Bound of every intermediate of the run: the same recurrence over magnitudes."""
    options = {k: v for k, v in options.items() if k != "lr"} | {"lr": -abs(options["lr"])}
    return run(update, np.abs(w), np.abs(gradients), **options)


@pytest.mark.parametrize("name", SGD)
def test_sgd_matches_reference(isa, dtype, threads, rng, name):
    options = SGD[name]
    for n in [*range(34), 1000]:
        gradients, w = record(rng, 5, n, dtype)
        result = run_sgd(_core.sgd_update, w, gradients, **options)
        expected = run_sgd(
            reference.sgd_update, w.astype(float), gradients.astype(float), **options
        )
        # All of it is sums of products. An element takes at most 9 roundings a step, of operations
        # or of scalars, each relative to a value that the recurrence over magnitudes bounds.
        sizes = magnitude(
            reference.sgd_update, run_sgd, w.astype(float), gradients.astype(float), **options
        )
        for got, want, size in zip(result, expected, sizes, strict=True):
            if np.isnan(want).all():  # no momentum: the buffer is not touched
                assert np.isnan(got).all()
            else:
                assert_within(got, want, 5 * 9 * eps(dtype) * size)


@pytest.mark.parametrize("name", ADAM)
def test_adam_matches_reference(isa, dtype, threads, rng, name):
    options = ADAM[name]
    for n in [*range(34), 1000]:
        gradients, w = record(rng, 4, n, dtype)
        result = run_adam(_core.adam_update, w, gradients, **options)
        expected = run_adam(
            reference.adam_update, w.astype(float), gradients.astype(float), **options
        )
        # The moments are sums of products: at most 8 and 12 roundings a step, those of the gradient
        # and of the scalars counted, each relative to the largest gradient. |w| moves by at most
        # 4 steps of 10 lr here.
        g = np.abs(gradients.astype(float)) * options.get("scale", 1)
        coupled = 0 if options.get("decoupled") else options.get("weight_decay", 0)
        g_max = g.max(0, initial=0) + coupled * (np.abs(w) + 4 * 0.1)
        steps = len(gradients)
        u = eps(dtype)
        m_error = steps * 8 * u * 2 * g_max
        v_relative = steps * 12 * u
        assert_within(result[2], expected[2], v_relative * 2 * g_max**2)
        assert_within(result[1], expected[1], m_error)
        w_error = replay_error(w.astype(float), gradients.astype(float), g_max, u, **options)
        assert_within(result[0], expected[0], w_error)


def replay_error(w, gradients, g_max, u, **options):
    """Bound the error of w: that of step m / denominator, from the reference's own m and v."""
    w, m, v = w.copy(), np.zeros_like(w), np.zeros_like(w)
    power1 = power2 = 1.0
    total = np.zeros_like(w)
    for t, g in enumerate(gradients, 1):
        power1 *= options["beta1"]
        power2 *= options["beta2"]
        reference.adam_update(w, g, m, v, beta1_power=power1, beta2_power=power2, **options)
        denominator = np.sqrt(v) / np.sqrt(1 - power2) + options["eps"]
        # The error of v is 12 u t of its largest terms: relative to v itself by g_max^2 / v.
        relative = 12 * u * t * np.maximum(1, g_max**2 / v) + 6 * u
        step = options["lr"] / (1 - power1)
        total += step * (16 * u * t * g_max + np.abs(m) * relative) / denominator
        total += 4 * u * np.abs(w)
    return total


def test_worked_steps_of_sgd():
    w, g, b = np.float64([1.0]), np.float64([2.0]), np.zeros(1)
    for update in (_core.sgd_update, reference.sgd_update):
        w[0] = 1
        update(w, g, b, lr=0.5, momentum=0.5, first=True)  # b = 2, w = 1 - 0.5 * 2
        assert (w[0], b[0]) == (0.0, 2.0)
        update(w, g, b, lr=0.5, momentum=0.5)  # b = 1 + 2, w = 0 - 1.5
        assert (w[0], b[0]) == (-1.5, 3.0)
        update(w, g, b, lr=0.5, momentum=0.5, nesterov=True)  # b = 3.5, w -= 0.5 (2 + 1.75)
        assert (w[0], b[0]) == (-3.375, 3.5)


def test_worked_step_of_adam():
    # The first step is lr sign(g), whatever the gradient's size, and eps aside.
    for update in (_core.adam_update, reference.adam_update):
        w, m, v = np.zeros(2), np.zeros(2), np.zeros(2)
        update(
            w,
            np.array([4.0, -0.25]),
            m,
            v,
            lr=0.125,
            beta1=0.5,
            beta2=0.75,
            beta1_power=0.5,
            beta2_power=0.75,
            eps=0.0,
        )
        np.testing.assert_array_equal(m, [2, -0.125])
        np.testing.assert_array_equal(v, [4, 0.015625])
        np.testing.assert_array_equal(w, [-0.125, 0.125])


def test_same_bits_on_every_fma_level_thread_count_and_split(dtype, rng):
    gradients, w = record(rng, 3, 5003, dtype)
    pieces = [slice(0, 1), slice(1, 1030), slice(1030, 2047), slice(2047, 5003)]
    results = []
    for level in FMA_LEVELS:
        with fastnet.runtime.use_isa(level):
            for n in (1, 2, 7):
                use_threads(n)
                results.append(
                    (
                        *run_sgd(_core.sgd_update, w, gradients, **SGD["nesterov"]),
                        *run_adam(_core.adam_update, w, gradients, **ADAM["adamw"]),
                    )
                )
            parts = [
                (
                    *run_sgd(_core.sgd_update, w[p], gradients[:, p], **SGD["nesterov"]),
                    *run_adam(_core.adam_update, w[p], gradients[:, p], **ADAM["adamw"]),
                )
                for p in pieces
            ]
            results.append([np.concatenate(arrays) for arrays in zip(*parts, strict=True)])
    use_threads(None)
    for result in results[1:]:
        for a, b in zip(result, results[0], strict=True):
            assert_same_bits(a, b)


def test_zero_weights_and_gradients_stay_zero(isa, dtype):
    # The padding between rows of weights relies on it.
    g = np.zeros((3, 20), dtype)
    for options in SGD.values():
        assert not run_sgd(_core.sgd_update, g[0], g, **options)[0].any()
    for options in ADAM.values():
        assert not run_adam(_core.adam_update, g[0], g, **options)[0].any()


def test_nan_and_inf_stay_in_their_element(isa, dtype):
    for value in (np.nan, np.inf):
        g = np.ones((2, 20), dtype)
        g[0, 17] = value
        for result in (
            run_sgd(_core.sgd_update, g[1], g, **SGD["momentum"])[0],
            run_adam(_core.adam_update, g[1], g, **ADAM["adam"])[0],
        ):
            assert np.isfinite(np.delete(result, 17)).all()
            assert not np.isfinite(result[17])


def test_sum_squares_is_exact_to_double(isa, dtype, rng):
    for n in [*range(34), 4095, 4097, 20000]:
        x = rng.standard_normal(n).astype(dtype)
        expected = np.sum(x.astype(np.longdouble) ** 2)
        # At most n / 32 + 5 additions in an accumulator and a piece, n / 4096 + 1 of pieces.
        roundings = min(n, 4096) / 32 + n / 4096 + 8
        assert abs(_core.sum_squares(x) - expected) <= roundings * eps(float) * expected


def test_arguments_are_checked(dtype, rng):
    w, g = np.ones(4, dtype), np.ones(4, dtype)
    other = np.float64 if dtype == np.float32 else np.float32
    with pytest.raises(ValueError, match="g must have w's size 4, got 3"):
        _core.sgd_update(w, g[:3], None, lr=0.1)
    with pytest.raises(TypeError, match="g must have dtype"):
        _core.sgd_update(w, g.astype(other), None, lr=0.1)
    with pytest.raises(TypeError, match="buffer must be an array"):
        _core.sgd_update(w, g, None, lr=0.1, momentum=0.9)
    with pytest.raises(ValueError, match="w must not overlap g"):
        _core.sgd_update(w, w, None, lr=0.1)
    frozen = np.ones(4, dtype)
    frozen.flags.writeable = False
    with pytest.raises(ValueError, match="w is read-only"):
        _core.sgd_update(frozen, g, None, lr=0.1)
    m, run = np.zeros(4, dtype), ADAM["adam"]
    with pytest.raises(ValueError, match="v must not overlap m"):
        _core.adam_update(w, g, m, m, beta1_power=0.9, beta2_power=0.999, **run)


@pytest.mark.peers
@pytest.mark.parametrize("name", [*SGD, *ADAM])
def test_steps_match_torch(isa, dtype, rng, name):
    torch = pytest.importorskip("torch")
    steps, n = 20, 1003
    gradients, w = record(rng, steps, n, dtype)
    for options in (SGD.get(name), ADAM.get(name)):
        if options is None or "scale" in options:
            continue
        p = torch.nn.Parameter(torch.from_numpy(w.copy()))
        if "beta1" in options:
            kind = torch.optim.AdamW if "decoupled" in options else torch.optim.Adam
            optimizer = kind(
                [p], lr=options["lr"], betas=(options["beta1"], options["beta2"]),
                eps=options["eps"], weight_decay=options.get("weight_decay", 0), foreach=False,
            )  # fmt: skip
            result = run_adam(_core.adam_update, w, gradients, **options)[0]
        else:
            optimizer = torch.optim.SGD([p], **options, foreach=False)
            result = run_sgd(_core.sgd_update, w, gradients, **options)[0]
        for g in gradients:
            p.grad = torch.from_numpy(g)
            optimizer.step()
        # 16 roundings a step, of values up to the largest weight or 10 steps of lr.
        size = np.abs(w) + np.abs(gradients).sum(0) * options["lr"] / (
            1 - options.get("momentum", 0)
        )
        assert_within(result, p.detach().numpy(), steps * 16 * eps(dtype) * size)


def test_memory_between_rows_that_is_no_padding_is_left_alone():
    # A part of an array, with the strides of a padded weight, whose last row ends the memory.
    mine = np.ones((7, padded_row(5, 4)), np.float32)
    p = fastnet.from_numpy(mine[:, 3:8].T)
    p.requires_grad = True
    p.grad = np.ones((5, 7), np.float32)
    with pytest.raises(ValueError, match="must lie in one piece of memory"):
        optim.SGD([p], lr=0.5, weight_decay=0.5).step()
    assert (mine == 1).all()
    # As a gradient it is copied, so that the weight's padding stays zero.
    layer = nn.Linear(7, 5)
    expected = layer.weight.data - np.float32(0.5)
    layer.weight.grad = mine[:, 3:8].T
    optim.SGD([layer.weight], lr=0.5).step()
    np.testing.assert_array_equal(layer.weight.data, expected)
    assert not flat(layer.weight.data).reshape(7, -1)[:, 5:].any()
