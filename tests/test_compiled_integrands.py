"""Networks and C functions as what an expectation is of."""

import ctypes

import numpy as np
import pytest
import scipy
from helpers import use_threads
from laws import NORMAL, UNIFORM, Law, Plane, assert_covers

from fastnet import nn
from fastnet.montecarlo import expectation


def linear(dtype, features=3):
    net = nn.Sequential(nn.Linear(features, 2, dtype=dtype)).eval()
    rng = np.random.default_rng(1)
    net[0].weight.data = rng.standard_normal((2, features)).astype(dtype)
    net[0].bias.data = rng.standard_normal(2).astype(dtype)
    return net


def test_a_linear_net_has_known_moments(dtype):
    net = linear(dtype)
    sd = np.array([1.0, 2.0, 0.5])
    dist = [Law("normal", 0.5, s) for s in sd]
    e = expectation(net, dist, n=2**18, rng=1, dtype=dtype)
    assert e.how == "network"
    w = net[0].weight.data.astype(float)
    assert_covers(e, w @ np.full(3, 0.5) + net[0].bias.data)
    np.testing.assert_allclose(e.covariance, w @ np.diag(sd**2) @ w.T, rtol=0.02, atol=0.02)


def test_a_net_gives_what_its_call_gives(dtype):
    net = nn.Sequential(
        nn.Linear(2, 16, dtype=dtype), nn.Tanh(), nn.LayerNorm(16, dtype=dtype),
        nn.Linear(16, 1, dtype=dtype),
    ).eval()  # fmt: skip
    a = expectation(net, [NORMAL, UNIFORM], n=50_000, rng=1, dtype=dtype)
    b = expectation(lambda x: np.array(net(x)), [NORMAL, UNIFORM], n=50_000, rng=1, dtype=dtype)
    assert (a.how, b.how) == ("network", "python")
    assert a == b


def test_samples_have_the_dtype_of_the_net_unless_another_is_given(dtype):
    net = linear(dtype)
    given = expectation(net, [NORMAL] * 3, n=5000, rng=1, dtype=dtype)
    e = expectation(net, [NORMAL] * 3, n=5000, rng=1)
    assert e.how == "network"
    assert e == given
    assert expectation(net, [NORMAL] * 3, n=9000, resume=e).n == 9000
    other = np.dtype(np.float64 if dtype == np.float32 else np.float32)
    e = expectation(net, [NORMAL] * 3, n=5000, rng=1, dtype=other)
    assert e.how == "python"
    assert f"the model is of {np.dtype(dtype)} and the samples of {other}" in e.message


def test_bits_of_a_net_do_not_depend_on_threads():
    net, results = linear(np.float32), set()
    for threads in (1, 2, 3, 7):
        use_threads(threads)
        results.add(expectation(net, [NORMAL] * 3, n=100_000, rng=1, dtype=np.float32).to_bytes())
    use_threads(None)
    assert len(results) == 1


def test_a_net_of_samples_that_python_draws(dtype):
    e = expectation(linear(dtype, 2), Plane("normal"), n=20_000, rng=1, dtype=dtype)
    assert e.how == "python"
    assert "cannot be compiled" in e.message


def test_a_net_with_another_number_of_features():
    with pytest.raises((ValueError, TypeError)):
        expectation(linear(np.float64), [NORMAL] * 2, n=1000, rng=1)


# ---- C functions ----


def low_level(signature, name, library=None):
    lib = ctypes.CDLL(library)
    function = getattr(lib, name)
    kinds = {"double": ctypes.c_double}
    function.restype = kinds["double"]
    function.argtypes = [ctypes.c_double]
    return scipy.LowLevelCallable(function, signature=signature)


@pytest.fixture(scope="module")
def cosine():
    return low_level("double (double)", "cos", "libm.so.6")


def test_a_c_function_of_a_number(cosine):
    e = expectation(cosine, NORMAL, n=2**18, rng=1)
    assert e.how == "callback"
    assert_covers(e, np.exp(-0.5))
    results = set()
    for threads in (1, 2, 7):
        use_threads(threads)
        results.add(expectation(cosine, NORMAL, n=100_000, rng=1).to_bytes())
    use_threads(None)
    assert len(results) == 1


def test_c_functions_take_what_they_were_made_for(cosine):
    with pytest.raises(ValueError, match="scalar law"):
        expectation(cosine, [NORMAL] * 2, n=100)
    with pytest.raises(ValueError, match="float64"):
        expectation(cosine, NORMAL, n=100, dtype=np.float32)
    with pytest.raises(ValueError, match="float64"):
        expectation(cosine, NORMAL, n=100, control=(lambda x: x, 0.0))
    for method in ("antithetic", "stratified", "sobol"):
        with pytest.raises(ValueError, match=f"f must be a function of arrays for .*{method}"):
            expectation(cosine, NORMAL, n=100, method=method)
    with pytest.raises(ValueError, match="signatures"):
        expectation(low_level("float (float)", "cosf", "libm.so.6"), NORMAL, n=100)


def test_numba():
    numba = pytest.importorskip("numba")

    @numba.cfunc("float64(float64)")
    def square(x):
        return x * x

    @numba.cfunc("float64(int32, CPointer(float64))")
    def product(n, x):
        total = 1.0
        for i in range(n):
            total *= 2 * x[i]
        return total

    e = expectation(square, NORMAL, n=2**17, rng=1)
    assert e.how == "callback"
    assert_covers(e, 1)
    assert e.mean == pytest.approx(
        expectation(lambda x: x * x, NORMAL, n=2**17, rng=1).mean, rel=1e-14
    )
    e = expectation(product, [UNIFORM] * 3, n=2**17, rng=1)
    assert_covers(e, 1)
    wrapped = scipy.LowLevelCallable(square.ctypes)
    assert expectation(wrapped, NORMAL, n=2**17, rng=1).mean == pytest.approx(1, abs=0.02)
