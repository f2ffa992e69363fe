"""What an optimiser takes, and what it returns: goals, histories, optima."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Goal:
    """What is to become small.  Only ``value`` is always needed; ``x`` is flat, (n,).

    Parameters
    ----------
    value : callable
        ``value(x)`` returns the number and its gradient, (n,).
    hessian : callable, optional
        ``hessian(x)``, (n, n): for ``"newton"``.
    gauss_newton : callable, optional
        ``gauss_newton(x, every=1)``, (n, n), positive semidefinite: for ``"gauss-newton"``.  With
        ``every`` larger than 1 it may use only every so-manyth member.
    members : callable, optional
        ``members(x)`` returns what is to become small for every member, (p,), not negative, and its
        Jacobian, (p, n): for ``"mma"``.
    residuals : callable, optional
        The same for residuals of any sign whose squares the value adds up, the first of all
        members, then the second: for ``"mma"`` with ``form="tangent"``.
    limits : callable, optional
        ``limits(x)`` returns numbers that must not be positive, (l,), and their Jacobian, (l, n):
        constraints for ``"mma"`` and ``"gcmma"``, a penalty for the other optimisers.
    ends : Goal, optional
        The same without running costs, where the value holds some.
    weights : ndarray, (p,), optional
        Of the members in a sum of squares; default: all equal.
    start : callable, optional
        ``start(seed)`` returns unknowns to begin with, flat or in the shape of the problem.
    box, span : float
        Half widths of the box of the unknowns: for every optimiser, and for those that need a
        finite one.
    tell : callable, optional
        What is told after an iteration in the terms of the problem: from the value and ``x`` to a
        dict of fields, such as ``fidelity`` and ``x`` in its shape.
    result : callable, optional
        From the :class:`Optimum` to what :func:`spinlab.design` returns.
    """

    value: Callable
    hessian: Callable | None = None
    gauss_newton: Callable | None = None
    members: Callable | None = None
    residuals: Callable | None = None
    limits: Callable | None = None
    ends: "Goal | None" = None
    weights: np.ndarray | None = None
    start: Callable | None = None
    box: float = np.inf
    span: float = np.inf
    tell: Callable | None = None
    result: Callable | None = None

    def running_cost(self, x):
        """What running costs add to the value."""
        return self.value(x)[0] - self.ends.value(x)[0] if self.ends else 0.0


@dataclass(frozen=True, eq=False)
class History:
    """What happened, iteration by iteration: arrays of one length, the start included.

    Parameters
    ----------
    fun, gradient_norm, seconds : ndarray
        Best value so far, norm of the gradient there, time since the start.
    evaluations : ndarray
        Evaluations of value and gradient so far.
    residual : ndarray
        Of the Karush-Kuhn-Tucker conditions, where the optimiser has multipliers; else NaN.
    """

    fun: np.ndarray
    gradient_norm: np.ndarray
    seconds: np.ndarray
    evaluations: np.ndarray
    residual: np.ndarray | None = None

    @property
    def fidelity(self):
        """``1 - fun``: the mean fidelity, where ``fun`` is nothing but an infidelity."""
        return 1 - self.fun


@dataclass(frozen=True, eq=False)
class Optimum:
    """Where an optimiser ended; names follow ``scipy.optimize.OptimizeResult``.

    Parameters
    ----------
    x : ndarray, (n,)
        The best point that was seen.
    fun : float
        What was made small there: the value, and what broken limits cost.
    value : float
        Of the goal alone.
    nit, nfev : int
        Iterations and evaluations.
    success : bool
        Whether the optimiser converged or the wanted value was reached, with all limits met.
    message : str
        Why it ended.
    history : History
    interrupted : bool
        Whether Ctrl-C or the notebook's stop button ended it.
    multipliers : ndarray, (l,), or None
        Of the limits, where moving asymptotes kept them.
    residual : float
        By how much the Karush-Kuhn-Tucker conditions are missed; NaN without multipliers.
    """

    x: np.ndarray
    fun: float
    value: float
    nit: int
    nfev: int
    success: bool
    message: str
    history: History
    interrupted: bool = False
    multipliers: np.ndarray | None = None
    residual: float = np.nan
