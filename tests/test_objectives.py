"""Objectives: what they are worth at their target, and their costates."""

import numpy as np
import pytest

import spinlab as sl

RNG = np.random.default_rng(2)
TURN = np.linalg.qr(RNG.normal(size=(3, 3)))[0]
TURN = TURN * np.linalg.det(TURN)
X, Y, Z = np.eye(3)

VALUES = [
    (sl.transfer(3 * X), X, 1),
    (sl.transfer(X), -0.5 * X + 0.7 * Y, -0.5),
    (sl.transfer(X + 1j * Y), (X + 1j * Y) / np.sqrt(2), 1),
    (sl.transfer(X + 1j * Y), (X - 1j * Y) / np.sqrt(2), 0),
    (sl.control.subspace(X[:, None]), -0.5 * X + 0.7 * Y, 0.25),
    (sl.control.subspace(np.array([X, Y]).T), 0.6 * X - 0.3 * Y + 0.7 * Z, 0.45),
    (sl.control.rotation(TURN), TURN, 1),
    (sl.control.rotation(np.diag([1.0, -1.0, -1.0])), np.eye(3), -1 / 3),
]


@pytest.mark.parametrize("objective, final, value", VALUES)
def test_values(objective, final, value):
    assert objective(final)[0] == pytest.approx(value, abs=1e-15)


@pytest.mark.parametrize("objective, final", [pair[:2] for pair in VALUES])
def test_costates(objective, final, rng):
    """df = Re <costate | d rho>, by a central difference in a random direction."""
    final = final + rng.normal(size=final.shape)
    change = rng.normal(size=final.shape)
    change = change + 1j * rng.normal(size=final.shape) if np.iscomplexobj(final) else change
    slope = (objective(final + 1e-6 * change)[0] - objective(final - 1e-6 * change)[0]) / 2e-6
    assert np.sum(np.conj(objective(final)[1]) * change).real == pytest.approx(slope, abs=1e-8)


@pytest.mark.parametrize("objective, final", [pair[:2] for pair in VALUES])
def test_members_come_first(objective, final):
    many = np.stack([final, 2 * final, -final])
    values, costates = objective(many)
    assert values.shape == (3,) and costates.shape == many.shape
    for k in range(3):
        value, costate = objective(many[k])
        assert values[k] == pytest.approx(value) and np.allclose(costates[k], costate)


def test_magnitude_is_the_root_of_the_weight_in_the_subspace(rng):
    targets, final = np.eye(3)[:, :2], rng.normal(size=(4, 3))
    length, _ = sl.control.magnitude(targets)(final)
    assert np.allclose(length, np.hypot(final[:, 0], final[:, 1]))
    value, costate = sl.control.magnitude(targets)(np.array([0.0, 0, 1]))
    assert value == 0 and np.array_equal(costate, np.zeros(3))


def phased(**changes):
    ensemble = sl.Ensemble([-1e3, 200.0, 1.4e3], [0.9, 1.0, 1.1], [1, 2, 1])
    known = {"start": "Iz", "target": "Ix", "duration": 1e-4, "steps": 8, "rf_hz": 5e3}
    return sl.Problem(**{**known, "ensemble": ensemble, "objective": "linear-phase", **changes})


@pytest.mark.parametrize("delay", [-7e-5, 0.0, 1.2e-4])
def test_linear_phase_is_free_precession_behind_the_pulse(delay, rng):
    waveform = rng.uniform(-1, 1, (2, 8))
    value, gradient = phased(delay=delay).fidelity(waveform)
    task = phased(objective="transfer")
    ends = sl.propagate(task.generator(), waveform, task.dt, task.initial_state())[:, -1]
    phase = 2 * np.pi * delay * task.ensemble.offset_hz
    assert value == pytest.approx(
        task.ensemble.weights @ (np.cos(phase) * ends[:, 0] - np.sin(phase) * ends[:, 1])
    )
    check = sl.check_gradient(phased(delay=delay).fidelity, waveform, samples=6)
    assert check.relative_error < 1e-12 and gradient.shape == (2, 8)


def test_linear_phase_in_chunks_and_for_the_referee(monkeypatch, rng):
    waveform, task = rng.uniform(-0.7, 0.7, (2, 8)), phased(delay=5e-5)
    value, gradient = task.fidelity(waveform)
    report = sl.judge(sl.Pulse(waveform, task.dt, 5e3), task, offsets=3, scales=3)
    assert report.fidelity[0, 0] == pytest.approx(
        phased(delay=5e-5, ensemble=sl.Ensemble(-1e3, 0.9)).fidelity(waveform)[0]
    )
    monkeypatch.setattr(sl.propagation.methods, "CHUNK", 1)
    parts = task.fidelity(waveform)
    assert parts[0] == pytest.approx(value, rel=1e-13) and np.allclose(parts[1], gradient)


def test_any_phase_is_as_good_for_the_magnitude(rng):
    waveform = rng.uniform(-1, 1, (2, 8))
    task = phased(objective="magnitude", target=np.eye(3)[:, :2])
    turned = np.array([[0.6, -0.8], [0.8, 0.6]]) @ waveform  # another phase of the transmitter
    assert task.fidelity(waveform)[0] == pytest.approx(task.fidelity(turned)[0], rel=1e-12)
    assert sl.check_gradient(task.fidelity, waveform, samples=6).relative_error < 1e-12


@pytest.mark.parametrize("changes, match", [
    ({"objective": "transfer", "delay": 1e-5}, "0 unless objective='linear-phase'"),
    ({"delay": [1.0, 2.0]}, "delay must be one number"),
    ({"delay": np.nan}, "delay must be one number"),
    ({"start": np.eye(3)}, "judges one state"),
    ({"target": np.zeros(3)}, "The target is zero"),
    ({"ensemble": sl.Ensemble([0.0], 1.0, t1=[1.0])}, "missing or unknown: T1"),
])  # fmt: skip
def test_linear_phases_that_cannot_be(changes, match):
    with pytest.raises(ValueError, match=match):
        phased(**changes)
