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
    (sl.transfer_squared(2 * X), -0.5 * X + 0.7 * Y, 0.25),
    (sl.subspace(np.array([X, Y]).T), 0.6 * X - 0.3 * Y + 0.7 * Z, 0.45),
    (sl.rotation(TURN), TURN, 1),
    (sl.rotation(np.diag([1.0, -1.0, -1.0])), np.eye(3), -1 / 3),
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
