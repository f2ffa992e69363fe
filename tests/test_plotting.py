"""Every picture: drawn, labelled, legible in any style, and of the numbers that it was given."""

import itertools

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

import spinlab as sl
from spinlab.plotting import STYLE
from spinlab.teaching.figures import plot_curves

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
    top, bottom, limit = drawable(sl.plot_pulse(pulse)).axes
    assert "kHz" in top.get_ylabel()
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
    assert left.get_yscale() == "log" and left.figure.legends


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
    drawable(sl.plot_fidelity_map(flat))


def test_style():
    with plt.rc_context():
        sl.use_style()
        assert not plt.rcParams["axes.spines.top"]
        drawable(sl.plot_pulse(PULSES[0]))


# Whatever the style, nobody has to guess what stands below something else.

ENSEMBLE = sl.Ensemble.grid(np.linspace(-2e3, 2e3, 9), [0.8, 1.0, 1.2])
COUPLED = sl.SpinSystem((-300, 400), ((1, 2, 150.0),))


def page(start="Iz", target="Ix", distortion=None, **more):
    pulse = sl.Pulse(np.random.default_rng(0).uniform(-1, 1, (2, 60)), 1e-5, 1e4)
    problem = sl.Problem(start, target, pulse.duration, pulse.steps, pulse.rf_hz, **more)
    return sl.plot_report(sl.judge(pulse, problem, 21, 5, distortion))


def convergence():
    infidelity, ones = np.geomspace(0.9, 1e-6, 30), np.ones(30)
    history = sl.optimisers.History(infidelity, ones, np.linspace(0, 12, 30), np.arange(30))
    return sl.plot_convergence({"fem-linear": history, "grape": history})


def curves():
    x = np.linspace(0, 3, 50)
    rows, labels = np.array([np.exp(-x), 1 - np.exp(-x)]), ["$M_x$ from $I_x$", "$M_z$ from 0"]
    return plot_curves(x, rows, labels, (0, 1.05), "time (s)", "magnetisation")[0]


FIGURES = {
    "pulse": lambda: sl.plot_pulse(PULSES[0]),
    "bloch": lambda: sl.plot_bloch([PATH, -PATH], ["one", "two"], title="Two paths"),
    "convergence": convergence,
    "map": lambda: sl.plot_fidelity_map(report(7, 5)),
    "one offset": lambda: sl.plot_fidelity_map(report(1, 5)),
    "report": lambda: page(ensemble=ENSEMBLE),
    "report of one member": page,
    "report behind a resonator": lambda: page(distortion=sl.pulses.resonator(200e3, 1e-6)),
    "report of coupled spins": lambda: page("I1z", "I1x", system=COUPLED, ensemble=ENSEMBLE),
    "curves": curves,
}


def drawn_texts(figure, monkeypatch):
    """Text, axes and box of everything that a drawing writes."""
    found, draw = [], Text.draw

    def record(text, renderer, *args, **kwargs):
        if text.get_visible() and text.get_text().strip():
            found.append((text.get_text(), text.axes, text.get_window_extent(renderer)))
        draw(text, renderer, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(Text, "draw", record)
        figure.canvas.draw()
    return found


def common(one, other):
    """Whether two boxes share more than half a pixel."""
    wide, high = (
        min(a1, b1) - max(a0, b0)
        for (a0, a1), (b0, b1) in zip((one.intervalx, one.intervaly),
                                      (other.intervalx, other.intervaly), strict=True)
    )
    return wide > 0.5 and high > 0.5


@pytest.mark.parametrize("style", ["default", STYLE, "ggplot", "dark_background"])
@pytest.mark.parametrize("name", FIGURES)
def test_every_text_can_be_read(name, style, monkeypatch):
    with plt.style.context(["default", style]):
        figure = FIGURES[name]()
        found = drawn_texts(figure, monkeypatch)
    assert len(found) > 3
    for (text, _, box), (neighbour, _, other) in itertools.combinations(found, 2):
        assert not common(box, other), f"{text!r} and {neighbour!r} overlap"
    for text, axes, box in found:
        (left, bottom), (right, top) = box.min, box.max
        inside = min(left, bottom) >= 0 and right <= figure.bbox.x1 and top <= figure.bbox.y1
        assert inside, f"{text!r} is cut off"
        for other in figure.axes:
            covered = axes and not np.allclose(other.bbox, axes.bbox) and common(box, other.bbox)
            assert not covered, f"{text!r} reaches into other axes"
