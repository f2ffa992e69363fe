"""Distortions: closed forms against independent computations; every gradient checked."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from scipy.linalg import expm
from tables import fitted_order, relative

import spinlab as sl
from spinlab.control.goal import make_goal

CONTROLS = ["constant", "linear"]
DT = 1e-6
BUILT = {
    "rc": lambda dt: sl.pulses.rc(0.7e-6, dt),
    "slow": lambda dt: sl.pulses.rc(20e-6, dt, tail=3e-6),
    "fast": lambda dt: sl.pulses.rc(1e-9, dt),
    "tuned": lambda dt: sl.pulses.resonator(400e3, dt),
    "detuned": lambda dt: sl.pulses.resonator(300e3, dt, detuning_hz=-250e3, tail=0.0),
    "measured": lambda dt: sl.pulses.measured([3.0, 2 - 1j, 0.5j, -0.2], dt),
}
RATES = {"rc": 1 / 0.7e-6, "slow": 1 / 20e-6, "tuned": np.pi * 400e3,
         "detuned": np.pi * 300e3 + 2j * np.pi * 250e3}


def random_waveform(control, steps=7, seed=3):
    return np.random.default_rng(seed).uniform(-1, 1, (2, steps + (control == "linear")))


def reference(rate, waveform, control, dt, count):
    """y' = rate (u - y) step by step, by expm of the system that makes u and the mean of y, too."""
    linear = control == "linear"
    u = waveform[0] + 1j * waveform[1]
    starts, slopes = (u[:-1], np.diff(u) / DT) if linear else (u, np.zeros(len(u)))
    # y, its integral, u, and u's slope
    system = np.array([[-rate, 0, rate, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]], complex)
    step, y, values, means = expm(system * dt), 0, [0], []
    for k in range(count):
        n = int(k * dt / DT + 1e-9)
        start, slope = (starts[n], slopes[n]) if n < len(starts) else (0, 0)
        y, integral, _, _ = step @ [y, 0, start + slope * (k * dt - n * DT), slope]
        values.append(y)
        means.append(integral / dt)
    result = np.array(values if linear else means)
    return np.array([result.real, result.imag])


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize("name", RATES)
def test_closed_forms_against_the_differential_equation(name, control, times):
    distortion, waveform = BUILT[name](DT / times), random_waveform(control)
    distortion = replace(distortion, tail=5 * times)
    felt, _ = distortion.distort(waveform, DT, control)
    expected = reference(RATES[name], waveform, control, DT / times, 12 * times)
    assert felt.shape == expected.shape
    assert np.abs(felt - expected).max() < 3e-6  # the response is cut off at 1e-6


@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize("name", BUILT)
def test_a_long_pulse_on_the_carrier_is_felt_as_programmed(name, control):
    long = np.array([[0.6], [-0.3]]) * np.ones(400)
    felt, _ = BUILT[name](DT).distort(long, DT, control)
    assert np.abs(felt[:, 390:398] - long[:, :1]).max() < 1e-5


def test_measured_response_is_a_sum_of_echoes():
    response = np.array([2.0, 1.0 - 1j, 0.5])
    u = np.array([0.3 + 0.1j, -0.5, 1j])
    felt, _ = sl.pulses.measured(response, DT).distort(np.array([u.real, u.imag]), DT)
    assert np.allclose(felt[0] + 1j * felt[1], np.convolve(response, u) / response.sum())


@pytest.mark.parametrize("times", [1, 4])
@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize("name", BUILT)
def test_pullback(name, control, times):
    distortion, x = BUILT[name](DT / times), random_waveform(control)
    weights = np.random.default_rng(0).normal(size=distortion.distort(x, DT, control)[0].shape)

    def function(x):
        felt, pullback = distortion.distort(x, DT, control)
        return np.sum(weights * felt), pullback(weights)

    assert sl.check_gradient(function, x).relative_error < 1e-13


def test_distortions_do_not_change_and_compare_as_objects():
    mine = np.array([1.0, 0.5])
    one, other = (sl.pulses.measured(mine, Fraction(1, 10**6), tail=Fraction(2, 10**6)) for _ in "ab")
    mine[:] = 0
    assert one == one and one != other and len({one, other}) == 2
    assert type(one.dt) is float and one.tail == 2 and np.allclose(one.response, [2 / 3, 1 / 3])
    for array in (one.response, one.edge):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 2


EASY = sl.Problem("Iz", "Ix", 20e-6, 20, 20e3, sl.Ensemble.grid([-1e3, 1e3], [0.98, 1.02]))
PROBLEM = sl.Problem("Iz", "Ix", 20e-6, 20, 20e3, sl.Ensemble.grid([-4e3, 1e3], [0.9, 1.1]))


@pytest.mark.parametrize("control", CONTROLS)
def test_states_converge_by_the_square_of_the_fine_step(control):
    u = random_waveform(control, 20, seed=5)
    tail = 40e-6  # the same for all

    def states(times):
        problem = replace(PROBLEM, control=control)
        distortion = sl.pulses.resonator(60e3, DT / times, detuning_hz=20e3, tail=tail)
        felt = sl.Pulse(u, DT, 20e3, control).felt(distortion)
        method = "rotations" if control == "constant" else "fem-hermite"
        generator = replace(problem, rf_hz=felt.rf_hz).generator()
        start = problem.initial_state()
        return sl.propagate(generator, felt.waveform, felt.dt, start, method, control)[:, -1]

    reference = states(128)
    order = fitted_order(lambda times: relative(states(times), reference), (2, 4, 8))
    assert order == pytest.approx(2, abs=0.2)


# In the chain: parametrisation, problem, design, referee.


@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize("kind", ["phase", "xy", "xy-box"])
def test_gradient_from_the_unknowns_to_the_fidelity_behind_a_distortion(kind, control):
    problem = replace(PROBLEM, control=control, steps=6, duration=6e-6)
    shape = sl.pulses.Parametrisation(kind, 1e-6, DT, control, sl.pulses.resonator(300e3, DT / 2, 1e5, 2e-6))
    felt_problem = problem.felt(shape.distortion)

    def function(x):
        waveform, pullback = shape.waveform(x)
        felt, undistort = shape.felt(waveform)
        value, gradient = felt_problem.fidelity(felt, "fem-quadratic-reduced")
        return value, pullback(undistort(gradient))

    x = np.random.default_rng(4).normal(size=(shape.rows, problem.samples))
    # Complex x passes the whole chain, the spins included.
    assert sl.check_gradient(function, x).relative_error < 1e-12


@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize("aggregate", ["mean", "worst"])
def test_goal_behind_a_distortion(aggregate, control):
    """Value, members and residuals agree, and the limits are those of what is programmed."""
    problem = replace(PROBLEM, control=control, steps=6, duration=6e-6)
    shape = sl.pulses.Parametrisation("xy", 1e-6, DT, control, sl.pulses.resonator(300e3, DT / 2, 1e5, 2e-6))
    limits = {"slew_per_step": 0.2, "phase_per_step": 0.3}
    goal = make_goal(problem, shape, "fem-quadratic-reduced", aggregate, limits)
    whole = make_goal(problem, shape, "fem-quadratic-reduced", limits=limits)
    x = np.random.default_rng(4).normal(size=2 * problem.samples)
    infidelities, jacobian = goal.members(x)
    r, J = whole.residuals(x)
    assert np.allclose(np.sum(r.reshape(-1, 4) ** 2, axis=0) / 2, infidelities, atol=1e-3)
    h = 1e-6 * np.random.default_rng(5).normal(size=x.size)
    for slope, function in (
        (goal.value(x)[1], lambda x: goal.value(x)[0]),
        (jacobian, lambda x: goal.members(x)[0]),
        (J, lambda x: whole.residuals(x)[0]),
        (goal.limits(x)[1], lambda x: goal.limits(x)[0]),
    ):
        difference = function(x + h) - function(x - h)
        assert np.allclose(2 * slope @ h, difference, rtol=1e-6, atol=1e-11)
    assert len(goal.limits(x)[0]) == 2 * (problem.samples - 1)


@pytest.mark.parametrize("control, method", [("constant", "rotations"), ("linear", "fem-hermite")])
def test_design_compensates_a_distortion(control, method):
    problem = replace(EASY, control=control)
    distortion = sl.pulses.resonator(60e3, problem.dt / 2, detuning_hz=30e3, tail=10e-6)
    blind = sl.design(problem, kind="xy", method=method, max_iterations=60)
    aware = sl.design(problem, kind="xy", method=method, max_iterations=60, distortion=distortion)
    assert blind.fidelity > 0.998 and aware.fidelity > 0.995
    # The referee computes exactly and by itself, the design with the method's error.
    for pulse, low, high in ((blind.pulse, -1, 0.97), (aware.pulse, 0.997, 1)):
        judged = sl.judge(pulse, problem, 21, 5, distortion=distortion)
        assert low < judged.mean <= high
    assert sl.judge(aware.pulse, problem, 21, 5).mean < 0.97  # without the instrument it fails


def test_referee_behind_a_distortion_is_the_referee_of_the_felt_pulse():
    pulse = sl.Pulse(random_waveform("constant", 20), DT, 20e3)
    distortion = sl.pulses.resonator(60e3, DT / 4, detuning_hz=100e3)
    felt = pulse.felt(distortion)
    assert felt.steps == 80 + distortion.tail and felt.dt == DT / 4
    fidelity = sl.judge(pulse, PROBLEM, 5, 3, distortion=distortion).fidelity
    assert np.allclose(fidelity, sl.judge(felt, PROBLEM, 5, 3).fidelity, atol=1e-14)


def test_an_overshoot_raises_the_amplitude_of_the_felt_pulse():
    ringing = sl.pulses.resonator(40e3, DT, detuning_hz=150e3)
    pulse = sl.Pulse(np.array([[1.0], [0.0]]) * np.ones(30), DT, 10e3)
    felt = pulse.felt(ringing)
    assert felt.rf_hz > 12e3 and np.abs(felt.waveform).max() == pytest.approx(1)
    expected = ringing.distort(pulse.waveform, DT)[0] * pulse.rf_hz
    assert np.allclose(felt.waveform * felt.rf_hz, expected)


def test_slew_and_phase_limits_of_a_design():
    free = sl.design(EASY, kind="xy", method="rotations", max_iterations=40)
    kept = sl.design(
        EASY, kind="xy", method="rotations", max_iterations=60, penalty=100.0,
        limits={"slew_per_step": 0.15},
    )
    turning, calm = (
        sl.design(EASY, method="rotations", max_iterations=60, penalty=1.0, limits=limits)
        for limits in (None, {"phase_per_step": 0.4})
    )

    def slew(pulse):
        return np.hypot(*np.diff(pulse.waveform)).max()

    def turn(pulse):
        return np.abs(np.angle(np.exp(1j * np.diff(pulse.phase)))).max()

    assert slew(free.pulse) > 0.3
    assert slew(kept.pulse) < 0.155 and kept.fidelity > 0.97
    assert turn(turning.pulse) > 0.6
    assert turn(calm.pulse) < 0.42 and calm.fidelity > 0.97
