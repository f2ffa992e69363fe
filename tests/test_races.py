"""Races: one process, several, or a cluster of Dask; the answers are the same."""

import os
import signal
import sys
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
    assert result.interrupted
    sl.sweep(run, (5, 6), jobs)
    interrupted_after(3)
    same_designs(sl.sweep(run, (5, 6, 7, 8), jobs), warm)
    interrupted_after(0.5)
    with pytest.raises(KeyboardInterrupt):
        sl.sweep(run, (7, 8), jobs)


@pytest.mark.parametrize("jobs", [1, 2])
def test_interruption_in_the_final_keeps_heats_and_finals(jobs, interrupted_after):
    def run(seed, max_iterations, x0=None):
        time.sleep(30.0 if x0 is not None and np.array_equal(x0, second) else 0.0)
        return RUN(seed=seed, max_iterations=max_iterations, x0=x0)

    heats = sl.race(RUN, **{**RACE, "max_iterations": 1}, jobs=1).heats
    ranked = sorted(heats, key=lambda seed: heats[seed].fun)
    second = heats[ranked[1]].x
    sl.sweep(whereabouts, [1, 2], jobs)  # the processes are there now
    interrupted_after(4)
    result = sl.race(run, **RACE, jobs=jobs)
    assert result.interrupted and not sl.race(RUN, **RACE, jobs=1).interrupted
    same_designs(result.heats.values(), heats.values())
    assert list(result.rounds[1]) == ranked[:1] and len(result.finished) == 2
    assert result.best is result.rounds[1][ranked[0]] and result.best.fun < heats[ranked[0]].fun
    assert result.finished[1] is result.heats[ranked[1]]


def test_rungs_halve_the_field():
    """Each round goes on where the one before ended, with the better half of it."""
    calls = []

    def run(seed, max_iterations, x0=None):
        calls.append((seed, max_iterations))
        return RUN(seed=seed, max_iterations=max_iterations, x0=x0)

    result = sl.race(run, 7, (2, 5, 6), 0.5, max_iterations=8, finish=1, jobs=1)
    first, second, third, final = result.rounds
    assert [len(one) for one in result.rounds] == [7, 4, 2, 1] and result.heats is first
    assert calls == [(seed, most) for one, most in zip(result.rounds, (2, 3, 1, 8), strict=True)
                     for seed in one]
    for before, after in zip(result.rounds, result.rounds[1:], strict=False):
        better = sorted(before, key=lambda seed: before[seed].fun)[: len(after)]
        assert better == list(after)
        assert all(after[seed].fun <= before[seed].fun for seed in after)
    assert result.best is final[next(iter(final))] and result.finished == (result.best,)
    same(sl.race(RUN, 4, (3,), finish=2, max_iterations=12, seed=5, jobs=1),
         sl.race(RUN, **RACE, keep=0.1, jobs=1))  # one rung: the finals only


def test_an_interrupted_design_ends_the_race():
    """The design returns its best so far instead of raising; no further start begins."""
    def run(seed, max_iterations, x0=None):
        def stop(_result):
            if seed == 6:
                raise KeyboardInterrupt

        return RUN(seed=seed, max_iterations=max_iterations, x0=x0, callback=stop)

    result = sl.race(run, **RACE, jobs=1)
    assert list(result.heats) == [5, 6] and result.best in result.heats.values()
    assert result.interrupted and result.finished[0] is result.best


# Dask closes its sockets in its own time.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_cluster_of_two_processes_one_of_which_is_killed(tmp_path):
    distributed = pytest.importorskip("distributed")
    killed = [tmp_path / "killed in the race", tmp_path / "killed in the sweep"]
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50,
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


def fragile(case):
    """Case 1 fails, case 2 leaves, case 3 takes its process down."""
    if case == 1:
        raise KeyError("cold")
    if case == 2:
        sys.exit(1)
    if case == 3:
        time.sleep(1.0)
        os.kill(os.getpid(), signal.SIGKILL)
    return case


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_case_that_fails_loses_no_other(jobs):
    for bad, sentence in ((1, "The run of cases.1. failed: 'cold'"),
                          (2, "The run of cases.1. failed: 1")):
        with pytest.raises(RuntimeError, match=sentence) as failed:
            sl.sweep(fragile, [0, bad, 4, 5], jobs)
        first, error, *others = failed.value.results
        assert (first, *others) == (0, 4, 5) and error is failed.value
        assert "in fragile" in str(failed.value.__cause__)  # where it was
    with pytest.raises(ValueError, match="seed=6") as failed:
        sl.race(partial(odd, ValueError), **RACE, jobs=jobs)
    kept = [result for result in failed.value.results if result is not failed.value]
    heats = sl.race(RUN, **RACE, jobs=1).heats
    same_designs(kept, [heats[seed] for seed in (5, 7, 8)])


def test_a_process_that_dies_loses_none_that_was_ready():
    sentence = "The run of cases.[12]. failed, or one beside it: its process died"
    with pytest.raises(RuntimeError, match=sentence) as failed:
        sl.sweep(fragile, [0, 4, 3, 5], jobs=2)
    assert failed.value.results[0] == 0 and failed.value.results[-1] is failed.value
    assert sl.sweep(fragile, [0, 4, 5], jobs=2) == [0, 4, 5]  # new ones take their place


def test_nan_does_not_win():
    result = sl.race(partial(odd, "one"), **{**RACE, "finish": 4}, jobs=1)
    same_designs(result.finished[:3], sorted(result.finished[:3], key=lambda run: run.fun))
    assert np.isfinite(result.best.fun) and np.isnan(result.finished[3].fun)
