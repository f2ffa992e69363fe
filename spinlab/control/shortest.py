"""The shortest pulse that is good enough: many starts, then a little shorter, again and again."""

from dataclasses import dataclass, replace
from functools import partial

from ..inputs import arrays, instance, require, whole
from .designs import DesignResult, design
from .problem import Problem


@dataclass(frozen=True, eq=False, kw_only=True)
class ShortestResult(DesignResult):
    """The shortest pulse that was found: a :class:`DesignResult` whose problem has its duration.

    Parameters
    ----------
    rounds : tuple of tuples
        ``(duration, fidelity, whether that is enough)`` of every design, in their order: first the
        heats, then one start after the other on its way down.
    """

    rounds: tuple

    @property
    def duration(self):
        """Of the pulse, s."""
        return self.problem.duration


def shortest(problem, fidelity=0.995, starts=16, finish=3, cut=0.05, tolerance=1e-3,
             max_iterations=25, seed=0, **how):  # fmt: skip
    """Find a short pulse that reaches a fidelity.

    Heats first: random starts of the duration that the problem has.  The best of them are polished,
    and then each is shortened by a cut, its phases or controls kept, and designed on until it
    reaches the fidelity again.  Where it does not, the cut is halved and the last pulse that was
    good enough is shortened by that.

    Parameters
    ----------
    problem : Problem
        Its duration is where to begin: long enough to be easy.  Its number of steps stays, so they
        become shorter.
    fidelity : float
        What is good enough, by the measure of the design: its ``aggregate``, on its ensemble.
    starts, finish : int
        How many random starts there are, and how many of them are shortened.
    cut, tolerance : float
        Share of the duration by which a pulse is shortened at first, and the least such share.
    max_iterations : int
        Of every design on the way.
    seed : int
        Of the first start; the others follow it.  To use all cores, sweep over several.
    **how
        Of :func:`spinlab.design`.  The optimiser is Gauss-Newton; where the goal has no curvature
        for it, name ``optimiser="l-bfgs"``, and give it more iterations.

    Returns
    -------
    ShortestResult
        Also after an interruption (Ctrl-C, the notebook's stop button): with the shortest pulse so
        far that is good enough, or the best where none is.

    Raises
    ------
    ValueError
        No start has reached the fidelity.

    Examples
    --------
    A half turn with 10 kHz takes 50 us.

    >>> problem = Problem("Iz", "-Iz", duration=80e-6, steps=50, rf_hz=10e3)
    >>> found = shortest(problem, fidelity=1 - 1e-6, starts=1, radius=0)
    >>> round(found.duration * 1e6, 1), found.fidelity >= 1 - 1e-6
    (50.0, True)
    """
    began = instance("problem", problem, Problem).duration
    layout = "fidelity: > 0 <= 1; cut: > 0 <= 0.5; tolerance: > 0"
    fidelity, cut, tolerance = arrays(layout, fidelity=fidelity, cut=cut, tolerance=tolerance)
    seeds = range(whole("seed", seed, 0), seed + whole("starts", starts))
    whole("finish", finish)
    require("stop_at" not in how, "The designs stop at the fidelity; leave out stop_at.")
    how = {"optimiser": "gauss-newton", "max_iterations": max_iterations, **how}
    run, done, ended = partial(design, stop_at=fidelity, **how), [], False

    def enough(result):
        return result.success and result.value <= 1 - fidelity

    def note(result):
        done.append(result)
        if result.interrupted:
            raise KeyboardInterrupt
        return result

    try:
        heats = [note(run(problem, seed=s)) for s in seeds]
        for result in sorted(heats, key=lambda heat: heat.fun)[:finish]:
            share = cut
            if not enough(result):
                result = note(run(problem, x0=result.x))
            while enough(result) and share >= tolerance:
                shorter = replace(problem, duration=(1 - share) * result.problem.duration)
                try:
                    trial = note(run(shorter, x0=result.x))
                except ValueError:  # its gradient is zero at that start: no optimiser leaves it
                    break
                result, share = (trial, share) if enough(trial) else (result, share / 2)
    except KeyboardInterrupt:
        ended = True
        if not done:
            raise
    best = min(done, key=lambda one: (not enough(one), one.problem.duration, one.fun))
    require(enough(best) or ended, f"No start reached {fidelity:g} in {began:g} s; the best has "
            f"{best.fidelity:.6g}. Give a longer duration, more starts or more iterations.")
    rounds = tuple((one.problem.duration, one.fidelity, enough(one)) for one in done)
    return ShortestResult(**{**vars(best), "interrupted": ended, "rounds": rounds})
