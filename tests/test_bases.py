"""Few numbers: every basis, its gradients, refinement, bounds of single unknowns."""

import numpy as np
import pytest

import spinlab as sl
from spinlab.pulses import BASES, coefficients

GRID = sl.Ensemble.grid(np.linspace(-4e3, 4e3, 5), [0.9, 1.1], weights="trapezoidal")
TASK = sl.Problem("Iz", "Ix", 200e-6, 40, 10e3, ensemble=GRID)


@pytest.mark.parametrize("samples, count", [(40, 4), (41, 9), (12, 12)])
@pytest.mark.parametrize("name", BASES)
def test_columns_are_independent_and_hold_a_constant(name, samples, count):
    basis = BASES[name](samples, count)
    assert basis.shape == (samples, count) and np.linalg.matrix_rank(basis) == count
    level = coefficients(basis, np.ones((3, samples)))
    assert level.shape == (3, count) and np.allclose(level @ basis.T, 1)


@pytest.mark.parametrize("name", ["cosines", "legendre"])
def test_more_columns_hold_all_that_fewer_did(name):
    assert np.allclose(BASES[name](30, 9)[:, :5], BASES[name](30, 5), atol=1e-13)


@pytest.mark.parametrize("name", BASES)
def test_a_parabola_is_a_chirp(name):
    """Polynomials up to their degree are exact; a series of cosines converges slowly, at the ends."""
    chirp = 30 * np.linspace(-1, 1, 60) ** 2
    errors = [np.abs(coefficients(b, chirp) @ b.T - chirp).max() for b in (BASES[name](60, 8), BASES[name](60, 32))]
    assert errors[1] < errors[0] / 3 if name == "cosines" else errors[0] < 1e-10


@pytest.mark.parametrize("method", ["spinors", "rotations", "fem-quadratic-reduced"])
@pytest.mark.parametrize("radius", [None, 4e-6])
@pytest.mark.parametrize("name", BASES)
def test_derivatives_by_coefficients(name, radius, method, rng):
    """All of them are those by the samples, times the basis."""
    basis = BASES[name](40, 7)
    few = TASK.goal(radius=radius, method=method, basis=basis)
    full = TASK.goal(radius=radius or 0.0, method=method)
    c = rng.normal(size=7)
    assert sl.check_gradient(few.value, c, "difference").relative_error < 1e-8
    assert np.allclose(few.value(c)[1], full.value(basis @ c)[1] @ basis, atol=1e-13)
    assert np.allclose(few.members(c)[1], full.members(basis @ c)[1] @ basis, atol=1e-13)
    assert np.allclose(few.residuals(c)[1], full.residuals(basis @ c)[1] @ basis, atol=1e-13)
    for field in ("gauss_newton", "hessian"):
        if getattr(full, field):
            expected = basis.T @ getattr(full, field)(basis @ c) @ basis
            assert np.allclose(getattr(few, field)(c), expected, atol=1e-12 * np.abs(expected).max())


@pytest.mark.parametrize("kind", ["phase", "xy", "xy-box"])
@pytest.mark.parametrize("control, samples", [("constant", 40), ("linear", 41)])
def test_the_chain_against_the_complex_step(kind, control, samples, rng):
    shape = sl.pulses.Parametrisation(kind, 3e-6, 5e-6, control, basis=BASES["splines"](samples, 6))
    weights = rng.normal(size=(2, samples))

    def function(c):
        waveform, pullback = shape.waveform(c)
        return np.sum(weights * waveform**2), None if np.iscomplexobj(c) else pullback(2 * weights * waveform)

    c = rng.normal(size=(shape.rows, 6))
    assert sl.check_gradient(function, c).relative_error < 1e-12


def test_a_design_moves_coefficients_alone():
    basis = BASES["cosines"](40, 6)
    result = sl.design(TASK, basis=basis, optimiser="gauss-newton", max_iterations=20)
    assert result.x.shape == (1, 6)
    waveform = sl.pulses.from_phase(result.x @ basis.T)[0]
    assert np.allclose(result.pulse.waveform, waveform, atol=1e-14)
    assert result.fidelity == pytest.approx(TASK.fidelity(waveform)[0], abs=1e-12)
    both = sl.design(TASK, basis=basis, kind="xy", limits={"mean_power": 0.5}, max_iterations=5)
    assert both.x.shape == (2, 6)


@pytest.mark.parametrize("name", BASES)
def test_refinement_never_loses(name):
    """The last pulse, by least squares, is the start of the next: monotone but for that fit."""
    best, x0 = -1, None
    for count in (4, 8, 16):
        basis = BASES[name](40, count)
        x0 = None if x0 is None else coefficients(basis, x0)
        result = sl.design(TASK, basis=basis, x0=x0, optimiser="gauss-newton", max_iterations=40)
        assert result.fidelity >= best - 1e-12
        best, x0 = result.fidelity, result.x @ basis.T
    assert best > 0.9


@pytest.mark.parametrize("optimiser", ["l-bfgs", "gauss-newton", "newton", "gradient"])
def test_frozen_samples_stay_to_the_last_bit(optimiser, rng):
    lower, upper = np.full(40, -np.inf), np.full((1, 40), np.inf)
    lower[:10] = upper[0, :10] = 0.1 * rng.normal(size=10)
    how = {"optimiser": optimiser, "radius": 0, "lower": lower, "upper": upper, "max_iterations": 15}
    result = sl.design(TASK, **how)
    assert np.array_equal(result.x[0, :10], lower[:10])
    frozen = sl.pulses.from_phase(lower[None, :10])[0]
    assert np.array_equal(result.pulse.waveform[:, :10], frozen)
    assert result.fidelity > result.history.fidelity[0] and np.ptp(result.x[0, 10:]) > 0.1


@pytest.mark.parametrize("optimiser", ["l-bfgs", "mma"])
def test_bounds_of_a_number(optimiser):
    result = sl.design(TASK, optimiser=optimiser, lower=-0.5, upper=0.7, radius=0, max_iterations=10)
    assert result.x.min() >= -0.5 and result.x.max() <= 0.7
    assert result.x.max() == 0.7 or optimiser == "mma"
