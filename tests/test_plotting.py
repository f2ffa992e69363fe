"""Every picture: drawn, labelled, and of the numbers that it was given."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure

import spinlab as sl

WAVEFORM = np.random.default_rng(0).uniform(-1, 1, (2, 9))
PULSES = [sl.Pulse(WAVEFORM, 1e-6, 1e4, control) for control in ("constant", "linear")]
PATH = np.array([[0.0, 0.0, 1.0], [0.0, -0.6, 0.8], [0.0, -1.0, 0.0]])


def judgement(*grid):
    """What plotting needs to know of a pulse that was judged."""
    pulse = sl.Pulse(np.full((2, 5), 0.4), 1e-5, 5e3)
    return sl.control.Judgement(pulse, pulse, None, *grid)


def report(offsets, scales):
    fidelity = np.random.default_rng(1).uniform(0.3, 1, (offsets, scales))
    grid = np.linspace(-2e3, 2e3, offsets), np.linspace(0.9, 1.1, scales)
    return judgement(*grid, fidelity)


def drawable(figure):
    """Whether it is a figure that can be drawn: warnings are errors here."""
    assert isinstance(figure, Figure)
    figure.canvas.draw()
    return figure


@pytest.mark.parametrize("pulse", PULSES, ids=["constant", "linear"])
def test_pulse(pulse):
    top, bottom, limit = drawable(sl.plot_pulse(pulse, title="A pulse")).axes
    assert top.get_title(loc="left") == "A pulse" and "kHz" in top.get_ylabel()
    assert bottom.get_xlabel() == "time (µs)"
    if pulse.control == "linear":
        times, values = top.lines[1].get_data()
        assert np.allclose(times, pulse.times * 1e6) and np.allclose(values, 10 * WAVEFORM[1])
    else:
        data = top.patches[1].get_data()
        assert np.allclose(data.edges, pulse.times * 1e6)
        assert np.allclose(data.values, 10 * WAVEFORM[1])
    assert limit.get_ylim()[1] > 10 * pulse.amplitude.max()


@pytest.mark.parametrize("labels", [None, ["one", "two"]])
def test_bloch(labels):
    (axes,) = drawable(sl.plot_bloch([PATH, -PATH], labels, title="Paths")).axes
    for line, path in zip(axes.lines, (PATH, -PATH), strict=False):
        assert np.array_equal(np.array(line.get_data_3d()).T, path)


def test_bloch_leaves_out_the_unit_operator():
    with_identity = np.concatenate([np.ones((3, 1)), PATH], axis=1)
    (axes,) = drawable(sl.plot_bloch([with_identity])).axes
    assert np.array_equal(np.array(axes.lines[0].get_data_3d()).T, PATH)


def test_convergence():
    seconds = np.array([0, 0.1, 0.3])
    history = sl.optimisers.History(np.array([0.8, 0.3, 0.4]), np.ones(3), seconds, np.arange(3))
    left, right = drawable(sl.plot_convergence({"one": history, "two": history})).axes
    assert len(left.lines) == len(right.lines) == 2
    assert np.allclose(left.lines[0].get_ydata(), [0.8, 0.3, 0.3])
    assert np.allclose(right.lines[1].get_xdata(), seconds)
    assert left.get_yscale() == "log" and right.get_legend()


@pytest.mark.parametrize("offsets, scales", [(7, 5), (7, 1), (1, 5), (1, 1)])
def test_fidelity_map(offsets, scales):
    judged = report(offsets, scales)
    axes = drawable(sl.plot_fidelity_map(judged)).axes[0]
    assert f"{judged.mean:.4f}" in axes.get_title() and f"{judged.minimum:.4f}" in axes.get_title()
    if offsets > 1 and scales > 1:
        assert np.allclose(axes.collections[0].get_array(), judged.fidelity.T)
        worst, scale = judged.worst_member
        assert np.allclose(axes.lines[0].get_xydata(), [[worst / 1e3, scale]])
    else:
        assert np.allclose(axes.lines[0].get_ydata(), judged.fidelity.ravel())
        assert axes.get_xlabel() == ("offset (kHz)" if offsets > 1 else "B1 scale")


@pytest.mark.parametrize("value", [1.0, 1.5, 0.0])
def test_fidelity_map_of_one_colour(value):
    flat = judgement(np.array([0.0, 1.0]), np.array([1.0, 1.1]), np.full((2, 2), value))
    drawable(sl.plot_fidelity_map(flat, title="Flat"))


def test_style():
    with plt.rc_context():
        sl.use_style()
        assert not plt.rcParams["axes.spines.top"]
        drawable(sl.plot_pulse(PULSES[0]))
