"""Phase pulses on SU(2): every derivative against differences, every value against rotations."""

import numpy as np
import pytest

import spinlab as sl
from spinlab.propagation import spinors

STEPS, DT = 9, 7e-6
OFFSETS, SCALES = np.array([-9e3, -1e3, 4e3, 8e3]), np.array([0.8, 1.1, 1.0, 1.2])
WEIGHTS = np.array([0.1, 0.2, 0.3, 0.4])
TARGET = sl.turn(1.1, [1, 2, -0.5])
ROTATION = np.array([[0, 0, 1.0], [1, 0, 0], [0, 1, 0]])


def problem(**changes):
    known = {
        "start": "Iz", "target": "0.6 Ix + 0.8 Iy", "duration": STEPS * DT, "steps": STEPS,
        "rf_hz": 1e4, "ensemble": sl.Ensemble(OFFSETS, SCALES, WEIGHTS),
    }  # fmt: skip
    return sl.Problem(**{**known, **changes})


PROBLEMS = {
    "transfer": problem(),
    "rotation": problem(start=None, target=ROTATION, objective="rotation"),
    "universal": problem(start=None, target=TARGET, objective="universal"),
}


def goal(name, radius=0.0, method="spinors", kind="phase"):
    task = PROBLEMS[name]
    return sl.control.make_goal(task, sl.pulses.Parametrisation(kind, radius, task.dt), method)


@pytest.fixture
def x(rng):
    return rng.uniform(-3, 3, STEPS)


def difference(function, x, step=1e-5):
    shifts = step * np.eye(len(x))
    return np.array([(function(x + s) - function(x - s)) / (2 * step) for s in shifts])


@pytest.mark.parametrize("radius", [0.0, 2 * DT])
@pytest.mark.parametrize("name", PROBLEMS)
def test_derivatives(name, radius, x):
    spin = goal(name, radius)
    assert sl.check_gradient(spin.value, x, "difference").relative_error < 1e-9
    hessian = difference(lambda v: spin.value(v)[1], x)
    assert np.abs(spin.hessian(x) - hessian).max() < 1e-7 * np.abs(hessian).max()
    assert np.allclose(spin.hessian(x), spin.hessian(x).T, atol=1e-13)
    for function in (spin.members, spin.residuals):
        jacobian = difference(lambda v, f=function: f(v)[0], x).T
        assert np.abs(function(x)[1] - jacobian).max() < 1e-8


@pytest.mark.parametrize("dt", [DT, 50e-6, 100e-6])
def test_derivative_by_the_duration(dt, x):
    """Against the complex step by rotations; also where steps turn by half a turn, or a whole one."""
    offsets = np.append(OFFSETS, 0.0)  # on resonance, by 10 kHz
    scales = np.append(SCALES, 1.0)
    path = spinors.propagate_phase(x, offsets, scales, 1e4, dt, stretch=True)
    found = spinors.transfer_fidelity(path.final, np.eye(3)[2], np.eye(3)[0])
    spins = sl.evaluate(offset_hz=offsets, b1_scale=scales, rf_hz=1e4).time_scaled()
    scaled, _ = sl.pulses.scale_time(sl.pulses.from_phase(x[None])[0], np.full(STEPS, 1 + 1e-30j))
    exact = sl.propagate(spins, scaled, dt, sl.state("Iz"))[:, -1, 0].imag / 1e-30
    assert np.abs(np.sum(found.slopes * path.stretch, axis=0) - exact).max() < 1e-12 * np.abs(exact).max()
    plain = spinors.propagate_phase(x, offsets, scales, 1e4, dt)
    assert plain.stretch is None and np.array_equal(plain.final, path.final)


@pytest.mark.parametrize("name", PROBLEMS)
def test_half_the_squared_residual_is_the_infidelity(name, x):
    values, jacobian = goal(name).members(x)
    residuals, slopes = goal(name).residuals(x)
    parts = residuals.reshape(-1, len(values))
    assert np.allclose(np.sum(parts**2, axis=0) / 2, values, atol=1e-14)
    slopes = slopes.reshape(*parts.shape, -1)
    assert np.allclose(np.einsum("rk,rkn->kn", parts, slopes), jacobian, atol=1e-14)
    matrix = np.einsum("k,rkn,rkm->nm", WEIGHTS, slopes, slopes)
    assert np.allclose(goal(name).gauss_newton(x), matrix, atol=1e-14)


@pytest.mark.parametrize("name", ["transfer", "rotation"])
@pytest.mark.parametrize("method", ["rotations", "grape-batched"])
def test_against_propagation_of_states(name, method, x):
    """Another code, another representation: the same value and the same gradient."""
    (value, gradient), (other, slope) = goal(name).value(x), goal(name, method=method).value(x)
    assert value == pytest.approx(other, abs=1e-13)
    assert np.allclose(gradient, slope, atol=1e-13)
    jacobians = (goal(name, method=m).members(x)[1] for m in ("spinors", method))
    assert np.allclose(*jacobians, atol=1e-13)


@pytest.mark.parametrize("kind", ["phase", "xy", "xy-box", "xy-free"])
@pytest.mark.parametrize("name", ["transfer", "rotation"])
def test_residuals_of_states(name, kind, rng):
    """Gauss-Newton for any method: residuals, Jacobian and matrix belong together."""
    states = goal(name, DT, "fem-quadratic-reduced", kind)
    x = rng.uniform(-0.7, 0.7, STEPS * (1 if kind == "phase" else 2))
    residuals, jacobian = states.residuals(x)
    members = len(WEIGHTS)
    squares = np.sum(residuals.reshape(-1, members) ** 2, axis=0) / 2
    assert np.allclose(squares, states.members(x)[0], atol=1e-12)
    assert np.abs(jacobian - difference(lambda v: states.residuals(v)[0], x).T).max() < 1e-8
    rows = np.sqrt(np.tile(WEIGHTS, len(residuals) // members))[:, None] * jacobian
    assert np.allclose(states.gauss_newton(x), rows.T @ rows, atol=1e-13)


def test_the_sign_of_a_propagator_matters_to_one_fidelity_only(x):
    opposite = problem(start=None, target=-TARGET, objective="universal")
    shape = sl.pulses.Parametrisation("phase", 0, DT)
    values, _ = goal("universal").members(x)
    negated, _ = sl.control.make_goal(opposite, shape, "spinors").members(x)
    assert np.allclose((1 - values) + (1 - negated), 0, atol=1e-14)
    rotation = np.array([  # R_ij = tr(s_i U s_j U') / 2
        [np.trace(a @ TARGET @ b @ TARGET.conj().T).real / 2 for b in PAULI] for a in PAULI
    ])
    free = problem(start=None, target=rotation, objective="rotation")
    blind, _ = sl.control.make_goal(free, shape, "spinors").members(x)
    assert np.allclose(1 - blind, (4 * (1 - values) ** 2 - 1) / 3, atol=1e-13)


PAULI = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])


def test_a_turn_is_the_exponential():
    from scipy.linalg import expm

    axis = np.array([0.3, -2.0, 1.0])
    spin = np.tensordot(axis / np.linalg.norm(axis), PAULI, 1) / 2
    for angle in (0.2, 3.0, -7.0):
        assert np.allclose(sl.turn(angle, axis), expm(-1j * angle * spin), atol=1e-13)
        w, *v = spinors.spinor_target(sl.turn(angle, axis))
        assert np.allclose(w * np.eye(2) - 1j * np.tensordot(v, PAULI, 1), sl.turn(angle, axis))


def test_referee_of_a_universal_rotation(x):
    task = problem(start=None, target=TARGET, objective="universal", steps=40,
                   ensemble=sl.Ensemble.grid(np.linspace(-9e3, 8e3, 9), [0.8, 1.2]))
    result = sl.design(task, method="spinors", max_iterations=15, optimiser="gauss-newton")
    report = sl.judge(result.pulse, task, 3, 2)
    shape = sl.pulses.Parametrisation("phase", task.duration / 130, task.dt)
    corner = sl.Ensemble([-9e3], [0.8])
    alone = sl.Problem(**{**vars(task), "ensemble": corner})
    infidelity, _ = sl.control.make_goal(alone, shape, "spinors").members(result.x.ravel())
    assert report.fidelity[0, 0] == pytest.approx(1 - infidelity[0], abs=1e-12)
