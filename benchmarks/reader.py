"""What a browser has to fetch for a figure with sliders, and how fast the build draws it."""

import gzip

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from measure import interleave, ratio, record

import spinlab as sl

NEW_FIGURES = "the same frames, a new matplotlib figure for each"
T = np.linspace(0, 1, 120)


def wave(rate, decay):
    return np.exp(-decay * T) * np.cos(2 * np.pi * rate * T)


def dressed():
    """A figure of the book's style with one line, and that line."""
    figure, axes = plt.subplots()
    (line,) = axes.plot(T, wave(1, 0))
    axes.set(ylim=(-1.1, 1.1), xlabel="time (s)", ylabel="$M_x$")
    return figure, line


def moving_lines():
    """``draw`` as the book documents it: one figure, whose line moves."""
    figure, line = dressed()

    def draw(rate, decay=0.0):
        line.set_ydata(wave(rate, decay))
        return figure

    return draw


def new_figures(rate, decay=0.0):
    """``draw`` that starts anew for every frame."""
    figure, line = dressed()
    line.set_ydata(wave(rate, decay))
    return figure


def sent_kb(page):
    """Size of an element of a page as a web server sends it, kB."""
    return len(gzip.compress(page.encode(), 9)) / 1e3


def records():
    """Rows of the area "reader"."""
    sl.use_style()
    rates = np.linspace(1, 5, 41)
    one = sl.explore(moving_lines(), "A wave.", rate=rates)
    yield record("41 frames, one slider, compressed", sent_kb(one.page()), "kB", at_most=35)
    two = sl.explore(
        moving_lines(), "A wave.", rate=np.linspace(1, 3, 15), decay=np.linspace(0, 3, 11)
    )
    yield record("165 frames, two sliders, compressed", sent_kb(two.page()), "kB", at_most=60)
    jobs = {
        "moving lines": lambda: sl.explore(moving_lines(), "A wave.", rate=rates[:11]).drawings(),
        "new figures": lambda: sl.explore(new_figures, "A wave.", rate=rates[:11]).drawings(),
    }
    times = interleave(jobs, rounds=3)
    faster = ratio(times["new figures"], times["moving lines"])
    yield record("drawing by moving lines, faster", faster, "x", baseline=NEW_FIGURES)
    seconds = 41 / 11 * np.median(times["moving lines"])
    yield record("41 frames drawn in", seconds, "s")
