"""Races: one process, several, or a cluster of Dask; the answers are the same."""

import os
import signal
import time
from functools import partial

import joblib
import numpy as np
import pytest

import spinlab as sl

PROBLEM = sl.Problem("Iz", "Ix", 100e-6, 20, 10e3, sl.Ensemble.grid([-3e3, 0.0, 3e3]))
RUN = partial(sl.design, PROBLEM, method="spinors")
RACE = {"n": 4, "cheap": 3, "max_iterations": 12, "finish": 2, "seed": 5}


def dying_once(marker, **arguments):
    """A start that takes its process down with it, the first time that seed 6 is run."""
    if arguments["seed"] == 6 and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return RUN(**arguments)


def slow(seed, max_iterations, x0=None):
    time.sleep(0.0 if seed < 7 else 30.0)
    return RUN(seed=seed, max_iterations=max_iterations, x0=x0)


def same(first, second):
    assert list(first.heats) == list(second.heats)
    pairs = [*zip(first.finished, second.finished, strict=True),
             *zip(first.heats.values(), second.heats.values(), strict=True)]
    for one, other in pairs:
        assert one.fun == pytest.approx(other.fun, rel=1e-12)
        assert np.allclose(one.x, other.x, rtol=0, atol=1e-12)


def test_several_processes_give_the_same_answers():
    same(sl.race(RUN, **RACE), sl.race(RUN, jobs=2, **RACE))


@pytest.mark.parametrize("jobs", [1, 2])
def test_interruption_keeps_what_was_run(jobs):
    def interrupt(_signal, _frame):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        if jobs > 1:
            joblib.Parallel(n_jobs=jobs)(joblib.delayed(slow)(s, 1) for s in (5, 6))  # warm up
        signal.setitimer(signal.ITIMER_REAL, 3)
        result = sl.race(slow, **RACE, jobs=jobs)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert list(result.heats) == [5, 6]
    assert result.best is min(result.heats.values(), key=lambda run: run.fun)


# Dask closes its sockets in its own time.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_cluster_of_two_processes_one_of_which_is_killed(tmp_path):
    distributed = pytest.importorskip("distributed")
    marker = tmp_path / "killed"
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50,
            local_directory=str(tmp_path),
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        before = set(client.run(os.getpid).values())
        with joblib.parallel_config("dask"):
            result = sl.race(partial(dying_once, marker), **RACE)
        client.wait_for_workers(2)
        after = set(client.run(os.getpid).values())
    assert marker.exists() and len(before) == 2 and len(before & after) == 1
    assert os.getpid() not in before
    same(sl.race(RUN, **RACE), result)
