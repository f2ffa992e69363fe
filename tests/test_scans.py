"""The scan of many members, against the band of few; both controls, real and complex."""

import dataclasses

import numpy as np
import pytest
from tables import case, relative

import spinlab as sl
from spinlab.propagation import methods, quaternions, rotations

BOTH = pytest.mark.parametrize("control", ["constant", "linear"])


def scan(generator, waveform, dt, rho0, control="constant"):
    return rotations.prepare_final(generator, dt, rho0, control)(waveform)


def at_the_end(costates, states):
    """Costates of all states, of which only the last are judged."""
    every = np.zeros_like(states)
    every[:, -1] = costates
    return every


@BOTH
@pytest.mark.parametrize("steps", [1, 2, 17, 100])
@pytest.mark.parametrize("columns", [1, 3])
def test_scan_equals_band(control, steps, columns, rng):
    pulse = case(control=control, steps=steps, columns=columns, members=5)
    band = sl.linearise(*pulse.arguments, control=control)
    final, pullback = scan(*pulse.arguments, control)
    assert relative(final, band.states[:, -1]) < 1e-13
    costates, weights = rng.normal(size=final.shape), rng.uniform(size=5)
    gradients = band.pullback(at_the_end(costates, band.states))
    assert relative(pullback(costates), gradients) < 1e-12
    assert relative(pullback(costates, weights), np.tensordot(weights, gradients, 1)) < 1e-12


@BOTH
def test_complex_step_passes_the_scan(control):
    pulse = case(control=control, steps=30, members=3)
    columns = pulse.rho0[:, None]
    final, pullback = scan(pulse.generator, pulse.waveform, pulse.dt, columns, control)
    target = np.array([0.2, -0.5, 0.7])
    gradient = pullback(np.broadcast_to(target[:, None], final.shape), np.ones(3))
    for index in ((0, 0), (1, 17), (1, -1)):
        waveform = pulse.waveform.astype(complex)
        waveform[index] += 1e-30j
        final, _ = scan(pulse.generator, waveform, pulse.dt, columns, control)
        slope = (final[..., 0] @ target).sum().imag / 1e-30
        assert gradient[index] == pytest.approx(slope, rel=1e-11)


@pytest.mark.parametrize("turn, tilt, size, shared", [
    (1.4, 0, 1.4, True), (0.05, 0, 1.0, True),
    (1.5, 0, 1.0, False), (0.05, 1e-3, 1.0, False), (0.3, 0, 1.5, False),
])  # fmt: skip
def test_polynomials_of_the_angle(turn, tilt, size, shared, rng, monkeypatch):
    """They are taken where they are exact to rounding, and nowhere else."""
    asked = []
    monkeypatch.setattr(rotations, "step_quaternions",
                        lambda w: asked.append(w) or quaternions.step_quaternions(w))  # fmt: skip
    spin = sl.evaluate(offset_hz=np.linspace(-3e5, 3e5, 7), rf_hz=turn / (2 * np.pi * 1e-6))
    controls = spin.controls + tilt * spin.drift[:, None]
    phase = rng.uniform(-np.pi, np.pi, 40)
    tilted = dataclasses.replace(spin, controls=controls)
    waveform = size * np.array([np.cos(phase), np.sin(phase)])
    pulse = tilted, waveform, 1e-6, np.eye(3)
    final, pullback = scan(*pulse)
    band = sl.linearise(*pulse)
    assert relative(final, band.states[:, -1]) < 1e-13 and bool(asked) != shared
    costates = rng.normal(size=final.shape)
    assert relative(pullback(costates), band.pullback(at_the_end(costates, band.states))) < 2e-13


def test_a_spin_that_nothing_turns_keeps_its_gradient():
    spin = sl.evaluate(offset_hz=np.zeros(2), rf_hz=1e4)
    final, pullback = scan(spin, np.zeros((2, 9)), 1e-6, np.eye(3)[:, 2:])
    assert np.array_equal(final[..., 0], [[0, 0, 1]] * 2)
    gradient = pullback(np.eye(3)[[0, 0]][..., None])
    assert np.allclose(gradient[:, 1], 2 * np.pi * 1e-2) and np.allclose(gradient[:, 0], 0)


@BOTH
@pytest.mark.parametrize("method", ["rotations", "fem-quadratic", "grape-batched"])
def test_chunks_and_weights_change_nothing(control, method, monkeypatch, rng):
    pulse = case(control=control, steps=20, members=12)
    objective, weights = sl.transfer(np.eye(3)[0]), rng.uniform(size=12)
    arguments = *pulse.arguments, objective, method, control
    whole = sl.evaluate_objective(*arguments)
    monkeypatch.setattr(methods, "CHUNK", 600)
    monkeypatch.setattr(methods, "SCAN_CHUNK", 100)
    for scan_from in (0, 10**9):
        monkeypatch.setattr(methods, "SCAN_FROM", scan_from)
        result = sl.evaluate_objective(*arguments, weights)
        assert relative(result.values, whole.values) < 1e-13
        assert relative(result.gradients, np.tensordot(weights, whole.gradients, 1)) < 1e-12
        assert relative(sl.evaluate_objective(*arguments).gradients, whole.gradients) < 1e-12


def test_memory_does_not_grow_with_the_members():
    """The scan's arrays are those of one chunk: a few tens of MB, however many members."""
    import tracemalloc

    ensemble = sl.Ensemble(np.linspace(-1e4, 1e4, 4000), 1.0)
    task = sl.Problem("Iz", "Ix", 5e-4, 500, 1e4, ensemble)
    waveform = np.random.default_rng(0).uniform(-0.7, 0.7, (2, 500))
    tracemalloc.start()
    try:
        task.fidelity(waveform)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 60e6  # of one component of all states: 4000 x 500 x 8 = 16 MB, of 30 or more


@pytest.mark.parametrize("weights", [np.ones(3), np.ones((5, 1)), 1.0])
def test_weights_that_do_not_fit(weights):
    pulse = case(members=5)
    with pytest.raises(ValueError, match="weights must have shape"):
        sl.evaluate_objective(*pulse.arguments, sl.transfer(np.eye(3)[0]), weights=weights)
