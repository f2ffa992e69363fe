"""Pictures of pulses, trajectories, convergence and fidelity: it draws, and does nothing else.

Every function returns the matplotlib figure, in the units of the laboratory (microseconds and
kilohertz), and lays it out itself, whatever style is in use.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from .control.judgement import Judgement
from .inputs import finite_array, instance, require
from .optimisers.goal import History
from .pulses.pulse import one_channel

STYLE = Path(__file__).with_name("spinlab.mplstyle")


def use_style():
    """Use the book's figure style from here on."""
    plt.style.use(STYLE)


def plot_pulse(pulse):
    """The two controls, and amplitude and phase below, against time.

    Parameters
    ----------
    pulse : Pulse

    Returns
    -------
    matplotlib.figure.Figure
    """
    one_channel(pulse)
    fig, (top, bottom) = plt.subplots(2, 1, sharex=True, figsize=(6.4, 4.6), layout="constrained")
    _draw_controls(top, bottom, pulse)
    top.legend(ncols=2, loc="lower right", bbox_to_anchor=(1, 1))
    limit = bottom.twinx()
    _draw_samples(limit, pulse, pulse.amplitude * pulse.rf_hz / 1e3, color="C1", ls=":")
    limit.set(ylabel="amplitude (kHz)", ylim=(0, 1.1 * np.sqrt(2) * pulse.rf_hz / 1e3))
    limit.grid(False)
    limit.spines["right"].set_visible(True)
    return fig


def _draw_samples(axes, pulse, row, **style):
    times = pulse.times * 1e6
    if pulse.control == "linear":
        axes.plot(times, row, **style)
    else:
        axes.stairs(row, times, baseline=None, lw=1.6, **style)


def plot_bloch(trajectories, labels=None, title=None):
    """Trajectories of one spin on the Bloch sphere.

    Parameters
    ----------
    trajectories : sequence of ndarray, (steps + 1, 3) or (steps + 1, 4)
        In the basis (Ix, Iy, Iz), or with relaxation (E/2, Ix, Iy, Iz).
    labels : sequence of str, optional

    Returns
    -------
    matplotlib.figure.Figure
    """
    trajectories = instance("trajectories", trajectories, (list, tuple, np.ndarray))
    paths = [finite_array("A trajectory", path) for path in trajectories]
    for path in paths:
        require(path.ndim == 2 and len(path) and path.shape[1] in (3, 4), "A trajectory has shape "
                f"(steps + 1, 3), but {path.shape} arrived; pass a list of trajectories.")
    labels = [None] * len(paths) if labels is None else instance("labels", labels, (list, tuple))
    require(len(labels) == len(paths), f"There are {len(labels)} labels for {len(paths)} paths.")
    fig = plt.figure(figsize=(4.8, 4.6), layout="none")
    axes = fig.add_axes((0, 0, 1, 0.95), projection="3d")
    theta, phi = np.meshgrid(np.linspace(0, np.pi, 13), np.linspace(0, 2 * np.pi, 25))
    sphere = np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)
    axes.plot_wireframe(*sphere, color="0.6", lw=0.4, alpha=0.6)
    for path, label in zip(paths, labels, strict=True):
        line = axes.plot(*path[:, -3:].T, label=label)[0]
        axes.scatter(*path[-1, -3:], color=line.get_color(), s=28, depthshade=False)
    for axis, name in zip(np.eye(3), "xyz", strict=True):
        axes.plot(*np.outer(axis, [0, 1.15]), color="0.35", lw=0.8)
        axes.text(*(1.25 * axis), f"${name}$")
    axes.set_box_aspect((1, 1, 1), zoom=1.6)
    axes.set_axis_off()
    if any(labels):
        fig.legend(loc="lower center", ncols=3)
    fig.suptitle(title or "", fontsize="medium")
    return fig


def plot_convergence(histories):
    """Infidelity against iterations and against time.

    Parameters
    ----------
    histories : dict of str to History

    Returns
    -------
    matplotlib.figure.Figure
    """
    require(instance("histories", histories, dict, "Pass {name: result.history}."),
            "histories is empty; pass {name: result.history}.")
    for history in histories.values():
        instance("A history", history, History, "Pass result.history.")
    fig, (left, right) = plt.subplots(1, 2, sharey=True, figsize=(7.2, 3.4), layout="constrained")
    for k, (name, history) in enumerate(histories.items()):
        infidelity = 1 - np.maximum.accumulate(history.fidelity)
        style = ("-", "--", ":", "-.")[k % 4]  # with the seven colours: 28 lines that differ
        left.semilogy(infidelity, style, label=name)
        right.semilogy(history.seconds, infidelity, style, label=name)
    left.set(xlabel="iteration", ylabel="mean infidelity")
    right.set(xlabel="time (s)")
    fig.legend(*right.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return fig


def plot_fidelity_map(report):
    """Fidelity over offset and B1 scale, from a referee's report.

    Parameters
    ----------
    report : Judgement

    Returns
    -------
    matplotlib.figure.Figure
    """
    instance("report", report, Judgement)
    fig, axes = plt.subplots(layout="constrained")
    _draw_map(axes, report)
    title = f"mean {report.mean:.4f}, worst {report.minimum:.4f} (cross)"
    axes.set_title(title, fontsize="medium")
    return fig


def _draw_map(axes, report, **bar):
    if min(report.fidelity.shape) < 2:
        over_offset = len(report.offset_hz) > 1
        axis = report.offset_hz / 1e3 if over_offset else report.b1_scale
        axes.plot(axis, report.fidelity.ravel(), marker="o" if len(axis) == 1 else None)
        axes.set(xlabel="offset (kHz)" if over_offset else "B1 scale", ylabel="fidelity")
    else:
        grid = report.offset_hz / 1e3, report.b1_scale, report.fidelity.T
        colours = {"vmin": report.minimum, "vmax": max(1, report.fidelity.max())}
        image = axes.pcolormesh(*grid, **colours, shading="nearest", rasterized=True)
        axes.figure.colorbar(image, ax=axes, **{"label": "fidelity", **bar})
        offset, scale = report.worst_member
        axes.plot(offset / 1e3, scale, "x", color="C1", ms=9, mew=2, clip_on=False)
        axes.set(xlabel="offset (kHz)", ylabel="B1 scale")
        axes.grid(False)


def plot_report(report):
    """A page about a pulse: waveform, phase, paths, fidelity map, spectrum, and their numbers.

    Parameters
    ----------
    report : Judgement

    Returns
    -------
    matplotlib.figure.Figure
        What was programmed is solid, what the spins feel behind a distortion dotted; the worst
        member is marked on the map and drawn among the paths.  Coupled spins have no paths.
    """
    instance("report", report, Judgement, "Of bands, draw those of judge() one by one.")
    one_channel(report.pulse)
    paths = dict(zip("xyz", () if report.paths is None else report.paths.T, strict=False))
    rows = [row for row in (["RF", "phase"], [*paths], ["map", "spectrum"]) if row]
    nested = [[[row]] for row in rows]  # every row has columns of its own
    fig, axes = plt.subplot_mosaic(nested, figsize=(5.8, 2.4 * len(rows)), layout="constrained")
    _draw_controls(axes["RF"], axes["phase"], report.pulse)
    if report.felt is not report.pulse:
        _draw_controls(axes["RF"], axes["phase"], report.felt, (None, "felt"), ":")
    axes["RF"].set(xlabel="time (µs)")
    legend = {"loc": "lower center", "bbox_to_anchor": (0.5, 1)}
    axes["RF"].legend(ncols=3, handlelength=1, borderpad=0, **legend)
    for name, path in paths.items():
        axes[name].plot(report.felt.times * 1e6, path[:, :-1], color="0.6", lw=0.7)
        axes[name].plot(report.felt.times * 1e6, path[:, -1], color="C1")
        axes[name].set(title=f"$M_{name}$", xlabel="time (µs)", ylim=(-1.1, 1.1))
        axes[name].tick_params(labelleft=name == "x")
    _draw_map(axes["map"], report, location="top", label="")
    axes["spectrum"].axvspan(*report.offset_hz[[0, -1]] / 1e3, color="0.5", alpha=0.3, lw=0)
    frequency_hz, turns = report.spectrum
    near = np.abs(frequency_hz) < 2 * report.band_hz
    axes["spectrum"].plot(frequency_hz[near] / 1e3, turns[near])
    axes["spectrum"].set(xlabel="offset (kHz)", ylabel="spectrum (turns)")
    for name, title in {
        "phase": f"peak {report.peak_hz / 1e3:.3g}, rms {report.rms_hz / 1e3:.3g} kHz",
        "map": f"mean {report.mean:.4f}, worst {report.minimum:.4f}",
        "spectrum": f"95 % of energy: ±{report.band_hz / 1e3:.3g} kHz",
    }.items():
        axes[name].set_title(title, fontsize="medium")
    return fig


def _draw_controls(top, bottom, pulse, labels=("$u_x$", "$u_y$"), ls="-"):
    for k, row in enumerate(pulse.waveform * pulse.rf_hz / 1e3):
        _draw_samples(top, pulse, row, color=f"C{k}", ls=ls, label=labels[k])
    _draw_samples(bottom, pulse, np.unwrap(pulse.phase), color="C2", ls=ls)
    top.set(ylabel="RF (kHz)")
    bottom.set(xlabel="time (µs)", ylabel="phase (rad)")
