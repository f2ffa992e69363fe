"""Properties of control problems: goals, ensembles, judges, and what becomes of the unknowns."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import strategies as some
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import slope
from tables import EXACT, METHOD_CONTROLS

import spinlab as sl

pytestmark = pytest.mark.filterwarnings("ignore::spinlab.propagation.CoarseStepWarning")

KINDS = ("phase", "xy", "xy-box", "xy-free")
BOTH = ("constant", "linear")
TURNS = st.tuples(some.between(-3, 3), some.unit(3)).map(lambda pair: sl.turn(*pair))


@st.composite
def problems(draw, ensembles=None, controls=("constant",)):
    """One spin, any objective, any ensemble."""
    objective = draw(st.sampled_from((*sl.OBJECTIVES, "universal", "linear-phase")))
    U = draw(TURNS)
    R, start = some.rotation_of(U), None if objective in ("rotation", "universal") else draw(some.unit(3))
    target = {"rotation": R, "universal": U, "subspace": R[:, :2], "magnitude": R[:, :2]}.get(objective, 2 * R[0])
    if objective == "transfer" and draw(st.booleans()):
        target = target + 1j * draw(some.real(3))
    delay = draw(some.between(-1e-4, 1e-4)) if objective == "linear-phase" else 0.0
    steps = draw(st.integers(1, 4))
    return sl.Problem(
        start, target, 1e-5 * steps, steps, 1 + draw(some.between(0, 2e4)),
        draw(some.ensembles() if ensembles is None else ensembles), objective=objective,
        control=draw(st.sampled_from(controls)), delay=delay,
    )  # fmt: skip


def members_of(ensemble):
    return list(zip(ensemble.offset_hz, ensemble.b1_scale, strict=True))


def by_hand(problem, waveform, pairs):
    """Objective of members, from 2 x 2 propagators."""
    shape, spins = some.Shape(waveform, problem.dt, problem.rf_hz), some.Spins((0.0,))
    return np.array([objective(problem, some.turn(spins, shape, *pair), pair[0]) for pair in pairs])


def objective(problem, U, offset_hz):
    R, start, target = some.rotation_of(U), problem.start, problem.target
    if problem.objective == "universal":
        return np.trace(target.conj().T @ U).real / 2
    if problem.objective == "rotation":
        return np.trace(target.T @ R) / 3
    if problem.objective in ("subspace", "magnitude"):
        length = np.linalg.norm(target.T @ R @ start)
        return length**2 if problem.objective == "subspace" else length
    c, s = np.cos(2 * np.pi * offset_hz * problem.delay), np.sin(2 * np.pi * offset_hz * problem.delay)
    later = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    return np.vdot(target, later @ R @ start).real / np.linalg.norm(target)


@st.composite
def goals(draw, problem):
    """Keywords of Problem.goal that go with a problem, and unknowns."""
    universal, constant = problem.objective == "universal", problem.control == "constant"
    assume(constant or not universal)
    kind = "phase" if universal else draw(st.sampled_from(KINDS))
    methods = [method for method, control in METHOD_CONTROLS if control == problem.control]
    complex_target = problem.objective == "transfer" and np.iscomplexobj(problem.target)
    if kind == "phase" and constant and problem.objective in ("transfer", "rotation") and not complex_target:
        methods += 3 * ["spinors"]
    how = {
        "kind": kind, "radius": draw(st.sampled_from((0.0, 3e-6, 2e-5))),
        "method": "spinors" if universal else draw(st.sampled_from(methods)),
        "aggregate": draw(st.sampled_from(("mean", "smooth-worst", "tail", "worst"))),
    }  # fmt: skip
    if how["method"] != "spinors" and draw(st.booleans()):
        echo = draw(some.complex_(2))  # often strong enough to overshoot
        how["distortion"] = sl.pulses.measured([1.2, *(0.8 * echo)], 5e-6)
    return how, draw(some.real((1 if kind == "phase" else 2) * problem.samples))


@given(problem=problems(), data=st.data())
@some.examples(2)
def test_goal_is_the_aggregate_of_the_members(problem, data):
    """For every objective, kind, method, aggregate and coil; and its gradient is its slope."""
    how, x = data.draw(goals(problem))
    goal, direction = problem.goal(**how), data.draw(some.real(x.size))
    coil, radius = how.get("distortion"), how["radius"]
    if how["kind"] == "xy-free" and radius < problem.dt / 6**0.5:
        radius = 0.0
    shape = sl.pulses.Parametrisation(how["kind"], radius, problem.dt, distortion=coil)
    waveform, _ = shape.waveform(x.reshape(shape.rows, -1))
    aggregate, weights = sl.AGGREGATES[how["aggregate"]], problem.ensemble.weights
    value, gradient = goal.value(x)
    if how["method"] in (*EXACT, "spinors"):
        task = problem.felt(coil) if coil else problem
        members = 1 - by_hand(task, shape.felt(waveform)[0], members_of(problem.ensemble))
        assert value == pytest.approx(aggregate(members, weights)[0], abs=1e-10)
    else:
        members = problem.goal(**{**how, "aggregate": "mean"}).members(x)[0]
    if problem.objective == "magnitude" and np.any(members > 1 - 1e-3):
        return  # there it has a corner
    apart = np.diff(np.sort(members)) if how["aggregate"] in ("tail", "worst") else np.ones(1)
    if np.all(apart > 1e-3):  # where two members change places, an aggregate has a corner
        assert gradient @ direction == pytest.approx(
            slope(lambda x: goal.value(x)[0], x, direction, 1e-6), abs=2e-6, rel=1e-6)  # fmt: skip


@given(problem=problems(controls=BOTH), data=st.data())
def test_members_of_a_goal(problem, data):
    """They add up to the value and its gradient; residuals and curvatures belong to them."""
    how, x = data.draw(goals(problem))
    goal, weights = problem.goal(**{**how, "aggregate": "mean"}), problem.ensemble.weights
    values, jacobian = goal.members(x)
    value, gradient = goal.value(x)
    assert value == pytest.approx(weights @ values, abs=1e-12)
    assert np.allclose(gradient, weights @ jacobian, rtol=0, atol=1e-10)
    exact = how["method"] in (*EXACT, "spinors")  # which keep the length of a state
    if goal.residuals and exact and not np.iscomplexobj(problem.target):
        residuals, slopes = goal.residuals(x)
        assert np.sum(residuals**2) / 2 == pytest.approx(np.sum(values), abs=1e-9)
        direction = data.draw(some.real(x.size))
        expected = slope(lambda x: goal.residuals(x)[0], x, direction, 1e-6)
        assert np.allclose(slopes @ direction, expected, rtol=0, atol=1e-7)
        share = np.tile(weights, residuals.size // len(weights))
        assert np.allclose(goal.gauss_newton(x), slopes.T * share @ slopes, rtol=0, atol=1e-10)
    if goal.hessian:
        e = np.eye(x.size)
        expected = np.array([slope(lambda x: goal.value(x)[1], x, row) for row in e])
        assert np.allclose(goal.hessian(x), expected, rtol=0, atol=1e-7)


@given(problem=problems(controls=BOTH), data=st.data())
def test_ensemble_is_the_sum_of_its_members(problem, data):
    """In any order, one by one, or with a member that is there twice with half its weight."""
    how, x = data.draw(goals(problem))
    members = problem.ensemble
    order = data.draw(st.permutations(range(members.members)))

    def value(ensemble, aggregate=how["aggregate"]):
        goal = replace(problem, ensemble=ensemble).goal(**{**how, "aggregate": aggregate})
        total, gradient = goal.value(x)
        return np.append(gradient, total)

    def chosen(index, weights):
        return sl.Ensemble(members.offset_hz[index], members.b1_scale[index], weights)

    whole, weights = value(members), members.weights
    if how["aggregate"] != "worst":  # of two equal ones it takes the first
        assert np.allclose(value(chosen(order, weights[order])), whole, rtol=0, atol=1e-9)
    twice = [*range(members.members), 0]
    halved = np.append(weights, weights[0] / 2)
    halved[0] /= 2
    assert np.allclose(value(chosen(twice, halved)), whole, rtol=0, atol=1e-9)
    alone = [value(chosen([k], [1.0]), "mean") for k in range(members.members)]
    assert np.allclose(weights @ alone, value(members, "mean"), rtol=0, atol=1e-10)


grids = st.builds(
    lambda low, width, count, scales: sl.Ensemble.grid(
        np.linspace(low, low + width, count), np.linspace(0.8, 1.2, scales) if scales > 1 else [1.1]
    ),
    some.between(-3e3, 3e3), some.between(0.0, 3e3).filter(bool), st.integers(2, 4), st.integers(1, 3),
)  # fmt: skip


@given(problem=problems(grids), data=st.data())
@some.examples(0.6)
@pytest.mark.filterwarnings("ignore::spinlab.control.CoarseGridWarning")
def test_judge_agrees_with_the_design_on_its_grid(problem, data):
    how, x0 = data.draw(goals(problem))
    assume(how["method"] in (*EXACT, "spinors"))
    rows = 1 if how["kind"] == "phase" else 2
    assume(np.linalg.norm(problem.goal(**{**how, "aggregate": "mean"}).value(x0)[1]) > 1e-6)
    result = sl.design(problem, x0=x0.reshape(rows, -1), max_iterations=2, **{**how, "aggregate": "mean"})
    axes = (np.unique(axis) for axis in (problem.ensemble.offset_hz, problem.ensemble.b1_scale))
    counts = [max(2, len(axis)) for axis in axes]
    report = result.judge(offsets=counts[0], scales=counts[1])
    assert report.mean == pytest.approx(result.fidelity, abs=1e-9)
    felt = report.felt
    task = replace(problem, steps=felt.steps, duration=felt.duration, rf_hz=felt.rf_hz)
    pairs = list(product(report.offset_hz, report.b1_scale))
    assert report.fidelity.ravel() == pytest.approx(by_hand(task, felt.waveform, pairs), abs=1e-9)


@given(ensemble=some.ensembles(relaxing=True), shape=some.shapes(4), data=st.data())
def test_members_with_times_of_their_own(ensemble, shape, data):
    """Against the Bloch equation of every member; equilibrium and target are those of z."""
    start, target = data.draw(some.unit(3)), data.draw(some.unit(3))
    method = data.draw(st.sampled_from(some.GRAPE))
    system = some.symbolic(1, False, True)
    problem = sl.Problem(
        np.append(1.0, start), np.append(0.0, target), shape.dt * shape.waveform.shape[1],
        shape.waveform.shape[1], shape.rf_hz, ensemble, system, parameters={"f1": 0.0},
    )  # fmt: skip
    expected = 0.0
    for offset, scale, t1, t2, weight in zip(
        ensemble.offset_hz, ensemble.b1_scale, ensemble.t1, ensemble.t2, ensemble.weights, strict=True
    ):
        M = np.append(start, 1.0)
        for ux, uy in shape.waveform.T:
            w = 2 * np.pi * np.array([scale * shape.rf_hz * ux, scale * shape.rf_hz * uy, offset])
            bloch = np.zeros((4, 4))
            bloch[:3, :3] = np.cross(w, np.eye(3), axisb=0).T - np.diag([1 / t2, 1 / t2, 1 / t1])
            bloch[2, 3] = 1 / t1
            M = some.expm(shape.dt * bloch) @ M
        expected += weight * target @ M[:3]
    assert problem.fidelity(shape.waveform, method)[0] == pytest.approx(expected, abs=1e-11)


@given(errors=some.real(5, low=0.0), weights=some.real(5, low=0.0), data=st.data())
def test_aggregates(errors, weights, data):
    """Between the mean and the worst; slopes are shares; no member's place matters."""
    weights = (weights + 1e-3) / (weights + 1e-3).sum()
    order = data.draw(st.permutations(range(5)))
    for aggregate in sl.AGGREGATES.values():
        value, slopes = aggregate(errors, weights)
        assert weights @ errors - 1e-12 <= value <= errors.max() + 1e-12
        assert slopes.min() >= 0 and slopes.sum() == pytest.approx(1)
        assert aggregate(errors[order], weights[order])[0] == pytest.approx(value, abs=1e-12)
        assert aggregate(errors + 0.5, weights)[0] == pytest.approx(value + 0.5, abs=1e-12)


@given(x=some.real(2, 6), radius=some.between(0, 1e-4), control=st.sampled_from(BOTH), data=st.data())
def test_helmholtz_filter(x, radius, control, data):
    """It keeps constants, its pullback is its transpose, and wide ones never overshoot."""
    y, dt = data.draw(some.real(2, 6)), 1e-5
    smooth, pullback = sl.pulses.helmholtz(x, radius, dt, control)
    assert np.sum(y * smooth) == pytest.approx(np.sum(pullback(y) * x), abs=1e-12)
    constant = np.ones((2, 6)) * x[:, :1]
    assert np.allclose(sl.pulses.helmholtz(constant, radius, dt, control)[0], constant)
    if radius > dt:
        assert np.all(smooth <= x.max(1, keepdims=True) + 1e-12)
        assert np.all(smooth >= x.min(1, keepdims=True) - 1e-12)


@given(kind=st.sampled_from(KINDS), radius=some.between(0, 1e-4), control=st.sampled_from(BOTH), data=st.data())
def test_unknowns_become_a_waveform_within_the_limits(kind, radius, control, data):
    shape = sl.pulses.Parametrisation(kind, radius, 1e-5, control)
    x, direction = data.draw(st.tuples(*[some.real(shape.rows, 5, low=-3, high=3)] * 2))
    y = data.draw(some.real(2, 5))
    waveform, pullback = shape.waveform(x)
    amplitude = np.hypot(*waveform)
    if kind == "phase":
        assert np.allclose(amplitude, 1)
    if kind == "xy":
        assert amplitude.max() <= 1
    if kind == "xy-box":
        assert np.abs(waveform).max() <= 1
    found = slope(lambda x: np.sum(y * shape.waveform(x)[0]), x, direction)
    assert np.sum(pullback(y) * direction) == pytest.approx(found, abs=1e-7)


@given(u=some.real(2, 5), direction=some.real(2, 5), bound=some.between(0.1, 1.5), data=st.data())
def test_limits_and_their_jacobian(u, direction, bound, data):
    name = data.draw(st.sampled_from(tuple(sl.LIMITS)))
    assume(name != "phase_per_step" or np.hypot(*u).min() > 1e-3)  # where there is no phase
    values, jacobian = sl.LIMITS[name](u, bound)
    assert jacobian.shape == (values.size, 2, 5)
    found = slope(lambda u: sl.LIMITS[name](u, bound)[0], u, direction, 1e-6)
    assert np.allclose(np.tensordot(jacobian, direction, 2), found, rtol=1e-6, atol=1e-6)


@given(response=some.complex_(4), control=st.sampled_from(BOTH), times=st.integers(1, 3), data=st.data())
def test_distortion_is_a_convolution(response, control, times, data):
    """Of complex numbers, where a jump counts half at its sample; the pullback is its transpose."""
    assume(abs(response.sum()) > 0.1)
    coil = sl.pulses.measured(response, 1e-5 / times)
    u = data.draw(some.real(2, 4))
    felt, pullback = coil.distort(u, 1e-5, control)
    if control == "linear":
        at = np.arange(3 * times + 1) / times
        fine = np.interp(at, range(4), u[0]) + 1j * np.interp(at, range(4), u[1])
        fine[[0, -1]] /= 2
    else:
        fine = np.repeat(u[0] + 1j * u[1], times)
    expected = np.convolve(response / response.sum(), fine)
    assert np.allclose(felt[0] + 1j * felt[1], expected, rtol=0, atol=1e-12)
    y = data.draw(some.seeds).normal(size=felt.shape)
    assert np.sum(y * felt) == pytest.approx(np.sum(pullback(y) * u), abs=1e-9)
