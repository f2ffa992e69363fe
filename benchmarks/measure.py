"""How the benchmarks measure: CPU time, jobs in turn, medians."""

import gc
import time

import numpy as np


def record(name, value, unit, at_least=None, at_most=None, baseline=None):
    """A row of the table.

    Parameters
    ----------
    name : str
    value : float
    unit : str
    at_least, at_most : float, optional
        The target; at most one of them.  A row without a target informs.
    baseline : str, optional
        The code that a ratio or an error is against.

    Returns
    -------
    dict
    """
    value = float(value)
    sense = "at least" if at_least is not None else "at most" if at_most is not None else None
    target = at_least if at_least is not None else at_most
    ok = sense is None or (value >= target if sense == "at least" else value <= target)
    return {
        "name": name, "value": value, "target": target, "sense": sense, "unit": unit,
        "baseline": baseline, "ok": bool(ok),
    }


def interleave(jobs, rounds, shortest=0.01, clock=time.thread_time):
    """CPU time of every job, round by round.

    The jobs take turns, so whatever else slows the machine down slows all of them alike; ratios are
    to be taken within a round.  A quick job is called several times a turn, as in an optimisation.

    Parameters
    ----------
    jobs : dict
        Functions without arguments, by name.
    rounds : int
    shortest : float
        Least length of a turn, s.
    clock : callable
        ``time.process_time`` for code that has threads of its own.

    Returns
    -------
    dict
        For every job an ndarray, (rounds,), of seconds a call.
    """
    for job in jobs.values():
        job()
    calls = {name: max(1, round(shortest / _seconds(job, 1, clock))) for name, job in jobs.items()}
    times = {name: [] for name in jobs}
    gc.disable()
    try:
        for _ in range(rounds):
            for name, job in jobs.items():
                times[name].append(_seconds(job, calls[name], clock))
    finally:
        gc.enable()
    return {name: np.array(seconds) for name, seconds in times.items()}


def _seconds(job, calls, clock):
    start = clock()
    for _ in range(calls):
        job()
    return (clock() - start) / calls


def ratio(slow, fast):
    """Median, over the rounds, of how many times longer the first takes."""
    return np.median(slow / fast)


def exponent(sizes, times):
    """Exponent ``p`` of ``cost = constant * size**p``, fitted to medians of :func:`interleave`."""
    costs = [np.median(times[size]) for size in sizes]
    return np.polyfit(np.log(sizes), np.log(costs), 1)[0]


def relative(difference, reference):
    """Length of a difference over the length of what it should be, all entries together."""
    return np.linalg.norm(difference) / np.linalg.norm(reference)
