"""Optimisers behind one signature: what is to become small, from where, by which rule.

:func:`minimise` takes a :class:`Goal` and a name, and returns an :class:`Optimum`:

====================  ============================================================================
``"gradient"``        steepest descent with backtracking: for learning
``"l-bfgs"``          SciPy's L-BFGS-B
``"newton"``          the exact Hessian, damped, :eq:`eq-damped-newton`
``"gauss-newton"``    the same with the curvature of the tangent residuals: Levenberg-Marquardt
``"mma"``             moving asymptotes, :mod:`spinlab.optimisers.mma`
``"gcmma"``           its globally convergent relative
====================  ============================================================================

A tuple of names is a hybrid: the next one takes over where the one before stagnates.  All keep the
same books, call the same callback, stop cleanly when interrupted, and return the best they saw.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import OptimizeResult

from ..inputs import choice, number, start_in_box, whole
from .descents import OPTIMISERS


@dataclass(frozen=True)
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
        The same for residuals of any sign whose squares the value adds up: for ``"mma"`` with
        ``form="tangent"``.
    limits : callable, optional
        ``limits(x)`` returns numbers that must not be positive, (l,), and their Jacobian, (l, n).
        Constraints for ``"mma"`` and ``"gcmma"``; the other optimisers ignore them, so put a
        penalty into ``value``.
    weights : ndarray, (p,), optional
        Of the members in a sum of squares; default: all equal.
    """

    value: Callable
    hessian: Callable | None = None
    gauss_newton: Callable | None = None
    members: Callable | None = None
    residuals: Callable | None = None
    limits: Callable | None = None
    weights: np.ndarray | None = None


@dataclass(frozen=True)
class History:
    """What happened, iteration by iteration: arrays of one length, the start included.

    Parameters
    ----------
    fun, gradient_norm, seconds : ndarray
        Best value so far, norm of the gradient there, time since the start.
    evaluations : ndarray
        Evaluations of value and gradient so far.
    """

    fun: np.ndarray
    gradient_norm: np.ndarray
    seconds: np.ndarray
    evaluations: np.ndarray

    @property
    def fidelity(self):
        """``1 - fun``: the mean fidelity, where the value is an infidelity."""
        return 1 - self.fun


@dataclass(frozen=True)
class Optimum:
    """Where an optimiser ended; names follow ``scipy.optimize.OptimizeResult``.

    Parameters
    ----------
    x : ndarray, (n,)
        The best point that was seen, with its value ``fun``.
    fun : float
    nit, nfev : int
        Iterations and evaluations.
    success : bool
        Whether the optimiser converged or the wanted value was reached, with all limits met.
    message : str
        Why it ended.
    history : History
    """

    x: np.ndarray
    fun: float
    nit: int
    nfev: int
    success: bool
    message: str
    history: History


class _Stop(Exception):
    """Raised from within to leave an optimiser, with (success, message)."""


class _Stagnation(Exception):
    """Raised from within to hand over to the next optimiser of a hybrid."""


def minimise(
    goal, x0, optimiser="l-bfgs", lower=-np.inf, upper=np.inf, max_iterations=200, stop_at=None,
    callback=None, progress=False, **options,
):
    """Make a goal small.

    Parameters
    ----------
    goal : Goal or callable
        A callable ``x -> (value, gradient)`` is a goal, too.
    x0 : array_like, (n,)
        Where to start, within the bounds.
    optimiser : str or tuple of str
        A name of :data:`spinlab.optimisers.descents.OPTIMISERS`; a tuple is a hybrid.
    lower, upper : float or array_like, (n,)
        Bounds of ``x``.  Moving asymptotes need finite ones.
    max_iterations : int
        In all.
    stop_at : float, optional
        Stop as soon as the value is as small as this.
    callback : callable, optional
        ``callback(intermediate_result)`` after every iteration, with ``x``, ``fun``, ``nit``,
        ``nfev`` and ``gradient_norm``, all of the best so far; raise ``StopIteration`` to stop.
    progress : bool or callable
        Print a line that follows the iterations; a function makes its text from the value.
    **options
        Of the optimiser: see its function in :data:`spinlab.optimisers.descents.OPTIMISERS`.

    Returns
    -------
    Optimum
        Also after an interruption (Ctrl-C, the notebook's stop button): the best so far.

    Raises
    ------
    ValueError
        Bounds that cross, a start outside them, a gradient of the wrong shape, NaN, a goal that
        lacks what the optimiser needs.

    Examples
    --------
    >>> bowl = lambda x: (np.sum((x - 3) ** 2), 2 * (x - 3))
    >>> minimise(bowl, np.zeros(2)).x.round(6)
    array([3., 3.])
    """
    names = (optimiser,) if isinstance(optimiser, str) else tuple(optimiser)
    if not names:
        raise ValueError("The tuple of optimisers is empty; name at least one.")
    for name in names:
        choice("optimiser", name, OPTIMISERS)
    goal = goal if isinstance(goal, Goal) else Goal(goal)
    x0, box = start_in_box(x0, lower, upper)
    whole("max_iterations", max_iterations)
    if stop_at is not None:
        number("stop_at", stop_at)
    if not callable(goal.value) or not (callback is None or callable(callback)):
        raise TypeError("The goal and the callback must be functions.")
    run = _Run(goal, box, max_iterations, stop_at, callback, progress)
    success, message = False, ""
    try:
        run.start(x0)
        for last, name in zip(range(len(names) - 1, -1, -1), names, strict=True):
            run.patience = PATIENCE if last else None
            try:
                success, message = OPTIMISERS[name](run, run.best[2].copy(), **options)
                if not last:
                    break
            except _Stagnation:
                pass
    except _Stop as stop:
        success, message = stop.args
    except KeyboardInterrupt:
        if run.best is None:
            raise
        message = INTERRUPTED
    if run.progress:
        print()
    return run.optimum(success, message)


class _Run:
    """The books of one optimisation: counts, history and the best so far."""

    def __init__(self, goal, box, max_iterations, stop_at, callback, progress):
        self.goal, self.box, self.max_iterations = goal, box, max_iterations
        self.stop_at, self.callback, self.progress = stop_at, callback, progress
        self.began, self.evaluations, self.best = time.perf_counter(), 0, None
        self.rows, self.patience, self.first, self.failures = [], None, None, 0
        self.merit = np.inf

    @property
    def left(self):
        """Iterations that are left."""
        return self.max_iterations - (len(self.rows) - 1)

    def start(self, x0):
        """Evaluate the start, which is refused where no optimiser can leave it."""
        self(x0)
        self.first = x0.copy(), *self.latest
        if self.best[1] < 1e-12:
            raise ValueError(
                "The gradient is zero at the start, so no optimiser can leave it: the start "
                "state and the target are orthogonal to all that these controls reach, or the "
                "start is a stationary point. Choose another x0, seed, start or target."
            )
        self.note()

    def __call__(self, x):
        """Value and gradient, checked and counted."""
        if self.first is not None and np.array_equal(x, self.first[0]):
            (_, *known), self.first = self.first, None
            return tuple(known)
        value, gradient = self.goal.value(x)
        gradient = np.asarray(gradient)
        self.evaluations += 1
        if np.ndim(value) or gradient.shape != x.shape:
            raise ValueError(
                f"The goal returned a value of shape {np.shape(value)} and a gradient of shape "
                f"{gradient.shape} for x of shape {x.shape}; it must return a number and a "
                "gradient of the shape of x."
            )
        if not (np.isfinite(value) and np.all(np.isfinite(gradient))):
            raise ValueError(
                f"The objective or its gradient became NaN or inf at evaluation "
                f"{self.evaluations}; a shorter dt or another start may help."
            )
        self.latest = float(value), gradient
        merit = value + BROKEN * self.broken(x)
        if merit < self.merit:
            self.best, self.merit = (float(value), float(np.linalg.norm(gradient)), x.copy()), merit
        return self.latest

    def broken(self, x):
        """By how much the limits are broken at ``x``, in all."""
        return 0.0 if self.goal.limits is None else np.maximum(self.goal.limits(x)[0], 0).sum()

    def note(self):
        """Write a line of the history."""
        value, norm, _ = self.best
        self.rows.append((value, norm, time.perf_counter() - self.began, self.evaluations))

    def after_iteration(self, _=None):
        """Note, tell, and look whether to stop; SciPy calls this, too."""
        self.note()
        value, norm, x = self.best
        iteration = len(self.rows) - 1
        if self.progress:
            text = self.progress(value) if callable(self.progress) else f"value {value:.6g}"
            print(f"\riteration {iteration}/{self.max_iterations}: {text}", end="", flush=True)
        if self.callback is not None:
            try:
                self.callback(OptimizeResult(
                    x=x.copy(), fun=value, nit=iteration, nfev=self.evaluations, gradient_norm=norm,
                ))
            except StopIteration as stop:
                raise _Stop(False, "Stopped by the callback.") from stop
        if self.stop_at is not None and value <= self.stop_at and self.broken(x) < KEPT:
            raise _Stop(True, f"The wanted value {self.stop_at:.6g} was reached.")
        if self.patience and len(self.rows) > self.patience:
            if value > STAGNATION * self.rows[-1 - self.patience][0]:
                raise _Stagnation

    def optimum(self, success, message):
        """The result, from the best point seen."""
        columns = (np.array(column) for column in zip(*self.rows, strict=True))
        if self.failures:
            success, message = False, f"{message} {self.failures} subproblems did not converge."
        broken = self.broken(self.best[2])
        if broken > KEPT:
            success, message = False, f"{message} {UNMET} {broken:.3g} in all."
        return Optimum(
            self.best[2], self.best[0], len(self.rows) - 1, self.evaluations, bool(success),
            message, History(*columns),
        )


#: What a broken limit costs where the best point is chosen; limits broken by less, in all, are met.
BROKEN, KEPT = 1e3, 1e-3
UNMET = "The limits could not all be met: they are broken by"
#: What a run says that Ctrl-C or the notebook's stop button ended; races look for it.
INTERRUPTED = "Interrupted; this is the best so far."
#: A hybrid hands over where this many iterations did not bring the value below this factor.
PATIENCE, STAGNATION = 4, 0.8
