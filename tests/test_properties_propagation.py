"""Properties of propagation: any spins, any pulse, any state, by every method."""

from functools import partial

import autograd
import autograd.numpy as anp
import numpy as np
import pytest
import strategies as some
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import coefficients, slope
from tables import ANY_SYSTEM, EXACT, METHOD_CONTROLS, ONE_SPIN

import spinlab as sl
from spinlab.propagation import spinors

#: Derivatives and linear algebra are exact for the discrete states, however coarse the steps.
pytestmark = pytest.mark.filterwarnings("ignore::spinlab.propagation.CoarseStepWarning")

#: Each step is a propagator of its own, the same function of its generator as the exponential is.
UNITARY = (*EXACT, "fem-linear-reduced", "fem-quadratic-reduced")
BASES = ("product", "elements")


def vector(matrix, spins, basis):
    """A density matrix as the state vector of a basis."""
    if basis == "elements":
        return matrix.ravel()
    return coefficients(matrix, sl.liouvillian(spins.symbolic).basis)


@st.composite
def cases(draw, methods, relaxing=True, most=2, steps=5):
    """Spins, a pulse, a method that takes them with its control, and the generator of a member."""
    method, control = draw(st.sampled_from(methods))
    alone = method in ONE_SPIN
    spins = draw(some.spins(1 if alone else most, relaxing=relaxing and not alone))
    shape = draw(some.shapes(steps, control=control))
    offset_hz, b1_scale = draw(some.members)
    means = {"offset_hz": offset_hz, "b1_scale": b1_scale, "rf_hz": shape.rf_hz}
    return spins, shape, method, control, means


CONSTANT = [pair for pair in METHOD_CONTROLS if pair[1] == "constant"]


def of(methods, pairs=METHOD_CONTROLS):
    return [pair for pair in pairs if pair[0] in methods]


@given(spins=some.spins(3), rf=some.real(2), member=some.members, data=st.data())
@some.examples(0.6)
def test_liouvillian_is_the_commutator(spins, rf, member, data):
    """With any matrix, Hermitian or not, in both bases."""
    X = data.draw(some.states(spins.count))
    offset, scale = member
    H = spins.hamiltonian(offset, *(700.0 * scale * rf))
    for basis in BASES:
        generator = spins.generator(basis, offset_hz=offset, b1_scale=scale, rf_hz=700.0)
        (A,) = generator.at(rf[:, None])
        expected = vector(-1j * (H @ X - X @ H), spins, basis)
        assert np.allclose(A @ vector(X, spins, basis), expected, rtol=0, atol=1e-9)
        if basis == "product":
            assert np.isrealobj(A) and np.allclose(A, -A.T, rtol=0, atol=1e-9)


@given(drawn=cases(CONSTANT, relaxing=False), data=st.data())
def test_every_path_leads_to_the_same_state(drawn, data):
    """By matrices, by vectors in both bases, by the blocks of spinlab.mrs."""
    spins, shape, method, _, means = drawn
    method = method if method in EXACT else data.draw(st.sampled_from(some.GRAPE))
    rho0 = data.draw(some.states(spins.count))
    U = some.turn(spins, shape, means["offset_hz"], means["b1_scale"])
    final = U @ rho0 @ U.conj().T
    for basis in BASES if method not in ONE_SPIN else BASES[:1]:
        generator, start = spins.generator(basis, **means), vector(rho0, spins, basis)
        found = sl.propagate(generator, shape.waveform, shape.dt, start, method)[-1]
        assert np.allclose(found, vector(final, spins, basis), rtol=0, atol=1e-11)
        plain = sl.propagation.propagate_plain(generator, shape.waveform, shape.dt, start, terms=40)
        assert np.allclose(plain[-1], found, rtol=0, atol=1e-11)
    if not spins.weak:
        block = sl.mrs.ShapedPulse(shape.pulse)
        member = means["offset_hz"], means["b1_scale"]
        found = sl.mrs.simulate(spins.group, block, some.SCANNER, *member, start=rho0)
        assert np.allclose(found, final, rtol=0, atol=1e-8)


@given(drawn=cases(ANY_SYSTEM, relaxing=True), data=st.data())
def test_a_density_matrix_stays_one(drawn, data):
    """Its trace and Hermiticity by every method; by exact ones it stays positive, too."""
    spins, shape, method, control, means = drawn
    X = data.draw(some.states(spins.count))
    rho0 = X @ X.conj().T / np.linalg.norm(X) ** 2
    generator = spins.generator("elements", **means)
    states = sl.propagate(generator, shape.waveform, shape.dt, rho0.ravel(), method, control)
    matrices = states.reshape(-1, *rho0.shape)
    assert np.allclose(np.trace(matrices, axis1=1, axis2=2), 1, rtol=0, atol=1e-10)
    assert np.allclose(matrices, matrices.swapaxes(1, 2).conj(), rtol=0, atol=1e-10)
    if method in EXACT:
        assert np.linalg.eigvalsh(matrices).min() > -1e-10


@given(drawn=cases(of(UNITARY)), data=st.data())
def test_norm_is_kept_and_relaxation_does_not_add_to_it(drawn, data):
    """Of the difference of two states, for equilibrium attracts both."""
    spins, shape, method, control, means = drawn
    generator = spins.generator(**means)
    start = data.draw(some.complex_(generator.dimension))
    start[: bool(spins.times)] = 0  # no difference in the unit operator
    states = sl.propagate(generator, shape.waveform, shape.dt, start, method, control)
    norms = np.linalg.norm(states, axis=1)
    if spins.times:
        assert np.all(np.diff(norms) <= 1e-12)
    else:
        assert np.allclose(norms, norms[0], rtol=1e-11, atol=0)


@given(drawn=cases(of(UNITARY)), data=st.data())
def test_transposed_pulse(drawn, data):
    """<y, U x> = <U^T y, x>: the transposed generators, the last first; nothing is conjugated."""
    spins, shape, method, control, means = drawn
    generator = spins.generator(**means)
    x, y = data.draw(st.tuples(*[some.complex_(generator.dimension)] * 2))
    back = sl.Generator(generator.drift.T, generator.controls.swapaxes(1, 2))
    forth = sl.propagate(generator, shape.waveform, shape.dt, x, method, control)[-1]
    back = sl.propagate(back, shape.waveform[:, ::-1], shape.dt, y, method, control)[-1]
    assert abs(y @ forth - back @ x) < 1e-11


@given(drawn=cases(METHOD_CONTROLS), columns=st.booleans(), data=st.data())
def test_tangent_and_adjoint(drawn, columns, data):
    """Re <c, J d> = <J^T c, d> for complex costates of any states at all times; J is the slope."""
    spins, shape, method, control, means = drawn
    generator = spins.generator(**means)
    size = (generator.dimension, 2) if columns else (generator.dimension,)
    rho0 = data.draw(st.one_of(some.real(*size), some.complex_(*size)))
    direction = data.draw(some.real(*shape.waveform.shape))
    path = sl.linearise(generator, shape.waveform, shape.dt, rho0, method, control)
    rng = data.draw(some.seeds)
    costates = rng.normal(size=(2, *path.states.shape))
    costates = costates[0] + 1j * costates[1]
    change = path.pushforward(direction)
    left = np.sum(costates.conj() * change).real
    gradient = path.pullback(costates)
    right = np.sum(gradient * direction)
    assert abs(left - right) < 1e-11 * (1 + np.linalg.norm(costates) * np.linalg.norm(change))

    def states(waveform):
        return sl.propagate(generator, waveform, shape.dt, rho0, method, control)

    assert np.allclose(change, slope(states, shape.waveform, direction), rtol=0, atol=1e-7)
    loss = autograd.grad(lambda waveform: anp.sum(anp.real(costates.conj() * states(waveform))))
    assert np.allclose(loss(shape.waveform), gradient, rtol=0, atol=1e-9)


@given(drawn=cases(of(EXACT, CONSTANT), relaxing=False), data=st.data())
def test_transfer_and_its_gradient(drawn, data):
    """Re tr(C^+ rho) / |C| of matrices, for any state and target, in both bases."""
    spins, shape, method, _, means = drawn
    rho0, C = (data.draw(some.states(spins.count)) for _ in range(2))
    direction = data.draw(some.real(*shape.waveform.shape))

    def by_hand(C, waveform):
        bent = some.Shape(waveform, shape.dt, shape.rf_hz)
        U = some.turn(spins, bent, means["offset_hz"], means["b1_scale"])
        return np.vdot(C, U @ rho0 @ U.conj().T).real / np.linalg.norm(C)

    for basis in BASES if method not in ONE_SPIN else BASES[:1]:
        start, target = (vector(X, spins, basis) for X in (rho0, C))
        if not target.any():  # the unit operator
            continue
        # Both vectors are in units of the product operators' norm; the target has its own.
        unit = 1.0 if basis == "elements" else 2 ** (spins.count / 2 - 1)
        traceless = C if basis == "elements" else C - np.trace(C) / len(C) * np.eye(len(C))
        found = sl.evaluate_objective(
            spins.generator(basis, **means), shape.waveform, shape.dt, start, sl.transfer(target),
            method,
        )  # fmt: skip
        expected = slope(partial(by_hand, traceless), shape.waveform, direction)
        assert found.values * unit == pytest.approx(by_hand(traceless, shape.waveform), abs=1e-10)
        assert np.sum(found.gradients * direction) * unit == pytest.approx(expected, abs=1e-7)


@given(shape=some.shapes(), ensemble=some.ensembles(), control=st.sampled_from(("constant", "linear")), data=st.data())
def test_the_scan_of_many_members_is_their_band(shape, ensemble, control, data):
    """Another path of the rotations, which few members never take; also of complex states."""
    assume(control == "constant" or shape.waveform.shape[1] > 1)
    generator = some.Spins((0.0,)).generator(
        offset_hz=ensemble.offset_hz, b1_scale=ensemble.b1_scale, rf_hz=shape.rf_hz)  # fmt: skip
    rho0, target = data.draw(some.complex_(3)), data.draw(some.complex_(3).filter(np.any))
    acts = generator, shape.waveform, shape.dt, rho0, sl.transfer(target), "rotations", control
    band = sl.evaluate_objective(*acts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("spinlab.propagation.methods.SCAN_FROM", 0)
        scan = sl.evaluate_objective(*acts)
    assert np.allclose(scan.values, band.values, rtol=0, atol=1e-12)
    assert np.allclose(scan.gradients, band.gradients, rtol=0, atol=1e-11)


@given(drawn=cases(METHOD_CONTROLS, steps=4))
@some.examples(0.6)
def test_error_falls_with_the_step(drawn):
    """Whatever the method: steps of half the length are off by less than two thirds."""
    spins, shape, method, control, means = drawn
    generator = spins.generator(**means)
    start = np.eye(generator.dimension)
    ends = np.arange(shape.waveform.shape[1])

    def final(refine, method):
        if control == "linear":
            fine = np.linspace(0, ends[-1], refine * ends[-1] + 1)
            waveform = np.array([np.interp(fine, ends, row) for row in shape.waveform])
        else:
            waveform = np.repeat(shape.waveform, refine, axis=1)
        return sl.propagate(generator, waveform, shape.dt / refine, start, method, control)[-1]

    exact = final(64 if control == "linear" else 1, "grape-batched")
    errors = [np.abs(final(refine, method) - exact).max() for refine in (2, 4, 8)]
    assert all(b < max(0.67 * a, 1e-9) for a, b in zip(errors[:-1], errors[1:], strict=True))


@given(drawn=cases(of((*some.GRAPE, "rotations", "fem-exact"), CONSTANT)), data=st.data())
def test_pulses_follow_each_other(drawn, data):
    """Two parts of a pulse are the pulse, and no pulse remembers where its state came from."""
    spins, shape, method, _, means = drawn
    generator = spins.generator(**means)
    x, y = data.draw(st.tuples(*[some.complex_(generator.dimension)] * 2))
    whole = np.concatenate([shape.waveform, -shape.waveform[::-1], shape.waveform], axis=1)
    cut = data.draw(st.integers(1, whole.shape[1] - 1))
    first, second = whole[:, :cut], whole[:, cut:]

    def run(waveform, start):
        return sl.propagate(generator, waveform, shape.dt, start, method)[-1]

    expected = run(second, run(first, x)) + 1j * run(whole, y)
    assert np.allclose(run(whole, x + 1j * y), expected, rtol=0, atol=1e-11)


@given(shape=some.shapes(), member=some.members, angle=some.between(-7, 7), data=st.data())
def test_phase_of_a_pulse(shape, member, angle, data):
    """A pulse of another phase is the same pulse between two turns about z."""
    offset, scale = member
    generator = sl.evaluate(offset_hz=offset, b1_scale=scale, rf_hz=shape.rf_hz)
    c, s = np.cos(angle), np.sin(angle)
    about_z = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    start = data.draw(some.complex_(3))
    method = data.draw(st.sampled_from(EXACT))
    turned = sl.propagate(generator, about_z[:2, :2] @ shape.waveform, shape.dt, start, method)
    plain = sl.propagate(generator, shape.waveform, shape.dt, about_z.T @ start, method)
    assert np.allclose(turned[-1], about_z @ plain[-1], rtol=0, atol=1e-11)


FIDELITIES = {
    "universal": lambda U, V, *_: np.trace(V.conj().T @ U).real / 2,
    "rotation": lambda U, V, *_: np.trace(some.rotation_of(V).T @ some.rotation_of(U)) / 3,
    "transfer": lambda U, _, start, target: target @ some.rotation_of(U) @ start,
}


@given(
    kind=st.sampled_from(tuple(FIDELITIES)), phase=some.real(5, low=-7, high=7), ensemble=some.ensembles(),
    angle=some.between(-4, 4), vectors=st.tuples(*[some.unit(3)] * 3), direction=some.real(5),
)  # fmt: skip
def test_spinors_and_their_derivatives(kind, phase, ensemble, angle, vectors, direction):
    """Value, gradient and Hessian of a phase pulse against products of 2 x 2 matrices."""
    rf_hz, dt, (axis, *states), weights = 2e4, 1e-5, vectors, ensemble.weights
    wanted = sl.turn(angle, axis)

    def value(phase):
        shape = some.Shape(np.array([np.cos(phase), np.sin(phase)]), dt, rf_hz)
        members = zip(ensemble.offset_hz, ensemble.b1_scale, strict=True)
        turns = [some.turn(some.Spins((0.0,)), shape, *member) for member in members]
        return weights @ [FIDELITIES[kind](U, wanted, *states) for U in turns]

    path = spinors.propagate_phase(phase, ensemble.offset_hz, ensemble.b1_scale, rf_hz, dt)
    target = states if kind == "transfer" else [spinors.spinor_target(wanted)]
    fidelity = getattr(spinors, f"{kind}_fidelity")(path.final, *target)
    assert weights @ fidelity.values == pytest.approx(value(phase), abs=1e-12)
    gradient = spinors.gradient_of_mean(path.tangents, fidelity, weights)
    assert gradient @ direction == pytest.approx(slope(value, phase, direction, 1e-4), abs=1e-6)
    hessian = spinors.hessian_of_mean(path.poles, fidelity, weights)
    second = slope(lambda x: slope(value, x, direction, 5e-4), phase, direction, 5e-4)
    assert direction @ hessian @ direction == pytest.approx(second, abs=1e-4)
