"""Reference answers of the exercises of chapter 1 (peeking is possible, and pointless).

A table of plain data, which :mod:`spinlab.teaching.exercises` reads: what is asked for, and either
a ``reference`` (a number, an array, or a function that is compared at the arguments in ``cases``)
or a ``judge``, which returns a hint, or nothing where the answer is right.
"""

from __future__ import annotations

import numpy as np

from ...control.objectives import transfer
from ...propagation.methods import evaluate_objective, linearise, propagate
from ...pulses.filter_and_bound import tanh_bound
from ...spins.generators import Generator, evaluate, observable
from ...spins.systems import SpinSystem, liouvillian

SPIN = evaluate(offset_hz=3e3, rf_hz=10e3)
PULSE = 0.6 * np.sin(np.outer([1.0, 1.7], np.arange(1, 13)))
START, TARGET = np.array([0.0, 0, 1]), np.array([1.0, 0, 0])
AT_THE_PULSE = ((SPIN, PULSE, 4e-6), (SPIN, PULSE[:, ::-1], 2e-6))


def _tempting_gradient(spin, u, h):
    path = linearise(spin, u, h, START, "grape")
    rotation = propagate(spin, u, h, np.eye(3), "grape")  # R_n ... R_1
    costates = TARGET @ rotation[-1] @ rotation[1:].swapaxes(1, 2)
    return np.einsum("ni,kij,nj->kn", costates, h * spin.controls, path.states[1:])


def _running_gradient(spin, u, h):
    path = linearise(spin, u, h, START, "fem-linear")
    return path.pullback(np.tile(START, (u.shape[1] + 1, 1)))


def _offset_slope(spin, u, h):
    turn = 2 * np.pi * np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 0]])
    wider = Generator(spin.drift, np.concatenate([spin.controls, turn[None]]))
    v = np.vstack([u, np.zeros(u.shape[1])])
    result = evaluate_objective(wider, v, h, START, transfer(TARGET), "fem-linear")
    return result.gradients[2].sum()


def _filter_response(angle, ratio):
    mass, stiffness = (2 + np.cos(angle)) / 3, 2 * (1 - np.cos(angle))
    return np.cos(angle / 2) ** 2 / (mass + ratio**2 * stiffness)


def _filter_to_zero(steps, ratio):
    size = steps - 1
    off = np.eye(size, k=1) + np.eye(size, k=-1)
    K = (4 * np.eye(size) + off) / 6 + ratio**2 * (2 * np.eye(size) - off)
    F = (np.eye(size, steps) + np.eye(size, steps, k=1)) / 2
    return F.T @ np.linalg.solve(K, F)


def _box_phase(phi, r):
    box, _ = tanh_bound(r * np.array([np.cos(phi), np.sin(phi)]))
    return np.arctan2(box[1], box[0])


# --- answers that are judged by a property -----------------------------------------------


def _operator_is_blind_to_flip_flops(answer):
    pair = SpinSystem((-20, 30), ((1, 2, 7),))
    strong = liouvillian(pair)
    weak = liouvillian(SpinSystem((-20, 30), ((1, 2, 7),), weak=True))
    difference = np.array((strong.generator - weak.generator).tolist(), dtype=float)
    if np.abs(difference @ observable(answer, strong)).max() > 1e-9:
        return "The two Liouvillians differ on this operator; look at its commutator again."
    return ""


def _loss_has_a_right_gradient(loss):
    import autograd

    gradient = np.asarray(autograd.grad(loss)(PULSE))
    step = np.cos(np.arange(PULSE.size)).reshape(PULSE.shape)
    slope = (loss(PULSE + 1e-6 * step) - loss(PULSE - 1e-6 * step)) / 2e-6
    if not np.any(gradient):
        return "The gradient is zero everywhere; does your loss depend on the pulse?"
    if abs(np.sum(gradient * step) - slope) > 1e-5 * np.abs(gradient).sum():
        return "autograd's gradient differs from a finite difference; is the loss smooth?"
    return ""


def _gaps_tell_the_trap(gaps):
    coarse, fine = (float(gap) for gap in gaps)
    if fine > 0.02:
        return "With 21 offsets the two means should agree; is the referee judging the same pulse?"
    if coarse < 0.05:
        return "With 11 offsets the gap should be plain; is the filter on, and kind='xy'?"
    return ""


#: name: what :class:`spinlab.teaching.exercises.Exercise` is made from
ANSWERS = {
    "ex-sign": {"asks": "the final state (Mx, My, Mz)", "reference": [0.0, 1.0, 0.0]},
    "ex-weak": {"asks": "the operator, as text", "judge": _operator_is_blind_to_flip_flops},
    "ex-first-order": {
        "asks": "your function tempting(spin, u, h), from Iz to Ix",
        "reference": _tempting_gradient,
        "cases": AT_THE_PULSE,
    },
    "ex-own-loss": {
        "asks": "your loss(v), for v of shape (2, 12)", "judge": _loss_has_a_right_gradient,
    },
    "ex-last-row": {
        "asks": "the factor of h^2 A^2 in the error of one element", "reference": 1 / 6,
    },
    "ex-columns": {
        "asks": "your function final_states(spin, u, h), columns for the starts Ix, Iy, Iz",
        "reference": lambda spin, u, h: propagate(spin, u, h, np.eye(3), "fem-linear")[-1],
        "cases": AT_THE_PULSE,
    },
    "ex-running-cost": {
        "asks": "your function gradient(spin, u, h), from Iz",
        "reference": _running_gradient,
        "cases": AT_THE_PULSE,
    },
    "ex-offset-gradient": {
        "asks": "your function slope(spin, u, h), from Iz to Ix, per Hz",
        "reference": _offset_slope,
        "cases": AT_THE_PULSE,
    },
    "ex-elements-lumped": {"asks": "the matrix M", "reference": [[0.5, 0], [0, 0.5]]},
    "ex-elements-cubic": {"asks": "the order", "reference": 6.0, "tolerance": 0.05},
    "ex-elements-derivative": {"asks": "the order", "reference": 3.0, "tolerance": 0.1},
    "ex-wrong-least-squares": {
        "asks": "the length that is left",
        "reference": 1 / np.cosh(4 / np.sqrt(12)),
        "tolerance": 0.02,
    },
    "ex-wrong-quadratic": {
        "asks": "the phase of z2, divided by theta", "reference": -0.2, "tolerance": 0.02,
    },
    "ex-wrong-average": {
        "asks": "the order of the averaged states", "reference": 2.0, "tolerance": 0.1,
    },
    "ex-filter-response": {
        "asks": "your function response(angle, ratio) of the angle omega h and R/h",
        "reference": _filter_response,
        "cases": ((0.8, 3.85), (2.0, 0.5), (3.1, 1.0)),
    },
    "ex-filter-ends": {
        "asks": "your function matrix(steps, ratio) of the number of steps and R/h",
        "reference": _filter_to_zero,
        "cases": ((6, 2.0), (9, 0.7)),
    },
    "ex-box-phase": {
        "asks": "your function phase(phi, r)",
        "reference": _box_phase,
        "cases": ((0.3, 1.0), (1.2, 4.0), (0.7, 0.5)),
    },
    "ex-coarse-two-controls": {
        "asks": "design mean minus dense mean, for 11 and for 21 offsets",
        "judge": _gaps_tell_the_trap,
    },
    "ex-shorter-pulse": {"asks": "the four numbers of offsets", "reference": [3.0, 5.0, 9.0, 13.0]},
    "ex-splitting": {"asks": "the order of the splitting", "reference": 2.0, "tolerance": 0.1},
}
