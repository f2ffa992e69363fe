"""Optimisers: all find the same minimum, keep the same books, refuse the same nonsense."""

import numpy as np
import pytest

import spinlab as sl
from spinlab.optimisers.books import Run

TARGET = np.array([1.0, -0.5, 0.25, 2.0])
MATRIX = np.diag([1.0, 3.0, 10.0, 2.0]) + 0.3


def residuals(x):
    """Mildly nonlinear, zero at TARGET."""
    d = x - TARGET
    return MATRIX @ d + 0.2 * d**2, MATRIX + np.diag(0.4 * d)


def value(x):
    r, J = residuals(x)
    return r @ r / 2, J.T @ r


def hessian(x):
    r, J = residuals(x)
    return J.T @ J + np.diag(0.4 * r)


def gauss_newton(x, every=1):
    _, J = residuals(x)
    return J.T @ J


def members(x):
    r, J = residuals(x)
    return r**2 / 2, r[:, None] * J


GOAL = sl.Goal(value, hessian, gauss_newton, members, residuals)
START = np.array([0.0, 1.0, -1.0, 0.5])
ROUGH = {"mma", "gcmma"}


@pytest.mark.parametrize("optimiser", sl.OPTIMISERS)
def test_all_find_the_minimum(optimiser):
    result = sl.minimise(GOAL, START, optimiser, -4, 4, max_iterations=400)
    assert np.abs(result.x - TARGET).max() < (0.05 if optimiser in ROUGH else 1e-5)
    history = result.history
    columns = (history.fun, history.gradient_norm, history.seconds, history.evaluations)
    assert {len(column) for column in columns} == {result.nit + 1}
    assert history.fun[0] == value(START)[0] and history.fun[-1] == result.fun
    assert np.all(np.diff(history.fun) <= 0) and history.evaluations[-1] <= result.nfev
    assert value(result.x)[0] == result.fun


def test_newton_takes_a_step_that_gains_what_was_not_promised():
    """Cut by the bounds: the model saw no gain, and the value fell, by infinitely much more."""
    A = np.array([[0.3, 2.5], [-1.5, 0.8], [-2.2, -3.6], [3.5, 0.8]])

    def waves(x):
        return A @ x + [3.8, 2.1, 2.4, 3.6]

    goal = sl.Goal(lambda x: (np.sin(waves(x)).sum(), np.cos(waves(x)) @ A),
                   lambda x: -(A.T * np.sin(waves(x))) @ A)  # fmt: skip
    result = sl.minimise(goal, [0.2, -0.5], "newton", -1.5, 1.5)
    assert result.fun == result.history.fun.min() < result.history.fun[0] - 1


@pytest.mark.parametrize("optimiser", sl.OPTIMISERS)
def test_bounds_are_kept(optimiser):
    upper = np.array([0.5, 4, 4, 4])
    seen, options = [], {"form": "direct"} if optimiser in ROUGH else {}
    result = sl.minimise(
        GOAL, START, optimiser, -4, upper, 300, None, lambda state: seen.append(state.x), **options
    )
    assert np.all(np.array(seen) <= upper) and np.all(np.array(seen) >= -4)
    assert result.x[0] == pytest.approx(0.5, abs=1e-3)
    best = sl.minimise(GOAL, START, "l-bfgs", -4, upper)
    assert result.fun == pytest.approx(best.fun, rel=0.1 if optimiser == "mma" else 1e-3)


@pytest.mark.parametrize("optimiser", sl.OPTIMISERS)
@pytest.mark.parametrize("exception", [KeyboardInterrupt, StopIteration])
def test_a_callback_can_stop(optimiser, exception):
    def callback(state):
        if state.nit == 2:
            raise exception

    result = sl.minimise(GOAL, START, optimiser, -4, 4, callback=callback)
    assert result.nit == 2 and not result.success
    assert "Interrupted" in result.message or "Stopped by the callback" in result.message


@pytest.mark.parametrize("optimiser", sl.OPTIMISERS)
def test_stop_at(optimiser):
    result = sl.minimise(GOAL, START, optimiser, -4, 4, 300, stop_at=1.0)
    assert result.success and result.fun <= 1.0 < result.history.fun[-2]


@pytest.mark.parametrize("optimiser", sl.OPTIMISERS)
def test_interrupted_inside_an_evaluation(optimiser):
    calls = iter(range(100))

    def stopping(x):
        if next(calls) == 2:
            raise KeyboardInterrupt
        return value(x)

    goal = sl.Goal(stopping, hessian, gauss_newton, members, residuals)
    result = sl.minimise(goal, START, optimiser, -4, 4)
    assert "Interrupted" in result.message and result.fun <= value(START)[0]


def test_a_hybrid_hands_over():
    alone = sl.minimise(GOAL, START, "mma", -4, 4, 60)
    hybrid = sl.minimise(GOAL, START, ("mma", "gauss-newton"), -4, 4, 60)
    assert hybrid.fun < 1e-12 < alone.fun
    assert hybrid.nit < 60


def test_newton_leaves_a_saddle():
    def saddle(x):
        return x[0] ** 2 - x[1] ** 2 + x[1] ** 4, np.array([2 * x[0], -2 * x[1] + 4 * x[1] ** 3])

    def curvature(x):
        return np.diag([2.0, -2 + 12 * x[1] ** 2])

    result = sl.minimise(sl.Goal(saddle, curvature), np.array([1.0, 1e-3]), "newton")
    assert abs(result.x[1]) == pytest.approx(np.sqrt(0.5), abs=1e-6)


def test_newton_is_quadratic():
    """The last steps double the digits."""
    norms = sl.minimise(GOAL, START, "newton", damping=1e-12).history.gradient_norm
    tail = np.log(norms[norms < 1e-1])
    assert len(tail) >= 3 and tail[1] < 1.9 * tail[0]


def test_mma_with_constraints_as_a_goal():
    def disc(x):
        return np.array([x @ x - 1]), 2 * x[None]

    goal = sl.Goal(lambda x: (np.sum((x - 1) ** 2), 2 * (x - 1)), limits=disc)
    for optimiser in ("mma", "gcmma"):
        result = sl.minimise(goal, np.zeros(2), optimiser, -1, 1, 60, form="direct")
        assert np.allclose(result.x, np.sqrt(0.5), atol=1e-3)


def test_infeasible_limits_are_reported():
    def far(x):
        return np.array([3 - x[0]]), -np.eye(1, 2)

    goal = sl.Goal(lambda x: (x @ x, 2 * x), limits=far)
    result = sl.minimise(goal, np.full(2, 0.5), "mma", -1, 1, 40, form="direct")
    assert not result.success and "limit" in result.message.lower()


BAD = [
    ({"lower": 2, "upper": 1}, "The bounds leave no room"),
    ({"lower": 2, "upper": 3}, "outside its bounds"),
    ({"optimiser": "foo"}, "There is no optimiser 'foo'"),
    ({"optimiser": ()}, "name at least one"),
    ({"x0": np.zeros((2, 2))}, r"x0 must have shape \(n,\)"),
    ({"x0": [np.nan] * 4}, "x0 must be finite"),
    ({"goal": lambda x: (1.0, x[:2])}, r"of shape \(4,\), but \(1.0, array"),
    ({"goal": lambda x: (x, x)}, r"a number and its gradient, of shape \(4,\), but \(array"),
    ({"goal": lambda x: (np.nan, x)}, "NaN or inf at evaluation 1"),
    ({"goal": lambda x: (1.0, 0 * x)}, "gradient is zero at the start"),
    ({"max_iterations": 0}, "max_iterations must be a whole number"),
    ({"stop_at": [1, 2]}, "stop_at must be one number"),
    ({"lower": np.zeros(3)}, "lower must be a number or have shape"),
    ({"goal": value, "optimiser": "newton"}, "needs a goal with hessian"),
    ({"goal": value, "optimiser": "gauss-newton"}, "needs a goal with gauss_newton"),
    ({"optimiser": "mma"}, "lower must be finite"),
]


@pytest.mark.parametrize("changes, sentence", BAD)
def test_bad_input(changes, sentence):
    known = {"goal": GOAL, "x0": START, **changes}
    with pytest.raises(ValueError, match=sentence):
        sl.minimise(known.pop("goal"), known.pop("x0"), **known)


def test_race_finishes_the_best():
    def run(seed, max_iterations, x0=None):
        start = np.random.default_rng(seed).uniform(-3, 3, 4) if x0 is None else x0
        return sl.minimise(GOAL, start, max_iterations=max_iterations)

    result = sl.race(run, n=5, rungs=(2,), max_iterations=50, finish=2, jobs=1)
    assert sorted(result.heats) == list(range(5)) and len(result.finished) == 2
    assert result.best is result.finished[0] and result.best.fun < 1e-9
    cheapest = min(result.heats.values(), key=lambda r: r.fun)
    assert result.best.fun <= cheapest.fun
    for bad, sentence in (({"n": 0}, "n must"), ({"finish": 9}, "finish must not exceed")):
        with pytest.raises(ValueError, match=sentence):
            sl.race(run, **bad)


@pytest.mark.parametrize("name", sl.LIMITS)
def test_limits_have_their_jacobian(name, rng):
    u = rng.normal(size=(2, 5))
    values, jacobian = sl.LIMITS[name](u, 0.7)
    for k in range(len(values)):
        check = sl.check_gradient(lambda v, k=k: (sl.LIMITS[name](v, 0.7)[0][k], jacobian[k]), u)
        assert check.relative_error < 1e-14


def test_slew_with_ends_counts_the_rise_and_the_fall():
    u = np.array([[0.5, 0.6, 0.3], [0.0, 0.0, 0.0]])
    inside, whole = (sl.LIMITS[name](u, 0.4)[0] for name in ("slew_per_step", "slew_with_ends"))
    assert np.allclose(whole, (np.array([0.5, 0.1, 0.3, 0.3]) / 0.4) ** 2 - 1)
    assert np.array_equal(inside, whole[1:-1])


@pytest.mark.parametrize("name", ["slew_per_step", "slew_with_ends"])
def test_a_slew_in_other_units_is_suspected(name):
    with pytest.warns(UserWarning, match=f"{name} is 5e\\+08 of rf_hz .* multiplied by dt / rf_hz"):
        sl.design(task(), limits={name: 5e8}, max_iterations=1)


def task(**changes):
    known = {
        "start": "Iz", "target": "Ix", "duration": 100e-6, "steps": 20, "rf_hz": 10e3,
    }  # fmt: skip
    return sl.Problem(**{**known, **changes})


@pytest.mark.parametrize("optimiser", ["l-bfgs", "mma"])
def test_limits_of_a_design(optimiser):
    """A quarter turn in 100 us needs a quarter of the amplitude: the power limit can be kept."""
    limits = {"mean_power": 0.07, "amplitude": (0.4, 0.35)}
    result = sl.design(
        task(), kind="xy-free", radius=0, optimiser=optimiser, limits=limits, penalty=1e3,
        max_iterations=150,
    )
    u = result.pulse.waveform
    assert np.mean(np.sum(u**2, axis=0)) < 0.0705
    assert np.all(np.abs(u) <= [[0.4 + 2e-3], [0.35 + 2e-3]])
    assert sl.judge(result.pulse, task()).mean > 0.99


@pytest.mark.filterwarnings("ignore::spinlab.control.CoarseGridWarning")
def test_no_filter_leads_beyond_the_limits():
    """A radius that the steps do not resolve would: then the pulse is cut, and its fidelity less."""
    wide = task(steps=25, ensemble=sl.Ensemble.grid(np.linspace(-8e3, 8e3, 5), [0.9, 1.1]))
    for radius in (None, 1e-6, 2e-6):
        result = sl.design(wide, kind="xy-free", radius=radius, max_iterations=25, seed=2)
        assert result.judge(offsets=5, scales=2).mean == pytest.approx(result.fidelity, abs=1e-12)
    with pytest.raises(ValueError, match="x0 must lie within 1 of 0, but 1.5 arrived"):
        sl.design(wide, x0=1.5 * np.ones((2, 25)), kind="xy-free")


def test_a_penalty_is_broken_by_multiplier_over_twice_its_weight():
    """The least infidelity under P is 1 - sin(2 pi sqrt(P)); its slope is the multiplier."""
    result = sl.design(
        task(), kind="xy-free", radius=0, limits={"mean_power": 0.05}, penalty=1e3, max_iterations=150
    )
    power = np.mean(np.sum(result.pulse.waveform**2, axis=0))
    multiplier = np.pi / np.sqrt(power) * np.cos(2 * np.pi * np.sqrt(power))
    assert power - 0.05 == pytest.approx(multiplier / 2e3, rel=1e-2)


@pytest.mark.parametrize("method", ["rotations", "spinors"])
def test_gauss_newton_knows_the_curvature_of_a_penalty(method, rng):
    """A penalty is a sum of squares, too: its matrix is 2 w times that of the broken limits."""
    shape, limits = sl.pulses.Parametrisation("phase", 5e-6, task().dt), {"phase_per_step": 0.4}
    x, step = rng.uniform(-2, 2, task().samples), rng.normal(size=task().samples)
    goal = sl.control.make_goal(task(), shape, method, limits=limits)
    run = Run(goal, (-np.inf, np.inf), 1, None, None, False, 3.0)
    plain = goal.gauss_newton(x)
    extra = step @ (run.curvature(plain, x) - plain) @ step
    broken = goal.limits(x)[0] > 0
    slope = (goal.limits(x + 1e-6 * step)[0] - goal.limits(x - 1e-6 * step)[0])[broken] / 2e-6
    assert 0 < broken.sum() < len(broken)
    assert extra == pytest.approx(2 * 3.0 * slope @ slope, rel=1e-7)


def test_gauss_newton_with_a_penalty_converges():
    """Without the penalty's curvature it crawled: 1.4 was left after 40 iterations."""
    result = sl.design(
        task(), method="rotations", optimiser="gauss-newton", max_iterations=35,
        limits={"phase_per_step": 0.4}, penalty=10.0,
    )
    assert result.success and result.fun < 1e-9


@pytest.mark.parametrize("limits, sentence", [
    ({"foo": 1}, "There is no limit 'foo'"), ({"mean_power": -1}, "must be at least 1e-06, but -1"),
    ({"peak_power": [1, 2]}, "must be one number"),
])  # fmt: skip
def test_bad_limits(limits, sentence):
    with pytest.raises(ValueError, match=sentence):
        sl.design(task(), limits=limits)


@pytest.mark.parametrize("changes, sentence", [
    ({"kind": "xy"}, "is for piecewise-constant phases"),
    ({"problem": task(system=sl.SpinSystem(t1=1.0, t2=0.1))}, "for one spin without relaxation"),
    ({"problem": task(objective="subspace", target=np.eye(3)[:, :2])}, "knows transfer, rotation and universal"),
    ({"aggregate": "median"}, "There is no aggregate"),
])  # fmt: skip
def test_spinors_refuse(changes, sentence):
    known = {"problem": task(), "method": "spinors", **changes}
    with pytest.raises((ValueError, TypeError), match=sentence):
        sl.design(**known)


UNIVERSAL = {"start": None, "target": sl.turn(1.0), "objective": "universal"}


@pytest.mark.parametrize("changes, sentence", [
    ({"target": np.eye(3)}, "must be a rotation of a spin 1/2"),
    ({"target": 2 * np.eye(2)}, "must be a rotation of a spin 1/2"),
    ({"target": np.diag([1, -1])}, "must be a rotation of a spin 1/2"),
    ({"start": "Iz"}, "starts from every state"),
])  # fmt: skip
def test_targets_that_are_no_rotation(changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        sl.Problem(**{**UNIVERSAL, "duration": 1e-4, "steps": 4, "rf_hz": 1e4, **changes})


def test_universal_needs_spinors():
    problem = sl.Problem(**UNIVERSAL, duration=1e-4, steps=4, rf_hz=1e4)
    with pytest.raises(ValueError, match="use method='spinors'"):
        sl.design(problem, method="rotations")
    assert sl.design(problem, max_iterations=3).method == "spinors"


def test_the_worst_member_improves_by_minimax():
    ensemble = sl.Ensemble.grid(np.linspace(-4e3, 4e3, 9))
    problem = task(ensemble=ensemble, duration=200e-6, steps=40)
    mean = sl.design(problem, method="spinors", radius=0, optimiser="gauss-newton", seed=1,
                     stop_at=0.99)
    polished = sl.design(
        problem, method="spinors", radius=0, x0=mean.x, optimiser="mma", form="minimax",
        aggregate="worst", max_iterations=10,
    )
    worst = 1 - polished.history.fun[0]
    assert polished.fidelity > worst
    assert sl.judge(polished.pulse, problem, offsets=9).minimum == pytest.approx(
        polished.fidelity, abs=1e-9
    )


@pytest.mark.parametrize("optimiser", ["l-bfgs", "gauss-newton", "mma", ("mma", "l-bfgs")])
def test_limits_that_cannot_be_met_are_said(optimiser):
    """A phase pulse has full power all the time, 0.8 more than it may."""
    result = sl.design(
        task(), method="rotations", limits={"mean_power": 0.2}, optimiser=optimiser,
        max_iterations=10,
    )
    assert not result.success and "limits could not all be met: they are broken by 0.8" in (
        result.message
    )
    penalty = 0 if "mma" in optimiser else 10 * 0.8**2
    assert result.fidelity == pytest.approx(task().fidelity(result.pulse.waveform)[0], abs=1e-12)
    assert result.fun == pytest.approx(1 - result.fidelity + penalty)


def test_what_a_design_tells_holds_no_penalty(capsys):
    told = []
    result = sl.design(
        task(), kind="xy", limits={"mean_power": 0.05}, max_iterations=5, callback=told.append,
        progress=True, stop_at=0.999, method="rotations",
    )
    shape = sl.pulses.Parametrisation("xy", task().duration / 130, task().dt)
    for note in told:
        fidelity, _ = task().fidelity(shape.waveform(note.x)[0])
        assert note.fidelity == pytest.approx(fidelity, abs=1e-12)
    assert told[-1].fidelity == result.fidelity > 1 - result.fun
    assert ", penalty 0.0" in capsys.readouterr().out


def test_limits_that_are_met_leave_the_success_alone():
    result = sl.design(task(), kind="xy", limits={"mean_power": 0.9}, stop_at=0.9, method="rotations")
    assert result.success and result.fidelity == 1 - result.fun >= 0.9
