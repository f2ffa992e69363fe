"""The report of a pulse: every number against a computation that shares no code with it."""

import numpy as np
import pytest
import sympy as sp
from scipy.integrate import quad

import spinlab as sl

BAND = sl.Ensemble.grid(np.linspace(-3e3, 4e3, 5), [0.9, 1.0, 1.1])
COIL = sl.pulses.resonator(60e3, dt=0.5e-6, tail=20e-6)


def problem(start="Iz", target="Ix", steps=60, **changes):
    return sl.Problem(
        start, target, **{"duration": 120e-6, "steps": steps, "rf_hz": 8e3, "ensemble": BAND}
        | changes
    )  # fmt: skip


def wavy(control="constant", steps=60, rf_hz=8e3):
    s = np.linspace(0, 1, steps + (control == "linear"))
    wave = np.array([np.sin(7 * s + 1), np.cos(11 * s) * s])
    return sl.Pulse(0.9 * wave, 120e-6 / steps, rf_hz, control)


def small_report(*arguments, **options):
    return sl.judge(*arguments, **{"offsets": 15, "scales": 4, **options})


RELAXING = {"system": sl.SpinSystem(t1=sp.Symbol("T1"), t2=1e-3),
            "ensemble": sl.Ensemble.grid([0.0, 2e3], [1.0, 1.1], t1=[2e-3, 4e-3])}  # fmt: skip
CASES = {
    "excitation": (wavy(), problem(), {}),
    "universal": (wavy(), problem(None, sl.turn(np.pi / 2, "x"), objective="universal"), {}),
    "rotation": (wavy(), problem(None, np.diag([1.0, -1, -1]), objective="rotation"), {}),
    "relaxing": (wavy(), problem(**RELAXING), {}),
    "distortion": (wavy(), problem(), {"distortion": COIL}),
    "linear": (wavy("linear"), problem(control="linear"), {}),
    "linear, distortion": (wavy("linear"), problem(control="linear"), {"distortion": COIL}),
    "one member": (wavy(), problem(ensemble=sl.Ensemble([0.0], [1.0])), {}),
    "offsets alone": (wavy(), problem(ensemble=sl.Ensemble.grid([-2e3, 0, 2e3])), {}),
    "coupled": (wavy(), problem("I1z", "I1x", system=sl.SpinSystem((0, 30), ((1, 2, 9.0),))), {}),
}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


@every_case
def test_report_agrees_with_the_referee(case):
    pulse, task, options = case
    report = small_report(pulse, task, **options)
    judged = sl.judge(pulse, task, 15, 4, **options)
    assert np.array_equal(report.fidelity, judged.fidelity)
    offset_hz, b1_scale = report.members
    assert (offset_hz[-1], b1_scale[-1]) == judged.worst_member
    assert len(offset_hz) == len(b1_scale) <= 25
    assert f"{judged.minimum:.4f} at offset {judged.worst_member[0]:g} Hz" in repr(report)
    assert f"mean {judged.mean:.4f}" in repr(report)
    assert ("ringing" in repr(report)) == ("distortion" in options)


@pytest.mark.parametrize("name", ["excitation", "distortion", "linear", "linear, distortion"])
def test_paths_end_at_the_fidelity(name):
    pulse, task, options = CASES[name]
    report = small_report(pulse, task, **options)
    assert report.paths.shape == (22, report.felt.steps + 1, 3)
    assert np.allclose(report.paths[:, 0], [0, 0, 1])
    assert np.allclose(np.linalg.norm(report.paths, axis=2), 1)
    assert report.paths[-1, -1, 0] == pytest.approx(report.minimum, abs=1e-9)
    for k in (0, 10, 16):  # and so do the others, judged one at a time
        alone = problem(
            control=task.control, ensemble=sl.Ensemble(*(axis[[k]] for axis in report.members))
        )
        assert report.paths[k, -1, 0] == pytest.approx(
            sl.judge(pulse, alone, **options).mean, abs=1e-9
        )


def test_middle_of_the_fan_is_the_centre_of_the_ensemble():
    report = small_report(wavy(), problem())
    assert [axis[10] for axis in report.members] == [500.0, 1.0]


def test_paths_of_a_relaxing_spin_shrink_by_the_mean_times():
    idle = sl.Pulse(np.full((2, 60), 1e-12), 2e-6, 8e3)
    report = small_report(idle, problem(start="Ix", **RELAXING))
    assert np.allclose(np.hypot(*report.paths[0, -1, :2]), np.exp(-120e-6 / 1e-3))


@pytest.mark.parametrize("name", ["universal", "rotation"])
def test_rotations_are_shown_from_z(name):
    pulse, task, _ = CASES[name]
    expected = small_report(pulse, problem()).paths
    assert np.allclose(small_report(pulse, task).paths[:-1], expected[:-1])


def test_coupled_spins_have_no_paths():
    assert small_report(*CASES["coupled"][:2]).paths is None


def test_power_of_a_pulse_of_known_power():
    """Two levels: 3/4 of the time at 4 kHz, 1/4 at 8 kHz."""
    wave = np.array([[0.5, 0.0, -0.5, 0.0], [0.0, 0.5, 0.0, 1.0]])
    report = sl.judge(sl.Pulse(wave, 10e-6, 8e3), problem(steps=4, duration=40e-6), 3, 2)
    assert report.peak_hz == pytest.approx(8e3)
    assert report.power_hz2 == pytest.approx((3 * 16e6 + 64e6) / 4)
    assert report.rms_hz == pytest.approx(28e6**0.5)
    assert "2.8e+07 Hz^2" in repr(report) and "8 kHz; energy 1.12e+03 Hz^2 s" in repr(report)


@pytest.mark.parametrize("control", ["constant", "linear"])
def test_power_against_fine_sums_and_parseval(control):
    pulse, fine = wavy(control), (np.arange(60 * 1000) + 0.5) / 1000
    if control == "linear":
        rows = np.array([np.interp(fine, np.arange(61), row) for row in pulse.waveform])
    else:
        rows = np.repeat(pulse.waveform, 1000, axis=1)
    report = small_report(pulse, problem(control=control))
    power = np.mean(np.sum(rows**2, axis=0)) * pulse.rf_hz**2
    assert report.power_hz2 == pytest.approx(power, rel=1e-6)
    # What is missing in the spectrum lies beyond half the sampling rate.
    frequency_hz, turns = report.spectrum
    energy = np.sum(turns**2) * np.diff(frequency_hz)[0]
    assert 0.99 < energy / (power * pulse.duration) < 1


@pytest.mark.parametrize("control", ["constant", "linear"])
def test_spectrum_of_a_rectangle_is_a_sinc(control):
    flat = sl.Pulse(np.full((2, 50 + (control == "linear")), 0.5**0.5), 2e-6, 5e3, control)
    report = small_report(flat, problem(steps=50, duration=100e-6, control=control))
    f, turns = report.spectrum
    assert np.all(np.diff(f) > 0) and f.min() == -250e3
    assert np.allclose(turns, 0.5 * np.abs(np.sinc(f * 100e-6)), atol=1e-13)


def test_spectrum_of_a_tent_is_a_squared_sinc():
    wave = np.array([1 - np.abs(np.linspace(-1, 1, 41)), np.zeros(41)])
    tent = sl.Pulse(wave, 5e-6, 1e3, "linear")
    report = small_report(tent, problem(steps=40, duration=200e-6, control="linear"))
    frequency_hz, turns = report.spectrum
    assert np.allclose(turns, 0.1 * np.sinc(frequency_hz * 100e-6) ** 2, atol=1e-13)


def test_spectrum_is_the_flip_angle_of_a_weak_pulse_at_each_offset():
    """Not at the mirrored one: the sign of the frequency is that of the offset."""
    t = (np.arange(60) + 0.5) * 2e-6
    wave = np.array([np.cos(2 * np.pi * 9e3 * t), np.sin(2 * np.pi * 9e3 * t)])
    offsets = sl.Ensemble.grid(np.linspace(-20e3, 20e3, 11))
    report = sl.judge(sl.Pulse(wave, 2e-6, 1.0), problem(ensemble=offsets), offsets=11)
    angles = np.linalg.norm(report.paths[:, -1, :2], axis=1) / (2 * np.pi)
    frequency_hz, turns = report.spectrum
    expected = np.interp(report.members[0], frequency_hz, turns)
    assert np.allclose(angles, expected, atol=1e-2 * turns.max())
    assert frequency_hz[turns.argmax()] == pytest.approx(9e3, abs=600)


def test_band_of_a_rectangle_by_quadrature():
    flat = sl.Pulse(np.full((2, 100), 0.5), 1e-6, 5e3)
    report = small_report(flat, problem(steps=100, duration=100e-6))
    inside, whole = (
        quad(lambda ft: np.sinc(ft) ** 2, 0, 100e-6 * f, limit=200)[0]
        for f in (report.band_hz, 500e3)
    )
    assert inside / whole == pytest.approx(0.95, abs=0.002)


@every_case
def test_figure_draws(case):
    pulse, task, options = case
    report = small_report(pulse, task, **options)
    figure = sl.plot_report(report)
    figure.canvas.draw()
    axes = {one.get_title(): one for one in figure.axes}
    assert f"mean {report.mean:.4f}, worst {report.minimum:.4f}" in axes
    assert ("$M_x$" in axes) == (report.paths is not None)
    if report.paths is not None:
        assert np.array_equal(axes["$M_y$"].lines[-1].get_ydata(), report.paths[-1, :, 1])
        assert len(axes["$M_z$"].lines) == len(report.paths)
    curve = next(one for one in figure.axes if "turns" in one.get_ylabel()).lines[-1]
    expected = np.interp(curve.get_xdata() * 1e3, *report.spectrum)
    assert np.allclose(curve.get_ydata(), expected)


def test_the_warning_of_a_coarse_grid_names_the_line_of_the_user():
    wide = sl.Problem("Iz", "Ix", 100e-6, 10, 10e3, sl.Ensemble.grid([-20e3, 20e3]))
    pulse = sl.Pulse(np.full((2, 10), 0.3), 1e-5, 10e3)
    for judge in (sl.judge, sl.judge):
        with pytest.warns(sl.control.CoarseGridWarning) as caught:
            judge(pulse, wide, offsets=5)
        assert caught[0].filename == __file__
