"""Races: many random starts, a few iterations each, and the best of them finished.

The starts know nothing of each other, so joblib may run them at the same time: in this process, on
the cores of this machine, or, inside ``with joblib.parallel_config("dask")``, on a cluster, where
the work of a worker that dies is done again.  The result is the same everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import joblib

from .inputs import whole


@dataclass(frozen=True)
class RaceResult:
    """How a race of starts went.

    Parameters
    ----------
    best : result
        Of the finished runs the one with the smallest ``fun``.
    finished : tuple of results
        All finished runs, the best first.
    heats : dict of int to result
        The first, cheap run of every seed.
    """

    best: object
    finished: tuple
    heats: dict


def race(run, n=8, cheap=20, max_iterations=200, finish=1, seed=0, jobs=None):
    """Race many random starts: all get a few iterations, the best are finished.

    Parameters
    ----------
    run : callable
        ``run(seed=, max_iterations=, x0=)`` returns a result with ``x`` and ``fun``, such as
        ``functools.partial(spinlab.design, problem, kind="phase")``.  With ``x0`` it goes on there.
    n : int
        How many starts, with the seeds ``seed, seed + 1, ...``.
    cheap : int
        Iterations of each in the first heat.
    max_iterations : int
        Of the finishing runs.
    finish : int
        How many of the best go on.
    seed : int
    jobs : int, optional
        Starts at a time: -1 for one on every core.  Default: one, in this process, where any
        function will do and nothing has to be started; unless ``joblib.parallel_config`` says
        otherwise.  Elsewhere than here, ``run`` and its results must be picklable.

    Returns
    -------
    RaceResult
        Also after an interruption: with what had been run by then.

    Examples
    --------
    >>> from functools import partial
    >>> from spinlab import Problem, design
    >>> problem = Problem("Iz", "Ix", duration=100e-6, steps=25, rf_hz=5e3)
    >>> result = race(partial(design, problem, kind="xy"), n=3, cheap=3, max_iterations=20)
    >>> result.best.fun == min(run.fun for run in result.finished), len(result.heats)
    (True, 3)
    """
    if not callable(run):
        raise TypeError(f"race() takes a function that runs one start, but {run!r} arrived.")
    whole("n", n), whole("cheap", cheap), whole("max_iterations", max_iterations)
    if whole("finish", finish) > n:
        raise ValueError(f"finish must not exceed n = {n}, but {finish} arrived.")
    whole("seed", seed, 0)
    if jobs is not None and jobs != -1:
        whole("jobs", jobs)
    heats, finished = {}, []
    # One after the other as they are ready, so that an interruption leaves those that are.
    parallel = joblib.Parallel(n_jobs=jobs, return_as="generator")
    try:
        seeds = range(seed, seed + n)
        starts = parallel(joblib.delayed(run)(seed=s, max_iterations=cheap) for s in seeds)
        for s, result in zip(seeds, starts, strict=True):
            heats[s] = result
        best = sorted(heats, key=lambda s: heats[s].fun)[:finish]
        finished.extend(parallel(
            joblib.delayed(run)(seed=s, max_iterations=max_iterations, x0=heats[s].x) for s in best
        ))
    except KeyboardInterrupt:
        if not heats:
            raise
        finished = finished or [min(heats.values(), key=lambda result: result.fun)]
    finished.sort(key=lambda result: result.fun)
    return RaceResult(finished[0], tuple(finished), heats)
