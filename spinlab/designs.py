"""Design: from a problem to a pulse, by an optimiser that keeps the best it has seen."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from scipy.optimize import OptimizeResult, minimize

from .inputs import choice, finite_array, instance, whole
from .methods import METHODS
from .problems import Problem
from .pulses import Parametrisation, Pulse


@dataclass(frozen=True)
class History:
    """What happened, iteration by iteration: arrays of one length, the start included.

    Parameters
    ----------
    fidelity, gradient_norm, seconds : ndarray
        Mean objective, norm of its gradient by the unknowns, time since the start.
    evaluations : ndarray
        Evaluations of value and gradient so far.
    """

    fidelity: np.ndarray
    gradient_norm: np.ndarray
    seconds: np.ndarray
    evaluations: np.ndarray


@dataclass(frozen=True)
class DesignResult:
    """A designed pulse and how it came about; names follow ``scipy.optimize.OptimizeResult``.

    Parameters
    ----------
    pulse : Pulse
        The best pulse that was seen.
    x : ndarray
        Its unknowns.
    fun : float
        Mean infidelity, ``1 - fidelity``.
    fidelity : float
        Mean objective over the design ensemble; ask :func:`referee` for the one to report.
    nit, nfev : int
        Iterations and evaluations.
    success : bool
        Whether the optimiser converged or the wanted fidelity was reached.
    message : str
        Why it ended.
    history : History
    """

    pulse: Pulse
    x: np.ndarray
    fun: float
    fidelity: float
    nit: int
    nfev: int
    success: bool
    message: str
    history: History


class _Stop(Exception):
    """Raised from within to leave the optimiser."""


def design(
    problem,
    kind="phase",
    radius=None,
    method="fem-quadratic-reduced",
    x0=None,
    seed=0,
    max_iterations=200,
    stop_at=None,
    callback=None,
    progress=False,
):
    """Design a pulse by L-BFGS-B with exact gradients.

    Parameters
    ----------
    problem : Problem
    kind : {"phase", "xy", "xy-box"}
        What is optimised: see :class:`spinlab.pulses.Parametrisation`.
    radius : float, optional
        Helmholtz filter radius in seconds; default ``duration / 130``; 0 turns it off.
    method : str
        Propagation method, a name of :data:`spinlab.methods.METHODS`.
    x0 : ndarray, optional
        Unknowns to start from; default random, from ``seed``.
    seed : int
        For the random start.
    max_iterations : int
    stop_at : float, optional
        Stop as soon as the mean objective reaches this.
    callback : callable, optional
        ``callback(intermediate_result)`` after every iteration, with SciPy's fields ``x``, ``fun``,
        ``nit``, ``nfev`` and our ``fidelity`` and ``gradient_norm``, all of the best so far; raise
        ``StopIteration`` to stop.
    progress : bool
        Print a line that follows the iterations.

    Returns
    -------
    DesignResult
        Also after an interruption (Ctrl-C, the notebook's stop button): with the best pulse so far.

    Examples
    --------
    >>> problem = Problem("Iz", "Ix", duration=50e-6, steps=50, rf_hz=10e3)
    >>> result = design(problem, kind="xy", max_iterations=30)
    >>> result.fidelity > 0.999
    True
    """
    instance("problem", problem, Problem)
    choice("method", method, METHODS)
    whole("max_iterations", max_iterations)
    if stop_at is not None and finite_array("stop_at", stop_at).ndim:
        raise ValueError(f"stop_at must be one number, but {stop_at!r} arrived.")
    if not (callback is None or callable(callback)):
        raise TypeError(f"callback must be a function, but {callback!r} arrived.")
    radius = problem.duration / 130 if radius is None else radius
    shape = Parametrisation(kind, radius, problem.dt, problem.control)
    x0 = _starting_point(x0, shape, problem, seed)
    run = _Run(problem, shape, method, stop_at, callback, progress, max_iterations)
    try:
        outcome = minimize(
            run, x0.ravel(), jac=True, method="L-BFGS-B", callback=run.after_iteration,
            options={"maxiter": max_iterations, "maxfun": 10 * max_iterations,
                     "ftol": 1e-12, "gtol": 1e-9},
        )
        success, message = outcome.success, str(outcome.message)
    except _Stop as stop:
        success, message = stop.args
    except KeyboardInterrupt:
        if run.best is None:
            raise
        success, message = False, "Interrupted; this is the best pulse so far."
    return run.result(success, message)


def _starting_point(x0, shape, problem, seed):
    size = (shape.rows, problem.samples)
    if x0 is None:
        reach = np.pi if shape.kind == "phase" else 0.5
        return reach * np.random.default_rng(seed).uniform(-1, 1, size)
    x0 = finite_array("x0", x0)
    x0 = x0[None] if x0.ndim == 1 and shape.rows == 1 else x0
    if x0.shape != size:
        raise ValueError(f"x0 must have shape {size}, but {x0.shape} arrived.")
    return x0


class _Run:
    """The books of one design: counts, history and the best pulse so far."""

    def __init__(self, problem, shape, method, stop_at, callback, progress, max_iterations):
        self.problem, self.shape, self.method = problem, shape, method
        self.stop_at, self.callback, self.progress = stop_at, callback, progress
        self.max_iterations = max_iterations
        self.began, self.evaluations, self.best, self.rows = time.perf_counter(), 0, None, []

    def __call__(self, flat):
        """Infidelity and gradient by the flat unknowns, as SciPy wants them."""
        x = flat.reshape(self.shape.rows, -1)
        waveform, pullback = self.shape.waveform(x)
        fidelity, gradient = self.problem.evaluate(waveform, self.method)
        self.evaluations += 1
        if not (np.isfinite(fidelity) and np.all(np.isfinite(gradient))):
            raise ValueError(
                f"The objective or its gradient became NaN or inf at evaluation "
                f"{self.evaluations}; a shorter dt or another start may help."
            )
        gradient = pullback(gradient)
        norm = float(np.linalg.norm(gradient))
        if self.best is None:
            if norm < 1e-12:
                raise ValueError(
                    "The gradient is zero at the start, so no optimiser can leave it: the start "
                    "state and the target are orthogonal to all that these controls reach, or the "
                    "start is a stationary pulse. Choose another x0, seed, start or target."
                )
            self.note(fidelity, norm)
        if self.best is None or fidelity > self.best[0]:
            self.best = fidelity, norm, x.copy()
        return 1 - fidelity, -gradient.ravel()

    def note(self, fidelity, norm):
        """Write a line of the history."""
        self.rows.append((fidelity, norm, time.perf_counter() - self.began, self.evaluations))

    def after_iteration(self, flat):
        """Called by SciPy with the accepted unknowns, which are the best so far."""
        fidelity, norm, x = self.best
        self.note(fidelity, norm)
        iteration = len(self.rows) - 1
        if self.progress:
            print(f"\riteration {iteration}/{self.max_iterations}: mean fidelity {fidelity:.6f}",
                  end="", flush=True)
        if self.callback is not None:
            try:
                self.callback(OptimizeResult(
                    x=x.copy(), fun=1 - fidelity, nit=iteration,
                    nfev=self.evaluations, fidelity=fidelity, gradient_norm=norm,
                ))
            except StopIteration as stop:
                raise _Stop(False, "Stopped by the callback.") from stop
        if self.stop_at is not None and fidelity >= self.stop_at:
            raise _Stop(True, f"The wanted mean fidelity {self.stop_at} was reached.")

    def result(self, success, message):
        """The result, from the best pulse seen."""
        if self.progress:
            print()
        fidelity, x = float(self.best[0]), self.best[2]
        waveform, _ = self.shape.waveform(x)
        problem = self.problem
        pulse = Pulse(np.clip(waveform, -1, 1), problem.dt, problem.rf_hz, problem.control)
        columns = (np.array(column) for column in zip(*self.rows, strict=True))
        return DesignResult(
            pulse, x, 1 - fidelity, fidelity, len(self.rows) - 1, self.evaluations,
            bool(success), message, History(*columns),
        )
