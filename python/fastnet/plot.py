"""Figures drawn by matplotlib: learning curve, confusion matrix, convergence of an estimate.

Functions draw on the Axes they are given, or on those of a new Figure, and return them. They use
nothing of pyplot, so they change no global state and need no display; ``axes.figure.savefig`` makes
a file. To have a figure shown, give them Axes of ``matplotlib.pyplot.subplots``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

# Blue and vermilion of Okabe and Ito (2008), which people with any colour vision tell apart.
_BLUE = "#0072B2"
_ORANGE = "#D55E00"
_GREY = "#6E6E6E"


def _axes(ax: Any) -> Any:
    """Return the Axes given or those of a new Figure."""
    if ax is not None:
        return ax
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        msg = 'fastnet.plot needs matplotlib: pip install "fastnet-cpu[plot]"'
        raise ImportError(msg) from error
    return Figure(layout="constrained").subplots()


def _readable_on(rgba: Any) -> str:
    """Return black or white, whichever stands out more from an sRGB colour.

    By the relative luminance and the contrast ratio of WCAG 2.2: the two are even at a luminance of
    sqrt(1.05 * 0.05) - 0.05.
    """
    rgb = np.asarray(rgba)[:3]
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return "black" if linear @ (0.2126, 0.7152, 0.0722) > 0.179 else "white"


def learning_curve(
    history: Mapping[str, Sequence[float]], ax: Any = None, metric: str = "loss"
) -> Any:
    """Draw how a metric went by epoch, in training and on the held-out rows.

    Parameters
    ----------
    history : mapping of str to sequence of float
        What `Trainer.fit` returned.
    ax : matplotlib Axes, optional
        By default those of a new Figure.
    metric : str, default "loss"
        What of the history to draw: `metric` itself and ``val_`` with it, as far as they are there.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ImportError
        If matplotlib is missing, naming the extra that brings it.
    ValueError
        If the history has nothing of the metric.

    Examples
    --------
    >>> from fastnet import plot
    >>> axes = plot.learning_curve({"loss": [2.0, 1.0, 0.5], "val_loss": [2.1, 1.2, 0.8]})
    >>> axes.get_xlabel(), axes.get_ylabel()
    ('epoch', 'loss')
    """
    lines = [(metric, "training", _BLUE), (f"val_{metric}", "held out", _ORANGE)]
    lines = [line for line in lines if line[0] in history]
    if not lines:
        msg = f"history must have {metric} or val_{metric}, got {', '.join(history) or 'nothing'}"
        raise ValueError(msg)
    ax = _axes(ax)
    for key, label, colour in lines:
        values = np.asarray(history[key], float)
        # Dots as well where lines are short, or none: after one epoch.
        marker = "." if len(values) <= 10 else None
        ax.plot(range(1, len(values) + 1), values, color=colour, label=label, marker=marker)
    ax.set_xlabel("epoch")
    ax.set_ylabel(metric)
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(axis="y", color="#E5E5E5", linewidth=0.8)
    ax.set_axisbelow(True)
    if len(lines) > 1:
        ax.legend(frameon=False)
    return ax


def confusion_matrix(counts: Any, labels: Sequence[Any] | None = None, ax: Any = None) -> Any:
    """Draw how often each class was taken for each: right ones blue, mistakes orange.

    Parameters
    ----------
    counts : array_like of int, shape (classes, classes)
        counts[i, j] rows of class i were taken for class j: ``sklearn.metrics.confusion_matrix``.
    labels : sequence, optional
        Names of the classes; by default 0, 1, ...
    ax : matplotlib Axes, optional
        By default those of a new Figure.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ImportError
        If matplotlib is missing, naming the extra that brings it.
    ValueError
        If counts is not square, holds a negative number, or labels are not as many.

    Notes
    -----
    A cell is the darker, the larger its share of the class; zeros are left out.

    Examples
    --------
    >>> from fastnet import plot
    >>> axes = plot.confusion_matrix([[8, 2], [0, 10]], labels=["cat", "dog"])
    >>> [text.get_text() for text in axes.texts]
    ['8', '10', '2']
    """
    counts = np.asarray(counts)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or counts.size == 0:
        msg = f"counts must have shape (classes, classes), got {counts.shape}"
        raise ValueError(msg)
    if (counts < 0).any():
        msg = f"counts must not be negative, got {counts.min()}"
        raise ValueError(msg)
    classes = len(counts)
    names = [str(label) for label in (range(classes) if labels is None else labels)]
    if len(names) != classes:
        msg = f"labels must be {classes}, got {len(names)}"
        raise ValueError(msg)
    ax = _axes(ax)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    diagonal = np.eye(classes, dtype=bool)
    for cells, colours in ((diagonal, "Blues"), (~diagonal, "Oranges")):
        drawn = np.ma.masked_where(~cells | (counts == 0), share)
        # From below 0, so that a single mistake is not white; to above 1, so that none is black.
        image = ax.imshow(drawn, cmap=colours, vmin=-0.2, vmax=1.3)
        colour_of_cells = image.to_rgba(drawn)
        for i, j in np.argwhere(cells & (counts > 0)):
            colour = _readable_on(colour_of_cells[i, j])
            ax.text(j, i, str(counts[i, j]), ha="center", va="center", color=colour)
    ax.set_xticks(range(classes), names)
    ax.set_yticks(range(classes), names)
    # Thin lines between the cells.
    ax.set_xticks(np.arange(0.5, classes - 1), minor=True)
    ax.set_yticks(np.arange(0.5, classes - 1), minor=True)
    ax.grid(which="minor", color="#E5E5E5", linewidth=0.8)
    ax.tick_params(which="both", length=0)
    ax.spines[:].set_color(_GREY)
    ax.set_xlabel("taken for")
    ax.set_ylabel("class")
    return ax


def convergence(estimate: Any, ax: Any = None, truth: float | None = None) -> Any:
    """Draw how an estimate's error fell with the number of samples.

    Parameters
    ----------
    estimate : Estimate
        Of one output or several; each has a line.
    ax : matplotlib Axes, optional
        By default those of a new Figure.
    truth : float or array_like, optional
        The exact value: the distance from it is drawn too.

    Returns
    -------
    matplotlib Axes

    Notes
    -----
    The standard error after n = 4096, 8192, ... samples on logarithmic scales, beside the line that
    the law of large numbers gives it, a slope of -1/2.

    Examples
    --------
    >>> import fastnet
    >>> from fastnet import plot
    >>> from fastnet.stats import Normal
    >>> e = fastnet.expectation(lambda x: x**2, Normal(0, 1), n=100_000, rng=1)
    >>> plot.convergence(e, truth=1.0).get_xlabel()
    'samples'
    """
    points = estimate.history
    n = np.array([point.n for point in points], np.float64)
    errors = np.array([np.ravel(point.standard_error) for point in points])
    ax = _axes(ax)
    last = errors[-1]
    ax.plot(n, last.max() * np.sqrt(n[-1] / n), "--", color=_GREY, zorder=3, label="1 / sqrt(n)")
    for k, error in enumerate(errors.T):
        label = "standard error" if k == 0 else None
        ax.plot(n, error, "o-", color=_BLUE, markersize=4, label=label)
    if truth is not None:
        means = np.array([np.ravel(point.mean) for point in points])
        for k, distance in enumerate(np.abs(means - np.ravel(truth)).T):
            label = "distance from the truth" if k == 0 else None
            ax.plot(n, distance, "s", color=_ORANGE, markersize=4, label=label)
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    ax.set_xlabel("samples")
    ax.set_ylabel("error")
    ax.legend()
    return ax
