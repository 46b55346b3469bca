"""Models with bf16 and int8 weights: bits, accuracy, odd values, bad input."""

import pickle
import re
from contextlib import contextmanager

import numpy as np
import pytest
from helpers import FMA_LEVELS, assert_same_bits, assert_within, eps, product_bound, use_threads

import fastnet
import fastnet.functional as F
from fastnet import _core, nn, quantization
from fastnet._compile.layers import Layers
from fastnet.reference import quantization as reference

# Every level, and the best one without its extensions as well.
LEVELS = [(level, True) for level in fastnet.runtime.isa_supported()]
if _core.isa_extensions():
    LEVELS.append((fastnet.runtime.isa_supported()[0], False))
# (batch, in, out): around groups of 2 and 4, registers and panels of 16 and 32, tiles of 1, 4, 6,
# 8 and 14 rows and 2, 4 and 8 registers, the 42 rows that are carried through a network.
SIZES = [
    (1, 1, 1), (2, 2, 15), (3, 3, 16), (4, 4, 17), (5, 5, 31), (6, 7, 32), (7, 8, 33), (8, 9, 48),
    (9, 15, 49), (13, 16, 64), (14, 17, 65), (15, 63, 96), (28, 64, 97), (29, 65, 10), (41, 33, 1),
    (42, 66, 80), (43, 127, 130), (100, 130, 34), (1, 100, 127), (1, 67, 128), (1, 70, 300),
    (6, 129, 64), (6, 68, 200), (3, 1000, 70),
]  # fmt: skip


@contextmanager
def kernels_of(level, extensions=True):
    with fastnet.runtime.use_isa(level):
        _core.use_extensions(extensions)
        try:
            yield
        finally:
            _core.use_extensions(True)


@pytest.fixture(params=LEVELS, ids=lambda p: p[0] + ("" if p[1] else " alone"))
def level(request):
    with kernels_of(*request.param):
        yield request.param


@pytest.fixture(params=["bf16", "int8"])
def precision(request):
    return request.param


@pytest.fixture
def any_width(monkeypatch):
    """Layers of any size are quantized."""
    monkeypatch.setattr(quantization, "MIN_IN_FEATURES", 1)
    monkeypatch.setattr(quantization, "MIN_OUT_FEATURES", 1)


def single(rng, k, n, bias=True):
    net = nn.Sequential(nn.Linear(k, n, bias=bias))
    net[0].weight.data = rng.standard_normal((n, k)).astype(np.float32)
    return net


def rows(rng, m, k):
    # Of very different size, a row of zeros among them.
    x = rng.standard_normal((m, k)) * 10.0 ** rng.integers(-8, 8, (m, 1))
    x[m // 2] *= m < 3
    return x.astype(np.float32)


def mixed(rng):
    """Every kind of layer between wide and narrow linear ones."""
    net = nn.Sequential(
        nn.Linear(70, 130), nn.Tanh(), nn.LayerNorm(130), nn.Linear(130, 64), nn.BatchNorm1d(64),
        nn.GELU(), nn.Dropout(0.5), nn.Linear(64, 100), nn.ReLU(), nn.Linear(100, 5), nn.Softmax(1),
    )  # fmt: skip
    norm = net[4]
    norm.running_mean[...] = rng.standard_normal(64)
    norm.running_var[...] = rng.uniform(0.5, 2, 64)
    return net.eval()


# ---- one layer ----


@pytest.mark.usefixtures("any_width")
@pytest.mark.parametrize("bias", [True, False])
def test_int8_has_the_reference_s_bits(level, rng, bias):
    for m, k, n in SIZES:
        net, x = single(rng, k, n, bias), rows(rng, m, k)
        y = fastnet.quantize(net, "int8")(x)
        b = net[0].bias.data if bias else None
        assert_same_bits(y, reference.quantized_linear(x, net[0].weight.data, b, "int8"))


@pytest.mark.usefixtures("any_width")
def test_bf16_is_within_the_bound_of_a_sum_in_float32(level, rng):
    for m, k, n in SIZES:
        net, x = single(rng, k, n), rows(rng, m, k)
        w, b = net[0].weight.data, net[0].bias.data
        y = fastnet.quantize(net, "bf16")(x)
        expected = reference.quantized_linear(x, w, b, "bf16")
        # Products of 8 bits by 8 are exact; the bias, and the reference's two roundings.
        bound = product_bound(reference.round_bf16(x), reference.round_bf16(w).T, np.float32, 1)
        assert_within(y, expected, bound + 3 * eps(np.float32) * (np.abs(expected) + np.abs(b)))


@pytest.mark.usefixtures("any_width")
def test_bf16_without_its_extension_has_the_same_bits_on_every_level(rng):
    net, x = single(rng, 130, 70), rows(rng, 43, 130)
    small = fastnet.quantize(net, "bf16")
    # Also without fma: products of 8 bits by 8 are exact.
    results = []
    for name in fastnet.runtime.isa_supported():
        with kernels_of(name, extensions=False):
            results.append(small(x))
    for result in results[1:]:
        assert_same_bits(result, results[0])


def test_rounding_to_bf16(rng):
    x = np.ldexp(rng.integers(-(2**24), 2**24, 10000), rng.integers(-40, 40, 10000))
    x = x.astype(np.float32)
    # frexp: x = f 2^e, 1/2 <= |f| < 1, and 8 bits of f are kept; rint rounds ties to even.
    f, e = np.frexp(x.astype(float))
    assert_same_bits(reference.round_bf16(x), np.ldexp(np.rint(f * 256) / 256, e).astype(x.dtype))
    special = np.array([np.inf, -np.inf, np.nan, 0.0, -0.0, 3.4e38], np.float32)
    expected = np.array([np.inf, -np.inf, np.nan, 0.0, -0.0, np.inf], np.float32)
    assert_same_bits(reference.round_bf16(special), expected)
    # A NaN whose payload is in the lower half alone.
    quiet = reference.round_bf16(np.array([0x7F800001], np.uint32).view(np.float32))
    assert np.isnan(quiet).all()


def test_worked_example_of_int8():
    x = np.array([[1.0, -2.0, 0.5], [0.0, 0.0, 0.0], [2.0**-120, 0.0, 0.0]], np.float32)
    q, scale = reference.quantize_rows(x)
    # 127 / 2: 63.5 and 31.75, ties to even.
    assert q.tolist() == [[64, -127, 32], [0, 0, 0], [0, 0, 0]]
    assert scale.tolist() == [np.float32(2 / 127), 0.0, 0.0]
    y = reference.quantized_linear(x, np.array([[127.0, 0, 1]]), np.array([5], np.float32), "int8")
    np.testing.assert_allclose(y[:, 0], [5 + (64 * 127 + 32) * 2 / 127, 5, 5], rtol=1e-6)


# ---- whole networks ----


def test_same_bits_at_any_thread_count_and_batch(precision, rng):
    net, x = mixed(rng), rng.standard_normal((150, 70)).astype(np.float32)
    small = fastnet.quantize(net, precision)
    use_threads(1)
    expected = small(x)
    for threads in (1, 2, 7):
        use_threads(threads)
        for begin, end in [(0, 150), (0, 1), (3, 8), (10, 52), (0, 149)]:
            assert_same_bits(small(x[begin:end]), expected[begin:end])
    use_threads(None)


def test_few_rows_of_a_wide_layer_are_split_by_columns(precision, rng):
    net = nn.Sequential(nn.Linear(1000, 1500), nn.Tanh(), nn.Linear(1500, 1000), nn.ReLU())
    x = rng.standard_normal((20, 1000)).astype(np.float32)
    small = fastnet.quantize(net, precision)
    use_threads(1)
    expected = small(x)
    for threads in (2, 7):
        use_threads(threads)
        for m in (1, 2, 5, 20):
            assert_same_bits(small(x[:m]), expected[:m])
    use_threads(None)


def test_int8_has_the_same_bits_on_every_fma_level(rng):
    small = fastnet.quantize(mixed(rng), "int8")
    x = rng.standard_normal((50, 70)).astype(np.float32)
    results = []
    for name in FMA_LEVELS:
        for extensions in (True, False):
            with kernels_of(name, extensions):
                results.append(small(x))
    for result in results[1:]:
        assert_same_bits(result, results[0])


def test_a_network_is_its_layers_one_after_another(precision, rng, threads):
    net, x = mixed(rng), rng.standard_normal((50, 70)).astype(np.float32)

    def layer(i, x):
        return fastnet.quantize(nn.Sequential(net[i]), precision)(x)

    y = F.layer_norm(F.tanh(layer(0, x)), 130, net[2].weight.data, net[2].bias.data)
    y = F.relu(layer(7, F.gelu(net[4](layer(3, y)))))
    expected = F.softmax(F.linear(y, net[9].weight.data, net[9].bias.data), 1)
    assert_same_bits(fastnet.quantize(net, precision)(x), expected)


def test_narrow_layers_stay_float32(precision):
    net = nn.Sequential(nn.Linear(63, 64), nn.ReLU(), nn.Linear(64, 16), nn.Linear(16, 15))
    assert re.search(rf"{precision} in 1 of 3 linear", repr(fastnet.quantize(net, precision)))


def test_weights_are_a_half_and_a_quarter(rng):
    net = single(rng, 128, 96)
    assert fastnet.quantize(net, "bf16").weight_bytes == 2 * 128 * 96
    assert fastnet.quantize(net, "int8").weight_bytes == 128 * 96


def test_the_model_is_neither_changed_nor_followed(precision, rng):
    net, x = mixed(rng).train(), rng.standard_normal((9, 70)).astype(np.float32)
    before = {k: v.copy() for k, v in net.state_dict().items()}
    small = fastnet.quantize(net, precision, check=x)
    y = small(x)
    assert net.training
    for name, value in net.state_dict().items():
        assert_same_bits(value, before[name])
        value[...] = np.nan if value.dtype.kind == "f" else 7
    assert_same_bits(small(x), y)


def test_pickles(precision, rng):
    x = rng.standard_normal((9, 70)).astype(np.float32)
    small = fastnet.quantize(mixed(rng), precision, check=x)
    again = pickle.loads(pickle.dumps(small))
    assert_same_bits(again(x), small(x))
    assert repr(again) == repr(small)
    assert again.accuracy_loss == small.accuracy_loss


@pytest.mark.parametrize("precision", ["bf16", "int8"])
def test_digits_lose_less_than_half_a_percent(precision):
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    x = (x / 16).astype(np.float32)
    rng = fastnet.random.Generator(1)
    net = nn.Sequential(
        nn.Linear(64, 128, rng=rng), nn.ReLU(), nn.Linear(128, 64, rng=rng), nn.ReLU(),
        nn.Linear(64, 10, rng=rng),
    )  # fmt: skip
    optimizer = fastnet.optim.Adam(net.parameters(), lr=1e-3)
    trainer = fastnet.Trainer(net, nn.CrossEntropyLoss(), optimizer)
    trainer.fit(x[:1200], y[:1200], epochs=20, batch_size=64, rng=2)
    accuracy = np.mean(trainer.predict(x[1200:]).argmax(1) == y[1200:])
    assert accuracy > 0.9
    small = fastnet.quantize(net, precision)
    assert np.mean(small(x[1200:]).argmax(1) == y[1200:]) > accuracy - 0.005


# ---- what is measured and said ----


def test_check_prints_and_keeps_the_accuracy_loss(precision, rng, capsys):
    net, x = single(rng, 64, 20), rng.standard_normal((200, 64)).astype(np.float32)
    small = fastnet.quantize(net, precision, check=x)
    loss, y = small.accuracy_loss, net(x)
    difference = small(x).astype(float) - y
    assert loss.rows == 200
    assert loss.largest == np.abs(difference).max()
    assert loss.rms == pytest.approx(np.sqrt(np.mean(difference**2)))
    assert loss.changed == np.mean(small(x).argmax(1) != y.argmax(1))
    # Half a unit of 8 bits a factor; half of 1/127 of the largest of a row of normals, some 3 sd.
    assert 0 < loss.rms / loss.scale < (2**-8 if precision == "bf16" else 3 / 127)
    text = capsys.readouterr().out
    assert str(loss) in text
    assert repr(small) in text
    assert fastnet.quantize(net, precision).accuracy_loss is None
    assert capsys.readouterr().out == ""


def test_repr_says_where_the_kernels_come_from(level, precision, rng):
    small = fastnet.quantize(single(rng, 64, 16), precision)
    quick = {"bf16": "avx512_bf16", "int8": "avx512_vnni"}[precision]
    name, extensions = level
    if name == "avx512" and extensions and quick in _core.isa_extensions():
        assert re.search(rf"kernels {quick}, \d", repr(small))
    else:
        assert f"kernels {name}, slower" in repr(small)


# ---- odd values and arrays ----


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_rows_that_are_not_finite(level, precision, rng, value):
    net, x = single(rng, 65, 40), rng.standard_normal((20, 65)).astype(np.float32)
    small = fastnet.quantize(net, precision)
    expected = small(x)
    for p in (0, 15, 16, 64):
        odd = x.copy()
        odd[3, p] = value
        y = small(odd)
        if precision == "int8" or np.isnan(value):
            assert np.isnan(y[3]).all()
        else:
            np.testing.assert_array_equal(y[3], value * np.sign(net[0].weight.data[:, p]))
        others = np.arange(20) != 3
        assert_same_bits(y[others], expected[others])


def test_relu_keeps_nan(precision, rng):
    net = single(rng, 64, 16)
    net.append(nn.ReLU())
    assert np.isnan(fastnet.quantize(net, precision)(np.full((3, 64), np.nan, np.float32))).all()


def test_the_largest_numbers(level, precision, rng):
    net = single(rng, 64, 16)
    x = np.full((2, 64), 3e38, np.float32)
    x[1] = 1e-44
    y = fastnet.quantize(net, precision)(x)
    assert not np.isnan(y[0]).any() or precision == "bf16"
    np.testing.assert_allclose(y[1], net[0].bias.data, atol=1e-30)


def test_a_layer_deeper_than_its_sums():
    layers = Layers(nn.Sequential(nn.Linear(_core.MAX_INT8_DEPTH + 1, 16)))
    layers.network()
    with pytest.raises(ValueError, match="in_features must be at most 133144 for int8"):
        quantization._quantized(layers.layers[0], "int8", "weight")


def test_the_deepest_sums_are_exact(level):
    k = _core.MAX_INT8_DEPTH
    net = nn.Sequential(nn.Linear(k, 16))
    net[0].weight.data = np.ones((16, k), np.float32)
    y = fastnet.quantize(net, "int8")(np.ones((2, k), np.float32))
    expected = reference.quantized_linear(
        np.ones((2, k), np.float32), net[0].weight.data, net[0].bias.data, "int8"
    )
    assert_same_bits(y, expected)
