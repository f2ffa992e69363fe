"""Reference answers of the exercises of chapter 2 (as in
:mod:`spinlab.teaching.answers.chapter1`)."""

from functools import partial
from math import factorial

import numpy as np
from scipy.optimize import brentq

from ...propagation.spinors import turn
from .judged import judge_phases
from .plain import numbers

# --- universal rotations and the race ----------------------------------------------------


def _common_phase_slope(F, U):
    z = np.diag([1, -1])
    return np.trace(U.conj().T @ (z @ F - F @ z)).imag / 4


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


def _mma_step(x, L, U, extra=0.0, constrained=True):
    """Minimise x1 + x2 subject to 2 - x1 x2 <= 0: the next iterate of moving asymptotes."""
    low, high = np.maximum(0.1, L + 0.1 * (x - L)), np.minimum(10, U - 0.1 * (U - x))
    slope = np.array([np.ones(2), -x[::-1]])  # of the objective and of the constraint
    up, down = np.maximum(slope, 0), np.maximum(-slope, 0)
    p = (U - x) ** 2 * (up + extra * (up + down))
    q = (x - L) ** 2 * (down + extra * (up + down))

    def at(price):
        left, right = np.sqrt(p[0] + price * p[1]), np.sqrt(q[0] + price * q[1])
        return np.clip((left * L + right * U) / (left + right), low, high)

    def excess(price):
        new = at(price)
        far, near = 1 / (U - new) - 1 / (U - x), 1 / (new - L) - 1 / (x - L)
        return 2 - x[0] * x[1] + p[1] @ far + q[1] @ near

    if not constrained or excess(0.0) <= 0:
        return at(0.0)
    return at(brentq(excess, 0.0, 1e6, xtol=1e-14))


def _double_root(s0, m, n):
    return s0 * (1 - 1 / m) ** n


def _transfer_slope(R, M0, C):
    return np.cross(M0, R.T @ C)


# --- the paper, which method when, and other programs ------------------------------------


def _terms(theta, N, eps, power=1):
    """Least number of terms; the first term that is left out has a power more."""
    n = 1
    while N * theta ** (n + power) / factorial(n + power) > eps:
        n += 1
    return n


def _break_even(first, fast, slow):
    return int(1e3 * first // (slow - fast)) + 1


def _largest(a, b, c, m):
    d = 0
    while a * (d + 1) ** 3 < b / m + c * (d + 1) ** 2:
        d += 1
    return d


ROTATION = np.array([[0.36, 0.48, -0.8], [-0.8, 0.6, 0.0], [0.48, 0.64, 0.6]])
F = (turn(1.3, [1, 2, -0.4]), turn(2.8, [0.3, -1, 1]), turn(-0.7, [2, 0.5, 1]))
TARGETS = (turn(np.pi / 2, "x"), turn(np.pi, "y"), turn(0.4, [1, 1, 0]))

#: name: what :class:`spinlab.teaching.exercises.Exercise` is made from
ANSWERS = {
    "ex-mma-curvature": {
        "asks": "your function curvature(s, D)",
        "reference": lambda s, D: 2 * s / D,
        "cases": ((1.0, 0.5), (3.0, 2.0), (0.2, 5.0)),
        "wrong": {
            "p holds D squared; it does not cancel so.": lambda s, D: 2 * s / D**2,
            "Both terms are not there: the slope has one sign.": lambda s, D: 4 * s / D,
        },
    },
    "ex-mma-truss": {"asks": "the array (x1, x2)", "reference": _truss_optimum()},
    "ex-mma-price": {
        "asks": "your function multiplier(b)",
        "reference": lambda b: b**-0.5,
        "cases": ((1.0,), (4.0,), (0.3,)),
        "wrong": {
            "This is the minimum; the multiplier is its derivative.": lambda b: 2 * b**0.5,
            "This is x1.": lambda b: b**0.5,
        },
    },
    "ex-own-step": {
        "asks": "your function step(x, L, U), the next (x1, x2)",
        "reference": _mma_step,
        "cases": tuple(
            (np.array(x), np.array(L), np.array(U))
            for x, L, U in (
                ([2.0, 2.0], [1.0, 1.0], [3.0, 3.0]), ([3.0, 1.2], [1.5, 0.6], [4.0, 2.5]),
                ([1.0, 1.5], [-1.0, -2.0], [4.0, 4.0]), ([8.0, 6.0], [7.5, 5.0], [9.0, 7.5]),
            )
        ),
        "digits": 4,
        "also": (lambda x, L, U: _mma_step(x, L, U, 1e-3),),
        "wrong": {
            "Here the constraint costs nothing.":
                lambda x, L, U: _mma_step(x, L, U, constrained=False),
        },
    },
    "ex-double-root": {
        "asks": "your function position(s0, m, n)",
        "reference": _double_root,
        "cases": ((1.0, 2, 3), (0.4, 3, 5), (-2.0, 4, 1)),
        "wrong": {
            "Right for double roots only.": lambda s0, m, n: s0 / 2**n,
            "One step too many.": lambda s0, m, n: _double_root(s0, m, n + 1),
        },
    },
    "ex-elastic": {
        "asks": "your function cost(f, c, d)",
        "reference": _cost_of_a_row,
        "cases": ((0.5, 2.0, 3.0), (-1.0, 2.0, 3.0), (2.0, 0.0, 6.0)),
        "wrong": {
            "May y be negative?": lambda f, c, d: c * f + d * f**2 / 2,
            "What became of the half?": lambda f, c, d: c * max(f, 0) + d * max(f, 0) ** 2,
        },
    },
    "ex-one-sided": {
        "asks": "your function farthest(s0, b), for b > s0",
        "reference": lambda s0, b: s0 - b,
        "cases": ((0.3, 1.0), (0.5, 0.8), (0.1, 3.0)),
        "wrong": {
            "The step is not the place.": lambda s0, b: -b,
            "There the cost begins; which s is farthest?": lambda s0, b: s0 / 2,
        },
    },
    "ex-mean-oscillates": {
        "asks": "the array of shape (3, 3): the first three values that each run has seen",
        "reference": [
            [1.112224, 0.8648624, 1.093641], [1.194706, 1.020763, 1.109594],
            [1.440828, 1.118965, 1.102656],
        ],
    },
    "ex-error-angle": {
        "asks": "the angle in degrees, and f",
        "reference": [np.rad2deg(2 * np.arccos(0.999)), (4 * 0.999**2 - 1) / 3],
        "wrong": {
            "This is half of the angle.": [np.rad2deg(np.arccos(0.999)), (4 * 0.999**2 - 1) / 3],
        },
    },
    "ex-common-phase": {
        "asks": "your function slope(F, U) of two 2 x 2 propagators",
        "reference": _common_phase_slope,
        "cases": tuple(zip(F, TARGETS, strict=True)),
        "digits": 4,
    },
    "ex-transfer-slope": {
        "asks": "your function slope(R, M0, C), the vector e",
        "reference": _transfer_slope,
        "cases": (
            (ROTATION, np.array([0.0, 0, 1]), np.array([1.0, 0, 0])),
            (ROTATION.T, np.array([0.6, 0, 0.8]), np.array([0.0, 1, 0])),
        ),
        "wrong": {
            "R goes forward; the target has to go back.": lambda R, M0, C: np.cross(M0, R @ C),
        },
    },
    "ex-gauss-newton-rank": {
        "asks": "the number of members, and the largest rank",
        "reference": [167, 3 * len(range(0, 255, 4))],
        "wrong": {
            "Of 255 members, the first included: how many is every fourth?": [167, 189],
            "A part of a member does not help.": [166, 192],
        },
    },
    "ex-how-many-starts": {
        "asks": "the two whole numbers of starts", "reference": [13, 3],
        "wrong": {"Round up, not down.": [12, 2]},
    },
    "ex-third-order": {
        "asks": "the three apparent orders", "reference": [2.86683, 1.775641, 1.986342],
        "wrong": {"To which base is the logarithm?": [1.987135, 1.230781, 1.376828]},
    },
    "ex-rough-errors": {
        "asks": "the three errors: trajectory, gradient by samples, gradient by unknowns",
        "reference": [0.01359944, 0.04203008, 0.02791749],
        "wrong": {"The filter is still on.": [9.654379e-4, 0.03731534, 1.574477e-3]},
    },
    "ex-what-is-left": {
        "asks": "your function left(r, q)",
        "reference": lambda r, q: q + r * (1 - q),
        "cases": ((20.0, 0.5), (5.0, 0.9), (100.0, 0.2)),
        "wrong": {
            "The subproblem takes its time with GRAPE, too.": lambda r, q: r * (1 - q),
            "This is the gradient alone.": lambda r, q: r,
            "Which share is the subproblem's?": lambda r, q: 1 - q + r * q,
        },
    },
    "ex-series-terms": {
        "asks": "your function terms(theta, N, eps)",
        "reference": _terms,
        "cases": ((0.09, 128, 1e-2), (0.09, 128, 1e-6), (0.5, 1000, 1e-4), (0.02, 400, 1e-8)),
        "wrong": {
            "The term that is left out first has one power more.":
                lambda theta, N, eps: _terms(theta, N, eps, 0),
            "Every step adds its error.": lambda theta, N, eps: _terms(theta, 1, eps),
        },
    },
    "ex-where-they-cross": {
        "asks": "your function largest(a, b, c, m)",
        "reference": _largest,
        "cases": (
            (4e-9, 2e-5, 4e-9, 1), (4e-9, 2e-5, 4e-9, 30), (1e-8, 1e-5, 3e-8, 4),
            (2e-9, 3e-5, 1e-8, 1),
        ),
        "wrong": {
            "The members share what Python takes.": lambda a, b, c, m: _largest(a, b, c, 1),
            "There the series is ahead already.": lambda a, b, c, m: _largest(a, b, c, m) + 1,
        },
    },
    "ex-break-even": {
        "asks": "your function gradients(first, fast, slow)",
        "reference": _break_even,
        "cases": ((1.37, 0.35, 1.04), (9.3, 0.4, 2.4), (0.5, 3.0, 3.5), (30.0, 2.0, 2.01)),
        "wrong": {
            "Seconds and milliseconds do not add.":
                lambda first, fast, slow: int(first // (slow - fast)) + 1,
            "What is saved by every gradient is the difference.":
                lambda first, fast, slow: int(1e3 * first // slow) + 1,
            "There the other program is still ahead, or even.":
                lambda first, fast, slow: _break_even(first, fast, slow) - 1,
        },
    },
    "ex-whose-fidelity": {
        "asks": "the list [Mx, infidelity]",
        "reference": [2 * 0.995**2 - 1, 1 - np.sqrt((1 + 0.995) / 2)],
        "wrong": {
            "The overlap is an amplitude; its square is a probability.": [0.99, 0.0025],
        },
    },
    "ex-floor": {
        "asks": "the phases in rad, an array of 500",
        "take": numbers,
        "judge": partial(
            judge_phases, target=turn(np.pi / 2, "x"), steps=500, band_hz=10e3, spread=0.1,
            mean=0.9985, worst=0.997,
        ),
    },
    "ex-own-target": {
        "asks": "the phases in rad, an array of 300",
        "take": numbers,
        "judge": partial(
            judge_phases, target=turn(np.pi, "y"), steps=300, band_hz=5e3, spread=0.05,
            mean=0.999, worst=0.99,
        ),
    },
}
