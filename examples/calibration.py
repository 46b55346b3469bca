"""P(y given x) by softmax: how good a network's probabilities are, on handwritten digits.

    python examples/calibration.py [figure.png]

A network trained with cross-entropy gives P(y given x) = softmax(W phi(x) + b). Where it says 80 %,
80 of 100 answers should be right. Dropout at inference (Monte Carlo dropout) averages many
networks; the digits it is most unsure about are drawn.
"""

import sys

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import fastnet
import fastnet.functional as F
from fastnet import nn, optim

EDGES = np.linspace(0, 1, 11)


def reliability(p, y):
    """Return the mean confidence, the share of right answers and the number of each bin."""
    confidence, right = p.max(axis=1), p.argmax(axis=1) == y
    bins = np.clip(np.digitize(confidence, EDGES) - 1, 0, 9)
    count = np.bincount(bins, minlength=10)
    with np.errstate(invalid="ignore"):
        mean = np.bincount(bins, confidence, 10) / count
        share = np.bincount(bins, right, 10) / count
    return mean, share, count


def calibration_error(p, y):
    """Return the mean distance between confidence and accuracy."""
    mean, share, count = reliability(p, y)
    return float(np.nansum(np.abs(mean - share) * count) / len(y))


def main(path=None, epochs=30):
    """Train, print accuracy and calibration, draw the reliability diagram."""
    x, y = load_digits(return_X_y=True)
    x = (x / 16).astype(np.float32)
    a, b, ya, yb = train_test_split(x, y, test_size=0.5, random_state=0, stratify=y)
    rng = fastnet.random.Generator(1)
    net = nn.Sequential(
        nn.Linear(64, 64, rng=rng), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, 10, rng=rng)
    )
    trainer = fastnet.Trainer(net, nn.CrossEntropyLoss(), optim.Adam(net.parameters(), lr=3e-3))
    trainer.fit(a, ya, epochs=epochs, batch_size=32, rng=1, progress=False)
    one = F.softmax(np.asarray(trainer.predict(b)), dim=1)
    many = fastnet.mc_dropout(net, b, n=200, output="logits", rng=2)
    results = {"one network": one, "mean over 200 masks": many.mean}
    for name, p in results.items():
        accuracy = float((p.argmax(axis=1) == yb).mean())
        print(f"{name}: accuracy {accuracy:.3f}, calibration error {calibration_error(p, yb):.3f}")
    unsure = np.argsort(many.mutual_information)[::-1][:6]
    print("most unsure, by mutual information:", many.mutual_information[unsure].round(2))
    if path:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(10, 4.2), layout="constrained")
        left, right = figure.subfigures(1, 2)
        ax = left.subplots()
        ax.plot([0, 1], [0, 1], "--", color="#6E6E6E", label="calibrated")
        for (name, p), colour in zip(results.items(), ["#D55E00", "#0072B2"], strict=True):
            mean, share, count = reliability(p, yb)
            seen = count >= 5
            ax.plot(mean[seen], share[seen], "o-", color=colour, label=name)
        ax.set_xlabel("largest probability")
        ax.set_ylabel("share of right answers")
        ax.legend()
        right.suptitle("most unsure")
        for panel, i in zip(right.subplots(2, 3).flat, unsure, strict=True):
            panel.imshow(b[i].reshape(8, 8), cmap="Greys")
            best = np.argsort(many.mean[i])[::-1][:2]
            said = ", ".join(f"{k}: {100 * many.mean[i, k]:.0f} %" for k in best)
            panel.set_title(f"{yb[i]}? {said}", fontsize=8)
            panel.set_axis_off()
        figure.savefig(path)
    return {name: (float((p.argmax(1) == yb).mean()), calibration_error(p, yb))
            for name, p in results.items()}  # fmt: skip


if __name__ == "__main__":
    main(*sys.argv[1:])
