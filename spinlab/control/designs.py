"""Design: from a problem to a pulse, by any optimiser, keeping the best pulse that was seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import OptimizeResult

from ..inputs import finite_array, instance, not_negative, number, whole
from ..optimisers.loop import KEPT, UNMET, Optimum, minimise
from ..pulses.filter_and_bound import Parametrisation
from ..pulses.limits import checked_limits, evaluate_limits
from ..pulses.pulse import Pulse
from .goal import make_goal
from .problem import Problem

#: Half width of the box of the unknowns, and reach of a random start, by kind.
BOXES = {"phase": (10 * np.pi, np.pi), "xy": (3.0, 0.5), "xy-box": (3.0, 0.5), "xy-free": (1, 0.5)}
#: Optimisers that need a box, and take limits as constraints.
CONSTRAINED = {"mma", "gcmma"}
#: No unknown of a start is larger: beyond, a phase has no digits left.
LARGEST = 1e6


@dataclass(frozen=True)
class DesignResult(Optimum):
    """A designed pulse and how it came about: a :class:`spinlab.optimisers.Optimum` with the pulse.

    Its ``x`` are the unknowns of the best pulse that was seen, (rows, samples); ``fun`` is the mean
    infidelity (or another aggregate), with the penalty for broken limits.  It is no ``success``
    where they are broken by more than 0.001 in all; the ``message`` says so.

    Parameters
    ----------
    pulse : Pulse
    penalty : float
        The part of ``fun`` that broken limits cost.
    """

    pulse: Pulse
    penalty: float = 0.0

    @property
    def fidelity(self):
        """``1 - fun``, without the penalty; ask :func:`spinlab.control.referee` for the one to
        report."""
        return 1 - (self.fun - self.penalty)


def design(
    problem, kind="phase", radius=None, method="fem-quadratic-reduced", x0=None, seed=0,
    max_iterations=200, stop_at=None, callback=None, progress=False, optimiser="l-bfgs",
    aggregate="mean", limits=None, penalty=10.0, distortion=None, **options,
):
    """Design a pulse, with exact gradients.

    Parameters
    ----------
    problem : Problem
    kind : {"phase", "xy", "xy-box", "xy-free"}
        What is optimised: see :class:`spinlab.pulses.filter_and_bound.Parametrisation`.
    radius : float, optional
        Helmholtz filter radius in seconds; default ``duration / 130``; 0 turns it off.
    method : str
        Propagation method, a name of :data:`spinlab.propagation.methods.METHODS`; ``"spinors"``,
        for phase pulses on one spin, is the fastest and has a Hessian.
    x0 : ndarray, optional
        Unknowns to start from; default random, from ``seed``.
    seed : int
        For the random start.
    max_iterations : int
    stop_at : float, optional
        Stop as soon as the fidelity, less the penalty, reaches this.
    callback : callable, optional
        ``callback(intermediate_result)`` after every iteration, with SciPy's fields ``x``, ``fun``,
        ``nit``, ``nfev`` and our ``fidelity`` and ``gradient_norm``, all of the best so far; raise
        ``StopIteration`` to stop.
    progress : bool
        Print a line that follows the iterations.
    optimiser : str or tuple of str
        A name of :data:`spinlab.optimisers.descents.OPTIMISERS`, or several: a hybrid.
    aggregate : str or callable
        Which infidelity is to become small: a name of
        :data:`spinlab.control.aggregates.AGGREGATES`, or a function like them, such as
        ``functools.partial(spinlab.control.aggregates.tail, share=0.05)``.
    limits : dict, optional
        Bounds by the names of :data:`spinlab.pulses.limits.LIMITS`, such as ``{"mean_power":
        0.5}``: constraints for moving asymptotes, penalties for the others.
    penalty : float
        Weight of the penalties.
    distortion : Distortion, optional
        What the instrument does to the pulse: the pulse that comes out is the one to programme,
        the fidelity is that of what the spins feel.
    **options
        Of the optimiser.

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
    if stop_at is not None:
        number("stop_at", stop_at)
    if not (callback is None or callable(callback)):
        raise TypeError(f"callback must be a function, but {callback!r} arrived.")
    not_negative("penalty", penalty)
    radius = problem.duration / 130 if radius is None else radius
    whole("seed", seed, 0)
    limits = checked_limits(limits)
    shape = Parametrisation(kind, radius, problem.dt, problem.control, distortion)
    x0 = _starting_point(x0, shape, problem, seed)
    name = f"{aggregate if isinstance(aggregate, str) else 'aggregate'} fidelity"
    names = {optimiser} if isinstance(optimiser, str) else set(optimiser)
    constrained = bool(names & CONSTRAINED)
    if constrained and aggregate not in ("mean", "worst"):
        raise ValueError(
            "Moving asymptotes sum up squares of the members or take the worst of them "
            f"(form='minimax'), but aggregate={aggregate!r} arrived; use 'l-bfgs' for it."
        )
    weight = penalty if limits and not constrained else 0
    name += " less penalty" if weight else ""
    goal = make_goal(problem, shape, method, aggregate, limits, weight)
    box = BOXES[kind][0] if constrained or kind == "xy-free" else np.inf
    box = max(box, np.abs(x0).max())

    def broken(x):
        """By how much the limits that have a penalty are broken, one by one."""
        return np.maximum(evaluate_limits(limits, shape.waveform(x)[0])[0], 0) if weight else weight

    def tell(result):
        x = result.x.reshape(x0.shape)
        fidelity = 1 - (result.fun - weight * np.sum(broken(x) ** 2))
        callback(OptimizeResult({**result, "x": x, "fidelity": fidelity}))

    optimum = minimise(
        goal, x0.ravel(), optimiser, -box, box, max_iterations,
        None if stop_at is None else 1 - stop_at, callback and tell,
        progress and (lambda fun: f"{name} {1 - fun:.6f}"), **options,
    )
    x = optimum.x.reshape(x0.shape)
    waveform, _ = shape.waveform(x)
    pulse = Pulse(np.clip(waveform, -1, 1), problem.dt, problem.rf_hz, problem.control)
    excess, changes = broken(x), {"x": x}
    if np.sum(excess) > KEPT:
        changes["success"], changes["message"] = False, (
            f"{optimum.message} {UNMET} {np.sum(excess):.3g} in all; raise the penalty "
            f"({weight:g}), or loosen them."
        )
    return DesignResult(
        **{**vars(optimum), **changes}, pulse=pulse, penalty=float(weight * np.sum(excess**2))
    )


def _starting_point(x0, shape, problem, seed):
    size = (shape.rows, problem.samples)
    if x0 is None:
        reach = BOXES[shape.kind][1]
        return reach * np.random.default_rng(seed).uniform(-1, 1, size)
    x0 = finite_array("x0", x0)
    x0 = x0[None] if x0.ndim == 1 and shape.rows == 1 else x0
    if x0.shape != size:
        raise ValueError(f"x0 must have shape {size}, but {x0.shape} arrived.")
    if np.abs(x0).max() > LARGEST:
        raise ValueError(
            f"x0 must lie within {LARGEST:g} of 0 (phases are in rad, the other unknowns of order "
            f"1), but {np.abs(x0).max():g} arrived."
        )
    return x0
