"""Design the pulse on the cover and draw the picture: ``python book/cover.py``."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import spinlab as sl

INK = "#808080"  # readable on white and on black: the picture is transparent
FILE = Path(__file__).parent / "_static" / "cover.png"


def main():
    """Write ``book/_static/cover.png``."""
    ensemble = sl.Ensemble.grid(np.linspace(-10e3, 10e3, 31), np.linspace(0.8, 1.2, 5))
    problem = sl.Problem("Iz", "Ix", duration=500e-6, steps=500, rf_hz=10e3, ensemble=ensemble)
    pulse = sl.design(problem, method="rotations", seed=3, max_iterations=300).pulse
    report = sl.judge(pulse, problem)
    print(f"mean fidelity {report.mean:.4f}, worst {report.minimum:.4f}")

    sl.use_style()
    plt.rcParams.update({"text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": INK,
                         "xtick.color": INK, "ytick.color": INK})
    fig = plt.figure(figsize=(10, 4.2), layout="none")
    draw_fan(fig.add_axes((-0.03, -0.12, 0.5, 1.24), projection="3d"), pulse)
    draw_pulse(fig, pulse)
    fig.savefig(FILE, dpi=144, transparent=True)


def draw_fan(axes, pulse):
    """Paths of 11 offsets, coloured by offset."""
    offsets = np.linspace(-10e3, 10e3, 11)
    spins = sl.evaluate(offset_hz=offsets, rf_hz=pulse.rf_hz)
    paths = sl.propagate(spins, pulse.waveform, pulse.dt, sl.state("Iz"))
    theta, phi = np.meshgrid(np.linspace(0, np.pi, 13), np.linspace(0, 2 * np.pi, 25))
    sphere = np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)
    axes.plot_wireframe(*sphere, color=INK, lw=0.4, alpha=0.4)
    for path, share in zip(paths, np.linspace(0, 1, len(paths)), strict=True):
        axes.plot(*path.T, color=plt.colormaps["viridis"](share), lw=1.1)
    axes.scatter(*paths[:, -1].T, color="#D55E00", s=26, depthshade=False)
    axes.set_box_aspect((1, 1, 1), zoom=1.5)
    axes.set_axis_off()


def draw_pulse(fig, pulse):
    """The phase above, the two controls below."""
    top = fig.add_axes((0.52, 0.58, 0.46, 0.36))
    top.stairs(np.unwrap(pulse.phase), pulse.times * 1e6, baseline=None, color="#0072B2", lw=2)
    top.set(ylabel="phase (rad)", xticklabels=[])
    bottom = fig.add_axes((0.52, 0.14, 0.46, 0.36))
    for row, color in zip(pulse.waveform, ("#D55E00", "#009E73"), strict=True):
        bottom.stairs(row, pulse.times * 1e6, baseline=None, color=color, lw=1.5)
    bottom.set(xlabel="time (µs)", ylabel="$u_x$, $u_y$", ylim=(-1.05, 1.05))
    for axes in (top, bottom):
        axes.patch.set_alpha(0)


if __name__ == "__main__":
    main()
