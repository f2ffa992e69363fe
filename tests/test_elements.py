"""Elements: what shape functions must satisfy, the numbers of the paper, orders of accuracy."""

import numpy as np
import pytest
import sympy as sp
from tables import METHOD_CONTROLS, case, fitted_order, relative

import spinlab as sl
from spinlab.propagation.arguments import TOO_FAR
from spinlab.propagation.elements import CONTROL_SHAPES, SHAPES, S, gauss_points, integrate

#: What a degree of freedom reads from a function: its value, or its slope, at a point.
DOFS = {
    "linear": [("value", 0), ("value", 1)],
    "quadratic": [("value", 0), ("value", sp.Rational(1, 2)), ("value", 1)],
    "hermite": [("value", 0), ("slope", 0), ("value", 1), ("slope", 1)],
}
FAMILIES = [(shapes, control) for shapes in SHAPES for control in CONTROL_SHAPES]


def read(dof, function):
    kind, point = dof
    function = sp.sympify(function)
    return (function if kind == "value" else function.diff(S)).subs(S, point)


def dofs(shapes, function):
    """The degrees of freedom of a function, as a column."""
    return sp.Matrix([read(dof, function) for dof in DOFS[shapes]])


@pytest.mark.parametrize("shapes", SHAPES)
def test_nodality(shapes):
    columns = [dofs(shapes, phi) for phi in SHAPES[shapes]]
    assert sp.Matrix.hstack(*columns) == sp.eye(len(columns))


@pytest.mark.parametrize("shapes", SHAPES)
def test_polynomials_are_reproduced(shapes):
    """Degree 0 is the partition of unity."""
    phi = SHAPES[shapes]
    for degree in range(len(phi)):
        interpolant = sum(c * p for c, p in zip(dofs(shapes, S**degree), phi, strict=True))
        assert sp.expand(interpolant - S**degree) == 0


@pytest.mark.parametrize("control", CONTROL_SHAPES)
def test_control_shapes_are_a_partition_of_unity(control):
    assert sp.expand(sum(CONTROL_SHAPES[control])) == 1


@pytest.mark.parametrize("shapes, control", FAMILIES)
def test_integration_by_parts(shapes, control):
    C, _ = sl.propagation.element_matrices(shapes, control)
    phi = sp.Matrix(SHAPES[shapes])
    boundary = (phi * phi.T).subs(S, 1) - (phi * phi.T).subs(S, 0)
    assert C + C.T == boundary


@pytest.mark.parametrize("shapes, control", FAMILIES)
def test_matrices_differentiate_and_integrate(shapes, control):
    """p.C.q is the integral of p q', and p.(sum of M).q that of p q, for polynomials p and q."""
    C, masses = sl.propagation.element_matrices(shapes, control)
    M = sum(masses, sp.zeros(*C.shape))
    for i in range(len(C[0, :])):
        for j in range(len(C[0, :])):
            p, q = dofs(shapes, S**i), dofs(shapes, S**j)
            derivative = sp.Integer(j) / (i + j) if j else 0
            assert (p.T * C * q)[0] == derivative
            assert (p.T * M * q)[0] == sp.Rational(1, i + j + 1)


#: (shapes, control, Gauss points): common denominator and numerators of C and of every M.
NUMBERS = {
    ("linear", "constant", None): (2, [[-1, 1], [-1, 1]], 6, [[[2, 1], [1, 2]]]),
    ("quadratic", "constant", None): (
        6, [[-3, 4, -1], [-4, 0, 4], [1, -4, 3]],
        30, [[[4, 2, -1], [2, 16, 2], [-1, 2, 4]]],
    ),
    ("hermite", "linear", None): (
        60, [[-30, 6, 30, -6], [-6, 0, 6, -1], [-30, -6, 30, 6], [6, 1, -6, 0]],
        840, [
            [[240, 30, 54, -14], [30, 5, 12, -3], [54, 12, 72, -14], [-14, -3, -14, 3]],
            [[72, 14, 54, -12], [14, 3, 14, -3], [54, 14, 240, -30], [-12, -3, -30, 5]],
        ],
    ),
    ("linear", "constant", 1): (2, [[-1, 1], [-1, 1]], 4, [[[1, 1], [1, 1]]]),
    ("quadratic", "constant", 2): (
        6, [[-3, 4, -1], [-4, 0, 4], [1, -4, 3]],
        18, [[[2, 2, -1], [2, 8, 2], [-1, 2, 2]]],
    ),
}  # fmt: skip


@pytest.mark.parametrize("key", NUMBERS, ids=str)
def test_numbers_of_the_paper(key):
    shapes, control, points = key
    first, C, second, masses = NUMBERS[key]
    derived_C, derived_masses = sl.propagation.element_matrices(shapes, control, points)
    assert first * derived_C == sp.Matrix(C)
    assert [second * M for M in derived_masses] == [sp.Matrix(M) for M in masses]


@pytest.mark.parametrize("name", sl.ELEMENTS)
def test_element_holds_the_same_numbers(name):
    control = "linear" if name == "hermite" else "constant"
    shapes, points, _ = sl.ELEMENTS[name]
    C, masses = sl.propagation.element_matrices(shapes, control, points)
    found = sl.propagation.element(name, control)
    assert np.allclose(found.C, np.array(C.tolist(), dtype=float), rtol=1e-15)
    assert np.allclose(found.M, np.array([m.tolist() for m in masses], dtype=float), rtol=1e-15)
    assert (found.local, found.step) == (len(DOFS[shapes]), 2 if shapes != "linear" else 1)


@pytest.mark.parametrize("points", [1, 2, 3])
def test_gauss_is_exact_up_to_its_degree_and_no_further(points):
    for degree in range(2 * points + 1):
        exact = sp.Rational(1, degree + 1)
        assert integrate(S**degree) == exact
        agrees = sp.simplify(integrate(S**degree, points) - exact) == 0
        assert agrees == (degree < 2 * points)
    assert sum(w for _, w in gauss_points(points)).equals(1)


# Accuracy, by refinement of a smooth pulse.


def smooth_pulse(steps, control):
    """The same smooth course of one second, sampled; and the step."""
    ends = control == "linear"
    t = (np.arange(steps + ends) + (0 if ends else 0.5)) / steps
    return np.array([0.8 * np.cos(3 * t), 0.7 * np.sin(2 * t + 1)]), 1 / steps


def exact_states(generator, waveform, dt, rho0, control, fine=1024):
    """States at the ends of the steps, a straight line being cut into short constant pieces."""
    if control == "constant":
        return sl.propagate(generator, waveform, dt, rho0, "rotations")
    middles = (np.arange((waveform.shape[1] - 1) * fine) + 0.5) / fine
    cut = np.array([np.interp(middles, np.arange(len(row)), row) for row in waveform])
    return sl.propagate(generator, cut, dt / fine, rho0, "rotations")[::fine]


GENERATOR, START = sl.evaluate(offset_hz=0.3, rf_hz=1.0), np.array([0.6, 0.0, 0.8])
#: Order of the states at the ends of the elements; None: exact to rounding.
ORDERS = {
    ("rotations", "constant"): None, ("rotations", "linear"): 4,
    ("grape", "constant"): None, ("grape", "linear"): 4,
    ("grape-batched", "constant"): None, ("grape-batched", "linear"): 4,
    ("fem-linear", "constant"): 2, ("fem-linear", "linear"): 2,
    ("fem-linear-sparse", "constant"): 2, ("fem-linear-sparse", "linear"): 2,
    ("fem-quadratic", "constant"): 2, ("fem-quadratic", "linear"): 2,
    ("fem-hermite", "linear"): 3,
    ("fem-linear-reduced", "constant"): 2, ("fem-linear-reduced", "linear"): 2,
    ("fem-quadratic-reduced", "constant"): 4, ("fem-quadratic-reduced", "linear"): 4,
    ("fem-exact", "constant"): None,
}  # fmt: skip


@pytest.mark.parametrize("method, control", METHOD_CONTROLS)
def test_order_of_accuracy(method, control):
    def error(steps):
        waveform, dt = smooth_pulse(steps, control)
        states = sl.propagate(GENERATOR, waveform, dt, START, method, control)
        exact = exact_states(GENERATOR, waveform, dt, START, control)
        return np.abs(states[-1] - exact[-1]).max()

    order = ORDERS[method, control]
    if order is None:
        assert error(40) < 1e-12
    else:
        assert fitted_order(error, (40, 60, 90)) == pytest.approx(order, abs=0.15)


def test_quadratic_is_six_times_better_than_linear():
    """Both are of order 2: the parasitic root limits them, theta^2/12 against theta^2/72."""
    waveform, dt = smooth_pulse(80, "constant")
    exact = exact_states(GENERATOR, waveform, dt, START, "constant")[-1]
    linear, quadratic = (
        np.abs(sl.propagate(GENERATOR, waveform, dt, START, method)[-1] - exact).max()
        for method in ("fem-linear", "fem-quadratic")
    )
    assert linear / quadratic == pytest.approx(6, abs=0.6)


# Steps that turn too far.

LIMITS = [(method, control, angle) for method, row in TOO_FAR.items() for control, angle in row.items()]
COARSE = sl.propagation.CoarseStepWarning


def test_every_method_has_its_limit_or_is_exact():
    assert {(method, control) for method, control, _ in LIMITS} == {
        pair for pair in METHOD_CONTROLS if ORDERS[pair] is not None
    }


@pytest.mark.filterwarnings("ignore::spinlab.propagation.CoarseStepWarning")
@pytest.mark.parametrize("method, control, angle", LIMITS)
def test_the_limit_is_an_error_of_a_tenth(method, control, angle):
    """In a single step, whose control stands still or turns by a right angle."""
    ends = angle * np.array([[0.6, 0.0], [0.8, 0.0], [0.0, 1.0]])[:, : 1 + (control == "linear")]
    axes = np.array([np.cross(axis, np.eye(3)).T for axis in np.eye(3)])
    spin = sl.Generator(np.zeros((3, 3)), axes)
    found = sl.propagate(spin, ends, 1.0, np.eye(3), method, control)[-1]
    exact = exact_states(spin, ends, 1.0, np.eye(3), control)[-1]
    assert np.linalg.norm(found - exact, 2) == pytest.approx(0.1, abs=0.015)


@pytest.mark.parametrize("method, control, angle", LIMITS)
def test_steps_that_turn_too_far_are_mentioned_at_every_door(method, control, angle, rng):
    """The turn of the strongest sample of the member that is farthest off."""
    spins = sl.evaluate(rf_hz=3e3, offset_hz=[100.0, -4e3, 2e3])  # 5 kHz in all
    phase = rng.uniform(-3, 3, 7)
    waveform, objective = np.array([np.cos(phase), np.sin(phase)]), sl.transfer(np.eye(3)[0])
    waveform[:, 1:] *= rng.uniform(size=6)
    doors = (
        lambda dt: sl.linearise(spins, waveform, dt, START, method, control),
        lambda dt: sl.propagate(spins, waveform, dt, START, method, control),
        lambda dt: sl.propagation.linearise_final(spins, waveform, dt, START, method, control),
        lambda dt: sl.evaluate_objective(spins, waveform, dt, START, objective, method, control),
        lambda dt: sl.propagation.prepare_objective(spins, dt, START, objective, method, control),
    )
    dt = angle / (2 * np.pi * 5e3)
    for door in doors:
        door(0.999 * dt)  # warnings are errors here
        with pytest.warns(COARSE, match=f"{1.2 * angle:.2g} rad, but from {angle:.2g} rad on"):
            door(1.2 * dt)


def test_what_is_prepared_warns_once():
    spin, waveform = sl.evaluate(rf_hz=1e3), np.zeros((2, 5))
    arguments = sl.state("Iz"), sl.transfer(np.eye(3)[0]), "fem-linear"
    with pytest.warns(COARSE) as caught:
        evaluate = sl.propagation.prepare_objective(spin, 1e-3, *arguments)
    evaluate(waveform), evaluate(waveform)  # warnings are errors here
    sl.evaluate_objective(spin, waveform, 1e-3, *arguments)  # a pulse that does not turn
    assert len(caught) == 1 and caught[0].filename == __file__


@pytest.mark.parametrize("method", ["grape", "grape-batched", "rotations", "fem-exact"])
def test_exact_methods_turn_as_far_as_you_like(method):
    sl.linearise(sl.evaluate(rf_hz=1e3), np.full((2, 5), 0.6), 2.2e-3, START, method)


# What goes wrong with the linear element, in numbers.


def roots(theta):
    """Growth a step of the two solutions of the interior rows, A = i theta: true and parasitic."""
    C, (M,) = sl.propagation.element_matrices("linear")
    K = np.array((C - sp.I * theta * M).tolist(), dtype=complex)
    found = np.roots([K[0, 1], K[0, 0] + K[1, 1], K[1, 0]])
    return sorted(found, key=lambda z: abs(z - np.exp(1j * theta)))


@pytest.mark.parametrize("theta", [0.05, 0.1, 0.2])
def test_dispersion_and_parasite(theta):
    true, parasite = roots(theta)
    assert np.angle(true) - theta == pytest.approx(theta**5 / 180, rel=0.01)
    assert abs(parasite + np.exp(-1j * theta / 3)) < theta**3 / 30
    steps = 200
    generator = sl.evaluate(offset_hz=1 / (2 * np.pi), rf_hz=1.0)
    x, y, _ = sl.propagate(generator, np.zeros((2, steps)), theta, np.eye(3)[0], "fem-linear").T
    checkerboard = np.diff(x + 1j * y - np.exp(1j * theta * np.arange(steps + 1))) / 2
    assert np.abs(checkerboard).mean() == pytest.approx(theta**2 / 12, rel=0.05)


@pytest.mark.parametrize("theta, stable", [(1.0, True), (1.73, True), (1.74, False)])
def test_breakdown_at_the_square_root_of_three(theta, stable):
    assert (np.abs(np.abs(roots(theta)) - 1).max() < 1e-7) == stable


@pytest.mark.parametrize("radius, order", [(0, 1), (0.06, 2)])
def test_gradient_of_the_linear_element_needs_the_filter(radius, order):
    """It is exact for the discrete objective; of the true gradient it is a rough estimate."""

    def error(steps):
        waveform, dt = smooth_pulse(steps, "constant")
        arguments = GENERATOR, waveform, dt, START, sl.transfer([1.0, 2.0, 3.0])
        found, true = (
            sl.pulses.helmholtz(sl.evaluate_objective(*arguments, method).gradients, radius, dt)[0]
            for method in ("fem-linear", "rotations")
        )
        return relative(found, true)

    assert fitted_order(error, (100, 150, 226)) == pytest.approx(order, abs=0.15)


# Elements that have a name of their own.


def march(pulse, step):
    """States by a one-step method: step(h A) is its propagator."""
    states = [pulse.rho0]
    for A in pulse.generator.at(pulse.waveform):
        states.append(step(pulse.dt * A) @ states[-1])
    return np.array(states)


def crank_nicolson(a):
    unit = np.eye(len(a))
    return np.linalg.solve(unit - a / 2, unit + a / 2)


def pade_2_2(a):
    unit = np.eye(len(a))
    return np.linalg.solve(unit - a / 2 + a @ a / 12, unit + a / 2 + a @ a / 12)


@pytest.mark.filterwarnings("ignore::spinlab.propagation.CoarseStepWarning")
@pytest.mark.parametrize("system", ["one spin", "relaxing", "coupled"])
@pytest.mark.parametrize(
    "method, step", [("fem-linear-reduced", crank_nicolson), ("fem-quadratic-reduced", pade_2_2)]
)
def test_reduced_elements_are_one_step_methods(method, step, system):
    pulse = case(system, steps=30)
    assert relative(sl.propagate(*pulse.arguments, method), march(pulse, step)) < 1e-12


@pytest.mark.parametrize("method", ["fem-linear-reduced", "fem-quadratic-reduced", "fem-exact"])
def test_reduced_elements_conserve_the_norm(method):
    norms = np.linalg.norm(sl.propagate(*case(steps=100).arguments, method), axis=1)
    assert np.ptp(norms) < 1e-13 * norms[0]


def test_linear_element_loses_norm_by_the_residual_of_the_dropped_row():
    """|rho_N|^2 - |rho_0|^2 = 2 rho_0 . R_0."""
    pulse = case(steps=50)
    states = sl.propagate(*pulse.arguments, "fem-linear")
    A = pulse.generator.at(pulse.waveform)[0]
    residual = (states[1] - states[0]) / 2 - pulse.dt / 6 * A @ (2 * states[0] + states[1])
    gain = states[-1] @ states[-1] - states[0] @ states[0]
    assert abs(gain) > 1e-5
    assert gain == pytest.approx(2 * states[0] @ residual, rel=1e-10)


def test_linear_element_by_elimination_from_the_end():
    """rho_n = G_n rho_(n-1), with propagators that are found from the last row backwards."""
    pulse = case("relaxing", steps=40)
    a = pulse.dt * pulse.generator.at(pulse.waveform)
    unit, last = np.eye(4), len(a) - 1
    S = unit / 2 - a[last] / 3
    propagators = []
    for n in reversed(range(last + 1)):
        propagators.insert(0, np.linalg.solve(S, unit / 2 + a[n] / 6))
        if n:
            S = -(a[n - 1] + a[n]) / 3 + (unit / 2 - a[n] / 6) @ propagators[0]
    states = [pulse.rho0]
    for G in propagators:
        states.append(G @ states[-1])
    assert relative(sl.propagate(*pulse.arguments, "fem-linear"), states) < 1e-11


@pytest.mark.parametrize("turns", [1e-6, 0.0045, 0.0055, 0.1, 0.45, 0.6, 1.0, 3.2])
def test_exact_element_turns_as_far_as_you_like(turns):
    """By any angle of a step, but half a turn, which is refused (test_bad_input)."""
    pulse = case(steps=20)
    waveform = pulse.waveform / np.hypot(*pulse.waveform)
    on_resonance, dt = sl.evaluate(rf_hz=1e3), turns * 1e-3
    objective = sl.transfer([1.0, 2.0, 3.0])
    arguments = on_resonance, waveform, dt, pulse.rho0, objective
    exact, found = (
        sl.evaluate_objective(*arguments, method) for method in ("rotations", "fem-exact")
    )
    assert abs(found.values - exact.values) < 1e-12
    assert relative(found.gradients, exact.gradients) < 1e-11
