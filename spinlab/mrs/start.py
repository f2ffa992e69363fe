"""Design of the RF of a spectral problem: where to start, and what comes out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from ..control.races import sweep
from ..inputs import finite_array, instance, not_negative, whole
from ..optimisers.goal import Optimum
from ..optimisers.loop import minimise
from .problem import SpectralProblem


@dataclass(frozen=True, eq=False, kw_only=True)
class SpectralResult(Optimum):
    """A designed pulse and how it came about: a :class:`spinlab.optimisers.Optimum` with its
    problem.

    Parameters
    ----------
    problem : SpectralProblem
    """

    problem: SpectralProblem

    @property
    def pulses(self):
        """The three shaped pulses."""
        return self.problem.pulses(self.x)

    @property
    def sequence(self):
        """The whole sequence for :func:`spinlab.mrs.simulate`."""
        return self.problem.sequence(self.x)

    @property
    def rf_hz(self):
        """RF amplitude of every step, Hz: its maximum is the peak."""
        return self.problem.rf_hz * np.hypot(*self.problem.waveform(self.x)[0])

    @property
    def water(self):
        """Mean transverse magnetisation that an interval makes of fresh water, at worst 1."""
        return float(np.mean(np.abs(self.problem.water(self.problem.waveform(self.x)[0])[0])))


def starting_point(problem, seed=0, turns=1, noise=0.03):
    """Unknowns to start from: PRESS itself, a little noise, and hard pulses at random times.

    Parameters
    ----------
    problem : SpectralProblem
    seed : int
    turns : int
        How many hard pulses, of 90 or (one in three) 180 degrees, any phase; 0 is plain PRESS.
    noise : float
        Deviation of the noise, in units of the RF limit; more is a random start.

    Returns
    -------
    ndarray, (2 * steps,)
    """
    instance("problem", problem, SpectralProblem)
    whole("turns", turns, least=0), not_negative("noise", noise)
    rng = np.random.default_rng(whole("seed", seed, 0))
    x = noise * rng.standard_normal((2, problem.steps))
    for _ in range(turns):
        first, phase = rng.integers(problem.steps - 1), rng.uniform(0, 2 * np.pi)
        amplitude = rng.choice([0.25, 0.25, 0.5]) / (2 * problem.dt * problem.rf_hz)
        push = np.arctanh(min(0.95, amplitude))
        x[:, first : first + 2] += push * np.array([[np.cos(phase)], [np.sin(phase)]])
    return x.ravel()


def spectral_design(
    problem, x0=None, seed=0, turns=1, max_iterations=300, stop_at=None, callback=None,
    progress=False,
):  # fmt: skip
    """Design the RF of a spectral problem by L-BFGS with exact gradients.

    Parameters
    ----------
    problem : SpectralProblem
    x0 : ndarray, optional
        Unknowns to start from; default ``starting_point(problem, seed, turns)``.
    seed, turns : int
    max_iterations : int
    stop_at, callback, progress
        As in :func:`spinlab.minimise`.

    Returns
    -------
    SpectralResult
        Also after an interruption: with the best pulse so far.  :func:`spinlab.race` takes
        ``functools.partial(spectral_design, problem)``.

    Examples
    --------
    >>> from spinlab.mrs import isolation_problem
    >>> problem = isolation_problem("Glu", "Gln", te1=4e-3, te2=8e-3)
    >>> result = spectral_design(problem, max_iterations=2)
    >>> result.fun < problem.evaluate(starting_point(problem))[0]
    True
    """
    instance("problem", problem, SpectralProblem, "isolation_problem() makes one.")
    x0 = starting_point(problem, seed, turns) if x0 is None else finite_array("x0", x0)
    if x0.shape not in ((2 * problem.steps,), (2, problem.steps)):
        raise ValueError(
            f"This problem has 2 x {problem.steps} unknowns: x0 has that shape, or is flat, but "
            f"{x0.shape} arrived."
        )
    best = minimise(
        problem.evaluate, x0.ravel(), max_iterations=max_iterations, stop_at=stop_at,
        callback=callback, progress=progress,
    )  # fmt: skip
    return SpectralResult(**vars(best), problem=problem)


def scan_timings(make, timings, jobs=None, **options):
    """Echo times as design variables: a short design for each, the best first.

    Parameters
    ----------
    make : callable
        ``make(te1, te2)`` returns the problem, with whatever depends on the echo times.
    timings : list of (float, float)
        TE1 and TE2, s.
    jobs : int, optional
        Designs at a time, as in :func:`spinlab.sweep`.
    **options
        Of :func:`spectral_design`; ``max_iterations`` is 30 unless given.

    Returns
    -------
    list of SpectralResult
        By rising ``fun``; go on with ``spectral_design(best.problem, x0=best.x)``.  Also after an
        interruption: with what had been run by then.

    Examples
    --------
    >>> from spinlab.mrs import isolation_problem
    >>> def make(te1, te2):
    ...     return isolation_problem("Glu", "Gln", te1=te1, te2=te2)
    >>> found = scan_timings(make, [(4e-3, 8e-3), (8e-3, 16e-3)], jobs=1, max_iterations=3)
    >>> len(found), found[0].fun <= found[1].fun
    (2, True)
    """
    if not callable(make):
        raise TypeError(f"make must be a function of te1 and te2, but {make!r} arrived.")
    timings = finite_array("timings", timings)
    if timings.ndim != 2 or timings.shape[1] != 2 or not len(timings):
        raise ValueError(f"timings must be pairs (te1, te2), but shape {timings.shape} arrived.")
    # All problems first: echo times that do not fit are refused before the long run.
    problems = [make(te1, te2) for te1, te2 in timings.tolist()]
    run = partial(spectral_design, **{"max_iterations": 30, **options})
    return sorted(sweep(run, problems, jobs), key=lambda result: result.fun)
