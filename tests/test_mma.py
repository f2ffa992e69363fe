"""Moving asymptotes: the subproblem and its solvers, the approximations, whole optimisations."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import Bounds, minimize
from svanberg import cantilever, problems, slsqp, toy

import spinlab as sl
from spinlab.optimisers import mma
from spinlab.optimisers import subproblem_solvers as subsolvers
from spinlab.optimisers.mma import MMAOptions
from spinlab.propagation import spinors


def unconstrained(x):
    return np.sum(np.cosh(x - 1)), np.sinh(x - 1), np.empty(0), np.empty((0, len(x)))


#: name: functions, start, lower, upper, reference optimum
PROBLEMS = {
    **problems(20),
    "unconstrained": (unconstrained, np.zeros(4), -2, 0.5, 4 * np.cosh(0.5)),
}


def random_subproblem(n, m, seed=0, a=0.0, c=1000.0, d=1.0):
    """An approximation as a step makes it, of functions whose derivatives are random."""
    rng = np.random.default_rng(seed)
    form = sl.optimisers.Form(1.0, np.full(m, a), np.full(m, c), np.full(m, d))
    state = mma.start(rng.uniform(-0.9, 0.9, n), -1, 1, form)
    slopes = rng.standard_normal((m + 1, n))
    return mma.approximate(state, 0.0, slopes[0], rng.uniform(-1, 1, m), slopes[1:], MMAOptions())


#: prices (a, c, d) of the elastic variables
PRICES = [(0.0, 1e3, 1.0), (0.0, 2.0, 0.0), (0.0, 0.0, 2.0), (1.0, 1e3, 1.0), (0.5, 20.0, 0.0)]
SIZES = [(1, 1), (3, 2), (30, 1), (40, 4), (6, 12), (12, 12)]


@pytest.mark.parametrize("name", PROBLEMS)
def test_derivatives_of_the_examples(name):
    functions, x0, *_ = PROBLEMS[name]
    x0 = np.asarray(x0, float)
    _, df0, _, df = functions(x0)
    for row, slope in enumerate([df0, *df]):
        def function(x, row=row):
            f0, df0, f, df = functions(x)
            return [f0, *f][row], [df0, *df][row]

        assert sl.check_gradient(function, x0).relative_error < 1e-8, (row, slope)


@pytest.mark.parametrize("prices", PRICES)
@pytest.mark.parametrize("size", SIZES)
def test_both_solvers_agree(size, prices):
    for seed in range(3):
        problem = random_subproblem(*size, seed, *prices)
        dual, interior = (subsolvers.solve(problem, method=m) for m in subsolvers.SOLVERS)
        best = subsolvers.solve(problem)
        assert interior.converged and best.converged and best.residual < 1e-8
        if not dual.converged:  # as many rows as variables: not what the dual is chosen for
            assert "did not converge" in dual.message and size[1] >= size[0]
            continue
        for one in (dual, best):
            np.testing.assert_allclose(one.x, interior.x, atol=2e-6)
            np.testing.assert_allclose(one.y, interior.y, atol=2e-6)
            np.testing.assert_allclose(one.z, interior.z, atol=2e-6)


def test_no_rows_are_a_subproblem_too(capfd):
    """For both solvers, and LAPACK has nothing to complain of."""
    problem = random_subproblem(5, 0)
    dual, interior = (subsolvers.solve(problem, method=m) for m in subsolvers.SOLVERS)
    assert dual.converged and interior.converged and not any(capfd.readouterr())
    np.testing.assert_allclose(dual.x, interior.x, atol=2e-6)


@pytest.mark.parametrize("prices", PRICES)
def test_solution_is_the_one_of_scipy(prices):
    """All unknowns x, y, z given to SLSQP, which knows nothing of duals."""
    n, m = 5, 3
    p = random_subproblem(n, m, 1, *prices)

    def split(v):
        return v[:n], v[n:n + m], v[-1]

    def objective(v):
        x, y, z = split(v)
        g0 = p.p0 @ (1 / (p.upp - x)) + p.q0 @ (1 / (x - p.low))
        return g0 + p.form.a0 * z + p.form.c @ y + p.form.d @ y**2 / 2

    def slack(v):
        x, y, z = split(v)
        return p.form.a * z + y - p.rows(x)

    reference = minimize(
        objective, np.concatenate([(p.alpha + p.beta) / 2, np.full(m + 1, 2.0)]), method="SLSQP",
        bounds=Bounds(np.r_[p.alpha, np.zeros(m + 1)], np.r_[p.beta, np.full(m + 1, np.inf)]),
        constraints={"type": "ineq", "fun": slack}, options={"ftol": 1e-14, "maxiter": 500},
    )
    ours = subsolvers.solve(p)
    v = np.r_[ours.x, ours.y, ours.z]
    assert slack(v).min() > -1e-8
    gained = ours.lam @ np.maximum(-slack(reference.x), 0)  # by what SLSQP violates
    assert -1e-6 < objective(v) - reference.fun < gained + 1e-6 and gained < 1e-3
    np.testing.assert_allclose(ours.x, reference.x[:n], atol=5e-3)


def test_where_the_slope_is_not_zero_a_bound_holds_the_variable():
    problem = random_subproblem(40, 4)
    solution = subsolvers.solve(problem)
    slope = problem.gradient(solution.x, solution.lam)[0]
    assert np.max(np.maximum(slope, 0) * (solution.x - problem.alpha)) < 1e-8
    assert np.max(np.maximum(-slope, 0) * (problem.beta - solution.x)) < 1e-8
    assert slope.max() > 0.1 and slope.min() < -0.1  # some are at their bounds


def test_derivatives_of_the_subproblem():
    problem, lam = random_subproblem(7, 3), np.array([0.3, 2.0, 0.7])
    x = problem.alpha + 0.4 * (problem.beta - problem.alpha)
    slope, curvature = problem.gradient(x, lam)

    def changes(function):
        e = 1e-6 * np.eye(7)
        return np.array([function(x + one) - function(x - one) for one in e]).T / 2e-6

    np.testing.assert_allclose(problem.jacobian(x), changes(problem.rows), rtol=1e-7, atol=1e-7)
    p, q = problem.p0, problem.q0
    objective = p / (problem.upp - x) ** 2 - q / (x - problem.low) ** 2
    np.testing.assert_allclose(slope, objective + lam @ problem.jacobian(x), rtol=1e-12)
    second = changes(lambda x: problem.gradient(x, lam)[0])
    np.testing.assert_allclose(second, np.diag(curvature), rtol=1e-6, atol=1e-6)


def test_a_warm_start_saves_steps():
    problem = random_subproblem(500, 5)
    cold = subsolvers.solve_dual(problem)
    assert subsolvers.solve_dual(problem, cold.lam).iterations < cold.iterations


@pytest.mark.parametrize("solver", subsolvers.SOLVERS.values())
def test_a_failure_is_reported(solver):
    solution = solver(random_subproblem(40, 4), max_iterations=2)
    assert not solution.converged and solution.residual > 1e-6
    assert "did not converge after 2 steps" in solution.message


def goal_of(functions):
    """``functions(x) -> (f0, df0, f, df)`` as a goal with limits."""
    return sl.Goal(lambda x: functions(x)[:2], limits=lambda x: functions(x)[2:])


def test_a_failed_subproblem_is_no_success(monkeypatch):
    def lazy(problem, warm=None):
        return replace(subsolvers.solve(problem, warm), converged=False, message="Lazy.")

    monkeypatch.setattr(mma, "solve", lazy)
    result = sl.minimise(goal_of(toy), [4.0, 3.0, 2.0], "mma", 0, 5, max_iterations=30)
    assert not result.success and result.nit > 3
    assert f"{result.nit} subproblems did not converge; of the last: Lazy." in result.message


def shrinking(seed, steps=100):
    """The duration, by its logarithm, as the goal; limits: 31 members may miss 0.01 each."""
    goal = 1e-2
    band = sl.Ensemble.grid(np.linspace(-1e4, 1e4, 31))
    task = sl.Problem("Iz", "-Iz", 300e-6, steps, 1e4, ensemble=band)
    x0 = np.random.default_rng(seed).uniform(-np.pi, np.pi, steps)
    good = sl.design(task, optimiser="gauss-newton", radius=0, x0=x0, max_iterations=100, stop_at=0.999)
    last = np.append(np.zeros(steps), 1.0)

    def limits(x):
        path = spinors.propagate_phase(x[:-1], band.offset_hz, band.b1_scale, 1e4, np.exp(x[-1]) / steps, True)
        found = spinors.transfer_fidelity(path.final, np.eye(3)[2], -np.eye(3)[2])
        by_time = np.sum(found.slopes * path.stretch, axis=0)
        jacobian = np.column_stack([spinors.member_gradients(path.tangents, found), by_time])
        return (1 - found.values - goal) / goal, -jacobian / goal

    return sl.Goal(lambda x: (x[-1], last), limits=limits), np.append(good.x, np.log(300e-6))


@pytest.mark.parametrize("options, box", [
    ({"asyinit": 0.02, "asymin": 1e-4, "move": 0.1}, 2 * np.pi),
    ({"asyinit": 0.005, "asymin": 1e-5, "move": 0.02}, 1.0),
])  # fmt: skip
def test_short_asymptotes_and_many_limits(options, box):
    """Here the interior point once ran on where rounding let it be no better, into NaN."""
    goal, x0 = shrinking(seed=1)
    reach = np.append(np.full(100, box), 1.0)
    found = sl.minimise(goal, x0, "mma", x0 - reach, x0 + reach, max_iterations=40, **options)
    assert found.x[-1] < x0[-1] - 0.05 and goal.limits(found.x)[0].max() < 1e-2
    assert "subproblems did not converge" not in found.message


def test_a_nan_in_a_subproblem_returns_the_best(monkeypatch):
    goal, solve = shrinking(seed=1)[0], mma.solve
    x0 = shrinking(seed=1)[1]

    def spoilt(sub, warm=None):
        solution = solve(sub, warm)
        spoilt.calls += 1
        bad = {"x": np.full(len(x0), np.nan), "converged": False, "message": "It became NaN."}
        return replace(solution, **bad) if spoilt.calls == 4 else solution

    spoilt.calls = 0
    monkeypatch.setattr(mma, "solve", spoilt)
    found = sl.minimise(goal, x0, "mma", x0 - 1, x0 + 1, max_iterations=20, asyinit=0.005, asymin=1e-5, move=0.02)
    assert found.nit == 3 and not found.success and np.isfinite(found.x).all()
    assert found.x[-1] < x0[-1] and "became NaN or inf; this is the best so far" in found.message


def test_bad_arguments_of_the_steps_are_refused():
    problem = random_subproblem(3, 2)
    with pytest.raises(ValueError, match="no method 'simplex'; choose one of dual, interior"):
        subsolvers.solve(problem, method="simplex")
    state = mma.start([1.0, 1.0, 1.0], 0, 5, sl.optimisers.Form.hard(2))
    f0, df0, f, df = toy(state.x)
    for move in (mma.step, lambda *them: mma.gcmma_step(*them, values=None)):
        with pytest.raises(ValueError, match=r"df must have shape \(2, 3\), but \(3, 2\) arrived"):
            move(state, f0, df0, f, df.T)
        with pytest.raises(ValueError, match="df0 must be finite"):
            move(state, f0, df0 * np.nan, f, df)


@pytest.mark.parametrize("name", PROBLEMS)
def test_approximations_are_tangent_and_convex(name):
    functions, x0, lower, upper, _ = PROBLEMS[name]
    state = mma.start(x0, lower, upper, sl.optimisers.Form.hard(len(functions(np.asarray(x0, float))[2])))
    for _ in range(4):  # also once the asymptotes have moved
        here = functions(state.x)
        problem = mma.approximate(state, *here, MMAOptions())
        x, rows = state.x, len(here[2])
        np.testing.assert_allclose(problem.rows(x), here[2], atol=1e-11)
        np.testing.assert_allclose(problem.jacobian(x), here[3], atol=1e-12)
        slope, _ = problem.gradient(x, np.zeros(rows))
        np.testing.assert_allclose(slope, here[1], atol=1e-12)
        for point in (problem.alpha, problem.beta, x):
            for lam in (np.zeros(rows), np.ones(rows)):
                assert np.all(problem.gradient(point, lam)[1] > 0)
        state = mma.step(state, *here)
        np.testing.assert_allclose(
            mma.promised_change(problem, x, state.x)[1:], problem.rows(state.x) - here[2],
            atol=1e-10,
        )


def test_asymptotes_move_with_the_progress():
    ones, form = np.ones(3), sl.optimisers.Form.hard(0)
    state = mma.start(0 * ones, -5, 5, form)
    low, upp = mma.asymptotes(state, MMAOptions())
    assert np.all(low == -5) and np.all(upp == 5)
    state = replace(
        state, x=np.array([1.0, 1.0, 0.0]), before=0 * ones, earlier=np.array([-1.0, 1.0, 1.0]),
        low=-2 * ones, upp=2 * ones,
    )
    low, upp = mma.asymptotes(state, MMAOptions())
    np.testing.assert_allclose(upp - state.x, [2.4, 1.4, 2.0])
    np.testing.assert_allclose(state.x - low, [2.4, 1.4, 2.0])


@pytest.mark.parametrize("name", PROBLEMS)
def test_gcmma_never_promises_too_much(name):
    functions, x0, lower, upper, _ = PROBLEMS[name]
    state = mma.start(x0, lower, upper, sl.optimisers.Form.hard(len(functions(np.asarray(x0, float))[2])))
    made, original = [], mma.approximate

    def spy(*them):
        made.append(original(*them))
        return made[-1]

    for _ in range(6):
        f0, df0, f, df = functions(state.x)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(mma, "approximate", spy)
            after = mma.gcmma_step(state, f0, df0, f, df, lambda x: functions(x)[::2])
        change = mma.promised_change(made[-1], state.x, after.x)
        f0_new, _, f_new, _ = functions(after.x)
        actual = np.r_[f0_new, f_new] - np.r_[f0, f]
        assert np.all(actual <= change + 1e-11)
        state = after
    assert len(made) >= 6


@pytest.mark.parametrize("optimiser", ["mma", "gcmma"])
@pytest.mark.parametrize("name", PROBLEMS)
def test_optima(name, optimiser):
    functions, x0, lower, upper, optimum = PROBLEMS[name]
    result = sl.minimise(goal_of(functions), x0, optimiser, lower, upper, max_iterations=500)
    assert result.success and result.residual <= 1e-6 and "Converged" in result.message
    assert functions(result.x)[2].max(initial=-1) < 1e-6
    if optimum is None:
        optimum = slsqp(functions, x0, lower, upper)
    assert result.value == pytest.approx(optimum, rel=1e-6)
    # Stationary with the reported multipliers, wherever x is not at a bound.
    _, df0, _, df = functions(result.x)
    inside = (result.x > np.asarray(lower) + 1e-4) & (result.x < np.asarray(upper) - 1e-4)
    assert np.abs(df0 + result.multipliers @ df)[inside].max(initial=0) < 2e-6
    history = result.history
    assert len(history.fun) == len(history.residual) == result.nit + 1
    assert history.evaluations[-1] == result.nfev and history.residual[-1] == result.residual
    assert np.isnan(history.residual[0]) and np.all(history.residual[1:] >= 0)
    assert np.all(np.diff(history.seconds) >= 0)


def line(x):
    """Residuals of a line through four points, and their derivatives."""
    t = np.array([0.0, 1.0, 2.0, 3.0])
    return x[0] + x[1] * t - np.array([0.1, 1.3, 1.9, 3.4]), np.stack([np.ones(4), t], axis=1)


def test_least_squares_as_constraints():
    goal = goal_of(lambda x: sl.optimisers.least_squares_rows(*line(x)))
    form = sl.optimisers.least_squares_form(4)
    result = sl.minimise(goal, [0.0, 0.0], "mma", -5, 5, form=form)
    r, J = line(np.zeros(2))
    x, total, *_ = np.linalg.lstsq(J, -r, rcond=None)
    assert result.success
    np.testing.assert_allclose(result.x, x, atol=1e-6)
    assert result.fun == pytest.approx(total[0], rel=1e-6) and result.value == 0


def test_least_squares_with_a_limit():
    goal = goal_of(
        lambda x: sl.optimisers.least_squares_rows(*line(x), [x[1] - 0.5], [[0.0, 1.0]])
    )
    form = sl.optimisers.least_squares_form(4, limits=1)
    result = sl.minimise(goal, [0.0, 0.0], "mma", -5, 5, form=form)
    r = line(np.array([0.0, 0.5]))[0]
    assert result.success
    np.testing.assert_allclose(result.x, [-r.mean(), 0.5], atol=1e-6)


def test_minimax():
    """The flattest error of a line: Chebyshev's, with equal extremes of alternating sign."""
    def functions(x):
        r, J = line(x)
        return sl.optimisers.minimax_rows(r**2, 2 * r[:, None] * J)

    result = sl.minimise(
        goal_of(functions), [0.0, 0.8], "mma", -5, 5, form=sl.optimisers.minimax_form(4), tolerance=1e-7
    )
    r, J = line(np.zeros(2))
    grid = np.array([[a, b] for a in np.linspace(-1, 1, 201) for b in np.linspace(0, 2, 201)])
    assert result.success
    largest = np.abs(line(result.x)[0]).max()
    assert largest <= np.abs(grid @ J.T + r).max(axis=1).min() + 1e-6
    assert result.fun == pytest.approx(largest**2, rel=1e-5)


def test_constraints_that_cannot_be_met_are_no_success():
    goal = goal_of(
        lambda x: (x[0], np.ones(1), np.array([x[0] - 1, 2 - x[0]]), np.array([[1.0], [-1.0]]))
    )
    result = sl.minimise(goal, [0.0], "mma", -5, 5)
    assert not result.success and result.residual < 1e-6
    assert "could not all be met: they are broken by" in result.message


def test_a_shallow_minimum_is_not_returned_after_a_deep_one():
    """The first step leaves the neighbourhood of the minimum for good."""
    seen = []

    def wavy(x):
        seen.append(np.sin(3 * x[0]) + x[0])
        return seen[-1], 3 * np.cos(3 * x) + 1

    result = sl.minimise(wavy, [-0.5], "mma", -1.5, 1.5)
    assert seen[-1] > seen[0] and result.fun == result.value == min(seen)
    assert not result.success and "a better point was seen on the way" in result.message


def test_too_few_iterations_are_no_success():
    result = sl.minimise(goal_of(cantilever), np.full(5, 5.0), "mma", 1, 10, max_iterations=3)
    assert not result.success and "used up. Not converged" in result.message and result.nit == 3
    assert result.fun == result.history.fun.min()


def test_nan_is_refused_with_a_sentence():
    def functions(x):
        with np.errstate(invalid="ignore"):
            return np.sqrt(x[0] - 1), np.ones(1)

    with pytest.raises(ValueError, match="became NaN or inf at evaluation 2"):
        sl.minimise(functions, [2.0], "mma", -5, 5)


@pytest.mark.parametrize("error", [StopIteration, KeyboardInterrupt])
def test_stopped_from_outside_it_returns_the_best(error):
    seen = []

    def callback(intermediate_result):
        seen.append(intermediate_result)
        if len(seen) == 4:
            raise error

    result = sl.minimise(goal_of(cantilever), np.full(5, 5.0), "mma", 1, 10, callback=callback)
    word = "callback" if error is StopIteration else "Interrupted"
    assert not result.success and word in result.message
    assert [one.nit for one in seen] == [1, 2, 3, 4] and result.nit == 4
    assert seen[-1].nfev == result.nfev and seen[-1].residual == result.history.residual[-1]
    assert result.fun == min(result.history.fun)


def test_an_evaluation_is_not_made_twice():
    points, limited = [], []

    def value(x):
        points.append(tuple(x))
        return toy(x)[:2]

    def limits(x):
        limited.append(tuple(x))
        return toy(x)[2:]

    goal = sl.Goal(value, limits=limits)
    result = sl.minimise(goal, [4.0, 3.0, 2.0], "gcmma", 0, 5)
    assert len(points) == len(set(points)) == result.nfev > result.nit
    assert len(limited) <= len(points) + result.nit


