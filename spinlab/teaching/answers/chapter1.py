"""Reference answers of the exercises of chapter 1 (peeking is possible, and pointless).

A table of rows of :class:`spinlab.teaching.exercises.Exercise`: what is asked for, and either a
``reference`` (a number, an array, or a function that is compared at the arguments in ``cases``) or
a ``judge`` of plain data, which returns a hint, or nothing where the answer is right.  ``wrong``
holds usual mistakes and their hints, ``also`` what is right by another method.
"""

from functools import partial

import numpy as np

from ...control.objectives import transfer
from ...propagation.methods import evaluate_objective, linearise, propagate
from ...propagation.rotations import rotation_matrices
from ...pulses.filter_and_bound import tanh_bound
from ...spins.generators import Generator, evaluate
from ...spins.systems import SpinSystem, liouvillian
from .judged import (
    element_has_order_six,
    gaps_tell_the_trap,
    judge_pulse,
    loss_is_small_where_it_should,
    operator_is_blind_to_flip_flops,
    tabulate_loss,
)
from .plain import numbers, pack, text

SPIN = evaluate(offset_hz=3e3, rf_hz=10e3)
PULSE = 0.6 * np.sin(np.outer([1.0, 1.7], np.arange(1, 13)))
START, TARGET = np.array([0.0, 0, 1]), np.array([1.0, 0, 0])
AT_THE_PULSE = ((SPIN, PULSE, 4e-6), (SPIN, PULSE[:, ::-1], 2e-6))


def _tempting_gradient(spin, u, h, swapped=False):
    path = linearise(spin, u, h, START, "grape")
    rotation = propagate(spin, u, h, np.eye(3), "grape")  # R_n ... R_1
    costates = TARGET @ rotation[-1] @ rotation[1:].swapaxes(1, 2)
    if swapped:  # P A instead of A P
        costates = TARGET @ rotation[-1] @ rotation[:-1].swapaxes(1, 2)
        return np.einsum("ni,kij,nj->kn", costates, h * spin.controls, path.states[:-1])
    return np.einsum("ni,kij,nj->kn", costates, h * spin.controls, path.states[1:])


def _transfer_gradient(spin, u, h):
    return evaluate_objective(spin, u, h, START, transfer(TARGET)).gradients


def _final_states(method):
    return lambda spin, u, h: propagate(spin, u, h, np.eye(3), method)[-1]


def _running_gradient(method, last_only=False):
    def gradient(spin, u, h):
        path = linearise(spin, u, h, START, method)
        costates = np.tile(START, (u.shape[1] + 1, 1))
        costates[: -1 if last_only else 0] = 0
        return path.pullback(costates)

    return gradient


def _offset_slope(method, per_hz=2 * np.pi):
    def slope(spin, u, h):
        turn = per_hz * np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 0]])
        wider = Generator(spin.drift, np.concatenate([spin.controls, turn[None]]))
        v = np.vstack([u, np.zeros(u.shape[1])])
        return evaluate_objective(wider, v, h, START, transfer(TARGET), method).gradients[2].sum()

    return slope


def _relax(M, h):
    long, short = np.exp(-h / 5e-3), np.exp(-h / 1e-3)
    return M * [short, short, long] + [0, 0, 1 - long]


def _split(offset_hz, u, h, inner=False):
    """Half a relaxation, a rotation, half a relaxation; ``inner``: the other way round."""
    M, w = START, 2 * np.pi * h * np.vstack([1e4 * u, np.full(u.shape[1], offset_hz)]).T
    for whole, half in zip(rotation_matrices(w), rotation_matrices(w / 2), strict=True):
        M = half @ _relax(half @ M, h) if inner else _relax(whole @ _relax(M, h / 2), h / 2)
    return M


def _split_exactly(offset_hz, u, h):
    system = liouvillian(SpinSystem(t1=5e-3, t2=1e-3))
    spin = evaluate(system, offset_hz=offset_hz, rf_hz=1e4)
    return propagate(spin, u, h, np.array([1.0, 0, 0, 1]), "grape-batched")[-1, 1:]


def _filter_response(angle, ratio):
    mass, stiffness = (2 + np.cos(angle)) / 3, 2 * (1 - np.cos(angle))
    return np.cos(angle / 2) ** 2 / (mass + ratio**2 * stiffness)


def _left_response(angle, ratio):
    return _filter_response(angle, ratio) / np.cos(angle / 2)


def _filter_natural(steps, ratio):
    F = (np.eye(steps + 1, steps) + np.eye(steps + 1, steps, k=-1)) / 2
    K = np.zeros((steps + 1,) * 2)
    for n in range(steps):
        K[n : n + 2, n : n + 2] += np.array([[2, 1], [1, 2]]) / 6
        K[n : n + 2, n : n + 2] += ratio**2 * np.array([[1, -1], [-1, 1]])
    return F.T @ np.linalg.solve(K, F)


def _filter_to_zero(steps, ratio):
    size = steps - 1
    off = np.eye(size, k=1) + np.eye(size, k=-1)
    K = (4 * np.eye(size) + off) / 6 + ratio**2 * (2 * np.eye(size) - off)
    F = (np.eye(size, steps) + np.eye(size, steps, k=1)) / 2
    return F.T @ np.linalg.solve(K, F)


def _box_phase(phi, r):
    box, _ = tanh_bound(r * np.array([np.cos(phi), np.sin(phi)]))
    return np.arctan2(box[1], box[0])


#: name: what :class:`spinlab.teaching.exercises.Exercise` is made from
ANSWERS = {
    "ex-sign": {
        "asks": "the final state (Mx, My, Mz)",
        "reference": [np.cos(0.4 * np.pi), np.sin(0.4 * np.pi), 0.0],
        "wrong": {
            "The sense of the turn is the other one; all else is right.": [
                np.cos(0.4 * np.pi), -np.sin(0.4 * np.pi), 0.0
            ],
        },
    },
    "ex-weak": {
        "asks": "the operator, as text", "take": text, "judge": operator_is_blind_to_flip_flops,
    },
    "ex-first-order": {
        "asks": "your function tempting(spin, u, h), from Iz to Ix",
        "reference": _tempting_gradient,
        "cases": AT_THE_PULSE,
        "digits": 6,
        "wrong": {
            "This is the exact gradient; wanted is the tempting one.": _transfer_gradient,
            "Is it h A P, or h P A?": partial(_tempting_gradient, swapped=True),
        },
    },
    "ex-own-loss": {
        "asks": "your loss(path), for a path of shape (N + 1, 3)",
        "take": tabulate_loss,
        "judge": loss_is_small_where_it_should,
    },
    "ex-last-row": {
        "asks": "the factor of h^2 A^2 in rho_1 minus the exact state", "reference": 1 / 6,
        "wrong": {"This is the factor in rho_1; subtract that of the exponential.": 2 / 3},
    },
    "ex-columns": {
        "asks": "your function final_states(spin, u, h), columns for the starts Ix, Iy, Iz",
        "reference": _final_states("fem-linear"),
        "cases": AT_THE_PULSE,
        "digits": 6,
        "wrong": {"These are exact; wanted are those of fem-linear.": _final_states("rotations")},
    },
    "ex-running-cost": {
        "asks": "your function gradient(spin, u, h), from Iz, by fem-linear",
        "reference": _running_gradient("fem-linear"),
        "cases": AT_THE_PULSE,
        "digits": 4,
        "wrong": {
            "This is the gradient of the exact cost; wanted is that of fem-linear.":
                _running_gradient("rotations"),
            "This counts the last node only.": _running_gradient("fem-linear", last_only=True),
        },
    },
    "ex-offset-gradient": {
        "asks": "your function slope(spin, u, h), from Iz to Ix, per Hz",
        "reference": _offset_slope("rotations"),
        "cases": AT_THE_PULSE,
        "also": tuple(
            map(_offset_slope, ("fem-linear", "fem-linear-reduced", "fem-quadratic",
                                "fem-quadratic-reduced"))
        ),
        "wrong": {
            "This is per rad/s; wanted is per Hz.": _offset_slope("rotations", 1.0),
            "This is per rad/s; wanted is per Hz, too.": _offset_slope("fem-linear", 1.0),
        },
    },
    "ex-elements-lumped": {"asks": "the matrix M", "reference": [[0.5, 0.0], [0.0, 0.5]]},
    "ex-elements-cubic": {
        "asks": "the pair (C, M) of your element, nodes in their order",
        "take": lambda pair: [numbers(part) for part in pair],
        "judge": element_has_order_six,
    },
    "ex-elements-derivative": {
        "asks": "the new error over the old one, at 50 steps", "reference": 1.122,
    },
    "ex-wrong-least-squares": {
        "asks": "the length that is left", "reference": 0.5752, "digits": 2,
        "wrong": {"This is kappa N.": 4 / np.sqrt(12), "This is exp(-kappa N).": np.exp(-1.1547)},
    },
    "ex-wrong-quadratic": {"asks": "the phase of z2, divided by theta", "reference": -0.2},
    "ex-wrong-average": {
        "asks": "the largest error of the averaged states, divided by theta^2",
        "reference": 1 / 3,
        "wrong": {"This is the error before the average.": 1 / 6},
    },
    "ex-filter-response": {
        "asks": "your function response(angle, ratio) of the angle omega h and R/h",
        "reference": _filter_response,
        "cases": ((0.8, 3.85), (2.0, 0.5), (3.1, 1.0), (-1.5, 0.2), (0.01, 30.0)),
        "digits": 6,
        "wrong": {
            "Left nodes take the place of means here.": _left_response,
            "This is the filter without elements, in continuous time.":
                lambda angle, ratio: 1 / (1 + (ratio * angle) ** 2),
        },
    },
    "ex-filter-ends": {
        "asks": "your function matrix(steps, ratio) of the number of steps and R/h",
        "reference": _filter_to_zero,
        "cases": ((6, 2.0), (9, 0.7)),
        "digits": 6,
        "wrong": {"This is the filter with natural ends.": _filter_natural},
    },
    "ex-box-phase": {
        "asks": "your function phase(phi, r)",
        "reference": _box_phase,
        "cases": ((0.3, 1.0), (1.2, 4.0), (0.7, 0.5), (2.0, 1.5), (-0.4, 2.0), (-2.9, 1.0)),
        "digits": 6,
        "wrong": {
            "Right in half of the plane: a quotient has lost the signs.":
                lambda phi, r: np.arctan(np.tanh(r * np.sin(phi)) / np.tanh(r * np.cos(phi))),
            "That is what the disc does.": lambda phi, r: phi,
        },
    },
    "ex-coarse-two-controls": {
        "asks": "the list of the two pulses, for 11 and for 21 offsets",
        "take": pack,
        "judge": gaps_tell_the_trap,
    },
    "ex-shorter-pulse": {
        "asks": "the four numbers of offsets", "reference": [3, 5, 9, 13],
        "wrong": {"How wide is the band, from end to end?": [2, 3, 5, 7]},
    },
    "ex-splitting": {
        "asks": "your function split(offset_hz, u, h), the final (Mx, My, Mz)",
        "reference": _split,
        "cases": ((3e3, PULSE, 4e-6), (-7e3, PULSE[:, ::-1], 2e-5)),
        "digits": 6,
        "wrong": {
            "This is the exact answer; wanted is that of the splitting.": _split_exactly,
            "Here the relaxation stands in the middle.": partial(_split, inner=True),
        },
    },
    "ex-own-pulse": {
        "asks": "the Pulse",
        "take": pack,
        "judge": partial(
            judge_pulse, target="-Iz", duration=300e-6, band_hz=8e3, spread=0.15, mean=0.99,
            worst=0.9,
        ),
    },
}
