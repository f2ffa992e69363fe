"""Designs: they reach their fidelity, can be interrupted, and keep honest books."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

import spinlab as sl
from spinlab.propagation.arguments import largest_turn

GRID = sl.Ensemble.grid(np.linspace(-2e3, 2e3, 5))


def problem(**changes):
    known = {"start": "Iz", "target": "Ix", "duration": 200e-6, "steps": 40, "rf_hz": 10e3}
    return sl.Problem(**{**known, "ensemble": GRID, **changes})


class Interrupted(sl.Problem):
    """A problem whose evaluation is interrupted, by Ctrl-C, at the call that ``at`` names."""

    calls, at, seen = None, None, None

    def goal(self, method="fem-quadratic-reduced"):
        goal = super().goal(method=method)
        return replace(goal, value=lambda x: self.value(goal, x))

    def value(self, goal, x):
        if next(self.calls) == self.at:
            raise KeyboardInterrupt
        return goal.value(x)


def interrupted(at, kind=Interrupted):
    task = kind(**vars(problem()))
    for name, value in {"calls": itertools.count(1), "at": at, "seen": []}.items():
        object.__setattr__(task, name, value)
    return task


DESIGNS = [
    ("phase", "fem-quadratic-reduced", "constant"),
    ("xy", "rotations", "constant"),
    ("xy-box", "grape-batched", "constant"),
    ("phase", "fem-hermite", "linear"),
]


@pytest.mark.parametrize("kind, method, control", DESIGNS)
def test_design_reaches_a_fidelity_that_the_referee_confirms(kind, method, control):
    task = problem(control=control)
    result = sl.design(task, kind=kind, method=method, seed=1, max_iterations=60, stop_at=0.99)
    assert result.success and "reached" in result.message and result.method == method
    assert result.fidelity >= 0.99 and result.fun == pytest.approx(1 - result.fidelity, abs=1e-15)
    assert sl.judge(result.pulse, task, offsets=21).mean > 0.98
    assert np.abs(result.pulse.waveform).max() <= 1
    assert (result.pulse.control, result.pulse.steps) == (control, 40)


@pytest.mark.parametrize("changes", [
    {"system": sl.SpinSystem(t1=1.0, t2=0.1)},
    {"objective": "rotation", "start": np.eye(3), "target": np.diag([1.0, -1, -1])},
    {"objective": "subspace", "target": np.eye(3)[:, :2]},
])  # fmt: skip
def test_design_with_other_systems_and_objectives(changes):
    task = problem(**changes)
    result = sl.design(task, kind="xy", max_iterations=15)
    method = "grape-batched" if task.system.relaxes else "rotations"
    value, _ = task.fidelity(result.pulse.waveform, method)
    assert result.fidelity > result.history.fidelity[0] + 0.2
    assert result.fidelity == pytest.approx(value, abs=1e-3)


def test_books_are_honest():
    task, seen = problem(), []
    result = sl.design(
        task, method="fem-quadratic-reduced", seed=3, max_iterations=12,
        callback=lambda r: seen.append(dict(r)),
    )
    history = result.history
    columns = (history.fidelity, history.gradient_norm, history.seconds, history.evaluations)
    assert [len(column) for column in columns] == [result.nit + 1] * 4
    assert result.nit == len(seen) == 12
    assert np.all(np.diff(history.fidelity) >= 0)
    assert np.all(np.diff(history.seconds) >= 0) and np.all(np.diff(history.evaluations) > 0)
    assert history.evaluations[0] == 1 and history.evaluations[-1] <= result.nfev
    for k, note in enumerate(seen, 1):
        assert (note["nit"], note["x"].shape) == (k, (1, 40))
        assert note["fidelity"] == history.fidelity[k] == 1 - note["fun"]
        assert note["gradient_norm"] == history.gradient_norm[k]
        shape = sl.pulses.Parametrisation("phase", task.duration / 130, task.dt)
        value, _ = task.fidelity(shape.waveform(note["x"])[0], "fem-quadratic-reduced")
        assert value == pytest.approx(note["fidelity"], rel=1e-12)
    assert np.array_equal(result.x, seen[-1]["x"])
    value, _ = task.fidelity(result.pulse.waveform, "fem-quadratic-reduced")
    assert value == pytest.approx(result.fidelity, rel=1e-12)


def test_first_line_of_the_history_is_the_start():
    task, x0 = problem(), np.linspace(-1, 1, 40)
    result = sl.design(task, x0=x0, radius=0, max_iterations=1, method="fem-quadratic-reduced")
    value, _ = task.fidelity(sl.pulses.from_phase(x0[None])[0], "fem-quadratic-reduced")
    assert result.history.fidelity[0] == pytest.approx(value, rel=1e-14)
    assert np.array_equal(x0, np.linspace(-1, 1, 40))


def test_same_seed_same_pulse():
    first, again, other = (sl.design(problem(), seed=seed, max_iterations=3) for seed in (4, 4, 5))
    assert np.array_equal(first.pulse.waveform, again.pulse.waveform)
    assert not np.allclose(first.pulse.waveform, other.pulse.waveform)


def raise_at(iteration, exception):
    def callback(intermediate_result):
        if intermediate_result.nit == iteration:
            raise exception

    return callback


@pytest.mark.parametrize("exception, message", [
    (KeyboardInterrupt, "Interrupted"), (StopIteration, "Stopped by the callback"),
])  # fmt: skip
def test_callback_can_stop(exception, message):
    whole = sl.design(problem(), seed=2, max_iterations=8)
    result = sl.design(problem(), seed=2, max_iterations=8, callback=raise_at(3, exception))
    assert message in result.message and not result.success
    assert result.nit == 3
    assert np.array_equal(result.history.fidelity, whole.history.fidelity[:4])
    assert result.fidelity == whole.history.fidelity[3]


def test_other_exceptions_of_the_callback_arrive():
    with pytest.raises(ZeroDivisionError):
        sl.design(problem(), max_iterations=3, callback=raise_at(1, ZeroDivisionError))


@pytest.mark.parametrize("at", [2, 3, 6, 9])
def test_interruption_in_the_middle_of_an_evaluation(at):
    """Ctrl-C strikes while something is computed: the best pulse so far comes back."""
    result = sl.design(interrupted(at), seed=2, max_iterations=20)
    assert not result.success and result.interrupted and "Interrupted" in result.message
    assert result.nfev == at - 1
    assert result.fidelity >= result.history.fidelity.max()
    value, _ = problem().fidelity(result.pulse.waveform, "fem-quadratic-reduced")
    assert value == pytest.approx(result.fidelity, rel=1e-12)


class Worsening(Interrupted):
    """The evaluation before the interruption is a bad one, as a line search may try."""

    def value(self, goal, x):
        value, gradient = super().value(goal, x)
        self.seen.append(1 - value)
        return (value if len(self.seen) < self.at - 1 else value + 1), gradient


def test_best_pulse_is_not_the_last_one():
    task = interrupted(8, Worsening)
    result = sl.design(task, seed=2)
    assert result.nfev == 7 and result.fidelity == pytest.approx(max(task.seen[:6]), rel=1e-14)
    value, _ = problem().fidelity(result.pulse.waveform, "fem-quadratic-reduced")
    assert value == pytest.approx(result.fidelity, rel=1e-12)


def test_interruption_before_there_is_any_pulse():
    with pytest.raises(KeyboardInterrupt):
        sl.design(interrupted(1))


def test_stop_at_stops():
    result = sl.design(problem(), seed=2, max_iterations=50, stop_at=0.9)
    assert result.success and result.fidelity >= 0.9
    assert result.history.fidelity[-2] < 0.9


def test_progress_is_opt_in(capsys):
    sl.design(problem(), max_iterations=2)
    assert capsys.readouterr().out == ""
    sl.design(problem(), max_iterations=2, progress=True)
    assert "iteration 2/2: fidelity 0." in capsys.readouterr().out


@pytest.mark.parametrize("changes", [
    {"target": "Iz", "x0": np.zeros((2, 40)), "kind": "xy"},  # a maximum
    {"target": "Iz", "system": sl.SpinSystem(), "x0": None, "rf_hz": 1e-12, "kind": "phase"},
])  # fmt: skip
def test_stationary_start_is_refused(changes):
    arguments = {name: changes.pop(name) for name in ("x0", "kind")}
    with pytest.raises(ValueError, match="gradient is zero at the start"):
        sl.design(problem(**changes), **arguments)


class Broken(Interrupted):
    def value(self, goal, x):
        value, gradient = goal.value(x)
        return value, np.nan * gradient


def test_nan_is_refused():
    with pytest.raises(ValueError, match="NaN or inf at evaluation 1"):
        sl.design(Broken(**vars(problem())))


ROPE = sl.Problem(
    "I1z", "2I1zI2z", duration=15e-3, steps=95, rf_hz=500.0,
    system=sl.SpinSystem((0, 0), ((1, 2, 100.0),), channels=("I", None),
                         dipolar_width_hz=((1, 2, 100.0),)),
)  # fmt: skip
SWAP = replace(
    ROPE, target="I2z", system=replace(ROPE.system, channels=("I", "S"), dipolar_width_hz=()),
    duration=20e-3, steps=100, rf_hz=300.0, ensemble=sl.Ensemble([0.0, 0.0], [0.95, 1.05]),
)  # fmt: skip


@pytest.mark.parametrize("kind", ["phase", "xy", "xy-box", "xy-free"])
def test_a_goal_of_two_channels_knows_its_gradient(kind):
    """Two unknown phases, or four controls, and many members."""
    goal, few = replace(SWAP, steps=40).goal(kind), 12
    x = goal.start(1).ravel()
    assert goal.start(1).shape == ((2 if kind == "phase" else 4), 40)
    check = sl.check_gradient(goal.value, x, "difference", samples=few)
    assert check.relative_error < 1e-7
    values, jacobian = goal.members(x)
    assert np.allclose(jacobian.mean(axis=0), goal.value(x)[1]) and values.shape == (2,)


def test_a_transfer_by_two_channels_is_what_the_judge_says():
    """Without relaxation all of I1z gets to I2z, which each channel alone cannot do."""
    result = sl.design(SWAP, kind="xy", seed=1, max_iterations=60)
    report = result.judge(scales=2)
    assert result.fidelity > 0.99 and result.pulse.waveform.shape == (4, 100)
    assert report.mean == pytest.approx(result.fidelity, abs=1e-4)
    assert "fidelity" in repr(report) and report.paths is None
    deaf = replace(result.pulse, waveform=result.pulse.waveform * [[1], [1], [0], [0]])
    assert abs(sl.judge(deaf, SWAP).mean) < 1e-9


def test_relaxation_bounds_the_transfer_of_a_pair():
    """sqrt(1 + (k/J)^2) - k/J, from below."""
    result = sl.design(ROPE, kind="xy", max_iterations=60)
    share = result.judge().mean / (np.sqrt(2) - 1)
    assert 0.99 < share < 1 and abs(result.judge().mean - result.fidelity) < 1e-5


def test_long_steps_of_a_design_by_elements_are_told():
    """The optimiser has found the error of the element; an exact method has none to find."""
    coarse = replace(ROPE, steps=75, rf_hz=2000.0)
    how = {"kind": "xy", "radius": 0, "seed": 0, "max_iterations": 150}
    with pytest.warns(sl.propagation.CoarseStepWarning, match="exploits the error") as caught:
        result = sl.design(coarse, **how)
    assert len(caught) == 1 and result.fidelity - result.judge().mean > 0.005
    exact = sl.design(coarse, method="grape-batched", **{**how, "max_iterations": 3})
    assert exact.judge().mean == pytest.approx(exact.fidelity, abs=1e-9)


def test_the_largest_turn_is_that_of_the_spin():
    """RF and offset add up as in a right-angled triangle; of two members the faster one counts."""
    spins = sl.evaluate(rf_hz=1e4, offset_hz=[0.0, 5e3])
    u = np.array([[0.1, 0.6, 0.0], [0.0, 0.8, 0.2]])
    turn = largest_turn(spins, u, 3e-6)
    assert turn == pytest.approx(2 * np.pi * 3e-6 * np.hypot(1e4, 5e3))
    assert largest_turn(spins, u, 3e-6, 9.0) == 0
