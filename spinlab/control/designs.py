"""Design: from a problem to a pulse, by any optimiser, keeping the best that was seen."""

import inspect
from dataclasses import dataclass

import numpy as np

from ..inputs import arrays, function, instance, require, whole
from ..optimisers.goal import Goal, Optimum
from ..optimisers.loop import CONSTRAINED, minimise
from ..pulses import Distortion, Pulse
from .judgement import judge

#: No unknown of a start is larger: beyond, a phase has no digits left.
LARGEST = 1e6


def design(
    problem, *, optimiser="l-bfgs", seed=0, x0=None, lower=None, upper=None, max_iterations=200,
    stop_at=None, callback=None, progress=False, penalty=10.0, **how,
):
    """Design what a problem asks for, with exact gradients.

    Parameters
    ----------
    problem : Problem, spinlab.control.Bands or spinlab.mrs.SpectralProblem
        Anything with a method ``goal(**how)``, see :class:`spinlab.Goal`.
    optimiser : str or tuple of str
        A name of :data:`spinlab.OPTIMISERS`, or several: a hybrid.
    seed : int
        For the random start.
    x0 : ndarray, optional
        Unknowns to start from, such as ``result.x``; default random, from ``seed``.
    lower, upper : float or ndarray, optional
        Bounds of the unknowns, of the shape of ``x0``.  Where both are equal, an unknown is frozen;
        moving asymptotes cannot do that.
    max_iterations : int
    stop_at : float, optional
        Stop as soon as the fidelity, less the penalty and running costs, reaches this; for spectra,
        as soon as the loss is as small as this.
    callback : callable, optional
        ``callback(intermediate_result)`` after every iteration, with SciPy's fields ``x``, ``fun``,
        ``nit``, ``nfev``, our ``gradient_norm`` and, for pulses without running costs,
        ``fidelity``, all of the best so far; raise ``StopIteration`` to stop.
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
    names = (optimiser,) if isinstance(optimiser, str) else instance("optimiser", optimiser, tuple)
    box = min(goal.box, goal.span if CONSTRAINED & {*names} else np.inf)
    first = start.ravel() if x0 is None else _unknowns("x0", x0, start, goal.box)
    box = max(box, np.abs(first).max())
    lower, upper = _bound("lower", lower, -box, start), _bound("upper", upper, box, start)
    first = np.clip(first, lower, upper) if x0 is None else first
    if stop_at is not None and goal.tell is not None:
        stop_at = 1 - arrays("stop_at: ", stop_at=stop_at)
    means = max_iterations, stop_at, callback, progress, penalty
    return goal.result(minimise(goal, first, names, lower, upper, *means, **how))


def _unknowns(name, x, start, box=LARGEST):
    """Unknowns of the user, flat, if they have the shape of the start and none is too large."""
    x = arrays(f"{name}: ...", **{name: x})
    require(x.shape in (start.shape, (start.size,)),
            f"{name} must have shape {start.shape}, or be flat, but {x.shape} arrived.")
    most, box = np.abs(x).max(), min(box, LARGEST)
    require(most <= box, f"{name} must lie within {box:g} of 0, but {most:g} arrived.")
    return x.ravel()


def _bound(name, bound, edge, start):
    """A bound of the user, flat, no further out than the box, whose edge stands for none."""
    if bound is None:
        return edge
    bound = np.nan_to_num(bound, nan=np.nan, posinf=LARGEST, neginf=-LARGEST)
    bound = np.full(start.shape, bound) if np.ndim(bound) == 0 else bound
    return np.clip(_unknowns(name, bound, start), -abs(edge), abs(edge))


@dataclass(frozen=True, eq=False, kw_only=True)
class DesignResult(Optimum):
    """A designed pulse and how it came about: an Optimum with its pulse and problem.

    Its ``x`` are the unknowns of the best pulse that was seen, (rows, samples); ``value`` is the
    mean infidelity (or another aggregate) with the running costs, and ``fun`` holds the penalty for
    broken limits, too.  It is no ``success`` where they are broken by more than 0.001 in all; the
    ``message`` says so.

    Parameters
    ----------
    pulse : Pulse
    problem : Problem or Bands
    method : str
        How the gradients were found.
    distortion : Distortion or None
    running_cost : float
        What the running costs add to the ``value``.
    """

    pulse: Pulse
    problem: object
    method: str
    distortion: Distortion | None = None
    running_cost: float = 0.0

    @property
    def fidelity(self):
        """Of the final states, ``1 - (value - running_cost)``; report that of :meth:`judge`."""
        return 1 - (self.value - self.running_cost)

    def judge(self, **how):
        """The :class:`spinlab.control.Judgement` of the pulse for the problem that it was for.

        Behind its own distortion, unless another is given; keywords as of :func:`spinlab.judge`.
        Of :class:`spinlab.control.Bands`, a tuple of them, band by band.
        """
        return judge(self.pulse, **{"problem": self.problem, "distortion": self.distortion, **how})
