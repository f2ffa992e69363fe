"""Design: from a problem to a pulse, by any optimiser, keeping the best that was seen."""

from __future__ import annotations

import inspect
from dataclasses import dataclass

import numpy as np

from ..inputs import arrays, function, instance, require, whole
from ..optimisers.goal import Goal, Optimum
from ..optimisers.loop import CONSTRAINED, minimise
from ..pulses.distortion import Distortion
from ..pulses.pulse import Pulse
from .judgement import judge

#: No unknown of a start is larger: beyond, a phase has no digits left.
LARGEST = 1e6


def design(
    problem, *, optimiser="l-bfgs", seed=0, x0=None, max_iterations=200, stop_at=None,
    callback=None, progress=False, penalty=10.0, **how,
):
    """Design what a problem asks for, with exact gradients.

    Parameters
    ----------
    problem : Problem or spinlab.mrs.SpectralProblem
        Anything with a method ``goal(**how)``, see :class:`spinlab.Goal`.
    optimiser : str or tuple of str
        A name of :data:`spinlab.OPTIMISERS`, or several: a hybrid.
    seed : int
        For the random start.
    x0 : ndarray, optional
        Unknowns to start from, such as ``result.x``; default random, from ``seed``.
    max_iterations : int
    stop_at : float, optional
        Stop as soon as the fidelity, less the penalty, reaches this; for spectra, as soon as the
        loss is as small as this.
    callback : callable, optional
        ``callback(intermediate_result)`` after every iteration, with SciPy's fields ``x``, ``fun``,
        ``nit``, ``nfev``, our ``gradient_norm`` and, for pulses, ``fidelity``, all of the best so
        far; raise ``StopIteration`` to stop.
    progress : bool
        Print a line that follows the iterations.
    penalty : float
        Weight of broken limits, where the optimiser takes no constraints, :eq:`eq-penalty`.
    **how
        What ``problem.goal`` takes, such as ``kind``, ``method``, ``aggregate``, ``limits`` and
        ``distortion`` of :meth:`spinlab.Problem.goal`; all else are options of the optimiser.

    Returns
    -------
    DesignResult or SpectralResult
        What the goal makes of the :class:`spinlab.optimisers.Optimum`.  Also after an interruption
        (Ctrl-C, the notebook's stop button): with the best so far.

    Examples
    --------
    >>> from spinlab import Problem
    >>> problem = Problem("Iz", "Ix", duration=50e-6, steps=50, rf_hz=10e3)
    >>> result = design(problem, kind="xy", max_iterations=30)
    >>> result.fidelity > 0.999, result.method
    (True, 'rotations')
    """
    make = function("problem.goal", getattr(problem, "goal", None), "Give a Problem.")
    known = inspect.signature(make).parameters
    goal = make(**{name: how.pop(name) for name in [*how] if name in known})
    if not (isinstance(goal, Goal) and goal.start and goal.result):
        raise TypeError("problem.goal() must return a spinlab.Goal with a start and a result.")
    start = goal.start(whole("seed", seed, 0))
    x0 = start.ravel() if x0 is None else _unknowns(x0, start, goal.box)
    single = isinstance(optimiser, str)
    names = {optimiser} if single else {*instance("optimiser", optimiser, tuple)}
    box = min(goal.box, goal.span if CONSTRAINED & names else np.inf)
    box = max(box, np.abs(x0).max())
    if stop_at is not None and goal.tell is not None:
        stop_at = 1 - arrays("stop_at: ", stop_at=stop_at)
    optimum = minimise(
        goal, x0, optimiser, -box, box, max_iterations, stop_at, callback, progress, penalty, **how
    )
    return goal.result(optimum)


def _unknowns(x0, start, box):
    """A start of the user, flat, if it has the shape that it takes and no number is too large."""
    x0 = arrays("x0: ...", x0=x0)
    require(x0.shape in (start.shape, (start.size,)),
            f"x0 must have shape {start.shape}, or be flat, but {x0.shape} arrived.")
    most, box = np.abs(x0).max(), min(box, LARGEST)
    require(most <= box, f"x0 must lie within {box:g} of 0, but {most:g} arrived.")
    return x0.ravel()


@dataclass(frozen=True, eq=False, kw_only=True)
class DesignResult(Optimum):
    """A designed pulse and how it came about: an Optimum with its pulse and problem.

    Its ``x`` are the unknowns of the best pulse that was seen, (rows, samples); ``value`` is the
    mean infidelity (or another aggregate), and ``fun`` holds the penalty for broken limits, too.
    It is no ``success`` where they are broken by more than 0.001 in all; the ``message`` says so.

    Parameters
    ----------
    pulse : Pulse
    problem : Problem
    method : str
        How the gradients were found.
    distortion : Distortion or None
    """

    pulse: Pulse
    problem: object
    method: str
    distortion: Distortion | None = None

    @property
    def fidelity(self):
        """``1 - value``; the one to report is that of :meth:`judge`."""
        return 1 - self.value

    def judge(self, **how):
        """The :class:`spinlab.control.Judgement` of the pulse for the problem that it was for."""
        return judge(self, **how)
