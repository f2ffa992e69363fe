"""Optimisation with constraints: moving asymptotes from a start to a proven optimum.

Proven by the conditions of Karush, Kuhn and Tucker, of the problem itself and not of an
approximation: :func:`spinlab.optimisers.solve_mma` tells by how much they are missed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from reprlib import repr as brief

import numpy as np
from scipy.optimize import OptimizeResult

from ..inputs import instance, positive, whole
from .loop import INTERRUPTED, Optimum
from .mma import MMAOptions, checked, gcmma_step, start, step
from .standard_form import Form
from .subproblem import kkt_residual


@dataclass(frozen=True)
class MMAHistory:
    """What happened, iteration by iteration: arrays of one length, the start included.

    Parameters
    ----------
    value, residual, seconds : ndarray
        Objective of the standard form (with what violations cost), Karush-Kuhn-Tucker residual
        (inf at the start, for it needs multipliers), time since the start.
    evaluations : ndarray
        Evaluations of the functions so far.
    """

    value: np.ndarray
    residual: np.ndarray
    seconds: np.ndarray
    evaluations: np.ndarray


@dataclass(frozen=True)
class MMAResult(Optimum):
    """A :class:`spinlab.optimisers.Optimum` with constraints.

    Its ``fun`` is the objective of the standard form: ``f0`` and what the elastic variables cost;
    ``success`` tells whether the residual is within the tolerance, and every constraint with a
    price ``c`` met; ``history`` is an :class:`MMAHistory`.

    Parameters
    ----------
    f0 : float
    constraints, multipliers : ndarray, (m,)
        ``f(x)`` and the rows' multipliers.
    residual : float
        By how much the Karush-Kuhn-Tucker conditions are missed.
    """

    f0: float
    constraints: np.ndarray
    multipliers: np.ndarray
    residual: float


def solve_mma(
    functions, x0, lower, upper, form=None, options=None, globally_convergent=False,
    max_iterations=200, tolerance=1e-6, callback=None,
):
    """Minimise ``f0(x)`` with ``f(x) <= 0`` and bounds by moving asymptotes.

    Parameters
    ----------
    functions : callable
        ``functions(x) -> (f0, df0, f, df)``: a number, (n,), (m,) and (m, n).
    x0 : ndarray, (n,)
    lower, upper : ndarray, (n,), or float
        Finite, for steps are measured by their distance.
    form : Form, optional
        Prices of the elastic variables; default: constraints that are to hold.
    options : MMAOptions, optional
    globally_convergent : bool
        Take steps of GCMMA: more evaluations, but convergence from every start.
    max_iterations : int
    tolerance : float
        For the residual, in the units of the functions.
    callback : callable, optional
        ``callback(intermediate_result)`` after every iteration, with SciPy's fields ``x``, ``fun``,
        ``nit``, ``nfev`` and our ``residual``; raise ``StopIteration`` to stop.

    Returns
    -------
    MMAResult
        Also after an interruption (Ctrl-C, the notebook's stop button): with the best so far.

    Raises
    ------
    ValueError
        Bounds that are crossed, a start outside of them, shapes that do not fit, NaN.

    Examples
    --------
    The smallest sum of two numbers whose product is at least 1.

    >>> def functions(x):
    ...     return x.sum(), np.ones(2), np.array([1 - x[0] * x[1]]), -x[None, ::-1]
    >>> result = solve_mma(functions, [2.0, 3.0], 0.1, 5)
    >>> result.success, result.x.round(5), result.multipliers.round(5)
    (True, array([1., 1.]), array([1.]))
    """
    whole("max_iterations", max_iterations)
    positive("tolerance", tolerance)
    state = start(x0, lower, upper, Form.hard(0) if form is None else form)
    options = MMAOptions() if options is None else instance("options", options, MMAOptions)
    if not callable(functions) or not (callback is None or callable(callback)):
        raise TypeError("functions and callback must be functions, but something else arrived.")
    run = _Run(functions, state, form, tolerance, callback)
    try:
        while not run.note() and run.state.iteration < max_iterations:
            run.advance(options, globally_convergent)
        success, message = run.verdict()
    except KeyboardInterrupt:
        if run.best is None:
            raise
        success, message = False, INTERRUPTED
    except StopIteration:
        success, message = False, "Stopped by the callback."
    return run.result(success, message)


class _Run:
    """The books of one optimisation: evaluations, history and the best so far."""

    def __init__(self, functions, state, form, tolerance, callback):
        self.functions, self.tolerance, self.callback = functions, tolerance, callback
        self.began, self.evaluations, self.failed = time.perf_counter(), 0, 0
        self.rows, self.best, self.state, self.last = [], None, None, (None, None)
        m = len(self.evaluate(state.x)[2])
        form = Form.hard(m) if form is None else form
        if len(form.c) != m:
            raise ValueError(
                f"The form has {len(form.c)} rows, but the functions return {m} constraints."
            )
        self.state = replace(state, form=form)

    def evaluate(self, x):
        """The functions at ``x``, checked; the last point is remembered."""
        if np.array_equal(x, self.last[0]):
            return self.last[1]
        self.evaluations += 1
        values = self.functions(x.copy())
        if not isinstance(values, tuple) or len(values) != 4:
            raise TypeError(
                f"The functions must return a tuple (f0, df0, f, df), but {brief(values)} arrived."
            )
        try:
            values = checked(x, *values, None if self.state is None else len(self.state.form.c))
        except ValueError as error:
            raise ValueError(f"At evaluation {self.evaluations}: {error}") from error
        self.last = x.copy(), values
        return self.last[1]

    def advance(self, options, globally_convergent):
        """One step from where the state is."""
        here = self.evaluate(self.state.x)
        if globally_convergent:
            self.state = gcmma_step(self.state, *here, lambda x: self.evaluate(x)[::2], options)
        else:
            self.state = step(self.state, *here, options)
        self.failed += not self.state.solution.converged

    def note(self):
        """Write a line of the history; whether the residual is within the tolerance."""
        state, form, solution = self.state, self.state.form, self.state.solution
        f0, df0, f, df = self.evaluate(state.x)
        value, lam, residual = form.cost(f0, f), np.zeros_like(f), np.inf
        if solution is not None:
            lam = solution.lam
            residual = kkt_residual(
                state.x, solution.y, solution.z, lam, df0 + lam @ df, f,
                state.lower, state.upper, form,
            )
        self.rows.append((value, residual, time.perf_counter() - self.began, self.evaluations))
        converged = residual <= self.tolerance and solution.converged
        if converged or self.best is None or value < self.best["fun"]:
            self.best = {"x": state.x, "fun": value, "f0": f0, "constraints": f,
                         "multipliers": lam, "residual": residual}
        if self.callback is not None and state.iteration:
            self.callback(OptimizeResult(
                x=state.x.copy(), fun=value, nit=state.iteration, nfev=self.evaluations,
                residual=residual,
            ))
        return converged

    def verdict(self):
        """Whether the end is a success, and why it ended."""
        solution, form, residual = self.state.solution, self.state.form, self.rows[-1][1]
        count = f"after {self.state.iteration} iterations"
        missed = np.where(form.c > 0, solution.y, 0)
        row = int(np.argmax(missed)) if missed.size else None
        failures = (
            f" {self.failed} subproblems did not converge; of the last: {solution.message}"
            if self.failed else ""
        )
        if residual > self.tolerance or not solution.converged:
            return False, (
                f"Not converged {count}: the Karush-Kuhn-Tucker residual is {residual:.1e}, "
                f"wanted {self.tolerance:.1e}.{failures}"
            )
        if row is not None and missed[row] > self.tolerance:
            return False, (
                f"The constraints cannot all be met near here: {count} row {row} is violated by "
                f"{missed[row]:.3g}, though that costs c = {form.c[row]:g} each.{failures}"
            )
        return True, f"Converged {count}: Karush-Kuhn-Tucker residual {residual:.1e}.{failures}"

    def result(self, success, message):
        """The result, from the best that was seen."""
        columns = (np.array(column) for column in zip(*self.rows, strict=True))
        return MMAResult(
            **self.best, nit=self.state.iteration, nfev=self.evaluations, success=success,
            message=message, history=MMAHistory(*columns),
        )
