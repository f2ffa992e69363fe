"""Moving asymptotes as optimisers: a goal in standard form, step by step, to a proven optimum.

Proven by the conditions of Karush, Kuhn and Tucker, of the problem itself and not of an
approximation.
"""

import numpy as np

from ..inputs import arrays, choice
from .descents import USED_UP, needed
from .mma import MMAOptions, gcmma_step, start, step
from .standard_form import FORMS, Form
from .subproblem import kkt_residual

#: A minimax polishes what is nearly finished: its first steps must be short.
POLISH = {"asyinit": 1e-3, "asymin": 1e-5}
#: Steps that are shorter than this part of the bounds' distance lead nowhere.
SHORT = 1e-7


def mma(run, x, form=None, tolerance=1e-6, advance=step, **options):
    """Moving asymptotes, :mod:`spinlab.optimisers.mma`; limits of the goal are constraints.

    Options: ``form``, one of

    * ``"least-squares"``: a sum of squares of what the members miss, as constraints
      (:eq:`eq-least-squares-form`, the paper's); the default where the goal has members,
    * ``"tangent"``: the same with the tangent residuals,
    * ``"minimax"``: the worst member (:eq:`eq-minimax-form`),
    * ``"direct"``: the value itself; the default for other goals,
    * a :class:`~spinlab.optimisers.Form`: the value itself, and prices for the limits;

    ``tolerance``, of the Karush-Kuhn-Tucker residual, in the units of the functions; and the fields
    of :class:`spinlab.optimisers.MMAOptions`.
    """
    lower, upper = run.box
    limits = len(run.limits(x)[0])
    if form is None:
        form = "direct" if run.goal.members is None else "least-squares"
    if form == "direct":
        form = Form.hard(limits)
    tolerance = arrays("tolerance: > 0", tolerance=tolerance)
    rows, prices = _standard_form(run, form, limits)
    f0, df0, f, df = rows(x)
    state = start(x, lower, upper, prices)
    options = MMAOptions(**{**(POLISH if form == "minimax" else {}), **options})
    for _ in range(run.left):
        tries = () if advance is step else (lambda point: rows(point)[::2],)
        state = advance(state, f0, df0, f, df, *tries, options=options)
        solution = state.solution
        run.failures += [] if solution.converged else [solution.message]
        if not np.isfinite(state.x).all():
            return False, "A subproblem became NaN or inf; this is the best so far."
        f0, df0, f, df = rows(state.x)
        residual = kkt_residual(state.x, solution.y, solution.z, solution.lam,
                                df0 + solution.lam @ df, f, lower, upper, prices)  # fmt: skip
        kkt = {"multipliers": solution.lam[len(f) - limits :], "residual": residual}
        converged = residual <= tolerance and solution.converged
        but = run.settle(isinstance(form, Form), **kkt) if converged else ""
        run.after_iteration(**kkt)
        told = f"the Karush-Kuhn-Tucker residual is {residual:.1e}"
        if converged:
            return not but, f"Converged: {told}.{but}"
        if np.max(np.abs(state.x - state.before) / np.maximum(upper - lower, 1e-300)) < SHORT:
            return True, f"The steps are small; {told}."
    return False, f"{USED_UP} Not converged: {told}, wanted {tolerance:.1e}."


def gcmma(run, x, form=None, tolerance=1e-6, **options):
    """The globally convergent version, of conservative steps; options as in :func:`mma`."""
    return mma(run, x, form, tolerance, gcmma_step, **options)


def _standard_form(run, form, limits):
    """The goal in standard form, ``rows(x) -> (f0, df0, f, df)``, which counts, and its prices."""
    if isinstance(form, Form):
        return lambda x: (*run(x), *run.limits(x)), form
    field, arrange, price = FORMS[choice("form", form, FORMS)]
    function, weights = needed(run, field, "mma"), run.goal.weights

    def rows(x):
        values, jacobian = function(x)
        run(x)  # after the members, whose work it shares
        if weights is not None and form != "minimax":
            share = np.sqrt(weights * len(weights))
            share = np.tile(share, len(values) // len(share))
            values, jacobian = share * values, share[:, None] * jacobian
        return arrange(values, jacobian, *run.limits(x))

    return rows, price(len(function(run.best["x"])[0]), limits)
