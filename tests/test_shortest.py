"""The shortest pulse: exact minima, no loss of what was reached, other problems, refusals."""

from dataclasses import replace

import numpy as np
import pytest

import spinlab as sl
from spinlab.control import shortest

ONE = sl.Problem("Iz", "-Iz", 80e-6, 50, 10e3)
BAND = sl.Problem("Iz", "-Iz", 300e-6, 60, 10e3, ensemble=sl.Ensemble.grid(np.linspace(-1e4, 1e4, 15)))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("target, angle", [("-Iz", np.pi), ("Ix", np.pi / 2)])
def test_one_spin_needs_the_angle_and_no_more(target, angle, seed):
    """No pulse is faster than the nutation; a cosine of 1 - 1e-6 forgives sqrt(2e-6) rad."""
    least = (angle - np.sqrt(2e-6)) / (2 * np.pi * ONE.rf_hz)
    found = shortest(replace(ONE, target=target), 1 - 1e-6, starts=1, seed=seed, tolerance=2e-4, radius=0)
    assert least <= found.duration < 1.001 * least
    assert found.judge().mean >= 1 - 1.01e-6


def test_a_band_and_the_books():
    found = shortest(BAND, 0.99, starts=3, finish=2, radius=0)
    assert found.duration < 220e-6 and found.fidelity >= 0.99
    assert found.problem == replace(BAND, duration=found.duration)
    assert found.pulse.dt == found.duration / 60
    assert found.judge().mean >= 0.99
    durations, fidelities, enough = zip(*found.rounds, strict=True)
    assert durations[:3] == (300e-6,) * 3 and np.all(np.array(durations) <= 300e-6)
    assert [f >= 0.99 for f in fidelities] == [*enough]
    assert found.duration == min(d for d, good in zip(durations, enough, strict=True) if good)


@pytest.mark.parametrize("changes, how", [
    ({"target": "Ix"}, {"kind": "xy"}),
    ({"control": "linear"}, {"kind": "phase"}),
    ({"target": np.eye(3)[:, :2], "objective": "magnitude"}, {"optimiser": "l-bfgs", "kind": "xy"}),
    ({"system": sl.SpinSystem(t1=1.0, t2=0.1)}, {"kind": "xy"}),
    ({}, {"basis": sl.pulses.legendre(50, 6)}),
])  # fmt: skip
def test_any_problem_gets_shorter(changes, how):
    task = replace(ONE, **changes)
    found = shortest(task, 0.98, starts=2, finish=1, tolerance=0.02, **how)
    assert found.duration < 70e-6 and found.fidelity >= 0.98


@pytest.mark.parametrize("at", [1, 4, 9])
def test_an_interruption_keeps_what_is_good_enough(at):
    """At design ``at``: in the heats, or on the way down."""
    count = [0]

    def stop(told):
        count[0] += told.nit == 1
        if count[0] == at:
            raise KeyboardInterrupt

    how = {"starts": 3, "finish": 1, "radius": 0, "callback": stop}
    found = shortest(BAND, 0.99, **how)
    assert found.interrupted and len(found.rounds) == at
    good = [duration for duration, _, enough in found.rounds if enough]
    assert found.duration == min(good, default=300e-6)
    assert (found.fidelity >= 0.99) == bool(good) and (at == 9) <= (found.duration < 300e-6)


def test_before_there_is_anything_an_interruption_is_raised(monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(sl.Problem, "goal", stop)
    with pytest.raises(KeyboardInterrupt):
        shortest(BAND)


def test_a_start_that_nothing_leaves_ends_one_way_down_only(monkeypatch):
    """A gradient of zero is refused by the optimiser, and what was reached is kept."""
    design, calls = sl.control.shortest.__globals__["design"], []

    def refuses(problem, **how):
        calls.append(problem.duration)
        if len(calls) == 4:
            raise ValueError("The gradient is zero at the start.")
        return design(problem, **how)

    monkeypatch.setitem(sl.control.shortest.__globals__, "design", refuses)
    found = shortest(ONE, 0.99, starts=1)
    assert len(calls) == 4 and found.duration == calls[2] < 80e-6


def test_what_is_out_of_reach_is_said_with_the_best():
    with pytest.raises(ValueError, match="No start reached 0.99 in 2e-05 s; the best has -0.3.*longer"):
        shortest(replace(ONE, duration=20e-6), 0.99, starts=2)


def test_progress_is_that_of_the_designs(capsys):
    shortest(ONE, 0.99, starts=1, tolerance=0.02)
    assert not capsys.readouterr().out
    found = shortest(ONE, 0.99, starts=1, tolerance=0.02, progress=True)
    assert capsys.readouterr().out.count("\n") == len(found.rounds)
