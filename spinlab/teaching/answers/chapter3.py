"""Reference answers of the exercises of chapter 3 (as in
:mod:`spinlab.teaching.answers.chapter1`)."""

import numpy as np

from .judged import (
    file_holds_the_gaussian,
    pulse_keeps_the_limits,
    pulse_serves_two_bands,
    pulse_stays_out_of_the_plane,
)
from .plain import Refusal, numbers, pack, read_file


def _grid_sizes(duration, bandwidth_hz, rf_hz, r):
    offsets, scales = 2 * duration * bandwidth_hz, 2 * rf_hz * duration * 2 * r
    return np.ceil(np.round([offsets, scales], 9)).astype(int) + 1


def _ensemble_slope(mx, offsets, weights):
    return weights @ (mx(offsets + 1) - mx(offsets - 1)) / 2


def _hard_pulse(r):
    stretch = np.sqrt(1 + r**2)
    return np.sin(np.pi / 2 * stretch) / stretch


def _hold_sources(N, C, w):
    h = np.full(N + 1, 1 / N)
    h[[0, -1]] /= 2
    return -w * np.outer(h, C)


def _norm(infidelities, weights, power=4):
    """Value and slopes of an aggregate, in one list."""
    value = (weights @ infidelities**power) ** (1 / power)
    return [value, *(weights * (infidelities / value) ** (power - 1))]


def _tabulate_aggregate(aggregate):
    """Value and slopes at every case."""
    table = []
    for infidelities, weights in AGGREGATED:
        pair = aggregate(infidelities.copy(), weights.copy())
        if not (isinstance(pair, tuple) and len(pair) == 2):
            raise Refusal("An aggregate returns two things: the value, and the slopes.")
        table.append(numbers([pair[0], *pair[1]]))
    return table


OFFSETS, WEIGHTS = np.array([-900.0, 100.0, 700.0]), np.array([0.2, 0.5, 0.3])
AGGREGATED = (
    (np.array([0.02, 0.3, 0.07]), np.array([0.2, 0.5, 0.3])),
    (np.array([0.4, 0.1, 0.001, 0.25]), np.full(4, 0.25)),
    (np.array([0.06, 0.05]), np.array([0.9, 0.1])),
)

#: name: what :class:`spinlab.teaching.exercises.Exercise` is made from
ANSWERS = {
    "ex-grid-size": {
        "asks": "your function sizes(duration, bandwidth_hz, rf_hz, r), two numbers",
        "reference": _grid_sizes,
        "cases": ((500e-6, 20e3, 10e3, 0.2), (337.5e-6, 20e3, 10e3, 0.1), (1e-3, 5e3, 2e3, 0.3)),
        "wrong": {
            "The band is the full width, from end to end.":
                lambda T, B, nu, r: _grid_sizes(T, 2 * B, nu, r),
            "The band is the full width already.":
                lambda T, B, nu, r: _grid_sizes(T, B / 2, nu, r),
            "The scales go from 1 - r to 1 + r.":
                lambda T, B, nu, r: _grid_sizes(T, B, nu, r / 2),
            "Spaces have one member more than they are.":
                lambda T, B, nu, r: _grid_sizes(T, B, nu, r) - 1,
        },
    },
    "ex-ensemble-slope": {
        "asks": "your function slope(mx, offsets, weights)",
        "reference": _ensemble_slope,
        "cases": (
            (lambda nu: np.sin(nu / 400), OFFSETS, WEIGHTS),
            (lambda nu: nu**2 / 1e6, OFFSETS, WEIGHTS),
        ),
        "wrong": {
            "The weights are missing.":
                lambda mx, offsets, weights: np.mean(mx(offsets + 1) - mx(offsets - 1)) / 2,
        },
    },
    "ex-worst-of-two": {
        "asks": "your function places(a, b), the two x",
        "reference": lambda a, b: [(a + 3 * b) / 4, (a + np.sqrt(3) * b) / (1 + np.sqrt(3))],
        "cases": ((0.0, 1.0), (-0.5, 2.0), (1.5, 0.2)),
    },
    "ex-three-angles": {
        "asks": "your function losses(epsilon), the two numbers",
        "reference": lambda epsilon: np.full(2, epsilon**2 / 3),
        "cases": ((0.1,), (0.02,)),
        "wrong": {
            "This is for an axis at right angles; take the mean over all axes.":
                lambda epsilon: np.full(2, epsilon**2 / 2),
            "This is what eta loses.": lambda epsilon: np.full(2, epsilon**2 / 8),
        },
    },
    "ex-pulse-scaling": {
        "asks": "the duration in s and the band in Hz to either side",
        "reference": [337.5e-6 / 1.25, 12.5e3],
        "wrong": {
            "More RF makes a pulse shorter.": [337.5e-6 * 1.25, 12.5e3],
            "A shorter pulse has a wider band.": [337.5e-6 / 1.25, 8e3],
            "The band is asked for to one side of the carrier.": [337.5e-6 / 1.25, 25e3],
        },
    },
    "ex-hard-limit": {
        "asks": "your function mx(r)", "reference": _hard_pulse,
        "cases": ((0.3,), (1.0,), (2.0,), (-0.5,)),
        "digits": 4,
        "wrong": {
            "The offset makes the turn longer, too.": lambda r: 1 / np.sqrt(1 + r**2),
        },
    },
    "ex-resonator": {
        "asks": "your function factor(nu, b)",
        "reference": lambda nu, b: 1 / np.sqrt(1 + (2 * nu / b) ** 2),
        "cases": ((5e3, 40e3), (40e3, 40e3), (-30e3, 20e3)),
        "wrong": {
            "This is the factor of the power.": lambda nu, b: 1 / (1 + (2 * nu / b) ** 2),
            "The bandwidth is the full width at half power.":
                lambda nu, b: 1 / np.sqrt(1 + (nu / b) ** 2),
        },
    },
    "ex-ring-down": {
        "asks": "your function time(b, r)",
        "reference": lambda b, r: np.log(1 / r) / (np.pi * b),
        "cases": ((40e3, 1e-3), (1e5, 0.5)),
    },
    "ex-own-aggregate": {
        "asks": "your aggregate norm(infidelities, weights), which returns value and slopes",
        "reference": _norm,
        "cases": AGGREGATED,
        "digits": 6,
        "take": _tabulate_aggregate,
        "wrong": {
            "The value is right, the slopes lack a factor: check them by the complex step.":
                lambda e, w: [_norm(e, w)[0], *(w * e**3)],
            "The weights are missing.": lambda e, w: _norm(e, np.full(len(e), 1 / len(e))),
            "The mean is what one had.": lambda e, w: [w @ e, *w],
        },
    },
    "ex-own-limits": {
        "asks": "the Pulse", "take": pack, "judge": pulse_keeps_the_limits,
    },
    "ex-own-file": {
        "asks": "the path of the file", "take": read_file, "judge": file_holds_the_gaussian,
    },
    "ex-way-sources": {
        "asks": "your function sources(N, C, w)",
        "reference": _hold_sources,
        "cases": ((4, np.array([0.0, 0.0, 1.0]), 0.1), (7, np.array([0.6, 0.0, -0.8]), 0.3)),
        "wrong": {
            "The first and the last node have half the weight of the others.":
                lambda N, C, w: -w / N * np.outer(np.ones(N + 1), C),
            "The cost is a mean over the pulse: it does not grow with the steps.":
                lambda N, C, w: N * _hold_sources(N, C, w),
        },
    },
    "ex-hermite-rule": {
        "asks": "the list of the four numbers",
        "reference": [1 / 2, 1 / 12, 1 / 2, -1 / 12],
        "digits": 4,
        "wrong": {
            "The slopes take part in the integral, too.": [0.5, 0.0, 0.5, 0.0],
            "Rising on the left adds, rising on the right takes away.":
                [1 / 2, 1 / 12, 1 / 2, 1 / 12],
            "The constant 1 has no slopes: not all columns belong to it.":
                [73 / 140, 3 / 35, 67 / 140, -17 / 210],
        },
    },
    "ex-two-bands": {
        "asks": "the Pulse", "take": pack, "judge": pulse_serves_two_bands,
    },
    "ex-out-of-plane": {
        "asks": "the Pulse", "take": pack, "judge": pulse_stays_out_of_the_plane,
    },
}
