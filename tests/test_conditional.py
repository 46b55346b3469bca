"""conditional_expectation: closed forms, the tower rule, the decomposition of the variance."""

import numpy as np
import pytest

from fastnet.montecarlo import conditional_expectation

stats = pytest.importorskip("fastnet.stats", reason="needs distributions")

if not hasattr(stats, "Joint"):
    pytest.skip("needs joint laws", allow_module_level=True)

MEAN, COV = [1.0, -2.0], [[4.0, 1.8], [1.8, 9.0]]
NORMAL = stats.Joint.normal(MEAN, COV)
AT = np.array([-2.0, 0.0, 1.0, 3.0])
# E[y given x] = mu_y + rho s_y / s_x (x - mu_x).
TRUTH = -2 + 0.45 * (AT - 1)


def chain():
    return stats.Joint(x=stats.Uniform(-2, 2), y=lambda x: stats.Normal(x**2, 0.5))


def test_a_normal_law_is_exact():
    c = conditional_expectation("y", "x", NORMAL, AT)
    np.testing.assert_allclose(c.mean, TRUTH, rtol=1e-14)
    assert c.method == "exact"
    assert not c.standard_error.any()
    assert conditional_expectation("y", "x", NORMAL, 1.0).mean == pytest.approx(-2)


def test_a_table_by_enumeration():
    p = np.array([[0.1, 0.2, 0.1], [0.3, 0.1, 0.2]])
    joint = stats.Joint.table(p)
    c = conditional_expectation("y", "x", joint, [0, 1])
    expected = (p * np.arange(3)).sum(axis=1) / p.sum(axis=1)
    np.testing.assert_allclose(c.mean, expected, rtol=1e-14)
    # The tower rule: E[E[y given x]] = E[y].
    assert p.sum(axis=1) @ c.mean == pytest.approx((p * np.arange(3)).sum(), rel=1e-14)


@pytest.mark.parametrize("method", ["bins", "regression"])
def test_estimates_of_a_normal_law(method):
    c = conditional_expectation("y", "x", NORMAL, AT, method=method, n=2**16, rng=1)
    assert c.method == method
    assert c.n == 2**16
    assert np.all(c.standard_error > 0)
    # A bin is wider in the tails, where the line's slope then counts.
    np.testing.assert_allclose(c.mean, TRUTH, atol=0.35)


@pytest.mark.parametrize("method", ["exact", "bins", "regression"])
def test_every_method_has_errors_and_intervals(method):
    for at in (1.0, AT, AT.reshape(2, 2)):
        c = conditional_expectation("y", "x", NORMAL, at, method=method, n=2**12, rng=1)
        for value in (c.at, c.mean, c.standard_error, c.degrees, *c.confidence_interval(0.9)):
            assert np.shape(value) == np.shape(at)
        low, high = c.confidence_interval(0.9)
        wide = c.confidence_interval(0.999)
        if method == "exact":
            np.testing.assert_array_equal(low, high)
        else:
            assert np.all(wide.low < low)
            assert np.all(low < c.mean)
            assert np.all(high < wide.high)
        assert repr(c).startswith("E[Y given X] at (95 %")
        assert repr(c).count("+-") == np.size(at)
    with pytest.raises(ValueError, match="level"):
        c.confidence_interval(1.0)


def test_intervals_of_bins_cover():
    # A law that is constant within a bin, so that nothing but sampling errs: 4 values of x.
    joint = stats.Joint.table(
        [[0.1, 0.1, 0.05], [0.2, 0.1, 0.1], [0.1, 0.05, 0.1], [0.05, 0, 0.05]]
    )
    at = [0, 1, 2, 3]
    truth = conditional_expectation("y", "x", joint, at).mean
    inside = 0
    for seed in range(200):
        c = conditional_expectation("y", "x", joint, at, method="bins", n=1024, bins=64, rng=seed)
        low, high = c.confidence_interval(0.9)
        inside += int(np.sum((low <= truth) & (truth <= high)))
    # 800 intervals at 90 %: 5 standard deviations of the binomial law.
    assert abs(inside - 720) <= 5 * np.sqrt(800 * 0.09)


def test_repr_of_many_points_is_short():
    c = conditional_expectation("y", "x", NORMAL, np.linspace(-1, 1, 100))
    assert len(repr(c).splitlines()) == 11


def test_a_chain_by_bins():
    c = conditional_expectation("y", "x", chain(), [0.0, 1.0, 1.5], rng=1)
    assert c.method == "bins"
    np.testing.assert_allclose(c.mean, [0, 1, 2.25], atol=5 * c.standard_error.max() + 0.01)


@pytest.mark.parametrize("n", [2**14, 2**17])
def test_regression_fits_a_curve_of_several_waves(n):
    def middle(x):
        return np.sin(2 * x) + 0.3 * x

    joint = stats.Joint(x=stats.Uniform(-3, 3), y=lambda x: stats.Normal(middle(x), 0.5))
    at = np.linspace(-2.9, 2.9, 59)
    c = conditional_expectation("y", "x", joint, at, method="regression", n=n, rng=1)
    assert np.abs(c.mean - middle(at)).max() < 0.1


def test_functions_of_all_variables():
    c = conditional_expectation(lambda v: v[:, 0] * v[:, 1], "x", chain(), 1.5, rng=1)
    assert c.mean == pytest.approx(1.5**3, abs=0.1)


def test_the_tower_rule_and_the_decomposition_of_the_variance():
    x = np.linspace(-1.97, 1.97, 65)
    c = conditional_expectation("y", "x", chain(), x, rng=1)
    # E[x^2] = 4/3; Var[E[y given x]] = Var[x^2] = 16/5 - 16/9.
    assert np.mean(c.mean) == pytest.approx(4 / 3, abs=0.05)
    assert np.var(c.mean) == pytest.approx(16 / 5 - 16 / 9, rel=0.1)


def test_bits_and_seeds():
    a, b = (conditional_expectation("y", "x", chain(), AT / 2, rng=4) for _ in range(2))
    np.testing.assert_array_equal(a.mean, b.mean)
    other = conditional_expectation("y", "x", chain(), AT / 2, rng=5)
    assert not np.array_equal(a.mean, other.mean)


def test_discrete_values_are_not_mixed():
    joint = stats.Joint.empirical({"x": [0, 0, 1, 1], "y": [1, 3, 5, 9]})
    c = conditional_expectation("y", "x", joint, [0, 1], n=4096, rng=1)
    np.testing.assert_allclose(c.mean, [2, 7], atol=0.3)


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        (("y", "x", 3, 0.0), TypeError, "joint must be"),
        (("z", "x", NORMAL, 0.0), ValueError, "x and y must be among x, y"),
        (("y", "w", NORMAL, 0.0), ValueError, "x and y must be among"),
        ((3, "x", NORMAL, 0.0), TypeError, "y must be a name"),
        (("y", "x", NORMAL, np.nan), ValueError, "at must be finite"),
        ((lambda v: v, "x", NORMAL, 0.0), ValueError, "y must return"),
    ],
)
def test_bad_arguments(arguments, error, match):
    with pytest.raises(error, match=match):
        conditional_expectation(*arguments)
    with pytest.raises(ValueError, match="method"):
        conditional_expectation("y", "x", NORMAL, 0.0, method="magic")
    with pytest.raises(ValueError, match="exact"):
        conditional_expectation("y", "x", chain(), 0.0, method="exact")


@pytest.mark.parametrize("method", ["bins", "regression"])
def test_points_without_data_are_refused(method):
    options = {"method": method, "n": 2**12, "members": 2, "rng": 1}
    for at in (100.0, [0.0, -2.5]):
        with pytest.raises(ValueError, match=r"from -1\.99\S* to 1\.99\S*, got"):
            conditional_expectation("y", "x", chain(), at, **options)
    ends = conditional_expectation("y", "x", chain(), [-2.0, 2.0], **options)
    assert np.all(np.isfinite(ends.mean))


@pytest.mark.parametrize("method", ["bins", "regression"])
def test_points_in_a_gap_between_samples_are_refused(method):
    def halves(x):
        return stats.Normal(x**2, 0.5)

    options = {"method": method, "n": 2**12, "members": 2, "rng": 1}
    apart = stats.Joint(
        s=stats.Bernoulli(0.5), x=lambda s: stats.Uniform(2 * s, 2 * s + 1), y=halves
    )
    for at in (1.5, [0.5, 1.2]):
        with pytest.raises(
            ValueError, match=r"got 1\.\d, which is between 0\.99\S* and 2\S*, where"
        ):
            conditional_expectation("y", "x", apart, at, **options)
    edges = conditional_expectation("y", "x", apart, [0.5, 1.0, 2.0, 2.5], **options)
    assert np.all(np.isfinite(edges.mean))
    # A few samples far from all others, and numbers between which there are none.
    few = stats.Joint(
        s=stats.Bernoulli(0.01), x=lambda s: stats.Uniform(9 * s, 9 * s + 1), y=halves
    )
    counts = stats.Joint(x=stats.Poisson(3), y=halves)
    for joint, at in ((few, 5.0), (counts, 2.5)):
        with pytest.raises(ValueError, match="at must be where samples of x are, got"):
            conditional_expectation("y", "x", joint, at, **options)


def test_points_between_samples_without_a_gap_are_taken():
    for law in (stats.StudentT(1), stats.Exponential(1), stats.Normal()):
        joint = stats.Joint(x=law, y=lambda x: stats.Normal(x, 1))
        for seed in range(20):
            rows = joint.sample(2**12, rng=seed)[:, 0]
            at = np.quantile(rows, np.linspace(0.01, 0.99, 1000))
            conditional_expectation("y", "x", joint, at, n=2**12, bins=256, rng=seed)
    # Regression has no bins, however many are asked for.
    c = conditional_expectation(
        "y", "x", chain(), 0.3, method="regression", n=2**12, members=2, bins=10**6, rng=1
    )
    assert np.isfinite(c.mean)
    # Rows of data stand for a law whose samples could be anywhere among them.
    x = np.arange(1000) / 1000
    data = stats.Joint.empirical({"x": x, "y": 2 * x})
    c = conditional_expectation("y", "x", data, [0.3004, 0.5555], rng=1)
    np.testing.assert_allclose(c.mean, [0.6008, 1.111], atol=0.01)


@pytest.mark.parametrize("method", ["exact", "bins", "regression"])
def test_points_without_probability_in_a_table_are_refused(method):
    joint = stats.Joint.table([[0.1, 0.2], [0.0, 0.0], [0.3, 0.4]])
    for at in (1.0, 0.5, 7.0):
        with pytest.raises(ValueError, match=r"positive probability|must be one of"):
            conditional_expectation("y", "x", joint, at, method=method)


def test_a_function_of_samples_may_change_them():
    def y(v):
        result = v[:, 1].copy()
        v[:] = 0
        return result

    c = conditional_expectation(y, "x", chain(), [0.5, 1.0], rng=1)
    np.testing.assert_array_equal(
        c.mean, conditional_expectation("y", "x", chain(), [0.5, 1.0], rng=1).mean
    )


def test_a_function_of_samples_must_give_real_numbers():
    with pytest.raises(TypeError, match="y must return real numbers, got dtype complex128"):
        conditional_expectation(lambda v: v[:, 0] + 1j, "x", chain(), 1.0)


def test_joint_laws_are_known_by_what_they_are():
    class Mine(stats.joint_normal.NormalJoint):
        pass

    class TableJoint:
        names = ("x", "y")

    c = conditional_expectation("y", "x", Mine(MEAN, COV), AT)
    np.testing.assert_allclose(c.mean, TRUTH, rtol=1e-14)
    with pytest.raises(TypeError, match=r"joint must be a fastnet\.stats\.Joint, got TableJoint"):
        conditional_expectation("y", "x", TableJoint(), 0.0)


def test_points_and_members_are_checked_by_name():
    with pytest.raises(TypeError, match="at must be an array of numbers"):
        conditional_expectation("y", "x", NORMAL, "a")
    with pytest.raises(ValueError, match="at must be real"):
        conditional_expectation("y", "x", NORMAL, 1j)
    for method in ("exact", "bins", "regression"):
        with pytest.raises(ValueError, match="members must be from 2"):
            conditional_expectation("y", "x", NORMAL, 0.0, method=method, members=0)
