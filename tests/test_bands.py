"""One pulse, several tasks: sums of goals, and costs along the way, each held against another code."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from tables import METHOD_CONTROLS, ONE_SPIN, relative

import spinlab as sl
from spinlab.control import Avoid, Bands, Hold

pytestmark = pytest.mark.filterwarnings("ignore::spinlab.propagation.CoarseStepWarning")

ENSEMBLE = sl.Ensemble([-900.0, 100.0, 700.0], [0.9, 1.0, 1.1], [1.0, 2.0, 1.0])
MEANS = {"duration": 1.2e-4, "steps": 9, "rf_hz": 6e3}
#: What may be asked on the way.
COSTS = {
    "hold": (Hold("Iz", 0.3),),
    "hold any": (Hold([1.0, 2.0, -0.5], 0.3), Hold("-Iy", 0.1)),
    "avoid": (Avoid(("Ix", [0, 2.0, 0]), 0.4),),
    "both": (Avoid(("Iy",), 0.4), Hold("Ix", 0.2)),
}
LINEAR = ("hold", "hold any")


def problem(along=(), control="constant", **changes):
    known = {"start": "Iz", "target": "Ix", "ensemble": ENSEMBLE, **MEANS}
    return sl.Problem(**{**known, "control": control, "along": along, **changes})


def unknowns(goal, seed=1):
    return np.ravel(goal.start(seed))


# Running costs.


@pytest.mark.parametrize("cost", COSTS)
@pytest.mark.parametrize("kind", ["phase", "xy"])
@pytest.mark.parametrize("method, control", [*METHOD_CONTROLS, ("spinors", "constant")])
def test_gradient_of_a_running_cost(method, control, kind, cost):
    """By the complex step; and the members, weighted, are the mean."""
    if method == "spinors" and (kind == "xy" or cost not in LINEAR):
        return
    task = problem(COSTS[cost], control)
    goal = task.goal(kind, method=method)
    x = unknowns(goal)
    assert sl.check_gradient(goal.value, x, samples=6).relative_error < 1e-12
    values, jacobian = goal.members(x)
    mean = ENSEMBLE.weights @ values, ENSEMBLE.weights @ jacobian
    assert np.allclose(mean[0], goal.value(x)[0]) and np.allclose(mean[1], goal.value(x)[1])


@pytest.mark.parametrize("method, control", [m for m in METHOD_CONTROLS if m[0] not in ONE_SPIN])
def test_gradient_where_spins_relax(method, control):
    """Four dimensions; nobody holds the unit operator."""
    system = sl.SpinSystem(t1=5e-3, t2=2e-3)
    task = problem((Hold("Iz", 0.3), Avoid(("Ix",), 0.2)), control, system=system)
    goal = task.goal("xy", method=method)
    assert sl.check_gradient(goal.value, unknowns(goal), samples=6).relative_error < 1e-12


#: Error of the mean along the way, at 60 steps of up to a quarter of a radian.
ERRORS = {"rotations": 1e-3, "fem-linear": 3e-3, "fem-quadratic": 2e-5, "fem-linear-reduced": 1e-3,
          "fem-quadratic-reduced": 1e-6, "fem-exact": 1e-3}  # fmt: skip


@pytest.mark.parametrize("method", ERRORS)
@pytest.mark.parametrize("cost", COSTS)
def test_value_of_a_running_cost(cost, method):
    """Elements integrate between their nodes; the others add up what they have there."""
    task = problem(COSTS[cost], duration=1.2e-4, steps=60, rf_hz=1e4)
    goal = task.goal("xy-free", 0, method)
    x = np.random.default_rng(0).uniform(-0.7, 0.7, 120)
    u, start = np.repeat(x.reshape(2, -1), 64, axis=1), task.initial_state()
    path = sl.linearise(task.generator(), u, task.dt / 64, start).states
    (a, q, P), mean = vars(task.running_cost()).values(), (path[:, 1:] + path[:, :-1]) / 2
    ends = a + path @ q + np.einsum("kni,ij,knj->kn", path, P, path)
    exact = ENSEMBLE.weights @ ((ends[:, 1:] + ends[:, :-1]) / 2).mean(axis=1)
    assert mean.shape[1] == 60 * 64
    assert goal.running_cost(x) == pytest.approx(exact, abs=ERRORS[method])


def test_nothing_on_the_way_is_what_it_was():
    """Weights that vanish change nothing, and neither does the path without costs."""
    for method in ("rotations", "fem-quadratic-reduced", "spinors"):
        plain, tiny = (problem(along).goal(method=method) for along in ((), (Hold("Iz", 1e-300),)))
        x = unknowns(plain)
        assert plain.ends is None and plain.running_cost(x) == 0
        assert relative(tiny.value(x)[1], plain.value(x)[1]) < 1e-13


@pytest.mark.parametrize("cost", LINEAR)
def test_second_derivatives_of_a_hold(cost):
    """The Hessian by the complex step; the Gauss-Newton matrix of residuals that are written out."""
    task = problem(COSTS[cost])
    goal, ends = task.goal(), replace(task, along=()).goal()
    x, q = unknowns(goal), task.running_cost().linear
    columns = [goal.value(x + 1e-30j * e)[1].imag / 1e-30 for e in np.eye(9)]
    assert relative(goal.hessian(x), columns) < 1e-12
    shape = sl.pulses.Parametrisation("phase", task.duration / 130, task.dt)
    shares = np.sqrt(np.outer(ENSEMBLE.weights, [0.5, *[1] * 8, 0.5]) / 9)[..., None]

    def residuals(x):
        """What the start sees of the wanted state, less itself, at every node."""
        path = sl.linearise(task.generator(), shape.waveform(x[None])[0], task.dt, np.eye(3)).states
        seen = np.einsum("i,knij->knj", q / np.linalg.norm(q), path) + task.initial_state()
        return np.sqrt(np.linalg.norm(q)) * (shares * seen).ravel()

    J = np.transpose([residuals(x + 1e-30j * e).imag / 1e-30 for e in np.eye(9)])
    assert relative(goal.gauss_newton(x) - ends.gauss_newton(x), J.T @ J) < 1e-12


@pytest.mark.parametrize("aggregate", ["mean", "worst", "tail"])
def test_fidelity_is_that_of_the_end(aggregate):
    """The running cost is told apart, and no fidelity is told while it is not known."""
    heard = []
    task, how = problem((Hold("Iz", 0.2),)), {"aggregate": aggregate, "radius": 0}
    found = sl.design(task, max_iterations=5, callback=heard.append, kind="xy", **how)
    ends = 1 - task.fidelity(found.pulse.waveform)[0]
    if aggregate == "mean":
        assert found.value - found.running_cost == pytest.approx(ends, abs=1e-12)
    assert found.running_cost > 0 and found.fidelity > 1 - found.value
    assert all("fidelity" not in told and told.x.shape == (2, 9) for told in heard)
    with pytest.raises(ValueError, match="needs a goal with gauss_newton"):
        sl.design(task, optimiser="gauss-newton", kind="xy")


@pytest.mark.parametrize("name", ["Iz", "-Ix + Iy"])
def test_judge_tells_what_happened_on_the_way(name):
    task = problem((Hold("Iz", 0.2),))
    report = sl.design(task, max_iterations=3).judge(offsets=5, scales=3)
    found = report.along(name)
    target = sl.observable(name) / np.linalg.norm(sl.observable(name))
    assert found.shape == (5, 3, 10)
    for i, j in np.ndindex(5, 3):
        spin = sl.evaluate(offset_hz=report.offset_hz[i], b1_scale=report.b1_scale[j], rf_hz=6e3)
        path = sl.propagate(spin, report.pulse.waveform, task.dt, sl.state("Iz"), "grape")
        assert np.allclose(found[i, j], path @ target, atol=1e-12)


# Bands.

TURN = {"start": None, "target": sl.turn(2.0, [1, 2, 0.5]), "objective": "universal"}
TWO = (problem(**TURN, ensemble=sl.Ensemble([0.0, 500.0], [1.0, 1.1], [3, 1])),
       problem((Hold("Iz", 0.2),), target="Iz"))  # fmt: skip


@pytest.mark.parametrize("shares", [None, (1, 3)])
def test_bands_add_up(shares):
    """Value, gradient, Hessian and Gauss-Newton matrix are means; members stand in a row."""
    bands, parts = Bands(TWO, shares), [one.goal(radius=0) for one in TWO]
    goal, s = bands.goal(radius=0), bands.shares
    x = unknowns(goal)
    assert np.allclose(s, [0.5, 0.5] if shares is None else [0.25, 0.75])
    for field in ("hessian", "gauss_newton"):
        wanted = sum(share * getattr(part, field)(x) for share, part in zip(s, parts, strict=True))
        assert np.allclose(getattr(goal, field)(x), wanted, atol=1e-14)
    every = [part.gauss_newton(x, 2) for part in parts]
    assert np.allclose(goal.gauss_newton(x, every=2), np.tensordot(s, every, 1), atol=1e-14)
    (value, slope), (values, rows) = goal.value(x), goal.members(x)
    assert len(values) == 5 and goal.weights.sum() == pytest.approx(1)
    assert goal.weights @ values == pytest.approx(value) and np.allclose(goal.weights @ rows, slope)
    assert sl.check_gradient(goal.value, x).relative_error < 1e-12


@pytest.mark.parametrize("aggregate", [*sl.AGGREGATES, partial(
    sl.control.objectives.tail, share=0.3)], ids=str)  # fmt: skip
def test_aggregates_go_over_the_members_of_all_bands(aggregate):
    goal, plain = (Bands(TWO, (1, 3)).goal(radius=0, aggregate=a) for a in (aggregate, "mean"))
    x = unknowns(goal)
    over = sl.control.objectives.find_aggregate(aggregate)
    value, slopes = over(plain.members(x)[0], plain.weights)
    assert goal.value(x)[0] == pytest.approx(value)
    assert np.allclose(goal.value(x)[1], slopes @ plain.members(x)[1])


DEMANDS = {
    "gauss-newton": {"optimiser": "gauss-newton"},
    "newton": {"optimiser": "newton"},
    "worst": {"aggregate": "worst", "optimiser": "mma"},
    "members": {"optimiser": "mma"},
    "xy, limits": {"kind": "xy", "limits": {"mean_power": 0.5}},
    "distortion": {"kind": "xy", "distortion": sl.pulses.resonator(60e3, MEANS["duration"] / 9)},
}


@pytest.mark.parametrize("name", DEMANDS)
def test_a_design_knows_its_bands(name):
    """By any optimiser, behind limits and distortions; and the judge judges band by band."""
    first = TWO[0]
    if "kind" in DEMANDS[name]:  # the universal fidelity is one of spinors
        first = replace(first, target="-Iz", start="Iz", objective="transfer")
    bands = Bands((first, TWO[1]), (2, 1))
    result = sl.design(bands, max_iterations=6, **DEMANDS[name])
    assert result.problem is bands and result.fun <= result.history.fun[0]
    reports = result.judge(offsets=5, scales=2)
    for report, one in zip(reports, bands.problems, strict=True):
        alone = sl.judge(result.pulse, one, 5, 2, distortion=result.distortion)
        assert np.array_equal(report.fidelity, alone.fidelity) and report.problem is one
    if name != "worst":
        infidelity = result.value - result.running_cost
        ends = Bands(tuple(replace(p, along=()) for p in bands.problems), bands.shares)
        how = {k: DEMANDS[name][k] for k in ("kind", "distortion") if k in DEMANDS[name]}
        assert ends.goal(**how).value(result.x.ravel())[0] == pytest.approx(infidelity)
        assert result.fidelity == pytest.approx(1 - infidelity)


def test_bands_race():
    run = partial(sl.design, Bands(TWO), optimiser="gauss-newton")
    won = sl.race(run, n=3, rungs=(2, 4), max_iterations=3, jobs=1)
    assert won.best.fun == min(one.fun for one in won.finished)
    assert isinstance(won.best.problem, Bands)


def test_each_band_has_a_method():
    relaxing = problem(system=sl.SpinSystem(t1=1.0, t2=0.1))
    result = sl.design(Bands((TWO[0], relaxing)), max_iterations=2)
    assert result.method == "spinors, fem-quadratic-reduced"


# The domain wall.


def band(objective):
    """A half turn about x, over a band, for a pulse of 2 kHz; water is left alone."""
    means = {"duration": 1e-3, "steps": 50, "rf_hz": 5e3}
    target = sl.turn(np.pi, "x") if objective == "universal" else np.diag([1.0, -1, -1])
    offsets = sl.Ensemble.grid(np.linspace(-4e3, 4e3, 17))
    return sl.Problem(None, target, **means, ensemble=offsets, objective=objective)


def overlaps(result):
    """Of the propagator with the wanted one, with its sign, over the band."""
    spins = np.linspace(-4e3, 4e3, 401)
    path = sl.propagation.spinors.propagate_phase(
        result.x[0], spins, np.ones(401), 5e3, result.pulse.dt
    )
    target = sl.propagation.spinors.spinor_target(sl.turn(np.pi, "x"))
    return sl.propagation.spinors.universal_fidelity(path.final, target).values


def test_a_wall_between_two_signs():
    """The fidelity without a sign takes both; where they meet the band is lost, and stays so."""
    how = {"optimiser": "gauss-newton", "radius": 0, "max_iterations": 60}
    walls = 0
    for seed in range(4):
        found = overlaps(sl.design(band("rotation"), seed=seed, **how))
        walls += found.min() < -0.99 and found.max() > 0.98
        signed = overlaps(sl.design(band("universal"), seed=seed, **how))
        assert signed.min() > 0.999
    assert walls == 4
