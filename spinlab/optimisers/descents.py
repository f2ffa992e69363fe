r"""Descents: steepest descent, L-BFGS, damped Newton.

Each is a function ``optimiser(run, x, **options)`` that returns whether it converged and why it
ended.  The books ``run`` (made by :func:`spinlab.minimise`) give value and gradient, ``run(x)``,
hold the goal and the bounds, and are told after every iteration.
"""

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.optimize import minimize

from ..inputs import require, whole

USED_UP = "The iterations are used up."


def steepest_descent(run, x, tolerance=1e-9):
    """Steepest descent with backtracking: the step doubles where it may, and halves where it must.

    Options: ``tolerance``, of the gradient's norm.
    """
    lower, upper = run.box
    value, gradient = run(x)
    step = 1 / np.linalg.norm(gradient)
    for _ in range(run.left):
        for _ in range(60):
            trial = np.clip(x - step * gradient, lower, upper)
            lower_value, new_gradient = run(trial)
            if lower_value <= value - 1e-4 * gradient @ (x - trial):
                break
            step /= 2
        else:
            return False, "No step along the gradient makes the value smaller."
        moved = np.linalg.norm(trial - x)
        x, value, gradient, step = trial, lower_value, new_gradient, 2 * step
        run.after_iteration()
        if min(np.linalg.norm(gradient), moved) < tolerance:
            return True, "The gradient is small."
    return False, USED_UP


def l_bfgs(run, x, tolerance=1e-9):
    """SciPy's L-BFGS-B.  Options: ``tolerance``, of the projected gradient's largest entry."""
    bounds = None if np.all(np.isinf(run.box)) else np.transpose(run.box)
    options = {"maxiter": run.left, "maxfun": 10 * run.left, "ftol": 1e-12, "gtol": tolerance}
    outcome = minimize(run, x, jac=True, method="L-BFGS-B", bounds=bounds, options=options,
                       callback=run.after_iteration)  # fmt: skip
    return outcome.success, str(outcome.message)


def newton(run, x, damping=1e-2, tolerance=1e-9):
    """Damped Newton with the exact Hessian; options as in :func:`damped_newton`."""
    return damped_newton(run, x, needed(run, "hessian", "newton"), damping, tolerance)


def gauss_newton(run, x, every=1, damping=1e-2, tolerance=1e-9):
    """Levenberg-Marquardt on tangent residuals.

    Options: ``every``, to take the curvature from every so-manyth member only (4 is a good
    choice for large ensembles); the others as in :func:`damped_newton`.
    """
    whole("every", every)
    curvature = needed(run, "gauss_newton", "gauss-newton")
    return damped_newton(run, x, lambda point: curvature(point, every), damping, tolerance)


def needed(run, field, optimiser):
    """The field of the goal that an optimiser cannot do without."""
    function = getattr(run.goal, field)
    require(function is not None, f"The optimiser {optimiser!r} needs a goal with {field}, see "
                                  "spinlab.Goal; this one has none: use 'l-bfgs'.")
    return function


def damped_newton(run, x, curvature, damping=1e-2, tolerance=1e-9):
    r"""Steps :math:`(B + \mu\,E)\,s = -g`, the damping following how well the model predicts.

    :eq:`eq-damped-newton`.  A good prediction of the decrease lowers :math:`\mu`, a bad one raises
    it and the step is tried again; a matrix that is not positive definite raises it, too.  Unknowns
    at a bound that the gradient pushes outwards rest.

    Options: ``damping``, the first :math:`\mu` in units of the mean diagonal of :math:`B`
    (``curvature(x)``); ``tolerance``, of the gradient's norm.
    """
    lower, upper = run.box
    value, gradient = run(x)
    mu, growth = None, 2.0
    for _ in range(run.left):
        matrix = run.curvature(curvature(x), x)
        if mu is None:
            mu = damping * (np.abs(np.diagonal(matrix)).mean() or 1.0)
        floor = 1e-14 * np.abs(matrix).max()
        free = ~(((x <= lower) & (gradient > 0)) | ((x >= upper) & (gradient < 0)))
        if np.linalg.norm(gradient[free]) < tolerance:
            return True, "The gradient is small."
        while True:
            step = _solve_damped(matrix, mu, gradient, free)
            if step is not None:
                trial = np.clip(x + step, lower, upper)
                step = trial - x
                predicted = -gradient @ step - step @ matrix @ step / 2
                if not np.any(step) or mu > 1e12 * np.abs(matrix).max():
                    return False, "No damped step makes the value smaller."
                new_value, new_gradient = run(trial)
                # Cut by the bounds, a step may promise nothing and gain something.
                gain = min(1.0, (value - new_value) / max(predicted, 1e-300))
                if new_value < value:
                    break
            mu, growth = max(mu, floor) * growth, 2 * growth
        mu, growth = max(mu * max(1 / 5, 1 - (2 * gain - 1) ** 3), floor), 2.0
        x, value, gradient = trial, new_value, new_gradient
        run.after_iteration()
    return False, USED_UP


def _solve_damped(matrix, mu, gradient, free):
    """The damped step, or None where the matrix is not positive definite."""
    step, everything = np.zeros_like(gradient), free.all()
    damped = matrix.copy() if everything else matrix[np.ix_(free, free)]
    damped[np.diag_indices_from(damped)] += mu
    try:
        factor = cho_factor(damped, overwrite_a=True, check_finite=False)
    except LinAlgError:
        return None
    step[free] = -cho_solve(factor, gradient[free], check_finite=False)
    return step
