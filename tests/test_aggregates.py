"""Aggregates: values by hand, slopes by differences, and the designs they lead to."""

from functools import partial

import numpy as np
import pytest

import spinlab as sl
from spinlab.control.objectives import mean, smooth_worst, tail, worst

WEIGHTS = np.array([0.1, 0.4, 0.2, 0.3])
ERRORS = np.array([0.05, 0.01, 0.2, 0.11])
FUNCTIONS = {
    **sl.AGGREGATES, "sharp": partial(smooth_worst, sharpness=20.0),
    "half": partial(tail, share=0.45),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_slopes(name):
    _, slopes = FUNCTIONS[name](ERRORS, WEIGHTS)
    for k, step in enumerate(1e-6 * np.eye(4)):
        above, below = (FUNCTIONS[name](ERRORS + s, WEIGHTS)[0] for s in (step, -step))
        assert slopes[k] == pytest.approx((above - below) / 2e-6, abs=1e-7)
    assert slopes.sum() == pytest.approx(1)


def test_values():
    assert mean(ERRORS, WEIGHTS)[0] == pytest.approx(0.082)
    assert worst(ERRORS, WEIGHTS)[0] == 0.2
    assert tail(ERRORS, WEIGHTS, 0.1)[0] == pytest.approx(0.2)
    assert tail(ERRORS, WEIGHTS, 0.3)[0] == pytest.approx((0.2 * 0.2 + 0.1 * 0.11) / 0.3)
    assert tail(ERRORS, WEIGHTS, 1.0)[0] == pytest.approx(0.082)


def test_smooth_worst_lies_between_mean_and_worst():
    values = [smooth_worst(ERRORS, WEIGHTS, s)[0] for s in (1e-6, 1, 10, 100, 1e3, 1e6)]
    assert np.all(np.diff(values) > 0)
    assert values[0] == pytest.approx(0.082) and values[-1] == pytest.approx(0.2, abs=1e-5)


@pytest.mark.parametrize("function, match", [
    (partial(tail, share=1.5), "share must be at most 1"),
    (partial(tail, share=0), "share must be positive"),
    (partial(smooth_worst, sharpness=-1), "sharpness must be positive"),
])  # fmt: skip
def test_bad_parameters(function, match):
    with pytest.raises(ValueError, match=match):
        function(ERRORS, WEIGHTS)


def task():
    ensemble = sl.Ensemble.grid(np.linspace(-6e3, 6e3, 7), [0.9, 1.1])
    return sl.Problem("Iz", "Ix", 1.2e-4, 30, 1e4, ensemble)


@pytest.mark.parametrize("method", ["rotations", "spinors"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_goal_of_an_aggregate(name, method):
    """Its gradient by the unknowns, against a difference along it."""
    shape = sl.pulses.Parametrisation("phase", 2e-6, 4e-6, "constant")
    goal = sl.control.make_goal(task(), shape, method, FUNCTIONS[name])
    x = np.random.default_rng(0).uniform(-1, 1, 30)
    value, gradient = goal.value(x)
    waveform, _ = shape.waveform(x[None])
    members = sl.judge(
        sl.Pulse(waveform, 4e-6, 1e4), task(), offsets=7, scales=2
    ).fidelity.ravel()
    assert value == pytest.approx(FUNCTIONS[name](1 - members, np.full(14, 1 / 14))[0])
    step = 1e-7 * gradient / np.linalg.norm(gradient)
    slope = (goal.value(x + step)[0] - goal.value(x - step)[0]) / 2e-7
    assert slope == pytest.approx(np.linalg.norm(gradient), rel=1e-5)


def test_designs_trade_the_mean_for_the_worst():
    """From the best mean on, the other aggregates give some of it for their own."""
    run = partial(sl.design, task(), kind="xy", method="rotations", max_iterations=60)
    start = run(seed=2)
    pulses = {name: run(x0=start.x, aggregate=name).pulse for name in ("smooth-worst", "tail")}
    ends = {
        name: 1 - sl.evaluate_objective(
            task().generator(), pulse.waveform, task().dt, task().initial_state(),
            task().objective_function(),
        ).values
        for name, pulse in {"mean": start.pulse, **pulses}.items()
    }
    weights = task().ensemble.weights
    for name in pulses:
        assert FUNCTIONS[name](ends[name], weights)[0] < FUNCTIONS[name](ends["mean"], weights)[0]
        assert ends[name].max() < ends["mean"].max()
