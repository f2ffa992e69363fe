"""Closed-form rotations, and the chain that runs them through time."""

import mpmath
import numpy as np
import pytest
from scipy.linalg import expm
from tables import case, relative

import spinlab as sl
from spinlab.propagation import rotations
from spinlab.propagation.adjoint import chain_solver


def cross_matrix(w):
    return np.cross(w, np.eye(3), axisb=0).T


@pytest.mark.parametrize(
    "theta", [0.0, 1e-12, 1e-4, 0.0999, 0.1001, 0.9999, 1.0001, 3.0, np.pi, 50.0]
)
def test_coefficients_have_all_digits(theta):
    """Against 50 digits, on both sides of wherever the series gives way to the closed form."""
    w = theta * np.array([[0.6, 0.0, 0.8]])
    cosine, a, b, c = (value[0] for value in rotations.rotation_coefficients(w))
    with mpmath.workdps(50):
        t = mpmath.mpf(theta) or mpmath.mpf("1e-15")
        cos, sin = mpmath.cos(t), mpmath.sin(t)
        exact = [float(value) for value in (cos, sin / t, (1 - cos) / t**2, (t - sin) / t**3)]
    assert cosine == pytest.approx(exact[0], abs=1e-15 * max(1, theta))
    # a, b and c multiply powers 1, 2 and 3 of theta.
    for value, reference, power in zip((a, b, c), exact[1:], (1, 2, 3), strict=True):
        assert abs(value - reference) * max(theta, 1) ** power < 1e-14 * max(1, theta)


def test_coefficients_are_continuous():
    """No jump anywhere between no turn and four radians, and no jump of the derivative."""
    theta = np.linspace(0, 4, 40001)
    w = theta[:, None] * np.array([0.48, 0.6, 0.64])
    for value in rotations.rotation_coefficients(w):
        jumps = np.diff(value, 3)
        assert np.abs(jumps).max() < 2e-11  # the third difference of a smooth function: 1e-12


@pytest.mark.parametrize("theta", [0.0, 1e-9, 0.02, 0.3, 1.0, 3.1, np.pi, 6.3, 100.0])
def test_matrices_are_exponentials(theta, rng):
    axes = rng.normal(size=(4, 3))
    w = theta * axes / np.linalg.norm(axes, axis=1, keepdims=True)
    found = rotations.rotation_matrices(w)
    for vector, matrix in zip(w, found, strict=True):
        alone = rotations.rotation_matrices(vector)  # also one by one, but for rounding
        assert np.allclose(alone, matrix, rtol=0, atol=1e-15)
        assert np.abs(matrix - expm(cross_matrix(vector))).max() < 1e-14 * max(1, theta)
        assert np.abs(matrix.T @ matrix - np.eye(3)).max() < 1e-14
        assert np.linalg.det(matrix) == pytest.approx(1, abs=1e-14)


def test_axes_are_those_of_the_generator(rng):
    generator = sl.evaluate(offset_hz=np.array([300.0, -20.0]), b1_scale=1.2, rf_hz=5e3)
    axes = rotations.rotation_axes(generator)
    assert np.allclose(axes[0] / (2 * np.pi), [[0, 0, 300], [6e3, 0, 0], [0, 6e3, 0]])
    v = rng.normal(size=3)
    assert np.allclose(generator.drift[1] @ v, np.cross(axes[1, 0], v))


@pytest.mark.filterwarnings("ignore::spinlab.propagation.CoarseStepWarning")
@pytest.mark.parametrize("turn", [0.3, 2.0, 3.1, 7.0, 40.0])
@pytest.mark.parametrize("control", ["constant", "linear"])
def test_large_angles(turn, control, rng):
    """Steps of many radians: trajectory and gradient against matrix exponentials."""
    pulse = case(control=control)
    generator = sl.evaluate(offset_hz=2e2, rf_hz=1e3)
    dt = turn / (2 * np.pi * 1e3)
    results = [
        sl.linearise(generator, pulse.waveform, dt, pulse.rho0, method, control)
        for method in ("rotations", "grape")
    ]
    assert relative(results[0].states, results[1].states) < 1e-12 * max(1, turn)
    costates = rng.normal(size=results[0].states.shape)
    gradients = [result.pullback(costates) for result in results]
    assert relative(*gradients) < 1e-12 * max(1, turn**2)


def looped(propagators, sources, transposed):
    """The chain in words: run, and add what comes in on the way."""
    states = sources.copy()
    steps = propagators.shape[1]
    for member, P in enumerate(propagators):
        if transposed:
            for n in reversed(range(steps)):
                states[member, n] += P[n].T @ states[member, n + 1]
        else:
            for n in range(steps):
                states[member, n + 1] += P[n] @ states[member, n]
    return states


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("kinds", [(float, float), (complex, complex), (float, complex)])
@pytest.mark.parametrize(
    "members, steps, d, columns", [(1, 1, 3, 1), (2, 5, 3, 2), (3, 4, 4, 1), (1, 3, 15, 2)]
)
def test_chain(members, steps, d, columns, kinds, transposed, rng):
    def random(shape, kind):
        values = rng.normal(size=shape)
        return values + 1j * rng.normal(size=shape) if kind is complex else values

    propagators = random((members, steps, d, d), kinds[0])
    sources = random((members, steps + 1, d, columns), kinds[1])
    before = sources.copy()
    found = chain_solver(propagators)(sources, transposed)
    assert relative(found, looped(propagators, sources, transposed)) < 1e-13
    assert np.array_equal(sources, before)


@pytest.mark.parametrize("members", [1, 2, 700, 3000])
def test_number_of_members_does_not_matter(members, rng):
    """Whatever path an implementation takes for few or many members."""
    pulse = case(members=members, columns=2, steps=4)
    result = sl.linearise(*pulse.arguments)
    costates = rng.normal(size=result.states.shape)
    gradient, direction = result.pullback(costates), rng.normal(size=pulse.waveform.shape)
    change = result.pushforward(direction)
    for k in {0, members // 2, members - 1}:
        alone = sl.linearise(pulse.generator.member(k), *pulse.arguments[1:])
        assert relative(result.states[k], alone.states) < 1e-13
        assert relative(gradient[k], alone.pullback(costates[k])) < 1e-12
        assert relative(change[k], alone.pushforward(direction)) < 1e-12


def test_cross_costate_obeys_the_bloch_equation(rng):
    """x_n = rho_n x lambda_n is turned by the same rotations: x_(n-1) = R_n^T x_n."""
    pulse = case()
    states = sl.propagate(*pulse.arguments)
    matrices = [expm(pulse.dt * A) for A in pulse.generator.at(pulse.waveform)]
    costate, x = rng.normal(size=3), None
    for n in reversed(range(len(matrices))):
        torque = np.cross(states[n + 1], costate)
        assert x is None or np.allclose(x, torque, atol=1e-13)
        costate, x = matrices[n].T @ costate, matrices[n].T @ torque
