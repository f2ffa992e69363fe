"""Design the pulse on the cover and draw the pictures: ``python book/cover.py``."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import spinlab as sl

INK = "#808080"  # readable on white and on black: the pictures are transparent
BLUE, RED = "#0072B2", "#D55E00"
FOLDER = Path(__file__).parent / "_static"
SHOWN_KHZ = (-10, -5, 0, 5, 10)  # offsets whose paths are drawn


def main():
    """Write ``cover.png`` and ``before-after.png`` into ``book/_static``."""
    offsets = np.linspace(-10e3, 10e3, 31)
    short = design("short", 150e-6, sl.Ensemble.grid(offsets), seed=1)
    robust = sl.Ensemble.grid(offsets, np.linspace(0.8, 1.2, 5))
    designed = design("robust", 500e-6, robust, seed=3)
    hard = sl.Pulse(np.array([[0.0], [1.0]]), 25e-6, 10e3)  # a quarter turn about y
    sl.use_style()
    names = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
    plt.rcParams.update(dict.fromkeys(names, INK))
    draw_cover(short).savefig(FOLDER / "cover.png", dpi=110, transparent=True)
    picture = draw_before_after(hard, designed)
    picture.savefig(FOLDER / "before-after.png", dpi=110, transparent=True)


def design(name, duration, ensemble, seed):
    """A phase pulse from z to x, with its verdict printed."""
    problem = sl.Problem("Iz", "Ix", duration=duration, steps=round(duration * 1e6), rf_hz=10e3,
                         ensemble=ensemble)
    result = sl.design(problem, method="rotations", seed=seed, max_iterations=300)
    judgement = result.judge()
    print(f"{name}: mean fidelity {judgement.mean:.4f}, worst {judgement.minimum:.4f}")
    return result.pulse


def paths(pulse, offset_hz, b1_scale=1.0):
    """Magnetisation from z, (members, steps + 1, 3)."""
    spins = sl.evaluate(offset_hz=offset_hz, rf_hz=pulse.rf_hz, b1_scale=b1_scale)
    return sl.propagate(spins, pulse.waveform, pulse.dt, sl.state("Iz"))


def draw_cover(pulse):
    """Five paths to the left, the pulse to the right."""
    fig = plt.figure(figsize=(10, 4.2), layout="none")
    draw_paths(fig.add_axes((-0.04, -0.1, 0.5, 1.2), projection="3d"), pulse)
    top = fig.add_axes((0.62, 0.58, 0.34, 0.36))
    top.stairs(np.unwrap(pulse.phase), pulse.times * 1e6, baseline=None, color=BLUE, lw=2)
    top.set(ylabel="phase (rad)", xticklabels=[])
    bottom = fig.add_axes((0.62, 0.14, 0.34, 0.36))
    for row, color, name in zip(pulse.waveform, (RED, "#009E73"), "xy", strict=True):
        bottom.stairs(row, pulse.times * 1e6, baseline=None, color=color, lw=1.5)
        bottom.text(1.01, row[-1], f"$u_{name}$", color=color, va="center",
                    transform=bottom.get_yaxis_transform())
    bottom.set(xlabel="time (µs)", ylabel="controls", ylim=(-1.05, 1.05))
    for axes in (top, bottom):
        axes.patch.set_alpha(0)
    return fig


def draw_paths(axes, pulse):
    """Five offsets on the sphere, from z to x, each path named at its own colour."""
    theta, phi = np.meshgrid(np.linspace(0, np.pi, 9), np.linspace(0, 2 * np.pi, 17))
    sphere = np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)
    axes.plot_wireframe(*sphere, color=INK, lw=0.4, alpha=0.35)
    colours = plt.colormaps["viridis"](np.linspace(0.15, 0.9, len(SHOWN_KHZ)))
    for path, khz, colour in zip(paths(pulse, 1e3 * np.array(SHOWN_KHZ)), SHOWN_KHZ, colours,
                                 strict=True):
        axes.plot(*path.T, color=colour, lw=2, label=f"{khz:+d} kHz".replace("+0", "0"))
    for point, name in (((0, 0, 1), "z"), ((1, 0, 0), "x")):
        axes.scatter(*point, color=RED, s=30, depthshade=False)
        beside = 1.16 * np.array(point) - np.array([0, 0.1 * point[0], 0])
        axes.text(*beside, f"${name}$", fontsize=16, ha="center", va="center")
    axes.set_box_aspect((1, 1, 1), zoom=1.3)
    axes.view_init(elev=22, azim=-28)
    axes.set_axis_off()
    axes.legend(loc="center right", bbox_to_anchor=(1.12, 0.5), frameon=False, fontsize=10,
                title="offset", title_fontsize=10)


def draw_before_after(hard, designed):
    """What arrives at x over the offsets: a hard pulse, and the designed one."""
    fig, axes = plt.subplots(figsize=(7.2, 3.2), layout="constrained")
    offsets = np.linspace(-12e3, 12e3, 481)
    for pulse, colour, style, name in ((hard, RED, "--", "hard pulse, 25 µs"),
                                       (designed, BLUE, "-", "designed pulse, 500 µs")):
        scales = [paths(pulse, offsets, scale)[:, -1, 0] for scale in (0.8, 1.0, 1.2)]
        axes.fill_between(offsets / 1e3, np.min(scales, 0), np.max(scales, 0), color=colour,
                          alpha=0.2, lw=0)
        axes.plot(offsets / 1e3, scales[1], style, color=colour, lw=2, label=name)
    axes.axvspan(-10, 10, color=INK, alpha=0.08, lw=0)
    axes.set(xlabel="offset (kHz)", ylabel="magnetisation along $x$", xlim=(-12, 12),
             ylim=(0, 1.05))
    axes.legend(loc="lower center", frameon=False)
    axes.patch.set_alpha(0)
    return fig


if __name__ == "__main__":
    main()
