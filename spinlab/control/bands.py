r"""Bands: one pulse, several tasks, each with an ensemble, a start and a target of its own.

.. math:: J(x) = \sum_b s_b\,J_b(x), \qquad \sum_b s_b = 1

What becomes small is the mean of what the bands want small, :eq:`eq-bands`; so gradient, Hessian
and Gauss-Newton matrix are means, too.
"""

from dataclasses import dataclass, replace

import numpy as np

from ..inputs import arrays, frozen, instance, require
from .goal import aggregated
from .objectives import AGGREGATES, find_aggregate
from .problem import Problem


@dataclass(frozen=True, eq=False)
class Bands:
    """Several problems for one pulse.

    Parameters
    ----------
    problems : tuple of Problem
        Of one duration, number of steps, RF amplitude and course of the control; all else is their
        own.
    shares : array_like, (bands,), optional
        How much each counts, positive; normalised to sum 1.  Default: all equal.

    Examples
    --------
    Turn one spin over, and leave its neighbour, 4 kHz away, where it is.

    >>> from spinlab import Ensemble, Problem, design
    >>> means = {"duration": 500e-6, "steps": 50, "rf_hz": 2e3}
    >>> turned = Problem("Iz", "-Iz", **means, ensemble=Ensemble.grid([-100.0, 0, 100]))
    >>> left = Problem("Iz", "Iz", **means, ensemble=Ensemble.grid([3900.0, 4000, 4100]))
    >>> result = design(Bands((turned, left)), optimiser="gauss-newton", max_iterations=20)
    >>> [bool(report.minimum > 0.999) for report in result.judge(offsets=21)]
    [True, True]
    """

    problems: tuple
    shares: np.ndarray | None = None

    def __post_init__(self):
        for problem in instance("problems", self.problems, tuple):
            instance("A band", problem, Problem)
        means = {(p.duration, p.steps, p.rf_hz, p.control) for p in self.problems}
        require(len(means) == 1, "Bands share one pulse: give them all one duration, steps, rf_hz "
                f"and control, but {' and '.join(map(str, means)) or 'no band'} arrived.")
        shares = np.ones(len(self.problems)) if self.shares is None else self.shares
        shares = arrays(f"shares: {len(self.problems)} > 0", shares=shares)
        object.__setattr__(self, "shares", frozen(shares / shares.sum()))

    def goal(self, kind="phase", radius=None, method=None, aggregate="mean", limits=None,
             distortion=None):  # fmt: skip
        """What :func:`spinlab.design` makes small; parameters as of :meth:`spinlab.Problem.goal`.

        The mean over the bands of their means; or another aggregate, of the members of all bands,
        each with its weight times the share of its band.  A method that is not named is the fastest
        for each band.

        Returns
        -------
        spinlab.Goal
        """
        how, over = (kind, radius, method, "mean", limits, distortion), find_aggregate(aggregate)
        goals = [problem.goal(*how) for problem in self.problems]
        goal = together(goals, self.shares, over)
        if any(one.ends for one in goals):
            goal = replace(goal, ends=together([g.ends or g for g in goals], self.shares, over))

        def result(optimum):
            found = [one.result(optimum) for one in goals]
            methods = ", ".join(dict.fromkeys(one.method for one in found))
            cost = goal.running_cost(optimum.x)
            return replace(found[0], problem=self, method=methods, running_cost=cost)

        return replace(goal, result=result)


def together(goals, shares, aggregate):
    """The goals of all bands as one: means are added up, and the members stand in a row."""

    def value(x):
        values, slopes = zip(*(goal.value(x) for goal in goals), strict=True)
        return shares @ values, shares @ slopes

    def members(x):
        pairs = [goal.members(x) for goal in goals]
        return tuple(map(np.concatenate, zip(*pairs, strict=True)))

    def mean(field):
        parts = [getattr(goal, field) for goal in goals]
        return None if None in parts else lambda *x, **every: np.tensordot(
            shares, [part(*x, **every) for part in parts], 1)  # fmt: skip

    weights = np.concatenate([s * goal.weights for s, goal in zip(shares, goals, strict=True)])
    goal = replace(goals[0], value=value, hessian=mean("hessian"), members=members, residuals=None,
                   gauss_newton=mean("gauss_newton"), weights=weights)  # fmt: skip
    return goal if aggregate is AGGREGATES["mean"] else aggregated(goal, aggregate, weights)
