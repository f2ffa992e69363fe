"""Gradients: every method, control and objective against answers that were found otherwise."""

import autograd
import autograd.numpy as anp
import numpy as np
import pytest
from autograd.differential_operators import make_jvp
from tables import ANY_SYSTEM, EXACT, METHOD_CONTROLS, ONE_SPIN, SYSTEMS, case, relative
from test_elements import NUMBERS

import spinlab as sl
from spinlab.propagation import methods

#: Derivatives are exact for the discrete states, however coarse the steps: those of a coupled
#: system, and of the linear element under a linear control, are too coarse for the states.
pytestmark = pytest.mark.filterwarnings("ignore::spinlab.propagation.CoarseStepWarning")

RNG = np.random.default_rng(7)
TURN = np.linalg.qr(RNG.normal(size=(3, 3)))[0]
TURN = TURN * np.linalg.det(TURN)
TARGET = RNG.normal(size=3)
#: name: (objective, columns of the initial state)
OBJECTIVES = {
    "transfer": (sl.transfer(TARGET), None),
    "subspace": (sl.control.subspace(TURN[:, :2]), None),
    "magnitude": (sl.control.magnitude(TURN[:, :2]), None),
    "rotation": (sl.control.rotation(TURN), 3),
}
assert set(OBJECTIVES) == set(sl.OBJECTIVES), "every objective is to be tested"


def by_method(pulse, objective, method, control):
    """Waveform to (value, gradient), as check_gradient wants it."""

    def function(waveform):
        arguments = pulse.generator, waveform, pulse.dt, pulse.rho0
        if np.iscomplexobj(waveform):  # the complex step reads the value alone
            return objective(sl.propagate(*arguments, method, control)[-1])[0], None
        result = sl.evaluate_objective(*arguments, objective, method, control)
        return result.values, result.gradients

    return function


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("method, control", METHOD_CONTROLS)
def test_complex_step(method, control, name):
    objective, columns = OBJECTIVES[name]
    pulse = case(control=control, columns=columns, steps=5)
    function = by_method(pulse, objective, method, control)
    assert sl.check_gradient(function, pulse.waveform).relative_error < 1e-12


@pytest.mark.parametrize("method, control", METHOD_CONTROLS)
def test_central_difference(method, control):
    pulse = case(control=control, steps=3)
    function = by_method(pulse, sl.transfer(TARGET), method, control)
    assert sl.check_gradient(function, pulse.waveform, "difference").relative_error < 1e-8


@pytest.mark.parametrize("system", ["relaxing", "coupled", "two channels"])
@pytest.mark.parametrize("method, control", ANY_SYSTEM)
def test_complex_step_for_other_systems(method, control, system, rng):
    """Four dimensions with relaxation, fifteen with two coupled spins, which may have two channels."""
    pulse = case(system, control, steps=3)
    objective = sl.transfer(rng.normal(size=pulse.generator.dimension))
    function = by_method(pulse, objective, method, control)
    assert sl.check_gradient(function, pulse.waveform).relative_error < 1e-12


@pytest.mark.parametrize("members, columns", [(None, None), (None, 2), (3, None), (3, 2)])
@pytest.mark.parametrize("method, control", METHOD_CONTROLS)
def test_tangent_and_adjoint(method, control, members, columns, rng):
    """The tangent is the complex step's; the adjoint is its transpose, running costs included."""
    pulse = case(control=control, members=members, columns=columns)
    result = sl.linearise(*pulse.arguments, method, control)
    direction = rng.normal(size=pulse.waveform.shape)
    costates = rng.normal(size=result.states.shape)

    change = result.pushforward(direction)
    moved = pulse.waveform + 1e-30j * direction
    stepped = sl.linearise(pulse.generator, moved, pulse.dt, pulse.rho0, method, control).states
    assert change.shape == result.states.shape
    assert relative(change, stepped.imag / 1e-30) < 1e-12

    gradient = result.pullback(costates)
    assert gradient.shape == (*(() if members is None else (members,)), *pulse.waveform.shape)
    left, right = np.sum(costates * change), np.sum(gradient * direction)
    assert abs(left - right) < 1e-12 * np.linalg.norm(costates) * np.linalg.norm(change)


@pytest.mark.parametrize("method, control", METHOD_CONTROLS)
def test_autograd_through_propagate(method, control, rng):
    """Reverse mode is evaluate_objective's gradient, forward mode the tangent."""
    pulse = case(control=control)
    target = TARGET / np.linalg.norm(TARGET)

    def states(waveform):
        return sl.propagate(pulse.generator, waveform, pulse.dt, pulse.rho0, method, control)

    def loss(waveform):
        return anp.dot(states(waveform)[-1], target)

    value, gradient = autograd.value_and_grad(loss)(pulse.waveform)
    expected = by_method(pulse, sl.transfer(target), method, control)(pulse.waveform)
    assert value == pytest.approx(expected[0], rel=1e-14)
    assert relative(gradient, expected[1]) < 1e-13

    direction = rng.normal(size=pulse.waveform.shape)
    result = sl.linearise(*pulse.arguments, method, control)
    value, change = make_jvp(states)(pulse.waveform)(direction)
    assert np.array_equal(value, result.states)
    assert np.array_equal(change, result.pushforward(direction))


@pytest.mark.parametrize("method", sl.METHODS)
def test_autograd_adds_up_the_members(method):
    """The members share one waveform: a loss over all of them, against the complex step."""
    control = "linear" if method == "fem-hermite" else "constant"
    pulse = case(control=control, members=3, steps=4)

    def loss(waveform):
        states = sl.propagate(pulse.generator, waveform, pulse.dt, pulse.rho0, method, control)
        return anp.sum(states[:, 2:, :2] ** 2) + anp.prod(states[:, -1, 2])

    def function(waveform):
        return loss(waveform), None if np.iscomplexobj(waveform) else autograd.grad(loss)(waveform)

    assert sl.check_gradient(function, pulse.waveform).relative_error < 1e-12


@pytest.mark.parametrize("system", ["one spin", "relaxing", "coupled"])
def test_autograd_through_the_plain_propagator(system, rng):
    """propagate_plain shares no line with GRAPE or the rotations."""
    pulse = case(system, steps=4)
    target = rng.normal(size=pulse.generator.dimension)
    target /= np.linalg.norm(target)

    def loss(waveform):
        states = sl.propagation.propagate_plain(pulse.generator, waveform, pulse.dt, pulse.rho0, terms=30)
        return anp.dot(states[-1], target)

    value, gradient = autograd.value_and_grad(loss)(pulse.waveform)
    for method in EXACT:
        if system != "one spin" and method in ONE_SPIN:
            continue
        function = by_method(pulse, sl.transfer(target), method, "constant")
        assert relative(function(pulse.waveform)[0], value) < 1e-12, method
        assert relative(function(pulse.waveform)[1], gradient) < 1e-12, method


# Time as an unknown: the drift is one more control.

LENGTHS = [method for method, control in METHOD_CONTROLS if control == "constant"]


@pytest.mark.parametrize("system", ["one spin", "relaxing", "coupled"])
@pytest.mark.parametrize("method", LENGTHS)
def test_gradient_by_the_lengths_of_the_steps(method, system, rng):
    """And by the controls beside them, in one pullback: against the complex step."""
    if system != "one spin" and method in ONE_SPIN:
        return
    pulse = case(system, members=3, steps=5)
    target, generator = rng.normal(size=pulse.generator.dimension), pulse.generator.time_scaled()

    def function(x):
        scaled, pullback = sl.pulses.scale_time(x[1:], x[0])
        found = sl.evaluate_objective(generator, scaled, pulse.dt, pulse.rho0, sl.transfer(target), method)
        if np.iscomplexobj(x):
            return found.values.sum(), None
        by_controls, by_scale = pullback(found.gradients)
        return found.values.sum(), np.concatenate([by_scale[:, None], by_controls], axis=1).sum(axis=0)

    x = np.concatenate([rng.uniform(0.5, 1.5, (1, 5)), pulse.waveform])
    assert sl.check_gradient(function, x).relative_error < 1e-12


@pytest.mark.parametrize("method", LENGTHS)
def test_a_step_that_is_twice_as_long_is_two_steps(method):
    """For the exact methods; the others see one coarse element in place of two."""
    pulse = case()
    scaled, _ = sl.pulses.scale_time(pulse.waveform, np.full(6, 2.0))
    once = sl.propagate(pulse.generator.time_scaled(), scaled, pulse.dt, pulse.rho0, method)
    twice = sl.propagate(pulse.generator, np.repeat(pulse.waveform, 2, axis=1), pulse.dt, pulse.rho0, method)
    assert relative(once, twice[::2]) < (1e-12 if method in EXACT else 1)
    long = sl.propagate(pulse.generator, pulse.waveform, 2 * pulse.dt, pulse.rho0, method)
    assert relative(once, long) < 1e-12


# Finite elements against a dense matrix that is assembled here, from the numbers of the paper.

DENSE = {
    "fem-linear": ("linear", "constant", None),
    "fem-linear-sparse": ("linear", "constant", None),
    "fem-quadratic": ("quadratic", "constant", None),
    "fem-hermite": ("hermite", "linear", None),
    "fem-linear-reduced": ("linear", "constant", 1),
    "fem-quadratic-reduced": ("quadratic", "constant", 2),
    "fem-exact": ("linear", "constant", 1),
}


def dense_states(method, pulse):
    """Waveform to states at the ends of the elements; autograd sees through it."""
    shapes, control, _ = DENSE[method]
    first, C, second, masses = NUMBERS[DENSE[method]]
    C, masses = np.array(C) / first, np.array(masses) / second
    d, local = len(pulse.rho0), len(C)
    shared = 2 if shapes == "hermite" else 1
    step = local - shared
    elements = pulse.waveform.shape[1] - (control == "linear")
    size = (elements * step + shared) * d
    operators = [pulse.generator.drift, *pulse.generator.controls]

    def states(waveform):
        K = np.zeros((size, size))
        for n in range(elements):
            place = np.eye(size)[n * step * d : n * step * d + local * d]
            block = np.kron(C, np.eye(d))
            for q, M in enumerate(masses):
                u = waveform[:, n + q]
                A = operators[0] + u[0] * operators[1] + u[1] * operators[2]
                if method == "fem-exact":
                    theta = pulse.dt * anp.sqrt(A[1, 0] ** 2 + A[0, 2] ** 2 + A[2, 1] ** 2)
                    A = A * anp.tan(theta / 2) / (theta / 2)
                block = block - pulse.dt * anp.kron(M, A)
            K = K + anp.dot(anp.dot(place.T, block), place)
        K = anp.concatenate([np.eye(size)[:d], K[d:]])
        right = np.concatenate([pulse.rho0, np.zeros(size - d)])
        return anp.reshape(anp.linalg.solve(K, right), (-1, d))[::step][: elements + 1]

    return states


@pytest.mark.parametrize("system", ["one spin", "relaxing"])
@pytest.mark.parametrize("method", DENSE)
def test_finite_elements_against_a_dense_solve(method, system, rng):
    if (method, system) == ("fem-exact", "relaxing"):
        return
    control = DENSE[method][1]
    pulse = case(system, control, steps=5)
    weights = rng.normal(size=(6, len(pulse.rho0)))
    states = dense_states(method, pulse)
    result = sl.linearise(*pulse.arguments, method, control)
    assert relative(result.states, states(pulse.waveform)) < 1e-12
    expected = autograd.grad(lambda u: anp.sum(weights * states(u)))(pulse.waveform)
    assert relative(result.pullback(weights), expected) < 1e-12


# The same physics, written otherwise.


@pytest.mark.parametrize("system", ["one spin", "relaxing", "coupled"])
@pytest.mark.parametrize("method, control", ANY_SYSTEM)
def test_complex_basis_against_the_real_one(method, control, system, rng):
    """The elements of the density matrix are complex numbers; the gradient is the same."""
    spins, parameters = SYSTEMS[system]
    pulse = case(system, control, steps=4)
    columns = np.array(sl.spins.basis_matrix(spins.spins, spins.relaxes).tolist(), dtype=complex)
    elements = sl.evaluate(
        sl.liouvillian(spins, "elements"), offset_hz=600.0, b1_scale=1.1, rf_hz=8e3, **parameters
    )
    target = rng.normal(size=len(pulse.rho0))
    real = by_method(pulse, sl.transfer(target), method, control)(pulse.waveform)
    norm = 2.0 ** ((spins.spins - 2) / 2)  # of every product operator
    found = sl.evaluate_objective(
        elements, pulse.waveform, pulse.dt, columns @ pulse.rho0 / norm,
        sl.transfer(columns @ target), method, control,
    )  # fmt: skip
    assert np.isrealobj(found.values) and np.isrealobj(found.gradients)
    assert relative(found.values, real[0]) < 1e-12
    assert relative(found.gradients, real[1]) < 1e-12


@pytest.mark.parametrize("method, control", ANY_SYSTEM)
def test_autograd_of_complex_states(method, control, rng):
    """A real loss of complex states, not analytic in them, against a central difference."""
    pulse = case(control=control, steps=3)
    elements = sl.evaluate(sl.liouvillian(basis="elements"), offset_hz=600.0, rf_hz=8e3)
    rho0 = np.array(sl.spins.basis_matrix().tolist(), dtype=complex) @ pulse.rho0
    weights = rng.normal(size=4) + 1j * rng.normal(size=4)

    def loss(waveform):
        states = sl.propagate(elements, waveform, pulse.dt, rho0, method, control)
        overlap = anp.sum(weights * states[-1])
        return anp.real(overlap) + 2 * anp.abs(overlap) ** 2 + anp.imag(states[-2, 1]) ** 2

    def function(waveform):
        return loss(waveform), autograd.grad(loss)(waveform)

    assert sl.check_gradient(function, pulse.waveform, "difference").relative_error < 1e-7


@pytest.mark.parametrize("members", [None, 3])
@pytest.mark.parametrize("method, control", METHOD_CONTROLS)
def test_complex_states_of_a_real_generator(method, control, members, rng):
    """I+ = Ix + i Iy: real and imaginary part each go their way, Re<C|rho> adds them up."""
    pulse = case(control=control, columns=2, members=members)
    targets = rng.normal(size=(3, 2))
    targets /= np.linalg.norm(targets)
    start, target = (pair[:, 0] + 1j * pair[:, 1] for pair in (pulse.rho0, targets))
    found = sl.evaluate_objective(
        pulse.generator, pulse.waveform, pulse.dt, start, sl.transfer(target), method, control
    )
    result = sl.linearise(*pulse.arguments, method, control)
    end = -1 if members is None else (slice(None), -1)
    costates = np.zeros(result.states.shape)
    costates[end] = targets
    expected = np.sum(result.states[end] * targets, axis=(-2, -1))
    assert np.isrealobj(found.values) and np.isrealobj(found.gradients)
    assert relative(found.values, expected) < 1e-12
    assert relative(found.gradients, result.pullback(costates)) < 1e-12


@pytest.mark.parametrize("method, control", METHOD_CONTROLS)
def test_where_only_one_of_them_is_complex(method, control):
    """A complex start with a real target, a real start with a complex target: real parts count."""
    pulse = case(control=control)
    real = by_method(pulse, sl.transfer(TARGET), method, control)(pulse.waveform)
    other = case(control=control, seed=2).rho0
    for start, target in ((pulse.rho0 + 1j * other, TARGET), (pulse.rho0, TARGET + 1j * other)):
        scale = np.linalg.norm(target) / np.linalg.norm(TARGET)
        found = sl.evaluate_objective(
            pulse.generator, pulse.waveform, pulse.dt, start, sl.transfer(target), method, control
        )
        assert np.isrealobj(found.values) and np.isrealobj(found.gradients)
        assert relative(found.values * scale, real[0]) < 1e-12
        assert relative(found.gradients * scale, real[1]) < 1e-12


@pytest.mark.parametrize("method, control", METHOD_CONTROLS)
def test_member_axis_is_a_loop(method, control, monkeypatch):
    """Also where the members come in several chunks."""
    monkeypatch.setattr(methods, "CHUNK", 4 * 3 * 9)  # of at most 4 members
    pulse = case(control=control, members=11, steps=3)
    objective = sl.transfer(TARGET)
    together = by_method(pulse, objective, method, control)(pulse.waveform)
    assert len(together[0]) == len(together[1]) == 11
    states = sl.propagate(*pulse.arguments, method, control)
    for k in range(11):
        alone = case(control=control, members=11, steps=3)
        alone.generator = pulse.generator.member(k)
        value, gradient = by_method(alone, objective, method, control)(pulse.waveform)
        assert relative(together[0][k], value) < 1e-12
        assert relative(together[1][k], gradient) < 1e-12
        assert relative(states[k], sl.propagate(*alone.arguments, method, control)) < 1e-12


@pytest.mark.parametrize("method", ["rotations", "grape-batched"])
def test_many_members_are_a_loop_too(method):
    pulse = case(members=1100, steps=3)
    together = by_method(pulse, sl.transfer(TARGET), method, "constant")(pulse.waveform)
    for k in (0, 63, 64, 1023, 1024, 1099):
        alone = case(members=1100, steps=3)
        alone.generator = pulse.generator.member(k)
        value, gradient = by_method(alone, sl.transfer(TARGET), method, "constant")(pulse.waveform)
        assert relative(together[0][k], value) < 1e-12
        assert relative(together[1][k], gradient) < 1e-12


@pytest.mark.parametrize("method", sl.METHODS)
def test_inputs_are_left_alone(method, rng):
    """LAPACK overwrites its own arrays, not the caller's; a linearisation can be used twice."""
    control = "linear" if method == "fem-hermite" else "constant"
    pulse = case(control=control, columns=2, members=2)
    arrays = (pulse.generator.drift, pulse.generator.controls, pulse.waveform, pulse.rho0)
    before = [array.copy() for array in arrays]
    result = sl.linearise(*pulse.arguments, method, control)
    states, costates = result.states.copy(), rng.normal(size=result.states.shape)
    kept, direction = costates.copy(), rng.normal(size=pulse.waveform.shape)
    gradient, change = result.pullback(costates), result.pushforward(direction)
    assert np.array_equal(gradient, result.pullback(costates))
    assert np.array_equal(change, result.pushforward(direction))
    assert np.array_equal(states, result.states) and np.array_equal(kept, costates)
    assert all(np.array_equal(old, new) for old, new in zip(before, arrays, strict=True))
    final, pull = sl.propagation.linearise_final(*pulse.arguments, method, control)
    at_end = pull(final)
    pulse.waveform[:], pulse.rho0[:] = 0, 0  # the caller may write to his own
    assert np.array_equal(at_end, pull(final))
    assert np.array_equal(gradient, result.pullback(costates))
    assert np.array_equal(change, result.pushforward(direction))


@pytest.mark.parametrize("members", [None, 3])
@pytest.mark.parametrize("method, control", METHOD_CONTROLS)
def test_states_are_read_only(method, control, members):
    """The pullback needs them as they are."""
    pulse = case(control=control, members=members)
    result = sl.linearise(*pulse.arguments, method, control)
    final, _ = sl.propagation.linearise_final(*pulse.arguments, method, control)
    for states in (result.states, final):
        with pytest.raises(ValueError, match="read-only"):
            states[:] = 0

    def careless(final):
        final /= np.linalg.norm(final)
        return final[..., 0], np.ones(final.shape)

    with pytest.raises(ValueError, match="read-only"):
        sl.evaluate_objective(*pulse.arguments, careless, method, control)


@pytest.mark.parametrize("method", sl.METHODS)
def test_long_doubles_are_doubles(method):
    control = "linear" if method == "fem-hermite" else "constant"
    pulse = case(control=control, members=2)
    objective = sl.transfer(TARGET)
    generator = sl.Generator(
        pulse.generator.drift.astype(np.longdouble), pulse.generator.controls.astype(np.longdouble)
    )
    long = generator, *(np.asarray(one, np.longdouble) for one in pulse.arguments[1:])
    expected = sl.evaluate_objective(*pulse.arguments, objective, method, control)
    found = sl.evaluate_objective(*long, objective, method, control)
    assert np.array_equal(found.values, expected.values)
    assert np.array_equal(found.gradients, expected.gradients)


# Prepared once, then looped.


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("members, kept", [(None, 10_000), (11, 10_000), (11, 0)])
@pytest.mark.parametrize("method, control", METHOD_CONTROLS)
def test_what_is_prepared_evaluates_every_waveform(
    method, control, members, kept, weighted, monkeypatch, rng
):
    """Other waveforms, other lengths, in several chunks, kept or not: as if each came alone."""
    monkeypatch.setattr(methods, "CHUNK", 4 * 3 * 9)
    monkeypatch.setattr(methods, "KEPT", kept)
    weights = rng.uniform(size=11) if weighted and members else None
    objective = sl.transfer(TARGET)
    pulse = case(control=control, members=members, steps=3)
    evaluate = sl.propagation.prepare_objective(
        pulse.generator, pulse.dt, pulse.rho0, objective, method, control, weights
    )
    for steps in (3, 3, 5, 3):
        waveform = rng.uniform(-1, 1, (2, steps + (control == "linear")))
        expected = sl.evaluate_objective(
            pulse.generator, waveform, pulse.dt, pulse.rho0, objective, method, control, weights
        )
        found = evaluate(waveform)
        assert np.array_equal(found.values, expected.values)
        assert np.array_equal(found.gradients, expected.gradients)


@pytest.mark.parametrize("method, control", METHOD_CONTROLS)
def test_complex_step_through_what_is_prepared(method, control):
    pulse = case(control=control, members=3, steps=4)
    weights = np.array([0.2, 0.5, 0.3])
    evaluate = sl.propagation.prepare_objective(
        pulse.generator, pulse.dt, pulse.rho0, sl.transfer(TARGET), method, control, weights
    )

    def function(waveform):
        result = evaluate(waveform)
        return weights @ result.values, result.gradients

    assert sl.check_gradient(function, pulse.waveform).relative_error < 1e-12


@pytest.mark.parametrize("kept, prepared", [(10_000, 3), (0, 12)])
def test_chunks_are_prepared_once_where_members_are_few(kept, prepared, monkeypatch):
    calls = []

    def prepare(*arguments):
        calls.append(arguments)
        return sl.propagation.rotations.prepare(*arguments)

    monkeypatch.setitem(methods.METHODS, "rotations", prepare)
    monkeypatch.setattr(methods, "CHUNK", 4 * 3 * 9)
    monkeypatch.setattr(methods, "KEPT", kept)
    pulse = case(members=11, steps=3)
    evaluate = sl.propagation.prepare_objective(
        pulse.generator, pulse.dt, pulse.rho0, sl.transfer(TARGET)
    )
    for scale in (1, 0.5, 0.3, 0.1):
        evaluate(scale * pulse.waveform)
    assert len(calls) == prepared


def test_first_step_of_the_rotation_gradient_by_hand():
    """A single step about its own axis: f = sin(theta), df/du = theta cos(theta) / u."""
    generator, u = sl.evaluate(rf_hz=1e4), 0.7
    theta, objective = 2 * np.pi * 1e4 * u * 1e-5, sl.transfer([1.0, 0, 0])
    for method in EXACT:
        result = sl.evaluate_objective(
            generator, np.array([[0.0], [u]]), 1e-5, sl.state("Iz"), objective, method
        )
        assert result.values == pytest.approx(np.sin(theta), rel=1e-13)
        assert result.gradients[1, 0] == pytest.approx(theta * np.cos(theta) / u, rel=1e-12)


def test_second_derivatives_are_refused():
    pulse = case()

    def loss(waveform):
        states = sl.propagate(pulse.generator, waveform, pulse.dt, pulse.rho0)
        return anp.sum(states[-1] ** 2)

    for second in (autograd.hessian(loss), lambda u: make_jvp(autograd.grad(loss))(u)(u)):
        with pytest.raises(TypeError, match="first derivative only"):
            second(pulse.waveform)


# The checker itself.


@pytest.mark.parametrize("kind, tolerance", [("complex", 1e-15), ("difference", 1e-9)])
def test_check_gradient_tells_right_from_wrong(kind, tolerance):
    x = np.array([[0.3, -1.2], [2.0, 0.7]])
    right = sl.check_gradient(lambda x: (np.sum(np.sin(x) * x), np.sin(x) + x * np.cos(x)), x, kind)
    wrong = sl.check_gradient(lambda x: (np.sum(np.sin(x) * x), np.sin(x)), x, kind)
    assert right.relative_error < tolerance and right.kind == kind
    assert wrong.relative_error > 0.1
    assert np.allclose(right.numeric, right.analytic)


def test_check_gradient_samples():
    x = np.arange(1.0, 30.0)
    few = sl.check_gradient(lambda x: (np.sum(x**2), 2 * x), x, samples=4, seed=3)
    assert few.analytic.shape == (4,) and len(set(few.analytic)) == 4
    again = sl.check_gradient(lambda x: (np.sum(x**2), 2 * x), x, samples=4, seed=3)
    assert np.array_equal(few.analytic, again.analytic)
