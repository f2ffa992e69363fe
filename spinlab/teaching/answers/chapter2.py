"""Reference answers of the exercises of chapter 2 (as in
:mod:`spinlab.teaching.answers.chapter1`)."""

from __future__ import annotations

import numpy as np

from ...control.ensemble import Ensemble
from ...propagation.spinors import propagate_phase, spinor_target, turn, universal_fidelity

# --- universal rotations and the race ----------------------------------------------------


def _common_phase_slope(F, U):
    z = np.diag([1, -1])
    return np.trace(U.conj().T @ (z @ F - F @ z)).imag / 4


def _transfer_slope(R, M0, C):
    return np.cross(M0, R.T @ C)


def _pulse_has_a_floor(phases):
    phases = np.asarray(phases, dtype=float)
    if phases.shape != (500,) or not np.all(np.isfinite(phases)):
        return f"Wanted are 500 finite phases in rad, but shape {phases.shape} arrived."
    grid = Ensemble.grid(np.linspace(-10e3, 10e3, 101), np.linspace(0.9, 1.1, 11))
    final = propagate_phase(phases, grid.offset_hz, grid.b1_scale, 10e3, 1e-6).final
    values = universal_fidelity(final, spinor_target(turn(np.pi / 2, "x"))).values
    if values.mean() < 0.9985:
        return f"The mean over the grid is {values.mean():.5f}; race more starts, or go on longer."
    if values.min() < 0.997:
        return f"The worst member has {values.min():.5f}; the mean is fine, now polish."
    return ""


# --- moving asymptotes and least squares -------------------------------------------------


def _cost_of_a_row(f, c, d):
    y = np.maximum(0, f)
    return c * y + d * y**2 / 2


def _truss_optimum():
    """One constraint is active, so x_1 follows from x_2; what is left has one variable."""
    angle = np.linspace(0.3, 0.5, 200_001)
    stretch = 0.124 * np.hypot(1, angle) * (8 + 1 / angle)
    best = np.argmin(stretch * np.hypot(1, angle))
    return [stretch[best], angle[best]]


def _parts_are_between(parts):
    parts = np.asarray(parts, dtype=float)
    if parts.shape != (3,):
        return f"Wanted are three parts, one a seed, but shape {parts.shape} arrived."
    if not np.all((parts > 0.1) & (parts < 0.9)):
        return "A tenth to nine tenths of the steps should go up; is `seen` emptied each time?"
    return ""


ROTATION = np.array([[0.36, 0.48, -0.8], [-0.8, 0.6, 0.0], [0.48, 0.64, 0.6]])

#: name: what :class:`spinlab.teaching.exercises.Exercise` is made from
ANSWERS = {
    "ex-mma-curvature": {
        "asks": "your function curvature(s, D)",
        "reference": lambda s, D: 2 * s / D,
        "cases": ((1.0, 0.5), (3.0, 2.0)),
    },
    "ex-mma-truss": {
        "asks": "the array (x1, x2)", "reference": _truss_optimum(), "tolerance": 1e-3,
    },
    "ex-mma-price": {
        "asks": "your function multiplier(b)",
        "reference": lambda b: b**-0.5,
        "cases": ((1.0,), (4.0,), (0.3,)),
    },
    "ex-double-root": {
        "asks": "your function position(s0, m, n)",
        "reference": lambda s0, m, n: s0 * (1 - 1 / m) ** n,
        "cases": ((1.0, 2, 3), (0.4, 3, 5)),
    },
    "ex-elastic": {
        "asks": "your function cost(f, c, d)",
        "reference": _cost_of_a_row,
        "cases": ((0.5, 2.0, 3.0), (-1.0, 2.0, 3.0), (2.0, 0.0, 6.0)),
    },
    "ex-one-sided": {
        "asks": "your function farthest(s0, b)",
        "reference": lambda s0, b: s0 - b,
        "cases": ((0.3, 1.0), (0.5, 0.8)),
    },
    "ex-mean-oscillates": {"asks": "the list of the three parts", "judge": _parts_are_between},
    "ex-error-angle": {
        "asks": "the angle in degrees, and f",
        "reference": [np.rad2deg(2 * np.arccos(0.999)), (4 * 0.999**2 - 1) / 3],
    },
    "ex-common-phase": {
        "asks": "your function slope(F, U) of two 2 x 2 propagators",
        "reference": _common_phase_slope,
        "cases": (
            (turn(1.3, [1, 2, -0.4]), turn(np.pi / 2, "x")),
            (turn(2.8, [0.3, -1, 1]), turn(np.pi, "y")),
        ),
    },
    "ex-transfer-slope": {
        "asks": "your function slope(R, M0, C), the vector e",
        "reference": _transfer_slope,
        "cases": (
            (ROTATION, np.array([0.0, 0, 1]), np.array([1.0, 0, 0])),
            (ROTATION.T, np.array([0.6, 0, 0.8]), np.array([0.0, 1, 0])),
        ),
    },
    "ex-gauss-newton-rank": {
        "asks": "the number of members, and the largest rank",
        "reference": [np.ceil(500 / 3), 3 * len(range(0, 255, 4))],
    },
    "ex-how-many-starts": {
        "asks": "the numbers of starts for p = 0.3 and p = 0.8",
        "reference": np.ceil(np.log(0.01) / np.log([0.7, 0.2])),
    },
    "ex-floor": {"asks": "the phases in rad, an array of 500", "judge": _pulse_has_a_floor},
}
