"""The control problem: mean over the ensemble, its gradient, and what the names mean."""

import numpy as np
import pytest
from tables import METHOD_CONTROLS, case

import spinlab as sl

ENSEMBLE = sl.Ensemble([-300.0, 0.0, 500.0], [0.9, 1.0, 1.1], [1.0, 2.0, 1.0])


def problem(control="constant", **changes):
    known = {"start": "Iz", "target": "Ix", "duration": 60e-6, "steps": 6, "rf_hz": 8e3}
    return sl.Problem(**{**known, "ensemble": ENSEMBLE, "control": control, **changes})


@pytest.mark.filterwarnings("ignore::spinlab.propagation.CoarseStepWarning")
@pytest.mark.parametrize("method, control", METHOD_CONTROLS)
def test_gradient_of_the_mean(method, control):
    task, waveform = problem(control), case(control=control).waveform
    check = sl.check_gradient(lambda u: task.fidelity(u, method), waveform, samples=4)
    assert check.relative_error < 1e-12


def test_mean_is_weighted():
    task, waveform = problem(), case().waveform
    members = sl.evaluate_objective(
        task.generator(), waveform, task.dt, task.initial_state(), task.objective_function()
    )
    value, gradient = task.fidelity(waveform)
    assert value == pytest.approx(members.values @ [0.25, 0.5, 0.25], rel=1e-14)
    assert np.allclose(gradient, np.tensordot([0.25, 0.5, 0.25], members.gradients, 1), rtol=1e-13)


SPELT = {
    "transfer": ("Iz", "Ix", np.array([0, 0, 1.0]), np.array([1.0, 0, 0])),
}


@pytest.mark.parametrize("objective", SPELT)
def test_names_and_arrays_are_the_same(objective):
    start, target, start_array, target_array = SPELT[objective]
    waveform = case().waveform
    named = problem(start=start, target=target, objective=objective).fidelity(waveform)
    arrays = problem(start=start_array, target=target_array, objective=objective).fidelity(waveform)
    assert named[0] == arrays[0] and np.array_equal(named[1], arrays[1])


def test_states_of_two_spins_have_length_one():
    pair = sl.SpinSystem((0, 100), ((1, 2, 10.0),))
    task = problem(system=pair, start="I1z + I2z", target="2I1xI2x + 2I1yI2y")
    assert np.linalg.norm(task.initial_state()) == pytest.approx(1)
    assert task.objective_function()(task.initial_state())[0] == 0


def test_relaxation_keeps_the_length_of_the_state():
    task = problem(system=sl.SpinSystem(t1=1, t2=1), start="0.5 Iz")
    assert np.array_equal(task.initial_state(), [1, 0, 0, 0.5])


def test_rotation_starts_from_the_unit_matrix():
    task = problem(start=np.eye(3), target=np.diag([-1.0, 1, -1]), objective="rotation")
    value, gradient = task.fidelity(np.zeros((2, 6)))
    on_resonance = -1 / 3
    assert value < on_resonance + 0.5 and gradient.shape == (2, 6)


def test_samples_and_step():
    assert (problem().samples, problem("linear").samples) == (6, 7)
    assert problem().dt == pytest.approx(1e-5)


def test_parameters_reach_the_system():
    import sympy as sp

    shifted = sl.SpinSystem((sp.Symbol("shift"),))
    waveform = case().waveform
    here = problem(system=shifted, parameters={"shift": 250.0}).fidelity(waveform)
    there = sl.Ensemble(ENSEMBLE.offset_hz + 250, ENSEMBLE.b1_scale, ENSEMBLE.weights)
    assert here[0] == pytest.approx(problem(ensemble=there).fidelity(waveform)[0], rel=1e-12)
