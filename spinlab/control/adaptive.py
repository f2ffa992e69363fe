"""Adaptive ensembles: the design grid becomes finer where the judge disagrees with it."""

import warnings
from dataclasses import dataclass, replace

import numpy as np

from ..inputs import arrays, instance, require
from .designs import DesignResult, design
from .ensemble import Ensemble
from .judgement import CoarseGridWarning, Judgement, judge
from .objectives import find_aggregate
from .problem import Problem


@dataclass(frozen=True)
class AdaptiveResult:
    """The last design of :func:`adapt`, and how its ensemble came about.

    Parameters
    ----------
    result : DesignResult
        Its problem has the refined ensemble.
    report : Judgement, or None
        On the dense grid; None where the judge was interrupted.
    rounds : tuple of tuples
        ``(members, reported fidelity, dense fidelity)`` of every round; NaN without a report.
    """

    result: DesignResult
    report: Judgement | None
    rounds: tuple

    @property
    def gap(self):
        """Reported minus dense fidelity."""
        _, reported, dense = self.rounds[-1]
        return reported - dense


def adapt(problem, tolerance=0.002, rounds=8, offsets=201, scales=21, **options):
    """Design, ask the judge, refine the grid where it disagrees, and go on from the pulse.

    For a range of offsets and one of B1 scales that count equally, whatever grid the problem begins
    with: its members are weighted by the trapezoidal rule, and so are the judge's.

    Parameters
    ----------
    problem : Problem
        Its ensemble is a grid of offsets and B1 scales.
    tolerance : float
        Largest difference between reported and dense fidelity.
    rounds : int
        Most designs.
    offsets, scales : int
        Size of the judge's grid.
    **options
        Of :func:`spinlab.design`, for every round.  Its ``aggregate`` is what is compared, behind
        its ``distortion``.

    Returns
    -------
    AdaptiveResult
        Of the last round, also if the tolerance was not reached (look at its ``gap``), and after an
        interruption (Ctrl-C, the notebook's stop button): with the best pulse so far.

    Examples
    --------
    >>> from spinlab import Ensemble, Problem
    >>> coarse = Ensemble.grid([-4e3, 0, 4e3])
    >>> task = Problem("Iz", "Ix", duration=200e-6, steps=50, rf_hz=8e3, ensemble=coarse)
    >>> done = adapt(task, kind="xy", max_iterations=40, offsets=101)
    >>> done.result.problem.ensemble.members > 3, abs(done.gap) < 0.002
    (True, True)
    """
    ensemble = instance("problem", problem, Problem).ensemble
    tolerance, rounds = arrays("tolerance: > 0; rounds: whole", tolerance=tolerance, rounds=rounds)
    aggregate = options.get("aggregate", "mean")
    over = np.mean if aggregate == "mean" else np.min
    axes = [np.unique(ensemble.offset_hz), np.unique(ensemble.b1_scale)]
    pairs = np.unique([ensemble.offset_hz, ensemble.b1_scale], axis=1).shape[1]
    full = len(axes[0]) * len(axes[1]) == pairs == ensemble.members
    require(full and not ensemble.relaxation_times, "adapt() refines a grid of offsets and B1 "
            f"scales, which these {ensemble.members} members are not; use Ensemble.grid().")
    done, history = None, ()
    try:
        for _ in range(rounds):
            problem = replace(problem, ensemble=Ensemble.grid(*axes, weights="trapezoidal"))
            result = design(problem, **options)
            known = (problem.ensemble.members, result.fidelity)
            done = AdaptiveResult(result, None, (*history, (*known, np.nan)))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", CoarseGridWarning)  # that is what is being cured
                report = judge(result.pulse, problem, offsets, scales, result.distortion)
            grid = Ensemble.grid(report.offset_hz, report.b1_scale, weights="trapezoidal")
            dense, _ = find_aggregate(aggregate)(1 - report.fidelity.ravel(), grid.weights)
            history = (*history, (*known, float(1 - dense)))
            done = AdaptiveResult(result, report, history)
            if abs(done.gap) <= tolerance or result.interrupted:
                break
            axes = refined(axes, report, tolerance, over)
            options["x0"] = result.x
    except KeyboardInterrupt:
        if done is None:
            raise
    return done


def refined(axes, report, tolerance, over=np.mean):
    """Axes with the midpoints of all gaps in which the judge saw something else than they do.

    Along an axis the fidelity (mean, or least, over the other axis) should be a straight line
    within a gap; how far it is off that line, on average, is the error of the gap.  Gaps beyond the
    tolerance are halved, or the worst gap of all if there is none.

    Parameters
    ----------
    axes : list of two ndarray
        Offsets and B1 scales, in ascending order.
    report : Judgement
    tolerance : float
    over : callable
        ``numpy.mean`` or ``numpy.min``.

    Returns
    -------
    list of two ndarray
    """
    judged = zip(axes, (report.offset_hz, report.b1_scale), (1, 0), strict=True)
    errors = [_gap_errors(axis, dense, over(report.fidelity, axis=other))
              for axis, dense, other in judged]  # fmt: skip
    limit = min(tolerance, max(error.max(initial=0.0) for error in errors))
    return [np.sort(np.append(axis, (axis[1:] + axis[:-1])[error >= limit] / 2))
            for axis, error in zip(axes, errors, strict=True)]  # fmt: skip


def _gap_errors(axis, dense, profile):
    """How far the mean of a profile within each gap is off the straight line between its ends."""
    off = np.abs(profile - np.interp(dense, axis, np.interp(axis, dense, profile)))
    inside = (dense > axis[:-1, None]) & (dense < axis[1:, None])  # (gaps, points of the judge)
    return inside @ off / np.maximum(inside.sum(axis=1), 1)
