"""The referee, against a two-level quantum-mechanical computation that shares no code with it."""

import warnings

import numpy as np
import pytest
from scipy.linalg import expm

import spinlab as sl

SPIN = {
    "x": np.array([[0, 1], [1, 0]]) / 2,
    "y": np.array([[0, -1j], [1j, 0]]) / 2,
    "z": np.diag([0.5, -0.5]),
}
ENSEMBLE = sl.Ensemble.grid([-700.0, 0.0, 900.0], [0.8, 1.2])


def problem(**changes):
    known = {"start": "Iz", "target": "Ix", "duration": 100e-6, "steps": 10, "rf_hz": 9e3}
    return sl.Problem(**{**known, "ensemble": ENSEMBLE, **changes})


def random_pulse(control="constant", rf_hz=9e3):
    samples = 10 + (control == "linear")
    waveform = np.random.default_rng(8).uniform(-1, 1, (2, samples))
    return sl.Pulse(waveform, 1e-5, rf_hz, control)


def two_level(pulse, offset_hz, b1_scale, start, target, fine=100):
    """2 tr(C U rho U+), with U the product of exp(-iHt) of the 2 x 2 Hamiltonians."""
    waveform, dt = pulse.waveform, pulse.dt
    if pulse.control == "linear":
        middles = (np.arange(pulse.steps * fine) + 0.5) / fine
        waveform = np.array([np.interp(middles, np.arange(11), row) for row in waveform])
        dt = dt / fine
    rf = b1_scale * pulse.rf_hz * np.einsum("kn,kij->nij", waveform, [SPIN["x"], SPIN["y"]])
    rho = SPIN[start]
    for U in expm(-2j * np.pi * dt * (offset_hz * SPIN["z"] + rf)):
        rho = U @ rho @ U.conj().T
    return 2 * np.trace(SPIN[target] @ rho).real


@pytest.mark.parametrize("start, target, control, tolerance", [
    ("z", "x", "constant", 1e-12), ("x", "y", "constant", 1e-12), ("y", "z", "constant", 1e-12),
    ("z", "x", "linear", 1e-5),
])  # fmt: skip
def test_referee_against_two_levels(start, target, control, tolerance):
    pulse = random_pulse(control, rf_hz=7e3)  # the pulse's own amplitude counts
    task = problem(control=control, start=f"I{start}", target=f"I{target}")
    report = sl.judge(pulse, task, offsets=3, scales=3)
    assert np.allclose(report.offset_hz, np.linspace(-700, 900, 3))
    assert np.allclose(report.b1_scale, [0.8, 1.0, 1.2])
    for i, offset in enumerate(report.offset_hz):
        for j, scale in enumerate(report.b1_scale):
            expected = two_level(pulse, offset, scale, start, target)
            assert report.fidelity[i, j] == pytest.approx(expected, abs=tolerance)


def test_report_sums_up():
    fidelity = np.array([[0.9, 1.0], [0.2, 0.7], [0.8, 0.6]])
    pulse, grid = random_pulse(), (np.array([-5.0, 0.0, 5.0]), np.array([0.9, 1.1]))
    report = sl.control.Judgement(pulse, pulse, problem(), *grid, fidelity)
    assert report.mean == pytest.approx(0.7)
    assert (report.minimum, report.worst_member) == (0.2, (0.0, 0.9))


@pytest.mark.parametrize("system", [
    sl.SpinSystem(t1=1e-3, t2=2e-4), sl.SpinSystem((0, 300), ((1, 2, 20.0),)),
])  # fmt: skip
def test_other_systems_are_judged_by_exponentials(system):
    pair = system.spins == 2
    task = problem(system=system, start="I1z" if pair else "Iz", target="I2x" if pair else "Ix")
    pulse = random_pulse()
    report = sl.judge(pulse, task, offsets=3, scales=2)
    liouville = sl.liouvillian(system)
    generator = sl.evaluate(liouville, offset_hz=-700.0, b1_scale=1.2, rf_hz=9e3)
    end = sl.propagate(generator, pulse.waveform, 1e-5, task.initial_state(), "grape")[-1]
    assert report.fidelity[0, 1] == pytest.approx(end @ sl.observable(task.target, liouville))


def test_a_result_is_judged_for_its_own_problem():
    coil = sl.pulses.resonator(60e3, dt=5e-6, tail=20e-6)
    result = sl.design(problem(), kind="xy", max_iterations=5, distortion=coil)
    own, told = result.judge(offsets=5, scales=3), sl.judge(
        result.pulse, problem(), 5, 3, distortion=coil)
    assert np.array_equal(own.fidelity, told.fidelity) and own.felt is not result.pulse
    bare = result.judge(offsets=5, scales=3, distortion=None)
    assert np.array_equal(bare.fidelity, sl.judge(result.pulse, problem(), 5, 3).fidelity)


@pytest.mark.parametrize("steps", [4, 10])
@pytest.mark.parametrize("turn", [3.0, 12.0, 60.0])
def test_a_linear_pulse_is_cut_until_it_is_exact(steps, turn):
    waveform = np.random.default_rng(8).uniform(-1, 1, (2, steps + 1))
    pulse = sl.Pulse(waveform, 100e-6 / steps, turn / (2 * np.pi * 100e-6 / steps), "linear")
    task = problem(control="linear", steps=steps, ensemble=sl.Ensemble([0.0], [1.0]))
    fine = np.linspace(0, steps, 3000 * steps + 1)
    cut = np.array([np.interp(fine, np.arange(steps + 1), row) for row in waveform])
    generator = sl.evaluate(rf_hz=pulse.rf_hz)
    end = sl.propagate(generator, cut, pulse.dt / 3000, [0, 0, 1.0], control="linear")[-1]
    assert sl.judge(pulse, task).mean == pytest.approx(end[0], abs=1e-6)


def test_grid_spans_the_ensemble_and_no_more():
    report = sl.judge(random_pulse(), problem(ensemble=sl.Ensemble([30.0], [1.1])))
    assert (report.offset_hz, report.b1_scale) == ([30.0], [1.1])
    assert report.fidelity.shape == (1, 1)


# 1/(2T) of the pulse is 5 kHz.
@pytest.mark.parametrize(
    "spacing, warns", [(5.1e3, True), (2e4, True), (4.9e3, False), (5e3, False)]
)
def test_coarse_grid(spacing, warns):
    offsets = spacing * np.array([-1.0, 0.0, 1.0])
    task = problem(ensemble=sl.Ensemble.grid(offsets))
    if warns:
        enough = int(np.ceil(2 * spacing / 5e3)) + 1
        with pytest.warns(sl.control.CoarseGridWarning, match=f"at least {enough} offsets"):
            sl.judge(random_pulse(), task, offsets=3)
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            sl.judge(random_pulse(), task, offsets=3)


def test_gap_that_the_warning_speaks_of():
    """On its own coarse grid a pulse may be perfect, and fail in between."""
    offsets = np.linspace(-2e3, 2e3, 3)
    task = problem(duration=1e-3, steps=100, rf_hz=3e3, ensemble=sl.Ensemble.grid(offsets))
    result = sl.design(task, kind="xy", seed=1, max_iterations=60, stop_at=0.995)
    with pytest.warns(sl.control.CoarseGridWarning):
        report = sl.judge(result.pulse, task, offsets=101)
    assert result.fidelity > 0.99 and report.minimum < 0.5
