"""mc_dropout: closed forms of a linear layer, the split of uncertainty, masks that come again."""

import math

import numpy as np
import pytest
from helpers import use_threads

import fastnet
from fastnet import nn
from fastnet.montecarlo import mc_dropout

X = np.random.default_rng(1).standard_normal((7, 5)).astype(np.float32)
W = np.random.default_rng(2).standard_normal((3, 5)).astype(np.float32)


def linear(p=0.25):
    net = nn.Sequential(nn.Dropout(p), nn.Linear(5, 3, bias=False))
    net[1].weight.data = W
    return net


def classifier(rng=1):
    return nn.Sequential(
        nn.Linear(5, 16, rng=rng), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 3, rng=rng)
    )


def test_a_linear_layer_has_known_moments():
    n = 4000
    r = mc_dropout(linear(), X, n, rng=3)
    truth = X @ W.T
    variance = 0.25 / 0.75 * (X.astype(float) ** 2) @ (W.T.astype(float) ** 2)
    # 5 standard errors; that of a variance of sums of coins is below sqrt(3 / n) of it.
    assert np.all(np.abs(r.mean - truth) < 5 * r.standard_error + 1e-6)
    np.testing.assert_allclose(r.variance, variance, rtol=5 * math.sqrt(3 / n))
    np.testing.assert_allclose(r.standard_error, np.sqrt(r.variance / n), rtol=1e-12)
    assert r.aleatoric is None
    assert r.entropy is None


def test_moments_are_those_of_the_passes():
    r = mc_dropout(linear(), X, 50, rng=3)
    passes = np.array([r.replay(i) for i in range(50)], np.float64)
    np.testing.assert_allclose(r.mean, passes.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(r.epistemic, passes.var(axis=0, ddof=1), rtol=1e-9)


def test_masks_come_again_and_differ_between_passes():
    net = linear()
    r = mc_dropout(net, X, 10, rng=3)
    first = r.replay(4)
    mc_dropout(net, X, 5)
    np.testing.assert_array_equal(r.replay(4), first)
    assert not np.array_equal(r.replay(5), first)
    again = mc_dropout(linear(), X, 10, rng=3)
    np.testing.assert_array_equal(again.mean, r.mean)
    with pytest.raises(ValueError, match="i must be"):
        r.replay(10)


def test_threads_do_not_matter():
    results = []
    for threads in (1, 2, 7):
        use_threads(threads)
        results.append(mc_dropout(classifier(), X, 20, output="logits", rng=3))
    use_threads(None)
    for r in results[1:]:
        np.testing.assert_array_equal(r.mean, results[0].mean)
        np.testing.assert_array_equal(r.mutual_information, results[0].mutual_information)


def test_a_classifiers_uncertainty():
    net = classifier()
    r = mc_dropout(net, X, 200, output="logits", rng=3)
    logits = np.array([r.replay(i) for i in range(200)], np.float64)
    p = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(r.mean, p.mean(axis=0), rtol=1e-6)
    entropy = -(p.mean(axis=0) * np.log(p.mean(axis=0))).sum(axis=-1)
    expected = entropy + (p * np.log(p)).sum(axis=-1).mean(axis=0)
    np.testing.assert_allclose(r.entropy, entropy, rtol=1e-6)
    np.testing.assert_allclose(r.mutual_information, expected, atol=1e-7)
    np.testing.assert_allclose(r.aleatoric, (p * (1 - p)).mean(axis=0), rtol=1e-6)
    assert np.all(r.mutual_information > 0)
    # Total variance of a one-hot label: p (1 - p) of the mean, but for n - 1 in place of n.
    np.testing.assert_allclose(r.variance, r.mean * (1 - r.mean), rtol=0.01)
    probabilities = nn.Sequential(*net, nn.Softmax(dim=-1))
    other = mc_dropout(probabilities, X, 200, output="probabilities", rng=3)
    np.testing.assert_allclose(other.mean, r.mean, atol=1e-6)


def test_predicted_variances_are_the_aleatoric_part():
    net = nn.Sequential(nn.Dropout(0.5), nn.Linear(5, 2))
    net[1].weight.data = np.concatenate([W[:1], np.zeros((1, 5), np.float32)])
    net[1].bias.data = np.float32([0, math.log(0.3)])
    r = mc_dropout(net, X, 500, output="gaussian", rng=3)
    np.testing.assert_allclose(r.aleatoric, 0.3, rtol=1e-6)
    np.testing.assert_allclose(r.variance, r.epistemic + 0.3, rtol=1e-6)


def test_the_model_is_left_as_it_was():
    rng = fastnet.random.Generator(9)
    net = nn.Sequential(
        nn.Linear(5, 8), nn.BatchNorm1d(8), nn.Dropout(0.5, rng=rng), nn.Linear(8, 1)
    )
    net.train()
    net[1].eval()
    modes = [m.training for m in net.modules()]
    state = {k: np.array(v) for k, v in net.state_dict().items()}
    before = rng.state
    mc_dropout(net, X, 3, rng=1)
    assert [m.training for m in net.modules()] == modes
    assert rng.state == before
    assert net[2].rng is rng
    for k, v in net.state_dict().items():
        np.testing.assert_array_equal(np.array(v), state[k])


def test_one_pass_says_nothing_about_the_variance():
    r = mc_dropout(linear(), X, 1, rng=1)
    assert np.all(np.isnan(r.variance))


@pytest.mark.parametrize(
    ("model", "options", "error", "match"),
    [
        (3, {}, TypeError, "model must be a Module"),
        (nn.Sequential(nn.Linear(5, 1)), {}, ValueError, "must have a Dropout"),
        (linear(0.0), {}, ValueError, "must have a Dropout"),
        (linear(), {"n": 0}, ValueError, "n must be"),
        (linear(), {"output": "class"}, ValueError, "output must be one of"),
        (linear(), {"output": "gaussian"}, ValueError, "even number"),
        (linear(), {"output": "probabilities"}, ValueError, "sum to 1"),
    ],
)
def test_bad_arguments(model, options, error, match):
    with pytest.raises(error, match=match):
        mc_dropout(model, X, **{"n": 5, **options})
