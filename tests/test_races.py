"""Races: one process, several, or a cluster of Dask; the answers are the same."""

import os
import signal
import threading
import time
from dataclasses import replace
from functools import partial

import joblib
import numpy as np
import pytest

import spinlab as sl

PROBLEM = sl.Problem("Iz", "Ix", 100e-6, 20, 10e3, sl.Ensemble.grid([-3e3, 0.0, 3e3]))
RUN = partial(sl.design, PROBLEM, method="spinors")
RACE = {"n": 4, "rungs": (3,), "max_iterations": 12, "finish": 2, "seed": 5}


SWEEP = [replace(PROBLEM, duration=duration) for duration in (40e-6, 60e-6, 90e-6, 120e-6)]


def die_once(marker, number):
    """Take this process down, the first time that number 6 comes."""
    if number == 6 and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)


def dying_racer(marker, **arguments):
    die_once(marker, arguments["seed"])
    return RUN(**arguments)


def dying_point(marker, numbered):
    die_once(marker, numbered[0])
    return curve(numbered[1])


def slow(seed, max_iterations, x0=None):
    time.sleep(0.0 if seed < 7 else 30.0)
    return RUN(seed=seed, max_iterations=max_iterations, x0=x0)


def same(first, second):
    assert list(first.heats) == list(second.heats)
    same_designs(first.finished, second.finished)
    same_designs(first.heats.values(), second.heats.values())


def same_designs(first, second):
    for one, other in zip(first, second, strict=True):
        assert one.fun == other.fun and np.array_equal(one.x, other.x)


def curve(problem):
    """A point of a curve: a race of its own, as on the page of robust pulses."""
    return sl.race(partial(sl.design, problem, method="spinors"), **RACE).best


def whereabouts(_case):
    return os.getpid()


def test_several_processes_give_the_same_answers():
    same(sl.race(RUN, **RACE, jobs=1), sl.race(RUN, jobs=2, **RACE))
    same_designs(sl.sweep(curve, SWEEP, jobs=1), sl.sweep(curve, SWEEP, jobs=2))


@pytest.mark.skipif(joblib.cpu_count() < 2, reason="one core")
def test_all_cores_unless_joblib_is_told_otherwise():
    cases = range(40)
    assert os.getpid() not in sl.sweep(whereabouts, cases)
    assert {*sl.sweep(whereabouts, cases, jobs=1)} == {os.getpid()} == {*sl.sweep(whereabouts, [1])}
    for config in ({"n_jobs": 1}, {"backend": "threading"}):
        with joblib.parallel_config(**config):
            assert {*sl.sweep(whereabouts, cases)} == {os.getpid()}
    # A sweep within a sweep stays where it is.
    outer, inner = zip(*sl.sweep(lambda _: (os.getpid(), sl.sweep(whereabouts, [1, 2])), [1, 2]),
                       strict=True)
    assert [[pid] * 2 for pid in outer] == [*inner] and os.getpid() not in outer


def test_functions_of_a_notebook_travel_and_what_cannot_is_refused():
    factor, lock = 3, threading.Lock()
    assert sl.sweep(lambda case: factor * case, (1, 2, 3), jobs=2) == [3, 6, 9]
    with pytest.raises(TypeError, match="must be picklable .*lock.* give jobs=1"):
        sl.sweep(lambda case: (case, lock), [1, 2], jobs=2)
    assert sl.sweep(lambda case: lock is not None, [1, 2], jobs=1) == [True, True]
    assert sl.sweep(abs, []) == []


@pytest.fixture
def interrupted_after():
    def interrupt(_signal, _frame):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    yield lambda seconds: signal.setitimer(signal.ITIMER_REAL, seconds)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("jobs", [1, 2])
def test_interruption_keeps_what_was_run(jobs, interrupted_after):
    run = partial(slow, max_iterations=3)
    warm = sl.sweep(run, (5, 6), jobs)  # the processes are there now
    interrupted_after(3)
    result = sl.race(slow, **RACE, jobs=jobs)
    assert list(result.heats) == [5, 6]
    assert result.best is min(result.heats.values(), key=lambda run: run.fun)
    sl.sweep(run, (5, 6), jobs)
    interrupted_after(3)
    same_designs(sl.sweep(run, (5, 6, 7, 8), jobs), warm)
    interrupted_after(0.5)
    with pytest.raises(KeyboardInterrupt):
        sl.sweep(run, (7, 8), jobs)


def test_an_interrupted_design_ends_the_race():
    """The design returns its best so far instead of raising; no further start begins."""
    def run(seed, max_iterations, x0=None):
        def stop(_result):
            if seed == 6:
                raise KeyboardInterrupt

        return RUN(seed=seed, max_iterations=max_iterations, x0=x0, callback=stop)

    result = sl.race(run, **RACE, jobs=1)
    assert list(result.heats) == [5, 6] and result.best in result.heats.values()


# Dask closes its sockets in its own time.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_cluster_of_two_processes_one_of_which_is_killed(tmp_path):
    distributed = pytest.importorskip("distributed")
    killed = [tmp_path / "killed in the race", tmp_path / "killed in the sweep"]
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50,
            local_directory=str(tmp_path),
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        workers = [set(client.run(os.getpid).values())]
        with joblib.parallel_config("dask"):
            raced = sl.race(partial(dying_racer, killed[0]), **RACE)
            client.wait_for_workers(2)
            workers.append(set(client.run(os.getpid).values()))
            swept = sl.sweep(partial(dying_point, killed[1]), enumerate(SWEEP, start=5))
            client.wait_for_workers(2)
            workers.append(set(client.run(os.getpid).values()))
    for marker, before, after in zip(killed, workers, workers[1:], strict=False):
        assert marker.exists() and len(before) == 2 and len(before & after) == 1
        assert os.getpid() not in before
    same(sl.race(RUN, **RACE, jobs=1), raced)
    same_designs(sl.sweep(curve, SWEEP, jobs=1), swept)


def odd(kind, seed, max_iterations, x0=None):
    """As RUN, but that something is wrong with the start of seed 6, or with all."""
    result = RUN(seed=seed, max_iterations=max_iterations, x0=x0)
    if kind == "nothing":
        return None
    if seed == 6 and kind in (ValueError, KeyError):
        raise kind("The coil is warm.")
    return replace(result, fun=np.nan) if kind == "all" or (seed, kind) == (6, "one") else result


@pytest.mark.parametrize("jobs", [1, 2])
def test_starts_that_fail(jobs):
    for kind, error, sentence in (
        (ValueError, ValueError, "The start with seed=6 failed: The coil is warm."),
        (KeyError, RuntimeError, "The start with seed=6 failed: 'The coil is warm.'"),
        ("nothing", TypeError, "seed=5 failed: run must return a result .* NoneType arrived."),
        ("all", ValueError, "No start has won"),
    ):
        with pytest.raises(error, match=sentence):
            sl.race(partial(odd, kind), **RACE, jobs=jobs)


def test_nan_does_not_win():
    result = sl.race(partial(odd, "one"), **{**RACE, "finish": 4}, jobs=1)
    same_designs(result.finished[:3], sorted(result.finished[:3], key=lambda run: run.fun))
    assert np.isfinite(result.best.fun) and np.isnan(result.finished[3].fun)
