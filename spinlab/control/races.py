"""Races and sweeps: many runs that know nothing of each other, on all cores or on a cluster.

A *race* gives many random starts a few iterations each and finishes the best of them; a *sweep*
runs a function over a table of cases: durations, bandwidths, ensembles, pieces of a grid.  Both
go through joblib.  They use every core of this machine, or what ``joblib.parallel_config`` says:
inside ``with joblib.parallel_config("dask")`` that is a cluster, where the work of a worker that
dies is done again.  The results are the same everywhere.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from numbers import Real

import joblib
import numpy as np
from joblib.parallel import get_active_backend

from ..inputs import require, whole


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
        Starts at a time: -1 for one on every core, 1 for this process alone.  Default: what
        ``joblib.parallel_config`` says, else -1.  See :func:`sweep`.

    Returns
    -------
    RaceResult
        Also after an interruption: with what had been run by then.

    Examples
    --------
    >>> from functools import partial
    >>> from spinlab import Problem, design
    >>> problem = Problem("Iz", "Ix", duration=100e-6, steps=25, rf_hz=5e3)
    >>> run = partial(design, problem, kind="xy")
    >>> result = race(run, n=3, cheap=3, max_iterations=20, jobs=1)
    >>> result.best.fun == min(run.fun for run in result.finished), len(result.heats)
    (True, 3)
    """
    _check(run, jobs, "race() takes a function that runs one start")
    whole("n", n), whole("cheap", cheap), whole("max_iterations", max_iterations)
    require(whole("finish", finish) <= n, f"finish must not exceed n = {n}, but {finish} arrived.")
    whole("seed", seed, 0)
    start, seeds = joblib.delayed(_start), range(seed, seed + n)
    heats = _results([start(run, s, max_iterations=cheap) for s in seeds], jobs)
    heats = dict(zip(seeds, heats, strict=False))
    best, finished = sorted(heats, key=lambda s: _place(heats[s]))[:finish], []
    if len(heats) == n and not interrupted(heats[seeds[-1]]):
        try:
            finished = _results(
                [start(run, s, max_iterations=max_iterations, x0=heats[s].x) for s in best], jobs
            )
        except KeyboardInterrupt:
            pass
    finished = sorted(finished or [heats[best[0]]], key=_place)
    won = not np.isnan(finished[0].fun)
    require(won, "No start has won: the fun of all that were finished is NaN.")
    return RaceResult(finished[0], tuple(finished), heats)


def sweep(run, cases, jobs=None):
    """Run a function over a table of cases, on all cores.

    The first call starts one process a core, which takes a second or two and pays when all runs
    together take longer than that; later calls find them there.  Shorter ones want ``jobs=1``.
    Functions of a notebook and lambdas are sent, too.  They run on copies: what they change or draw
    (a list that a callback appends to) stays in their process.

    Parameters
    ----------
    run : callable
        ``run(case)``; a sweep or race that it starts stays in its process.
    cases : iterable
        What is run: anything that can be pickled, as can the results.
    jobs : int, optional
        Runs at a time: -1 for one on every core, 1 for this process alone.  Default: what
        ``joblib.parallel_config`` says, else -1.  A Dask cluster uses all that it has.

    Returns
    -------
    list
        Results in the order of the cases.  After an interruption (Ctrl-C, the notebook's stop
        button) it is shorter: those of the first cases, as far as they were ready; an interrupted
        design is the last of them, with its best so far.

    Raises
    ------
    TypeError
        The function, a case or a result cannot be pickled.

    Examples
    --------
    >>> from spinlab import Problem, design
    >>> def infidelity(duration):
    ...     problem = Problem("Iz", "Ix", duration, steps=10, rf_hz=5e3)
    ...     return design(problem, max_iterations=20).fun
    >>> short, long = sweep(infidelity, [20e-6, 60e-6], jobs=1)
    >>> short > long
    True
    """
    _check(run, jobs, "sweep() takes a function that runs one case")
    try:
        cases = list(cases)
    except TypeError:
        raise TypeError(f"cases must be a list of what to run, but {cases!r} arrived.") from None
    return _results([joblib.delayed(run)(case) for case in cases], jobs)


def _start(run, seed, **arguments):
    """One start; if it fails or returns no result, the error names its seed."""
    try:
        result = run(seed=seed, **arguments)
    except Exception as error:
        kinds = [kind for kind in (ValueError, TypeError) if isinstance(error, kind)]
        raise (*kinds, RuntimeError)[0](f"The start with seed={seed} failed: {error}") from error
    if not (hasattr(result, "x") and isinstance(getattr(result, "fun", None), Real)):
        raise TypeError(
            "run must return a result with x and a number fun, such as a design, but with "
            f"seed={seed} {type(result).__name__} arrived."
        )
    return result


def _place(result):
    """What a result is ranked by: NaN comes last."""
    return np.inf if np.isnan(result.fun) else result.fun


def interrupted(result):
    """Whether a run was ended by the user: a design swallows the KeyboardInterrupt."""
    return getattr(result, "interrupted", False)


def _check(run, jobs, what):
    if not callable(run):
        raise TypeError(f"{what}, but {run!r} arrived.")
    if jobs is not None and jobs != -1:
        whole("jobs", jobs)


def _results(calls, jobs):
    """Results in order; after an interruption the first ones, if there are any."""
    backend, configured = get_active_backend()
    if len(calls) == 1 or backend.nesting_level:  # nothing to share, or already one of many
        jobs = 1
    elif jobs is None:
        jobs = -1 if configured is None else configured
    results = []
    try:
        # One after the other as they are ready, so that an interruption leaves those that are;
        # and no large array becomes a read-only file on its way.
        parallel = joblib.Parallel(n_jobs=jobs, return_as="generator", max_nbytes=None)
        for result in parallel(calls):
            results.append(result)
            if interrupted(result):
                break
    except KeyboardInterrupt:
        if not results:
            raise
    except pickle.PicklingError as error:
        reason = str(error.__cause__ or error).strip(' \n"').splitlines()[-1]
        raise TypeError(
            f"What is run must be picklable to reach another process ({reason}); give jobs=1 to "
            "stay in this one."
        ) from error
    return results
