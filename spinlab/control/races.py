"""Races and sweeps: many runs that know nothing of each other, on all cores or on a cluster.

A *race* gives many random starts a few iterations each, then more to the better share of them, and
finishes the best; a *sweep* runs a function over a table of cases: durations, bandwidths,
ensembles, pieces of a grid.  Both go through joblib.  They use every core of this machine, or what
``joblib.parallel_config`` says: inside ``with joblib.parallel_config("dask")`` that is a cluster,
where the work of a worker that dies is done again.  The results are the same everywhere.
"""

import math
import pickle
import traceback
from collections.abc import Iterable
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass
from numbers import Real

import joblib
import numpy as np
from joblib.parallel import get_active_backend

from ..inputs import arrays, function, instance, require, whole


@dataclass(frozen=True)
class RaceResult:
    """How a race of starts went.

    Parameters
    ----------
    best : result
        Of the finished runs the one with the smallest ``fun``.
    finished : tuple of results
        The runs of the last round, the best first; after an interruption with what they had reached
        in the round before, where they had not come further.
    rounds : tuple of dicts
        From seed to result: the first heat of all starts, those of the other rungs, the finals.
    interrupted : bool
        Whether the user ended it.
    """

    best: object
    finished: tuple
    rounds: tuple
    interrupted: bool = False

    @property
    def heats(self):
        """The first, cheap run of every seed."""
        return self.rounds[0]


def race(run, n=8, rungs=(60, 90, 120), keep=0.5, max_iterations=200, finish=1, seed=0, jobs=None):
    """Race many random starts by successive halving: at every rung the worse ones drop out.

    All starts run to the first rung.  The best of them, a share ``keep``, go on to the second, and
    so forth; the best ``finish`` of the last rung run to the end.  How good a start is shows late
    on a rugged problem: the rungs are for one, with L-BFGS.  On an easy one, or with Gauss-Newton,
    a rung at 15 will do.

    Source: K. Jamieson, A. Talwalkar, Proc. Mach. Learn. Res. 51 (2016) 240.

    Parameters
    ----------
    run : callable
        ``run(seed=, max_iterations=, x0=)`` returns a result with ``x`` and ``fun``, such as
        ``functools.partial(spinlab.design, problem, kind="phase")``.  With ``x0`` it goes on there,
        though without what the optimiser had learnt: L-BFGS begins its memory anew.
    n : int
        How many starts, with the seeds ``seed, seed + 1, ...``.
    rungs : tuple of int
        Iterations after which starts drop out, counted from the start.
    keep : float
        Which part goes on after each rung but the last, rounded up; ``finish`` at least.
    max_iterations : int
        Of the finishing runs, after the last rung.
    finish : int
        How many are finished.
    seed : int
    jobs : int, optional
        Starts at a time: -1 for one on every core, 1 for this process alone.  Default: what
        ``joblib.parallel_config`` says, else -1.  See :func:`sweep`.

    Returns
    -------
    RaceResult
        Also after an interruption: with what had been run by then.

    Raises
    ------
    ValueError, TypeError, RuntimeError
        A start has failed: the sentence names its seed, and the error's ``results`` has the runs of
        that round, as in :func:`sweep`.

    Examples
    --------
    >>> from functools import partial
    >>> from spinlab import Problem, design
    >>> problem = Problem("Iz", "Ix", duration=100e-6, steps=25, rf_hz=5e3)
    >>> run = partial(design, problem, kind="xy")
    >>> result = race(run, n=4, rungs=(2, 5), max_iterations=20, jobs=1)
    >>> [len(runs) for runs in result.rounds], result.best.fun < 1e-6
    ([4, 2, 1], True)
    """
    function("run", run, "It runs one start.")
    whole("n", n), whole("max_iterations", max_iterations), whole("seed", seed, 0)
    require(whole("finish", finish) <= n, f"finish must not exceed n = {n}, but {finish} arrived.")
    rungs, keep = arrays("rungs: k; keep: > 0 <= 1", rungs=rungs, keep=keep)
    lengths = np.diff(rungs, prepend=0)
    rising = np.all(lengths >= 1) and np.all(lengths % 1 == 0)
    require(rising, f"rungs must be rising whole numbers of at least 1, but {rungs} arrived.")
    field, latest, rounds = [*range(seed, seed + n)], {}, []
    parts = (1, *[keep] * (len(rungs) - 1), 0)
    for part, iterations in zip(parts, (*lengths, max_iterations), strict=True):
        field = field[: max(finish, math.ceil(part * len(field)))]
        begun = {s: {"x0": result.x} for s, result in latest.items()}
        calls = {f"The start with seed={s}": joblib.delayed(_start)(
                     run, seed=s, max_iterations=int(iterations), **begun.get(s, {}))
                 for s in field}  # fmt: skip
        results, stopped = _results(calls, jobs, bool(rounds))
        rounds.append(dict(zip(field, results, strict=False)))
        latest.update(rounds[-1])
        if stopped:
            break
        field.sort(key=lambda s: _place(latest[s]))
    finished = sorted((latest[s] for s in field if s in latest), key=_place)
    require(_place(finished[0]) < np.inf, "No start has won: the fun of all finished is NaN.")
    return RaceResult(finished[0], tuple(finished), tuple(rounds), stopped)


def sweep(run, cases, jobs=None):
    """Run a function over a table of cases, on all cores.

    The first call starts one process per core, which takes a second or two and pays when all runs
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
    ValueError, TypeError, RuntimeError
        A case has failed, after all others were run.  The sentence names it, and what is ready is
        not lost: the error's ``results`` is the list, with an error where a case failed.  Also
        where a process died; then they are those of the first cases.
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
    function("run", run, "It runs one case.")
    cases = list(instance("cases", cases, Iterable, "Give a list of what to run."))
    calls = {f"The run of cases[{k}]": joblib.delayed(run)(case) for k, case in enumerate(cases)}
    return _results(calls, jobs)[0]


def _start(run, **arguments):
    """One start of a race."""
    result = run(**arguments)
    if not (hasattr(result, "x") and isinstance(getattr(result, "fun", None), Real)):
        raise TypeError(
            "run must return a result with x and a number fun, such as a design, but "
            f"{type(result).__name__} arrived."
        )
    return result


def _place(result):
    """What a result is ranked by: NaN comes last."""
    return np.inf if np.isnan(result.fun) else result.fun


class _Failure(Exception):
    """What a failed call returns, so that the others go on: its error, and where that was."""


def _attempt(name, run, arguments, keywords):
    """The result of a call, or its failure, which names it."""
    try:
        return run(*arguments, **keywords)
    except (Exception, SystemExit) as error:
        kind = next((k for k in (ValueError, TypeError) if isinstance(error, k)), RuntimeError)
        return _Failure(kind(f"{name} failed: {error}"), traceback.format_exc())


def _results(calls, jobs, going_on=False):
    """Results of the named calls in order, and whether the user interrupted: the first ones then.

    An interruption before there is any result is raised, unless something else is going on.
    """
    if jobs is not None and jobs != -1:
        whole("jobs", jobs)
    backend, configured = get_active_backend()
    if len(calls) == 1 or backend.nesting_level:  # nothing to share, or already one of many
        jobs = 1
    elif jobs is None:
        jobs = -1 if configured is None else configured
    results, stopped, attempt = [], False, joblib.delayed(_attempt)
    try:
        # One after the other as they are ready, so that an interruption leaves those that are;
        # and no large array becomes a read-only file on its way.
        parallel = joblib.Parallel(n_jobs=jobs, return_as="generator", max_nbytes=None)
        for result in parallel([attempt(name, *call) for name, call in calls.items()]):
            results.append(result)
            stopped = getattr(result, "interrupted", False)  # as a design that the user ended
            if stopped:
                break
    except KeyboardInterrupt:
        stopped = True
        if not (results or going_on):
            raise
    except pickle.PicklingError as error:
        reason = str(error.__cause__ or error).strip(' \n"').splitlines()[-1]
        raise TypeError(
            f"What is run must be picklable to reach another process ({reason}); give jobs=1 to "
            "stay in this one."
        ) from error
    except BrokenExecutor as error:
        died = RuntimeError(
            f"{[*calls][len(results)]} failed, or one beside it: its process died, perhaps for "
            "want of memory; fewer jobs need less."
        )
        results.append(_Failure(died, str(error)))
    failures = [result.args for result in results if isinstance(result, _Failure)]
    if failures:
        error, where = failures[0]
        error.results = [r.args[0] if isinstance(r, _Failure) else r for r in results]
        raise error from RuntimeError(where)
    return results, stopped
