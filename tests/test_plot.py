"""Learning curves and confusion matrices: what is drawn, and what is refused."""

import subprocess
import sys

import matplotlib.colors
import numpy as np
import pytest
from matplotlib.figure import Figure

from fastnet import plot

HISTORY = {
    "loss": [2.0, 1.0, 0.5],
    "val_loss": [2.1, 1.2, 0.8],
    "val_accuracy": [0.5, 0.8, 0.9],
}


def test_learning_curve_draws_both_lines_from_epoch_1():
    ax = plot.learning_curve(HISTORY)
    assert [line.get_label() for line in ax.lines] == ["training", "held out"]
    for line, key in zip(ax.lines, ("loss", "val_loss"), strict=True):
        np.testing.assert_array_equal(line.get_xdata(), [1, 2, 3])
        np.testing.assert_array_equal(line.get_ydata(), HISTORY[key])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "loss")
    assert [text.get_text() for text in ax.get_legend().texts] == ["training", "held out"]


def test_learning_curve_draws_what_there_is_of_a_metric():
    ax = plot.learning_curve(HISTORY, metric="accuracy")
    assert [line.get_label() for line in ax.lines] == ["held out"]
    assert ax.get_legend() is None
    assert ax.get_ylabel() == "accuracy"


def test_learning_curve_shows_one_epoch_and_whole_epochs_only(tmp_path):
    ax = plot.learning_curve({"loss": [1.0]})
    assert ax.lines[0].get_marker() == "."
    ax.figure.savefig(tmp_path / "one.png")
    ticks = plot.learning_curve(HISTORY).get_xticks()
    np.testing.assert_array_equal(ticks, np.round(ticks))


def test_confusion_matrix_writes_counts_and_leaves_zeros_out():
    ax = plot.confusion_matrix([[8, 2], [0, 10]], labels=["cat", "dog"])
    cells = {text.get_position(): text.get_text() for text in ax.texts}
    assert cells == {(0, 0): "8", (1, 0): "2", (1, 1): "10"}
    assert [label.get_text() for label in ax.get_xticklabels()] == ["cat", "dog"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["cat", "dog"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("taken for", "class")


def test_confusion_matrix_colours_right_ones_and_mistakes():
    right, mistakes = plot.confusion_matrix([[8, 2], [0, 10]]).images
    np.testing.assert_array_equal(right.get_array().mask, [[False, True], [True, False]])
    np.testing.assert_array_equal(mistakes.get_array().mask, [[True, False], [True, True]])
    np.testing.assert_array_equal(right.get_array().compressed(), [0.8, 1.0])
    np.testing.assert_array_equal(mistakes.get_array().compressed(), [0.2])


def test_numbers_can_be_read_on_their_cells():
    # The contrast ratio of WCAG 2.2, which asks for 4.5.
    def luminance(colour):
        rgb = np.array(matplotlib.colors.to_rgb(colour))
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        return linear @ [0.2126, 0.7152, 0.0722]

    for k in range(1, 100, 3):
        ax = plot.confusion_matrix([[k, 100 - k], [100 - k, k]])
        for text in ax.texts:
            column, row = text.get_position()
            image = ax.images[0 if row == column else 1]
            cell = image.to_rgba(image.get_array())[row, column, :3]
            low, high = sorted([luminance(cell), luminance(text.get_color())])
            assert (high + 0.05) / (low + 0.05) > 4.5, (k, text.get_text())


def test_given_axes_are_drawn_on_and_returned():
    left, right = Figure().subplots(1, 2)
    assert plot.learning_curve(HISTORY, left) is left
    assert plot.confusion_matrix(np.eye(3, dtype=int), ax=right) is right


def test_classes_without_rows_are_drawn(tmp_path):
    ax = plot.confusion_matrix(np.zeros((3, 3), int))
    assert not ax.texts
    ax.figure.savefig(tmp_path / "empty.png")


@pytest.mark.parametrize("history", [{}, {"val_accuracy": [1.0]}])
def test_a_history_without_the_metric_is_refused(history):
    with pytest.raises(ValueError, match="history must have loss or val_loss, got"):
        plot.learning_curve(history)


@pytest.mark.parametrize(
    ("counts", "labels", "message"),
    [
        ([1, 2], None, r"counts must have shape \(classes, classes\), got \(2,\)"),
        ([[1, 2]], None, r"counts must have shape \(classes, classes\), got \(1, 2\)"),
        (np.zeros((0, 0)), None, r"got \(0, 0\)"),
        ([[1, -1], [0, 2]], None, "counts must not be negative, got -1"),
        ([[1, 0], [0, 1]], ["a"], "labels must be 2, got 1"),
    ],
)
def test_a_wrong_confusion_matrix_is_refused(counts, labels, message):
    with pytest.raises(ValueError, match=message):
        plot.confusion_matrix(counts, labels)


@pytest.mark.parametrize("call", ["learning_curve({'loss': [1.0]})", "confusion_matrix([[1]])"])
def test_without_matplotlib_the_extra_is_named(call):
    code = f"""
import sys
sys.modules["matplotlib"] = None
from fastnet import plot
try:
    plot.{call}
except ImportError as error:
    print(error)
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout == 'fastnet.plot needs matplotlib: pip install "fastnet-cpu[plot]"\n'


def test_pyplot_is_not_used(tmp_path):
    code = f"""
import sys
from fastnet import plot
assert "matplotlib" not in sys.modules
plot.learning_curve({{"loss": [2.0, 1.0]}}).figure.savefig({str(tmp_path / "curve.png")!r})
assert "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    assert (tmp_path / "curve.png").stat().st_size > 1000
