"""Properties of optimisers: subproblems, conservative steps, and the best that was seen."""

import numpy as np
import pytest
import strategies as some
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import slope

import spinlab as sl
from spinlab.optimisers import Form, MMAOptions, mma, subproblem_solvers


@st.composite
def subproblems(draw):
    """Convex by construction, of any prices, with a z or without."""
    n, m = draw(st.integers(1, 6)), draw(st.integers(0, 4))
    c = 1e3 * draw(some.real(m, low=0.0)) ** 3
    d = draw(some.real(m, low=0.0)) + (c == 0)
    a = draw(some.real(m, low=0.0)) * draw(st.booleans())
    rng = draw(some.seeds)
    state = mma.start(rng.uniform(-0.9, 0.9, n), -1, 1, Form(draw(some.between(0.1, 2)), a, c, d))
    slopes = 10 ** rng.uniform(-2, 2, (m + 1, 1)) * rng.normal(size=(m + 1, n))
    return mma.approximate(state, 0.0, slopes[0], rng.normal(size=m), slopes[1:], MMAOptions())


@given(sub=subproblems(), method=st.sampled_from((None, *subproblem_solvers.SOLVERS)))
@some.examples(4)
def test_subproblems_are_solved(sub, method):
    """The conditions of Karush, Kuhn and Tucker, one by one, by each solver."""
    found = subproblem_solvers.solve(sub, method=method)
    if method and not found.converged:
        return  # where one fails, and says so, there is the other
    x, y, z, lam, form = found.x, found.y, found.z, found.lam, sub.form
    assert found.converged, found.message
    assert np.all(sub.low < sub.alpha) and np.all(sub.beta < sub.upp)
    near = 1e-6 * (1 + np.abs(sub.b).max(initial=0.0))

    def costs(x):  # the Lagrangian, written out
        g0 = sub.p0 @ (1 / (sub.upp - x)) + sub.q0 @ (1 / (x - sub.low))
        rows = sub.P @ (1 / (sub.upp - x)) + sub.Q @ (1 / (x - sub.low)) - sub.b
        return g0 + lam @ rows, rows

    for k, step in enumerate(1e-6 * (sub.beta - sub.alpha) * np.eye(len(x))):
        rise = (costs(x + step)[0] - costs(x - step)[0]) / (2 * step[k])
        big = 1e-3 * (1 + abs(rise))  # rounding, over so short a step
        assert rise > -big or x[k] > sub.beta[k] - near
        assert rise < big or x[k] < sub.alpha[k] + near
    rows = costs(x)[1]
    assert np.all((sub.alpha <= x) & (x <= sub.beta)) and y.min(initial=0) >= 0 and z >= 0
    assert np.all(rows <= form.a * z + y + near) and lam.min(initial=0) >= -near
    assert np.all(np.minimum(lam, form.a * z + y - rows) < near)
    price = form.c + form.d * y - lam
    assert np.all(price > -near) and np.all(np.minimum(y, price) < near)
    assert form.a0 - form.a @ lam > -near and min(z, form.a0 - form.a @ lam) < near


@st.composite
def landscapes(draw, rows=3):
    """Smooth, with several minima: (f0, df0, f, df) of x, the start and the number of rows."""
    n, m = draw(st.integers(1, 3)), draw(st.integers(0, rows))
    rng = draw(some.seeds)
    A, phase = 2 * rng.normal(size=(m + 1, 4, n)), rng.uniform(0, 6, (m + 1, 4))

    def functions(x):
        angles = A @ x + phase
        values, slopes = np.sin(angles).sum(1), np.einsum("rk,rkn->rn", np.cos(angles), A)
        return values[0], slopes[0], values[1:] - 0.5, slopes[1:]

    return functions, draw(some.real(n)), m


@given(landscape=landscapes())
def test_gcmma_never_raises_the_cost(landscape):
    """For no function ends above its approximation; and steps stay within the box."""
    functions, x0, m = landscape
    state = mma.start(x0, -1.5, 1.5, Form.hard(m))
    for _ in range(3):
        f0, df0, f, df = functions(state.x)
        after = mma.gcmma_step(state, f0, df0, f, df, lambda x: functions(x)[::2])
        assert np.all((-1.5 <= after.x) & (after.x <= 1.5))
        # So the cost falls, but for what the tolerance of the subproblem leaves of the rows.
        before, now = Form.hard(m).cost(f0, f), Form.hard(m).cost(*functions(after.x)[::2])
        assert now <= before + 1e-8 * (1 + 1000 * m)
        state = after


@given(
    landscape=landscapes(), optimiser=st.sampled_from((*sl.OPTIMISERS, "mma", "gcmma")),
    stop=st.integers(1, 40),
)  # fmt: skip
@some.examples(4)
def test_the_best_that_was_seen_is_returned(landscape, optimiser, stop):
    """Whatever the optimiser does, and whenever it is stopped; and it never leaves its bounds."""
    functions, x0, rows = landscape
    assume(np.linalg.norm(functions(x0)[1]) > 1e-6)
    seen = []

    def merit(x):
        f0, _, f, _ = functions(x)
        broken = np.maximum(f, 0)
        return Form.hard(rows).cost(f0, f) if "mma" in optimiser else f0 + 10 * broken @ broken

    def value(x):
        assert np.all(np.abs(x) <= 1.5)
        seen.append(merit(x))
        return functions(x)[:2]

    def hessian(x):
        return np.array([slope(lambda x: functions(x)[1], x, e) for e in np.eye(len(x))])

    def curvature(x, every=1):
        energies, vectors = np.linalg.eigh(hessian(x) + hessian(x).T)
        return vectors * np.abs(energies) @ vectors.T

    def callback(state):
        if state.nit == stop:
            raise StopIteration

    goal = sl.Goal(value, hessian, curvature, limits=(lambda x: functions(x)[2:]) if rows else None)
    result = sl.minimise(goal, x0, optimiser, -1.5, 1.5, max_iterations=40, callback=callback)
    # By so much a proven optimum may be above a point that breaks the limits a little more.
    slack = min(1e-6, np.nan_to_num(result.residual)) * (len(x0) + 1000 * rows)
    assert merit(result.x) <= min(seen) + slack + 1e-9
    assert result.value == functions(result.x)[0] and result.nfev == len(seen)
    assert rows or np.all(np.diff(result.history.fun) <= 0)


@given(residuals=some.real(4), J=some.real(4, 3), limits=some.real(2), share=some.between(0.1, 3))
def test_forms_are_what_they_stand_for(residuals, J, limits, share):
    """A sum of squares, a largest value; and limits that cost what their prices say."""
    optimisers, slopes = sl.optimisers, np.zeros((2, 3))
    f0, _, f, df = optimisers.least_squares_rows(residuals, J, limits, slopes)
    form = optimisers.least_squares_form(4, 2)
    broken = np.maximum(limits, 0)
    assert form.cost(f0, f) == pytest.approx(residuals @ residuals + 1000 * broken.sum())
    f0, _, f, df = optimisers.minimax_rows(np.abs(residuals), J, limits, slopes)
    cost = np.abs(residuals).max() + 1000 * broken.sum() + broken @ broken / 2
    assert optimisers.minimax_form(4, 2).cost(f0, f) == pytest.approx(cost)
    # Where the rows have shares of one z and all else is dear, z is as large as the worst row asks.
    prices = Form(share, 0.5 + np.abs(limits), np.full(2, 1e6), np.zeros(2))
    largest = max(0.0, np.max(limits / prices.a))
    assert prices.cost(0.0, limits) == pytest.approx(share * largest, abs=1e-9)
