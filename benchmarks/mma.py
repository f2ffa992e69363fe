"""Moving asymptotes: Svanberg's problems against their known optima, and the cost of a subproblem.

The optima are known twice: as published, and from SciPy's SLSQP, which works without asymptotes.
"""

from itertools import product

import numpy as np
import svanberg
from measure import exponent, interleave, record

from spinlab import (
    Ensemble,
    Goal,
    evaluate,
    evaluate_objective,
    minimise,
    observable,
    state,
    transfer,
)
from spinlab.optimisers import (
    Form,
    MMAOptions,
    least_squares_form,
    least_squares_rows,
)
from spinlab.optimisers.mma import approximate, start, step
from spinlab.optimisers.subproblem_solvers import solve, solve_dual, solve_interior
from spinlab.pulses import from_phase

SLSQP = "scipy.optimize.minimize(method='SLSQP') with exact derivatives"
PUBLISHED = "optimum as published by Svanberg"


def records():
    """All rows of this area, one by one."""
    yield from problems()
    yield from many_rows()
    yield from one_row()
    yield from scaling()


#: name: functions, start, lower, upper, published optimum
PROBLEMS = svanberg.problems(100, (24.89595, -75.10405))


def problems():
    """Errors of the optima, and how long the way was, by plain and by globally convergent MMA."""
    for (name, problem), optimiser in product(PROBLEMS.items(), ("mma", "gcmma")):
        functions, x0, lower, upper, published = problem
        goal = Goal(lambda x, f=functions: f(x)[:2], limits=lambda x, f=functions: f(x)[2:])
        result = minimise(goal, x0, optimiser, lower, upper, max_iterations=1000)
        label = f"{optimiser}, {name}"
        reference = svanberg.slsqp(*PROBLEMS[name][:4])
        for baseline, optimum in ((SLSQP, reference), (PUBLISHED, published)):
            what = "published optimum" if baseline == PUBLISHED else "SLSQP"
            yield record(
                f"{label}: relative error against {what}", abs(result.value / optimum - 1), "",
                at_most=1e-6, baseline=baseline,
            )
        yield record(f"{label}: KKT residual", result.residual, "", at_most=1e-6)
        yield record(f"{label}: iterations", result.nit, "")
        yield record(f"{label}: evaluations", result.nfev, "")


def excitation(phase):
    """Infidelities of 255 spins, Iz to Ix, and their derivatives by the 500 phases."""
    spins = Ensemble.grid(np.linspace(-10e3, 10e3, 51), np.linspace(0.8, 1.2, 5))
    generator = evaluate(rf_hz=1e4, offset_hz=spins.offset_hz, b1_scale=spins.b1_scale)
    (cos, sin), _ = from_phase(phase[None])
    result = evaluate_objective(
        generator, np.array([cos, sin]), 1e-6, state("Iz"), transfer(observable("Ix"))
    )
    by_x, by_y = result.gradients[:, 0], result.gradients[:, 1]
    return 1 - result.values, sin * by_x - cos * by_y


def many_rows(steps=10, rounds=3):
    """Subproblems of a real design: least squares of 255 spins, 500 phases, so 510 rows."""
    n, k = 500, 255
    x0 = np.pi * np.random.default_rng(0).uniform(-1, 1, n)
    now, jobs, solutions = start(x0, -15 * np.pi, 15 * np.pi, least_squares_form(k)), {}, []
    for iteration in range(1, steps + 1):
        rows = least_squares_rows(*excitation(now.x))
        problem = approximate(now, *rows, MMAOptions())
        jobs[iteration] = lambda problem=problem: solve(problem)
        now = step(now, *rows)
        solutions.append(now.solution)
    jobs["step"] = lambda: step(now, *rows)
    times = interleave(jobs, rounds)
    seconds = {name: np.median(times[name]) for name in jobs}
    whole = seconds.pop("step")
    name = f"subproblem n=500, m=510, of iterations 1..{steps}"
    yield record(f"{name}: median", np.median(list(seconds.values())) * 1e3, "ms", at_most=120)
    yield record(f"{name}: slowest", max(seconds.values()) * 1e3, "ms")
    yield record(f"{name}: Newton steps, mean", np.mean([s.iterations for s in solutions]), "")
    yield record(f"{name}: worst residual", max(s.residual for s in solutions), "", at_most=1e-6)
    yield record("a whole step n=500, m=510, of the last iteration", whole * 1e3, "ms")


def one_row(n=5000, steps=5, rounds=21):
    """Subproblems of sizing n parts: least compliance ``sum c_j / x_j`` of a given volume."""
    c = np.random.default_rng(0).uniform(0.1, 10, n)
    now = start(np.full(n, 0.4), 0.01, 1, Form.hard(1))
    for _ in range(steps):
        x, warm = now.x, now.solution and now.solution.lam
        values = (c / x).mean(), -c / x**2 / n, np.array([x.mean() - 0.4]), np.full((1, n), 1 / n)
        problem = approximate(now, *values, MMAOptions())
        now = step(now, *values)
    jobs = {
        "warm dual": lambda: solve_dual(problem, warm), "cold dual": lambda: solve_dual(problem),
        "interior point": lambda: solve_interior(problem),
    }
    times = interleave(jobs, rounds)
    for name, job in jobs.items():
        target = 4 if name == "warm dual" else None
        seconds, solution = np.median(times[name]), job()
        label = f"subproblem n={n}, m=1, {name}"
        yield record(label, seconds * 1e3, "ms", at_most=target)
        yield record(f"{label}: residual", solution.residual, "", at_most=1e-6)


def random_subproblem(n, m):
    """An approximation of functions with random derivatives; the constraints can be met."""
    rng = np.random.default_rng(0)
    now = start(rng.uniform(-0.9, 0.9, n), -1, 1, Form.hard(m))
    df0, df = rng.standard_normal(n), rng.standard_normal((m, n)) / np.sqrt(n)
    # Met with equality or less at one point within reach.
    f = -df @ (0.3 * rng.uniform(-1, 1, n)) - 0.1 * rng.uniform(0, 1, m)
    return approximate(now, 0.0, df0, f, df, MMAOptions())


def scaling(rounds=3):
    """How the time grows with variables and rows."""
    square = (50, 158, 500, 1581)
    sizes = [(n, n) for n in square] + [
        (500, 1), (5000, 1), (5000, 50), (5000, 500), (50, 500), (50, 5000), (500, 5000),
    ]
    problems = {size: random_subproblem(*size) for size in sizes}
    jobs = {size: lambda problem=problem: solve(problem) for size, problem in problems.items()}
    times = interleave(jobs, rounds)
    for n, m in sizes:
        solution = solve(problems[n, m])
        name = f"random subproblem n={n}, m={m}"
        yield record(f"{name}, {solution.message.split()[0].lower()}",
                     np.median(times[n, m]) * 1e3, "ms")
        yield record(f"{name}: residual", solution.residual, "", at_most=1e-6)
    yield record(
        f"random subproblem, cost against n = m = {square[1]}..{square[-1]}",
        exponent(square[1:], {n: times[n, n] for n in square[1:]}), "exponent",
    )
