"""Reference answers of the exercises of chapter 3 (as in
:mod:`spinlab.teaching.answers.chapter1`)."""

from __future__ import annotations

import numpy as np


def _grid_sizes(duration, bandwidth_hz, rf_hz, r):
    offsets, scales = 2 * duration * bandwidth_hz, 2 * rf_hz * duration * 2 * r
    return np.ceil(np.round([offsets, scales], 9)) + 1


def _ensemble_slope(mx, offsets, weights):
    return weights @ (mx(offsets + 1) - mx(offsets - 1)) / 2


def _hard_pulse(r):
    stretch = np.sqrt(1 + r**2)
    return np.sin(np.pi / 2 * stretch) / stretch


OFFSETS, WEIGHTS = np.array([-900.0, 100.0, 700.0]), np.array([0.2, 0.5, 0.3])

#: name: what :class:`spinlab.teaching.exercises.Exercise` is made from
ANSWERS = {
    "ex-grid-size": {
        "asks": "your function sizes(duration, bandwidth_hz, rf_hz, r), two numbers",
        "reference": _grid_sizes,
        "cases": ((500e-6, 20e3, 10e3, 0.2), (337.5e-6, 20e3, 10e3, 0.1)),
    },
    "ex-ensemble-slope": {
        "asks": "your function slope(mx, offsets, weights)",
        "reference": _ensemble_slope,
        "cases": (
            (lambda nu: np.sin(nu / 400), OFFSETS, WEIGHTS),
            (lambda nu: nu**2 / 1e6, OFFSETS, WEIGHTS),
        ),
    },
    "ex-worst-of-two": {
        "asks": "your function places(a, b), the two x",
        "reference": lambda a, b: [(a + 3 * b) / 4, (a + np.sqrt(3) * b) / (1 + np.sqrt(3))],
        "cases": ((0.0, 1.0), (-0.5, 2.0)),
    },
    "ex-three-angles": {
        "asks": "your function losses(epsilon), the two numbers",
        "reference": lambda epsilon: np.full(2, epsilon**2 / 3),
        "cases": ((0.1,), (0.02,)),
    },
    "ex-pulse-scaling": {
        "asks": "the duration in s and the band in Hz to either side",
        "reference": [337.5e-6 / 1.25, 12.5e3],
    },
    "ex-hard-limit": {
        "asks": "your function mx(r)", "reference": _hard_pulse, "cases": ((0.3,), (1.0,), (2.0,)),
    },
    "ex-resonator": {
        "asks": "your function factor(nu, b)",
        "reference": lambda nu, b: 1 / np.sqrt(1 + (2 * nu / b) ** 2),
        "cases": ((5e3, 40e3), (40e3, 40e3)),
    },
    "ex-ring-down": {
        "asks": "your function time(b, r)",
        "reference": lambda b, r: np.log(1 / r) / (np.pi * b),
        "cases": ((40e3, 1e-3), (1e5, 0.5)),
    },
}
